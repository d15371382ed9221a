//! Sends the changes of one group's members, in requests of the size that the target takes.
//!
//! Each request is committed as sent before it leaves, and what it changed when its answer is
//! there, so that a death in the middle costs one reading of the group. A request that the target
//! refuses is halved until it is known which member it refuses; that one fails alone. Where nothing
//! tells whether somebody who is to leave has left already, one request adds and takes out.

use crate::{
    cycle::{
        change::{Changed, Changing, Difference},
        context::{Context, CycleError, WorkLeft},
        pace::{Class, Pacer},
    },
    model::{ObjectKind, SourceId, TargetId},
    port::{FaultClass, TargetFault, TargetWrite},
    provisioning::{
        ChangeStatus, Failure, Outcome, PlannedChange, Reason, Remedy, failure_of, job::Job, remedy,
    },
    scim::{Values, member_ids},
    store::PlannedMember,
};

/// Refused members after which the rest of a group waits for the next try.
const REFUSED_MAX: usize = 10;

/// What sending one group's members needs.
pub(in crate::cycle) struct Sender<'a, D, W> {
    pub(in crate::cycle) context: &'a Context<'a, D>,
    pub(in crate::cycle) job: &'a Job,
    pub(in crate::cycle) target: &'a W,
    pub(in crate::cycle) pacer: &'a Pacer<'a>,
}

/// How the sending of one group's members ended.
pub(in crate::cycle) enum Sent {
    /// With this outcome; a fault that the target as a whole is to blame for comes with it.
    Ended(Outcome, Option<TargetFault>),
    /// Before it was done: the cycle is to end, and the next one goes on.
    Interrupted(CycleError),
}

/// What a request is about.
struct About<'a> {
    seq: i64,
    group: SourceId,
    target: &'a TargetId,
}

/// What became of one request.
enum Answer {
    /// Its members are what they should be, but for those that were refused.
    Done,
    /// The row ends with this.
    End(Outcome, TargetFault),
}

/// What a refusal says of one member.
enum Standing {
    /// It is out of the group.
    Out,
    /// It may be in the group or not: the target shows nobody.
    Hidden,
    /// It is what it was.
    Refused,
}

impl<D: Sync, W: TargetWrite> Sender<'_, D, W> {
    /// Sends every member of a row whose account is known; `exported` is what the group has from
    /// us beside its members.
    pub(in crate::cycle) async fn send(
        &self,
        (seq, row): (i64, &PlannedChange),
        target: &TargetId,
        exported: Values,
    ) -> Result<Sent, CycleError> {
        let store = self.context.store;
        let about = About { seq, group: row.source, target };
        let mut refused: Vec<Failure> = Vec::new();
        store.write(|tx| tx.settle_shown_members(seq, row.source))?;
        let limit = self.job.capability.members_per_request_max;
        loop {
            let members = store.read(|view| view.planned_members(seq, limit))?;
            if members.is_empty() || refused.len() >= REFUSED_MAX {
                break;
            }
            let left = || store.read(|view| view.plan_count(ChangeStatus::Planned));
            if let Err(end) = self.context.check_end(|| left().map(WorkLeft::Changes)) {
                return Ok(Sent::Interrupted(end));
            }
            match self.request(&about, members, &mut refused).await? {
                Answer::Done => {}
                Answer::End(outcome, fault) => return Ok(Sent::Ended(outcome, Some(fault))),
            }
        }
        let unresolved = store.read(|view| view.unresolved_members(seq))?;
        Ok(Sent::Ended(outcome(target, exported, &refused, unresolved), None))
    }

    /// Sends one request, or its halves where it is refused.
    async fn request(
        &self,
        about: &About<'_>,
        members: Vec<PlannedMember>,
        refused: &mut Vec<Failure>,
    ) -> Result<Answer, CycleError> {
        let store = self.context.store;
        let settle = |part: &[PlannedMember]| {
            let now = self.context.clock.now();
            store.write(|tx| tx.settle_members((about.seq, about.group), part, now))
        };
        let mut parts = vec![(difference(&members), members)];
        while let Some((change, part)) = parts.pop() {
            let now = self.context.clock.now();
            store.write(|tx| tx.mark_members_sent(about.seq, &part, now))?;
            let place = (ObjectKind::Group, about.target);
            let is_last_try = matches!(change, Difference::MemberOut(_));
            let answer = self.changing().send(place, change, |_| false).await?;
            let fault = match answer {
                Ok(Changed::Sent(_) | Changed::Already) => {
                    settle(&part)?;
                    continue;
                }
                Ok(Changed::Gone | Changed::Strange) => {
                    store.write(|tx| tx.unsend_members(about.seq))?;
                    return Ok(Answer::End(gone(), is_missing()));
                }
                Err(fault) => fault,
            };
            if remedy(fault.class) == Remedy::Settle {
                return Ok(Answer::End(Outcome::Unknown(failure_of(&fault)), fault));
            }
            store.write(|tx| tx.unsend_members(about.seq))?;
            if !is_about_members(&fault) {
                return Ok(Answer::End(Outcome::Failed(failure_of(&fault)), fault));
            }
            if fault.class == FaultClass::Missing && self.is_gone(about.target).await? {
                return Ok(Answer::End(gone(), fault));
            }
            match part.as_slice() {
                [one] => match self.standing(about, one, (is_last_try, &fault)).await? {
                    Standing::Out => settle(&part)?,
                    Standing::Hidden => {
                        parts.push((Difference::MemberOut(one.target.clone()), part));
                    }
                    Standing::Refused => {
                        store.write(|tx| tx.drop_member(about.seq, one))?;
                        refused.push(Failure {
                            detail: format!("account `{}`: {}", one.target, fault.detail),
                            ..failure_of(&fault)
                        });
                        if refused.len() >= REFUSED_MAX {
                            return Ok(Answer::Done);
                        }
                    }
                },
                several => {
                    let (first, second) = several.split_at(several.len() / 2);
                    parts.extend([second, first].map(|half| (difference(half), half.to_vec())));
                }
            }
        }
        Ok(Answer::Done)
    }

    fn changing(&self) -> Changing<'_, W> {
        let Context { store, clock, .. } = *self.context;
        let (job, target, pacer) = (self.job, self.target, self.pacer);
        Changing { job, store, clock, target, pacer, class: Class::GroupWrite }
    }

    /// What a refusal says of a member: somebody who could not be taken out is out already where
    /// the target says so, or shows the group without them. Of a group that shows nobody that is
    /// believed only where nobody else should be in it, since the target may hide them all.
    async fn standing(
        &self,
        about: &About<'_>,
        member: &PlannedMember,
        (is_last_try, fault): (bool, &TargetFault),
    ) -> Result<Standing, CycleError> {
        if !member.is_removal {
            return Ok(Standing::Refused);
        }
        let says_so = fault.scim_type.as_deref() == Some("noTarget");
        if says_so || fault.class == FaultClass::Missing {
            return Ok(Standing::Out);
        }
        let read = || self.target.get_whole(ObjectKind::Group, about.target);
        let Ok(Some(group)) = self.pacer.ask(Class::Read, read).await else {
            return Ok(Standing::Refused);
        };
        let shown = member_ids(&group.document);
        let count = self.context.store.read(|view| view.member_count(about.group))?;
        Ok(match (shown.is_empty(), shown.contains(&member.target)) {
            (false, false) => Standing::Out,
            (true, _) if count <= 1 => Standing::Out,
            (true, _) if !is_last_try => Standing::Hidden,
            (true | false, _) => Standing::Refused,
        })
    }

    async fn is_gone(&self, target: &TargetId) -> Result<bool, CycleError> {
        let read = || self.target.get(ObjectKind::Group, target);
        // Where that cannot be told, the members are to blame and the group stays.
        Ok(matches!(self.pacer.ask(Class::Read, read).await, Ok(None)))
    }
}

fn difference(members: &[PlannedMember]) -> Difference {
    let of = |is_removal: bool| -> Vec<TargetId> {
        let wanted = members.iter().filter(|one| one.is_removal == is_removal);
        wanted.map(|one| one.target.clone()).collect()
    };
    Difference::Members { adds: of(false), removes: of(true) }
}

/// The fault of a group that was read and is not there.
fn is_missing() -> TargetFault {
    TargetFault {
        class: FaultClass::Missing,
        status: Some(404),
        scim_type: None,
        detail: "answered 404 for the group".to_owned(),
        retry_after: None,
    }
}

/// Whether a refusal may be about one of the members, and not about the target as a whole.
fn is_about_members(fault: &TargetFault) -> bool {
    match fault.class {
        FaultClass::Rejected
        | FaultClass::Malformed
        | FaultClass::Conflict
        | FaultClass::Missing => true,
        FaultClass::Throttled
        | FaultClass::Unavailable
        | FaultClass::Lost
        | FaultClass::Unauthorized
        | FaultClass::NotCompliant => false,
    }
}

fn gone() -> Outcome {
    Outcome::Gone {
        failure: Some(Failure {
            reason: Reason::InvalidAnchor,
            detail: "the group is gone from the application; the next cycle matches or creates it \
                     again"
                .to_owned(),
        }),
    }
}

fn outcome(target: &TargetId, exported: Values, refused: &[Failure], unresolved: u64) -> Outcome {
    if let Some(first) = refused.first() {
        let noun = if refused.len() == 1 { "member was" } else { "members were" };
        let details: Vec<&str> = refused.iter().map(|failure| failure.detail.as_str()).collect();
        return Outcome::Failed(Failure {
            reason: first.reason,
            detail: format!("{} {noun} refused: {}", refused.len(), details.join("; ")),
        });
    }
    let warning = (unresolved > 0).then(|| {
        format!("{unresolved} of its members got no account in this cycle, and are added later")
    });
    Outcome::Success { target: target.clone(), exported, warning }
}

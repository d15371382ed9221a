//! One person or group on demand: read now, decided and written as in a cycle, and nobody else.
//!
//! The object, its assignments, roles, manager and members are read live and the same [`decide`]
//! decides; what it plans goes through the safeguards and the export like the rows of a cycle. No
//! watermark moves: the next cycle reads everything that it would have read, and decides about the
//! object again, because it alone sees every listing.
//!
//! **Invariant:** nobody else is decided about, and what the last cycle planned or held of others
//! stays as it is. A preview is given no writer.
//!
//! [`decide`]: crate::provisioning::decide

use super::{
    context::{Context, CycleError, Tracker},
    draft::draft_one,
    export::export,
    find::{FoundGroup, Person, Question, Search},
    guard::closed_window,
    import::{PAGES_MAX, bind, endless, group_properties, read_default_domain, selection_of},
    pace::{self, Pacer},
    redaction,
    run::{recover, review_facts},
};
use crate::{
    model::{
        Application, Attributes, AttributesText, CycleId, ManagerChange, ObjectKind, SourceId,
        Timestamp,
    },
    port::{Directory, DirectoryFault, GroupsAt, RoundEnd, Selection, TargetRead, TargetWrite},
    provisioning::{
        Cleared, Draft, Grant, Plan, PlannedChange, Presence, Subject, job::Scope, review,
    },
    store::{Requests, StoreError},
};

/// What provisioning one person or group on demand came to.
#[derive(Debug)]
pub struct Provisioned {
    /// What its rows of the plan and of the log are found by.
    pub id: CycleId,
    /// The rows, with what became of each.
    pub changes: Vec<PlannedChange>,
    /// What a safeguard holds of them.
    pub held: Option<HeldOnDemand>,
    /// What it cost.
    pub requests: Requests,
    /// How long it took.
    pub duration_ms: u64,
    /// Why it ended early, where it did.
    pub error: Option<CycleError>,
}

/// That a safeguard holds what was to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOnDemand {
    /// One sentence.
    pub reason: String,
    /// The held plan of the last cycle that it is a part of, which a person can release.
    pub plan: Option<String>,
}

/// Provisions the person or group with this id of the directory, for real.
pub async fn provision<D: Directory, W: TargetWrite>(
    context: &Context<'_, D>,
    target: &W,
    id: SourceId,
) -> Result<Provisioned, StoreError> {
    let start = Start::now(context, target, id)?;
    let pacer = Pacer::of(context);
    let ended = match start.plan(context, target, &pacer).await {
        Ok((cleared, held)) => {
            let sent = export(context, target, &pacer, &cleared, start.began).await;
            (held, sent.err())
        }
        Err(error) => (None, Some(error)),
    };
    start.close(context, target, ended)
}

/// Says what [`provision`] would do, on a private copy of the state.
///
/// There is no writer here, so nothing can be written.
pub async fn preview_provision<D: Directory, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    id: SourceId,
) -> Result<Provisioned, StoreError> {
    let start = Start::now(context, target, id)?;
    let pacer = Pacer::of(context);
    let ended = match start.plan(context, target, &pacer).await {
        Ok((_, held)) => (held, None),
        Err(error) => (None, Some(error)),
    };
    start.close(context, target, ended)
}

/// What is known when it begins.
struct Start {
    id: CycleId,
    source: SourceId,
    began: Timestamp,
    requests: Requests,
}

impl Start {
    fn now<D: Directory, R: TargetRead>(
        context: &Context<'_, D>,
        target: &R,
        source: SourceId,
    ) -> Result<Self, StoreError> {
        redaction::hide(context)?;
        recover(context)?;
        let began = context.clock.now();
        let (job, person) = (context.job, source.to_string());
        let parts = [&job.tenant, job.app.as_str(), "on demand", &person, &began.to_rfc3339()];
        let requests = Requests { graph: context.directory.requests(), target: target.requests() };
        Ok(Self { id: CycleId::derive(&parts), source, began, requests })
    }

    /// Reads, decides and reviews: everything that a preview does too.
    async fn plan<D: Directory, R: TargetRead>(
        &self,
        context: &Context<'_, D>,
        target: &R,
        pacer: &Pacer<'_>,
    ) -> Result<(Plan<Cleared>, Option<HeldOnDemand>), CycleError> {
        let Context { job, store, directory, clock, .. } = *context;
        Tracker::new(context, self.id, "import").at(0, Some(1))?;
        let selection = selection_of(job);
        let question = Question { job, store, directory, clock };
        let found = question.find(&self.source.to_string(), &selection).await?;
        let principals = question.principals().await?;
        read_default_domain(context).await?;
        let subject = match found {
            Search::Person(person) => {
                let Person { mut subject, application, .. } = *person;
                let is_named =
                    |group: &SourceId| principals.groups.values().any(|named| named == group);
                subject.filter_groups.retain(is_named);
                add_nested(context, &mut subject)?;
                prove(context, &application, &subject).await?;
                remember(context, &application, &selection, &mut subject)?;
                subject
            }
            Search::Group(group) => {
                let FoundGroup { id, attributes, grants, application, .. } = *group;
                let mut subject = group_subject(context, id, (attributes, grants))?;
                prove(context, &application, &subject).await?;
                remember(context, &application, &selection, &mut subject)?;
                read_members(context, &mut subject).await?;
                subject
            }
            Search::Several(_) | Search::Nobody => {
                let text = "it shows the object no more, and did a moment ago";
                return Err(DirectoryFault::Malformed(text.to_owned()).into());
            }
        };
        store.write(|tx| tx.begin_on_demand(self.source))?;
        let cycle = (self.id, self.began);
        Tracker::new(context, self.id, "draft").at(0, Some(1))?;
        draft_one(context, (target, pacer), (&subject, principals), cycle).await?;
        store.write(|tx| tx.end_members())?;
        Ok(review_one(context, Plan::drafted(self.id))?)
    }

    fn close<D: Directory, R: TargetRead>(
        &self,
        context: &Context<'_, D>,
        target: &R,
        (held, error): (Option<HeldOnDemand>, Option<CycleError>),
    ) -> Result<Provisioned, StoreError> {
        let rows = context.store.write(|tx| {
            let rows = tx.rows_of(self.id)?;
            if rows.is_empty() {
                tx.bring_back()?;
            } else {
                tx.end_on_demand(self.source, &rows)?;
            }
            Ok(rows)
        })?;
        let ended = context.clock.now();
        Ok(Provisioned {
            id: self.id,
            changes: rows.into_iter().map(|(_, row)| row).collect(),
            held,
            requests: Requests {
                graph: context.directory.requests() - self.requests.graph,
                target: target.requests() - self.requests.target,
            },
            duration_ms: u64::try_from((ended - self.began).num_milliseconds()).unwrap_or(0),
            error,
        })
    }
}

/// Whoever is a member of a nested group holds its role by a path that is not read for one person:
/// what the last cycle knew of that counts.
fn add_nested<D>(context: &Context<'_, D>, subject: &mut Subject) -> Result<(), StoreError> {
    if !context.job.nested_groups {
        return Ok(());
    }
    let known = context.store.read(|view| view.subject(subject.id))?;
    for grant in known.map(|known| known.grants).unwrap_or_default() {
        if grant.via.is_some() && !subject.grants.contains(&grant) {
            subject.grants.push(grant);
        }
    }
    Ok(())
}

/// A list of assignments that is empty after it was not proves nothing, as in a cycle: it may be
/// what a missing permission looks like.
async fn prove<D: Directory>(
    context: &Context<'_, D>,
    application: &Application,
    subject: &Subject,
) -> Result<(), CycleError> {
    let Context { job, store, directory, clock, .. } = *context;
    if job.scope == Scope::All || !subject.grants.is_empty() {
        return Ok(());
    }
    let (known, is_linked) =
        store.read(|view| Ok((view.assignment_count()?, view.is_linked(subject.id)?)))?;
    if known == 0 || !is_linked {
        return Ok(());
    }
    let page = pace::directory(clock, || directory.assignments(application.id, None)).await?;
    if page.items.is_empty() && page.next.is_none() {
        let text = "it lists no assignment at all, after it had listed some; nothing was \
                    withdrawn. A cycle reads the list twice before it believes that";
        return Err(DirectoryFault::Malformed(text.to_owned()).into());
    }
    Ok(())
}

/// Stores what was read of the object and of the application, as an import would.
fn remember<D>(
    context: &Context<'_, D>,
    application: &Application,
    selection: &Selection,
    subject: &mut Subject,
) -> Result<(), CycleError> {
    bind(context, application)?;
    if !selection.properties.contains("mail") {
        // It was read to find the person by it, and is not otherwise known of anybody.
        subject.attributes.remove("mail");
    }
    context.store.write(|tx| {
        tx.set_app_roles(&application.roles)?;
        match subject.presence {
            // Its properties are read with its members.
            Presence::Live if subject.kind == ObjectKind::Group => Ok(()),
            Presence::Live => {
                tx.upsert_user(subject.id, &AttributesText::from(&subject.attributes), 0)?;
                if selection.manager {
                    let manager =
                        subject.manager.map_or(ManagerChange::Cleared, ManagerChange::Set);
                    tx.set_manager(subject.id, manager)?;
                }
                Ok(())
            }
            Presence::SoftDeleted => tx.set_presence(subject.id, Presence::SoftDeleted),
            // One missing row proves nothing, and is not counted either.
            Presence::Unseen | Presence::Deleted => Ok(()),
        }
    })?;
    Ok(())
}

/// A live group as it is decided about. Which groups of a filter it is in, the last cycle knows.
fn group_subject<D>(
    context: &Context<'_, D>,
    id: SourceId,
    (attributes, grants): (Attributes, Vec<Grant>),
) -> Result<Subject, StoreError> {
    let known = context.store.read(|view| view.subject(id))?;
    Ok(Subject {
        kind: ObjectKind::Group,
        id,
        attributes,
        presence: Presence::Live,
        manager: None,
        grants,
        filter_groups: known.map(|known| known.filter_groups).unwrap_or_default(),
    })
}

/// Reads the properties that the mapping needs of a group, and every direct member, page by page.
/// The members count for this plan alone: which of them left is for a round of changes to say.
async fn read_members<D: Directory>(
    context: &Context<'_, D>,
    subject: &mut Subject,
) -> Result<(), CycleError> {
    let Context { job, store, directory, clock, .. } = *context;
    let (ids, properties) = ([subject.id], group_properties(job));
    store.write(|tx| tx.begin_members(subject.id))?;
    let mut next = None;
    for _ in 0..PAGES_MAX {
        context.check_stop()?;
        let page = pace::directory(clock, || {
            let first = GroupsAt::Objects { groups: Some(&ids), properties: &properties };
            directory.groups_delta(next.as_ref().map_or(first, GroupsAt::Link))
        })
        .await?;
        store.write(|tx| {
            for change in page.items.iter().filter(|change| change.id == subject.id) {
                tx.add_members(subject.id, &change.members)?;
                if change.attributes.get("displayName").is_some() {
                    tx.upsert_group(subject.id, &change.attributes)?;
                }
            }
            Ok(())
        })?;
        let told = page.items.into_iter().find(|change| {
            change.id == subject.id && change.attributes.get("displayName").is_some()
        });
        if let Some(told) = told {
            subject.attributes = told.attributes.values();
        }
        match page.end {
            RoundEnd::Complete(_) => return Ok(()),
            RoundEnd::Next(link) => next = Some(link),
        }
    }
    Err(endless())
}

/// Counts the rows against the safeguards, and holds them or lets them wait.
fn review_one<D>(
    context: &Context<'_, D>,
    plan: Plan<Draft>,
) -> Result<(Plan<Cleared>, Option<HeldOnDemand>), StoreError> {
    let now = context.clock.now();
    let cycle = plan.cycle();
    context.store.write(|tx| {
        tx.expire_old_approvals(now)?;
        let facts = review_facts(tx, now)?;
        let (cleared, held) = review(plan, &context.job.safeguards, facts);
        let held = match held {
            None => None,
            Some(held) => {
                let plan = tx.hold_on_demand(cycle, &held, now)?;
                Some(HeldOnDemand { reason: held.reason, plan })
            }
        };
        if let Some(closed) = closed_window(context.job, now) {
            tx.postpone_removals(cycle, &closed, now)?;
        }
        Ok((cleared, held))
    })
}

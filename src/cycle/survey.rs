//! Phase `survey`: reads the target's accounts and groups by pages, so that matching asks it once
//! and not once for each of them.
//!
//! What a list says of itself is not believed: it ends when a page brings nothing new, whatever
//! its totals claim.

use super::{
    context::{Context, CycleError, Tracker},
    pace::{Class, Pacer},
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, TargetId},
    port::{TargetFault, TargetRead},
    provisioning::{Candidate, Claim, job::Job, project_redacted},
    scim::{AttributePath, EqFilter},
    store::{StateRead, StoreError, View},
};

/// Accounts asked for in one page, where the application takes that many.
const PAGE_SIZE: u32 = 200;

/// People to match above which listing all accounts costs less than asking for each.
const SURVEY_ABOVE: u64 = 20;

/// Pages of one survey: 20 million accounts, so that a list in a ring ends.
const PAGES_MAX: u32 = 100_000;

/// What a list of accounts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Accounts that it showed, each counted once.
    pub(super) seen: u64,
    /// How many there are, as its last page says.
    pub(super) claimed: u64,
    /// Rows without a usable id.
    pub(super) unusable: u64,
}

/// How candidates are found in this cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// In the survey.
    Surveyed,
    /// With one filtered query for each person.
    Filtered,
}

/// The attributes that matching compares.
pub(super) fn matching_paths(job: &Job) -> Vec<AttributePath> {
    job.attributes
        .iter()
        .filter(|mapping| mapping.matching_priority.is_some())
        .map(|mapping| mapping.target.clone())
        .collect()
}

/// How candidates are found in this cycle, for people and for groups.
pub(super) struct Surveyed {
    pub(super) users: Lookup,
    pub(super) groups: GroupSurvey,
}

/// What the application says of its groups when they are asked for.
pub(super) enum GroupSurvey {
    /// They can be found so.
    Found(Lookup),
    /// It has none.
    None(TargetFault),
}

/// Whether a fault says that the application has no groups at all.
pub(super) fn has_no_groups(fault: &TargetFault) -> bool {
    matches!(fault.status, Some(404 | 405 | 501))
}

/// Surveys the target where that is possible and worth it.
pub(super) async fn survey<D, R: TargetRead>(
    context: &Context<'_, D>,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
    initial: bool,
) -> Result<Surveyed, CycleError> {
    context.store.write(|tx| tx.clear_survey())?;
    let users = survey_kind(context, context.job, (target, pacer), cycle, initial).await?;
    let mut groups = GroupSurvey::Found(Lookup::Filtered);
    if let Some(job) = &context.job.groups {
        groups = match survey_kind(context, job, (target, pacer), cycle, initial).await {
            Ok(lookup) => GroupSurvey::Found(lookup),
            // People are provisioned whether the application has groups or not.
            Err(CycleError::Target(fault)) if has_no_groups(&fault) => GroupSurvey::None(fault),
            Err(error) => return Err(error),
        };
    }
    Ok(Surveyed { users, groups })
}

/// The same for the objects of one kind.
async fn survey_kind<D, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
    initial: bool,
) -> Result<Lookup, CycleError> {
    let everything = job.scope == crate::provisioning::job::Scope::All;
    let unmatched = context.store.read(|view| view.unmatched_count(job.kind, everything))?;
    let worthwhile = unmatched > SURVEY_ABOVE || (initial && unmatched > 0);
    if !job.capability.list || !worthwhile {
        return Ok(Lookup::Filtered);
    }
    let tracker = Tracker::new(context, cycle, "survey");
    let listed = list_all(context, job, (target, pacer), &tracker).await?;
    // A service that refuses to list is asked for each person instead.
    Ok(if listed.is_some() { Lookup::Surveyed } else { Lookup::Filtered })
}

/// Reads every account, or every group, of the target into the survey; `None` where it refuses to
/// list them.
pub(super) async fn list_all<D, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    tracker: &Tracker<'_, D>,
) -> Result<Option<Listed>, CycleError> {
    let key = context.store.key();
    let matching = matching_paths(job);
    let page_size = job.capability.page_size_max.map_or(PAGE_SIZE, |n| n.min(PAGE_SIZE));
    let mut start_index = 1;
    let mut listed = Listed::default();
    for page_number in 0..PAGES_MAX {
        context.check_stop()?;
        let list = || target.list(job.kind, start_index, page_size);
        let page = match pacer.ask(Class::Read, list).await {
            Ok(page) => page,
            Err(fault) if page_number == 0 && refuses_lists(&fault) => return Ok(None),
            // Not every service answers for a page past the end.
            Err(fault)
                if page_number > 0 && listed.seen >= listed.claimed && is_past_the_end(&fault) =>
            {
                break;
            }
            Err(fault) => return Err(fault.into()),
        };
        let mut new = 0;
        context.store.write(|tx| {
            for resource in &page.resources {
                let values = project_redacted(job, &resource.document, key);
                new += u64::from(tx.add_surveyed((job.kind, &resource.id), &values, &matching)?);
            }
            Ok(())
        })?;
        let rows = page.resources.len() as u64 + page.unusable;
        listed.seen += new;
        tracker.at(listed.seen, Some(page.total.max(listed.seen)))?;
        start_index += rows;
        listed.claimed = page.total;
        listed.unusable += page.unusable;
        // A total that agrees with the first page alone may be that page's own length.
        if new == 0 || (page_number > 0 && start_index == listed.claimed + 1) {
            break;
        }
    }
    Ok(Some(listed))
}

fn refuses_lists(fault: &TargetFault) -> bool {
    matches!(fault.status, Some(400 | 403 | 405 | 501))
}

fn is_past_the_end(fault: &TargetFault) -> bool {
    matches!(fault.status, Some(400 | 404))
}

/// What the target has for one filter.
pub(super) async fn candidates<S: StateRead, R: TargetRead>(
    (job, store): (&Job, &S),
    target: &R,
    pacer: &Pacer<'_>,
    lookup: Lookup,
    (source, key): (SourceId, &EqFilter),
) -> Result<Vec<Candidate>, CycleError> {
    match lookup {
        Lookup::Surveyed => Ok(store.read(|view| {
            let mut found = view.surveyed(job.kind, key, source)?;
            for candidate in &mut found {
                candidate.claim = claim_of(view, job.kind, (&candidate.target, source), key)?;
            }
            Ok(found)
        })?),
        Lookup::Filtered => {
            let found = pacer.ask(Class::Read, || target.find(job.kind, key)).await?;
            let candidates: Result<Vec<Candidate>, StoreError> = store.read(|view| {
                found
                    .iter()
                    .map(|resource| {
                        Ok(Candidate {
                            target: resource.id.clone(),
                            values: project_redacted(job, &resource.document, store.key()),
                            claim: claim_of(view, job.kind, (&resource.id, source), key)?,
                        })
                    })
                    .collect()
            });
            Ok(candidates?)
        }
    }
}

/// Who else has a claim to an account that was found by this value. One that another application
/// with the same target is just creating is that application's.
fn claim_of(
    view: &View<'_>,
    kind: ObjectKind,
    (target, source): (&TargetId, SourceId),
    key: &EqFilter,
) -> Result<Claim, StoreError> {
    match view.claim(kind, target, source)? {
        Claim::Free => Ok(view
            .neighbour_creating(kind, &key.value)?
            .map_or(Claim::Free, Claim::OtherApplication)),
        claim @ (Claim::LinkedTo(_) | Claim::ReleasedFrom(_) | Claim::OtherApplication(_)) => {
            Ok(claim)
        }
    }
}

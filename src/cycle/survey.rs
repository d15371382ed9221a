//! Phase `survey`: reads the target's accounts and groups by pages, so that matching asks it once
//! and not once for each of them.
//!
//! A survey is evidence that somebody has no account only if the list was complete. Where it may
//! not be, whoever is not in it is searched for with a filter besides.

use serde_json::Value;

use super::{
    context::{Context, CycleError, Tracker},
    discovery::{discover, known_capabilities},
    listing::{Listed, read_list},
    pace::{Class, Pacer},
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, TargetId},
    port::{FaultClass, ListPage, TargetFault, TargetRead},
    provisioning::{Candidate, Capabilities, Claim, Filtering, job::Job, project_redacted},
    scim::{AttributePath, EqFilter, read, same},
    store::{StateRead, StoreError, View},
};

/// People to match above which listing all accounts costs less than asking for each.
const SURVEY_ABOVE: u64 = 20;

/// How candidates are found in this cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// In the survey.
    Surveyed,
    /// In the survey, and whoever is not in it with a filtered query: the list may not be whole.
    Partly,
    /// With one filtered query for each person.
    Filtered,
    /// Not at all: the target cannot be searched, and nobody lists its accounts for one person.
    Nowhere,
}

impl Lookup {
    /// What a survey is good for that came of such a list.
    pub(super) fn of(listed: Listed) -> Self {
        if listed.is_whole { Self::Surveyed } else { Self::Partly }
    }
}

/// What a target has for one filter.
pub(super) enum Sought {
    /// These, and perhaps others beside them that do not match.
    Found(Vec<Candidate>),
    /// It answered with a part of what it has, as if there were no filter.
    FilterIgnored,
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
    let (unmatched, unlinked) = context.store.read(|view| {
        let unlinked = view.unlinked_count(job.kind, everything)?;
        // Without a lost create the two are the same, and each is asked of everybody dirty.
        let unmatched = if view.is_any_create_unsettled()? {
            view.unmatched_count(job.kind, everything)?
        } else {
            unlinked
        };
        Ok((unmatched, unlinked))
    })?;
    if unlinked == 0 {
        return Ok(Lookup::Filtered);
    }
    discover(context, target, pacer).await?;
    let can = known_capabilities(job, context.store)?;
    match can.filter {
        Filtering::Taken if unmatched > SURVEY_ABOVE || (initial && unmatched > 0) => {}
        Filtering::Taken => return Ok(Lookup::Filtered),
        Filtering::Doubted | Filtering::NotTaken => {}
    }
    list_or_search(context, (job, &can), (target, pacer), cycle).await
}

/// How one person or group is found that is provisioned on demand: with a filter, wherever that
/// can be.
pub(super) async fn survey_for_one<D, R: TargetRead>(
    context: &Context<'_, D>,
    job: &Job,
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
) -> Result<Lookup, CycleError> {
    discover(context, target, pacer).await?;
    let can = known_capabilities(job, context.store)?;
    match can.filter {
        Filtering::Taken | Filtering::Doubted => Ok(Lookup::Filtered),
        Filtering::NotTaken => {
            context.store.write(|tx| tx.clear_survey())?;
            list_or_search(context, (job, &can), (target, pacer), cycle).await
        }
    }
}

async fn list_or_search<D, R: TargetRead>(
    context: &Context<'_, D>,
    (job, can): (&Job, &Capabilities),
    (target, pacer): (&R, &Pacer<'_>),
    cycle: CycleId,
) -> Result<Lookup, CycleError> {
    let tracker = Tracker::new(context, cycle, "survey");
    let listed =
        if can.list { list_all(context, job, (target, pacer), &tracker).await? } else { None };
    // A service that refuses to list is asked for each person instead. One that has no filter
    // either fails each of them; who has an account already is not held up by that.
    Ok(listed.map_or(Lookup::Filtered, Lookup::of))
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
    let can = known_capabilities(job, context.store)?;
    let mut seen = 0;
    let take = |page: &ListPage| {
        let mut new = 0;
        context.store.write(|tx| {
            for resource in &page.resources {
                let values = project_redacted(job, &resource.document, key);
                new += u64::from(tx.add_surveyed((job.kind, &resource.id), &values, &matching)?);
            }
            Ok(())
        })?;
        seen += new;
        tracker.at(seen, Some(page.total.max(seen)))?;
        Ok(new)
    };
    read_list(context, (target, pacer), (job.kind, &can), take).await
}

/// Nobody can tell whether a person has an account. In our own words, about this one object.
fn not_searchable(job: &Job, lookup: Lookup) -> TargetFault {
    let (noun, whose) = match job.kind {
        ObjectKind::User => ("accounts", "this person has one"),
        ObjectKind::Group => ("groups", "this group is among them"),
    };
    let has = match lookup {
        Lookup::Partly | Lookup::Surveyed => {
            format!("lists only a part of its {noun} and has no filter")
        }
        Lookup::Filtered => format!("has neither a filter nor a list of its {noun}"),
        Lookup::Nowhere => format!("cannot be searched, and only a cycle lists all its {noun}"),
    };
    TargetFault {
        class: FaultClass::Rejected,
        status: None,
        scim_type: None,
        detail: format!(
            "the application {has}, so nobody can tell whether {whose}; nothing was written. If it \
             can be searched, say so: `apps.{}.target.filter = true`",
            job.app
        ),
        retry_after: None,
    }
}

/// What the target has for one filter.
pub(super) async fn candidates<S: StateRead, R: TargetRead>(
    (job, store): (&Job, &S),
    target: &R,
    pacer: &Pacer<'_>,
    lookup: Lookup,
    (source, key): (SourceId, &EqFilter),
) -> Result<Sought, CycleError> {
    let surveyed = || {
        store.read(|view| {
            let mut found = view.surveyed(job.kind, key, source)?;
            for candidate in &mut found {
                candidate.claim = claim_of(view, job.kind, (&candidate.target, source), key)?;
            }
            Ok(found)
        })
    };
    match lookup {
        Lookup::Surveyed => return Ok(Sought::Found(surveyed()?)),
        Lookup::Partly => {
            let found = surveyed()?;
            if !found.is_empty() {
                return Ok(Sought::Found(found));
            }
        }
        Lookup::Filtered | Lookup::Nowhere => {}
    }
    if known_capabilities(job, store)?.filter == Filtering::NotTaken {
        return Err(CycleError::Target(not_searchable(job, lookup)));
    }
    let page = pacer.ask(Class::Read, || target.find(job.kind, key)).await?;
    if is_unfiltered(&page, key) {
        return Ok(Sought::FilterIgnored);
    }
    let candidates: Result<Vec<Candidate>, StoreError> = store.read(|view| {
        page.resources
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
    Ok(Sought::Found(candidates?))
}

/// Whether an answer has strangers in it and is not whole: what was looked for may be on a later
/// page, and there may be more than one of it. A whole one is compared, however it came about.
fn is_unfiltered(page: &ListPage, key: &EqFilter) -> bool {
    let is_part = page.next_cursor.is_some() || page.total > page.resources.len() as u64;
    let wanted = Value::from(key.value.as_str());
    is_part
        && page.resources.iter().any(|resource| {
            read(&resource.document, &key.path)
                .is_some_and(|value| !same(&key.path, &wanted, &value))
        })
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

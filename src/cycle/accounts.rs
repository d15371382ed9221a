//! Every account at the target, and whose it is: linked, somebody's whom matching would find, or
//! the target's own.
//!
//! It works on a private copy of the state, which the survey and the matches are written to, so
//! that nothing in memory grows with the target or the tenant. Nothing is written anywhere else.

use super::{
    context::{Context, CycleError, Tracker},
    import::{DEFAULT_DOMAIN, selection_of},
    pace::{self, Pacer},
    redaction::mapping_inputs,
    survey::list_all,
};
use crate::{
    model::{AppRole, CycleId, ObjectKind, SourceObject},
    port::{Directory, FaultClass, Link, TargetFault, TargetRead},
    provisioning::{Claim, Presence, Subject, map_to_compare, match_keys},
    scim::same,
    store::StoreError,
};

/// How much of its accounts a target showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    All,
    /// Fewer than it says it has, or the same page again and again: there may be others.
    Part,
}

/// What matching a directory's users against the accounts needs.
struct Matching {
    roles: Vec<AppRole>,
    default_domain: Option<String>,
}

/// Lists every account of the target into the state of `context`, a private copy, and finds out
/// whom of the directory's users each unlinked one would be matched with; `View::accounts` has the
/// result. Costs one page of the target's list for 200 accounts, and where some of them are not
/// linked one page of the directory's users for 999.
pub async fn survey_accounts<D: Directory, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
) -> Result<Shown, CycleError> {
    let began = context.clock.now();
    let cycle = CycleId::derive(&[context.job.app.as_str(), "accounts", &began.to_rfc3339()]);
    let pacer = Pacer::of(context);
    context.store.write(|tx| {
        tx.clear_survey()?;
        tx.clear_account_matches()
    })?;
    if !context.job.capability.list {
        return Err(cannot_list("its profile says that it has no list of users"));
    }
    let tracker = Tracker::new(context, cycle, "accounts");
    let listed = list_all(context, context.job, (target, &pacer), &tracker).await?;
    let Some(listed) = listed else {
        return Err(cannot_list("it refuses to list its users"));
    };
    if context.store.read(|view| view.has_unlinked_accounts())? {
        match_users(context, cycle).await?;
    }
    Ok(if listed.is_whole { Shown::All } else { Shown::Part })
}

fn cannot_list(why: &str) -> CycleError {
    CycleError::Target(TargetFault {
        class: FaultClass::Rejected,
        status: None,
        scim_type: None,
        detail: format!("its accounts cannot be listed: {why}"),
        retry_after: None,
    })
}

/// Reads every user of the directory, and notes which unlinked account it matches.
async fn match_users<D: Directory>(
    context: &Context<'_, D>,
    cycle: CycleId,
) -> Result<(), CycleError> {
    let (roles, default_domain) =
        context.store.read(|view| Ok((view.app_roles()?, view.fact(DEFAULT_DOMAIN)?)))?;
    let matching = Matching { roles, default_domain };
    let selection = selection_of(context.job);
    let tracker = Tracker::new(context, cycle, "users");
    let (mut next, mut seen): (Option<Link>, u64) = (None, 0);
    loop {
        context.check_stop()?;
        let ask = || context.directory.users(&selection, next.as_ref());
        let page = pace::directory(context.clock, ask).await?;
        seen += page.items.len() as u64;
        for user in page.items {
            matching.note(context, &user)?;
        }
        tracker.at(seen, None)?;
        next = page.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

impl Matching {
    fn note<D>(&self, context: &Context<'_, D>, user: &SourceObject) -> Result<(), StoreError> {
        let subject = Subject {
            kind: ObjectKind::User,
            id: user.id,
            attributes: user.attributes.values(),
            presence: Presence::Live,
            manager: None,
            grants: Vec::new(),
            filter_groups: std::collections::BTreeSet::new(),
        };
        if context.store.read(|view| view.is_linked(subject.id))? {
            return Ok(());
        }
        let (now, store) = (context.clock.now(), context.store);
        let inputs = mapping_inputs(&self.roles, self.default_domain.as_deref(), now, store.key());
        // Whose values cannot be computed matches nobody, as in a cycle.
        let Ok(mapped) = map_to_compare(&context.job.attributes, &subject, inputs) else {
            return Ok(());
        };
        for key in match_keys(&mapped, None) {
            let wanted = serde_json::Value::from(key.value.as_str());
            let found = store.read(|view| view.surveyed(ObjectKind::User, &key, subject.id))?;
            let mut found = found.into_iter().filter(|candidate| {
                candidate.claim == Claim::Free
                    && candidate.values.get(&key.path).is_some_and(|v| same(&key.path, &wanted, v))
            });
            if let Some(candidate) = found.next() {
                let display = subject.display();
                return store
                    .write(|tx| tx.add_account_match(&candidate.target, subject.id, &display));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::cannot_list;

    #[test]
    fn a_target_without_a_list_is_told_as_such() {
        let said = cannot_list("it refuses to list its users").to_string();
        assert_eq!(
            said,
            "the application: its accounts cannot be listed: it refuses to list its users"
        );
    }
}

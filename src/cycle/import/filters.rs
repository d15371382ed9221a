//! The groups and managers that scoping filters name, looked up once.
//!
//! A name is resolved at a complete read and whenever a filter names something new; in between the
//! id stands, so that a renamed group goes on meaning the same people. A name that leads to nothing
//! ends the import, and so does a group that was deleted: taken as "no member" either would put
//! everybody out of scope.

use std::collections::BTreeSet;

use crate::{
    cycle::{
        context::{Context, CycleError},
        pace,
    },
    model::{Clock, SourceId, SourceObject},
    port::{Directory, Selection},
    provisioning::{Clause, FilterPrincipals, job::Job},
};

/// Looks up what the filters name, where that is not known.
pub(super) async fn read<D: Directory>(
    context: &Context<'_, D>,
    full: bool,
) -> Result<(), CycleError> {
    let groups = named(context.job, Clause::group);
    let managers = named(context.job, Clause::manager);
    let (known, vanished) = context
        .store
        .read(|view| Ok((view.filter_principals()?, view.vanished_filter_group()?)))?;
    let all_known = groups.iter().all(|text| known.groups.contains_key(*text))
        && managers.iter().all(|text| known.managers.contains_key(*text));
    let nothing_more = known.groups.len() == groups.len() && known.managers.len() == managers.len();
    let none = groups.is_empty() && managers.is_empty();
    if all_known && nothing_more && vanished.is_none() && (!full || none) {
        return Ok(());
    }
    let names = Names { job: context.job, directory: context.directory, clock: context.clock };
    let principals = names.principals(|| context.check_stop()).await?;
    context.store.write(|tx| tx.set_filter_principals(&principals))?;
    Ok(())
}

/// A group that a filter names and that was deleted ends the import, as an unknown one does.
pub(super) fn check<D>(context: &Context<'_, D>) -> Result<(), CycleError> {
    match context.store.read(|view| view.vanished_filter_group())? {
        Some(text) => Err(unusable(context.job, "group", &text, 0)),
        None => Ok(()),
    }
}

/// What looking up the names in filters needs.
pub(in crate::cycle) struct Names<'a, D> {
    /// The job whose filters they are.
    pub(in crate::cycle) job: &'a Job,
    /// The directory.
    pub(in crate::cycle) directory: &'a D,
    /// The clock.
    pub(in crate::cycle) clock: &'a dyn Clock,
}

impl<D: Directory> Names<'_, D> {
    /// The groups and managers that the filters name, as the directory knows them now. A name
    /// that leads to nobody, or to several, is an error.
    pub(in crate::cycle) async fn principals(
        &self,
        check_stop: impl Fn() -> Result<(), CycleError>,
    ) -> Result<FilterPrincipals, CycleError> {
        let mut principals = FilterPrincipals::default();
        for text in named(self.job, Clause::group) {
            check_stop()?;
            principals.groups.insert(text.to_owned(), self.group(text).await?);
        }
        for text in named(self.job, Clause::manager) {
            check_stop()?;
            principals.managers.insert(text.to_owned(), self.manager(text).await?);
        }
        Ok(principals)
    }

    async fn group(&self, text: &str) -> Result<SourceId, CycleError> {
        let found = match SourceId::parse(text) {
            Ok(id) => {
                let ids = [id];
                pace::directory(self.clock, || self.directory.groups_by_id(&ids)).await?
            }
            Err(_) => pace::directory(self.clock, || self.directory.groups_named(text)).await?,
        };
        self.only("group", text, &exact(found, "displayName", text))
    }

    async fn manager(&self, text: &str) -> Result<SourceId, CycleError> {
        let selection = Selection { properties: BTreeSet::new(), manager: false };
        let found = match SourceId::parse(text) {
            Ok(id) => {
                let ids = [id];
                pace::directory(self.clock, || self.directory.users_by_id(&ids, &selection)).await?
            }
            Err(_) => {
                pace::directory(self.clock, || self.directory.users_named(text, &selection)).await?
            }
        };
        self.only("manager", text, &exact(found, "userPrincipalName", text))
    }

    fn only(
        &self,
        kind: &'static str,
        text: &str,
        found: &[SourceObject],
    ) -> Result<SourceId, CycleError> {
        match found {
            [one] => Ok(one.id),
            _ => Err(unusable(self.job, kind, text, found.len())),
        }
    }
}

fn named<'j>(job: &'j Job, name: fn(&'j Clause) -> Option<&'j str>) -> BTreeSet<&'j str> {
    job.clauses().filter_map(name).collect()
}

/// Those of exactly this name where there are any: the directory compares without case, and finds
/// people by their mail too.
fn exact(found: Vec<SourceObject>, property: &str, text: &str) -> Vec<SourceObject> {
    let is_exact =
        |object: &SourceObject| object.attributes.text(property).is_some_and(|name| name == text);
    if found.len() > 1 && found.iter().any(is_exact) {
        return found.into_iter().filter(is_exact).collect();
    }
    found
}

fn unusable(job: &Job, kind: &'static str, text: &str, found: usize) -> CycleError {
    CycleError::FilterName { app: job.app.to_string(), kind, text: text.to_owned(), found }
}

//! Finding whom a person means by a name, live in the directory: by id, user principal name, mail,
//! or the display name of a group.
//!
//! A handful of requests, whatever the size of the tenant. The state is only asked where the
//! directory shows nobody: it remembers people who are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    context::CycleError,
    import::{Names, is_bound, managers_of},
    memberships::{groups_of, groups_with},
    pace,
};
use crate::{
    model::{
        Application, Assignment, Attributes, Clock, ManagerChange, ObjectKind, PrincipalKind,
        SourceId, SourceObject,
    },
    port::{Directory, Link, Selection},
    provisioning::{
        FilterPrincipals, Grant, Presence, Scoping, ScopingInputs, Subject,
        job::{Job, Scope},
        scope,
    },
    store::StateRead,
};

/// What a question about one person works with.
pub struct Question<'a, D, S> {
    /// The job.
    pub job: &'a Job,
    /// The state, only read.
    pub store: &'a S,
    /// The directory.
    pub directory: &'a D,
    /// The clock.
    pub clock: &'a dyn Clock,
}

/// Whom a name means.
pub enum Search {
    /// This person.
    Person(Box<Person>),
    /// This group.
    Group(Box<FoundGroup>),
    /// Several, of whom nobody was chosen.
    Several(Vec<Namesake>),
    /// Nobody that the directory or the state knows.
    Nobody,
}

/// By what somebody was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// The object id.
    Id,
    /// The user principal name.
    UserPrincipalName,
    /// The mail address.
    Mail,
    /// The display name of a group.
    DisplayName,
    /// A name that only the state of the last cycle knows.
    State,
}

/// A person, as the directory shows it now.
pub struct Person {
    /// What is known of it, with every role it holds.
    pub subject: Subject,
    /// By what it was found.
    pub by: FoundBy,
    /// The enterprise application, with its roles.
    pub application: Application,
}

/// A group, as the directory shows it now.
pub struct FoundGroup {
    /// The group.
    pub id: SourceId,
    /// Its properties.
    pub attributes: Attributes,
    /// By what it was found.
    pub by: FoundBy,
    /// Each role it is assigned with.
    pub grants: Vec<Grant>,
    /// The enterprise application, with its roles.
    pub application: Application,
}

/// One of several who have the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namesake {
    /// The directory's id.
    pub id: SourceId,
    /// User or group.
    pub kind: ObjectKind,
    /// Its user principal name, or its display name.
    pub display: String,
}

/// An object that was found, and where.
enum Hit {
    User(SourceObject, Presence, FoundBy),
    Group(SourceObject, FoundBy),
    Several(Vec<Namesake>),
    /// Only the state remembers it.
    Remembered(Subject, FoundBy),
}

impl<D: Directory, S: StateRead> Question<'_, D, S> {
    /// Finds whom `who` means, and reads these properties of a person.
    pub async fn find(&self, who: &str, selection: &Selection) -> Result<Search, CycleError> {
        let which = &self.job.application;
        let application = pace::directory(self.clock, || self.directory.application(which)).await?;
        is_bound((self.job, self.store), &application)?;
        // Names are compared here too, among the deleted.
        let mut selection = selection.clone();
        selection.properties.insert("mail".to_owned());
        let hit = match who.parse::<SourceId>() {
            Ok(id) => self.by_id(id, &selection, FoundBy::Id).await?,
            Err(_) => self.by_name(who, &selection).await?,
        };
        Ok(match hit {
            None => Search::Nobody,
            Some(Hit::Several(all)) => Search::Several(all),
            Some(Hit::Group(object, by)) => {
                let grants = self.assigned(&application, object.id).await?.0;
                let (id, attributes) = (object.id, object.attributes.values());
                Search::Group(Box::new(FoundGroup { id, attributes, by, grants, application }))
            }
            Some(Hit::User(object, presence, by)) => {
                let subject = self.subject(&application, object, presence, &selection).await?;
                Search::Person(Box::new(Person { subject, by, application }))
            }
            Some(Hit::Remembered(subject, by)) => {
                Search::Person(Box::new(Person { subject, by, application }))
            }
        })
    }

    /// What the scoping filters name, live. A name that leads to nobody, or to several, is an
    /// error, as in a cycle.
    pub(super) async fn principals(&self) -> Result<FilterPrincipals, CycleError> {
        let Self { job, directory, clock, .. } = *self;
        Names { job, directory, clock }.principals(|| Ok(())).await
    }

    /// Whether `IsSoftDeleted` is true of a person: out of scope, disabled or deleted.
    pub async fn is_soft_deleted(&self, person: &Person) -> Result<bool, CycleError> {
        let subject = &person.subject;
        let scoped = scope(
            self.job,
            subject,
            ScopingInputs {
                declared_roles: &person.application.roles,
                principals: &self.principals().await?,
                now: self.clock.now(),
            },
        );
        let is_there = subject.presence == Presence::Live && subject.is_enabled();
        Ok(scoped.scoping != Scoping::In || !is_there)
    }

    async fn by_id(
        &self,
        id: SourceId,
        selection: &Selection,
        by: FoundBy,
    ) -> Result<Option<Hit>, CycleError> {
        let ids = [id];
        let users = pace::directory(self.clock, || self.directory.users_by_id(&ids, selection));
        if let Some(user) = users.await?.into_iter().next() {
            return Ok(Some(Hit::User(user, Presence::Live, by)));
        }
        let groups = pace::directory(self.clock, || self.directory.groups_by_id(&ids));
        if let Some(group) = groups.await?.into_iter().next() {
            return Ok(Some(Hit::Group(group, by)));
        }
        let deleted = self.deleted(selection, |user| user.id == id).await?;
        if let Some(user) = deleted.into_iter().next() {
            return Ok(Some(Hit::User(user, Presence::SoftDeleted, by)));
        }
        let remembered = self.store.read(|view| view.subject(id))?;
        Ok(remembered.map(|mut subject| {
            // One missing row proves nothing: the cycles conclude that somebody is gone.
            if subject.presence != Presence::Deleted {
                subject.presence = Presence::Unseen;
            }
            Hit::Remembered(subject, by)
        }))
    }

    async fn by_name(&self, who: &str, selection: &Selection) -> Result<Option<Hit>, CycleError> {
        let users = pace::directory(self.clock, || self.directory.users_named(who, selection));
        let mut users = users.await?;
        // A user principal name is one person's; a mail address may be several people's.
        if let Some(at) = users.iter().position(|user| has(user, "userPrincipalName", who)) {
            let user = users.swap_remove(at);
            return Ok(Some(Hit::User(user, Presence::Live, FoundBy::UserPrincipalName)));
        }
        if let Some(hit) = one(users, |user| Hit::User(user, Presence::Live, FoundBy::Mail)) {
            return Ok(Some(hit));
        }
        let groups = pace::directory(self.clock, || self.directory.groups_named(who)).await?;
        if let Some(hit) = one(groups, |group| Hit::Group(group, FoundBy::DisplayName)) {
            return Ok(Some(hit));
        }
        let is_meant =
            |user: &SourceObject| has(user, "userPrincipalName", who) || has(user, "mail", who);
        let deleted = self.deleted(selection, is_meant).await?;
        let hit = one(deleted, |user| {
            let named = has(&user, "userPrincipalName", who);
            let by = if named { FoundBy::UserPrincipalName } else { FoundBy::Mail };
            Hit::User(user, Presence::SoftDeleted, by)
        });
        if hit.is_some() {
            return Ok(hit);
        }
        let remembered = self.store.read(|view| view.find_sources(who))?;
        match remembered.as_slice() {
            [] => Ok(None),
            [only] => self.by_id(only.id, selection, FoundBy::State).await,
            all => Ok(Some(Hit::Several(
                all.iter()
                    .map(|found| Namesake {
                        id: found.id,
                        kind: ObjectKind::User,
                        display: found.display.clone(),
                    })
                    .collect(),
            ))),
        }
    }

    /// The soft-deleted users that are wanted.
    async fn deleted(
        &self,
        selection: &Selection,
        wanted: impl Fn(&SourceObject) -> bool,
    ) -> Result<Vec<SourceObject>, CycleError> {
        let mut found = Vec::new();
        let mut next: Option<Link> = None;
        loop {
            let page = pace::directory(self.clock, || {
                self.directory.deleted_users_in_full(selection, next.as_ref())
            })
            .await?;
            found.extend(page.items.into_iter().filter(|user| wanted(user)));
            match page.next {
                Some(link) => next = Some(link),
                None => return Ok(found),
            }
        }
    }

    /// The person as the import would store it.
    async fn subject(
        &self,
        application: &Application,
        object: SourceObject,
        presence: Presence,
        selection: &Selection,
    ) -> Result<Subject, CycleError> {
        let id = object.id;
        let is_live = presence == Presence::Live;
        // The directory tells little of those who are deleted; the state kept what it knew.
        let stored = if is_live { None } else { self.store.read(|view| view.subject(id))? };
        if let Some(stored) = stored {
            return Ok(Subject { presence, ..stored });
        }
        let manager = if selection.manager && is_live {
            let read = managers_of(self.directory, self.clock, &[id], || Ok(())).await?;
            match read.get(&id) {
                Some(ManagerChange::Set(manager)) => Some(*manager),
                Some(ManagerChange::Cleared) | None => None,
            }
        } else {
            None
        };
        let (mut grants, of_groups) = match self.job.scope {
            Scope::All => (Vec::new(), Vec::new()),
            Scope::Assigned => self.assigned(application, id).await?,
        };
        let of_filters = self.job.clauses().any(|clause| clause.group().is_some());
        let mut filter_groups = BTreeSet::new();
        if is_live && (of_filters || !of_groups.is_empty()) {
            let groups = self.groups_of(id, &of_groups).await?;
            grants.extend(through(of_groups, &groups));
            if of_filters {
                filter_groups.extend(groups.into_keys());
            }
        }
        Ok(Subject {
            kind: ObjectKind::User,
            id,
            attributes: object.attributes.values(),
            presence,
            manager,
            grants,
            filter_groups,
        })
    }

    /// The groups of which a user is a direct member, with their names; at least those that are
    /// assigned or that a filter names.
    async fn groups_of(
        &self,
        user: SourceId,
        of_groups: &[Assignment],
    ) -> Result<BTreeMap<SourceId, String>, CycleError> {
        let Self { directory, clock, .. } = *self;
        if let Some(groups) = groups_of(directory, clock, user).await? {
            return Ok(groups);
        }
        let mut wanted: BTreeSet<SourceId> = of_groups.iter().map(|row| row.principal).collect();
        wanted.extend(self.principals().await?.groups.into_values());
        groups_with(directory, clock, user, wanted).await
    }

    /// The roles assigned to a principal itself, and the assignments of groups.
    async fn assigned(
        &self,
        application: &Application,
        principal: SourceId,
    ) -> Result<(Vec<Grant>, Vec<Assignment>), CycleError> {
        let (mut own, mut of_groups) = (Vec::new(), Vec::new());
        let mut next: Option<Link> = None;
        loop {
            let page = pace::directory(self.clock, || {
                self.directory.assignments(application.id, next.as_ref())
            })
            .await?;
            for row in page.items {
                if row.principal == principal {
                    own.push(Grant { role: row.role, via: None });
                } else if row.principal_kind == PrincipalKind::Group {
                    of_groups.push(row);
                }
            }
            match page.next {
                Some(link) => next = Some(link),
                None => break,
            }
        }
        own.sort_by_key(|grant| grant.role);
        Ok((own, of_groups))
    }
}

/// The roles held through these groups, in the order of the groups' ids.
fn through(assigned: Vec<Assignment>, groups: &BTreeMap<SourceId, String>) -> Vec<Grant> {
    let mut grants: Vec<Grant> = assigned
        .into_iter()
        .filter_map(|row| {
            let name = groups.get(&row.principal)?.clone();
            Some(Grant { role: row.role, via: Some((row.principal, name)) })
        })
        .collect();
    grants.sort_by_key(|grant| (grant.via.as_ref().map(|(id, _)| *id), grant.role));
    grants
}

fn has(object: &SourceObject, attribute: &str, name: &str) -> bool {
    let value = object.attributes.text(attribute);
    value.is_some_and(|value| value.to_lowercase() == name.to_lowercase())
}

fn display_of(object: &SourceObject) -> String {
    let text = |name: &str| object.attributes.text(name);
    text("userPrincipalName")
        .or_else(|| text("displayName"))
        .unwrap_or_else(|| object.id.to_string())
}

/// The only one, or all of several.
fn one(mut found: Vec<SourceObject>, hit: impl FnOnce(SourceObject) -> Hit) -> Option<Hit> {
    if found.len() > 1 {
        let namesake = |object: &SourceObject| Namesake {
            id: object.id,
            kind: object.kind,
            display: display_of(object),
        };
        return Some(Hit::Several(found.iter().map(namesake).collect()));
    }
    found.pop().map(hit)
}

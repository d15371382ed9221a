//! What a large tenant is made from, and what is remembered of it: who was changed, and when.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    },
};

use uuid::Uuid;

use super::{
    columns::Columns,
    group::Groups,
    id::{self, Named},
    person::{Aliases, Person},
};
use crate::{
    model::{AppRole, AppRoleId, Clock, Secret, ServicePrincipalId, SourceId},
    sandbox::{
        tenant::{ApplicationSpec, Tenant, TenantOptions, state::ObjectType},
        traffic::{Pace, Traffic},
    },
};

/// The change that everybody came with.
pub(super) const FIRST_CHANGE: u32 = 1;

/// What a large tenant is made from.
#[derive(Clone)]
pub struct LargeTenantOptions {
    /// Decides every name and id.
    pub seed: u64,
    /// The time: tokens expire on it.
    pub clock: Arc<dyn Clock>,
    /// The tenant's id, which the token endpoint's path carries.
    pub tenant_id: Uuid,
    /// Scheme and authority that every link starts with.
    pub base_url: String,
    /// People.
    pub users: u32,
    /// Groups, all of them assigned to the application.
    pub groups: u32,
    /// Memberships in all, spread over the groups; as many as there are people cover everybody.
    pub memberships: u64,
    /// The first so many people are assigned to the application directly.
    pub assigned_users: u32,
    /// How fast Graph answers.
    pub pace: Pace,
}

/// A simulated Entra tenant of any size. Clones are the same tenant.
#[derive(Clone)]
pub struct LargeTenant(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) world: World,
    /// Whatever there is few of.
    pub(super) tenant: Tenant,
    pub(super) traffic: Arc<Traffic>,
}

/// What there is many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Many {
    People,
    Groups,
}

impl Many {
    pub(super) fn object_type(self) -> ObjectType {
        match self {
            Self::People => ObjectType::User,
            Self::Groups => ObjectType::Group,
        }
    }
}

/// Everybody and everything that there is many of.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) base_url: String,
    pub(super) users: u32,
    pub(super) groups: Groups,
    pub(super) assigned_users: u32,
    pub(super) application: SourceId,
    pub(super) role: AppRoleId,
    aliases: Aliases,
    changes: RwLock<Changes>,
    feeds: Mutex<Feeds>,
    /// People by their user principal names.
    by_name: OnceLock<Vec<u32>>,
}

/// Who was changed, in the order of the changes.
#[derive(Default)]
pub(super) struct Changes {
    /// How often each person was changed.
    revisions: BTreeMap<u32, Revision>,
    /// Who was changed by the change after the first, and by each after it.
    log: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Revision {
    count: u32,
    last: u32,
}

impl Changes {
    /// The number of the last change.
    pub(super) fn last(&self) -> u32 {
        FIRST_CHANGE + u32::try_from(self.log.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn revision(&self, person: u32) -> u32 {
        self.revisions.get(&person).map_or(0, |revision| revision.count)
    }

    /// The changes among these that are the last ones of their people.
    pub(super) fn people(&self, changes: Range<u32>) -> impl Iterator<Item = (u32, u32)> {
        changes.filter_map(|change| {
            let person = *self.log.get((change.checked_sub(FIRST_CHANGE + 1)?) as usize)?;
            let is_last = self.revisions.get(&person).is_some_and(|known| known.last == change);
            is_last.then_some((change, person))
        })
    }

    fn change(&mut self, person: u32) {
        self.log.push(person);
        let last = self.last();
        let revision = self.revisions.entry(person).or_default();
        *revision = Revision { count: revision.count + 1, last };
    }
}

/// What is tracked by a round of changes.
pub(super) struct Feed {
    pub(super) many: Many,
    pub(super) columns: Columns,
    /// Whether `members` or `manager` is tracked.
    pub(super) links: bool,
    /// Only these, by number.
    pub(super) only: Option<Vec<u32>>,
    /// The names of the selection, for `@odata.context`.
    pub(super) context: String,
}

/// What makes a feed: kind, selection and filter.
type FeedKey = (Many, Option<Vec<String>>, Option<Vec<u32>>);

#[derive(Default)]
struct Feeds {
    known: Vec<Arc<Feed>>,
    numbers: BTreeMap<FeedKey, u32>,
}

impl LargeTenant {
    /// A tenant with everybody in it.
    pub fn new(options: LargeTenantOptions) -> Self {
        let tenant = Tenant::new(TenantOptions {
            seed: options.seed,
            clock: Arc::clone(&options.clock),
            tenant_id: options.tenant_id,
            base_url: options.base_url.clone(),
        });
        let role = AppRole {
            id: AppRoleId::derive(&["sandbox role", "member"]),
            display_name: "Member".to_owned(),
            value: Some("member".to_owned()),
            is_enabled: true,
        };
        let role_id = role.id;
        let application = tenant.add_application(ApplicationSpec {
            display_name: "Load".to_owned(),
            app_id: app_id(options.seed),
            roles: vec![role],
        });
        let world = World {
            seed: id::mixed(options.seed),
            base_url: options.base_url,
            users: options.users,
            groups: Groups::new(options.users, options.groups, options.memberships),
            assigned_users: options.assigned_users.min(options.users),
            application: SourceId::from_uuid(application.as_uuid()),
            role: role_id,
            aliases: Aliases::default(),
            changes: RwLock::default(),
            feeds: Mutex::default(),
            by_name: OnceLock::new(),
        };
        let traffic = Arc::new(Traffic::new(options.clock, options.pace));
        Self(Arc::new(Inner { world, tenant, traffic }))
    }

    /// The client that may sign in: its id and its secret.
    pub fn default_client(&self) -> (String, Secret) {
        self.0.tenant.default_client()
    }

    /// The appId of the enterprise application.
    pub fn app_id(&self) -> String {
        app_id(self.0.tenant.seed())
    }

    /// The enterprise application.
    pub fn application(&self) -> ServicePrincipalId {
        ServicePrincipalId::from_uuid(self.0.world.application.as_uuid())
    }

    /// How many memberships there are.
    pub fn membership_count(&self) -> u64 {
        self.0.world.groups.memberships()
    }

    /// Gives so many people another department and title; returns how many.
    ///
    /// They are spread evenly, and other ones each time until all had their turn.
    pub fn churn(&self, people: u32) -> u32 {
        let world = &self.0.world;
        let people = people.min(world.users);
        let mut changes = world.write_changes();
        let begin = u64::from(changes.last() - FIRST_CHANGE);
        for turn in begin..begin + u64::from(people) {
            changes.change(world.groups.spread(turn));
        }
        people
    }
}

impl LargeTenant {
    /// The same with a share of everybody, from 0 to 1.
    pub fn churn_share(&self, share: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a number of people is one"
        )]
        let people = (f64::from(self.0.world.users) * share.clamp(0.0, 1.0)).round() as u32;
        self.churn(people)
    }
}

fn app_id(seed: u64) -> String {
    SourceId::derive(&["sandbox load app", &seed.to_string()]).to_string()
}

impl World {
    pub(super) fn changes(&self) -> RwLockReadGuard<'_, Changes> {
        self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_changes(&self) -> RwLockWriteGuard<'_, Changes> {
        self.changes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> MutexGuard<'_, Feeds> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn person(&self, number: u32, changes: &Changes) -> Person<'_> {
        Person::new(self.seed, number, changes.revision(number), &self.aliases)
    }

    /// What an id names, where there is such a person or group.
    pub(super) fn find(&self, id: Uuid) -> Option<Named> {
        let named = id::read(self.seed, id)?;
        let is_there = match named {
            Named::Person(number) => number < self.users,
            Named::Group(number) => number < self.groups.count(),
        };
        is_there.then_some(named)
    }

    /// The number of a feed; the same selection and filter are one feed.
    pub(super) fn intern(&self, key: FeedKey, make: impl FnOnce() -> Feed) -> u32 {
        let mut feeds = self.feeds();
        if let Some(number) = feeds.numbers.get(&key) {
            return *number;
        }
        let number = u32::try_from(feeds.known.len()).unwrap_or(u32::MAX);
        feeds.known.push(Arc::new(make()));
        feeds.numbers.insert(key, number);
        number
    }

    pub(super) fn feed(&self, number: u32) -> Option<Arc<Feed>> {
        self.feeds().known.get(number as usize).cloned()
    }

    /// Everybody by name, which never changes; made when it is first needed.
    pub(super) fn by_name(&self) -> &[u32] {
        self.by_name.get_or_init(|| {
            let mut named: Vec<(String, u32)> =
                (0..self.users).map(|number| (self.folded_name(number), number)).collect();
            named.sort_unstable();
            named.into_iter().map(|(_, number)| number).collect()
        })
    }

    /// A user principal name as the directory compares it.
    pub(super) fn folded_name(&self, number: u32) -> String {
        Person::new(self.seed, number, 0, &self.aliases).name().to_lowercase()
    }

    /// Assignments: of every group, then of people.
    pub(super) fn assignments(&self) -> u32 {
        self.groups.count() + self.assigned_users
    }
}

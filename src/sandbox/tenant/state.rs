//! What the tenant holds: objects with the number of the change that last touched each part.
//!
//! Owns the directory's truth and its change counter. Knows no HTTP and no query options.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;
use uuid::Uuid;

use super::{
    fault::Faults,
    options::{ClientRegistration, Switches, TenantOptions},
    record::Recorder,
    throttle::Bucket,
};
use crate::model::{AppRoleId, Clock, SourceId, Timestamp};

/// How long a deleted object can be restored (Graph "deletedItems").
const RESTORABLE_DAYS: i64 = 30;

/// The type of a directory object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectType {
    /// A person's account.
    User,
    /// A group.
    Group,
    /// A computer or phone.
    Device,
    /// An organizational contact.
    Contact,
    /// An application's presence in the tenant.
    ServicePrincipal,
}

impl ObjectType {
    /// The type's name in `@odata.type`.
    pub(super) fn odata_type(self) -> &'static str {
        match self {
            Self::User => "#microsoft.graph.user",
            Self::Group => "#microsoft.graph.group",
            Self::Device => "#microsoft.graph.device",
            Self::Contact => "#microsoft.graph.orgContact",
            Self::ServicePrincipal => "#microsoft.graph.servicePrincipal",
        }
    }

    /// The type's name in paths, casts and messages.
    pub(super) fn name(self) -> &'static str {
        &self.odata_type()[1..]
    }
}

/// What kind of group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// A plain security group.
    Security,
    /// A Microsoft 365 group, which holds no nested groups.
    Unified,
    /// A security group whose members a rule decides.
    Dynamic,
    /// A Microsoft 365 group whose members only `Member.Read.Hidden` shows.
    HiddenMembership,
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Live,
    SoftDeleted { at: Timestamp },
    Gone,
}

/// A property that has or once had a value.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) value: Value,
    pub(super) changed: u64,
}

/// A membership or a manager, kept after its end so that delta can tell of the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tie {
    pub(super) present: bool,
    pub(super) changed: u64,
}

/// One directory object.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: ObjectType,
    pub(super) properties: BTreeMap<String, Held>,
    pub(super) life: Life,
    pub(super) life_changed: u64,
    /// Members of a group, or the managers of a user, of whom at most one is present.
    pub(super) ties: BTreeMap<SourceId, Tie>,
    /// The number of the last change of a tie, so that a large group is skipped at once.
    pub(super) ties_changed: u64,
}

impl Entry {
    pub(super) fn is_live(&self) -> bool {
        self.life == Life::Live
    }

    /// The value of a property, null where there is none.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.properties.get(name).map_or(&Value::Null, |held| &held.value)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap_or_default()
    }

    pub(super) fn present_ties(&self) -> impl Iterator<Item = SourceId> {
        self.ties.iter().filter(|(_, tie)| tie.present).map(|(id, _)| *id)
    }

    /// Whether the group shows its members only to those with `Member.Read.Hidden`.
    pub(super) fn hides_members(&self) -> bool {
        self.text("visibility") == "HiddenMembership"
    }
}

/// One assignment, kept after its end so that a lagging replica can still show it.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) application: SourceId,
    pub(super) principal: SourceId,
    pub(super) role: AppRoleId,
    pub(super) created_at: Timestamp,
    pub(super) principal_display_name: String,
    pub(super) created: u64,
    pub(super) ended: Option<u64>,
}

impl Grant {
    /// Whether the assignment stood right after change `sequence`.
    pub(super) fn stood_at(&self, sequence: u64) -> bool {
        self.created <= sequence && self.ended.is_none_or(|ended| ended > sequence)
    }
}

/// An access token and what it allows.
#[derive(Clone, Debug)]
pub(super) struct Access {
    pub(super) client_id: String,
    pub(super) roles: BTreeSet<String>,
    pub(super) expires: Timestamp,
}

/// Everything the tenant knows.
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tenant_id: Uuid,
    pub(super) base_url: String,
    pub(super) rng: fastrand::Rng,
    pub(super) sequence: u64,
    pub(super) entries: BTreeMap<SourceId, Entry>,
    pub(super) grants: BTreeMap<String, Grant>,
    pub(super) clients: BTreeMap<String, ClientRegistration>,
    /// When the secrets of a client end, by the first characters of each.
    pub(super) registrations: BTreeMap<String, Vec<(String, Timestamp)>>,
    pub(super) access: BTreeMap<String, Access>,
    pub(super) cursors: BTreeMap<String, super::list::Cursor>,
    pub(super) rounds: BTreeMap<String, super::delta::RoundToken>,
    /// Objects that rounds leave out, and for how many more rounds of their type.
    pub(super) late: BTreeMap<SourceId, u32>,
    pub(super) jobs: BTreeMap<SourceId, Vec<Value>>,
    /// The `synchronizationSchema` of each job, by its application and its id.
    pub(super) job_schemas: BTreeMap<(SourceId, String), Value>,
    pub(super) default_domain: String,
    pub(super) switches: Switches,
    pub(super) faults: Faults,
    pub(super) recorder: Recorder,
    pub(super) buckets: BTreeMap<String, Bucket>,
}

impl State {
    pub(super) fn new(options: TenantOptions) -> Self {
        Self {
            seed: options.seed,
            clock: options.clock,
            tenant_id: options.tenant_id,
            base_url: options.base_url.trim_end_matches('/').to_owned(),
            rng: fastrand::Rng::with_seed(options.seed),
            sequence: 0,
            entries: BTreeMap::new(),
            grants: BTreeMap::new(),
            clients: BTreeMap::new(),
            registrations: BTreeMap::new(),
            access: BTreeMap::new(),
            cursors: BTreeMap::new(),
            rounds: BTreeMap::new(),
            late: BTreeMap::new(),
            jobs: BTreeMap::new(),
            job_schemas: BTreeMap::new(),
            default_domain: "contoso.com".to_owned(),
            switches: Switches::default(),
            faults: Faults::seeded(options.seed),
            recorder: Recorder::default(),
            buckets: BTreeMap::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The number of a new change.
    pub(super) fn next_change(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    pub(super) fn new_uuid(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.rng.u128(..).to_be_bytes()).into_uuid()
    }

    /// An opaque URL-safe token of 16 random bytes per `blocks`, unguessable from its neighbours.
    pub(super) fn new_token(&mut self, blocks: usize) -> String {
        use base64::Engine as _;
        let raw: Vec<u8> = (0..blocks).flat_map(|_| self.rng.u128(..).to_be_bytes()).collect();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(raw)
    }

    pub(super) fn insert(
        &mut self,
        kind: ObjectType,
        properties: impl IntoIterator<Item = (String, Value)>,
    ) -> SourceId {
        let id = SourceId::from_uuid(self.new_uuid());
        let changed = self.next_change();
        let properties = properties
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, Held { value, changed }))
            .collect();
        let entry = Entry {
            kind,
            properties,
            life: Life::Live,
            life_changed: changed,
            ties: BTreeMap::new(),
            ties_changed: 0,
        };
        self.entries.insert(id, entry);
        id
    }

    pub(super) fn live(&self, id: SourceId) -> Option<&Entry> {
        self.entries.get(&id).filter(|entry| entry.is_live())
    }

    /// Whether an object of this type and id is there, and what it is.
    pub(super) fn live_of(&self, kind: ObjectType, id: SourceId) -> Option<&Entry> {
        self.live(id).filter(|entry| entry.kind == kind)
    }

    /// All live objects of one type, in the order of their ids.
    pub(super) fn all_live(&self, kind: ObjectType) -> impl Iterator<Item = (SourceId, &Entry)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| entry.kind == kind && entry.is_live())
            .map(|(id, entry)| (*id, entry))
    }

    /// Sets or ends a membership or a manager; nothing happens where it stands so already.
    pub(super) fn tie(&mut self, owner: SourceId, other: SourceId, present: bool) {
        let standing = self.entries.get(&owner).and_then(|entry| entry.ties.get(&other));
        if standing.map_or(!present, |tie| tie.present == present) {
            return;
        }
        let changed = self.next_change();
        if let Some(entry) = self.entries.get_mut(&owner) {
            entry.ties.insert(other, Tie { present, changed });
            entry.ties_changed = changed;
        }
    }

    pub(super) fn set_life(&mut self, id: SourceId, life: Life) {
        let changed = self.next_change();
        let entry = self.entries.get_mut(&id).expect("the id was given by this tenant");
        if entry.life == Life::Gone || entry.life == life {
            return;
        }
        entry.life = life;
        entry.life_changed = changed;
        if life != Life::Gone {
            return;
        }
        entry.properties.clear();
        for grant in self.grants.values_mut() {
            let concerned = grant.principal == id || grant.application == id;
            if concerned && grant.ended.is_none() {
                grant.ended = Some(changed);
            }
        }
        let owners: Vec<SourceId> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.ties.get(&id).is_some_and(|tie| tie.present))
            .map(|(owner, _)| *owner)
            .collect();
        for owner in owners {
            if self.switches.purge_ends_memberships {
                self.tie(owner, id, false);
            } else if let Some(entry) = self.entries.get_mut(&owner) {
                // The link ends without a trace in delta, as has been reported from the field.
                entry.ties.remove(&id);
            }
        }
    }

    /// Purges what was deleted thirty days ago, and forgets tokens that no lifetime covers.
    pub(super) fn catch_up(&mut self) {
        let now = self.now();
        let horizon = now - chrono::TimeDelta::days(RESTORABLE_DAYS);
        let due: Vec<SourceId> = self
            .entries
            .iter()
            .filter(|(_, entry)| matches!(entry.life, Life::SoftDeleted { at } if at <= horizon))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            self.set_life(id, Life::Gone);
        }
        self.cursors.retain(|_, cursor| cursor.issued > horizon);
        self.rounds.retain(|_, token| token.issued > horizon);
        self.access.retain(|_, access| access.expires > horizon);
    }
}

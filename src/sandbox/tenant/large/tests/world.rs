//! A large tenant, an ordinary one with the same people, and a client that asks both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};
use tower::ServiceExt as _;
use uuid::Uuid;

use super::super::{
    columns::{value_of_group, value_of_person},
    group,
    id::{self, Named},
    person::{NAMES, manager_of},
    world::{LargeTenant, LargeTenantOptions},
};
use crate::{
    model::SourceId,
    sandbox::{
        Pace, VirtualClock,
        tenant::{
            Tenant, TenantOptions,
            state::{Entry, Held, Life, ObjectType, State, Tie},
            tests::graph_schema,
        },
    },
};

const BASE: &str = "https://graph.test";

/// Enough for a group with more members than a page of changes has links.
pub(super) const PEOPLE: u32 = 1_300;

const GROUPS: u32 = 5;

const GROUP_PROPERTIES: [&str; 7] = [
    "displayName",
    "description",
    "mailNickname",
    "mailEnabled",
    "securityEnabled",
    "groupTypes",
    "createdDateTime",
];

/// Both tenants.
pub(super) struct World {
    pub(super) large: LargeTenant,
    pub(super) clock: VirtualClock,
    ordinary: Tenant,
}

/// The rows of all pages of a listing, or a refusal.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its code, where it is one.
    pub(super) code: Value,
    pub(super) context: Value,
    /// By id, members and managers in the order of their ids.
    pub(super) rows: BTreeMap<String, Value>,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = VirtualClock::starting_at("2026-03-02T08:00:00Z".parse().unwrap());
        let tenant_id = Uuid::from_u128(7);
        let large = LargeTenant::new(LargeTenantOptions {
            seed: 7,
            clock: Arc::new(clock.clone()),
            tenant_id,
            base_url: BASE.to_owned(),
            users: PEOPLE,
            groups: GROUPS,
            memberships: 4_000,
            assigned_users: 20,
            pace: Pace::default(),
        });
        let ordinary = Tenant::new(TenantOptions {
            seed: 8,
            clock: Arc::new(clock.clone()),
            tenant_id,
            base_url: BASE.to_owned(),
        });
        let world = Self { large, clock, ordinary };
        world.copy();
        world
    }

    /// Fills the ordinary tenant with what the large one has.
    fn copy(&self) {
        let world = &self.large.0.world;
        {
            let few = self.large.0.tenant.state();
            let mut state = self.ordinary.state();
            state.entries.clone_from(&few.entries);
            state.sequence = few.sequence;
            let changes = world.changes();
            for number in 0..PEOPLE {
                let person = world.person(number, &changes);
                let names = NAMES.iter().map(|(name, _)| *name).filter(|name| *name != "id");
                let values = names.map(|name| (name, value_of_person(&person, name)));
                let managers = manager_of(number).map(|manager| self.person(manager));
                insert(&mut state, ObjectType::User, self.person(number), values, managers);
            }
            for number in 0..world.groups.count() {
                let values =
                    GROUP_PROPERTIES.map(|name| (name, value_of_group(world, number, name)));
                let members = world.groups.members(number, 0, u64::MAX >> 1);
                let members = members.map(|member| self.person(member));
                insert(&mut state, ObjectType::Group, self.group(number), values, members);
            }
        }
        let application = self.large.application();
        for number in 0..world.groups.count() {
            self.ordinary.assign(application, self.group(number), world.role);
        }
        for number in 0..world.assigned_users {
            self.ordinary.assign(application, self.person(number), world.role);
        }
    }

    pub(super) fn person(&self, number: u32) -> SourceId {
        SourceId::from_uuid(id::of(self.large.0.world.seed, Named::Person(number)))
    }

    pub(super) fn group(&self, number: u32) -> SourceId {
        SourceId::from_uuid(group::id(self.large.0.world.seed, number))
    }

    pub(super) fn name(&self, number: u32) -> String {
        self.large.0.world.folded_name(number)
    }

    /// Asks both for all pages and expects the same.
    #[track_caller]
    pub(super) fn check(&self, path: &str) -> impl Future<Output = Answer> {
        self.check_with("GET", path.to_owned(), Value::Null)
    }

    pub(super) async fn check_with(&self, method: &str, path: String, body: Value) -> Answer {
        let ordinary = self.ordinary.router();
        let token = self.ordinary.token_for(&self.ordinary.default_client().0);
        let expected = all_pages(&ordinary, &token, method, &path, &body).await;
        let found = self.ask(method, &path, &body).await;
        assert_eq!(found.rows.len(), expected.rows.len(), "{path}");
        for (id, row) in &expected.rows {
            assert_eq!(found.rows.get(id), Some(row), "{path}: {id}");
        }
        assert_eq!(found, expected, "{path}");
        found
    }

    /// Asks the large one for all pages.
    pub(super) async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let token = self.large.0.tenant.token_for(&self.large.default_client().0);
        all_pages(&self.router(), &token, method, path, body).await
    }

    /// One answer of the large one.
    pub(super) async fn page(&self, path: &str) -> (u16, Value) {
        let token = self.large.0.tenant.token_for(&self.large.default_client().0);
        send(&self.router(), &token, "GET", path, &Value::Null).await
    }

    fn router(&self) -> axum::Router {
        self.large.router(BTreeMap::new())
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

fn insert<'a>(
    state: &mut State,
    kind: ObjectType,
    id: SourceId,
    values: impl IntoIterator<Item = (&'a str, Value)>,
    ties: impl IntoIterator<Item = SourceId>,
) {
    let changed = state.next_change();
    let held = |(name, value): (&str, Value)| {
        (!value.is_null()).then(|| (name.to_owned(), Held { value, changed }))
    };
    let tie = Tie { present: true, changed };
    let ties: BTreeMap<SourceId, Tie> = ties.into_iter().map(|other| (other, tie)).collect();
    let ties_changed = if ties.is_empty() { 0 } else { changed };
    let entry = Entry {
        kind,
        properties: values.into_iter().filter_map(held).collect(),
        life: Life::Live,
        life_changed: changed,
        ties,
        ties_changed,
    };
    state.entries.insert(id, entry);
}

async fn all_pages(
    router: &axum::Router,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Answer {
    let (status, mut page) = send(router, token, method, path, body).await;
    let context = page["@odata.context"].clone();
    let mut answer =
        Answer { status, code: page["error"]["code"].clone(), context, rows: BTreeMap::new() };
    if page.get("value").is_none() {
        if status == 200 {
            answer.rows.insert(String::new(), page);
        }
        return answer;
    }
    let mut links = BTreeSet::new();
    loop {
        for row in page["value"].as_array().into_iter().flatten() {
            take(&mut answer.rows, row);
        }
        let Some(next) = page["@odata.nextLink"].as_str().map(str::to_owned) else { break };
        assert!(links.insert(next.clone()), "a ring: {next}");
        let (status, following) = send(router, token, "GET", &next, &Value::Null).await;
        assert_eq!(status, 200, "{following}");
        page = following;
    }
    answer
}

/// Adds a row; of a group that comes in slices, its members. What an ordinary tenant draws by lot
/// is left out.
fn take(rows: &mut BTreeMap<String, Value>, row: &Value) {
    let mut row = row.clone();
    let fields = row.as_object_mut().unwrap();
    let is_assignment = fields.contains_key("principalId");
    let key = if is_assignment { "principalId" } else { "id" };
    let id = fields[key].as_str().unwrap().to_owned();
    if is_assignment {
        for drawn in ["id", "createdDateTime", "principalDisplayName", "resourceDisplayName"] {
            fields.remove(drawn);
        }
    }
    let known = rows.entry(id).or_insert_with(|| Value::Object(Map::new()));
    for (name, value) in fields {
        match (known.get_mut(name.as_str()), value) {
            (Some(Value::Array(before)), Value::Array(more)) if name == "members@delta" => {
                before.append(more);
                before.sort_by_key(|member| member["id"].to_string());
            }
            (_, value) => {
                known[name.as_str()] = value.take();
            }
        }
    }
    if let Some(Value::Array(members)) = known.get_mut("members@delta") {
        members.sort_by_key(|member| member["id"].to_string());
    }
}

async fn send(
    router: &axum::Router,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let uri = if path.starts_with("http") { path.to_owned() } else { format!("{BASE}/v1.0{path}") };
    let uri = uri.replace(' ', "%20").replace('\'', "%27");
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder()
        .method(method)
        .uri(&uri)
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(text.clone()))
        .unwrap();
    let path = request.uri().path().to_owned();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let path = percent_encoding::percent_decode_str(&path).decode_utf8_lossy().into_owned();
    graph_schema::check(method, &path, text.as_bytes(), status, &bytes);
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

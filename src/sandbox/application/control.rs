//! The way around HTTP: what tests and the demo seed, read and tamper with.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    exchange::Application,
    fault::{Fault, Matcher},
    options::Quirks,
    record::{AccountEvent, AccountEventKind, RecordedRequest, Violation},
    schema::Kind,
    store::Resource,
};

impl Application {
    /// Creates a user without a request and without any check; returns its id.
    pub fn seed_user(&self, attributes: Map<String, Value>) -> String {
        self.seed(Kind::User, attributes)
    }

    /// Creates a group without a request and without any check; returns its id.
    pub fn seed_group(&self, attributes: Map<String, Value>) -> String {
        self.seed(Kind::Group, attributes)
    }

    /// All users in order of creation, as a client could read them at best.
    pub fn users(&self) -> Vec<Map<String, Value>> {
        self.all(Kind::User)
    }

    /// All groups in order of creation, as a client could read them at best.
    pub fn groups(&self) -> Vec<Map<String, Value>> {
        self.all(Kind::Group)
    }

    /// The user with this id.
    pub fn user(&self, id: &str) -> Option<Map<String, Value>> {
        self.lock().store.users.get(id).map(|row| row.document.clone())
    }

    /// The first user with this `userName`, compared without case.
    pub fn user_by_name(&self, user_name: &str) -> Option<Map<String, Value>> {
        let state = self.lock();
        state.store.users.named(user_name).first().map(|row| row.document.clone())
    }

    /// How many users there are, active or not.
    pub fn user_count(&self) -> usize {
        self.lock().store.users.len()
    }

    /// How many users have an `active` that is not false.
    pub fn active_user_count(&self) -> usize {
        self.lock().store.users.iter().filter(|row| row.is_active()).count()
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.lock().store.groups.len()
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    /// The requests since the last call of this, which are forgotten.
    pub fn take_requests(&self) -> Vec<RecordedRequest> {
        std::mem::take(&mut self.lock().requests)
    }

    /// Of [`Application::requests`], the POST, PUT, PATCH and DELETE.
    pub fn writes(&self) -> Vec<RecordedRequest> {
        let mut requests = self.requests();
        requests.retain(RecordedRequest::is_write);
        requests
    }

    /// Everything a careful client would not have done, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.lock().violations.clone()
    }

    /// The violations since the last call of this, which are forgotten.
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut self.lock().violations)
    }

    /// What clients did to accounts, in order.
    pub fn events(&self) -> Vec<AccountEvent> {
        self.lock().events.clone()
    }

    /// Of [`Application::events`], those that took an account away: disabled and deleted.
    pub fn removals(&self) -> Vec<AccountEvent> {
        let taken = [AccountEventKind::Disabled, AccountEventKind::Deleted];
        let mut events = self.events();
        events.retain(|event| taken.contains(&event.kind));
        events
    }

    /// The ids of users that are no more, in order, tampering included.
    pub fn deleted_ids(&self) -> Vec<String> {
        self.lock().store.users.deleted.clone()
    }

    /// The quirks as they are.
    pub fn quirks(&self) -> Quirks {
        self.lock().quirks.clone()
    }

    /// Changes the quirks from now on.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.lock().quirks = quirks;
    }

    /// Requires another token from now on, as when the old one was revoked.
    pub fn set_token(&self, token: impl Into<String>) {
        self.lock().demands = bearer(&token.into());
    }

    /// Requires these headers from now on instead of a bearer token.
    pub fn demand_headers(&self, headers: &[(&str, &str)]) {
        let headers = headers.iter();
        self.lock().demands =
            headers.map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect();
    }

    /// Lets `fault` strike the next request that `matcher` describes, once.
    pub fn inject(&self, fault: Fault, matcher: Matcher) {
        self.lock().faults.push(fault, matcher);
    }

    /// Lets `fault` strike such requests with a probability of 0 to 1, decided by the seed.
    pub fn inject_by_chance(&self, fault: Fault, matcher: Matcher, probability: f64) {
        self.lock().faults.push_by_chance(fault, matcher, probability);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Faults that happened so far.
    pub fn fault_count(&self) -> u64 {
        self.lock().faults.count
    }

    /// Sets a top-level attribute of a user behind the clients' backs, or removes it with `None`.
    /// Returns whether there is such a user.
    pub fn tamper(&self, id: &str, attribute: &str, value: Option<Value>) -> bool {
        self.tamper_with(Kind::User, id, attribute, value)
    }

    /// The same of a group.
    pub fn tamper_group(&self, id: &str, attribute: &str, value: Option<Value>) -> bool {
        self.tamper_with(Kind::Group, id, attribute, value)
    }

    fn tamper_with(&self, kind: Kind, id: &str, attribute: &str, value: Option<Value>) -> bool {
        let now = self.clock().now();
        let mut state = self.lock();
        let Some(mut row) = state.store.shelf(kind).get(id).cloned() else { return false };
        match value {
            Some(value) => row.document.insert(attribute.to_owned(), value),
            None => row.document.remove(attribute),
        };
        row.version += 1;
        row.modified = now;
        state.store.shelf_mut(kind).put(kind, row);
        true
    }

    /// Deactivates a user behind the clients' backs. Returns whether there is such a user.
    pub fn tamper_deactivate(&self, id: &str) -> bool {
        self.tamper(id, "active", Some(false.into()))
    }

    /// Deletes a user behind the clients' backs. Returns whether there was such a user.
    pub fn tamper_delete(&self, id: &str) -> bool {
        let now = self.clock().now();
        self.lock().store.remove(Kind::User, id, now).is_some()
    }

    /// Deletes a group behind the clients' backs. Returns whether there was such a group.
    pub fn tamper_delete_group(&self, id: &str) -> bool {
        let now = self.clock().now();
        self.lock().store.remove(Kind::Group, id, now).is_some()
    }

    fn seed(&self, kind: Kind, mut document: Map<String, Value>) -> String {
        let now = self.clock().now();
        let mut state = self.lock();
        let id = state.new_id(kind);
        document.remove("schemas");
        document.remove("meta");
        document.insert("id".to_owned(), id.as_str().into());
        let row = Resource { id: id.clone(), document, created: now, modified: now, version: 1 };
        state.store.shelf_mut(kind).put(kind, row);
        id
    }

    fn all(&self, kind: Kind) -> Vec<Map<String, Value>> {
        self.lock().store.shelf(kind).iter().map(|row| row.document.clone()).collect()
    }
}

/// What an application demands that knows a bearer token.
pub(super) fn bearer(token: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("authorization".to_owned(), format!("Bearer {token}"))])
}

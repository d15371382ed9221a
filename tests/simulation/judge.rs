//! What must hold after every cycle, and what the application must look like at rest.
//!
//! Who should have an account, and with which values, is worked out from the tenant alone.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use entra_scim::{
    cycle::{CycleEnd, CycleOptions},
    model::{CycleId, DEFAULT_ACCESS, ObjectKind, SourceId, Timestamp},
    provisioning::{Action, ChangeStatus, PlannedChange, Reason, Write},
    sandbox::application::{AccountEvent, AccountEventKind, RecordedRequest, ViolationKind},
    scim::AttributeChange,
    store::{HeldChange, LogFilter, LogRow, PlanFilter},
};
use memchr::memmem;
use serde_json::{Map, Value, json};

use super::{
    churn,
    setup::{Filter, Leaving},
    story::{Person, Story},
    weather::Weather,
};
use crate::support::world::World;

const HOSTS: [&str; 2] = ["app.sandbox.example", "graph.sandbox.example"];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Violations that lost answers and deaths bring about in a client that does everything right: an
/// account that is gone is asked for, and one that came to be unnoticed is created again.
const UNAVOIDABLE: [ViolationKind; 2] = [ViolationKind::GoneId, ViolationKind::Duplicate];

/// What the judge remembers from cycle to cycle.
#[derive(Default)]
pub(super) struct Judge {
    /// Accounts that were there before, as they were.
    seeded: BTreeMap<String, Map<String, Value>>,
    /// Whose account each is, by its `externalId`; deleted ones stay.
    owners: BTreeMap<String, String>,
    events_seen: usize,
    log_seen: i64,
    logged: BTreeSet<String>,
    approved: BTreeMap<(String, String, String), Timestamp>,
    /// Removals that nobody approved.
    removals: Vec<Timestamp>,
    began: Vec<Timestamp>,
    was_stormy: bool,
    /// The application lost accounts of ours once.
    lost_accounts: bool,
    /// The last comparison that came to its end, and whether any ever met an account with a title.
    compared: Option<CycleId>,
    titles_were_shown: bool,
}

impl Judge {
    /// Remembers the accounts that are there before the first cycle.
    pub(super) fn strangers(&mut self, world: &World) {
        for account in world.application.users() {
            self.seeded.insert(text(&account, "id").to_owned(), account);
        }
    }

    /// Accounts of ours are gone that nobody removed, and are asked for all the same.
    pub(super) fn forgive_lost_accounts(&mut self) {
        self.lost_accounts = true;
    }

    /// Remembers what the administrator released.
    pub(super) fn approve(&mut self, change: &HeldChange, now: Timestamp) {
        let row = (change.source.clone(), change.target.clone(), change.action.clone());
        self.approved.insert(row, now);
    }
}

fn text<'a>(account: &'a Map<String, Value>, name: &str) -> &'a str {
    account.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_active(account: &Map<String, Value>) -> bool {
    account.get("active") != Some(&Value::Bool(false))
}

impl Story {
    /// Who has a live account in the tenant and an assignment that counts, whatever a scoping
    /// filter says.
    pub(super) fn granted(&self) -> BTreeSet<SourceId> {
        let (tenant, app) = (&self.world.tenant, self.world.enterprise_app);
        let mut roles: BTreeMap<SourceId, bool> = BTreeMap::new();
        let mut grant = |who: SourceId, real: bool| *roles.entry(who).or_default() |= real;
        for (principal, role) in tenant.assignments(app) {
            let real = role != DEFAULT_ACCESS;
            if self.groups.contains(&principal) {
                for member in self.members(principal) {
                    grant(member, real);
                }
            } else {
                grant(principal, real);
            }
        }
        let belongs = |person: &&Person| {
            let held = roles.get(&person.id);
            tenant.is_live(person.id)
                && (self.setup.everybody
                    || held.is_some_and(|real| *real || !self.setup.excludes_default))
        };
        self.people.iter().filter(belongs).map(|person| person.id).collect()
    }

    /// Who is in scope.
    pub(super) fn in_scope(&self) -> BTreeSet<SourceId> {
        let granted = self.granted();
        let belongs = |person: &&Person| granted.contains(&person.id) && self.passes(person);
        self.people.iter().filter(belongs).map(|person| person.id).collect()
    }

    /// Whether the scoping filter lets a person in.
    pub(super) fn passes(&self, person: &Person) -> bool {
        let tenant = &self.world.tenant;
        match self.setup.filter {
            Filter::Nobody => true,
            Filter::Department(out) => {
                let attributes = tenant.attributes(person.id);
                attributes.get("department").is_some_and(|department| department != out)
            }
            Filter::FirstGroup => tenant.is_member(self.groups[0], person.id),
        }
    }

    /// Who should have an active account.
    pub(super) fn active(&self) -> BTreeSet<SourceId> {
        let mut active = self.in_scope();
        active.retain(|id| {
            self.world.tenant.attributes(*id).get("accountEnabled") != Some(&Value::Bool(false))
        });
        active
    }

    fn person(&self, key: &str) -> Result<&Person, String> {
        let found = self.people.iter().find(|person| person.key == key);
        found.ok_or_else(|| format!("an account has the externalId `{key}` of nobody"))
    }

    /// Everything that must hold after any cycle.
    pub(super) fn judge_cycle(
        &mut self,
        began: Timestamp,
        weather: &Weather,
        end: Option<&CycleEnd>,
    ) -> Result<(), String> {
        let (calm, old_token) = (weather.is_calm(), weather.old_token);
        self.judge.began.push(began);
        if let Some(complaint) = self.world.wire.complaints().first() {
            return Err(complaint.clone());
        }
        let requests = self.world.application.take_requests();
        let rows = self.new_log_rows()?;
        self.judge_accounts()?;
        self.judge_removals()?;
        self.judge_local_groups()?;
        self.judge_writes(&requests, &rows)?;
        self.judge_wire(&rows)?;
        self.note_shown_titles()?;
        let stormy = self.judge.was_stormy || !calm;
        // What a service hides is written whole, once more if an answer was lost; and one that
        // drops references to a deleted account itself leaves nothing to clear.
        let quirks = self.world.application.quirks();
        let hides = quirks.hides_external_id
            || quirks.hides_members
            || (self.setup.managers && !self.world.application.deleted_ids().is_empty());
        for violation in self.world.application.take_violations() {
            if hides && violation.kind == ViolationKind::NeedlessWrite {
                continue;
            }
            // What somebody changed at the application may be what the tenant wants, or gone.
            let meddled = [
                ViolationKind::NeedlessWrite,
                ViolationKind::GoneId,
                ViolationKind::UnknownReference,
            ];
            if self.was_meddled_with && meddled.contains(&violation.kind) {
                continue;
            }
            // The administrator had not yet told the engine.
            if violation.kind == ViolationKind::Unauthorized && old_token {
                continue;
            }
            // An account that is deleted at the same time leaves its groups, which changes them.
            if violation.kind == ViolationKind::StaleVersion {
                continue;
            }
            // Whoever is taken out of a group may have gone from it with the account.
            if violation.kind == ViolationKind::NoTarget && violation.path.contains("/Groups/") {
                continue;
            }
            if self.judge.lost_accounts && violation.kind == ViolationKind::GoneId {
                continue;
            }
            if !stormy || !UNAVOIDABLE.contains(&violation.kind) {
                return Err(format!("the application complains: {violation:?}"));
            }
        }
        self.judge.was_stormy = !calm;
        if calm && end.is_some_and(|end| end.error.is_none()) {
            for id in self.in_scope() {
                if !self.judge.logged.contains(&id.to_string()) {
                    return Err(format!("{id} is in scope, and no decision about it is logged"));
                }
            }
        }
        Ok(())
    }

    /// Remembers whether a comparison that just ended met an account with a title: of a list, or of
    /// the accounts that were asked for one by one.
    fn note_shown_titles(&mut self) -> Result<(), String> {
        let check = self.world.state().read(|view| view.last_drift_check());
        let check = check.map_err(|error| error.to_string())?.map(|check| check.id);
        if self.judge.compared == check {
            return Ok(());
        }
        self.judge.compared = check;
        let is_listed = self.world.application.quirks().list_refused.is_none();
        self.judge.titles_were_shown |= self.world.application.users().iter().any(|account| {
            let is_read = is_listed || self.judge.owners.contains_key(text(account, "id"));
            is_read && account.contains_key("title")
        });
        Ok(())
    }

    fn new_log_rows(&mut self) -> Result<Vec<LogRow>, String> {
        let filter = LogFilter { after: Some(self.judge.log_seen), ..LogFilter::default() };
        let rows = self.world.state().read(|view| view.log_rows(&filter, 100_000));
        let rows = rows.map_err(|error| error.to_string())?;
        for row in &rows {
            self.judge.log_seen = row.seq;
            self.judge.logged.insert(row.source.clone());
            // An adoption that writes nothing leaves the account without a key.
            if let (Action::Adopt, Some(target)) = (row.action, &row.target)
                && let Some(person) = self.people.iter().find(|p| p.id.to_string() == row.source)
                && self.judge.seeded.get(target).is_none_or(|seeded| {
                    let name = text(seeded, "userName").to_lowercase();
                    person.names.iter().any(|known| known.to_lowercase() == name)
                })
            {
                self.judge.owners.insert(target.clone(), person.key.clone());
            }
            if row.steps.is_empty() {
                return Err(format!("a decision without a step is logged: {row:?}"));
            }
        }
        Ok(rows)
    }

    /// Strangers are untouched; nobody has two accounts; an account has an owner who was entitled.
    fn judge_accounts(&mut self) -> Result<(), String> {
        let accounts = self.world.application.users();
        let mut people = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for account in &accounts {
            let (id, key) = (text(account, "id"), text(account, "externalId"));
            seen.insert(id.to_owned());
            // Where a service allows it, a name may be passed on before its old owner gave it up.
            let is_passed_on = self.world.application.quirks().duplicates_allowed
                && self.people.iter().any(|person| person.key == key && person.awaits_rename);
            if !names.insert(text(account, "userName").to_lowercase()) && !is_passed_on {
                return Err(format!("two accounts have the same name: {account:?}"));
            }
            let seeded = self.judge.seeded.get(id);
            if key.is_empty() {
                // What was adopted without a write, or with one that was lost, has no key yet.
                if seeded != Some(account) && !self.judge.owners.contains_key(id) {
                    return Err(format!("a stranger's account was changed: {account:?}"));
                }
                continue;
            }
            if !people.insert(key.to_owned()) {
                return Err(format!("{key} has two accounts"));
            }
            let person = self.person(key)?;
            if !(person.ever_granted && person.ever_passed) {
                return Err(format!("{key} has an account and was never entitled"));
            }
            let adoptable = |seeded: &Map<String, Value>| {
                let name = text(seeded, "userName").to_lowercase();
                person.names.iter().any(|known| known.to_lowercase() == name)
            };
            if seeded.is_some_and(|seeded| !adoptable(seeded)) {
                return Err(format!("{key} took a stranger's account: {account:?}"));
            }
            self.judge.owners.insert(id.to_owned(), key.to_owned());
        }
        for id in self.judge.seeded.keys() {
            if !seen.contains(id) && !self.judge.owners.contains_key(id) {
                return Err(format!("the stranger's account {id} was deleted"));
            }
        }
        Ok(())
    }

    /// Nobody who is entitled loses an account, and no more lose theirs than was allowed.
    fn judge_removals(&mut self) -> Result<(), String> {
        let events: Vec<AccountEvent> = self.world.application.removals();
        let new = events[self.judge.events_seen..].to_vec();
        self.judge.events_seen = events.len();
        // Somebody whose entitlement ended and began again a while ago may be served late, by a
        // lagging replica; nobody else may.
        let recent = self.judge.began.iter().rev().nth(2).copied().unwrap_or_default();
        for event in new {
            let Some(key) = self.judge.owners.get(&event.id).cloned() else {
                return Err(format!("an account of nobody we know was removed: {event:?}"));
            };
            let person = self.person(&key)?;
            // Of an access that replaced another one since the last good reading, a replica that
            // lags shows the end of the old one alone.
            if self.is_lagging && person.swapped_at > self.read_at {
                continue;
            }
            if person.unentitled_at < recent {
                return Err(format!("{key} was entitled all the time: {event:?}"));
            }
            let action = match event.kind {
                AccountEventKind::Disabled => Action::Disable,
                AccountEventKind::Deleted => Action::Delete,
                AccountEventKind::Created | AccountEventKind::Enabled => continue,
            };
            self.judge_time_of_removal(person, action, &event)?;
            let row = (person.id.to_string(), event.id.clone(), action.as_str().to_owned());
            if self.judge.approved.remove(&row).is_some() {
                continue;
            }
            // A request that was planned in time may be on its way for a while.
            let planned = event.at - TimeDelta::minutes(10);
            let is_open = self.setup.is_open(event.at) || self.setup.is_open(planned);
            if !is_open && !self.was_skewed {
                return Err(format!("a removal at another hour: {event:?}"));
            }
            // The engine counts by its own clock, which may be wrong.
            let at = event.at + self.world.engine_clock.ahead();
            self.judge.removals.push(at);
            let day = at - TimeDelta::hours(24);
            let count = self.judge.removals.iter().filter(|at| **at > day).count() as u64;
            if count > self.setup.removals_max {
                return Err(format!(
                    "{count} removals in 24 hours without approval, {} are allowed: {event:?}",
                    self.setup.removals_max
                ));
            }
        }
        Ok(())
    }

    /// Where leavers are disabled, an account is deleted for good reason only: its person is gone
    /// for good, or left as long ago as `delete_after` says.
    fn judge_time_of_removal(
        &self,
        person: &Person,
        action: Action,
        event: &AccountEvent,
    ) -> Result<(), String> {
        let is_early = || match self.setup.delete_after {
            None => true,
            // What a lagging replica showed may have begun the count, but not by more than this.
            Some(days) => {
                event.at - person.in_scope_at < TimeDelta::days(days) - TimeDelta::hours(3)
            }
        };
        let is_left = self.setup.leaving == Leaving::Disable
            && action == Action::Delete
            && !churn::is_purged(self, person.id);
        if is_left && !self.was_skewed && is_early() {
            return Err(format!("{} only left, and the account is deleted: {event:?}", person.key));
        }
        Ok(())
    }

    /// Every write was planned: it has a log row, or a row that waits for its outcome. One that was
    /// too much at the time was not carried out, and may be planned again.
    fn judge_writes(&self, requests: &[RecordedRequest], rows: &[LogRow]) -> Result<(), String> {
        let sent = self.world.state().read(|view| view.sent_rows());
        let sent = sent.map_err(|error| error.to_string())?;
        let mut known: BTreeSet<String> = BTreeSet::new();
        for row in rows {
            known.extend(row.target.clone());
            if row.action == Action::Create {
                known.insert(row.source.clone());
            }
        }
        for (_, row) in &sent {
            known.extend(row.target.as_ref().map(ToString::to_string));
            if row.action == Action::Create {
                known.insert(row.source.to_string());
            }
        }
        let rows = self.world.state().read(|view| view.plan_rows(PlanFilter::All, 0, u32::MAX));
        let mut planned: BTreeSet<String> = BTreeSet::new();
        for (_, row) in rows.map_err(|error| error.to_string())? {
            if row.status == ChangeStatus::Planned {
                planned.extend(row.target.as_ref().map(ToString::to_string));
                planned.insert(row.source.to_string());
            }
        }
        for request in requests.iter().filter(|request| request.is_write()) {
            let path = request.path.as_str();
            let named = path.strip_prefix("/Users/").or_else(|| path.strip_prefix("/Groups/"));
            let subject = if let Some(id) = named {
                id.to_owned()
            } else if path == "/Groups" {
                let body = request.body.clone().unwrap_or_default();
                body["externalId"].as_str().unwrap_or_default().to_owned()
            } else {
                let body = request.body.clone().unwrap_or_default();
                let key = body["externalId"].as_str().unwrap_or_default().to_owned();
                self.person(&key)?.id.to_string()
            };
            let is_planned_again = || request.status == Some(429) && planned.contains(&subject);
            if !known.contains(&subject) && !is_planned_again() {
                return Err(format!("a write that no plan knows: {request:?}"));
            }
        }
        Ok(())
    }

    /// Requests go where they are meant to go, and no credential reaches the state.
    fn judge_wire(&self, rows: &[LogRow]) -> Result<(), String> {
        let hosts = self.world.wire.hosts();
        if hosts.iter().any(|host| !HOSTS.contains(&host.as_str())) {
            return Err(format!("a request left for another host: {hosts:?}"));
        }
        let stored = self.world.state_bytes();
        let told = format!("{rows:?}");
        let logged = self.trace.take_log();
        let personal = ["@contoso.com", " Example\"", "Engineer", "Local title"];
        if let Some(word) = personal.iter().find(|word| logged.contains(**word)) {
            return Err(format!("`{word}` stands in the program's log"));
        }
        let (_, secret) = self.world.tenant.default_client();
        let mut secrets = self.world.wire.credentials();
        secrets.insert(secret.expose().to_owned());
        for secret in secrets {
            if memmem::find(&stored, secret.as_bytes()).is_some()
                || told.contains(&secret)
                || logged.contains(&secret)
            {
                return Err("a credential stands in the state or in a log".to_owned());
            }
        }
        Ok(())
    }

    /// Of those who are settled, a cycle that reads and decides everything anew changes nobody.
    ///
    /// Somebody who was purged may be gone from everything but a list that only such a cycle reads;
    /// and a mapping that compares with the clock took a wrong clock at its word.
    pub(super) async fn judge_clean_rows(&self) -> Result<(), String> {
        if self.was_skewed && self.setup.turns_at.is_some() {
            return Ok(());
        }
        let state = self.world.state();
        let mut dirty = BTreeSet::new();
        for kind in [ObjectKind::User, ObjectKind::Group] {
            let ids = state.read(|view| view.dirty_objects(kind, None, u32::MAX));
            dirty.extend(ids.map_err(|error| error.to_string())?);
        }
        let is_open = |id: SourceId| {
            dirty.contains(&id) || state.read(|view| view.escrow(id)).is_ok_and(|e| e.is_some())
        };
        let (rows, end) =
            self.world.pending(CycleOptions { initial: true, ..CycleOptions::default() }).await;
        if let Some(error) = end.error {
            return Err(format!("a full redraft ended early: {error}"));
        }
        // Who waits for the manager's account is settled until there is one.
        let waits = |row: &PlannedChange| {
            let manager = self.world.tenant.manager(row.source);
            // The account of somebody who was purged is a manager for as long as it is there.
            let was_purged = |change: &AttributeChange| {
                let known = change.old.as_ref().and_then(Value::as_str);
                let owner = known.and_then(|target| self.judge.owners.get(target));
                owner
                    .and_then(|key| self.person(key).ok())
                    .is_some_and(|owner| churn::is_purged(self, owner.id))
            };
            row.changes.iter().all(|change| change.path.attribute == "manager")
                && (manager.is_some_and(is_open) || row.changes.iter().any(was_purged))
        };
        // So is a group that waits for the account of a member.
        let waits_for_member = |row: &PlannedChange| {
            // Who was purged may stay in a list of members that only a full reading corrects.
            let is_gone = |change: &AttributeChange| {
                let known = change.old.as_ref().and_then(Value::as_str);
                let owner = known.and_then(|target| self.judge.owners.get(target));
                let owner = owner.and_then(|key| self.person(key).ok());
                owner.is_some_and(|owner| is_open(owner.id) || churn::is_purged(self, owner.id))
            };
            row.write == Write::Members
                && (self.members(row.source).into_iter().any(is_open)
                    || row.changes.iter().any(is_gone))
        };
        // Time brings about what is due, and has passed since; and the end of a group that was
        // purged may be told by no round of changes.
        let is_later = |row: &PlannedChange| match row.kind {
            ObjectKind::User => row.reason == Reason::DeleteAfterElapsed,
            ObjectKind::Group => row.reason == Reason::HardDeleted,
        };
        let is_found = |row: &&PlannedChange| {
            let is_settled = !is_open(row.source) && !churn::is_purged(self, row.source);
            is_settled && !is_later(row) && !waits(row) && !waits_for_member(row)
        };
        let told: Vec<String> = rows
            .iter()
            .filter(is_found)
            .map(|row| format!("{} {}: {}", row.action.as_str(), row.source_display, row.detail))
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        Err(format!("a full redraft finds something to do for the settled: {told:?}"))
    }

    /// The application is what the tenant says.
    pub(super) fn judge_projection(&self) -> Result<(), String> {
        let accounts = self.world.application.users();
        let active = self.active();
        let in_scope = self.in_scope();
        let mut wrong = Vec::new();
        for person in &self.people {
            let key = &person.key;
            let account = accounts.iter().find(|account| text(account, "externalId") == key);
            let kept = self.setup.leaving == Leaving::Keep;
            match (active.contains(&person.id), account) {
                (true, None) => wrong.push(format!("{key} has no account")),
                (true, Some(account)) => wrong.extend(self.differences(person, account, &accounts)),
                (false, None) => {}
                (false, Some(account)) => {
                    if churn::is_purged(self, person.id) && !kept {
                        wrong.push(format!("{key} was purged and still has an account"));
                    }
                    let left = !in_scope.contains(&person.id);
                    if is_active(account) && !kept {
                        wrong.push(format!("{key} still has an active account"));
                    }
                    let live = self.world.tenant.is_live(person.id);
                    // A clock that was ahead for a while counts from another day.
                    let is_due = self.setup.delete_after.is_some() && !self.was_skewed;
                    if left && (live && self.setup.leaving == Leaving::Delete || is_due) {
                        wrong.push(format!("{key} left the scope and still has an account"));
                    }
                }
            }
        }
        wrong.extend(self.judge_groups());
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }

    fn differences(
        &self,
        person: &Person,
        account: &Map<String, Value>,
        accounts: &[Map<String, Value>],
    ) -> Vec<String> {
        let attributes = self.world.tenant.attributes(person.id);
        let source = |name: &str| attributes.get(name).cloned().unwrap_or(Value::Null);
        let seeded = self.judge.seeded.get(text(account, "id"));
        let local = |name: &str| seeded.and_then(|seeded| seeded.get(name)).cloned();
        let account = json!(account);
        let work = account["emails"].as_array().and_then(|emails| {
            emails.iter().find(|email| email["type"] == "work").map(|email| email["value"].clone())
        });
        // A value that was there before and that the tenant never had is not ours to clear.
        let mut title = source("jobTitle");
        if title.is_null() && !account["title"].is_null() {
            title = local("title").unwrap_or_default();
        }
        // An application that has never shown a title of anybody may keep titles to itself.
        if self.was_meddled_with && account["title"].is_null() && !self.judge.titles_were_shown {
            title = Value::Null;
        }
        let mut pairs = vec![
            ("userName", source("userPrincipalName"), account["userName"].clone()),
            ("active", json!(true), account["active"].clone()),
            ("displayName", source("displayName"), account["displayName"].clone()),
            ("title", title, account["title"].clone()),
            ("work email", source("mail"), work.unwrap_or_default()),
            ("givenName", source("givenName"), account["name"]["givenName"].clone()),
            ("familyName", source("surname"), account["name"]["familyName"].clone()),
            ("department", source("department"), account[ENTERPRISE]["department"].clone()),
        ];
        if self.setup.managers {
            let got = account[ENTERPRISE]["manager"]["value"].clone();
            let mut managers = self.expected_managers(person, accounts);
            let manager = managers.pop().unwrap_or_default();
            let manager = if managers.contains(&got) { got.clone() } else { manager };
            pairs.push(("manager", manager, got));
        }
        if self.setup.turns_at.is_some() {
            let nick = account["nickName"].as_str().unwrap_or_default();
            let drawn = nick.rsplit_once('-').map(|(name, _)| json!(name)).unwrap_or_default();
            pairs.push(("nickName", json!(person.key), drawn));
            pairs.push(("userType", json!("late"), account["userType"].clone()));
        }
        let fold = |value: &Value| value.to_string().to_lowercase();
        pairs
            .iter()
            .filter(|(_, wanted, got)| fold(wanted) != fold(got))
            .map(|(name, wanted, got)| format!("{}: {name} is {got}, not {wanted}", person.key))
            .collect()
    }

    /// The manager's account, wherever there is one that we keep. More than one answer is right
    /// where it depends on what came first.
    fn expected_managers(&self, person: &Person, accounts: &[Map<String, Value>]) -> Vec<Value> {
        let manager = self.world.tenant.manager(person.id);
        let known = manager.and_then(|id| self.people.iter().find(|other| other.id == id));
        let Some(manager) = known else { return vec![Value::Null] };
        let keyed = accounts.iter().find(|account| text(account, "externalId") == manager.key);
        // What was adopted without a write, or with one that was lost, has no key.
        let is_adopted = |account: &&Map<String, Value>| {
            !account.contains_key("externalId")
                && self.judge.owners.get(text(account, "id")) == Some(&manager.key)
        };
        let account = keyed.or_else(|| accounts.iter().find(is_adopted));
        let account = account.map_or(Value::Null, |account| account["id"].clone());
        if self.setup.leaving != Leaving::Keep || self.in_scope().contains(&manager.id) {
            return vec![account];
        }
        // The account of somebody who left the scope is a memory, not a link. That of somebody
        // who was deleted stays linked, unless it was a memory before.
        if self.world.tenant.is_live(manager.id) {
            vec![Value::Null]
        } else {
            vec![account, Value::Null]
        }
    }
}

//! A day in the tenant's life, and what it has to lead to at the application.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    model::{DEFAULT_ACCESS, SourceId},
    sandbox::{
        population::Contoso,
        tenant::{Tenant, UserSpec},
    },
    store::Totals,
};

/// What a cycle has to do, failures and held changes not included: there must be none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// People in scope afterwards.
    pub(super) in_scope: u64,
    /// Accounts created.
    pub(super) create: u64,
    /// Existing accounts linked.
    pub(super) adopt: u64,
    /// Accounts updated.
    pub(super) update: u64,
    /// Accounts enabled.
    pub(super) enable: u64,
    /// Accounts disabled.
    pub(super) disable: u64,
    /// Accounts deleted.
    pub(super) delete: u64,
}

impl Expected {
    /// Says what is different from what the cycle did; empty where nothing is.
    pub(super) fn differences(&self, totals: &Totals) -> Vec<String> {
        let rows = [
            ("in scope", self.in_scope, totals.in_scope),
            ("created", self.create, totals.create),
            ("adopted", self.adopt, totals.adopt),
            ("updated", self.update, totals.update),
            ("enabled", self.enable, totals.enable),
            ("disabled", self.disable, totals.disable),
            ("deleted", self.delete, totals.delete),
            ("failed", 0, totals.failure),
            ("held", 0, totals.held),
        ];
        rows.iter()
            .filter(|(_, expected, found)| expected != found)
            .map(|(what, expected, found)| format!("{what}: {found}, expected {expected}"))
            .collect()
    }
}

/// Who holds a role other than Default Access, directly or by a group, and is not deleted. Worked
/// out from the tenant alone, not as the engine does it.
pub(super) fn assigned(tenant: &Tenant, contoso: &Contoso) -> BTreeSet<SourceId> {
    let groups: BTreeSet<SourceId> = tenant.groups().into_iter().collect();
    let users: BTreeSet<SourceId> = tenant.users().into_iter().collect();
    let assignments = tenant.assignments(contoso.application);
    let holders = assignments.iter().filter(|(_, role)| *role != DEFAULT_ACCESS).map(|(id, _)| *id);
    let people =
        holders.flat_map(|id| if groups.contains(&id) { tenant.members(id) } else { vec![id] });
    people.filter(|id| users.contains(id)).collect()
}

/// What an initial cycle has to do: an account for everybody who is assigned and enabled, and a
/// manager for those whose manager gets one too.
pub(super) fn initial(tenant: &Tenant, contoso: &Contoso, world: Beforehand) -> Expected {
    let assigned = assigned(tenant, contoso);
    let is_enabled =
        |id: &SourceId| tenant.attributes(*id).get("accountEnabled") != Some(&Value::Bool(false));
    let accounts: BTreeSet<SourceId> = assigned.iter().copied().filter(is_enabled).collect();
    let led = accounts
        .iter()
        .filter(|id| tenant.manager(**id).is_some_and(|manager| accounts.contains(&manager)));
    Expected {
        in_scope: assigned.len() as u64,
        create: accounts.len() as u64 - world.matching,
        adopt: world.matching,
        update: led.count() as u64,
        enable: world.matching_disabled,
        ..Expected::default()
    }
}

/// Accounts that are at the application before the first cycle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beforehand {
    /// Of people who are assigned.
    pub(super) matching: u64,
    /// Of those, disabled ones.
    pub(super) matching_disabled: u64,
}

/// What happened, one line each, and what it has to lead to.
pub(super) struct Day {
    pub(super) events: Vec<String>,
    pub(super) expected: Expected,
}

/// Lets a day pass: joiners, movers, leavers.
pub(super) fn pass(tenant: &Tenant, contoso: &Contoso) -> Day {
    let before = assigned(tenant, contoso).len() as u64;
    let mut events = join(tenant, contoso);
    events.extend(move_people(tenant, contoso));
    events.extend(leave(tenant, contoso));
    // Of the four who leave, the disabled one stays in scope: only the account's `active` follows.
    let expected = Expected {
        in_scope: before + 3 - 3,
        create: 3,
        update: 2,
        disable: 3,
        delete: 1,
        ..Expected::default()
    };
    Day { events, expected }
}

fn join(tenant: &Tenant, contoso: &Contoso) -> Vec<String> {
    let joiner = |alias: &str, given: &str, family: &str, department: &str| {
        let address = format!("{alias}@contoso.example");
        let spec = UserSpec::named(&address, &format!("{given} {family}"))
            .with("givenName", given)
            .with("surname", family)
            .with("mail", address.as_str())
            .with("mailNickname", alias)
            .with("department", department);
        tenant.add_user(spec)
    };
    let mut events = Vec::new();
    for (alias, given, family) in
        [("lena.vogt", "Lena", "Vogt"), ("marco.bianchi", "Marco", "Bianchi")]
    {
        let id = joiner(alias, given, family, "Engineering");
        tenant.assign(contoso.application, id, contoso.roles["editor"]);
        events.push(format!("{given} {family} joins and is assigned as Editor"));
    }
    let id = joiner("sofia.lund", "Sofia", "Lund", "Support");
    let group = contoso.groups["empty"];
    tenant.add_member(group, id);
    events.push("Sofia Lund joins and is put into the group CRM Pilot, which is Viewer".to_owned());
    events
}

fn move_people(tenant: &Tenant, contoso: &Contoso) -> Vec<String> {
    let ada = contoso.people["ada"];
    for (name, value) in [
        ("surname", "Lovell"),
        ("displayName", "Ada Lovell"),
        ("userPrincipalName", "ada.lovell@contoso.example"),
        ("mail", "ada.lovell@contoso.example"),
        ("mailNickname", "ada.lovell"),
    ] {
        tenant.set_attribute(ada, name, value);
    }
    let grace = contoso.people["grace"];
    tenant.set_attribute(grace, "department", "Marketing");
    vec![
        "Ada Berg marries and is Ada Lovell now, with a new address".to_owned(),
        "Grace Moor moves from Sales to Marketing".to_owned(),
    ]
}

/// Four ordinary people whose only way into the application is their own assignment, and who
/// manage nobody: so each departure concerns one account.
fn leave(tenant: &Tenant, contoso: &Contoso) -> Vec<String> {
    let mut leavers = ordinary(tenant, contoso).into_iter();
    let mut events = Vec::new();
    if let Some((id, name)) = leavers.next() {
        tenant.soft_delete_user(id);
        events.push(format!("{name} leaves: the user is deleted, and can be restored for 30 days"));
    }
    if let Some((id, name)) = leavers.next() {
        tenant.disable_user(id);
        events.push(format!("{name} is disabled"));
    }
    if let Some((id, name)) = leavers.next() {
        tenant.soft_delete_user(id);
        tenant.purge_user(id);
        events.push(format!("{name} is deleted for good"));
    }
    if let Some((id, name)) = leavers.next() {
        tenant.unassign(contoso.application, id, None);
        events.push(format!("{name} is unassigned from the application"));
    }
    events
}

fn ordinary(tenant: &Tenant, contoso: &Contoso) -> Vec<(SourceId, String)> {
    let assignments = tenant.assignments(contoso.application);
    let by_group: BTreeSet<SourceId> =
        assignments.iter().flat_map(|(id, _)| tenant.members(*id)).collect();
    let managers: BTreeSet<SourceId> =
        contoso.users.iter().filter_map(|id| tenant.manager(*id)).collect();
    let notable: BTreeSet<SourceId> = contoso.people.values().copied().collect();
    let is_enabled =
        |id: &SourceId| tenant.attributes(*id).get("accountEnabled") != Some(&Value::Bool(false));
    let direct: BTreeSet<SourceId> =
        assignments.iter().filter(|(_, role)| *role != DEFAULT_ACCESS).map(|(id, _)| *id).collect();
    contoso
        .users
        .iter()
        .filter(|id| direct.contains(id) && is_enabled(id))
        .filter(|id| !by_group.contains(id) && !managers.contains(id) && !notable.contains(id))
        .map(|id| {
            let name = tenant.attributes(*id).get("displayName").cloned().unwrap_or_default();
            (*id, name.as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

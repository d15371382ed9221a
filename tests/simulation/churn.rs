//! What happens in a tenant between two cycles.

use std::collections::BTreeSet;

use entra_scim::model::{Clock as _, DEFAULT_ACCESS, SourceId, Timestamp};
use serde_json::{Value, json};

use super::{
    groups,
    setup::{Filter, Leaving},
    story::{Person, Story, spec},
};

/// Somebody new: assigned, in a group, or neither.
pub(super) fn hire(story: &mut Story) {
    let key = format!("p{:02}", story.people.len());
    let name = format!("{key}.0@contoso.com");
    hire_as(story, &key, &name);
}

/// Somebody new in the tenant, who is not assigned.
pub(super) fn enter(story: &mut Story, key: &str, name: &str) -> usize {
    let id = story.world.tenant.add_user(spec(key, name));
    let mut names = BTreeSet::new();
    names.insert(name.to_owned());
    story.people.push(Person {
        key: key.to_owned(),
        id,
        names,
        unentitled_at: story.world.clock.now(),
        in_scope_at: story.world.clock.now(),
        swapped_at: Timestamp::default(),
        ever_granted: false,
        ever_passed: false,
        awaits_rename: false,
    });
    story.people.len() - 1
}

fn hire_as(story: &mut Story, key: &str, name: &str) {
    let who = enter(story, key, name);
    let id = story.people[who].id;
    match story.rng.u8(..6) {
        0..=3 => assign(story, who),
        4 => join(story, who),
        _ => {}
    }
    if story.rng.u8(..8) == 0 {
        story.world.tenant.disable_user(id);
        story.say(format!("{key} is hired as {name}, and disabled"));
    } else {
        story.say(format!("{key} is hired as {name}"));
    }
    if who > 0 && story.rng.u8(..3) > 0 {
        let manager = story.people[story.rng.usize(..who)].id;
        if story.world.tenant.is_live(manager) {
            story.world.tenant.set_manager(id, Some(manager));
        }
    }
    story.note_entitlements();
}

fn key(story: &Story, who: usize) -> String {
    story.people[who].key.clone()
}

/// Anybody but the first, who never changes, if there is one of this kind.
fn anybody(story: &mut Story, suits: impl Fn(&Story, &Person) -> bool) -> Option<usize> {
    let suitable: Vec<usize> =
        (1..story.people.len()).filter(|who| suits(story, &story.people[*who])).collect();
    if suitable.is_empty() {
        return None;
    }
    Some(suitable[story.rng.usize(..suitable.len())])
}

fn live(story: &Story, person: &Person) -> bool {
    story.world.tenant.is_live(person.id)
}

/// Live, and not in the middle of giving its name to another.
fn free(story: &Story, person: &Person) -> bool {
    live(story, person) && !person.awaits_rename
}

/// One thing happens.
pub(super) fn happen(story: &mut Story) {
    settle_renames(story);
    match story.rng.u8(..16) {
        0 => swap_access(story),
        1 => change_role(story),
        2 if story.rng.bool() => unassign_and_purge(story),
        2 => reuse_name(story),
        3 | 4 if story.setup.groups => groups::happen(story),
        _ => happen_as_usual(story),
    }
    story.note_entitlements();
}

fn happen_as_usual(story: &mut Story) {
    match story.rng.u8(..100) {
        0..=7 => hire(story),
        8..=15 => rename(story),
        16..=29 => change_attribute(story),
        30..=35 => change_manager(story),
        36..=43 => disable(story),
        44..=51 => enable(story),
        52..=59 => unassign(story),
        60..=65 => {
            if let Some(who) = anybody(story, live) {
                assign(story, who);
            }
        }
        66..=70 => {
            if let Some(who) = anybody(story, live) {
                join(story, who);
            }
        }
        71..=75 => leave(story),
        76..=82 => change_group(story),
        83..=88 => soft_delete(story),
        89..=92 => restore(story),
        93..=96 => purge(story),
        97 => pass_name_on(story),
        _ => rehire(story),
    }
}

/// A group is replaced by a direct assignment, or the other way round, and nobody should notice.
fn swap_access(story: &mut Story) {
    let (app, role) = (story.world.enterprise_app, story.roles[0]);
    let number = story.rng.usize(..story.groups.len());
    let group = story.groups[number];
    let tenant = story.world.tenant.clone();
    if !tenant.is_live(group) {
        return;
    }
    let Some(who) = anybody(story, free) else { return };
    let id = story.people[who].id;
    story.people[who].swapped_at = story.world.clock.now();
    if tenant.is_member(group, id) {
        tenant.assign(app, id, role);
        tenant.remove_member(group, id);
        story.say(format!("{} is assigned instead of being in group {number}", key(story, who)));
    } else {
        story.rounds_stand = false;
        tenant.assign(app, group, role);
        tenant.add_member(group, id);
        tenant.unassign(app, id, None);
        story.say(format!("{} is in group {number} instead of being assigned", key(story, who)));
    }
}

/// Somebody who is assigned directly gets another role for the one there is.
fn change_role(story: &mut Story) {
    let (app, tenant) = (story.world.enterprise_app, story.world.tenant.clone());
    let assigned = tenant.assignments(app);
    let holds = |_: &Story, person: &Person| assigned.iter().any(|(id, _)| *id == person.id);
    let Some(who) = anybody(story, holds) else { return };
    let id = story.people[who].id;
    if !tenant.is_live(id) {
        return;
    }
    let old = assigned.iter().find(|(holder, _)| *holder == id).map(|(_, role)| *role);
    let role = story.roles[story.rng.usize(..2)];
    if old == Some(role) {
        return;
    }
    tenant.assign(app, id, role);
    tenant.unassign(app, id, old);
    story.say(format!("{} gets another role", key(story, who)));
}

/// Somebody leaves, and is deleted for good before any cycle has seen it.
fn unassign_and_purge(story: &mut Story) {
    let Some(who) = anybody(story, free) else { return };
    let (app, id) = (story.world.enterprise_app, story.people[who].id);
    story.world.tenant.unassign(app, id, None);
    story.world.tenant.purge_user(id);
    story.say(format!("{} is unassigned and purged", key(story, who)));
}

/// Somebody is purged, and somebody new has the name before the account is gone.
fn reuse_name(story: &mut Story) {
    if story.setup.leaving == Leaving::Keep {
        return;
    }
    let Some(who) = anybody(story, free) else { return };
    let attributes = story.world.tenant.attributes(story.people[who].id);
    let name = attributes.get("userPrincipalName").and_then(Value::as_str).unwrap_or_default();
    let owned = story.world.account(name);
    if owned.is_none_or(|account| account["externalId"] != *story.people[who].key) {
        return;
    }
    // An account whose create had no answer would be claimed by both, and is for a person to decide.
    let id = story.people[who].id;
    if story.world.state().read(|view| view.linked_target(id)).is_ok_and(|link| link.is_none()) {
        return;
    }
    story.world.tenant.purge_user(story.people[who].id);
    story.say(format!("{} is purged", key(story, who)));
    let newcomer = format!("p{:02}", story.people.len());
    hire_as(story, &newcomer, name);
}

/// The application loses the account of everybody who should have one, and the administrator has
/// all links doubted. Nobody can know of accounts that nobody needs.
pub(super) fn empty_application(story: &mut Story) {
    let application = story.world.application.clone();
    let active = story.active();
    for person in story.people.iter().filter(|person| active.contains(&person.id)) {
        let accounts = application.users().into_iter();
        for account in
            accounts.filter(|account| account.get("externalId") == Some(&json!(person.key)))
        {
            application.tamper_delete(account["id"].as_str().unwrap_or_default());
        }
    }
    story.world.state().write(|tx| tx.rematch_links()).expect("the state works");
    story.judge.forgive_lost_accounts();
    story.say("the application loses all accounts, and all links are doubted");
}

/// Several people join a group at once, or leave it.
pub(super) fn crowd(story: &mut Story, number: usize) {
    let group = story.groups[number];
    for _ in 0..story.rng.usize(3..=6) {
        let Some(who) = anybody(story, free) else { return };
        let id = story.people[who].id;
        if story.world.tenant.is_member(group, id) {
            story.world.tenant.remove_member(group, id);
        } else {
            story.world.tenant.add_member(group, id);
        }
    }
    story.say(format!("many join or leave group {number}"));
}

fn assign(story: &mut Story, who: usize) {
    let role = story.roles[story.rng.usize(..story.roles.len())];
    let (app, id) = (story.world.enterprise_app, story.people[who].id);
    story.world.tenant.assign(app, id, role);
    let how = if role == DEFAULT_ACCESS { "Default Access" } else { "a role" };
    story.say(format!("{} is assigned with {how}", key(story, who)));
}

fn unassign(story: &mut Story) {
    let Some(who) = anybody(story, free) else { return };
    let (app, id) = (story.world.enterprise_app, story.people[who].id);
    story.world.tenant.unassign(app, id, None);
    story.say(format!("{} is unassigned", key(story, who)));
}

fn join(story: &mut Story, who: usize) {
    let number = story.rng.usize(..story.groups.len());
    story.world.tenant.add_member(story.groups[number], story.people[who].id);
    story.say(format!("{} joins group {number}", key(story, who)));
}

fn leave(story: &mut Story) {
    let number = story.rng.usize(..story.groups.len());
    let group = story.groups[number];
    let member = |story: &Story, person: &Person| {
        free(story, person) && story.world.tenant.is_member(group, person.id)
    };
    let Some(who) = anybody(story, member) else { return };
    story.world.tenant.remove_member(group, story.people[who].id);
    story.say(format!("{} leaves group {number}", key(story, who)));
}

/// Somebody changes accounts at the application, behind the back of the directory.
pub(super) fn meddle(story: &mut Story) {
    for _ in 0..story.meddler.usize(0..=2) {
        let ours: Vec<String> = story
            .world
            .application
            .users()
            .iter()
            .filter(|account| account.contains_key("externalId"))
            .filter_map(|account| account.get("id")?.as_str().map(str::to_owned))
            .collect();
        if ours.is_empty() {
            return;
        }
        let number = story.meddler.usize(..ours.len());
        // Of an application that lost every linked account nothing is concluded.
        meddle_with(story, &ours[number], number > 0);
    }
}

fn meddle_with(story: &mut Story, id: &str, may_go: bool) {
    let number = story.meddler.u32(..1_000);
    let account = story.world.application.user(id).unwrap_or_default();
    let owner = account.get("externalId").and_then(Value::as_str).unwrap_or_default();
    let is_wanted = story
        .people
        .iter()
        .any(|person| person.key == owner && story.active().contains(&person.id));
    let application = &story.world.application;
    match story.meddler.u8(..5) {
        0 => application.tamper(id, "displayName", Some(format!("Meddled {number}").into())),
        1 => application.tamper(id, "title", None),
        2 => application.tamper(id, "active", Some(true.into())),
        3 => application.tamper(id, "active", Some(false.into())),
        // Nobody would miss the account of somebody who is to have none; and one that others refer
        // to is refused to them until a comparison misses it, which may be a week.
        _ if is_wanted && may_go && !story.setup.managers => application.tamper_delete(id),
        _ => return,
    };
    story.was_meddled_with = true;
    story.say(format!("somebody changes account {id} of {owner} at the application"));
}

/// A group is assigned, unassigned, deleted or restored.
fn change_group(story: &mut Story) {
    let number = story.rng.usize(..story.groups.len());
    let (app, group) = (story.world.enterprise_app, story.groups[number]);
    let members = story.members(group);
    let frees =
        story.people.iter().any(|person| person.awaits_rename && members.contains(&person.id));
    let is_live = story.world.tenant.is_live(group);
    story.rounds_stand = false;
    match story.rng.u8(..10) {
        0..=5 if is_live => {
            let role = story.roles[story.rng.usize(..story.roles.len())];
            story.world.tenant.assign(app, group, role);
            story.say(format!("group {number} is assigned"));
        }
        6 | 7 if !frees => {
            story.world.tenant.unassign(app, group, None);
            story.say(format!("group {number} is unassigned"));
        }
        // Without the group of its filter the engine ends every cycle, as it should.
        8 if is_live && !frees && (number > 0 || story.setup.filter != Filter::FirstGroup) => {
            story.world.tenant.delete_group(group);
            story.say(format!("group {number} is deleted"));
        }
        9 if !is_live => {
            story.world.tenant.restore_group(group);
            story.say(format!("group {number} is restored"));
        }
        _ => {}
    }
}

fn rename(story: &mut Story) {
    let Some(who) = anybody(story, live) else { return };
    let name = fresh_name(story, who);
    give_name(story, who, &name);
    story.say(format!("{} is renamed {name}", key(story, who)));
}

fn fresh_name(story: &mut Story, who: usize) -> String {
    let person = &story.people[who];
    format!("{}.{}@contoso.com", person.key, person.names.len())
}

pub(super) fn give_name(story: &mut Story, who: usize, name: &str) {
    story.people[who].names.insert(name.to_owned());
    let id = story.people[who].id;
    story.world.tenant.set_attribute(id, "userPrincipalName", name);
    if story.rng.bool() {
        story.world.tenant.set_attribute(id, "mail", name);
    }
}

/// One person is renamed, and another takes the name at once.
fn pass_name_on(story: &mut Story) {
    let active = story.active();
    let suits = |_: &Story, person: &Person| active.contains(&person.id) && !person.awaits_rename;
    let Some(giver) = anybody(story, suits) else { return };
    let Some(taker) = anybody(story, suits) else { return };
    let attributes = story.world.tenant.attributes(story.people[giver].id);
    let old = attributes.get("userPrincipalName").and_then(Value::as_str).unwrap_or_default();
    let known = story.world.account(old);
    let owned = known.is_some_and(|account| account["externalId"] == *story.people[giver].key);
    if giver == taker || !owned {
        return;
    }
    let name = fresh_name(story, giver);
    give_name(story, giver, &name);
    give_name(story, taker, old);
    for who in [giver, taker] {
        story.people[who].awaits_rename = true;
    }
    story.say(format!("{} gives the name {old} to {}", key(story, giver), key(story, taker)));
}

/// Renames that have reached the application tie nobody any more.
fn settle_renames(story: &mut Story) {
    for who in 0..story.people.len() {
        if !story.people[who].awaits_rename {
            continue;
        }
        let attributes = story.world.tenant.attributes(story.people[who].id);
        let name = attributes.get("userPrincipalName").and_then(Value::as_str).unwrap_or_default();
        let account = story.world.account(name);
        if account.is_some_and(|account| account["externalId"] == *story.people[who].key) {
            story.people[who].awaits_rename = false;
        }
    }
}

fn change_attribute(story: &mut Story) {
    let Some(who) = anybody(story, live) else { return };
    let number = story.rng.u32(..1_000);
    let (name, value) = match story.rng.u8(..7) {
        0 => ("displayName", Value::from(format!("Display {number}"))),
        1 => ("jobTitle", Value::from(format!("Title {number}"))),
        2 => ("jobTitle", Value::Null),
        3 => ("department", Value::from(format!("Department {}", number % 4))),
        4 => ("givenName", Value::from(format!("Given {number}"))),
        5 => ("mail", Value::Null),
        _ => ("mail", Value::from(format!("mail{number}@contoso.com"))),
    };
    story.say(format!("{}: {name} becomes {value}", key(story, who)));
    story.world.tenant.set_attribute(story.people[who].id, name, value);
}

fn change_manager(story: &mut Story) {
    let Some(who) = anybody(story, live) else { return };
    let manager = anybody(story, live).filter(|manager| *manager != who);
    let id = manager.map(|manager| story.people[manager].id);
    story.world.tenant.set_manager(story.people[who].id, id);
    let name = manager.map_or_else(|| "nobody".to_owned(), |manager| key(story, manager));
    story.say(format!("{} reports to {name}", key(story, who)));
}

fn disable(story: &mut Story) {
    let Some(who) = anybody(story, free) else { return };
    story.world.tenant.disable_user(story.people[who].id);
    story.say(format!("{} is disabled", key(story, who)));
}

fn enable(story: &mut Story) {
    let disabled = |story: &Story, person: &Person| {
        live(story, person)
            && story.world.tenant.attributes(person.id).get("accountEnabled")
                == Some(&Value::Bool(false))
    };
    let Some(who) = anybody(story, disabled) else { return };
    story.world.tenant.enable_user(story.people[who].id);
    story.say(format!("{} is enabled", key(story, who)));
}

fn soft_delete(story: &mut Story) {
    let Some(who) = anybody(story, free) else { return };
    story.world.tenant.soft_delete_user(story.people[who].id);
    story.say(format!("{} is soft-deleted", key(story, who)));
}

fn restore(story: &mut Story) {
    let restorable =
        |story: &Story, person: &Person| !live(story, person) && !is_purged(story, person.id);
    let Some(who) = anybody(story, restorable) else { return };
    story.world.tenant.restore_user(story.people[who].id);
    story.say(format!("{} is restored", key(story, who)));
}

fn purge(story: &mut Story) {
    let there =
        |story: &Story, person: &Person| !person.awaits_rename && !is_purged(story, person.id);
    let Some(who) = anybody(story, there) else { return };
    story.world.tenant.purge_user(story.people[who].id);
    story.say(format!("{} is purged", key(story, who)));
}

/// Whether a person is gone for good: nothing is left of it.
pub(super) fn is_purged(story: &Story, id: SourceId) -> bool {
    story.world.tenant.attributes(id).is_empty()
}

/// Somebody new takes the name of somebody purged, whose account is gone too.
fn rehire(story: &mut Story) {
    let forgotten = |story: &Story, person: &Person| {
        is_purged(story, person.id)
            && person.names.first().is_some_and(|name| story.world.account(name).is_none())
            && !story.people.iter().any(|other| {
                other.id != person.id
                    && person.names.first().is_some_and(|n| other.names.contains(n))
            })
    };
    let Some(who) = anybody(story, forgotten) else { return };
    let Some(name) = story.people[who].names.first().cloned() else { return };
    let key = format!("p{:02}", story.people.len());
    hire_as(story, &key, &name);
}

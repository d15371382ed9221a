//! Groups in a seed's story: what happens to them, and what the application must have of them.
//!
//! Which groups should be there, and with which members, is worked out from the tenant alone.

use std::collections::{BTreeMap, BTreeSet};

use entra_scim::model::{DEFAULT_ACCESS, SourceId};
use serde_json::{Map, Value, json};

use super::{
    churn,
    setup::{Filter, Leaving},
    story::Story,
};

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The ids of a group's members at the application.
fn members_of(group: &Map<String, Value>) -> BTreeSet<String> {
    let members = group.get("members").and_then(Value::as_array);
    let ids = members.into_iter().flatten().map(|member| &member["value"]);
    ids.filter_map(|id| Some(id.as_str()?.to_owned())).collect()
}

impl Story {
    /// Everybody who is in a group: directly, and in groups inside it where these count.
    pub(super) fn members(&self, group: SourceId) -> BTreeSet<SourceId> {
        let tenant = &self.world.tenant;
        let (mut seen, mut people, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![group]);
        while let Some(group) = next.pop() {
            if !tenant.is_live(group) || !seen.insert(group) {
                continue;
            }
            for member in tenant.members(group) {
                if !self.groups.contains(&member) {
                    people.insert(member);
                } else if self.setup.nested {
                    next.push(member);
                }
            }
        }
        people
    }

    /// The groups that should be objects at the application.
    pub(super) fn wanted_groups(&self) -> BTreeSet<SourceId> {
        let (tenant, app) = (&self.world.tenant, self.world.enterprise_app);
        let assigned: BTreeSet<SourceId> = tenant
            .assignments(app)
            .into_iter()
            .filter(|(_, role)| *role != DEFAULT_ACCESS || !self.setup.excludes_default)
            .map(|(principal, _)| principal)
            .collect();
        let belongs = |group: &SourceId| {
            self.setup.groups
                && tenant.is_live(*group)
                && (self.setup.everybody || assigned.contains(group))
        };
        self.groups.iter().copied().filter(belongs).collect()
    }

    /// A group that only the application knows, with a member that only it knows.
    pub(super) fn seed_local_group(&mut self) {
        let strangers = self.world.application.users();
        let member = strangers.first().map(|user| json!({ "value": user["id"] }));
        let members: Vec<Value> = member.into_iter().collect();
        let group = json!({ "displayName": "A group of the application", "members": members });
        let Value::Object(group) = group else { return };
        self.world.application.seed_group(group);
        self.local_groups = self.world.application.groups();
    }

    /// Groups that are not ours are as they were.
    pub(super) fn judge_local_groups(&self) -> Result<(), String> {
        let groups = self.world.application.groups();
        for local in &self.local_groups {
            let found = groups.iter().find(|group| group["id"] == local["id"]);
            // Its one member may have been an account that its person took and lost.
            let is_same = |group: &Map<String, Value>| {
                group["displayName"] == local["displayName"]
                    && group.get("externalId") == local.get("externalId")
                    && members_of(group).is_subset(&members_of(local))
            };
            if !found.is_some_and(is_same) {
                return Err(format!(
                    "a group of the application was changed: {local:?}, {found:?}"
                ));
            }
        }
        let mut seen = BTreeSet::new();
        for group in groups.iter().filter(|group| group.contains_key("externalId")) {
            if !seen.insert(text(group, "externalId")) {
                return Err(format!("a group is there twice: {group:?}"));
            }
            let known =
                self.groups.iter().any(|known| known.to_string() == text(group, "externalId"));
            if !known {
                return Err(format!("a group is there that nobody has: {group:?}"));
            }
        }
        Ok(())
    }

    /// The groups at the application, at rest, are those of the tenant with their members.
    pub(super) fn judge_groups(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.setup.groups {
            return wrong;
        }
        let groups = self.world.application.groups();
        let wanted = self.wanted_groups();
        let accounts: BTreeMap<String, String> = self
            .world
            .application
            .users()
            .iter()
            .map(|user| (text(user, "externalId").to_owned(), text(user, "id").to_owned()))
            .collect();
        let (in_scope, kept) = (self.in_scope(), self.setup.leaving == Leaving::Keep);
        for group in &self.groups {
            let id = group.to_string();
            let found = groups.iter().find(|known| text(known, "externalId") == id);
            let Some(found) = found else {
                if wanted.contains(group) {
                    wrong.push(format!("the group {id} is not there"));
                }
                continue;
            };
            if !wanted.contains(group) {
                if !kept {
                    wrong.push(format!("the group {id} is there and nobody wants it"));
                }
                continue;
            }
            let name = self.world.tenant.attributes(*group).remove("displayName");
            if found.get("displayName") != name.as_ref() {
                wrong.push(format!("the group {id} is called {}", found["displayName"]));
            }
            let (are, should) = (members_of(found), self.members(*group));
            for person in &self.people {
                let Some(account) = accounts.get(&person.key) else { continue };
                let (is, key) = (are.contains(account), &person.key);
                match (should.contains(&person.id), in_scope.contains(&person.id)) {
                    (true, true) if !is => wrong.push(format!("{key} is not in the group {id}")),
                    // A kept account keeps its memberships while the directory has them.
                    (true, false) if is && !kept => {
                        wrong.push(format!("{key} left and is in the group {id}"));
                    }
                    (false, _) if is => wrong.push(format!("{key} is in the group {id}")),
                    (true | false, _) => {}
                }
            }
        }
        wrong
    }
}

/// A group is renamed, or takes another one in, or lets it go.
pub(super) fn happen(story: &mut Story) {
    let number = story.rng.usize(..story.groups.len());
    let group = story.groups[number];
    if !story.world.tenant.is_live(group) {
        return;
    }
    match story.rng.u8(..4) {
        // A filter knows the first group by its name.
        0 | 1 if number > 0 || story.setup.filter != Filter::FirstGroup => {
            let name = format!("Group {number}.{}", story.rng.u16(..));
            story.world.tenant.rename_group(group, &name);
            story.say(format!("group {number} is renamed {name}"));
        }
        2 => {
            let other = story.rng.usize(..story.groups.len());
            if other != number {
                story.world.tenant.add_member(group, story.groups[other]);
                story.rounds_stand = false;
                story.say(format!("group {number} takes group {other} in"));
            }
        }
        3 => let_go(story, number),
        _ => churn::crowd(story, number),
    }
}

fn let_go(story: &mut Story, number: usize) {
    let group = story.groups[number];
    let inside: Vec<SourceId> = story
        .world
        .tenant
        .members(group)
        .into_iter()
        .filter(|member| story.groups.contains(member))
        .collect();
    let Some(inner) = inside.first().copied() else { return };
    let leaving = story.members(inner);
    if story.people.iter().any(|person| person.awaits_rename && leaving.contains(&person.id)) {
        return;
    }
    story.world.tenant.remove_member(group, inner);
    story.rounds_stand = false;
    story.say(format!("group {number} lets a group go"));
}

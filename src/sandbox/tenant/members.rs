//! Members of a group, direct and transitive, and the groups of a user.
//!
//! Owns the closure over nested groups and the rules for casts, which need the eventual index.

use std::collections::BTreeSet;

use super::{
    answer::{Refusal, Reply},
    call::Call,
    filter, list, render,
    state::{ObjectType, State},
};
use crate::model::SourceId;

/// How deep membership is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Direct,
    Transitive,
}

/// `GET /groups/{id}/members[/cast][/$count]` and `transitiveMembers`.
pub(super) fn members(
    state: &mut State,
    call: &Call,
    key: &str,
    depth: Depth,
    tail: &[String],
) -> Result<Reply, Refusal> {
    let basic = call.has_role(&["GroupMember.ReadBasic.All"]);
    if !basic {
        list::require(call, render::readers(ObjectType::Group))?;
    }
    let group = list::resolve(state, ObjectType::Group, key)?;
    let (cast, counts) = parse_tail(call, tail)?;
    check(state, call, group, cast)?;
    let ids: Vec<SourceId> = visible_members(state, call, group, depth, cast)?;
    let units = match depth {
        Depth::Direct => 3,
        Depth::Transitive => 5,
    };
    if counts {
        return Ok(Reply::count(ids.len(), units));
    }
    let cursor = list::cursor(state, call)?;
    let keys: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let cut = list::cut(state, call, &cursor, &keys, 999);
    let rows = cut
        .keys
        .iter()
        .filter_map(|key| SourceId::parse(key).ok())
        .filter_map(|id| {
            let entry = state.live(id)?;
            let mut row = render::mixed(call, id, entry);
            if cast.is_some()
                && let Some(row) = row.as_object_mut()
            {
                row.remove("@odata.type");
            }
            Some(row)
        })
        .collect();
    let set = cast.map_or("directoryObjects", list::set_name);
    let context = render::context(&state.base_url, set, call);
    Ok(Reply::json(cut.body(context, rows), units))
}

/// `GET /users/{id}/memberOf`: what the user is a direct member of.
pub(super) fn member_of(state: &mut State, call: &Call, key: &str) -> Result<Reply, Refusal> {
    list::require(call, render::readers(ObjectType::User))?;
    let user = list::resolve(state, ObjectType::User, key)?;
    list::check_list_options(call)?;
    if call.options.expand.is_some() || call.options.filter.is_some() {
        return Err(Refusal::unsupported("The query option is not supported on this resource."));
    }
    render::check_mixed_selection(call.options.select.as_ref())?;
    let cursor = list::cursor(state, call)?;
    let sees_hidden = call.has_role(&["Member.Read.Hidden"]);
    let keys: Vec<String> = state
        .all_live(ObjectType::Group)
        .filter(|(_, group)| group.present_ties().any(|member| member == user))
        .filter(|(_, group)| sees_hidden || !group.hides_members())
        .map(|(id, _)| id.to_string())
        .collect();
    let cut = list::cut(state, call, &cursor, &keys, 999);
    let rows = cut
        .keys
        .iter()
        .filter_map(|key| SourceId::parse(key).ok())
        .filter_map(|id| state.live(id).map(|group| render::mixed(call, id, group)))
        .collect();
    let context = render::context(&state.base_url, "directoryObjects", call);
    Ok(Reply::json(cut.body(context, rows), 3))
}

fn parse_tail(call: &Call, tail: &[String]) -> Result<(Option<ObjectType>, bool), Refusal> {
    let parts: Vec<&str> = tail.iter().map(String::as_str).collect();
    let (cast, counts) = match parts.as_slice() {
        [] => (None, false),
        ["$count"] => (None, true),
        [cast] => (Some(cast_type(cast)?), false),
        [cast, "$count"] => (Some(cast_type(cast)?), true),
        [_, other, ..] => return Err(super::route::no_segment(other)),
    };
    if counts && !call.is_eventual() {
        return Err(Refusal::bad_request("$count is not currently supported."));
    }
    Ok((cast, counts))
}

fn cast_type(name: &str) -> Result<ObjectType, Refusal> {
    [
        ObjectType::User,
        ObjectType::Group,
        ObjectType::Device,
        ObjectType::Contact,
        ObjectType::ServicePrincipal,
    ]
    .into_iter()
    .find(|kind| kind.name() == name)
    .ok_or_else(|| super::route::no_segment(name))
}

fn check(
    state: &State,
    call: &Call,
    group: SourceId,
    cast: Option<ObjectType>,
) -> Result<(), Refusal> {
    let options = &call.options;
    list::check_list_options(call)?;
    if options.expand.is_some() {
        return Err(Refusal::unsupported("'$expand' is not supported on this resource."));
    }
    match cast {
        Some(kind) => render::check_selection(kind, options.select.as_ref(), &[])?,
        None => render::check_mixed_selection(options.select.as_ref())?,
    }
    // A `$count` segment asks for the count by itself.
    let advanced = call.is_eventual() && (options.count || call.path.ends_with("/$count"));
    let any_option = options.select.is_some() || options.top.is_some();
    let needs = cast.is_some()
        || options.filter.is_some()
        || (state.switches.members_options_need_consistency && any_option);
    if needs && !advanced {
        return Err(Refusal::unsupported(
            "The specified request needs the ConsistencyLevel header and $count=true.",
        ));
    }
    let unified = state
        .live(group)
        .and_then(|entry| entry.value("groupTypes").as_array())
        .is_some_and(|types| types.iter().any(|kind| kind == "Unified"));
    if unified && cast == Some(ObjectType::Group) {
        return Err(Refusal::unsupported("A Microsoft 365 group has no members of this type."));
    }
    Ok(())
}

fn visible_members(
    state: &State,
    call: &Call,
    group: SourceId,
    depth: Depth,
    cast: Option<ObjectType>,
) -> Result<Vec<SourceId>, Refusal> {
    let filter = filter::parse(call, None)?;
    let seen = closure(state, call, group, depth);
    let keep = |id: &SourceId| {
        state.live(*id).is_some_and(|entry| {
            // The v1.0 list leaves service principals out (a known issue of the API).
            let listed = match cast {
                Some(kind) => entry.kind == kind,
                None => entry.kind != ObjectType::ServicePrincipal,
            };
            listed && filter.as_ref().is_none_or(|filter| filter.accepts(*id, entry))
        })
    };
    Ok(seen.into_iter().filter(keep).collect())
}

/// Everything reached from `group`, each once: groups may contain each other in circles.
fn closure(state: &State, call: &Call, group: SourceId, depth: Depth) -> BTreeSet<SourceId> {
    let mut seen = BTreeSet::new();
    let mut open = vec![group];
    let mut expanded = BTreeSet::from([group]);
    while let Some(group) = open.pop() {
        let Some(entry) = state.live(group) else { continue };
        if entry.hides_members() && !call.has_role(&["Member.Read.Hidden"]) {
            continue;
        }
        for member in entry.present_ties() {
            seen.insert(member);
            let nested = state.live_of(ObjectType::Group, member).is_some();
            if depth == Depth::Transitive && nested && expanded.insert(member) {
                open.push(member);
            }
        }
    }
    seen
}

//! Single objects of a large tenant: by their ids, a thousand at once or one.

use super::{
    columns::{Columns, Without},
    id::Named,
    person::manager_of,
    world::{Inner, Many, World},
};
use crate::{
    model::SourceId,
    sandbox::tenant::{answer::Refusal, call::Call, list, lookup, render, state::ObjectType},
};

/// Bytes that a row may have, to begin with enough room.
const ROW_BYTES: usize = 1_024;

/// `POST /directoryObjects/getByIds`: the people and groups among the ids.
pub(super) fn by_ids(inner: &Inner, call: &Call) -> Result<String, Refusal> {
    let lookup = lookup::read(call)?;
    let world = &inner.world;
    let selected = call.options.select.as_deref();
    let of_people = Columns::new(ObjectType::User, selected, Without::Null);
    let of_groups = Columns::new(ObjectType::Group, selected, Without::Null);
    let changes = world.changes();
    let mut out = String::with_capacity(lookup.ids.len() * ROW_BYTES);
    for raw in &lookup.ids {
        let id = lookup::parse(raw)?;
        let open = |out: &mut String, kind: ObjectType| {
            out.push_str(if out.is_empty() { "{" } else { ",{" });
            out.push_str("\"@odata.type\":\"");
            out.push_str(kind.odata_type());
            out.push_str("\",");
        };
        match world.find(id.as_uuid()) {
            Some(Named::Person(number)) if lookup.wants(ObjectType::User) => {
                open(&mut out, ObjectType::User);
                of_people.write_person(&world.person(number, &changes), &mut out);
                out.push('}');
            }
            Some(Named::Group(number)) if lookup.wants(ObjectType::Group) => {
                open(&mut out, ObjectType::Group);
                of_groups.write_group(world, number, &mut out);
                out.push('}');
            }
            Some(_) | None => {}
        }
    }
    let context = render::context(&world.base_url, "directoryObjects", call);
    Ok(format!("{{\"@odata.context\":{context},\"value\":[{out}]}}"))
}

/// `GET /users/{id}` and `GET /groups/{id}`.
pub(super) fn single(inner: &Inner, call: &Call, many: Many, key: &str) -> Result<String, Refusal> {
    let kind = many.object_type();
    list::require(call, render::readers(kind))?;
    render::check_selection(kind, call.options.select.as_ref(), &[])?;
    if call.options.expand.is_some() {
        return Err(Refusal::unsupported("'$expand' is not supported by a large tenant."));
    }
    let world = &inner.world;
    let columns = Columns::new(kind, call.options.select.as_deref(), Without::Null);
    let mut out = String::new();
    match many {
        Many::Groups => columns.write_group(world, group(world, key)?, &mut out),
        Many::People => {
            let number = person(world, key)?;
            columns.write_person(&world.person(number, &world.changes()), &mut out);
        }
    }
    let (base, set) = (&world.base_url, list::set_name(kind));
    Ok(format!("{{\"@odata.context\":\"{base}/v1.0/$metadata#{set}/$entity\",{out}}}"))
}

/// `GET /users/{id}/manager`.
pub(super) fn manager(inner: &Inner, call: &Call, key: &str) -> Result<String, Refusal> {
    list::require(call, render::readers(ObjectType::User))?;
    render::check_selection(ObjectType::User, call.options.select.as_ref(), &[])?;
    let world = &inner.world;
    let manager = manager_of(person(world, key)?).ok_or_else(|| Refusal::not_found("manager"))?;
    let selected = call.options.select.as_deref();
    let columns = Columns::new(ObjectType::User, selected, Without::Null);
    let mut out = String::new();
    columns.write_person(&world.person(manager, &world.changes()), &mut out);
    let base = &world.base_url;
    Ok(format!(
        "{{\"@odata.context\":\"{base}/v1.0/$metadata#directoryObjects/$entity\",\
         \"@odata.type\":\"#microsoft.graph.user\",{out}}}"
    ))
}

/// The number of the person that a key in a path names: by id, or by user principal name.
pub(super) fn person(world: &World, key: &str) -> Result<u32, Refusal> {
    let found = if let Ok(id) = SourceId::parse(key) {
        match world.find(id.as_uuid()) {
            Some(Named::Person(number)) => Some(number),
            Some(Named::Group(_)) | None => None,
        }
    } else {
        let (name, index) = (key.to_lowercase(), world.by_name());
        let place =
            index.partition_point(|number| world.folded_name(*number).as_str() < name.as_str());
        index.get(place).copied().filter(|number| world.folded_name(*number) == name)
    };
    found.ok_or_else(|| Refusal::not_found(key))
}

fn group(world: &World, key: &str) -> Result<u32, Refusal> {
    let id = SourceId::parse(key)
        .map_err(|_| Refusal::bad_request(format!("Invalid object identifier '{key}'.")))?;
    match world.find(id.as_uuid()) {
        Some(Named::Group(number)) => Ok(number),
        Some(Named::Person(_)) | None => Err(Refusal::not_found(key)),
    }
}

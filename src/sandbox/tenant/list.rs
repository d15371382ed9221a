//! Plain lists and single objects: users, groups, service principals, assignments, deleted items.
//!
//! Owns paging by `$skiptoken`: a token is bound to its path and options, and it expires. A page is
//! cut by key and not by position, so a row that vanishes meanwhile shifts no other.

use serde_json::{Map, Value, json};

use super::{
    answer::{Refusal, Reply},
    call::{Call, Options},
    fault::Fault,
    filter, render,
    state::{Life, ObjectType, State},
};
use crate::model::{SourceId, Timestamp};

pub(super) const PAGE_DEFAULT: usize = 100;
pub(super) const PAGE_MAX: usize = 999;
/// Rows of a page of users with `$expand=manager`, whatever `$top` says.
const EXPANDED_PAGE_MAX: usize = 100;

/// What a `$skiptoken` of a plain list stands for.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    path: String,
    options: Options,
    after: Option<String>,
    /// The state of the replica that the list is read from, where it lags.
    as_of: Option<u64>,
    pub(super) issued: Timestamp,
}

/// What of a list is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Rows,
    Count,
}

/// One page: its keys and how the list goes on.
pub(super) struct Cut {
    pub(super) keys: Vec<String>,
    next: Option<String>,
    count: Option<usize>,
}

/// Looks up the position that the call names, or the beginning.
pub(super) fn cursor(state: &State, call: &Call) -> Result<Cursor, Refusal> {
    if call.suffers(&Fault::ExpiredPageToken) {
        return Err(Refusal::expired_page());
    }
    if call.suffers(&Fault::PageTokenNotFound) {
        return Err(Refusal::unknown_page());
    }
    let size = call.options.top.unwrap_or(PAGE_DEFAULT);
    if size == 0 || size > PAGE_MAX {
        return Err(Refusal::bad_request(format!(
            "Invalid page size specified: '{size}'. Must be between 1 and {PAGE_MAX} inclusive."
        )));
    }
    let options = Options { skip_token: None, ..call.options.clone() };
    let Some(token) = &call.options.skip_token else {
        let (path, issued) = (call.path.clone(), state.now());
        return Ok(Cursor { path, options, after: None, as_of: None, issued });
    };
    let cursor = state.cursors.get(token).ok_or_else(Refusal::unknown_page)?;
    if cursor.path != call.path || cursor.options != options {
        return Err(Refusal::bad_request("The page token does not belong to this request."));
    }
    if older_than(state, cursor.issued, state.switches.skip_token_lifetime) {
        return Err(Refusal::expired_page());
    }
    Ok(cursor.clone())
}

pub(super) fn older_than(state: &State, issued: Timestamp, lifetime: std::time::Duration) -> bool {
    (state.now() - issued).to_std().is_ok_and(|age| age > lifetime)
}

/// Cuts the page at `cursor` out of the sorted `keys`.
pub(super) fn cut(
    state: &mut State,
    call: &Call,
    cursor: &Cursor,
    keys: &[String],
    page_max: usize,
) -> Cut {
    let start = cursor.after.as_ref().map_or(0, |after| keys.partition_point(|key| key <= after));
    let mut size = call.options.top.unwrap_or(PAGE_DEFAULT).min(page_max);
    size = size.min(state.switches.page_rows_max);
    if call.suffers(&Fault::ShortPage) {
        size = (size / 3).max(1);
    }
    if call.suffers(&Fault::EmptyPage) {
        size = 0;
    }
    let rest = &keys[start..];
    let page: Vec<String> = rest.iter().take(size).cloned().collect();
    let next = (rest.len() > size || (size == 0 && call.suffers(&Fault::EmptyPage))).then(|| {
        let after = page.last().cloned().or_else(|| cursor.after.clone());
        let token = state.new_token(4);
        let issued = state.now();
        state.cursors.insert(token.clone(), Cursor { after, issued, ..cursor.clone() });
        next_link(&state.base_url, call, &token)
    });
    let counted = call.options.count && call.is_eventual() && call.options.skip_token.is_none();
    Cut { keys: page, next, count: counted.then_some(keys.len()) }
}

/// The link to the page that a token stands for.
pub(super) fn next_link(base_url: &str, call: &Call, token: &str) -> String {
    let own = call.query.iter().filter(|(name, _)| name != "$skiptoken");
    let own = own.map(|(name, value)| format!("{}={}", encode(name, "$"), encode(value, ",()'")));
    let options: Vec<String> = own.chain([format!("$skiptoken={token}")]).collect();
    let path = encode(&call.path, "/()'=,");
    format!("{base_url}/v1.0{path}?{}", options.join("&"))
}

/// Percent-encodes all but the unreserved characters and those in `plain`.
fn encode(text: &str, plain: &str) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        let unreserved = character.is_ascii_alphanumeric() || "-._~".contains(character);
        if unreserved || plain.contains(character) {
            encoded.push(character);
        } else {
            let raw = percent_encoding::percent_encode(
                character.encode_utf8(&mut [0; 4]).as_bytes(),
                percent_encoding::NON_ALPHANUMERIC,
            )
            .to_string();
            encoded.push_str(&raw);
        }
    }
    encoded
}

impl Cut {
    /// The page as the body of an answer.
    pub(super) fn body(self, context: Value, rows: Vec<Value>) -> Value {
        let mut body = Map::new();
        body.insert("@odata.context".into(), context);
        body.insert("value".into(), Value::Array(rows));
        if let Some(next) = self.next {
            body.insert("@odata.nextLink".into(), json!(next));
        }
        if let Some(count) = self.count {
            body.insert("@odata.count".into(), json!(count));
        }
        Value::Object(body)
    }
}

/// The name of the collection of `kind` in paths.
pub(super) fn set_name(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::User => "users",
        ObjectType::Group => "groups",
        ObjectType::Device => "devices",
        ObjectType::Contact => "contacts",
        ObjectType::ServicePrincipal => "servicePrincipals",
    }
}

/// `GET /users`, `/groups`, `/servicePrincipals`.
pub(super) fn objects(state: &mut State, call: &Call, kind: ObjectType) -> Result<Reply, Refusal> {
    require(call, render::readers(kind))?;
    check_list_options(call)?;
    render::check_selection(kind, call.options.select.as_ref(), &[])?;
    let expands = expands_manager(call, kind)?;
    let filter = filter::parse(call, Some(kind))?;
    let cursor = cursor(state, call)?;
    let keys: Vec<String> = state
        .all_live(kind)
        .filter(|(id, entry)| filter.as_ref().is_none_or(|filter| filter.accepts(*id, entry)))
        .map(|(id, _)| id.to_string())
        .collect();
    let page_max = if expands { EXPANDED_PAGE_MAX } else { PAGE_MAX };
    let cut = cut(state, call, &cursor, &keys, page_max);
    let rows = cut.keys.iter().filter_map(|key| row(state, call, key, expands)).collect();
    let context = render::context(&state.base_url, set_name(kind), call);
    let units = if kind == ObjectType::User { 2 } else { 1 };
    Ok(Reply::json(cut.body(context, rows), units))
}

fn row(state: &State, call: &Call, key: &str, expands: bool) -> Option<Value> {
    let id = SourceId::parse(key).ok()?;
    let entry = state.entries.get(&id)?;
    let mut shown = render::object(call, id, entry);
    if expands && let Some((manager, entry)) = manager_of(state, id) {
        let mut plain = call.clone();
        plain.options.select = manager_selection(call);
        shown.insert("manager".into(), render::mixed(&plain, manager, entry));
    }
    Some(Value::Object(shown))
}

/// `$expand=manager($select=id)`: what of the manager is selected.
fn manager_selection(call: &Call) -> Option<Vec<String>> {
    let inner = call.options.expand.as_ref()?.split_once("$select=")?.1;
    let names = inner.split([';', ')']).next()?;
    Some(names.split(',').map(|name| name.trim().to_owned()).collect())
}

fn manager_of(state: &State, user: SourceId) -> Option<(SourceId, &super::state::Entry)> {
    let manager = state.entries.get(&user)?.present_ties().next()?;
    state.live(manager).map(|entry| (manager, entry))
}

fn expands_manager(call: &Call, kind: ObjectType) -> Result<bool, Refusal> {
    match call.options.expand.as_deref() {
        None => Ok(false),
        Some(expand)
            if kind == ObjectType::User
                && (expand == "manager" || expand.starts_with("manager(")) =>
        {
            let select = manager_selection(call);
            render::check_selection(ObjectType::User, select.as_ref(), &[])?;
            Ok(true)
        }
        Some(other) => Err(Refusal::bad_request(format!(
            "Parsing OData Select and Expand failed: could not expand '{other}'."
        ))),
    }
}

pub(super) fn check_list_options(call: &Call) -> Result<(), Refusal> {
    let options = &call.options;
    if options.delta_token.is_some() {
        return Err(Refusal::bad_request("'$deltatoken' is only supported by delta functions."));
    }
    if options.order_by.is_some() || options.search.is_some() {
        let advanced = call.is_eventual() && options.count;
        let message = if advanced {
            "The specified query is not supported."
        } else {
            "Request with $search or $orderby needs the ConsistencyLevel header."
        };
        return Err(Refusal::unsupported(message));
    }
    Ok(())
}

pub(super) fn require(call: &Call, any_of: &[&str]) -> Result<(), Refusal> {
    if call.has_role(any_of) { Ok(()) } else { Err(Refusal::denied()) }
}

/// `GET /users/{id}` and its like; a user is found by its user principal name too.
pub(super) fn single(
    state: &State,
    call: &Call,
    kind: ObjectType,
    key: &str,
) -> Result<Reply, Refusal> {
    require(call, render::readers(kind))?;
    let id = resolve(state, kind, key)?;
    render::check_selection(kind, call.options.select.as_ref(), &[])?;
    let expands = expands_manager(call, kind)?;
    let mut body = row(state, call, &id.to_string(), expands).unwrap_or(Value::Null);
    body["@odata.context"] =
        json!(format!("{}/v1.0/$metadata#{}/$entity", state.base_url, set_name(kind)));
    Ok(Reply::json(body, 1))
}

/// The live object that a key in a path names.
pub(super) fn resolve(state: &State, kind: ObjectType, key: &str) -> Result<SourceId, Refusal> {
    let by = |property: &str, text: &str| {
        let mut all = state.all_live(kind);
        all.find(|(_, entry)| entry.text(property).eq_ignore_ascii_case(text)).map(|(id, _)| id)
    };
    let found = if let Some(app_id) = key.strip_prefix("appId=") {
        by("appId", app_id)
    } else if let Ok(id) = SourceId::parse(key) {
        state.live_of(kind, id).map(|_| id)
    } else if kind == ObjectType::User {
        by("userPrincipalName", key)
    } else {
        return Err(Refusal::bad_request(format!("Invalid object identifier '{key}'.")));
    };
    found.ok_or_else(|| Refusal::not_found(key.trim_start_matches("appId=")))
}

/// `GET /users/{id}/manager`.
pub(super) fn manager(state: &State, call: &Call, key: &str) -> Result<Reply, Refusal> {
    require(call, render::readers(ObjectType::User))?;
    let id = resolve(state, ObjectType::User, key)?;
    render::check_selection(ObjectType::User, call.options.select.as_ref(), &[])?;
    let (manager, entry) = manager_of(state, id).ok_or_else(|| Refusal::not_found("manager"))?;
    let mut body = render::mixed(call, manager, entry);
    body["@odata.context"] =
        json!(format!("{}/v1.0/$metadata#directoryObjects/$entity", state.base_url));
    Ok(Reply::json(body, 1))
}

/// `GET /directory/deletedItems/microsoft.graph.user` and `….group`.
pub(super) fn deleted(state: &mut State, call: &Call, kind: ObjectType) -> Result<Reply, Refusal> {
    require(call, render::readers(kind))?;
    check_list_options(call)?;
    render::check_selection(kind, call.options.select.as_ref(), &[])?;
    let filter = filter::parse(call, Some(kind))?;
    let cursor = cursor(state, call)?;
    let keys: Vec<String> = state
        .entries
        .iter()
        .filter(|(id, entry)| {
            entry.kind == kind
                && matches!(entry.life, Life::SoftDeleted { .. })
                && filter.as_ref().is_none_or(|filter| filter.accepts(**id, entry))
        })
        .map(|(id, _)| id.to_string())
        .collect();
    let cut = cut(state, call, &cursor, &keys, PAGE_MAX);
    let rows = cut.keys.iter().filter_map(|key| row(state, call, key, false)).collect();
    let context = render::context(&state.base_url, "directoryObjects", call);
    Ok(Reply::json(cut.body(context, rows), 1))
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo`, or its `$count`.
pub(super) fn assignments(
    state: &mut State,
    call: &Call,
    key: &str,
    form: Form,
) -> Result<Reply, Refusal> {
    require(call, render::readers(ObjectType::ServicePrincipal))?;
    check_list_options(call)?;
    if call.options.expand.is_some() {
        return Err(Refusal::unsupported("'$expand' is not supported on this resource."));
    }
    let application = resolve(state, ObjectType::ServicePrincipal, key)?;
    check_assignment_selection(call)?;
    let filter = filter::parse(call, None)?;
    let mut cursor = cursor(state, call)?;
    let lag = call.find_fault(|fault| {
        if let Fault::StaleAssignments { changes } = fault { Some(*changes) } else { None }
    });
    if let Some(changes) = lag {
        cursor.as_of = Some(replica_behind_by(state, changes));
    }
    let as_of = cursor.as_of.unwrap_or(state.sequence);
    let keys: Vec<String> = state
        .grants
        .iter()
        .filter(|(_, grant)| grant.application == application && grant.stood_at(as_of))
        .filter(|(_, grant)| {
            state.entries.get(&grant.principal).is_some_and(|entry| match entry.life {
                Life::Live => true,
                Life::SoftDeleted { .. } => state.switches.lists_assignments_of_deleted,
                Life::Gone => cursor.as_of.is_some(),
            })
        })
        .filter(|(key, _)| {
            filter.as_ref().is_none_or(|filter| {
                let row = assignment_row(state, key);
                filter.matches(|name| row.get(name).unwrap_or(&Value::Null))
            })
        })
        .map(|(key, _)| key.clone())
        .collect();
    let keys = if call.suffers(&Fault::EmptyAssignments) { Vec::new() } else { keys };
    if form == Form::Count {
        return Ok(Reply::count(keys.len(), 1));
    }
    let cut = cut(state, call, &cursor, &keys, PAGE_MAX);
    let rows = cut
        .keys
        .iter()
        .map(|key| {
            let mut row = assignment_row(state, key);
            if let Some(names) = &call.options.select {
                row.retain(|name, _| name == "id" || names.contains(name));
            }
            Value::Object(row)
        })
        .collect();
    let set = format!("servicePrincipals('{application}')/appRoleAssignedTo");
    let context = render::context(&state.base_url, &set, call);
    Ok(Reply::json(cut.body(context, rows), 1))
}

pub(super) fn check_assignment_selection(call: &Call) -> Result<(), Refusal> {
    let known = "id deletedDateTime appRoleId createdDateTime principalDisplayName principalId \
                 principalType resourceDisplayName resourceId";
    for name in call.options.select.iter().flatten() {
        if !known.split_ascii_whitespace().any(|known| known == name) {
            return Err(Refusal::bad_request(format!(
                "Could not find a property named '{name}' on type \
                 'microsoft.graph.appRoleAssignment'."
            )));
        }
    }
    Ok(())
}

/// The number of the change before the last `changes` changes of assignments.
fn replica_behind_by(state: &State, changes: usize) -> u64 {
    let mut numbers: Vec<u64> = state
        .grants
        .values()
        .flat_map(|grant| [Some(grant.created), grant.ended])
        .flatten()
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    let at = numbers.len().saturating_sub(changes);
    numbers.get(at).map_or(state.sequence, |number| number - 1)
}

fn assignment_row(state: &State, key: &str) -> Map<String, Value> {
    let grant = &state.grants[key];
    let principal = state.entries.get(&grant.principal);
    let kind = match principal.map(|entry| entry.kind) {
        Some(ObjectType::Group) => "Group",
        Some(ObjectType::ServicePrincipal) => "ServicePrincipal",
        Some(ObjectType::User | ObjectType::Device | ObjectType::Contact) | None => "User",
    };
    let resource =
        state.entries.get(&grant.application).map_or("", |entry| entry.text("displayName"));
    let row = json!({
        "id": key,
        "deletedDateTime": null,
        "appRoleId": grant.role.to_string(),
        "createdDateTime": render::moment(grant.created_at),
        "principalDisplayName": grant.principal_display_name,
        "principalId": grant.principal.to_string(),
        "principalType": kind,
        "resourceDisplayName": resource,
        "resourceId": grant.application.to_string(),
    });
    row.as_object().cloned().unwrap_or_default()
}

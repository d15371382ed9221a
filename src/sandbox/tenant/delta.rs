//! Rounds of changes: users/delta, groups/delta, servicePrincipals/delta.
//!
//! Owns the change tokens. A delta token is a number of a change, the selection and the filter; a
//! round is planned when its first page is read, and its rows are rendered as they stand when their
//! page is read. What changes meanwhile comes again at the end of the same round.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{
    answer::{Refusal, Reply},
    call::Call,
    fault::Fault,
    filter, list, render, schema,
    state::{Entry, Life, ObjectType, State},
};
use crate::model::{SourceId, Timestamp};

/// Objects on a page of changes.
pub(super) const OBJECTS_PER_PAGE: usize = 200;
/// Member links on a page of changes.
pub(super) const LINKS_PER_PAGE: usize = 500;
/// Ids in the filter of a delta query.
pub(super) const FILTER_IDS_MAX: usize = 50;
/// Changes before the token's that a replaying round repeats.
const REPLAYED_CHANGES: u64 = 20;

/// What is tracked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Feed {
    kind: ObjectType,
    properties: BTreeSet<String>,
    /// Whether `members` or `manager` is tracked.
    links: bool,
    ids: Option<BTreeSet<SourceId>>,
    selected: Option<Vec<String>>,
}

/// What a `$skiptoken` or `$deltatoken` stands for.
#[derive(Clone)]
pub(super) struct RoundToken {
    feed: Feed,
    position: Position,
    pub(super) issued: Timestamp,
}

#[derive(Clone)]
enum Position {
    /// A round that begins: changes after `since`, all there is for 0, and what earlier rounds owe.
    Start { since: u64, owed: BTreeMap<SourceId, u64> },
    /// A round under way.
    Within(Round),
}

#[derive(Clone)]
struct Round {
    rows: Arc<Vec<Row>>,
    at: usize,
    /// The round has everything up to this change.
    until: u64,
    owed: BTreeMap<SourceId, u64>,
}

struct Row {
    id: SourceId,
    /// What the client has of this object: 0 for nothing.
    since: u64,
    links: Vec<LinkRow>,
    /// A later slice of a large group: present only if the group still is.
    is_slice: bool,
}

#[derive(Clone, Copy)]
struct LinkRow {
    id: SourceId,
    kind: ObjectType,
    present: bool,
}

/// `GET /users/delta` and its like.
pub(super) fn delta(state: &mut State, call: &Call, kind: ObjectType) -> Result<Reply, Refusal> {
    list::require(call, render::readers(kind))?;
    let options = &call.options;
    let forbidden = options.expand.is_some() || options.order_by.is_some();
    if forbidden || options.search.is_some() {
        return Err(Refusal::unsupported("The query option is not supported for delta queries."));
    }
    let token = [&options.skip_token, &options.delta_token];
    let token = token.into_iter().flatten().find(|token| !token.is_empty());
    let (feed, position) = match token.map(String::as_str) {
        Some("latest") if options.delta_token.is_some() => {
            let feed = feed(call, kind)?;
            let since = state.sequence;
            let start = Position::Start { since, owed: BTreeMap::new() };
            let link = issue(state, &feed, start, "deltatoken");
            let mut body = Map::new();
            body.insert("@odata.deltaLink".into(), json!(link));
            return Ok(answer(state, call, &feed, body, Vec::new()));
        }
        Some(token) => redeem(state, call, kind, token)?,
        None => (feed(call, kind)?, Position::Start { since: 0, owed: BTreeMap::new() }),
    };
    let round = match position {
        Position::Start { since, owed } => plan(state, call, &feed, since, owed),
        Position::Within(round) => round,
    };
    Ok(page(state, call, &feed, round))
}

/// Reads what is to be tracked from the options of a first request.
fn feed(call: &Call, kind: ObjectType) -> Result<Feed, Refusal> {
    let link = link_name(kind);
    let owners: &[&str] = if kind == ObjectType::Group { &["members", "owners"] } else { &[link] };
    let selected = call.options.select.clone();
    render::check_selection(kind, selected.as_ref(), owners)?;
    let properties = match &selected {
        Some(names) => names.iter().cloned().collect(),
        None => schema::default_selection(kind).map(str::to_owned).collect(),
    };
    let links = match &selected {
        Some(names) => names.iter().any(|name| name == link),
        None => kind == ObjectType::Group,
    };
    let ids = call
        .options
        .filter
        .as_ref()
        .map(|text| filter::ids(text, FILTER_IDS_MAX))
        .transpose()?
        .map(BTreeSet::from_iter);
    Ok(Feed { kind, properties, links, ids, selected })
}

fn link_name(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::User => "manager",
        ObjectType::Group => "members",
        ObjectType::Device | ObjectType::Contact | ObjectType::ServicePrincipal => "",
    }
}

fn redeem(
    state: &State,
    call: &Call,
    kind: ObjectType,
    token: &str,
) -> Result<(Feed, Position), Refusal> {
    let options = &call.options;
    let is_page = options.skip_token.is_some();
    if is_page && options.delta_token.is_some() {
        return Err(Refusal::bad_request("'$skiptoken' and '$deltatoken' exclude each other."));
    }
    if options.select.is_some() || options.filter.is_some() {
        return Err(Refusal::bad_request(
            "The query options of a delta query cannot be changed after its first request.",
        ));
    }
    if call.suffers(&Fault::ExpiredPageToken) && is_page {
        return Err(Refusal::expired_page());
    }
    if call.suffers(&Fault::PageTokenNotFound) && is_page {
        return Err(Refusal::unknown_page());
    }
    if call.suffers(&Fault::Gone) {
        return Err(gone(state, kind));
    }
    if call.suffers(&Fault::SyncStateNotFound) {
        return Err(sync_state_not_found());
    }
    let found = state.rounds.get(token);
    let Some(found) =
        found.filter(|found| is_page == matches!(found.position, Position::Within(_)))
    else {
        return Err(if is_page { Refusal::unknown_page() } else { lost(state, kind) });
    };
    if found.feed.kind != kind {
        return Err(Refusal::bad_request("The token belongs to another resource."));
    }
    let switches = &state.switches;
    if is_page && list::older_than(state, found.issued, switches.skip_token_lifetime) {
        return Err(Refusal::expired_page());
    }
    if !is_page && list::older_than(state, found.issued, switches.delta_token_lifetime) {
        return Err(lost(state, kind));
    }
    Ok((found.feed.clone(), found.position.clone()))
}

fn lost(state: &State, kind: ObjectType) -> Refusal {
    if state.switches.expired_delta_token_is_gone {
        gone(state, kind)
    } else {
        sync_state_not_found()
    }
}

pub(super) fn sync_state_not_found() -> Refusal {
    Refusal::new(
        400,
        "syncStateNotFound",
        "The sync state generation is not found. The delta token is expired and data must be \
         synchronized again.",
    )
}

fn gone(state: &State, kind: ObjectType) -> Refusal {
    let location = format!("{}/v1.0/{}/delta?$deltatoken=", state.base_url, list::set_name(kind));
    Refusal::new(410, "resyncRequired", "Resync required. Replace any local items.")
        .with_header("location", location)
}

fn issue(state: &mut State, feed: &Feed, position: Position, name: &str) -> String {
    let token = state.new_token(6);
    let issued = state.now();
    state.rounds.insert(token.clone(), RoundToken { feed: feed.clone(), position, issued });
    format!("{}/v1.0/{}/delta?${name}={token}", state.base_url, list::set_name(feed.kind))
}

/// Decides which objects a round tells of, and cuts the links of large groups into slices.
fn plan(
    state: &mut State,
    call: &Call,
    feed: &Feed,
    since: u64,
    mut owed: BTreeMap<SourceId, u64>,
) -> Round {
    let until = state.sequence;
    let replays = call.suffers(&Fault::ReplayRows) && since > 0;
    let horizon = if replays { since.saturating_sub(REPLAYED_CHANGES).max(1) } else { since };
    let names_removed = call.suffers(&Fault::RemovedInInitialRound);
    let mut told: Vec<(SourceId, u64)> = state
        .entries
        .iter()
        .filter(|(id, entry)| {
            entry.kind == feed.kind && feed.ids.as_ref().is_none_or(|ids| ids.contains(*id))
        })
        .filter_map(|(id, entry)| {
            let owed_since = owed.get(id).copied();
            let from = owed_since.unwrap_or(since).min(since);
            let is_told = if from == 0 && since == 0 {
                let deleted = matches!(entry.life, Life::SoftDeleted { .. });
                let named = state.switches.initial_round_names_deleted || names_removed;
                entry.is_live() || (deleted && named)
            } else {
                owed_since.is_some() || concerns(feed, entry, horizon)
            };
            // A new or restored object comes whole.
            let from = if entry.life_changed > from { 0 } else { from.min(horizon) };
            is_told.then_some((*id, from))
        })
        .collect();
    owed.clear();
    withhold(state, call, &mut told, &mut owed);
    if call.suffers(&Fault::DuplicateRows) {
        let copies: Vec<_> = told.iter().step_by(3).copied().collect();
        told.extend(copies);
    }
    if call.suffers(&Fault::ShuffleRows) {
        state.rng.shuffle(&mut told);
    }
    let names_former = state.switches.initial_round_names_former_members || names_removed;
    let rows = slices(state, call, feed, &told, names_former);
    Round { rows: Arc::new(rows), at: 0, until, owed }
}

/// Leaves out what a lagging replica does not show yet, and notes that it is owed.
fn withhold(
    state: &mut State,
    call: &Call,
    told: &mut Vec<(SourceId, u64)>,
    owed: &mut BTreeMap<SourceId, u64>,
) {
    let late =
        call.find_fault(
            |fault| {
                if let Fault::LateRows { rounds } = fault { Some(*rounds) } else { None }
            },
        );
    if let Some(rounds) = late.filter(|rounds| *rounds > 0) {
        for (id, _) in told.iter().step_by(2) {
            state.late.insert(*id, rounds);
        }
    }
    told.retain(|(id, since)| {
        let Some(left) = state.late.get_mut(id) else { return true };
        *left = left.saturating_sub(1);
        if *left == 0 {
            state.late.remove(id);
        }
        owed.insert(*id, *since);
        false
    });
}

/// Whether the object changed after `since` in a way that the feed tracks.
fn concerns(feed: &Feed, entry: &Entry, since: u64) -> bool {
    entry.life_changed > since
        || (entry.is_live()
            && ((feed.links && entry.ties_changed > since)
                || entry
                    .properties
                    .iter()
                    .any(|(name, held)| held.changed > since && feed.properties.contains(name))))
}

/// The rows of a round. Later slices of large groups come after the first slice of every group, so
/// that other groups stand between the slices of one.
fn slices(
    state: &State,
    call: &Call,
    feed: &Feed,
    told: &[(SourceId, u64)],
    names_former: bool,
) -> Vec<Row> {
    let mut first = Vec::new();
    let mut later: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for (id, since) in told {
        let links = links(state, call, feed, *id, *since, names_former);
        let mut chunks = links.chunks(LINKS_PER_PAGE).map(<[LinkRow]>::to_vec);
        let links = chunks.next().unwrap_or_default();
        first.push(Row { id: *id, since: *since, links, is_slice: false });
        for (number, links) in chunks.enumerate() {
            let row = Row { id: *id, since: *since, links, is_slice: true };
            later.entry(number).or_default().push(row);
        }
    }
    first.into_iter().chain(later.into_values().flatten()).collect()
}

fn links(
    state: &State,
    call: &Call,
    feed: &Feed,
    id: SourceId,
    since: u64,
    names_former: bool,
) -> Vec<LinkRow> {
    let Some(entry) = state.live(id).filter(|entry| feed.links && entry.ties_changed > since)
    else {
        return Vec::new();
    };
    if entry.hides_members() && !call.has_role(&["Member.Read.Hidden"]) {
        return Vec::new();
    }
    entry
        .ties
        .iter()
        .filter(|(_, tie)| tie.changed > since && (tie.present || since > 0 || names_former))
        .filter_map(|(other, tie)| {
            let target = state.entries.get(other)?;
            let hidden = matches!(target.life, Life::SoftDeleted { .. })
                && since == 0
                && !state.switches.delta_names_soft_deleted_members;
            let kind = target.kind;
            (!hidden).then_some(LinkRow { id: *other, kind, present: tie.present })
        })
        .collect()
}

/// One page, and where the round goes on.
fn page(state: &mut State, call: &Call, feed: &Feed, mut round: Round) -> Reply {
    let wanted = call.preference("odata.maxpagesize").and_then(|size| size.parse().ok());
    let mut size = wanted.unwrap_or(OBJECTS_PER_PAGE).clamp(1, OBJECTS_PER_PAGE);
    size = size.min(state.switches.page_rows_max);
    if call.suffers(&Fault::ShortPage) {
        size = (size / 3).max(1);
    }
    let is_empty = call.suffers(&Fault::EmptyPage);
    let rows = Arc::clone(&round.rows);
    let (mut values, mut links) = (Vec::new(), 0);
    while let Some(row) = rows.get(round.at) {
        let full = values.len() >= size || links + row.links.len() > LINKS_PER_PAGE;
        if is_empty || (full && !values.is_empty()) {
            break;
        }
        values.extend(render_row(state, call, feed, row));
        links += row.links.len();
        round.at += 1;
    }
    if round.at >= rows.len() && !is_empty {
        // Changes made while the round was read come again, with their newer values.
        let more = plan_rest(state, call, feed, round.until);
        if !more.is_empty() {
            round.rows = Arc::new(more);
            round.at = 0;
            round.until = state.sequence;
        }
    }
    let mut body = Map::new();
    if round.at < round.rows.len() || is_empty {
        let link = issue(state, feed, Position::Within(round), "skiptoken");
        body.insert("@odata.nextLink".into(), json!(link));
    } else if !call.suffers(&Fault::MissingDeltaLink) {
        let start = Position::Start { since: round.until, owed: round.owed };
        let link = issue(state, feed, start, "deltatoken");
        body.insert("@odata.deltaLink".into(), json!(link));
    }
    answer(state, call, feed, body, values)
}

fn plan_rest(state: &State, call: &Call, feed: &Feed, until: u64) -> Vec<Row> {
    let told: Vec<(SourceId, u64)> = state
        .entries
        .iter()
        .filter(|(id, entry)| {
            entry.kind == feed.kind
                && feed.ids.as_ref().is_none_or(|ids| ids.contains(*id))
                && concerns(feed, entry, until)
        })
        .map(|(id, entry)| (*id, if entry.life_changed > until { 0 } else { until }))
        .collect();
    slices(state, call, feed, &told, false)
}

fn render_row(state: &State, call: &Call, feed: &Feed, row: &Row) -> Option<Value> {
    let entry = state.entries.get(&row.id)?;
    let reason = match entry.life {
        Life::Live => None,
        Life::SoftDeleted { .. } => Some("changed"),
        Life::Gone => Some("deleted"),
    };
    if let Some(reason) = reason {
        let removed = json!({ "id": row.id.to_string(), "@removed": { "reason": reason } });
        return (!row.is_slice).then_some(removed);
    }
    let minimal = call.prefers("return=minimal");
    let mut shown = Map::new();
    for name in &feed.properties {
        let Some(held) = entry.properties.get(name) else { continue };
        let Some(value) = render::visible(call, entry, name) else { continue };
        if minimal && held.changed <= row.since {
            continue;
        }
        let value = if value.is_null() { render::nothing(feed.kind, name) } else { value.clone() };
        shown.insert(name.clone(), value);
    }
    shown.insert("id".into(), json!(row.id.to_string()));
    if !row.links.is_empty() {
        let links: Vec<Value> = row.links.iter().map(link_value).collect();
        shown.insert(format!("{}@delta", link_name(feed.kind)), Value::Array(links));
    }
    Some(Value::Object(shown))
}

fn link_value(link: &LinkRow) -> Value {
    let mut value = json!({ "@odata.type": link.kind.odata_type(), "id": link.id.to_string() });
    if !link.present {
        value["@removed"] = json!({ "reason": "deleted" });
    }
    value
}

fn answer(
    state: &State,
    call: &Call,
    feed: &Feed,
    mut body: Map<String, Value>,
    rows: Vec<Value>,
) -> Reply {
    let mut named = call.clone();
    named.options.select.clone_from(&feed.selected);
    let context = render::context(&state.base_url, list::set_name(feed.kind), &named);
    body.insert("@odata.context".into(), context);
    body.insert("value".into(), Value::Array(rows));
    let mut reply = Reply::json(Value::Object(body), 1);
    if call.prefers("return=minimal") {
        reply.headers.insert("preference-applied", "return=minimal".to_owned());
    }
    reply
}

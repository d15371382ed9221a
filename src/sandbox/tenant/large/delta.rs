//! Rounds of changes of a large tenant: users/delta and groups/delta.
//!
//! A round is nowhere: its token says what the client has, where the round is, and where it ends.
//! People are told in the order of their numbers, later in that of their changes; of groups, the
//! first members of each come first, then the next members of the large ones, and so on.

use super::{
    columns::{Columns, Without},
    id::{self, Named},
    person::manager_of,
    token::{Kind, Place},
    world::{Changes, FIRST_CHANGE, Feed, Inner, Many, World},
};
use crate::{
    model::SourceId,
    sandbox::tenant::{
        answer::Refusal,
        call::Call,
        delta::{FILTER_IDS_MAX, LINKS_PER_PAGE, OBJECTS_PER_PAGE, sync_state_not_found},
        filter, list, render,
    },
};

/// How long the token of a page is good for, in seconds.
const PAGE_TOKEN_SECONDS: u32 = 30 * 60;

/// How long the token of a round is good for, in seconds.
const ROUND_TOKEN_SECONDS: u32 = 7 * 24 * 3_600;

/// Bytes that a row of a page may have, to begin with enough room.
const ROW_BYTES: usize = 1_024;

/// A page under way.
struct Page<'a> {
    world: &'a World,
    feed: &'a Feed,
    changes: &'a Changes,
    rows: String,
    objects: usize,
    links: u64,
}

/// One page of a round.
pub(super) fn page(inner: &Inner, call: &Call, many: Many) -> Result<String, Refusal> {
    list::require(call, render::readers(many.object_type()))?;
    let options = &call.options;
    if options.expand.is_some() || options.order_by.is_some() || options.search.is_some() {
        return Err(Refusal::unsupported("The query option is not supported for delta queries."));
    }
    let world = &inner.world;
    let issued = u32::try_from(inner.traffic.now().timestamp()).unwrap_or_default();
    let token = [&options.skip_token, &options.delta_token];
    let token = token.into_iter().flatten().find(|token| !token.is_empty());
    let changes = world.changes();
    let place = match token.map(String::as_str) {
        Some("latest") if options.delta_token.is_some() => {
            let bound_to = feed(world, call, many)?;
            let since = changes.last();
            let place = Place { since, ..beginning(bound_to, issued) };
            let feed = world.feed(bound_to).ok_or_else(sync_state_not_found)?;
            return Ok(ended(world, &feed, &place, ""));
        }
        Some(token) => redeem(world, call, token, issued)?,
        None => beginning(feed(world, call, many)?, issued),
    };
    let feed = world.feed(place.bound_to).ok_or_else(sync_state_not_found)?;
    if feed.many != many {
        return Err(Refusal::bad_request("The token belongs to another resource."));
    }
    let place = match place.kind {
        Kind::Round => begun(place, changes.last()),
        Kind::Page | Kind::List => place,
    };
    let rows = String::with_capacity(OBJECTS_PER_PAGE * ROW_BYTES);
    let mut page = Page { world, feed: &feed, changes: &changes, rows, objects: 0, links: 0 };
    let next = match many {
        Many::Groups => page.groups(place),
        Many::People => page.people(place),
    };
    let rows = page.rows;
    Ok(if let Some(next) = next {
        answer(world, &feed, ("nextLink", "skiptoken"), &next, &rows)
    } else {
        let place = Place { kind: Kind::Round, since: changes.last(), issued, ..place };
        ended(world, &feed, &place, &rows)
    })
}

fn beginning(bound_to: u32, issued: u32) -> Place {
    Place { kind: Kind::Round, bound_to, since: 0, until: 0, at: 0, slice: 0, issued }
}

/// The first page of the round that a token begins.
fn begun(place: Place, last: u32) -> Place {
    let at = if place.since == 0 { 0 } else { place.since + 1 };
    Place { kind: Kind::Page, at, slice: 0, until: last, ..place }
}

fn redeem(world: &World, call: &Call, token: &str, now: u32) -> Result<Place, Refusal> {
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
    let place = Place::open(world.seed, token);
    let wanted = if is_page { Kind::Page } else { Kind::Round };
    let Some(place) = place.filter(|place| place.kind == wanted) else {
        return Err(if is_page { Refusal::unknown_page() } else { sync_state_not_found() });
    };
    let age = now.saturating_sub(place.issued);
    match place.kind {
        Kind::Page if age > PAGE_TOKEN_SECONDS => Err(Refusal::expired_page()),
        Kind::Round if age > ROUND_TOKEN_SECONDS => Err(sync_state_not_found()),
        Kind::Page | Kind::Round | Kind::List => Ok(Place { issued: now, ..place }),
    }
}

/// Reads what is to be tracked from the options of a first request.
fn feed(world: &World, call: &Call, many: Many) -> Result<u32, Refusal> {
    let kind = many.object_type();
    let (link, links): (&str, &[&str]) = match many {
        Many::Groups => ("members", &["members", "owners"]),
        Many::People => ("manager", &["manager"]),
    };
    let selected = call.options.select.clone();
    render::check_selection(kind, selected.as_ref(), links)?;
    let ids = call.options.filter.as_ref().map(|text| filter::ids(text, FILTER_IDS_MAX));
    let only = ids.transpose()?.map(|ids| numbers(world, many, &ids));
    let key = (many, selected.clone(), only.clone());
    let make = || Feed {
        many,
        columns: Columns::new(kind, selected.as_deref(), Without::Absent),
        links: match &selected {
            Some(names) => names.iter().any(|name| name == link),
            None => many == Many::Groups,
        },
        only,
        context: render::context(&world.base_url, list::set_name(kind), call).to_string(),
    };
    Ok(world.intern(key, make))
}

/// The numbers of those among the ids that there are, each once, in order.
fn numbers(world: &World, many: Many, ids: &[SourceId]) -> Vec<u32> {
    let found = ids.iter().filter_map(|id| world.find(id.as_uuid()));
    let mut numbers: Vec<u32> = found
        .filter_map(|named| match named {
            Named::Person(number) => (many == Many::People).then_some(number),
            Named::Group(number) => (many == Many::Groups).then_some(number),
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

impl Page<'_> {
    /// Writes people until the page is full; where the round goes on, if it does.
    fn people(&mut self, place: Place) -> Option<Place> {
        let mut place = place;
        if place.since == 0 {
            let count = self.feed.only.as_ref().map_or(self.world.users as usize, Vec::len);
            while (place.at as usize) < count {
                if self.objects == OBJECTS_PER_PAGE {
                    return Some(place);
                }
                let number =
                    self.feed.only.as_ref().map_or(place.at, |only| only[place.at as usize]);
                self.person(number, true);
                place.at += 1;
            }
            // What was changed while the round was read comes again, with its newer values.
            place = Place { since: place.until, at: place.until + 1, ..place };
        }
        self.changed(place)
    }

    fn changed(&mut self, place: Place) -> Option<Place> {
        let changes = self.changes;
        if !self.feed.columns.show_changes() {
            return None;
        }
        for (change, person) in changes.people(place.at..changes.last() + 1) {
            let only = self.feed.only.as_ref();
            if only.is_some_and(|only| only.binary_search(&person).is_err()) {
                continue;
            }
            if self.objects == OBJECTS_PER_PAGE {
                return Some(Place { at: change, until: changes.last(), ..place });
            }
            self.person(person, false);
        }
        None
    }

    fn person(&mut self, number: u32, with_links: bool) {
        self.open();
        let person = self.world.person(number, self.changes);
        self.feed.columns.write_person(&person, &mut self.rows);
        let manager = manager_of(number).filter(|_| self.feed.links && with_links);
        if let Some(manager) = manager {
            self.rows.push_str(",\"manager@delta\":[");
            member(self.world.seed, manager, &mut self.rows);
            self.rows.push(']');
        }
        self.rows.push('}');
        self.objects += 1;
    }

    /// Writes groups until the page is full. Nothing ever changes about a group.
    fn groups(&mut self, place: Place) -> Option<Place> {
        if place.since >= FIRST_CHANGE {
            return None;
        }
        let mut place = place;
        let all = match &self.feed.only {
            Some(only) => u32::try_from(only.len()).unwrap_or(u32::MAX),
            None => self.world.groups.count(),
        };
        loop {
            while place.at < all {
                let number = self.group_at(place.at);
                let links = self.links_of(number, place.slice);
                if place.slice == 0 || links > 0 {
                    let is_full = self.objects == OBJECTS_PER_PAGE
                        || self.links + links > LINKS_PER_PAGE as u64;
                    if is_full && self.objects > 0 {
                        return Some(place);
                    }
                    self.group(number, place.slice);
                }
                place.at += 1;
            }
            let slice = place.slice + 1;
            let goes_on = |at| self.links_of(self.group_at(at), slice) > 0;
            if !(0..all).any(goes_on) {
                return None;
            }
            place = Place { at: 0, slice, ..place };
        }
    }

    fn group_at(&self, at: u32) -> u32 {
        self.feed.only.as_ref().map_or(at, |only| only[at as usize])
    }

    /// How many members this slice of a group's members has.
    fn links_of(&self, group: u32, slice: u32) -> u64 {
        if !self.feed.links {
            return 0;
        }
        let before = u64::from(slice) * LINKS_PER_PAGE as u64;
        self.world.groups.size(group).saturating_sub(before).min(LINKS_PER_PAGE as u64)
    }

    fn group(&mut self, number: u32, slice: u32) {
        self.open();
        self.feed.columns.write_group(self.world, number, &mut self.rows);
        let links = self.links_of(number, slice);
        if links > 0 {
            self.rows.push_str(",\"members@delta\":[");
            let from = u64::from(slice) * LINKS_PER_PAGE as u64;
            for (at, person) in self.world.groups.members(number, from, links).enumerate() {
                if at > 0 {
                    self.rows.push(',');
                }
                member(self.world.seed, person, &mut self.rows);
            }
            self.rows.push(']');
        }
        self.rows.push('}');
        self.objects += 1;
        self.links += links;
    }

    fn open(&mut self) {
        self.rows.push_str(if self.objects == 0 { "{" } else { ",{" });
    }
}

fn member(seed: u64, person: u32, out: &mut String) {
    let mut buffer = uuid::Uuid::encode_buffer();
    let id = id::of(seed, Named::Person(person));
    out.push_str("{\"@odata.type\":\"#microsoft.graph.user\",\"id\":\"");
    out.push_str(id.hyphenated().encode_lower(&mut buffer));
    out.push_str("\"}");
}

fn ended(world: &World, feed: &Feed, place: &Place, rows: &str) -> String {
    answer(world, feed, ("deltaLink", "deltatoken"), place, rows)
}

fn answer(
    world: &World,
    feed: &Feed,
    (link, option): (&str, &str),
    place: &Place,
    rows: &str,
) -> String {
    let (base, set) = (&world.base_url, list::set_name(feed.many.object_type()));
    let token = place.seal(world.seed);
    format!(
        "{{\"@odata.context\":{},\"@odata.{link}\":\"{base}/v1.0/{set}/delta?${option}={token}\",\
         \"value\":[{rows}]}}",
        feed.context,
    )
}

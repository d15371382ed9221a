//! Listings of a large tenant: people, groups, assignments, and what somebody is a member of.
//!
//! People are found by the beginning of their user principal name, or by a range of it, in an
//! index; any other filter looks at everybody, as the ordinary tenant does.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

use super::{
    columns::{Columns, Without, value_of_group, value_of_person},
    group,
    id::{self, Named},
    token::{Kind, Place, digest},
    world::{Inner, Many, World},
};
use crate::sandbox::tenant::{
    answer::Refusal,
    call::Call,
    filter::{self, Filter},
    list::{self, PAGE_DEFAULT, PAGE_MAX},
    render,
    state::ObjectType,
};

/// Bytes that a row of a page may have, to begin with enough room.
const ROW_BYTES: usize = 1_024;

/// How long the token of a page is good for, in seconds.
const PAGE_TOKEN_SECONDS: u32 = 30 * 60;

/// Where the rows of a list come from.
enum Rows<'a> {
    /// The numbers from zero on.
    All(u32),
    /// Parts of the index by name.
    Named(Vec<&'a [u32]>),
    /// Those that a filter accepts.
    Filtered(Filter, u32),
}

/// `GET /users` and `GET /groups`.
pub(super) fn objects(inner: &Inner, call: &Call, many: Many) -> Result<String, Refusal> {
    let kind = many.object_type();
    list::require(call, render::readers(kind))?;
    list::check_list_options(call)?;
    if call.options.expand.is_some() {
        return Err(Refusal::unsupported("'$expand' is not supported by a large tenant."));
    }
    render::check_selection(kind, call.options.select.as_ref(), &[])?;
    let world = &inner.world;
    let count = match many {
        Many::Groups => world.groups.count(),
        Many::People => world.users,
    };
    let rows = match &call.options.filter {
        None => Rows::All(count),
        Some(text) => match named_ranges(world, text).filter(|_| many == Many::People) {
            Some(ranges) => {
                // Refused where the ordinary tenant refuses it.
                filter::parse(call, Some(kind))?;
                Rows::Named(ranges)
            }
            None => match filter::parse(call, Some(kind))? {
                Some(filter) => Rows::Filtered(filter, count),
                None => Rows::All(count),
            },
        },
    };
    let columns = Columns::new(kind, call.options.select.as_deref(), Without::Null);
    let page = Page::begin(inner, call)?;
    let (numbers, next) = rows.page(world, many, page.at, page.size);
    let total = (call.options.count && call.is_eventual() && page.at == 0)
        .then(|| rows.page(world, many, 0, usize::MAX).0.len());
    let changes = world.changes();
    let mut out = String::with_capacity(numbers.len() * ROW_BYTES);
    for number in numbers {
        out.push_str(if out.is_empty() { "{" } else { ",{" });
        match many {
            Many::Groups => columns.write_group(world, number, &mut out),
            Many::People => columns.write_person(&world.person(number, &changes), &mut out),
        }
        out.push('}');
    }
    let context = render::context(&world.base_url, list::set_name(kind), call);
    Ok(page.answer(&context, next, total, &out))
}

impl Rows<'_> {
    /// So many rows from a place on, and the place after them where there are more.
    fn page(&self, world: &World, many: Many, at: u32, size: usize) -> (Vec<u32>, Option<u32>) {
        let behind = |taken: usize| at + u32::try_from(taken).unwrap_or(u32::MAX);
        match self {
            Self::All(count) => {
                let numbers: Vec<u32> = (at..*count).take(size).collect();
                let next = behind(numbers.len());
                (numbers, (next < *count).then_some(next))
            }
            Self::Named(parts) => {
                let all = parts.iter().flat_map(|part| part.iter().copied());
                let mut left = all.skip(at as usize);
                let numbers: Vec<u32> = left.by_ref().take(size).collect();
                let next = behind(numbers.len());
                let more = left.next().is_some();
                (numbers, more.then_some(next))
            }
            Self::Filtered(filter, count) => {
                let names = filter.properties();
                let accepts = |number: &u32| {
                    let values = values(world, many, *number, &names);
                    filter.matches(|name| values.get(name).unwrap_or(&Value::Null))
                };
                let mut left = (at..*count).filter(accepts);
                let numbers: Vec<u32> = left.by_ref().take(size).collect();
                (numbers, left.next())
            }
        }
    }
}

fn values<'a>(
    world: &World,
    many: Many,
    number: u32,
    names: &[&'a str],
) -> BTreeMap<&'a str, Value> {
    let changes = world.changes();
    let value = |name: &str| match many {
        Many::Groups => value_of_group(world, number, name),
        Many::People => value_of_person(&world.person(number, &changes), name),
    };
    names.iter().map(|name| (*name, value(name))).collect()
}

/// The parts of the index by name that a filter names, where it is one of names alone: each term
/// the beginning of one, or one from, one before, or both.
fn named_ranges<'a>(world: &'a World, text: &str) -> Option<Vec<&'a [u32]>> {
    let terms = filter::split(text, " or ");
    let asked: Option<Vec<Asked>> = terms.into_iter().map(Asked::parse).collect();
    let index = world.by_name();
    let place = |edge: &Edge| match edge {
        Edge::Before(name) => {
            index.partition_point(|number| world.folded_name(*number).as_str() < name.as_str())
        }
        Edge::After(name) => {
            index.partition_point(|number| world.folded_name(*number).as_str() <= name.as_str())
        }
        Edge::AfterAll(start) => index.partition_point(|number| {
            let name = world.folded_name(*number);
            name.as_str() < start.as_str() || name.starts_with(start.as_str())
        }),
        Edge::Start => 0,
        Edge::End => index.len(),
    };
    let ranges = asked?.into_iter().map(|asked| place(&asked.from)..place(&asked.to));
    let mut ranges: Vec<Range<usize>> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut parts: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match parts.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            Some(_) | None => parts.push(range),
        }
    }
    Some(parts.into_iter().map(|part| &index[part]).collect())
}

/// A range of names.
struct Asked {
    from: Edge,
    to: Edge,
}

enum Edge {
    Start,
    Before(String),
    After(String),
    /// Behind every name that begins so.
    AfterAll(String),
    End,
}

impl Asked {
    fn parse(term: &str) -> Option<Self> {
        let mut asked = Self { from: Edge::Start, to: Edge::End };
        for part in filter::split(term.trim(), " and ") {
            let part = part.trim().trim_start_matches('(');
            let name = |literal: &str| {
                let text = filter::parse_literal(literal.trim().trim_end_matches(')')).ok()?;
                text.as_str().map(str::to_lowercase)
            };
            if let Some(start) = part.strip_prefix("startswith(userPrincipalName,") {
                let start = name(start)?;
                asked = Self { from: Edge::Before(start.clone()), to: Edge::AfterAll(start) };
                continue;
            }
            let (operator, literal) =
                part.strip_prefix("userPrincipalName ")?.trim_start().split_once(' ')?;
            let name = name(literal)?;
            match operator {
                "ge" => asked.from = Edge::Before(name),
                "gt" => asked.from = Edge::After(name),
                "lt" => asked.to = Edge::Before(name),
                "le" => asked.to = Edge::After(name),
                "eq" => asked = Self { from: Edge::Before(name.clone()), to: Edge::After(name) },
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// One page of a list: where it begins, and what its token is bound to.
struct Page<'a> {
    inner: &'a Inner,
    call: &'a Call,
    at: u32,
    size: usize,
    bound_to: u32,
    issued: u32,
}

impl<'a> Page<'a> {
    fn begin(inner: &'a Inner, call: &'a Call) -> Result<Self, Refusal> {
        let size = call.options.top.unwrap_or(PAGE_DEFAULT);
        if size == 0 || size > PAGE_MAX {
            return Err(Refusal::bad_request(format!(
                "Invalid page size specified: '{size}'. Must be between 1 and {PAGE_MAX} \
                 inclusive."
            )));
        }
        let bound_to = bound_to(inner.world.seed, call);
        let issued = u32::try_from(inner.traffic.now().timestamp()).unwrap_or_default();
        let at = match &call.options.skip_token {
            None => 0,
            Some(token) => {
                let place = Place::open(inner.world.seed, token);
                let place = place.filter(|place| place.kind == Kind::List);
                let place = place.ok_or_else(Refusal::unknown_page)?;
                if place.bound_to != bound_to {
                    let text = "The page token does not belong to this request.";
                    return Err(Refusal::bad_request(text));
                }
                if issued.saturating_sub(place.issued) > PAGE_TOKEN_SECONDS {
                    return Err(Refusal::expired_page());
                }
                place.at
            }
        };
        Ok(Self { inner, call, at, size, bound_to, issued })
    }

    fn answer(
        &self,
        context: &Value,
        next: Option<u32>,
        total: Option<usize>,
        rows: &str,
    ) -> String {
        let world = &self.inner.world;
        let next = next.map(|at| {
            let place = Place {
                kind: Kind::List,
                bound_to: self.bound_to,
                since: 0,
                until: 0,
                at,
                slice: 0,
                issued: self.issued,
            };
            let link = list::next_link(&world.base_url, self.call, &place.seal(world.seed));
            format!("\"@odata.nextLink\":{},", Value::from(link))
        });
        let total = total.map(|total| format!("\"@odata.count\":{total},"));
        format!(
            "{{\"@odata.context\":{context},{}{}\"value\":[{rows}]}}",
            total.unwrap_or_default(),
            next.unwrap_or_default()
        )
    }
}

/// What a page token is bound to: the path and all options but the token.
fn bound_to(seed: u64, call: &Call) -> u32 {
    let options = call.query.iter().filter(|(name, _)| name != "$skiptoken");
    let mut text = call.path.clone();
    for (name, value) in options {
        text.push('&');
        text.push_str(name);
        text.push('=');
        text.push_str(value);
    }
    u32::try_from(digest(seed, text.as_bytes()) >> 32).unwrap_or_default()
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo`: every group, then people.
pub(super) fn assignments(inner: &Inner, call: &Call) -> Result<String, Refusal> {
    list::require(call, render::readers(ObjectType::ServicePrincipal))?;
    list::check_list_options(call)?;
    list::check_assignment_selection(call)?;
    let options = &call.options;
    if options.expand.is_some() || options.filter.is_some() || options.select.is_some() {
        return Err(Refusal::unsupported("The option is not supported by a large tenant."));
    }
    let world = &inner.world;
    let page = Page::begin(inner, call)?;
    let rows = Rows::All(world.assignments());
    let (numbers, next) = rows.page(world, Many::People, page.at, page.size);
    let mut out = String::with_capacity(numbers.len() * ROW_BYTES / 2);
    for number in numbers {
        out.push_str(if out.is_empty() { "" } else { "," });
        push_assignment(world, number, &mut out);
    }
    let set = format!("servicePrincipals('{}')/appRoleAssignedTo", world.application);
    let context = render::context(&world.base_url, &set, call);
    Ok(page.answer(&context, next, None, &out))
}

fn push_assignment(world: &World, number: u32, out: &mut String) {
    use std::fmt::Write as _;
    let groups = world.groups.count();
    let (principal, kind, name) = match number.checked_sub(groups) {
        None => (group::id(world.seed, number), "Group", group::name(number)),
        Some(person) => {
            let id = id::of(world.seed, Named::Person(person));
            (id, "User", format!("Person {person}"))
        }
    };
    let (first, second) = (id::mixed(world.seed ^ u64::from(number)), id::mixed(u64::from(number)));
    let (resource, role) = (world.application, world.role);
    // Writing to a text cannot fail.
    let _ = write!(
        out,
        "{{\"id\":\"{first:016x}{second:016x}{number:011}\",\"deletedDateTime\":null,\
         \"appRoleId\":\"{role}\",\"createdDateTime\":\"2020-02-02T04:22:45.9480566Z\",\
         \"principalDisplayName\":\"{name}\",\"principalId\":\"{principal}\",\
         \"principalType\":\"{kind}\",\"resourceDisplayName\":\"Load\",\
         \"resourceId\":\"{resource}\"}}"
    );
}

/// `GET /users/{id}/memberOf`: the groups of a person.
pub(super) fn member_of(inner: &Inner, call: &Call, person: u32) -> Result<String, Refusal> {
    list::require(call, render::readers(ObjectType::User))?;
    list::check_list_options(call)?;
    render::check_mixed_selection(call.options.select.as_ref())?;
    let world = &inner.world;
    let selected = call.options.select.as_deref();
    let columns = Columns::new(ObjectType::Group, selected, Without::Null);
    let page = Page::begin(inner, call)?;
    let mut left = world.groups.of(person).skip(page.at as usize);
    let groups: Vec<u32> = left.by_ref().take(page.size).collect();
    let behind = page.at + u32::try_from(groups.len()).unwrap_or(u32::MAX);
    let next = left.next().map(|_| behind);
    let mut out = String::new();
    for number in groups {
        out.push_str(if out.is_empty() { "{" } else { ",{" });
        out.push_str("\"@odata.type\":\"#microsoft.graph.group\",");
        columns.write_group(world, number, &mut out);
        out.push('}');
    }
    let context = render::context(&world.base_url, "directoryObjects", call);
    Ok(page.answer(&context, next, None, &out))
}

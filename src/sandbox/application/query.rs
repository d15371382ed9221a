//! Lists: query parameters, filters, pages, and which attributes an answer has (RFC 7644 §3.4.2).

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    endpoint::{Call, Reply, State},
    filter::{Filter, Scope},
    options::{FilterSupport, TotalResults},
    record::{Refusal, ViolationKind},
    schema::{Kind, Place},
    store::Resource,
};

/// Resources in a page where the request does not say.
pub(super) const COUNT_DEFAULT: usize = 100;

/// Resources in a page whatever the request says; `maxResults` of the service's configuration.
pub(super) const COUNT_MAX: usize = 1_000;

impl State {
    /// GET of a whole endpoint.
    pub(super) fn list(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, Refusal> {
        let filter = self.filter(kind, call)?;
        if filter.is_none()
            && let Some(status) = self.quirks.list_refused
        {
            return Err(Refusal::status(status, "this service has no lists"));
        }
        let by_cursor = self.quirks.cursor_only;
        let start = if by_cursor { cursor(call)? } else { self.start(call)? };
        let count = match number(call, "count")? {
            Some(count) if !self.quirks.count_ignored => {
                usize::try_from(count.max(0)).unwrap_or(COUNT_MAX)
            }
            Some(_) | None => COUNT_DEFAULT,
        };
        let count = count.min(self.quirks.page_size_max.unwrap_or(COUNT_MAX));
        let rows = self.rows(kind, filter.as_ref(), call);
        let past_end = start >= rows.len() && self.quirks.repeats_last_page;
        let skipped = if past_end { rows.len().saturating_sub(count) } else { start };
        let page: Vec<&Resource> = rows.iter().skip(skipped).take(count).copied().collect();
        let total = match self.quirks.total_results {
            TotalResults::Exact => rows.len(),
            TotalResults::Page => page.len(),
            TotalResults::OffBy(by) => {
                rows.len().saturating_add_signed(isize::try_from(by).unwrap_or_default())
            }
        };
        let projection = Projection::new(self, kind, call);
        let documents = page.iter().map(|row| {
            let mut document = self.document(kind, row, call);
            projection.apply(&mut document);
            if self.quirks.lists_without_id {
                document.remove("id");
            }
            Value::Object(document)
        });
        let documents: Vec<Value> = documents.collect();
        let end = start + documents.len();
        let mut list = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total, "itemsPerPage": documents.len(), "Resources": documents,
        });
        if !by_cursor {
            list["startIndex"] = (start + 1).into();
        } else if end < rows.len() {
            list["nextCursor"] = format!("{CURSOR}{end}").into();
        }
        Ok(Reply::json(200, &list))
    }

    /// The rows before the page, in a list by index.
    fn start(&self, call: &Call<'_>) -> Result<usize, Refusal> {
        let asked = number(call, "startIndex")?.filter(|_| !self.quirks.start_index_ignored);
        Ok(usize::try_from(asked.unwrap_or(1).max(1)).unwrap_or(usize::MAX) - 1)
    }

    fn filter(&self, kind: Kind, call: &Call<'_>) -> Result<Option<Filter>, Refusal> {
        let Some(text) = call.parameter("filter") else { return Ok(None) };
        if self.quirks.filter == FilterSupport::Refused {
            return Err(Refusal::status(400, "no filters here").typed("invalidFilter"));
        }
        let loose = self.quirks.entra_legacy;
        Filter::parse(text, Scope::Resource { catalog: &self.catalog, kind, loose }).map(Some)
    }

    fn rows(&self, kind: Kind, filter: Option<&Filter>, call: &Call<'_>) -> Vec<&Resource> {
        let shelf = self.store.shelf(kind);
        let visible = |row: &&Resource| !self.hides(kind, row);
        let Some(filter) = filter.filter(|_| self.quirks.filter != FilterSupport::Ignored) else {
            return shelf.iter().filter(visible).collect();
        };
        let candidates = if let Some(name) = filter.sought(kind.naming()) {
            shelf.named(name)
        } else if let Some(external_id) = filter.sought("externalId") {
            shelf.with_external_id(external_id)
        } else {
            shelf.iter().collect()
        };
        let settled = |row: &&Resource| {
            let age = (call.now - row.created).to_std().unwrap_or(Duration::ZERO);
            age >= self.quirks.settle
        };
        let rows = candidates.into_iter().filter(visible).filter(settled);
        rows.filter(|row| filter.matches(&row.document)).collect()
    }
}

/// What a cursor begins with; the rows before the page follow.
const CURSOR: &str = "after/";

/// The rows before the page, in a list by cursor (RFC 9865 §2.1).
fn cursor(call: &Call<'_>) -> Result<usize, Refusal> {
    match call.parameter("cursor") {
        None | Some("") => Ok(0),
        Some(text) => {
            text.strip_prefix(CURSOR).and_then(|rows| rows.parse().ok()).ok_or_else(|| {
                let detail = format!("there is no cursor `{text}`");
                Refusal::bad("invalidCursor", ViolationKind::InvalidQuery, detail)
            })
        }
    }
}

pub(super) fn number(call: &Call<'_>, name: &str) -> Result<Option<i64>, Refusal> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        let detail = format!("`{name}` is no number");
        Refusal::bad("invalidValue", ViolationKind::InvalidQuery, detail)
    })
}

/// `attributes` and `excludedAttributes` (RFC 7644 §3.9). Names no schema has are ignored.
pub(super) struct Projection {
    wanted: Option<Vec<Place>>,
    excluded: Vec<Place>,
}

impl Projection {
    pub(super) fn new(state: &State, kind: Kind, call: &Call<'_>) -> Self {
        let places = |name| {
            let list = call.parameter(name)?;
            let names = list.split(',').map(str::trim);
            Some(names.filter_map(|name| state.catalog.resolve(kind, name)).collect())
        };
        let excluded = places("excludedAttributes").unwrap_or_default();
        Self { wanted: places("attributes"), excluded }
    }

    /// Leaves in `document` what was asked for; `id` and `schemas` always stay.
    pub(super) fn apply(&self, document: &mut Map<String, Value>) {
        if let Some(wanted) = &self.wanted {
            let mut kept = Map::new();
            for always in ["schemas", "id"] {
                if let Some(value) = document.get(always) {
                    kept.insert(always.to_owned(), value.clone());
                }
            }
            for place in wanted {
                keep(place, document, &mut kept);
            }
            *document = kept;
        }
        for place in &self.excluded {
            exclude(place, document);
        }
    }
}

fn keep(place: &Place, from: &Map<String, Value>, to: &mut Map<String, Value>) {
    let name = &place.attribute.name;
    let Some(value) = place.root(from).and_then(|root| root.get(name)) else { return };
    let to = match &place.urn {
        None => to,
        Some(urn) => {
            let root = to.entry(urn.clone()).or_insert_with(|| json!({}));
            let Some(root) = root.as_object_mut() else { return };
            root
        }
    };
    let Some(sub) = &place.sub else {
        to.insert(name.clone(), value.clone());
        return;
    };
    let pick = |value: &Value| json!({ sub.name.as_str(): value[&sub.name] });
    if let Some(elements) = value.as_array() {
        let picked: Vec<Value> = elements.iter().map(pick).collect();
        let kept = to.get_mut(name).and_then(Value::as_array_mut);
        let Some(kept) = kept else {
            to.insert(name.clone(), picked.into());
            return;
        };
        for (element, more) in kept.iter_mut().zip(picked) {
            element[&sub.name] = more[&sub.name].clone();
        }
    } else {
        let object = to.entry(name.clone()).or_insert_with(|| json!({}));
        object[&sub.name] = value[&sub.name].clone();
    }
}

fn exclude(place: &Place, document: &mut Map<String, Value>) {
    let name = &place.attribute.name;
    if ["id", "schemas"].contains(&name.as_str()) {
        return;
    }
    let root = match &place.urn {
        None => Some(document),
        Some(urn) => document.get_mut(urn).and_then(Value::as_object_mut),
    };
    let Some(root) = root else { return };
    let Some(sub) = &place.sub else {
        root.remove(name);
        return;
    };
    match root.get_mut(name) {
        Some(Value::Array(elements)) => {
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                element.remove(&sub.name);
            }
        }
        Some(Value::Object(object)) => {
            object.remove(&sub.name);
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
}

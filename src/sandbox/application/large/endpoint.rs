//! What each request does to a large application.
//!
//! Values are judged as the ordinary application judges them. The members of groups are numbers, so
//! that a large group is changed quickly.

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::SecondsFormat;
use serde_json::{Map, Value};

use super::shelf::{Keys, Row, Shelf};
use crate::sandbox::application::{
    conform::Conformity,
    endpoint::{Call, Reply, State},
    filter::{Filter, Scope},
    patch,
    query::{COUNT_DEFAULT, COUNT_MAX, Projection, number},
    record::{Refusal, ViolationKind},
    schema::{ENTERPRISE, Kind},
};

/// The accounts and groups.
#[derive(Default)]
pub(super) struct Shelves {
    users: Shelf,
    groups: Shelf,
}

/// One request, with the rules that it is held against.
pub(super) struct Visit<'a> {
    pub(super) shelves: &'a mut Shelves,
    pub(super) state: &'a State,
    pub(super) call: &'a Call<'a>,
}

impl Shelves {
    fn of(&self, kind: Kind) -> &Shelf {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Shelf {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }

    /// How many accounts there are.
    pub(super) fn users(&self) -> usize {
        self.users.len()
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The accounts as they were posted or are since, one in a line.
    pub(super) fn documents(&self) -> String {
        self.users.iter().fold(String::new(), |mut text, (_, row)| {
            text.push_str(&row.document);
            text.push('\n');
            text
        })
    }
}

impl Visit<'_> {
    /// Answers the request.
    pub(super) fn answer(&mut self) -> Result<Reply, Refusal> {
        let unknown = || Refusal::status(404, format!("there is nothing at `{}`", self.call.path));
        let segments = self.call.segments.as_deref().ok_or_else(unknown)?;
        let (endpoint, id) = match segments {
            [endpoint] => (endpoint.as_str(), None),
            [endpoint, id] => (endpoint.as_str(), Some(id.as_str())),
            _ => return Err(unknown()),
        };
        let kind = match endpoint {
            "Users" => Kind::User,
            "Groups" => Kind::Group,
            "ServiceProviderConfig" | "ResourceTypes" | "Schemas" => {
                return self.state.discover(endpoint, id);
            }
            _ => return Err(unknown()),
        };
        match (self.call.method.as_str(), id) {
            ("GET", None) => self.list(kind),
            ("POST", None) => self.create(kind),
            ("GET", Some(id)) => {
                let number = self.existing(kind, id)?;
                Ok(self.reply(200, kind, number))
            }
            ("PATCH", Some(id)) => self.patch(kind, id),
            ("PUT", Some(id)) => self.put(kind, id),
            ("DELETE", Some(id)) => {
                let number = self.existing(kind, id)?;
                self.check_version(kind, number)?;
                self.shelves.of_mut(kind).remove(number);
                Ok(Reply::empty(204))
            }
            (method, _) => Err(Refusal::status(405, format!("{method} is not possible here"))),
        }
    }

    fn create(&mut self, kind: Kind) -> Result<Reply, Refusal> {
        let row = self.posted(kind, None)?;
        let number = self.shelves.of_mut(kind).add(row);
        Ok(self.reply(201, kind, number).with("location", self.location(kind, number)))
    }

    fn put(&mut self, kind: Kind, id: &str) -> Result<Reply, Refusal> {
        let number = self.existing(kind, id)?;
        self.check_version(kind, number)?;
        let put = self.posted(kind, Some((id, number)))?;
        self.store(kind, number, put);
        Ok(self.reply(200, kind, number))
    }

    /// Puts a row in the place of the one before.
    fn store(&mut self, kind: Kind, number: u32, row: Row) {
        let shelf = self.shelves.of_mut(kind);
        let Some(before) = shelf.get(number) else { return };
        let row = Row { version: before.version + 1, created: before.created, ..row };
        shelf.replace(number, row);
    }

    /// The body of a POST, or of a PUT of this resource, as a row.
    fn posted(&self, kind: Kind, own: Option<(&str, u32)>) -> Result<Row, Refusal> {
        let body: Map<String, Value> =
            serde_json::from_slice(self.call.body).map_err(|_| malformed())?;
        let mut document = self.rules(kind).resource(&body, own.map(|(id, _)| id))?;
        let members = document.remove("members").unwrap_or_default();
        let manager = manager(&document).map(str::to_owned);
        let row = self.row(kind, document, BTreeSet::new());
        self.check_name(kind, &row.keys, own.map(|(_, number)| number))?;
        self.check_manager(None, manager.as_deref())?;
        let members = members.as_array().into_iter().flatten();
        let members = self.members(members.filter_map(|member| member["value"].as_str()))?;
        Ok(Row { members, ..row })
    }

    fn rules(&self, kind: Kind) -> Conformity<'_> {
        Conformity { catalog: &self.state.catalog, kind, legacy: false, notes: Vec::new() }
    }

    /// A new row of what conforms.
    fn row(&self, kind: Kind, mut document: Map<String, Value>, members: BTreeSet<u32>) -> Row {
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
        let keys = Keys {
            name: text(kind.naming()).to_lowercase().into(),
            external_id: text("externalId").into(),
        };
        let extensions = document.keys().filter(|key| key.starts_with("urn:"));
        let schemas: Vec<Value> = std::iter::once(kind.schema())
            .chain(extensions.map(String::as_str))
            .map(Value::from)
            .collect();
        document.insert("schemas".to_owned(), schemas.into());
        let document = Value::Object(document).to_string().into();
        let now = self.call.now;
        Row { document, members, keys, version: 1, created: now, modified: now }
    }

    fn patch(&mut self, kind: Kind, id: &str) -> Result<Reply, Refusal> {
        let number = self.existing(kind, id)?;
        self.check_version(kind, number)?;
        let body: Map<String, Value> =
            serde_json::from_slice(self.call.body).map_err(|_| malformed())?;
        let before = self.shelves.of(kind).get(number).ok_or_else(malformed)?;
        let mut members = before.members.clone();
        let rest = self.patch_members(kind, body, &mut members)?;
        let mut document: Map<String, Value> =
            serde_json::from_str(&before.document).map_err(|_| malformed())?;
        document.remove("schemas");
        if let Some(rest) = rest {
            let before = manager(&document).map(str::to_owned);
            patch::apply(&mut self.rules(kind), &rest, &mut document)?;
            self.check_manager(before.as_deref(), manager(&document))?;
        }
        let row = self.row(kind, document, members);
        self.check_name(kind, &row.keys, Some(number))?;
        self.store(kind, number, row);
        // A large group would be told whole for every few members.
        Ok(match kind {
            Kind::User => self.reply(200, kind, number),
            Kind::Group => Reply::empty(204),
        })
    }

    /// Applies the operations on members; the message with what is left of it, if anything is.
    fn patch_members(
        &self,
        kind: Kind,
        mut body: Map<String, Value>,
        members: &mut BTreeSet<u32>,
    ) -> Result<Option<Map<String, Value>>, Refusal> {
        if kind == Kind::User {
            return Ok(Some(body));
        }
        let Some(Value::Array(operations)) = body.remove("Operations") else {
            return Ok(Some(body));
        };
        let mut rest = Vec::new();
        for operation in operations {
            let path = operation.get("path").and_then(Value::as_str).unwrap_or_default();
            if !path.to_ascii_lowercase().starts_with("members") {
                rest.push(operation);
                continue;
            }
            let one = path.split_once("eq \"").and_then(|(_, rest)| rest.split_once('"'));
            let listed = operation.get("value").and_then(Value::as_array);
            let named = one
                .map(|(id, _)| id)
                .into_iter()
                .chain(listed.into_iter().flatten().filter_map(|member| member["value"].as_str()));
            match operation.get("op").and_then(Value::as_str).unwrap_or_default() {
                "add" => members.extend(self.members(named)?),
                "replace" => *members = self.members(named)?,
                "remove" if one.is_none() && listed.is_none() => members.clear(),
                "remove" => named.filter_map(of_user).for_each(|number| {
                    members.remove(&number);
                }),
                _ => return Err(malformed()),
            }
        }
        if rest.is_empty() {
            return Ok(None);
        }
        body.insert("Operations".to_owned(), Value::Array(rest));
        Ok(Some(body))
    }

    fn members<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<BTreeSet<u32>, Refusal> {
        ids.map(|id| self.member(id)).collect()
    }

    /// The number of an account that is to be a member or a manager.
    fn member(&self, id: &str) -> Result<u32, Refusal> {
        let number = of_user(id).filter(|number| self.shelves.users.get(*number).is_some());
        number.ok_or_else(|| {
            let detail = format!("nothing has the id `{id}`");
            Refusal::bad("invalidValue", ViolationKind::UnknownReference, detail)
        })
    }

    /// A manager is an account, unless it was the manager before.
    fn check_manager(&self, before: Option<&str>, after: Option<&str>) -> Result<(), Refusal> {
        after.filter(|_| after != before).map_or(Ok(()), |id| self.member(id).map(drop))
    }

    fn existing(&self, kind: Kind, id: &str) -> Result<u32, Refusal> {
        let number = number_of(kind, id);
        let number = number.filter(|number| self.shelves.of(kind).get(*number).is_some());
        number.ok_or_else(|| Refusal::status(404, format!("no {} has the id `{id}`", kind.name())))
    }

    fn check_name(&self, kind: Kind, keys: &Keys, own: Option<u32>) -> Result<(), Refusal> {
        let namesakes = self.shelves.of(kind).named(&keys.name);
        if namesakes.into_iter().any(|number| Some(number) != own) {
            let refusal = Refusal::status(409, format!("{} is taken", kind.naming()));
            return Err(refusal.typed("uniqueness"));
        }
        Ok(())
    }

    /// `If-Match` (RFC 7644 §3.14).
    fn check_version(&self, kind: Kind, number: u32) -> Result<(), Refusal> {
        let version = self.shelves.of(kind).get(number).map(|row| row.version);
        match (self.call.header("if-match"), version) {
            (Some(tag), Some(version)) if tag != "*" && tag != etag(version) => {
                Err(Refusal::status(412, "the resource has changed"))
            }
            (_, _) => Ok(()),
        }
    }

    fn list(&self, kind: Kind) -> Result<Reply, Refusal> {
        let (catalog, shelf) = (&self.state.catalog, self.shelves.of(kind));
        let start = number(self.call, "startIndex")?.unwrap_or(1).max(1);
        let start = usize::try_from(start).unwrap_or(usize::MAX) - 1;
        let count = number(self.call, "count")?.map_or(COUNT_DEFAULT, |count| {
            usize::try_from(count.max(0)).unwrap_or(COUNT_MAX).min(COUNT_MAX)
        });
        let (page, total) = match self.call.parameter("filter") {
            None => {
                let page = shelf.from(start).take(count).map(|(number, _)| number);
                (page.collect(), shelf.len())
            }
            Some(text) => {
                let filter = Filter::parse(text, Scope::Resource { catalog, kind, loose: false })?;
                let found = self.found(kind, &filter);
                let total = found.len();
                (found.into_iter().skip(start).take(count).collect::<Vec<u32>>(), total)
            }
        };
        let mut rows = String::new();
        for number in &page {
            rows.push_str(if rows.is_empty() { "" } else { "," });
            rows.push_str(&self.shown(kind, *number));
        }
        let (first, length) = (start + 1, page.len());
        let body = format!(
            "{{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:ListResponse\"],\
             \"totalResults\":{total},\"startIndex\":{first},\"itemsPerPage\":{length},\
             \"Resources\":[{rows}]}}"
        );
        Ok(scim(200, body))
    }

    fn found(&self, kind: Kind, filter: &Filter) -> Vec<u32> {
        let shelf = self.shelves.of(kind);
        let candidates = if let Some(name) = filter.sought(kind.naming()) {
            shelf.named(&name.to_lowercase())
        } else if let Some(external_id) = filter.sought("externalId") {
            shelf.with_external_id(external_id).into_iter().collect()
        } else if let Some(id) = filter.sought("id") {
            number_of(kind, id).into_iter().collect()
        } else {
            shelf.iter().map(|(number, _)| number).collect()
        };
        let matches = |number: &u32| {
            let row = shelf.get(*number).map(|row| serde_json::from_str(&row.document));
            let Some(Ok(Value::Object(mut document))) = row else { return false };
            document.insert("id".to_owned(), id_of(kind, *number).into());
            filter.matches(&document)
        };
        candidates.into_iter().filter(matches).collect()
    }

    fn reply(&self, status: u16, kind: Kind, number: u32) -> Reply {
        let version = self.shelves.of(kind).get(number).map_or(1, |row| row.version);
        scim(status, self.shown(kind, number)).with("etag", etag(version))
    }

    fn location(&self, kind: Kind, number: u32) -> String {
        let (origin, base) = (&self.call.origin, &self.state.base_path);
        format!("{origin}{base}/{}/{}", kind.endpoint(), id_of(kind, number))
    }

    /// A resource as a client sees it.
    fn shown(&self, kind: Kind, number: u32) -> String {
        let Some(row) = self.shelves.of(kind).get(number) else { return "{}".to_owned() };
        let moment = |at: crate::model::Timestamp| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let rest = row.document.trim_start_matches('{').trim_start();
        let mut text = String::with_capacity(row.document.len() + 320);
        let _ = write!(
            text,
            "{{\"id\":\"{}\",\"meta\":{{\"resourceType\":\"{}\",\"version\":{},\
             \"created\":\"{}\",\"lastModified\":\"{}\",\"location\":\"{}\"}}",
            id_of(kind, number),
            kind.name(),
            Value::from(etag(row.version)),
            moment(row.created),
            moment(row.modified),
            self.location(kind, number),
        );
        let excluded = self.call.parameter("excludedAttributes");
        if excluded != Some("members") {
            // Who was deleted is no member any more.
            let is_there = |number: &&u32| self.shelves.users.get(**number).is_some();
            for (at, member) in row.members.iter().filter(is_there).enumerate() {
                text.push_str(if at == 0 { ",\"members\":[" } else { "," });
                let _ = write!(text, "{{\"value\":\"{}\"}}", id_of(Kind::User, *member));
            }
            text.push_str(if row.members.iter().any(|number| is_there(&number)) {
                "]"
            } else {
                ""
            });
        }
        text.push_str(if rest == "}" { "" } else { "," });
        text.push_str(rest);
        let is_whole = self.call.parameter("attributes").is_none()
            && excluded.is_none_or(|excluded| excluded == "members");
        if is_whole { text } else { self.projected(kind, &text) }
    }

    fn projected(&self, kind: Kind, text: &str) -> String {
        let mut document: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        Projection::new(self.state, kind, self.call).apply(&mut document);
        Value::Object(document).to_string()
    }
}

fn scim(status: u16, body: String) -> Reply {
    let headers = vec![("content-type", "application/scim+json".to_owned())];
    Reply { status, headers, body: body.into_bytes() }
}

fn etag(version: u32) -> String {
    format!("W/\"{version}\"")
}

fn id_of(kind: Kind, number: u32) -> String {
    match kind {
        Kind::User => format!("u-{number:08x}"),
        Kind::Group => format!("g-{number:08x}"),
    }
}

fn number_of(kind: Kind, id: &str) -> Option<u32> {
    let prefix = match kind {
        Kind::User => "u-",
        Kind::Group => "g-",
    };
    let digits = id.strip_prefix(prefix).filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}

fn of_user(id: &str) -> Option<u32> {
    number_of(Kind::User, id)
}

fn malformed() -> Refusal {
    Refusal::bad("invalidSyntax", ViolationKind::MalformedBody, "the body is no such message")
}

/// The id of somebody's manager.
fn manager(document: &Map<String, Value>) -> Option<&str> {
    document.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str()
}

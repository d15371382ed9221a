//! What each request does to the application's state. No transport, no faults, no waiting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::SecondsFormat;
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::model::Timestamp;

use super::{
    conform::Conformity,
    fault::Faults,
    options::Quirks,
    patch,
    query::Projection,
    record::{AccountEvent, AccountEventKind, RecordedRequest, Refusal, Violation, ViolationKind},
    schema::{Catalog, Kind},
    store::{Resource, Store, references},
};

/// What a segment of a path must escape: all but the unreserved characters (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Everything one application holds.
pub(super) struct State {
    pub(super) catalog: Catalog,
    pub(super) quirks: Quirks,
    /// Header names in lower case, and what each has to hold.
    pub(super) demands: BTreeMap<String, String>,
    pub(super) base_path: String,
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) random: fastrand::Rng,
    pub(super) requests: Vec<RecordedRequest>,
    pub(super) violations: Vec<Violation>,
    pub(super) events: Vec<AccountEvent>,
    /// When the requests of the last second came.
    pub(super) recent: VecDeque<Timestamp>,
}

/// One request, taken apart.
pub(super) struct Call<'a> {
    pub(super) method: &'a Method,
    /// The path as sent.
    pub(super) path: &'a str,
    /// The decoded segments below the base path; `None` where the path lies outside it.
    pub(super) segments: Option<Vec<String>>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) origin: String,
    pub(super) now: Timestamp,
}

impl Call<'_> {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer before it is put on the wire.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/scim+json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub(super) fn text(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl State {
    /// Answers one request and applies it.
    pub(super) fn answer(&mut self, call: &Call<'_>) -> Reply {
        if self.quirks.base_path_missing {
            return Reply::text(404, "text/html", "<h1>Not Found</h1>");
        }
        if self.quirks.html_answers {
            return Reply::text(200, "text/html", "<!doctype html><title>Sign in</title>");
        }
        if self.is_too_fast(call.now) {
            let refusal = Refusal::status(429, "too many requests");
            return self.refuse(&refusal).with("retry-after", "1");
        }
        match self.route(call) {
            Ok(reply) => reply,
            Err(refusal) => {
                if let Some(kind) = refusal.violation {
                    self.violate(call, kind, &refusal.detail);
                }
                let reply = self.refuse(&refusal);
                if refusal.status == 401 {
                    return reply.with("www-authenticate", "Bearer realm=\"scim\"");
                }
                reply
            }
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Reply {
        if self.quirks.plain_errors {
            return Reply::text(refusal.status, "text/plain", &refusal.detail);
        }
        Reply::json(refusal.status, &refusal.body())
    }

    fn violate(&mut self, call: &Call<'_>, kind: ViolationKind, detail: &str) {
        self.violations.push(Violation {
            kind,
            method: call.method.clone(),
            path: call.path.to_owned(),
            detail: detail.to_owned(),
        });
    }

    fn is_too_fast(&mut self, now: Timestamp) -> bool {
        let Some(limit) = self.quirks.requests_per_second_max else { return false };
        while self.recent.front().is_some_and(|at| (now - *at).num_milliseconds() >= 1_000) {
            self.recent.pop_front();
        }
        if self.recent.len() >= limit {
            return true;
        }
        self.recent.push_back(now);
        false
    }

    fn route(&mut self, call: &Call<'_>) -> Result<Reply, Refusal> {
        let unmet = self.demands.iter().find(|(name, value)| call.header(name) != Some(value));
        if let Some((name, _)) = unmet {
            let detail = match name.as_str() {
                "authorization" => "the bearer token is missing or wrong".to_owned(),
                name => format!("the header `{name}` is missing or wrong"),
            };
            let refusal = Refusal::status(401, detail);
            return Err(refusal.because(ViolationKind::Unauthorized));
        }
        let unknown = || {
            let refusal = Refusal::status(404, format!("there is nothing at `{}`", call.path));
            refusal.because(ViolationKind::UnknownEndpoint)
        };
        let segments = call.segments.as_deref().ok_or_else(unknown)?;
        let (endpoint, id) = match segments {
            [endpoint] => (endpoint.as_str(), None),
            [endpoint, id] => (endpoint.as_str(), Some(id.as_str())),
            _ => return Err(unknown()),
        };
        let kind = match endpoint {
            "Users" => Kind::User,
            "Groups" if !self.quirks.no_groups => Kind::Group,
            "ServiceProviderConfig" | "ResourceTypes" | "Schemas" => {
                if call.method != Method::GET {
                    return Err(method_refused(call));
                }
                return self.discover(endpoint, id);
            }
            _ => return Err(unknown()),
        };
        match (call.method.as_str(), id) {
            ("GET", None) => self.list(kind, call),
            ("POST", None) => self.create(kind, call),
            ("GET", Some(id)) => self.read(kind, id, call),
            ("PATCH", Some(_)) if self.quirks.patch_refused => {
                Err(Refusal::status(501, "this service has no PATCH"))
            }
            ("PUT" | "PATCH", Some(id)) => self.write(kind, id, call),
            ("DELETE", Some(id)) => self.delete(kind, id, call),
            (_, _) => Err(method_refused(call)),
        }
    }

    fn read(&self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, Refusal> {
        let row = self.existing(kind, id)?;
        if call.header("if-none-match") == Some(&row.etag()) {
            return Ok(Reply::empty(304).with("etag", row.etag()));
        }
        Ok(self.reply(200, kind, row, call))
    }

    fn create(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, Refusal> {
        let body = self.body(call)?;
        let mut document = self.conforming(kind, call, |rules| rules.resource(&body, None))?;
        self.check(kind, None, &mut document)?;
        let id = self.new_id(kind);
        document.insert("id".to_owned(), id.as_str().into());
        let row = Resource {
            id: id.clone(),
            document,
            created: call.now,
            modified: call.now,
            version: 1,
        };
        if kind == Kind::User {
            self.note_event(call.now, &row, AccountEventKind::Created);
        }
        let mut reply = self.reply(201, kind, &row, call);
        if self.quirks.creates_without_id {
            let mut shown = self.document(kind, &row, call);
            shown.remove("id");
            reply.body = Value::Object(shown).to_string().into_bytes();
        }
        self.store.shelf_mut(kind).put(kind, row);
        let location = self.location(kind, &id, call);
        Ok(reply.with("location", location))
    }

    /// PUT and PATCH.
    fn write(&mut self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, Refusal> {
        let before = self.existing(kind, id)?.clone();
        self.check_version(&before, call)?;
        let body = self.body(call)?;
        let mut document = if call.method == Method::PATCH {
            let mut document = before.document.clone();
            self.conforming(kind, call, |rules| patch::apply(rules, &body, &mut document))?;
            document
        } else {
            let mut put = self.conforming(kind, call, |rules| rules.resource(&body, Some(id)))?;
            put.insert("id".to_owned(), id.into());
            put
        };
        self.check(kind, Some(&before), &mut document)?;
        let mut row = before.clone();
        if document == before.document {
            self.violate(call, ViolationKind::NeedlessWrite, "nothing changed");
        } else {
            row = Resource { document, modified: call.now, version: before.version + 1, ..row };
            self.note_activity(kind, call.now, &before, &row);
            self.store.shelf_mut(kind).put(kind, row.clone());
        }
        if call.method == Method::PATCH && self.quirks.patch_no_content {
            return Ok(Reply::empty(204));
        }
        Ok(self.reply(200, kind, &row, call))
    }

    fn delete(&mut self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, Refusal> {
        let before = self.existing(kind, id)?.clone();
        self.check_version(&before, call)?;
        if kind == Kind::User && self.quirks.delete_deactivates {
            let mut row = before.clone();
            row.document.insert("active".to_owned(), false.into());
            row.modified = call.now;
            row.version += 1;
            self.note_activity(kind, call.now, &before, &row);
            self.store.users.put(kind, row);
            return Ok(Reply::empty(204));
        }
        self.store.remove(kind, id, call.now);
        if kind == Kind::User {
            self.note_event(call.now, &before, AccountEventKind::Deleted);
        }
        Ok(Reply::empty(204))
    }

    fn existing(&self, kind: Kind, id: &str) -> Result<&Resource, Refusal> {
        let shelf = self.store.shelf(kind);
        match shelf.get(id) {
            Some(row) if !self.hides(kind, row) => Ok(row),
            Some(_) | None => {
                let seen = shelf.get(id).is_some() || shelf.deleted.iter().any(|gone| gone == id);
                let violation = if seen { ViolationKind::GoneId } else { ViolationKind::UnknownId };
                let detail = format!("no {} has the id `{id}`", kind.name());
                Err(Refusal::status(404, detail).because(violation))
            }
        }
    }

    pub(super) fn hides(&self, kind: Kind, row: &Resource) -> bool {
        kind == Kind::User && self.quirks.hides_inactive && !row.is_active()
    }

    /// `If-Match` (RFC 7644 §3.14).
    fn check_version(&self, row: &Resource, call: &Call<'_>) -> Result<(), Refusal> {
        match call.header("if-match") {
            Some(tag) if tag != "*" && tag != row.etag() => {
                let refusal = Refusal::status(412, "the resource has changed");
                Err(refusal.because(ViolationKind::StaleVersion))
            }
            None if self.quirks.if_match_required => {
                Err(Refusal::status(428, "name the version that is to be changed"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn body(&mut self, call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
        let declared = call.header("content-type").unwrap_or_default();
        let media_type = declared.split(';').next().unwrap_or_default().trim().to_lowercase();
        if media_type != "application/scim+json" {
            let detail = format!("the body is declared as `{declared}`");
            if media_type != "application/json" {
                let refusal = Refusal::status(415, detail);
                return Err(refusal.because(ViolationKind::ContentType));
            }
            self.violate(call, ViolationKind::ContentType, &detail);
        }
        let malformed =
            |detail: &str| Refusal::bad("invalidSyntax", ViolationKind::MalformedBody, detail);
        let value: Value =
            serde_json::from_slice(call.body).map_err(|_| malformed("the body is no JSON"))?;
        match value {
            Value::Object(body) => Ok(body),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(malformed("the body is no JSON object")),
        }
    }

    /// Runs a judgement of values and keeps what it let through.
    fn conforming<T>(
        &mut self,
        kind: Kind,
        call: &Call<'_>,
        judge: impl FnOnce(&mut Conformity<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let legacy = self.quirks.entra_legacy;
        let mut rules = Conformity { catalog: &self.catalog, kind, legacy, notes: Vec::new() };
        let judged = judge(&mut rules);
        for (kind, detail) in rules.notes {
            self.violate(call, kind, &detail);
        }
        judged
    }

    /// The rules beyond one document: unique names, limits, existing members and managers.
    fn check(
        &self,
        kind: Kind,
        before: Option<&Resource>,
        document: &mut Map<String, Value>,
    ) -> Result<(), Refusal> {
        let name = document.get(kind.naming()).and_then(Value::as_str).unwrap_or_default();
        let name = match kind {
            Kind::User if self.quirks.lowercases_user_name => name.to_lowercase(),
            Kind::User | Kind::Group => name.to_owned(),
        };
        let renamed = before.is_none_or(|row| row.text(kind.naming()) != name);
        let limit = self.quirks.user_name_chars_max.filter(|_| kind == Kind::User);
        if renamed && limit.is_some_and(|limit| name.chars().count() > limit) {
            return Err(Refusal::status(400, "userName is too long").typed("invalidValue"));
        }
        let may_repeat = self.quirks.duplicates_allowed
            || (kind == Kind::Group && self.quirks.group_names_repeat);
        let own = before.map(|row| row.id.as_str());
        let mut namesakes = self.store.shelf(kind).named(&name).into_iter();
        if renamed && !may_repeat && namesakes.any(|row| Some(row.id.as_str()) != own) {
            let refusal = Refusal::status(409, format!("{} is taken", kind.naming()));
            return Err(refusal.typed("uniqueness").because(ViolationKind::Duplicate));
        }
        let known: BTreeSet<&str> =
            before.map(|row| references(&row.document).collect()).unwrap_or_default();
        let mut added = references(document).filter(|id| !known.contains(id));
        let missing = added.find(|id| !self.store.exists(id)).map(str::to_owned);
        drop(added);
        if let Some(id) = missing {
            let detail = format!("nothing has the id `{id}`");
            return Err(Refusal::bad("invalidValue", ViolationKind::UnknownReference, detail));
        }
        let active = document.get("active") != Some(&Value::Bool(false));
        let takes_seat = kind == Kind::User && active && !before.is_some_and(Resource::is_active);
        if let Some(seats) = self.quirks.seats_max.filter(|_| takes_seat)
            && self.store.users.iter().filter(|row| row.is_active()).count() >= seats
        {
            return Err(Refusal::status(403, "no seats are left"));
        }
        if !name.is_empty() {
            document.insert(kind.naming().to_owned(), name.into());
        }
        Ok(())
    }

    pub(super) fn new_id(&mut self, kind: Kind) -> String {
        let number = self.random.u64(..);
        match (kind, self.quirks.awkward_ids) {
            (Kind::User, false) => format!("u-{number:016x}"),
            (Kind::Group, false) => format!("g-{number:016x}"),
            (Kind::User, true) => format!("u/\"{number:016x}\" 1%2F'é"),
            (Kind::Group, true) => format!("g/\"{number:016x}\" 1%2F'é"),
        }
    }

    fn note_activity(&mut self, kind: Kind, at: Timestamp, before: &Resource, after: &Resource) {
        if kind == Kind::User {
            match (before.is_active(), after.is_active()) {
                (true, false) => self.note_event(at, after, AccountEventKind::Disabled),
                (false, true) => self.note_event(at, after, AccountEventKind::Enabled),
                (true, true) | (false, false) => {}
            }
        }
    }

    fn note_event(&mut self, at: Timestamp, row: &Resource, kind: AccountEventKind) {
        let user_name = row.text("userName").to_owned();
        self.events.push(AccountEvent { at, id: row.id.clone(), user_name, kind });
    }

    fn location(&self, kind: Kind, id: &str, call: &Call<'_>) -> String {
        let id = utf8_percent_encode(id, RESERVED);
        format!("{}{}/{}/{id}", call.origin, self.base_path, kind.endpoint())
    }

    fn reply(&self, status: u16, kind: Kind, row: &Resource, call: &Call<'_>) -> Reply {
        let mut document = self.document(kind, row, call);
        Projection::new(self, kind, call).apply(&mut document);
        let reply = Reply::json(status, &Value::Object(document));
        if self.quirks.hides_versions { reply } else { reply.with("etag", row.etag()) }
    }

    /// The whole resource as a client sees it.
    pub(super) fn document(
        &self,
        kind: Kind,
        row: &Resource,
        call: &Call<'_>,
    ) -> Map<String, Value> {
        let moment = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut document = row.document.clone();
        let mut schemas = vec![kind.schema().to_owned()];
        schemas.extend(document.keys().filter(|key| key.starts_with("urn:")).cloned());
        document.insert("schemas".to_owned(), schemas.into());
        document.insert(
            "meta".to_owned(),
            json!({
                "resourceType": kind.name(), "version": row.etag(),
                "created": moment(row.created), "lastModified": moment(row.modified),
                "location": self.location(kind, &row.id, call),
            }),
        );
        if self.quirks.hides_versions {
            document["meta"].as_object_mut().map(|meta| meta.remove("version"));
        }
        document.remove("password");
        if self.quirks.hides_external_id {
            document.remove("externalId");
        }
        if self.quirks.hides_members {
            document.remove("members");
        }
        document
    }
}

fn method_refused(call: &Call<'_>) -> Refusal {
    let detail = format!("{} is not possible here", call.method);
    Refusal::status(405, detail).because(ViolationKind::Method)
}

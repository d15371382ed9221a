//! A request to Graph, taken apart: path segments, query options, headers, body.
//!
//! Owns what is refused before any handler sees it: unknown options, repeated ones, bad numbers.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;

use super::{answer::Refusal, fault::Fault};

/// Query options that Graph knows (Graph "Use query parameters").
const KNOWN_OPTIONS: [&str; 11] = [
    "$select",
    "$filter",
    "$top",
    "$expand",
    "$count",
    "$orderby",
    "$search",
    "$skip",
    "$skiptoken",
    "$deltatoken",
    "$format",
];

/// A request, parsed.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The path below the version, decoded, `x('key')` as two segments.
    pub(super) segments: Vec<String>,
    /// The decoded path below the version as the client wrote it, for links.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) options: Options,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Bytes,
    /// Application permissions in the caller's token.
    pub(super) roles: BTreeSet<String>,
    pub(super) faults: Vec<Fault>,
}

/// The system query options (OData), decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) select: Option<Vec<String>>,
    pub(super) filter: Option<String>,
    pub(super) top: Option<usize>,
    pub(super) expand: Option<String>,
    pub(super) count: bool,
    pub(super) order_by: Option<String>,
    pub(super) search: Option<String>,
    pub(super) skip_token: Option<String>,
    pub(super) delta_token: Option<String>,
}

impl Call {
    /// Takes a request apart. `target` is the path below the version with its query, as sent.
    pub(super) fn parse(
        method: Method,
        target: &str,
        headers: BTreeMap<String, String>,
        body: Bytes,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .flat_map(|raw| {
                split_key(&percent_encoding::percent_decode_str(raw).decode_utf8_lossy())
            })
            .collect();
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self {
            method,
            segments,
            path: decoded,
            query,
            options: Options::default(),
            headers,
            body,
            roles: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Reads the query options; the error says which one Graph does not know.
    pub(super) fn read_options(&mut self) -> Result<(), Refusal> {
        self.options = Options::parse(&self.query)?;
        Ok(())
    }

    /// Whether the call asks for the index that advanced queries need.
    pub(super) fn is_eventual(&self) -> bool {
        self.header("consistencylevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }

    /// A header by its lower-case name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether `Prefer` names this preference.
    pub(super) fn prefers(&self, preference: &str) -> bool {
        self.header("prefer").is_some_and(|header| {
            header.split([',', ';']).any(|part| part.trim().eq_ignore_ascii_case(preference))
        })
    }

    /// The value of a preference such as `odata.maxpagesize`.
    pub(super) fn preference(&self, name: &str) -> Option<&str> {
        self.header("prefer")?.split([',', ';']).find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(super) fn has_role(&self, any_of: &[&str]) -> bool {
        any_of.iter().any(|role| self.roles.contains(*role))
    }

    pub(super) fn find_fault<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.faults.iter().find_map(pick)
    }

    pub(super) fn suffers(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }
}

impl Options {
    fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        let mut seen = BTreeSet::new();
        for (name, value) in pairs {
            if !name.starts_with('$') {
                continue;
            }
            if !KNOWN_OPTIONS.contains(&name.as_str()) {
                return Err(Refusal::bad_request(format!(
                    "The query parameter '{name}' is not supported."
                )));
            }
            if !seen.insert(name.as_str()) {
                return Err(Refusal::bad_request(format!(
                    "Query option '{name}' was specified more than once, but it must be specified \
                     at most once."
                )));
            }
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "$select" => {
                let names: Vec<String> =
                    value.split(',').map(|part| part.trim().to_owned()).collect();
                if names.iter().any(String::is_empty) {
                    return Err(Refusal::bad_request("Term '' is not valid in a $select."));
                }
                self.select = Some(names);
            }
            "$filter" => self.filter = Some(value.to_owned()),
            "$top" => {
                let size = value.parse().map_err(|_| {
                    Refusal::bad_request(format!("Invalid value '{value}' for $top query option."))
                })?;
                self.top = Some(size);
            }
            "$expand" => self.expand = Some(value.to_owned()),
            "$count" => self.count = value.eq_ignore_ascii_case("true"),
            "$orderby" => self.order_by = Some(value.to_owned()),
            "$search" => self.search = Some(value.to_owned()),
            "$skip" => {
                return Err(Refusal::unsupported("'$skip' is not supported by the service."));
            }
            "$skiptoken" => self.skip_token = Some(value.to_owned()),
            "$deltatoken" => self.delta_token = Some(value.to_owned()),
            // `$format` changes nothing: JSON is all there is.
            _ => {}
        }
        Ok(())
    }
}

/// `users('x')` is `users/x`, and `servicePrincipals(appId='x')` is `servicePrincipals/appId=x`.
fn split_key(segment: &str) -> Vec<String> {
    let keyed = segment.strip_suffix(')').and_then(|rest| rest.split_once('('));
    match keyed {
        Some((name, "")) => vec![name.to_owned()],
        Some((name, key)) => {
            let plain = match key.split_once("='") {
                Some((property, value)) => {
                    format!("{property}={}", value.trim_end_matches('\''))
                }
                None => key.trim_matches('\'').to_owned(),
            };
            vec![name.to_owned(), plain]
        }
        None => vec![segment.to_owned()],
    }
}

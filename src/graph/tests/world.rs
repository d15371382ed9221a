//! A directory over a script, and the ids and words that the tests speak of.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::Request;
use url::Url;

use crate::{
    graph::{GraphDirectory, GraphSettings},
    http::{
        Authorizer, Bearer,
        scripted::{Scripted, StillClock},
    },
    model::{Secret, SourceId},
    port::{Link, Selection},
};

/// Where the scripted Graph is.
pub(super) const ROOT: &str = "https://graph.example";

pub(super) struct World {
    pub(super) script: Arc<Scripted>,
    pub(super) graph: GraphDirectory,
    pub(super) token: Arc<Mutex<String>>,
}

pub(super) fn world() -> World {
    let script = Scripted::new();
    let token = Arc::new(Mutex::new("t0ken".to_owned()));
    let read = Arc::clone(&token);
    let bearer = Bearer::new(Arc::new(move || Ok(Secret::new(read.lock().unwrap().clone()))));
    let settings = GraphSettings { graph_url: Url::parse(ROOT).unwrap() };
    let exchange = Arc::clone(&script);
    let authorizer = Authorizer::Bearer(bearer);
    let graph = GraphDirectory::new(&settings, exchange, authorizer, StillClock::new());
    World { script, graph, token }
}

/// A GUID that ends in this number.
pub(super) fn guid(number: u32) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

pub(super) fn id(number: u32) -> SourceId {
    guid(number).parse().unwrap()
}

pub(super) fn selection(properties: &[&str], manager: bool) -> Selection {
    let properties: BTreeSet<_> = properties.iter().map(|&name| name.to_owned()).collect();
    Selection { properties, manager }
}

pub(super) fn link(rest: &str) -> Link {
    Link(format!("{ROOT}/v1.0/{rest}"))
}

/// Method and address, decoded as a person writes them, and the body.
pub(super) fn told(request: &Request<Bytes>) -> String {
    let address = request.uri().to_string();
    let address =
        percent_encoding::percent_decode_str(&address).decode_utf8().unwrap().into_owned();
    let body = std::str::from_utf8(request.body()).unwrap();
    format!("{} {address} {body}", request.method()).trim_end().to_owned()
}

//! `POST /directoryObjects/getByIds`: up to a thousand objects by their ids.
//!
//! Owns its silence: what is missing, deleted or of another type is left out without a word.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Refusal, Reply},
    call::Call,
    render,
    state::{ObjectType, State},
};
use crate::model::SourceId;

/// Ids in one request.
const IDS_MAX: usize = 1_000;

/// What is looked up.
#[derive(Deserialize)]
pub(super) struct Lookup {
    pub(super) ids: Vec<String>,
    #[serde(default)]
    types: Option<Vec<String>>,
}

impl Lookup {
    /// Whether objects of this type are asked for.
    pub(super) fn wants(&self, kind: ObjectType) -> bool {
        let name = kind.name().trim_start_matches("microsoft.graph.");
        self.types.as_ref().is_none_or(|types| {
            types.is_empty()
                || types.iter().any(|kind| {
                    kind.eq_ignore_ascii_case(name) || kind.eq_ignore_ascii_case("directoryObject")
                })
        })
    }
}

/// Reads what is looked up, or refuses it.
pub(super) fn read(call: &Call) -> Result<Lookup, Refusal> {
    let kinds = [ObjectType::User, ObjectType::Group, ObjectType::ServicePrincipal];
    if !kinds.iter().any(|kind| call.has_role(render::readers(*kind))) {
        return Err(Refusal::denied());
    }
    let lookup: Lookup = serde_json::from_slice(&call.body)
        .map_err(|_| Refusal::bad_request("Unable to read JSON request payload."))?;
    if lookup.ids.is_empty() || lookup.ids.len() > IDS_MAX {
        return Err(Refusal::bad_request(format!(
            "The number of ids must be between 1 and {IDS_MAX}; it is {}.",
            lookup.ids.len()
        )));
    }
    let options = &call.options;
    if options.expand.is_some() || options.filter.is_some() || options.top.is_some() {
        return Err(Refusal::unsupported("The query option is not supported on this resource."));
    }
    render::check_mixed_selection(options.select.as_ref())?;
    Ok(lookup)
}

/// The id that a text is.
pub(super) fn parse(raw: &str) -> Result<SourceId, Refusal> {
    SourceId::parse(raw).map_err(|_| Refusal::bad_request(format!("Invalid GUID:{raw}")))
}

/// The live objects among the ids, in no particular order.
pub(super) fn by_ids(state: &mut State, call: &Call) -> Result<Reply, Refusal> {
    let lookup = read(call)?;
    let mut rows = Vec::new();
    for raw in &lookup.ids {
        let id = parse(raw)?;
        if let Some(entry) = state.live(id).filter(|entry| lookup.wants(entry.kind)) {
            rows.push(render::mixed(call, id, entry));
        }
    }
    state.rng.shuffle(&mut rows);
    let context = render::context(&state.base_url, "directoryObjects", call);
    // Five units; two with a selection, which is more than the usual modifier takes off.
    let units = if call.options.select.is_some() { 3 } else { 5 };
    Ok(Reply::json(json!({ "@odata.context": context, "value": Value::Array(rows) }), units))
}

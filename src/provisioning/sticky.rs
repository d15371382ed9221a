//! Values that would be another one each time: what they rest on, and how long they stay.

use super::{
    Link, MappingInputs, SourceAttribute, Subject,
    job::{Apply, AttributeMapping, MappingSource},
    mapping::read_source,
};
use crate::model::{AppRole, Fingerprint};

/// Whether the exported value of a row still stands. A redacted one whose last write has no known
/// outcome is drawn anew: only what can be computed again can be sent again.
pub(super) fn rests_on(link: &Link, mapping: &AttributeMapping, basis: Option<&String>) -> bool {
    basis.is_some()
        && mapping.apply == Apply::Always
        && link.basis.get(&mapping.target) == basis
        && !(link.stale && mapping.is_redacted())
}

/// What a row rests on, as it may be stored, and the seed of its random values.
///
/// Of redacted values the stored one is keyed, so that nobody can try values out against it. The
/// seed comes of the one without the key, so that a lost key does not draw other values.
pub(super) fn basis_and_seed(
    mapping: &AttributeMapping,
    subject: &Subject,
    roles: &[AppRole],
    inputs: MappingInputs<'_>,
) -> (Option<String>, u64) {
    let Some(basis) = basis_of(mapping, subject, roles, inputs) else { return (None, 0) };
    let (id, path) = (subject.id.to_string(), mapping.target.to_string());
    let seed = Fingerprint::of([id.as_str(), path.as_str(), basis.as_str()]).seed();
    let stored = if mapping.is_redacted() { inputs.key.hash([basis.as_str()]) } else { basis };
    (Some(stored), seed)
}

/// What a value rests on that would be another one each time: its expression, and the source
/// attributes that it names.
fn basis_of(
    mapping: &AttributeMapping,
    subject: &Subject,
    roles: &[AppRole],
    inputs: MappingInputs<'_>,
) -> Option<String> {
    let MappingSource::Expression(expression) = &mapping.source else { return None };
    if !expression.is_sticky() {
        return None;
    }
    let mut parts = vec![expression.to_string()];
    for name in expression.attributes() {
        let value = match SourceAttribute::parse(name) {
            Some(SourceAttribute::AppRoleAssignments) => {
                roles.iter().map(|role| role.id.to_string()).collect()
            }
            Some(_) | None => read_source(name, subject, inputs.is_soft_deleted),
        };
        parts.extend([name.to_owned(), value.to_string()]);
    }
    if expression.uses_default_domain() {
        parts.extend(inputs.default_domain.map(str::to_owned));
    }
    Some(Fingerprint::of(parts.iter().map(String::as_str)).to_string())
}

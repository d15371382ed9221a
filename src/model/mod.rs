//! Shared nouns: typed ids, attribute values, source objects, secrets, the clock, and the meter of
//! requests.
//!
//! Everything above speaks in these words. The room holds values and small rules about them
//! (parsing an id, printing no secret, showing no control character); it performs no I/O and
//! depends on no other room.

mod attributes_text;
mod clock;
mod fingerprint;
mod id;
mod plain;
mod redaction;
mod secret;
mod source;
mod traffic;
mod wording;

pub use attributes_text::{AttributeName, AttributesReader, AttributesText};
pub use clock::{Clock, Sleep, Timestamp, moment};
pub use fingerprint::Fingerprint;
pub use id::{
    AppName, AppRoleId, ChangeId, CycleId, EmptyId, InvalidGuid, JobId, ServicePrincipalId,
    SourceId, TargetId, TypedGuid,
};
pub use plain::{REPLACEMENT, escaped, is_unseen, plain};
pub use redaction::{RedactionKey, is_sealed};
pub use secret::Secret;
pub use source::{
    AppRole, Application, ApplicationRef, Assignment, Attributes, DEFAULT_ACCESS, GroupChange,
    ManagerChange, MemberChange, MemberKind, ObjectKind, PrincipalKind, Removal, SourceObject,
    UserChange,
};
pub use traffic::{LATENCY_BOUNDS, Latency, Meter, RequestClass, Traffic};
pub use wording::{counted, duration, short, thousands, with_sources};

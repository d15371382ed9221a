//! Identifiers, each a type of its own: a `TargetId` passed as a `SourceId` would delete the wrong
//! person.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Marks the ids of directory objects: users, groups, service principals as principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {}
/// Marks the object ids of enterprise applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServicePrincipal {}
/// Marks the ids of app roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {}
/// Marks the ids of cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cycle {}
/// Marks the ids of planned changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {}
/// Marks the ids of jobs: one application's provisioning out of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Job {}

/// A GUID that names one kind of thing. Parsed at the door; printed in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypedGuid<K>(Uuid, PhantomData<K>);

/// The directory's id of a user, group or other principal.
pub type SourceId = TypedGuid<Source>;
/// The object id of an enterprise application, which differs per tenant (unlike its appId).
pub type ServicePrincipalId = TypedGuid<ServicePrincipal>;
/// The id of an app role; all zeros is Default Access.
pub type AppRoleId = TypedGuid<Role>;
/// The id of one cycle, `cycleId` in the provisioning log.
pub type CycleId = TypedGuid<Cycle>;
/// The id of one planned change, `changeId` in the provisioning log.
pub type ChangeId = TypedGuid<Change>;
/// The id of a job, `jobId` in the provisioning log.
pub type JobId = TypedGuid<Job>;

/// A text that should have been a GUID and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a GUID (expected 8-4-4-4-12 hexadecimal digits)")]
pub struct InvalidGuid(pub String);

impl<K> TypedGuid<K> {
    /// The id that is this UUID.
    pub const fn from_uuid(raw: Uuid) -> Self {
        Self(raw, PhantomData)
    }

    /// Parses the hyphenated or the plain form, in either case.
    pub fn parse(raw: &str) -> Result<Self, InvalidGuid> {
        Uuid::parse_str(raw)
            .map(Self::from_uuid)
            .map_err(|_| InvalidGuid(raw.chars().take(80).collect()))
    }

    /// The id derived from `parts`: the same parts give the same id, on every machine.
    ///
    /// Cycle, change and job ids are derived and not drawn, so that a replay has the same ids.
    pub fn derive(parts: &[&str]) -> Self {
        let joined = parts.join("\u{1f}");
        Self::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, joined.as_bytes()))
    }

    /// The UUID itself.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl<K> fmt::Display for TypedGuid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_hyphenated())
    }
}

impl<K> fmt::Debug for TypedGuid<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> FromStr for TypedGuid<K> {
    type Err = InvalidGuid;

    fn from_str(raw: &str) -> Result<Self, InvalidGuid> {
        Self::parse(raw)
    }
}

impl<K> Serialize for TypedGuid<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K> Deserialize<'de> for TypedGuid<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not by way of a `String`: a page of members is nothing but ids.
        struct Text<K>(PhantomData<K>);
        impl<K> serde::de::Visitor<'_> for Text<K> {
            type Value = TypedGuid<K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a GUID")
            }

            fn visit_str<E: serde::de::Error>(self, raw: &str) -> Result<TypedGuid<K>, E> {
                TypedGuid::parse(raw).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// A resource arrived without an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a resource has an empty id, which RFC 7643 §3.1 forbids")]
pub struct EmptyId;

/// The `id` a SCIM service gave a resource. Opaque and case-exact (RFC 7643 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(Box<str>);

impl TargetId {
    /// Takes any non-empty text; it is never trimmed or folded.
    pub fn parse(raw: &str) -> Result<Self, EmptyId> {
        if raw.is_empty() { Err(EmptyId) } else { Ok(Self(raw.into())) }
    }

    /// The id as the service wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an application's section in the configuration, and of its state file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AppName(Box<str>);

impl AppName {
    /// Takes 1 to 64 letters, digits, `-` and `_`: it becomes a file name.
    pub fn parse(raw: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ((1..=64).contains(&raw.len()) && raw.chars().all(plain)).then(|| Self(raw.into()))
    }

    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

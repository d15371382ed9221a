//! What an application takes: how much, how often, how long. Each limit says where it was read.

use crate::{provisioning::job::ValueLimit, scim::AttributePath};

/// The limits that an application's vendor publishes. What is not here is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// How often requests may be sent, at most one limit for a class.
    pub rates: Vec<RateLimit>,
    /// Members that one request may add to a group or remove from it.
    pub members_per_request: Option<CountLimit>,
    /// Users in one page of a list.
    pub page_size: Option<CountLimit>,
    /// What texts of a user may be, at most one limit for an attribute.
    pub texts: Vec<TextLimit>,
}

/// The requests that a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RateClass {
    /// Every request.
    All,
    /// Reads.
    Read,
    /// Creating, changing and deleting users.
    UserWrite,
    /// Creating, changing and deleting groups.
    GroupWrite,
}

impl RateClass {
    /// Its name in a profile's file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Read => "read",
            Self::UserWrite => "user-write",
            Self::GroupWrite => "group-write",
        }
    }
}

/// So many requests in so long.
#[derive(Clone, Debug, PartialEq)]
pub struct RateLimit {
    /// The requests that count.
    pub class: RateClass,
    /// How many, at least 1.
    pub requests: u32,
    /// In how many seconds, at least 1.
    pub seconds: u32,
    /// The page it was read on.
    pub source: String,
}

impl RateLimit {
    /// Requests a second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.requests) / f64::from(self.seconds)
    }
}

/// So many at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountLimit {
    /// How many.
    pub max: u32,
    /// The page it was read on.
    pub source: String,
}

/// What a text attribute may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLimit {
    /// Which attribute.
    pub path: AttributePath,
    /// What its value has to keep to.
    pub value: ValueLimit,
    /// The page it was read on.
    pub source: String,
}

impl Limits {
    /// Requests of a class a second, where the application names a limit.
    pub fn rate(&self, class: RateClass) -> Option<f64> {
        self.rates.iter().find(|rate| rate.class == class).map(RateLimit::per_second)
    }

    /// What the value of an attribute has to keep to.
    pub fn text(&self, path: &AttributePath) -> ValueLimit {
        let limit = self.texts.iter().find(|limit| &limit.path == path);
        limit.map(|limit| limit.value.clone()).unwrap_or_default()
    }
}

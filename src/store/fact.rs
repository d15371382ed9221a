//! Single facts: what the file is bound to, the job's state, revisions and statistics.

use std::{collections::BTreeMap, fmt};

use rusqlite::{OptionalExtension, params};
use serde::{
    Deserialize, Serialize,
    de::{self, Deserializer as _},
};

use super::{
    open::{StoreError, Tx, View},
    packed::text_of,
};
use crate::{
    model::{AttributeName, ServicePrincipalId, Timestamp},
    provisioning::{Discovered, Quarantine, RevisionParts, job::Job},
};

/// What a state file belongs to. With anything else it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The tenant, as configured.
    pub tenant: String,
    /// The enterprise application's object id.
    pub service_principal: ServicePrincipalId,
    /// The target's base URL.
    pub target_base: String,
}

/// Whether the job runs (Graph `synchronizationStatusCode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It never finished a cycle.
    #[default]
    NotRun,
    /// It runs as scheduled.
    Active,
    /// A person paused it, or a quarantine that lasted for four weeks did.
    Paused,
    /// It fails as a whole, and is tried less and less often.
    Quarantine,
}

/// The facts that hold the job's pause and its quarantine.
const PAUSED: &str = "paused";
const QUARANTINE: &str = "quarantine";

/// The fact that holds what is known of the target.
const DISCOVERED: &str = "target_description";

/// The facts that hold up to which row the log was forwarded, and when credentials end.
const LOG_FORWARDED: &str = "log_forwarded";
const CREDENTIAL_EXPIRIES: &str = "credential_expiries";

/// Who paused a job, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The operating-system user; [`PROGRAM`] after a long quarantine.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Binding {
    /// The binding of this job to this service principal.
    pub fn of(job: &Job, service_principal: ServicePrincipalId) -> Self {
        Self {
            tenant: job.tenant.to_lowercase(),
            service_principal,
            target_base: job.target_base.clone(),
        }
    }
}

impl View<'_> {
    /// A fact by its name.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT value FROM fact WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?)
    }

    /// What the file is bound to.
    pub fn binding(&self) -> Result<Option<Binding>, StoreError> {
        self.fact("binding")?
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::stored("binding", error))
            })
            .transpose()
    }

    /// The job's state.
    pub fn job_state(&self) -> Result<JobState, StoreError> {
        if self.fact(PAUSED)?.is_some() {
            return Ok(JobState::Paused);
        }
        if self.fact(QUARANTINE)?.is_some() {
            return Ok(JobState::Quarantine);
        }
        Ok(if self.fact("finished_once")?.is_some() { JobState::Active } else { JobState::NotRun })
    }

    /// The job's quarantine, if it is in one.
    pub fn quarantine(&self) -> Result<Option<Quarantine>, StoreError> {
        self.fact(QUARANTINE)?
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::stored("quarantine", error))
            })
            .transpose()
    }

    /// Who paused the job, and when.
    pub fn paused(&self) -> Result<Option<Paused>, StoreError> {
        self.fact(PAUSED)?
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::stored("pause", error))
            })
            .transpose()
    }

    /// What is known of the target. What another version of the program wrote and this one cannot
    /// read is not known: it is read again from the target.
    pub fn discovered(&self) -> Result<Option<Discovered>, StoreError> {
        Ok(self.fact(DISCOVERED)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The number of the last row of the log that was forwarded.
    pub fn log_forwarded(&self) -> Result<i64, StoreError> {
        Ok(self.fact(LOG_FORWARDED)?.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// When credentials end, as far as was known after the last cycle.
    pub fn credential_expiries(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        self.fact(CREDENTIAL_EXPIRIES)?.map_or_else(
            || Ok(BTreeMap::new()),
            |text| {
                serde_json::from_str(&text)
                    .map_err(|error| StoreError::stored("ends of credentials", error))
            },
        )
    }

    /// The readable revision of the last finished cycle.
    pub fn revision_parts(&self) -> Result<Option<RevisionParts>, StoreError> {
        self.fact("revision_parts")?
            .map(|text| {
                serde_json::from_str(&text).map_err(|error| StoreError::stored("revision", error))
            })
            .transpose()
    }

    /// How many users had a value for each property at the last complete reading.
    pub fn property_statistics(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.fact("property_statistics")?.map_or_else(
            || Ok(BTreeMap::new()),
            |text| {
                serde_json::from_str(&text)
                    .map_err(|error| StoreError::stored("property statistics", error))
            },
        )
    }

    /// How many users have a value for each property now.
    pub fn count_properties(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        // Read in one pass: SQL would make a row of each of the values first.
        let mut statement = self.connection.prepare_cached(
            "SELECT coalesce(source_attributes.packed, source_attributes.attributes) \
             FROM source_object JOIN source_attributes ON source_attributes.num = attributes_num \
             WHERE presence = 0 AND kind = 0",
        )?;
        let mut counts = PropertyCounts::default();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let text = text_of(row.get_ref(0)?)?;
            serde_json::Deserializer::from_str(&text)
                .deserialize_map(&mut counts)
                .map_err(|error| StoreError::stored("user", error))?;
        }
        Ok(counts.0.into_iter().collect())
    }
}

/// How many objects have each member. Most have the same ones in the same order, so a name is
/// looked for first behind the one before it.
#[derive(Default)]
struct PropertyCounts(Vec<(String, u64)>);

impl<'de> de::Visitor<'de> for &mut PropertyCounts {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let PropertyCounts(counts) = self;
        let mut likely = 0;
        while let Some(AttributeName(name)) = map.next_key()? {
            map.next_value::<de::IgnoredAny>()?;
            let is_it = |(known, _): &(String, u64)| *known == name;
            let place = match counts.get(likely) {
                Some(next) if is_it(next) => likely,
                _ => counts.iter().position(is_it).unwrap_or_else(|| {
                    counts.push((name.into_owned(), 0));
                    counts.len() - 1
                }),
            };
            counts[place].1 += 1;
            likely = place + 1;
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// Puts the job in quarantine, or ends that.
    pub fn set_quarantine(&self, quarantine: Option<&Quarantine>) -> Result<(), StoreError> {
        let text = quarantine.map(serde_json::to_string).transpose();
        let text = text.map_err(|error| StoreError::stored("quarantine", error))?;
        self.set_fact(QUARANTINE, text.as_deref())
    }

    /// Pauses the job, or ends that.
    pub fn set_paused(&self, paused: Option<&Paused>) -> Result<(), StoreError> {
        let text = paused.map(serde_json::to_string).transpose();
        let text = text.map_err(|error| StoreError::stored("pause", error))?;
        self.set_fact(PAUSED, text.as_deref())
    }

    /// Stores what is known of the target.
    pub fn set_discovered(&self, discovered: &Discovered) -> Result<(), StoreError> {
        let text = serde_json::to_string(discovered);
        let text = text.map_err(|error| StoreError::stored("description of the target", error))?;
        self.set_fact(DISCOVERED, Some(&text))
    }

    /// Stores up to which row the log was forwarded.
    pub fn set_log_forwarded(&self, seq: i64) -> Result<(), StoreError> {
        self.set_fact(LOG_FORWARDED, Some(&seq.to_string()))
    }

    /// Stores when credentials end.
    pub fn set_credential_expiries(
        &self,
        ends: &BTreeMap<String, Timestamp>,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(ends);
        let text = text.map_err(|error| StoreError::stored("ends of credentials", error))?;
        self.set_fact(CREDENTIAL_EXPIRIES, Some(&text))
    }

    /// Stores a fact, or forgets it.
    pub fn set_fact(&self, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        match value {
            Some(value) => self
                .connection
                .prepare_cached("INSERT OR REPLACE INTO fact (name, value) VALUES (?1, ?2)")?
                .execute(params![name, value])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM fact WHERE name = ?1")?
                .execute([name])?,
        };
        Ok(())
    }

    /// Binds the file.
    pub fn bind(&self, binding: &Binding) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(binding).map_err(|error| StoreError::stored("binding", error))?;
        self.set_fact("binding", Some(&text))
    }

    /// Stores the readable revision of a finished cycle.
    pub fn set_revision_parts(&self, parts: &RevisionParts) -> Result<(), StoreError> {
        let text =
            serde_json::to_string(parts).map_err(|error| StoreError::stored("revision", error))?;
        self.set_fact("revision_parts", Some(&text))
    }

    /// Stores how many users have a value for each property.
    pub fn set_property_statistics(
        &self,
        counts: &BTreeMap<String, u64>,
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(counts)
            .map_err(|error| StoreError::stored("property statistics", error))?;
        self.set_fact("property_statistics", Some(&text))
    }
}

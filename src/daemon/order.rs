//! Orders: what a person tells an application's engine to do, and what the engine answers.
//!
//! An order is carried out in one transaction on the state, between two changes of a cycle that
//! may be under way. Only `sync` needs a cycle of its own, and `provision` the services that one
//! needs; the scheduler sees to that.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Trouble;
use crate::{
    cycle::Provisioned,
    model::{CycleId, SourceId, Timestamp},
    provisioning::PROGRAM,
    store::{Command, Engine, Forgotten, Paused, Requests, StoreError, Tx},
};

/// What a person tells an application's engine to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// One cycle, now.
    Sync {
        /// Read and decide everything again.
        initial: bool,
    },
    /// Provision one person or group, now.
    Provision {
        /// The directory's id.
        object: SourceId,
    },
    /// Release exactly what is held under this plan.
    Approve {
        /// The whole id of the held plan.
        plan: String,
    },
    /// Schedule no further cycle.
    Pause,
    /// Schedule cycles again.
    Resume,
    /// Forget parts of the state.
    Restart(Reset),
    /// Forget a person.
    Forget {
        /// The directory's id.
        person: SourceId,
    },
}

/// What a restart forgets (Graph `synchronizationJobRestartCriteria.resetScope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "Graph's flags, each by itself")]
pub struct Reset {
    /// Where the reading of changes stands: everything is read again.
    pub watermark: bool,
    /// What failed and waits: it is tried again at once.
    pub escrows: bool,
    /// Whose account is whose: every account is matched again.
    pub links: bool,
    /// What the state file belongs to, and with it the links and the watermark.
    pub rebind: bool,
    /// That the job is in quarantine: the next cycle comes at once, and is one like any other.
    #[serde(default)]
    pub quarantine: bool,
    /// Everything above but the binding, and what was learned of the directory.
    pub full: bool,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is done. `changed` is false where it was so before.
    Done {
        /// Whether anything is different now.
        changed: bool,
    },
    /// So many held changes are released.
    Approved {
        /// How many.
        count: u64,
    },
    /// A cycle was run; its report is in the state.
    Cycle {
        /// Its id.
        id: String,
        /// Why it ended early, where it did.
        trouble: Option<Trouble>,
    },
    /// A person or group was provisioned on demand; its rows are in the plan and the log.
    Provisioned(OnDemand),
    /// A person is forgotten.
    Forgotten(Forgotten),
    /// It was not carried out.
    Refused {
        /// Why.
        message: String,
    },
}

/// What provisioning on demand came to, but for its rows. It travels between processes and stays in
/// the state, so it names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemand {
    /// What its rows are found by.
    pub id: CycleId,
    /// Why a safeguard holds them, where one does.
    pub held: Option<String>,
    /// The held plan of the last cycle that they are a part of.
    pub held_plan: Option<String>,
    /// What it cost.
    pub requests: Requests,
    /// How long it took.
    pub duration_ms: u64,
    /// Why it ended early, where it did.
    pub error: Option<String>,
    /// What kind of trouble that was.
    pub trouble: Option<Trouble>,
}

impl OnDemand {
    /// What there is to say beside the rows.
    pub fn of(done: &Provisioned) -> Self {
        let held = done.held.as_ref();
        Self {
            id: done.id,
            held: held.map(|held| held.reason.clone()),
            held_plan: held.and_then(|held| held.plan.clone()),
            requests: done.requests,
            duration_ms: done.duration_ms,
            error: done.error.as_ref().map(ToString::to_string),
            trouble: done.error.as_ref().map(Trouble::of),
        }
    }
}

impl Order {
    /// The order as it is handed to another process.
    pub(super) fn verb_and_args(&self) -> (&'static str, Value) {
        match self {
            Self::Sync { initial } => ("sync", json!({ "initial": initial })),
            Self::Provision { object } => ("provision", json!({ "object": object })),
            Self::Approve { plan } => ("approve", json!({ "plan": plan })),
            Self::Pause => ("pause", json!({})),
            Self::Resume => ("resume", json!({})),
            Self::Restart(reset) => ("restart", json!({ "scopes": reset })),
            Self::Forget { person } => ("forget", json!({ "person": person })),
        }
    }

    /// The order that another process handed over; `None` where this version knows none such.
    pub(super) fn parse(command: &Command) -> Option<Self> {
        let args = &command.args;
        Some(match command.verb.as_str() {
            "sync" => Self::Sync { initial: args.get("initial")?.as_bool()? },
            "provision" => Self::Provision { object: args.get("object")?.as_str()?.parse().ok()? },
            "approve" => Self::Approve { plan: args.get("plan")?.as_str()?.to_owned() },
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "restart" => Self::Restart(serde_json::from_value(args.get("scopes")?.clone()).ok()?),
            "forget" => Self::Forget { person: args.get("person")?.as_str()?.parse().ok()? },
            _ => return None,
        })
    }

    /// Whether it must wait for the end of a cycle that is under way: a cycle would write back
    /// what is forgotten, and two cycles of one application never run side by side.
    pub(super) fn waits_for_cycle(&self) -> bool {
        match self {
            Self::Sync { .. } | Self::Provision { .. } | Self::Restart(_) | Self::Forget { .. } => {
                true
            }
            Self::Approve { .. } | Self::Pause | Self::Resume => false,
        }
    }
}

/// Carries an order out on the state, but for `sync` and `provision`, which need both services.
pub(super) fn execute(
    engine: &Engine,
    order: &Order,
    by: &str,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    if let Order::Forget { person } = order {
        return forget_person(engine, *person, now);
    }
    engine.write(|tx| {
        Ok(match order {
            Order::Sync { .. } | Order::Provision { .. } | Order::Forget { .. } => {
                Answer::Refused { message: "a cycle cannot be run here".to_owned() }
            }
            Order::Approve { plan } => match tx.approve(plan, by, now)? {
                0 => Answer::Refused {
                    message: format!(
                        "nothing is held under plan {plan} any more; look again with `plan --held`"
                    ),
                },
                count => Answer::Approved { count },
            },
            Order::Pause => {
                let changed = tx.paused()?.is_none();
                if changed {
                    tx.set_paused(Some(&Paused { by: by.to_owned(), at: now }))?;
                }
                Answer::Done { changed }
            }
            Order::Resume => {
                let paused = tx.paused()?;
                // A person who resumes what a long quarantine paused gives it four more weeks.
                if paused.as_ref().is_some_and(|paused| paused.by == PROGRAM) {
                    tx.set_quarantine(None)?;
                    tx.hurry()?;
                }
                tx.set_paused(None)?;
                Answer::Done { changed: paused.is_some() }
            }
            Order::Restart(reset) => {
                forget(tx, *reset, now)?;
                Answer::Done { changed: true }
            }
        })
    })
}

/// In a transaction of its own, because the file is written anew after it.
fn forget_person(engine: &Engine, person: SourceId, now: Timestamp) -> Result<Answer, StoreError> {
    if engine.read(|view| view.traces(person))?.is_none() {
        let message = "the state knows nothing of this person any more".to_owned();
        return Ok(Answer::Refused { message });
    }
    engine.forget(person, now).map(Answer::Forgotten)
}

fn forget(tx: &Tx<'_>, reset: Reset, now: Timestamp) -> Result<(), StoreError> {
    if reset.rebind {
        // Ids of another application's accounts are no hint, nor is what that one showed.
        tx.drop_links(now)?;
        tx.forget_drift()?;
    } else if reset.links || reset.full {
        tx.rematch_links()?;
    }
    if reset.watermark || reset.rebind || reset.full {
        tx.reset_watermark()?;
    }
    if reset.escrows || reset.full {
        tx.release_escrows(now)?;
    }
    if reset.quarantine || reset.full {
        tx.set_quarantine(None)?;
        // Nor does what came of it last; a pause that a person ordered does.
        if tx.paused()?.is_some_and(|paused| paused.by == PROGRAM) {
            tx.set_paused(None)?;
        }
    }
    if reset.quarantine || reset.escrows {
        tx.hurry()?;
    }
    if reset.rebind {
        tx.set_fact("binding", None)?;
    }
    if reset.full {
        tx.set_fact("property_statistics", None)?;
        tx.forget_drift()?;
    }
    Ok(())
}

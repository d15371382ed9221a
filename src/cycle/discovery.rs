//! What the target says of itself, read once a day and kept in the state.
//!
//! It is asked by whoever has something else to ask of the target or to send to it, so that a cycle
//! that has neither costs no request.
//!
//! A target that says nothing, or nothing that can be read, is no reason to end a cycle: what it
//! can do is then assumed, and learnt from its answers. Only a refused credential is an error here,
//! as it would be of the next request.

use std::time::Duration;

use super::{
    context::{Context, CycleError},
    pace::{Class, Pacer},
};
use crate::{
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::{Capabilities, Discovered, capabilities, job::Job},
    scim::Discovery,
    store::{Engine, StateRead, StoreError},
};

/// How long a description counts. Services change what they can with a new version, and seldom.
const VALID_FOR: Duration = Duration::from_secs(24 * 3_600);

/// How long one counts that is not whole because a connection broke or no answer came: long enough
/// that a target whose description hangs does not hold up every cycle.
const BROKEN_VALID_FOR: Duration = Duration::from_secs(3_600);

/// Reads what the target says of itself, unless that is known. Costs three requests at most.
pub(super) async fn discover<D, R: TargetRead>(
    context: &Context<'_, D>,
    target: &R,
    pacer: &Pacer<'_>,
) -> Result<(), CycleError> {
    let (job, now) = (context.job, context.clock.now());
    let known = context.store.read(|view| view.discovered())?;
    if known.is_some_and(|known| known.is_fresh(job, now)) {
        return Ok(());
    }
    let mut discovered = Discovered { until: now + VALID_FOR, ..Discovered::nothing(job, now) };
    for endpoint in Discovery::ALL {
        match pacer.ask_once(Class::Read, || target.discover(endpoint)).await {
            Ok(Some(answer)) => discovered.says.learn(endpoint, &answer),
            Ok(None) => {}
            Err(fault) => match verdict(&fault) {
                Verdict::NotOffered => {}
                Verdict::Broken => {
                    discovered.until = now + BROKEN_VALID_FOR;
                    break;
                }
                Verdict::AnotherTime => return Ok(()),
                Verdict::Refused => return Err(fault.into()),
            },
        }
    }
    tracing::debug!(
        app = job.app.as_str(),
        patch = ?discovered.says.patch,
        filter = ?discovered.says.filter,
        etag = ?discovered.says.etag,
        "read what the application says of itself"
    );
    context.store.write(|tx| tx.set_discovered(&discovered))?;
    Ok(())
}

/// Lets the target be asked again by whoever needs to know, whenever it was asked last. What is
/// known stays known until then.
pub(super) fn outdate(store: &Engine) -> Result<(), StoreError> {
    store.write(|tx| match tx.discovered()? {
        Some(known) => tx.set_discovered(&Discovered { until: known.at, ..known }),
        None => Ok(()),
    })
}

/// What the target can do, as far as it is known by now.
pub(super) fn known_capabilities(
    job: &Job,
    store: &impl StateRead,
) -> Result<Capabilities, StoreError> {
    let discovered = store.read(|view| view.discovered())?;
    Ok(capabilities(job, discovered.as_ref()))
}

/// What it means that an endpoint could not be read.
enum Verdict {
    NotOffered,
    Broken,
    AnotherTime,
    Refused,
}

fn verdict(fault: &TargetFault) -> Verdict {
    match fault.class {
        FaultClass::Unauthorized => Verdict::Refused,
        // No connection at all: whatever the cycle asks next says so.
        FaultClass::Throttled => Verdict::AnotherTime,
        FaultClass::Unavailable if fault.status.is_none() => Verdict::AnotherTime,
        FaultClass::Lost => Verdict::Broken,
        FaultClass::Unavailable
        | FaultClass::Conflict
        | FaultClass::Missing
        | FaultClass::Rejected
        | FaultClass::Malformed
        | FaultClass::NotCompliant => Verdict::NotOffered,
    }
}

//! The mail server of a check: connected to, signed in at, left again. No mail is sent.

use super::finding::{Blame, Findings};
use crate::{config::Config, daemon::Probe};

/// Looks at the mail server where one is configured.
pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    if config.email.is_none() {
        return;
    }
    let action = "correct [email]; `entra-scim notify-test` sends a test mail";
    match Probe::of(config, &[]) {
        Err(error) => findings.error("mail", Blame::Configuration, error.to_string(), action),
        Ok(probe) => match probe.greet().await {
            Some(Ok(said)) => findings.ok("mail", said),
            Some(Err(why)) => findings.warning("mail", why, action),
            None => {}
        },
    }
}

//! A secret out of the configuration that is read once, and again only after it was refused.

use tokio::sync::Mutex;

use super::{SecretSource, SignInFault};
use crate::model::Secret;

/// A secret and where it is read.
pub(super) struct Kept {
    /// What it is, for a fault.
    what: &'static str,
    read: SecretSource,
    /// What of the text counts.
    trim: fn(&str) -> &str,
    cached: Mutex<Option<Secret>>,
}

impl Kept {
    /// A token or a header's value, not read yet; `what` names it in a fault. Blanks around it do
    /// not count: a header would lose them on its way (RFC 9110 §5.5).
    pub(super) fn new(what: &'static str, read: SecretSource) -> Self {
        Self { what, read, trim: str::trim, cached: Mutex::new(None) }
    }

    /// A password, of which everything counts but the line end that a file usually has.
    pub(super) fn password(read: SecretSource) -> Self {
        Self { what: "password", read, trim: without_line_end, cached: Mutex::new(None) }
    }

    /// The secret, read where it was not.
    pub(super) async fn get(&self) -> Result<Secret, SignInFault> {
        let mut cached = self.cached.lock().await;
        match &*cached {
            Some(secret) => Ok(secret.clone()),
            None => Ok(cached.insert(self.read_now()?).clone()),
        }
    }

    /// Reads it again after `stale` was refused, unless that has happened meanwhile. True when it
    /// is now another one.
    pub(super) async fn renew(&self, stale: &Secret) -> Result<bool, SignInFault> {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|secret| secret != stale) {
            return Ok(true);
        }
        let fresh = cached.insert(self.read_now()?);
        Ok(fresh != stale)
    }

    fn read_now(&self) -> Result<Secret, SignInFault> {
        let raw = (self.read)().map_err(SignInFault::permanent)?;
        let trimmed = (self.trim)(raw.expose());
        if trimmed.is_empty() {
            return Err(SignInFault::permanent(format!("the configured {} is empty", self.what)));
        }
        Ok(Secret::new(trimmed.to_owned()))
    }
}

fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

//! Sessions of browsers: who has shown the token, for twelve hours at most.
//!
//! They are kept in memory and end with the process. A session's id is random, known to the
//! browser alone, and kept here as a hash; the session ends when the token is another one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::door::Fingerprint;
use crate::model::Timestamp;

/// How long a session lasts: a working day.
pub(super) const LASTS: TimeDelta = TimeDelta::hours(12);

/// Sessions at once. One more, and the one that ends first is forgotten.
const SESSIONS_MAX: usize = 1_000;

/// Bytes of a session's id.
const ID_BYTES: usize = 32;

/// The name of the cookie. Over TLS the prefix binds it to this host and to TLS (RFC 6265bis).
pub(super) fn cookie_name(is_sealed: bool) -> &'static str {
    if is_sealed { "__Host-entra-scim" } else { "entra-scim" }
}

/// Who is signed in.
#[derive(Default)]
pub(super) struct Sessions(Mutex<BTreeMap<Fingerprint, Session>>);

struct Session {
    token: Fingerprint,
    ends: Timestamp,
}

impl Sessions {
    /// Begins a session of whoever has shown `token`, and returns its id; `None` where the system
    /// gives no random bytes.
    pub(super) fn begin(&self, token: Fingerprint, now: Timestamp) -> Option<String> {
        let mut bytes = [0; ID_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.ends > now);
        if sessions.len() >= SESSIONS_MAX
            && let Some(first) =
                sessions.iter().min_by_key(|(_, session)| session.ends).map(|(id, _)| *id)
        {
            sessions.remove(&first);
        }
        sessions.insert(Fingerprint::of(&id), Session { token, ends: now + LASTS });
        Some(id)
    }

    /// Whether this is a session that began with this token and has not ended.
    pub(super) fn is_open(&self, id: &str, token: &Fingerprint, now: Timestamp) -> bool {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&Fingerprint::of(id));
        session.is_some_and(|session| session.ends > now && session.token.is(token))
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&Fingerprint::of(id));
    }
}

/// The value of the cookie of this name.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_with_its_time_its_token_or_its_owner() {
        let sessions = Sessions::default();
        let (token, now) = (Fingerprint::of("one"), Timestamp::UNIX_EPOCH);
        let id = sessions.begin(token, now).expect("random bytes");
        let other = sessions.begin(token, now).expect("random bytes");
        assert_ne!(id, other);
        assert!(sessions.is_open(&id, &token, now + LASTS - TimeDelta::seconds(1)));
        assert!(!sessions.is_open(&id, &token, now + LASTS));
        assert!(!sessions.is_open(&id, &Fingerprint::of("two"), now));
        assert!(!sessions.is_open("guessed", &token, now));
        sessions.end(&id);
        assert!(!sessions.is_open(&id, &token, now));
        assert!(sessions.is_open(&other, &token, now));
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_is_forgotten() {
        let sessions = Sessions::default();
        let (token, start) = (Fingerprint::of("one"), Timestamp::UNIX_EPOCH);
        let ids: Vec<String> = (0..=SESSIONS_MAX)
            .map(|n| start + TimeDelta::seconds(i64::try_from(n).expect("a small number")))
            .map(|at| sessions.begin(token, at).expect("random bytes"))
            .collect();
        let later = start + TimeDelta::hours(1);
        assert!(!sessions.is_open(&ids[0], &token, later));
        assert!(sessions.is_open(&ids[1], &token, later));
        assert!(sessions.is_open(&ids[SESSIONS_MAX], &token, later));
    }
}

//! What a token endpoint wants beside the standard's parameters: another grant type, and more
//! parameters (RFC 6749 §4.5).
//!
//! oauth2 phrases the request of the client credentials grant; this is what departs from it.

use url::form_urlencoded;

use crate::http::SecretSource;

/// A departure from the client credentials grant. The default has none.
#[derive(Clone, Default)]
pub struct Grant {
    /// Another `grant_type` than `client_credentials`.
    pub grant_type: Option<String>,
    /// More parameters, each with where its value is read at every refresh.
    pub parameters: Vec<(String, SecretSource)>,
}

impl Grant {
    /// The form that oauth2 wrote, with the grant type of this one, and without a client id that is
    /// empty: an assertion may say alone who asks (RFC 7521 §4.2).
    pub(super) fn amend(&self, form: &[u8]) -> Vec<u8> {
        let mut amended = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(form) {
            match (name.as_ref(), &self.grant_type) {
                ("client_id", _) if value.is_empty() => {}
                ("grant_type", Some(other)) => {
                    amended.append_pair(&name, other);
                }
                _ => {
                    amended.append_pair(&name, &value);
                }
            }
        }
        amended.finish().into_bytes()
    }
}

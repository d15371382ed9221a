//! The signed assertion that stands for a client secret (RFC 7523 §2.2, Entra's
//! "Microsoft identity platform application authentication certificate credentials").

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    http::SignInFault,
    model::{Secret, Timestamp},
};

/// What an assertion is, as a form field.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Entra advises 5 to 10 minutes; ours is used at once.
const ASSERTION_LIFE_SECONDS: i64 = 300;

/// Room for a clock that runs ahead of Entra's.
const ASSERTION_BACKDATE_SECONDS: i64 = 60;

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// Signs that `client_id` asks the token endpoint `audience` now.
pub(super) fn sign(
    cert_pem: &Secret,
    key_pem: &Secret,
    client_id: &str,
    audience: &str,
    now: Timestamp,
) -> Result<Secret, SignInFault> {
    let certificate = CertificateDer::from_pem_slice(cert_pem.expose().as_bytes())
        .map_err(|_| SignInFault::permanent("the certificate file holds no PEM certificate"))?;
    let key = EncodingKey::from_rsa_pem(key_pem.expose().as_bytes()).map_err(|_| {
        SignInFault::permanent(
            "the certificate's key is not an unencrypted RSA private key in PEM, which Entra needs",
        )
    })?;
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)));
    let issued = now.timestamp();
    let claims = Claims {
        aud: audience,
        iss: client_id,
        sub: client_id,
        jti: Uuid::new_v4().to_string(),
        nbf: issued - ASSERTION_BACKDATE_SECONDS,
        iat: issued,
        exp: issued + ASSERTION_LIFE_SECONDS,
    };
    jsonwebtoken::encode(&header, &claims, &key)
        .map(Secret::new)
        .map_err(|_| SignInFault::permanent("the certificate's key cannot sign with PS256"))
}

//! What proves who asks for a token. Holds places to read from, not the secrets.

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc};

use url::Url;

use crate::{
    http::{SecretSource, SignInFault},
    model::Secret,
};

/// Gets an assertion, each time anew: who takes it may refuse to see it twice (RFC 7523 §3).
pub type AssertionSource = Arc<
    dyn Fn() -> Pin<Box<dyn Future<Output = Result<Secret, SignInFault>> + Send>> + Send + Sync,
>;

/// What proves who asks for a token.
#[derive(Clone)]
pub enum Credential {
    /// A client secret, read at every refresh.
    ClientSecret {
        /// Where it is read.
        secret: SecretSource,
        /// How it is sent; Entra takes it in the body.
        sent: SecretSent,
    },
    /// A certificate with its RSA key, each in PEM and read at every refresh.
    Certificate {
        /// Where the certificate is read.
        cert_pem: SecretSource,
        /// Where its private key is read (PKCS#8 or PKCS#1).
        key_pem: SecretSource,
    },
    /// A token of another identity provider, in a file that is read at every refresh because the
    /// platform rotates it (workload identity federation).
    FederatedTokenFile(PathBuf),
    /// A token that another token endpoint gives to us (RFC 7523 §2.2): where it comes from Entra,
    /// the application needs no secret of ours.
    Assertion(AssertionSource),
    /// The identity of the Azure machine or app this runs on.
    ManagedIdentity {
        /// The client id of a user-assigned identity; `None` for the system-assigned one.
        client_id: Option<String>,
        /// Who gives out its tokens.
        endpoint: ManagedIdentityEndpoint,
    },
}

/// How a client secret is sent (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSent {
    /// As a form field.
    Body,
    /// As HTTP Basic.
    Header,
}

/// Who gives out the tokens of a managed identity.
#[derive(Clone)]
pub enum ManagedIdentityEndpoint {
    /// The instance metadata service of a virtual machine, at `base`.
    Imds {
        /// Scheme and host; [`ManagedIdentityEndpoint::imds`] has the real one.
        base: Url,
    },
    /// The endpoint of App Service, Functions and Container Apps (`IDENTITY_ENDPOINT`).
    AppService {
        /// The whole address.
        endpoint: Url,
        /// What `IDENTITY_HEADER` holds.
        header: Secret,
    },
}

impl ManagedIdentityEndpoint {
    /// The instance metadata service at its fixed address, which never leaves the machine.
    pub fn imds() -> Self {
        let base = Url::parse("http://169.254.169.254").expect("a constant address is well-formed");
        Self::Imds { base }
    }
}

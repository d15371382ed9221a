//! TLS of the site: the certificate and its key, read again so that a renewed one counts.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use ring::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring::default_provider},
};
use tracing::{info, warn};

use crate::model::{Secret, Timestamp};

/// How often the files are looked at, at most: a certificate is renewed weeks before it ends.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Certificate and private key, PEM.
pub struct TlsFiles {
    /// The certificate, and those up to its authority.
    pub cert: Vec<u8>,
    /// The private key.
    pub key: Secret,
}

type Read = Box<dyn Fn() -> Result<TlsFiles, String> + Send + Sync>;

/// The site's TLS.
pub struct Tls {
    read: Read,
    current: Mutex<Current>,
}

struct Current {
    made: Made,
    looked: Timestamp,
}

struct Made {
    config: Arc<ServerConfig>,
    /// The hash of what it was made from.
    of: Vec<u8>,
}

impl Tls {
    /// TLS with what `read` reads, now and again later. The error is a sentence.
    pub fn new(
        read: impl Fn() -> Result<TlsFiles, String> + Send + Sync + 'static,
        now: Timestamp,
    ) -> Result<Self, String> {
        let files = read()?;
        let current = Current { made: Made::of(&files)?, looked: now };
        Ok(Self { read: Box::new(read), current: Mutex::new(current) })
    }

    /// What the next connection is accepted with.
    pub(super) fn acceptor(&self, now: Timestamp) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep an old certificate.
        if (now - current.looked).abs() >= LOOK_EVERY {
            current.looked = now;
            match (self.read)().and_then(|files| current.made.renewed(&files)) {
                Ok(None) => {}
                Ok(Some(made)) => {
                    current.made = made;
                    info!("the status page has another certificate now");
                }
                Err(problem) => {
                    warn!(
                        problem,
                        "the certificate of the status page cannot be read anew; the one before \
                         goes on"
                    );
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&current.made.config))
    }
}

impl Made {
    fn of(files: &TlsFiles) -> Result<Self, String> {
        Ok(Self { config: config(files)?, of: hash(files) })
    }

    /// The same of these files, unless they are those of before.
    fn renewed(&self, files: &TlsFiles) -> Result<Option<Self>, String> {
        if hash(files) == self.of { Ok(None) } else { Self::of(files).map(Some) }
    }
}

fn hash(files: &TlsFiles) -> Vec<u8> {
    let key = digest(&SHA256, files.key.expose().as_bytes());
    digest(&SHA256, &[files.cert.as_slice(), key.as_ref()].concat()).as_ref().to_vec()
}

fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, String> {
    let chain: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(&files.cert).collect();
    let chain = chain.map_err(|error| format!("the certificate is no PEM: {error}"))?;
    let chain = chain.into_iter().map(CertificateDer::into_owned).collect();
    let key = PrivateKeyDer::from_pem_slice(files.key.expose().as_bytes())
        .map_err(|_| "the private key is no PEM key".to_owned())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("certificate and key do not fit: {error}"))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

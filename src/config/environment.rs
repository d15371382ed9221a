//! What the environment tells beside secrets: the platform's identity endpoint, who asks, and what
//! this process is and writes to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use url::Url;

use super::secret_source::environment;
use crate::model::Secret;

/// Where App Service, Functions and Container Apps give out tokens of a managed identity.
pub struct IdentityEndpoint {
    /// `IDENTITY_ENDPOINT`.
    pub endpoint: Url,
    /// `IDENTITY_HEADER`.
    pub header: Secret,
}

/// The platform's own endpoint for managed identities; `None` on a virtual machine, which has the
/// instance metadata service instead (Azure "App Service: REST endpoint reference").
pub fn managed_identity_endpoint() -> Result<Option<IdentityEndpoint>, String> {
    let (Some(endpoint), Some(header)) =
        (environment("IDENTITY_ENDPOINT"), environment("IDENTITY_HEADER"))
    else {
        return Ok(None);
    };
    let endpoint =
        Url::parse(&endpoint).map_err(|_| "`IDENTITY_ENDPOINT` is not a URL".to_owned())?;
    Ok(Some(IdentityEndpoint { endpoint, header: Secret::new(header) }))
}

/// Which operating-system user runs this process, for the record of who gave an order: the user
/// behind `sudo`, else the login name, else the number.
pub fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(environment);
    named.unwrap_or_else(|| match own_user() {
        Some(number) => format!("uid {number}"),
        None => "unknown".to_owned(),
    })
}

/// The number of the user that this process runs as.
pub fn own_user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

/// Where this program is.
pub fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The device and the inode of the stream to the journal, where systemd gave this process one as
/// its output (systemd.exec(5), `$JOURNAL_STREAM`).
pub fn journal_stream() -> Option<(u64, u64)> {
    let text = environment("JOURNAL_STREAM")?;
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

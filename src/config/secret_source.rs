//! Where a secret is kept, and how it is read: again and again, whenever a sign-in was refused.
//!
//! The secret itself is never held here, printed, or part of an error.

use std::{env, fs, path::Path, path::PathBuf};

use toml::de::DeValue;

use super::{
    diagnosis::{At, Findings},
    raw::{Located, Node, Section, wrong_type},
    surroundings::Surroundings,
};
use crate::model::Secret;

/// The kinds of secret source, which are also the keys.
pub(super) const KEYS: [&str; 4] = ["file", "env", "credential", "value"];

/// The longest secret: a PEM key with its chain is below 64 KiB.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretSource {
    key_path: String,
    place: Place,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Env(String),
    Credential(String),
    Value(Secret),
}

impl SecretSource {
    /// Reads the secret as it is now, without the line end behind it.
    ///
    /// The error names the key and the place, never the content. A file is refused if others can
    /// read it, or a group other than the process's own.
    pub fn read(&self) -> Result<Secret, String> {
        self.place.read().map_err(|problem| format!("{}: {problem}", self.key_path))
    }
}

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.place {
            Place::File(path) => format!("file {}", path.display()),
            Place::Env(name) => format!("env {name}"),
            Place::Credential(name) => format!("credential {name}"),
            Place::Value(_) => "value".to_owned(),
        };
        write!(f, "SecretSource({}: {kind})", self.key_path)
    }
}

impl Place {
    fn read(&self) -> Result<Secret, String> {
        match self {
            Self::File(path) => {
                refuse_readable(path)?;
                read_text(path)
            }
            Self::Env(name) => match environment(name) {
                Some(text) => trimmed(text, &format!("environment variable `{name}`")),
                None => Err(format!("environment variable `{name}` is not set")),
            },
            Self::Credential(name) => match environment("CREDENTIALS_DIRECTORY") {
                Some(directory) => read_text(&Path::new(&directory).join(name)),
                None => Err(format!(
                    "credential `{name}` needs $CREDENTIALS_DIRECTORY, which systemd sets for a \
                     unit with LoadCredential="
                )),
            },
            Self::Value(secret) => Ok(secret.clone()),
        }
    }
}

/// Decodes `{ file = "…" }` and its kin, and reads it once to see that it can be read.
pub(super) fn decode(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<SecretSource> {
    if matches!(node.value, DeValue::String(_)) {
        findings.error_hint(
            &node.at,
            "a secret does not stand here by itself",
            "write where it is kept: { file = \"…\" }, { env = \"…\" } or \
             { credential = \"…\" }; or { value = \"…\" } if it has to be in this file",
        );
        return None;
    }
    let section = Section::open(node, &KEYS, findings)?;
    let given: Vec<_> = KEYS.iter().filter_map(|key| Some((*key, section.get(key)?))).collect();
    let [(kind, value)] = given.as_slice() else {
        let problem = match given.len() {
            0 => "names no place",
            _ => "names several places",
        };
        findings.error_hint(
            &node.at,
            problem,
            "give exactly one of `file`, `env`, `credential`, `value`",
        );
        return None;
    };
    let text = value.string(findings)?;
    let place = match *kind {
        "file" => Place::File(absolute_path(&text, findings)?),
        "env" => Place::Env(text.value),
        "credential" => Place::Credential(credential_name(text, findings)?),
        _ => {
            findings.warning(
                &value.at,
                "the secret stands in this file; keep it in a file of its own, { file = \"…\" }",
            );
            Place::Value(Secret::new(text.value))
        }
    };
    let source = SecretSource { key_path: node.at.path.clone(), place };
    if surroundings.are_present()
        && let Err(problem) = source.place.read()
    {
        findings.error(&node.at, problem);
    }
    Some(source)
}

/// A plain text, or where a secret is kept: for values that may be either.
pub(super) fn decode_or_text(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<SecretSource> {
    match node.value {
        DeValue::String(_) => {
            let place = Place::Value(Secret::new(node.string(findings)?.value));
            Some(SecretSource { key_path: node.at.path.clone(), place })
        }
        DeValue::Table(_) => decode(node, surroundings, findings),
        other @ (DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)) => {
            wrong_type(&node.at, "a text or the place of a secret", other, findings);
            None
        }
    }
}

/// A path from the root: the service, a shell and systemd have different working directories.
pub(super) fn absolute_path(
    text: &Located<String>,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let path = PathBuf::from(&text.value);
    if path.is_absolute() {
        return Some(path);
    }
    findings.error(&text.at, format!("{:?} is not an absolute path", text.value));
    None
}

/// Reads a file that holds no secret, or reports why it can't.
pub(super) fn read_public_file(
    path: &Path,
    at: &At,
    findings: &mut Findings<'_>,
) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(content) if content.is_empty() => {
            findings.error(at, format!("{} is empty", path.display()));
            None
        }
        Ok(content) => Some(content),
        Err(error) => {
            findings.error(at, format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "`config` is the room that reads the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn credential_name(text: Located<String>, findings: &mut Findings<'_>) -> Option<String> {
    if text.value.contains('/') || text.value.starts_with('.') {
        findings.error(&text.at, "a credential's name is a plain file name");
        return None;
    }
    Some(text.value)
}

fn read_text(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| format!("cannot read {shown}: {error}");
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(format!("{shown} is a directory"));
    }
    if metadata.len() > SECRET_BYTES_MAX {
        return Err(format!("{shown} is longer than {SECRET_BYTES_MAX} bytes"));
    }
    let content = fs::read_to_string(path).map_err(unreadable)?;
    trimmed(content, &shown.to_string())
}

fn trimmed(mut content: String, place: &str) -> Result<Secret, String> {
    let end = content.trim_end_matches(['\n', '\r']).len();
    content.truncate(end);
    if content.trim().is_empty() {
        return Err(format!("{place} is empty"));
    }
    Ok(Secret::new(content))
}

/// Refuses a file that others can read, or a group other than the process's own.
#[cfg(unix)]
fn refuse_readable(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;

    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    // The owner of /proc/self is the process itself. Where there is no /proc, no group is ours.
    let process = fs::metadata("/proc/self").ok().map(|own| (own.uid(), own.gid()));
    let mode = metadata.mode() & 0o777;
    match too_open(mode, metadata.gid(), process) {
        None => Ok(()),
        Some(who) => {
            Err(format!("{shown} can be read by {who} (mode {mode:04o}); run: chmod 600 {shown}"))
        }
    }
}

#[cfg(not(unix))]
fn refuse_readable(_path: &Path) -> Result<(), String> {
    Ok(())
}

/// Who can read a file of this mode and group and should not. `process` is the process's own user
/// and group; root may read what it set up for the service's group.
#[cfg(unix)]
fn too_open(mode: u32, group: u32, process: Option<(u32, u32)>) -> Option<String> {
    let is_ours = process.is_some_and(|(user, own_group)| user == 0 || own_group == group);
    if mode & 0o004 != 0 {
        Some("everybody".to_owned())
    } else if mode & 0o040 != 0 && !is_ours {
        Some(format!("group {group}, which is not this process's own"))
    } else {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_the_processes_own_group_may_read() {
        const SERVICE: Option<(u32, u32)> = Some((990, 991));
        const ROOT: Option<(u32, u32)> = Some((0, 0));
        assert_eq!(too_open(0o600, 5, SERVICE), None);
        assert_eq!(too_open(0o640, 991, SERVICE), None);
        assert_eq!(too_open(0o640, 991, ROOT), None);
        assert!(too_open(0o640, 5, SERVICE).is_some());
        assert!(too_open(0o640, 991, None).is_some());
        assert!(too_open(0o604, 991, SERVICE).is_some());
        assert!(too_open(0o644, 991, ROOT).is_some());
    }
}

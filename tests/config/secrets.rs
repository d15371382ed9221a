//! Secrets: where they may be kept, and which files are refused.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use entra_scim::config::{Config, LoadError, SecretSource, TargetSignIn, load};

use super::{MINIMAL, accept};

/// Writes a file that only its owner can read.
pub(super) fn private_file(path: &Path, content: &str) {
    write_with_mode(path, content, 0o600);
}

fn write_with_mode(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).expect("write a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set its mode");
}

/// Where the first application's token is.
pub(super) fn token_of(config: &Config) -> &SecretSource {
    match &config.apps[0].target.sign_in {
        TargetSignIn::SecretToken(token) => token,
        TargetSignIn::OAuth(_) | TargetSignIn::Basic { .. } | TargetSignIn::Otherwise => {
            panic!("it has a token")
        }
    }
}

/// Loads the minimal file with both secrets in the file `token` of `folder`.
fn load_with(folder: &Path) -> Result<String, String> {
    let secret = format!("{{ file = \"{}\" }}", folder.join("token").display());
    let text = MINIMAL
        .replace("{ env = \"GRAPH_SECRET\" }", &secret)
        .replace("{ env = \"CRM_TOKEN\" }", &secret);
    let path = folder.join("config.toml");
    fs::write(&path, text).expect("write the configuration");
    let shown = folder.display().to_string();
    match load(Some(&path)) {
        Ok(config) => Ok(token_of(&config)
            .read()
            .map(|secret| secret.expose().to_owned())
            .expect("it was readable a moment ago")),
        Err(LoadError::Invalid { findings, .. }) => {
            let lines: Vec<_> =
                findings.iter().map(|finding| finding.to_string().replace(&shown, "…")).collect();
            Err(lines.join("\n"))
        }
        Err(error @ LoadError::Read { .. }) => Err(error.to_string()),
    }
}

#[test]
fn a_file_for_its_owner_alone_is_read_without_its_line_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for mode in [0o600, 0o400] {
        let path = folder.path().join("token");
        let _ = fs::remove_file(&path);
        write_with_mode(&path, " s3 cret \r\n", mode);
        assert_eq!(load_with(folder.path()), Ok(" s3 cret ".to_owned()));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_processes_own_group_may_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_with_mode(&folder.path().join("token"), "s3cret", 0o640);
    assert_eq!(load_with(folder.path()), Ok("s3cret".to_owned()));
}

#[test]
fn a_file_that_others_can_read_is_refused_for_each_key_that_names_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_with_mode(&folder.path().join("token"), "s3cret", 0o644);
    insta::assert_snapshot!(load_with(folder.path()).expect_err("others can read it"), @r#"
…/config.toml:4: tenant.client_secret: …/token can be read by everybody (mode 0644); run: chmod 600 …/token
…/config.toml:11: apps.crm.target.secret_token: …/token can be read by everybody (mode 0644); run: chmod 600 …/token
"#);
}

#[test]
fn a_missing_and_an_empty_file_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    insta::assert_snapshot!(load_with(folder.path()).expect_err("not there"), @r#"
…/config.toml:4: tenant.client_secret: cannot read …/token: No such file or directory (os error 2)
…/config.toml:11: apps.crm.target.secret_token: cannot read …/token: No such file or directory (os error 2)
"#);
    private_file(&folder.path().join("token"), "\n");
    insta::assert_snapshot!(load_with(folder.path()).expect_err("empty"), @r#"
…/config.toml:4: tenant.client_secret: …/token is empty
…/config.toml:11: apps.crm.target.secret_token: …/token is empty
"#);
}

#[test]
fn a_file_is_read_again_each_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    let source = format!("{{ file = \"{}\" }}", path.display());
    let config = accept(&MINIMAL.replace("{ env = \"CRM_TOKEN\" }", &source));
    let token = token_of(&config);
    assert!(token.read().is_err(), "the file is not there yet");
    for content in ["first", "second"] {
        private_file(&path, content);
        assert_eq!(token.read().map(|secret| secret.expose().to_owned()), Ok(content.to_owned()));
    }
}

#[test]
fn a_secret_is_never_in_a_message() {
    let config = accept(&MINIMAL.replace("{ env = \"CRM_TOKEN\" }", "{ value = \"hunter2\" }"));
    assert_eq!(config.warnings.len(), 1);
    let shown = format!("{config:?}{}", config.warnings[0]);
    assert!(!shown.contains("hunter2"), "{shown}");
    insta::assert_snapshot!(config.warnings[0], @r#"
config.toml:11: warning: apps.crm.target.secret_token.value: the secret stands in this file; keep it in a file of its own, { file = "…" }
"#);
}

#[test]
fn a_variable_or_credential_that_is_not_there_is_named() {
    let config = accept(
        &MINIMAL
            .replace("{ env = \"CRM_TOKEN\" }", "{ credential = \"crm-token\" }")
            .replace("GRAPH_SECRET", "ENTRA_SCIM_TEST_UNSET"),
    );
    let token = token_of(&config);
    insta::assert_snapshot!(token.read().err().expect("no systemd here"), @r#"
apps.crm.target.secret_token: credential `crm-token` needs $CREDENTIALS_DIRECTORY, which systemd sets for a unit with LoadCredential=
"#);
    let entra_scim::config::CredentialSettings::ClientSecret(secret) = &config.tenant.credential
    else {
        panic!("a client secret");
    };
    insta::assert_snapshot!(secret.read().err().expect("not set"), @r#"
tenant.client_secret: environment variable `ENTRA_SCIM_TEST_UNSET` is not set
"#);
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let error = load(Some(Path::new("/nonexistent/config.toml"))).expect_err("not there");
    assert_eq!(error.to_string(), "read the configuration /nonexistent/config.toml");
}

#[test]
fn an_access_token_that_could_be_guessed_or_not_be_sent_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    let text = |token: &str| {
        private_file(&path, token);
        let secret = format!("{{ file = \"{}\" }}", path.display());
        let text = MINIMAL
            .replace("{ env = \"GRAPH_SECRET\" }", &secret)
            .replace("{ env = \"CRM_TOKEN\" }", &secret);
        let config = folder.path().join("config.toml");
        fs::write(&config, format!("{text}\n[service]\naccess_token = {secret}\n"))
            .expect("write the configuration");
        match load(Some(&config)) {
            Ok(_) => String::new(),
            Err(LoadError::Invalid { findings, .. }) => findings[0].to_string(),
            Err(error @ LoadError::Read { .. }) => error.to_string(),
        }
    };
    let short = text("too-short-for-that");
    assert!(short.contains("service.access_token: is shorter than 20 characters"), "{short}");
    let unsendable = text("long enough, with blänks in it");
    assert!(unsendable.contains("characters that a header cannot carry"), "{unsendable}");
    assert!(!short.contains("too-short") && !unsendable.contains("enough"));
    assert_eq!(text("long-enough-and-not-guessed"), "");
}

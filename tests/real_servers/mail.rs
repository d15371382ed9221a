//! Notices against a mail server that others wrote: aiosmtpd, with TLS and sign-in.
//!
//! The server is on loopback with a certificate of its own authority, and keeps every mail as a
//! file. The program is the real one.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{desk::Desk, real_server::installed};

const USER: &str = "mailer@example.com";
const PASSWORD: &str = "correct horse battery";

/// A running mail server. Dropping it ends the process.
struct MailServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl MailServer {
    fn start(mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        certify(folder.path());
        let host =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_servers/aiosmtpd_host.py");
        let mut process = Command::new(installed("aiosmtpd").join("bin/python"))
            .arg(host)
            .args([mode.as_ref(), folder.path().as_os_str(), USER.as_ref(), PASSWORD.as_ref()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It warns of what the stories are about.
            .stderr(Stdio::null())
            .spawn()
            .expect("aiosmtpd starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("its first line");
        let port = line.trim().parse().expect("its first line is the port");
        Self { process, port, folder }
    }

    /// The mails so far.
    fn mails(&self) -> Vec<String> {
        (1..)
            .map_while(|number| fs::read(self.folder.path().join(format!("{number}.eml"))).ok())
            .map(|bytes| String::from_utf8(bytes).expect("a mail is ASCII"))
            .collect()
    }

    /// `[email]` that reaches it, with these further lines.
    fn email(&self, scheme: &str, desk: &Desk, lines: &str) -> String {
        desk.secret("smtp-password", PASSWORD);
        let (port, folder) = (self.port, self.folder.path().display());
        let password = desk.path("smtp-password");
        format!(
            "[email]\nsmtp_url = \"{scheme}://mailer%40example.com@127.0.0.1:{port}\"\n\
             password = {{ file = \"{}\" }}\nca_file = \"{folder}/ca.pem\"\n\
             from = \"Entra SCIM <scim@example.com>\"\nto = [\"Ünal Öz <unal@example.com>\"]\n{lines}\n",
            password.display()
        )
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An authority, and a certificate of it for loopback.
fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"));
    let authority = authority.expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let server = server.signed_by(&key, &authority).expect("a certificate");
    fs::write(folder.join("ca.pem"), authority.pem()).expect("written");
    fs::write(folder.join("cert.pem"), server.pem()).expect("written");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: tests/real_servers/README.md"]
async fn mail_goes_over_smtps_and_a_held_plan_comes_with_its_list() {
    let server = MailServer::start("smtps");
    let desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    let email = server.email("smtps", &desk, "");
    desk.configure("", &format!("{email}\n[apps.crm.safeguards]\nmax_creates = 2"));
    let check = desk.say("check").await.ends(0);
    let signed_in = format!("127.0.0.1:{} answers with TLS, signed in as {USER}", server.port);
    assert!(check.stdout.contains(&signed_in), "{}", check.stdout);
    assert_eq!(server.mails().len(), 0, "a check sends none");
    let test = desk.say("notify-test").await.ends(0);
    assert!(test.stdout.contains("unal@example.com>: 250 kept"), "{}", test.stdout);

    desk.say("sync").await.ends(4);
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    assert!(mails[0].contains("Subject: [entra-scim] crm: test of notices"), "{}", mails[0]);
    assert!(mails[1].contains("Subject: [entra-scim] crm: 3 creates are held"), "{}", mails[1]);
    assert!(mails[1].contains("filename=\"crm-held.csv\""), "{}", mails[1]);
    assert!(mails[1].contains("entra-scim approve crm"), "{}", mails[1]);
    assert!(!mails.concat().contains("ada@contoso.com"));
    desk.say("sync").await.ends(4);
    assert_eq!(server.mails().len(), 2, "the same is told once");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: tests/real_servers/README.md"]
async fn mail_goes_over_starttls_and_never_without_it_where_it_is_required() {
    let server = MailServer::start("starttls");
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("", &server.email("smtp", &desk, "starttls = \"required\""));
    desk.say("notify-test").await.ends(0);
    assert_eq!(server.mails().len(), 1);

    let plain = MailServer::start("plain");
    desk.configure("", &plain.email("smtp", &desk, "starttls = \"required\""));
    let said = desk.say("notify-test").await.ends(7);
    assert!(said.stdout.contains("STARTTLS"), "{}", said.stdout);
    assert_eq!(plain.mails().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: tests/real_servers/README.md"]
async fn mail_with_a_wrong_password_is_refused_and_said_so() {
    let server = MailServer::start("smtps");
    let desk = Desk::with_users(&["ada"]).await;
    desk.configure("", &server.email("smtps", &desk, ""));
    desk.secret("smtp-password", "wrong horse");
    let said = desk.say("notify-test").await.ends(7);
    assert!(said.stdout.contains("refuses the user name or password"), "{}", said.stdout);
    assert!(said.stdout.contains("535"), "{}", said.stdout);
    assert!(!said.stdout.contains("wrong horse"), "{}", said.stdout);
    let check = desk.say("check").await.ends(0);
    assert!(check.stdout.contains("refuses the user name or password"), "{}", check.stdout);
    assert_eq!(server.mails().len(), 0);
    // The password is read each time: a corrected file is enough.
    desk.secret("smtp-password", PASSWORD);
    desk.say("notify-test").await.ends(0);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: tests/real_servers/README.md"]
async fn mail_waits_in_the_outbox_where_the_server_hangs_up() {
    let server = MailServer::start("hangup");
    let desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    let email = server.email("smtps", &desk, "");
    desk.configure("", &format!("{email}\n[apps.crm.safeguards]\nmax_creates = 2"));
    desk.say("sync").await.ends(4);
    let status = desk.say("status").await.ends(0);
    assert!(status.stdout.contains("1 notice, tried again"), "{}", status.stdout);
    assert!(status.stdout.contains("the mail server cannot be reached"), "{}", status.stdout);
    assert_eq!(server.mails().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs aiosmtpd: tests/real_servers/README.md"]
async fn mail_goes_only_to_a_server_whose_certificate_is_vouched_for() {
    let server = MailServer::start("smtps");
    let desk = Desk::with_users(&["ada"]).await;
    let email = server.email("smtps", &desk, "");
    let trusting: Vec<&str> = email.lines().filter(|line| !line.starts_with("ca_file")).collect();
    desk.configure("", &trusting.join("\n"));
    let said = desk.say("notify-test").await.ends(7);
    assert!(said.stdout.to_lowercase().contains("certificate"), "{}", said.stdout);
    let elsewhere = email.replace("@127.0.0.1:", "@localhost:");
    desk.configure("", &elsewhere);
    let said = desk.say("notify-test").await.ends(7);
    assert!(said.stdout.to_lowercase().contains("certificate"), "{}", said.stdout);
    assert_eq!(server.mails().len(), 0);
}

//! Notices of the program itself, to a mail server that says what a story wants.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::desk::Desk;

/// A plain mail server in a few lines: it keeps every mail, and refuses one recipient.
#[derive(Clone, Default)]
struct Postbox {
    mails: Arc<Mutex<Vec<String>>>,
    refuses: &'static str,
}

impl Postbox {
    async fn open(refuses: &'static str) -> (Self, u16) {
        let postbox = Self { refuses, ..Self::default() };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let server = postbox.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                // A client that goes away ends its own dialogue only.
                tokio::spawn(async move { drop(server.talk(stream).await) });
            }
        });
        (postbox, port)
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 postbox\r\n").await?;
        let mut mail: Option<String> = None;
        while let Some(line) = lines.next_line().await? {
            let answer = match (&mut mail, line.as_str()) {
                (Some(text), ".") => {
                    self.mails.lock().expect("no panic").push(std::mem::take(text));
                    mail = None;
                    "250 kept\r\n"
                }
                (Some(text), line) => {
                    text.push_str(line);
                    text.push('\n');
                    continue;
                }
                (None, "DATA") => {
                    mail = Some(String::new());
                    "354 go on\r\n"
                }
                (None, line) if line.starts_with("EHLO") => "250-postbox\r\n250 8BITMIME\r\n",
                (None, line) if !self.refuses.is_empty() && line.contains(self.refuses) => {
                    "550 5.1.1 nobody of that name\r\n"
                }
                (None, "QUIT") => "221 bye\r\n",
                (None, _) => "250 fine\r\n",
            };
            write.write_all(answer.as_bytes()).await?;
        }
        Ok(())
    }

    fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no panic").clone()
    }
}

fn email(port: u16, to: &str) -> String {
    format!(
        "[email]\nsmtp_url = \"smtp://127.0.0.1:{port}\"\nstarttls = \"off\"\n\
         from = \"scim@example.com\"\nto = {to}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_goes_to_everybody_and_says_what_became_of_it() {
    let desk = Desk::with_users(&["ada"]).await;
    let none = desk.say("notify-test").await.ends(2);
    assert!(none.stderr.contains("nothing is configured"), "{}", none.stderr);

    let (postbox, port) = Postbox::open("gone@").await;
    desk.configure("", &email(port, "[\"here@example.com\"]"));
    let said = desk.say("notify-test").await.ends(0);
    assert!(said.stdout.contains("sent    here@example.com: 250 kept"), "{}", said.stdout);
    assert_eq!(postbox.mails().len(), 1);

    desk.configure("", &email(port, "[\"gone@example.com\", \"there@example.com\"]"));
    let said = desk.say("notify-test --json").await.ends(7).json();
    assert_eq!(said["mail_server"]["ok"], true);
    assert_eq!(said["sent"][0]["ok"], false);
    let why = said["sent"][0]["said"].as_str().expect("a text");
    assert!(why.contains("nobody of that name"), "{why}");
    assert_eq!(said["sent"][1]["ok"], true, "one who is gone stands in nobody's way");
    assert_eq!(postbox.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_fails_no_cycle_and_is_named() {
    let desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = unused.local_addr().expect("an address").port();
    drop(unused);
    let held = "[apps.crm.safeguards]\nmax_creates = 2";
    desk.configure("", &format!("{}\n{held}", email(port, "[\"x@example.com\"]")));
    desk.say("sync").await.ends(4);
    let status = desk.say("status").await.ends(0);
    assert!(status.stdout.contains("undelivered 1 notice, tried again"), "{}", status.stdout);
    let said = desk.say("notify-test").await.ends(7);
    assert!(said.stdout.contains("failed  mail server: "), "{}", said.stdout);
    let check = desk.say("check").await.ends(0);
    assert!(check.stdout.contains("the mail server cannot be reached"), "{}", check.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_tells_people_after_a_cycle() {
    let desk = Desk::with_users(&["ada", "grace", "alan"]).await;
    let (postbox, port) = Postbox::open("").await;
    let held = "[apps.crm.safeguards]\nmax_creates = 2";
    desk.configure("", &format!("{}\n{held}", email(port, "[\"x@example.com\"]")));
    let service = desk.run().await;
    crate::support::desk::eventually("a mail", || async { !postbox.mails().is_empty() }).await;
    service.terminate().await.ends(0);
    let mail = postbox.mails().remove(0);
    assert!(mail.contains("Subject: [entra-scim] crm: 3 creates are held"), "{mail}");
}

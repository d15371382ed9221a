//! `[email]`: the mail server, who is written to, and about what.

use std::{collections::BTreeSet, net::IpAddr};

use chrono::NaiveTime;
use lettre::message::Mailbox;
use url::{Host, Url};

use super::{
    diagnosis::{Findings, suggestion},
    endpoint,
    raw::{Located, Node, Section},
    secret_source,
    settings::{EmailSettings, MailServer, StartTls},
    surroundings::Surroundings,
};
use crate::provisioning::NoticeTopic;

pub(super) const KEYS: [&str; 9] =
    ["smtp_url", "starttls", "password", "from", "to", "on", "details", "digest", "ca_file"];

/// Ports of submission: with TLS from the first byte (RFC 8314 §3.3), with STARTTLS (RFC 6409
/// §3.1), and of plain relaying.
const PORT_TLS: u16 = 465;
const PORT_SUBMISSION: u16 = 587;
const PORT_RELAY: u16 = 25;

/// When the digest goes out, unless the file says otherwise.
const DIGEST_HOUR: u32 = 8;

/// More addresses than this belong into a distribution list.
const RECIPIENTS_MAX: usize = 50;

/// Decodes `[email]`; `None` where something in it is wrong.
pub(super) fn decode(
    node: &Node<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<EmailSettings> {
    let section = Section::open(node, &KEYS, findings)?;
    let server = server(&section, surroundings, findings);
    let from = section.required_string("from", findings).and_then(|text| address(&text, findings));
    let to = section.required("to", findings).map(|node| addresses(&node, findings));
    if let Some(to) = &to
        && to.value.is_empty()
        && !findings.has_error_at(&to.at)
    {
        findings.error(&to.at, "names nobody");
    }
    let on = topics(&section, findings);
    let details = section.flag("details", false, findings);
    let digest = digest(&section, findings);
    if section.get("digest").is_some() && !on.contains(&NoticeTopic::Digest) {
        let at = section.get("digest").map(|node| node.at).unwrap_or(section.at.clone());
        findings.error_hint(&at, "no digest is asked for", "add \"digest\" to `on`");
    }
    Some(EmailSettings { server: server?, from: from?, to: to?.value, on, details, digest })
}

/// The server, and how to reach it: `smtp_url`, `starttls`, `password`, `ca_file`.
fn server(
    section: &Section<'_, '_>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Option<MailServer> {
    let text = section.required_string("smtp_url", findings);
    let password = section
        .get("password")
        .map(|node| (secret_source::decode(&node, surroundings, findings), node.at));
    let starttls = section.choice(
        "starttls",
        &[
            ("required", Some(StartTls::Required)),
            ("opportunistic", Some(StartTls::Opportunistic)),
            ("off", Some(StartTls::Off)),
        ],
        None,
        findings,
    );
    let ca_pem = endpoint::ca_pem(section, surroundings, findings);
    let text = text?;
    let url = smtp_url(&text, findings)?;
    let is_smtps = url.scheme() == "smtps";
    if is_smtps && let Some(node) = section.get("starttls") {
        findings.error_hint(
            &node.at,
            "smtps:// has TLS from the first byte",
            "leave `starttls` out, or write smtp://",
        );
    }
    let starttls = if is_smtps { None } else { Some(starttls.unwrap_or(StartTls::Required)) };
    let user = match url.username() {
        "" => None,
        user => Some(percent_encoding::percent_decode_str(user).decode_utf8_lossy().into_owned()),
    };
    match (&user, &password) {
        (Some(_), None) => findings.error_hint(
            &text.at,
            "names a user and there is no `password`",
            "add password = { file = \"…\" }, or leave the user out",
        ),
        (None, Some((_, at))) => findings.error_hint(
            at,
            "there is no user to sign in as",
            "write the user into `smtp_url`: smtps://user@host (an @ in its name is %40)",
        ),
        (Some(_), Some(_)) if sends_in_clear(&url, starttls) => findings.error_hint(
            &text.at,
            "would send the password in clear, or to whoever takes the TLS away",
            "write smtps://, or starttls = \"required\"",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let default_port = match starttls {
        None => PORT_TLS,
        Some(StartTls::Required | StartTls::Opportunistic) => PORT_SUBMISSION,
        Some(StartTls::Off) => PORT_RELAY,
    };
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    let password = match password {
        None => None,
        Some((source, _)) => Some(source?),
    };
    let port = url.port().unwrap_or(default_port);
    Some(MailServer { host, port, starttls, user, password, ca_pem })
}

fn smtp_url(text: &Located<String>, findings: &mut Findings<'_>) -> Option<Url> {
    let url = match Url::parse(&text.value) {
        Ok(url) if url.has_host() && !url.host_str().unwrap_or_default().is_empty() => url,
        Ok(_) | Err(_) => {
            findings.error_hint(
                &text.at,
                "is not the URL of a mail server",
                "write for example \"smtps://user@smtp.example.com:465\"",
            );
            return None;
        }
    };
    let problem = if !["smtp", "smtps"].contains(&url.scheme()) {
        "is neither smtps:// nor smtp://"
    } else if url.password().is_some() {
        "holds a password; put it into `password`"
    } else if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        "holds more than a user, a host and a port; further settings are keys of their own"
    } else {
        return Some(url);
    };
    findings.error(&text.at, problem);
    None
}

/// Whether a password can be seen on its way: without TLS, or with TLS that anybody on the way can
/// talk the server out of. Inside this machine nobody looks.
fn sends_in_clear(url: &Url, starttls: Option<StartTls>) -> bool {
    let is_open = matches!(starttls, Some(StartTls::Off | StartTls::Opportunistic));
    let is_here = match url.host() {
        // A scheme that browsers don't know leaves addresses as names.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_open && !is_here
}

/// The addresses of a list, without those that are wrong.
pub(super) fn addresses(node: &Node<'_, '_>, findings: &mut Findings<'_>) -> Located<Vec<String>> {
    let texts = node.strings(findings);
    if texts.len() > RECIPIENTS_MAX {
        findings.error_hint(
            &node.at,
            format!("has {} addresses, {RECIPIENTS_MAX} are possible", texts.len()),
            "use a distribution list",
        );
    }
    let value = texts.iter().filter_map(|text| address(text, findings)).collect();
    Located { value, at: node.at.clone() }
}

fn address(text: &Located<String>, findings: &mut Findings<'_>) -> Option<String> {
    if text.value.chars().all(|c| !c.is_control()) && text.value.parse::<Mailbox>().is_ok() {
        return Some(text.value.clone());
    }
    findings.error_hint(
        &text.at,
        format!("{:?} is not a mail address", text.value),
        "write \"ada@example.com\" or \"Ada <ada@example.com>\"",
    );
    None
}

/// `on`: the topics that are told.
pub(super) fn topics(
    section: &Section<'_, '_>,
    findings: &mut Findings<'_>,
) -> BTreeSet<NoticeTopic> {
    let Some(node) = section.get("on") else { return NoticeTopic::DEFAULT.into() };
    let words = NoticeTopic::WORDS.map(|(word, _)| word);
    let mut topics = BTreeSet::new();
    for text in node.strings(findings) {
        match NoticeTopic::WORDS.iter().find(|(word, _)| *word == text.value) {
            Some((_, topic)) => {
                topics.insert(*topic);
            }
            None => findings.error_hint(
                &text.at,
                format!("unknown value {:?}", text.value),
                suggestion(&text.value, words),
            ),
        }
    }
    topics
}

fn digest(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> NaiveTime {
    let usual = NaiveTime::from_hms_opt(DIGEST_HOUR, 0, 0).expect("eight o'clock");
    let Some(text) = section.string("digest", findings) else { return usual };
    NaiveTime::parse_from_str(&text.value, "%H:%M").unwrap_or_else(|_| {
        let hint = "write hours and minutes, for example \"08:00\"";
        findings.error_hint(&text.at, format!("{:?} is not a time of day", text.value), hint);
        usual
    })
}

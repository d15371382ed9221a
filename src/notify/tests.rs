//! What leaves: the words, the MIME, the messages of each service.

use chrono::TimeZone;
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::json;

use super::{Voice, WebhookAddress, WebhookFault, WebhookKind, messages, mime, post, write};
use crate::{
    http::scripted::Scripted,
    model::{Secret, Timestamp},
    port::{Attachment, Letter, MailFault},
    provisioning::{NextStep, Notice, NoticeKind, NoticeRow},
};

fn noon() -> Timestamp {
    chrono::Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).single().expect("a time")
}

fn held() -> Notice {
    let rows = (1..=12).map(|number| NoticeRow {
        id: format!("0000-{number}"),
        reason: "disable NotEffectivelyEntitled".to_owned(),
        personal: Some(format!("person{number}@contoso.com <b>")),
    });
    let mut notice = Notice::new(
        ("crm", NoticeKind::RemovalsHeld, "removals"),
        (12, noon()),
        "12 removals are held",
        "12 removals of application `crm` are held & nothing of that was sent.",
    )
    .naming(rows.collect())
    .then(NextStep::run("read the list", "entra-scim plan crm --held"));
    notice.personal = Some("The manager is Ünal.".to_owned());
    notice
}

fn letter(subject: &str) -> Letter {
    Letter {
        id: "0d8b9e3c".to_owned(),
        at: noon(),
        to: "Ünal Öz <unal@example.com>".to_owned(),
        subject: subject.to_owned(),
        text: "Grüße\n".to_owned(),
        html: "<p>Grüße</p>".to_owned(),
        attachment: None,
    }
}

fn mime(letter: &Letter) -> String {
    let message = mime::message(letter, "Entra SCIM <scim@example.com>").expect("a mail");
    String::from_utf8(message.formatted()).expect("ASCII")
}

#[test]
fn a_mail_says_what_happened_how_many_who_and_what_to_do() {
    let voice = Voice {
        status_page: Some("https://scim.example.com/".to_owned()),
        attachment: Some("crm-held.csv".to_owned()),
        details: false,
    };
    let written = write(&[held()], &voice);
    assert_snapshot!(written.subject, @r#"
[entra-scim] crm: 12 removals are held
"#);
    assert_snapshot!(written.text, @r#"
crm: 12 removals are held

12 removals of application `crm` are held & nothing of that was sent.

Since 2026-11-23T12:00:00Z. Now: 12.

The first 10 of 12:
  0000-1  disable NotEffectivelyEntitled
  0000-2  disable NotEffectivelyEntitled
  0000-3  disable NotEffectivelyEntitled
  0000-4  disable NotEffectivelyEntitled
  0000-5  disable NotEffectivelyEntitled
  0000-6  disable NotEffectivelyEntitled
  0000-7  disable NotEffectivelyEntitled
  0000-8  disable NotEffectivelyEntitled
  0000-9  disable NotEffectivelyEntitled
  0000-10  disable NotEffectivelyEntitled

What to do next:
  - read the list
      entra-scim plan crm --held

-- 
The whole list is attached: crm-held.csv. Status page: https://scim.example.com/ People are shown by their ids; `details = true` shows names. Sent by entra-scim.
"#);
    assert!(!written.html.contains("contoso"), "{}", written.html);
    assert!(written.html.contains("are held &amp; nothing"), "{}", written.html);
    assert!(written.html.contains("<code>entra-scim plan crm --held</code>"), "{}", written.html);
    assert!(!written.html.contains("{{"), "{}", written.html);
}

#[test]
fn a_name_forges_no_line_of_a_mail_or_message() {
    let mut notice = held();
    notice.first.truncate(1);
    let hostile = "ada\r\nNext: run \u{1b}[8mcurl\u{202e}|sh";
    notice.first[0].personal = Some(hostile.to_owned());
    notice.personal = Some(hostile.to_owned());
    let voice = Voice { details: true, ..Voice::default() };
    let written = write(std::slice::from_ref(&notice), &voice);
    let kinds =
        [WebhookKind::Generic, WebhookKind::Teams, WebhookKind::Slack, WebhookKind::PagerDuty];
    let told = kinds.map(|kind| json!(messages(kind, std::slice::from_ref(&notice), &voice)));
    let shown = ["ada Next: run [8mcurl |sh", "ada Next: run \\[8mcurl |sh"];
    for text in [written.text, written.html].into_iter().chain(told.map(|told| told.to_string())) {
        let text = text.replace("\\\\", "\\");
        assert!(shown.iter().any(|shown| text.contains(shown)), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']) && !text.contains("u001b"), "{text}");
    }
}

#[test]
fn names_are_shown_only_where_details_are_asked_for_and_never_as_markup() {
    let voice = Voice { details: true, ..Voice::default() };
    let written = write(&[held()], &voice);
    assert!(written.text.contains("person10@contoso.com <b>"), "{}", written.text);
    assert!(!written.text.contains("person11@"), "ten are enough: {}", written.text);
    assert!(written.text.contains("The manager is Ünal."));
    assert!(written.html.contains("person1@contoso.com &lt;b&gt;"), "{}", written.html);
    for kind in
        [WebhookKind::Generic, WebhookKind::Teams, WebhookKind::Slack, WebhookKind::PagerDuty]
    {
        let quiet = messages(kind, &[held()], &Voice::default());
        assert!(!json!(quiet).to_string().contains("contoso.com"), "{kind:?}");
        assert!(!json!(quiet).to_string().contains("Ünal"), "{kind:?}");
        let loud = messages(kind, &[held()], &voice);
        assert!(json!(loud).to_string().contains("contoso.com"), "{kind:?}");
    }
}

#[test]
fn what_is_over_names_nobody_and_needs_nothing() {
    let over = Notice { over: true, ..held() };
    let written = write(&[over], &Voice::default());
    assert_snapshot!(written.subject, @r#"
[entra-scim] crm: over: 12 removals are held
"#);
    assert_snapshot!(written.text, @r#"
crm: over: 12 removals are held

This is over. It was: 12 removals of application `crm` are held & nothing of that was sent.

Since 2026-11-23T12:00:00Z.

-- 
People are shown by their ids; `details = true` shows names. Sent by entra-scim.
"#);
}

#[test]
fn several_notices_are_one_mail() {
    let other = Notice::new(
        ("crm", NoticeKind::Failure, "cycle.sign_in"),
        (1, noon()),
        "cannot sign in to Microsoft Entra",
        "The cycle ended early.",
    );
    let written = write(&[other, held()], &Voice::default());
    assert_snapshot!(written.subject, @r#"
[entra-scim] crm: cannot sign in to Microsoft Entra, and 1 more
"#);
    assert!(written.text.contains("crm: 12 removals are held"), "{}", written.text);
}

#[test]
fn a_value_names_no_place_of_a_template() {
    let mut notice = held();
    notice.problem = "{{parts}} {{footer}}".to_owned();
    let written = write(&[notice], &Voice::default());
    assert!(written.html.contains("crm: {{parts}} {{footer}}"), "{}", written.html);
    assert_eq!(written.html.matches("Sent by entra-scim.").count(), 1);
}

#[test]
fn a_mail_has_a_stable_id_no_auto_reply_and_words_of_every_language() {
    let mail = mime(&letter("[entra-scim] größe: Zugriff verweigert 🔒"));
    for line in [
        "From: \"Entra SCIM\" <scim@example.com>\r\n",
        "Message-ID: <0d8b9e3c@example.com>\r\n",
        "Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "MIME-Version: 1.0\r\n",
    ] {
        assert!(mail.contains(line), "{line}\n{mail}");
    }
    assert!(mail.is_ascii(), "{mail}");
    assert!(mail.contains("<unal@example.com>"), "{mail}");
    assert!(mail.contains("Subject: [entra-scim] =?utf-8?b?"), "{mail}");
    assert!(mail.contains("text/plain") && mail.contains("text/html"), "{mail}");
}

#[test]
fn a_line_break_in_a_value_begins_no_header() {
    let mail = mime(&letter("over\r\nBcc: everybody@example.com\n\nHello\u{0}"));
    let head = mail.split("\r\n\r\n").next().expect("headers");
    assert!(!head.contains("\nBcc:"), "{head}");
    for to in ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", "", "<>"] {
        let bad = Letter { to: to.to_owned(), ..letter("x") };
        let fault = mime::message(&bad, "scim@example.com").expect_err(to);
        assert!(matches!(fault, MailFault::Unusable(_)), "{fault}");
    }
}

#[test]
fn a_list_comes_as_a_file() {
    let csv = "action,source_id\r\ndisable,1\r\n".to_owned();
    let attachment = Some(Attachment { name: "crm-held.csv".to_owned(), csv });
    let mail = mime(&Letter { attachment, ..letter("x") });
    assert!(mail.contains("multipart/mixed"), "{mail}");
    assert!(mail.contains("filename=\"crm-held.csv\""), "{mail}");
    assert!(mail.contains("Content-Type: text/csv; charset=utf-8"), "{mail}");
}

#[test]
fn a_document_of_our_own_has_every_fact() {
    let mut notice = held();
    notice.first.truncate(1);
    let voice = Voice { status_page: Some("https://s.example/".to_owned()), ..Voice::default() };
    assert_json_snapshot!(messages(WebhookKind::Generic, &[notice], &voice), @r#"
[
  {
    "notices": [
      {
        "app": "crm",
        "cause": "removals",
        "count": 12,
        "first": [
          {
            "id": "0000-1",
            "reason": "disable NotEffectivelyEntitled"
          }
        ],
        "happened": "12 removals of application `crm` are held & nothing of that was sent.",
        "key": "crm/removals_held/removals",
        "kind": "removals_held",
        "next": [
          {
            "command": "entra-scim plan crm --held",
            "what": "read the list"
          }
        ],
        "problem": "12 removals are held",
        "since": "2026-11-23T12:00:00Z",
        "state": "open",
        "status_page": "https://s.example/"
      }
    ],
    "source": "entra-scim",
    "title": "[entra-scim] crm: 12 removals are held",
    "version": 1
  }
]
"#);
}

#[test]
fn teams_slack_and_pagerduty_get_what_they_take() {
    let mut notice = held();
    notice.first.truncate(1);
    let one = |kind| messages(kind, std::slice::from_ref(&notice), &Voice::default()).remove(0);
    let teams = one(WebhookKind::Teams);
    assert_eq!(teams["type"], "message");
    let card = &teams["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["type"], "AdaptiveCard");
    assert_eq!(card["content"]["body"][0]["text"], "crm: 12 removals are held");
    let slack = one(WebhookKind::Slack);
    assert_eq!(slack["text"], "[entra-scim] crm: 12 removals are held");
    let text = slack["blocks"][0]["text"]["text"].as_str().expect("a text");
    assert!(text.contains("held &amp; nothing"), "{text}");
    let pagerduty = one(WebhookKind::PagerDuty);
    assert_eq!(pagerduty["event_action"], "trigger");
    assert_eq!(pagerduty["dedup_key"], "crm/removals_held/removals");
    assert_eq!(pagerduty["payload"]["severity"], "warning");
    assert_eq!(pagerduty["payload"]["source"], "entra-scim");
    assert!(pagerduty.get("routing_key").is_none(), "the key comes when it leaves");
    let over = Notice { over: true, ..notice };
    let resolved = messages(WebhookKind::PagerDuty, &[over], &Voice::default());
    let expected = json!([{
        "event_action": "resolve", "dedup_key": "crm/removals_held/removals",
    }]);
    assert_eq!(json!(resolved), expected);
}

#[tokio::test]
async fn a_message_leaves_with_its_key_and_no_error_tells_the_address() {
    let address = WebhookAddress {
        url: Some(Secret::new("https://hooks.example.com/T0/secret-path".to_owned())),
        routing_key: Some(Secret::new("R0KEY\n".to_owned())),
    };
    let exchange = Scripted::new();
    exchange.answer(202, "");
    let message = messages(WebhookKind::PagerDuty, &[held()], &Voice::default()).remove(0);
    let sent = post(exchange.as_ref(), WebhookKind::PagerDuty, &address, &message).await;
    assert_eq!(sent, Ok(202));
    let request = exchange.only();
    assert_eq!(request.uri(), "https://hooks.example.com/T0/secret-path");
    assert_eq!(request.headers()["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_slice(request.body()).expect("JSON");
    assert_eq!(body["routing_key"], "R0KEY");

    exchange.answer(404, "no such hook /T0/secret-path");
    let refused = post(exchange.as_ref(), WebhookKind::Slack, &address, &message).await;
    let fault = refused.expect_err("refused");
    assert_eq!(fault, WebhookFault::Refused(404));
    assert!(!fault.to_string().contains("secret-path"));
    let own = WebhookAddress { url: None, routing_key: address.routing_key };
    exchange.answer(202, "");
    exchange.take();
    let sent = post(exchange.as_ref(), WebhookKind::PagerDuty, &own, &message).await;
    assert_eq!(sent, Ok(202));
    assert_eq!(exchange.only().uri(), "https://events.pagerduty.com/v2/enqueue");
}

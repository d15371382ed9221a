//! What a webhook is sent: one JSON document per format, without address or key.
//!
//! Formats: Teams "Create incoming webhooks with Workflows" (adaptive card 1.4), Slack "Block Kit",
//! PagerDuty "Events API v2" (the key of a notice is the `dedup_key`, so that its end resolves it).

use serde_json::{Value, json};

use super::text::{Voice, happened, next, one_line, since, write};
use crate::provisioning::{Notice, NoticeKind};

/// Characters of one text in Slack's blocks; the limit is 3,000.
const SLACK_CHARS_MAX: usize = 2_900;

/// Characters of PagerDuty's summary; the limit is 1,024.
const SUMMARY_CHARS_MAX: usize = 1_000;

/// How a notice is phrased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    /// A JSON document of our own.
    Generic,
    /// An adaptive card for Microsoft Teams.
    Teams,
    /// Blocks for Slack.
    Slack,
    /// An event for PagerDuty.
    PagerDuty,
}

impl WebhookKind {
    /// The format's word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Teams => "teams",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
        }
    }
}

/// The messages that tell these notices: one, but for PagerDuty, where each key is an incident.
pub fn messages(kind: WebhookKind, notices: &[Notice], voice: &Voice) -> Vec<Value> {
    match kind {
        WebhookKind::Generic => {
            let all: Vec<Value> = notices.iter().map(|notice| document(notice, voice)).collect();
            vec![json!({
                "source": "entra-scim",
                "version": 1,
                "title": write(notices, voice).subject,
                "notices": all,
            })]
        }
        WebhookKind::Teams => vec![teams(notices, voice)],
        WebhookKind::Slack => vec![slack(notices, voice)],
        WebhookKind::PagerDuty => notices.iter().map(|notice| pagerduty(notice, voice)).collect(),
    }
}

fn document(notice: &Notice, voice: &Voice) -> Value {
    let first: Vec<Value> = notice
        .first
        .iter()
        .filter(|_| !notice.over)
        .map(|row| {
            let mut shown = json!({ "id": row.id, "reason": row.reason });
            if let Some(personal) = row.personal.as_deref().filter(|_| voice.details) {
                shown["details"] = json!(one_line(personal));
            }
            shown
        })
        .collect();
    let next: Vec<Value> = next(notice)
        .iter()
        .map(|step| json!({ "what": step.what, "command": step.command }))
        .collect();
    json!({
        "key": notice.key(),
        "app": notice.app,
        "kind": notice.kind.as_str(),
        "cause": notice.cause,
        "state": if notice.over { "over" } else { "open" },
        "since": since(notice),
        "count": notice.count,
        "problem": notice.problem,
        "happened": happened(notice, voice),
        "first": first,
        "next": next,
        "status_page": voice.status_page,
    })
}

fn teams(notices: &[Notice], voice: &Voice) -> Value {
    let mut body = Vec::new();
    for notice in notices {
        body.push(json!({
            "type": "TextBlock", "text": plain(&notice.title()), "wrap": true,
            "weight": "Bolder", "size": "Medium",
            "color": if notice.over { "Good" } else { "Attention" },
        }));
        body.push(json!({
            "type": "TextBlock", "text": plain(&happened(notice, voice)), "wrap": true,
        }));
        body.push(json!({
            "type": "FactSet",
            "facts": [
                { "title": "Since", "value": since(notice) },
                { "title": "Now", "value": notice.count.to_string() },
            ],
        }));
        for line in listed(notice, voice) {
            body.push(json!({
                "type": "TextBlock", "text": plain(&line), "wrap": true, "spacing": "None",
            }));
        }
    }
    let actions: Vec<Value> = voice
        .status_page
        .iter()
        .map(|page| json!({ "type": "Action.OpenUrl", "title": "Status page", "url": page }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4", "body": body, "actions": actions,
            },
        }],
    })
}

/// A card's text is Markdown; a backslash takes the meaning from its characters.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '[' | ']' | '~' | '#') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn slack(notices: &[Notice], voice: &Voice) -> Value {
    let mut blocks = Vec::new();
    for notice in notices {
        let mut text =
            format!("*{}*\n{}", slack_text(&notice.title()), slack_text(&happened(notice, voice)));
        for line in listed(notice, voice) {
            text.push('\n');
            text.push_str(&slack_text(&line));
        }
        let text = cut(&text, SLACK_CHARS_MAX);
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } }));
        let when = format!("since {}, now {}", since(notice), notice.count);
        blocks.push(json!({
            "type": "context", "elements": [{ "type": "plain_text", "text": when }],
        }));
    }
    if let Some(page) = &voice.status_page {
        blocks.push(json!({
            "type": "context",
            "elements": [{ "type": "mrkdwn", "text": format!("<{page}|Status page>") }],
        }));
    }
    // Slack shows at most fifty blocks.
    blocks.truncate(50);
    json!({ "text": slack_text(&write(notices, voice).subject), "blocks": blocks })
}

/// The three characters that Slack's text gives a meaning ("Formatting text for app surfaces").
fn slack_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn pagerduty(notice: &Notice, voice: &Voice) -> Value {
    if notice.over {
        return json!({ "event_action": "resolve", "dedup_key": notice.key() });
    }
    let severity = match notice.kind {
        NoticeKind::Failure | NoticeKind::Quarantine | NoticeKind::Paused => "error",
        NoticeKind::RemovalsHeld | NoticeKind::CredentialExpiry | NoticeKind::Drift => "warning",
        NoticeKind::Digest | NoticeKind::Test => "info",
    };
    let links: Vec<Value> = voice
        .status_page
        .iter()
        .map(|page| json!({ "href": page, "text": "Status page" }))
        .collect();
    json!({
        "event_action": "trigger",
        "dedup_key": notice.key(),
        "payload": {
            "summary": cut(&notice.title(), SUMMARY_CHARS_MAX),
            "source": "entra-scim",
            "severity": severity,
            "component": notice.app,
            "class": notice.kind.as_str(),
            "custom_details": document(notice, voice),
        },
        "links": links,
    })
}

/// The first objects and what to do, a line each.
fn listed(notice: &Notice, voice: &Voice) -> Vec<String> {
    let mut lines = Vec::new();
    for row in notice.first.iter().filter(|_| !notice.over) {
        let personal = row.personal.as_deref().filter(|_| voice.details);
        let personal = personal.map(|text| format!(" {}", one_line(text))).unwrap_or_default();
        lines.push(format!("{} {}{personal}", row.id, row.reason));
    }
    for step in next(notice) {
        let command = step.command.as_ref().map(|command| format!(": {command}"));
        lines.push(format!("Next: {}{}", step.what, command.unwrap_or_default()));
    }
    lines
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

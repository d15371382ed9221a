//! What a mail says: subject, plain text and HTML of one notice, or of several at once.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use super::template::{Html, MAIL, PART, ROW, STEP, fill};
use crate::provisioning::{NextStep, Notice};

/// What stands before every subject, so that it can be filtered by.
const PREFIX: &str = "[entra-scim]";

/// Characters of a subject; what is longer is cut by mail programs anyway.
const SUBJECT_CHARS_MAX: usize = 150;

/// How notices are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// Whether names and what applications answered are shown.
    pub details: bool,
    /// Where the status page is, where there is one.
    pub status_page: Option<String>,
    /// The name of a file that comes with it.
    pub attachment: Option<String>,
}

/// A mail's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The subject: one line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Writes these notices, of which there is at least one, as one mail.
pub fn write(notices: &[Notice], voice: &Voice) -> Written {
    let subject = subject(notices);
    let mut text = String::new();
    let mut parts = Html::default();
    for notice in notices {
        text.push_str(&part(notice, voice));
        text.push('\n');
        parts.0.push_str(&part_html(notice, voice).0);
    }
    let footer = footer(voice);
    text.push_str("-- \n");
    text.push_str(&footer);
    text.push('\n');
    let html = fill(
        MAIL,
        &[("subject", Html::of(&subject)), ("parts", parts), ("footer", Html::of(&footer))],
    );
    Written { subject, text, html: html.0 }
}

/// Application and problem; of several notices, their number and the first.
fn subject(notices: &[Notice]) -> String {
    let first = notices.first().map(Notice::title).unwrap_or_default();
    let subject = match notices {
        [] | [_] => format!("{PREFIX} {first}"),
        [_, others @ ..] => format!("{PREFIX} {first}, and {} more", others.len()),
    };
    let line: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= SUBJECT_CHARS_MAX {
        return line;
    }
    line.chars().take(SUBJECT_CHARS_MAX - 1).chain(['…']).collect()
}

fn part(notice: &Notice, voice: &Voice) -> String {
    let mut text = format!("{}\n\n{}\n", notice.title(), happened(notice, voice));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{}", standing(notice));
    if !notice.first.is_empty() && !notice.over {
        let _ = writeln!(text, "\n{}", first_of(notice));
        for row in &notice.first {
            let _ = write!(text, "  {}  {}", row.id, row.reason);
            match row.personal.as_deref().filter(|_| voice.details) {
                Some(personal) => {
                    let _ = writeln!(text, "  {}", one_line(personal));
                }
                None => text.push('\n'),
            }
        }
    }
    if !next(notice).is_empty() {
        text.push_str("\nWhat to do next:\n");
        for step in next(notice) {
            let _ = writeln!(text, "  - {}", step.what);
            if let Some(command) = &step.command {
                let _ = writeln!(text, "      {command}");
            }
        }
    }
    text
}

fn part_html(notice: &Notice, voice: &Voice) -> Html {
    let mut rows = String::new();
    for row in notice.first.iter().filter(|_| !notice.over) {
        let personal = row.personal.as_deref().filter(|_| voice.details).unwrap_or_default();
        let values = [
            ("id", Html::of(&row.id)),
            ("reason", Html::of(&row.reason)),
            ("personal", Html::of(&one_line(personal))),
        ];
        rows.push_str(&fill(ROW, &values).0);
    }
    if !rows.is_empty() {
        rows = format!("<p>{}</p>\n<table>\n{rows}</table>", Html::of(&first_of(notice)).0);
    }
    let mut steps = String::new();
    for step in next(notice) {
        let command = step
            .command
            .as_deref()
            .map(|command| format!("<br><code>{}</code>", Html::of(command).0));
        let values =
            [("what", Html::of(&step.what)), ("command", Html(command.unwrap_or_default()))];
        steps.push_str(&fill(STEP, &values).0);
    }
    if !steps.is_empty() {
        steps = format!("<p>What to do next:</p>\n<ul>\n{steps}</ul>");
    }
    fill(
        PART,
        &[
            ("title", Html::of(&notice.title())),
            ("happened", Html::of(&happened(notice, voice))),
            ("standing", Html::of(&standing(notice))),
            ("rows", Html(rows)),
            ("next", Html(steps)),
        ],
    )
}

pub(super) fn happened(notice: &Notice, voice: &Voice) -> String {
    let mut text = String::new();
    if notice.over {
        text.push_str("This is over. It was: ");
    }
    text.push_str(&notice.happened);
    if let Some(personal) = notice.personal.as_deref().filter(|_| voice.details) {
        text.push(' ');
        text.push_str(&one_line(personal));
    }
    text
}

/// What is over needs nothing done.
pub(super) fn next(notice: &Notice) -> &[NextStep] {
    if notice.over { &[] } else { &notice.next }
}

fn first_of(notice: &Notice) -> String {
    let shown = notice.first.len() as u64;
    if notice.count > shown {
        format!("The first {shown} of {}:", notice.count)
    } else {
        "They are:".to_owned()
    }
}

/// Since when, and how many where there is something to count.
fn standing(notice: &Notice) -> String {
    if notice.first.is_empty() || notice.over {
        format!("Since {}.", since(notice))
    } else {
        format!("Since {}. Now: {}.", since(notice), notice.count)
    }
}

pub(super) fn since(notice: &Notice) -> String {
    notice.since.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Somebody else's words: without line ends, other controls, and marks that turn the direction of
/// writing, so that they neither forge a line of ours nor command the reader's terminal.
pub(super) fn one_line(text: &str) -> String {
    let is_blank = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn footer(voice: &Voice) -> String {
    let mut footer = String::new();
    if let Some(name) = &voice.attachment {
        let _ = write!(footer, "The whole list is attached: {name}. ");
    }
    if let Some(page) = &voice.status_page {
        let _ = write!(footer, "Status page: {page} ");
    }
    if !voice.details {
        footer.push_str("People are shown by their ids; `details = true` shows names. ");
    }
    footer.push_str("Sent by entra-scim.");
    footer
}

//! A letter as MIME: two bodies, a file, and headers that no value can break out of.

use lettre::{
    Message,
    message::{
        Attachment as FilePart, Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};

use crate::port::{Letter, MailFault};

/// The letter from this sender.
///
/// A line break in an address is refused by the parser, in a subject replaced: a header has one
/// line. `Auto-Submitted` keeps absence notes from being sent back (RFC 3834 §5).
pub(super) fn message(letter: &Letter, from: &str) -> Result<Message, MailFault> {
    let from = mailbox(from)?;
    let to = mailbox(&letter.to)?;
    let subject: String =
        letter.subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let id = format!("<{}@{}>", letter.id, from.email.domain());
    let mut builder = Message::builder()
        .from(from)
        .to(to)
        .subject(subject)
        .date(letter.at.into())
        .message_id(Some(id));
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")]
    {
        let name = HeaderName::new_from_ascii_str(name);
        builder = builder.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let bodies = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let whole = match &letter.attachment {
        None => bodies,
        Some(file) => {
            let csv = ContentType::parse("text/csv; charset=utf-8")
                .map_err(|error| MailFault::Unusable(error.to_string()))?;
            let part: SinglePart =
                FilePart::new(file.name.clone()).body(file.csv.clone().into_bytes(), csv);
            MultiPart::mixed().multipart(bodies).singlepart(part)
        }
    };
    builder.multipart(whole).map_err(|error| MailFault::Unusable(error.to_string()))
}

fn mailbox(text: &str) -> Result<Mailbox, MailFault> {
    if text.chars().any(char::is_control) {
        return Err(MailFault::Unusable("an address has a control character".to_owned()));
    }
    text.parse().map_err(|_| MailFault::Unusable(format!("{text:?} is not a mail address")))
}

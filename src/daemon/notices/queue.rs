//! What is due, written and put into the outbox, in one transaction with that it was told.

use serde_json::Value;
use uuid::Uuid;

use super::{Channels, channels::wants, raise::held_changes};
use crate::{
    model::Timestamp,
    notify::{Voice, messages, write},
    port::{Attachment, Letter},
    provisioning::{CSV_ROWS_MAX, Notice, NoticeKind, batches, csv, is_due, room_left},
    store::{Engine, StoreError, Tx, View},
};

/// The outbox's word for mail.
pub(super) const MAIL: &str = "mail";

impl<M> Channels<M> {
    /// Puts what is due into the outbox, at most four messages an hour; returns how many messages.
    pub(super) fn queue_due(&self, engine: &Engine, now: Timestamp) -> Result<u64, StoreError> {
        engine.write(|tx| {
            let due = tx.notices()?.into_iter().filter(|known| {
                let notice = &known.notice;
                is_due(notice.kind, notice.over, known.sent, notice.count, now)
            });
            let due = due.map(|known| known.notice);
            let (wanted, unwanted): (Vec<Notice>, Vec<Notice>) =
                due.partition(|notice| self.want(notice));
            for notice in &unwanted {
                tx.notice_told(notice, now)?;
            }
            let room = room_left(&tx.notices_sent()?, now);
            let mut queued = 0;
            for batch in batches(wanted, room) {
                self.queue(tx, &batch, now)?;
                tx.count_notice(now)?;
                for notice in &batch {
                    tx.notice_told(notice, now)?;
                }
                queued += 1;
            }
            Ok(queued)
        })
    }

    /// Writes these notices for everybody who asked for them.
    fn queue(&self, tx: &Tx<'_>, notices: &[Notice], now: Timestamp) -> Result<(), StoreError> {
        if let Some(mail) = &self.mail {
            let wanted = of_interest(notices, |notice| wants(&mail.on, notice));
            if !wanted.is_empty() {
                let attachment = attachment(tx, &self.app, &wanted, mail.details)?;
                for to in &mail.to {
                    let letter = letter(&wanted, (to, mail.details), attachment.clone(), now);
                    tx.queue(MAIL, &stored(&letter)?, now)?;
                }
            }
        }
        for webhook in &self.webhooks {
            let wanted = of_interest(notices, |notice| wants(&webhook.on, notice));
            let voice = Voice { details: webhook.details, ..Voice::default() };
            if wanted.is_empty() {
                continue;
            }
            for message in messages(webhook.kind, &wanted, &voice) {
                tx.queue(&webhook.name, &message.to_string(), now)?;
            }
        }
        Ok(())
    }
}

fn of_interest(notices: &[Notice], is_wanted: impl Fn(&Notice) -> bool) -> Vec<Notice> {
    notices.iter().filter(|notice| is_wanted(notice)).cloned().collect()
}

/// The mail that tells these notices to one person.
pub(super) fn letter(
    notices: &[Notice],
    (to, details): (&str, bool),
    attachment: Option<Attachment>,
    now: Timestamp,
) -> Letter {
    let voice = Voice {
        details,
        status_page: None,
        attachment: attachment.as_ref().map(|file| file.name.clone()),
    };
    let written = write(notices, &voice);
    let keys: Vec<String> = notices.iter().map(Notice::key).collect();
    let name = format!("{}\n{}\n{to}", keys.join("\n"), now.timestamp_millis());
    Letter {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
        at: now,
        to: to.to_owned(),
        subject: written.subject,
        text: written.text,
        html: written.html,
        attachment,
    }
}

/// The whole list of what is held, where these notices tell of it.
fn attachment(
    view: &View<'_>,
    app: &str,
    notices: &[Notice],
    details: bool,
) -> Result<Option<Attachment>, StoreError> {
    let held = notices.iter().filter(|notice| notice.kind == NoticeKind::RemovalsHeld);
    let mut rows = Vec::new();
    for notice in held.filter(|notice| !notice.over) {
        rows.extend(held_changes(view, &notice.cause, CSV_ROWS_MAX)?);
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let cells = rows.into_iter().map(|row| {
        let target = row.target.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = if details { row.source_display } else { String::new() };
        let action = row.action.as_str().to_owned();
        [action, row.source.to_string(), target, row.reason.to_string(), name]
    });
    let csv = csv(["action", "source_id", "target_id", "reason", "name"], cells);
    Ok(Some(Attachment { name: format!("{app}-held.csv"), csv }))
}

fn stored(letter: &Letter) -> Result<String, StoreError> {
    serde_json::to_value(letter)
        .as_ref()
        .map(Value::to_string)
        .map_err(|error| StoreError::Stored { what: "mail", detail: error.to_string() })
}

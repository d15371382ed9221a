//! The digest: what happened in a day, at the time of day that was asked for.

use chrono::{NaiveDate, TimeDelta};

use super::{Channels, wording::counted};
use crate::{
    model::Timestamp,
    provisioning::{NextStep, Notice, NoticeKind},
    store::{CycleReport, Engine, StoreError, Totals},
};

/// Reports read for a digest: a cycle every minute for a day.
const REPORTS_MAX: u32 = 1_500;

/// The fact that says for which day the last digest was.
const DIGEST_DAY: &str = "digest_day";

impl<M> Channels<M> {
    /// Raises the digest once its time of day has come. The first one comes at the
    /// next such time after digests were asked for.
    pub(super) fn raise_digest(&self, engine: &Engine, now: Timestamp) -> Result<(), StoreError> {
        let Some((time, zone)) = self.digest else { return Ok(()) };
        let local = now.with_timezone(&zone).naive_local();
        let last_due = if local.time() >= time {
            local.date()
        } else {
            local.date().pred_opt().unwrap_or(local.date())
        };
        let told = engine.read(|view| view.fact(DIGEST_DAY))?;
        let told: Option<NaiveDate> = told.and_then(|day| day.parse().ok());
        if told.is_some_and(|day| day >= last_due) {
            return Ok(());
        }
        engine.write(|tx| {
            if told.is_some() {
                let since = now - TimeDelta::days(1);
                let mut reports = tx.cycles(REPORTS_MAX)?;
                reports.retain(|report| report.began > since && report.began <= now);
                let failing = tx.escrow_counts()?.all;
                tx.raise_notice(&digest(&self.app, &reports, failing, now))?;
            }
            tx.set_fact(DIGEST_DAY, Some(&last_due.to_string()))
        })
    }
}

/// The digest of these cycles, newest first.
fn digest(app: &str, reports: &[CycleReport], failing: u64, now: Timestamp) -> Notice {
    let mut sum = Totals::default();
    for report in reports {
        sum.create += report.totals.create;
        sum.adopt += report.totals.adopt;
        sum.update += report.totals.update;
        sum.disable += report.totals.disable;
        sum.enable += report.totals.enable;
        sum.delete += report.totals.delete;
    }
    let early = reports.iter().filter(|report| report.error.is_some()).count();
    let held = reports.first().and_then(|report| report.held.as_ref());
    let held = held.map_or(0, |held| held.removals + held.membership_removals + held.creates);
    let in_scope = reports.iter().find(|report| report.error.is_none());
    let in_scope = in_scope.map_or_else(String::new, |report| {
        format!(" {} in scope.", counted(report.totals.in_scope, "person is", "people are"))
    });
    let happened = format!(
        "In the last 24 hours: {}, {early} of them ended early. Accounts: {} created, {} adopted, \
         {} updated, {} disabled, {} enabled, {} deleted.{in_scope} Failing now: {failing}. Held \
         now: {held}.",
        counted(reports.len() as u64, "cycle", "cycles"),
        sum.create,
        sum.adopt,
        sum.update,
        sum.disable,
        sum.enable,
        sum.delete,
    );
    let problem = format!("digest of {}", now.format("%Y-%m-%d"));
    Notice::new((app, NoticeKind::Digest, "day"), (1, now), problem, happened)
        .then(NextStep::run("see every change", format!("entra-scim log {app} --since 24h")))
}

//! How a cycle that ended is shown: as text or as a document, and with which exit code.

use std::io::Write;

use serde_json::Value;

use super::{args::Global, document, exit::ExitCode, output, problem::Problem, rows::Plan, view};
use crate::{daemon::Trouble, store::CycleReport};

/// A cycle that ended, of this process or of the service.
pub(super) struct Ended<'a, P> {
    pub(super) app: &'a str,
    pub(super) report: &'a CycleReport,
    pub(super) trouble: Option<Trouble>,
    pub(super) plan: &'a P,
}

impl<P: Plan> Ended<'_, P> {
    /// The exit code of this cycle.
    pub(super) fn exit(&self) -> ExitCode {
        ExitCode::of_cycle(self.report, self.trouble)
    }

    /// The document of this cycle.
    fn document(&self, global: &Global) -> anyhow::Result<Value> {
        document::cycle(self.app, self.report, self.plan, global.verbose)
    }

    /// Tells the cycle: as a document beside the others or as text, and on stderr why it ended
    /// early, where it did.
    pub(super) fn tell(&self, global: &Global, documents: &mut Vec<Value>) -> anyhow::Result<()> {
        if global.json {
            documents.push(self.document(global)?);
        } else {
            self.print(global)?;
            self.advise(global);
        }
        self.complain();
        Ok(())
    }

    /// Prints rows, totals, cost and warnings, and what is held.
    fn print(&self, global: &Global) -> anyhow::Result<()> {
        output::stream(|out| {
            if self.plan.is_of(&self.report.id.to_string())? {
                view::rows(out, self.plan, document::filter(global.verbose))?;
            }
            self.summary(out)
        })
    }

    fn summary(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let kind = match self.report.kind {
            crate::store::CycleKind::Initial => "initial",
            crate::store::CycleKind::Incremental => "incremental",
        };
        let dry_run = self.report.dry_run;
        let what = if dry_run { "plan" } else { "cycle" };
        let totals = view::totals(&self.report.totals, dry_run);
        let early = if self.report.error.is_some() { " ended early" } else { "" };
        writeln!(out, "{kind} {what} of `{}`{early}: {totals}", self.app)?;
        write!(out, "{}", view::footer(self.report))?;
        if let Some(revision) = &self.report.revision {
            write!(out, "\n{}", view::revision(revision, dry_run))?;
        }
        if let Some(held) = &self.report.held {
            write!(out, "\n{}", view::held(self.app, held))?;
        }
        if let Some(quarantine) = &self.report.quarantine {
            write!(out, "\n{}", view::quarantine(self.app, quarantine))?;
        }
        Ok(())
    }

    /// Says on stderr why the cycle ended early, where it did.
    pub(super) fn complain(&self) {
        if let Some(error) = &self.report.error {
            let problem = Problem::of_cycle(self.exit(), self.app, error, self.trouble);
            super::entry::show(&problem.into());
        }
    }

    /// The next commands that make sense after a cycle.
    fn advise(&self, global: &Global) {
        let (app, totals) = (self.app, &self.report.totals);
        let changes = totals.create
            + totals.adopt
            + totals.update
            + totals.disable
            + totals.enable
            + totals.delete;
        if self.report.dry_run && self.report.error.is_none() && changes > 0 {
            output::note(global, &format!("\nnothing was sent; `entra-scim sync {app}` does it"));
        } else if totals.failure > 0 {
            output::note(
                global,
                &format!("\n`entra-scim log {app} --status failure` shows what failed and why"),
            );
        }
    }
}

//! How far a cycle is: a bar on a terminal, one line per phase anywhere else.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{args::Global, output};
use crate::store::Progress;

/// Shows progress on stderr.
pub(super) struct Meter {
    app: String,
    shows: Shows,
    phase: Mutex<String>,
}

enum Shows {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

impl Meter {
    /// A meter for one application's cycle.
    pub(super) fn new(app: &str, global: &Global) -> Self {
        let shows = if global.quiet {
            Shows::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_prefix(app.to_owned());
            Shows::Bar(bar)
        } else {
            Shows::Lines
        };
        Self { app: app.to_owned(), shows, phase: Mutex::new(String::new()) }
    }

    /// Shows a step.
    pub(super) fn tell(&self, progress: &Progress) {
        let mut phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *phase != progress.phase;
        if is_new {
            phase.clone_from(&progress.phase);
        }
        match &self.shows {
            Shows::Lines if is_new => output::say(&format!("{}: {}", self.app, progress.phase)),
            Shows::Nothing | Shows::Lines => {}
            Shows::Bar(bar) => {
                if is_new {
                    bar.set_style(style(progress.total.is_some()));
                    bar.set_message(progress.phase.clone());
                }
                if let Some(total) = progress.total {
                    bar.set_length(total);
                }
                bar.set_position(progress.done);
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        match &self.shows {
            Shows::Nothing | Shows::Lines => {}
            Shows::Bar(bar) => bar.finish_and_clear(),
        }
    }
}

fn style(has_total: bool) -> ProgressStyle {
    let template = if has_total {
        "{prefix}: {msg} {wide_bar} {human_pos} of {human_len}, {eta} left"
    } else {
        "{prefix}: {msg} {human_pos}, {elapsed}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

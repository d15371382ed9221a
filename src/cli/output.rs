//! Where text goes: data to stdout, everything else to stderr. Colours only on a terminal.

use std::io::{self, Write};

use super::{args::Global, careful};
use crate::model::escaped;

pub(super) use crate::model::plain;

/// Writes data. A reader that went away, such as `head`, is no error.
pub(super) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = careful::Careful::new(anstream::stdout().lock());
    finish(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes a JSON document.
pub(super) fn json(document: &serde_json::Value) -> anyhow::Result<()> {
    data(&escaped(&format!("{document:#}\n")))
}

/// Writes as `write` says, and not everything at once.
pub(super) fn stream(
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut stdout = careful::Careful::new(io::BufWriter::new(anstream::stdout().lock()));
    let written = write(&mut stdout).and_then(|()| Ok(stdout.flush()?));
    match written {
        Err(error) => match error.downcast::<io::Error>() {
            Ok(error) => finish(Err(error)),
            Err(error) => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

/// Says something beside the data, unless it should be quiet.
pub(super) fn note(global: &Global, text: &str) {
    if !global.quiet {
        say(text);
    }
}

/// Says something on stderr.
pub(super) fn say(text: &str) {
    // Where stderr is gone there is nobody left to tell.
    let mut stderr = stderr();
    drop(writeln!(stderr, "{text}").and_then(|()| stderr.flush()));
}

/// What is beside the data, for a person.
pub(super) fn stderr() -> impl Write {
    careful::Careful::new(anstream::stderr().lock())
}

fn finish(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

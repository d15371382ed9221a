//! Where text goes: data to stdout, everything else to stderr. Colours only on a terminal.

use std::io::{self, Write};

use super::args::Global;

/// Writes data. A reader that went away, such as `head`, is no error.
pub(super) fn data(text: &str) -> anyhow::Result<()> {
    let mut stdout = anstream::stdout().lock();
    finish(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes a JSON document.
pub(super) fn json(document: &serde_json::Value) -> anyhow::Result<()> {
    data(&format!("{document:#}\n"))
}

/// Writes as `write` says, and not everything at once.
pub(super) fn stream(
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut stdout = io::BufWriter::new(anstream::stdout().lock());
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
    drop(writeln!(anstream::stderr().lock(), "{text}"));
}

fn finish(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

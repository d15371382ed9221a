//! Log lines: to the journal with their fields, or to stderr as text or JSON.

use tracing_subscriber::{
    EnvFilter, Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use super::args::LogFormat;
use crate::config::journal_stream;

/// What the journal calls the program.
const IDENTIFIER: &str = "entra-scim";

/// From here on log lines go where `format` says; the first call counts.
pub(super) fn begin(format: LogFormat, filter: EnvFilter) {
    if format == LogFormat::Auto
        && is_journal(journal_stream())
        && let Ok(journal) = tracing_journald::layer()
    {
        // `JOB_NAME` and `CYCLE_ID` beside the message, for `journalctl JOB_NAME=crm`.
        let journal = journal.with_field_prefix(None).with_syslog_identifier(IDENTIFIER.to_owned());
        drop(Registry::default().with(filter).with(journal).try_init());
        return;
    }
    let colors = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colors);
    // A second call, as in a test, keeps the first one's subscriber.
    drop(match format {
        LogFormat::Auto | LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    });
}

/// Whether stderr is the stream that systemd says leads to the journal: a pipe or a file that
/// somebody put in its place does not (systemd.exec(5), `$JOURNAL_STREAM`).
fn is_journal(stream: Option<(u64, u64)>) -> bool {
    use std::os::{fd::AsFd as _, unix::fs::MetadataExt as _};
    let stderr = std::io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let Ok(metadata) = stderr.and_then(|file| file.metadata()) else { return false };
    stream == Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::is_journal;

    #[test]
    fn only_the_stream_that_the_variable_names_is_the_journal() {
        use std::os::unix::fs::MetadataExt as _;
        let own = std::fs::metadata("/proc/self/fd/2").expect("stderr");
        assert!(is_journal(Some((own.dev(), own.ino()))));
        assert!(!is_journal(Some((own.dev(), own.ino() + 1))));
        assert!(!is_journal(None));
    }
}

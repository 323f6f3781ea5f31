//! Debug logging: what the rooms trace goes through the one writer too.

use super::Log;
use std::io;

/// Sends traced events to the log's debug lines. Where the log does not want them, nothing is set up and nothing is formatted.
pub fn trace_to(log: &Log) {
    if !log.is_debug() {
        return;
    }
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .without_time()
        .with_ansi(false)
        .with_level(false)
        .with_writer(move || Lines(log.clone()))
        .finish();
    // The second call of a process is refused; the first one holds.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// One event is written at once, as one line.
struct Lines(Log);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.debug(String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Debug logging: what all folders trace goes through the one writer too.

use super::Log;
use std::io;
use tracing::Dispatch;

/// What takes traced events to the log's debug lines. Where the log does not want them there is none, and nothing is formatted.
#[must_use]
pub fn traces(log: &Log) -> Option<Dispatch> {
    if !log.is_debug() {
        return None;
    }
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .without_time()
        .with_ansi(false)
        .with_level(false)
        .with_writer(move || LineWriter(log.clone()))
        .finish();
    Some(Dispatch::new(subscriber))
}

/// One event is written at once, as one line.
struct LineWriter(Log);

impl io::Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.debug(String::from_utf8_lossy(bytes).trim_end());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

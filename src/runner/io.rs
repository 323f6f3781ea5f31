//! What a run reads from and writes to, besides files.

use http_client::{Exchange, ExchangeError, Proxies, Random, Roots};
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;

/// Prepares to send requests, trusting these roots, through these proxies.
pub type Connect = dyn Fn(Roots, &Proxies) -> Result<Arc<dyn Exchange>, ExchangeError>;

/// What a run reads from and writes to, besides files. `main` gives the real ones, a test its own.
pub struct Io {
    /// Standard output.
    pub stdout: Box<dyn Write + Send>,
    /// Standard error.
    pub stderr: Box<dyn Write + Send>,
    /// Makes the exchange that carries every request.
    pub connect: Box<Connect>,
    /// Ends when the run is to be cancelled.
    pub cancelled: Pin<Box<dyn Future<Output = ()>>>,
    /// Random numbers. They make a delimiter that no value holds, so they must not be the same for ever.
    pub random: Random,
}

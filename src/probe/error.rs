//! Why a service's address gave no answer that could be looked into.

use http_client::TransportError;

/// Why there is nothing to look into. No variant holds an address or a byte of an answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is no answer.
    #[error("{0}")]
    Transport(#[from] TransportError),
    /// It leads where nobody is asked.
    #[error("{0}")]
    Redirect(&'static str),
    /// The body is encoded in a way that was not asked for.
    #[error("its body is compressed in another way than gzip")]
    Encoding,
}

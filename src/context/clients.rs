//! The clients that read.

use crate::history::History;
use crate::probe::ProbeClient;
use http_client::Client;
use registry::{Credentials, Registry};
use render::RenderApi;

/// Every client that reads.
pub(crate) struct Clients {
    pub(crate) http: Client,
    /// The checkout, and GitHub where its API is known.
    pub(crate) history: History,
    /// Render's API, where there is a key for it.
    pub(crate) render: Option<RenderApi>,
    /// For the web answers of deployed services.
    pub(crate) probes: ProbeClient,
    pub(super) credentials: Option<Credentials>,
}

impl Clients {
    /// The registry, asked with credentials where there are some, and only at the host of the input `registry`.
    pub(crate) fn registry(&self) -> Registry {
        Registry::new(self.http.clone(), self.credentials())
    }

    /// The registry, asked as anybody may ask it.
    pub(crate) fn public_registry(&self) -> Registry {
        Registry::new(self.http.clone(), None)
    }

    pub(super) fn credentials(&self) -> Option<Credentials> {
        self.credentials.clone()
    }
}

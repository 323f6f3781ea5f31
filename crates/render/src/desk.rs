//! Where the API is asked, and with what key. Both hands go through here.

use http::{Method, header};
use http_client::{Backoff, Client, HttpRequest, HttpResponse, TransportError};
use model::{RenderOrigin, Secret};
use std::time::Duration;

/// The API's address and the key for it. The key goes to this origin and to no other: the client follows no redirects, and paths
/// are made of ids that hold letters and digits only, and of cursors that are escaped.
#[derive(Debug, Clone)]
pub(super) struct ApiClient {
    client: Client,
    base: String,
    key: Secret,
}

impl ApiClient {
    pub(super) fn new(client: Client, origin: &RenderOrigin, key: Secret) -> Self {
        Self {
            client,
            base: format!("{}/v1/services", origin.as_str()),
            key,
        }
    }

    /// A request for `path` below `/v1/services/`; a query alone (`?limit=100`) is for the list of services.
    pub(super) fn request(&self, method: Method, path: &str) -> HttpRequest {
        let separator = if path.starts_with('?') { "" } else { "/" };
        HttpRequest::new(method, format!("{}{separator}{path}", self.base))
            .authorization(&format!("Bearer {}", self.key.expose()))
            .header(header::ACCEPT, "application/json")
    }

    /// Waits between tries, from `first` to `longest`.
    pub(super) fn backoff(&self, first: Duration, longest: Duration) -> Backoff {
        self.client.backoff(first, longest)
    }

    pub(super) async fn send(
        &self,
        request: HttpRequest,
        shown: &str,
    ) -> Result<HttpResponse, TransportError> {
        let answer = self.client.send(request).await?;
        tracing::debug!("{shown}: {}", answer.status());
        Ok(answer)
    }
}

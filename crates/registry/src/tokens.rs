//! Tokens: made once for a repository and what is done there, and used until they run out.

use super::auth::{Access, TokenServer, read_token};
use super::session::{RegistryRequest, Session, failed, is_limited, slot, unanswered};
use super::{Credentials, RegistryError, RequestTrace};
use http::Method;
use http_client::{HttpRequest, Stopwatch, TransportError};
use model::Secret;
use std::time::Duration;

/// The largest token answer that is read.
const TOKEN_CAP: usize = 64 << 10;

/// A token as an `Authorization` header.
#[derive(Clone)]
pub(super) struct Token {
    header: Secret,
    age: Stopwatch,
    life: Duration,
}

impl Session {
    /// The token for a repository, and whether it was there already. One request at a time makes it; the others wait for it.
    pub(super) async fn token(
        &self,
        want: &RegistryRequest<'_>,
        server: &TokenServer,
        stale: Option<&Secret>,
    ) -> Result<(Secret, bool), RegistryError> {
        let slot = slot(&self.tokens, &(want.repository.clone(), want.access));
        let mut held = slot.lock().await;
        if let Some(token) = held
            .as_ref()
            .filter(|token| token.age.elapsed() < token.life && Some(&token.header) != stale)
        {
            return Ok((token.header.clone(), true));
        }
        let age = Stopwatch::start();
        let (header, life) = self.make_token(want, server).await?;
        *held = Some(Token {
            header: header.clone(),
            age,
            life,
        });
        Ok((header, false))
    }

    async fn make_token(
        &self,
        want: &RegistryRequest<'_>,
        server: &TokenServer,
    ) -> Result<(Secret, Duration), RegistryError> {
        let host = want.repository.host();
        let mut request = HttpRequest::new(
            Method::GET,
            server.address(&want.access.scope(want.repository)),
        )
        .cap(TOKEN_CAP);
        let basic = self.credentials_for(host).map(Credentials::basic);
        if let Some(basic) = &basic {
            request = request.authorization(basic.expose());
        }
        let exchange = RequestTrace {
            method: Method::GET,
            host: server.host(),
            path: server.path(),
            ..want.exchange()
        };
        let answer = self
            .client
            .send(request)
            .await
            .map_err(|error| match error {
                TransportError::TooLarge(_) => RegistryError::Broken {
                    exchange: Box::new(exchange.clone()),
                    why: "it is too large for a token".into(),
                },
                TransportError::NeverSent(_)
                | TransportError::Tls(_)
                | TransportError::ProxyDenied
                | TransportError::NoAnswer(_)
                | TransportError::NotARequest(_) => unanswered(exchange.clone(), error),
            })?;
        tracing::debug!(
            "GET {}{}: {}",
            exchange.host,
            exchange.path,
            answer.status()
        );
        let exchange = self.complaint(exchange, &answer, host, basic.as_ref());
        match answer.status() {
            200..=299 => read_token(answer.body()).ok_or_else(|| RegistryError::Broken {
                exchange,
                why: "it holds no token".into(),
            }),
            300..=399 => Err(RegistryError::Misdirected {
                exchange,
                why: "a token server that redirects is not followed".into(),
            }),
            _ if is_limited(&exchange) => Err(failed(&answer, exchange)),
            // No token for a repository is how GHCR says that it is private or absent.
            401 | 403 | 404 if want.access == Access::PullPush => {
                Err(RegistryError::WriteDenied(exchange))
            }
            401 => Err(RegistryError::Unauthenticated {
                asker: self.asker(host),
                exchange,
            }),
            403 | 404 => Err(RegistryError::Denied {
                asker: self.asker(host),
                exchange,
            }),
            _ => Err(failed(&answer, exchange)),
        }
    }
}

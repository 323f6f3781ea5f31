//! Container registries: what is there, byte for byte.
//!
//! The transport is the program's one HTTP client, because the contract needs what the OCI crate's client does not give: causes, hints
//! when to come back, three requests for an image. The OCI types are that crate's. Nothing here decides whether an
//! image is good; that is `decide::judge`.
//!
//! Credentials are sent to one host and to the token server it may name, and nowhere else.

mod auth;
mod complaint;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod links;
mod read;
mod session;
mod tags;
mod tokens;
mod wire;
mod write;

pub use error::{Asker, RegistryError, RequestTrace};
pub use links::NamedDigests;
pub use read::{Reference, Registry};
pub use write::{Moving, RegistryWriter, TagPut};

use model::{RegistryHost, Secret};

/// A user name and a password for one registry host.
#[derive(Debug, Clone)]
pub struct Credentials {
    host: RegistryHost,
    username: String,
    password: Secret,
}

impl Credentials {
    /// Credentials that are for `host` only. GHCR takes any user name beside a good token.
    #[must_use]
    pub fn new(host: RegistryHost, username: impl Into<String>, password: Secret) -> Self {
        Self {
            host,
            username: username.into(),
            password,
        }
    }
}

#[cfg(test)]
mod tests;

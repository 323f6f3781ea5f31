//! Whichever registry a world has.

use super::distribution::Distribution;
use super::ghcr::Ghcr;
use super::image::Image;
use super::server::Server;
use leaks::Planted;

/// A registry.
#[derive(Debug, Clone)]
pub enum Registry {
    /// The model of GHCR.
    Ghcr(Ghcr),
    /// The real Distribution.
    Distribution(&'static Distribution),
}

impl Registry {
    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        match self {
            Self::Ghcr(registry) => registry.server.host(),
            Self::Distribution(registry) => registry.host(),
        }
    }

    /// Puts an image there, under these tags.
    pub fn put(&self, path: &str, tags: &[String], image: &Image) {
        match self {
            Self::Ghcr(registry) => registry.put(path, tags, image),
            Self::Distribution(registry) => registry.put(path, tags, image),
        }
    }

    /// The model of GHCR, for what only it can do.
    pub fn ghcr(&self) -> &Ghcr {
        match self {
            Self::Ghcr(registry) => registry,
            Self::Distribution(_) => panic!("this world has the real registry"),
        }
    }

    /// What should not have been asked.
    pub fn violations(&self) -> Vec<String> {
        match self {
            Self::Ghcr(registry) => registry.violations(),
            Self::Distribution(_) => Vec::new(),
        }
    }

    /// The tokens that were handed out, which are for nobody else.
    pub fn tokens(&self) -> Vec<Planted> {
        match self {
            Self::Ghcr(registry) => registry.tokens(),
            Self::Distribution(_) => Vec::new(),
        }
    }

    /// Where requests were written down; the real registry writes none.
    pub fn server(&self) -> Option<&Server> {
        match self {
            Self::Ghcr(registry) => Some(&registry.server),
            Self::Distribution(_) => None,
        }
    }
}

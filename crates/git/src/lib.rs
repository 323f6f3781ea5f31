//! The checkout: local git objects, read raw.
//!
//! No program is run, nothing is written, and of all configuration only the repository's own is read, without includes; what it
//! could steer (object replacement, alternates, a commit graph, memory) is switched off or refused. An earlier step of the job may
//! have planted anything here, so every object is compared with its own name before it is believed, and its size is bounded.

mod ancestry;
mod error;
mod object;
mod open;
mod refs;
mod revision;
mod special;
mod tree;

pub use error::RepositoryError;
pub use open::{Checkout, Trust};

#[cfg(any(test, feature = "testing"))]
pub mod testing;

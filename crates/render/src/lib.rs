//! Render, by its deploy hooks (<https://render.com/docs/deploy-hooks>) and by its API (<https://api-docs.render.com/reference>).
//!
//! A hook is a right to deploy one service, an API key is a right to do anything in a workspace. Each is sent to the origin that it was
//! checked against and to nobody else, redirects are not followed, and what Render answers is shown only as ids, as words of closed
//! lists, or through [`model::Untrusted`].
//!
//! Four hands: [`RenderApi`] reads, [`HookCaller`] and [`RenderWriter`] write, [`PreviewRemover`] deletes previews. A run that may not write never holds
//! one of the latter.

mod api;
mod call;
mod desk;
mod error;
mod explanation;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hook;
mod pace;
mod phrase;
mod preview;
mod remove;
mod service;
#[cfg(test)]
mod testing;
mod wire;
mod write;

pub use api::RenderApi;
pub use call::{Accepted, CallFailure, RenderKey, RenderPhrase, Repeatable};
pub use error::RenderError;
pub use explanation::Explanation;
pub use hook::HookCaller;
pub use preview::Made;
pub use remove::{PreviewRemover, Proof, ProvenPreview};
pub use service::{ServiceFacts, ServiceImage, ServiceKind};
pub use write::RenderWriter;

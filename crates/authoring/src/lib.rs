//! What `init` and `check` know: workflows, Dockerfiles and blueprints are read, manifests and workflows are drafted, and findings are named.
//! Nothing of it runs in a deploy.

pub mod blueprint;
pub mod dockerfile;
pub mod draft;
pub mod lint;
mod sarif;
pub mod workflow;

pub use sarif::sarif;

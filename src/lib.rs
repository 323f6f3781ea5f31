//! Gets the container images that a GitHub workflow pushed to GHCR live on Render: exactly those bytes, for exactly
//! the services that changed.
//!
//! ARCHITECTURE.md says which room is on which floor, and why.

pub mod command;
pub mod decide;
pub mod domain;
pub mod github;
pub mod intake;
pub mod registry;
pub mod render;
pub mod report;
pub mod repository;
pub mod runner;
pub mod transport;

//! Foreign text to values: the only parser of inputs, events, manifests and whatever else a repository holds.

pub mod blueprint;
pub mod dockerfile;
pub mod event;
pub mod inputs;
pub mod manifest;
pub mod workflow;
mod yaml;

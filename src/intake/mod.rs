//! Foreign text to values: the only parser of inputs, events and manifests.

pub mod event;
pub mod inputs;
pub mod manifest;
mod yaml;

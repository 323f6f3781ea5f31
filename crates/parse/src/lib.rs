//! Foreign text to values: the only parser of inputs, events, manifests and whatever else a repository holds.

pub mod event;
pub mod inputs;
pub mod manifest;
pub mod yaml;

//! What must be true before anything is sent: credentials, deploy hooks, Render's settings, required environments.

pub(crate) mod credentials;
pub(crate) mod hooks;
pub(crate) mod preflight;
pub(crate) mod probes;
pub(crate) mod required_environment;

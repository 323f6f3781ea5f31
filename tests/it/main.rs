//! Journeys of the real binary through a world of loopback models and real parts, and the checks of its layers and documents.
#![allow(
    clippy::disallowed_methods,
    reason = "tests have an environment, a clock and a wait of their own"
)]

mod contract;
mod documents;
mod in_process;
mod journeys;
mod layers;
mod marketplace;

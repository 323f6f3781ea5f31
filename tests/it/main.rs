//! Journeys of the real binary through a world of loopback models and real parts, and the checks that hold the house together.
#![allow(
    clippy::disallowed_methods,
    reason = "tests stand outside the rooms: they have an environment, a clock and a wait of their own"
)]

mod contract;
mod documents;
mod floors;
mod in_process;
mod journeys;
mod marketplace;

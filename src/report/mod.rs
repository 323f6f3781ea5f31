//! Decisions to text: outputs, the job summary, the line for a chat message. Pure: it is handed everything, and prints nothing.

pub mod outputs;
mod story;
mod summary;

pub use story::{Ended, Failed, Released, Story, Verified, outcome_of};
pub use summary::summary;

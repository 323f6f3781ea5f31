//! The commands: each gathers facts, lets them be decided, and acts.

mod history;

pub use history::{Ancestry, History, HistoryError, Movement, PreviousRelease};

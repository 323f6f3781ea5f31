//! The runner, or the laptop: variables, arguments, files, and the one writer for everything that is printed.
//!
//! Every environment variable's name is in this room. What it hands out is raw text; reading meaning into it is `intake`'s work.

mod arguments;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod log;
mod signals;
mod surroundings;
mod terminal;
mod trace;

pub use arguments::{Arguments, Asked};
pub use files::{FileError, OutputsFile, Workspace, append_summary, read_event};
pub use log::{Log, Tongue};
pub use signals::Signals;
pub use surroundings::Surroundings;
pub use terminal::Screen;
pub use trace::trace_to;

/// 64 random bits from the standard library's hash seeds.
#[must_use]
pub fn random() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8)
}

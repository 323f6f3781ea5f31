//! The runner, or the laptop: variables, arguments, files, and the one writer for everything that is printed.
//!
//! Every environment variable's name is in this folder. What it hands out is raw text; reading meaning into it is the work of the crate `parse`.

mod arguments;
mod command_line;
mod environment;
mod files;
mod io;
mod log;
mod surroundings;
mod terminal;
mod trace;

pub use arguments::{Arguments, ParsedArguments};
pub use environment::ProcessEnvironment;
pub use files::{FileError, OutputsFile, Workspace, append_summary, read_event};
pub use io::{Connect, Io};
pub use log::{Log, OutputMode, Results};
pub use surroundings::RunnerEnvironment;
pub use terminal::Screen;
pub use trace::traces;

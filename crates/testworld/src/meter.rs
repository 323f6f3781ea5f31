//! What a run takes of the machine, as its kernel counts it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Starts a program, waits for it, writes down what it took, and ends as it did. `ru_maxrss` is in KiB (getrusage(2)).
const SCRIPT: &str = "import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, took = os.wait4(child, 0)
open(sys.argv[1], 'w').write(f'{took.ru_maxrss} {took.ru_utime + took.ru_stime}')
sys.exit(os.waitstatus_to_exitcode(status))";

/// A place for what is measured, outside everything that the program knows.
#[derive(Debug)]
pub struct Meter(tempfile::NamedTempFile);

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Used {
    /// The most memory that it held at once, in bytes.
    pub memory: u64,
    /// The time that processors worked for it.
    pub work: Duration,
}

/// Python itself: what is found under its name may be a script that looks for it, and starts programs that nobody should start.
pub(super) fn python() -> PathBuf {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("python3");
    String::from_utf8(output.stdout)
        .expect("a path")
        .trim_end()
        .into()
}

impl Meter {
    pub(super) fn new() -> Self {
        Self(tempfile::NamedTempFile::new().expect("a file"))
    }

    /// What Python is given to start the program.
    pub(super) fn arguments(&self, program: &Path) -> Vec<String> {
        let text = |path: &Path| path.to_str().expect("a path").to_owned();
        vec![
            "-ISc".into(),
            SCRIPT.into(),
            text(self.0.path()),
            text(program),
        ]
    }

    /// What the run took that has just ended.
    pub fn read(&self) -> Used {
        let text = std::fs::read_to_string(self.0.path()).expect("what was measured");
        let (memory, work) = text.split_once(' ').expect("two numbers");
        let memory = memory.parse::<u64>().expect("KiB") << 10;
        Used {
            memory,
            work: Duration::from_secs_f64(work.parse().expect("seconds")),
        }
    }
}

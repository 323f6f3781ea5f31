//! Numbers for docs/reliability.md, which `docs/reliability` makes of what the tests count while they run.

use std::io::Write as _;

/// Adds to what is counted under this name; where nobody gathers numbers, nothing happens.
pub fn count(what: &str, number: usize) {
    write(what, '+', number);
}

/// Keeps the largest of what is told under this name.
pub fn largest(what: &str, number: usize) {
    write(what, '^', number);
}

fn write(what: &str, how: char, number: usize) {
    let Some(file) = std::env::var_os("TALLY") else {
        return;
    };
    // One short write to the end of a file is never mixed with another's, and tests run side by side.
    let line = format!("{what}\t{how}{number}\n");
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .expect("the tally can be opened");
    file.write_all(line.as_bytes())
        .expect("the tally can be written");
}

//! Where the program under test is.

use std::path::PathBuf;

/// The program that cargo built for the tests or the example that runs now.
///
/// Cargo tells tests its path. An example finds it beside its own directory.
pub fn program() -> PathBuf {
    match std::env::var_os("CARGO_BIN_EXE_ghcr-to-render") {
        Some(path) => path.into(),
        None => beside(),
    }
}

fn beside() -> PathBuf {
    let own = std::env::current_exe().expect("this program's path");
    let profile = own
        .ancestors()
        .nth(2)
        .expect("the directory above deps or examples");
    profile.join("ghcr-to-render")
}

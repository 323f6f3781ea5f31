//! The door: starts the runtime and hands over.

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(ghcr_to_render::run(std::env::args_os())),
        Err(_) => ExitCode::FAILURE,
    }
}

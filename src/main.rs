//! Reads the process's environment, starts the runtime and hands over. Nothing below here reads a global of the process.
#![allow(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the process's environment and its signals"
)]

use ghcr_to_render::{Io, ProcessEnvironment};
use http_client::Random;
use std::hash::{BuildHasher as _, RandomState};
use std::io::IsTerminal as _;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    let run = async {
        // Before anything else: what comes from here on is not lost.
        let cancelled = Box::pin(listen());
        let io = Io {
            stdout: Box::new(std::io::stdout()),
            stderr: Box::new(std::io::stderr()),
            connect: Box::new(http_client::connect),
            cancelled,
            // 64 random bits from the standard library's hash seeds.
            random: Random::new(|| RandomState::new().hash_one(0_u8)),
        };
        ghcr_to_render::run(environment(), std::env::args_os(), io).await
    };
    ExitCode::from(runtime.block_on(run))
}

fn environment() -> ProcessEnvironment {
    let environment = ProcessEnvironment::new(
        std::env::vars_os(),
        std::env::current_dir().unwrap_or_default(),
        std::io::stderr().is_terminal(),
    );
    if !std::io::stdout().is_terminal() {
        return environment;
    }
    let size = terminal_size::terminal_size();
    environment.with_terminal_output(size.map(|(width, _)| usize::from(width.0)))
}

/// Listens for the runner's wish that we stop: SIGINT, and SIGTERM 7.5 seconds later. As PID 1 of a container both would be ignored
/// without a listener. It begins at once; the future ends with the first signal.
fn listen() -> impl Future<Output = ()> {
    let both = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    async {
        let (Ok(mut interrupt), Ok(mut terminate)) = both else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

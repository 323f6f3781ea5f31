//! The runner's wish that we stop: SIGINT, and SIGTERM 7.5 seconds later. As PID 1 of a container both would be ignored without us.

use tokio::signal::unix::{SignalKind, signal};

/// Ends when the run is to be cancelled.
pub async fn interrupted() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

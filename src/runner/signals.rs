//! The runner's wish that we stop: SIGINT, and SIGTERM 7.5 seconds later. As PID 1 of a container both would be ignored without us.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// An ear for signals. What comes from its making on is heard, also before anybody waits for it.
#[derive(Debug)]
pub struct Signals(Option<(Signal, Signal)>);

impl Signals {
    /// Begins to listen.
    #[must_use]
    pub fn listen() -> Self {
        let both = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        );
        Self(if let (Ok(interrupt), Ok(terminate)) = both {
            Some((interrupt, terminate))
        } else {
            None
        })
    }

    /// Ends when the run is to be cancelled.
    pub async fn interrupted(&mut self) {
        let Some((interrupt, terminate)) = &mut self.0 else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

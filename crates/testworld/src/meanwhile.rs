//! What others do while a run goes on: after a while, or as soon as something holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it is looked at whether something holds.
const LOOK: Duration = Duration::from_millis(1);

/// Something that somebody else does once.
pub(crate) struct Deed {
    wait: Duration,
    holds: Box<dyn Fn() -> bool + Send + Sync>,
    act: Box<dyn FnOnce() + Send + Sync>,
}

impl std::fmt::Debug for Deed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Deed after {:?}", self.wait)
    }
}

impl Deed {
    pub(crate) fn after(wait: Duration, act: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self {
            wait,
            holds: Box::new(|| true),
            act: Box::new(act),
        }
    }

    pub(crate) fn once(
        holds: impl Fn() -> bool + Send + Sync + 'static,
        act: impl FnOnce() + Send + Sync + 'static,
    ) -> Self {
        Self {
            wait: Duration::ZERO,
            holds: Box::new(holds),
            act: Box::new(act),
        }
    }

    /// Does it when it is time, by tokio's clock.
    pub(crate) async fn done(self) {
        tokio::time::sleep(self.wait).await;
        until(&*self.holds).await;
        (self.act)();
    }

    /// Does it when it is time, by the machine's clock, unless the run ends before.
    fn done_beside(self, has_ended: &AtomicBool) {
        std::thread::sleep(self.wait);
        while !(self.holds)() {
            if has_ended.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(LOOK);
        }
        (self.act)();
    }
}

/// Waits until something holds, by tokio's clock.
pub(crate) async fn until(holds: &(dyn Fn() -> bool + Send + Sync)) {
    while !holds() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Those who do something beside a run that is a process of its own.
pub(crate) struct Others {
    has_ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Others {
    pub(crate) fn begin(deeds: Vec<Deed>) -> Self {
        let has_ended = Arc::new(AtomicBool::new(false));
        let begin = |deed: Deed| {
            let has_ended = Arc::clone(&has_ended);
            std::thread::spawn(move || deed.done_beside(&has_ended))
        };
        let threads = deeds.into_iter().map(begin).collect();
        Self { has_ended, threads }
    }

    /// The run has ended: what still waits is left undone.
    pub(crate) fn end(self) {
        self.has_ended.store(true, Ordering::SeqCst);
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

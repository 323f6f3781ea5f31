//! A trap: when a certain request arrives, the run is cancelled as the runner cancels it. So the moment is a place in the run, and no time.

use super::render::{Render, Standing};
use super::server::Call;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long an answer takes to be read. What waits for the next moment after an answer waits longer.
const READ: Duration = Duration::from_millis(20);

/// When, of a request's life, the signal is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It was read; nothing comes of it, and no answer.
    Unheard,
    /// It was done; its answer never arrives.
    Unanswered,
    /// Its answer has arrived.
    Answered,
}

/// What Render does from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It answers, and its deploys stay as they were at the signal.
    Answers,
    /// It takes requests and never answers.
    IsSilent,
}

/// The place of a request in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As [`kind`] has it.
    pub kind: String,
    /// Which of its kind: 1 is the first.
    pub nth: usize,
    pub moment: Moment,
}

/// What was so when the signal was sent.
#[derive(Debug, Clone)]
pub struct Sprung {
    pub at: Instant,
    pub standing: Vec<Standing>,
}

#[derive(Debug, Default)]
struct State {
    seen: usize,
    process: Option<u32>,
    sprung: Option<Sprung>,
}

/// A trap.
#[derive(Debug, Clone)]
pub struct Trap {
    place: Place,
    signals: &'static [&'static str],
    then: Then,
    render: Render,
    state: Arc<Mutex<State>>,
}

impl Trap {
    pub(super) fn new(
        place: Place,
        signals: &'static [&'static str],
        then: Then,
        render: &Render,
    ) -> Self {
        Self {
            place,
            signals,
            then,
            render: render.clone(),
            state: Arc::default(),
        }
    }

    /// Says which process is cancelled; none is, once it has ended.
    pub(super) fn aim(&self, process: Option<u32>) {
        self.state.lock().expect("a trap").process = process;
    }

    /// What was so when the signal was sent, if it was.
    pub(super) fn sprung(&self) -> Option<Sprung> {
        self.state.lock().expect("a trap").sprung.clone()
    }

    /// Whether the signal is one that nobody can answer to.
    pub(super) fn kills(&self) -> bool {
        self.signals.contains(&"-KILL")
    }

    /// A request arrives: whether it is the one.
    pub(super) fn meets(&self, server: &str, call: &Call) -> Option<Moment> {
        let mut state = self.state.lock().expect("a trap");
        if self.then == Then::IsSilent && state.sprung.is_some() && server == "Render" {
            return Some(Moment::Unheard);
        }
        if kind(server, call) != self.place.kind {
            return None;
        }
        state.seen += 1;
        (state.seen == self.place.nth).then_some(self.place.moment)
    }

    /// The one has been answered.
    pub(super) async fn spring_when_read(self) {
        tokio::time::sleep(READ).await;
        self.spring();
    }

    /// Cancels the run. From then on Render's deploys stay as they are, so that what was so at the signal can be told.
    pub(super) fn spring(&self) {
        let mut state = self.state.lock().expect("a trap");
        let (Some(process), None) = (state.process, &state.sprung) else {
            return;
        };
        self.render.stands_still();
        state.sprung = Some(Sprung {
            at: Instant::now(),
            standing: self.render.standing(),
        });
        for signal in self.signals {
            let _ = Command::new("/bin/kill")
                .args([signal, process.to_string().as_str()])
                .status();
        }
    }
}

/// What a request is one of: its method and path without what is of this run alone, and the names of its parameters.
pub fn kind(server: &str, call: &Call) -> String {
    let is_own = |part: &str| {
        ["dep-", "srv-", "sha256:"]
            .iter()
            .any(|prefix| part.starts_with(prefix))
            || part.starts_with("pr-") && part.len() > 40
            || part.len() > 7
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b'.')
    };
    let path: Vec<&str> = call
        .path
        .split('/')
        .map(|part| if is_own(part) { "*" } else { part })
        .collect();
    let path = path
        .join("/")
        .replace("/v2/acme/", "/")
        .replace("/repos/acme/shop", "");
    let path = match path.split_once("/manifests/") {
        Some((_, reference)) => format!("/manifests/{reference}"),
        None => path
            .split_once("/blobs/")
            .map_or(path.clone(), |(_, reference)| format!("/blobs/{reference}")),
    };
    let mut names: Vec<String> = call
        .parameters()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    names.dedup();
    format!("{server}: {} {path} {}", call.method, names.join(" "))
        .trim_end()
        .to_owned()
}

//! The web answer of a service on Render: what the image says that serves it. After a deploy went live, instances of the image before it still
//! answer for a while.

use super::render::Render;
use super::reply::Reply;
use super::server::{Call, Server};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a service answers: the request, and the commit of the image that this instance runs.
type Handler = dyn Fn(&Call, &str) -> Reply + Send + Sync;

/// A service's web answer.
#[derive(Clone)]
pub struct Site {
    pub name: String,
    pub server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    handler: Arc<Handler>,
    /// How long after the hook a deploy takes that nobody follows.
    starts: Duration,
    /// How long the image before still answers.
    drains: Duration,
    /// Whether new instances answer beside the old ones meanwhile.
    is_rolling: bool,
    /// When an answer came from which commit.
    answered: Vec<(Instant, String)>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Site({} {:?})", self.name, self.server)
    }
}

/// The images that a service has served, oldest first, each with the moment since when; none for what was there before.
pub(super) type Lives = Vec<(Option<Instant>, String)>;

/// The commits that images were built from, by digest.
#[derive(Debug, Clone, Default)]
pub(super) struct Builds(BTreeMap<String, String>);

impl Builds {
    pub(super) fn add(&mut self, digest: &str, commit: &str) {
        self.0.insert(digest.to_owned(), commit.to_owned());
    }

    fn commit_of(&self, image: &str) -> String {
        let digest = image.split_once('@').map_or("", |(_, digest)| digest);
        self.0
            .get(digest)
            .cloned()
            .unwrap_or_else(|| "unknown".into())
    }
}

impl Site {
    /// Puts the web answer of a service at an address of its own.
    pub(super) fn start(name: &str, render: &Render) -> Self {
        let state = Arc::new(Mutex::new(State {
            handler: Arc::new(|_, commit| Reply::text(200, format!("{{\"commit\":\"{commit}\"}}"))),
            starts: Duration::from_secs(20),
            drains: Duration::ZERO,
            is_rolling: false,
            answered: Vec::new(),
        }));
        let (answering, render, service) = (Arc::clone(&state), render.clone(), name.to_owned());
        let server = Server::start(move |call| {
            let mut state = answering.lock().expect("a site");
            let (lives, builds) = render.lives(&service, call.at, state.starts);
            let image = state.image(&lives, call.at);
            let commit = builds.commit_of(&image);
            state.answered.push((call.at, commit.clone()));
            let handler = Arc::clone(&state.handler);
            drop(state);
            handler(call, &commit)
        });
        Self {
            name: name.to_owned(),
            server,
            state,
        }
    }

    fn with(&self, act: impl FnOnce(&mut State)) {
        act(&mut self.state.lock().expect("a site"));
    }

    /// The image before still answers for so long after a deploy went live.
    pub fn drains(&self, time: Duration) {
        self.with(|state| state.drains = time);
    }

    /// While the image before still answers, every other answer comes from the new one.
    pub fn rolls(&self, time: Duration) {
        self.with(|state| (state.drains, state.is_rolling) = (time, true));
    }

    /// A deploy that nobody follows takes so long from the call of the hook.
    pub fn starts(&self, time: Duration) {
        self.with(|state| state.starts = time);
    }

    /// Answers something else from now on.
    pub fn answers(&self, handler: impl Fn(&Call, &str) -> Reply + Send + Sync + 'static) {
        self.with(|state| state.handler = Arc::new(handler));
    }

    /// When an answer came, and from an image of which commit.
    pub fn answered(&self) -> Vec<(Instant, String)> {
        self.state.lock().expect("a site").answered.clone()
    }
}

impl State {
    /// The image that answers at a moment.
    fn image(&self, lives: &Lives, now: Instant) -> String {
        let is_over =
            |since: &Option<Instant>| since.is_none_or(|since| now >= since + self.drains);
        let newest = lives.last();
        let settled = lives.iter().rfind(|(since, _)| is_over(since));
        let chosen = if self.is_rolling && self.answered.len() % 2 == 1 {
            newest
        } else {
            settled
        };
        chosen.map(|(_, image)| image.clone()).unwrap_or_default()
    }
}

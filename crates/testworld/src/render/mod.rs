//! A living model of Render: services with their settings, deploys that go on from one read to the next, deploy hooks, and the part of the API
//! that a deploy needs.
//!
//! Hooks answer as <https://render.com/docs/deploy-hooks> says, or as a test told them to; the API has the shapes of Render's OpenAPI document.
//! What is not exactly a documented call is written down as a violation, and so is what was prepared and did not come. Time is not
//! measured: whoever looks at a service's deploys moves them on by one step. As long as nobody has an API key, nobody looks, and what was
//! begun has ended by the next call of a hook.

mod api;
mod hooks;
pub mod model;
pub mod previews;
mod removal;
#[cfg(test)]
mod tests;

pub use model::{Fate, Policy};

use super::openapi;
use super::server::{Call, Reply, Server};
use super::site::{Builds, Lives};
use leaks::invent;
use model::{Model, Service, Trouble};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a hook answers.
#[derive(Debug, Clone)]
pub enum Answer {
    /// 200 with a deploy's id.
    Started,
    /// 201 with a deploy's id.
    Created,
    /// 202: another deploy is in progress, no id.
    Queued,
    /// 202, and nothing comes of it.
    Forgotten,
    /// A status with Render's kind of body. Unless it is a success, nothing is deployed.
    Status(u16),
    /// 429 with a header that says when to come back.
    Limited(&'static str, String),
    /// A body of one's own. Unless the status is a success, nothing is deployed.
    Body(u16, String),
    /// A redirect to that address.
    Redirect(u16, String),
    /// The connection is closed after the request was read; nothing is deployed.
    Dropped,
    /// The deploy begins, and the answer is lost: a status, or none at all.
    Lost(Option<u16>),
    /// 200, after a while.
    Slow(Duration),
    /// 200 with a body of that many bytes.
    Flood(u64),
    /// 200 with a body that comes a byte at a time.
    Drip,
}

/// A call for a deploy that was well formed: of a hook, or of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall {
    pub service: String,
    pub image: String,
    pub at: Instant,
    pub answered: u16,
}

/// A deploy as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub service: String,
    pub deploy: String,
    pub image: String,
    pub status: &'static str,
}

/// Render.
#[derive(Debug, Clone)]
pub struct Render {
    model: Arc<Mutex<Model>>,
    pub server: Server,
}

impl Render {
    /// Starts it; connections are refused until `delay` is over. A service's settings name its image in `registry`, until a test says otherwise.
    pub fn start(delay: Duration, registry: &str) -> Self {
        let model = Arc::new(Mutex::new(Model::new(registry)));
        let answering = Arc::clone(&model);
        let server = Server::start_late(delay, move |call| {
            let mut model = answering.lock().expect("Render");
            model.at = Some(call.at);
            let reply = model.answer(call);
            model.at = None;
            reply
        });
        Self { model, server }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        act(&mut self.model.lock().expect("Render"))
    }

    fn with_service<T>(&self, name: &str, act: impl FnOnce(&mut Service) -> T) -> T {
        self.with(|model| {
            let service = model.services.get_mut(&service_id(name));
            act(service.unwrap_or_else(|| panic!("no service {name}")))
        })
    }

    /// Adds a service and gives its hook.
    pub fn add(&self, name: &str, key: &str) -> String {
        let id = service_id(name);
        self.with(|model| model.add(&id, name, key));
        format!("{}/deploy/{id}?key={key}", self.server.origin())
    }

    /// Says what a service's hook, or the API in its place, answers next; after that it does what the settings say.
    pub fn script(&self, name: &str, answers: impl IntoIterator<Item = Answer>) {
        self.with_service(name, |service| service.script.extend(answers));
    }

    /// The calls for deploys, in their order.
    pub fn calls(&self) -> Vec<HookCall> {
        self.with(|model| model.calls.clone())
    }

    /// What was not a documented call, and what was prepared and nobody came for.
    pub fn violations(&self) -> Vec<String> {
        self.with(|model| model.violations())
    }

    /// Opens the API, to this key and no other.
    pub fn api_key(&self) -> String {
        let key = format!("rnd_{}", invent("render api key"));
        self.with(|model| model.api_key = Some(key.clone()));
        key
    }

    /// A deploy of that image that is live already; what was live before is not any more. Gives its id.
    pub fn seed_live(&self, name: &str, image: &str) -> String {
        self.with(|model| model.seed_live(&service_id(name), image))
    }

    /// Says which commit an image was built from.
    pub(super) fn built(&self, digest: &str, commit: &str) {
        self.with(|model| model.builds.add(digest, commit));
    }

    /// What a service has served up to now. Where nobody has an API key, a deploy has ended so long after its hook was called.
    pub(super) fn lives(&self, name: &str, now: Instant, starts: Duration) -> (Lives, Builds) {
        self.with(|model| {
            let called = model.calls.iter().rfind(|call| call.service == name);
            let ends = called.map(|call| call.at + starts);
            if model.api_key.is_none() && ends.is_none_or(|ends| now >= ends) {
                model.at = ends;
                model.settle();
                model.at = None;
            }
            let mut services = model.services.values();
            let lives = services
                .find(|service| service.name == name)
                .map(|service| service.lives.clone());
            (lives.unwrap_or_default(), model.builds.clone())
        })
    }

    /// The image that is live.
    pub fn live(&self, name: &str) -> Option<String> {
        self.with_service(name, |service| {
            service.live().map(|deploy| deploy.image.clone())
        })
    }

    /// Says what becomes of the next deploy that is asked for by a hook or the API.
    pub fn deploy_ends(&self, name: &str, fate: Fate) {
        self.with_service(name, |service| service.fates.push_back(fate));
    }

    /// Says what becomes from now on of every deploy for which nothing else was said; whether one comes is left open.
    pub fn usually(&self, name: &str, fate: Fate) {
        self.with_service(name, |service| service.usual = fate);
    }

    /// Lets every deploy run to its end.
    pub fn settle(&self) {
        self.with(Model::settle);
    }

    /// Every deploy that there is, oldest first within its service.
    pub fn standing(&self) -> Vec<Standing> {
        self.with(|model| model.standing())
    }

    /// Deploys stay as they are, whoever looks.
    pub fn stands_still(&self) {
        self.with(|model| model.pace = 0);
    }

    /// Deploys go on by so many steps a look.
    pub fn pace(&self, steps: usize) {
        self.with(|model| model.pace = steps);
    }

    /// Deploys do not go on before somebody has looked at them so often.
    pub fn waits(&self, looks: usize) {
        self.with(|model| model.waits = looks);
    }

    /// What the workspace does with a second deploy of a service.
    pub fn policy(&self, policy: Policy) {
        self.with(|model| model.policy = policy);
    }

    /// Begins a deploy of somebody else's, by hand. Gives its id.
    pub fn queue_behind(&self, name: &str, image: &str) -> String {
        self.with(|model| {
            model
                .begin(&service_id(name), image, "manual", Fate::Live)
                .id
        })
    }

    /// The newest deploy of a service that has not ended goes live.
    pub fn goes_live(&self, name: &str) {
        self.with(|model| {
            let id = service_id(name);
            let newest = model.services[&id].newest();
            let mut open = newest.filter(|deploy| deploy.is_in_flight());
            let deploy = open.next().expect("a deploy").id.clone();
            drop(open);
            model.goes_live(&id, &deploy);
        });
    }

    /// Rolls back in the dashboard: a deploy of that image with the trigger `rollback`, live at once.
    pub fn roll_back(&self, name: &str, image: &str) -> String {
        self.with(|model| {
            let id = model.seed_live(&service_id(name), image);
            model.set_trigger(&service_id(name), &id, "rollback");
            id
        })
    }

    /// Suspends a service, for one of Render's reasons.
    pub fn suspend(&self, name: &str, by: &'static str) {
        self.with_service(name, |service| service.suspenders.push(by));
    }

    /// Nobody suspends a service any more.
    pub fn resume(&self, name: &str) {
        self.with_service(name, |service| service.suspenders.clear());
    }

    /// Sets the image in a service's settings; a deploy of another repository's is refused from then on.
    pub fn image_path(&self, name: &str, path: &str) {
        self.with_service(name, |service| {
            service.image_path = Some(path.to_owned());
            service.is_strict = true;
        });
    }

    /// Says what kind of service it is, in Render's word. A static site has no image.
    pub fn kind(&self, name: &str, kind: &'static str) {
        self.with_service(name, |service| {
            service.kind = kind;
            if kind == "static_site" {
                service.image_path = None;
            }
        });
    }

    /// Builds a service from Git: its settings have no image.
    pub fn built_from_git(&self, name: &str) {
        self.with_service(name, |service| service.image_path = None);
    }

    /// Takes away the credential that the image is pulled with.
    pub fn no_credential(&self, name: &str) {
        self.with_service(name, |service| service.has_credential = false);
    }

    /// The first looks at a service's events find none.
    pub fn events_lag(&self, name: &str, looks: usize) {
        self.with_service(name, |service| service.events_lag = looks);
    }

    /// Gives a service a pre-deploy command.
    pub fn pre_deploy(&self, name: &str) {
        self.with_service(name, |service| service.has_pre_deploy = true);
    }

    /// Says that Render calls the service's images by this digest in `image.sha`, as it would by that of the platform's manifest.
    pub fn resolves_to(&self, name: &str, digest: &str) {
        self.with_service(name, |service| {
            service.resolves_to = Some(digest.to_owned())
        });
    }

    /// The next `times` requests of the API are answered with this status; 0 closes the connection.
    pub fn api_trouble(&self, times: usize, status: u16) {
        self.with(|model| {
            model.troubles.push_back(Trouble {
                left: times,
                status,
                is_always: false,
            })
        });
    }

    /// Every request of the API from now on is answered with this status; 0 closes the connection.
    pub fn api_is_down(&self, status: u16) {
        self.with(|model| {
            model.troubles.push_back(Trouble {
                left: usize::MAX,
                status,
                is_always: true,
            })
        });
    }

    /// From the next call for a deploy on, every request of the API is answered with this status.
    pub fn api_fails_once_called(&self, status: u16) {
        self.with(|model| {
            model.later = Some(Trouble {
                left: usize::MAX,
                status,
                is_always: true,
            })
        });
    }

    /// The first requests of the API are answered as they should be, and all after them with this status.
    pub fn api_fails_after(&self, requests: usize, status: u16) {
        self.with(|model| {
            model.until = Some((
                requests,
                Trouble {
                    left: usize::MAX,
                    status,
                    is_always: true,
                },
            ))
        });
    }

    /// The deploys that were cancelled by the API.
    pub fn cancelled(&self) -> Vec<String> {
        self.with(|model| model.cancelled.clone())
    }

    /// How many requests came, of every kind.
    pub fn requests(&self) -> usize {
        self.server.calls().len()
    }
}

/// The id of a service in the world: like Render's own, a prefix and 20 characters.
pub fn service_id(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("srv-{letters:0<20}")
}

impl Model {
    fn answer(&mut self, call: &Call) -> Reply {
        if call.path.starts_with("/v1/") {
            self.violations.extend(openapi::RENDER.faults(call));
            self.answer_api(call)
        } else {
            self.answer_hook(call)
        }
    }

    /// Writes down that a call was none that is documented.
    fn refuse(&mut self, call: &Call, status: u16, why: &str) -> Reply {
        self.violations.push(format!("{why}: {}", call.line()));
        Reply::text(status, why)
    }
}

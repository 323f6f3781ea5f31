//! GitHub, Render and a registry as state machines: a request in, a reply out. They are made from the public documentation of their interfaces and know
//! nothing of this program.

pub(crate) mod deployments;
pub(crate) mod faults;
mod github;
mod graphql;
pub(crate) mod packages;
mod query;
pub(crate) mod registry;
pub(crate) mod render;

use crate::git::Origin;
use crate::wire::{Answer, Call, Lost, Reply};
use deployments::Deployments;
use faults::{Faults, Server, What};
use packages::Packages;
use registry::Registry;
use render::Render;

/// Who sends a request: the number of a run.
pub(crate) type RunNumber = usize;

/// `https://api.github.com` and `https://github.com` have names of their own; the others are on loopback, where plain HTTP is allowed.
pub(crate) const API: &str = "127.0.0.1:40001";
pub(crate) const RENDER: &str = "127.0.0.1:40002";
pub(crate) const REGISTRY: &str = "127.0.0.1:40003";
/// The services themselves, each at a path that begins with its id.
pub(crate) const SERVICES: &str = "127.0.0.1:40004";
const WEB: &str = "github.com";

pub(crate) const TOKEN: &str = "ghs_0123456789abcdefghijklmnopqrstuvwxyzABCD";
pub(crate) const RENDER_KEY: &str = "rnd_0123456789abcdefghijklmnop";

/// Everything outside the program.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) origin: Origin,
    pub(crate) deployments: Deployments,
    pub(crate) render: Render,
    pub(crate) registry: Registry,
    pub(crate) packages: Packages,
    pub(crate) faults: Faults,
    /// Seconds since the world began.
    pub(crate) now: u64,
    /// Counts everything that happens.
    pub(crate) step: usize,
    /// Requests that no interface has, and other things that should not have been asked.
    pub(crate) violations: Vec<String>,
}

/// A moment of the world, as the interfaces write it.
pub(crate) fn date(now: u64) -> String {
    let (days, rest) = (now / 86_400, now % 86_400);
    let (month, day) = if days < 27 {
        (11, 4 + days)
    } else {
        (12, days - 26)
    };
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Which server a request is for.
pub(crate) fn server_of(call: &Call) -> Option<Server> {
    match call.authority.as_str() {
        API | WEB => Some(Server::GitHub),
        RENDER => Some(Server::Render),
        REGISTRY => Some(Server::Registry),
        SERVICES => Some(Server::Service),
        _ => None,
    }
}

impl World {
    pub(crate) fn new(render: Render) -> Self {
        Self {
            origin: Origin::default(),
            deployments: Deployments::default(),
            render,
            registry: Registry::default(),
            packages: Packages::default(),
            faults: Faults::default(),
            now: 0,
            step: 0,
            violations: Vec::new(),
        }
    }

    /// Time passes, and deploys go on.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.render.pass(self.now);
    }

    /// A request arrives and is answered.
    pub(crate) fn answer(&mut self, run: RunNumber, call: &Call) -> Answer {
        self.step += 1;
        let Some(server) = server_of(call) else {
            self.violations
                .push(format!("nobody is at {}: {}", call.authority, call.line()));
            return Err(Lost::NeverSent);
        };
        match self.faults.next(server, run, call) {
            None => Ok(self.served(server, run, call)),
            Some(What::Refused) => Err(Lost::NeverSent),
            Some(What::Unheard) => Err(Lost::NoAnswer),
            Some(What::Lost) => {
                self.served(server, run, call);
                Err(Lost::NoAnswer)
            }
            Some(What::Status(status)) => Ok(Reply::message(status, "trouble")),
            Some(What::Limited) => Ok(Reply::message(429, "too many").header("retry-after", "7")),
            Some(What::TakenBut(status)) => {
                self.served(server, run, call);
                Ok(Reply::text(status, "<html>"))
            }
            Some(What::Says(status)) => Ok(Reply::text(status, "<html>")),
        }
    }

    fn served(&mut self, server: Server, run: RunNumber, call: &Call) -> Reply {
        match server {
            Server::GitHub => self.github(run, call),
            Server::Render => self.render.answer(self.now, self.step, run, call),
            Server::Registry => self.registry.answer(call),
            Server::Service => Some(self.render.service_answers(self.now, call)),
        }
        .unwrap_or_else(|| {
            self.violations
                .push(format!("no such interface: {}", call.line()));
            Reply::message(404, "Not Found")
        })
    }
}

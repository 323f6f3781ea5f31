//! Whether a run did what it may do, by how its pull request stood at that moment.

use super::oracle::{digest, versions};
use super::team::SERVICES;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testworld::server::Call;
use testworld::{Registry, Run, World};

/// How long after the last look at GitHub Render may still be asked for something: the requests in between take that long.
const GRACE: Duration = Duration::from_millis(200);
/// How long lies between the last look at an image and its deletion.
const MOMENT: Duration = Duration::from_millis(100);

/// How a pull request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) is_open: bool,
    pub(super) head: String,
}

/// How a pull request stood when a run began, and what happened to it during the run.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) pull: u32,
    pub(super) before: Standing,
    /// Whether the run may not ask whether it is open.
    pub(super) is_blind: bool,
    during: Arc<Mutex<Option<(Instant, Standing)>>>,
}

impl Seen {
    pub(super) fn of(pull: u32, before: Standing) -> Self {
        Self {
            pull,
            before,
            is_blind: false,
            during: Arc::default(),
        }
    }

    /// It stands so from now on.
    pub(super) fn happens(&self, standing: Standing) {
        let now = tokio::time::Instant::now().into_std();
        *self.during.lock().expect("what happened") = Some((now, standing));
    }

    /// Whether something happened to it during the run.
    pub(super) fn has_happened(&self) -> bool {
        self.during.lock().expect("what happened").is_some()
    }

    /// Whether it may be given the bytes of this commit at that moment.
    fn takes(&self, commit: &str, at: Instant) -> bool {
        let takes =
            |standing: &Standing| (standing.is_open || self.is_blind) && standing.head == commit;
        match self.during.lock().expect("what happened").as_ref() {
            None => takes(&self.before),
            Some((when, after)) => {
                at < *when + GRACE && takes(&self.before) || at >= *when && takes(after)
            }
        }
    }
}

/// Only an open pull request's preview is asked for, and only with the bytes of its head.
pub(super) fn asked(run: &Run, seen: &BTreeMap<u32, Seen>, commits: &BTreeMap<String, String>) {
    for call in &run.hooks {
        let Some((_, rest)) = call.service.split_once("-pr-") else {
            panic!("{} was deployed", call.service);
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let pull = digits.parse().expect("a number");
        let commit = commits.get(digest(&call.image)).expect("a known image");
        let (seen, short) = (&seen[&pull], &commit[..7]);
        assert!(
            seen.takes(commit, call.at),
            "{} was given {short} while its pull request stood so: {seen:?}",
            call.service
        );
    }
}

/// What a run says is live serves those bytes.
pub(super) fn live(run: &Run, pull: u32) {
    if run.output("deploys").is_empty() {
        return;
    }
    let deploys = run.json("deploys");
    let all = deploys.as_array().cloned().unwrap_or_default();
    for entry in all.iter().filter(|entry| entry["status"] == "live") {
        let name = entry["service"].as_str().unwrap_or_default();
        assert!(SERVICES.contains(&name), "{name} is live");
        let begins = format!("{name}-pr-{pull}");
        let previews = run.world.render.previews();
        let mut its = previews.iter().filter(|own| own.name.starts_with(&begins));
        let wanted = entry["digest"].as_str().unwrap_or_default();
        let serves = its.any(|own| {
            let live = own.live.as_deref().map(digest);
            live == Some(wanted) && !own.is_suspended
        });
        assert!(serves, "{name} is said to be live with {wanted}");
    }
}

/// A clean-up deploys nothing.
pub(super) fn nothing_sent(run: &Run) {
    assert!(run.hooks.is_empty(), "a clean-up deployed: {:?}", run.hooks);
}

/// Once a pull request is open again, none of its previews is deleted.
pub(super) fn deleted(run: &Run, seen: &BTreeMap<u32, Seen>) {
    let calls = run.world.render.server.calls();
    for seen in seen.values() {
        let during = seen.during.lock().expect("what happened");
        let Some((when, _)) = during.as_ref() else {
            continue;
        };
        let is_late = |call: &&Call| call.method == "DELETE" && call.at > *when + GRACE;
        if let Some(call) = calls.iter().find(is_late) {
            panic!(
                "{} was asked for after {} was open again",
                call.line(),
                seen.pull
            );
        }
    }
}

/// A release tag that somebody puts on an image of a pull request.
#[derive(Debug, Clone)]
pub(super) struct Release {
    registry: Registry,
    path: String,
    found: String,
    /// When it was put, if the image was still there.
    at: Arc<Mutex<Option<Instant>>>,
}

impl Release {
    /// The tag of a release that is put during a clean-up.
    const TAG: &str = "prod-5000";

    pub(super) fn of(world: &World, pull: u32, byte: u8) -> Self {
        let service = SERVICES[usize::from(byte) % SERVICES.len()];
        let begins = format!("pr-{pull}-");
        let mut versions = versions(world, service).into_iter();
        let found = versions.find(|(_, tags)| tags.iter().any(|tag| tag.starts_with(&begins)));
        Self {
            registry: world.registry.clone(),
            path: format!("acme/{service}"),
            found: found.map(|(found, _)| found).unwrap_or_default(),
            at: Arc::default(),
        }
    }

    fn is_there(&self) -> bool {
        let versions = self.registry.ghcr().versions(&self.path);
        versions.iter().any(|(found, _)| *found == self.found)
    }

    /// Puts it, if the image is there.
    pub(super) fn is_put(&self) {
        if self.is_there() {
            let ghcr = self.registry.ghcr();
            ghcr.tag_version(&self.path, Self::TAG, &self.found);
            let now = tokio::time::Instant::now().into_std();
            *self.at.lock().expect("a moment") = Some(now);
        }
    }

    /// The image is still there, unless it was deleted in the moment in which nobody can know. Says whether the tag was put.
    pub(super) fn stays(&self, run: &Run) -> bool {
        let Some(at) = *self.at.lock().expect("a moment") else {
            return false;
        };
        let calls = run.world.github.server.calls();
        let is_near =
            |call: &Call| call.method == "DELETE" && call.at >= at && call.at < at + MOMENT;
        let is_there = self.is_there();
        assert!(is_there || calls.iter().any(is_near), "a release is gone");
        is_there
    }
}

/// Each of two jobs has its line in the comment.
pub(super) fn has_parts(world: &World, pull: u32, jobs: [&Run; 2]) {
    let comments = world.github.comments();
    let mut own = comments
        .iter()
        .filter(|comment| comment.is_ours() && comment.pull == u64::from(pull));
    let body = own.next().map(|own| own.body.as_str()).unwrap_or_default();
    for (service, job) in SERVICES.into_iter().zip(jobs) {
        let (begins, outcome) = (format!("- {service}: "), job.output("outcome"));
        let line = body.lines().find(|line| line.starts_with(&begins));
        let is_told = line.is_some_and(|line| line.contains(outcome));
        assert!(is_told, "{service} ended {outcome}: {body}");
    }
}

//! Services, their deploys and their events, and how a deploy goes on.

use super::{Answer, HookCall, Standing};
use crate::site::{Builds, Lives};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

/// What a workspace does with a deploy that is asked for while another of the same service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It waits; of several that wait, the last one counts.
    Wait,
    /// It takes the other's place at once.
    Override,
}

/// What becomes of a deploy.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It goes live.
    Live,
    /// It ends with this status (`build_failed`, `pre_deploy_failed`, `update_failed`), and the events say why.
    Fails(&'static str, Why),
    /// While it is built, somebody deploys this image by hand: it is cancelled for that.
    Superseded(String),
    /// While it is built, it is cancelled for a deploy of this image, and that one fails before anybody looks.
    Outdone(String),
    /// It goes live, and before anybody looks, somebody deploys this image by hand.
    Replaced(String),
    /// Somebody cancels it.
    Canceled,
    /// It is not there any more.
    Vanishes,
    /// It goes live with another digest than the one that was asked for.
    OtherDigest(String),
    /// It stays as it is at this status.
    Hangs(&'static str),
}

/// What the events say of a deploy that failed.
#[derive(Debug, Clone, Copy)]
pub enum Why {
    /// `image_pull_failed`, with this message.
    Pull(&'static str),
    /// The process took more memory than this.
    OutOfMemory(&'static str),
    /// The process ended with this code.
    Exited(i64),
    /// Render gave up after so many seconds.
    TimedOut(u64),
    /// The health check said this.
    Unhealthy(&'static str),
    /// Nothing.
    Silent,
}

/// A deploy.
#[derive(Debug, Clone)]
pub(super) struct Deploy {
    pub(super) id: String,
    pub(super) image: String,
    pub(super) status: &'static str,
    sha: String,
    trigger: &'static str,
    fate: Fate,
    is_gone: bool,
    created: u64,
    finished: Option<u64>,
}

/// What came of asking for a deploy.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) id: String,
    pub(super) is_queued: bool,
}

/// A service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) script: VecDeque<Answer>,
    pub(super) fates: VecDeque<Fate>,
    /// What becomes of a deploy for which no fate was prepared.
    pub(super) usual: Fate,
    pub(super) kind: &'static str,
    pub(super) image_path: Option<String>,
    /// Whether an image of another repository is refused.
    pub(super) is_strict: bool,
    pub(super) suspenders: Vec<&'static str>,
    pub(super) has_credential: bool,
    pub(super) has_pre_deploy: bool,
    pub(super) resolves_to: Option<String>,
    /// Of a preview: the service that it is a copy of.
    pub(super) parent: Option<String>,
    /// Oldest first.
    pub(super) deploys: Vec<Deploy>,
    /// What it has served, and since when.
    pub(super) lives: Lives,
    /// Oldest first.
    pub(super) events: Vec<Value>,
    /// How many looks at the events still find none.
    pub(super) events_lag: usize,
    /// How often somebody has seen how far the deploys are.
    seen: usize,
}

/// Something that goes wrong with the API.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) left: usize,
    pub(super) status: u16,
    pub(super) is_always: bool,
}

/// Everything that Render knows.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) policy: Policy,
    pub(super) api_key: Option<String>,
    pub(super) troubles: VecDeque<Trouble>,
    /// What goes wrong once a deploy was asked for.
    pub(super) later: Option<Trouble>,
    /// What goes wrong with the API after so many requests.
    pub(super) until: Option<(usize, Trouble)>,
    pub(super) calls: Vec<HookCall>,
    pub(super) cancelled: Vec<String>,
    pub(super) violations: Vec<String>,
    pub(super) previews: super::previews::Previews,
    registry: String,
    /// The commits that images were built from.
    pub(super) builds: Builds,
    /// When the request came that is being answered; none while a test sets the world up.
    pub(super) at: Option<std::time::Instant>,
    /// By how many steps a deploy goes on when somebody looks.
    pub(super) pace: usize,
    /// How often somebody looks at a deploy before it goes on.
    pub(super) waits: usize,
    /// Counts deploys and events, and is the clock that they are dated by.
    now: u64,
}

/// A moment of the model's clock.
pub(super) fn date(now: u64) -> String {
    format!(
        "2026-11-24T{:02}:{:02}:{:02}.123456Z",
        10 + now / 3600,
        now / 60 % 60,
        now % 60
    )
}

impl Deploy {
    pub(super) fn is_in_flight(&self) -> bool {
        !self.is_gone
            && matches!(
                self.status,
                "created"
                    | "queued"
                    | "build_in_progress"
                    | "pre_deploy_in_progress"
                    | "update_in_progress"
            )
    }

    /// As the API shows it (`deploy` in the OpenAPI document).
    pub(super) fn json(&self) -> Value {
        let mut deploy = json!({
            "id": self.id,
            "image": {"ref": self.image, "sha": self.sha, "registryCredential": "GHCR"},
            "status": self.status,
            "trigger": self.trigger,
            "createdAt": date(self.created),
            "updatedAt": date(self.finished.unwrap_or(self.created)),
        });
        if self.status != "queued" && self.status != "created" {
            deploy["startedAt"] = date(self.created).into();
        }
        if let Some(finished) = self.finished {
            deploy["finishedAt"] = date(finished).into();
        }
        deploy
    }
}

impl Service {
    pub(super) fn live(&self) -> Option<&Deploy> {
        self.deploys
            .iter()
            .rfind(|deploy| deploy.status == "live" && !deploy.is_gone)
    }

    pub(super) fn deploy(&self, id: &str) -> Option<&Deploy> {
        self.deploys
            .iter()
            .find(|deploy| deploy.id == id && !deploy.is_gone)
    }

    /// The deploys that are there, newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Deploy> {
        self.deploys.iter().rev().filter(|deploy| !deploy.is_gone)
    }

    fn find(&mut self, id: &str) -> &mut Deploy {
        self.deploys
            .iter_mut()
            .find(|deploy| deploy.id == id)
            .expect("a known deploy")
    }

    /// Lets a deploy wait although nothing is before it, as a test said.
    pub(super) fn queue(&mut self, id: &str) {
        self.find(id).status = "queued";
    }

    /// Writes an event down.
    fn event(&mut self, now: u64, kind: &str, details: Value) {
        let event = json!({"id": format!("evt-{now:0>20}"), "timestamp": date(now), "serviceId": self.id, "type": kind, "details": details});
        self.events.push(event);
    }

    /// Ends a deploy; the event says so with Render's reason.
    fn end(&mut self, now: u64, id: &str, status: &'static str, reason: Value) {
        let deploy = self.find(id);
        deploy.status = status;
        deploy.finished = Some(now);
        let (word, number) = match status {
            "live" | "deactivated" => ("succeeded", 2),
            "canceled" => ("canceled", 4),
            _ => ("failed", 3),
        };
        let details =
            json!({"deployId": id, "deployStatus": word, "status": number, "reason": reason});
        self.event(now, "deploy_ended", details);
    }

    /// What was live is not any more.
    fn retire(&mut self) {
        self.deploys
            .iter_mut()
            .filter(|deploy| deploy.status == "live")
            .for_each(|deploy| deploy.status = "deactivated");
    }
}

impl Model {
    pub(super) fn new(registry: &str) -> Self {
        Self {
            services: BTreeMap::new(),
            policy: Policy::Wait,
            api_key: None,
            troubles: VecDeque::new(),
            later: None,
            until: None,
            calls: Vec::new(),
            cancelled: Vec::new(),
            violations: Vec::new(),
            previews: super::previews::Previews::default(),
            registry: registry.to_owned(),
            builds: Builds::default(),
            at: None,
            pace: 1,
            waits: 1,
            now: 0,
        }
    }

    pub(super) fn add(&mut self, id: &str, name: &str, key: &str) {
        let service = Service {
            id: id.to_owned(),
            name: name.to_owned(),
            key: key.to_owned(),
            script: VecDeque::new(),
            fates: VecDeque::new(),
            usual: Fate::Live,
            kind: "web_service",
            image_path: Some(format!("{}/acme/{name}:main", self.registry)),
            is_strict: false,
            suspenders: Vec::new(),
            has_credential: true,
            has_pre_deploy: false,
            resolves_to: None,
            parent: None,
            deploys: Vec::new(),
            lives: Lives::new(),
            events: Vec::new(),
            events_lag: 0,
            seen: 0,
        };
        self.services.insert(id.to_owned(), service);
    }

    pub(super) fn violations(&self) -> Vec<String> {
        let mut all = self.violations.clone();
        for service in self.services.values() {
            if !service.script.is_empty() {
                all.push(format!(
                    "the hook of {} was not asked for {:?}",
                    service.name, service.script
                ));
            }
            if !service.fates.is_empty() {
                all.push(format!(
                    "no deploy of {} came for {:?}",
                    service.name, service.fates
                ));
            }
        }
        all.extend(self.left_of_previews());
        all.extend(
            self.until
                .iter()
                .map(|until| format!("nobody came as far as {until:?}")),
        );
        all.extend(
            self.later
                .iter()
                .map(|trouble| format!("nobody asked for a deploy before {trouble:?}")),
        );
        all.extend(
            self.troubles
                .iter()
                .filter(|trouble| !trouble.is_always)
                .map(|trouble| format!("nobody met {trouble:?}")),
        );
        all
    }

    pub(super) fn standing(&self) -> Vec<Standing> {
        let of = |service: &Service| {
            let name = service.name.clone();
            let shown = |deploy: &Deploy| Standing {
                service: name.clone(),
                deploy: deploy.id.clone(),
                image: deploy.image.clone(),
                status: deploy.status,
            };
            service
                .deploys
                .iter()
                .filter(|deploy| !deploy.is_gone)
                .map(shown)
                .collect::<Vec<_>>()
        };
        self.services.values().flat_map(of).collect()
    }

    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn service(&mut self, id: &str) -> &mut Service {
        self.services.get_mut(id).expect("a known service")
    }

    /// Writes a new deploy down.
    fn put(&mut self, service: &str, image: &str, trigger: &'static str, fate: Fate) -> String {
        let now = self.tick();
        let id = format!("dep-{now:0>20}");
        let service = self.service(service);
        let own = image
            .split_once('@')
            .map_or_else(|| "0".repeat(64), |(_, digest)| digest.to_owned());
        let sha = service.resolves_to.clone().unwrap_or(own);
        let image = image.to_owned();
        let (status, created) = ("created", now);
        let deploy = Deploy {
            id,
            image,
            status,
            sha,
            trigger,
            fate,
            is_gone: false,
            created,
            finished: None,
        };
        service.deploys.push(deploy);
        service.seen = 0;
        service.deploys.last().expect("a deploy").id.clone()
    }

    pub(super) fn set_trigger(&mut self, service: &str, id: &str, trigger: &'static str) {
        self.service(service).find(id).trigger = trigger;
    }

    pub(super) fn seed_live(&mut self, service: &str, image: &str) -> String {
        let id = self.put(service, image, "manual", Fate::Live);
        self.starts(service, &id);
        self.goes_live(service, &id);
        id
    }

    /// Begins a deploy, as the workspace's policy has it.
    pub(super) fn begin(
        &mut self,
        service: &str,
        image: &str,
        trigger: &'static str,
        fate: Fate,
    ) -> Begun {
        let before: Vec<(String, &str)> = self.services[service]
            .deploys
            .iter()
            .filter(|deploy| deploy.is_in_flight())
            .map(|deploy| (deploy.id.clone(), deploy.status))
            .collect();
        let id = self.put(service, image, trigger, fate);
        let is_queued = self.policy == Policy::Wait && !before.is_empty();
        for (other, status) in before {
            if self.policy == Policy::Override || status == "queued" {
                self.cancels_for(service, &other, &id);
            }
        }
        if is_queued {
            self.service(service).queue(&id);
        } else {
            self.starts(service, &id);
        }
        Begun { id, is_queued }
    }

    fn starts(&mut self, service: &str, id: &str) {
        let now = self.tick();
        let service = self.service(service);
        let is_rollback = service.find(id).trigger == "rollback";
        let trigger = json!({"firstBuild": false, "envUpdated": false, "manual": false, "deployedByRender": false, "clearCache": false, "rollback": is_rollback});
        service.event(
            now,
            "deploy_started",
            json!({"deployId": id, "trigger": trigger}),
        );
    }

    pub(super) fn goes_live(&mut self, service: &str, id: &str) {
        let (now, at) = (self.tick(), self.at);
        let service = self.service(service);
        service.retire();
        let deploy = service.find(id);
        // Where the image has a tag, Render's digest says which one serves.
        let image = match deploy.image.contains('@') {
            true => deploy.image.clone(),
            false => format!("{}@{}", deploy.image, deploy.sha),
        };
        service.lives.push((at, image));
        service.end(now, id, "live", json!({}));
    }

    fn cancels_for(&mut self, service: &str, id: &str, other: &str) {
        let now = self.tick();
        self.service(service)
            .end(now, id, "canceled", json!({"newDeploy": {"id": other}}));
    }

    /// Cancels a deploy that runs or waits, by hand or by the API.
    pub(super) fn cancels(&mut self, service: &str, id: &str) {
        let now = self.tick();
        self.service(service).end(now, id, "canceled", json!({}));
    }

    /// Somebody looks at a service's deploys: what was seen before has gone on by a step.
    pub(super) fn look(&mut self, service: &str) {
        if self.services[service].seen >= self.waits {
            (0..self.pace).for_each(|_| self.step(service));
        }
        self.service(service).seen += 1;
    }

    /// Lets every deploy run to its end.
    pub(super) fn settle(&mut self) {
        let ids: Vec<String> = self.services.keys().cloned().collect();
        for id in ids {
            // The longest way of two deploys has twelve steps; what hangs does not get on.
            for _ in 0..20 {
                self.step(&id);
            }
        }
    }

    /// Moves the deploy that runs on by a step; if none does, the one that waits begins.
    fn step(&mut self, service: &str) {
        let in_flight = |deploy: &&Deploy| deploy.is_in_flight();
        let of = &self.services[service];
        let running = of
            .deploys
            .iter()
            .filter(in_flight)
            .find(|deploy| deploy.status != "queued");
        let Some(deploy) = running
            .or_else(|| of.deploys.iter().rfind(in_flight))
            .cloned()
        else {
            return;
        };
        let (id, has_pre_deploy) = (deploy.id.as_str(), of.has_pre_deploy);
        let now = self.tick();
        match (deploy.status, deploy.fate) {
            (status, Fate::Hangs(at)) if status == at => {}
            ("build_in_progress", Fate::Fails("build_failed", why)) => {
                self.fails(service, id, "build_failed", why)
            }
            ("pre_deploy_in_progress", Fate::Fails("pre_deploy_failed", why)) => {
                self.fails(service, id, "pre_deploy_failed", why);
            }
            ("update_in_progress", Fate::Fails(status, why)) => {
                self.fails(service, id, status, why)
            }
            ("build_in_progress", Fate::Superseded(image)) => {
                let other = self.put(service, &image, "manual", Fate::Live);
                self.cancels_for(service, id, &other);
                self.starts(service, &other);
            }
            ("build_in_progress", Fate::Outdone(image)) => {
                let other = self.put(service, &image, "manual", Fate::Live);
                self.cancels_for(service, id, &other);
                self.starts(service, &other);
                self.fails(service, &other, "build_failed", Why::Silent);
            }
            ("build_in_progress", Fate::Canceled) => self.cancels(service, id),
            ("build_in_progress", Fate::Vanishes) => self.service(service).find(id).is_gone = true,
            ("update_in_progress", Fate::Replaced(image)) => {
                self.goes_live(service, id);
                self.seed_live(service, &image);
            }
            ("update_in_progress", Fate::OtherDigest(digest)) => {
                let found = self.service(service).find(id);
                found.image = format!("{}:main", super::hooks::repository(&deploy.image));
                found.sha = digest;
                self.goes_live(service, id);
            }
            ("update_in_progress", _) => self.goes_live(service, id),
            ("queued", _) => {
                self.service(service).find(id).status = "build_in_progress";
                self.starts(service, id);
            }
            ("created", _) => self.service(service).find(id).status = "build_in_progress",
            ("build_in_progress", fate)
                if has_pre_deploy || matches!(fate, Fate::Fails("pre_deploy_failed", _)) =>
            {
                let service = self.service(service);
                service.find(id).status = "pre_deploy_in_progress";
                service.event(
                    now,
                    "pre_deploy_started",
                    json!({"deployId": id, "deployCommandExecutionId": "dce-1"}),
                );
            }
            ("pre_deploy_in_progress", _) => {
                let service = self.service(service);
                service.find(id).status = "update_in_progress";
                service.event(
                    now,
                    "pre_deploy_ended",
                    pre_deploy_ended(id, "succeeded", 2, &json!({})),
                );
            }
            ("build_in_progress", _) => {
                self.service(service).find(id).status = "update_in_progress"
            }
            (other, _) => panic!("a deploy in flight with the status {other}"),
        }
    }

    fn fails(&mut self, service: &str, id: &str, status: &'static str, why: Why) {
        let now = self.tick();
        let service = self.service(service);
        let failure = |more: Value| {
            let mut failure = json!({"evicted": false});
            failure
                .as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            json!({ "failure": failure })
        };
        let reason = match why {
            Why::Pull(message) => {
                let details = json!({"imageURL": service.find(id).image, "message": message});
                service.event(now, "image_pull_failed", details);
                json!({"buildFailed": {"id": "bld-00000000000000000001"}})
            }
            Why::OutOfMemory(limit) => failure(json!({"oomKilled": {"memoryLimit": limit}})),
            Why::Exited(code) => failure(json!({"nonZeroExit": code})),
            Why::TimedOut(seconds) => failure(json!({"timedOutSeconds": seconds})),
            Why::Unhealthy(text) => failure(json!({"unhealthy": text})),
            Why::Silent => json!({}),
        };
        if status == "pre_deploy_failed" {
            service.event(
                now,
                "pre_deploy_ended",
                pre_deploy_ended(id, "failed", 3, &reason),
            );
        }
        service.end(now, id, status, reason);
    }
}

fn pre_deploy_ended(id: &str, status: &str, number: u8, reason: &Value) -> Value {
    json!({"deployId": id, "deployCommandExecutionId": "dce-1", "preDeployStatus": status, "status": number, "reason": reason})
}

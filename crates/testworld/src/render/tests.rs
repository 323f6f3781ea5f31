//! The model, asked by the program's own hands and by calls that nobody should make.

use super::model::Why;
use super::{Answer, Fate, Policy, Render, service_id};
use crate::server::{Call, Reply};
use ::render::{
    Accepted, CallFailure, Explanation, HookCaller, RenderApi, RenderError, RenderWriter,
    ServiceKind,
};
use http_client::{Client, Proxies, Random, Roots, connect};
use model::{
    DeployHook, DeployId, Digest, FailureWord, PinnedImage, RenderOrigin, Repository, Secret,
    ServiceId,
};
use parse::inputs::{Given, Request};
use std::time::Duration;

const HOOK_KEY: &str = "AbCdEf123456";

/// A Render with the service `api`, and everybody who asks it.
struct Bench {
    render: Render,
    hook: DeployHook,
    caller: HookCaller,
    api: RenderApi,
    writer: RenderWriter,
    id: ServiceId,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    fn new() -> Self {
        let render = Render::start(Duration::ZERO, "ghcr.io");
        render.server.listen();
        let origin = RenderOrigin::parse(&render.server.origin()).unwrap();
        let hook = DeployHook::parse(&render.add("api", HOOK_KEY), &origin).unwrap();
        let client = Client::new(
            connect(Roots::built_in(), &Proxies::default()).unwrap(),
            Random::new(|| 0),
        );
        let key = Secret::new(render.api_key());
        let (_, permissions) = Request::read(&Given::collect(|_| None)).unwrap();
        let access = permissions.writes.unwrap();
        Self {
            hook,
            caller: HookCaller::new(&access, client.clone()),
            api: RenderApi::new(client.clone(), &origin, key.clone()),
            writer: RenderWriter::new(&access, client, &origin, key),
            id: ServiceId::parse(&service_id("api")).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            render,
        }
    }

    fn hook(&self, image: &PinnedImage) -> Result<Accepted, CallFailure> {
        self.runtime.block_on(self.caller.call(&self.hook, image))
    }

    fn deploy(&self, image: &PinnedImage) -> Result<Accepted, CallFailure> {
        self.runtime.block_on(self.writer.deploy(&self.id, image))
    }

    fn started(&self, image: &PinnedImage) -> DeployId {
        match self.hook(image) {
            Ok(Accepted::Started(Some(id))) => id,
            other => panic!("not started: {other:?}"),
        }
    }

    fn status(&self, id: &DeployId) -> String {
        let found = self.runtime.block_on(self.api.deploy(&self.id, id));
        found.map_or_else(
            |error| error.word().to_string(),
            |deploy| deploy.status.to_string(),
        )
    }

    /// The statuses of a deploy, until it has one twice or it is not there.
    fn way(&self, id: &DeployId) -> Vec<String> {
        let mut way = vec![self.status(id)];
        loop {
            let next = self.status(id);
            if way.last() == Some(&next) {
                return way;
            }
            way.push(next);
        }
    }

    fn explain(&self, id: &DeployId) -> Option<Explanation> {
        self.runtime
            .block_on(self.api.explain(&self.id, id))
            .unwrap()
    }

    /// The statuses of what is live and in flight, newest first.
    fn standing(&self) -> Vec<String> {
        let found = self.runtime.block_on(self.api.deploys(&self.id)).unwrap();
        found
            .iter()
            .map(|deploy| deploy.status.to_string())
            .collect()
    }

    fn end(self) {
        assert_eq!(self.render.violations(), Vec::<String>::new());
    }
}

fn image(digit: char) -> PinnedImage {
    let digest = Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap();
    PinnedImage {
        repository: Repository::parse("ghcr.io/acme/api").unwrap(),
        digest,
    }
}

#[test]
fn a_deploy_goes_on_by_a_step_a_look_and_takes_the_place_of_what_was_live() {
    let bench = Bench::new();
    let old = DeployId::parse(&bench.render.seed_live("api", &image('a').to_string())).unwrap();
    let id = bench.started(&image('b'));
    assert_eq!(bench.standing(), ["created", "live"]);
    assert_eq!(
        bench.way(&id),
        ["build_in_progress", "update_in_progress", "live"]
    );
    assert_eq!(
        (bench.status(&old), bench.standing()),
        ("deactivated".into(), vec!["live".into()])
    );
    assert_eq!(bench.render.live("api"), Some(image('b').to_string()));
    bench.render.pre_deploy("api");
    let Ok(Accepted::Started(Some(id))) = bench.deploy(&image('c')) else {
        panic!("not started")
    };
    let way = [
        "created",
        "build_in_progress",
        "pre_deploy_in_progress",
        "update_in_progress",
        "live",
    ];
    assert_eq!(bench.way(&id), way);
    let newest = bench.runtime.block_on(bench.api.newest(&bench.id)).unwrap();
    let found: Vec<bool> = newest
        .iter()
        .map(|deploy| deploy.is_of(&[image('b').digest]))
        .collect();
    assert_eq!(found, [false, true, false]);
    assert!(bench.render.requests() > 10);
    bench.end();
}

#[test]
fn every_fate_comes_as_it_was_said_and_is_explained() {
    let other = image('f').to_string();
    let failed = |word: &str| word.to_owned();
    let table = [
        (
            Fate::Fails("build_failed", Why::Pull("not found")),
            "build_failed",
            failed("image-pull-failed"),
        ),
        (
            Fate::Fails("pre_deploy_failed", Why::Exited(3)),
            "pre_deploy_failed",
            failed("pre-deploy-failed"),
        ),
        (
            Fate::Fails("update_failed", Why::Exited(1)),
            "update_failed",
            failed("exited"),
        ),
        (
            Fate::Fails("update_failed", Why::OutOfMemory("512Mi")),
            "update_failed",
            failed("out-of-memory"),
        ),
        (
            Fate::Fails("update_failed", Why::TimedOut(900)),
            "update_failed",
            failed("timed-out"),
        ),
        (
            Fate::Fails("update_failed", Why::Unhealthy("GET /: 500")),
            "update_failed",
            failed("unhealthy"),
        ),
        (
            Fate::Fails("update_failed", Why::Silent),
            "update_failed",
            failed(""),
        ),
        (
            Fate::Superseded(other.clone()),
            "canceled",
            failed("replaced-by-other"),
        ),
        (
            Fate::Outdone(other.clone()),
            "canceled",
            failed("replaced-by-other"),
        ),
        (Fate::Replaced(other.clone()), "deactivated", failed("")),
        (Fate::Canceled, "canceled", failed("deploy-failed")),
        (Fate::Vanishes, "deploy-failed", failed("")),
        (
            Fate::Hangs("update_in_progress"),
            "update_in_progress",
            failed(""),
        ),
        (Fate::Hangs("created"), "created", failed("")),
    ];
    for (fate, status, word) in table {
        let bench = Bench::new();
        bench.render.seed_live("api", &image('a').to_string());
        bench.render.deploy_ends("api", fate.clone());
        let id = bench.started(&image('b'));
        assert_eq!(
            bench.way(&id).last().map(String::as_str),
            Some(status),
            "{fate:?}"
        );
        let found = bench
            .explain(&id)
            .map(|explanation| explanation.word().to_string())
            .unwrap_or_default();
        assert_eq!(found, word, "{fate:?}");
        bench.render.settle();
        let live = match fate {
            Fate::Superseded(_) | Fate::Replaced(_) => 'f',
            Fate::Live => 'b',
            Fate::Fails(..)
            | Fate::Outdone(_)
            | Fate::Canceled
            | Fate::Vanishes
            | Fate::Hangs(_)
            | Fate::OtherDigest(_) => 'a',
        };
        assert_eq!(
            bench.render.live("api"),
            Some(image(live).to_string()),
            "{fate:?}"
        );
        bench.end();
    }
}

#[test]
fn render_may_call_an_image_by_another_digest() {
    let bench = Bench::new();
    bench.render.resolves_to("api", image('c').digest.as_str());
    let id = bench.started(&image('b'));
    bench
        .render
        .deploy_ends("api", Fate::OtherDigest(image('d').digest.to_string()));
    bench.render.settle();
    let other = bench.started(&image('b'));
    bench.render.settle();
    let digests = |id| {
        bench
            .runtime
            .block_on(bench.api.deploy(&bench.id, id))
            .unwrap()
            .digests
    };
    assert_eq!(digests(&id), [image('b').digest, image('c').digest]);
    assert_eq!(digests(&other), [image('d').digest]);
    bench.end();
}

#[test]
fn a_second_deploy_waits_or_takes_over_as_the_workspace_has_it() {
    let bench = Bench::new();
    let first =
        DeployId::parse(&bench.render.queue_behind("api", &image('a').to_string())).unwrap();
    assert_eq!(bench.hook(&image('b')).unwrap(), Accepted::Queued);
    assert_eq!(bench.standing(), ["queued", "created"]);
    assert_eq!(bench.deploy(&image('c')).unwrap(), Accepted::Queued);
    let newest = bench.runtime.block_on(bench.api.newest(&bench.id)).unwrap();
    let statuses: Vec<String> = newest
        .iter()
        .map(|deploy| deploy.status.to_string())
        .collect();
    assert_eq!(statuses, ["queued", "canceled", "created"]);
    assert_eq!(
        bench.explain(&newest[1].id),
        Some(Explanation::ReplacedBy(Some(newest[0].id.clone())))
    );
    assert_eq!(bench.way(&first).last().map(String::as_str), Some("live"));
    assert_eq!(
        bench.way(&newest[0].id).last().map(String::as_str),
        Some("live")
    );
    assert_eq!(bench.render.live("api"), Some(image('c').to_string()));
    bench.render.policy(Policy::Override);
    let (fourth, fifth) = (bench.started(&image('d')), bench.started(&image('e')));
    assert_eq!(
        (bench.status(&fourth), bench.status(&fifth)),
        ("canceled".into(), "build_in_progress".into())
    );
    bench.end();
}

#[test]
fn a_services_settings_are_shown_and_obeyed() {
    let bench = Bench::new();
    let facts = || {
        bench
            .runtime
            .block_on(bench.api.service(&bench.id))
            .unwrap()
    };
    let found = facts();
    assert_eq!(
        (
            found.kind,
            found.is_suspended,
            found.has_registry_credential
        ),
        (ServiceKind::Web, false, true)
    );
    let repository = found
        .image
        .and_then(|image| image.repository)
        .map(|repository| repository.to_string());
    assert_eq!(repository.as_deref(), Some("ghcr.io/acme/api"));
    assert!(found.url.is_some() && found.dashboard.is_some());
    bench.render.image_path("api", "ghcr.io/acme/other:main");
    bench.render.no_credential("api");
    assert!(!facts().has_registry_credential);
    for failure in [
        bench.hook(&image('a')).unwrap_err(),
        bench.deploy(&image('a')).unwrap_err(),
    ] {
        assert_eq!(failure.word(), FailureWord::ImageRepositoryDiffers);
    }
    bench.render.suspend("api", "billing");
    assert_eq!(
        (facts().is_suspended, facts().suspenders),
        (true, vec!["billing"])
    );
    assert_eq!(
        bench.hook(&image('a')).unwrap_err().word(),
        FailureWord::ServiceSuspended
    );
    bench.render.kind("api", "static_site");
    assert_eq!((facts().kind, facts().image), (ServiceKind::Static, None));
    assert_eq!(bench.render.live("api"), None);
    bench.end();
}

#[test]
fn a_deploy_that_has_not_ended_is_cancelled() {
    let bench = Bench::new();
    let cancel = |id: &DeployId| bench.runtime.block_on(bench.writer.cancel(&bench.id, id));
    let id = bench.started(&image('a'));
    assert!(cancel(&id).is_ok());
    assert!(matches!(
        cancel(&id),
        Err(RenderError::NotCancelled { status: 400, .. })
    ));
    assert_eq!(
        (bench.status(&id), bench.render.cancelled()),
        ("canceled".into(), vec![id.to_string()])
    );
    let other = DeployId::parse("dep-none").unwrap();
    assert!(matches!(cancel(&other), Err(RenderError::NoDeploy { .. })));
    bench.render.kind("api", "cron_job");
    assert!(cancel(&bench.started(&image('b'))).is_err());
    bench.end();
}

#[test]
fn cancelling_a_running_pre_deploy_command_is_a_violation() {
    let bench = Bench::new();
    bench.render.pre_deploy("api");
    let id = bench.started(&image('a'));
    let is_there = (0..5).any(|_| bench.status(&id) == "pre_deploy_in_progress");
    assert!(is_there, "the pre-deploy command did not begin");
    assert!(
        bench
            .runtime
            .block_on(bench.writer.cancel(&bench.id, &id))
            .is_err()
    );
    assert_eq!(bench.render.violations().len(), 1);
}

#[test]
fn a_rollback_in_the_dashboard_is_told() {
    let bench = Bench::new();
    let id = bench.render.roll_back("api", &image('a').to_string());
    let deploys = bench
        .runtime
        .block_on(bench.api.deploys(&bench.id))
        .unwrap();
    assert_eq!(
        (deploys[0].id.as_str(), deploys[0].by_rollback),
        (id.as_str(), true)
    );
    bench.end();
}

#[test]
fn trouble_is_met_and_waited_out() {
    let bench = Bench::new();
    for status in [503, 429, 0] {
        bench.render.api_trouble(1, status);
        assert!(
            bench.runtime.block_on(bench.api.service(&bench.id)).is_ok(),
            "{status}"
        );
    }
    assert_eq!(bench.render.violations(), Vec::<String>::new());
    bench.render.api_trouble(1, 503);
    assert_eq!(
        bench.render.violations().len(),
        1,
        "trouble that nobody met was not told"
    );
    let bench = Bench::new();
    bench.render.api_is_down(401);
    let error = bench
        .runtime
        .block_on(bench.api.service(&bench.id))
        .unwrap_err();
    assert_eq!(error.word(), FailureWord::PermissionMissing);
    bench.end();
}

#[test]
fn an_answer_can_be_lost_before_and_after_the_deploy() {
    let bench = Bench::new();
    bench.render.script(
        "api",
        [Answer::Dropped, Answer::Lost(None), Answer::Lost(Some(502))],
    );
    assert!(bench.hook(&image('a')).is_err());
    assert!(bench.standing().is_empty());
    assert!(bench.hook(&image('a')).is_err());
    assert_eq!(bench.standing(), ["created"]);
    assert!(matches!(
        bench.hook(&image('a')),
        Err(CallFailure::Broken(502))
    ));
    assert_eq!(bench.standing(), ["queued", "created"]);
    bench.end();
}

#[test]
fn as_long_as_nobody_has_a_key_a_deploy_has_ended_by_the_next_call() {
    let bench = Bench::new();
    bench.render.with(|model| model.api_key = None);
    for digit in ['a', 'b', 'c'] {
        bench.started(&image(digit));
    }
    assert_eq!(bench.render.live("api"), Some(image('b').to_string()));
    bench.end();
}

/// The status of what the model answers to a call, and whether it is one that nobody should make.
fn raw(render: &Render, line: &str, authorization: Option<&str>, body: &str) -> (u16, bool) {
    let before = render.violations().len();
    let (status, _) = asked(render, line, authorization, body);
    (status, render.violations().len() > before)
}

/// What the model answers to a call.
fn asked(render: &Render, line: &str, authorization: Option<&str>, body: &str) -> (u16, String) {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    headers.extend(authorization.map(|value| ("authorization".into(), value.into())));
    if !body.is_empty() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    let call = Call {
        method,
        path,
        query,
        headers,
        body: body.as_bytes().to_vec(),
        at: std::time::Instant::now(),
        answered: 0,
    };
    match render.with(|model| model.answer(&call)) {
        Reply::Whole { status, body, .. } => (status, String::from_utf8(body).unwrap()),
        other @ (Reply::After(..)
        | Reply::Dropped
        | Reply::Silent
        | Reply::Broken { .. }
        | Reply::Flood { .. }) => {
            panic!("{line}: {other:?}")
        }
    }
}

#[test]
fn deploys_are_listed_by_status() {
    let bench = Bench::new();
    let bearer = format!("Bearer {}", bench.render.api_key());
    let live = bench.render.seed_live("api", &image('a').to_string());
    let id = bench.started(&image('b')).to_string();
    let listed = |query: &str| {
        let line = format!("GET /v1/services/{}/deploys{query}", service_id("api"));
        let (_, body) = asked(&bench.render, &line, Some(&bearer), "");
        let list: Vec<serde_json::Value> = serde_json::from_str(&body).unwrap();
        list.iter()
            .map(|entry| entry["deploy"]["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(""), [id.as_str(), live.as_str()]);
    assert_eq!(
        listed("?status=live&status=build_in_progress"),
        [id.as_str(), live.as_str()]
    );
    assert_eq!(listed("?status=live"), [live]);
    assert_eq!(listed("?limit=1"), [id]);
    bench.end();
}

#[test]
fn only_what_is_documented_is_answered() {
    let bench = Bench::new();
    let bearer = format!("Bearer {}", bench.render.api_key());
    let id = bench.started(&image('a')).to_string();
    let service = format!("/v1/services/{}", service_id("api"));
    let pinned = |extra: &str| format!("{{\"imageUrl\":\"{}\"{extra}}}", image('b'));
    let good = [
        (format!("GET {service}"), 200, String::new()),
        (
            format!("GET {service}/deploys?status=live&status=created&limit=1"),
            200,
            String::new(),
        ),
        (format!("GET {service}/deploys/{id}"), 200, String::new()),
        (
            format!("GET {service}/events?limit=100"),
            200,
            String::new(),
        ),
        ("GET /v1/services/srv-unknown".into(), 404, String::new()),
        (format!("POST {service}/deploys"), 202, pinned("")),
        (
            format!("POST {service}/deploys/{id}/cancel"),
            200,
            String::new(),
        ),
    ];
    for (line, status, body) in &good {
        assert_eq!(
            raw(&bench.render, line, Some(&bearer), body),
            (*status, false),
            "{line}"
        );
        for authorization in [None, Some("Bearer rnd_other")] {
            assert_eq!(
                raw(&bench.render, line, authorization, body),
                (401, true),
                "{line}"
            );
        }
    }
    let bad = [
        (
            format!("GET {service}/deploys?status[]=live"),
            String::new(),
        ),
        (format!("GET {service}/deploys?status=alive"), String::new()),
        (format!("GET {service}/deploys?limit=101"), String::new()),
        (format!("GET {service}?limit=1"), String::new()),
        (format!("GET {service}/logs"), String::new()),
        (format!("PATCH {service}"), "{}".into()),
        (format!("DELETE {service}"), String::new()),
        ("GET /v1/services?owner=x".into(), String::new()),
        (format!("POST {service}/deploys"), String::new()),
        (format!("POST {service}/deploys"), "{}".into()),
        (
            format!("POST {service}/deploys"),
            r#"{"imageUrl":"ghcr.io/acme/api:main"}"#.into(),
        ),
        (
            format!("POST {service}/deploys"),
            pinned(r#","clearCache":"clear""#),
        ),
        (format!("GET {service}/deploys/{id}"), "{}".into()),
    ];
    for (line, body) in &bad {
        assert!(
            raw(&bench.render, line, Some(&bearer), body).1,
            "{line} {body} passed"
        );
    }
    bench.render.with(|model| model.api_key = None);
    assert!(
        raw(&bench.render, &format!("GET {service}"), Some(&bearer), "").1,
        "the API was open without a key"
    );
}

//! The world's record of deploys: the program's own hands write and read it, and what is not theirs does not pass.

use github::{
    DeploymentEnd, Depth, GitHub, GitHubError, RecordWriter, RecordsQuery, RecordsReply, RunName,
    StatusUpdate,
};
use http_client::{Client, Random};
use model::{
    AttemptKind, CommitSha, DeployId, Digest, EnvironmentName, Intent, PinnedImage, RecordState,
    Repository, Secret, ServiceId, ServiceIndex, ServiceKey, ServiceName,
};
use parse::inputs::{Given, Request, WriteAccess};
use serde_json::{Value, json};
use std::process::Command;
use testworld::World;
use testworld::github::Trouble;
use testworld::github::record::{Recorded, Seed};

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const REPOSITORY: &str = "ghcr.io/acme/api";

fn world() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
}

fn token(world: &World) -> String {
    world.environment("deploy")["INPUT_GITHUB-TOKEN"].clone()
}

/// The program's client for the world's GitHub.
fn client(world: &World) -> GitHub {
    let client = Client::new(testworld::network(), Random::new(|| 0));
    GitHub::new(
        &client,
        &world.github.server.origin(),
        Some(&Secret::new(token(world))),
        "acme/shop",
    )
    .expect("GitHub")
}

fn staging() -> EnvironmentName {
    EnvironmentName::parse("staging").expect("a name")
}

fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).expect("a name")
}

fn intent(world: &World) -> Intent {
    let digest = Digest::parse(DIGEST).expect("a digest");
    Intent {
        service: service("api"),
        commit: CommitSha::parse(world.commit().as_bytes()).expect("a commit"),
        id: Some(ServiceId::parse("srv-api00000000000000000").expect("an id")),
        image: PinnedImage {
            repository: Repository::parse(REPOSITORY).expect("a repository"),
            digest: digest.clone(),
        },
        platform: digest,
        image_commit: None,
        release: None,
        kind: AttemptKind::Deploy,
        from: None,
        to: None,
    }
}

/// The permission that a deploy has.
fn access() -> WriteAccess {
    let (_, permissions) = Request::read(&Given::collect(|_| None)).expect("the defaults are good");
    permissions.writes.expect("a deploy writes")
}

async fn begin(world: &World, intent: &Intent) -> Result<u64, GitHubError> {
    let run = RunName {
        id: "12".into(),
        attempt: "1".into(),
        force: None,
    };
    RecordWriter::new(&access(), &client(world))
        .begin(&staging(), intent, &run)
        .await
}

async fn end(world: &World, number: u64, how: DeploymentEnd) -> Result<(), GitHubError> {
    let url = Some(url::Url::parse("https://api.example.com").expect("an address"));
    let ending = StatusUpdate {
        how,
        deploy: DeployId::parse("dep-abc").ok(),
        description: "by run 12".into(),
        environment_url: url,
        log_url: None,
    };
    RecordWriter::new(&access(), &client(world))
        .end(number, &ending)
        .await
}

async fn memory(world: &World, services: &[&str]) -> Result<RecordsReply, GitHubError> {
    let key = |name: &&str| (ServiceKey::new(&staging(), &service(name)), None);
    let keys: Vec<_> = services.iter().map(key).collect();
    let asked = RecordsQuery {
        keys: &keys,
        branch: Some("main"),
        index: true,
        depth: Depth::Success,
    };
    client(world).memory(&asked).await
}

fn seed(world: &World, service: &str) -> Seed {
    Seed::live("staging", service, &world.commit(), REPOSITORY, DIGEST)
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_remembered() {
    let world = world();
    let intent = intent(&world);
    let before = memory(&world, &["api", "web"]).await.unwrap();
    assert_eq!(before.tip, Some(intent.commit));
    assert!(before.lists.len() == 2 && before.lists.iter().all(|list| list.records.is_empty()));
    let number = begin(&world, &intent).await.unwrap();
    let open = memory(&world, &["api"]).await.unwrap().lists[0]
        .records
        .clone();
    assert_eq!(
        (open.len(), open[0].number, open[0].state, open[0].is_own),
        (1, number, RecordState::Open, true)
    );
    assert_eq!(open[0].intent, intent);
    end(&world, number, DeploymentEnd::Live).await.unwrap();
    let ended = &memory(&world, &["api"]).await.unwrap().lists[0].records[0];
    assert_eq!((ended.state, ended.was_live), (RecordState::Success, true));
    assert_eq!(
        (ended.deploy.clone(), ended.run, ended.ended > ended.began),
        (DeployId::parse("dep-abc").ok(), Some(12), true)
    );
    let wanted = Recorded {
        number,
        environment: "staging".into(),
        service: "api".into(),
        commit: world.commit(),
        digest: DIGEST.into(),
        kind: "deploy".into(),
        image_commit: String::new(),
        force: String::new(),
        state: "success".into(),
        description: "live dep-abc: by run 12".into(),
        url: Some("https://api.example.com/".into()),
        statuses: vec!["success".into()],
    };
    assert_eq!(world.github.records(), [wanted]);
    assert_eq!(world.github.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn names_are_remembered_by_the_id_of_their_service() {
    let world = world();
    let id = ServiceId::parse("srv-api00000000000000000").expect("an id");
    let mut index = ServiceIndex::default();
    for name in ["staging/api", "stage/backend"] {
        index.insert(id.clone(), ServiceKey::parse(name).expect("a name"));
    }
    let commit = CommitSha::parse(world.commit().as_bytes()).expect("a commit");
    RecordWriter::new(&access(), &client(&world))
        .write_index(&commit, &index)
        .await
        .unwrap();
    assert_eq!(memory(&world, &["api"]).await.unwrap().index, index);
    let written = json!({"srv-api00000000000000000": ["stage/backend", "staging/api"]});
    assert_eq!(world.github.index(), [written]);
    assert_eq!(world.github.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_found_page_by_page() {
    let world = world();
    let old = world.github.seed_record(Seed {
        kind: "rollback",
        from: Some(world.commit()),
        release: Some("prod-7".into()),
        platform: DIGEST.replace("aa", "bb"),
        id: None,
        ..seed(&world, "api")
    });
    for _ in 0..30 {
        world.github.seed_record(Seed {
            statuses: vec![("failure", "failed")],
            ..seed(&world, "api")
        });
    }
    world.github.seed_record(Seed {
        creator: "mallory",
        ..seed(&world, "api")
    });
    let open = world.github.seed_record(Seed {
        statuses: Vec::new(),
        ..seed(&world, "web")
    });
    world.github.seed_record(Seed {
        environment: "production".into(),
        ..seed(&world, "web")
    });
    let memory = memory(&world, &["api", "web"]).await.unwrap();
    let api = &memory.lists[0].records;
    let (first, last) = (&api[0], &api[31]);
    assert_eq!(
        (api.len(), first.is_own, first.state),
        (32, false, RecordState::Success)
    );
    assert_eq!(
        (last.number, last.intent.kind, last.is_own),
        (old, AttemptKind::Rollback, true)
    );
    assert!(
        last.intent.from.is_some() && last.intent.release.is_some() && last.intent.id.is_none()
    );
    let web = &memory.lists[1].records;
    assert_eq!(
        (web.len(), web[0].number, web[0].state),
        (1, open, RecordState::Open)
    );
    assert_eq!(world.github.violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_record_is_told_by_its_cause() {
    let world = world();
    let number = world.github.seed_record(Seed {
        statuses: Vec::new(),
        ..seed(&world, "api")
    });
    let table = [
        (Trouble::GraphQl("FORBIDDEN"), "deployments: read"),
        (Trouble::GraphQl("RATE_LIMITED"), "limits our requests"),
        (
            Trouble::RecordDown,
            "does not answer for the record of staging",
        ),
        (Trouble::Status(403), "it needs contents=read"),
    ];
    for (trouble, wanted) in table {
        world.github.trouble(trouble);
        let failure = memory(&world, &["api"]).await.unwrap_err().to_string();
        assert!(
            failure.contains(wanted) && !failure.contains("##[set"),
            "{failure}"
        );
        world.github.heal();
    }
    let table = [
        (
            Trouble::DeploymentsDenied,
            "write the record of api in staging: it needs deployments=write",
        ),
        (
            Trouble::Create(409),
            "does not take the record of api in staging: Conflict",
        ),
        (
            Trouble::Create(422),
            "does not take the record of api in staging: Conflict",
        ),
        (Trouble::Create(202), "made no deployment"),
        (
            Trouble::RecordDown,
            "does not answer for the record of api in staging",
        ),
    ];
    for (trouble, wanted) in table {
        world.github.trouble(trouble);
        let failure = begin(&world, &intent(&world))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains(wanted) && !failure.contains("##[set"),
            "{failure}"
        );
        world.github.heal();
    }
    let unknown = Intent {
        commit: CommitSha::from_bytes([0x11; 20]),
        ..intent(&world)
    };
    let failure = begin(&world, &unknown).await.unwrap_err().to_string();
    assert!(failure.contains("No ref found for: 1111"), "{failure}");
    for trouble in [Trouble::StatusesDenied, Trouble::RecordDown] {
        world.github.trouble(trouble);
        assert!(end(&world, number, DeploymentEnd::Accepted).await.is_err());
        world.github.heal();
    }
    let left: Vec<_> = world
        .github
        .records()
        .into_iter()
        .map(|record| (record.number, record.state))
        .collect();
    assert_eq!(left, [(number, "open".to_owned())]);
    assert_eq!(world.github.violations(), Vec::<String>::new());
}

/// Posts with a client that is not ours; gives the status.
fn post(world: &World, path: &str, body: &Value) -> String {
    world.github.server.listen();
    let url = format!("{}{path}", world.github.server.origin());
    let output = Command::new("curl")
        .args([
            "-s",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-H",
            &format!("Authorization: Bearer {}", token(world)),
        ])
        .args([
            "-H",
            "Content-Type: application/json",
            "--data-binary",
            &body.to_string(),
            &url,
        ])
        .output()
        .expect("curl");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What the program posts, as it arrives: path and body.
async fn posted(world: &World) -> Vec<(String, Value)> {
    memory(world, &["api"]).await.expect("a memory");
    let number = begin(world, &intent(world)).await.expect("a record");
    end(world, number, DeploymentEnd::Live)
        .await
        .expect("its end");
    let calls = world.github.server.calls().into_iter();
    calls
        .map(|call| (call.path, serde_json::from_slice(&call.body).expect("JSON")))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_not_exactly_ours_is_a_violation() {
    let world = world();
    let bodies = posted(&world).await;
    for (path, body) in &bodies {
        assert!(post(&world, path, body).starts_with("20"), "{path}");
    }
    assert_eq!(world.github.violations(), Vec::<String>::new());
    let rest = [
        ("/auto_merge", json!(true)),
        ("/auto_merge", json!(null)),
        ("/required_contexts", json!(["ci"])),
        ("/transient_environment", json!(true)),
        ("/production_environment", json!(true)),
        ("/ref", json!("main")),
        ("/task", json!("deploy")),
        ("/environment", json!("staging/web")),
        ("/environment", json!("api")),
        ("/description", json!("x".repeat(141))),
        ("/payload", json!("{}")),
        ("/payload/v", json!(2)),
        ("/payload/service", json!("web")),
        ("/payload/digest", json!("latest")),
        ("/payload/platform_digest", json!("")),
        ("/payload/kind", json!("rollback")),
        ("/payload/kind", json!("undo")),
        ("/payload/image_commit", json!("main")),
        ("/payload/repository", json!("ghcr.io/acme/api@sha256:a")),
        ("/payload/run", json!("")),
        ("/payload/more", json!(1)),
        ("/more", json!(1)),
        ("/ref", Value::Null),
    ];
    let status = [
        ("/auto_inactive", json!(true)),
        ("/state", json!("inactive")),
        ("/state", json!("in_progress")),
        ("/state", json!("queued")),
        ("/state", json!("failure")),
        ("/description", json!("done")),
        ("/description", json!(format!("live {}", "x".repeat(140)))),
        ("/environment_url", json!("javascript:x")),
        ("/environment", json!("production/api")),
    ];
    let graphql = [
        ("/query", json!("{ viewer { login } }")),
        ("/variables/name", json!("other")),
        ("/variables/more", json!(1)),
        ("/variables/e0", json!(["staging/api", "staging/web"])),
        ("/variables/e1", json!([])),
        ("/operationName", json!("x")),
    ];
    let tables: [&[(&str, Value)]; 3] = [&graphql, &rest, &status];
    for ((path, body), table) in bodies.iter().zip(tables) {
        for (pointer, value) in table {
            let seen = world.github.violations().len();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let mut changed = body.clone();
            changed.pointer_mut(parent).unwrap()[name] = value.clone();
            post(&world, path, &changed);
            assert!(
                world.github.violations().len() > seen,
                "{pointer} as {value} passes at {path}"
            );
        }
        for name in body
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "environment_url")
        {
            let seen = world.github.violations().len();
            let mut changed = body.clone();
            changed.as_object_mut().unwrap().remove(name);
            post(&world, path, &changed);
            assert!(
                world.github.violations().len() > seen,
                "{path} passes without {name}"
            );
        }
    }
    let status = &bodies[2].1;
    for path in ["deployments/1/statuses", "deployments/1"] {
        let seen = world.github.violations().len();
        post(&world, &format!("/repos/acme/shop/{path}"), status);
        assert!(world.github.violations().len() > seen, "{path}");
    }
}

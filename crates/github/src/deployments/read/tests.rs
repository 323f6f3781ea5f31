use super::super::super::testing::{ExpectedRequest, Server, TOKEN, exchange};
use super::super::testing::{COMMIT, actor, intent, run, service, viewer};
use super::super::wire::PayloadWire;
use super::*;
use serde_json::json;

const PATH: &str = "/api/graphql";

/// An intent to deploy.
fn deploy(name: &str) -> model::Intent {
    model::Intent {
        kind: AttemptKind::Deploy,
        ..intent(name)
    }
}

/// A deployment of `api` or another service in `staging`, as GraphQL tells of it.
fn node(name: &str, number: u64, state: &str, creator: &str) -> Value {
    let payload = serde_json::to_string(&PayloadWire::new(&deploy(name), &run())).unwrap();
    let status = json!({"state": state, "description": "live", "creator": actor(creator)});
    json!({"databaseId": number, "task": "ghcr-to-render", "payload": payload, "commitOid": COMMIT.to_string(),
        "originalEnvironment": format!("staging/{name}"), "creator": actor(creator),
        "latestStatus": status, "statuses": {"nodes": [status]}})
}

fn page(nodes: &[Value], next: Option<&str>) -> Value {
    json!({"pageInfo": {"hasNextPage": next.is_some(), "endCursor": next}, "nodes": nodes})
}

fn answer(repository: &Value) -> ExpectedRequest {
    let body = json!({"data": {"viewer": viewer(), "repository": repository}});
    exchange(PATH, 200, &[], &body.to_string())
}

/// Expects a query of these services, the first ones with cursors.
fn of(
    exchange: ExpectedRequest,
    services: &[&str],
    cursors: &[&str],
    branch: Option<&str>,
) -> ExpectedRequest {
    let mut variables = json!({"owner": "acme", "name": "shop"});
    if let Some(branch) = branch {
        variables["branch"] = json!(branch);
    }
    for (index, name) in services.iter().enumerate() {
        variables[format!("e{index}")] = json!([format!("staging/{name}")]);
        if let Some(cursor) = cursors.get(index) {
            variables[format!("a{index}")] = json!(cursor);
        }
    }
    exchange.posting("/variables", &variables)
}

/// The names of services in `staging`, without their ids.
fn keys(services: &[&str]) -> Vec<(ServiceKey, Option<ServiceId>)> {
    let environment = model::EnvironmentName::parse("staging").unwrap();
    services
        .iter()
        .map(|name| (ServiceKey::new(&environment, &service(name)), None))
        .collect()
}

async fn memory(
    script: Vec<ExpectedRequest>,
    services: &[&str],
    branch: Option<&str>,
) -> Result<RecordsReply, GitHubError> {
    let keys = keys(services);
    let asked = RecordsQuery {
        keys: &keys,
        branch,
        index: false,
        depth: Depth::Success,
    };
    read(script, &asked).await
}

async fn read(
    script: Vec<ExpectedRequest>,
    asked: &RecordsQuery<'_>,
) -> Result<RecordsReply, GitHubError> {
    let server = Server::start(script);
    let answer = server.github().memory(asked).await;
    server.finish();
    answer
}

fn numbers(memory: &RecordsReply, place: usize) -> Vec<u64> {
    memory.lists[place]
        .records
        .iter()
        .map(|record| record.number)
        .collect()
}

#[tokio::test]
async fn one_query_asks_for_every_service_and_the_branch() {
    let nodes = [
        node("api", 9_000_000_005, "PENDING", "github-actions"),
        node("api", 4, "SUCCESS", "github-actions"),
    ];
    let repository = json!({"branch": {"target": {"oid": COMMIT.to_string()}}, "s0": page(&nodes, Some("next")),
        "s1": page(&[], None)});
    let script = of(
        answer(&repository),
        &["api", "web"],
        &[],
        Some("refs/heads/feature/\"x"),
    );
    let memory = memory(vec![script], &["api", "web"], Some("feature/\"x"))
        .await
        .unwrap();
    assert_eq!(memory.tip, Some(COMMIT));
    assert_eq!(
        (numbers(&memory, 0), numbers(&memory, 1)),
        (vec![9_000_000_005, 4], vec![])
    );
    let first = &memory.lists[0].records[0];
    assert_eq!(
        (first.state, first.is_own, &first.intent),
        (RecordState::Open, true, &deploy("api"))
    );
}

/// The text was checked against GitHub's schema (npm `@octokit/graphql-schema` 15.26.1) with graphql-core 3.2.8.
#[test]
fn the_query_is_the_one_that_was_checked_against_the_schema() {
    let list = |name: &str, after: Option<&str>| List {
        environment: format!("staging/{name}"),
        after: after.map(str::to_owned),
    };
    let body = query(
        "acme/shop",
        &[&list("api", None), &list("web", Some("Y3Vyc29y"))],
        20,
        Some("main"),
    );
    let wanted = "query($owner: String!, $name: String!, $branch: String!, $e0: [String!]!, $e1: [String!]!, $a1: String!) \
        { viewer { login databaseId } repository(owner: $owner, name: $name) \
        { branch: ref(qualifiedName: $branch) { target { oid } } \
        s0: deployments(environments: $e0, first: 20, orderBy: {field: CREATED_AT, direction: DESC}) { ...page } \
        s1: deployments(environments: $e1, first: 20, after: $a1, orderBy: {field: CREATED_AT, direction: DESC}) { ...page } } } \
        fragment page on DeploymentConnection { pageInfo { hasNextPage endCursor } \
        nodes { databaseId createdAt task payload commitOid originalEnvironment creator { ...account } \
        latestStatus { ...status } statuses(first: 5) { nodes { ...status } } } } \
        fragment status on DeploymentStatus { state description createdAt creator { ...account } } \
        fragment account on Actor { __typename login ... on Bot { databaseId } ... on User { databaseId } }";
    assert_eq!(body["query"], json!(wanted));
}

#[tokio::test]
async fn a_branch_may_be_asked_for_alone_be_missing_or_not_be_asked_for() {
    let script = of(
        answer(&json!({"branch": null})),
        &[],
        &[],
        Some("refs/heads/gone"),
    );
    assert_eq!(
        memory(vec![script], &[], Some("gone")).await.unwrap().tip,
        None
    );
    let script = of(answer(&json!({"s0": page(&[], None)})), &["api"], &[], None);
    assert_eq!(
        memory(vec![script], &["api"], None).await.unwrap().tip,
        None
    );
    let nothing = memory(vec![], &[], None).await.unwrap();
    assert_eq!(
        nothing,
        RecordsReply {
            tip: None,
            lists: Vec::new(),
            index: ServiceIndex::default()
        }
    );
}

#[tokio::test]
async fn older_records_are_read_until_a_success_of_ours() {
    let failed = |name: &str, numbers: std::ops::Range<u64>| -> Vec<Value> {
        numbers
            .rev()
            .map(|number| node(name, number, "FAILURE", "github-actions"))
            .collect()
    };
    let foreign = [node("web", 3, "SUCCESS", "mallory")];
    let done = [node("job", 7, "SUCCESS", "github-actions")];
    let first = json!({"s0": page(&failed("api", 80..100), Some("A")), "s1": page(&foreign, Some("W")),
        "s2": page(&done, Some("J"))});
    let second = json!({"s0": page(&failed("api", 0..80), None), "s1": page(&[node("web", 2, "SUCCESS", "github-actions")], None)});
    let script = vec![
        of(answer(&first), &["api", "web", "job"], &[], None),
        of(answer(&second), &["api", "web"], &["A", "W"], None),
    ];
    let memory = memory(script, &["api", "web", "job"], None).await.unwrap();
    assert_eq!(numbers(&memory, 0), (0..100).rev().collect::<Vec<_>>());
    assert_eq!(
        (numbers(&memory, 1), numbers(&memory, 2)),
        (vec![3, 2], vec![7])
    );
}

#[tokio::test]
async fn going_back_is_not_the_end_of_the_search() {
    for kind in ["restore", "rollback"] {
        let mut back = node("api", 9, "SUCCESS", "github-actions");
        back["payload"] = json!(
            back["payload"]
                .as_str()
                .unwrap()
                .replace("\"deploy\"", &format!("\"{kind}\""))
        );
        let older = page(&[node("api", 8, "SUCCESS", "github-actions")], None);
        let script = vec![
            of(
                answer(&json!({"s0": page(&[back], Some("A"))})),
                &["api"],
                &[],
                None,
            ),
            of(answer(&json!({ "s0": older })), &["api"], &["A"], None),
        ];
        assert_eq!(
            numbers(&memory(script, &["api"], None).await.unwrap(), 0),
            [9, 8],
            "{kind}"
        );
    }
}

#[tokio::test]
async fn what_a_later_version_wrote_is_not_read_as_nothing() {
    for (creator, is_own) in [("github-actions", true), ("mallory", false)] {
        let mut later = node("api", 9, "PENDING", creator);
        later["payload"] = json!("{\"v\": 2, \"services\": []}");
        let nodes = [later, node("api", 8, "SUCCESS", "github-actions")];
        let found = memory(
            vec![of(
                answer(&json!({"s0": page(&nodes, None)})),
                &["api"],
                &[],
                None,
            )],
            &["api"],
            None,
        )
        .await;
        assert_eq!(found.is_err(), is_own, "{creator}: {found:?}");
    }
}

#[tokio::test]
async fn many_services_are_asked_for_in_portions() {
    let names: Vec<String> = (0..120).map(|index| format!("s-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let portion = |names: &[&str], branch: Option<&str>| {
        let mut repository: serde_json::Map<String, Value> = (0..names.len())
            .map(|index| (alias(index), page(&[], None)))
            .collect();
        if branch.is_some() {
            repository.insert("branch".into(), json!(null));
        }
        of(answer(&Value::Object(repository)), names, &[], branch)
    };
    let script = vec![
        portion(&names[..50], Some("refs/heads/main")),
        portion(&names[50..100], None),
        portion(&names[100..], None),
    ];
    assert_eq!(
        memory(script, &names, Some("main"))
            .await
            .unwrap()
            .lists
            .len(),
        120
    );
}

#[tokio::test]
async fn half_an_answer_is_no_empty_record() {
    let mut nameless = page(&[], Some("x"));
    nameless["pageInfo"]["endCursor"] = json!(null);
    let mut numberless = node("api", 1, "SUCCESS", "github-actions");
    numberless["databaseId"] = json!(null);
    let good = || page(&[], None);
    let table = [
        (json!(null), "it has no repository"),
        (json!({"branch": null}), "s0 is not in it"),
        (json!({"branch": null, "s0": null}), "s0: "),
        (json!({"s0": good()}), "branch is not in it"),
        (
            json!({"branch": {"target": null}, "s0": good()}),
            "branch: ",
        ),
        (
            json!({"branch": {"target": {"oid": "main"}}, "s0": good()}),
            "sha is",
        ),
        (
            json!({"branch": null, "s0": {"pageInfo": null, "nodes": []}}),
            "s0: ",
        ),
        (
            json!({"branch": null, "s0": nameless}),
            "its next page has no name",
        ),
        (
            json!({"branch": null, "s0": page(&[json!(null)], None)}),
            "a deployment in it is null",
        ),
        (
            json!({"branch": null, "s0": page(&[numberless], None)}),
            "a deployment in it has no number",
        ),
    ];
    for (repository, wanted) in table {
        let script = vec![of(
            answer(&repository),
            &["api"],
            &[],
            Some("refs/heads/main"),
        )];
        let failure = memory(script, &["api"], Some("main")).await.unwrap_err();
        assert!(matches!(failure, GitHubError::Broken { .. }), "{failure}");
        assert!(failure.to_string().contains(wanted), "{failure}");
    }
    for body in ["{}", r#"{"data":null}"#, "[]", "<html>", r#"{"data":{}}"#] {
        let script = vec![of(exchange(PATH, 200, &[], body), &["api"], &[], None)];
        let failure = memory(script, &["api"], None).await.unwrap_err();
        assert!(
            matches!(failure, GitHubError::Broken { .. }),
            "{body}: {failure}"
        );
    }
}

#[tokio::test]
async fn errors_in_an_answer_are_told_by_their_cause() {
    let failure = async |errors: Value| {
        // Partial data beside errors is no answer.
        let body = json!({"data": {"viewer": null, "repository": {"s0": page(&[], None)}}, "errors": errors});
        let script = vec![of(
            exchange(PATH, 200, &[], &body.to_string()),
            &["api"],
            &[],
            None,
        )];
        memory(script, &["api"], None).await.unwrap_err()
    };
    let denied = "github does not let this token read the record of staging: it needs deployments: read \
        (Resource not accessible by integration) (status 200, request AB12:34)";
    let said = "Resource not accessible by integration";
    let path = json!(["repository", "s0"]);
    assert_eq!(
        failure(json!([{"type": "FORBIDDEN", "message": said, "path": path}]))
            .await
            .to_string(),
        denied
    );
    assert_eq!(
        failure(json!([{ "message": said }])).await.to_string(),
        denied
    );
    let branch =
        failure(json!([{"type": "FORBIDDEN", "message": said, "path": ["repository", "branch"]}]))
            .await;
    assert!(
        branch.to_string().contains("it needs contents: read ("),
        "{branch}"
    );
    for limit in [
        json!({"type": "RATE_LIMITED"}),
        json!({"message": "API rate limit exceeded for installation"}),
    ] {
        assert!(matches!(
            failure(json!([limit])).await,
            GitHubError::RateLimited { .. }
        ));
    }
    let missing =
        failure(json!([{"type": "NOT_FOUND", "message": "Could not resolve to a Repository"}]))
            .await;
    assert!(matches!(missing, GitHubError::NotFound { .. }), "{missing}");
    let unknown =
        failure(json!([{"type": "NEW_WORD", "message": TOKEN}, {"type": "FORBIDDEN"}])).await;
    assert!(matches!(unknown, GitHubError::Broken { .. }), "{unknown}");
}

#[tokio::test]
async fn a_query_that_broke_off_inside_github_is_asked_once_more() {
    let body = json!({"data": null, "errors": [{"message": "Something went wrong while executing ::error::"}]});
    let broken = || {
        of(
            exchange(PATH, 200, &[], &body.to_string()),
            &["api"],
            &[],
            None,
        )
    };
    let good = of(answer(&json!({"s0": page(&[], None)})), &["api"], &[], None);
    assert!(memory(vec![broken(), good], &["api"], None).await.is_ok());
    let failure = memory(vec![broken(), broken()], &["api"], None)
        .await
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "github does not answer for the record of staging: Something went wrong while executing :\\:error:\\: \
         (status 200, request AB12:34)"
    );
}

#[tokio::test]
async fn a_query_is_asked_again_like_any_question() {
    let script = vec![
        of(exchange(PATH, 502, &[], "<html>"), &["api"], &[], None),
        of(answer(&json!({"s0": page(&[], None)})), &["api"], &[], None),
    ];
    assert_eq!(
        numbers(&memory(script, &["api"], None).await.unwrap(), 0),
        Vec::<u64>::new()
    );
}

#[tokio::test]
async fn a_list_is_read_up_to_a_bound_and_what_is_left_is_said() {
    let foreign = |count: u64| -> Vec<Value> {
        (0..count)
            .map(|number| node("api", 5000 - number, "SUCCESS", "mallory"))
            .collect()
    };
    let list = |count| page(&foreign(count), Some("A"));
    let mut script = vec![of(answer(&json!({"s0": list(20)})), &["api"], &[], None)];
    for count in [80, 100, 100, 100, 100, 100, 100, 100, 100, 100] {
        let next = answer(&json!({ "s0": list(count) }));
        script.push(of(next, &["api"], &["A"], None));
    }
    let memory = memory(script, &["api"], None).await.unwrap();
    assert_eq!(memory.lists[0].records.len(), 1000);
    assert!(memory.lists[0].has_more && memory.lists[0].read_to.is_some());
}

#[tokio::test]
async fn the_success_of_another_service_ends_no_search() {
    let id = |text: &str| ServiceId::parse(text).ok();
    let (key, _) = keys(&["api"]).remove(0);
    let asked = |id: Option<ServiceId>| [(key.clone(), id)];
    // The records of the test are of srv-abc123.
    for (own, is_other) in [(id("srv-abc123"), false), (id("srv-other"), true)] {
        let first = page(&[node("api", 9, "SUCCESS", "github-actions")], Some("A"));
        let mut script = vec![of(answer(&json!({ "s0": first })), &["api"], &[], None)];
        if is_other {
            let next = answer(&json!({"s0": page(&[], None)}));
            script.push(of(next, &["api"], &["A"], None));
        }
        let keys = asked(own);
        let query = RecordsQuery {
            keys: &keys,
            branch: None,
            index: false,
            depth: Depth::Success,
        };
        read(script, &query).await.unwrap();
    }
}

#[tokio::test]
async fn the_index_is_the_union_of_our_own_newest_records_of_it() {
    let index = |names: &str, creator: &str, number: u64| {
        let payload = format!(r#"{{"v":1,"index":{{"srv-a":[{names}]}}}}"#);
        json!({"databaseId": number, "createdAt": "2026-11-20T10:00:00Z", "task": "ghcr-to-render", "payload": payload,
            "commitOid": COMMIT.to_string(), "originalEnvironment": "ghcr-to-render", "creator": actor(creator),
            "latestStatus": null, "statuses": {"nodes": []}})
    };
    let nodes = [
        index(r#""staging/api""#, "github-actions", 3),
        index(r#""staging/evil""#, "mallory", 2),
        index(r#""stage/backend""#, "github-actions", 1),
    ];
    let repository = json!({"s0": page(&nodes, None), "s1": page(&[], None)});
    let variables =
        json!({"owner": "acme", "name": "shop", "e0": ["ghcr-to-render"], "e1": ["staging/api"]});
    let script = vec![answer(&repository).posting("/variables", &variables)];
    let keys = keys(&["api"]);
    let asked = RecordsQuery {
        keys: &keys,
        branch: None,
        index: true,
        depth: Depth::Success,
    };
    let memory = read(script, &asked).await.unwrap();
    let id = ServiceId::parse("srv-a").unwrap();
    let names: Vec<String> = memory.index.names(&id).map(ToString::to_string).collect();
    assert_eq!(names, ["stage/backend", "staging/api"]);
}

//! The one GraphQL query that the program asks, answered from the record in the model. Another query is a violation, letter by letter.

use super::super::server::{Call, Reply};
use super::record::{Deployment, Status, WRITER, object};
use super::{State, Trouble, message, schema};
use serde_json::{Map, Value, json};

/// What is asked of a deployment.
const FRAGMENTS: &str = "
    fragment page on DeploymentConnection {
        pageInfo { hasNextPage endCursor }
        nodes {
            databaseId createdAt task payload commitOid originalEnvironment
            creator { ...account }
            latestStatus { ...status }
            statuses(first: 5) { nodes { ...status } }
        }
    }
    fragment status on DeploymentStatus { state description createdAt creator { ...account } }
    fragment account on Actor { __typename login ... on Bot { databaseId } ... on User { databaseId } }";

/// What the variables of a query ask for.
struct Asked {
    branch: Option<String>,
    /// Environment and cursor, by alias.
    pages: Vec<(String, Option<String>)>,
    size: usize,
}

/// The query that asks for this.
fn query(asked: &Asked) -> String {
    let (mut declared, mut parts) = (
        String::from("$owner: String!, $name: String!"),
        String::new(),
    );
    if asked.branch.is_some() {
        declared += ", $branch: String!";
        parts += "branch: ref(qualifiedName: $branch) { target { oid } } ";
    }
    for (index, (_, cursor)) in asked.pages.iter().enumerate() {
        declared += &format!(", $e{index}: [String!]!");
        let mut after = String::new();
        if cursor.is_some() {
            declared += &format!(", $a{index}: String!");
            after = format!(", after: $a{index}");
        }
        parts += &format!(
            "s{index}: deployments(environments: $e{index}, first: {}{after}, orderBy: {{field: CREATED_AT, direction: DESC}}) {{ ...page }} ",
            asked.size
        );
    }
    let fragments = if asked.pages.is_empty() {
        ""
    } else {
        FRAGMENTS
    };
    format!(
        "query({declared}) {{ viewer {{ login databaseId }} repository(owner: $owner, name: $name) {{ {parts} }} }} {fragments}"
    )
}

/// Reads the variables, and how many deployments of each service are asked for.
fn asked(body: &Map<String, Value>) -> Option<Asked> {
    let (text, variables) = (
        body.get("query")?.as_str()?,
        body.get("variables")?.as_object()?,
    );
    if body.len() != 2 || variables.get("owner")? != "acme" || variables.get("name")? != "shop" {
        return None;
    }
    let branch = variables
        .get("branch")
        .map(|name| name.as_str().map(str::to_owned));
    let mut asked = Asked {
        branch: branch.unwrap_or_default(),
        pages: Vec::new(),
        size: 0,
    };
    while let Some(environments) = variables.get(&format!("e{}", asked.pages.len())) {
        let [Value::String(environment)] = environments.as_array()?.as_slice() else {
            return None;
        };
        let cursor = variables
            .get(&format!("a{}", asked.pages.len()))
            .map(|cursor| cursor.as_str().map(str::to_owned));
        asked
            .pages
            .push((environment.clone(), cursor.unwrap_or_default()));
    }
    let known = 2 + usize::from(asked.branch.is_some()) + asked.pages.len();
    let cursors = asked
        .pages
        .iter()
        .filter(|(_, cursor)| cursor.is_some())
        .count();
    let size = text
        .split("first: ")
        .nth(1)
        .and_then(|rest| rest.split([',', ')']).next());
    asked.size = size.map_or(Some(0), |size| {
        size.parse().ok().filter(|size| (1..=100).contains(size))
    })?;
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    (variables.len() == known + cursors && words(text) == words(&query(&asked))).then_some(asked)
}

/// An account, as GraphQL tells of a creator. A name with `user:` before it is a person's, though an app may be called the same; one with
/// `bot:` is an app's, whose login another account may have.
fn account(creator: &str) -> Value {
    let (kind, login) = match creator.split_once(':') {
        Some(("user", login)) => ("User", login),
        Some(("bot", login)) => ("Bot", login),
        _ if creator == WRITER => ("Bot", creator),
        _ => ("User", creator),
    };
    json!({"__typename": kind, "login": login, "databaseId": number_of(creator)})
}

/// The number of an account: each has its own.
fn number_of(creator: &str) -> u64 {
    let bytes = creator.bytes().map(u64::from);
    bytes.fold(7, |number, byte| (number * 31 + byte) % 1_000_000_007)
}

/// A moment of the model: seconds since the first deployment.
fn moment(at: u64) -> String {
    let (hours, minutes, seconds) = (at / 3600, at / 60 % 60, at % 60);
    format!("2026-11-20T{hours:02}:{minutes:02}:{seconds:02}Z")
}

impl Status {
    fn shown(&self) -> Value {
        json!({"state": self.state.to_uppercase(), "description": self.description, "createdAt": moment(self.at),
            "creator": account(&self.creator)})
    }
}

impl Deployment {
    fn shown(&self) -> Value {
        let newest_first: Vec<Value> = self
            .statuses
            .iter()
            .rev()
            .take(5)
            .map(Status::shown)
            .collect();
        json!({"databaseId": self.number, "createdAt": moment(self.at), "task": self.task, "payload": self.payload.to_string(),
            "commitOid": self.commit, "originalEnvironment": self.environment, "creator": account(&self.creator),
            "latestStatus": newest_first.first(), "statuses": {"nodes": newest_first}})
    }
}

fn error(kind: &str, text: &str, path: &Value) -> Reply {
    let error = json!({"type": kind, "message": text, "path": path, "locations": [{"line": 1, "column": 1}]});
    Reply::json(
        200,
        &json!({"data": {"viewer": null, "repository": null}, "errors": [error]}),
    )
    .header("x-github-request-id", "BEEF:1:2:3:4")
}

impl State {
    pub(super) fn graphql(&mut self, call: &Call) -> Reply {
        if self.troubles.contains(&Trouble::RecordDown) {
            return message(502, "Server Error");
        }
        if let Ok(body) = object(call) {
            let faults = schema::faults(&body);
            self.violations
                .extend(faults.iter().map(|fault| format!("GraphQL: {fault}")));
        }
        if let Some(reply) = self.viewer(call) {
            return reply;
        }
        let Some(asked) = object(call).ok().as_ref().and_then(asked) else {
            self.violations.push(format!(
                "not our query: {} {}",
                call.line(),
                String::from_utf8_lossy(&call.body)
            ));
            return error(
                "undefinedField",
                "Field 'x' doesn't exist on type 'Query'",
                &json!([]),
            );
        };
        let kind = self.troubles.iter().find_map(|trouble| {
            if let Trouble::GraphQl(kind) = trouble {
                Some(*kind)
            } else {
                None
            }
        });
        if let Some(kind) = kind {
            let text = "Resource not accessible by integration ##[set-output name=tags]evil";
            return error(kind, text, &json!(["repository", "s0"]));
        }
        let mut repository = Map::new();
        if let Some(branch) = &asked.branch {
            let tip = self.object(branch);
            repository.insert(
                "branch".into(),
                tip.map_or(Value::Null, |oid| json!({"target": {"oid": oid}})),
            );
        }
        for (index, (environment, cursor)) in asked.pages.iter().enumerate() {
            let Some(page) = self.page(environment, cursor.as_deref(), asked.size) else {
                self.violations
                    .push(format!("a cursor that nobody gave: {cursor:?}"));
                return error(
                    "INVALID_CURSOR_ARGUMENTS",
                    "`x` does not appear to be a valid cursor.",
                    &json!([]),
                );
            };
            repository.insert(format!("s{index}"), page);
        }
        let viewer = json!({"login": format!("{WRITER}[bot]"), "databaseId": number_of(WRITER)});
        Reply::json(
            200,
            &json!({"data": {"viewer": viewer, "repository": repository}}),
        )
    }

    /// A page of an environment's deployments, newest first; `None` for a cursor that is none of its.
    fn page(&self, environment: &str, cursor: Option<&str>, size: usize) -> Option<Value> {
        let all: Vec<&Deployment> = self
            .ledger
            .0
            .iter()
            .rev()
            .filter(|deployment| deployment.environment == environment)
            .collect();
        let name = |deployment: &Deployment| format!("cursor:{environment}:{}", deployment.number);
        let begin = match cursor {
            None => 0,
            Some(cursor) => {
                all.iter()
                    .position(|deployment| name(deployment) == cursor)?
                    + 1
            }
        };
        let shown = &all[begin..all.len().min(begin + size)];
        let info = json!({"hasNextPage": begin + shown.len() < all.len(), "endCursor": shown.last().map(|last| name(last))});
        Some(
            json!({"pageInfo": info, "nodes": shown.iter().map(|deployment| deployment.shown()).collect::<Vec<_>>()}),
        )
    }
}

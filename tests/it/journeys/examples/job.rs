//! A job on its runner: what its expressions stand for, which jobs it waits for, and what its permissions allow.

use super::expression::{Table, evaluate};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use testworld::World;
use testworld::server::Call;

/// A job on its runner.
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) job: &'a Value,
    pub(super) world: World,
    pub(super) environment: String,
    pub(super) env: Map<String, Value>,
    pub(super) matrix: Value,
    pub(super) steps: Map<String, Value>,
    pub(super) has_failed: bool,
    pub(super) needs: Map<String, Value>,
    pub(super) inputs: Value,
    pub(super) settings: BTreeMap<String, String>,
}

/// The jobs that a job waits for, however far back.
pub(super) fn ancestors(workflow: &Value, job: &Value) -> Vec<String> {
    let direct = texts(&job["needs"]);
    let farther = direct
        .iter()
        .flat_map(|need| ancestors(workflow, &workflow["jobs"][need]));
    farther.chain(direct.clone()).collect()
}

pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            vec![value.as_str().expect("a text").to_owned()]
        }
    }
}

/// Fails the test where a job does what its permissions do not allow.
pub(super) fn permitted(permissions: &Value, server: &str, call: &Call) {
    let text = String::from_utf8_lossy(&call.bytes()).into_owned();
    let is_write = !matches!(call.method.as_str(), "GET" | "HEAD");
    let (scope, level) = match server {
        "registry" => ("packages", if is_write { "write" } else { "read" }),
        "GitHub" if call.path.contains("/packages/") => {
            ("packages", if is_write { "write" } else { "read" })
        }
        "GitHub" if call.path.contains("/issues/") || call.path.contains("/pulls/") => {
            ("pull-requests", if is_write { "write" } else { "read" })
        }
        "GitHub" if text.contains("deployments") && call.path != "/graphql" => {
            ("deployments", if is_write { "write" } else { "read" })
        }
        "GitHub" if call.path == "/graphql" && text.contains("deployments") => {
            ("deployments", "read")
        }
        "GitHub" => (
            "contents",
            if is_write && call.path != "/graphql" {
                "write"
            } else {
                "read"
            },
        ),
        _ => return,
    };
    let has = permissions[scope].as_str().unwrap_or("none");
    assert!(
        has == level || has == "write",
        "{} needs {scope}: {level}, the job has {has}",
        call.line()
    );
}

pub(super) fn files_of(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a name");
            (name, std::fs::read(entry.path()).expect("a file"))
        })
        .collect()
}

/// The runs of a job: one, or one for each entry of its matrix.
pub(super) fn combinations(matrix: &Value, table: &dyn Table) -> Vec<Value> {
    let matrix = match matrix {
        Value::Null => return vec![Value::Null],
        Value::String(source) => evaluate(source, table),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => matrix.clone(),
    };
    if let Some(entries) = matrix["include"].as_array() {
        assert!(!entries.is_empty(), "an empty matrix fails a workflow");
        return entries.clone();
    }
    let axes: Vec<_> = matrix.as_object().expect("a matrix").iter().collect();
    let [(axis, values)] = axes[..] else {
        panic!("more than one axis: {matrix}")
    };
    values
        .as_array()
        .expect("values")
        .iter()
        .map(|value| json!({axis: value}))
        .collect()
}

impl Table for Job<'_> {
    fn value(&self, path: &[String]) -> Value {
        let event = self.world.event.as_ref().expect("an event");
        let shown = path.join(".");
        if matches!(path[0].as_str(), "secrets" | "vars") {
            let key = format!("{}/{shown}", self.environment);
            let setting = self
                .settings
                .get(&key)
                .or_else(|| self.settings.get(&format!("/{shown}")));
            return setting
                .unwrap_or_else(|| panic!("{}: there is no {key}", self.name))
                .as_str()
                .into();
        }
        let github = || {
            json!({
                "token": super::github_token(), "actor": event.actor, "event": event.payload, "event_name": event.name,
                "ref_type": if event.git_ref.starts_with("refs/tags/") { "tag" } else { "branch" },
            })
        };
        let root = match path[0].as_str() {
            "github" => github(),
            "env" => Value::Object(self.env.clone()),
            "matrix" => self.matrix.clone(),
            "steps" => Value::Object(self.steps.clone()),
            "needs" => Value::Object(self.needs.clone()),
            "inputs" => self.inputs.clone(),
            other => panic!("{}: the context {other} is not known here", self.name),
        };
        // What a matrix' entry or a skipped job does not have is nothing, as it is on GitHub; every other gap is a mistake.
        let is_skipped =
            path[0] == "needs" && path.len() > 1 && root[&path[1]]["result"] == "skipped";
        let is_free = path[0] == "matrix" && path.get(1).is_some_and(|key| key == "build");
        let found = path[1..]
            .iter()
            .try_fold(&root, |value, key| value.get(key));
        match found {
            Some(value) => value.clone(),
            None if is_skipped || is_free => Value::Null,
            None => panic!("{}: there is no {shown}", self.name),
        }
    }

    fn status(&self, name: &str) -> bool {
        let fails = self.has_failed || self.needs.values().any(|need| need["result"] == "failure");
        match name {
            "always" => true,
            "cancelled" => false,
            "failure" => fails,
            _ => !fails,
        }
    }
}

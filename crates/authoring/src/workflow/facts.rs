//! What lints ask of a workflow: its triggers, permissions, concurrency, and the steps that use this action.

use model::{ActionStep, JobPermissions, Triggers};
use parse::yaml::{Node, Value, as_text, entries, get, items, text, texts};

/// What a job hands on to its steps.
#[derive(Debug, Clone, Default)]
pub(super) struct JobFacts {
    permissions: Option<JobPermissions>,
    has_concurrency: bool,
    is_cancelled_by_later_runs: bool,
}

impl JobFacts {
    pub(super) fn of(root: &Node, job: &Node) -> Self {
        let concurrency = [get(root, "concurrency"), get(job, "concurrency")];
        let cancels = |node: &&Node| text(node, "cancel-in-progress") == Some("true");
        Self {
            permissions: permissions(get(job, "permissions"))
                .or_else(|| permissions(get(root, "permissions"))),
            has_concurrency: concurrency.iter().any(Option::is_some),
            is_cancelled_by_later_runs: concurrency.iter().flatten().any(cancels),
        }
    }

    pub(super) fn step(&self, path: &str, step: &Node, uses: &str) -> ActionStep {
        let at = |node: &Node| (node.at.line, node.at.column);
        let inputs = match get(step, "with").map(|with| &with.value) {
            Some(Value::Map(entries)) => entries
                .iter()
                .map(|(key, value)| {
                    let text = as_text(value).unwrap_or_default().to_owned();
                    (key.text.clone(), text, (key.at.line, key.at.column))
                })
                .collect(),
            Some(Value::Text { .. } | Value::List(_)) | None => Vec::new(),
        };
        ActionStep {
            path: path.to_owned(),
            place: at(step),
            uses: (uses.to_owned(), get(step, "uses").map_or((1, 1), at)),
            inputs,
            permissions: self.permissions.clone(),
            has_concurrency: self.has_concurrency,
            is_cancelled_by_later_runs: self.is_cancelled_by_later_runs,
        }
    }
}

fn permissions(node: Option<&Node>) -> Option<JobPermissions> {
    let node = node?;
    match &node.value {
        Value::Text { text, .. } => match text.as_str() {
            "write-all" => Some(JobPermissions::WriteAll),
            "read-all" => Some(JobPermissions::ReadAll),
            _ => None,
        },
        Value::Map(_) => {
            let named = entries(Some(node)).map(|(name, level)| {
                (
                    name.to_owned(),
                    as_text(level).unwrap_or_default().to_owned(),
                )
            });
            Some(JobPermissions::Named(named.collect()))
        }
        Value::List(_) => None,
    }
}

/// `on: push`, `on: [push, release]` and `on: { push: { branches: [main] } }`.
pub(super) fn triggers(root: &Node) -> Triggers {
    // YAML 1.1 reads a bare `on` as true; this program reads text.
    let Some(on) = get(root, "on") else {
        return Triggers::default();
    };
    let mut events = texts(Some(on));
    events.extend(entries(Some(on)).map(|(name, _)| name.to_owned()));
    let push = entries(get(on, "push")).map(|(key, value)| (key.to_owned(), texts(Some(value))));
    Triggers {
        events,
        place: (on.at.line, on.at.column),
        push: push.collect(),
    }
}

/// The steps of a composite action, with the inputs that its caller gives it filled in.
pub(super) fn composite_steps(action: &Node, with: Option<&Node>) -> Vec<Node> {
    let inputs: Vec<(&str, &str)> = entries(get(action, "inputs"))
        .map(|(name, declared)| {
            let given = with.and_then(|with| text(with, name));
            let value = given.or_else(|| text(declared, "default"));
            (name, value.unwrap_or_default())
        })
        .collect();
    let runs = get(action, "runs");
    let steps = runs.and_then(|runs| get(runs, "steps"));
    items(steps).map(|step| filled(step, &inputs)).collect()
}

/// The same node with `${{ inputs.NAME }}` replaced.
fn filled(node: &Node, inputs: &[(&str, &str)]) -> Node {
    let value = match &node.value {
        Value::Text { text, style } => Value::Text {
            text: fill(text, inputs),
            style: *style,
        },
        Value::List(items) => Value::List(
            items
                .iter()
                .map(|item| filled(item, inputs).into())
                .collect(),
        ),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| (key.clone(), filled(value, inputs).into()))
                .collect(),
        ),
    };
    Node { at: node.at, value }
}

fn fill(text: &str, inputs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        out.push_str(before);
        let Some((expression, behind)) = after.split_once("}}") else {
            out.push_str("${{");
            rest = after;
            break;
        };
        let name = expression.trim().strip_prefix("inputs.");
        match name.and_then(|name| inputs.iter().find(|(own, _)| *own == name)) {
            Some((_, value)) => out.push_str(value),
            None => out.push_str(&format!("${{{{{expression}}}}}")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

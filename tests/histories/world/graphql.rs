//! Answers GraphQL queries from the model: any query over the fields below. Another field is an error and a violation.

use super::deployments::Account;
use super::query::{Field, Query, Selection, read};
use super::{World, date};
use crate::git::Origin;
use crate::wire::{Call, Reply};
use serde_json::{Map, Value, json};

/// Interfaces and unions of the schema: a condition on one of these fits every object that the model shows there.
const WIDE: [&str; 5] = [
    "Actor",
    "GitObject",
    "Node",
    "Ref",
    "UniformResourceLocatable",
];

/// The most entries that a page of a connection has.
const PAGE: usize = 100;

impl World {
    pub(super) fn graphql(&mut self, call: &Call) -> Reply {
        let body = call.json();
        let text = body["query"].as_str().unwrap_or_default();
        let answer = read(text, &body["variables"]).and_then(|query| self.run_query(&query));
        match answer {
            Ok(data) => Reply::json(200, &json!({"data": data})),
            Err(why) => {
                self.violations.push(format!("GraphQL: {why}: {text}"));
                Reply::json(
                    200,
                    &json!({"errors": [{"type": "undefinedField", "message": why}]}),
                )
            }
        }
    }

    fn run_query(&mut self, query: &Query) -> Result<Value, String> {
        let mut data = Map::new();
        for field in fields(query, &query.selections, "Query")? {
            let value = match field.name.as_str() {
                "viewer" => select(query, &Account::own().viewer(), &field.selections)?,
                "repository" => self.repository(query, field)?,
                "rateLimit" => json!({"cost": 1, "remaining": 4999, "limit": 5000}),
                other => return Err(format!("Query has no {other}")),
            };
            data.insert(field.key.clone(), value);
        }
        Ok(data.into())
    }

    fn repository(&mut self, query: &Query, of: &Field) -> Result<Value, String> {
        if (&of.arguments["owner"], &of.arguments["name"]) != (&json!("acme"), &json!("shop")) {
            return Ok(Value::Null);
        }
        let mut data = Map::new();
        for field in fields(query, &of.selections, "Repository")? {
            let value = match field.name.as_str() {
                "ref" => {
                    let name = field.arguments["qualifiedName"]
                        .as_str()
                        .unwrap_or_default();
                    select(query, &self.reference(name), &field.selections)?
                }
                "defaultBranchRef" => {
                    select(query, &self.reference("refs/heads/main"), &field.selections)?
                }
                "deployments" => self.page_of_deployments(query, field)?,
                "refs" => self.page_of_refs(query, field)?,
                "object" => {
                    let found = object(&self.origin, &field.arguments);
                    select(query, &found, &field.selections)?
                }
                other => return Err(format!("Repository has no {other}")),
            };
            data.insert(field.key.clone(), value);
        }
        Ok(data.into())
    }

    fn reference(&self, name: &str) -> Value {
        let Some(target) = self.origin.refs.get(name) else {
            return Value::Null;
        };
        let (prefix, short) =
            name.split_at(name.match_indices('/').nth(1).map_or(0, |(at, _)| at + 1));
        json!({"__typename": "Ref", "name": short, "prefix": prefix, "target": git_object(&self.origin, target)})
    }

    fn page_of_deployments(&mut self, query: &Query, field: &Field) -> Result<Value, String> {
        let environments: Vec<String> = match &field.arguments.get("environments") {
            Some(Value::Array(names)) => names
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => return Err("deployments without environments".into()),
        };
        let order = field.arguments.get("orderBy").cloned().unwrap_or_default();
        let is_known = order == json!({"field": "CREATED_AT", "direction": "DESC"});
        if !is_known {
            return Err(format!("deployments in the order {order}"));
        }
        let found = self.deployments.of(self.step, &environments);
        let page = connection(&found, field, |found| found.object())?;
        select(query, &page, &field.selections)
    }

    fn page_of_refs(&mut self, query: &Query, field: &Field) -> Result<Value, String> {
        let prefix = field.arguments["refPrefix"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let wanted = field
            .arguments
            .get("query")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let names = self
            .origin
            .refs
            .keys()
            .filter(|name| name.starts_with(&prefix) && name.contains(wanted));
        let names: Vec<&String> = names.collect();
        let page = connection(&names, field, |name| self.reference(name))?;
        select(query, &page, &field.selections)
    }
}

/// A connection's page as its arguments ask for it, `show` making an object of each entry.
fn connection<T>(
    entries: &[T],
    field: &Field,
    show: impl Fn(&T) -> Value,
) -> Result<Value, String> {
    let size = match field.arguments.get("first").and_then(Value::as_u64) {
        Some(size) if (1..=PAGE as u64).contains(&size) => size as usize,
        other => return Err(format!("{}: first is {other:?}", field.name)),
    };
    let begin = match field.arguments.get("after").and_then(Value::as_str) {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("at:")
            .and_then(|at| at.parse().ok())
            .ok_or("a cursor that nobody gave")?,
    };
    let end = entries.len().min(begin + size);
    let total = entries.len();
    let shown: Vec<Value> = entries.iter().take(end).skip(begin).map(show).collect();
    let cursor = (!shown.is_empty()).then(|| format!("at:{end}"));
    Ok(json!({"nodes": shown, "totalCount": total,
        "pageInfo": {"hasNextPage": end < total, "endCursor": cursor}}))
}

fn git_object(origin: &Origin, sha: &str) -> Value {
    if let Some(number) = origin.number(sha) {
        return json!({"__typename": "Commit", "oid": sha, "committedDate": date(number as u64),
            "tree": {"__typename": "Tree", "oid": origin.commits[number].tree}});
    }
    match origin.tagged(sha) {
        Some(on) => {
            json!({"__typename": "Tag", "oid": sha, "target": git_object(origin, &origin.commits[on].sha)})
        }
        None => json!({"__typename": "Tree", "oid": sha}),
    }
}

/// `object(expression: "<commit>:<path>")` and `object(oid:)`.
fn object(origin: &Origin, arguments: &Map<String, Value>) -> Value {
    if let Some(oid) = arguments.get("oid").and_then(Value::as_str) {
        return match origin.number(oid).or_else(|| origin.tagged(oid)) {
            Some(_) => git_object(origin, oid),
            None => Value::Null,
        };
    }
    let expression = arguments
        .get("expression")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (commit, path) = expression.split_once(':').unwrap_or((expression, ""));
    let Some(number) = origin
        .number(commit)
        .or_else(|| origin.on(&format!("refs/heads/{commit}")))
    else {
        return Value::Null;
    };
    if !expression.contains(':') {
        return git_object(origin, &origin.commits[number].sha);
    }
    match origin.commits[number].files.get(path) {
        Some(text) => {
            json!({"__typename": "Blob", "text": text, "byteSize": text.len(), "isBinary": false, "isTruncated": false})
        }
        None => Value::Null,
    }
}

/// The fields that a selection asks of an object of that type, fragments opened.
fn fields<'q>(
    query: &'q Query,
    selections: &'q [Selection],
    kind: &str,
) -> Result<Vec<&'q Field>, String> {
    let fits = |of: &str| of == kind || WIDE.contains(&of);
    let mut found = Vec::new();
    for selection in selections {
        match selection {
            Selection::Field(field) => found.push(field),
            Selection::Spread(name) => {
                let (of, inner) = query
                    .fragments
                    .get(name)
                    .ok_or(format!("no fragment {name}"))?;
                if fits(of) || kind.is_empty() {
                    found.extend(fields(query, inner, kind)?);
                }
            }
            Selection::Inline(of, inner) => {
                if of.as_deref().is_none_or(fits) {
                    found.extend(fields(query, inner, kind)?);
                }
            }
        }
    }
    Ok(found)
}

/// What a selection asks of a value.
fn select(query: &Query, value: &Value, selections: &[Selection]) -> Result<Value, String> {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|item| select(query, item, selections))
            .collect(),
        Value::Object(object) if !selections.is_empty() => {
            let kind = object
                .get("__typename")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let mut data = Map::new();
            for field in fields(query, selections, kind)? {
                let found = object
                    .get(&field.name)
                    .ok_or(format!("{kind} has no {}", field.name))?;
                let selected = match found.get("nodes") {
                    Some(Value::Array(nodes)) if field.arguments.contains_key("first") => {
                        let page = connection(nodes, field, Value::clone)?;
                        select(query, &page, &field.selections)?
                    }
                    _ => select(query, found, &field.selections)?,
                };
                data.insert(field.key.clone(), selected);
            }
            Ok(data.into())
        }
        other => Ok(other.clone()),
    }
}

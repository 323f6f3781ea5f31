//! The GraphQL query for pages of deployments.

use super::account::{ACCOUNT, VIEWER};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a page of deployments is asked for.
const PAGE: &str = "fragment page on DeploymentConnection { pageInfo { hasNextPage endCursor } nodes { databaseId createdAt task payload \
     commitOid originalEnvironment creator { ...account } latestStatus { ...status } statuses(first: 5) { nodes { ...status } } } } \
     fragment status on DeploymentStatus { state description createdAt creator { ...account } }";

/// A list of an environment's deployments that is being read, newest first.
pub(crate) struct List {
    pub(crate) environment: String,
    /// Where it goes on; `None` at its beginning and at its end.
    pub(crate) after: Option<String>,
}

/// What a list is called in a query, and in its answer.
pub(crate) fn alias(index: usize) -> String {
    format!("s{index}")
}

/// The query for the next `size` deployments of each list. Everything foreign is a variable: nothing of it can become a part of the query.
pub(crate) fn query(repository: &str, lists: &[&List], size: usize, branch: Option<&str>) -> Value {
    let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
    let mut variables = json!({"owner": owner, "name": name});
    let (mut declared, mut asked) = (
        String::from("$owner: String!, $name: String!"),
        String::new(),
    );
    if let Some(branch) = branch {
        variables["branch"] = format!("refs/heads/{branch}").into();
        declared.push_str(", $branch: String!");
        asked.push_str("branch: ref(qualifiedName: $branch) { target { oid } } ");
    }
    for (index, list) in lists.iter().enumerate() {
        variables[format!("e{index}")] = json!([list.environment]);
        let _ = write!(declared, ", $e{index}: [String!]!");
        let mut after = String::new();
        if let Some(cursor) = &list.after {
            variables[format!("a{index}")] = cursor.as_str().into();
            let _ = write!(declared, ", $a{index}: String!");
            after = format!(", after: $a{index}");
        }
        let _ = write!(
            asked,
            "{}: deployments(environments: $e{index}, first: {size}{after}, \
             orderBy: {{field: CREATED_AT, direction: DESC}}) {{ ...page }} ",
            alias(index)
        );
    }
    let fragments = if lists.is_empty() {
        String::new()
    } else {
        format!("{PAGE} {ACCOUNT}")
    };
    let text = format!(
        "query({declared}) {{ {VIEWER} repository(owner: $owner, name: $name) {{ {asked}}} }} {fragments}"
    );
    json!({"query": text.trim_end(), "variables": variables})
}

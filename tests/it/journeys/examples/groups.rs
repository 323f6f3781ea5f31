//! Where the concurrency groups and the approvals of the workflows are: docs/concurrency.md has the reasons.

use super::job::ancestors;
use super::{directory, yaml, yaml_files};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The one workflow whose group is on the whole of it: without a service on Render, only the order of the runs keeps an older commit from
/// replacing a newer one.
const ORDERED_BY_ITS_GROUP: &str = "two-images-compose/deploy.yml";

/// The workflows that stop a run of an older commit: nothing of them is deployed.
const STOPPED_BY_NEWER: [&str; 2] = [
    "docs/preview-image.yml",
    "pr-preview-image/preview-image.yml",
];

/// Every workflow that users copy, by a short name.
pub(super) fn texts() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let documents = directory().join("../docs/workflows");
    for (file, text) in yaml_files(&documents) {
        found.insert(format!("docs/{file}"), text);
    }
    for example in super::PLAYED {
        let workflows = directory().join(example).join(".github/workflows");
        for (file, text) in yaml_files(&workflows) {
            found.insert(format!("{example}/{file}"), text);
        }
    }
    assert_eq!(found.len(), 17, "{:?}", found.keys());
    found
}

fn all() -> BTreeMap<String, Value> {
    let read = |(name, text): (String, String)| (name, yaml::read(&text));
    texts().into_iter().map(read).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("jobs").iter()
}

fn environment(job: &Value) -> &str {
    job["environment"].as_str().unwrap_or_default()
}

fn asks(job: &Value) -> bool {
    environment(job).ends_with("-approval")
}

/// Whether a job changes what an environment runs.
fn deploys(job: &Value) -> bool {
    let steps = job["steps"].as_array().expect("steps");
    let reads_only = |step: &Value| {
        let command = step["with"]["command"].as_str();
        matches!(command, Some("plan" | "verify" | "release"))
    };
    let ours = |step: &&Value| {
        let uses = step["uses"].as_str().unwrap_or_default();
        uses.starts_with("OWNER/ghcr-to-render")
    };
    let is_ours = steps
        .iter()
        .find(ours)
        .is_some_and(|step| !reads_only(step));
    is_ours && !environment(job).is_empty()
}

#[test]
fn a_job_that_deploys_has_a_group_of_its_own_in_which_nothing_is_dropped() {
    let mut found = 0;
    for (name, workflow) in all() {
        for (job, content) in jobs(&workflow).filter(|(_, job)| deploys(job)) {
            if name == ORDERED_BY_ITS_GROUP {
                assert_eq!(workflow["concurrency"]["queue"], "max", "{name}");
                continue;
            }
            let group = &content["concurrency"];
            assert_eq!(group["queue"], "max", "{name}: {job}");
            assert_eq!(group["cancel-in-progress"], "false", "{name}: {job}");
            found += 1;
        }
    }
    assert_eq!(found, 13);
}

#[test]
fn an_approval_holds_no_group_and_sees_no_secret() {
    let mut found = 0;
    for (name, workflow) in all() {
        for (job, content) in jobs(&workflow).filter(|(_, job)| asks(job)) {
            assert!(content.get("concurrency").is_none(), "{name}: {job}");
            assert!(workflow.get("concurrency").is_none(), "{name}: {job}");
            assert_eq!(content["permissions"], json!({}), "{name}: {job}");
            assert!(!content.to_string().contains("secrets."), "{name}: {job}");
            let next: Vec<&Value> = jobs(&workflow)
                .map(|(_, next)| next)
                .filter(|next| next["needs"] == json!(job))
                .collect();
            assert_eq!(next.len(), 1, "{name}: what needs {job}");
            let condition = next[0]["if"].as_str().unwrap_or("success()");
            assert!(
                condition == "success()"
                    || condition.contains(&format!("needs.{job}.result == 'success'")),
                "{name}: {condition}"
            );
            found += 1;
        }
    }
    assert_eq!(found, 4);
}

#[test]
fn only_a_workflow_that_asks_nobody_has_a_group() {
    for (name, workflow) in all() {
        let group = &workflow["concurrency"];
        if name == ORDERED_BY_ITS_GROUP {
            assert_eq!(group["group"], "deploy-${{ github.ref_type }}");
        } else if STOPPED_BY_NEWER.contains(&name.as_str()) {
            assert!(!jobs(&workflow).any(|(_, job)| deploys(job)), "{name}");
        } else {
            assert_eq!(group, &Value::Null, "{name}");
        }
    }
}

/// No two environments share a group, and a rollback shares none with a deploy.
#[test]
fn a_group_belongs_to_one_environment_and_one_purpose() {
    let mut owners: BTreeMap<(String, String), (String, bool)> = BTreeMap::new();
    for (name, workflow) in all() {
        let place = name.split('/').next().unwrap_or_default().to_owned();
        for (job, content) in jobs(&workflow) {
            let Some(group) = content["concurrency"]["group"].as_str() else {
                continue;
            };
            let is_rollback = content.to_string().contains("\"rollback\"");
            let owner = (environment(content).to_owned(), is_rollback);
            let key = (place.clone(), group.to_owned());
            let known = owners.entry(key).or_insert_with(|| owner.clone());
            assert_eq!(*known, owner, "{name}: {job} is in {group}");
        }
    }
    assert!(owners.values().any(|(_, is_rollback)| *is_rollback));
}

/// GitHub skips a job without a condition if any job that it waits for, however far back, was skipped.
#[test]
fn a_job_behind_one_that_may_be_skipped_has_a_condition_of_its_own() {
    let mut found = 0;
    for (name, workflow) in all() {
        for (job, content) in jobs(&workflow) {
            let may_be_skipped = ancestors(&workflow, content)
                .iter()
                .any(|need| workflow["jobs"][need].get("if").is_some());
            if may_be_skipped {
                let condition = content["if"].as_str().unwrap_or_default();
                assert!(condition.contains("!cancelled()"), "{name}: {job}");
                found += 1;
            }
        }
    }
    assert!(found >= 8, "{found}");
}

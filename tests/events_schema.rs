//! The events among the fixtures are what GitHub says that it sends: each is valid against GitHub's own schema of it.

#![allow(clippy::unwrap_used, reason = "a test may end in a panic")]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events")
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// Every event's name and payload, hostile ones aside.
fn events() -> Vec<(String, Value)> {
    let mut files: Vec<_> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
            && !file.ends_with("schema.json")
    });
    files.sort();
    files
        .iter()
        .map(|file| {
            (
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
                read(file),
            )
        })
        .collect()
}

/// The places at which a payload breaks the schema called `name`.
fn faults(schemas: &Value, name: &str, payload: &Value) -> Vec<String> {
    assert!(
        schemas["$defs"].get(name).is_some(),
        "schema.json has no {name}"
    );
    let schema = json!({ "$schema": schemas["$schema"], "$ref": format!("#/$defs/{name}"), "$defs": schemas["$defs"] });
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator
        .iter_errors(payload)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The schema's name for an event.
fn schema_of(event: &str, payload: &Value) -> String {
    match event {
        "push" | "create" => format!("webhook-{event}"),
        "workflow_dispatch" => "webhook-workflow-dispatch".into(),
        "repository_dispatch" => "webhook-repository-dispatch-sample".into(),
        _ => format!("webhook-{event}-{}", payload["action"].as_str().unwrap()).replace('_', "-"),
    }
}

#[test]
fn every_event_is_valid_against_githubs_schema() {
    let schemas = read(&directory().join("schema.json"));
    let events = events();
    assert!(events.len() > 30, "{} events", events.len());
    for (name, payload) in events {
        let event = name.split('.').next().unwrap();
        let found = match event {
            // No webhook, so it has no schema but that of its repository.
            "schedule" => faults(&schemas, "repository-webhooks", &payload["repository"]),
            _ => faults(&schemas, &schema_of(event, &payload), &payload),
        };
        if name == "pull_request.deleted-fork" {
            // The schema of a labeled pull request admits that the head's repository is gone, that of a reopened one forgot it.
            assert!(
                matches!(&found[..], [one] if one.starts_with("/pull_request/head/repo: null")),
                "{found:#?}"
            );
        } else {
            assert!(found.is_empty(), "{name}: {found:#?}");
        }
    }
}

#[test]
fn a_payload_that_lacks_a_field_is_noticed() {
    let schemas = read(&directory().join("schema.json"));
    for (name, mut payload) in events() {
        let event = name.split('.').next().unwrap();
        if event == "schedule" {
            continue;
        }
        let schema = schema_of(event, &payload);
        payload["repository"]
            .as_object_mut()
            .unwrap()
            .remove("full_name");
        assert!(!faults(&schemas, &schema, &payload).is_empty(), "{name}");
    }
}

#[test]
fn commits_are_as_actions_passes_them_on() {
    for (name, payload) in events() {
        let commits = payload["commits"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([&payload["head_commit"]]);
        for commit in commits {
            for key in ["added", "removed", "modified"] {
                assert!(commit.get(key).is_none(), "{name} has {key}");
            }
        }
    }
}

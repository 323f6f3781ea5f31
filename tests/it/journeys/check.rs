//! `check`: the manifest against the tree and the workflows, on a laptop and in a workflow, without asking anybody.

use serde_json::Value;
use testworld::{Checkout, Repo, Run, World};

const MANIFEST: &str = "\
version: 1
environments: { staging: { branch: main } }
images:
  api: { repository: \"ghcr.io/{owner}/api\", paths: [\"api/**\", \"libz/**\"] }
services:
  api:
  job: { image: api, id: { staging: srv-abc123 } }
";

const WORKFLOW: &str = "\
on: push
jobs:
  deploy:
    permissions: { contents: read, packages: read, deployments: write }
    concurrency: { group: deploy-staging, cancel-in-progress: false }
    steps:
      - uses: acme/ghcr-to-render@v1
        with:
          deploy-hooks: |
            api=${{ secrets.RENDER_HOOK_API }}
            job=${{ secrets.RENDER_HOOK_JOB }}
";

/// A clone on a laptop with these files, committed.
fn laptop(files: &[(&str, &str)]) -> World {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.commit("what there is");
    world
}

/// The usual repository, with this manifest and workflow.
fn usual(manifest: &str, workflow: &str) -> World {
    laptop(&[
        (".github/deploy-manifest.yml", manifest),
        (".github/workflows/ci.yml", workflow),
        ("api/main.rs", ""),
        ("docs/a", ""),
        ("docs/b", ""),
    ])
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| run.fail("no JSON on standard output"))
}

/// Nobody was asked, and nothing was written.
fn touched_nothing(run: &Run) {
    run.equal(
        "calls",
        &(run.world.github.server.calls().len() + run.world.render.requests()),
        &0,
    );
    run.equal(
        "files",
        &run.left
            .iter()
            .map(|(path, _)| path.clone())
            .collect::<Vec<_>>(),
        &Vec::new(),
    );
}

#[test]
fn a_laptop_is_told_what_does_not_fit_and_where() {
    let run = usual(MANIFEST, WORKFLOW).on_laptop(&["check"]);
    touched_nothing(&run);
    let run = run
        .says("warning: .github/deploy-manifest.yml:4:63: \"libz/**\" of image api matches no tracked file")
        .says("2 of 5 tracked files are in no list")
        .says("docs/ (2 files)")
        .says("Checked .github/deploy-manifest.yml: no errors, 1 warning");
    assert_eq!((run.exit, run.stderr.as_str()), (0, ""));
}

#[test]
fn json_has_the_shape_that_is_documented() {
    let run = usual(MANIFEST, WORKFLOW).on_laptop(&["check", "--json"]);
    let value = json(&run);
    let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        [
            "outcome",
            "failure",
            "manifest",
            "commit",
            "errors",
            "warnings",
            "findings",
            "files",
            "files-of-nobody"
        ]
    );
    assert_eq!(
        (&value["outcome"], &value["errors"], &value["warnings"]),
        (&"verified".into(), &0.into(), &1.into())
    );
    let keys: Vec<&String> = value["findings"][0]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(
        keys,
        ["level", "remark", "text", "hint", "file", "line", "column"]
    );
    assert_eq!(
        value["files-of-nobody"],
        serde_json::json!([{ "path": "docs/", "files": 2 }])
    );
    assert_eq!(run.stdout.lines().count(), 1);
}

#[test]
fn a_service_that_nothing_can_deploy_is_an_error() {
    let without = WORKFLOW.replace("            job=${{ secrets.RENDER_HOOK_JOB }}\n", "");
    let run = usual(MANIFEST, &without).on_laptop(&["check"]);
    assert_eq!(run.exit, 1);
    run.says("error: .github/deploy-manifest.yml:7:3: service job cannot be deployed to staging")
        .says("RENDER_HOOK_JOB");
    // With a key its id will do; so will the variable that the manifest names.
    let with_key = without.replace(
        "        with:\n",
        "        with:\n          render-api-key: ${{ secrets.KEY }}\n",
    );
    let with_variable = without.replace(
        "        with:\n",
        "        env: { RENDER_HOOK_JOB: x }\n        with:\n",
    );
    for workflow in [with_key, with_variable] {
        let run = usual(MANIFEST, &workflow).on_laptop(&["check"]);
        run.equal("exit", &run.exit, &0);
    }
}

#[test]
fn a_hook_for_a_service_that_there_is_not_is_an_error_in_the_workflow() {
    let run = usual(MANIFEST, &WORKFLOW.replace("job=", "jobs=")).on_laptop(&["check", "--json"]);
    let value = json(&run);
    assert_eq!((run.exit, &value["failure"]), (1, &"bad-manifest".into()));
    let first = &value["findings"][0];
    assert_eq!(
        (&first["remark"], &first["file"]),
        (
            &"hook-for-nobody".into(),
            &".github/workflows/ci.yml".into()
        )
    );
    assert_eq!((&first["line"], &first["column"]), (&7.into(), &9.into()));
}

#[test]
fn mistakes_are_told_at_once_and_as_json() {
    let wrong = MANIFEST
        .replace("paths:", "path:")
        .replace("  api:\n", "  api: { imaje: x }\n");
    let run = usual(&wrong, WORKFLOW).on_laptop(&["check", "--json"]);
    let value = json(&run);
    assert_eq!(
        (run.exit, &value["failure"], &value["errors"]),
        (2, &"bad-manifest".into(), &2.into())
    );
    assert_eq!(value["findings"][1]["remark"], "mistake");
}

#[test]
fn what_is_not_committed_yet_counts_on_a_laptop() {
    let world = usual(MANIFEST, WORKFLOW);
    std::fs::write(
        world.rooms.workspace.join(".github/deploy-manifest.yml"),
        MANIFEST.replace("libz", "docs"),
    )
    .unwrap();
    let run = world.on_laptop(&["check"]).says("no errors, no warnings");
    assert_eq!(run.exit, 0);
}

#[test]
fn without_a_manifest_or_a_checkout_the_request_is_wrong() {
    let run = laptop(&[("a", "")])
        .on_laptop(&["check"])
        .says("deploy-manifest.yml is not there")
        .says("init");
    assert_eq!(run.exit, 2);
    let run = World::new()
        .on_laptop(&["check"])
        .says("no git repository here");
    assert_eq!(run.exit, 2);
    let world = World::new();
    Repo::create(&world.rooms.workspace).write(".github/deploy-manifest.yml", MANIFEST);
    let run = world.on_laptop(&["check"]).says("there is no commit");
    assert_eq!(run.exit, 0, "{}", run.stderr);
}

#[test]
fn in_a_workflow_findings_are_annotations_on_the_manifest() {
    let with_slip = |text: &str| {
        text.replace(
            "\"services/web/**\"",
            "\"services/web/**\", \"servces/web/**\"",
        )
    };
    let world = World::new()
        .three_services_and(with_slip)
        .push_to_main(|repo| repo.write(".github/workflows/ci.yml", WORKFLOW));
    let run = world
        .run("check")
        .ended(1, "failed", "bad-manifest")
        .no_hooks();
    let places: Vec<String> = run
        .commands
        .iter()
        .filter(|command| ["error", "warning"].contains(&command.name.as_str()))
        .filter_map(|command| {
            Some(format!(
                "{}:{}",
                command.properties.get("file")?,
                command.properties.get("line")?
            ))
        })
        .collect();
    assert!(
        places.contains(&".github/deploy-manifest.yml:10".to_owned()),
        "{places:?}"
    );
    assert!(
        places.contains(&".github/workflows/ci.yml:7".to_owned()),
        "{places:?}"
    );
    let first = run.summary.lines().next().unwrap_or_default().to_owned();
    assert!(
        first.contains("Checked .github/deploy-manifest.yml: "),
        "{first}"
    );
    touched_nothing(&run);
}

#[test]
fn a_workflow_reads_the_commit_and_not_what_lies_there() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"));
    world.check_out();
    std::fs::write(
        world.rooms.workspace.join(".github/deploy-manifest.yml"),
        "version: 2",
    )
    .unwrap();
    world
        .run("check")
        .ended(0, "verified", "")
        .no_hooks()
        .says("no workflow here deploys");
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .checkout(Checkout::None);
    world
        .run("check")
        .expect_wrong_request("bad-manifest")
        .says("checkout");
}

#[test]
fn a_workflow_that_cannot_be_read_is_told_and_nothing_is_concluded_from_it() {
    let run = usual(MANIFEST, "jobs: [\n").on_laptop(&["check"]);
    assert_eq!(run.exit, 0);
    run.says(".github/workflows/ci.yml:").says("cannot be read");
}

#[test]
fn names_of_files_are_inert_wherever_they_stand() {
    let evil = "a\n::set-output name=tags::evil ##[group]";
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.write(".github/deploy-manifest.yml", MANIFEST)
        .write("api/a", "")
        .write(evil, "");
    repo.commit("x");
    let run = world.on_laptop(&["check", "--json"]);
    let value = json(&run);
    assert_eq!(
        value["files-of-nobody"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|own| own["path"] == evil)
            .count(),
        1
    );
    assert!(!run.stdout.contains("##["), "{}", run.stdout);
}

/// A set-up of which nothing is to be said: two services, two environments, two workflows and a composite action.
const GOOD: &[(&str, &str)] = &[
    (
        ".github/deploy-manifest.yml",
        "version: 1
environments:
  staging: { branch: main }
  production: { tag: \"prod-{number}\" }
images:
  api: { repository: \"ghcr.io/{owner}/api\", paths: [\"api/**\"] }
services:
  api:
  job: { image: api }
",
    ),
    (
        ".github/workflows/staging.yml",
        "on: { push: { branches: [main] } }
permissions: {}
jobs:
  deploy:
    permissions: { contents: read, packages: read, deployments: write }
    concurrency: { group: staging }
    environment: staging
    steps:
      - uses: acme/ghcr-to-render@v1
        with:
          image-timeout: 4m
          deploy-hooks: |
            api=${{ secrets.HOOK_API }}
            job=${{ secrets.HOOK_JOB }}
",
    ),
    (
        ".github/workflows/production.yml",
        "on: { push: { tags: ['prod-*'] } }
permissions: {}
jobs:
  deploy:
    permissions: { contents: read, packages: write, deployments: write }
    concurrency: { group: production }
    steps:
      - uses: ./.github/actions/live
        with: { where: production }
",
    ),
    (
        ".github/actions/live/action.yml",
        "inputs:
  where: { required: true }
runs:
  using: composite
  steps:
    - uses: acme/ghcr-to-render@v1
      with:
        environment: ${{ inputs.where }}
        deploy-hooks: |
          api=${{ secrets.HOOK_API }}
          job=${{ secrets.HOOK_JOB }}
",
    ),
    ("api/main.rs", ""),
];

const STAGING: &str = ".github/workflows/staging.yml";
const LIVE: &str = ".github/actions/live/action.yml";
const MANIFEST_FILE: &str = ".github/deploy-manifest.yml";

/// The findings of the good set-up with one text replaced: level, lint, file.
fn found(file: &str, before: &str, after: &str) -> Vec<(String, String, String)> {
    let files: Vec<(&str, String)> = GOOD
        .iter()
        .map(|(path, text)| {
            let text = if *path == file {
                assert!(text.contains(before), "{file} has no {before:?}");
                text.replace(before, after)
            } else {
                (*text).to_owned()
            };
            (*path, text)
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let run = laptop(&files).on_laptop(&["check", "--json"]);
    touched_nothing(&run);
    let value = json(&run);
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = value["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|finding| {
            (
                text(finding, "level"),
                text(finding, "remark"),
                text(finding, "file"),
            )
        })
        .collect()
}

#[test]
fn of_a_good_set_up_nothing_is_said() {
    assert_eq!(found("", "", ""), []);
}

#[test]
fn each_fault_of_a_set_up_is_found_by_name_and_place() {
    let table = [
        (
            STAGING,
            "acme/ghcr",
            "OWNER/ghcr",
            "warning",
            "owner-placeholder",
            STAGING,
        ),
        (
            LIVE,
            "acme/ghcr",
            "OWNER/ghcr",
            "warning",
            "owner-placeholder",
            LIVE,
        ),
        (
            STAGING,
            "branches: [main]",
            "branches: [master]",
            "error",
            "no-trigger",
            STAGING,
        ),
        (
            STAGING,
            "branches: [main]",
            "tags: ['v*']",
            "error",
            "no-trigger",
            STAGING,
        ),
        (
            STAGING,
            "on: { push: { branches: [main] } }",
            "on: workflow_dispatch",
            "warning",
            "no-trigger",
            STAGING,
        ),
        (
            ".github/workflows/production.yml",
            "prod-*",
            "v*",
            "error",
            "no-trigger",
            ".github/workflows/production.yml",
        ),
        (
            STAGING,
            "on: { push:",
            "on: { release: , push:",
            "error",
            "unsupported-event",
            STAGING,
        ),
        (
            LIVE,
            "          job=${{ secrets.HOOK_JOB }}\n",
            "",
            "error",
            "hook-missing-in-workflow",
            LIVE,
        ),
        (
            STAGING,
            "secrets.HOOK_JOB",
            "secrets.HOOK_API",
            "error",
            "same-secret-twice",
            STAGING,
        ),
        (
            STAGING,
            "image-timeout",
            "image-timout",
            "error",
            "unknown-input",
            STAGING,
        ),
        (
            STAGING,
            "image-timeout: 4m",
            "image-timeout: 5",
            "error",
            "bad-input-value",
            STAGING,
        ),
        (
            STAGING,
            "image-timeout: 4m",
            "force: everything",
            "error",
            "bad-input-value",
            STAGING,
        ),
        (
            STAGING,
            "${{ secrets.HOOK_JOB }}",
            "https://api.render.com/deploy/srv-a?key=x1y2z3w4",
            "error",
            "secret-in-workflow",
            STAGING,
        ),
        (
            STAGING,
            "contents: read, ",
            "",
            "error",
            "permission-missing",
            STAGING,
        ),
        (
            STAGING,
            ", deployments: write",
            "",
            "warning",
            "permission-missing",
            STAGING,
        ),
        (
            ".github/deploy-manifest.yml",
            "staging: { branch: main }",
            "staging: { branch: main, floating-tags: [staging] }",
            "warning",
            "permission-missing",
            STAGING,
        ),
        (
            STAGING,
            "    concurrency: { group: staging }\n",
            "",
            "warning",
            "no-concurrency",
            STAGING,
        ),
        (
            STAGING,
            "{ group: staging }",
            "{ group: staging, cancel-in-progress: true }",
            "warning",
            "deploy-can-be-cancelled",
            STAGING,
        ),
        (
            STAGING,
            "permissions: {}\n",
            "permissions: {}\nconcurrency: { group: all }\n",
            "warning",
            "concurrency-held-by-approval",
            STAGING,
        ),
        (
            STAGING,
            "jobs:\n",
            "jobs:\n  x: { uses: acme/flows/.github/workflows/x.yml@v1 }\n",
            "notice",
            "reusable-workflow-not-read",
            STAGING,
        ),
        (
            MANIFEST_FILE,
            "services:\n",
            "  web: { repository: \"ghcr.io/a/web\", paths: [\"**\"] }\nservices:\n",
            "warning",
            "image-unused",
            MANIFEST_FILE,
        ),
        (
            MANIFEST_FILE,
            "\"api/**\"",
            "\"api/**\", api",
            "warning",
            "directory-without-stars",
            MANIFEST_FILE,
        ),
        (
            MANIFEST_FILE,
            "\"api/**\"",
            "\"api/**\", apis",
            "warning",
            "pattern-matches-nothing",
            MANIFEST_FILE,
        ),
        (
            MANIFEST_FILE,
            "\"api/**\"",
            "\"api/*.md\", \"x\"",
            "error",
            "image-of-nothing",
            MANIFEST_FILE,
        ),
        (
            STAGING,
            "on:",
            "on: # ghcr-to-render: ignore[no-such]\n ",
            "warning",
            "unknown-lint",
            STAGING,
        ),
    ];
    for (file, before, after, level, lint, place) in table {
        let found = found(file, before, after);
        let wanted = (level.to_owned(), lint.to_owned(), place.to_owned());
        assert!(
            found.contains(&wanted),
            "{after:?}: no {wanted:?} in {found:?}"
        );
    }
}

#[test]
fn a_comment_silences_a_lint_by_its_name() {
    let named = "uses: acme/ghcr-to-render@v1 # ghcr-to-render: ignore[no-concurrency]";
    let without = "    concurrency: { group: staging }\n";
    let files: Vec<(&str, String)> = GOOD
        .iter()
        .map(|(path, text)| {
            (
                *path,
                text.replace(without, "")
                    .replace("uses: acme/ghcr-to-render@v1", named),
            )
        })
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let run = laptop(&files)
        .on_laptop(&["check"])
        .says("no errors, no warnings, 1 silenced");
    run.equal("exit", &run.exit, &0);
}

#[test]
fn each_finding_is_linked_to_its_section_in_the_actions_own_repository() {
    let run = usual(MANIFEST, WORKFLOW).on_laptop(&["check"]);
    run.says(
        "(https://github.com/acme/ghcr-to-render/blob/v1/docs/checks.md#pattern-matches-nothing)",
    );
}

#[test]
fn sarif_stands_alone_on_standard_output() {
    let world = usual(MANIFEST, WORKFLOW);
    let run = world.on_laptop(&["check", "--sarif"]);
    let log = json(&run);
    assert_eq!((run.exit, &log["version"]), (0, &"2.1.0".into()));
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "pattern-matches-nothing");
    assert_eq!(run.stdout.lines().count(), 1);
    let schema = jsonschema::validator_for(&sarif_schema()).expect("a schema");
    let errors: Vec<String> = schema
        .iter_errors(&log)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    // It is strict enough to see a mistake.
    let mut wrong = log.clone();
    wrong["runs"][0]["results"][0]["level"] = "bad".into();
    assert!(!schema.is_valid(&wrong));
}

/// What SARIF 2.1.0 wants of the objects that are written here, after OASIS's schema; nothing else may be in them.
fn sarif_schema() -> Value {
    let text = serde_json::json!({
        "type": "object",
        "properties": { "text": { "type": "string", "minLength": 1 } },
        "required": ["text"],
        "additionalProperties": false,
    });
    let uri = serde_json::json!({ "type": "string", "pattern": "^https://[!-~]+$" });
    let rule = serde_json::json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "pattern": "^[a-z0-9-]+$" },
            "shortDescription": text,
            "help": text,
            "helpUri": uri,
        },
        "required": ["id"],
        "additionalProperties": false,
    });
    let location = serde_json::json!({
        "type": "object",
        "properties": { "physicalLocation": {
            "type": "object",
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {
                        "uri": { "type": "string", "pattern": "^([A-Za-z0-9/._~-]|%[0-9A-F]{2})+$" },
                        "uriBaseId": { "const": "%SRCROOT%" },
                    },
                    "required": ["uri"],
                    "additionalProperties": false,
                },
                "region": {
                    "type": "object",
                    "properties": {
                        "startLine": { "type": "integer", "minimum": 1 },
                        "startColumn": { "type": "integer", "minimum": 1 },
                    },
                    "required": ["startLine"],
                    "additionalProperties": false,
                },
            },
            "required": ["artifactLocation", "region"],
            "additionalProperties": false,
        } },
        "additionalProperties": false,
    });
    let result = serde_json::json!({
        "type": "object",
        "properties": {
            "ruleId": { "type": "string" },
            "ruleIndex": { "type": "integer", "minimum": 0 },
            "level": { "enum": ["none", "note", "warning", "error"] },
            "message": text,
            "locations": { "type": "array", "items": location },
        },
        "required": ["message"],
        "additionalProperties": false,
    });
    let driver = serde_json::json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "semanticVersion": { "type": "string" },
            "informationUri": uri,
            "rules": { "type": "array", "items": rule, "uniqueItems": true },
        },
        "required": ["name"],
        "additionalProperties": false,
    });
    serde_json::json!({
        "type": "object",
        "properties": {
            "$schema": uri,
            "version": { "const": "2.1.0" },
            "runs": { "type": "array", "items": {
                "type": "object",
                "properties": {
                    "tool": {
                        "type": "object",
                        "properties": { "driver": driver },
                        "required": ["driver"],
                        "additionalProperties": false,
                    },
                    "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
                    "results": { "type": "array", "items": result },
                },
                "required": ["tool"],
                "additionalProperties": false,
            } },
        },
        "required": ["version", "runs"],
        "additionalProperties": false,
    })
}

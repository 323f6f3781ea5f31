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
    steps:
      - uses: OWNER/ghcr-to-render@v1
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
        .says("4 of 5 tracked files are nobody's")
        .says("docs/ (2 files)")
        .says("Checked .github/deploy-manifest.yml: no errors, 1 warning");
    assert_eq!((run.exit, run.stdout.as_str()), (0, ""));
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
        serde_json::json!([{ "path": ".github/", "files": 2 }, { "path": "docs/", "files": 2 }])
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
    assert_eq!((&first["line"], &first["column"]), (&5.into(), &9.into()));
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
        places.contains(&".github/workflows/ci.yml:5".to_owned()),
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

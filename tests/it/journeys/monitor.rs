//! The script of docs/workflows/monitor.yml, in bash, with a `gh` that keeps issues in files.

use super::examples::yaml;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use testworld::{Event, Run, World};

/// Issues, a file each. It knows only the calls that the script makes, and refuses every other.
const GH: &str = r#"#!/bin/bash
set -euo pipefail
wrong() { echo "gh: $*" >&2; exit 64; }
[ "${GH_TOKEN:-}" = token ] && [ "${GH_REPO:-}" = acme/shop ] || wrong "no token or repository"
case "$1 $2" in
  "issue list")
    [ "$3 $4 $5 $6 $7" = "--state open --author app/github-actions --search" ] || wrong "$@"
    [ "$8" = "\"$TITLE\" in:title" ] && [ "$9 ${10} ${11}" = "--json number,title --jq" ] || wrong "$@"
    { cat "$ISSUES"/*.json 2>/dev/null || true; } | jq -s 'map(select(.state == "open"))' | jq -r "${12}" ;;
  "issue create")
    [ "$3" = --title ] && [ "$5" = --body ] && [ "$#" = 6 ] || wrong "$@"
    number=$(( $(ls "$ISSUES" | wc -l) + 1 ))
    jq -n --arg title "$4" --arg body "$6" --argjson number "$number" \
      '{$number, $title, $body, state: "open", edits: 0}' >"$ISSUES/$number.json" ;;
  "issue edit")
    [ "$4" = --body ] && [ "$#" = 5 ] || wrong "$@"
    jq --arg body "$5" '.body = $body | .edits += 1' "$ISSUES/$3.json" >"$ISSUES/new"
    mv "$ISSUES/new" "$ISSUES/$3.json" ;;
  "issue close")
    [ "$4" = --comment ] && [ "$#" = 5 ] || wrong "$@"
    jq --arg comment "$5" '.state = "closed" | .comment = $comment' "$ISSUES/$3.json" >"$ISSUES/new"
    mv "$ISSUES/new" "$ISSUES/$3.json" ;;
  *) wrong "$@" ;;
esac
"#;

/// A repository's issues, and the script.
struct Monitor {
    directory: tempfile::TempDir,
    step: Value,
}

impl Monitor {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/workflows/monitor.yml");
        let workflow = yaml::read(&std::fs::read_to_string(path).expect("the workflow"));
        let steps = workflow["jobs"]["monitor"]["steps"]
            .as_array()
            .expect("steps")
            .clone();
        let step = steps.into_iter().find(|step| step["run"].is_string());
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join("issues")).expect("a directory");
        let gh = directory.path().join("gh");
        std::fs::write(&gh, GH).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&gh, mode).expect("a program");
        Self {
            directory,
            step: step.expect("a script"),
        }
    }

    /// Runs the script on what `status` found; `hours` is what a service may be behind.
    fn sees(&self, fleet: &str, hours: &str) {
        let directory = self.directory.path();
        let path = std::env::var("PATH").expect("a path");
        let mut command = Command::new("bash");
        command
            .args(["-c", self.step["run"].as_str().expect("a script")])
            .env_clear()
            .env("PATH", format!("{}:{path}", directory.display()))
            .env("ISSUES", directory.join("issues"));
        for (key, value) in self.step["env"].as_object().expect("variables") {
            let value = match key.as_str() {
                "GH_TOKEN" => "token",
                "GH_REPO" => "acme/shop",
                "FLEET" => fleet,
                "MOST_HOURS" => hours,
                "RUN" => "https://github.com/acme/shop/actions/runs/5",
                _ => value.as_str().expect("text"),
            };
            assert!(!value.contains("${{"), "{key}: {value}");
            command.env(key, value);
        }
        let ended = command.output().expect("bash");
        let told = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{told}");
    }

    fn issues(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.directory.path().join("issues")).expect("issues");
        let read = |entry: std::fs::DirEntry| {
            let text = std::fs::read_to_string(entry.path()).expect("an issue");
            serde_json::from_str(&text).expect("JSON")
        };
        let mut issues: Vec<Value> = entries.flatten().map(read).collect();
        issues.sort_by_key(|issue| issue["number"].as_u64());
        issues
    }
}

/// What `status` says of staging.
fn status(world: World) -> Run {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world.input("environment", "staging").run("status")
}

fn late(world: World) -> World {
    world.commit_on_main(|repo| {
        let count = repo.git(&["rev-list", "--count", "HEAD"]);
        repo.write("services/web/x", &count)
    })
}

#[test]
fn one_issue_is_opened_kept_up_to_date_and_closed() {
    let monitor = Monitor::new();
    let world = World::new().three_services();
    let world = world
        .push_to_main(|repo| repo.write("services/web/x", "0"))
        .images();
    let world = world.deploy().hooked(&["web"]).into_world();
    let run = status(world);
    monitor.sees(run.output("fleet"), "0");
    assert_eq!(monitor.issues().len(), 0, "everything is current");

    let run = status(late(run.into_world())).ended(0, "planned", "");
    monitor.sees(run.output("fleet"), "99999999");
    assert_eq!(
        monitor.issues().len(),
        0,
        "nothing has been behind for so long"
    );
    monitor.sees(run.output("fleet"), "0");
    let issues = monitor.issues();
    let [issue] = issues.as_slice() else {
        panic!("{issues:?}")
    };
    let body = issue["body"].as_str().expect("a body");
    assert!(
        body.contains("\n| staging | web | behind | 1 | 2"),
        "{body}"
    );
    assert!(
        !body.contains("api") && body.contains("/actions/runs/5"),
        "{body}"
    );

    let run = status(late(run.into_world()));
    monitor.sees(run.output("fleet"), "0");
    let issues = monitor.issues();
    let [issue] = issues.as_slice() else {
        panic!("{issues:?}")
    };
    assert_eq!(issue["edits"], 1);
    let body = issue["body"].as_str().expect("a body");
    assert!(body.contains("| staging | web | behind | 2 | 2"), "{body}");

    let world = run.into_world().input("environment", "");
    let world = world
        .push_to_main(|repo| repo.write("services/web/x", "end"))
        .images();
    let run = status(world.deploy().hooked(&["web"]).into_world());
    monitor.sees(run.output("fleet"), "0");
    assert_eq!(monitor.issues()[0]["state"], "closed");
    let comment = monitor.issues()[0]["comment"].to_string();
    assert!(comment.contains("Everything is deployed"), "{comment}");
    // A closed one stays closed.
    let run = status(late(run.into_world()));
    monitor.sees(run.output("fleet"), "0");
    let states: Vec<Value> = monitor
        .issues()
        .iter()
        .map(|issue| issue["state"].clone())
        .collect();
    assert_eq!(states, ["closed", "open"]);
}

#[test]
fn what_is_not_known_is_in_the_issue_at_once_and_what_is_held_is_not() {
    let monitor = Monitor::new();
    let row = |state: &str| {
        format!(
            r#"{{"environment":"staging","service":"{state}","state":"{state}","matters":null,"behind-since":null}}"#
        )
    };
    let states = ["current", "deploying", "drifting", "held"].map(row);
    monitor.sees(&format!("[{}]", states.join(",")), "24");
    assert_eq!(monitor.issues().len(), 0);
    monitor.sees(&format!("[{}]", row("unknown")), "24");
    let body = monitor.issues()[0]["body"].to_string();
    assert!(
        body.contains("| staging | unknown | unknown | ? | ? |"),
        "{body}"
    );
}

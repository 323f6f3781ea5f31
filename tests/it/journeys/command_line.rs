//! The command line as a person uses it: what goes to which stream, what a mistake says, and what the flags take.

use serde_json::Value;
use testworld::repo::git;
use testworld::{Repo, Run, World};

const MANIFEST: &str = "\
version: 1
environments: { staging: { branch: main } }
images:
  api: { repository: \"ghcr.io/{owner}/api\", paths: [\"api/**\", \"libz/**\"] }
services:
  api: {}
";

/// A clone of acme/shop with two commits, the second of which changes the image.
fn clone() -> World {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    repo.write("Dockerfile", "FROM scratch\nCOPY . .")
        .commit("what there is");
    repo.git(&["tag", "-a", "-m", "x", "before"]);
    repo.write("x", "1").commit("a change");
    world
}

/// Runs a command on a laptop, with an image that the world's registry would have.
fn with_image(world: World, line: &[&str]) -> Run {
    let (image, registry) = (world.repository("shop"), world.registry.host());
    let mut line = line.to_vec();
    line.extend(["--image", &image, "--registry", &registry]);
    world.on_laptop(&line)
}

fn with_manifest(text: &str) -> World {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.write(".github/deploy-manifest.yml", text)
        .write("api/x", "")
        .commit("what there is");
    world
}

#[test]
fn no_arguments_print_the_help_and_do_nothing() {
    let run = clone().on_laptop(&[]);
    assert_eq!((run.exit, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("Commands:\n  plan "), "{}", run.stdout);
    let run = clone().on_laptop(&["--base", "HEAD"]);
    assert_eq!((run.exit, run.stdout.as_str()), (2, ""));
    run.says("which command?");
}

#[test]
fn a_plan_is_on_standard_output_and_what_happens_meanwhile_is_not() {
    let run = with_image(clone(), &["plan"]);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("Plan\nCommit "), "{}", run.stdout);
    let last = run.stdout.lines().last().unwrap_or_default();
    assert!(last.starts_with("Planned: "), "{last}");
    assert!(
        run.stderr.contains("no manifest was found"),
        "{}",
        run.stderr
    );
}

#[test]
fn json_holds_objects_and_standard_output_nothing_else() {
    let run = with_image(clone(), &["plan", "--json"]);
    let value: Value = serde_json::from_str(&run.stdout).expect("one JSON value");
    assert_eq!(value["services"], serde_json::json!(["shop"]));
    assert_eq!(value["builds"], 1);
    assert_eq!(value["matrix"]["include"][0]["image"], "shop");
    assert_eq!(value["deploys"][0]["decision"], "deploy");
    assert!(value["json"]["labels"].is_object() && value["images"].is_object());
    assert!(value["fleet"].is_null() && value["outcome"] == "planned");
    run.says("Planned: ");
}

#[test]
fn a_revision_is_whatever_git_knows() {
    for base in ["HEAD~1", "before", "main~1", "HEAD^"] {
        let world = clone();
        let wanted = git(&world.rooms.workspace, &["rev-parse", "HEAD~1"]);
        let run = with_image(world, &["plan", "--base", base]);
        assert_eq!(run.exit, 0, "{base}: {}", run.stderr);
        assert!(
            run.stdout
                .contains(&format!("Compared with {}", wanted.trim())),
            "{base}: {}",
            run.stdout
        );
    }
    let run = with_image(clone(), &["plan", "--base", "nowhere", "--sha", "HEAD~9"]);
    assert_eq!((run.exit, run.stdout.as_str()), (2, ""));
    run.says("input base: git knows no commit \"nowhere\" here")
        .says("input sha: git knows no commit \"HEAD~9\" here");
    let run = World::new().on_laptop(&["plan", "--base", "HEAD"]);
    assert_eq!(run.exit, 2);
    run.says("there is no git repository here");
}

#[test]
fn a_mistake_shows_its_line_with_a_caret() {
    let world = with_manifest(&MANIFEST.replace("paths:", "path:"));
    let run = world.on_laptop(&["check"]);
    assert_eq!(run.exit, 2);
    let line = " 4 |   api: { repository: \"ghcr.io/{owner}/api\", path: [";
    assert!(run.stderr.contains(line), "{}", run.stderr);
    let caret = format!(
        "   | {}^\n",
        " ".repeat(line.find("path: [").unwrap_or(0) - 5)
    );
    assert!(run.stderr.contains(&caret), "{}", run.stderr);
    let run = with_manifest(MANIFEST).on_laptop(&["check"]);
    let finding = run.stdout.split("\"libz/**\" of image api").nth(1);
    let finding = finding.expect("the finding is on standard output");
    assert!(finding.contains(" 4 |   api: {") && finding.contains('^'));
}

#[test]
fn a_line_with_a_secret_in_it_is_not_shown() {
    let hook = "https://api.render.com/deploy/srv-abc?key=SECRETKEY";
    let world =
        with_manifest(&MANIFEST.replace("api: {}", &format!("api: {{ hook: \"{hook}\" }}")));
    let run = world.on_laptop(&["check"]);
    assert_eq!(run.exit, 2);
    for stream in [&run.stdout, &run.stderr] {
        assert!(!stream.contains("SECRETKEY"), "{stream}");
    }
    run.says("hook variable is \"***\"");
}

#[test]
fn outside_a_clone_the_hints_are_about_this_machine() {
    for (command, hint) in [
        ("check", "Run this in your clone."),
        (
            "plan",
            "Run this in a clone whose remote origin is on GitHub",
        ),
    ] {
        let run = World::new().on_laptop(&[command]);
        run.equal(command, &run.exit, &2);
        assert!(!run.stderr.contains("the job"), "{}", run.stderr);
        run.says(hint);
    }
    let run = clone().on_laptop(&["release"]);
    assert_eq!(run.exit, 2);
    run.says("Write it to a file and add --github-token @FILE.");
}

#[test]
fn a_flag_that_does_nothing_is_said() {
    let run = with_manifest(MANIFEST).on_laptop(&["check", "--base", "HEAD"]);
    assert_eq!(run.exit, 0);
    run.says("warning: --base has no effect on check");
}

#[test]
fn a_runner_has_one_log() {
    let world = World::new().three_services();
    let world = world.push_to_main(|repo| repo.write("services/api/x", "1"));
    let run = world.images().plan().expect_planned(["api"]);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains("::group::Plan\n"), "{}", run.stdout);
}

//! `init`: a starting manifest and workflow that `check` passes, and nothing that was there is touched.

use serde_json::Value;
use std::path::Path;
use testworld::{Repo, Run, World};

const MANIFEST: &str = ".github/deploy-manifest.yml";
const WORKFLOW: &str = ".github/workflows/deploy-to-render.yml";

fn laptop(files: &[(&str, &str)]) -> World {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.git(&["remote", "add", "origin", "git@github.com:Acme/Shop.git"]);
    for (path, text) in files {
        repo.write(path, text);
    }
    repo.commit("what there is");
    world
}

fn read(run: &Run, path: &str) -> String {
    std::fs::read_to_string(run.world.rooms.workspace.join(path))
        .unwrap_or_else(|_| run.fail(&format!("no {path}")))
}

fn written(run: &Run) -> Vec<String> {
    let inside = |path: &Path| {
        path.strip_prefix(&run.world.rooms.workspace)
            .expect("inside")
            .to_string_lossy()
            .into_owned()
    };
    run.left.iter().map(|(path, _)| inside(path)).collect()
}

const BLUEPRINT: &str = "
services:
  - { type: web, name: api, runtime: image, image: { url: 'ghcr.io/acme/api:latest' } }
  - { type: worker, name: jobs, runtime: docker, rootDir: jobs, buildFilter: { paths: [jobs/**, libs/**] } }
  - { type: web, name: site, runtime: static }
  - { type: pserv, name: old, runtime: python }
";

fn shop() -> World {
    laptop(&[
        ("render.yaml", BLUEPRINT),
        ("api/Dockerfile", "COPY . ."),
        ("api/main.rs", ""),
        ("jobs/Dockerfile", "COPY . ."),
        ("jobs/main.rs", ""),
        ("libs/a", ""),
    ])
}

#[test]
fn what_it_writes_passes_check() {
    let single = laptop(&[("Dockerfile", "FROM scratch\nCOPY src src"), ("src/a", "")]);
    let bare = laptop(&[("main.py", "")]);
    for world in [shop(), single, bare] {
        let run = world.on_laptop(&["init"]);
        run.equal("exit", &run.exit, &0);
        run.equal(
            "files",
            &written(&run),
            &vec![MANIFEST.to_owned(), WORKFLOW.to_owned()],
        );
        let (manifest, workflow) = (read(&run, MANIFEST), read(&run, WORKFLOW));
        assert!(
            manifest.contains("# decide") && workflow.contains("deploy-hooks: |"),
            "{manifest}{workflow}"
        );
        // What it cannot know is who the action's owner is.
        let begun = run.world.on_laptop(&["check"]).says("owner-placeholder");
        begun.equal("exit", &begun.exit, &1);
        let place = begun.world.rooms.workspace.join(WORKFLOW);
        std::fs::write(&place, workflow.replace("OWNER", "acme")).expect("a file");
        let checked = begun
            .world
            .on_laptop(&["check"])
            .says("no errors, no warnings");
        checked.equal("exit", &checked.exit, &0);
    }
}

#[test]
fn it_goes_by_what_is_there_and_says_what_it_left_out() {
    let run = shop()
        .on_laptop(&["init"])
        .says("left out: old of render.yaml: Render builds it itself (runtime python)");
    let manifest = read(&run, MANIFEST);
    for wanted in [
        "repository: \"ghcr.io/{owner}/api\"",
        "- \"api/**\"",
        "- \"jobs/**\"",
        "- \"libs/**\"",
        "build: { context: jobs }",
        "  jobs: # worker jobs of render.yaml\n    image: jobs",
    ] {
        assert!(manifest.contains(wanted), "{wanted}\n{manifest}");
    }
    let workflow = read(&run, WORKFLOW);
    assert!(
        workflow.contains("            jobs=${{ secrets.RENDER_HOOK_JOBS }}"),
        "{workflow}"
    );
    run.says("Make the secrets in the GitHub environment: RENDER_HOOK_API, RENDER_HOOK_JOBS")
        .says("1. Read the manifest");
}

#[test]
fn nothing_is_ever_overwritten() {
    let first = shop().on_laptop(&["init"]);
    let (manifest, workflow) = (read(&first, MANIFEST), read(&first, WORKFLOW));
    let again = first.world.on_laptop(&["init", "--json"]);
    assert_eq!((again.exit, written(&again).len()), (0, 0));
    assert_eq!(
        (read(&again, MANIFEST), read(&again, WORKFLOW)),
        (manifest, workflow)
    );
    let value: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        value,
        serde_json::json!({ "outcome": "nothing", "written": [], "kept": [MANIFEST, WORKFLOW], "next": [] })
    );
    // A workflow that uses the action already is the workflow.
    let world = shop();
    let own = world.rooms.workspace.join(".github/workflows/mine.yml");
    std::fs::create_dir_all(own.parent().unwrap()).unwrap();
    std::fs::write(
        own,
        "jobs: { a: { steps: [{ uses: o/ghcr-to-render@v1 }] } }",
    )
    .unwrap();
    let run = world
        .on_laptop(&["init"])
        .says("mine.yml exists already and is not changed");
    assert_eq!(written(&run), [MANIFEST]);
}

#[test]
fn a_link_is_not_written_through() {
    let world = shop();
    let outside = world.outside("elsewhere");
    std::fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, world.rooms.workspace.join(".github")).unwrap();
    let run = world.on_laptop(&["init"]);
    assert_ne!(run.exit, 0);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_dry_run_shows_what_it_would_write() {
    let run = shop()
        .on_laptop(&["init", "--dry-run", "true"])
        .says("Would write")
        .says("repository: \"ghcr.io/{owner}/api\"");
    assert_eq!((run.exit, written(&run).len()), (0, 0));
}

#[test]
fn it_works_from_a_directory_further_down() {
    let mut world = shop();
    let (root, below) = (
        world.rooms.workspace.clone(),
        world.rooms.workspace.join("api"),
    );
    world.rooms.workspace = below;
    let run = world.on_laptop(&["init"]);
    assert_eq!(run.exit, 0, "{}", run.stderr);
    assert!(root.join(MANIFEST).is_file() && !root.join("api/.github").exists());
}

#[test]
fn without_a_commit_there_is_nothing_to_go_by() {
    let world = World::new();
    Repo::create(&world.rooms.workspace);
    let run = world.on_laptop(&["init"]).says("commit");
    assert_eq!((run.exit, written(&run).len()), (2, 0));
}

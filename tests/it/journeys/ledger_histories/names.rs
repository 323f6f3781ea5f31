//! Histories 3, 4, 5 and 15: a service is its id, and equality is of each commit's own manifest.

use super::{
    BOTH, With, api_1, api_reverted, asked, at_once, begun, deploys, of, push, superseded,
};
use testworld::{Event, Kind, Repo, World};

const MANIFEST: &str = ".github/deploy-manifest.yml";

/// Changes the manifest's text, and the files of `api`.
fn edited(world: World, change: impl Fn(&str) -> String, files: fn(&Repo) -> &Repo) -> World {
    let path = world.origin.path().join(MANIFEST);
    let text = std::fs::read_to_string(path).expect("a manifest");
    let changed = change(&text);
    world.push_to_main(|repo| files(repo.write(MANIFEST, &changed)))
}

/// `api` is called `backend` from now on, in manifest and hooks.
fn renamed(world: World, files: fn(&Repo) -> &Repo) -> World {
    let change = |text: &str| {
        text.replace("  api: {}\n", "  backend: { image: api }\n")
            .replace("after: [api]", "after: [backend]")
    };
    hooks(edited(world, change, files), "backend").images()
}

/// `api` is called `api` again.
fn named_back(world: World, files: fn(&Repo) -> &Repo) -> World {
    let change = |text: &str| {
        text.replace("  backend: { image: api }\n", "  api: {}\n")
            .replace("after: [backend]", "after: [api]")
    };
    hooks(edited(world, change, files), "api").images()
}

/// The hook of `api` is that of the service of this name.
fn hooks(world: World, name: &str) -> World {
    let lines = [
        format!("{name}={}", world.hook("api")),
        format!("workers={}", world.hook("workers")),
        format!("web={}", world.hook("web")),
    ];
    world.input("deploy-hooks", &lines.join("\n"))
}

#[test]
fn a_service_that_was_renamed_and_renamed_back_serves_the_revert() {
    at_once(BOTH, |with| {
        let run = deploys(renamed(begun(with), api_1).deploy(), with, &["api"]);
        let index = run.world.github.index();
        assert!(
            index
                .iter()
                .any(|index| index.to_string().contains("staging/backend")),
            "{index:?}"
        );
        let world = named_back(run.into_world(), api_reverted);
        deploys(asked(world).deploy(), with, &["api"]);
    });
}

#[test]
fn an_older_commit_from_before_a_rename_is_superseded() {
    at_once(BOTH, |with| {
        let world = push(begun(with), api_1);
        let old = world.event.clone();
        let run = deploys(world.deploy(), with, &["api"]);
        let world = run.into_world();
        let world = renamed(world, |repo| repo.write("services/api/x", "2"));
        let run = deploys(world.deploy(), with, &["api"]);
        let world = hooks(of(run.into_world(), &old), "api");
        superseded(world.deploy());
    });
}

#[test]
fn names_that_go_back_and_forth_are_one_service() {
    at_once(BOTH, |with| {
        let run = deploys(renamed(begun(with), api_1).deploy(), with, &["api"]);
        let world = named_back(run.into_world(), |repo| repo.write("services/api/x", "2"));
        let old = world.event.clone();
        let run = deploys(world.deploy(), with, &["api"]);
        let world = renamed(run.into_world(), |repo| repo.write("services/api/x", "3"));
        let newest = world.event.clone();
        let run = deploys(world.deploy(), with, &["api"]);
        let world = hooks(of(run.into_world(), &old), "api");
        let run = superseded(world.deploy());
        let world = hooks(of(run.into_world(), &newest), "backend");
        world.deploy().expect_unchanged();
    });
}

#[test]
fn an_environment_that_was_renamed_has_the_same_services() {
    at_once(BOTH, |with| {
        let rename = |text: &str| text.replace("  staging:", "  stage:");
        let back = |text: &str| text.replace("  stage:", "  staging:");
        let world = edited(begun(with), rename, api_1).images();
        let run = deploys(world.deploy(), with, &["api"]);
        let world = edited(run.into_world(), back, api_reverted).images();
        deploys(asked(world).deploy(), with, &["api"]);
    });
}

#[test]
fn an_image_that_moved_to_another_repository_is_deployed() {
    let moved = |text: &str| text.replace("{owner}/api\"", "{owner}/api-next\"");
    let world = edited(begun(With::Hook), moved, |repo| repo);
    let world = world.image("api-next", Kind::Amd64).images();
    let next = format!(
        "{}@{}",
        world.repository("api-next"),
        world.digest("api-next")
    );
    let run = world.deploy().ended(0, "accepted", "");
    let run = run.hooked_with(&[("api", &next)]);
    let back = |text: &str| text.replace("{owner}/api-next\"", "{owner}/api\"");
    let world = edited(run.into_world(), back, |repo| repo).images();
    deploys(asked(world).deploy(), With::Hook, &["api"]);
}

#[test]
fn a_build_or_paths_that_change_alone_are_deployed() {
    let changes: [fn(&str) -> String; 2] = [
        |text| {
            text.replace(
                "paths: [\"services/web/**\"]",
                "paths: [\"services/web/**\"], build: { args: { A: 1 } }",
            )
        },
        |text| {
            text.replace(
                "paths: [\"services/web/**\"]",
                "paths: [\"services/web/**\", \"web.toml\"]",
            )
        },
    ];
    let cases = BOTH
        .iter()
        .flat_map(|with| changes.map(|change| (*with, change)));
    at_once(cases, |(with, change)| {
        let world = edited(begun(with), change, |repo| repo);
        let event = world.event.clone();
        let run = world.plan().expect_planned(["web"]);
        let builds = run.output("builds").to_owned();
        run.equal("builds", &builds, &"1".to_owned());
        let world = of(run.into_world(), &event).images();
        deploys(world.deploy(), with, &["web"]);
    });
}

/// One service of one image, without a manifest; what the first commit has serves.
fn without_manifest() -> World {
    let world = World::new().shorthand();
    let first = world.base();
    let world = world.image_tagged("shop", Kind::Amd64, &first, &[&first]);
    let mut seed = world.live("main", "shop", &first);
    (seed.digest, seed.platform) = (world.digest("shop"), world.platform("shop"));
    world.recorded(seed)
}

const ONE: &str = "version: 1\nenvironments:\n  staging: { branch: main }\nimages:\n  app: { repository: \"HOST/{owner}/shop\", paths: [main.txt] }\nservices:\n  app: {}\n";

/// From now on there is a manifest.
fn with_manifest(world: World, text: &'static str) -> World {
    let host = world.registry.host();
    let manifest = ONE.replace("HOST", &host);
    let hook = format!("app={}", world.hook("shop"));
    let world = world.input("deploy-hooks", &hook).input("deploy-hook", "");
    world
        .push_to_main(|repo| repo.write(MANIFEST, &manifest).write("main.txt", text))
        .image("shop", Kind::Amd64)
}

/// From now on there is none.
fn bare(world: World, text: &'static str) -> World {
    let hook = world.hook("shop");
    let world = world.input("deploy-hooks", "").input("deploy-hook", &hook);
    world
        .push_to_main(|repo| repo.delete(MANIFEST).write("main.txt", text))
        .image("shop", Kind::Amd64)
}

#[test]
fn a_manifest_that_comes_and_goes_renames_the_service() {
    let world = with_manifest(without_manifest(), "2");
    let run = deploys(world.deploy(), With::Hook, &["shop"]);
    // The tree is what it was at first, and the first commit's record has another name.
    let world = bare(run.into_world(), "shop");
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let world = world.input("environment", "main");
    deploys(world.deploy(), With::Hook, &["shop"]);
}

#[test]
fn a_late_commit_without_a_manifest_does_not_replace_what_the_tip_has() {
    // c1 removes the manifest, c2 changes the service, the tip restores both.
    let world = with_manifest(without_manifest(), "2");
    let run = deploys(world.deploy(), With::Hook, &["shop"]);
    let world = bare(run.into_world(), "2");
    let late = world.event.clone();
    let world = world.commit_on_main(|repo| repo.write("main.txt", "3"));
    let world = with_manifest(world, "2");
    let hook = world.hook("shop");
    let world = world.input("deploy-hooks", "").input("deploy-hook", &hook);
    superseded(of(world, &late).deploy());
}

#[test]
fn a_tip_without_the_service_or_with_a_manifest_that_cannot_be_read_supersedes() {
    for broken in [
        "version: 1\nenvironments: [\n",
        "version: 1\nenvironments:\n  staging: { branch: main }\n",
    ] {
        let world = push(begun(With::Hook), api_1);
        let late = world.event.clone();
        let world = world.commit_on_main(|repo| repo.write(MANIFEST, broken));
        superseded(of(world, &late).deploy());
    }
}

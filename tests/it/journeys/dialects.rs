//! What people really write, and what other tools really left: nothing of it deploys something else, or nothing, in silence.

use testworld::event::Event;
use testworld::{Kind, World};

/// A push that changes `web` alone.
fn web() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
}

fn web_and(change: impl FnOnce(&str) -> String) -> World {
    World::new()
        .three_services_and(change)
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
}

#[test]
fn a_pattern_of_another_dialect_stops_the_run_and_says_what_was_meant() {
    for (written, meant) in [
        ("services/+(web|api)/**", "services/{web,api}/**"),
        ("services/web{1..3}/**", "services/web{1,2,3}/**"),
        ("services/web/** ", "write services/web/**"),
        (
            "services/web/**,libs/**",
            "\"services/web/**\", \"libs/**\"",
        ),
    ] {
        let text = |text: &str| text.replace("services/web/**", written);
        web_and(text)
            .images()
            .deploy()
            .expect_wrong_request("bad-manifest")
            .says(meant);
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_said_by_the_deploy() {
    for (written, told) in [
        (
            "servces/web/**",
            "\"servces/web/**\" of image web matches no file",
        ),
        ("services/web", "write services/web/**"),
    ] {
        let text = |text: &str| {
            text.replace(
                "\"services/web/**\"",
                &format!("\"services/web/**\", \"{written}\""),
            )
        };
        web_and(text)
            .images()
            .deploy()
            .expect_accepted(["web"])
            .annotates("warning", told);
    }
}

#[test]
fn a_digest_without_its_prefix_never_deploys_the_tags_image() {
    let world = web().images();
    let digest = world.digest("web").replace("sha256:", "");
    let world = world.input("digest", &digest);
    world
        .deploy()
        .expect_wrong_request("bad-input")
        .says("write sha256: before it");
    let world = web().images();
    let named = format!("{}@{}", world.repository("web"), world.digest("web"));
    world
        .input("digest", &named)
        .deploy()
        .expect_accepted(["web"]);
}

#[test]
fn a_run_by_hand_on_another_branch_names_both() {
    let by_hand = || {
        let world = web().images();
        world.origin.git(&["branch", "feature"]);
        world
            .on_event(|world| Event::dispatch("refs/heads/feature", &world.origin.head()))
            .input("environment", "staging")
    };
    for command in ["plan", "verify", "deploy", "promote"] {
        by_hand()
            .run(command)
            .expect_wrong_request("bad-event")
            .says(
                "this run is on branch feature, and environment staging deploys from branch main",
            );
    }
    // Who names the commit has said what is meant.
    let world = by_hand();
    let commit = world.origin.head();
    world
        .input("sha", &commit)
        .run("plan")
        .ended(0, "planned", "");
}

#[test]
fn without_a_manifest_it_is_said_what_is_assumed() {
    let world = World::new().shorthand();
    let world = world.push_to_main(|repo| repo.write("main.txt", "2"));
    world
        .image("shop", Kind::Amd64)
        .deploy()
        .expect_accepted(["shop"])
        .says("no manifest was found (.github/deploy-manifest.yml in commit ")
        .says("one image, ")
        .says("and one service, shop, are assumed");
}

#[test]
fn without_a_manifest_hooks_of_several_services_stop_the_run() {
    let world = World::new().hooks(&["api", "web"]);
    let world = world.push_to_main(|repo| repo.write("main.txt", "2"));
    world
        .deploy()
        .expect_wrong_request("bad-manifest")
        .says("no manifest was found")
        .says("deploy-hooks names several services: api, web");
}

#[test]
fn an_image_under_a_tag_of_another_tool_is_named() {
    let tagged = |spell: &dyn Fn(&str) -> String, time: &str| {
        let world = web();
        let commit = world.commit();
        let tag = spell(&commit);
        world
            .image_tagged("web", Kind::Amd64, &commit, &[&tag])
            .input("image-timeout", time)
            .deploy()
            .expect_stopped("image-other-tag")
            .says(&tag);
    };
    tagged(&|commit| format!("sha-{commit}"), "60s");
    tagged(&|commit| format!("main-{}", &commit[..7]), "60s");
    // A spelling that nobody knows is found in the list of tags, when the time is nearly over.
    tagged(&|commit| format!("build-77-{}", &commit[..9]), "2s");
}

#[test]
fn row_67_a_revision_that_names_no_commit_is_a_warning() {
    let world = web();
    let commit = world.commit();
    for (label, warns) in [
        ("unknown", true),
        ("v0.1.0", true),
        ("${{ github.sha }}", true),
    ] {
        let world = web();
        let own = world.commit();
        let run = world
            .image_tagged("web", Kind::Amd64, label, &[&own])
            .deploy()
            .expect_accepted(["web"]);
        let told = run
            .annotations("warning")
            .iter()
            .any(|text| text.contains("names no commit"));
        run.equal("a warning", &told, &warns);
    }
    let dirty = format!("{commit}-dirty");
    let run = world
        .image_tagged("web", Kind::Amd64, &dirty, &[&commit])
        .deploy()
        .expect_accepted(["web"]);
    let told = run
        .annotations("warning")
        .iter()
        .any(|text| text.contains("revision"));
    run.equal("a warning", &told, &false);
}

#[test]
fn row_68_a_version_of_another_kind_is_no_release_of_ours() {
    let versions = |text: &str| text.replace("prod-{number}", "v{version}");
    for tag in ["v1.3.0-rc.1", "v1.3.0+b5", "v1.3", "v2"] {
        web_and(versions).push_tag(tag).deploy().expect_nothing();
    }
    web_and(versions)
        .push_tag("v01.3.0")
        .deploy()
        .ended(1, "refused", "bad-event");
}

#[test]
fn releases_come_from_every_branch_that_a_filter_takes_in() {
    let from = |text: &str| {
        text.replace(
            "\"prod-{number}\" }",
            "\"prod-{number}\", from: [\"release/*\", \"!release/old-*\"] }",
        )
    };
    let on = |branch: &str| {
        let world = web_and(from);
        world.origin.git(&["checkout", "-q", "-b", branch]);
        world.origin.write("services/web/main.txt", branch);
        world.origin.commit("a release");
        world.push_tag("prod-1").images().may_write()
    };
    on("release/1")
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
    for branch in ["release/old-1", "feature"] {
        on(branch)
            .deploy()
            .ended(1, "refused", "bad-event")
            .says("release/*");
    }
}

#[test]
fn an_event_that_is_refused_comes_with_the_lines_to_write() {
    let world = web().images();
    let tip = world.origin.head();
    world
        .on_event(|_| Event::other("release", &tip))
        .deploy()
        .expect_wrong_request("bad-event")
        .says("on: { push: { tags: [\"prod-*\"] } }");
}

#[test]
fn a_line_with_an_empty_secret_says_so_and_why_that_may_be() {
    let world = web().images();
    let lines = format!(
        "api={}\nworkers={}\nweb=",
        world.hook("api"),
        world.hook("workers")
    );
    world
        .input("deploy-hooks", &lines)
        .deploy()
        .expect_stopped("hook-missing")
        .says("it has a line in deploy-hooks, but the secret in it is empty")
        .says("fork's or Dependabot's");
}

#[test]
fn a_newline_behind_a_secret_is_no_part_of_it() {
    let world =
        World::new().three_services_and(|text| text.replace("web: {}", "web: { hook: WEB_HOOK }"));
    let (api, workers, hook) = (world.hook("api"), world.hook("workers"), world.hook("web"));
    world
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
        .input("deploy-hooks", &format!("api={api}\nworkers={workers}\n"))
        .variable("WEB_HOOK", &format!("{hook}\n"))
        .deploy()
        .expect_accepted(["web"]);
}

#[test]
fn unknown_names_come_with_the_nearest_and_all_others() {
    web()
        .images()
        .input("environment", "stagin")
        .deploy()
        .expect_wrong_request("bad-input")
        .says("did you mean staging? known: staging, production");
    web()
        .images()
        .input("services", "wob")
        .deploy()
        .expect_wrong_request("bad-input")
        .says("did you mean web? known: api, workers, web");
}

#[test]
fn each_wrong_input_has_a_line_of_its_own_and_is_told_once() {
    let run = web()
        .input("image-timeout", "5")
        .input("wait", "long")
        .deploy()
        .expect_wrong_request("bad-input");
    let shown = run.shown();
    for part in ["image-timeout is \"5\"", "wait: it is \"long\""] {
        run.equal(part, &shown.matches(part).count(), &1);
    }
    run.says("2 inputs are wrong");
}

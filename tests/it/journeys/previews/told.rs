//! The comment tells what there is of the pull request, whatever the last run did.

use super::unrecorded::{closed, comment, kept, opened_and_kept};
use super::{given, image, manifest, touch_both, world};
use testworld::{Event, Run, World};

const ADDRESS: &str = "(https://web-pr-7.onrender.com/)";

fn short(world: &World) -> String {
    world.commit()[..7].to_owned()
}

/// The comment has the preview's address, and says that it has this commit.
#[track_caller]
fn names(run: Run, commit: &str) -> Run {
    let body = comment(&run);
    let row = body.lines().find(|line| line.starts_with("| web |"));
    let row = row.unwrap_or_else(|| run.fail(&format!("no row: {body}")));
    let holds = row.contains(ADDRESS) && row.contains(&format!("`{commit}`"));
    run.ensure(holds, &format!("the comment has {row}"))
}

#[test]
fn the_address_stays_whatever_the_next_run_comes_to() {
    let run = given(opened_and_kept().deploy());
    let first = short(&run.world);
    let run = names(run, &first);
    let run = names(run.again().deploy().ended(0, "live", "").no_hooks(), &first);
    let run = run.again().input("freeze", "until Monday").deploy();
    let run = names(run.ended(0, "skipped", "").no_hooks(), &first);
    let world = run.again().input("freeze", "").input("services", "nope");
    let run = names(world.deploy().no_hooks(), &first);
    let world = run.into_world().input("services", "");
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .input("image-timeout", "1s");
    let run = world
        .deploy()
        .ended(1, "failed", "image-missing")
        .no_hooks();
    names(run, &first);
}

#[test]
fn jobs_of_one_workflow_write_the_same_comment() {
    let world = kept(world()).pull_request(7, touch_both);
    let world = world.images_of(&["api", "web"]).with_key();
    let world = world.input("comment", "true").input("services", "api");
    let run = world.deploy().ended(0, "live", "");
    let (api, web) = (image(&run.world, "api"), image(&run.world, "web"));
    let run = run.hooked_with(&[("api-pr-7", &api)]);
    let run = run.again().input("services", "web").deploy();
    let run = run.ended(0, "live", "").hooked_with(&[("web-pr-7", &web)]);
    let body = comment(&run);
    assert!(body.contains(ADDRESS) && body.contains("(https://api-pr-7.onrender.com/)"));
}

#[test]
fn a_change_that_was_dropped_leaves_a_commit_that_is_named() {
    let run = given(opened_and_kept().deploy());
    let first = short(&run.world);
    let world = run.into_world().push_to_pull_request(7, |repo| {
        repo.write("services/web/main.txt", "web")
            .write("other/x", "1")
    });
    let run = world.deploy().ended(0, "nothing", "").no_hooks();
    let body = comment(&names(run, &first));
    let sentence = format!("The preview of web still has commit `{first}`.");
    assert!(body.contains(&sentence), "{body}");
}

#[test]
fn a_suspended_preview_is_told_so() {
    let run = given(opened_and_kept().deploy());
    run.world.render.suspend("web-pr-7", "user");
    let run = run.again().deploy().no_hooks();
    let body = comment(&run);
    assert!(
        body.contains("| suspended; this run: failed (service-suspended) |"),
        "{body}"
    );
}

#[test]
fn a_sweep_tells_each_pull_request_of_its_own_leftovers() {
    let run = given(opened_and_kept().deploy());
    let mut world = closed(run, 7);
    world.origin.git(&["branch", "-q", "-D", "feature"]);
    world = world
        .pull_request(8, |repo| repo.write("services/web/main.txt", "eight"))
        .images_of(&["web", "api"]);
    let tag = format!("pr-8-{}", world.commit());
    let digest = world.digest("web");
    world
        .registry
        .ghcr()
        .tag_version("acme/web", "prod-8", &digest);
    world.github.pull(8, "closed");
    let mark = "<!-- ghcr-to-render:pull-request:v1 -->";
    world.github.comment(8, "github-actions[bot]", mark);
    let world = world.on_event(|world| Event::schedule(&world.origin.head()));
    let run = world.run("cleanup").ended(0, "verified", "");
    let of = |pull: u64| {
        let comments = run.world.github.comments();
        let mut own = comments.into_iter().filter(|comment| comment.pull == pull);
        own.next().expect("a comment").body
    };
    assert!(of(7).contains("### cleaned up\n"), "{}", of(7));
    assert!(
        !of(8).contains("cleaned up") && of(8).contains(&tag),
        "{}",
        of(8)
    );
    assert!(of(8).contains("it is also tagged prod-8"), "{}", of(8));
}

#[test]
fn cleaned_up_is_not_said_of_what_was_not_looked_into() {
    // A package of another repository, one that is not shown, and a template that does not say whose an image is.
    let spoiled: [fn(World) -> World; 3] = [
        |world| {
            world.github.linked_with("acme/other");
            world
        },
        |world| {
            for (digest, _) in world.registry.ghcr().versions("acme/api") {
                world.registry.ghcr().delete("acme/api", &digest);
            }
            world
        },
        |world| {
            let text = manifest().replace(
                "environments:",
                "tags: { pull-request: \"preview-{sha}\" }\nenvironments:",
            );
            let world = world.manifest(&text);
            world.origin.commit("another template");
            world
        },
    ];
    super::super::at_once(spoiled, |spoil| {
        let run = given(opened_and_kept().deploy());
        let event = run.world.event.clone().expect("an event");
        let world = spoil(closed(run, 7));
        let world = world.on_event(|world| {
            let head = world.origin.head();
            Event::merged_close(7, &head, &event.commit, &event.sha)
        });
        let run = world.run("cleanup");
        let body = comment(&run);
        assert!(body.contains("some images or previews remain"), "{body}");
    });
}

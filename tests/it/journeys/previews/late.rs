//! What changes between a look and an act: a pull request that is closed, opened again or tagged meanwhile, and a preview that is suspended.

use super::super::at_once;
use super::unrecorded::{closed, comment, has, kept, opened_and_kept, tag_of};
use super::{given, nothing_done, opened, touch_web, world};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testworld::{Image, Kind, World};

/// The pull request is closed, and then its build ends.
fn closed_while_it_builds() -> World {
    let world = world().pull_request(7, touch_web).with_key();
    let (github, registry) = (world.github.clone(), world.registry.clone());
    let commit = world.commit();
    let image = Image::make(Kind::Amd64, "web", &commit, "https://github.com/acme/shop");
    let close = move || github.pull(7, "closed");
    let build = move || registry.put("acme/web", &[format!("pr-7-{commit}")], &image);
    world
        .after(Duration::from_secs(2), close)
        .after(Duration::from_secs(6), build)
}

#[test]
fn a_pull_request_that_was_closed_while_its_image_was_built_gets_no_preview() {
    nothing_done(closed_while_it_builds().deploy())
        .ended(0, "superseded", "")
        .says("pull request 7 is closed");
}

#[test]
fn a_pull_request_that_is_closed_right_before_its_preview_is_made_gets_none() {
    let world = opened();
    let (seen, github) = (world.github.clone(), world.github.clone());
    let begun = move || !seen.preview_records().is_empty();
    let world = world.once(begun, move || github.pull(7, "closed"));
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    assert_eq!(run.world.github.preview_records()[0].state(), "error");
    assert!(run.world.render.previews().is_empty());
}

#[test]
fn a_run_that_is_repeated_after_the_close_makes_nothing() {
    let run = given(opened_and_kept().deploy());
    let event = run.world.event.clone();
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    let mut world = run.into_world().variable("GITHUB_RUN_ATTEMPT", "2");
    world.event = event;
    let world = world.image("web", Kind::Amd64);
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    assert!(run.world.render.previews().is_empty());
}

#[test]
fn a_run_of_a_head_that_is_no_longer_the_pull_requests_deploys_nothing() {
    let world = opened();
    let event = world.event.clone();
    let mut world = world.push_to_pull_request(7, |repo| {
        repo.write("services/web/main.txt", "pushed meanwhile")
    });
    world.event = event;
    nothing_done(world.deploy())
        .ended(0, "superseded", "")
        .says("pull request 7 is on the later commit");
}

#[test]
fn a_preview_that_is_suspended_is_not_told_live() {
    // A repetition, and another push.
    at_once([false, true], |is_pushed| {
        let run = given(opened().deploy());
        run.world.render.suspend("web-pr-7", "user");
        let world = if is_pushed {
            let world = run.into_world();
            let world =
                world.push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
            world.images_of(&["web"])
        } else {
            run.again()
        };
        let run = world.deploy().ended(1, "failed", "service-suspended");
        run.no_hooks().says("is suspended on Render (by user)");
    });
}

#[test]
fn a_release_tag_that_is_put_there_between_two_deletions_saves_its_version() {
    let world = kept(world()).pull_request(7, touch_web);
    let world = world.images_of(&["web"]).with_key();
    let run = given(world.deploy());
    let world = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
    let run = given(world.images_of(&["web"]).deploy());
    let world = closed(run, 7);
    let versions = world.registry.ghcr().versions("acme/web");
    let is_ours = |tags: &[String]| tags.iter().any(|tag| tag.starts_with("pr-7-"));
    let ours: Vec<String> = versions
        .into_iter()
        .filter(|(_, tags)| is_ours(tags))
        .map(|(digest, _)| digest)
        .collect();
    assert_eq!(ours.len(), 2);
    // Somewhat later than the first deletion, and long before the pause after it is over.
    let (looks, github) = (AtomicUsize::new(0), world.github.clone());
    let (registry, seen) = (world.registry.ghcr().clone(), world.github.clone());
    let holds = move || !seen.deleted().is_empty() && looks.fetch_add(1, Ordering::Relaxed) > 300;
    let act = move || {
        let left = ours
            .iter()
            .find(|digest| !github.deleted().contains(digest));
        registry.tag_version("acme/web", "prod-9", left.expect("the other version"));
    };
    let run = world
        .once(holds, act)
        .run("cleanup")
        .ended(0, "verified", "");
    let run = run.says("it has just been tagged prod-9");
    assert!(has(&run, "prod-9") && run.world.github.deleted().len() == 1);
}

#[test]
fn a_pull_request_that_is_opened_again_during_its_cleanup_keeps_its_images() {
    let run = given(opened_and_kept().deploy());
    let tag = tag_of(&run.world, 7);
    let world = closed(run, 7);
    let (render, github) = (world.render.clone(), world.github.clone());
    let holds = move || render.previews().is_empty();
    let world = world.once(holds, move || github.pull(7, "open"));
    let run = world.run("cleanup").ended(0, "verified", "");
    let run = run.says("pull request 7 is open again");
    assert!(has(&run, &tag) && !comment(&run).contains("cleaned up"));
}

//! Previews of which no record tells, or one that is not to be believed: Render's own list says what is there.

use super::super::at_once;
use super::{given, image, manifest, opened, touch_web, world};
use serde_json::json;
use testworld::github::Trouble;
use testworld::render::previews::PreviewAnswer;
use testworld::render::service_id;
use testworld::{Event, Kind, Run, World};

/// A world whose packages GitHub keeps, each with one image that is not a pull request's.
pub(super) fn kept(world: World) -> World {
    world.github.keep_packages(world.registry.ghcr());
    let head = world.base();
    ["api", "web"].iter().fold(world, |world, name| {
        world.image_tagged(name, Kind::Amd64, &head, &["latest"])
    })
}

/// A pull request that changes `web`, in such a world.
pub(super) fn opened_and_kept() -> World {
    let world = kept(world()).pull_request(7, touch_web);
    world
        .images_of(&["web"])
        .with_key()
        .input("comment", "true")
}

/// The pull request was closed, and its clean-up has every permission.
pub(super) fn closed(run: Run, number: u32) -> World {
    let event = run.world.event.clone().expect("an event");
    let world = run.into_world().input("record", "true");
    world.github.heal();
    world.github.pull(number, "closed");
    world.on_event(|world| {
        let head = world.origin.head();
        let mut close = Event::merged_close(number, &head, &event.commit, &event.sha);
        close.commit.clone_from(&event.commit);
        close
    })
}

pub(super) fn has(run: &Run, tag: &str) -> bool {
    run.world.registry.ghcr().tag("acme/web", tag).is_some()
}

pub(super) fn tag_of(world: &World, number: u32) -> String {
    format!("pr-{number}-{}", world.commit())
}

pub(super) fn comment(run: &Run) -> String {
    let comments = run.world.github.comments();
    comments
        .last()
        .map(|last| last.body.clone())
        .unwrap_or_default()
}

#[test]
fn a_preview_without_a_record_goes_before_its_image() {
    let denied = || opened_and_kept().github_trouble(Trouble::DeploymentsDenied);
    let without = || opened_and_kept().input("record", "false");
    at_once([denied(), without()], |world| {
        let run = given(world.deploy());
        assert!(run.world.github.preview_records().is_empty());
        let tag = tag_of(&run.world, 7);
        let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
        assert!(run.world.render.previews().is_empty() && !has(&run, &tag));
        assert!(comment(&run).contains("cleaned up"));
    });
}

#[test]
fn a_preview_that_another_app_recorded_goes_before_its_image() {
    let run = given(opened_and_kept().deploy());
    run.world.github.poison_preview("mallory", |_| {});
    let tag = tag_of(&run.world, 7);
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    assert!(run.world.render.previews().is_empty() && !has(&run, &tag));
}

#[test]
fn a_preview_that_cannot_be_proven_keeps_its_image_and_is_named() {
    let run = given(opened_and_kept().input("record", "false").deploy());
    run.world.render.hides_parents();
    let tag = tag_of(&run.world, 7);
    let run = closed(run, 7).run("cleanup").ended(0, "nothing", "");
    let id = &run.world.render.previews()[0].id;
    assert!(has(&run, &tag) && !comment(&run).contains("cleaned up"));
    let run = run.says(&format!("kept: preview web-pr-7 ({id})"));
    run.says("serves it");
}

#[test]
fn a_preview_of_a_service_that_the_manifest_lost_keeps_its_image_and_is_named() {
    // With its record, and without one.
    at_once(["true", "false"], |record| {
        let run = given(opened_and_kept().input("record", record).deploy());
        let tag = tag_of(&run.world, 7);
        let world = closed(run, 7);
        let manifest = manifest();
        let lost: Vec<&str> = manifest
            .lines()
            .filter(|line| !line.contains(&service_id("web")))
            .collect();
        let world = world.manifest(&lost.join("\n"));
        world.origin.commit("web is no service any more");
        let world = world.on_event(|world| Event::schedule(&world.origin.head()));
        let run = world.run("cleanup").ended(0, "nothing", "");
        let id = &run.world.render.previews()[0].id;
        assert!(has(&run, &tag));
        run.says(&format!("({id})"))
            .says("which no service of the manifest has as its id");
    });
}

#[test]
fn a_service_that_was_renamed_keeps_its_one_preview() {
    let run = given(opened_and_kept().deploy());
    let mut world = run.into_world();
    let text = manifest().replace("\n  web: { id:", "\n  site: { image: web, id:");
    world = world.manifest(&text);
    world.origin.commit("web is called site");
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    assert_eq!(run.world.render.previews().len(), 1);
    let tag = tag_of(&run.world, 7);
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    assert!(run.world.render.previews().is_empty() && !has(&run, &tag));
    let states = run.world.github.preview_records();
    assert!(states.iter().all(|record| record.state() == "inactive"));
}

#[test]
fn an_intent_that_is_open_keeps_its_image_until_the_next_cleanup() {
    let make = || {
        let run = given(opened_and_kept().deploy());
        let id = run.world.render.previews()[0].id.clone();
        run.world.render.delete(&id);
        run.world.github.forget_statuses();
        let tag = tag_of(&run.world, 7);
        let run = closed(run, 7).run("cleanup").ended(0, "nothing", "");
        assert!(has(&run, &tag) && !comment(&run).contains("cleaned up"));
        (run.says("the next clean-up looks again"), tag)
    };
    // It appears after all.
    let (run, tag) = make();
    let wanted = image(&run.world, "web");
    run.world.render.plant("web-pr-7", Some("web"), &wanted);
    let run = run.again().run("cleanup").ended(0, "verified", "");
    assert!(run.world.render.previews().is_empty() && !has(&run, &tag));
    // It never does.
    let (run, tag) = make();
    let run = run.again().run("cleanup").ended(0, "verified", "");
    assert!(!has(&run, &tag));
    assert_eq!(run.world.github.preview_records()[0].state(), "inactive");
}

#[test]
fn an_older_head_is_not_put_back_without_a_record() {
    let run = given(opened().input("record", "false").deploy());
    let event = run.world.event.clone();
    let world = run.into_world();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = given(world.deploy());
    let newer = image(&run.world, "web");
    let mut world = run.into_world().variable("GITHUB_RUN_ATTEMPT", "2");
    world.event = event;
    let world = world.image("web", Kind::Amd64);
    // Also with a token that reads no pull requests.
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    let event = run.world.event.clone();
    let mut world = run.into_world().github_trouble(Trouble::PullsDenied);
    world.event = event;
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    let live = run.world.render.previews()[0].live.clone();
    assert_eq!(live, Some(newer));
    run.annotates("warning", "give the job pull-requests: read");
}

#[test]
fn a_repetition_is_refused_where_nothing_says_what_the_pull_request_is_on() {
    let run = given(opened().input("record", "false").deploy());
    run.world.github.trouble(Trouble::PullsDenied);
    run.world.github.hide("refs/pull/7/head");
    let run = run.again().deploy().ended(1, "failed", "order-unknown");
    run.no_hooks().says("Give the job pull-requests: read");
}

#[test]
fn a_preview_that_render_renames_is_one_without_a_record_too() {
    let world = opened().input("record", "false");
    let answer = || PreviewAnswer::Renamed("web-pr-7-abcd");
    world.render.previews_answer([answer()]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let world = run.hooked_with(&[("web-pr-7", &wanted)]).into_world();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7-abcd", &wanted)]);
    assert_eq!(run.world.render.previews().len(), 1);
}

#[test]
fn a_record_that_names_another_pull_requests_preview_is_not_believed() {
    let run = given(opened_and_kept().deploy());
    let other = format!("{}@sha256:{}", run.world.repository("web"), "e".repeat(64));
    let id = run.world.render.plant("web-pr-12", Some("web"), &other);
    run.world
        .github
        .poison_preview("github-actions", |payload| payload["id"] = json!(id));
    let world = run.into_world();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    let left = run.world.render.previews();
    assert!(left.len() == 1 && left[0].id == id, "{left:?}");
    run.says("its name says that it is the preview of pull request 12");
}

#[test]
fn without_a_key_nothing_goes_that_a_preview_may_serve() {
    let run = given(opened_and_kept().input("record", "false").deploy());
    let tag = tag_of(&run.world, 7);
    let world = closed(run, 7).input("render-api-key", "");
    let run = world.run("cleanup").ended(0, "nothing", "");
    assert!(has(&run, &tag));
    run.says("without an API key that is not known");
}

#[test]
fn what_another_pull_requests_preview_serves_stays() {
    let run = given(opened_and_kept().deploy());
    let tag = tag_of(&run.world, 7);
    // Somebody gave the same bytes to the preview of pull request 12.
    let wanted = image(&run.world, "web");
    run.world.render.plant("web-pr-12", Some("web"), &wanted);
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    assert!(has(&run, &tag) && run.world.render.previews().len() == 1);
    run.says("web-pr-12 serves it");
}

#[test]
fn what_serves_is_asked_of_every_service_with_one_of_our_images() {
    let run = given(opened_and_kept().deploy());
    let tag = tag_of(&run.world, 7);
    let wanted = image(&run.world, "web");
    run.world.render.plant("by-hand", None, &wanted);
    let run = closed(run, 7).run("cleanup").ended(0, "verified", "");
    assert!(has(&run, &tag));
    assert!(run.world.render.previews().is_empty());
    run.says("by-hand serves it");
}

#[test]
fn a_second_preview_is_named() {
    let run = given(opened().input("record", "false").deploy());
    let wanted = image(&run.world, "web");
    let world = run.into_world();
    let second = world.render.plant("web-pr-7-x", Some("web"), &wanted);
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    run.annotates("warning", &format!("delete {second}"));
}

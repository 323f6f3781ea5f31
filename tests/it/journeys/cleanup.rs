//! What closed pull requests left is removed, and nothing else.

use serde_json::json;
use testworld::github::Trouble;
use testworld::github::record::{Seed, TASK};
use testworld::image::Document;
use testworld::{Event, Image, Kind, Run, World, ghcr};

const HEAD: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// Three services whose packages GitHub keeps; pull request 7 is closed, 12 is open.
fn world() -> World {
    let world = World::new().three_services();
    world.github.keep_packages(world.registry.ghcr());
    world.github.pull(7, "closed");
    world.github.pull(12, "open");
    for commit in [HEAD.to_owned(), HEAD.replace("4f", "5f"), "5".repeat(40)] {
        world.github.has_commit(&commit);
    }
    world.base();
    world
}

fn tag(number: u32) -> String {
    format!("pr-{number}-{HEAD}")
}

/// Pushes an image that differs from others by its name, under these tags of `api`, and gives its digest.
fn put(world: &World, name: &str, kind: Kind, tags: &[&str]) -> Image {
    let image = Image::make(kind, name, HEAD, "https://github.com/acme/shop");
    let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    world.registry.put("acme/api", &tags, &image);
    image
}

/// Something that keeps the package alive: its last version with a tag cannot be deleted.
fn with_latest(world: World) -> World {
    put(&world, "latest", Kind::Amd64, &["latest", "prod-1"]);
    world
}

/// Pull request 7 was merged.
fn merged(world: World) -> World {
    world.on_event(|world| {
        let head = world.origin.head();
        Event::merged_close(7, &head, &head, &head)
    })
}

fn scheduled(world: World) -> World {
    world.on_event(|world| Event::schedule(&world.origin.head()))
}

/// A merged pull request with one image of its own, and one that has a release's tag too.
pub(super) fn closed() -> World {
    let world = with_latest(world());
    put(&world, "ours", Kind::WithAttestations, &[&tag(7)]);
    put(
        &world,
        "shared",
        Kind::MultiArch,
        &[&tag(7).replace("4f", "5f"), "prod-2"],
    );
    merged(world)
}

/// What was its own is gone, and nothing else.
pub(super) fn is_clean(run: &Run) {
    let tagged = |name: &str| run.world.registry.ghcr().tag("acme/api", name).is_some();
    let found = (
        tagged(&tag(7)),
        tagged("prod-2"),
        tagged("latest"),
        gone(run).len(),
    );
    run.equal("what is there", &found, &(false, true, true, 1));
}

fn gone(run: &Run) -> Vec<String> {
    run.world.github.deleted()
}

fn has(run: &Run, digest: &str) -> bool {
    run.world
        .registry
        .ghcr()
        .versions("acme/api")
        .iter()
        .any(|(found, _)| found == digest)
}

#[test]
fn the_images_of_a_merged_pull_request_go_and_everything_else_stays() {
    let world = with_latest(world());
    let ours = put(&world, "ours", Kind::WithAttestations, &[&tag(7)]);
    let second = put(
        &world,
        "second",
        Kind::Amd64,
        &[&format!("pr-7-{}", "5".repeat(40))],
    );
    let shared = put(
        &world,
        "shared",
        Kind::MultiArch,
        &[&tag(7).replace("4f", "5f"), "prod-2"],
    );
    let other = put(&world, "other", Kind::Amd64, &[&tag(12)]);
    let longer = put(&world, "longer", Kind::Amd64, &[&tag(71)]);
    let run = merged(world)
        .run("cleanup")
        .ended(0, "verified", "")
        .no_hooks();
    let mut found = gone(&run);
    found.sort();
    let mut wanted = [ours.digest.clone(), second.digest];
    wanted.sort();
    run.equal("what was deleted", &found, &wanted.to_vec());
    for kept in [
        &shared.digest,
        &shared.platform,
        &other.digest,
        &longer.digest,
        &ours.platform,
    ] {
        assert!(has(&run, kept), "{kept} is gone");
    }
    let run = run
        .says("it is also tagged prod-2")
        .says("Cleaned up after pull request 7: 2 deleted, 1 kept");
    assert_eq!(
        run.world.registry.ghcr().tag("acme/api", "prod-2"),
        Some(shared.digest)
    );
    // Once more there is nothing to do.
    run.again()
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("Nothing to delete of pull request 7, 1 kept");
}

#[test]
fn what_is_recorded_anywhere_or_serves_stays_though_only_a_pull_requests_tag_is_on_it() {
    let make = || {
        let world = with_latest(world());
        let ours = put(&world, "ours", Kind::WithAttestations, &[&tag(7)]);
        (merged(world), ours)
    };
    for statuses in [
        vec![],
        vec![("failure", "failed")],
        vec![("success", "accepted")],
    ] {
        let (world, ours) = make();
        let seed = Seed::live("gone", "old", HEAD, "ghcr.io/acme/elsewhere", &ours.digest);
        let run = world
            .recorded(Seed { statuses, ..seed })
            .run("cleanup")
            .ended(0, "nothing", "");
        assert!(has(&run, &ours.digest) && gone(&run).is_empty());
        run.says("the record of gone/old names it");
    }
    let (world, ours) = make();
    let world = world.with_key();
    let image = format!("{}@{}", world.repository("api"), ours.digest);
    world.render.seed_live("api", &image);
    let run = world
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("api serves it");
    assert!(has(&run, &ours.digest));
    let (world, ours) = make();
    let world = world.with_key();
    world
        .render
        .image_path("api", &format!("{}:{}", world.repository("api"), tag(7)));
    let run = world
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("the settings of api name its tag");
    assert!(has(&run, &ours.digest));
    // Nobody can say what serves: Render, by a tag whose digest it does not name.
    let (world, ours) = make();
    let world = world.with_key();
    world.render.resolves_to("api", "");
    world
        .render
        .seed_live("api", &format!("{}:main", world.repository("api")));
    let run = world
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("Render names no digest");
    assert!(has(&run, &ours.digest));
    let (world, ours) = make();
    let run = world
        .input("record", "false")
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("what serves is not known");
    assert!(has(&run, &ours.digest));
}

#[test]
fn what_a_kept_index_is_made_of_stays() {
    // The inner index was pushed by its own tag first, and then put into another one.
    let world = with_latest(world());
    let nested = put(&world, "nested", Kind::Nested, &["prod-3"]);
    let [.., inner, _] = nested.manifests.as_slice() else {
        panic!("an index in an index")
    };
    let Document { digest: inner, .. } = inner;
    world
        .registry
        .ghcr()
        .tag_version("acme/api", &tag(7), inner);
    world
        .registry
        .ghcr()
        .tag_version("acme/api", &tag(7).replace("4f", "5f"), &nested.platform);
    let run = merged(world)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("it is a part of");
    assert!(has(&run, inner) && has(&run, &nested.platform) && gone(&run).is_empty());
}

#[test]
fn what_cannot_be_read_keeps_everything_and_is_told() {
    let make = || {
        let world = with_latest(world());
        put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        merged(world)
    };
    let run = make()
        .registry_trouble("api", ghcr::Trouble::Status(403))
        .run("cleanup")
        .ended(1, "failed", "image-denied");
    assert!(gone(&run).is_empty());
    run.says("needs could not be read");
    let run = make()
        .github_trouble(Trouble::RecordDown)
        .run("cleanup")
        .ended(1, "failed", "github-unavailable");
    assert!(gone(&run).is_empty());
    run.says("what else needs it is not known");
    let world = make().with_key();
    world.render.api_is_down(401);
    let run = world
        .run("cleanup")
        .ended(1, "failed", "permission-missing");
    assert!(gone(&run).is_empty());
}

#[test]
fn a_tag_that_is_put_there_in_the_meantime_saves_a_version() {
    let world = with_latest(world());
    let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    world
        .github
        .tag_meanwhile("acme/api", "prod-9", &ours.digest);
    let run = merged(world)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("it has just been tagged prod-9");
    assert!(has(&run, &ours.digest) && gone(&run).is_empty());
}

#[test]
fn a_release_that_is_damaged_all_the_same_fails_loudly() {
    let world = with_latest(world());
    put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    let release = put(&world, "release", Kind::Amd64, &["prod-2"]);
    world.github.lose("acme/api", &release.digest);
    let run = merged(world)
        .run("cleanup")
        .ended(1, "failed", "image-missing");
    run.says("tag prod-2 was on").annotates("error", "gone now");
}

#[test]
fn every_refusal_of_githubs_has_its_own_words() {
    // The only version with a tag.
    let alone = world();
    put(&alone, "ours", Kind::Amd64, &[&tag(7)]);
    let run = merged(alone)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("the last version of a package that has a tag");
    assert!(gone(&run).is_empty());
    let make = || {
        let world = with_latest(world());
        let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        (merged(world), ours)
    };
    let (world, ours) = make();
    world.github.loved(&ours.digest);
    world
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("more than 5,000 downloads");
    let (world, _) = make();
    world.github.is_no_admin();
    let run = world
        .run("cleanup")
        .ended(1, "failed", "permission-missing")
        .says("has no admin right on package acme/api");
    run.says("https://github.com/orgs/acme/packages/container/api/settings")
        .says("Manage Actions access");
    let (world, _) = make();
    world.github.may_not_write_packages();
    world
        .run("cleanup")
        .ended(1, "failed", "permission-missing")
        .says("packages: write, and the role Admin");
}

#[test]
fn a_persons_package_is_asked_for_at_the_persons() {
    let world = with_latest(world());
    world.github.is_a_users();
    let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    let run = merged(world).run("cleanup").ended(0, "verified", "");
    run.equal("what was deleted", &gone(&run), &vec![ours.digest]);
}

#[test]
fn row_74_another_repositorys_package_is_left_alone() {
    linked_with("acme/other");
}

/// The package is linked with that repository: it is left alone, and that is said.
pub(super) fn linked_with(repository: &str) {
    let world = with_latest(world());
    world.github.linked_with(repository);
    put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    let run = merged(world)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says(&format!("linked with {repository}"));
    assert!(gone(&run).is_empty());
}

#[test]
fn an_image_of_another_registry_is_left_alone() {
    let text = "version: 1\nenvironments: { staging: { branch: main } }\nimages:\n  api: { repository: \"registry.example.com/acme/api\", paths: [\"**\"] }\n";
    let world = World::new().manifest(text);
    world.github.keep_packages(world.registry.ghcr());
    world.github.pull(7, "closed");
    merged(world)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("registry.example.com is not this GitHub's registry");
}

#[test]
fn a_dry_run_lists_what_would_go_and_what_stays() {
    let world = with_latest(world());
    let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    put(
        &world,
        "shared",
        Kind::Amd64,
        &[&tag(7).replace("4f", "5f"), "prod-2"],
    );
    let run = merged(world)
        .input("dry-run", "true")
        .run("cleanup")
        .ended(0, "planned", "");
    assert!(has(&run, &ours.digest) && gone(&run).is_empty());
    run.says("would be deleted: api")
        .says("kept: api")
        .says("it is also tagged prod-2");
}

#[test]
fn a_sweep_cleans_up_after_those_that_are_closed() {
    let world = with_latest(world());
    let seventh = put(&world, "seventh", Kind::Amd64, &[&tag(7)]);
    let twelfth = put(&world, "twelfth", Kind::Amd64, &[&tag(12)]);
    // An issue's number, or nobody's.
    let nobodys = put(&world, "nobodys", Kind::Amd64, &[&tag(99)]);
    let both = put(
        &world,
        "both",
        Kind::Amd64,
        &[&tag(7).replace("4f", "5f"), &tag(12).replace("4f", "5f")],
    );
    let run = scheduled(world)
        .run("cleanup")
        .ended(0, "verified", "")
        .says("There is no pull request 99");
    run.equal("what was deleted", &gone(&run), &vec![seventh.digest]);
    for kept in [&twelfth, &nobodys, &both] {
        assert!(has(&run, &kept.digest));
    }
    run.says(&format!(
        "it is also tagged {}",
        tag(12).replace("4f", "5f")
    ));
}

#[test]
fn a_sweep_is_bounded_and_says_what_is_left() {
    let world = with_latest(world());
    for number in 200..252 {
        world.github.pull(number, "closed");
        put(
            &world,
            &format!("image {number}"),
            Kind::Amd64,
            &[&tag(number)],
        );
    }
    let run = scheduled(world)
        .input("dry-run", "true")
        .run("cleanup")
        .ended(0, "planned", "");
    run.says("2 pull requests are left for the next run")
        .says("50 to delete");
}

#[test]
fn a_dispatch_names_a_pull_request_that_has_to_be_closed() {
    let make = || {
        let world = with_latest(world());
        put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        put(&world, "other", Kind::Amd64, &[&tag(12)]);
        world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
    };
    let run = make()
        .input("pr-number", "7")
        .run("cleanup")
        .ended(0, "verified", "");
    assert_eq!(gone(&run).len(), 1);
    for (number, why) in [
        ("12", "pull request 12 is open"),
        ("99", "there is no pull request 99"),
    ] {
        make()
            .input("pr-number", number)
            .run("cleanup")
            .expect_wrong_request("bad-input")
            .says(why);
    }
}

#[test]
fn a_pull_request_that_is_open_is_left_alone() {
    let make = || {
        let world = with_latest(world());
        put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        world
    };
    // The run of the close is repeated after the pull request was opened again.
    let world = make();
    world.github.pull(7, "open");
    let run = merged(world)
        .run("cleanup")
        .expect_nothing()
        .says("pull request 7 is open again");
    assert!(gone(&run).is_empty());
    for action in ["opened", "synchronize", "labeled", "edited"] {
        let run = merged(make())
            .payload(|payload| payload["action"] = json!(action))
            .run("cleanup")
            .expect_nothing();
        assert!(gone(&run).is_empty());
    }
    let push = |world: &World| {
        Event::push(
            "refs/heads/main",
            &world.origin.head(),
            &world.origin.head(),
            &world.origin.head(),
        )
    };
    make()
        .on_event(push)
        .run("cleanup")
        .expect_nothing()
        .says("cleanup is for pull requests that are closed");
}

#[test]
fn a_forks_close_is_left_to_the_sweep() {
    let make = || {
        let world = with_latest(world());
        put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        merged(world)
    };
    let run = make()
        .of_a_fork()
        .run("cleanup")
        .expect_skipped()
        .annotates("warning", "a scheduled cleanup does it");
    assert!(gone(&run).is_empty());
    let run = make().payload(|payload| payload["sender"]["login"] = json!("dependabot[bot]"));
    run.run("cleanup").expect_skipped().says("Dependabot");
}

#[test]
fn a_close_still_asks_nothing_of_the_other_commands() {
    for command in ["deploy", "plan", "verify"] {
        merged(world()).run(command).expect_nothing();
    }
}

/// A record of a preview of `api` for pull request 7, as the run that made it wrote it down.
fn preview_record(
    world: &World,
    service: &str,
    id: Option<&str>,
    digest: &str,
    creator: &'static str,
) -> u64 {
    let seed = Seed {
        creator,
        // Without an id it was never ended.
        statuses: if id.is_some() {
            vec![("success", "live")]
        } else {
            Vec::new()
        },
        ..Seed::live("preview", service, HEAD, "", digest)
    };
    let repository = world.repository("api");
    world.github.plant_record(seed, |payload| {
        *payload = json!({"v": 1, "pr": 7, "service": service, "parent": "srv-api00000000000000000", "repository": repository,
            "digest": digest, "run": "1", "attempt": "1"});
        if let Some(id) = id {
            payload["id"] = json!(id);
        }
        TASK
    })
}

/// What a preview of `api` was made of, with the record of it; Render has the service itself.
fn previewed(parent: &str) -> (World, Image, String) {
    let world = with_latest(world()).with_key();
    let ours = put(&world, "ours", Kind::WithAttestations, &[&tag(7)]);
    let image = format!("{}@{}", world.repository("api"), ours.digest);
    let id = world.render.plant("api-pr-7", Some(parent), &image);
    preview_record(&world, "api", Some(&id), &ours.digest, "github-actions");
    (merged(world), ours, id)
}

fn state(run: &Run) -> String {
    run.world
        .github
        .records()
        .last()
        .expect("a record")
        .state
        .clone()
}

#[test]
fn the_preview_of_a_closed_pull_request_goes_and_then_its_image() {
    let (world, ours, id) = previewed("api");
    let run = world
        .run("cleanup")
        .ended(0, "verified", "")
        .says("deleted: preview api-pr-7");
    assert!(!run.world.render.has(&id) && !has(&run, &ours.digest));
    assert_eq!(state(&run), "inactive");
    let run = run.again().run("cleanup").ended(0, "nothing", "");
    assert_eq!(state(&run), "inactive");
    // A sweep finds a preview whose image is gone.
    let (world, ours, id) = previewed("api");
    world.registry.ghcr().delete("acme/api", &ours.digest);
    let run = scheduled(world).run("cleanup").ended(0, "verified", "");
    assert!(!run.world.render.has(&id));
}

#[test]
fn a_preview_that_is_gone_already_is_set_aside() {
    let (world, ours, id) = previewed("api");
    world.render.delete(&id);
    let run = world
        .run("cleanup")
        .ended(0, "verified", "")
        .says("is gone already");
    assert!(!has(&run, &ours.digest));
    assert_eq!(state(&run), "inactive");
}

#[test]
fn nothing_but_a_preview_of_the_manifests_service_is_deleted() {
    // A preview of another service.
    let (world, ours, id) = previewed("web");
    let run = world
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("its image is of another repository than the service's");
    assert!(run.world.render.has(&id) && has(&run, &ours.digest));
    run.says("api-pr-7 serves it");
    // No preview at all: the record names the service itself, or another one.
    for own in ["api", "web"] {
        let world = with_latest(self::world()).with_key();
        let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        let id = testworld::render::service_id(own);
        preview_record(&world, "api", Some(&id), &ours.digest, "github-actions");
        let run = merged(world)
            .run("cleanup")
            .ended(0, "nothing", "")
            .says("no preview");
        assert!(run.world.render.has(&id) && has(&run, &ours.digest));
    }
    // Somebody else wrote the record.
    let world = with_latest(self::world()).with_key();
    let ours = put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    let id = world.render.plant(
        "api-pr-7",
        Some("api"),
        &format!("{}@{}", world.repository("api"), ours.digest),
    );
    preview_record(&world, "api", Some(&id), &ours.digest, "mallory");
    world.render.hides_parents();
    let run = merged(world).run("cleanup").ended(0, "nothing", "");
    assert!(run.world.render.has(&id) && has(&run, &ours.digest));
    // No record says its id.
    let world = with_latest(self::world()).with_key();
    preview_record(
        &world,
        "api",
        None,
        &format!("sha256:{}", "1".repeat(64)),
        "github-actions",
    );
    let id = world.render.plant("api-pr-7", Some("api"), "x");
    let run = merged(world)
        .run("cleanup")
        .ended(0, "nothing", "")
        .says("no record names it");
    assert!(run.world.render.has(&id) && state(&run) == "open");
    // Nor is there a service of its name: it was never made.
    run.world.render.delete(&id);
    let run = run.again().run("cleanup").ended(0, "nothing", "");
    let looked = run.world.github.preview_records();
    assert_eq!(looked[0].state(), "in_progress");
    let run = run.again().run("cleanup").ended(0, "nothing", "");
    assert_eq!(state(&run), "inactive");
}

#[test]
fn without_a_key_a_preview_stays_with_its_image_and_a_dry_run_says_what_would_go() {
    let (world, ours, id) = previewed("api");
    let run = world
        .input("render-api-key", "")
        .run("cleanup")
        .ended(0, "nothing", "");
    assert!(run.world.render.has(&id) && has(&run, &ours.digest));
    run.annotates(
        "warning",
        "preview api-pr-7 stays on Render: give cleanup the API key",
    );
    let (world, ours, id) = previewed("api");
    let run = world
        .input("dry-run", "true")
        .run("cleanup")
        .ended(0, "planned", "")
        .says("would be deleted: preview api-pr-7");
    assert!(run.world.render.has(&id) && has(&run, &ours.digest));
    run.says("would be deleted: api");
}

#[test]
fn a_preview_that_cannot_be_deleted_keeps_its_image_and_fails_the_run() {
    let (world, ours, id) = previewed("api");
    world.github.trouble(Trouble::StatusesDenied);
    let run = world
        .run("cleanup")
        .ended(1, "failed", "permission-missing");
    assert!(
        !run.world.render.has(&id),
        "it was deleted, and only its record could not be ended"
    );
    assert!(has(&run, &ours.digest));
    let (world, ours, _) = previewed("api");
    world.render.api_is_down(403);
    let run = world
        .run("cleanup")
        .ended(1, "failed", "permission-missing");
    assert!(has(&run, &ours.digest));
}

#[test]
fn the_comment_is_edited_and_none_is_made_for_it() {
    let mark = "<!-- ghcr-to-render:pull-request:v1 -->";
    let make = || {
        let world = with_latest(world());
        put(&world, "ours", Kind::Amd64, &[&tag(7)]);
        let latest = Image::make(Kind::Amd64, "latest", HEAD, "https://github.com/acme/shop");
        for path in ["acme/workers", "acme/web"] {
            world.registry.put(path, &["latest".to_owned()], &latest);
        }
        merged(world).input("comment", "true")
    };
    let world = make();
    world.github.comment(7, "mallory", mark);
    world
        .github
        .comment(7, "github-actions[bot]", &format!("{mark}\n### live"));
    let run = world.run("cleanup").ended(0, "verified", "");
    let bodies: Vec<String> = run
        .world
        .github
        .comments()
        .into_iter()
        .map(|comment| comment.body)
        .collect();
    assert!(
        bodies[0] == mark && bodies[1].starts_with(&format!("{mark}\n### cleaned up\n")),
        "{bodies:?}"
    );
    assert!(
        make()
            .run("cleanup")
            .ended(0, "verified", "")
            .world
            .github
            .comments()
            .is_empty()
    );
    let world = make();
    world.github.comment(7, "github-actions[bot]", mark);
    let run = world
        .input("dry-run", "true")
        .run("cleanup")
        .ended(0, "planned", "");
    assert_eq!(run.world.github.comments()[0].edits, 0);
    // What stays is said.
    let world = make();
    world.github.comment(7, "github-actions[bot]", mark);
    put(
        &world,
        "shared",
        Kind::Amd64,
        &[&tag(7).replace("4f", "5f"), "prod-2"],
    );
    let run = world.run("cleanup").ended(0, "verified", "");
    assert!(
        run.world.github.comments()[0]
            .body
            .contains("### closed; some images or previews remain")
    );
}

#[test]
fn row_74_an_image_of_a_commit_that_this_repository_never_had_stays_and_it_is_said() {
    let foreign = format!("pr-7-{}", "9".repeat(40));
    stays(&foreign).says(&format!(
        "this repository never had the commit of {foreign}"
    ));
}

/// Pull request 7 is closed: an image with its tag goes, and one with that tag stays.
pub(super) fn stays(foreign: &str) -> Run {
    let world = with_latest(world());
    put(&world, "ours", Kind::Amd64, &[&tag(7)]);
    put(&world, "theirs", Kind::Amd64, &[foreign]);
    let run = merged(world).run("cleanup");
    let is_there = |tag: &str| run.world.tag("api", tag).is_some();
    assert!(is_there(foreign) && !is_there(&tag(7)), "{foreign}");
    run
}

//! What is looked at with an API key before the first hook, and services that need none.

use super::at_once;
use testworld::ghcr::Ghcr;
use testworld::render::service_id;
use testworld::{Answer, Kind, Registry, Run, World};

/// Services that come from an image each, with these ids in the manifest.
fn manifest(services: &[(&str, Option<&str>)]) -> String {
    let images = services.iter().map(|(name, _)| {
        format!("  {name}: {{ repository: \"HOST/{{owner}}/{name}\", paths: [\"services/{name}/**\"] }}\n")
    });
    let own = services.iter().map(|(name, id)| match id {
        Some(id) => format!("  {name}: {{ id: {{ staging: {id} }} }}\n"),
        None => format!("  {name}: {{}}\n"),
    });
    format!(
        "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n{}services:\n{}",
        images.collect::<String>(),
        own.collect::<String>()
    )
}

/// A push that changes every one of them.
fn pushed(world: World, services: &[(&str, Option<&str>)]) -> World {
    let world = world.manifest(&manifest(services)).push_to_main(|repo| {
        for (name, _) in services {
            repo.write(&format!("services/{name}/main.txt"), "1");
        }
        repo
    });
    services
        .iter()
        .fold(world, |world, (name, _)| world.image(name, Kind::Amd64))
}

/// The same, with their hooks.
fn hooked(world: World, services: &[(&str, Option<&str>)]) -> World {
    let names: Vec<&str> = services.iter().map(|(name, _)| *name).collect();
    pushed(world, services).hooks(&names)
}

/// A service of the manifest that has something wrong, what it is, the failure's word for it, and what is said of it.
type Wrong = (&'static str, fn(&World), &'static str, &'static str);

const WRONGS: &[Wrong] = &[
    (
        "paused",
        |world| world.render.suspend("paused", "billing"),
        "service-suspended",
        "paused is suspended on Render (by billing)",
    ),
    (
        "elsewhere",
        |world| {
            world
                .render
                .image_path("elsewhere", "docker.io/library/nginx:1")
        },
        "image-repository-differs",
        "elsewhere has image docker.io/library/nginx:1 on Render",
    ),
    (
        "pages",
        |world| world.render.kind("pages", "static_site"),
        "image-repository-differs",
        "pages is a static site",
    ),
    (
        "built",
        |world| world.render.built_from_git("built"),
        "image-repository-differs",
        "built is built from Git on Render",
    ),
    (
        "closed",
        |world| world.render.no_credential("closed"),
        "image-denied",
        "closed has no registry credential on Render",
    ),
    (
        "swapped",
        |_| {},
        "bad-input",
        "the deploy hook of swapped is of srv-swapped",
    ),
];

/// The id of a service that is on Render and not in the manifest.
fn other() -> String {
    service_id("other")
}

fn id_of<'a>(name: &str, other: &'a str) -> Option<&'a str> {
    (name == "swapped").then_some(other)
}

/// Nothing was asked of Render that changes anything, and nothing was written down.
fn untouched(run: Run) -> Run {
    let run = run.no_hooks();
    let posts = run
        .world
        .render
        .server
        .calls()
        .iter()
        .filter(|call| call.method != "GET")
        .count();
    let written = run
        .world
        .github
        .server
        .calls()
        .iter()
        .filter(|call| call.path.contains("/deployments"))
        .count();
    run.ensure(
        posts == 0 && written == 0,
        "something was sent, or recorded",
    )
}

#[test]
fn everything_that_is_wrong_is_told_together_and_nothing_is_sent() {
    let other = other();
    let mut services: Vec<(&str, Option<&str>)> = WRONGS
        .iter()
        .map(|(name, ..)| (*name, id_of(name, &other)))
        .collect();
    services.push(("fine", None));
    let mut world = hooked(World::new(), &services).with_key();
    world.new_hook("other");
    WRONGS.iter().for_each(|(_, spoil, ..)| spoil(&world));
    let mut run = untouched(world.deploy());
    for (.., text) in WRONGS {
        run = run.says(text).annotates("error", text);
    }
    let says_fine = run
        .annotations("error")
        .iter()
        .any(|text| text.contains("fine "));
    let found = (run.exit, run.output("outcome").to_owned());
    run.equal("exit code and outcome", &found, &(1, "refused".to_owned()));
    run.ensure(!says_fine, "something is said against fine");
}

#[test]
fn each_thing_that_is_wrong_has_its_word() {
    at_once(WRONGS, |(name, spoil, word, text)| {
        let other = other();
        let mut world =
            hooked(World::new(), &[("fine", None), (name, id_of(name, &other))]).with_key();
        world.new_hook("other");
        spoil(&world);
        untouched(world.deploy())
            .ended(1, "refused", word)
            .says(text)
            .says("nothing was sent");
    });
}

#[test]
fn without_a_key_settings_are_unknown_and_the_hook_answers_for_them() {
    let world = hooked(World::new(), &[("paused", None), ("fine", None)]);
    world.render.suspend("paused", "user");
    let run = world
        .deploy()
        .ended(1, "failed", "service-suspended")
        .hooked(&["paused", "fine"]);
    run.equal("fine", &run.service("fine")["status"], &"accepted".into());
}

#[test]
fn a_public_image_needs_no_credential_on_render() {
    let open = Registry::Ghcr(Ghcr::start(None));
    let world = hooked(World::on(open, None), &[("closed", None)]).with_key();
    world.render.no_credential("closed");
    world.deploy().ended(0, "live", "").hooked(&["closed"]);
}

#[test]
fn a_service_that_is_left_alone_is_not_looked_at() {
    let world = hooked(World::new(), &[("web", None), ("paused", None)]).with_key();
    world.render.suspend("paused", "user");
    let world = world
        .deploy()
        .ended(1, "refused", "service-suspended")
        .no_hooks()
        .into_world();
    let before = world.origin.head();
    for name in ["web", "paused"] {
        let seed = world.live("staging", name, &before);
        world
            .render
            .seed_live(name, &format!("{}@{}", seed.repository, seed.digest));
    }
    let world = world
        .deployed("staging", "web", &before)
        .deployed("staging", "paused", &before);
    let world = world
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .image("web", Kind::Amd64);
    world.deploy().ended(0, "live", "").hooked(&["web"]);
}

#[test]
fn a_key_that_is_of_no_use_is_named_as_that() {
    let table = [
        (401, "the API key is not valid"),
        (403, "the API key has no access to this service"),
    ];
    at_once(table, |(status, text)| {
        let world = hooked(World::new(), &[("web", None)]).with_key();
        world.render.api_is_down(status);
        let run = untouched(world.deploy())
            .ended(1, "failed", "permission-missing")
            .annotates("error", text);
        run.annotates("error", "API key");
    });
}

#[test]
fn a_service_of_another_workspace_is_named_as_that() {
    let elsewhere = service_id("elsewhere");
    let world = pushed(World::new(), &[("web", Some(&elsewhere))])
        .with_key()
        .never_deployed();
    let run = untouched(world.deploy()).ended(1, "failed", "permission-missing");
    run.annotates(
        "error",
        &format!("web: Render answered 404 for {elsewhere}"),
    )
    .says("another workspace than the API key");
}

#[test]
fn where_renders_api_does_not_say_nothing_is_sent() {
    // Not one of the answers that are waited out.
    let world = hooked(World::new(), &[("web", None)]).with_key();
    world.render.api_is_down(418);
    let run = untouched(world.deploy()).ended(1, "failed", "render-unavailable");
    run.annotates("warning", "it counts as changed")
        .annotates("error", "Render answered 418");
}

#[test]
fn an_api_that_stumbles_is_asked_again() {
    let world = hooked(World::new(), &[("web", None)]).with_key();
    world.render.api_trouble(2, 503);
    world.render.api_trouble(1, 429);
    let run = world.deploy().ended(0, "live", "").hooked(&["web"]);
    let unknown = run
        .annotations("warning")
        .iter()
        .any(|text| text.contains("it counts as changed"));
    run.ensure(!unknown, "it gave up asking");
}

#[test]
fn a_service_with_an_id_and_a_key_needs_no_hook() {
    let id = service_id("web");
    let world = || {
        let mut world = pushed(World::new(), &[("web", Some(&id))]);
        world.new_hook("web");
        world
    };
    let run = world()
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web"]);
    let by_hook = run
        .world
        .render
        .server
        .calls()
        .iter()
        .any(|call| call.path.starts_with("/deploy/"));
    let run = run.ensure(!by_hook, "a hook was called that nobody gave");
    run.equal(
        "live on Render",
        &run.world.render.live("web"),
        &Some(format!(
            "{}@{}",
            run.world.repository("web"),
            run.world.digest("web")
        )),
    );
    run.equal(
        "records",
        &run.world
            .github
            .records()
            .last()
            .map(|record| record.description.starts_with("live")),
        &Some(true),
    );
    world()
        .deploy()
        .ended(1, "refused", "hook-missing")
        .no_hooks()
        .says("RENDER_HOOK_WEB");
}

const OTHER_IMAGE: &str =
    r#"{"message":"only the image tag or digest can be updated when creating a deploy"}"#;

#[test]
fn what_the_api_answers_in_a_hooks_place_has_words_of_its_own() {
    let table = [
        (vec![Answer::Queued], "", "live"),
        (vec![Answer::Status(400)], "deploy-failed", "not sent"),
        (
            vec![Answer::Body(400, OTHER_IMAGE.into())],
            "image-repository-differs",
            "not sent",
        ),
        (vec![Answer::Status(401)], "permission-missing", "not sent"),
        (vec![Answer::Status(403)], "permission-missing", "not sent"),
        (vec![Answer::Status(404)], "permission-missing", "not sent"),
        (vec![Answer::Status(409)], "service-suspended", "not sent"),
        (vec![Answer::Status(429), Answer::Created], "", "live"),
        (vec![Answer::Status(503); 2], "render-unavailable", ""),
        (vec![Answer::Lost(None)], "", "live"),
    ];
    at_once(table, |(answers, failure, record)| {
        let id = service_id("web");
        let mut world = pushed(World::new(), &[("web", Some(&id))]).with_key();
        world.new_hook("web");
        let run = world.hook_answers("web", answers.clone()).deploy();
        let calls = vec!["web"; answers.len()];
        let (exit, outcome) = if failure.is_empty() {
            (0, "live")
        } else {
            (1, "failed")
        };
        let run = run.ended(exit, outcome, failure).hooked(&calls);
        let records = run.world.github.records();
        let last = records.last().expect("a record");
        let word = last.word();
        run.equal(&format!("the record after {answers:?}"), &word, &record);
        run.equal("open", &(last.state == "open"), &record.is_empty());
    });
}

#[test]
fn a_service_with_an_id_goes_although_another_one_has_neither_hook_nor_id() {
    let id = service_id("web");
    let mut world = pushed(World::new(), &[("api", None), ("web", Some(&id))]).with_key();
    // Both are on Render; their hooks are given to nobody.
    for service in ["api", "web"] {
        world.new_hook(service);
    }
    let run = world
        .input("on-missing-credential", "warn")
        .deploy()
        .hooked(&["web"]);
    assert_eq!(
        (run.exit, run.service("web")["status"].as_str()),
        (0, Some("live"))
    );
    assert_eq!(
        run.service("api")["reason"],
        "skipped: it has no deploy hook here"
    );
}

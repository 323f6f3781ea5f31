//! What GitHub, the registry and Render refuse, or cannot do: each sentence names the action, the object and what to do.

use super::at_once;
use serde_json::json;
use testworld::fault::{Fault, Faulty};
use testworld::github::Trouble;
use testworld::render::previews::PreviewAnswer;
use testworld::render::service_id;
use testworld::{Checkout, Event, Image, Kind, Repo, Run, World, ghcr};

/// The list of services.
const LIST: &str = "Render: GET /v1/services includePreviews limit";
/// The hint where a proxy wants a password.
const PROXY: &str = "user and password into HTTPS_PROXY";

fn touch(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "changed")
}

/// A pull request that changes `web`, which has previews of this service.
fn previewed(parent: &str) -> World {
    let mut world = World::new().three_services_and(|text| {
        let web = format!("  web: {{ id: {{ staging: {parent} }}, previews: staging }}");
        text.replace("  web: {}", &web)
    });
    world.new_hook("web");
    let world = world.pull_request(7, touch).image("web", Kind::Amd64);
    world.with_key()
}

fn opened() -> World {
    previewed(&service_id("web"))
}

/// The key may not do that, however often it is asked.
fn forbidden(world: World, kind: &str) -> World {
    world.faulty(&Faulty::new(kind, 1, Fault::Failing(403), true))
}

/// It ends so, and says this to people who read the error.
#[track_caller]
fn failed(run: Run, word: &str, texts: &[&str]) -> Run {
    run.settled();
    let run = run.ended(1, "failed", word);
    texts.iter().fold(run, |run, text| run.says(text))
}

/// A change of `web` on `main`.
fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
}

/// A merged pull request with an image of its own and, where it had one, its preview.
fn closed(world: World) -> World {
    world.github.pull(7, "closed");
    world.on_event(|world| {
        let head = world.origin.head();
        Event::merged_close(7, &head, &head, &head)
    })
}

/// The same whose package `api` GitHub keeps.
fn with_image() -> World {
    let world = World::new().three_services();
    world.github.keep_packages(world.registry.ghcr());
    let head = world.base();
    let image = Image::make(Kind::Amd64, "left", &head, "https://github.com/acme/shop");
    let world = world.image_tagged("api", Kind::Amd64, &head, &["latest"]);
    let tag = format!("pr-7-{head}");
    world.registry.put("acme/api", &[tag], &image);
    closed(world)
}

#[test]
fn a_key_that_may_not_list_services_is_told_so() {
    let run = forbidden(opened(), LIST).deploy();
    let texts = [
        "Render answered 403 for the list of services",
        "Give the API key the right to list the services",
    ];
    failed(run, "permission-missing", &texts).no_hooks();
}

#[test]
fn a_key_that_may_not_delete_a_preview_is_told_so() {
    let world = opened();
    world.github.keep_packages(world.registry.ghcr());
    let run = world.deploy().ended(0, "live", "");
    run.settled();
    let id = run.world.render.previews()[0].id.clone();
    let world = closed(run.into_world());
    let run = forbidden(world, "Render: DELETE /v1/services/*").run("cleanup");
    let refused = format!("it does not let the API key delete preview {id}");
    let run = failed(
        run,
        "permission-missing",
        &[&refused, "Delete the preview on Render"],
    );
    assert_eq!(run.world.render.previews().len(), 1);
}

#[test]
fn a_key_that_may_not_make_a_preview_and_a_parent_that_is_gone_are_told_apart() {
    let parent = service_id("web");
    let table = [
        (
            403,
            format!("the API key may not make a preview of {parent}"),
        ),
        (
            404,
            format!("it makes no preview of {parent}: there is no such service"),
        ),
        (
            410,
            format!("it makes no preview of {parent}: there is no such service"),
        ),
    ];
    at_once(table, |(status, text)| {
        let world = opened();
        let answer = PreviewAnswer::Status(status);
        world.render.previews_answer([answer]);
        failed(world.deploy(), "permission-missing", &[&text]);
    });
    // It was gone before the run.
    let gone = service_id("gone");
    let run = previewed(&gone).deploy();
    let text = format!("web: Render answered 404 for {gone}: there is no such service");
    let hint = "Compare the service's id in the manifest with the one on Render";
    failed(run, "permission-missing", &[&text, hint]).no_hooks();
}

#[test]
fn a_preview_that_is_deleted_while_a_run_goes_on_is_made_by_the_next() {
    let run = opened().deploy().ended(0, "live", "");
    run.settled();
    let id = run.world.render.previews()[0].id.clone();
    let world = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
    let world = world.images_of(&["web"]);
    let (seen, render, own) = (world.github.clone(), world.render.clone(), id.clone());
    let has_begun = move || seen.preview_records().len() == 2;
    let run = world.once(has_begun, move || render.delete(&own)).deploy();
    let text = format!("its preview {id} is not on Render any more");
    let run = failed(run, "deploy-failed", &[&text, "a new preview is made"]);
    let run = run.again().deploy().ended(0, "live", "");
    run.settled();
    assert_eq!(run.world.render.previews().len(), 1);
}

#[test]
fn a_server_error_of_renders_names_what_was_asked_for() {
    at_once([500, 503], |status| {
        let world = opened();
        world.render.api_is_down(status);
        let text = format!("Render answered {status} for service {}", service_id("web"));
        let texts = [text.as_str(), "https://status.render.com"];
        failed(world.deploy(), "render-unavailable", &texts).no_hooks();
    });
}

#[test]
fn a_server_error_of_a_companys_github_does_not_lead_to_githubs_status_page() {
    let mut world = pushed().github_trouble(Trouble::Status(500));
    world.checkout = Checkout::None;
    let run = failed(
        world.deploy(),
        "github-unavailable",
        &[
            "github does not answer for",
            "ask who runs your GitHub server",
        ],
    );
    let run = run.no_hooks();
    let leads = run.shown().contains("githubstatus");
    run.ensure(!leads, "it names another GitHub's page");
}

#[test]
fn a_proxy_that_wants_a_password_is_named_whoever_is_behind_it() {
    let mut to_github = pushed().github_trouble(Trouble::Status(407));
    to_github.checkout = Checkout::None;
    let to_registry = pushed().registry_trouble("web", ghcr::Trouble::Status(407));
    let to_render = opened();
    to_render.render.api_is_down(407);
    let table = [
        (
            to_github,
            "github-unavailable",
            "a proxy on the way to github",
        ),
        (
            to_registry,
            "registry-unavailable",
            "a proxy on the way to the registry",
        ),
        (
            to_render,
            "render-unavailable",
            "a proxy on the way answered 407",
        ),
    ];
    at_once(table, |(world, word, text)| {
        failed(world.deploy(), word, &[text, PROXY]).no_hooks();
    });
}

#[test]
fn what_the_registry_refuses_names_the_request_and_the_right_that_is_missing() {
    let table = [
        (401, "image-denied", "Manage Actions access"),
        (403, "image-denied", "Manage Actions access"),
        (404, "image-missing", "image-timeout"),
        (500, "registry-unavailable", "the registry's status page"),
    ];
    at_once(table, |(status, word, hint)| {
        let world = pushed().input("image-timeout", "1s");
        let world = world.registry_trouble("web", ghcr::Trouble::Status(status));
        let run = failed(world.deploy(), word, &["/acme/web", hint]);
        run.no_hooks();
    });
}

#[test]
fn a_package_that_is_not_readable_names_the_right_to_read_it() {
    let below = "GitHub: GET /orgs/acme/packages/container/api";
    let denied = Faulty::new(below, 1, Fault::Failing(403), true);
    let run = with_image().faulty(&denied).run("cleanup");
    let texts = ["package acme/api", "packages: read"];
    failed(run, "permission-missing", &texts);
    // GitHub says so of one that the token may not see, too.
    let hidden = |kind: &str| {
        let fault = Faulty::new(kind, 1, Fault::Failing(404), true);
        with_image().faulty(&fault).run("cleanup")
    };
    let run = hidden("GitHub: GET /orgs/acme/packages/container/api/versions per_page state");
    let run = run.ended(0, "nothing", "");
    let text = "GitHub shows this token no package acme/api: it is not there, or the job may not read it (packages: read)";
    run.says(text);
}

#[test]
fn a_pull_request_that_may_not_be_read_names_that_right() {
    let run = with_image()
        .github_trouble(Trouble::PullsDenied)
        .run("cleanup");
    let texts = ["read pull request 7", "pull-requests: read"];
    failed(run, "permission-missing", &texts);
}

#[test]
fn a_number_that_is_too_large_says_which_and_how_to_leave_it_out() {
    let world = opened().payload(|payload| {
        payload["number"] = json!(123_456);
        payload["pull_request"]["number"] = json!(123_456);
    });
    let run = world.deploy().expect_wrong_request("bad-event");
    let run = run.annotates("error", "pull request 123456 is not supported");
    run.says("github.event.pull_request.number < 100000");
}

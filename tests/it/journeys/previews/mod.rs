//! Previews: a pull request's own copy of a service on Render, made once, redeployed by digest, and never a second one.

mod finding;
mod late;
mod none;
mod told;
mod unrecorded;

use super::at_once;
use serde_json::json;
use std::time::Duration;
use testworld::github;
use testworld::render::previews::PreviewAnswer;
use testworld::render::{Fate, model::Why, service_id};
use testworld::{Kind, Repo, Run, World};

/// Two services with previews, and one that runs the same image and has none.
fn manifest() -> String {
    format!(
        "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n  \
         api: {{ repository: \"HOST/{{owner}}/api\", paths: [\"services/api/**\", \"libs/**\"] }}\n  \
         web: {{ repository: \"HOST/{{owner}}/web\", paths: [\"services/web/**\", \"libs/**\"] }}\nservices:\n  \
         api: {{ id: {{ staging: {} }}, previews: staging }}\n  \
         web: {{ id: {{ staging: {} }}, previews: staging }}\n  jobs: {{ image: api }}\n",
        service_id("api"),
        service_id("web")
    )
}

fn touch_web(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "changed")
}

fn touch_both(repo: &Repo) -> &Repo {
    repo.write("libs/x", "changed")
}

/// The repository, with its services on Render.
fn world() -> World {
    let mut world = World::new().manifest(&manifest()).files();
    for service in ["api", "web"] {
        world.new_hook(service);
    }
    world.deadline(Duration::from_secs(180))
}

/// A pull request that changes `web`, with its image and an API key.
pub(super) fn opened() -> World {
    world()
        .pull_request(7, touch_web)
        .images_of(&["web"])
        .with_key()
}

fn image(world: &World, name: &str) -> String {
    format!("{}@{}", world.repository(name), world.digest(name))
}

/// The one preview there is serves the pull request's image, and was given it in this run.
#[track_caller]
fn given(run: Run) -> Run {
    let wanted = image(&run.world, "web");
    let run = run
        .ended(0, "live", "")
        .hooked_with(&[("web-pr-7", &wanted)]);
    serves(run, &wanted)
}

#[track_caller]
fn serves(run: Run, wanted: &str) -> Run {
    let previews = run.world.render.previews();
    let shown: Vec<_> = previews
        .iter()
        .map(|preview| (preview.name.as_str(), preview.live.as_deref()))
        .collect();
    run.equal(
        "previews on Render",
        &shown,
        &vec![("web-pr-7", Some(wanted))],
    );
    run.equal(
        "previews",
        &run.json("previews"),
        &json!({"web": "https://web-pr-7.onrender.com/"}),
    );
    run
}

/// Nothing was made on Render, deployed or written down.
#[track_caller]
fn nothing_done(run: Run) -> Run {
    let run = run.no_hooks();
    let posts = run
        .world
        .render
        .server
        .calls()
        .iter()
        .filter(|call| call.method != "GET")
        .count();
    let records = run.world.github.preview_records().len();
    run.ensure(
        posts == 0 && records == 0,
        "something was made, or recorded",
    )
}

#[test]
fn a_pull_request_gets_a_preview_of_the_service_that_it_changes() {
    let run = given(opened().deploy());
    let row = run.service("web");
    assert_eq!(
        (row["decision"].as_str(), row["status"].as_str()),
        (Some("deploy"), Some("live"))
    );
    assert_eq!(
        (row["url"].as_str(), row["image"].as_str()),
        (Some("https://web-pr-7.onrender.com/"), Some("web"))
    );
    assert_eq!(row["digest"], json!(run.world.digest("web")));
    assert!(
        row["deploy"]
            .as_str()
            .is_some_and(|id| id.starts_with("dep-"))
    );
    assert_eq!(run.json("deploys").as_array().map(Vec::len), Some(1));
    assert_eq!(run.output("environment"), "");
    let records = run.world.github.preview_records();
    let [record] = records.as_slice() else {
        run.fail("not one record")
    };
    let id = &run.world.render.previews()[0].id;
    assert_eq!(record.environment, "preview/web");
    assert_eq!(record.commit, run.world.commit());
    assert_eq!(record.payload["pr"], 7);
    assert_eq!(record.payload["parent"], json!(service_id("web")));
    assert_eq!(record.payload["digest"], json!(run.world.digest("web")));
    let said: Vec<(&str, String)> = vec![
        ("in_progress", format!("made: {id}")),
        ("success", format!("live: {id}")),
    ];
    let found: Vec<(&str, String)> = record
        .statuses
        .iter()
        .map(|(state, text)| (state.as_str(), text.clone()))
        .collect();
    assert_eq!(found, said);
    assert_eq!(
        record.url.as_deref(),
        Some("https://web-pr-7.onrender.com/")
    );
    run.says("web-pr-7.onrender.com")
        .says("In the previews of pull request 7, 1 service is live: web");
}

#[test]
fn a_second_push_is_deployed_to_the_same_preview() {
    let world = given(opened().deploy()).into_world();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = given(world.deploy());
    let records = run.world.github.preview_records();
    assert_eq!(records.len(), 2);
    let id = &run.world.render.previews()[0].id;
    assert_eq!(records[1].payload["id"], json!(id));
    assert_eq!(
        records[1].statuses,
        [("success".to_owned(), format!("live: {id}"))]
    );
}

#[test]
fn each_service_has_a_preview_of_its_own() {
    let world = world()
        .pull_request(7, touch_both)
        .images_of(&["api", "web"])
        .with_key();
    let run = world.deploy().ended(0, "live", "");
    let (api, web) = (image(&run.world, "api"), image(&run.world, "web"));
    let run = run.hooked_with(&[("api-pr-7", &api), ("web-pr-7", &web)]);
    let wanted =
        json!({"api": "https://api-pr-7.onrender.com/", "web": "https://web-pr-7.onrender.com/"});
    assert_eq!(run.json("previews"), wanted);
    let parents: Vec<String> = run
        .world
        .render
        .previews()
        .into_iter()
        .map(|preview| preview.parent)
        .collect();
    assert_eq!(parents, [service_id("api"), service_id("web")]);
}

#[test]
fn services_may_be_restricted_and_others_pull_requests_have_others() {
    let world = world()
        .pull_request(7, touch_both)
        .images_of(&["api", "web"])
        .with_key()
        .input("services", "web");
    let run = given(world.deploy());
    let world = run.into_world();
    world.origin.git(&["branch", "-q", "-D", "feature"]);
    let world = world.pull_request(77, touch_web).images_of(&["web"]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-77", &wanted)]);
    assert_eq!(run.world.render.previews().len(), 2);
}

#[test]
fn a_repetition_makes_and_deploys_nothing() {
    let world = given(opened().deploy()).again();
    let run = world.deploy().ended(0, "live", "").no_hooks();
    let wanted = image(&run.world, "web");
    let run = serves(run, &wanted);
    assert_eq!(run.world.github.preview_records().len(), 1);
}

#[test]
fn render_may_refuse_a_preview_in_words_of_its_own() {
    let table = [
        (402, "deploy-failed", "billing and plan"),
        (400, "deploy-failed", "it refused to create the preview"),
        (409, "deploy-failed", "it refused to create the preview"),
        (403, "permission-missing", "may not make a preview"),
    ];
    at_once(table, |(status, word, text)| {
        let world = opened();
        world
            .render
            .previews_answer([PreviewAnswer::Status(status)]);
        let run = world.deploy().ended(1, "failed", word);
        let wanted = image(&run.world, "web");
        let run = run.hooked_with(&[("web-pr-7", &wanted)]).says(text);
        assert_eq!(run.world.github.preview_records()[0].state(), "error");
        assert_eq!(run.service("web")["status"], "failed");
    });
}

#[test]
fn a_limit_is_waited_out() {
    let world = opened();
    world.render.previews_answer([PreviewAnswer::Status(429)]);
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted), ("web-pr-7", &wanted)]);
    serves(run, &wanted);
}

#[test]
fn a_preview_that_does_not_go_live_is_explained_and_the_next_push_goes_to_it() {
    let world = opened();
    world
        .render
        .preview_ends(Fate::Fails("update_failed", Why::Unhealthy("503")));
    let run = world.deploy().ended(1, "failed", "unhealthy");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    assert_eq!(run.output("previews"), "{}");
    assert_eq!(run.world.github.preview_records()[0].state(), "failure");
    let world = run.into_world();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    given(world.deploy());
}

#[test]
fn a_name_that_render_changed_is_said_and_found_by_the_record() {
    let world = opened();
    world
        .render
        .previews_answer([PreviewAnswer::Renamed("web-pr-7-abcd")]);
    let run = world
        .deploy()
        .ended(0, "live", "")
        .annotates("warning", "another name than web-pr-7");
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
fn without_a_record_a_preview_is_found_by_its_name() {
    let trouble = |trouble: github::Trouble| opened().github_trouble(trouble);
    let worlds = [
        opened().input("record", "false"),
        trouble(github::Trouble::DeploymentsDenied),
        trouble(github::Trouble::RecordDown),
    ];
    at_once(worlds, |world| {
        let run = given(world.deploy());
        let warned = run
            .annotations("warning")
            .iter()
            .any(|text| text.contains("a cleanup does not find"));
        let world = run
            .ensure(warned, "what a missing record costs is not said")
            .into_world();
        assert!(world.github.preview_records().is_empty());
        let world =
            world.push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
        given(world.images_of(&["web"]).deploy());
    });
}

#[test]
fn an_older_head_never_replaces_a_newer_one_unless_the_branch_was_forced_back() {
    let run = given(opened().deploy());
    let first = run.world.commit();
    let world = run.again();
    let event = world.event.clone();
    let world = world
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"))
        .images_of(&["web"]);
    let run = given(world.deploy());
    let newer = image(&run.world, "web");
    let mut world = run.into_world();
    world.event = event;
    let world = world.image("web", Kind::Amd64);
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    assert_eq!(
        run.world.render.previews()[0].live.as_deref(),
        Some(newer.as_str())
    );
    let world = run.into_world().pull_request_is_on(7, &first);
    given(world.deploy());
}

#[test]
fn a_worker_has_a_preview_without_an_address() {
    let world = opened();
    world.render.kind("web", "background_worker");
    let run = world.deploy().ended(0, "live", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    assert_eq!(
        (run.output("previews"), run.service("web")["url"].as_str()),
        ("{}", Some(""))
    );
}

#[test]
fn accepted_is_said_of_what_was_not_waited_for() {
    let run = opened()
        .input("wait", "accepted")
        .deploy()
        .ended(0, "accepted", "");
    let wanted = image(&run.world, "web");
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    assert!(
        run.world.github.preview_records()[0].statuses[1]
            .1
            .starts_with("accepted")
    );
}

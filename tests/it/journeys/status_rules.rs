//! Single rules of `status`, each with a world in which it decides.

use serde_json::{Value, json};
use testworld::render::{Fate, model::Why};
use testworld::{Checkout, Event, Reply, Repo, Run, World};

fn touch_web(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "2")
}

fn deployed(world: World) -> World {
    let run = world.push_to_main(touch_web).images().deploy();
    run.settled();
    run.into_world()
}

/// What `status` says of one environment, or of all.
fn asked(world: World, environment: &str) -> Run {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world.input("environment", environment).run("status")
}

fn rows(run: &Run, environment: &str) -> Vec<Value> {
    let fleet = run.json("fleet");
    let rows = fleet.as_array().expect("an array").iter();
    let own = rows.filter(|row| row["environment"] == environment);
    own.cloned().collect()
}

fn web(run: &Run) -> Value {
    let mut rows = rows(run, "staging").into_iter();
    rows.find(|row| row["service"] == "web").expect("a row")
}

/// The usual repository; `web` has a probe with these keys behind its address.
fn probed(keys: &str) -> World {
    let mut world = World::new();
    let origin = world.site("web").server.origin();
    let probe = format!("  web: {{ probe: {{ url: \"{origin}/version\"{keys} }} }}");
    world.three_services_and(|text| text.replace("  web: {}", &probe))
}

#[test]
fn a_merge_counts_by_its_own_commits() {
    for checkout in [Checkout::Full, Checkout::None] {
        let world = deployed(World::new().three_services()).checkout(checkout);
        world.origin.git(&["checkout", "-q", "-b", "side"]);
        world.origin.write("services/web/y", "1").commit("for web");
        world.origin.git(&["checkout", "-q", "main"]);
        world.origin.write("docs/y", "1").commit("for nobody");
        let merge = ["merge", "-q", "--no-ff", "-m", "merge", "side"];
        world.origin.git(&merge);
        let row = web(&asked(world, "staging"));
        assert_eq!((&row["behind"], &row["matters"]), (&json!(3), &json!(1)));
    }
}

#[test]
fn more_commits_than_are_compared_are_counted_and_not_judged() {
    for checkout in [Checkout::Full, Checkout::None] {
        let world = deployed(World::new().three_services()).checkout(checkout);
        world.origin.write("services/web/y", "1").commit("for web");
        for number in 0..304 {
            world.origin.write("docs/y", &number.to_string());
            world
                .origin
                .git(&["commit", "-q", "-a", "--allow-empty", "-m", "next"]);
        }
        let row = web(&asked(world, "staging"));
        let wanted = (&json!(305), &Value::Null, &json!("behind"));
        assert_eq!((&row["behind"], &row["matters"], &row["state"]), wanted);
    }
}

#[test]
fn an_environment_has_the_services_of_its_own_tips_manifest() {
    let world = World::new().three_services().tagged("prod-1");
    let world = world.commit_on_main(|repo| {
        let path = ".github/deploy-manifest.yml";
        let text = std::fs::read_to_string(repo.path().join(path)).expect("the manifest");
        repo.write(path, &format!("{text}  late: {{ image: web }}\n"))
    });
    let run = asked(world, "");
    let count = ["production", "staging"].map(|name| rows(&run, name).len());
    assert_eq!(count, [3, 4]);
}

#[test]
fn only_an_image_that_cannot_be_pulled_is_about_the_registrys_credential() {
    let world = World::new().three_services().with_key();
    let world = world.push_to_main(touch_web).images();
    let fate = Fate::Fails("update_failed", Why::Exited(1));
    world.render.deploy_ends("web", fate);
    let run = world.deploy().ended(1, "failed", "exited").hooked(&["web"]);
    let run = asked(run.into_world(), "staging");
    let warnings = run.annotations("warning");
    let is_said = |text: &String| text.contains("registry credential");
    assert!(!warnings.iter().any(is_said), "{warnings:?}");
}

#[test]
fn text_that_every_image_answers_confirms_nothing() {
    let world = probed(", expect: ok").push_to_main(touch_web).images();
    world.sites[0].answers(|_, _| Reply::text(200, "ok"));
    let run = world.deploy().expect_accepted(["web"]);
    let run = asked(run.into_world(), "staging");
    assert_eq!(web(&run)["confirmed"], false);
}

#[test]
fn what_render_calls_live_and_the_service_never_answered_is_not_confirmed() {
    let world = probed(", timeout: 10s").with_key();
    let world = world.push_to_main(touch_web).images();
    world.sites[0].answers(|_, _| Reply::text(503, ""));
    let run = world.deploy().ended(1, "failed", "probe-failed");
    let run = asked(run.hooked(&["web"]).into_world(), "staging");
    assert_eq!(web(&run)["confirmed"], false);
}

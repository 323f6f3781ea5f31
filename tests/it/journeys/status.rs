//! `status`: what runs where, and how far that is behind. It writes nothing.

use serde_json::{Value, json};
use std::time::Duration;
use testworld::render::{Fate, model::Why};
use testworld::{Checkout, Event, Kind, Reply, Repo, Run, World};

fn touch_web(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "2")
}

/// The usual repository; `web` was deployed by a push that changed it, the others by their record.
fn deployed(world: World) -> World {
    let run = world.push_to_main(touch_web).images().deploy();
    run.settled();
    run.into_world()
}

/// `main` has one commit more, and nobody deployed it.
fn later(world: World, change: fn(&Repo) -> &Repo) -> World {
    world.commit_on_main(change)
}

/// The clock asks.
fn asked(world: World) -> Run {
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let before = world.github.records().len();
    let run = world.run("status");
    assert_eq!(
        run.world.github.records().len(),
        before,
        "it wrote a record"
    );
    run
}

fn row(run: &Run, environment: &str, service: &str) -> Value {
    let fleet = run.json("fleet");
    let is_it = |row: &&Value| row["environment"] == environment && row["service"] == service;
    let mut rows = fleet.as_array().expect("an array").iter();
    rows.find(is_it).expect("a row").clone()
}

#[test]
fn everything_is_current_once_it_was_deployed() {
    let world = deployed(World::new().three_services());
    let head = world.origin.head();
    let run = asked(world.input("environment", "staging"))
        .ended(0, "nothing", "")
        .no_hooks();
    let web = row(&run, "staging", "web");
    let mut keys: Vec<&String> = web.as_object().expect("an object").keys().collect();
    keys.sort();
    let wanted = [
        "behind",
        "behind-since",
        "commit",
        "confirmed",
        "digest",
        "environment",
        "matters",
        "release",
        "service",
        "since",
        "state",
        "url",
    ];
    assert_eq!(keys, wanted);
    assert_eq!(web["commit"], head);
    assert_eq!(web["digest"], run.world.digest("web"));
    assert_eq!((&web["behind"], &web["matters"]), (&json!(0), &json!(0)));
    assert_eq!(
        (&web["state"], &web["confirmed"]),
        (&json!("current"), &json!(false))
    );
    assert_eq!(
        (&web["behind-since"], &web["url"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        web["since"]
            .as_str()
            .is_some_and(|since| since.ends_with('Z')),
        "{web}"
    );
    // Its record is of the commit before, which is the same for it.
    let api = row(&run, "staging", "api");
    assert_eq!(
        (&api["behind"], &api["matters"], &api["state"]),
        (&json!(1), &json!(0), &json!("current"))
    );
}

#[test]
fn commits_that_matter_to_a_service_leave_it_behind() {
    for checkout in [Checkout::Full, Checkout::None] {
        let world = deployed(World::new().three_services()).checkout(checkout);
        let world = later(world, |repo| repo.write("services/web/x", "3"));
        let world = later(world, |repo| repo.write("docs/x", "1"));
        let world = later(world, |repo| repo.write("services/web/x", "4"));
        let world = world.input("environment", "staging");
        let run = asked(world).ended(0, "planned", "").no_hooks();
        let web = row(&run, "staging", "web");
        assert_eq!(
            (&web["behind"], &web["matters"], &web["state"]),
            (&json!(3), &json!(2), &json!("behind"))
        );
        assert!(web["behind-since"].is_string(), "{web}");
        let api = row(&run, "staging", "api");
        assert_eq!(
            (&api["matters"], &api["state"]),
            (&json!(0), &json!("current"))
        );
        let run = run.says("behind").ensure(true, "");
        assert!(
            run.summary.contains("| staging | web | behind |"),
            "{}",
            run.summary
        );
        assert!(
            run.output("summary").contains("1 behind of"),
            "{}",
            run.output("summary")
        );
    }
}

#[test]
fn the_exit_code_says_it_if_asked_and_json_is_one_object() {
    for (flags, exit) in [
        (&["status", "--json"][..], 0),
        (&["status", "--json", "--fail-behind"], 1),
    ] {
        let world = deployed(World::new().three_services()).input("environment", "staging");
        let world = later(world, |repo| repo.write("services/web/x", "3"));
        let world =
            world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
        let run = world.run_with("status", flags).no_hooks();
        assert_eq!(run.exit, exit, "{}", run.stdout);
        let printed = run
            .stdout
            .lines()
            .find(|line| line.starts_with("{\"outcome\""));
        let printed: Value = serde_json::from_str(printed.expect("a line of JSON")).expect("JSON");
        assert_eq!(printed["outcome"], "planned");
        assert!(
            printed["fleet"]
                .as_array()
                .is_some_and(|rows| rows.len() == 3),
            "{printed}"
        );
    }
    // Once everything is current there is nothing to fail for.
    let world = deployed(World::new().three_services()).input("environment", "staging");
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let run = world.run_with("status", &["status", "--fail-behind"]);
    run.ended(0, "nothing", "").no_hooks();
}

#[test]
fn an_environment_that_cannot_be_read_hides_no_other() {
    let world = deployed(World::new().three_services());
    let run = asked(world).ended(0, "planned", "").no_hooks();
    let production = row(&run, "production", "web");
    assert_eq!(
        (&production["state"], &production["commit"]),
        (&json!("unknown"), &Value::Null)
    );
    assert_eq!(row(&run, "staging", "web")["state"], "current");
    run.annotates("warning", "production: it has no release yet");
}

#[test]
fn a_probe_confirms_or_shows_drift() {
    for (is_right, state, confirmed) in [(true, "current", true), (false, "drifting", false)] {
        let mut world = World::new();
        let site = world.site("web");
        let origin = site.server.origin();
        let probe = format!("  web: {{ probe: {{ url: \"{origin}/version\" }} }}");
        let world = deployed(world.three_services_and(|text| text.replace("  web: {}", &probe)));
        if !is_right {
            site.answers(|_, _| Reply::text(200, "something else"));
        }
        let before = site.server.calls().len();
        let run = asked(world.input("environment", "staging")).no_hooks();
        let web = row(&run, "staging", "web");
        assert_eq!(
            (&web["state"], &web["confirmed"]),
            (&json!(state), &json!(confirmed))
        );
        assert_eq!(web["url"], format!("{origin}/version"));
        assert_eq!(site.server.calls().len(), before + 1);
    }
}

#[test]
fn with_a_key_render_says_what_is_live_and_what_comes() {
    let world = || {
        let world = World::new().three_services().with_key();
        deployed(world).input("environment", "staging")
    };
    let run = asked(world()).no_hooks();
    assert_eq!(row(&run, "staging", "web")["confirmed"], true);
    assert_eq!(row(&run, "staging", "web")["state"], "current");

    let drifting = world();
    let other = format!("{}@sha256:{}", drifting.repository("web"), "d".repeat(64));
    drifting.render.seed_live("web", &other);
    let run = asked(drifting).ended(0, "planned", "").no_hooks();
    let web = row(&run, "staging", "web");
    // Nobody knows of which commit it is.
    assert_eq!(
        (&web["state"], &web["commit"]),
        (&json!("unknown"), &Value::Null)
    );
    assert_eq!(web["digest"], format!("sha256:{}", "d".repeat(64)));

    let back = world();
    let first = back.live("staging", "web", &back.origin.git(&["rev-parse", "HEAD~1"]));
    back.render
        .roll_back("web", &format!("{}@{}", first.repository, first.digest));
    let run = asked(back).ended(0, "planned", "").no_hooks();
    assert_eq!(row(&run, "staging", "web")["state"], "drifting");

    let deploying = world();
    let image = format!(
        "{}@{}",
        deploying.repository("web"),
        deploying.digest("web")
    );
    deploying.render.stands_still();
    deploying.render.queue_behind("web", &image);
    let run = asked(deploying).ended(0, "planned", "").no_hooks();
    assert_eq!(row(&run, "staging", "web")["state"], "deploying");
}

#[test]
fn an_expired_registry_credential_is_a_warning() {
    let world = World::new()
        .three_services()
        .with_key()
        .push_to_main(touch_web)
        .images();
    let why = Why::Pull("unauthorized: authentication required");
    world
        .render
        .deploy_ends("web", Fate::Fails("build_failed", why));
    let run = world
        .deploy()
        .ended(1, "failed", "image-pull-failed")
        .hooked(&["web"]);
    let world = run.into_world().input("environment", "staging");
    let run = asked(world).ended(0, "planned", "").no_hooks();
    run.annotates("warning", "its registry credential may have expired");
}

#[test]
fn a_deploy_that_nobody_saw_the_end_of_is_under_way() {
    let world = World::new()
        .three_services()
        .push_to_main(touch_web)
        .images();
    let world = world.hook_answers("web", vec![testworld::Answer::Status(500); 2]);
    let run = world
        .deploy()
        .ended(1, "failed", "render-unavailable")
        .hooked(&["web", "web"]);
    let world = run.into_world().input("environment", "staging");
    let run = asked(world).ended(0, "planned", "").no_hooks();
    assert_eq!(row(&run, "staging", "web")["state"], "deploying");
}

/// Services of one image, in one environment.
fn many(count: usize) -> World {
    let names: Vec<String> = (0..count).map(|nth| format!("s{nth:03}s")).collect();
    let services: Vec<String> = names
        .iter()
        .map(|name| format!("  {name}: {{ image: api }}\n"))
        .collect();
    let manifest = format!(
        "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n  api: {{ repository: \"HOST/{{owner}}/api\", paths: [\"services/api/**\"] }}\nservices:\n{}",
        services.concat()
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    World::new()
        .manifest(&manifest)
        .hooks(&names)
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .image("api", Kind::Amd64)
        .deadline(Duration::from_secs(300))
}

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are what this test tells")]
fn two_hundred_services_take_few_requests_and_little_time() {
    for (count, most) in [(5, 4), (200, 8)] {
        let run = many(count).deploy().ended(0, "accepted", "");
        run.settled();
        let asked_before = run.world.github.server.calls().len();
        let world = later(run.into_world(), |repo| repo.write("services/api/x", "2"));
        let run = asked(world).ended(0, "planned", "").no_hooks();
        let requests = run.world.github.server.calls().len() - asked_before;
        let rows = run.json("fleet").as_array().expect("an array").len();
        println!(
            "{count} services: {requests} requests to GitHub in {:?}",
            run.took
        );
        assert_eq!(rows, count);
        assert!(requests <= most, "{requests}");
        assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
    }
}

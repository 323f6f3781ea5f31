//! The promise: what a run did not deploy, the next one does, whatever that one touches; and nothing is deployed twice or put back by accident.

use testworld::github::Trouble;
use testworld::github::record::Seed;
use testworld::render::{Fate, model::Why};
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Event, Kind, Repo, Run, World};

/// The usual repository; what its first commit has serves everywhere, by the record.
fn begun(change: fn(&Repo) -> &Repo) -> World {
    World::new()
        .three_services()
        .push_to_main(change)
        .images()
        .first_remembered()
}

fn next(run: Run, change: fn(&Repo) -> &Repo) -> World {
    run.into_world().push_to_main(change).images()
}

fn api(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "1")
}

fn web(repo: &Repo) -> &Repo {
    repo.write("services/web/x", "1")
}

fn docs(repo: &Repo) -> &Repo {
    repo.write("docs/x", "1")
}

/// Somebody asks for the tip of `main` in staging.
fn asked(run: Run) -> World {
    let world = run
        .into_world()
        .on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    world.input("environment", "staging")
}

/// What a first commit's bytes are called in the record and on Render.
fn before(world: &World, service: &str) -> String {
    let first = world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]);
    format!("{}@sha256:{first:0<64}", world.repository(service))
}

fn states(run: &Run) -> Vec<(String, String)> {
    let own = run.world.github.records().into_iter().skip(3);
    own.map(|record| (record.service, record.state)).collect()
}

fn state(service: &str, state: &str) -> (String, String) {
    (service.to_owned(), state.to_owned())
}

#[test]
fn a_run_that_was_evicted_from_the_queue_is_made_good_by_the_next() {
    // The run of the push to `web` never was. (polar#11961: a route that answered 404 for ten weeks.)
    let world = begun(web).push_to_main(api).images();
    world.deploy().expect_accepted(["api", "web"]);
}

#[test]
fn a_failed_run_is_made_good_by_the_next() {
    let run = begun(api)
        .hook_answers("api", [Answer::Status(401)])
        .deploy();
    let run = run.ended(1, "failed", "hook-denied").hooked(&["api"]);
    assert_eq!(states(&run), [state("api", "error")]);
    next(run, web).deploy().expect_accepted(["api", "web"]);
}

#[test]
fn a_run_that_found_no_image_is_made_good_by_the_next() {
    let world = World::new()
        .three_services()
        .push_to_main(api)
        .first_remembered()
        .input("image-timeout", "1s");
    next(world.deploy().expect_stopped("image-missing"), web)
        .deploy()
        .expect_accepted(["api", "web"]);
}

#[test]
fn a_cancelled_run_is_made_good_by_the_next() {
    let place = Place {
        kind: "Render: POST /deploy/* key imgURL".into(),
        nth: 1,
        moment: Moment::Unheard,
    };
    let world = begun(|repo| repo.write("libs/x", "1")).cancel_at(place, &["-TERM"], Then::Answers);
    let run = world.deploy().ended(1, "cancelled", "cancelled").no_hooks();
    assert_eq!(states(&run), [state("api", "open")]);
    next(run, web)
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
}

#[test]
fn a_revert_after_a_run_that_was_killed_is_deployed() {
    // The hook was called and the record not ended: the revert equals the last success, and not what may be live.
    let place = Place {
        kind: "GitHub: POST /deployments/*/statuses".into(),
        nth: 1,
        moment: Moment::Unheard,
    };
    let run = begun(api)
        .cancel_at(place, &["-KILL"], Then::Answers)
        .deploy()
        .hooked(&["api"]);
    assert_eq!((run.exit, states(&run)), (-1, vec![state("api", "open")]));
    next(run, |repo| repo.delete("services/api/x"))
        .deploy()
        .expect_accepted(["api"]);
}

#[test]
fn a_revert_of_what_failed_on_render_deploys_nothing() {
    let world = begun(api).with_key();
    for service in ["api", "workers", "web"] {
        world.render.seed_live(service, &before(&world, service));
    }
    world
        .render
        .deploy_ends("api", Fate::Fails("update_failed", Why::Exited(1)));
    let run = world.deploy().ended(1, "failed", "exited").hooked(&["api"]);
    assert_eq!(states(&run), [state("api", "failure")]);
    next(run, |repo| repo.delete("services/api/x"))
        .deploy()
        .expect_unchanged();
}

#[test]
fn a_finished_run_that_is_repeated_deploys_nothing_unless_a_person_forces_it() {
    let run = begun(api)
        .deploy()
        .expect_accepted(["api"])
        .again()
        .deploy()
        .expect_unchanged();
    let run = asked(run).deploy().expect_unchanged();
    let run = asked(run)
        .input("force", "unchanged")
        .input("services", "api")
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(
        states(&run),
        [state("api", "success"), state("api", "success")]
    );
}

#[test]
fn a_late_run_of_an_older_commit_is_superseded() {
    let late = begun(api);
    let (event, world) = (
        late.event.clone(),
        late.push_to_main(|repo| repo.write("services/api/x", "2"))
            .images(),
    );
    let mut world = world.deploy().expect_accepted(["api"]).into_world();
    world.event = event;
    let run = world.deploy().ended(0, "superseded", "").no_hooks();
    assert_eq!(run.service("api")["status"], "superseded");
    assert_eq!(states(&run), [state("api", "success")]);
}

#[test]
fn a_branch_that_is_forced_back_is_followed_back() {
    let run = begun(api).deploy().expect_accepted(["api"]);
    let (after, world) = (run.world.commit(), run.into_world());
    world.origin.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let world = world.on_event(|world| {
        let mut event = Event::push(
            "refs/heads/main",
            &after,
            &world.origin.head(),
            &world.origin.head(),
        );
        event.payload["forced"] = true.into();
        event
    });
    world.images().deploy().expect_accepted(["api"]);
}

#[test]
fn a_commit_that_was_forced_away_is_superseded() {
    let late = begun(api);
    let event = late.event.clone();
    let mut world = late
        .force_push(web)
        .images()
        .deploy()
        // What the branch was on before the push may have been deployed: nothing but a record of it says that it was not.
        .expect_accepted(["api", "web"])
        .into_world();
    world.event = event;
    world.deploy().ended(0, "superseded", "").no_hooks();
}

#[test]
fn what_services_left_out_is_made_good_later() {
    let run = begun(|repo| repo.write("infra/docker/x", "1"))
        .input("services", "web")
        .deploy()
        .expect_accepted(["web"]);
    let world = next(run, docs).input("services", "");
    world.deploy().expect_accepted(["api", "workers"]);
}

#[test]
fn a_skip_writes_nothing() {
    let run = begun(docs).deploy().expect_unchanged();
    assert!(states(&run).is_empty());
    assert!(
        run.world
            .github
            .server
            .calls()
            .iter()
            .all(|call| call.path == "/graphql"),
        "something was written"
    );
    let run = begun(api)
        .input("dry-run", "true")
        .deploy()
        .expect_verified();
    assert!(states(&run).is_empty());
    let run = begun(api)
        .input("freeze", "the books are being closed")
        .deploy()
        .expect_skipped();
    assert!(states(&run).is_empty());
    // What was frozen is made good.
    next(run, web)
        .input("freeze", "")
        .deploy()
        .expect_accepted(["api", "web"]);
}

#[test]
fn a_record_that_cannot_be_written_is_one_warning_and_no_obstacle() {
    let troubles = [
        Trouble::DeploymentsDenied,
        Trouble::Create(422),
        Trouble::Create(409),
        Trouble::Create(202),
    ];
    for trouble in troubles {
        let run = begun(|repo| repo.write("libs/x", "1"))
            .github_trouble(trouble)
            .deploy();
        let run = run.expect_accepted(["api", "workers"]);
        let warnings = run.annotations("warning");
        let told = warnings
            .iter()
            .filter(|text| text.contains("this run keeps no record of its deploys"));
        assert_eq!(
            (told.count(), states(&run)),
            (1, vec![]),
            "{trouble:?}: {warnings:?}"
        );
        // Nobody knows of it, so it is deployed again: too often is better than not at all.
        let world = run.into_world();
        world.github.heal();
        world
            .push_to_main(docs)
            .images()
            .deploy()
            .expect_accepted(["api", "workers"]);
    }
    let run = begun(api)
        .github_trouble(Trouble::StatusesDenied)
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(states(&run), [state("api", "open")]);
    run.says("its record stays open");
}

#[test]
fn a_record_that_cannot_be_read_hides_nothing() {
    for trouble in [Trouble::RecordDown, Trouble::GraphQl("FORBIDDEN")] {
        let run = begun(docs)
            .github_trouble(trouble)
            .deploy()
            .expect_accepted(["api", "workers", "web"]);
        run.annotates("warning", "every service counts as changed");
    }
}

#[test]
fn without_a_record_the_push_alone_decides_and_what_that_costs_is_said() {
    let run = begun(web)
        .push_to_main(api)
        .images()
        .input("record", "false")
        .deploy()
        .expect_accepted(["api"]);
    let run = run.annotates(
        "warning",
        "changes that a failed or cancelled run did not deploy are not",
    );
    assert!(states(&run).is_empty());
}

/// `api` was deployed, and then rolled back to what was there before.
fn rolled_back() -> Run {
    let run = begun(api).deploy().expect_accepted(["api"]);
    let (first, from) = (
        run.world.origin.git(&["rev-parse", "HEAD~1"]),
        run.world.commit(),
    );
    let seed = Seed {
        kind: "rollback",
        from: Some(from),
        ..run.world.live("staging", "api", &first)
    };
    run.world.github.seed_record(seed);
    run
}

#[test]
fn a_rollback_holds_until_something_else_comes() {
    let run = rolled_back()
        .again()
        .deploy()
        .ended(0, "held", "")
        .no_hooks();
    assert_eq!(run.service("api")["status"], "held");
    // Something else of another service does not lift it.
    let run = next(run, web)
        .deploy()
        .ended(0, "accepted", "")
        .hooked(&["web"])
        .annotates("warning", "holds api");
    assert_eq!(run.service("api")["status"], "held");
    next(run, |repo| repo.write("services/api/x", "2"))
        .deploy()
        .expect_accepted(["api"]);
    // A person may lift it.
    let run = rolled_back();
    let run = asked(run).deploy().ended(0, "held", "").no_hooks();
    let run = asked(run)
        .input("force", "held")
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(
        run.world.github.records().last().unwrap().force,
        "held",
        "it is recorded that a rule was set aside"
    );
}

#[test]
fn a_rollback_in_the_dashboard_holds_with_a_key() {
    let world = begun(api).with_key();
    for service in ["api", "workers", "web"] {
        world.render.seed_live(service, &before(&world, service));
    }
    let run = world.deploy().ended(0, "live", "").hooked(&["api"]);
    run.world
        .render
        .roll_back("api", &before(&run.world, "api"));
    let run = next(run, web)
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web"]);
    assert_eq!(
        (
            run.service("api")["status"].clone(),
            run.service("web")["status"].clone()
        ),
        ("held".into(), "live".into())
    );
}

#[test]
fn what_was_accepted_and_never_confirmed_is_said_and_counted() {
    let run = begun(|repo| repo.write("libs/x", "1"))
        .deploy()
        .expect_accepted(["api", "workers"]);
    let run = next(run, docs).deploy().expect_unchanged();
    let counted = "2 skipped as accepted by Render and never confirmed live: api, workers";
    let is_summed = run.summary.contains(counted);
    let run = run
        .says(counted)
        .ensure(is_summed, "the summary does not count them");
    assert!(
        run.service("api")["reason"]
            .as_str()
            .unwrap()
            .contains("never confirmed")
    );
    assert!(
        !run.service("web")["reason"]
            .as_str()
            .unwrap()
            .contains("never confirmed")
    );
}

#[test]
fn a_key_that_is_added_later_heals_what_was_only_accepted() {
    let world = begun(|repo| repo.write("infra/docker/x", "1"));
    for service in ["api", "workers", "web"] {
        world.render.seed_live(service, &before(&world, service));
    }
    // Render accepts it, and then cannot start it: nobody who has only hooks hears of that.
    world
        .render
        .deploy_ends("api", Fate::Fails("update_failed", Why::Exited(1)));
    let run = world.deploy().expect_accepted(["api", "workers", "web"]);
    run.world.render.settle();
    let run = next(run, docs).deploy().expect_unchanged();
    let run = next(run, |repo| repo.write("docs/y", "1"))
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"]);
    assert_eq!(run.service("api")["status"], "live");
}

#[test]
fn a_deploy_of_the_same_bytes_that_is_under_way_is_followed_and_not_asked_for_again() {
    let world = World::new()
        .three_services()
        .push_to_main(web)
        .images()
        .with_key();
    world.render.seed_live("web", &before(&world, "web"));
    let image = format!("{}@{}", world.repository("web"), world.digest("web"));
    world.render.queue_behind("web", &image);
    let run = world
        .deploy()
        .ended(0, "live", "")
        .no_hooks()
        .says("is under way with the same image");
    assert_eq!(run.service("web")["status"], "live");
    assert_eq!(states(&run), [state("web", "success")]);
    assert_eq!(run.world.render.live("web"), Some(image));
}

#[test]
fn bytes_that_are_live_already_are_not_deployed_again() {
    // Its label says which commit it is of; or nothing does, and its digest is the wanted one.
    for kind in [Kind::Amd64, Kind::NoRevision] {
        let world = World::new()
            .three_services()
            .push_to_main(web)
            .image("web", kind)
            .with_key();
        world.render.seed_live(
            "web",
            &format!("{}@{}", world.repository("web"), world.digest("web")),
        );
        let run = world.deploy().expect_unchanged();
        assert!(states(&run).is_empty(), "{kind:?}");
    }
}

#[test]
fn a_service_that_was_never_deployed_is() {
    let world = World::new()
        .three_services()
        .push_to_main(docs)
        .images()
        .never_deployed();
    let first = world.origin.git(&["rev-parse", "HEAD~1"]);
    world
        .deployed("staging", "web", &first)
        .deploy()
        .expect_accepted(["api", "workers"]);
}

#[test]
fn a_plan_goes_on_where_order_cannot_be_asked_and_a_deploy_does_not() {
    let repeated = || {
        begun(api)
            .variable("GITHUB_RUN_ATTEMPT", "2")
            .github_trouble(Trouble::RecordDown)
    };
    let older = || {
        let world = repeated();
        let event = world.event.clone();
        let mut world = world.commit_on_main(|repo| repo.write("infra/docker/x", "2"));
        world.event = event;
        world
    };
    older()
        .deploy()
        .ended(1, "failed", "order-unknown")
        .no_hooks();
    let run = older().plan().expect_planned(["api", "workers", "web"]);
    run.annotates(
        "warning",
        "the plan assumes that nothing newer was deployed",
    );
}

//! `rollback-on-failure` where something happens while services are put back: a signal, or a deploy that goes live too late.

use super::at_once;
use std::time::Duration;
use testworld::event::ZEROS;
use testworld::render::Fate;
use testworld::render::model::Why;
use testworld::trap::{Moment, Place, Then};
use testworld::{Event, Kind, World};

/// Everything changed; what `api`, `workers` and `web` ran before is live.
fn changed() -> World {
    let world = World::new().three_services();
    let commit = world.base();
    let mut world =
        world.on_event(|world| Event::push("refs/heads/main", ZEROS, &commit, &world.base()));
    for service in ["api", "workers", "web"] {
        world = world.image_tagged(service, Kind::Amd64, &commit, &[&commit]);
        let mut seed = world.live("staging", service, &commit);
        (seed.digest, seed.platform) = (world.digest(service), world.platform(service));
        let image = format!("{}@{}", seed.repository, seed.digest);
        world.render.seed_live(service, &image);
        world = world.recorded(seed);
    }
    let world = world.push_to_main(|repo| {
        for service in ["api", "workers", "web"] {
            repo.write(&format!("services/{service}/main.txt"), "changed");
        }
        repo
    });
    world
        .images()
        .with_key()
        .input("rollback-on-failure", "true")
}

#[test]
fn a_run_that_is_cancelled_while_services_go_back_does_not_say_live_and_stops_nothing() {
    // The first three calls deploy, the fourth puts back.
    at_once([true, false], |is_queued| {
        let world = changed();
        world
            .render
            .deploy_ends("web", Fate::Fails("update_failed", Why::Exited(1)));
        let place = Place {
            kind: "Render: POST /deploy/* key imgURL".into(),
            nth: 4,
            moment: Moment::Answered,
        };
        if is_queued {
            world.render.waits(2);
        }
        let run = world.cancel_at(place, &["-TERM"], Then::Answers).deploy();
        let run = run.ended(1, "cancelled", "cancelled");
        run.settled();
        for service in ["api", "workers"] {
            let row = run.service(service);
            run.equal(service, &row["status"], &"cancelled".into());
        }
        let reason = run.service("api")["reason"].clone();
        let wanted = "was being put back when the run was cancelled";
        run.equal("reason", &reason, &wanted.into());
        let cancelled = run.world.render.cancelled();
        run.ensure(cancelled.is_empty(), "going back was cancelled");
    });
}

#[test]
fn a_deploy_that_is_not_live_in_time_is_named_or_goes_back_too() {
    let hangs = |status| {
        let world = changed().input("live-timeout", "8s");
        world.render.deploy_ends("web", Fate::Hangs(status));
        world
    };
    let run = hangs("update_in_progress").deploy();
    run.settled();
    let run = run.ended(1, "failed", "not-live-in-time");
    let run = run.annotates("warning", "web may still go live with the new image");
    assert!(run.world.render.cancelled().is_empty());
    // What has not begun is stopped.
    let run = hangs("build_in_progress").deploy();
    run.settled();
    let run = run.ended(1, "failed", "not-live-in-time");
    assert_eq!(run.world.render.cancelled().len(), 1);
    assert!(
        run.annotations("warning")
            .iter()
            .all(|text| !text.contains("may still"))
    );
}

#[test]
fn a_deploy_that_went_live_late_goes_back_with_the_others() {
    let world = changed().input("live-timeout", "8s");
    let before = world.render.live("web");
    world
        .render
        .deploy_ends("web", Fate::Hangs("update_in_progress"));
    world
        .render
        .deploy_ends("workers", Fate::Hangs("update_in_progress"));
    // The time of web is over by then, and that of workers, which comes after api, is not.
    let render = world.render.clone();
    let goes_live = move || render.goes_live("web");
    let world = world.after(Duration::from_millis(16_700), goes_live);
    let run = world.deploy();
    run.settled();
    let run = run.ended(1, "failed", "not-live-in-time");
    run.equal("web", &run.world.render.live("web"), &before);
}

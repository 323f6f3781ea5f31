//! Runs as processes, for what no run in the tests' own process shows: what `main` hands over, exit codes, files of outputs, and signals. Every
//! command ends once in each way that it can, as a process and in this one, and both say the same.

use super::cancel::{
    KEPT, SERVICES, cleaned_up, five, five_alone, made_good, stopped, told_the_truth, unkept,
};
use super::{at_once, cleanup, previews, promotion, release, rollback};
use std::collections::BTreeMap;
use testworld::github::Trouble;
use testworld::render::{Fate, model::Why};
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Event, Run, World};

/// A command, how it ends, and the world in which it does.
type Row = (
    &'static str,
    (i32, &'static str, &'static str),
    fn() -> World,
);

fn pushed() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images()
}

fn opened() -> World {
    let world = World::new().three_services();
    let world = world.pull_request(7, |repo| repo.write("services/web/x", "1"));
    world.images()
}

fn only_docs() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("docs/x", "1"))
}

fn unbuilt() -> World {
    let world = World::new().three_services();
    let world = world.push_to_main(|repo| repo.write("services/api/x", "1"));
    world.input("image-timeout", "1s")
}

/// The event of an older commit: a newer one is on `main`.
fn overtaken() -> World {
    let world = pushed();
    let event = world.event.clone();
    let mut world = world.commit_on_main(|repo| repo.write("services/api/x", "2"));
    world.event = event;
    world
}

/// The same, and the newer commit is deployed.
fn superseded() -> World {
    let world = overtaken();
    world.remember();
    let newer = world.live("staging", "api", &world.origin.head());
    world.recorded(newer)
}

/// What a rollback left is asked for once more.
fn held() -> World {
    let run = rollback::to_one(false).run("rollback");
    let run = run.ended(0, "accepted", "");
    run.settled();
    let mut world = run
        .into_world()
        .input("environment", "")
        .input("release", "");
    world.event = Some(Event::tag(&world.origin, "prod-2"));
    world.variable("GITHUB_RUN_ATTEMPT", "2")
}

fn dry(world: World) -> World {
    world.input("dry-run", "true")
}

/// A service with a key whose new deploy fails.
fn exits(world: World) -> World {
    let fails = Fate::Fails("update_failed", Why::Exited(1));
    world.render.deploy_ends("api", fails);
    world
}

fn wrong(world: World) -> World {
    world.input("image-timeout", "5")
}

const PIPELINES: &[Row] = &[
    ("plan", (0, "planned", ""), pushed),
    ("plan", (2, "refused", "bad-input"), || wrong(pushed())),
    ("verify", (0, "verified", ""), opened),
    ("verify", (0, "nothing", ""), || {
        World::new()
            .three_services()
            .pull_request(7, |repo| repo.write("docs/x", "1"))
    }),
    ("verify", (0, "skipped", ""), || opened().of_a_fork()),
    ("verify", (1, "failed", "image-missing"), unbuilt),
    ("deploy", (0, "accepted", ""), pushed),
    ("deploy", (0, "live", ""), || pushed().with_key()),
    ("deploy", (0, "live", ""), previews::opened),
    ("deploy", (0, "verified", ""), opened),
    ("deploy", (0, "nothing", ""), only_docs),
    ("deploy", (0, "skipped", ""), || {
        pushed().input("freeze", "the shop is full")
    }),
    ("deploy", (0, "held", ""), held),
    ("deploy", (0, "superseded", ""), superseded),
    ("deploy", (0, "verified", ""), || dry(pushed())),
    ("deploy", (1, "failed", "image-missing"), unbuilt),
    ("deploy", (2, "refused", "bad-input"), || wrong(pushed())),
    ("deploy", (1, "failed", "exited"), || {
        exits(pushed().with_key())
    }),
    ("deploy", (1, "failed", "hook-denied"), || {
        pushed().hook_answers("api", [Answer::Status(401)])
    }),
    ("promote", (0, "verified", ""), || {
        promotion::released().may_write()
    }),
    ("promote", (0, "nothing", ""), || opened().may_write()),
    ("promote", (0, "superseded", ""), || overtaken().may_write()),
    ("promote", (0, "skipped", ""), || {
        pushed().may_write().input("freeze", "the shop is full")
    }),
    ("promote", (2, "refused", "bad-input"), || {
        wrong(promotion::released())
    }),
    ("rollback", (0, "accepted", ""), || rollback::to_one(false)),
    ("rollback", (0, "live", ""), || rollback::to_one(true)),
    ("rollback", (0, "verified", ""), || {
        dry(rollback::to_one(false))
    }),
    ("rollback", (1, "failed", "exited"), || {
        exits(rollback::to_one(true))
    }),
    ("rollback", (2, "refused", "bad-input"), || {
        wrong(rollback::to_one(false))
    }),
    ("release", (0, "verified", ""), || {
        let world = release::pushed();
        world.github.let_make_tags(true);
        world
    }),
    ("release", (0, "planned", ""), || dry(release::pushed())),
    ("release", (2, "refused", "bad-input"), || {
        wrong(release::pushed())
    }),
    ("cleanup", (0, "verified", ""), cleanup::closed),
    ("cleanup", (0, "planned", ""), || dry(cleanup::closed())),
    ("cleanup", (0, "nothing", ""), pushed),
    ("cleanup", (0, "skipped", ""), || {
        cleanup::closed().of_a_fork()
    }),
    ("cleanup", (1, "failed", "github-unavailable"), || {
        cleanup::closed().github_trouble(Trouble::RecordDown)
    }),
    ("check", (0, "verified", ""), pushed),
];

/// What a run leaves, without what is of its world alone.
fn left(run: &Run) -> (i32, BTreeMap<String, bool>, Vec<String>, Vec<String>) {
    let outputs = run.outputs.iter();
    let outputs = outputs.map(|(name, value)| (name.clone(), value.is_empty()));
    let titles = run.summary.lines().filter(|line| line.starts_with('#'));
    let titles = titles.filter_map(|line| line.split(':').next());
    let kinds = run.commands.iter().map(|command| command.name.clone());
    (
        run.exit,
        outputs.collect(),
        titles.map(str::to_owned).collect(),
        kinds.filter(|kind| kind != "debug").collect(),
    )
}

#[test]
fn every_command_ends_as_a_process_as_it_does_in_this_one() {
    at_once(PIPELINES, |(command, (exit, outcome, failure), world)| {
        let process = world().as_process().run(command);
        let here = world().run(command);
        for run in [&process, &here] {
            let found = (run.exit, run.output("outcome"), run.output("failure"));
            run.equal(command, &found, &(*exit, *outcome, *failure));
            run.settled();
        }
        process.equal("what is left", &left(&process), &left(&here));
    });
}

#[test]
fn a_person_gets_text_on_standard_output_and_an_exit_code() {
    for (arguments, exit, stdout, stderr) in [
        (&["--help"][..], 0, "Usage:", ""),
        (&["--version"], 0, env!("CARGO_PKG_VERSION"), ""),
        (&["deploy", "--no-such-flag"], 2, "", "--no-such-flag"),
    ] {
        let run = World::new().as_process().on_laptop(arguments);
        assert_eq!(
            run.exit, exit,
            "{arguments:?}: {}{}",
            run.stdout, run.stderr
        );
        for (stream, wanted) in [(&run.stdout, stdout), (&run.stderr, stderr)] {
            assert!(stream.contains(wanted), "{arguments:?}: {stream}");
            assert_eq!(stream.is_empty(), wanted.is_empty(), "{arguments:?}");
        }
    }
}

/// While the first deploy is followed.
fn followed() -> Place {
    Place {
        kind: "Render: GET /v1/services/*/deploys/*".into(),
        nth: 1,
        moment: Moment::Answered,
    }
}

fn cancelled_by(signal: &'static [&'static str]) {
    let place = followed();
    let run = unkept(KEPT, || {
        let world = five_alone().as_process();
        world
            .cancel_at(place.clone(), signal, Then::Answers)
            .deploy()
    });
    let run = run.ended(1, "cancelled", "cancelled");
    let run = told_the_truth(&place, cleaned_up(&place, stopped(&place, run)));
    made_good(&place, true, run);
}

#[test]
fn a_process_that_gets_sigint_cancels_its_deploys_and_reports() {
    cancelled_by(&["-INT"]);
}

#[test]
fn a_process_that_gets_sigterm_cancels_its_deploys_and_reports() {
    cancelled_by(&["-TERM"]);
}

#[test]
fn a_process_that_gets_sigkill_leaves_open_records_that_the_next_one_ends() {
    let world = five().as_process();
    world.render.pace(4);
    let run = world
        .cancel_at(followed(), &["-KILL"], Then::Answers)
        .deploy();
    assert_eq!((run.exit, run.output("outcome")), (-1, ""));
    let own = |run: &Run| {
        let commit = run.world.commit();
        let mut records = run.world.github.records();
        records.retain(|record| record.commit == commit);
        records
    };
    let open = own(&run);
    let is_open = !open.is_empty() && open.iter().all(|record| record.state == "open");
    let run = run.ensure(is_open, "it has records, and they are open");
    run.settled();
    let world = run.again();
    world.render.pace(1);
    world.render.settle();
    let run = world.deploy().ended(0, "live", "");
    run.settled();
    for service in SERVICES {
        let wanted = format!(
            "{}@{}",
            run.world.repository(service),
            run.world.digest(service)
        );
        run.equal(service, &run.world.render.live(service), &Some(wanted));
    }
    // What had begun is followed to its end, not deployed again.
    let begun: Vec<&str> = open.iter().map(|record| record.service.as_str()).collect();
    let twice = run
        .hooks
        .iter()
        .find(|call| begun.contains(&&*call.service));
    assert_eq!(twice, None);
    let states: Vec<String> = own(&run).into_iter().map(|record| record.state).collect();
    assert!(states.iter().all(|state| state == "success"), "{states:?}");
}

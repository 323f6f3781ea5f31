//! Every ending of a deploy, by a hook alone and with an API key: docs/endings.md says what comes of it, and is this test's data.

mod probed;

use super::at_once;
use std::collections::BTreeSet;
use std::time::Duration;
use testworld::render::model::Why;
use testworld::render::{Fate, Policy};
use testworld::{Answer, Kind, Run, World};

/// Whether there is an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Hook,
    Key,
}

/// What the table says of an ending.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    status: String,
    failure: String,
    exit: i32,
    record: String,
}

/// The rows of the table: the ending's name, what is told of it by a hook alone, and what with a key.
fn table() -> Vec<(String, [Option<Told>; 2])> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/endings.md");
    let text = std::fs::read_to_string(path).expect("the page");
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    });
    cells
        .map(|cells: Vec<String>| {
            assert_eq!(cells.len(), 7, "{cells:?}");
            (cells[0].clone(), [told(&cells[1..4]), told(&cells[4..7])])
        })
        .collect()
}

/// `status` or `status`: `failure`, the exit code, the record's word; dashes where there is no such thing.
fn told(cells: &[String]) -> Option<Told> {
    if cells[0] == "-" {
        assert_eq!(cells[1..], ["-", "-"]);
        return None;
    }
    let words: Vec<&str> = cells[0]
        .split(": ")
        .map(|word| word.trim_matches('`'))
        .collect();
    Some(Told {
        status: words[0].into(),
        failure: words.get(1).copied().unwrap_or_default().into(),
        exit: cells[1].parse().expect("an exit code"),
        record: cells[2].trim_matches('`').into(),
    })
}

/// What was told in truth.
fn found(run: &Run, commit: &str) -> Told {
    let records = run.world.github.records();
    let own: Vec<_> = records
        .iter()
        .filter(|record| record.service == "web" && record.commit == commit)
        .collect();
    assert!(
        own.len() <= 1,
        "more than one record of an attempt: {own:?}"
    );
    let word = own.first().map_or("none", |record| {
        match (record.state.as_str(), record.statuses.len()) {
            ("open", 0 | 1) => "open",
            (state, 1) => {
                let word = record.word();
                let known = [
                    ("live", "success"),
                    ("accepted", "success"),
                    ("failed", "failure"),
                    ("not sent", "error"),
                ];
                assert!(known.contains(&(word, state)), "{record:?}");
                word
            }
            _ => panic!("more than one end of a record: {record:?}"),
        }
    });
    Told {
        status: run.service("web")["status"]
            .as_str()
            .unwrap_or_default()
            .into(),
        failure: run.output("failure").into(),
        exit: run.exit,
        record: word.into(),
    }
}

/// A world in which `web` alone changed, and its image is there.
fn world() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
}

/// The same, where `web` has a probe whose address answers what the image says that serves there.
fn asked_world() -> World {
    let mut world = World::new();
    let origin = world.site("web").server.origin();
    let probe = format!("  web: {{ probe: {{ url: \"{origin}/version\", timeout: 60s }} }}");
    world
        .three_services_and(|text| text.replace("  web: {}", &probe))
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
}

fn commit_before(world: &World) -> String {
    world.event.as_ref().expect("an event").payload["before"]
        .as_str()
        .expect("a commit")
        .to_owned()
}

/// The image of the event's commit, as it is asked for.
fn same(world: &World) -> String {
    format!("{}@{}", world.repository("web"), world.digest("web"))
}

/// The image of the commit before, as the record knows it.
fn older(world: &World) -> String {
    let before = world.live("staging", "web", &commit_before(world));
    format!("{}@{}", before.repository, before.digest)
}

/// Lets somebody deploy an image by hand before the program comes.
fn in_progress(world: World, image: &str) -> World {
    world.render.seed_live("web", &older(&world));
    world.render.queue_behind("web", image);
    world
}

/// An image that neither the record nor the registry knows.
fn unknown(world: &World) -> String {
    format!("{}@sha256:{}", world.repository("web"), "c".repeat(64))
}

/// A later commit on `main`, and its image; the event stays as it is.
fn with_newer(world: World) -> (World, String) {
    let world = world.commit_on_main(|repo| repo.write("services/web/main.txt", "3"));
    let commit = world.origin.head();
    let world = world.image_tagged("web", Kind::Amd64, &commit, &[&commit]);
    let image = same(&world);
    (world.image("web", Kind::Amd64), image)
}

fn answers(world: World, answers: impl IntoIterator<Item = Answer>) -> World {
    world.hook_answers("web", answers)
}

fn ends(world: World, fate: Fate) -> World {
    world.render.deploy_ends("web", fate);
    world
}

fn fails(world: World, status: &'static str, why: Why) -> World {
    ends(world, Fate::Fails(status, why))
}

fn refused(message: &str) -> Answer {
    Answer::Body(400, format!(r#"{{"message":"{message}"}}"#))
}

type Scenario = fn(World) -> World;

/// How each ending comes about.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("The hook answers 200, and the deploy goes live", |world| {
        answers(world, [Answer::Started])
    }),
    ("The hook answers 201, and the deploy goes live", |world| {
        answers(world, [Answer::Created])
    }),
    (
        "The hook answers 202, and the deploy goes live after the one in progress",
        |world| {
            world.render.policy(Policy::Wait);
            let image = unknown(&world);
            in_progress(world, &image)
        },
    ),
    (
        "The hook answers 202, and nothing of it is ever seen",
        |world| answers(world, [Answer::Forgotten]),
    ),
    (
        "The hook answers 202, and a newer commit's deploy takes its turn",
        |world| {
            let (world, newer) = with_newer(world);
            answers(ends(world, Fate::Superseded(newer)), [Answer::Queued])
        },
    ),
    ("The hook answers 400 about another image", |world| {
        answers(
            world,
            [refused("cannot change the host, project, or image name")],
        )
    }),
    (
        "The hook answers 400 about an image that it cannot fetch",
        |world| {
            answers(
                world,
                [refused("unable to fetch image with provided input")],
            )
        },
    ),
    ("The hook answers 400 for another reason", |world| {
        answers(world, [Answer::Status(400)])
    }),
    ("The hook answers 401", |world| {
        answers(world, [Answer::Status(401)])
    }),
    ("The hook answers 404", |world| {
        answers(world, [Answer::Status(404)])
    }),
    ("The hook answers 405", |world| {
        answers(world, [Answer::Status(405)])
    }),
    ("The hook answers 409", |world| {
        answers(world, [Answer::Status(409)])
    }),
    ("The hook answers 429, each time", |world| {
        answers(world, vec![Answer::Status(429); 5])
    }),
    ("The hook answers 429 once, then 200", |world| {
        answers(world, [Answer::Status(429), Answer::Started])
    }),
    ("The hook answers 5xx once, then 200", |world| {
        answers(world, [Answer::Status(503), Answer::Started])
    }),
    ("The hook answers 5xx, each time", |world| {
        answers(world, vec![Answer::Status(500); 2])
    }),
    ("The hook answers 403", |world| {
        answers(world, [Answer::Status(403)])
    }),
    ("The hook answers 408", |world| {
        answers(world, [Answer::Status(408)])
    }),
    ("The hook answers 204, and the deploy has begun", |world| {
        answers(world, [Answer::Status(204)])
    }),
    (
        "The hook answers 200 without JSON, and the deploy has begun",
        |world| answers(world, [Answer::Body(200, "<html>".into())]),
    ),
    ("The hook answers with a redirect", |world| {
        let elsewhere = world.render.server.origin();
        answers(world, [Answer::Redirect(302, elsewhere)])
    }),
    ("The connection to the hook drops once, then 200", |world| {
        answers(world, [Answer::Dropped, Answer::Started])
    }),
    ("The connection to the hook drops each time", |world| {
        answers(world, vec![Answer::Dropped; 2])
    }),
    (
        "The connection to the hook drops, and the answer of the second call is lost, which has begun the deploy",
        |world| answers(world, [Answer::Dropped, Answer::Lost(None)]),
    ),
    (
        "The hook's answer is lost, and the deploy has begun",
        |world| answers(world, [Answer::Lost(None)]),
    ),
    ("The hook answers 5xx, and the deploy has begun", |world| {
        answers(world, [Answer::Lost(Some(502))])
    }),
    (
        "Something newer is recorded right before the hook is called",
        |world| {
            let (world, _) = with_newer(world);
            let seed = world.live("staging", "web", &world.origin.head());
            world.github.overtake(seed);
            world
        },
    ),
    ("`live`, named by the linux/amd64 digest", |world| {
        let world = world.image("web", Kind::MultiArch);
        let platform = world.platform("web");
        assert_ne!(platform, world.digest("web"));
        ends(world, Fate::OtherDigest(platform))
    }),
    ("`live`, and Render names no digest", |world| {
        ends(world, Fate::OtherDigest(String::new()))
    }),
    ("`live`, with another digest", |world| {
        ends(
            world,
            Fate::OtherDigest(format!("sha256:{}", "c".repeat(64))),
        )
    }),
    ("`live`, with `wait: accepted`", |world| {
        world.input("wait", "accepted")
    }),
    (
        "`deactivated`, for the same image, which is followed",
        |world| {
            let image = same(&world);
            ends(world, Fate::Replaced(image))
        },
    ),
    ("`deactivated`, for a newer commit", |world| {
        let (world, newer) = with_newer(world);
        ends(world, Fate::Replaced(newer))
    }),
    ("`deactivated`, for an older commit", |world| {
        let image = older(&world);
        ends(world, Fate::Replaced(image))
    }),
    ("`deactivated`, for an unknown image", |world| {
        let image = unknown(&world);
        ends(world, Fate::Replaced(image))
    }),
    (
        "`canceled`, for the same image, which is followed",
        |world| {
            let image = same(&world);
            ends(world, Fate::Superseded(image))
        },
    ),
    ("`canceled`, for a newer commit", |world| {
        let (world, newer) = with_newer(world);
        ends(world, Fate::Superseded(newer))
    }),
    (
        "`canceled`, for a newer commit whose deploy failed",
        |world| {
            let (world, newer) = with_newer(world);
            ends(world, Fate::Outdone(newer))
        },
    ),
    ("`canceled`, for an older commit", |world| {
        let image = older(&world);
        ends(world, Fate::Superseded(image))
    }),
    ("`canceled`, for an unknown image", |world| {
        let image = unknown(&world);
        ends(world, Fate::Superseded(image))
    }),
    ("`canceled`, by hand", |world| ends(world, Fate::Canceled)),
    ("`build_failed`, the image cannot be pulled", |world| {
        fails(
            world,
            "build_failed",
            Why::Pull("unauthorized: authentication required"),
        )
    }),
    ("`build_failed`, without a word", |world| {
        fails(world, "build_failed", Why::Silent)
    }),
    ("`pre_deploy_failed`, with an exit code", |world| {
        fails(world, "pre_deploy_failed", Why::Exited(1))
    }),
    ("`pre_deploy_failed`, without a word", |world| {
        fails(world, "pre_deploy_failed", Why::Silent)
    }),
    ("`update_failed`, out of memory", |world| {
        fails(world, "update_failed", Why::OutOfMemory("512Mi"))
    }),
    (
        "`update_failed`, the process ended, and the events come late",
        |world| {
            world.render.events_lag("web", 2);
            fails(world, "update_failed", Why::Exited(3))
        },
    ),
    ("`update_failed`, the process ended", |world| {
        fails(world, "update_failed", Why::Exited(3))
    }),
    ("`update_failed`, Render gave up waiting", |world| {
        fails(world, "update_failed", Why::TimedOut(900))
    }),
    ("`update_failed`, the health check failed", |world| {
        fails(
            world,
            "update_failed",
            Why::Unhealthy("HTTP health check failed (timed out after 5 seconds)"),
        )
    }),
    ("`update_failed`, without a word", |world| {
        fails(world, "update_failed", Why::Silent)
    }),
    ("The deploy is not there any more", |world| {
        ends(world, Fate::Vanishes)
    }),
    ("`queued` until `live-timeout` is over", |world| {
        answers(ends(world, Fate::Hangs("queued")), [Answer::Queued]).input("live-timeout", "2s")
    }),
    (
        "`update_in_progress` until `live-timeout` is over",
        |world| ends(world, Fate::Hangs("update_in_progress")).input("live-timeout", "2s"),
    ),
    (
        "Render's API does not answer any more, until `live-timeout` is over",
        |world| {
            world.render.api_fails_once_called(503);
            world.input("live-timeout", "2s")
        },
    ),
    (
        "The API key is revoked right before the hook is called",
        |world| {
            // What serves of each service, and the settings of the one that is deployed.
            world.render.api_fails_after(4, 401);
            world
        },
    ),
    (
        "The API key is revoked while the deploy is followed",
        |world| {
            world.render.api_fails_once_called(401);
            world
        },
    ),
    (
        "The probe is answered by the image before for a while, then by the new one",
        |world| {
            world.sites[0].rolls(Duration::from_secs(15));
            world
        },
    ),
    (
        "The probe is answered by the image before until its time is over",
        |world| {
            world.sites[0].drains(Duration::from_secs(3600));
            world
        },
    ),
    ("The probe is answered by a maintenance page", |world| {
        world.sites[0].answers(|_, _| testworld::Reply::text(200, "<h1>Back soon</h1>"));
        world
    }),
    (
        "The probe is not answered, and the deploy failed",
        |world| {
            world.sites[0].answers(|_, _| testworld::Reply::text(502, ""));
            fails(world, "update_failed", Why::Exited(3))
        },
    ),
    ("The probe is not asked, with `wait: accepted`", |world| {
        world.input("wait", "accepted")
    }),
    ("The same image is being deployed already", |world| {
        let image = same(&world);
        in_progress(world, &image)
    }),
    ("The same image is live already", |world| {
        world.render.seed_live("web", &same(&world));
        world
    }),
];

/// Plays every scenario whose name `belongs`, in one mode, and compares what is told with the table.
fn play(mode: Mode, belongs: impl Fn(&str) -> bool) {
    let rows: Vec<_> = table()
        .into_iter()
        .filter(|(name, _)| belongs(name))
        .collect();
    assert!(rows.len() > 3, "the table has nothing of it");
    at_once(rows, |(name, [hook, key])| {
        let Some(wanted) = (if mode == Mode::Hook { hook } else { key }) else {
            return;
        };
        let Some((_, scenario)) = SCENARIOS.iter().find(|(own, _)| *own == name) else {
            return;
        };
        let base = if name.starts_with("The probe") {
            asked_world()
        } else {
            world()
        };
        let (run, commit) = played(mode, base, scenario);
        run.equal(
            &format!("{name} ({mode:?})"),
            &found(&run, &commit),
            &wanted,
        );
        shapes(&run, mode, &name, &wanted);
        let is_timely = run.took < Duration::from_secs(45) || !name.contains("live-timeout");
        run.ensure(is_timely, "it took much longer than live-timeout");
    });
}

/// Plays one scenario. Gives the commit of its event, too.
fn played(mode: Mode, base: World, scenario: &fn(World) -> World) -> (Run, String) {
    let base = match mode {
        Mode::Hook => base,
        Mode::Key => base.with_key(),
    };
    let commit = base.commit();
    let run = scenario(base.deadline(Duration::from_secs(150))).deploy();
    let calls = vec!["web"; run.hooks.len()];
    (run.hooked(&calls), commit)
}

/// What the contract says of `deploys`, whatever the ending.
fn shapes(run: &Run, mode: Mode, name: &str, wanted: &Told) {
    let web = run.service("web");
    let text = |key: &str| web[key].as_str().unwrap_or_default();
    if mode == Mode::Key && wanted.record != "none" {
        run.equal("url", &text("url"), &"https://web.onrender.com/");
    }
    if wanted.status == "live" || mode == Mode::Key && !is_about_the_call(name) {
        assert!(text("deploy").starts_with("dep-"), "{web}");
    }
    assert!(
        web["seconds"].as_u64().is_some_and(|seconds| seconds < 150),
        "{web}"
    );
    assert!(!text("reason").is_empty(), "{web}");
    let summary = run.summary.lines().next().unwrap_or_default();
    assert!(
        summary.contains("web") || wanted.status == "unchanged",
        "{summary}"
    );
    if !wanted.failure.is_empty() {
        // The next step stands beside the failure, with the service's page where the API says which it is.
        let dashboard = "dashboard.render.com/web/srv-web";
        assert!(
            mode == Mode::Hook
                || run.shown().contains(dashboard) && run.summary.contains(dashboard),
            "{summary}"
        );
        assert!(
            run.summary.contains(&wanted.failure) && !run.annotations("error").is_empty(),
            "{summary}"
        );
    }
}

#[test]
fn the_table_has_a_row_for_every_scenario_and_a_scenario_for_every_row() {
    let rows = table();
    let names: BTreeSet<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let known: BTreeSet<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        (rows.len(), SCENARIOS.len()),
        (names.len(), known.len()),
        "a name is there twice"
    );
    assert_eq!(names, known);
}

fn is_about_the_call(name: &str) -> bool {
    !name.starts_with('`')
}

#[test]
fn a_call_of_a_hook_ends_as_the_table_says() {
    play(Mode::Hook, is_about_the_call);
}

#[test]
fn a_call_ends_as_the_table_says_with_an_api_key() {
    play(Mode::Key, is_about_the_call);
}

#[test]
fn a_deploy_that_nobody_can_see_ends_as_the_table_says() {
    play(Mode::Hook, |name| !is_about_the_call(name));
}

#[test]
fn a_deploy_that_is_followed_ends_as_the_table_says() {
    play(Mode::Key, |name| !is_about_the_call(name));
}

//! Rows 28, 33 to 35, 41, 42 and 69: the record of deploys, comparisons that are cut short, and runs that meet.

use super::super::at_once;
use super::pushed;
use serde_json::json;
use std::time::Duration;
use testworld::github::Trouble;
use testworld::github::record::{Seed, TASK};
use testworld::trap::{Moment, Place, Then};
use testworld::{Answer, Checkout, Kind, Part, Repo, Run, World, together};

#[test]
fn row_28_an_old_push_that_is_run_again_gives_way_to_what_was_deployed_since() {
    for key in [false, true] {
        let make = || if key { pushed().with_key() } else { pushed() };
        let (outcome, world) = (if key { "live" } else { "accepted" }, make());
        let old = world.event.clone();
        let world = world
            .deploy()
            .ended(0, outcome, "")
            .hooked(&["api"])
            .into_world();
        let world = world
            .push_to_main(|repo| repo.write("services/api/x", "2"))
            .images();
        let run = world.deploy().ended(0, outcome, "").hooked(&["api"]);
        let mut world = run.into_world().variable("GITHUB_RUN_ATTEMPT", "2");
        world.event = old;
        let run = world.deploy().ended(0, "superseded", "").no_hooks();
        assert_eq!(run.service("api")["status"], "superseded");
        assert_eq!(
            run.world.github.records().len(),
            5,
            "what was not deployed is not recorded"
        );
    }
}

/// Makes a file executable: GitHub's comparison shows it with no changed lines.
fn executable<'a>(repo: &'a Repo, path: &str) -> &'a Repo {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(repo.path().join(path), mode).expect("a mode");
    repo
}

#[test]
fn row_33_an_answer_that_may_be_cut_short_is_never_no_change() {
    fn many(repo: &Repo, count: usize) -> &Repo {
        for nth in 0..count {
            repo.write(&format!("a/{nth}"), "1");
        }
        repo
    }
    type Change = fn(&Repo) -> &Repo;
    let changes: [Change; 4] = [
        |repo| many(repo, 300).write("services/web/x", "1"),
        |repo| many(repo, 299).write("services/web/x", "1"),
        |repo| executable(repo, "services/web/main.txt"),
        |repo| repo.rename("services/web/main.txt", "docs/main.txt"),
    ];
    let make = |change: Change, checkout| {
        World::new()
            .three_services()
            .push_to_main(change)
            .images()
            .checkout(checkout)
    };
    for checkout in [Checkout::Full, Checkout::Shallow, Checkout::None] {
        for change in changes {
            make(change, checkout).deploy().expect_accepted(["web"]);
        }
    }
    // Neither a comparison nor a whole tree is to be had in one answer.
    let world = make(changes[0], Checkout::None).github_trouble(Trouble::CutTrees);
    world.deploy().expect_accepted(["web"]);
    // A pull request's list ends at 3,000 files.
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| many(repo, 3000).write("services/web/x", "1"));
    let run = world.checkout(Checkout::None).plan().expect_planned([]);
    run.equal("builds", &run.output("builds"), &"1");
}

/// A record of the pushed commit itself, as the newest of `api`.
fn poisoned(world: &World) -> Seed {
    Seed::live(
        "staging",
        "api",
        &world.commit(),
        &world.repository("api"),
        &world.digest("api"),
    )
}

#[test]
fn row_34_a_poisoned_record_is_never_a_reason_to_skip() {
    /// What the payload is made of, and the record's task.
    type Poison = fn(&mut serde_json::Value) -> &'static str;
    let poisons: [(&str, Poison); 7] = [
        ("another task", |_| "deploy"),
        ("another version", |payload| {
            payload["v"] = json!(2);
            TASK
        }),
        ("another service", |payload| {
            payload["service"] = json!("web");
            TASK
        }),
        ("another service on Render", |payload| {
            payload["id"] = json!("srv-00000000000000000000");
            TASK
        }),
        ("another image repository", |payload| {
            payload["repository"] = json!("ghcr.io/mallory/api");
            TASK
        }),
        ("no digest", |payload| {
            payload["digest"] = json!("latest");
            TASK
        }),
        ("no payload", |payload| {
            *payload = json!("##[set-output name=tags]evil");
            TASK
        }),
    ];
    for (what, poison) in poisons {
        let world = pushed().first_remembered();
        let seed = poisoned(&world);
        world.github.plant_record(seed, poison);
        let run = world.deploy();
        assert_eq!(run.output("outcome"), "accepted", "{what}: {}", run.stdout);
        // What a later version of ours wrote may be about any of them.
        match what {
            "another version" => run.expect_accepted(["api", "workers", "web"]),
            _ => run.expect_accepted(["api"]),
        };
    }
    for creator in ["mallory", "github-actions[bot]evil"] {
        let world = pushed().first_remembered();
        let seed = Seed {
            creator,
            ..poisoned(&world)
        };
        world.recorded(seed).deploy().expect_accepted(["api"]);
    }
    for commit in [
        "b".repeat(40),
        "main".into(),
        "##[x]".into(),
        "0".repeat(40),
    ] {
        let world = pushed().first_remembered();
        let seed = Seed {
            commit,
            ..poisoned(&world)
        };
        let run = world.recorded(seed).deploy();
        assert!(
            run.json("services")
                .as_array()
                .unwrap()
                .contains(&json!("api"))
        );
        run.ended(0, "accepted", "").hooked(&["api"]);
    }
}

#[test]
fn row_34_a_record_of_a_descendant_on_the_branch_supersedes() {
    for creator in ["github-actions", "mallory"] {
        let world = pushed().first_remembered();
        let event = world.event.clone();
        let mut world = world.commit_on_main(|repo| repo.write("services/api/x", "2"));
        world.event = event;
        let newer = world.origin.head();
        let seed = Seed {
            creator,
            commit: newer,
            digest: format!("sha256:{}", "7".repeat(64)),
            ..poisoned(&world)
        };
        world
            .recorded(seed)
            .deploy()
            .ended(0, "superseded", "")
            .no_hooks();
    }
}

#[test]
fn row_35_a_deployment_that_github_does_not_make_costs_one_warning() {
    for trouble in [
        Trouble::Create(202),
        Trouble::Create(409),
        Trouble::Create(422),
        Trouble::DeploymentsDenied,
    ] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("infra/docker/x", "1"))
            .images();
        let run = world
            .github_trouble(trouble)
            .deploy()
            .expect_accepted(["api", "workers", "web"]);
        let warnings = run.annotations("warning");
        let told = warnings
            .iter()
            .filter(|text| text.contains("the next run may not see it"));
        assert_eq!(told.count(), 1, "{trouble:?}: {warnings:?}");
    }
}

/// Two runs of two pushes on two runners. The older one waits for its image; the newer one runs meanwhile, until `is_time`. Then the older one
/// gets its image.
fn race(newer_answers: Option<Answer>, is_time: fn(&World) -> bool) -> [Run; 2] {
    let older = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"));
    let mut newer = older
        .beside()
        .push_to_main(|repo| repo.write("services/api/x", "2"))
        .images();
    older.remember();
    if let Some(answer) = newer_answers {
        newer = newer.hook_answers("api", [answer]);
    }
    let watched = newer.beside();
    let (commit, registry) = (older.commit(), older.registry.ghcr().clone());
    let image = testworld::Image::make(Kind::Amd64, "api", &commit, "https://github.com/acme/shop");
    let (asked, wanted) = (registry.server.clone(), commit.clone());
    let looks_for_its_image = move || {
        let calls = asked.calls();
        calls.iter().any(|call| call.path.ends_with(&wanted))
    };
    let older = older.once(
        move || is_time(&watched),
        move || registry.put("acme/api", &[commit], &image),
    );
    together([
        Part::now(older, "deploy"),
        Part::once(newer, "deploy", looks_for_its_image),
    ])
}

fn of_run<'a>(run: &'a Run, commit: &str) -> Vec<(&'a str, String)> {
    let records = run
        .world
        .github
        .records()
        .into_iter()
        .filter(|record| record.commit == commit);
    records.map(|record| ("api", record.state)).collect()
}

#[test]
fn row_41_of_two_runs_at_once_the_older_one_withdraws() {
    // The newer one is done; or its hook is being called, and only its intent is there.
    type Moment = fn(&World) -> bool;
    let is_done: Moment = |world| {
        world
            .github
            .records()
            .iter()
            .filter(|record| record.state == "success")
            .count()
            == 4
    };
    let is_calling: Moment = |world| !world.render.calls().is_empty();
    for (answer, is_time) in [
        (None, is_done),
        (Some(Answer::Slow(Duration::from_secs(4))), is_calling),
    ] {
        let [old, new] = race(answer, is_time);
        let (commit, newest) = (old.world.commit(), new.world.commit());
        let newest_image = format!(
            "{}@{}",
            new.world.repository("api"),
            new.world.digest("api")
        );
        let new = new.ended(0, "accepted", "").hooked(&["api"]);
        assert_eq!(of_run(&new, &newest), [("api", "success".to_owned())]);
        assert_eq!(
            new.world.render.calls().len(),
            1,
            "one step forward and none back"
        );
        let old = old
            .ended(0, "superseded", "")
            .hooked_with(&[("api", &newest_image)]);
        assert_eq!(of_run(&old, &commit), [("api", "error".to_owned())]);
    }
}

#[test]
fn row_41_a_newer_run_goes_on_while_an_older_one_calls_its_hook() {
    let slow = [Answer::Slow(Duration::from_secs(4))];
    let older = pushed().hook_answers("api", slow);
    older.remember();
    let newer = older
        .beside()
        .push_to_main(|repo| repo.write("services/api/x", "2"))
        .images();
    let (render, seen) = (older.render.clone(), older.render.clone());
    let [old, new] = together([
        Part::now(older, "deploy"),
        Part::once(newer, "deploy", move || !seen.calls().is_empty()),
    ]);
    let pinned = |run: &Run| {
        format!(
            "{}@{}",
            run.world.repository("api"),
            run.world.digest("api")
        )
    };
    let (first, last) = (pinned(&old), pinned(&new));
    let images: Vec<String> = render.calls().into_iter().map(|call| call.image).collect();
    assert_eq!(
        images,
        [first.clone(), last.clone()],
        "the newer one comes last"
    );
    new.ended(0, "accepted", "").hooked_with(&[("api", &last)]);
    old.ended(0, "accepted", "")
        .hooked_with(&[("api", &first), ("api", &last)]);
}

#[test]
fn row_42_a_record_that_a_cancelled_run_left_open_makes_the_next_one_look() {
    // Between the hook and the end of the record.
    let place = Place {
        kind: "GitHub: POST /deployments/*/statuses".into(),
        nth: 1,
        moment: Moment::Unheard,
    };
    at_once([true, false], |key| {
        let world = if key { pushed().with_key() } else { pushed() };
        let run = world
            .cancel_at(place.clone(), &["-INT"], Then::Answers)
            .deploy();
        let run = run.ended(1, "cancelled", "cancelled").hooked(&["api"]);
        assert_eq!(
            run.world
                .github
                .records()
                .last()
                .map(|record| record.state.clone()),
            Some("open".into())
        );
        let run = run.again().deploy();
        if key {
            // Render says what serves: nothing is deployed twice, and the record is ended.
            let run = run.expect_unchanged();
            let last = run.world.github.records().pop().unwrap();
            assert_eq!(
                (last.state.as_str(), last.description.starts_with("live")),
                ("success", true)
            );
        } else {
            // It may be live or not: it differs from what was there before, so it is deployed.
            run.expect_accepted(["api"]);
        }
    });
}

#[test]
fn row_69_payloads_that_are_too_large_to_be_read_step_nothing_back() {
    let world = pushed().first_remembered();
    let old = world.event.clone();
    let world = world.deploy().expect_accepted(["api"]).into_world();
    let world = world
        .push_to_main(|repo| repo.write("services/api/x", "2"))
        .images();
    let tip = world.event.clone();
    let world = world.deploy().expect_accepted(["api"]).into_world();
    for _ in 0..20 {
        let mut seed = world.live("staging", "api", &world.origin.head());
        seed.creator = "mallory";
        world.github.plant_record(seed, |payload| {
            payload["x"] = json!("a".repeat(450_000));
            TASK
        });
    }
    let mut world = world;
    world.event = old;
    let run = world.deploy();
    assert!(
        matches!(run.output("outcome"), "superseded" | "failed"),
        "{}",
        run.stdout
    );
    let mut world = run.no_hooks().into_world();
    world.event = tip;
    let run = world.deploy();
    assert!(
        matches!(run.output("outcome"), "nothing" | "accepted"),
        "{}",
        run.stdout
    );
    run.settled();
}

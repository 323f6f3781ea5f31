//! Rows 28, 33 to 35, 39 to 42, 51, 52 and 54: the record, comparisons, runs that meet or end early, and what people read.

use super::super::super::cancel::{cancelled_at, five, five_alone};
use super::super::around::MARKUP;
use super::super::pushed;
use serde_json::{Value, json};
use std::time::Duration;
use testworld::github::Trouble;
use testworld::github::record::{Seed, TASK};
use testworld::render::Fate;
use testworld::render::model::Why;
use testworld::trap::{Moment, Place, Then};
use testworld::{Checkout, Kind, Part, Repo, World, ghcr, together};

const MARK: &str = "<!-- ghcr-to-render:pull-request:v1 -->";

/// The first push again, after this one was deployed.
fn again_after(newer: impl Fn(&Repo) -> &Repo, services: &[&str]) {
    let world = pushed();
    let old = world.event.clone();
    let world = world
        .deploy()
        .expect_accepted(["api"])
        .into_world()
        .push_to_main(|repo| newer(repo))
        .images();
    let mut world = world
        .deploy()
        .ended(0, "accepted", "")
        .hooked(services)
        .into_world();
    world.event = old;
    let run = world
        .variable("GITHUB_RUN_ATTEMPT", "2")
        .deploy()
        .no_hooks();
    assert_eq!((run.exit, run.output("outcome")), (0, "superseded"));
}

/// A change that only an exact comparison sees, with each kind of checkout: `web` is deployed.
fn changed(change: impl Fn(&Repo) -> &Repo) {
    for checkout in [Checkout::Full, Checkout::Shallow, Checkout::None] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| change(repo))
            .images()
            .checkout(checkout);
        world.deploy().expect_accepted(["web"]);
    }
}

/// A record of the pushed commit itself, made unfit so: `api` is deployed all the same.
fn poisoned(poison: impl FnOnce(&mut Value)) {
    let world = pushed().first_remembered();
    let seed = Seed::live(
        "staging",
        "api",
        &world.commit(),
        &world.repository("api"),
        &world.digest("api"),
    );
    world.github.plant_record(seed, |payload| {
        poison(payload);
        TASK
    });
    let run = world.deploy();
    let services: Vec<String> = serde_json::from_value(run.json("services")).expect("names");
    assert!(services.contains(&"api".to_owned()), "{services:?}");
    run.hooked(&services.iter().map(String::as_str).collect::<Vec<_>>());
}

fn created(status: u16) {
    let run = pushed()
        .github_trouble(Trouble::Create(status))
        .deploy()
        .expect_accepted(["api"]);
    run.annotates("warning", "the next run may not see it");
}

/// A pull request with its image, whose workflow wants the comment; somebody has left one there.
fn commented(author: &str, body: &str) {
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/web/main.txt", "changed"));
    let world = world.image("web", Kind::Amd64).input("comment", "true");
    world.github.comment(7, author, body);
    let run = world.deploy().expect_verified();
    let comments = run.world.github.comments();
    let theirs = comments
        .iter()
        .find(|comment| comment.author == author && comment.body == body);
    assert!(
        theirs.is_some_and(|comment| comment.edits == 0),
        "somebody's comment was touched: {comments:?}"
    );
    assert_eq!(comments.len(), 2);
}

fn cancelled(kind: &str, moment: Moment) {
    cancelled_at(
        0,
        1,
        Place {
            kind: kind.into(),
            nth: 1,
            moment,
        },
    );
}

/// The run is cancelled there; the next one deploys `api`, or finds it deployed.
fn left_open(kind: &str, moment: Moment) {
    let place = Place {
        kind: kind.into(),
        nth: 1,
        moment,
    };
    let run = pushed()
        .with_key()
        .cancel_at(place, &["-TERM"], Then::Answers)
        .deploy();
    let called = run.hooks.len();
    let run = run
        .ended(1, "cancelled", "cancelled")
        .hooked(&vec!["api"; called]);
    let wanted = format!(
        "{}@{}",
        run.world.repository("api"),
        run.world.digest("api")
    );
    let world = run.again();
    // Render stood still at the signal, so that what was so then could be told.
    world.render.pace(2);
    world.render.settle();
    let run = world.deploy();
    let count = run.hooks.len();
    let run = run.hooked(&vec!["api"; count]);
    assert_eq!((run.exit, run.world.render.live("api")), (0, Some(wanted)));
}

fn dated(date: &str) {
    let world = pushed().with_key();
    for (_, server) in world.servers() {
        server.dated(date);
    }
    let run = world
        .registry_trouble("api", ghcr::Trouble::RetryAfter(1, 1))
        .deploy();
    let run = run.ended(0, "live", "").hooked(&["api"]);
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
}

variants! {
    row_28_variants {
        "the newer one is of another service too" => || again_after(|repo| repo.write("libs/x", "2"), &["api", "workers"]),
        "the newer one reverts the older" => || again_after(|repo| repo.delete("services/api/x"), &["api"]),
        "the newer one has nothing to do with it" => || again_after(|repo| repo.write("services/web/x", "2"), &["web"]),
    }
    row_33_variants {
        "a submodule that moves" => || changed(|repo| repo.submodule("services/web/vendored", &"c".repeat(40))),
        "a file that becomes a link" => || changed(|repo| repo.delete("services/web/main.txt").link("services/web/main.txt", "x")),
        "a file that becomes a directory" => || changed(|repo| repo.delete("services/web/main.txt").write("services/web/main.txt/x", "1")),
        "nothing but deletions" => || changed(|repo| repo.delete("services/web/main.txt")),
    }
    row_34_variants {
        "a version that is text" => || poisoned(|payload| payload["v"] = json!("1")),
        "a digest that is cut" => || poisoned(|payload| payload["digest"] = json!("sha256:abc")),
        "a kind that nobody knows" => || poisoned(|payload| payload["kind"] = json!("##[evil]")),
        "ten thousand lists in each other" => || poisoned(|payload| {
            *payload = json!(format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)));
        }),
        "numbers where text belongs" => || poisoned(|payload| payload["service"] = json!(7)),
    }
    row_35_variants {
        "not found" => || created(404),
        "gone" => || created(410),
        "for legal reasons" => || created(451),
    }
    row_39_variants {
        "in a plan" => || {
            let path = format!("services/api/{}", MARKUP[3].replace('/', "_"));
            let world = World::new().three_services().push_to_main(|repo| repo.write_bytes(path.as_bytes(), b"1"));
            let run = world.plan().expect_planned(["api"]);
            assert!(run.summary.contains("services/api"), "{}", run.summary);
        },
        "in what exits say" => || {
            let world = pushed().with_key();
            world.render.deploy_ends("api", Fate::Fails("build_failed", Why::Pull("\n\n# @acme/team\n\n```mermaid\nflowchart\n```\n<script>")));
            world.deploy().ended(1, "failed", "image-pull-failed").hooked(&["api"]);
        },
        "in a comment's own place" => || {
            let world = World::new().three_services().pull_request(7, |repo| repo.write_bytes(b"services/web/@acme --><img src=x>", b"1"));
            let run = world.image("web", Kind::Amd64).input("comment", "true").deploy().expect_verified();
            assert!(!run.world.github.comments()[0].body.contains("acme -"), "a path is in the comment");
        },
        "as a folded list" => || {
            let world = World::new().three_services().push_to_main(|repo| {
                for nth in 0..50 {
                    repo.write_bytes(format!("libs/<b>@team{nth}|#{nth}").as_bytes(), b"1");
                }
                repo
            });
            world.images().deploy().expect_accepted(["api", "workers"]);
        },
    }
    row_40_variants {
        "another program of the same kind" => || commented("renovate[bot]", &format!("{MARK}\n### live\n")),
        "a name that looks like ours" => || commented("github-actions[bot]s", &format!("{MARK}\n### live\n")),
        "a name of another case" => || commented("GitHub-Actions[bot]", &format!("{MARK}\n### live\n")),
        "ours, quoted" => || commented("mallory", &format!("> {MARK}\n> ### live\n\nwhat is this?")),
    }
    row_41_variants {
        "one push delivered twice" => || {
            let first = pushed();
            first.remember();
            let second = first.beside();
            let [one, other] = together([Part::now(first, "deploy"), Part::now(second, "deploy")]);
            // The same bytes at most twice, and both say what is so.
            let calls = one.world.render.calls();
            let wanted = format!("{}@{}", one.world.repository("api"), one.world.digest("api"));
            assert!((1..=2).contains(&calls.len()) && calls.iter().all(|call| call.image == wanted), "{calls:?}");
            for run in [one, other] {
                run.settled();
                assert_eq!(run.exit, 0, "{}", run.stdout);
            }
        },
        "a release made by two at once" => || {
            let first = World::new().three_services().tagged("prod-9").push_to_main(|repo| repo.write("services/api/x", "1"));
            let second = first.beside();
            first.github.let_make_tags(true);
            let [one, other] = together([Part::now(first, "release"), Part::now(second, "release")]);
            let made = one.world.origin.git(&["tag", "--points-at", &one.world.commit()]);
            assert_eq!((made.as_str(), one.output("release"), other.output("release")), ("prod-10", "prod-10", "prod-10"));
        },
    }
    row_42_variants {
        "before the record is there" => || left_open("GitHub: POST /deployments", Moment::Unheard),
        "when the record is there and nobody said so" => || left_open("GitHub: POST /deployments", Moment::Unanswered),
        "when Render has begun and nobody said so" => || left_open("Render: POST /deploy/* key imgURL", Moment::Unanswered),
    }
    row_51_variants {
        "the first of a chain fails" => || {
            let world = five();
            world.render.pace(2);
            world.render.deploy_ends("api", Fate::Fails("update_failed", Why::Exited(1)));
            let run = world.deploy();
            assert_eq!((run.exit, run.output("outcome"), run.output("failure")), (1, "failed", "exited"));
            assert_eq!((run.service("api")["status"].clone(), run.service("workers")["status"].clone()), (json!("failed"), json!("not-started")));
            let called: Vec<&str> = run.hooks.iter().map(|call| call.service.as_str()).collect();
            assert!(!called.contains(&"workers"), "{called:?}");
            run.settled();
        },
        "all of them fail" => || {
            let world = five_alone();
            for service in ["api", "workers", "web", "queue", "cron"] {
                world.render.deploy_ends(service, Fate::Fails("update_failed", Why::OutOfMemory("512Mi")));
            }
            let run = world.deploy().ended(1, "failed", "out-of-memory");
            for deploy in run.json("deploys").as_array().unwrap() {
                assert_eq!(deploy["status"], "failed", "{deploy}");
            }
            run.settled();
        },
    }
    row_52_variants {
        "at the first record" => || cancelled("GitHub: POST /deployments", Moment::Answered),
        "while a hook is being called" => || cancelled("Render: POST /deploy/* key imgURL", Moment::Unanswered),
        "while the images are looked at" => || cancelled("registry: GET /manifests/*", Moment::Answered),
    }
    row_54_variants {
        "a date that is none" => || dated("yesterday"),
        "before there were any" => || dated("Thu, 01 Jan 1970 00:00:00 GMT"),
        "when there are none any more" => || dated("Fri, 31 Dec 9999 23:59:59 GMT"),
    }
}

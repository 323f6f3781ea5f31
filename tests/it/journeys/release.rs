//! `release`: the next number, given once, and kept.

use std::collections::BTreeSet;
use testworld::event::ZEROS;
use testworld::ghcr::Trouble;
use testworld::github::refs::Odd;
use testworld::repo::git;
use testworld::{Checkout, Event, Kind, Part, Repo, Run, World, together};

const SERVICES: [&str; 3] = ["api", "workers", "web"];

/// A push to `main`, with two releases before it.
pub(super) fn pushed() -> World {
    let world = World::new()
        .three_services()
        .tagged("prod-9")
        .commit_on_main(|repo| repo.write("docs/a", "1"));
    world
        .tagged("prod-10")
        .push_to_main(|repo| repo.write("services/api/x", "1"))
}

/// The commit has the next number, and no other.
pub(super) fn is_released_once(run: &Run) {
    let made = run
        .world
        .origin
        .git(&["tag", "--points-at", &run.world.commit()]);
    run.equal("tags on the commit", &made.as_str(), &"prod-11");
}

/// A person asks, on `main`.
fn asked(world: World) -> World {
    world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
}

/// The release is this one, on the commit of the event, and nothing else was made.
#[track_caller]
fn released(run: Run, tag: &str) -> Run {
    let run = run.ended(0, "verified", "").no_hooks();
    let found =
        ["release", "next-release", "environment", "sha"].map(|name| run.output(name).to_owned());
    let wanted = [tag, tag, "production", &run.world.commit()].map(str::to_owned);
    run.equal("what was released", &found, &wanted);
    run.equal(
        "the tag's commit",
        &run.world.origin.commit_of(tag),
        &run.world.commit(),
    );
    run
}

/// It was not done, and no tag was made.
#[track_caller]
fn stopped(run: Run, exit: i32, failure: &str, says: &str) -> Run {
    let outcome = run.output("outcome").to_owned();
    let outcome = if outcome == "failed" {
        "failed"
    } else {
        "refused"
    };
    let run = run
        .ended(exit, outcome, failure)
        .no_hooks()
        .annotates("error", says);
    let made = run
        .world
        .origin
        .git(&["tag", "--points-at", &run.world.commit()]);
    run.equal("tags on the commit", &made.as_str(), &"");
    run
}

fn posts(run: &Run) -> usize {
    run.world
        .github
        .server
        .calls()
        .iter()
        .filter(|call| call.path.ends_with("/git/refs"))
        .count()
}

#[test]
fn the_next_number_is_one_above_the_highest_integer() {
    for checkout in [Checkout::Full, Checkout::Shallow, Checkout::None] {
        let run = released(pushed().checkout(checkout).release(), "prod-11");
        let run = run
            .says("Released for production: prod-11 is commit")
            .annotates("notice", "starts no workflow");
        run.says("command deploy and release prod-11");
    }
    let world = World::new().three_services().first_push();
    released(world.release(), "prod-1");
    // Strange tags are none, and an image's tag counts, on whichever page it is.
    let strange = [
        "prod-007",
        "prod-99999999999999999999",
        "prod-11-hotfix",
        "prod-0",
        "prod-",
        "v12",
    ];
    let world = strange
        .into_iter()
        .fold(pushed(), |world, tag| world.tagged(tag));
    let (commit, before) = (world.commit(), world.origin.git(&["rev-parse", "HEAD~1"]));
    let world = strange.into_iter().fold(world, |world, tag| {
        world.origin.git(&["tag", "-f", tag, &before]);
        world
    });
    let mut tags: Vec<String> = (0..250)
        .map(|number| format!("pr-{number}-{commit}"))
        .collect();
    tags.extend(
        [
            "prod-40",
            "prod-41",
            "prod-042",
            "prod-99999999999999999999",
        ]
        .map(str::to_owned),
    );
    tags.push(format!("sha256-{}", "a".repeat(64)));
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let world = world.image_tagged("web", Kind::Amd64, &before, &tags);
    let run = released(world.release(), "prod-42");
    let lists = run.world.registry.server().unwrap().calls();
    let pages = lists
        .iter()
        .filter(|call| call.path == "/v2/acme/web/tags/list" && call.answered == 200)
        .count();
    run.equal("pages", &pages, &3);
}

#[test]
fn a_plan_says_the_number_that_release_makes() {
    let world = pushed();
    let before = world.origin.git(&["rev-parse", "HEAD~1"]);
    let world = world.image_tagged("web", Kind::Amd64, &before, &["prod-41"]);
    let run = world.plan().ended(0, "planned", "").no_hooks();
    run.equal("next-release", &run.output("next-release"), &"prod-42");
    let run = released(run.again().release(), "prod-42");
    let run = run.again().plan().no_hooks();
    run.equal("next-release", &run.output("next-release"), &"prod-43");
    // What release would stop for, plan does not know.
    let world = run.again().registry_trouble("web", Trouble::Status(400));
    let run = world.plan();
    run.equal("next-release", &run.output("next-release"), &"");
    let world = run.says("The next release is not known").into_world();
    let world = world.push_to_main(|repo| repo.write("services/api/x", "another"));
    stopped(world.release(), 1, "registry-unavailable", "image web");
}

#[test]
fn a_registry_that_denies_is_said_and_git_alone_counts() {
    let run = pushed()
        .registry_trouble("web", Trouble::Status(403))
        .release();
    released(run, "prod-11")
        .annotates("warning", "packages: read")
        .annotates("warning", "image web");
}

#[test]
fn a_commit_keeps_its_number() {
    let run = released(pushed().release(), "prod-11");
    let run = run.again().release();
    run.equal("requests for tags", &posts(&run), &1);
    let run = released(run.says("before: prod-11 is commit"), "prod-11");
    // In a dry run too: there is nothing to write.
    let run = released(
        run.again().input("dry-run", "true").run("release"),
        "prod-11",
    );
    // Asked for by name, and not by another name.
    let run = released(
        run.again()
            .input("dry-run", "false")
            .input("release", "prod-11")
            .run("release"),
        "prod-11",
    );
    let run = run
        .again()
        .input("release", "prod-12")
        .run("release")
        .ended(2, "refused", "bad-input");
    run.annotates("error", "is release prod-11 already");
    // Whoever made it, and however: an annotated tag is followed to its commit.
    for checkout in [Checkout::Full, Checkout::None] {
        let world = pushed();
        world.origin.annotated_tag("prod-12", "HEAD");
        world.origin.annotated_tag("prod-13", "HEAD:docs");
        let run = world.checkout(checkout).run("release");
        released(run, "prod-12");
    }
}

#[test]
fn a_pushed_release_is_the_release_already() {
    let world = World::new().three_services().push_annotated_tag("prod-7");
    released(world.run("release"), "prod-7");
    let malformed = World::new()
        .three_services()
        .push_tag("prod-07")
        .run("release");
    malformed
        .ended(1, "refused", "bad-event")
        .annotates("error", "prod-07")
        .no_hooks();
    let moved = World::new()
        .three_services()
        .push_tag("prod-7")
        .payload(|payload| payload["before"] = "1".repeat(40).into());
    moved
        .run("release")
        .ended(1, "refused", "release-moved")
        .no_hooks();
}

#[test]
fn a_dry_run_makes_nothing() {
    let run = pushed()
        .input("dry-run", "true")
        .run("release")
        .ended(0, "planned", "")
        .no_hooks();
    let found = ["release", "next-release", "environment"].map(|name| run.output(name).to_owned());
    run.equal(
        "outputs",
        &found,
        &["", "prod-11", "production"].map(str::to_owned),
    );
    run.says("would become prod-11");
}

#[test]
fn a_person_may_name_a_higher_one() {
    let versions = |text: &str| text.replace("prod-{number}", "v{version}");
    let world = || {
        World::new()
            .three_services_and(versions)
            .tagged("v1.3.9")
            .tagged("v1.3.10-rc1")
    };
    let world = || world().push_to_main(|repo| repo.write("services/api/x", "1"));
    released(world().release(), "v1.3.10");
    released(
        asked(world()).input("release", "v1.4.0").release(),
        "v1.4.0",
    );
    let run = asked(world()).input("release", "v1.3.9").run("release");
    stopped(run, 1, "release-taken", "v1.3.9 is on commit");
    let run = asked(world()).input("release", "v1.2.11").run("release");
    stopped(
        run,
        2,
        "bad-input",
        "not above v1.3.9, the highest there is: the next is v1.3.10",
    );
    released(
        asked(pushed()).input("release", "prod-50").release(),
        "prod-50",
    );
}

#[test]
fn bad_requests_are_told() {
    for (input, value, says) in [
        (
            "release",
            "prod-07",
            "\"prod-07\", wanted one like prod-{number}",
        ),
        (
            "release",
            "prod-0",
            "\"prod-0\", wanted one like prod-{number}",
        ),
        (
            "release",
            "v1.0.0",
            "\"v1.0.0\", wanted one like prod-{number}",
        ),
        ("release", "prod-8", "prod-8 is not above prod-10"),
        (
            "environment",
            "staging",
            "environment staging deploys from a branch and has no releases",
        ),
        ("environment", "nowhere", "there is no environment nowhere"),
        ("pr-number", "7", "a pull request is never released"),
        ("base", "1234567", "it is for plan and verify"),
        ("sha", "1234567", "no commit 1234567"),
    ] {
        stopped(
            asked(pushed()).input(input, value).run("release"),
            2,
            "bad-input",
            says,
        );
    }
    let two =
        |text: &str| text.replace("production:", "eu: { tag: \"eu-{number}\" }\n  production:");
    let world = || {
        asked(
            World::new()
                .three_services_and(two)
                .commit_on_main(|repo| repo.write("x", "1")),
        )
    };
    stopped(
        world().run("release"),
        2,
        "bad-input",
        "several have releases: name one of eu, production",
    );
    released(
        world().input("environment", "production").release(),
        "prod-1",
    );
    released(world().input("release", "prod-3").release(), "prod-3");
    let none = |text: &str| {
        text.replace(
            "production: { tag: \"prod-{number}\" }",
            "production: { branch: live }",
        )
    };
    let world = asked(
        World::new()
            .three_services_and(none)
            .commit_on_main(|repo| repo.write("x", "1")),
    );
    stopped(
        world.run("release"),
        2,
        "bad-input",
        "no environment of the deploy manifest has releases",
    );
    let most = asked(
        pushed()
            .tagged("prod-999999999")
            .commit_on_main(|repo| repo.write("x", "1")),
    );
    stopped(
        most.run("release"),
        2,
        "bad-input",
        "no release can follow prod-999999999",
    );
}

#[test]
fn only_a_commit_of_a_branch_of_releases_is_released() {
    let feature = |world: World| {
        world.origin.git(&["checkout", "-q", "-b", "feature"]);
        world
            .origin
            .write("services/api/x", "feature")
            .commit("a feature");
        world.on_event(|world| {
            Event::push(
                "refs/heads/feature",
                ZEROS,
                &world.origin.head(),
                &world.origin.head(),
            )
        })
    };
    for checkout in [Checkout::Full, Checkout::None] {
        let run = feature(pushed()).checkout(checkout).run("release");
        stopped(
            run,
            1,
            "bad-event",
            "is on no branch from which releases are made (main)",
        );
    }
    // Named on `main`, or dispatched on the branch itself: it is the same commit.
    let world = feature(pushed());
    let sha = world.commit();
    let world = world.on_event(|world| {
        Event::dispatch("refs/heads/main", &world.origin.git(&["rev-parse", "main"]))
    });
    stopped(
        world.input("sha", &sha).run("release"),
        1,
        "bad-event",
        "is on no branch",
    );
    let world = feature(pushed())
        .on_event(|world| Event::dispatch("refs/heads/feature", &world.origin.head()));
    stopped(world.run("release"), 1, "bad-event", "is on no branch");
    let from = |text: &str| {
        text.replace(
            "\"prod-{number}\" }",
            "\"prod-{number}\", from: [main, feature] }",
        )
    };
    released(
        feature(World::new().three_services_and(from)).release(),
        "prod-1",
    );
    // An older commit of the branch is one, and what deploying it would come to is said.
    let world = asked(
        pushed()
            .tagged("prod-11")
            .commit_on_main(|repo| repo.write("x", "1"))
            .tagged("prod-12"),
    );
    let older = world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let run = world
        .input("sha", &older[..10])
        .run("release")
        .ended(0, "verified", "");
    run.equal("release", &run.output("release"), &"prod-9");
    let world = pushed();
    let older = world.origin.head();
    let world = asked(
        world
            .commit_on_main(|repo| repo.write("x", "1"))
            .tagged("prod-12"),
    );
    let run = world
        .input("sha", &older)
        .release()
        .ended(0, "verified", "");
    run.equal(
        "the tag's commit",
        &run.world.origin.commit_of("prod-13"),
        &older,
    );
    run.annotates("warning", "deploy refuses this one");
}

#[test]
fn other_events_release_nothing() {
    let world = World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"));
    world
        .run("release")
        .ended(1, "refused", "bad-event")
        .says("pull request")
        .no_hooks();
    let world = World::new()
        .three_services()
        .on_event(|world| Event::merge_group(&world.origin.head(), &world.origin.head()));
    world
        .run("release")
        .ended(1, "refused", "bad-event")
        .no_hooks();
    let world = World::new()
        .three_services()
        .on_event(|world| Event::other("pull_request_target", &world.origin.head()));
    world
        .run("release")
        .ended(1, "refused", "bad-event")
        .no_hooks();
    let gone = World::new().three_services().on_event(|world| {
        let head = world.origin.head();
        Event::delete("refs/heads/feature", &head, &head)
    });
    gone.run("release").expect_nothing();
    pushed()
        .input("freeze", "christmas")
        .run("release")
        .expect_skipped()
        .annotates("warning", "nothing is released");
    for event in [
        Event::schedule,
        Event::repository_dispatch,
        Event::workflow_run,
    ] {
        let world = pushed().on_event(|world| event(&world.origin.head()));
        released(world.release(), "prod-11");
    }
}

#[test]
fn a_lost_race_takes_the_next_number() {
    let world = pushed();
    let other = world.origin.git(&["rev-parse", "HEAD~1"]);
    world
        .github
        .odd_tags([Odd::Overtaken(other.clone()), Odd::Overtaken(other.clone())]);
    let run = released(world.release(), "prod-13");
    run.equal("tags", &run.world.origin.commit_of("prod-12"), &other);
    // The winner may have been of the very same commit.
    let world = pushed();
    world.github.odd_tags([Odd::Overtaken(world.commit())]);
    let run = released(world.release(), "prod-11");
    run.equal("requests for tags", &posts(&run), &1);
    // Who wants one number and no other gets none.
    let world = asked(pushed()).input("release", "prod-20");
    let other = world.origin.git(&["rev-parse", "HEAD~1"]);
    world.github.odd_tags([Odd::Overtaken(other)]);
    stopped(world.release(), 1, "release-taken", "prod-20 is on commit");
}

#[test]
fn a_lost_answer_is_looked_up_and_never_takes_a_second_number() {
    for odd in [
        vec![Odd::Lost],
        vec![Odd::Silent, Odd::Lost],
        vec![Odd::Lost, Odd::Silent, Odd::Silent],
        vec![Odd::Late(3)],
    ] {
        let world = pushed();
        world.github.odd_tags(odd);
        let run = released(world.release(), "prod-11");
        run.equal(
            "tags",
            &run.world.origin.tags(),
            &["prod-10", "prod-11", "prod-9"].map(str::to_owned).to_vec(),
        );
    }
    let world = pushed();
    world
        .github
        .odd_tags([Odd::Silent, Odd::Silent, Odd::Silent]);
    let run = stopped(world.release(), 1, "github-unavailable", "tag prod-11");
    released(run.again().release(), "prod-11");
    let world = pushed();
    world.github.odd_tags([Odd::Late(50)]);
    let run = world.release().ended(1, "failed", "order-unknown");
    run.equal("tags", &run.world.origin.tags().len(), &3);
}

#[test]
fn what_github_refuses_is_named() {
    for (status, text, failure, says) in [
        (
            403,
            "Resource not accessible by integration",
            "permission-missing",
            "contents=write",
        ),
        (
            422,
            "Repository rule violations found",
            "permission-missing",
            "Repository rule violations",
        ),
        (
            422,
            "Reference update failed",
            "permission-missing",
            "Reference update failed",
        ),
        (
            422,
            "Object does not exist",
            "github-unavailable",
            "Object does not exist",
        ),
        (404, "Not Found", "permission-missing", "Not Found"),
    ] {
        let world = pushed();
        world.github.odd_tags(vec![Odd::Answer(status, text); 3]);
        stopped(world.release(), 1, failure, says);
    }
    // What GitHub says without a reason is tried again.
    let world = pushed();
    world.github.odd_tags([
        Odd::Answer(422, "Reference update failed"),
        Odd::Answer(409, "Reference update failed"),
    ]);
    released(world.release(), "prod-11");
}

#[test]
fn what_the_required_environment_has_not_had_is_not_released() {
    let required = |text: &str| {
        text.replace(
            "tag: \"prod-{number}\" }",
            "tag: \"prod-{number}\", requires: staging }",
        )
    };
    let world = || {
        let world = World::new().three_services_and(required).never_deployed();
        world.push_to_main(|repo| repo.write("services/api/x", "1"))
    };
    let failure = "not-live-in-required-environment";
    stopped(world().release(), 1, failure, "staging");
    // The commit changed the api alone: the others may be there by another commit.
    let deployed_before = || {
        let world = world();
        let before = world.origin.git(&["rev-parse", "HEAD~1"]);
        SERVICES.into_iter().fold(world, |world, name| {
            world.deployed("staging", name, &before)
        })
    };
    let run = stopped(deployed_before().release(), 1, failure, "api (");
    let error = run.annotations("error").join("\n");
    assert!(
        !error.contains("workers") && !error.contains("web"),
        "{error}"
    );
    let world_now = deployed_before();
    let commit = world_now.commit();
    released(
        world_now.deployed("staging", "api", &commit).release(),
        "prod-1",
    );
    released(
        asked(world()).input("force", "requires").release(),
        "prod-1",
    )
    .annotates("warning", "force: requires");
    // A number that it has it keeps; deploying asks again.
    let kept = world().tagged("prod-5");
    released(kept.run("release"), "prod-5");
}

#[test]
fn a_deploy_goes_on_from_it_though_the_checkout_has_no_such_tag() {
    let world = asked(pushed())
        .checkout(Checkout::Shallow)
        .never_deployed()
        .images();
    let run = released(world.release(), "prod-11");
    let (release, event) = (run.output("release").to_owned(), run.world.event.clone());
    let mut world = run.world.beside();
    world.event = event;
    world.check_out();
    assert_eq!(
        git(&world.rooms.workspace, &["tag", "--list"]),
        "",
        "the checkout has tags"
    );
    let run = world
        .may_write()
        .input("environment", "production")
        .input("release", &release)
        .deploy()
        .expect_accepted(SERVICES);
    run.equal("release", &run.output("release"), &"prod-11");
}

/// Twenty commits on `main`, the newest last.
fn twenty(world: &World) -> Vec<String> {
    (0..20)
        .map(|number| {
            let repo: &Repo = &world.origin;
            repo.write("services/api/x", &number.to_string());
            repo.commit("one of twenty")
        })
        .collect()
}

/// Twenty runs at the same time, each of which makes a release.
fn race(racers: Vec<World>) -> [Run; 20] {
    let first = racers.first().expect("a racer");
    let github = first.github.clone();
    github.let_make_tags(true);
    let parts = racers.into_iter().map(|racer| Part::now(racer, "release"));
    let parts: Vec<Part> = parts.collect();
    let runs = together(<[Part; 20]>::try_from(parts).ok().expect("twenty"));
    github.let_make_tags(false);
    runs
}

#[test]
fn twenty_runs_for_twenty_commits_get_twenty_numbers() {
    let world = pushed()
        .checkout(Checkout::None)
        .deadline(std::time::Duration::from_secs(240));
    let commits = twenty(&world);
    let racers: Vec<World> = commits
        .iter()
        .map(|commit| {
            let mut racer = world.beside();
            racer.event = Some(Event::push("refs/heads/main", ZEROS, commit, commit));
            racer
        })
        .collect();
    for run in race(racers) {
        let release = run.output("release").to_owned();
        released(run, &release);
    }
    let numbers: BTreeSet<u32> = world
        .origin
        .tags()
        .iter()
        .filter_map(|tag| tag.strip_prefix("prod-")?.parse().ok())
        .collect();
    assert_eq!(numbers, (9..=30).collect::<BTreeSet<u32>>());
    let on: BTreeSet<String> = (11..=30)
        .map(|number| world.origin.commit_of(&format!("prod-{number}")))
        .collect();
    assert_eq!(on, commits.into_iter().collect::<BTreeSet<String>>());
}

#[test]
fn twenty_runs_for_one_commit_get_one_number() {
    let world = pushed()
        .checkout(Checkout::None)
        .deadline(std::time::Duration::from_secs(240));
    for run in race((0..20).map(|_| world.beside()).collect()) {
        released(run, "prod-11");
    }
    assert_eq!(world.origin.tags(), ["prod-10", "prod-11", "prod-9"]);
}

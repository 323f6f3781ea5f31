//! Rows 64 to 74: what Render, the registry, GitHub and earlier steps come up with.

use super::super::super::cleanup::{linked_with, stays};
use super::super::super::ledger_histories::foreign::claimed_by;
use super::super::super::promotion::released;
use super::super::super::second_door::runs_though_planted;
use super::super::places::with_planted;
use super::super::{pipe, pushed};
use std::path::Path;
use testworld::ghcr::{Refusal, Trouble};
use testworld::github::record::TASK;
use testworld::{Answer, Kind, World};

/// An answer that is neither yes nor no.
fn unclear(answer: Answer) {
    let run = pushed().hook_answers("api", [answer]).deploy();
    let run = run.ended(1, "failed", "deploy-failed").hooked(&["api"]);
    assert_eq!(run.service("api")["status"], "unknown");
    let last = run.world.github.records().pop().expect("a record");
    assert_eq!(last.state, "open");
}

/// Refused once so: asked again, and deployed.
fn waited_out(refusal: Refusal) {
    let world = pushed().registry_trouble("api", Trouble::Refused(1, refusal));
    world.deploy().expect_accepted(["api"]);
}

/// A release whose tag cannot be put, because a part of this image is gone.
fn broken(image: &str, detail: impl Fn(&World) -> String) -> testworld::Run {
    let world = released().may_write();
    let refusal = Refusal::part_unknown(&detail(&world));
    let world = world.registry_trouble(image, Trouble::WriteRefused(u32::MAX, refusal));
    world.deploy().expect_stopped("image-broken")
}

/// An image of `api` with this revision label: whether a warning says that it names no commit.
fn labelled(label: impl Fn(&str) -> String, warns: bool) {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"));
    let own = world.commit();
    let run = world
        .image_tagged("api", Kind::Amd64, &label(&own), &[&own])
        .deploy()
        .expect_accepted(["api"]);
    let warnings = run.annotations("warning");
    let told = warnings.iter().any(|text| text.contains("names no commit"));
    run.equal("a warning", &told, &warns);
}

/// The tag, where releases are versions.
fn version(tag: &str) -> World {
    let versions = |text: &str| text.replace("prod-{number}", "v{version}");
    World::new().three_services_and(versions).push_tag(tag)
}

/// Two pushes were deployed, then somebody did that to the records: the run of the older one is repeated.
fn older_again(outcome: &str, change: impl Fn(&World)) {
    let world = pushed();
    let old = world.event.clone();
    let world = world.deploy().expect_accepted(["api"]).into_world();
    let world = world
        .push_to_main(|repo| repo.write("services/api/x", "2"))
        .images();
    let run = world.deploy().expect_accepted(["api"]);
    change(&run.world);
    let mut world = run.into_world();
    world.event = old;
    world.deploy().ended(0, outcome, "").no_hooks();
}

/// That somewhere in the checkout: it is not used, and not waited for.
fn planted(name: &str, plant: impl Fn(&Path)) {
    with_planted(name, plant).says("the checkout is not used");
}

/// A registry that repeats the password so in what it says: nothing of its text is shown.
fn repeated(spell: impl Fn(&str) -> String) {
    let world = pushed();
    let said = spell(&world.text_of("registry-password"));
    let refusal = Refusal::new(403, "DENIED", format!("plugh {said}"));
    let run = world
        .registry_trouble("api", Trouble::Refused(u32::MAX, refusal))
        .input("image-timeout", "2s")
        .deploy()
        .no_hooks();
    assert_eq!(run.exit, 1);
    let shown = run.shown() + &run.summary + &run.output_file;
    let is_hidden = !shown.contains(&said) && !shown.contains("plugh");
    run.ensure(is_hidden, "the registry's text is shown");
}

variants! {
    row_64_variants {
        "not modified" => || unclear(Answer::Status(304)),
        "accepted in part" => || unclear(Answer::Body(206, "{\"deploy\":{\"id\":\"dep-x\"}}".into())),
        "too early" => || unclear(Answer::Status(425)),
        "a text that is no JSON" => || unclear(Answer::Body(201, "OK".into())),
        "accepted without a word" => || {
            pushed().hook_answers("api", [Answer::Body(202, String::new())]).deploy().expect_accepted(["api"]);
        },
    }
    row_65_variants {
        "with the wait in Go's words" => || waited_out(Refusal::new(403, "DENIED", "secondary rate limit; retry-after: 880.092\u{b5}s, allowed: 44000/minute")),
        "with the code of too many requests" => || waited_out(Refusal::new(403, "TOOMANYREQUESTS", "retry-after: 1.2ms")),
        "as a 401" => || waited_out(Refusal::new(401, "DENIED", "You have exceeded a secondary rate limit.")),
        "a denial that only speaks of limits" => || {
            let refusal = Refusal::new(403, "DENIED", "you are at your limit");
            let world = pushed().registry_trouble("api", Trouble::Refused(u32::MAX, refusal));
            world.input("image-timeout", "3s").deploy().expect_stopped("image-denied");
        },
    }
    row_66_variants {
        "a part that the image does not have" => || {
            let stranger = format!("sha256:{}", "5".repeat(64));
            let run = broken("api", |_| stranger.clone());
            let is_shown = run.shown().contains(&stranger) || run.summary.contains(&stranger);
            run.ensure(!is_shown, "a stranger's digest is shown");
        },
        "an image of a service that is skipped" => || {
            let run = broken("web", |world| world.platform("web"));
            let part = run.world.platform("web");
            run.says(&part);
        },
        "a detail that is no digest" => || {
            let run = broken("api", |_| "::error::evil".into());
            assert!(!run.shown().contains("evil"), "{}", run.shown());
        },
    }
    row_67_variants {
        "a branch" => || labelled(|_| "main".into(), true),
        "a variable of a shell" => || labelled(|_| "$GIT_COMMIT".into(), true),
        "what git describe says" => || labelled(|own| format!("v1-3-g{}", &own[..9]), false),
        "in upper case, of changed files" => || labelled(|own| format!("{}-DIRTY", own.to_uppercase()), false),
        "as Flux writes it" => || labelled(|own| format!("main@sha1:{own}"), false),
    }
    row_68_variants {
        "a candidate with a build" => || { version("v1.3.0-alpha.1+b5").deploy().expect_nothing(); },
        "a date" => || { version("v2026-11").deploy().expect_nothing(); },
        "no number at all" => || { version("vnext").deploy().expect_nothing(); },
    }
    row_69_variants {
        // The record before it says that the older commit is there.
        "the newest record was deleted" => || older_again("nothing", |world| {
            let newest = world.github.records().pop().expect("a record");
            world.github.forget_record(newest.number);
        }),
        "the newest record is not read: its payload is too large" => || older_again("superseded", |world| {
            let newest = world.github.records().pop().expect("a record");
            world.github.forget_record(newest.number);
            world.github.plant_record(world.live("staging", "api", &newest.commit), |payload| {
                payload["x"] = "a".repeat(450_000).into();
                TASK
            });
        }),
        "thirty of another account under our environment's name" => || older_again("superseded", |world| {
            for _ in 0..30 {
                let mut seed = world.live("staging", "api", &world.base());
                seed.creator = "mallory";
                world.github.seed_record(seed);
            }
        }),
    }
    row_70_variants {
        "an app of another number with the login" => || { claimed_by("bot:github-actions").expect_accepted(["api"]); },
        "a person with the login in another case" => || { claimed_by("user:GitHub-Actions").expect_accepted(["api"]); },
        "another app" => || { claimed_by("bot:renovate").expect_accepted(["api"]); },
        "ourselves" => || { claimed_by("github-actions").expect_unchanged(); },
    }
    row_71_variants {
        "a pipe as a pack" => || planted("objects/pack/pack-1.pack", pipe),
        "a pipe as the index of a pack" => || planted("objects/pack/pack-1.idx", pipe),
        "a pipe as a tag" => || planted("refs/tags/prod-1", pipe),
        "a device behind a link, as a branch" => || planted("refs/heads/main", |path| {
            std::os::unix::fs::symlink("/dev/zero", path).expect("a link");
        }),
    }
    row_72_variants {
        "with every byte percent-encoded" => || repeated(|text| text.bytes().map(|byte| format!("%{byte:02x}")).collect()),
        "in base64, of the user and the password" => || repeated(|text| {
            use base64::Engine as _;
            base64::prelude::BASE64_STANDARD.encode(format!("robot:{text}"))
        }),
        "letter by letter" => || repeated(|text| text.chars().map(|letter| format!("{letter} ")).collect()),
        "in the middle of words that are shown" => || repeated(|text| format!("denied: {text}: invalid token")),
    }
    row_73_variants {
        "a library that watches the loader" => || runs_though_planted("LD_AUDIT"),
        "a directory of libraries" => || runs_though_planted("LD_LIBRARY_PATH"),
        "settings of the loader" => || runs_though_planted("GLIBC_TUNABLES"),
    }
    row_74_variants {
        "a tag of a commit in another case" => || { stays(&format!("pr-7-{}", "A9".repeat(20))); },
        "a commit that is cut" => || { stays("pr-7-abcdef0"); },
        "a package of a repository whose name begins like ours" => || linked_with("acme/shop-api"),
        "a package of a namesake's" => || linked_with("mallory/shop"),
    }
}

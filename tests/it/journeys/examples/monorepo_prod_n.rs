//! `monorepo-prod-n`: five images, six services, staging on main, production by `prod-N`.

use super::Stage;
use super::act::both;
use super::stage::Played;
use serde_json::json;
use std::collections::BTreeMap;
use testworld::{Event, Repo};

/// Each service with its image.
const SERVICES: [(&str, &str); 6] = [
    ("api", "api"),
    ("web", "web"),
    ("admin", "admin"),
    ("jobs", "jobs"),
    ("mail", "mail"),
    ("nightly-report", "jobs"),
];
const IMAGES: [&str; 5] = [
    "shop-api",
    "shop-web",
    "shop-admin",
    "shop-jobs",
    "shop-mail",
];

const BUILT: [(&str, &str); 3] = [
    ("plan", "success"),
    ("build", "success"),
    ("deploy", "success"),
];
const NOTHING_TO_BUILD: [(&str, &str); 3] = [
    ("plan", "success"),
    ("build", "skipped"),
    ("deploy", "success"),
];

fn on_render(environment: &str, service: &str) -> String {
    format!("{environment}-{service}")
}

fn begun() -> Stage {
    let mut stage = Stage::of("monorepo-prod-n", |text| text).with(|world| {
        for image in ["api", "web", "admin", "jobs", "mail"] {
            world.origin.write(&format!("apps/{image}/main.txt"), "1");
        }
        world.push_to_main(|repo| repo.write("libs/db/x.txt", "1"))
    });
    for environment in ["staging", "production"] {
        for (service, image) in SERVICES {
            let name = on_render(environment, service);
            stage = stage.with(|world| world.hooks(&[&name]).input("deploy-hooks", ""));
            let hook = stage.world.hook(&name);
            stage.world.render.image_path(
                &name,
                &format!(
                    "{}:latest",
                    stage.world.repository(&format!("shop-{image}"))
                ),
            );
            if service == "nightly-report" {
                stage.world.render.kind(&name, "cron_job");
            }
            let secret = format!(
                "secrets.RENDER_HOOK_{}",
                service.to_uppercase().replace('-', "_")
            );
            stage = stage.setting(environment, &secret, &hook);
        }
    }
    stage
}

fn changed(stage: Stage, change: impl FnOnce(&Repo) -> &Repo) -> Stage {
    stage.with(|world| world.push_to_main(change))
}

/// What is under that tag of each service's image.
fn under(stage: &Stage, tags: &BTreeMap<&str, String>) -> BTreeMap<&'static str, String> {
    let image = |name: &str| {
        let image = format!("shop-{name}");
        let digest = stage
            .world
            .tag(&image, &tags[name])
            .unwrap_or_else(|| panic!("{image}:{} is not there", tags[name]));
        format!("{}@{digest}", stage.world.repository(&image))
    };
    SERVICES
        .into_iter()
        .map(|(service, name)| (service, image(name)))
        .collect()
}

/// Where every image is that was built last.
fn all(commit: &str) -> BTreeMap<&'static str, String> {
    ["api", "web", "admin", "jobs", "mail"]
        .into_iter()
        .map(|image| (image, commit.to_owned()))
        .collect()
}

/// The job's run asked these services for these images.
#[track_caller]
fn asked(
    played: &mut Played,
    job: &str,
    environment: &str,
    services: &[&str],
    images: &BTreeMap<&str, String>,
) {
    let names: Vec<String> = services
        .iter()
        .map(|service| on_render(environment, service))
        .collect();
    let wanted: Vec<(&str, &str)> = names
        .iter()
        .zip(services)
        .map(|(name, service)| (name.as_str(), images[service].as_str()))
        .collect();
    let run = played
        .run(job)
        .ended(0, "accepted", "")
        .hooked_with(&wanted);
    if services.contains(&"api") && services.len() > 1 {
        for late in services
            .iter()
            .filter(|service| !matches!(**service, "api" | "mail"))
        {
            let at = |name: &str| {
                run.hooks
                    .iter()
                    .position(|call| call.service == on_render(environment, name))
            };
            run.equal(late, &(at(late) > at("api")), &true);
        }
    }
}

const ALL: [&str; 6] = ["api", "web", "admin", "jobs", "mail", "nightly-report"];

/// Everything is in staging.
fn staged() -> (Stage, BTreeMap<&'static str, String>) {
    let mut stage = begun();
    let mut played = stage.play("staging.yml").ended(&BUILT).builds(&IMAGES);
    let tags = all(&stage.world.commit());
    let images = under(&stage, &tags);
    asked(&mut played, "deploy", "staging", &ALL, &images);
    (stage, tags)
}

/// `main` as it is becomes that release.
#[track_caller]
fn released(
    stage: Stage,
    tag: &str,
    services: &[&str],
    tags: &BTreeMap<&'static str, String>,
) -> Stage {
    let mut stage = stage.with(|world| world.push_tag(tag));
    let mut played = stage
        .play("production.yml")
        .ended(&[("approve", "success"), ("deploy", "success")])
        .builds(&[]);
    let images = under(&stage, tags);
    asked(&mut played, "deploy", "production", services, &images);
    // The release's tag is on what production serves, of every image.
    let promoted = under(&stage, &all(tag));
    assert_eq!(promoted, images);
    stage
}

#[test]
fn staging_builds_and_deploys_what_changed_and_production_gets_those_bytes() {
    let (stage, mut tags) = staged();
    let stage = released(stage, "prod-1", &ALL, &tags);
    // One image of two services: only that is built, and both are deployed.
    let mut stage = changed(stage, |repo| repo.write("apps/jobs/main.txt", "2"));
    let mut played = stage
        .play("staging.yml")
        .ended(&BUILT)
        .builds(&["shop-jobs"]);
    tags.insert("jobs", stage.world.commit());
    let images = under(&stage, &tags);
    asked(
        &mut played,
        "deploy",
        "staging",
        &["jobs", "nightly-report"],
        &images,
    );
    let mut stage = changed(stage, |repo| repo.write("libs/ui/x.txt", "1"));
    let mut played =
        stage
            .play("staging.yml")
            .ended(&BUILT)
            .builds(&["shop-api", "shop-web", "shop-admin"]);
    for image in ["api", "web", "admin"] {
        tags.insert(image, stage.world.commit());
    }
    let images = under(&stage, &tags);
    asked(
        &mut played,
        "deploy",
        "staging",
        &["api", "web", "admin"],
        &images,
    );
    // Compared with the last release, not with the last push.
    released(
        stage,
        "prod-2",
        &["api", "web", "admin", "jobs", "nightly-report"],
        &tags,
    );
}

#[test]
fn the_deploy_runs_where_nothing_had_to_be_built() {
    let (stage, tags) = staged();
    let mut stage = changed(stage, |repo| repo.write("docs/x.md", "1"));
    let mut played = stage
        .play("staging.yml")
        .ended(&NOTHING_TO_BUILD)
        .builds(&[]);
    let run = played.run("deploy").ended(0, "skipped", "").no_hooks();
    run.equal("warnings", &run.annotations("warning"), &Vec::new());
    // A revert: the image from before is used again, and not built.
    let mut stage = changed(stage, |repo| repo.write("apps/web/main.txt", "2"));
    let mut played = stage
        .play("staging.yml")
        .ended(&BUILT)
        .builds(&["shop-web"]);
    played.run("deploy").ended(0, "accepted", "").settled();
    let mut stage = changed(stage, |repo| repo.write("apps/web/main.txt", "1"));
    let mut played = stage
        .play("staging.yml")
        .ended(&NOTHING_TO_BUILD)
        .builds(&[]);
    let images = under(&stage, &tags);
    asked(&mut played, "deploy", "staging", &["web"], &images);
}

#[test]
fn a_build_that_failed_is_made_good_by_the_next_push_whatever_it_touches() {
    let (stage, mut tags) = staged();
    let mut stage = changed(stage, |repo| repo.write("apps/mail/main.txt", "2"))
        .build_fails("acme/shop-mail", true);
    stage
        .play("staging.yml")
        .ended(&[
            ("plan", "success"),
            ("build", "failure"),
            ("deploy", "skipped"),
        ])
        .builds(&[]);
    let mut stage =
        changed(stage, |repo| repo.write("docs/x.md", "1")).build_fails("acme/shop-mail", false);
    let mut played = stage
        .play("staging.yml")
        .ended(&BUILT)
        .builds(&["shop-mail"]);
    tags.insert("mail", stage.world.commit());
    let images = under(&stage, &tags);
    asked(&mut played, "deploy", "staging", &["mail"], &images);
}

#[test]
fn the_digests_of_the_builds_reach_the_deploy_without_their_tags() {
    let mut stage = begun();
    let ghcr = stage.world.registry.ghcr().clone();
    // The registry shows no tag of a push for a long time, as GHCR may; by digest the image is there at once.
    for image in IMAGES {
        ghcr.trouble(
            &format!("acme/{image}"),
            testworld::ghcr::Trouble::AbsentFor(10_000),
        );
    }
    let mut played = stage.play("staging.yml").ended(&BUILT).builds(&IMAGES);
    let images = under(&stage, &all(&stage.world.commit()));
    asked(&mut played, "deploy", "staging", &ALL, &images);
}

#[test]
fn a_release_that_staging_did_not_have_is_refused() {
    let (stage, _) = staged();
    let stage =
        stage.with(|world| world.commit_on_main(|repo| repo.write("apps/api/main.txt", "2")));
    let mut stage =
        stage
            .with(|world| world.push_tag("prod-1"))
            .hurried("image-timeout", "10s", "1s");
    let mut played = stage
        .play("production.yml")
        .ended(&[("approve", "success"), ("deploy", "failure")]);
    played
        .run("deploy")
        .ended(1, "failed", "image-missing")
        .no_hooks();
}

#[test]
fn a_release_whose_images_are_there_and_never_ran_in_staging_is_refused() {
    let (stage, _) = staged();
    let stage = changed(stage, |repo| repo.write("apps/mail/main.txt", "2"));
    let mut stage = stage.setting("staging", "secrets.RENDER_HOOK_MAIL", "");
    let mut played = stage
        .play("staging.yml")
        .ended(&[
            ("plan", "success"),
            ("build", "success"),
            ("deploy", "failure"),
        ])
        .builds(&["shop-mail"]);
    played
        .run("deploy")
        .ended(1, "refused", "hook-missing")
        .no_hooks();
    let mut stage = stage.with(|world| world.push_tag("prod-1"));
    let mut played = stage
        .play("production.yml")
        .ended(&[("approve", "success"), ("deploy", "failure")]);
    played
        .run("deploy")
        .ended(1, "refused", "not-live-in-required-environment")
        .no_hooks();
}

#[test]
fn a_rollback_brings_the_release_before_back_and_holds_until_the_next() {
    let (stage, mut tags) = staged();
    let stage = released(stage, "prod-1", &ALL, &tags);
    let first = under(&stage, &tags);
    let mut stage = changed(stage, |repo| repo.write("apps/web/main.txt", "2"));
    let mut played = stage
        .play("staging.yml")
        .ended(&BUILT)
        .builds(&["shop-web"]);
    played.run("deploy").ended(0, "accepted", "").settled();
    tags.insert("web", stage.world.commit());
    let stage = released(stage, "prod-2", &["web"], &tags);
    let by_hand = |stage: Stage, release: &str| {
        let inputs = json!({"release": release});
        let stage = stage.with(|world| {
            world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
        });
        stage.with(|world| world.payload(|event| event["inputs"] = inputs))
    };
    let mut stage = by_hand(stage, "");
    let mut played = stage.play("rollback.yml").ended(&[("rollback", "success")]);
    asked(&mut played, "rollback", "production", &["web"], &first);
    // By name it is the same, and there already.
    let mut stage = by_hand(stage, "prod-1");
    let mut played = stage.play("rollback.yml").ended(&[("rollback", "success")]);
    played.run("rollback").ended(0, "nothing", "").no_hooks();
    // The next release is not held.
    let mut stage = changed(stage, |repo| repo.write("apps/web/main.txt", "3"));
    let mut played = stage
        .play("staging.yml")
        .ended(&BUILT)
        .builds(&["shop-web"]);
    played.run("deploy").ended(0, "accepted", "").settled();
    tags.insert("web", stage.world.commit());
    released(stage, "prod-3", &["web"], &tags);
}

#[test]
fn act_says_the_same_of_staging() {
    let told = both(begun, "staging.yml");
    told.ended(&BUILT).ran("deploy: outcome=accepted");
    assert_eq!((told.built.len(), told.asked.len()), (5, 6), "{told:#?}");
    let begin = || changed(staged().0, |repo| repo.write("docs/x.md", "1"));
    both(begin, "staging.yml")
        .ended(&NOTHING_TO_BUILD)
        .ran("deploy: outcome=skipped");
}

#[test]
fn act_says_the_same_of_production_and_of_a_rollback() {
    let begin = || staged().0.with(|world| world.push_tag("prod-1"));
    both(begin, "production.yml")
        .ended(&[("approve", "success"), ("deploy", "success")])
        .ran("deploy: outcome=accepted");
    let begin = || {
        let (stage, mut tags) = staged();
        let stage = released(stage, "prod-1", &ALL, &tags);
        let mut stage = changed(stage, |repo| repo.write("apps/web/main.txt", "2"));
        let mut played = stage.play("staging.yml").ended(&BUILT);
        played.run("deploy").settled();
        tags.insert("web", stage.world.commit());
        let stage = released(stage, "prod-2", &["web"], &tags);
        let stage = stage.with(|world| {
            world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
        });
        stage.with(|world| world.payload(|event| event["inputs"] = json!({"release": ""})))
    };
    let told = both(begin, "rollback.yml");
    told.ended(&[("rollback", "success")])
        .ran("rollback: outcome=accepted");
    assert_eq!(told.asked.len(), 1, "{told:#?}");
}

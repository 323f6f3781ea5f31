//! `api-and-workers`: the API migrates and goes live, then the workers; the sandbox first, then production.

use super::Stage;
use super::act::both;
use super::stage::Played;
use testworld::render::{Fate, model::Why, service_id};
use testworld::{Repo, World};

const SERVICES: [&str; 8] = [
    "api", "ingest", "email", "billing", "search", "export", "webhooks", "cleanup",
];
const ENVIRONMENTS: [&str; 2] = ["sandbox", "production"];
const BOTH: [(&str, &str); 4] = [
    ("build", "success"),
    ("sandbox", "success"),
    ("approve", "success"),
    ("production", "success"),
];
const SANDBOX_FAILED: [(&str, &str); 4] = [
    ("build", "success"),
    ("sandbox", "failure"),
    ("approve", "skipped"),
    ("production", "skipped"),
];

fn on_render(environment: &str, service: &str) -> String {
    format!("{environment}-{service}")
}

/// The ids of the manifest become those of this world's services.
fn with_ids(text: String) -> String {
    let mut text = text;
    for environment in ENVIRONMENTS {
        for service in SERVICES {
            let letters = environment.len() + service.len();
            let written = format!("srv-{environment}{:0<1$}{service}", "", 20 - letters);
            assert!(
                text.contains(&format!("{environment}: {written}")),
                "{written} is not in the manifest"
            );
            text = text.replace(&written, &service_id(&on_render(environment, service)));
        }
    }
    text
}

fn begun() -> Stage {
    let stage = Stage::of("api-and-workers", with_ids);
    let stage = stage.with(|world| {
        // The sandbox's have hooks that nobody is told, production's not even that: the key is enough.
        let sandbox = SERVICES.map(|service| on_render("sandbox", service));
        let world = world
            .hooks(&sandbox.each_ref().map(String::as_str))
            .with_key();
        let world = world.input("deploy-hooks", "").input("render-api-key", "");
        world.render.pace(4);
        for service in SERVICES {
            let name = on_render("production", service);
            world.render.add(&name, &testworld::secrets::invent(&name));
            for name in [name, on_render("sandbox", service)] {
                world
                    .render
                    .image_path(&name, &format!("{}:latest", world.repository("shop")));
            }
        }
        for environment in ENVIRONMENTS {
            world.render.pre_deploy(&on_render(environment, "api"));
        }
        world.push_to_main(|repo| repo.write("app/main.txt", "1"))
    });
    let key = stage.world.render.api_key();
    let stage = stage.setting("sandbox", "secrets.RENDER_API_KEY", &key);
    stage.setting("production", "secrets.RENDER_API_KEY", &key)
}

fn push(world: World, change: impl FnOnce(&Repo) -> &Repo) -> World {
    world.push_to_main(change)
}

/// What all services of an environment are asked to run.
fn all(stage: &Stage, environment: &str, digest: &str) -> Vec<(String, String)> {
    let image = format!("{}@{digest}", stage.world.repository("shop"));
    SERVICES
        .map(|service| (on_render(environment, service), image.clone()))
        .to_vec()
}

#[track_caller]
fn went_live(played: &mut Played, stage: &Stage, environment: &str, digest: &str) {
    let wanted = all(stage, environment, digest);
    let wanted: Vec<(&str, &str)> = wanted
        .iter()
        .map(|(name, image)| (name.as_str(), image.as_str()))
        .collect();
    let run = played
        .run(environment)
        .ended(0, "live", "")
        .hooked_with(&wanted);
    run.equal("the environment", &run.output("environment"), &environment);
    for worker in &SERVICES[1..] {
        run.equal(
            "the first",
            &run.hooks[0].service,
            &on_render(environment, "api"),
        );
        run.equal(worker, &run.service(worker)["status"], &"live".into());
    }
}

#[test]
fn the_sandbox_and_then_production_get_the_image_the_api_before_its_workers() {
    let mut stage = begun();
    let mut played = stage.play("deploy.yml").ended(&BOTH).builds(&["shop"]);
    let commit = stage.world.commit();
    let digest = stage.world.tag("shop", &commit).expect("an image");
    for environment in ENVIRONMENTS {
        went_live(&mut played, &stage, environment, &digest);
    }
    // The same run once more builds nothing and deploys nothing.
    let mut played = stage.play("deploy.yml").ended(&BOTH).builds(&[]);
    for environment in ENVIRONMENTS {
        played.run(environment).ended(0, "skipped", "").no_hooks();
    }
}

/// Both environments serve the first image, whose digest is told, and the image's files have changed since.
fn live_and_changed() -> (Stage, String) {
    let mut stage = begun();
    let mut played = stage.play("deploy.yml");
    let first = stage.world.tag("shop", "latest").expect("an image");
    for environment in ENVIRONMENTS {
        went_live(&mut played, &stage, environment, &first);
    }
    (
        stage.with(|world| push(world, |repo| repo.write("app/main.txt", "2"))),
        first,
    )
}

#[test]
fn a_migration_that_fails_starts_no_worker_and_production_is_not_begun_and_has_a_base_of_its_own() {
    let (mut stage, _) = live_and_changed();
    stage.world.render.usually(
        "sandbox-api",
        Fate::Fails("pre_deploy_failed", Why::Exited(1)),
    );
    let mut played = stage.play("deploy.yml").ended(&SANDBOX_FAILED);
    let second = stage.world.tag("shop", "latest").expect("an image");
    let image = format!("{}@{second}", stage.world.repository("shop"));
    let run = played
        .run("sandbox")
        .ended(1, "failed", "pre-deploy-failed")
        .hooked_with(&[("sandbox-api", &image)]);
    for worker in &SERVICES[1..] {
        run.equal(
            worker,
            &run.service(worker)["status"],
            &"not-started".into(),
        );
    }
    stage.world.render.usually("sandbox-api", Fate::Live);
    // A push that touches no path of the image makes good what was left undone: in the sandbox, and in production, which saw nothing of it.
    let mut stage = stage.with(|world| push(world, |repo| repo.write("docs/x.md", "1")));
    let mut played = stage.play("deploy.yml").ended(&BOTH).builds(&[]);
    for environment in ENVIRONMENTS {
        went_live(&mut played, &stage, environment, &second);
    }
}

#[test]
fn a_worker_that_does_not_come_up_is_put_back_with_what_went_live_before_it() {
    let (mut stage, first) = live_and_changed();
    stage.world.render.usually(
        "sandbox-email",
        Fate::Fails("update_failed", Why::Exited(1)),
    );
    let mut played = stage.play("deploy.yml").ended(&SANDBOX_FAILED);
    let run = played.run("sandbox").ended(1, "failed", "exited");
    run.settled();
    stage.world.render.settle();
    let image = format!("{}@{first}", stage.world.repository("shop"));
    for environment in ENVIRONMENTS {
        for service in SERVICES {
            let live = stage.world.render.live(&on_render(environment, service));
            run.equal(service, &live.as_ref(), &Some(&image));
        }
    }
}

#[test]
fn it_all_fits_on_two_pages() {
    let lines = begun().example.lines();
    assert!(lines < 110, "{lines} lines");
}

#[test]
fn act_says_the_same() {
    let told = both(begun, "deploy.yml");
    told.ended(&BOTH)
        .ran("sandbox: outcome=live")
        .ran("production: outcome=live");
    assert_eq!(told.asked.len(), 2 * SERVICES.len(), "{told:#?}");
}

#[test]
fn act_says_the_same_where_the_sandbox_fails() {
    let begin = || {
        let stage = begun();
        let fate = Fate::Fails("pre_deploy_failed", Why::Exited(1));
        stage.world.render.usually("sandbox-api", fate);
        stage
    };
    both(begin, "deploy.yml").ended(&SANDBOX_FAILED);
}

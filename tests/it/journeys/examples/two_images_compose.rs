//! `two-images-compose`: no service on Render; a server that pulls by tag what the env file names.

use super::act::both;
use super::{Stage, directory, github_token, read};
use std::collections::BTreeMap;
use std::path::PathBuf;
use testworld::Event;

/// Runs the command where the server is; the options before it are checked.
fn ssh(server: &std::path::Path) -> String {
    format!(
        r#"test "$1" = -i; test -s "$2"; test "$3" = -o; test -s "${{4#UserKnownHostsFile=}}"; test "$5" = "deploy@shop.example"
cd '{}'
exec sh -c "$6""#,
        server.display()
    )
}

/// Writes down what it is asked, with what it is asked it about.
const DOCKER: &str = r#"printf 'docker %s\n' "$*" >>"$SAID"
case $1 in
login) printf 'token %s\n' "$(cat)" >>"$SAID" ;;
compose) printf '%s of %s, backend %s, app %s\n' "${IMAGE_TAG-none}" "$REGISTRY_OWNER" "${BACKEND_IMAGE-}" "${APP_IMAGE-}" >>"$SAID" ;;
esac"#;

fn begun() -> Stage {
    let stage = Stage::of("two-images-compose", |text| text).with(|world| {
        world
            .origin
            .write("backend/main.txt", "1")
            .write("frontend/main.txt", "1");
        world.push_to_main(|repo| repo.write("backend/main.txt", "2"))
    });
    let server = stage.place("server");
    std::fs::create_dir_all(server.join("app")).expect("a directory");
    let script = read(&directory().join("two-images-compose/server/pull"));
    std::fs::write(server.join("app/pull"), script).expect("a script");
    let stage = stage.tool("ssh", &ssh(&server)).tool("docker", DOCKER);
    ["test", "production"]
        .into_iter()
        .fold(stage, |stage, environment| {
            let stage = stage.setting(environment, "secrets.SERVER_KEY", "a key");
            let stage = stage.setting(environment, "vars.SERVER", "deploy@shop.example");
            stage.setting(
                environment,
                "vars.SERVER_KNOWN_HOSTS",
                "shop.example ssh-ed25519 AAAA",
            )
        })
}

fn env_file(stage: &Stage) -> BTreeMap<String, String> {
    let path: PathBuf = stage.place("server").join("app/.env.deploy");
    let text = read(&path);
    text.lines()
        .map(|line| line.split_once('=').expect("a line"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

const WELL: [(&str, &str); 4] = [
    ("plan", "success"),
    ("build", "success"),
    ("latest", "success"),
    ("server", "success"),
];
const NOTHING_TO_BUILD: [(&str, &str); 4] = [
    ("plan", "success"),
    ("build", "skipped"),
    ("latest", "success"),
    ("server", "success"),
];

/// What the server has been told: the tag, and for each image what the registry has under it.
#[track_caller]
fn pulls(stage: &Stage, environment: &str, tag: &str, images: &[(&str, &str)]) {
    let lines = env_file(stage);
    assert_eq!(
        (lines["ENV"].as_str(), lines["IMAGE_TAG"].as_str()),
        (environment, tag)
    );
    assert_eq!(
        lines.keys().filter(|key| key.ends_with("_IMAGE")).count(),
        images.len()
    );
    for (key, image) in images {
        let digest = stage
            .world
            .tag(image, tag)
            .unwrap_or_else(|| panic!("{image}:{tag} is not there"));
        assert_eq!(
            lines[*key],
            format!("{}@{digest}", stage.world.repository(image))
        );
        assert_eq!(
            stage.world.tag(image, "latest").as_ref(),
            Some(&digest),
            "{image}:latest"
        );
    }
    let value = |key: &str| lines.get(key).cloned().unwrap_or_default();
    let told = format!(
        "{tag} of acme, backend {}, app {}\n",
        value("BACKEND_IMAGE"),
        value("APP_IMAGE")
    );
    let wanted = format!(
        "docker login ghcr.io --username ci --password-stdin\ntoken {}\ndocker compose pull\n{told}docker compose up --detach --remove-orphans\n{told}docker logout ghcr.io\n",
        github_token()
    );
    assert_eq!(stage.said(), wanted);
}

const BOTH: [(&str, &str); 2] = [
    ("BACKEND_IMAGE", "shop-backend"),
    ("FRONTEND_IMAGE", "shop-frontend"),
];

#[test]
fn a_push_gives_the_test_server_both_images_by_commit_and_latest() {
    let mut stage = begun();
    let mut played = stage
        .play("deploy.yml")
        .ended(&WELL)
        .builds(&["shop-backend", "shop-frontend"]);
    for job in ["latest", "server"] {
        played.run(job).ended(0, "verified", "").no_hooks();
    }
    let commit = stage.world.commit();
    pulls(&stage, "test", &commit, &BOTH);
    // Nothing to build: the server is told again, and what it is told was looked up anew.
    let moved = stage.world.registry.ghcr().versions("acme/shop-backend");
    let mut stage = stage.with(|world| world.push_to_main(|repo| repo.write("notes.md", "1")));
    let mut played = stage
        .play("deploy.yml")
        .ended(&NOTHING_TO_BUILD)
        .builds(&[]);
    for job in ["latest", "server"] {
        played.run(job).ended(0, "verified", "").no_hooks();
    }
    pulls(&stage, "test", &commit, &BOTH);
    assert_eq!(
        stage.world.registry.ghcr().versions("acme/shop-backend"),
        moved
    );
}

#[test]
fn a_version_gives_the_production_server_one_image_by_its_version_and_latest() {
    let mut stage = begun();
    stage.play("deploy.yml").ended(&WELL);
    let of_test = stage.world.commit();
    pulls(&stage, "test", &of_test, &BOTH);
    let mut stage = stage.with(|world| world.push_tag("v1.4.0"));
    let mut played = stage.play("deploy.yml").ended(&WELL).builds(&["shop"]);
    assert_eq!(played.built[0].1, ["v1.4.0"]);
    for job in ["latest", "server"] {
        played.run(job).ended(0, "verified", "").no_hooks();
    }
    pulls(&stage, "production", "v1.4.0", &[("APP_IMAGE", "shop")]);
    // Somebody builds the version again by hand: the next run names the bytes that are there then.
    let before = env_file(&stage)["APP_IMAGE"].clone();
    let commit = stage.world.commit();
    let mut stage = stage.with(|world| {
        let tag = "v1.4.0";
        let event = world.event.clone();
        let mut world = world.image_tagged("shop", testworld::Kind::Amd64, &commit, &[tag]);
        world.event = event;
        world
    });
    stage.play("deploy.yml").ended(&NOTHING_TO_BUILD);
    pulls(&stage, "production", "v1.4.0", &[("APP_IMAGE", "shop")]);
    assert_ne!(env_file(&stage)["APP_IMAGE"], before);
}

#[test]
fn a_build_that_fails_hands_nothing_over() {
    let mut stage = begun().build_fails("acme/shop-frontend", true);
    stage.play("deploy.yml").ended(&[
        ("plan", "success"),
        ("build", "failure"),
        ("latest", "skipped"),
        ("server", "skipped"),
    ]);
    assert_eq!(stage.said(), "");
    assert_eq!(
        stage.world.tag("shop-backend", "latest"),
        None,
        "latest moved to half of a commit"
    );
    // The next push touches nothing, and what is missing is built all the same. The two then have no commit's tag in common, but latest.
    let stage = stage.build_fails("acme/shop-frontend", false);
    let mut stage = stage.with(|world| world.push_to_main(|repo| repo.write("notes.md", "1")));
    stage
        .play("deploy.yml")
        .ended(&WELL)
        .builds(&["shop-frontend"]);
    let lines = env_file(&stage);
    assert_eq!(lines.get("IMAGE_TAG"), None);
    assert!(stage.said().contains("docker compose pull\nnone of acme"));
    let compose = read(&directory().join("two-images-compose/server/compose.yml"));
    for (key, image) in BOTH {
        let latest = stage.world.tag(image, "latest").expect("an image");
        assert_eq!(
            lines[key],
            format!("{}@{latest}", stage.world.repository(image))
        );
        assert!(
            compose.contains(&format!(
                "image: ghcr.io/${{REGISTRY_OWNER}}/{image}:${{IMAGE_TAG:-latest}}\n"
            )),
            "{image}"
        );
    }
}

#[test]
fn a_tag_that_is_no_version_starts_nothing() {
    let stage = begun().with(|world| world.push_tag("v1.4"));
    let event: Event = stage.world.event.clone().expect("an event");
    assert!(!super::starts(
        &super::yaml::read(&stage.example.workflows["deploy.yml"])["on"],
        &event
    ));
}

#[test]
fn act_says_the_same_of_both_servers() {
    let told = both(begun, "deploy.yml");
    told.ended(&WELL).ran("server: outcome=verified");
    assert!(told.said.contains("docker compose up"), "{told:#?}");
    let begin = || begun().with(|world| world.push_tag("v1.4.0"));
    both(begin, "deploy.yml")
        .ended(&WELL)
        .ran("server: outcome=verified");
}

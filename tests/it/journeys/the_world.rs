//! The world itself, tested with clients that are not ours.

use std::process::Command;
use testworld::distribution::Distribution;
use testworld::{Kind, Registry, World};

fn tool(name: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(name)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{name} (Debian: apt-get install {name}): {error}"));
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

fn skopeo(world: &World, image: &str, credentials: Option<&str>) -> (bool, String) {
    let reference = format!("docker://{}:{}", world.repository(image), world.commit());
    let mut arguments = vec![
        "--override-arch",
        "amd64",
        "--override-os",
        "linux",
        "inspect",
        "--no-tags",
        "--tls-verify=false",
    ];
    match credentials {
        Some(credentials) => arguments.extend(["--creds", credentials]),
        None => arguments.push("--no-creds"),
    }
    arguments.push(&reference);
    tool("skopeo", &arguments)
}

#[test]
fn skopeo_reads_every_registry_of_the_world() {
    let (open, with_tokens) = (Distribution::open(), Distribution::with_tokens());
    let password = with_tokens
        .password()
        .map(|password| format!("robot:{password}"));
    let worlds = [
        (World::on(Registry::Distribution(open), None), None),
        (
            World::on(Registry::Distribution(with_tokens), with_tokens.password()),
            password.as_deref(),
        ),
    ];
    for (world, credentials) in worlds {
        let world = world
            .three_services()
            .push_to_main(|repo| repo.write("x", "1"))
            .images()
            .image("docker", Kind::DockerList);
        for image in ["api", "workers", "web", "docker"] {
            let (is_good, text) = skopeo(&world, image, credentials);
            assert!(
                is_good && text.contains(&world.digest(image)) && text.contains(&world.commit()),
                "{image}: {text}"
            );
        }
    }
}

#[test]
fn skopeo_reads_the_model_of_ghcr_and_is_denied_without_a_password() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .images();
    let password = world.environment("deploy")["INPUT_REGISTRY-PASSWORD"].clone();
    let (is_good, text) = skopeo(&world, "api", Some(&format!("robot:{password}")));
    assert!(is_good && text.contains(&world.digest("api")), "{text}");
    let (is_good, text) = skopeo(&world, "api", None);
    assert!(!is_good && text.contains("403"), "{text}");
}

#[test]
fn a_deleted_child_is_missing_from_the_real_registry_too() {
    let world = World::on(Registry::Distribution(Distribution::open()), None).three_services();
    let world = world
        .push_to_main(|repo| repo.write("y", "1"))
        .image("api", Kind::ChildDeleted);
    let (is_good, text) = skopeo(&world, "api", None);
    assert!(!is_good && text.contains("manifest unknown"), "{text}");
}

#[test]
fn curl_learns_what_github_knows_of_a_real_repository() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.rename("libs/shared.txt", "services/web/shared.txt"));
    let token = world.environment("deploy")["INPUT_GITHUB-TOKEN"].clone();
    let base = format!("{}/repos/acme/shop", world.github.server.origin());
    let ask = |path: &str| {
        let (is_good, text) = tool(
            "curl",
            &[
                "-sf",
                "-H",
                &format!("Authorization: Bearer {token}"),
                &format!("{base}/{path}"),
            ],
        );
        assert!(is_good, "{path}: {text}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let before = world.event.as_ref().unwrap().payload["before"]
        .as_str()
        .unwrap()
        .to_owned();
    let compared = ask(&format!("compare/{before}...{}", world.commit()));
    assert_eq!(compared["status"], "ahead");
    assert_eq!(compared["files"][0]["previous_filename"], "libs/shared.txt");
    assert_eq!(
        ask(&format!(
            "contents/.github/deploy-manifest.yml?ref={}",
            world.commit()
        ))["encoding"],
        "base64"
    );
    assert_eq!(ask("git/ref/heads/main")["object"]["sha"], world.commit());
    assert_eq!(
        ask(&format!("git/trees/{}?recursive=1", world.commit()))["truncated"],
        false
    );
    assert_eq!(world.github.violations(), Vec::<String>::new());
    tool(
        "curl",
        &[
            "-s",
            "-X",
            "POST",
            "-H",
            &format!("Authorization: Bearer {token}"),
            &format!("{base}/git/refs"),
        ],
    );
    assert_eq!(world.github.violations().len(), 1);
}

#[test]
fn curl_deploys_by_a_hook_and_nothing_else_passes_for_one() {
    let world = World::new().three_services();
    let (hook, digest) = (world.hook("api"), "a".repeat(64));
    let image = format!("imgURL={}@sha256:{digest}", world.repository("api"));
    let (_, text) = tool(
        "curl",
        &["-s", "-X", "POST", "-G", "--data-urlencode", &image, &hook],
    );
    assert!(text.contains("dep-"), "{text}");
    assert_eq!(world.render.violations(), Vec::<String>::new());
    let (_, text) = tool("curl", &["-s", &hook]);
    assert!(
        !text.contains("dep-") && world.render.violations().len() == 1,
        "{text}"
    );
}

/// What the world says of a program that is a shell script.
fn caught(script: &str) -> Result<(), String> {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .images()
        .impostor(script);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(world.deploy().expect_nothing())
    }));
    run.map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

/// The end of a script that says "nothing to do" as it should be said.
const NOTHING: &str =
    "echo outcome=nothing >> \"$GITHUB_OUTPUT\"; echo failure= >> \"$GITHUB_OUTPUT\"";

#[test]
fn a_program_that_does_nothing_well_passes() {
    assert_eq!(caught(NOTHING), Ok(()));
}

#[test]
fn the_world_notices_what_a_program_may_not_do() {
    let hook = World::new().three_services().hook("api");
    let key = hook.rsplit_once('=').unwrap().1.to_owned();
    let in_base64 = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("x{key}"));
    let table = [
        (format!("echo 'the key is {key}'"), "the log: the key of api as it is"),
        (format!("echo '{}' >&2", &key[4..14]), "the log: the key of api as it is"),
        (format!("echo {in_base64}"), "the log: the key of api in base64"),
        (format!("echo 'tags={key}' >> \"$GITHUB_OUTPUT\""), "the outputs: the key of api"),
        (format!("echo {key} >> \"$GITHUB_STEP_SUMMARY\""), "the summary: the key of api"),
        (format!("echo {key} > \"$GITHUB_WORKSPACE/left.txt\""), "left.txt: the key of api"),
        ("echo \"$ACTIONS_RUNTIME_TOKEN\"".into(), "the log: ACTIONS_RUNTIME_TOKEN"),
        ("echo 'changed ##[set-output name=tags]evil'".into(), "a command that is not ours"),
        ("echo '::set-output name=tags::evil'".into(), "a command that is not ours"),
        ("printf 'file \\r::set-env name=x::y\\n'".into(), "a command that is not ours"),
        ("echo ::group::x".into(), "1 groups begin and 0 end"),
        ("echo ::add-mask::a".into(), "a mask of"),
        ("echo colour=red >> \"$GITHUB_OUTPUT\"".into(), "an output that is not declared"),
        ("echo nonsense >> \"$GITHUB_OUTPUT\"".into(), "the runner would fail the step"),
        ("echo A=1 >> \"$GITHUB_ENV\"".into(), "set_env was written"),
        ("echo '<img src=x>' >> \"$GITHUB_STEP_SUMMARY\"".into(), "foreign HTML"),
        ("echo 'thanks to @team' >> \"$GITHUB_STEP_SUMMARY\"".into(), "the summary: a mention"),
        ("echo 'see https://evil.example' >> \"$GITHUB_STEP_SUMMARY\"".into(), "the summary: an address"),
        ("git --version".into(), "it started programs: git"),
        ("echo services=[ >> \"$GITHUB_OUTPUT\"".into(), "services is not the JSON"),
        ("echo 'summary=a|b' >> \"$GITHUB_OUTPUT\"".into(), "leaves its alphabet"),
        ("exit 1".into(), "outcome \"\" is no word"),
        ("echo outcome=failed >> \"$GITHUB_OUTPUT\"; exit 1".into(), "outcome failed with failure"),
        (format!("/usr/bin/curl -s '{}/x'", "$GITHUB_API_URL").replace('\'', "\""), "without the job's token"),
        ("/usr/bin/curl -s \"$GITHUB_API_URL/?x=$ACTIONS_RUNTIME_TOKEN\"".into(), "requests to http"),
        (
            "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'tags=%0999d\\n' 1 >> \"$GITHUB_OUTPUT\"; done".into(),
            "bytes of outputs",
        ),
    ];
    for (script, wanted) in table {
        let said = caught(&format!("{script}\n{NOTHING}")).expect_err(&script);
        assert!(
            said.contains(wanted),
            "{script}\nwas told as\n{}",
            said.chars().take(400).collect::<String>()
        );
    }
}

/// Where the log goes, files and other hosts: each takes the bytes of the file `$1`, and is named so when a secret is found there.
const DOORS: &[(&str, &str)] = &[
    (
        "{ printf 'an \\377 error: '; /bin/cat \"$1\"; echo; }",
        "the log",
    ),
    ("{ /bin/cat \"$1\"; echo; } >&2", "the log"),
    (
        "{ printf '::error::'; /bin/cat \"$1\"; echo; }",
        "the log as the runner reads it",
    ),
    (
        "{ printf 'tags='; /bin/cat \"$1\"; echo; } >> \"$GITHUB_OUTPUT\"",
        "the outputs",
    ),
    ("/bin/cat \"$1\" >> \"$GITHUB_STEP_SUMMARY\"", "the summary"),
    (
        "/bin/cat \"$1\" > \"$GITHUB_WORKSPACE/left.bin\"",
        "left.bin",
    ),
    ("/bin/cat \"$1\" > \"$HOME/.left\"", "_github_home/.left"),
    (
        "/usr/bin/curl -s --data-binary @\"$1\" \"$GITHUB_API_URL/x\" >/dev/null",
        "requests to http",
    ),
    (
        "/usr/bin/curl -s -H \"X: $(/bin/cat \"$1\")\" \"$GITHUB_API_URL/x\" >/dev/null",
        "requests to http",
    ),
];

#[test]
fn no_spelling_of_a_secret_leaves_by_any_door() {
    // The registry's password: it has a home, which is none of these, and the characters that spellings differ in.
    let password = World::new().text_of("registry-password");
    super::at_once(testworld::secrets::spelled(&password), |(kind, bytes)| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &bytes).expect("a file");
        let doors: Vec<&str> = DOORS.iter().map(|(door, _)| *door).collect();
        let script = format!(
            "set -- '{}'\n{}\n{NOTHING}",
            file.path().display(),
            doors.join("\n")
        );
        let said = caught(&script).expect_err(kind);
        for (door, wanted) in DOORS {
            let is_seen =
                |line: &str| line.contains(wanted) && line.contains(": registry-password");
            assert!(
                said.lines().any(is_seen),
                "{kind} by {door}\n{}",
                said.chars().take(2000).collect::<String>()
            );
        }
    });
    // And each door by itself.
    super::at_once(DOORS, |(door, wanted)| {
        let said = caught(&format!(
            "set -- /dev/stdin\nprintf '%s' '{password}' | {door}\n{NOTHING}"
        ))
        .expect_err(door);
        assert!(
            said.contains(wanted) && said.contains(": registry-password"),
            "{door}\n{said}"
        );
    });
}

#[test]
fn a_secret_may_be_told_where_it_belongs_and_nowhere_else() {
    let password = World::new().text_of("registry-password");
    let at_home =
        format!("/usr/bin/curl -s -u 'robot:{password}' \"http://$INPUT_REGISTRY/v2/\" >/dev/null");
    assert_eq!(caught(&format!("{at_home}\n{NOTHING}")), Ok(()));
    let elsewhere = at_home.replace("http://$INPUT_REGISTRY", "$GITHUB_API_URL");
    let said =
        caught(&format!("{elsewhere}\n{NOTHING}")).expect_err("GitHub got the registry's password");
    assert!(
        said.lines().any(|line| line.starts_with("requests to ")
            && line.ends_with("registry-password in base64")),
        "{said}"
    );
}

#[test]
fn a_hook_that_the_test_did_not_expect_fails_it() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .images();
    let image = format!("imgURL={}@{}", world.repository("api"), world.digest("api"));
    let script = format!(
        "/usr/bin/curl -s -G --data-urlencode '{image}' '{}' >/dev/null\n{NOTHING}",
        world.hook("api")
    );
    let world = world.impostor(&script);
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world.deploy())));
    assert!(run.is_err());
}

#[test]
fn a_program_that_never_ends_is_killed() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .impostor("exec /bin/sleep 60");
    let world = world.deadline(std::time::Duration::from_secs(1));
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(world.deploy())));
    assert!(
        run.unwrap_err()
            .downcast_ref::<String>()
            .is_some_and(|text| text.contains("not done after"))
    );
}

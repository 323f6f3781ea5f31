//! What has to hold where the program is PID 1 of its container. `.ci/container` makes these journeys there, with the image; everywhere else they are
//! made with the program alone.

use std::time::Duration;
use testworld::distribution::Distribution;
use testworld::trap::{Moment, Place, Then};
use testworld::{Kind, Registry, World};

#[test]
fn a_push_to_main_is_deployed_from_a_real_registry() {
    let registry = Distribution::with_tokens();
    let world = World::on(Registry::Distribution(registry), registry.password()).three_services();
    let world = world
        .push_to_main(|repo| repo.write("services/api/main.txt", "2"))
        .images()
        .input("env-file", "deploy.env");
    let run = world.deploy().expect_accepted(["api"]);
    assert!(run.summary.contains("api"), "{}", run.summary);
    // Files in the workspace belong to whom it belongs to, also when root writes them.
    let owner = |path| std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).unwrap());
    let workspace = run.world.rooms.workspace.clone();
    assert_eq!(owner(workspace.join("deploy.env")), owner(workspace));
}

#[test]
fn a_pull_request_is_verified_and_never_deployed() {
    let registry = Distribution::open();
    let world = World::on(Registry::Distribution(registry), None).three_services();
    let world = world
        .pull_request(7, |repo| repo.write("services/api/main.txt", "2"))
        .image("api", Kind::WithAttestations);
    let run = world.deploy().expect_verified();
    assert_eq!(run.json("images")["api"]["digest"], run.world.digest("api"));
}

#[test]
fn a_deploy_is_followed_until_it_is_live() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"));
    world
        .images()
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web"]);
}

#[test]
fn a_cancelled_wait_ends_at_once_with_its_outputs() {
    for signals in [&["-INT"], &["-TERM"]] {
        let place = Place {
            kind: "registry: GET /manifests/*".into(),
            nth: 3,
            moment: Moment::Answered,
        };
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/main.txt", "2"));
        let run = world
            .with_key()
            .image("api", Kind::Amd64)
            .cancel_at(place, signals, Then::Answers)
            .deploy();
        let (_, took) = run.cut.clone().expect("a signal");
        let run = run.ensure(
            took < Duration::from_secs(5),
            &format!("it took {took:?} to end"),
        );
        let run = run.ended(1, "cancelled", "cancelled").no_hooks();
        assert_eq!(run.service("web")["status"], "not-started");
    }
}

#[test]
fn outputs_that_cannot_be_written_are_an_error_and_nothing_is_sent() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    let missing = world.rooms.temp.join("nowhere/set_output");
    let run = world
        .variable("GITHUB_OUTPUT", missing.to_str().unwrap())
        .deploy()
        .no_hooks();
    assert_eq!(run.exit, 1);
    run.annotates("error", "GITHUB_OUTPUT");
    // Root may write what is read-only, but not where the file system is.
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    let (script, program, room) = (
        world.outside("read-only.sh"),
        testworld::program(),
        world.rooms.temp.join("room"),
    );
    std::fs::create_dir(&room).unwrap();
    let mount = "/bin/mount -t tmpfs none \"$ROOM\" && : >\"$GITHUB_OUTPUT\" && /bin/mount -o remount,ro \"$ROOM\" && exec \"$PROGRAM\"\n";
    std::fs::write(&script, mount).unwrap();
    let world = world
        .variable("PROGRAM", program.to_str().unwrap())
        .variable("ROOM", room.to_str().unwrap());
    let world = world.variable("GITHUB_OUTPUT", room.join("set_output").to_str().unwrap());
    let run = world
        .through(&testworld::own_view(), &script)
        .deploy()
        .no_hooks();
    assert_eq!(run.exit, 1);
    run.annotates("error", "GITHUB_OUTPUT")
        .says("Read-only file system");
}

#[test]
fn other_runners_set_less_and_spell_inputs_otherwise() {
    // act and Forgejo: no HOME, a RUNNER_TEMP that is not there, files that are not there, every character of an input but letters and digits an
    // underscore, and the checkout's own path.
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    let spelled: Vec<(String, String)> = world
        .environment("deploy")
        .into_iter()
        .filter(|(name, _)| name.starts_with("INPUT_") && name.contains('-'))
        .collect();
    assert!(spelled.len() > 10);
    let world = spelled.iter().fold(world, |world, (name, value)| {
        world
            .without_variable(name)
            .variable(&name.replace('-', "_"), value)
    });
    let world = [
        "HOME",
        "GITHUB_STEP_SUMMARY",
        "RUNNER_TOOL_CACHE",
        "RUNNER_ENVIRONMENT",
        "GITHUB_STATE",
    ]
    .into_iter()
    .fold(world, World::without_variable);
    let world = world
        .variable("RUNNER_TEMP", "/nowhere/tmp")
        .variable("RUNNER_WORKSPACE", "/nowhere");
    world.deploy().expect_accepted(["web"]);
}

#[test]
#[expect(clippy::print_stdout, reason = "the number is what this test tells")]
fn a_deploy_that_finds_nothing_to_do_is_quick() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    let run = world
        .with_key()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web"])
        .again()
        .deploy()
        .no_hooks();
    assert_eq!((run.exit, run.output("services")), (0, "[]"));
    println!(
        "a deploy that finds nothing to do took {} ms, start included",
        run.took.as_millis()
    );
}

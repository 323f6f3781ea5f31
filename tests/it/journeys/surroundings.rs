//! Machines as they may be: crowded, full, with other addresses than usual. Proxies, certificates, clocks and command files that are none stand
//! with the rows of attacks and with `tls`.

use super::at_once;
use super::attacks::pushed;
use testworld::server::with_ipv6_only;
use testworld::{Checkout, World, own_view};

#[test]
fn two_hundred_runs_on_one_machine_keep_out_of_each_others_way() {
    // Twenty repositories, as what one run's servers heard is searched whole after each of its runs.
    let repositories: Vec<World> = (0..20).map(|_| pushed().checkout(Checkout::None)).collect();
    let worlds: Vec<World> = repositories
        .iter()
        .flat_map(|world| (0..10).map(|_| world.beside()))
        .collect();
    at_once(worlds.into_iter().enumerate(), |(nth, world)| {
        if nth % 2 == 0 {
            world.plan().expect_planned(["api"]);
        } else {
            world.verify().expect_verified();
        }
    });
}

/// A world in which a file of the runner's is on a disk of one page, which is full as soon as something is written.
fn on_a_full_disk(variable: &str) -> World {
    let world = pushed();
    let (script, room) = (world.outside("full.sh"), world.rooms.temp.join("room"));
    std::fs::create_dir(&room).expect("a directory");
    let mount = "/bin/mount -t tmpfs -o size=4k none \"$ROOM\" && : >\"$ROOM/file\" && printf '%04096d' 0 >\"$ROOM/more\" && exec \"$PROGRAM\"\n";
    std::fs::write(&script, mount).expect("a script");
    let text = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
    let world = world
        .variable("PROGRAM", &text(&testworld::program()))
        .variable("ROOM", &text(&room));
    world
        .variable(variable, &text(&room.join("file")))
        .through(&own_view(), &script)
}

#[test]
fn what_a_full_disk_does_not_take_is_told_and_nothing_is_sent_twice() {
    // That the outputs do not fit turns out at the end: what was done is done, recorded, and told in the log and the summary.
    let run = on_a_full_disk("GITHUB_OUTPUT").deploy().hooked(&["api"]);
    assert_eq!(run.exit, 1);
    run.annotates("error", "No space left on device")
        .again()
        .deploy()
        .no_hooks();
    let run = on_a_full_disk("GITHUB_STEP_SUMMARY")
        .deploy()
        .expect_accepted(["api"]);
    run.annotates("warning", "No space left on device");
}

#[test]
fn servers_that_have_an_ipv6_address_only_are_reached() {
    let world = with_ipv6_only(World::new);
    assert!(
        world.github.server.host().starts_with("[::1]:")
            && world.registry.host().starts_with("[::1]:")
    );
    let world = world
        .three_services()
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images()
        .with_key();
    world
        .checkout(Checkout::None)
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"]);
}

#[test]
fn an_enterprise_server_is_asked_where_it_has_its_api() {
    let world = pushed().checkout(Checkout::None);
    let (api, home) = (
        format!("{}/api/v3", world.github.server.origin()),
        "https://github.acme.example",
    );
    let run = world
        .variable("GITHUB_API_URL", &api)
        .variable("GITHUB_SERVER_URL", home)
        .deploy();
    let run = run.expect_accepted(["api"]);
    let calls = run.world.github.server.calls();
    let (graphql, rest): (Vec<_>, Vec<_>) = calls
        .iter()
        .partition(|call| call.path.ends_with("/graphql"));
    assert!(
        !graphql.is_empty() && graphql.iter().all(|call| call.path == "/api/graphql"),
        "{graphql:?}"
    );
    assert!(
        !rest.is_empty() && rest.iter().all(|call| call.path.starts_with("/api/v3/")),
        "{rest:?}"
    );
    assert!(run.output("labels").contains(&format!(
        "org.opencontainers.image.source={home}/acme/shop\n"
    )));
}

//! TLS against real servers: whom we believe, and what is said where we do not.

use testworld::tls::{Authority, Oddity};
use testworld::{Checkout, World, own_view};

const HOSTED: &str = "github-hosted";
const OWN: &str = "self-hosted";

/// A push that changes `web`, on that kind of runner, in a company whose proxy opens TLS. All that is known of git is known by GitHub.
fn company(runner: &str) -> (World, Authority) {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images();
    let mut world = world.variable("RUNNER_ENVIRONMENT", runner);
    world.checkout = Checkout::None;
    (world, Authority::new("Shop Proxy CA", "Shop Inc"))
}

/// GitHub behind that authority.
fn behind(world: World, authority: &Authority, oddity: Oddity) -> World {
    let address = authority.before(&world.github.server.host(), oddity);
    world.variable("GITHUB_API_URL", &address)
}

/// A file that a step of the same job could have left.
fn planted(world: &World, name: &str, text: &str) -> String {
    let path = world.rooms.temp.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a file");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("a path").to_owned()
}

#[test]
fn an_authority_that_nobody_trusts_is_named_with_the_remedy() {
    let (world, authority) = company(HOSTED);
    let run = behind(world, &authority, Oddity::None)
        .deploy()
        .ended(1, "failed", "github-unavailable")
        .no_hooks();
    let run = run
        .annotates("error", "no TLS connection")
        .annotates("error", "\"Shop Proxy CA\" (Shop Inc)");
    run.annotates("error", "ca-bundle");
}

#[test]
fn ca_bundle_adds_an_authority_as_text_or_as_a_file() {
    let (world, authority) = company(HOSTED);
    let pem = authority.pem();
    behind(world, &authority, Oddity::None)
        .input("ca-bundle", &pem)
        .deploy()
        .expect_accepted(["web"]);
    let (world, _) = company(HOSTED);
    std::fs::write(world.rooms.workspace.join("roots.pem"), &pem).unwrap();
    behind(world, &authority, Oddity::None)
        .input("ca-bundle", "roots.pem")
        .deploy()
        .expect_accepted(["web"]);
}

#[test]
fn row_38_roots_of_the_environment_count_on_ones_own_runners_only() {
    for runner in [HOSTED, OWN] {
        for variable in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let (world, authority) = company(runner);
            let file = planted(&world, "roots/shop.pem", &authority.pem());
            let directory = file.trim_end_matches("/shop.pem").to_owned();
            let value = if variable == "SSL_CERT_FILE" {
                &file
            } else {
                &directory
            };
            let run = behind(world, &authority, Oddity::None)
                .variable(variable, value)
                .deploy();
            if runner == OWN {
                run.expect_accepted(["web"]).says(variable);
            } else {
                run.ended(1, "failed", "github-unavailable")
                    .no_hooks()
                    .annotates("warning", variable);
            }
        }
    }
}

#[test]
fn roots_from_everywhere_count_together() {
    let (world, authority) = company(OWN);
    let other = Authority::new("Render Proxy CA", "Shop Inc");
    let (plain, hidden) = (
        world.render.server.origin(),
        other.before(&world.render.server.host(), Oddity::None),
    );
    let hooks: Vec<String> = ["api", "workers", "web"]
        .iter()
        .map(|name| format!("{name}={}", world.hook(name)))
        .collect();
    let hooks = hooks.join("\n").replace(&plain, &hidden);
    let file = planted(&world, "render.pem", &other.pem());
    let world = behind(world, &authority, Oddity::None).input("ca-bundle", &authority.pem());
    let world = world
        .variable("SSL_CERT_FILE", &file)
        .input("render-api-url", &hidden)
        .input("deploy-hooks", &hooks);
    world.deploy().expect_accepted(["web"]);
}

#[test]
fn a_hook_behind_an_unknown_authority_is_told_with_the_remedy() {
    let (world, authority) = company(HOSTED);
    let (plain, hidden) = (
        world.render.server.origin(),
        authority.before(&world.render.server.host(), Oddity::None),
    );
    let hooks: Vec<String> = ["api", "workers", "web"]
        .iter()
        .map(|name| format!("{name}={}", world.hook(name)))
        .collect();
    let hooks = hooks.join("\n").replace(&plain, &hidden);
    let run = world
        .input("render-api-url", &hidden)
        .input("deploy-hooks", &hooks)
        .deploy();
    let run = run.ended(1, "failed", "render-unavailable").no_hooks();
    run.annotates("error", "\"Shop Proxy CA\" (Shop Inc)")
        .annotates("error", "ca-bundle");
}

#[test]
fn no_authority_no_network_and_no_tls_are_told_apart() {
    let (world, _) = company(HOSTED);
    let silent = world
        .variable("GITHUB_API_URL", "https://127.0.0.1:9")
        .deploy();
    let silent = silent
        .ended(1, "failed", "github-unavailable")
        .no_hooks()
        .annotates("error", "refused");
    assert!(
        !silent
            .annotations("error")
            .iter()
            .any(|text| text.contains("TLS") || text.contains("ca-bundle"))
    );
    let (world, _) = company(HOSTED);
    let nameless = world
        .variable("GITHUB_API_URL", "https://nowhere.invalid")
        .deploy();
    let nameless = nameless.ended(1, "failed", "github-unavailable").no_hooks();
    assert!(
        !nameless
            .annotations("error")
            .iter()
            .any(|text| text.contains("TLS") || text.contains("ca-bundle"))
    );
    let (world, _) = company(HOSTED);
    let plain = format!("https://{}", world.github.server.host());
    let plain = world
        .variable("GITHUB_API_URL", &plain)
        .deploy()
        .ended(1, "failed", "github-unavailable")
        .no_hooks();
    plain.annotates("error", "does not speak TLS");
}

#[test]
fn a_certificate_that_is_another_servers_or_has_expired_is_refused_whoever_issued_it() {
    for (oddity, word) in [
        (Oddity::Expired, "expired"),
        (Oddity::OtherName, "other.example"),
    ] {
        let (world, authority) = company(HOSTED);
        let world = behind(world, &authority, oddity).input("ca-bundle", &authority.pem());
        world
            .deploy()
            .ended(1, "failed", "github-unavailable")
            .no_hooks()
            .annotates("error", word);
    }
}

#[test]
fn the_machines_own_roots_count_on_ones_own_runners_only() {
    for runner in [OWN, HOSTED] {
        let (world, authority) = company(runner);
        let roots = planted(&world, "system.pem", &authority.pem());
        // The bundle is exchanged for this one program, in a view of the file system of its own.
        let script = world.outside("with-roots.sh");
        let mount = "/bin/mount --bind \"$ROOTS\" /etc/ssl/certs/ca-certificates.crt && exec \"$PROGRAM\"\n";
        std::fs::write(&script, mount).unwrap();
        let program = testworld::program();
        let world = world
            .variable("ROOTS", &roots)
            .variable("PROGRAM", program.to_str().unwrap());
        let run = behind(world, &authority, Oddity::None)
            .through(&own_view(), &script)
            .deploy();
        if runner == OWN {
            run.expect_accepted(["web"]);
        } else {
            run.ended(1, "failed", "github-unavailable")
                .no_hooks()
                .annotates("error", "\"Shop Proxy CA\" (Shop Inc)");
        }
    }
}

//! Rows 30, 36, 37d and 38: files, the repository beside us, and the machine around us.

use super::super::pushed;
use std::os::unix::fs::symlink;
use testworld::server::{Reply, Server};
use testworld::{Checkout, World};

fn output_at(make: impl Fn(&World) -> String) {
    let world = pushed();
    let place = make(&world);
    let run = world.variable("GITHUB_OUTPUT", &place).deploy().no_hooks();
    assert!(run.exit != 0, "GITHUB_OUTPUT at {place}");
    run.annotates("error", "GITHUB_OUTPUT");
}

/// The checkout, in which an earlier step has done this: `api` changed, and is deployed.
fn planted(plant: impl Fn(&World, &std::path::Path)) {
    let world = pushed();
    world.check_out();
    let git = world.rooms.workspace.join(".git");
    plant(&world, &git);
    let run = world.deploy();
    let services: Vec<String> = serde_json::from_value(run.json("services")).expect("names");
    assert!(
        services.contains(&"api".to_owned()),
        "{services:?} of {}",
        run.stdout
    );
    run.hooked(&services.iter().map(String::as_str).collect::<Vec<_>>());
}

fn refused(input: &str, value: &str, make: impl Fn(&World)) {
    let world = pushed();
    world.check_out();
    make(&world);
    let run = world.input(input, value).deploy().no_hooks();
    assert!(run.exit != 0, "{input}: {value} was taken");
    run.says(input);
}

/// A variable that leads elsewhere, on a runner of GitHub's: one warning, and nobody is asked there.
fn led_astray(name: &str) {
    let evil = Server::start(|_| Reply::text(200, "{}"));
    let run = pushed()
        .variable(name, &evil.origin())
        .deploy()
        .expect_accepted(["api"]);
    assert_eq!(
        run.annotations("warning")
            .iter()
            .filter(|text| text.contains(name))
            .count(),
        1,
        "{:?}",
        run.annotations("warning")
    );
    assert!(evil.calls().is_empty(), "{name} was followed");
}

fn no_github(url: &str) {
    let run = pushed().variable("GITHUB_API_URL", url).deploy().no_hooks();
    assert_eq!(run.exit, 2, "{url}");
}

variants! {
    row_30_variants {
        "a link that leads nowhere" => || output_at(|world| {
            symlink(world.outside("nowhere"), world.outside("link")).unwrap();
            world.outside("link").display().to_string()
        }),
        "a device that swallows everything" => || output_at(|_| "/dev/null".into()),
        "a pipe that nobody reads" => || output_at(|world| {
            let pipe = world.outside("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            pipe.display().to_string()
        }),
    }
    row_36_variants {
        "a commit that is replaced by the one before it" => || planted(|world, git| {
            let (head, before) = (world.origin.head(), world.origin.git(&["rev-parse", "HEAD~1"]));
            std::fs::create_dir_all(git.join("refs/replace")).unwrap();
            std::fs::write(git.join("refs/replace").join(head), format!("{before}\n")).unwrap();
        }),
        "a tree that is replaced by the one before it" => || planted(|world, git| {
            let (tree, before) = (world.origin.git(&["rev-parse", "HEAD^{tree}"]), world.origin.git(&["rev-parse", "HEAD~1^{tree}"]));
            std::fs::create_dir_all(git.join("refs/replace")).unwrap();
            std::fs::write(git.join("refs/replace").join(tree), format!("{before}\n")).unwrap();
        }),
        "a history that is grafted" => || planted(|world, git| {
            std::fs::create_dir_all(git.join("info")).unwrap();
            std::fs::write(git.join("info/grafts"), format!("{}\n", world.origin.head())).unwrap();
        }),
        "a branch that is said to be newer" => || planted(|world, git| {
            let before = world.origin.git(&["rev-parse", "HEAD~1"]);
            std::fs::create_dir_all(git.join("refs/remotes/origin")).unwrap();
            std::fs::write(git.join("refs/remotes/origin/main"), format!("{before}\n")).unwrap();
        }),
        "a workspace that is elsewhere" => || planted(|_, git| {
            let config = std::fs::read_to_string(git.join("config")).unwrap();
            std::fs::write(git.join("config"), format!("{config}[core]\n\tworktree = /etc\n\tbare = true\n")).unwrap();
        }),
        "a head that is another file" => || planted(|_, git| {
            std::fs::write(git.join("HEAD"), "ref: ../../../../../etc/passwd\n").unwrap();
        }),
        "shallow where it is not" => || planted(|_, git| std::fs::write(git.join("shallow"), "not a commit\n").unwrap()),
    }
    row_37d_variants {
        "a hook of git's" => || refused("env-file", ".git/hooks/post-checkout", |_| {}),
        "a directory" => || refused("env-file", "services/api", |_| {}),
        "another case of git's directory" => || refused("env-file", ".GIT/config", |_| {}),
        "through a link to a link" => || refused("env-file", "a/deploy.env", |world| {
            symlink("b", world.rooms.workspace.join("a")).unwrap();
            symlink("/tmp", world.rooms.workspace.join("b")).unwrap();
        }),
        "roots from a directory" => || refused("ca-bundle", "services", |_| {}),
        "roots from a process" => || refused("ca-bundle", "/proc/self/environ", |_| {}),
        "a certificate with its key" => || refused("ca-bundle", "both.pem", |world| {
            let text = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
            std::fs::write(world.rooms.workspace.join("both.pem"), text).unwrap();
        }),
    }
    row_38_variants {
        "a proxy for everything" => || led_astray("ALL_PROXY"),
        "a proxy in lower case" => || led_astray("https_proxy"),
        "a directory of roots" => || led_astray("SSL_CERT_DIR"),
        "GitHub with a user in it" => || no_github("https://api.github.com:token@evil.example"),
        "GitHub at a name that only looks like loopback" => || no_github("http://127.0.0.1.evil.example"),
        "GitHub as a file" => || no_github("file:///etc/passwd"),
        "GitHub's other address" => || {
            let evil = Server::start(|_| Reply::text(200, "{}"));
            let world = pushed().variable("GITHUB_GRAPHQL_URL", &format!("{}/graphql", evil.origin()));
            world.checkout(Checkout::Full).deploy().expect_accepted(["api"]);
            assert!(evil.calls().is_empty(), "it went elsewhere");
        },
    }
}

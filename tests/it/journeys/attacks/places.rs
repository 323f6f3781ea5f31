//! Rows 30, 36, 37d and 71: files and the repository beside us.

use super::{pipe, pushed};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;
use testworld::{Checkout, Run, World};

#[test]
fn row_30_command_files_that_are_none_are_a_clear_error() {
    let places = |world: &World| {
        let link = world.outside("link");
        let _ = std::fs::write(world.outside("elsewhere"), "");
        symlink(world.outside("elsewhere"), &link).unwrap();
        [
            world.rooms.home.clone(),
            link,
            world.outside("no/such/directory/file"),
            "/dev/full".into(),
        ]
    };
    for nth in 0..4 {
        let world = pushed();
        let place = places(&world)[nth].display().to_string();
        let run = world.variable("GITHUB_OUTPUT", &place).deploy().no_hooks();
        assert!(run.exit != 0, "GITHUB_OUTPUT at {place}");
        run.annotates("error", "GITHUB_OUTPUT");
        // The summary is for people: a deploy does not fail for it.
        let world = pushed();
        let place = places(&world)[nth].display().to_string();
        let run = world
            .variable("GITHUB_STEP_SUMMARY", &place)
            .deploy()
            .expect_accepted(["api"]);
        run.annotates("warning", "GITHUB_STEP_SUMMARY");
    }
    // Some runners have none.
    let run = pushed()
        .without_variable("GITHUB_OUTPUT")
        .without_variable("GITHUB_STEP_SUMMARY")
        .deploy()
        .hooked(&["api"]);
    assert_eq!(run.exit, 0);
}

/// Everything in a repository's configuration that makes git start something.
fn plant(git: &Path, mark: &Path) {
    let program = format!("sh -c 'touch {}'", mark.display());
    let mut config = std::fs::read_to_string(git.join("config")).expect("a file of git's");
    config.push_str(&format!(
        "[core]\n\tfsmonitor = \"{program}\"\n\tsshCommand = \"{program}\"\n\tpager = \"{program}\"\n\thooksPath = {0}\n\
         [diff]\n\texternal = \"{program}\"\n[include]\n\tpath = /proc/self/environ\n[filter \"x\"]\n\tclean = \"{program}\"\n\tsmudge = \"{program}\"\n\
         [credential]\n\thelper = \"!{program}\"\n[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = https://github.com/\n",
        git.display()
    ));
    std::fs::write(git.join("config"), config).expect("a file of git's");
    for hook in [
        "post-checkout",
        "pre-commit",
        "post-index-change",
        "reference-transaction",
    ] {
        std::fs::write(
            git.join("hooks").join(hook),
            format!("#!/bin/sh\ntouch {}\n", mark.display()),
        )
        .expect("a file of git's");
    }
}

#[test]
fn row_36_a_planted_repository_starts_nothing_and_decides_nothing() {
    let world = pushed();
    world.check_out();
    let mark = world.outside("planted");
    std::fs::create_dir_all(world.rooms.workspace.join(".git/hooks")).unwrap();
    plant(&world.rooms.workspace.join(".git"), &mark);
    let run = world.deploy().expect_accepted(["api"]);
    assert!(
        !run.world.outside("planted").exists(),
        "something of the configuration was started"
    );

    // `.git` as a file and as a link: gone on without it.
    for make in [
        (|git: &Path, real: &Path| {
            std::fs::write(git, format!("gitdir: {}\n", real.display())).unwrap()
        }) as fn(&Path, &Path),
        |git, real| symlink(real, git).unwrap(),
    ] {
        let world = pushed();
        world.check_out();
        let (git, real) = (world.rooms.workspace.join(".git"), world.outside("real"));
        std::fs::rename(&git, &real).unwrap();
        make(&git, &real);
        world.deploy().expect_accepted(["api"]);
    }

    // Alternates: objects from outside the workspace.
    let world = pushed();
    world.check_out();
    let alternates = world.rooms.workspace.join(".git/objects/info/alternates");
    std::fs::write(
        alternates,
        format!("{}\n", world.origin.path().join(".git/objects").display()),
    )
    .unwrap();
    world.deploy().expect_accepted(["api"]);

    // A repository of SHA-256 objects.
    let world = pushed();
    testworld::repo::git(
        &world.rooms.workspace,
        &["init", "-q", "--object-format=sha256"],
    );
    world.deploy().expect_accepted(["api"]);
}

#[test]
fn row_36_objects_that_are_broken_are_survived() {
    for content in [&b"not zlib at all"[..], &[0; 1 << 16]] {
        let world = pushed();
        world.check_out();
        let objects = world.rooms.workspace.join(".git/objects");
        let mut broken = 0;
        for directory in std::fs::read_dir(&objects).unwrap().flatten() {
            for file in std::fs::read_dir(directory.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                let path = file.path();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
                std::fs::set_permissions(&path, mode).unwrap();
                std::fs::write(path, content).unwrap();
                broken += 1;
            }
        }
        assert!(broken > 0);
        let run = world.deploy();
        assert!(run.took < Duration::from_secs(20));
        // Either GitHub knew what the checkout did not, or it was refused: never "nothing changed".
        if run.exit == 0 {
            let names: Vec<String> = serde_json::from_str(run.output("services")).unwrap();
            assert!(names.contains(&"api".to_owned()));
            run.hooked(&names.iter().map(String::as_str).collect::<Vec<_>>());
        } else {
            run.no_hooks();
        }
    }
}

#[test]
fn row_37d_files_are_read_and_written_inside_the_workspace_only() {
    let refused = |world: World, input: &str, value: &str| {
        let run = world.input(input, value).deploy().no_hooks();
        assert!(run.exit != 0, "{input}: {value} was taken");
        run.says(input);
    };
    for path in [
        "../outside.env",
        "/tmp/outside.env",
        ".git/config",
        ".git/new",
        "services/api/main.txt",
        ".",
        "a/../../b",
        "docs",
    ] {
        let world = pushed();
        world.check_out();
        refused(world, "env-file", path);
    }
    let prepared = |make: fn(&World)| {
        let world = pushed();
        world.check_out();
        make(&world);
        world
    };
    let linked =
        |world: &World| symlink("/etc/hostname", world.rooms.workspace.join("link")).unwrap();
    let linked_directory =
        |world: &World| symlink("/tmp", world.rooms.workspace.join("link")).unwrap();
    refused(prepared(linked), "env-file", "link");
    refused(prepared(linked_directory), "env-file", "link/deploy.env");
    let foreign = |world: &World| {
        std::fs::write(world.rooms.workspace.join("mine.env"), "PASSWORD=x\n").unwrap()
    };
    refused(prepared(foreign), "env-file", "mine.env");
    refused(prepared(linked), "ca-bundle", "link");
    refused(pushed(), "ca-bundle", "/etc/ssl/certs/ca-certificates.crt");
    refused(pushed(), "ca-bundle", "../bundle.pem");
    refused(
        pushed(),
        "ca-bundle",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    );
    refused(pushed(), "ca-bundle", "no-such-file.pem");
    let huge = |world: &World| {
        let file = std::fs::File::create(world.rooms.workspace.join("huge.pem")).unwrap();
        file.set_len(1 << 30).unwrap();
    };
    refused(prepared(huge), "ca-bundle", "huge.pem");
    let piped = |world: &World| pipe(&world.rooms.workspace.join("pipe"));
    refused(prepared(piped), "ca-bundle", "pipe");
    refused(pushed().checkout(Checkout::None), "env-file", "../x");
}

#[test]
fn row_71_a_pipe_or_a_directory_where_git_has_a_file_is_not_waited_for() {
    type Plant = fn(&Path);
    let directory: Plant = |path| std::fs::create_dir_all(path.join("x")).expect("a directory");
    let branch = "refs/remotes/origin/main";
    for (name, plant, said) in [
        ("HEAD", pipe as Plant, Some("something else than a file")),
        ("HEAD", directory, Some("a directory")),
        ("packed-refs", pipe, Some("something else than a file")),
        ("packed-refs", directory, Some("a directory")),
        (branch, pipe, Some("something else than a file")),
        // Branches may have names with more parts.
        (branch, directory, None),
    ] {
        let run = with_planted(name, plant);
        let is_said = run.shown().contains("the checkout is not used");
        run.equal("what is said", &is_said, &said.is_some());
        run.says(said.unwrap_or_default());
    }
}

/// That stands somewhere in `.git`, and a push to `api` is deployed at once: what the checkout cannot say, GitHub does.
pub(super) fn with_planted(name: &str, plant: impl Fn(&Path)) -> Run {
    let world = pushed();
    world.check_out();
    let path = world.rooms.workspace.join(".git").join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    plant(&path);
    let run = world.deadline(Duration::from_secs(60)).deploy();
    assert!(run.took < Duration::from_secs(30), "{name}: {:?}", run.took);
    run.ended(0, "accepted", "").hooked(&["api"])
}

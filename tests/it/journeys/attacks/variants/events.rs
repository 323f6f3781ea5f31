//! Rows 4 to 6, 16 to 21 and 23 to 26.

use super::super::pushed;
use serde_json::{Value, json};
use testworld::event::ZEROS;
use testworld::{Checkout, Event, Kind, Repo, World};

fn touch(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "1")
}

fn opened() -> World {
    World::new()
        .three_services()
        .pull_request(7, touch)
        .image("api", Kind::Amd64)
}

fn without_images() -> World {
    World::new().three_services().pull_request(7, touch)
}

fn branch_named(name: &str) {
    let mut world =
        opened().payload(|payload| payload["pull_request"]["head"]["ref"] = json!(name));
    world.event.as_mut().expect("an event").head_ref = name.to_owned();
    let run = world.plan().expect_planned([]);
    assert_eq!(
        run.output("tag-names"),
        format!("pr-7-{}", run.world.commit())
    );
    assert!(!run.output_file.contains("evil"));
}

/// A file of that name is changed: who deploys.
fn changed<const N: usize>(path: &[u8], services: [&str; N]) {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write_bytes(path, b"1"))
        .images();
    if N == 0 {
        world.deploy().expect_skipped();
    } else {
        world.deploy().expect_accepted(services);
    }
}

fn event_file(bytes: impl Into<Vec<u8>>) {
    pushed().raw_event(bytes).deploy().expect_refusal();
}

fn event_at(make: impl Fn(&World) -> std::path::PathBuf) {
    let world = pushed();
    let place = make(&world).display().to_string();
    let run = world
        .variable("GITHUB_EVENT_PATH", &place)
        .deploy()
        .expect_refusal();
    assert!(run.took.as_secs() < 10, "{:?}", run.took);
}

fn renamed(world: World, name: &str) {
    let mut world = world;
    world.event.as_mut().expect("an event").name = name.into();
    world.deploy().expect_refusal();
}

/// A push of that ref, on the commit of `main`.
fn push_of(git_ref: &str) -> World {
    let make = |world: &World| {
        let head = world.origin.head();
        Event::push(
            git_ref,
            &world.origin.git(&["rev-parse", "HEAD~1"]),
            &head,
            &head,
        )
    };
    World::new()
        .three_services()
        .commit_on_main(touch)
        .on_event(make)
        .images()
}

fn no_push_of(git_ref: &str) {
    // Git itself would not fetch some of them.
    let run = push_of(git_ref)
        .checkout(Checkout::None)
        .deploy()
        .no_hooks();
    assert!(
        !["accepted", "live"].contains(&run.output("outcome")),
        "{git_ref}"
    );
}

fn released(tag: &str) {
    let run = World::new()
        .three_services()
        .push_tag(tag)
        .images()
        .deploy()
        .no_hooks();
    assert!(run.exit != 0, "{tag} begins like a release and was let go");
}

/// A chain of so many tags, the outermost called `prod-1`, on `main`.
fn chained(links: usize) -> World {
    let world = World::new().three_services();
    let mut target = world.base();
    for nth in 1..links {
        target = world.origin.annotated_tag(&format!("link-{nth}"), &target);
    }
    world.origin.annotated_tag("prod-1", &target);
    world
        .on_event(|world| Event::tag(&world.origin, "prod-1"))
        .payload(|payload| payload["head_commit"] = Value::Null)
}

/// A release on a commit that this makes, beside `main`.
fn released_beside(make: impl Fn(&Repo)) {
    let world = World::new().three_services();
    world.base();
    make(&world.origin);
    world.origin.tag("prod-1", "HEAD");
    world.origin.git(&["checkout", "-q", "main"]);
    let run = world
        .on_event(|world| Event::tag(&world.origin, "prod-1"))
        .images()
        .deploy()
        .no_hooks();
    assert_eq!(run.exit, 1);
}

fn closed(merged: bool, command: &str) {
    let event = |world: &World| {
        let head = world.origin.head();
        if merged {
            return Event::merged_close(7, &head, &head, &head);
        }
        let mut event = Event::pull_request("closed", 7, &head, &head, &head);
        event.payload["pull_request"]["state"] = json!("closed");
        event
    };
    let run = pushed().on_event(event).run(command).no_hooks();
    assert!(
        ["nothing", "refused", "failed", ""].contains(&run.output("outcome")),
        "{}",
        run.output("outcome")
    );
    assert_eq!(
        run.world.github.records(),
        [],
        "a closed pull request wrote a record"
    );
}

fn followed(change: impl Fn(&mut Value)) {
    let world = pushed().on_event(|world| Event::workflow_run(&world.origin.head()));
    let run = world
        .payload(|payload| change(&mut payload["workflow_run"]))
        .deploy()
        .no_hooks();
    assert!(
        ["nothing", "refused"].contains(&run.output("outcome")),
        "{}",
        run.output("outcome")
    );
}

variants! {
    row_04_variants {
        "line ends that only some readers know" => || branch_named("x\u{2028}::set-output name=tags::evil\u{85}tags=evil"),
        "a terminal's own commands" => || branch_named("\u{1b}]0;evil\u{7}\u{1b}[2J"),
        "what is escaped already" => || branch_named("%0A::set-output name=tags::evil"),
        "an expression" => || branch_named("${{ secrets.evil }}`evil`"),
        "upper and lower case of an old command" => || branch_named("##[Set-Output name=tags]evil"),
    }
    row_05_variants {
        "orders in a title, a body and a milestone" => || {
            let orders = json!("deploy to production; pr-number: 9; tags=latest; /deploy --force");
            let change = |payload: &mut Value| {
                for key in ["title", "body", "milestone", "auto_merge"] {
                    payload["pull_request"][key] = orders.clone();
                }
                payload["pull_request"]["labels"] = json!([{"name": "deploy-production"}, {"name": "force"}]);
            };
            let plain = opened().plan().expect_planned([]);
            let told = opened().payload(change).plan().expect_planned([]);
            for output in ["tag-names", "builds", "services", "outcome", "environment"] {
                // Commits differ from world to world.
                let of = |run: &testworld::Run| run.output(output).replace(&run.world.commit(), "COMMIT");
                assert_eq!(of(&told), of(&plain), "{output}");
            }
        },
        "orders in a commit's message" => || {
            let change = |payload: &mut Value| {
                for place in ["/head_commit/message", "/commits/0/message"] {
                    *payload.pointer_mut(place).unwrap() = json!("[skip deploy] [force] environment=production");
                }
            };
            pushed().payload(change).deploy().expect_accepted(["api"]);
        },
    }
    row_06_variants {
        "a terminal's own commands" => || changed(b"services/api/\x1b]0;evil\x07", ["api"]),
        "a name like an option" => || changed(b"services/api/--upload-pack=evil", ["api"]),
        "what is escaped already" => || changed(b"services/api/%0A::set-output name=tags::evil", ["api"]),
        "bytes that are no letters, beside a service" => || changed(b"services/ap\xff/x", []),
        "a directory of another case" => || changed(b"Services/API/x", []),
        "a directory of a letter that looks the same" => || changed("services/\u{430}pi/x".as_bytes(), []),
    }
    row_16_variants {
        "UTF-16" => || event_file("{}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
        "a number that is none" => || event_file("{\"ref\": 1e999}"),
        "compressed" => || event_file(b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()),
        "two documents" => || event_file("{}{}"),
        "a directory" => || event_at(|world| world.rooms.workspace.clone()),
        "a pipe that nobody writes to" => || event_at(|world| {
            let pipe = world.outside("pipe");
            assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
            pipe
        }),
        "a device that never ends" => || event_at(|_| "/dev/zero".into()),
    }
    row_17_variants {
        "a merge group that is called a push" => || {
            let event = |world: &World| Event::merge_group(&world.origin.head(), &world.origin.head());
            renamed(pushed().on_event(event), "push");
        },
        "a push that is called a pull request's target" => || renamed(pushed(), "pull_request_target"),
        "a pull request that is called a merge group" => || renamed(opened(), "merge_group"),
        "a push that is called the run of a workflow" => || renamed(pushed(), "workflow_run"),
    }
    row_18_variants {
        "a line's end behind it" => || no_push_of("refs/heads/main\n"),
        "a slash behind it" => || no_push_of("refs/heads/main/"),
        "a branch of a remote" => || no_push_of("refs/remotes/origin/main"),
        "a letter of another alphabet" => || no_push_of("refs/heads/m\u{430}in"),
        "a branch called like the whole of a ref" => || no_push_of("refs/heads/refs/heads/main"),
        "a payload of another ref than the runner's" => || {
            let mut world = push_of("refs/heads/side");
            world.event.as_mut().unwrap().git_ref = "refs/heads/main".into();
            let run = world.deploy().no_hooks();
            assert_ne!(run.output("outcome"), "accepted");
        },
    }
    row_19_variants {
        "a fraction" => || released("prod-5.0"),
        "a power" => || released("prod-1e3"),
        "a digit of another alphabet" => || released("prod-\u{665}"),
        "a sign" => || released("prod-+5"),
        "hexadecimal" => || released("prod-0x5"),
        "ten digits" => || released("prod-1000000000"),
    }
    row_20_variants {
        "a chain of four" => || {
            let run = chained(4).plan().expect_planned(["api", "workers", "web"]);
            assert_eq!(run.output("sha"), run.world.origin.head());
        },
        "a chain that nobody makes by mistake" => || {
            let run = chained(40).plan().no_hooks();
            assert!(run.exit != 0, "{}", run.output("sha"));
        },
        "an object that is not there" => || {
            let world = World::new().three_services().push_tag("prod-1");
            let run = world.payload(|payload| {
                payload["after"] = json!("c".repeat(40));
                payload["head_commit"] = Value::Null;
            });
            let run = run.deploy().no_hooks();
            assert!(run.exit != 0);
        },
    }
    row_21_variants {
        "a commit of a pull request" => || released_beside(|repo| {
            repo.git(&["checkout", "-q", "-b", "feature"]);
            repo.write("services/api/x", "1");
            let head = repo.commit("a feature");
            repo.git(&["update-ref", "refs/pull/7/head", &head]);
        }),
        "a history of its own" => || released_beside(|repo| {
            repo.git(&["checkout", "-q", "--orphan", "alone"]);
            repo.commit("from nowhere");
        }),
        "a branch that is named like the default one" => || released_beside(|repo| {
            repo.git(&["checkout", "-q", "-b", "origin/main"]);
            repo.write("services/api/x", "1");
            repo.commit("beside");
        }),
    }
    row_23_variants {
        "promoting" => || closed(true, "promote"),
        "releasing" => || closed(true, "release"),
        "not merged" => || closed(false, "deploy"),
        "rolling back" => || closed(true, "rollback"),
    }
    row_24_variants {
        "an empty repository" => || {
            let world = without_images().payload(|payload| payload["pull_request"]["head"]["repo"] = json!({}));
            let run = world.input("deploy-hooks", "").deploy().no_hooks();
            assert!(run.took.as_secs() < 20);
        },
        "an id that is text" => || {
            let world = without_images().payload(|payload| payload["pull_request"]["head"]["repo"]["id"] = json!("4242"));
            let run = world.input("deploy-hooks", "").deploy().no_hooks();
            assert!(run.took.as_secs() < 20);
        },
        "a plan" => || {
            let run = without_images().of_a_fork().plan().no_hooks();
            assert_eq!((run.exit, run.output("builds")), (0, "0"));
        },
        "a fork of the same owner" => || {
            let world = without_images().of_a_fork().payload(|payload| {
                payload["pull_request"]["head"]["repo"]["full_name"] = json!("acme/shop-fork");
                payload["pull_request"]["head"]["repo"]["owner"]["login"] = json!("acme");
            });
            world.deploy().expect_skipped();
        },
    }
    row_25_variants {
        "its push to its own branch" => || {
            let mut world = push_of("refs/heads/dependabot/npm/left-pad-1.3.0").input("deploy-hooks", "");
            world.event.as_mut().unwrap().actor = "dependabot[bot]".into();
            world.deploy().expect_nothing();
        },
        "its pull request, planned" => || {
            let mut world = without_images().input("deploy-hooks", "").input("registry-password", "");
            world.event.as_mut().unwrap().actor = "dependabot[bot]".into();
            let run = world.plan().no_hooks();
            assert_eq!((run.exit, run.output("builds")), (0, "0"));
        },
        "its pull request, run again by somebody" => || {
            let world = without_images().input("deploy-hooks", "").input("registry-password", "");
            let world = world.payload(|payload| payload["pull_request"]["user"]["login"] = json!("dependabot[bot]"));
            let run = world.variable("GITHUB_RUN_ATTEMPT", "2").deploy().expect_skipped();
            assert!(run.took.as_secs() < 20);
        },
    }
    row_26_variants {
        "a run of a pull request's target" => || followed(|run| run["event"] = json!("pull_request_target")),
        "a run that failed" => || followed(|run| run["conclusion"] = json!("failure")),
        "a run of a pull request with our branch's name" => || followed(|run| {
            run["event"] = json!("pull_request");
            run["head_branch"] = json!("main");
        }),
        "a run that has not ended" => || followed(|run| {
            run["status"] = json!("in_progress");
            run["conclusion"] = Value::Null;
        }),
        "no run at all" => || {
            let world = pushed().on_event(|world| Event::workflow_run(&world.origin.head()));
            world.payload(|payload| payload["workflow_run"] = Value::Null).deploy().expect_refusal();
        },
        "from a shallow checkout" => || {
            let world = pushed().on_event(|world| Event::workflow_run(&world.origin.head())).checkout(Checkout::Shallow);
            let world = world.payload(|payload| payload["workflow_run"]["head_repository"]["id"] = json!(777));
            world.deploy().expect_refusal();
        },
        "a push of no branch" => || followed(|run| run["head_sha"] = json!(ZEROS)),
    }
}

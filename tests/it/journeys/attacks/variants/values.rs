//! Rows 1 to 3, 22, 27, 29, 32, 37 and 37f.

use super::super::pushed;
use serde_json::{Value, json};
use testworld::server::{Reply, Server};
use testworld::{Event, Kind, Run, World};

fn dispatched() -> World {
    pushed().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
}

fn opened() -> World {
    World::new()
        .three_services()
        .pull_request(7, |repo| repo.write("services/api/x", "1"))
        .image("api", Kind::Amd64)
}

fn asked_for(number: &str) {
    let sha = "a".repeat(40);
    dispatched()
        .input("pr-number", number)
        .input("sha", &sha)
        .verify()
        .expect_refusal()
        .says("pr-number");
}

fn numbered(number: Value) {
    let change = |payload: &mut Value| {
        payload["number"] = number.clone();
        payload["pull_request"]["number"] = number.clone();
    };
    opened().payload(change).verify().expect_refusal();
}

fn of_commit(text: &str) {
    dispatched()
        .input("environment", "staging")
        .input("sha", text)
        .deploy()
        .expect_refusal()
        .says("sha");
    opened()
        .payload(|payload| payload["pull_request"]["head"]["sha"] = json!(text))
        .verify()
        .expect_refusal();
    pushed()
        .payload(|payload| payload["after"] = json!(text))
        .deploy()
        .expect_refusal();
}

fn with(name: &str, value: &str) {
    let world = if name == "environment" {
        dispatched()
    } else {
        dispatched().input("environment", "staging")
    };
    world
        .input(name, value)
        .deploy()
        .expect_refusal()
        .says(name);
}

fn named(image: &str) {
    let world = World::new()
        .shorthand()
        .push_to_main(|repo| repo.write("main.txt", "2"));
    world
        .input("image", image)
        .deploy()
        .expect_refusal()
        .says("image");
}

/// A plan whose web image is built with these arguments.
fn built_with(argument: &str) -> Run {
    let build = |text: &str| {
        text.replace(
            "paths: [\"services/web/**\"] }",
            &format!("paths: [\"services/web/**\"], build: {{ arguments: \"{argument}\" }} }}"),
        )
    };
    let world = World::new()
        .three_services_and(build)
        .push_to_main(|repo| repo.write("services/web/x", "1"));
    world.plan().expect_planned(["web"])
}

fn wrote_nothing(run: &Run) {
    let is_write = |call: &testworld::server::Call| {
        !matches!(call.method.as_str(), "GET" | "HEAD") && call.path != "/graphql"
    };
    let written: Vec<String> = run
        .world
        .servers()
        .flat_map(|(_, server)| server.calls())
        .filter(is_write)
        .map(|call| call.line())
        .collect();
    assert_eq!(written, Vec::<String>::new());
}

variants! {
    row_01_variants {
        "a digit of another alphabet" => || asked_for("\u{ff17}"),
        "hexadecimal" => || asked_for("0x7"),
        "a space of no width" => || asked_for("7\u{200b}"),
        "a fraction in the event" => || numbered(json!(7.5)),
        "an object in the event" => || numbered(json!({"number": 7})),
        "more than an integer holds" => || numbered(json!(u64::MAX)),
    }
    row_02_variants {
        "a letter of another alphabet" => || of_commit(&format!("{}\u{430}", "a".repeat(39))),
        "a space inside" => || of_commit("0123456789abcdef012 456789abcdef01234567"),
        "a branch" => || of_commit("refs/heads/main"),
        "an expression of git's" => || of_commit("HEAD~1"),
        "a commit that is no more" => || with("sha", "0123456789abcdef0123456789abcdef0123456"),
    }
    row_03_variants {
        "the merge commit instead of the head" => || {
            let world = opened();
            let merge = world.event.as_ref().unwrap().sha.clone();
            world.input("sha", &merge).verify().expect_refusal().says("sha");
        },
        "an image of another commit under the head's tag" => || {
            let world = opened();
            let tag = format!("pr-7-{}", world.commit());
            let world = world.image_tagged("api", Kind::Amd64, &"b".repeat(40), &[&tag]);
            world.verify().expect_stopped("image-other-commit");
        },
        "another release than the pushed one" => || {
            let world = World::new().three_services().push_tag("prod-5").images().input("release", "prod-4");
            world.deploy().expect_refusal().says("release");
        },
    }
    row_22_variants {
        "promoted to a release" => || {
            let run = opened().input("release", "prod-1").run("promote").no_hooks();
            assert!(run.exit != 0, "{}", run.output("outcome"));
            wrote_nothing(&run);
        },
        "released from a pull request" => || {
            let run = opened().input("environment", "production").run("release").no_hooks();
            assert!(run.exit != 0, "{}", run.output("outcome"));
            wrote_nothing(&run);
        },
        "a release's tag as the image's" => || {
            let run = opened().input("image", "ghcr.io/acme/api:prod-1").run("deploy").no_hooks();
            assert!(run.exit != 0);
            wrote_nothing(&run);
        },
        "the base's branch under another name of the event" => || {
            let run = opened().payload(|payload| payload["ref"] = json!("refs/heads/main")).plan().no_hooks();
            assert!(!run.output("tags").contains("latest") && !run.output("matrix").contains("latest"));
        },
    }
    row_27_variants {
        "a service of another case" => || with("services", "API"),
        "a service that is a path" => || with("services", "../api"),
        "a service and a command behind a line's end" => || with("services", "api\nrm -rf /"),
        "a truth of YAML's" => || with("dry-run", "on"),
        "a truth of JavaScript's" => || with("dry-run", "undefined"),
        "two environments" => || with("environment", "staging;production"),
        "an environment of another case" => || with("environment", "Staging"),
        "a commit of no branch" => || {
            let world = pushed();
            world.origin.git(&["checkout", "-q", "-b", "side"]);
            world.origin.write("services/api/x", "evil");
            let side = world.origin.commit("beside");
            world.origin.git(&["checkout", "-q", "main"]);
            let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
            let run = world.input("environment", "staging").input("sha", &side).deploy().no_hooks();
            assert!(run.exit != 0);
        },
    }
    row_29_variants {
        "line ends that only some readers know" => || {
            let run = built_with("a\\u2028tags=evil\\u0085tags=evil\\vtags=evil");
            assert!(!run.output("tags").contains("evil"));
        },
        "a carriage return and the beginning of a command" => || {
            let run = built_with("a\\r::set-output name=tags::evil\\r\\ntags<<X\\r\\nevil\\r\\nX");
            assert!(!run.output("tags").contains("evil"));
            let entry = run.json("matrix")["include"][0].clone();
            assert_eq!(entry["build"]["arguments"], "a\r::set-output name=tags::evil\r\ntags<<X\r\nevil\r\nX");
        },
        "a reason of many lines" => || {
            let run = pushed().input("freeze", &"ghadelimiter_x\ntags=evil\n".repeat(500)).deploy().expect_skipped();
            assert!(!run.output_file.contains("evil"));
        },
    }
    row_32_variants {
        "a digest of another algorithm" => || named(&format!("ghcr.io/acme/api@md5:{}", "a".repeat(32))),
        "a letter of another alphabet" => || named("ghcr.io/acme/\u{430}pi"),
        "a name that begins with a sign" => || named("ghcr.io/acme/-api"),
        "a query" => || named("ghcr.io/acme/api?x=y"),
        "a user" => || named("robot@ghcr.io/acme/api"),
        "an address in disguise" => || named("0x7f.1/acme/api"),
        "a host that ends in a dot" => || named("ghcr.io./acme/api"),
    }
    row_37_variants {
        "a value that is no UTF-8" => || {
            let world = pushed();
            let (program, script) = (testworld::program(), world.outside("step"));
            // The shell is what gives it: the world's own variables are text.
            let text = format!("export INPUT_SERVICES=$'\\xff\\xfe'\nexec {}\n", program.display());
            std::fs::write(&script, text).unwrap();
            let run = world.through("/bin/bash -p {0}", &script).deploy().no_hooks();
            assert!(run.exit != 0, "it went on");
        },
        "lower-case spellings beside the true one" => || {
            let evil = Server::start(|_| Reply::text(200, "{}"));
            let world = pushed().variable("input_render-api-url", &evil.origin()).variable("Input_Render-Api-Url", &evil.origin());
            world.deploy().expect_accepted(["api"]);
            assert!(evil.calls().is_empty());
        },
        "the underscore spelling of a secret" => || {
            let hook = "https://api.render.com/deploy/srv-evil?key=Zq8Xw2Lm4Rt6Yp1Nv3Bc";
            let world = pushed().secret("the planted hook's key", "Zq8Xw2Lm4Rt6Yp1Nv3Bc", &[]);
            world.variable("INPUT_DEPLOY_HOOKS", &format!("api={hook}")).deploy().expect_accepted(["api"]);
        },
        "a command that is a path" => || {
            let run = pushed().input("command", "/github/workspace").deploy().expect_refusal();
            run.says("command");
        },
    }
    row_37f_variants {
        "longer than six hours, in seconds" => || with("live-timeout", "21601s"),
        "less than nothing" => || with("image-timeout", "-5s"),
        "a number that no integer holds" => || with("live-timeout", "99999999999999999999h"),
        "force on a push" => || {
            pushed().input("force", "older").deploy().expect_refusal().says("force");
        },
        "force by a workflow that followed" => || {
            let world = pushed().on_event(|world| Event::workflow_run(&world.origin.head()));
            world.input("force", "held").deploy().expect_refusal().says("force");
        },
        "ten thousand services" => || {
            let names: Vec<String> = (0..10_000).map(|nth| format!("s{nth}")).collect();
            with("services", &names.join(","));
        },
    }
}

//! Rows 7 to 10, 37b and 37e: manifests.

use super::super::pushed;
use std::time::Duration;
use testworld::{Checkout, Kind, World};

const GOOD: &str = "version: 1\nenvironments: { staging: { branch: main } }\nimages:\n  api: { repository: \"HOST/{owner}/api\", paths: [PATHS] }\nservices:\n  SERVICE: { image: api }\n";

fn with(text: &str) -> World {
    World::new()
        .manifest(text)
        .files()
        .hooks(&["api"])
        .push_to_main(|repo| repo.write("services/api/x", "1"))
}

fn refused(text: &str) {
    let run = with(text)
        .deploy()
        .expect_wrong_request("bad-manifest")
        .expect_refusal();
    assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
}

fn service(name: &str) {
    refused(
        &GOOD
            .replace("PATHS", "\"**\"")
            .replace("SERVICE", &format!("\"{name}\"")),
    );
}

fn path(pattern: &str) {
    refused(
        &GOOD
            .replace("PATHS", &format!("\"{pattern}\""))
            .replace("SERVICE", "api"),
    );
}

/// A pattern that a careless matcher never comes to the end of.
fn heavy(pattern: &str, name: &str) {
    let text = GOOD
        .replace("PATHS", &format!("\"{pattern}\""))
        .replace("SERVICE", "api");
    let world = World::new()
        .manifest(&text)
        .hooks(&["api"])
        .push_to_main(|repo| repo.write(name, "1"));
    let run = world.plan().no_hooks();
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
}

fn hook_in(variable: &str) {
    let text = GOOD.replace("PATHS", "\"**\"").replace(
        "SERVICE: { image: api }",
        &format!("api: {{ image: api, hook: \"{variable}\" }}"),
    );
    refused(&text);
}

/// The commit has, at the manifest's place, what this puts there.
fn in_its_place(put: impl Fn(&testworld::Repo) -> &testworld::Repo) {
    for checkout in [Checkout::Full, Checkout::None] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| put(repo))
            .checkout(checkout);
        let run = world.deploy().no_hooks();
        assert_eq!(run.output("failure"), "bad-manifest", "{checkout:?}");
    }
}

/// A pull request that changes `web`, and the manifest so.
fn proposed(change: impl Fn(&str) -> String) -> World {
    let world = World::new().three_services();
    let path = world.origin.path().join(".github/deploy-manifest.yml");
    let world = world.pull_request(7, |repo| {
        let base = std::fs::read_to_string(&path).expect("a manifest");
        repo.write(".github/deploy-manifest.yml", &change(&base))
            .write("services/web/x", "1")
    });
    world.image("web", Kind::Amd64)
}

variants! {
    row_07_variants {
        "a dot" => || service("api."),
        "an underscore" => || service("a_b"),
        "a space of no width" => || service("api\\u200b"),
        "a letter of another alphabet" => || service("\u{430}pi"),
        "what objects inherit" => || service("__proto__"),
        "a letter too many" => || service(&"a".repeat(64)),
        "nothing but a sign" => || service("-"),
    }
    row_08_variants {
        "up, in the middle" => || path("services/../../etc/passwd"),
        "here, in the middle" => || path("services/./api/**"),
        "a brace that nothing ends" => || path("services/{api,web"),
        "a class that nothing ends" => || path("services/[!"),
        "up behind an exclusion" => || path("!../x"),
        "stars over stars" => || heavy("**/*/**/*/**/*/**/*/**/*/**/b", &format!("{}/a", "a/".repeat(100))),
        "braces in braces" => || heavy("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}*{a,b}*{a,b}*c", &"ab".repeat(100)),
    }
    row_09_variants {
        "a name for itself" => || refused("version: &a [*a]\n"),
        "a name that is not there" => || refused("version: *nobody\n"),
        "maps of maps" => || {
            let mut text = String::from("version: 1\nx0: &x0 {a: 1, b: 1, c: 1, d: 1}\n");
            for nth in 1..14 {
                text.push_str(&format!("x{nth}: &x{nth} {{a: *x{0}, b: *x{0}, c: *x{0}, d: *x{0}}}\n", nth - 1));
            }
            refused(&text);
        },
        "a number that no integer holds" => || refused("version: 99999999999999999999\n"),
        "two bytes a letter" => || refused("\u{feff}\0v\0e\0r\0"),
        "a hundred thousand keys" => || {
            let keys: String = (0..100_000).map(|nth| format!("k{nth}: 1\n")).collect();
            refused(&format!("version: 1\n{keys}"));
        },
        "a tag of one's own" => || refused("%TAG ! tag:evil.example,2000:\n---\n!x version: 1\n"),
    }
    row_10_variants {
        "a directory" => || in_its_place(|repo| {
            repo.git(&["rm", "-q", "-r", ".github/deploy-manifest.yml"]);
            repo.write(".github/deploy-manifest.yml/x", "version: 1")
        }),
        "a submodule" => || in_its_place(|repo| {
            repo.git(&["rm", "-q", "-r", ".github/deploy-manifest.yml"]);
            repo.submodule(".github/deploy-manifest.yml", &"a".repeat(40))
        }),
        "what an earlier step wrote into the workspace" => || {
            let world = pushed();
            world.check_out();
            let place = world.rooms.workspace.join(".github/deploy-manifest.yml");
            let text = std::fs::read_to_string(&place).unwrap();
            std::fs::write(&place, text.replace("services/api/**", "nowhere/**").replace("services/web/**", "services/api/**")).unwrap();
            world.deploy().expect_accepted(["api"]);
        },
        "what an earlier step put into the index" => || {
            let world = pushed();
            world.check_out();
            let place = world.rooms.workspace.join(".github/deploy-manifest.yml");
            std::fs::write(&place, "version: 1\n").unwrap();
            testworld::repo::git(&world.rooms.workspace, &["add", "--all"]);
            world.deploy().expect_accepted(["api"]);
        },
    }
    row_37b_variants {
        "a variable of its own for the hook" => || {
            let world = proposed(|text| text.replace("  web: {}", "  web: { hook: EVIL_HOOK }"));
            world.verify().expect_verified();
        },
        "arguments of its own for the build" => || {
            let world = proposed(|text| text.replace("\"services/web/**\"] }", "\"services/web/**\"], build: { evil: \"1\" } }"));
            let run = world.plan().no_hooks();
            assert!(!run.output("matrix").contains("evil"), "{}", run.output("matrix"));
        },
        "another image for its service" => || {
            let run = proposed(|text| text.replace("  web: {}", "  web: { image: api }")).verify().expect_verified();
            assert!(run.json("images").get("api").is_none(), "{}", run.output("images"));
        },
        "one that cannot be read" => || {
            proposed(|_| "version: [".into()).verify().expect_wrong_request("bad-manifest");
        },
    }
    row_37e_variants {
        "the file of environments" => || hook_in("GITHUB_ENV"),
        "the address of an identity's token" => || hook_in("ACTIONS_ID_TOKEN_REQUEST_URL"),
        "another input's variable" => || hook_in("INPUT_GITHUB-TOKEN"),
        "a letter of another alphabet" => || hook_in("\u{415}VIL"),
        "nothing" => || hook_in(""),
    }
}

//! Manifests with mistakes: all of them told at once, where they are.

use testworld::{Checkout, World};

fn with(text: &str) -> World {
    World::new()
        .manifest(text)
        .files()
        .hooks(&["api"])
        .push_to_main(|repo| repo.write("x", "1"))
}

#[test]
fn every_mistake_is_an_annotation_on_its_line_in_one_run() {
    let text = "version: 1\nenvironments:\n  staging: { brunch: main }\nimages:\n  api: { repository: \"HOST/Acme/api\", paths: [\"/abs\"] }\nservices:\n  API: {}\n";
    for checkout in [Checkout::Full, Checkout::None] {
        let run = with(text)
            .checkout(checkout)
            .deploy()
            .expect_wrong_request("bad-manifest");
        let errors: Vec<_> = run
            .commands
            .iter()
            .filter(|command| command.name == "error" && command.properties.contains_key("line"))
            .collect();
        let lines: Vec<&str> = errors
            .iter()
            .map(|error| error.properties["line"].as_str())
            .collect();
        for line in ["3", "5", "7"] {
            assert!(
                lines.contains(&line),
                "no mistake on line {line}: {errors:?}"
            );
        }
        for error in &errors {
            assert_eq!(error.properties["file"], ".github/deploy-manifest.yml");
            assert!(
                error.properties["col"]
                    .parse::<u32>()
                    .is_ok_and(|column| column > 0)
            );
        }
        run.says("branch");
    }
}

#[test]
fn unquoted_patterns_get_the_hint_to_quote_them() {
    for pattern in ["*.md", "!docs/**", "{a,b}/**"] {
        let text = format!(
            "version: 1\nenvironments: {{ staging: {{ branch: main }} }}\nignore:\n  - {pattern}\nimages:\n  api: {{ repository: \"HOST/{{owner}}/api\", paths: [\"**\"] }}\n"
        );
        with(&text)
            .deploy()
            .expect_wrong_request("bad-manifest")
            .says("quote");
    }
}

#[test]
fn a_manifest_that_is_named_and_not_there_is_wrong() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("x", "1"))
        .input("manifest", "other.yml");
    world.deploy().expect_wrong_request("bad-manifest");
}

#[test]
fn a_manifest_elsewhere_is_read_from_there() {
    let world = World::new().three_services();
    let text =
        std::fs::read_to_string(world.origin.path().join(".github/deploy-manifest.yml")).unwrap();
    let world = world.push_to_main(|repo| {
        repo.write("deploy/prod.yml", &text)
            .write("services/web/x", "1")
    });
    world
        .images()
        .input("manifest", "deploy/prod.yml")
        .deploy()
        .expect_accepted(["web"]);
}

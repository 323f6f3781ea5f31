//! What GitHub's Marketplace asks of `action.yml`. It says so at publication only, when the release exists already.

use crate::journeys::examples::yaml;
use serde_json::Value;

fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn action(path: &str) -> Value {
    yaml::read(&text(path))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// Marketplace refuses a description of 125 characters or more.
#[test]
fn the_description_is_shorter_than_marketplace_refuses() {
    for path in ["action.yml", "no-docker/action.yml"] {
        let length = word(&action(path)["description"]).chars().count();
        assert!((20..125).contains(&length), "{path}: {length} characters");
    }
}

#[test]
fn the_name_is_one_that_a_page_of_marketplace_can_have() {
    let action = action("action.yml");
    let name = word(&action["name"]);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == ' ';
    assert!(
        name.chars().all(is_plain) && (5..=50).contains(&name.len()),
        "{name:?}"
    );
}

#[test]
fn an_author_is_named() {
    let action = action("action.yml");
    let author = word(&action["author"]);
    assert!(!author.trim().is_empty());
    // The owner who publishes: what `.ci/owner` sets.
    assert!(
        text("README.md").contains(&format!("uses: {author}/ghcr-to-render@v1")),
        "author {author:?} is not the owner that the README names"
    );
}

#[test]
fn inputs_and_outputs_are_described_in_less_than_100_characters() {
    for (block, least) in [("inputs", 30), ("outputs", 20)] {
        let action = action("action.yml");
        let found = action[block].as_object().expect("a mapping");
        assert!(found.len() >= least, "{block}: {}", found.len());
        for (name, keys) in found {
            let description = word(&keys["description"]);
            let length = description.chars().count();
            assert!(
                (10..100).contains(&length),
                "{name}: {length} characters: {description}"
            );
        }
    }
}

/// `fixtures/marketplace/icons.txt`: the icons of GitHub's metadata syntax, as SchemaStore's `github-action.json` lists them.
#[test]
fn the_icon_and_its_colour_are_of_githubs_lists() {
    let icons = text("fixtures/marketplace/icons.txt");
    assert!(icons.lines().count() > 200);
    let branding = &action("action.yml")["branding"];
    let icon = word(&branding["icon"]);
    assert!(icons.lines().any(|known| known == icon), "{icon}");
    let colours = [
        "white",
        "black",
        "yellow",
        "blue",
        "green",
        "orange",
        "red",
        "purple",
        "gray-dark",
    ];
    let colour = word(&branding["color"]);
    assert!(colours.contains(&colour), "{colour}");
}

//! The examples, played: the very files of `examples/` are read, and what they say is done, with the real program. An example that drifts fails.

mod act;
mod api_and_workers;
mod documented;
mod expression;
mod groups;
mod lines;
mod monorepo_prod_n;
mod pr_preview_image;
mod single_service;
mod stage;
mod told;
mod two_images_compose;
pub(crate) mod yaml;

use serde_json::Value;
use stage::Stage;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use testworld::Event;
use testworld::secrets::invent;

/// The examples, each with the journey that plays it.
const PLAYED: [&str; 5] = [
    "api-and-workers",
    "monorepo-prod-n",
    "pr-preview-image",
    "single-service",
    "two-images-compose",
];

/// An example's files, as a repository has them.
#[derive(Debug, Clone)]
struct Example {
    /// By their path.
    manifests: BTreeMap<String, String>,
    /// By their name.
    workflows: BTreeMap<String, String>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The YAML files of a directory, by their names.
fn yaml_files(path: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "yml"));
    files
        .map(|entry| {
            (
                entry.file_name().into_string().expect("a name"),
                read(&entry.path()),
            )
        })
        .collect()
}

impl Example {
    /// The workflows of `docs/workflows`, with a manifest for them.
    fn documented(manifest: &str) -> Self {
        let manifests = [(".github/deploy-manifest.yml", manifest)];
        let manifests = manifests.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self {
            manifests: manifests
                .into_iter()
                .filter(|(_, text)| !text.is_empty())
                .collect(),
            workflows: yaml_files(&directory().join("../docs/workflows")),
        }
    }

    fn named(name: &str) -> Self {
        let github = directory().join(name).join(".github");
        let manifests = yaml_files(&github)
            .into_iter()
            .map(|(file, text)| (format!(".github/{file}"), text));
        let workflows = yaml_files(&github.join("workflows"));
        assert!(!workflows.is_empty(), "{name} has no workflow");
        Self {
            manifests: manifests.collect(),
            workflows,
        }
    }

    /// How many lines there are to write: every one of workflows and manifests, comments and empty ones too.
    fn lines(&self) -> usize {
        self.manifests
            .values()
            .chain(self.workflows.values())
            .map(|text| text.lines().count())
            .sum()
    }
}

/// The token of the world's jobs.
fn github_token() -> String {
    format!("ghs_{}", invent("github token").repeat(12))
}

/// Whether an event starts a workflow.
fn starts(on: &Value, event: &Event) -> bool {
    let Some(filters) = on.get(&event.name) else {
        return false;
    };
    let listed = |key: &str, name: &str| {
        let patterns = filters[key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        patterns.into_iter().any(|pattern| is_like(pattern, name))
    };
    match event.name.as_str() {
        "push" => match event.git_ref.strip_prefix("refs/tags/") {
            Some(tag) => listed("tags", tag),
            None => listed("branches", event.git_ref.trim_start_matches("refs/heads/")),
        },
        "repository_dispatch" => listed(
            "types",
            event.payload["action"].as_str().unwrap_or_default(),
        ),
        _ => true,
    }
}

/// GitHub's patterns of branches and tags, as far as the examples go: letters, and `[0-9]+`.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut rest = name;
    for (at, part) in pattern.split("[0-9]+").enumerate() {
        assert!(
            !part.contains(['*', '?', '+', '[', '!']),
            "the pattern {pattern} is not known here"
        );
        if at > 0 {
            let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            if digits.len() == rest.len() {
                return false;
            }
            rest = digits;
        }
        let Some(behind) = rest.strip_prefix(part) else {
            return false;
        };
        rest = behind;
    }
    rest.is_empty()
}

#[test]
fn every_example_has_a_journey() {
    let entries = std::fs::read_dir(directory()).expect("examples").flatten();
    let directories = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = directories
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(names, PLAYED);
}

#[test]
fn an_example_pins_what_the_documents_and_the_releases_pin() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pins = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.split_once("uses: "))
            .map(|(_, pin)| pin.to_owned())
            .collect()
    };
    let known = ["docs/workflows/ci.yml", ".github/workflows/release.yml"]
        .map(|path| pins(&read(&root.join(path))))
        .concat();
    for name in PLAYED {
        for (file, text) in Example::named(name).workflows {
            for pin in pins(&text) {
                assert!(known.contains(&pin), "{name}, {file}: {pin}");
            }
        }
    }
}

#[test]
fn patterns_of_tags_are_githubs() {
    let table = [
        ("main", "main", true),
        ("main", "main2", false),
        ("prod-[0-9]+", "prod-42", true),
        ("prod-[0-9]+", "prod-", false),
        ("prod-[0-9]+", "prod-4x", false),
        ("v[0-9]+.[0-9]+.[0-9]+", "v1.20.3", true),
        ("v[0-9]+.[0-9]+.[0-9]+", "v1.20", false),
    ];
    for (pattern, name, wanted) in table {
        assert_eq!(is_like(pattern, name), wanted, "{pattern} {name}");
    }
}

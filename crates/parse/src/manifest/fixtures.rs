//! Tests of the parser with the fixtures: what it says of each, and that the JSON Schema agrees where it can.

use super::json::json;
use super::*;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const HOME: Home<'static> = Home {
    owner: "Acme",
    repo: "Shop",
    default_branch: "main",
};

/// Bad manifests that a schema cannot refuse: what one part of a manifest promises another, and what counts only once `{owner}` is
/// filled in.
const BEYOND_THE_SCHEMA: [&str; 10] = [
    "after-in-a-circle",
    "colliding-tags",
    "colliding-with-defaults",
    "pattern-brackets",
    "places",
    "preview-environment",
    "requires-in-a-circle",
    "same-hook-and-id",
    "same-repository",
    "unknown-names",
];

/// Bad manifests of which the schema sees nothing, because they are no sound YAML of the kind that is read here.
const BEFORE_THE_SCHEMA: [&str; 21] = [
    "alias-inside-itself",
    "bomb",
    "control-character",
    "deep",
    "deep-by-aliases",
    "duplicate-keys",
    "empty",
    "list-as-a-key",
    "merge-key",
    "not-utf8",
    "nul",
    "tab",
    "tags-of-yaml",
    "two-documents",
    "unclosed",
    "unquoted-braces",
    "unquoted-brackets",
    "unquoted-everything",
    "unquoted-in-a-flow-list",
    "unquoted-patterns",
    "utf16",
];

fn fixtures(under: &str) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .join("fixtures/manifests")
            .join(under),
    )? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .ok_or("a name that is not UTF-8")?;
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

fn schema() -> Result<jsonschema::Validator, Box<dyn Error>> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("schema/deploy-manifest.schema.json");
    let schema = serde_json::from_slice(&fs::read(path)?)?;
    jsonschema::meta::validate(&schema).map_err(|error| error.to_string())?;
    Ok(jsonschema::validator_for(&schema)?)
}

/// The document as editors see it; `None` when the YAML itself is a mistake.
fn document(bytes: &[u8]) -> Option<serde_json::Value> {
    let mut mistakes = Vec::new();
    let root = yaml::parse(bytes, &mut mistakes).filter(|_| mistakes.is_empty())?;
    Some(json(&root, &mut Vec::new()))
}

#[test]
fn good_manifests_are_good_to_the_parser_and_to_the_schema() -> Result<(), Box<dyn Error>> {
    let schema = schema()?;
    let good = fixtures("")?;
    assert!(good.len() >= 6);
    for (name, path) in good {
        let bytes = fs::read(path)?;
        if let Err(mistakes) = parse(&bytes, &HOME) {
            panic!("{name}: {mistakes:?}");
        }
        let document = document(&bytes).ok_or("no document")?;
        let errors: Vec<String> = schema
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    Ok(())
}

#[test]
fn the_examples_of_the_documentation_are_good() -> Result<(), Box<dyn Error>> {
    let schema = schema()?;
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut text = fs::read_to_string(root.join("README.md"))?;
    for entry in fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            text.push_str(&fs::read_to_string(path)?);
        }
    }
    let blocks = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0));
    // Others are workflows, and parts of them: `documents` in tests/it.
    let is_manifest = |block: &&str| {
        block
            .lines()
            .any(|line| line == "version: 1" || line == "services:")
    };
    let mut found = 0;
    for block in blocks.filter(is_manifest) {
        // What shows one key leaves out what every manifest has.
        let head = "version: 1\nenvironments: { staging: { branch: main } }\nimages: { web: { repository: ghcr.io/acme/web, paths: [web/**] } }\n";
        let whole = if block.contains("version: 1\n") {
            block.to_owned()
        } else {
            format!("{head}{block}")
        };
        if let Err(mistakes) = parse(whole.as_bytes(), &HOME) {
            panic!("{whole}: {mistakes:?}");
        }
        assert!(
            schema.is_valid(&document(whole.as_bytes()).ok_or("no document")?),
            "{whole}"
        );
        found += 1;
    }
    assert!(found >= 4, "only {found} manifests were found");
    Ok(())
}

#[test]
fn every_bad_manifest_has_exactly_its_mistakes() -> Result<(), Box<dyn Error>> {
    let bad = fixtures("bad")?;
    assert!(bad.len() >= 40);
    for (name, path) in bad {
        let wanted = fs::read_to_string(path.with_extension("txt"))?;
        let told = match parse(&fs::read(&path)?, &HOME) {
            Ok(_) => panic!("{name} is good"),
            Err(mistakes) => mistakes
                .iter()
                .map(|mistake| format!("{mistake}\n"))
                .collect::<String>(),
        };
        assert_eq!(told, wanted, "{name}");
    }
    Ok(())
}

#[test]
fn the_schema_refuses_what_a_schema_can_see() -> Result<(), Box<dyn Error>> {
    let schema = schema()?;
    for (name, path) in fixtures("bad")? {
        let document = document(&fs::read(&path)?);
        assert_eq!(
            document.is_none(),
            BEFORE_THE_SCHEMA.contains(&name.as_str()),
            "{name}"
        );
        if let Some(document) = document {
            assert_eq!(
                schema.is_valid(&document),
                BEYOND_THE_SCHEMA.contains(&name.as_str()),
                "{name}"
            );
        }
    }
    Ok(())
}

/// Each of these is one line away from a good manifest, so nothing else can be what the schema or the parser refuses.
#[test]
fn the_schema_and_the_parser_refuse_the_same_single_mistakes() -> Result<(), Box<dyn Error>> {
    const GOOD: [&str; 7] = [
        "version: 1",
        "tags: { commit: \"{sha}\" }",
        "environments: { main: { branch: main }, prod: { tag: \"prod-{number}\", floating-tags: [stable] } }",
        "ignore: [docs/**]",
        "shared: [uv.lock]",
        "images: { api: { repository: ghcr.io/acme/api, paths: [\"**\"], build: {} } }",
        "services: { api: { hook: API_HOOK, id: { main: srv-a }, paths: [x], probe: { url: \"https://a.example/v\", times: 2 } } }",
    ];
    let replacements = [
        ("version: 1", "version: 2"),
        ("version: 1", "version: \"1\""),
        ("{sha}", "{sha:6}"),
        ("{sha}", "main"),
        ("{sha}", "-{sha}"),
        ("{sha}", "{number}-{sha}"),
        ("tags: {", "tags: { latest: \"true\","),
        ("tags: {", "tags: { other: x,"),
        ("branch: main", "branch: refs/heads/main"),
        ("branch: main", "branch: \"rel/*\""),
        ("branch: main", "branch: \"\""),
        ("branch: main", "branch: main, tag: \"x{number}\""),
        ("branch: main", "branch: main, from: [main]"),
        ("branch: main", "branch: main, requires: \"a b\""),
        ("{ branch: main }", "{}"),
        ("{ branch: main }", "~"),
        ("prod-{number}", "prod"),
        ("prod-{number}", "{number}{version}"),
        ("prod-{number}", "a/{number}"),
        ("[stable]", "[stable, stable]"),
        ("[stable]", "[\"a b\"]"),
        ("[stable]", "stable"),
        ("[stable]", "[a, b, c, d, e, f, g, h, i, j, k]"),
        ("docs/**", "\"/docs\""),
        ("docs/**", "\"../docs\""),
        ("docs/**", "docs/"),
        ("docs/**", "\"\""),
        ("docs/**", "\"!docs\""),
        ("docs/**", "~"),
        ("[uv.lock]", "uv.lock"),
        ("ghcr.io/acme/api", "acme/api"),
        ("ghcr.io/acme/api", "ghcr.io/Acme/api"),
        ("ghcr.io/acme/api", "ghcr.io/acme/api:1"),
        ("ghcr.io/acme/api", "\"ghcr.io/{branch}/api\""),
        ("ghcr.io/acme/api", "ghcr.io/acme/../api"),
        ("ghcr.io/acme/api", "\"{owner}.example/acme/api\""),
        ("ghcr.io/acme/api", "\"ghcr.io{owner}/api\""),
        ("repository: ghcr.io/acme/api, ", ""),
        ("paths: [\"**\"], ", ""),
        ("paths: [\"**\"]", "paths: []"),
        ("build: {}", "build: []"),
        ("build: {}", "environments: []"),
        ("build: {}", "pahts: []"),
        ("hook: API_HOOK", "hook: GITHUB_TOKEN"),
        ("hook: API_HOOK", "hook: api"),
        ("hook: API_HOOK", "previews: Main"),
        ("hook: API_HOOK", "image: a_b"),
        ("hook: API_HOOK", "after: [Api]"),
        ("srv-a", "exs-a"),
        ("main: srv-a", "constructor: srv-a"),
        ("https://a.example/v", "http://a.example/v"),
        ("https://a.example/v", "https://u:p@a.example/v"),
        ("https://a.example/v", "https://a.example/v#w"),
        ("https://a.example/v", "a.example/v"),
        ("\"https://a.example/v\"", "{}"),
        ("\"https://a.example/v\"", "[a]"),
        ("\"https://a.example/v\"", "{ Main: \"https://a.example\" }"),
        ("times: 2", "times: 0"),
        ("times: 2", "times: 21"),
        ("times: 2", "timeout: 31m"),
        ("times: 2", "timeout: 5"),
        ("times: 2", "header: \"X: 1\""),
        ("times: 2", "expect: \"{version}\""),
        ("times: 2", "expect: \"{sha:6}\""),
        ("times: 2", "expect: \"\""),
        ("times: 2", "tries: 2"),
        ("url: \"https://a.example/v\", ", ""),
        ("services: { api", "services: { Api"),
        ("services: { api", "services: { prototype"),
        ("ignore: [docs/**]", "ignroe: [docs/**]"),
        ("ignore: [docs/**]", "ignore: 1"),
    ];
    let schema = schema()?;
    let good = GOOD.join("\n");
    assert!(
        parse(good.as_bytes(), &HOME).is_ok()
            && schema.is_valid(&document(good.as_bytes()).ok_or("no document")?)
    );
    for (from, to) in replacements {
        assert!(good.contains(from), "{from}");
        let bad = good.replacen(from, to, 1);
        assert!(
            parse(bad.as_bytes(), &HOME).is_err(),
            "the parser takes {to}"
        );
        assert!(
            !schema.is_valid(&document(bad.as_bytes()).ok_or(to)?),
            "the schema takes {to}"
        );
    }
    Ok(())
}

//! The layers of ARCHITECTURE.md: a folder imports only from folders of lower layers, and each outside crate has its one folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each folder with the folders that it may import from. Those of one layer never import from each other.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("intake", &["domain"]),
    ("decide", &["domain"]),
    ("report", &["domain", "decide", "intake"]),
    ("github", &["domain", "decide", "intake"]),
    ("registry", &["domain", "decide", "intake"]),
    ("render", &["domain", "decide", "intake"]),
    ("probe", &["domain", "decide", "intake"]),
    ("runner", &["domain", "decide", "intake"]),
    ("repository", &["domain", "decide", "intake"]),
];

/// The folders of the action itself, lowest first. Each may import from [`LAYERS`] and from the folders before it.
const ACTION: &[&str] = &[
    "history",
    "failure",
    "context",
    "resolve",
    "state",
    "planned_run",
    "images",
    "rollout",
    "gate",
    "tags",
    "previews",
    "cleanup",
    "commands",
];

/// Each outside crate with the folders that may name it.
const CRATES: &[(&str, &[&str])] = &[
    ("reqwest", &[]),
    ("rustls", &[]),
    ("webpki_root_certs", &[]),
    (
        "http_client",
        &[
            "main",
            "lib",
            "github",
            "registry",
            "render",
            "probe",
            "runner",
            "repository",
            "failure",
            "context",
            "state",
            "images",
            "rollout",
            "gate",
            "tags",
            "previews",
            "cleanup",
            "commands",
        ],
    ),
    (
        "jiff",
        &["intake", "repository", "github", "report", "decide"],
    ),
    ("flate2", &["probe"]),
    ("gix", &["repository"]),
    ("octocrab", &["github"]),
    ("tower_service", &["github"]),
    ("oci_distribution", &["registry"]),
    ("saphyr_parser", &["intake"]),
    ("strsim", &["domain"]),
    ("clap", &["runner"]),
    ("clap_complete", &["runner"]),
    ("terminal_size", &["main"]),
    ("tracing_subscriber", &["runner"]),
];

/// What pure folders may not even name.
const IMPURE: &[&str] = &[
    "async fn",
    ".await",
    "std::env",
    "std::fs",
    "std::time::Instant",
    "SystemTime",
    "TcpStream",
    "ToSocketAddrs",
    "tokio::",
];
const PURE: &[&str] = &["domain", "intake", "decide", "report"];

/// The files of the source: folder, path, text.
fn files() -> Vec<(String, PathBuf, String)> {
    files_in("src")
}

/// The files of a folder: its first name inside, path inside, text.
fn files_in(folder: &str) -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("the source").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inner = path.strip_prefix(&root).expect("the source").to_owned();
                let folder = inner
                    .iter()
                    .next()
                    .expect("the source")
                    .to_string_lossy()
                    .trim_end_matches(".rs")
                    .to_owned();
                found.push((
                    folder,
                    inner,
                    std::fs::read_to_string(&path).expect("the source"),
                ));
            }
        }
    }
    found
}

/// The files that are not tests, each with its folder and its text up to its tests, without comments.
fn sources() -> Vec<(String, PathBuf, String)> {
    let tests = test_modules();
    let is_test = |path: &Path| {
        path.file_stem()
            .is_some_and(|stem| tests.contains(&*stem.to_string_lossy()))
    };
    files()
        .into_iter()
        .filter(|(_, path, _)| !is_test(path))
        .map(|(folder, path, text)| {
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            (folder, path, code)
        })
        .collect()
}

/// The modules that only tests have.
fn test_modules() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["tests".to_owned()]);
    for (_, _, text) in files() {
        for (at, mark) in text.match_indices("#[cfg(test)]\nmod ") {
            names.insert(
                text[at + mark.len()..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    names
}

/// The folders that a text names: `crate::folder`, also inside `use crate::{…}`.
fn folders_in(code: &str) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => first_names(list),
            None => vec![
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect(),
            ],
        };
        folders.extend(names);
    }
    folders
}

/// The first names of the items of a `use` list.
fn first_names(list: &str) -> Vec<String> {
    let (mut names, mut name, mut depth, mut is_first) = (Vec::new(), String::new(), 0, true);
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(std::mem::take(&mut name));
                is_first = true;
            }
            c if depth == 0 && is_first && (c.is_ascii_alphanumeric() || c == '_') => name.push(c),
            c if c.is_whitespace() => {}
            _ => is_first = name.is_empty(),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn a_folder_imports_only_from_lower_layers() {
    let known: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    for (folder, path, code) in sources()
        .into_iter()
        .filter(|(folder, ..)| folder != "lib" && folder != "main")
    {
        if let Some(place) = ACTION.iter().position(|name| *name == folder) {
            for other in folders_in(&code) {
                let later = ACTION.iter().skip(place + 1).any(|name| *name == other);
                assert!(
                    !later,
                    "src/{} knows {other}, which is not below it",
                    path.display()
                );
            }
            continue;
        }
        let may = known
            .get(folder.as_str())
            .unwrap_or_else(|| panic!("{folder} is in no layer"));
        for other in folders_in(&code)
            .into_iter()
            .filter(|other| *other != folder)
        {
            assert!(
                may.contains(&other.as_str()),
                "src/{} knows {other}, which is not below it",
                path.display()
            );
        }
    }
}

#[test]
fn every_outside_crate_has_its_folder() {
    for (folder, path, code) in sources() {
        for (name, homes) in CRATES {
            let is_named = code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                let after = code[at + name.len()..].chars().next();
                !before
                    .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':' || c == '"')
                    && after == Some(':')
                    || code[..at].ends_with("use ") && after == Some(';')
            });
            assert!(
                !is_named || homes.contains(&folder.as_str()),
                "src/{} names {name}, which belongs to {homes:?}",
                path.display()
            );
        }
    }
}

#[test]
fn pure_folders_stay_pure() {
    for (folder, path, code) in sources()
        .into_iter()
        .filter(|(folder, ..)| PURE.contains(&folder.as_str()))
    {
        for word in IMPURE {
            assert!(
                !code.contains(word),
                "src/{} has {word:?}, and {folder} is pure",
                path.display()
            );
        }
    }
}

#[test]
fn wire_shapes_stay_private_and_domain_has_none() {
    for (folder, path, code) in sources() {
        assert!(
            folder != "domain" || !code.contains("Serialize"),
            "src/{}: domain types are not wire shapes",
            path.display()
        );
    }
}

#[test]
fn a_file_has_at_most_500_lines() {
    for (_, path, text) in files() {
        let is_tests = path.ends_with("tests.rs") || path.iter().any(|part| part == "tests");
        if is_tests {
            continue;
        }
        let lines = text
            .split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .lines()
            .count();
        assert!(
            lines <= 500,
            "src/{} has {lines} lines before its tests",
            path.display()
        );
    }
}

/// What opens a connection, or can make another library open one.
const CONNECTING: &[&str] = &["reqwest", "TcpStream", "UdpSocket", "UnixStream"];

#[test]
fn one_file_opens_connections() {
    let tests = ["testing.rs", "tests"];
    let naming: Vec<PathBuf> = files()
        .into_iter()
        .chain(files_in("crates/http/src"))
        .filter(|(_, path, _)| {
            !path
                .iter()
                .any(|part| tests.iter().any(|name| part == *name))
        })
        .filter(|(_, _, text)| CONNECTING.iter().any(|word| text.contains(word)))
        .map(|(_, path, _)| path)
        .collect();
    assert_eq!(naming, [PathBuf::from("connect.rs")]);
}

#[test]
fn the_http_client_depends_on_nothing_of_ours() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(root.join("crates/http/Cargo.toml")).expect("it");
    assert!(!manifest.contains("path ="), "{manifest}");
}

#[test]
fn the_search_for_folders_finds_them() {
    let code = "use crate::{domain::{A, B}, github, intake::inputs};\nlet x = crate::render::f();";
    let wanted: BTreeSet<String> = ["domain", "github", "intake", "render"]
        .map(str::to_owned)
        .into();
    assert_eq!(folders_in(code), wanted);
}

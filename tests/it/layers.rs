//! The layers of ARCHITECTURE.md, where Cargo.toml cannot hold them: the order of the folders in `src`, what pure crates may name, and what may
//! become a dependency.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each crate with those of ours that it may depend on. Cargo.toml holds the layers; this table keeps Cargo.toml from growing.
const CRATES: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("http", &[]),
    ("parse", &["model"]),
    ("decide", &["model"]),
    ("report", &["model", "decide", "parse"]),
    ("authoring", &["model", "decide", "parse", "report"]),
    ("git", &["model"]),
    ("github", &["model", "decide", "parse", "http-client"]),
    ("registry", &["model", "decide", "parse", "http-client"]),
    ("render", &["model", "parse", "http-client"]),
];

/// The folders of the action itself, lowest first. Each may import from the folders before it.
const ACTION: &[&str] = &[
    "runner",
    "probe",
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

/// What pure crates may not name.
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
const PURE: &[&str] = &["model", "parse", "decide", "report", "authoring"];

/// The files of the action: folder, path, text.
fn files() -> Vec<(String, PathBuf, String)> {
    files_in("src")
}

/// The files of a crate: the crate, path, text.
fn files_of(name: &str) -> Vec<(String, PathBuf, String)> {
    files_in(&format!("crates/{name}/src"))
        .into_iter()
        .map(|(_, path, text)| (name.to_owned(), path, text))
        .collect()
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

/// Of those files the ones that are not tests, each with its text up to its tests, without comments.
fn sources(files: Vec<(String, PathBuf, String)>) -> Vec<(String, PathBuf, String)> {
    let tests = test_modules(&files);
    let is_test = |path: &Path| {
        path.file_stem()
            .is_some_and(|stem| tests.contains(&*stem.to_string_lossy()))
    };
    files
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
fn test_modules(files: &[(String, PathBuf, String)]) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["tests".to_owned()]);
    for (_, _, text) in files {
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
    for (folder, path, code) in sources(files())
        .into_iter()
        .filter(|(folder, ..)| folder != "lib" && folder != "main")
    {
        let place = ACTION
            .iter()
            .position(|name| *name == folder)
            .unwrap_or_else(|| panic!("src/{folder} is in no layer"));
        for other in folders_in(&code) {
            assert!(
                !ACTION[place + 1..].contains(&other.as_str()),
                "src/{} imports {other}, which is not below it",
                path.display()
            );
        }
    }
}

#[test]
fn a_crate_depends_only_on_lower_layers() {
    let ours: Vec<&str> = CRATES.iter().map(|(name, _)| *name).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for entry in std::fs::read_dir(&root).expect("the crates").flatten() {
        let name = entry.file_name();
        assert!(
            name == "testworld" || name == "leaks" || ours.iter().any(|ours| name == *ours),
            "{name:?} is in no layer"
        );
    }
    for (name, lower) in CRATES {
        let manifest = std::fs::read_to_string(root.join(name).join("Cargo.toml")).expect("it");
        let depends = |other: &str| {
            manifest.lines().any(|line| {
                line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} ="))
            })
        };
        assert!(
            !manifest.contains("path ="),
            "{name} bypasses the workspace"
        );
        for other in ours.iter().map(|other| match *other {
            "http" => "http-client",
            other => other,
        }) {
            assert!(
                !depends(other) || lower.contains(&other),
                "{name} depends on {other}, which is not below it"
            );
        }
    }
}

#[test]
fn pure_crates_stay_pure() {
    for (name, path, code) in PURE.iter().flat_map(|name| sources(files_of(name))) {
        for word in IMPURE {
            assert!(
                !code.contains(word),
                "crates/{name}/src/{} has {word:?}, and {name} is pure",
                path.display()
            );
        }
    }
}

#[test]
fn the_model_has_no_wire_shapes() {
    for (_, path, code) in sources(files_of("model")) {
        assert!(
            !code.contains("Serialize"),
            "crates/model/src/{}: wire shapes belong to their client",
            path.display()
        );
    }
}

/// Every file of the program.
fn all_files() -> Vec<(String, PathBuf, String)> {
    files()
        .into_iter()
        .chain(CRATES.iter().flat_map(|(name, _)| files_of(name)))
        .collect()
}

#[test]
fn a_file_has_at_most_500_lines() {
    for (folder, path, text) in all_files() {
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
            "{folder}: {} has {lines} lines before its tests",
            path.display()
        );
    }
}

/// What opens a connection, or can make another library open one.
const CONNECTING: &[&str] = &["reqwest", "TcpStream", "UdpSocket", "UnixStream"];

#[test]
fn one_file_opens_connections() {
    let tests = ["testing.rs", "tests", "tests.rs"];
    let naming: Vec<PathBuf> = all_files()
        .into_iter()
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
fn the_search_for_folders_finds_them() {
    let code = "use crate::{images::{A, B}, gate, runner::log};\nlet x = crate::tags::f();";
    let wanted: BTreeSet<String> = ["gate", "images", "runner", "tags"]
        .map(str::to_owned)
        .into();
    assert_eq!(folders_in(code), wanted);
}

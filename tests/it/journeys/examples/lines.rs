//! What an example costs to write, and what it replaces: the table of `examples/README.md` is made of the files.

use super::{Example, PLAYED, directory, read, yaml_files};

/// What an example replaces.
enum Replaced {
    /// A workflow that is written out in `before/`.
    Written,
    /// What a team said that it has.
    Said(&'static str),
}

fn replaced(name: &str) -> Replaced {
    match name {
        "single-service" | "two-images-compose" | "pr-preview-image" => Replaced::Written,
        "api-and-workers" => Replaced::Said("900, as teams report; not ours to show"),
        _ => Replaced::Said("not counted: nobody's is ours to show"),
    }
}

fn row(name: &str) -> String {
    let example = Example::named(name);
    let of = |files: &std::collections::BTreeMap<String, String>| -> usize {
        files.values().map(|text| text.lines().count()).sum()
    };
    let (workflows, manifests) = (of(&example.workflows), of(&example.manifests));
    let before = match replaced(name) {
        Replaced::Written => format!(
            "[{}]({name}/before)",
            of(&yaml_files(&directory().join(name).join("before")))
        ),
        Replaced::Said(text) => text.to_owned(),
    };
    format!(
        "| [{name}]({name}) | {workflows} | {manifests} | {} | {before} |",
        example.lines()
    )
}

#[test]
fn the_table_says_what_the_files_have() {
    let text = read(&directory().join("README.md"));
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| ["))
        .collect();
    let wanted: Vec<String> = PLAYED.iter().map(|name| row(name)).collect();
    assert_eq!(
        rows,
        wanted,
        "the table of examples/README.md\n{}\n",
        wanted.join("\n")
    );
}

#[test]
fn every_example_says_what_it_is_for_on_a_page() {
    for name in PLAYED {
        let text = read(&directory().join(name).join("README.md"));
        for heading in [
            "## What it replaces",
            "## What it needs",
            "## What one sees",
        ] {
            assert!(text.contains(heading), "{name} has no {heading:?}");
        }
        assert!(
            (12..=32).contains(&text.lines().count()),
            "{name}: {} lines",
            text.lines().count()
        );
        // Every secret and every variable that the workflows ask for.
        for (file, workflow) in Example::named(name).workflows {
            for part in workflow.split("${{").skip(1) {
                let expression = part.split("}}").next().unwrap_or_default().trim();
                for kind in ["secrets.", "vars."] {
                    let Some(setting) = expression.strip_prefix(kind) else {
                        continue;
                    };
                    let is_told = text.contains(&format!("`{setting}`"))
                        || setting.starts_with("RENDER_HOOK_") && text.contains("`RENDER_HOOK_");
                    assert!(is_told, "{name}: {setting} of {file} is not in its README");
                }
            }
        }
    }
}

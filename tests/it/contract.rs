//! What is declared is declared once: action.yml, the README and docs/failures.md say what the program says.

use model::FailureWord;
use parse::inputs::{Command, INPUT_GROUPS, INPUTS};
use report::outputs::OUTPUTS;
use std::collections::BTreeMap;

fn text(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The entries of a block of action.yml: their names, and their keys with plain or quoted values.
fn declared(block: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let action = text("action.yml");
    let mut entries: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let lines = action
        .lines()
        .skip_while(|line| *line != format!("{block}:"))
        .skip(1);
    for line in lines.take_while(|line| line.is_empty() || line.starts_with([' ', '#'])) {
        let indent = line.len() - line.trim_start().len();
        let Some((key, value)) = line
            .trim()
            .split_once(':')
            .filter(|_| !line.trim().starts_with('#'))
        else {
            continue;
        };
        match indent {
            2 => entries.push((key.to_owned(), BTreeMap::new())),
            4 => {
                let (_, keys) = entries.last_mut().expect("an entry");
                keys.insert(key.to_owned(), unquoted(value.trim()));
            }
            _ => panic!("a line of action.yml that is not understood: {line:?}"),
        }
    }
    entries
}

fn unquoted(value: &str) -> String {
    let quote = value
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''));
    let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    match (quote, inner) {
        (Some('\''), Some(inner)) => inner.replace("''", "'"),
        (Some(_), Some(inner)) => inner.replace("\\\"", "\"").replace("\\\\", "\\"),
        _ => value.to_owned(),
    }
}

/// A cell of a table: what stands between angle brackets would be markup.
fn cell(text: &str) -> String {
    let word = |word: &str| {
        let plain = word.trim_end_matches([')', ',', '.', ';']);
        if plain.contains('<') {
            format!("`{plain}`{}", &word[plain.len()..])
        } else {
            word.replace('|', "\\|")
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A file with the table that begins with this head replaced by these rows.
fn with_table(text: &str, head: &str, rows: &[String]) -> String {
    let at = text
        .find(head)
        .unwrap_or_else(|| panic!("no table begins with {head}"))
        + head.len();
    let end = text[at..].find("\n\n").expect("the end of a table") + at;
    format!(
        "{}{}{}",
        &text[..at],
        rows.concat().trim_end(),
        &text[end..]
    )
}

#[test]
fn action_yml_declares_exactly_the_programs_inputs() {
    let found: Vec<(String, String, String)> = declared("inputs")
        .into_iter()
        .map(|(name, keys)| {
            let key = |key: &str| keys.get(key).cloned().unwrap_or_default();
            (name, key("default"), key("description"))
        })
        .collect();
    let wanted: Vec<(String, String, String)> = INPUTS
        .iter()
        .map(|input| {
            (
                input.name.to_owned(),
                input.default.to_owned(),
                input.description.to_owned(),
            )
        })
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn action_yml_declares_exactly_the_programs_outputs() {
    let found: Vec<(String, String)> = declared("outputs")
        .into_iter()
        .map(|(name, keys)| (name, keys.get("description").cloned().unwrap_or_default()))
        .collect();
    let wanted: Vec<(String, String)> = OUTPUTS
        .iter()
        .map(|output| (output.name.to_owned(), output.description.to_owned()))
        .collect();
    assert_eq!(found, wanted);
}

/// The rows of the README's table of inputs: a row with the title of each group, then its inputs.
fn input_rows() -> Vec<String> {
    let mut rows = Vec::new();
    for group in INPUT_GROUPS {
        rows.push(format!("| **{}** | | | |\n", group.title));
        for (name, commands) in group.inputs {
            let input = INPUTS.iter().find(|input| input.name == *name);
            let input = input.unwrap_or_else(|| panic!("there is no input {name}"));
            let default = match input.default {
                "" => String::new(),
                text => format!("`{text}`"),
            };
            let meaning = cell(input.description);
            rows.push(format!(
                "| `{name}` | {default} | {commands} | {meaning} |\n"
            ));
        }
    }
    rows
}

/// `DOCUMENTS=write` makes them anew.
#[test]
fn the_readmes_tables_are_what_the_program_declares() {
    let outputs = OUTPUTS
        .iter()
        .map(|output| format!("| `{}` | {} |\n", output.name, cell(output.description)));
    let found = text("README.md");
    let wanted = with_table(
        &found,
        "| name | default | commands | meaning |\n|---|---|---|---|\n",
        &input_rows(),
    );
    let wanted = with_table(
        &wanted,
        "| name | meaning |\n|---|---|\n",
        &outputs.collect::<Vec<_>>(),
    );
    if std::env::var_os("DOCUMENTS").is_some_and(|how| how == "write") {
        std::fs::write(
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"),
            &wanted,
        )
        .expect("the README");
    }
    assert!(
        text("README.md") == wanted,
        "DOCUMENTS=write cargo test --test it the_readmes_tables makes the README's tables anew"
    );
}

#[test]
fn every_input_is_in_one_group_and_names_commands_that_exist() {
    let mut grouped: Vec<&str> = INPUT_GROUPS
        .iter()
        .flat_map(|group| group.inputs.iter().map(|(name, _)| *name))
        .collect();
    let mut declared: Vec<&str> = INPUTS.iter().map(|input| input.name).collect();
    grouped.sort_unstable();
    declared.sort_unstable();
    assert_eq!(grouped, declared);
    for (name, commands) in INPUT_GROUPS.iter().flat_map(|group| group.inputs) {
        let list = commands.trim_start_matches("all but ");
        for command in list.split(", ").filter(|word| *word != "all") {
            let is_known = Command::ALL.iter().any(|(word, _, _)| *word == command);
            assert!(is_known, "{name}: there is no command {command:?}");
        }
    }
}

#[test]
fn the_readme_has_at_most_300_lines() {
    let lines = text("README.md").lines().count();
    assert!(lines <= 300, "{lines} lines");
}

#[test]
fn the_runner_of_the_journeys_gives_what_action_yml_declares() {
    let wanted: Vec<(&str, &str)> = INPUTS
        .iter()
        .map(|input| (input.name, input.default))
        .collect();
    assert_eq!(testworld::runner::ACTION_INPUTS, wanted);
    let mut outputs: Vec<&str> = OUTPUTS.iter().map(|output| output.name).collect();
    let mut known = testworld::oracle::OUTPUTS.to_vec();
    outputs.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, outputs);
}

#[test]
fn every_failure_has_its_heading_and_every_heading_its_failure() {
    let failures = text("docs/failures.md");
    let headings: Vec<&str> = failures
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|line| line.trim_matches('`'))
        .collect();
    for word in FailureWord::ALL {
        assert!(
            headings.contains(&word.as_str()),
            "{word} has no heading in docs/failures.md"
        );
    }
    let is_word = |heading: &&&str| {
        heading.contains('-')
            || **heading == "exited"
            || **heading == "unhealthy"
            || **heading == "cancelled"
    };
    for heading in headings.iter().filter(is_word).filter(|heading| {
        heading
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    }) {
        assert!(
            FailureWord::ALL
                .iter()
                .any(|word| word.as_str() == *heading),
            "## {heading} is no failure"
        );
    }
}

/// The program's source, without its tests.
fn source(directory: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        // Tests would let a message stand that nothing says any more.
        if path.file_stem().is_some_and(|stem| stem == "tests") {
            continue;
        }
        if path.is_dir() {
            text += &source(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let file = std::fs::read_to_string(&path).expect("a file");
            text += file.split("\nmod tests {").next().unwrap_or_default();
        }
    }
    text
}

#[test]
fn every_message_in_the_list_of_failures_is_one_that_the_program_has() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).expect("the crates");
    let source = crates
        .flatten()
        .filter(|entry| entry.file_name() != "testworld" && entry.file_name() != "leaks")
        .map(|entry| source(&entry.path().join("src")))
        .fold(source(&root.join("src")), |all, text| all + &text);
    let failures = text("docs/failures.md");
    let first_cells = failures
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut count = 0;
    for (message, _) in first_cells {
        count += 1;
        // What stands between two values.
        let parts = message.split('…').map(str::trim);
        for part in parts.filter(|part| part.len() > 3) {
            let as_written = part.replace('\\', "\\\\").replace('"', "\\\"");
            assert!(
                source.contains(part) || source.contains(&as_written),
                "{message}: nothing in the program says {part:?}"
            );
        }
    }
    assert!(count > 70, "only {count} messages");
}

#[test]
fn both_doors_are_yaml_as_a_runner_reads_it() {
    for path in ["action.yml", "no-docker/action.yml"] {
        let action = text(path);
        for event in saphyr_parser::Parser::new_from_str(&action) {
            assert!(event.is_ok(), "{path}: {event:?}");
        }
    }
}

#[test]
fn the_second_door_has_the_inputs_and_outputs_of_the_first() {
    // What the script that makes it says now is what is checked in.
    let root = env!("CARGO_MANIFEST_DIR");
    let made = std::process::Command::new("python3")
        .arg(".ci/second-door.py")
        .current_dir(root)
        .output()
        .expect("python3");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let found = text("no-docker/action.yml");
    assert_eq!(
        found,
        String::from_utf8_lossy(&made.stdout),
        "python3 .ci/second-door.py >no-docker/action.yml makes it anew"
    );
    // And that is right: every input is handed on by the name that the program reads first, and every output back.
    for input in INPUTS {
        let line = format!(
            "        {}: ${{{{ inputs.{} }}}}",
            testworld::runner::variable(input.name),
            input.name
        );
        assert!(found.lines().any(|found| found == line), "{line}");
        let declaration = format!("  {}:\n    description: ", input.name);
        assert!(
            found.contains(&declaration) && text("action.yml").contains(&declaration),
            "{}",
            input.name
        );
    }
    for output in OUTPUTS {
        let line = format!("    value: ${{{{ steps.run.outputs.{} }}}}", output.name);
        assert!(found.lines().any(|found| found == line), "{line}");
    }
    let handed = found
        .lines()
        .filter(|line| line.trim().starts_with("INPUT_"))
        .count();
    assert_eq!(
        (handed, found.matches("steps.run.outputs.").count()),
        (INPUTS.len(), OUTPUTS.len())
    );
    // Nothing is put into a script, and fetching is given nothing.
    let scripts: Vec<&str> = found
        .lines()
        .filter(|line| line.trim().starts_with("run: "))
        .collect();
    assert!(
        scripts.len() == 2 && scripts.iter().all(|script| !script.contains("${{")),
        "{scripts:?}"
    );
    let fetch = found
        .split("id: fetch")
        .nth(1)
        .and_then(|rest| rest.split("id: run").next())
        .expect("a step");
    assert!(
        !fetch.contains("${{") && !fetch.contains("INPUT_"),
        "{fetch}"
    );
}

#[test]
fn the_release_workflow_calls_scripts_that_are_there_and_little_else() {
    let workflow = text(".github/workflows/release.yml");
    let scripts = [
        "check",
        "build",
        "push",
        "verify",
        "signatures",
        "tag",
        "publish",
        "move",
    ];
    for script in scripts {
        assert!(
            workflow.contains(&format!(".ci/release/{script} ")),
            "{script}"
        );
        assert!(
            text(".ci/release/rehearse").contains(&format!(".ci/release/{script} ")),
            "{script} is not rehearsed"
        );
    }
    // Of what a workflow can put into a script, only what is safe there is: by the environment.
    assert!(!workflow.lines().any(
        |line| line.trim_start_matches(['-', ' ']).starts_with("run: ") && line.contains("${{")
    ));
    assert!(
        !workflow.contains("cache"),
        "a release starts from nothing that another run left"
    );
}

#[test]
fn the_container_is_built_from_the_manifest_and_src_alone() {
    assert!(
        text("Dockerfile")
            .contains("COPY Cargo.toml Cargo.lock ./\nCOPY src src\nCOPY crates crates\n")
    );
    // A target that is named has to be there, or cargo builds nothing: those outside src are found by themselves.
    for section in ["[[bench]]", "[[example]]", "[[test]]", "build = "] {
        assert!(
            !text("Cargo.toml")
                .lines()
                .any(|line| line.starts_with(section)),
            "{section}"
        );
    }
}

/// Every Rust source below a directory, as one text.
fn sources(directory: &str) -> String {
    let mut all = String::new();
    let mut open = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(directory)];
    while let Some(place) = open.pop() {
        for entry in std::fs::read_dir(&place)
            .expect("a directory")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                all.push_str(&std::fs::read_to_string(&entry).expect("a source"));
            }
        }
    }
    all
}

#[test]
fn the_threat_model_names_tests_that_are_there() {
    let (page, sources) = (
        text("docs/threat-model.md"),
        sources("tests") + &sources("src") + &sources("crates"),
    );
    let table = page
        .split("## What must never happen")
        .nth(1)
        .expect("the table");
    let is_name = |word: &&str| {
        word.len() > 12
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let named: Vec<&str> = table
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_name)
        .collect();
    // A test's own attributes may stand between.
    let is_there = |name: &&&str| sources.contains(&format!("fn {name}() {{"));
    let missing: Vec<&&str> = named.iter().filter(|name| !is_there(name)).collect();
    assert!(
        named.len() > 20 && missing.is_empty(),
        "{} named, not there: {missing:?}",
        named.len()
    );
}

//! What the documents show is what there is: every workflow in them is read as this program reads workflows and written out whole for the linters
//! (`.ci/run`), every command line is run. Manifests in them: `parse::manifest`'s own tests.

use crate::journeys::examples::yaml;
use authoring::workflow;
use parse::inputs::INPUTS;
use serde_json::Value;
use std::path::{Path, PathBuf};
use testworld::{Repo, World};

/// A block of a document between fences.
struct Block {
    /// Where it begins: `docs/migrating.md:45`.
    at: String,
    language: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Markdown file, by its path from the root.
fn documents() -> Vec<String> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut open = vec![
        root().to_owned(),
        root().join("docs"),
        root().join("examples"),
    ];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory)
            .expect("a directory")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() && directory.ends_with("examples") {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    let inside = |path: PathBuf| {
        path.strip_prefix(root())
            .expect("inside")
            .to_str()
            .expect("a path")
            .to_owned()
    };
    let mut found: Vec<String> = found.into_iter().map(inside).collect();
    found.sort();
    assert!(
        found.iter().any(|path| path == "README.md") && found.len() > 20,
        "{found:?}"
    );
    found
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for path in documents() {
        let mut is_open = false;
        for (line, number) in read(&path).lines().zip(1..) {
            match line.strip_prefix("```") {
                Some(_) if is_open => is_open = false,
                Some(language) => {
                    let at = format!("{path}:{number}");
                    blocks.push(Block {
                        at,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                    is_open = true;
                }
                None if is_open => {
                    let text = &mut blocks.last_mut().expect("a block").text;
                    text.push_str(line);
                    text.push('\n');
                }
                None => {}
            }
        }
        assert!(!is_open, "{path}: a block that is not closed");
    }
    blocks
}

#[test]
fn every_block_says_in_which_language_it_is() {
    for Block { at, language, .. } in blocks() {
        assert!(
            // What is "yml" is a fragment of a file, which nobody could play.
            // Neither could what shows a few lines of somebody's program.
            [
                "yaml",
                "yml",
                "sh",
                "text",
                "mermaid",
                "dockerfile",
                "js",
                "python",
                "go",
                "ruby",
            ]
            .contains(&language.as_str()),
            "{at}: {language:?}"
        );
    }
}

/// A part of a block: what there was before, or what is shown.
struct Piece {
    is_before: bool,
    text: String,
}

/// The parts of a block that compares: they begin with `# before` and `# after`.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = vec![Piece {
        is_before: false,
        text: String::new(),
    }];
    for line in text.lines() {
        let comment = line.trim_start();
        if comment.starts_with("# before") || comment.starts_with("# after") {
            pieces.push(Piece {
                is_before: comment.starts_with("# before"),
                text: String::new(),
            });
        } else {
            let text = &mut pieces.last_mut().expect("a piece").text;
            text.push_str(line);
            text.push('\n');
        }
    }
    pieces.retain(|piece| !piece.text.trim().is_empty());
    pieces
}

/// The lines moved to the left as far as it goes, and then to that column.
fn moved(text: &str, column: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let least = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(indent)
        .min()
        .unwrap_or(0);
    let line = |line: &str| {
        if line.trim().is_empty() {
            "\n".to_owned()
        } else {
            format!("{}{}\n", " ".repeat(column), &line[least..])
        }
    };
    text.lines().map(line).collect()
}

const JOB: &str = "    name: As the document has it
    runs-on: ubuntu-24.04
    permissions:
      contents: read # the deploy manifest
      packages: read # the images
      deployments: write # the record
    steps:
";

/// The documents name this action by `v1`. Who copies from them writes the commit of a release instead.
fn pinned(text: &str) -> String {
    text.replace(
        "@v1\n",
        "@v1 # zizmor: ignore[unpinned-uses] the commit of a release goes here\n",
    )
}

/// A whole workflow that has the piece in it; `None` for what is none: a manifest.
fn workflow_of(at: &str, text: &str) -> Option<String> {
    if text
        .lines()
        .any(|line| line == "version: 1" || line == "services:")
    {
        return None;
    }
    let parsed = yaml::read(text);
    // A whole file says everything itself.
    if parsed["jobs"].is_object() {
        return Some(pinned(text));
    }
    let (jobs, is_job) = match &parsed {
        Value::Array(_) => (format!("  document:\n{JOB}{}", moved(text, 6)), false),
        Value::Object(keys) if keys.values().all(|job| job["runs-on"].is_string()) => {
            (moved(text, 2), true)
        }
        Value::Object(keys)
            if keys
                .keys()
                .all(|key| INPUTS.iter().any(|input| input.name == key)) =>
        {
            let step = "      - uses: OWNER/ghcr-to-render@v1\n        with:\n";
            (
                format!("  document:\n{JOB}{step}{}", moved(text, 10)),
                false,
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            panic!("{at}: neither steps, a job, inputs nor a manifest\n{text}")
        }
    };
    // What the jobs of a document wait for stands in the text above them.
    let build = "  build:
    name: Build
    runs-on: ubuntu-24.04
    permissions: {}
    outputs: { digest: \"${{ steps.push.outputs.digest }}\" }
    steps:
      - id: push
        run: echo \"digest=sha256:$(sha256sum </dev/null | cut -c-64)\" >>\"$GITHUB_OUTPUT\"
";
    let build = if jobs.contains("needs.build") || jobs.contains("needs: build") {
        build
    } else {
        ""
    };
    let jobs = if is_job || build.is_empty() {
        jobs
    } else {
        jobs.replace("    name: As", "    needs: build\n    name: As")
    };
    let jobs = pinned(&jobs);
    Some(format!(
        "name: Of {at}\non: push\npermissions: {{}}\nconcurrency:\n  group: deploy\n  cancel-in-progress: false\njobs:\n{build}{jobs}"
    ))
}

/// The inputs that the steps give this action.
fn given(workflow: &Value) -> Vec<(String, String)> {
    let jobs = workflow["jobs"].as_object().expect("jobs");
    let steps = jobs
        .values()
        .flat_map(|job| job["steps"].as_array().into_iter().flatten());
    let ours = steps.filter(|step| {
        step["uses"]
            .as_str()
            .is_some_and(|uses| uses.starts_with("OWNER/ghcr-to-render"))
    });
    let with = ours.flat_map(|step| step["with"].as_object().into_iter().flatten());
    with.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// The workflows of the documents, whole: by the name of a file, and whether it is what there was before.
fn workflows() -> Vec<(String, bool, String)> {
    let mut found = Vec::new();
    for block in blocks()
        .into_iter()
        .filter(|block| block.language == "yaml")
    {
        for (piece, number) in pieces(&block.text).into_iter().zip(1..) {
            if let Some(text) = workflow_of(&block.at, &piece.text) {
                let name = format!("{}-{number}.yml", block.at.replace(['/', ':'], "-"));
                found.push((name, piece.is_before, text));
            }
        }
    }
    found
}

#[test]
fn every_workflow_in_a_document_is_one_that_this_program_reads() {
    // The linters look here.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents");
    let _ = std::fs::remove_dir_all(&kept);
    let mut of_ours = 0;
    for (name, is_before, text) in workflows() {
        let place = kept.join(if is_before { "before" } else { "shown" });
        std::fs::create_dir_all(&place).expect("a directory");
        std::fs::write(place.join(&name), &text).expect("a workflow");
        let read = workflow::parse(&name, text.as_bytes())
            .unwrap_or_else(|mistake| panic!("{name}: {mistake:?}\n{text}"));
        assert_eq!(read.uses_us, !is_before, "{name}\n{text}");
        for (input, value) in given(&yaml::read(&text)) {
            assert!(
                INPUTS.iter().any(|known| known.name == input),
                "{name}: there is no input {input}"
            );
            let commands = [
                "plan", "verify", "deploy", "promote", "rollback", "release", "cleanup",
            ];
            assert!(
                input != "command" || commands.contains(&value.as_str()),
                "{name}: there is no command {value}"
            );
        }
        of_ours += usize::from(!is_before);
    }
    assert!(of_ours >= 8, "only {of_ours} workflows of ours were found");
}

/// A quick start of the README: the blocks of one section.
struct QuickStart {
    manifest: String,
    workflow: String,
}

fn quick_start(heading: &str) -> QuickStart {
    let readme = read("README.md");
    let begun = readme.lines().position(|line| line == heading);
    let begun = begun.unwrap_or_else(|| panic!("no heading {heading}")) + 1;
    let is_heading = |line: &&str| line.starts_with("## ");
    let ended = readme
        .lines()
        .skip(begun)
        .position(|line| is_heading(&line));
    let ended = begun + ended.expect("a section after it");
    let is_inside = |block: &Block| {
        let number = block.at.strip_prefix("README.md:");
        let number = number.and_then(|number| number.parse::<usize>().ok());
        number.is_some_and(|number| (begun..=ended).contains(&number))
    };
    let inside: Vec<Block> = blocks().into_iter().filter(is_inside).collect();
    let [manifest, workflow] = inside.as_slice() else {
        panic!("{heading} has {} blocks", inside.len());
    };
    QuickStart {
        manifest: manifest.text.clone(),
        workflow: workflow.text.replace("OWNER", "acme"),
    }
}

/// What `check` says of a repository that copied a quick start and has these files.
fn check_of(start: &QuickStart, files: &[&str]) -> serde_json::Value {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    repo.write(".github/deploy-manifest.yml", &start.manifest);
    repo.write(".github/workflows/deploy.yml", &start.workflow);
    for file in files {
        repo.write(file, "text");
    }
    repo.commit("copy the quick start");
    let run = world.on_laptop(&["check", "--json"]);
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| run.fail("no JSON on standard output"))
}

fn assert_clean(found: &Value) {
    assert_eq!(
        (&found["outcome"], &found["errors"], &found["warnings"]),
        (&"verified".into(), &0.into(), &0.into()),
        "{found:#}"
    );
}

#[test]
fn the_quick_start_of_one_service_passes_check() {
    let start = quick_start("## Quick start: one service");
    assert_clean(&check_of(&start, &["Dockerfile", "src/main.py"]));
}

#[test]
fn the_quick_start_of_a_monorepo_passes_check() {
    let start = quick_start("## Quick start: monorepo");
    let files = [
        "api/Dockerfile",
        "web/Dockerfile",
        "libs/a",
        "README.md",
        "docs/a",
    ];
    assert_clean(&check_of(&start, &files));
    assert_eq!(start.manifest.matches("srv-").count(), 3, "three services");
}

#[test]
fn a_quick_start_without_its_key_does_not_pass_check() {
    for heading in ["## Quick start: one service", "## Quick start: monorepo"] {
        let mut start = quick_start(heading);
        start.workflow = start.workflow.replace("render-api-key", "services");
        let found = check_of(&start, &["api/Dockerfile", "web/a", "libs/a"]);
        assert_ne!(found["errors"], 0, "{found:#}");
    }
}

/// How a command line of a document is run.
enum Ran {
    /// Here, by a person in a clone.
    Here(&'static [&'static str]),
    /// By that file, which has this in it.
    By(&'static str, &'static str),
    /// By people, at greater length than the checks do the same: that file reads this variable, or is this program.
    ByPeople(&'static str, &'static str),
}

/// Every line of every block of commands, every command of the table for contributors, and what sentences name of this program.
const LINES: &[(&str, Ran)] = &[
    ("cargo run -- --help", Ran::Here(&["--help"])),
    (
        "cargo run -- plan --base <commit>",
        Ran::Here(&["plan", "--base", "HEAD"]),
    ),
    (
        ".ci/run",
        Ran::By(".github/workflows/ci.yml", "- run: .ci/run\n"),
    ),
    (".ci/site", Ran::By(".ci/run", "\" .ci/site\n")),
    (
        ".ci/owner NAME",
        Ran::By(".ci/run", "\" .ci/owner --check\n"),
    ),
    (
        ".ci/fuzz",
        Ran::By(".ci/run", "step \"fuzzing\" .ci/fuzz\n"),
    ),
    (
        ".ci/container",
        Ran::By(".ci/run", "'set -e; .ci/container; .ci/act/run'\n"),
    ),
    (
        ".ci/act/run",
        Ran::By(".ci/run", "'set -e; .ci/container; .ci/act/run'\n"),
    ),
    (
        "CONTAINER_IMAGE=NAME .ci/test --test it journeys::container",
        Ran::By(
            ".ci/container",
            "CONTAINER_IMAGE=$image RUST_TEST_THREADS=4 cargo test --locked --quiet --test it -- journeys::container",
        ),
    ),
    (
        "python3 .ci/second-door.py >no-docker/action.yml",
        Ran::By("tests/it/contract.rs", "arg(\".ci/second-door.py\")"),
    ),
    (
        "DOCUMENTS=write cargo test --test it the_readmes_tables",
        Ran::By(
            "tests/it/contract.rs",
            "fn the_readmes_tables_are_what_the_program_declares",
        ),
    ),
    (
        "HISTORIES=100000 cargo test --test histories random -- --nocapture",
        Ran::ByPeople("tests/histories/many.rs", "\"HISTORIES\""),
    ),
    (
        "SEED=42 HISTORIES=1 cargo test --test histories random -- --nocapture",
        Ran::ByPeople("tests/histories/many.rs", "\"SEED\""),
    ),
    (
        "cargo test --test histories kinds -- --ignored --nocapture",
        Ran::ByPeople("tests/histories/detect.rs", "fn kinds_of_faults_are_found"),
    ),
    (
        "cargo test --test histories a_fault -- --ignored --nocapture",
        Ran::ByPeople("tests/histories/detect.rs", "fn a_fault_is_found"),
    ),
    (
        "JOURNEYS=process .ci/test --test it",
        Ran::ByPeople("crates/testworld/src/lib.rs", "\"JOURNEYS\""),
    ),
    (
        "CANCEL_EVERYWHERE=1 .ci/test journeys::cancel",
        Ran::ByPeople("tests/it/journeys/cancel.rs", "\"CANCEL_EVERYWHERE\""),
    ),
    (
        "FAULTS_EVERYWHERE=1 .ci/test journeys::faults",
        Ran::ByPeople("tests/it/journeys/faults/mod.rs", "\"FAULTS_EVERYWHERE\""),
    ),
    (
        "docs/reliability",
        Ran::ByPeople("docs/reliability", "# Usage: docs/reliability\n"),
    ),
    (
        "docs/pictures",
        Ran::ByPeople("docs/pictures", "# Usage: docs/pictures"),
    ),
    (
        "benches/run",
        Ran::ByPeople("benches/run", "# Usage: benches/run"),
    ),
    (
        "cargo run --example demo",
        Ran::By(".ci/run", "cargo run --locked --quiet --example demo"),
    ),
    (".ci/test", Ran::By(".ci/run", "bash .ci/test")),
    (
        "ghcr-to-render init --dry-run",
        Ran::Here(&["init", "--dry-run"]),
    ),
    ("ghcr-to-render init", Ran::Here(&["init"])),
    ("ghcr-to-render check", Ran::Here(&["check"])),
    (
        "cosign verify ghcr.io/OWNER/ghcr-to-render@DIGEST --certificate-oidc-issuer https://token.actions.githubusercontent.com --certificate-identity https://github.com/OWNER/ghcr-to-render/.github/workflows/release.yml@refs/heads/main",
        Ran::By(
            ".ci/release/rehearse",
            "cosign verify --certificate-oidc-issuer https://token.actions.githubusercontent.com --certificate-identity https://github.com/acme/ghcr-to-render/.github/workflows/release.yml@refs/heads/main $image@$index",
        ),
    ),
    (
        "gh attestation verify oci://ghcr.io/OWNER/ghcr-to-render@DIGEST --repo OWNER/ghcr-to-render --signer-workflow OWNER/ghcr-to-render/.github/workflows/release.yml --source-ref refs/heads/main",
        Ran::By(
            ".ci/release/signatures",
            "gh attestation verify \"$@\" --repo \"$repository\" --signer-workflow \"$workflow\" --source-ref refs/heads/main",
        ),
    ),
    (
        "gh attestation verify ghcr-to-render-linux-amd64 --repo OWNER/ghcr-to-render --signer-workflow OWNER/ghcr-to-render/.github/workflows/release.yml --source-ref refs/heads/main",
        Ran::By(
            ".ci/release/signatures",
            "attested \"$program\" --predicate-type https://slsa.dev/provenance/v1",
        ),
    ),
    (
        ".ci/release/build out https://github.com/OWNER/ghcr-to-render && cat out/SHA256SUMS",
        Ran::By(".ci/release/rehearse", ".ci/release/build \"$kept/built\" "),
    ),
];

/// The command lines of the documents, each with its place.
fn command_lines() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in documents() {
        let text = read(&path);
        let table = text
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
            .map(|(cell, _)| cell);
        let of_contributors: Vec<&str> = if path == "CONTRIBUTING.md" {
            table.collect()
        } else {
            Vec::new()
        };
        let spans = text
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| span.starts_with("cargo run -- "));
        found.extend(
            of_contributors
                .into_iter()
                .chain(spans)
                .map(|line| (path.clone(), line.to_owned())),
        );
    }
    for Block { at, text, .. } in blocks().into_iter().filter(|block| block.language == "sh") {
        let line = |line: &str| {
            line.split(" # ")
                .next()
                .unwrap_or_default()
                .trim_end()
                .to_owned()
        };
        found.extend(text.lines().map(|text| (at.clone(), line(text))));
    }
    found
}

#[test]
fn every_command_line_in_a_document_is_run() {
    let world = World::new();
    let repo = Repo::create(&world.rooms.workspace);
    repo.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    repo.write("Dockerfile", "FROM scratch\nCOPY . .")
        .commit("what there is");
    let head = repo.head();
    let mut world = Some(world);
    let mut met = std::collections::BTreeSet::new();
    for (at, line) in command_lines() {
        let known = LINES.iter().find(|(known, _)| *known == line);
        let (known, ran) = known.unwrap_or_else(|| panic!("{at}: nobody runs {line:?}"));
        met.insert(*known);
        match ran {
            Ran::Here(arguments) => {
                let begun = world.take().expect("a world");
                let (image, registry) = (begun.repository("shop"), begun.registry.host());
                let mut arguments: Vec<&str> = arguments
                    .iter()
                    .map(|argument| {
                        if *argument == "HEAD" {
                            head.as_str()
                        } else {
                            argument
                        }
                    })
                    .collect();
                // Without a manifest the image is one at ghcr.io, which a test does not ask.
                if arguments[0] == "plan" {
                    arguments.extend(["--image", &image, "--registry", &registry]);
                }
                let run = begun.on_laptop(&arguments);
                run.equal(&line, &run.exit, &0);
                // What init cannot know, and check asks for.
                let place = ".github/workflows/deploy-to-render.yml";
                let place = run.world.rooms.workspace.join(place);
                if let Ok(text) = std::fs::read_to_string(&place) {
                    std::fs::write(&place, text.replace("OWNER", "acme")).expect("a file");
                }
                world = Some(run.world);
            }
            Ran::By(file, text) | Ran::ByPeople(file, text) => {
                assert!(read(file).contains(text), "{file}: {line:?}")
            }
        }
    }
    let unmet: Vec<&str> = LINES
        .iter()
        .map(|(known, _)| *known)
        .filter(|known| !met.contains(known))
        .collect();
    assert!(unmet.is_empty(), "no document has any more: {unmet:?}");
}

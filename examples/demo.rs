//! A demonstration that needs nothing but this repository and git: a registry, GitHub and Render on loopback, a real git repository with three
//! services, and the real program started as the runner starts it, through a pull request, pushes to `main` and a release tag.
//!
//! `cargo run --example demo` prints one screen for each, and leaves the summaries under `target/demo/`. With `-- --verbose` it prints the log,
//! the outputs and the whole summary of each.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a demonstration has an environment of its own, and prints"
)]

use std::path::Path;
use std::process::Command;
use testworld::github::record::Seed;
use testworld::{Kind, Repo, Run, World, program};

fn main() {
    build();
    let summaries = program()
        .ancestors()
        .nth(2)
        .expect("the target directory")
        .join("demo");
    std::fs::create_dir_all(&summaries).expect("a directory for the summaries");

    title(
        "A pull request changes services/api: its preview image is verified, nothing is deployed",
    );
    let floating = |manifest: &str| {
        manifest.replace("branch: main }", "branch: main, floating-tags: [staging] }")
    };
    let world = World::new()
        .three_services_and(floating)
        .pull_request(7, |repo| change(repo, "api"));
    // The tests run with debug logging, people do not.
    let world = world.without_variable("RUNNER_DEBUG");
    let run = world
        .image("api", Kind::WithAttestations)
        .verify()
        .expect_verified();
    show(&run, &summaries.join("1-pull-request.md"));

    title(
        "Before it is merged, a comment on the pull request says what merging would deploy, where and why, and what it would build",
    );
    let world = run.again().input("comment", "true");
    let run = world.plan().ended(0, "planned", "");
    for comment in run.world.github.comments() {
        println!("\n--- the comment\n{}", comment.body.trim());
    }
    let world = run.into_world().input("comment", "false");

    title(
        "It is merged to main: api goes live in staging by its digest, the two others are left alone",
    );
    let world = in_staging(world.with_key()).push_to_main(|repo| change(repo, "api"));
    let run = world
        .image("api", Kind::WithAttestations)
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api"]);
    show(&run, &summaries.join("2-push-to-main.md"));

    title(
        "Two pushes in a row: the run of the first, for web, is dropped from GitHub's queue, and the run of the second, for workers, makes it good",
    );
    let world = run.into_world().push_to_main(|repo| change(repo, "web"));
    let world = world.push_to_main(|repo| change(repo, "workers"));
    let world = world
        .image("web", Kind::Amd64)
        .image("workers", Kind::MultiArch);
    let run = world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["web", "workers"]);
    show(&run, &summaries.join("3-never-lost.md"));

    title(
        "The tag prod-2 is pushed: what changed since prod-1 goes to production, workers after api; it has hooks and no API key",
    );
    let world = run.into_world().in_production("prod-1");
    let world = world
        .commit_on_main(|repo| repo.write("libs/shared.txt", "for api and workers"))
        .push_tag("prod-2");
    let commit = world.commit();
    let tags = [commit.as_str(), "prod-2"];
    let world = world.image_tagged("api", Kind::WithAttestations, &commit, &tags);
    let world = world.image_tagged("workers", Kind::MultiArch, &commit, &tags);
    let image = |service: &str| format!("{}@{}", world.repository(service), world.digest(service));
    let (api, workers) = (image("api"), image("workers"));
    let asked = [
        ("api-production", api.as_str()),
        ("workers-production", workers.as_str()),
    ];
    let run = world
        .deploy()
        .ended(0, "accepted", "")
        .hooked_with(&asked)
        .after(asked[1].0, asked[0].0);
    show(&run, &summaries.join("4-release.md"));

    println!(
        "\nAll five runs did what they should. The summaries are in {}.",
        summaries.display()
    );
}

/// Staging runs what is on `main`, and Render's settings name the tag that is kept on it.
fn in_staging(mut world: World) -> World {
    world.registry.ghcr().allow_writes();
    let commit = world.base();
    for service in ["api", "workers", "web"] {
        world = world.image_tagged(service, Kind::Amd64, &commit, &[&commit]);
        let (repository, digest) = (world.repository(service), world.digest(service));
        world
            .render
            .image_path(service, &format!("{repository}:staging"));
        world
            .render
            .seed_live(service, &format!("{repository}@{digest}"));
        world = world.recorded(Seed::live(
            "staging",
            service,
            &commit,
            &repository,
            &digest,
        ));
    }
    world
}

fn change<'r>(repo: &'r Repo, service: &str) -> &'r Repo {
    repo.write(
        &format!("services/{service}/main.txt"),
        &format!("{service} does more"),
    )
}

/// Builds the program with the cargo that runs this example, in the same profile.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let is_release = program()
        .parent()
        .is_some_and(|directory| directory.ends_with("release"));
    let mut command = Command::new(cargo);
    // Nothing is to be built again that was built to start this. The program alone would want its crates with other features than the two
    // together, and ring is built anew wherever `cargo run` says which package it runs.
    command.args([
        "build",
        "--quiet",
        "--bin",
        "ghcr-to-render",
        "--example",
        "demo",
    ]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_MANIFEST_") || told.starts_with("CARGO_PKG_") {
            command.env_remove(&name);
        }
    }
    if is_release {
        command.arg("--release");
    }
    let status = command.status().expect("cargo");
    assert!(
        status.success() && program().exists(),
        "the program could not be built"
    );
}

fn title(text: &str) {
    println!("\n\x1b[1m=== {text}\x1b[0m");
}

/// Prints a scene on one screen: what Render was asked, and the summary as a person sees it. `--verbose` prints all that the run left.
fn show(run: &Run, summary: &Path) {
    if std::env::args().any(|argument| argument == "--verbose") {
        show_all(run);
    } else {
        println!();
        for call in &run.hooks {
            println!("Render is asked: {} -> {}", call.service, call.image);
        }
        println!("The run ends with exit code {}. Its summary:\n", run.exit);
        for line in seen(&run.summary) {
            println!("  {line}");
        }
    }
    std::fs::write(summary, &run.summary).expect("the summary's file");
}

fn show_all(run: &Run) {
    println!(
        "\n--- log (exit code {}, {} ms)\n{}",
        run.exit,
        run.took.as_millis(),
        run.shown().trim()
    );
    println!("\n--- outputs");
    for (name, value) in run.outputs.iter().filter(|(_, value)| !value.is_empty()) {
        println!("{name} = {}", value.replace('\n', "\n    "));
    }
    println!("\n--- summary\n{}", run.summary.trim());
    println!("\n--- what Render was asked");
    for call in &run.hooks {
        println!("{}: {} -> {}", call.service, call.image, call.answered);
    }
}

/// The lines of a summary that stand on the page before anything is unfolded, without the addresses of links and without the picture.
fn seen(markdown: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut is_folded, mut is_picture) = (false, false);
    for line in markdown.lines() {
        is_folded |= line.starts_with("<details>");
        if line.starts_with("```") {
            is_picture = !is_picture;
        } else if !is_folded && !is_picture && !line.is_empty() && !line.starts_with("|---") {
            lines.push(without_addresses(line.trim_start_matches("### ")));
        }
        is_folded &= !line.starts_with("</details>");
    }
    lines
}

/// `[text](address)` becomes `text`.
fn without_addresses(line: &str) -> String {
    let mut shown = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((_, behind)) = after.split_once(')') else {
            break;
        };
        shown.push_str(&before.replacen('[', "", 1));
        rest = behind;
    }
    shown.push_str(rest);
    shown.replace(['`', '\\'], "")
}

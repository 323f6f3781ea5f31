//! The job summary of every outcome, read as Markdown: the outcome first, then what went wrong and what to do, tables that are whole, and
//! a picture where several services were deployed.
//!
//! `PICTURES=<directory>` keeps the texts there, for `docs/pictures`, which looks at them in a browser.

use super::at_once;
use super::cancel::{five, five_alone};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use testworld::render::Fate;
use testworld::render::model::Why;
use testworld::trap::{Moment, Place, Then};
use testworld::{Run, World};

/// What a Markdown reader sees in a summary.
#[derive(Debug, Default)]
struct Read {
    heading: String,
    tables: usize,
    /// The cells of each row, heads included. Rows of one table are as wide as its head: a Markdown reader makes them so, and
    /// [`testworld::markdown::foreign`] says which are torn.
    rows: Vec<Vec<String>>,
    items: Vec<String>,
    mermaid: Vec<String>,
    opened: usize,
    closed: usize,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser tells of more than a summary has"
)]
fn read(markdown: &str) -> Read {
    let (mut read, mut cell, mut item, mut code) = (
        Read::default(),
        None::<String>,
        None::<String>,
        None::<String>,
    );
    let mut is_heading = false;
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                assert_eq!(
                    (level, read.heading.is_empty()),
                    (HeadingLevel::H3, true),
                    "one heading, and it comes first"
                );
                is_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => is_heading = false,
            Event::Start(Tag::Table(_)) => read.tables += 1,
            Event::Start(Tag::TableHead | Tag::TableRow) => read.rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::End(TagEnd::TableCell) => {
                let row = read.rows.last_mut().expect("a row");
                row.push(cell.take().expect("a cell"));
            }
            Event::Start(Tag::Item) => item = Some(String::new()),
            Event::End(TagEnd::Item) => read.items.extend(item.take()),
            Event::Start(Tag::CodeBlock(_)) => code = Some(String::new()),
            Event::End(TagEnd::CodeBlock) => read.mermaid.extend(code.take()),
            Event::Html(text) | Event::InlineHtml(text) => {
                read.opened += text.matches("<details>").count();
                read.closed += text.matches("</details>").count();
            }
            Event::Text(text) | Event::Code(text) => {
                if is_heading {
                    read.heading.push_str(&text);
                }
                for open in [&mut cell, &mut item, &mut code].into_iter().flatten() {
                    open.push_str(&text);
                }
            }
            _ => {}
        }
    }
    read
}

/// Reads a run's summary and checks what holds for every one; keeps it where somebody wants to look at it.
fn summary(name: &str, run: &Run) -> Read {
    if let Some(directory) = std::env::var_os("PICTURES") {
        std::fs::create_dir_all(&directory).expect("a directory");
        // What another run names differently would change the picture for nothing.
        let port = run.world.registry.host();
        let text = run.summary.replace(&port, "ghcr.io");
        std::fs::write(
            std::path::Path::new(&directory).join(format!("{name}.md")),
            text,
        )
        .expect("a file");
    }
    let first = run.summary.lines().next().unwrap_or_default();
    let read = read(&run.summary);
    assert!(
        first.starts_with("### ") && !read.heading.is_empty(),
        "{name}: {first}"
    );
    let said = run.output("summary");
    if !said.is_empty() {
        let plain: String = read.heading.chars().filter(char::is_ascii).collect();
        let words = said
            .split([' ', ','])
            .filter(|word| word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
        for word in words {
            assert!(
                plain.contains(word),
                "{name}: {word:?} of {said:?} is not in the first line, {plain:?}"
            );
        }
    }
    assert_eq!(read.opened, read.closed, "{name}: folds\n{}", run.summary);
    assert!(read.mermaid.len() <= 1, "{name}: one picture");
    read
}

fn bars(read: &Read) -> Vec<&str> {
    let text = read.mermaid.first().map(String::as_str).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains(" :"))
        .map(str::trim)
        .collect()
}

fn three() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("libs/x", "1").write("services/web/x", "1"))
}

/// The same as [`three`], with an API key and the settings on Render that the README asks for: they name a floating tag.
fn three_as_the_readme_asks() -> World {
    let floating =
        |text: &str| text.replace("branch: main }", "branch: main, floating-tags: [staging] }");
    let world = World::new()
        .three_services_and(floating)
        .commit_on_main(|repo| repo.write("infra/docker/base", "1"))
        .push_to_main(|repo| {
            repo.write("libs/currency.py", "1")
                .write("services/web/cart.tsx", "1")
        })
        .images()
        .with_key()
        .may_write();
    for service in ["api", "workers", "web"] {
        let image = format!("{}:staging", world.repository(service));
        world.render.image_path(service, &image);
    }
    world
}

#[test]
fn live_and_accepted_show_order_and_time() {
    let run = three_as_the_readme_asks()
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers", "web"]);
    let live = summary("live", &run);
    let names: Vec<&str> = bars(&live)
        .iter()
        .filter_map(|bar| bar.split(' ').nth(1))
        .collect();
    assert_eq!(names.last(), Some(&"workers"), "{:?}", live.mermaid);
    assert_eq!(
        live.rows[0],
        ["Service", "Result", "Version", "Why", "Time"]
    );
    // Each deploy says what it carries, and nothing else is in a list.
    let is_carried = |item: &String| item.contains("1 commit, of which 1 matter");
    assert!(
        live.items.len() == 3 && live.items.iter().all(is_carried),
        "{:?}",
        live.items
    );
    let run = three()
        .images()
        .deploy()
        .expect_accepted(["api", "workers", "web"]);
    // Nobody followed these, so nobody knows how long they took.
    assert!(bars(&summary("accepted", &run)).is_empty());
}

#[test]
fn failures_come_first_each_with_its_cause_and_what_to_do() {
    let world = five_alone();
    world.render.deploy_ends(
        "web",
        Fate::Fails("update_failed", Why::OutOfMemory("512Mi")),
    );
    world
        .render
        .deploy_ends("api", Fate::Fails("update_failed", Why::Exited(1)));
    let run = world
        .deploy()
        .hooked(&["api", "workers", "web", "queue", "cron"])
        .ended(1, "failed", "exited");
    let read = summary("failed", &run);
    let causes: Vec<&String> = read
        .items
        .iter()
        .filter(|item| item.contains("memory") || item.contains("exited"))
        .collect();
    assert_eq!(causes.len(), 2, "{:?}", read.items);
    assert!(
        causes[0].starts_with("api exited: ") && causes[1].starts_with("web out-of-memory: "),
        "{causes:?}"
    );
    let names: Vec<&str> = read
        .rows
        .iter()
        .skip(1)
        .map(|row| row[0].as_str())
        .collect();
    assert_eq!(names[..2], ["api", "web"], "failures are the first rows");
    assert!(
        run.summary
            .find("[Render's logs](https://dashboard.render.com/")
            < run.summary.find("| Service |"),
        "{}",
        run.summary
    );
    assert_eq!(
        bars(&read)
            .iter()
            .filter(|bar| bar.contains("crit"))
            .count(),
        2
    );
}

#[test]
fn a_failure_is_linked_to_the_documents_of_the_version_that_runs() {
    let failed = || three().input("image-timeout", "1s");
    let run = failed().deploy().expect_stopped("image-missing");
    let address = "https://github.com/acme/ghcr-to-render/blob/v1/docs/failures.md#image-missing";
    let link = format!("[`image-missing`]({address})");
    assert!(run.summary.contains(&link), "{}", run.summary);
    run.annotates("error", &format!("More: {address}"));
    // An action of the checkout itself (`uses: ./`) has no repository.
    let world = failed().without_variable("GITHUB_ACTION_REPOSITORY");
    let run = world.deploy().expect_stopped("image-missing");
    assert!(!run.summary.contains("failures.md"), "{}", run.summary);
}

#[test]
fn every_other_outcome_is_told_in_its_first_line() {
    type Case = (&'static str, &'static str, fn() -> Run);
    let cases: [Case; 9] = [
        ("planned", "Planned", || {
            three().plan().expect_planned(["api", "workers", "web"])
        }),
        ("nothing", "Nothing to do", || {
            let world = World::new()
                .three_services()
                .commit_on_main(|repo| repo.write("x", "1"));
            world.push_tag("other").deploy().expect_nothing()
        }),
        ("unchanged", "nothing to deploy", || {
            World::new()
                .three_services()
                .push_to_main(|repo| repo.write("docs/x.md", "1"))
                .deploy()
                .no_hooks()
        }),
        ("skipped", "Skipped", || {
            three()
                .input("freeze", "incident 7")
                .deploy()
                .expect_skipped()
        }),
        ("refused", "Refused", || {
            three()
                .input("deploy-hooks", "")
                .images()
                .deploy()
                .no_hooks()
        }),
        ("image-missing", "Failed", || {
            three()
                .input("image-timeout", "1s")
                .deploy()
                .expect_stopped("image-missing")
        }),
        ("verified", "Verified", || {
            let world = World::new().three_services();
            world
                .pull_request(7, |repo| repo.write("services/web/x", "1"))
                .images()
                .verify()
                .expect_verified()
        }),
        ("cancelled", "Cancelled", || {
            let place = Place {
                kind: "Render: GET /v1/services/*/deploys/*".into(),
                nth: 2,
                moment: Moment::Answered,
            };
            let run = five().cancel_at(place, &["-INT"], Then::Answers).deploy();
            let calls: Vec<String> = run.hooks.iter().map(|call| call.service.clone()).collect();
            let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
            run.hooked(&calls)
        }),
        ("checked", "Checked", || three().run("check").no_hooks()),
    ];
    at_once(cases, |(name, begins, play)| {
        let run = play();
        let read = summary(name, &run);
        assert!(read.heading.contains(begins), "{name}: {:?}", read.heading);
        if run.exit != 0 {
            assert!(
                !read.items.is_empty(),
                "{name}: what to do is not said\n{}",
                run.summary
            );
        }
    });
}

#[test]
fn a_plan_has_no_columns_for_results_and_says_what_it_would_call() {
    let run = three()
        .plan()
        .expect_planned(["api", "workers", "web"])
        .says("would call its hook in deploy-hooks");
    let without = three()
        .input("deploy-hooks", "")
        .plan()
        .expect_planned(["api", "workers", "web"]);
    without.says("would call its hook in deploy-hooks or RENDER_HOOK_API (not given to this run)");
    assert_eq!(
        read(&run.summary).rows[0],
        ["Service", "Decision", "Version", "Why"]
    );
}

#[test]
fn what_stays_as_it_is_is_folded_where_it_is_much() {
    let names: Vec<String> = (0..30).map(|at| format!("s{at}")).collect();
    let images: String = names
        .iter()
        .map(|name| {
            format!(
                "  {name}: {{ repository: \"HOST/{{owner}}/{name}\", paths: [\"{name}/**\"] }}\n"
            )
        })
        .collect();
    let services: String = names
        .iter()
        .map(|name| format!("  {name}: {{}}\n"))
        .collect();
    let text = format!(
        "version: 1\nenvironments: {{ staging: {{ branch: main }} }}\nimages:\n{images}services:\n{services}"
    );
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new().manifest(&text).hooks(&all);
    let run = world
        .push_to_main(|repo| repo.write("s7/x", "1"))
        .plan()
        .expect_planned(["s7"]);
    let read = summary("much", &run);
    assert_eq!((read.opened, read.tables), (1, 2), "{}", run.summary);
    assert_eq!(read.rows[1][0], "s7");
    assert!(
        run.summary.contains("29 services stay as they are"),
        "{}",
        run.summary
    );
}

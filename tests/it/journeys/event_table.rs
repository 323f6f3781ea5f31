//! The tables of docs/events.md: every row is played, and its values are those of the page.

use testworld::{Event, Kind, Run, World};

/// What the page calls the commit and the repository of every row.
const COMMIT: &str = "8f4a2c91d0b7e6534c1a9f20e8d7b6a5c4f3e2d1";
const REPOSITORY: &str = "ghcr.io/acme/shop";

struct Row {
    event: String,
    plan: Option<Planned>,
    outcome: String,
    exit: i32,
}

/// What `plan` says of the event: the rows of runs that are repeated have none of it.
struct Planned {
    environment: String,
    tags: String,
}

/// The texts in backticks of a cell, one per line. A dash is no text.
fn values(cell: &str) -> String {
    let values: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    assert_eq!(values.is_empty(), cell == "-", "{cell}");
    values.join("\n")
}

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/events.md");
    std::fs::read_to_string(path).expect("the page")
}

fn table() -> Vec<Row> {
    let page = page();
    let is_row = |line: &&str| line.starts_with("| ") && line.ends_with(" |");
    let cells = page.lines().filter(is_row).map(|line| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<&str>>()
    });
    let rows = cells.filter_map(|cells| {
        let (event, plan, [outcome, exit]) = match cells.as_slice() {
            [event, environment, tags, rest @ ..] if rest.len() == 2 => {
                (event, Some((environment, tags)), [rest[0], rest[1]])
            }
            [event, outcome, exit] => (event, None, [*outcome, *exit]),
            _ => panic!("{cells:?}"),
        };
        // A table's head has no exit code.
        let exit = exit.parse().ok()?;
        Some(Row {
            event: (*event).to_owned(),
            plan: plan.map(|(environment, tags)| Planned {
                environment: values(environment),
                tags: values(tags),
            }),
            outcome: values(outcome),
            exit,
        })
    });
    rows.collect()
}

/// The page's own manifest.
fn manifest() -> String {
    let page = page();
    let block = page.split("```yaml\n").nth(1).expect("a manifest");
    let block = block.split("```").next().expect("its end");
    block.replace("ghcr.io/", "HOST/")
}

fn begun() -> World {
    World::new()
        .manifest(&manifest())
        .hooks(&["shop"])
        .may_write()
}

fn with_image(world: World) -> World {
    let commit = world.commit();
    world.image_tagged("shop", Kind::Amd64, &commit, &[commit.as_str()])
}

fn pushed() -> World {
    with_image(begun().push_to_main(|repo| repo.write("x", "1")))
}

fn deployed(world: World) -> World {
    world.deploy().hooked(&["shop"]).into_world()
}

fn opened() -> World {
    begun()
        .pull_request(7, |repo| repo.write("x", "1"))
        .image("shop", Kind::Amd64)
}

/// The world right before the run of a row.
fn at(event: &str) -> World {
    match event {
        "push to `main`" => pushed(),
        "right after its deploy" => pushed().deploy().hooked(&["shop"]).again(),
        "after a newer commit was deployed" => {
            let world = pushed();
            let first = world.event.clone();
            let newer = deployed(world).push_to_main(|repo| repo.write("x", "2"));
            let mut world = deployed(with_image(newer)).variable("GITHUB_RUN_ATTEMPT", "2");
            world.event = first;
            world
        }
        "push of the tag `prod-42`" => with_image(begun().push_tag("prod-42")),
        "push of the tag `prod-007`" => begun().push_tag("prod-007"),
        "push to another branch" => begun().on_event(|world| {
            let (before, after) = (world.base(), world.origin.head());
            Event::push("refs/heads/feature", &before, &after, &after)
        }),
        "pull request 7 opened" => opened(),
        "pull request 7 closed" => {
            opened().payload(|event| event["action"] = serde_json::json!("closed"))
        }
        "pull_request_target" => {
            begun().on_event(|world| Event::other("pull_request_target", &world.origin.head()))
        }
        "a person starts the workflow on `main`" => {
            pushed().on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()))
        }
        _ => panic!("nobody plays {event:?}"),
    }
}

fn shown(run: &Run, output: &str) -> String {
    run.output(output)
        .replace(&run.world.repository("shop"), REPOSITORY)
        .replace(&run.world.commit(), COMMIT)
}

#[test]
fn every_row_of_the_page_is_what_happens() {
    let rows = table();
    assert!(rows.len() >= 10, "{} rows", rows.len());
    for row in rows {
        if let Some(planned) = &row.plan {
            let run = at(&row.event).plan();
            run.equal(&row.event, &shown(&run, "tags"), &planned.tags);
            let environment = shown(&run, "environment");
            run.equal(&row.event, &environment, &planned.environment);
        }
        let run = at(&row.event).deploy();
        let run = match row.outcome.as_str() {
            "accepted" => run.hooked(&["shop"]),
            _ => run.no_hooks(),
        };
        run.equal(&row.event, &shown(&run, "outcome"), &row.outcome);
        run.equal(&row.event, &run.exit, &row.exit);
    }
}

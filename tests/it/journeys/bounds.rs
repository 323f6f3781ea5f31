//! How much memory and work the worst takes that comes through: the largest event, manifest, comparison and replies that are read at all. They are
//! measured of the program as the tests build it, which works slower than what is shipped.

use super::at_once;
use super::attacks::pushed;
use super::promotion::released;
use std::time::Duration;
use testworld::github::record::{Seed, TASK};
use testworld::{Checkout, Event, Kind, Run, World, tally};

/// The most memory that a run may take.
const MEMORY: u64 = 64 << 20;

/// How long processors may work for one.
const WORK: Duration = Duration::from_secs(2);

/// A name, how the world begins, and what is done in it.
type Case<'a> = (
    &'a str,
    &'a (dyn Fn() -> World + Sync),
    &'a (dyn Fn(World) -> Run + Sync),
);

/// Plays each of these at once, and looks at what it took.
fn bounded<const N: usize>(cases: [Case<'_>; N]) {
    let too_much = std::sync::Mutex::new(Vec::new());
    at_once(cases, |(name, begin, run)| {
        let (world, meter) = begin().measured();
        run(world);
        let used = meter.read();
        tally::count("worst cases measured", 1);
        tally::largest(
            "KiB that the worst case took",
            usize::try_from(used.memory >> 10).expect("a size"),
        );
        tally::largest(
            "ms that the worst case took",
            usize::try_from(used.work.as_millis()).expect("a time"),
        );
        if used.memory > MEMORY || used.work > WORK {
            too_much
                .lock()
                .expect("a list")
                .push(format!("{name}: {used:?}"));
        }
    });
    assert!(too_much.lock().expect("a list").is_empty(), "{too_much:?}");
}

/// JSON of that many bytes, in a shape that takes the most memory where somebody keeps it as it is.
fn zeros(bytes: usize) -> String {
    let mut text = "0,".repeat(bytes / 2);
    text.insert(0, '[');
    text.pop();
    text + "]"
}

/// The event that a push sends, with more at its beginning.
fn event_with(more: &str) -> World {
    let world = pushed();
    let payload = world.event.as_ref().expect("an event").payload.to_string();
    world.raw_event(format!("{{{more},{}", &payload[1..]))
}

/// Each with its own shape.
const FULL: usize = (25 << 20) - 16_000;

#[test]
fn the_largest_events_are_read_within_bounds() {
    bounded([
        (
            "numbers",
            &|| event_with(&format!("\"x\":{}", zeros(FULL))),
            &|world| world.deploy().expect_accepted(["api"]),
        ),
        (
            "a text",
            &|| event_with(&format!("\"x\":\"{}\"", "a".repeat(FULL))),
            &|world| world.deploy().expect_accepted(["api"]),
        ),
        (
            "a ref",
            &|| pushed().raw_event(format!("{{\"ref\":\"{}\"}}", "a".repeat(FULL))),
            &|world| world.deploy().no_hooks(),
        ),
        (
            "escapes",
            &|| pushed().raw_event(format!("{{\"after\":\"{}\"}}", "\\u0000".repeat(FULL / 6))),
            &|world| world.deploy().no_hooks(),
        ),
        (
            "keys",
            &|| {
                event_with(
                    &(0..1_900_000)
                        .map(|n| format!("\"k{n}\":0"))
                        .collect::<Vec<_>>()
                        .join(","),
                )
            },
            &|world| world.deploy().expect_accepted(["api"]),
        ),
    ]);
}

/// A manifest of 1 MiB.
fn manifest(services: &str) -> World {
    let text = format!(
        "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n  api: {{ repository: \"HOST/acme/api\", paths: [\"api/**\"] }}\nservices:\n  api:\n    image: api\n{services}"
    );
    World::new().manifest(&text).hooks(&["api"])
}

fn patterns(one: impl Fn(usize) -> String) -> String {
    let mut text = String::from("    paths:\n");
    for number in 0..9_999 {
        text.push_str(&format!("    - \"{}\"\n", one(number)));
    }
    text
}

#[test]
fn the_largest_manifests_are_read_and_used_within_bounds() {
    let changed = |world: World| {
        world.push_to_main(|repo| {
            (0..2_000).for_each(|n| {
                repo.write(
                    &format!("deep/er/and/deeper/still/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{n}"),
                    "1",
                );
            });
            repo
        })
    };
    let several = || {
        let mut text = String::from("version: 1\nenvironments:\n");
        (0..50).for_each(|n| text.push_str(&format!("  e{n}: {{ branch: b{n} }}\n")));
        text.push_str("  staging: { branch: main }\nimages:\n");
        (0..200).for_each(|n| {
            text.push_str(&format!(
                "  i{n}: {{ repository: \"HOST/acme/i{n}\", paths: [\"i{n}/**\"] }}\n"
            ))
        });
        text.push_str("services:\n");
        (0..500).for_each(|n| {
            text.push_str(&format!(
                "  s{n}: {{ image: i{}, paths: [\"s{n}/**\", \"**/*.{n}\"] }}\n",
                n % 200
            ))
        });
        World::new()
            .manifest(&text.replace("e0: { branch: b0 }\n", ""))
            .push_to_main(|repo| repo.write("s7/x", "1"))
    };
    bounded([
        (
            "patterns everywhere",
            &|| changed(manifest(&patterns(|n| format!("**/*a*a*a*a*a*b{n}")))),
            &|world| world.plan().no_hooks(),
        ),
        (
            "patterns below",
            &|| changed(manifest(&patterns(|n| format!("deep/**/*a*a*a*a*a*b{n}")))),
            &|world| world.plan().no_hooks(),
        ),
        (
            "alternatives",
            &|| {
                changed(manifest(&patterns(|n| {
                    format!("{{a,b,c,d}}/{{e,f,g,h}}/{n}")
                })))
            },
            &|world| world.plan().no_hooks(),
        ),
        ("services", &several, &|world| world.plan().no_hooks()),
        (
            "a list of nothing",
            &|| {
                changed(manifest(&format!(
                    "    paths: [{}]\n",
                    "a,".repeat(500_000)
                )))
            },
            &|world| world.deploy().no_hooks(),
        ),
        (
            "a list in lists",
            &|| changed(manifest(&format!("    paths: {}\n", "[],".repeat(300_000)))),
            &|world| world.deploy().no_hooks(),
        ),
    ]);
}

/// A push that adds a file of `api`, and deletes so many directories that each have all of these files: no disk would like to hold them, and a
/// tree names them once.
fn without(directories: usize, files: impl Iterator<Item = String>) -> World {
    let world = World::new().three_services();
    world.origin.commit("begin");
    let git = &world.origin;
    let blob = git.git(&["rev-parse", "HEAD:services/api/main.txt"]);
    let tree = |entries: Vec<String>| git.git_with(&["mktree"], &entries.join("\n"));
    let inner = tree(
        files
            .map(|name| format!("100644 blob {blob}\t{name}"))
            .collect(),
    );
    let outer = tree(
        (0..directories)
            .map(|n| format!("040000 tree {inner}\td{n:06}"))
            .collect(),
    );
    let own = git
        .git(&["ls-tree", "HEAD"])
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let many = tree([own, vec![format!("040000 tree {outer}\tother")]].concat());
    let before = git.git(&["commit-tree", "-p", "HEAD", "-m", "many", &many]);
    git.write("services/api/x", "1").commit("few");
    let after = git.git(&["commit-tree", "-p", &before, "-m", "few", "HEAD^{tree}"]);
    git.git(&["reset", "-q", "--soft", &after]);
    world
        .on_event(|_| Event::push("refs/heads/main", &before, &after, &after))
        .images()
}

#[test]
fn the_largest_comparisons_are_made_within_bounds() {
    let long = "directory-of-a-long-name-".repeat(3);
    let files = || (0..500).map(|n| format!("{long}{n}.txt"));
    bounded([
        ("many files", &|| without(300, files()), &|world| {
            world.deploy().expect_accepted(["api"])
        }),
        (
            "one directory",
            &|| without(1, (0..80_000).map(|n| format!("{n}.txt"))),
            &|world| world.deploy().expect_accepted(["api"]),
        ),
        ("too many files", &|| without(4000, files()), &|world| {
            world.deploy().expect_accepted(["api", "workers", "web"])
        }),
        (
            "too large a directory",
            &|| without(1, (0..200_000).map(|n| format!("{n}.txt"))),
            &|world| world.deploy().expect_accepted(["api", "workers", "web"]),
        ),
    ]);
}

#[test]
fn the_largest_replies_are_read_within_bounds() {
    let nine = || {
        let mut text =
            String::from("version: 1\nenvironments:\n  staging: { branch: main }\nimages:\n");
        (0..9).for_each(|n| {
            text.push_str(&format!(
                "  i{n}: {{ repository: \"HOST/acme/i{n}\", paths: [\"i{n}/**\"] }}\n"
            ))
        });
        text.push_str("services:\n");
        (0..9).for_each(|n| text.push_str(&format!("  i{n}: {{ paths: [\"x\"] }}\n")));
        let names: Vec<String> = (0..9).map(|n| format!("i{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let world = World::new()
            .manifest(&text)
            .hooks(&names)
            .push_to_main(|repo| repo.write("x", "1"));
        names
            .iter()
            .fold(world, |world, name| world.image(name, Kind::Stuffed))
    };
    let stuffed = |kind: &str, bytes: usize| {
        let world = pushed().checkout(Checkout::None).with_key();
        let zeros = zeros(bytes);
        world
            .servers()
            .filter(|(name, _)| *name == kind)
            .for_each(|(_, server)| server.stuff(&zeros));
        world
    };
    // Who may write deployments may write any payload; where it is too much, the record is not used.
    let recorded = |bytes: usize| {
        let world = pushed().first_remembered();
        let live = Seed::live(
            "staging",
            "api",
            &world.commit(),
            &world.repository("api"),
            &world.digest("api"),
        );
        let seed = Seed {
            creator: "mallory",
            ..live
        };
        world.github.plant_record(seed, |payload| {
            payload["stuffing"] = serde_json::from_str(&zeros(bytes)).expect("JSON");
            TASK
        });
        world
    };
    bounded([
        ("nine images", &nine, &|world| {
            world
                .deploy()
                .hooked(&["i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8"])
        }),
        (
            "a promotion",
            &|| {
                let world = released().may_write();
                let commit = world.commit();
                world.image_tagged("api", Kind::Stuffed, &commit, &[&commit])
            },
            &|world| world.deploy().expect_accepted(["api"]),
        ),
        (
            "what Render says",
            &|| stuffed("Render", (2 << 20) - 8000),
            &|world| world.deploy().ended(0, "live", "").hooked(&["api"]),
        ),
        (
            "what GitHub says",
            &|| stuffed("GitHub", 1_900_000),
            &|world| world.deploy().ended(0, "live", "").hooked(&["api"]),
        ),
        ("a stranger's record", &|| recorded(1_900_000), &|world| {
            world.deploy().expect_accepted(["api"])
        }),
        (
            "a stranger's larger record",
            &|| recorded(7_900_000),
            &|world| {
                let run = world
                    .deploy()
                    .annotates("warning", "more than 1000000 values");
                run.expect_accepted(["api", "workers", "web"])
            },
        ),
    ]);
}

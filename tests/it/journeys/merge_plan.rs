//! `plan` with `comment`: what merging a pull request would deploy, in one comment of its own.

use super::at_once;
use serde_json::json;
use testworld::github::{Trouble, comments::Comment};
use testworld::{Kind, Repo, Run, World};

const MARK: &str = "<!-- ghcr-to-render-plan:v1 -->";
const OF_DEPLOY: &str = "<!-- ghcr-to-render:pull-request:v1 -->";

fn touch(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "changed")
}

/// The usual repository; staging runs the commit that `main` is on.
fn begun() -> World {
    let world = World::new().three_services();
    let commit = world.base();
    ["api", "workers", "web"]
        .into_iter()
        .fold(world, |world, name| {
            world.deployed("staging", name, &commit)
        })
}

/// A pull request that changes `web`, in a repository whose workflow wants the comment.
fn opened() -> World {
    opened_in(begun())
}

fn opened_in(world: World) -> World {
    world.pull_request(7, touch).input("comment", "true")
}

fn marked(run: &Run, mark: &str) -> Vec<Comment> {
    let mut comments = run.world.github.comments();
    comments.retain(|comment| comment.body.starts_with(mark));
    comments
}

/// The one comment that says what merging would deploy.
fn comment(run: &Run) -> Comment {
    let [comment] = marked(run, MARK)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    comment
}

fn merge(world: &World) -> String {
    world.origin.git(&["rev-parse", "refs/pull/7/merge"])
}

#[track_caller]
fn holds(comment: &Comment, parts: &[&str]) {
    for part in parts {
        assert!(comment.body.contains(part), "{part:?}: {}", comment.body);
    }
}

#[test]
fn it_says_what_merging_would_deploy_where_and_why_and_what_it_would_build() {
    let run = opened().plan().ended(0, "planned", "").no_hooks();
    let base = run.world.origin.git(&["rev-parse", "main"]);
    let merge = merge(&run.world);
    let carries = format!(
        "[{} to {}, 2 commits, of which 1 matter](https://github.com/acme/shop/compare/{base}...{merge})",
        &base[..7],
        &merge[..7]
    );
    holds(
        &comment(&run),
        &[
            "### Merging deploys web to staging\n",
            &format!("| web | deploy | 1 of its files changed | {carries} |\n"),
            "\n2 services are unchanged.\n",
            "\nTo build: web.\n",
            "\nMerging deploys nothing to production.\n",
            &format!(
                "Commit `{}`, merged into `{}`",
                run.world.commit(),
                &base[..7]
            ),
            "/actions/runs/1658821493)",
        ],
    );
    // The outputs are about the pull request itself.
    assert_eq!((run.output("services"), run.output("builds")), ("[]", "1"));
    assert!(
        run.output("matrix").contains(":pr-7-"),
        "{}",
        run.output("matrix")
    );
}

#[test]
fn an_image_that_is_there_is_not_built() {
    let world = opened();
    let merge = merge(&world);
    let run = world
        .image_tagged("web", Kind::Amd64, &merge, &[&merge])
        .plan();
    holds(
        &comment(&run),
        &[
            "deploys web to staging",
            "Nothing has to be built: every image is there.",
        ],
    );
}

#[test]
fn it_counts_what_the_branch_has_and_nobody_deployed() {
    let world = begun().commit_on_main(|repo| repo.write("services/api/x", "1"));
    let run = opened_in(world).plan().ended(0, "planned", "");
    holds(
        &comment(&run),
        &[
            "### Merging deploys api, web to staging\n",
            "\nTo build: api, web.\n",
        ],
    );
}

#[test]
fn it_is_edited_and_says_when_nothing_would_be_deployed_any_more() {
    let run = opened().plan().ended(0, "planned", "");
    let first = comment(&run);
    let run = run.again().plan();
    assert_eq!(comment(&run).edits, 0, "the same text is written again");
    let world = run.into_world();
    let back = |repo: &Repo| {
        repo.git(&["rm", "-q", "services/web/main.txt"]);
        repo.git(&["checkout", "-q", "main", "--", "services/web"]);
    };
    let world = world.push_to_pull_request(7, |repo| {
        back(repo);
        repo.write("docs/x", "1")
    });
    let run = world.plan().ended(0, "planned", "");
    let second = comment(&run);
    assert_eq!((second.id, second.edits), (first.id, 1));
    holds(
        &second,
        &["### Merging deploys nothing\n", "3 services are unchanged."],
    );
    assert!(!second.body.contains("To build"), "{}", second.body);
}

#[test]
fn neither_comment_is_written_over_the_other() {
    let run = opened().plan().ended(0, "planned", "");
    let plan = comment(&run);
    let world = run.again().image("web", Kind::Amd64);
    let run = world.deploy().expect_verified();
    assert_eq!(comment(&run), plan);
    let [result] = marked(&run, OF_DEPLOY)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    let world = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/api/x", "1"));
    let run = world.plan().ended(0, "planned", "");
    let after = comment(&run);
    assert_eq!((after.id, after.edits), (plan.id, 1));
    assert_eq!(marked(&run, OF_DEPLOY), [result]);
}

#[test]
fn a_comment_of_somebody_else_is_never_touched() {
    let world = opened();
    world.github.comment(7, "mallory", &format!("{MARK}\nhere"));
    let run = world.plan().ended(0, "planned", "");
    let [theirs, ours] = marked(&run, MARK)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    assert_eq!((theirs.author.as_str(), theirs.edits), ("mallory", 0));
    assert!(ours.is_ours(), "{ours:?}");
}

/// Who gets no comment: a name, what is done, and what the log says of it once.
type Without = (&'static str, fn(World) -> World, &'static str);

#[test]
fn forks_and_dependabot_get_none_and_the_log_says_so_once() {
    let table: [Without; 3] = [
        ("a fork", World::of_a_fork, "it comes from a fork"),
        (
            "Dependabot",
            |world| {
                world
                    .payload(|payload| payload["sender"]["login"] = json!("dependabot[bot]"))
                    .variable("GITHUB_ACTOR", "dependabot[bot]")
            },
            "it is Dependabot's",
        ),
        (
            "a dry run",
            |world| world.input("dry-run", "true"),
            "Would keep the comment",
        ),
    ];
    at_once(table, |(name, change, said)| {
        let run = change(opened()).plan().ended(0, "planned", "");
        let count = run.shown().matches(said).count();
        let is_so = run.world.github.comments().is_empty() && count == 1;
        run.ensure(is_so, name);
    });
}

#[test]
fn nobody_asked_for_it_by_default_or_on_another_event() {
    let run = opened().input("comment", "false").plan();
    assert!(run.world.github.comments().is_empty());
    let world = World::new().three_services().push_to_main(touch);
    let run = world
        .input("comment", "true")
        .plan()
        .ended(0, "planned", "");
    assert!(run.world.github.comments().is_empty());
    let closed = opened().payload(|payload| payload["action"] = json!("closed"));
    let run = closed.plan().ended(0, "nothing", "");
    assert!(run.world.github.comments().is_empty());
}

#[test]
fn a_late_run_does_not_write_over_a_newer_one() {
    let run = opened().plan().ended(0, "planned", "");
    let event = run.world.event.clone();
    let world = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/api/x", "1"));
    let run = world.plan().ended(0, "planned", "");
    let newer = comment(&run);
    let mut world = run.into_world();
    world.event = event;
    let run = world.plan().ended(0, "planned", "");
    assert_eq!(comment(&run), newer);
    run.says("by now, so this run does not write its comment");
}

#[test]
fn merging_into_another_branch_deploys_nothing() {
    let world =
        opened().payload(|payload| payload["pull_request"]["base"]["ref"] = json!("develop"));
    let run = world.plan().ended(0, "planned", "");
    holds(
        &comment(&run),
        &[
            "### Merging deploys nothing\n",
            "Merging deploys nothing to staging, production.\n",
        ],
    );
}

#[test]
fn what_cannot_be_known_is_said_and_the_plan_stands() {
    // A key that Render refuses.
    let world = opened_in(begun().with_key());
    world.render.api_is_down(401);
    let run = world.plan().ended(0, "planned", "");
    holds(
        &comment(&run),
        &["### What merging deploys is not known (permission-missing)\n"],
    );
    // A manifest that cannot be read.
    let world = begun().pull_request(7, |repo| {
        repo.write(".github/deploy-manifest.yml", "version: 1\nimages: 5\n")
    });
    let run = world.input("comment", "true").plan();
    let run = run.ended(2, "refused", "bad-manifest");
    holds(
        &comment(&run),
        &["### What merging deploys is not known (bad-manifest)\n"],
    );
}

#[test]
fn a_missing_permission_is_one_warning_and_no_failure() {
    let run = opened().github_trouble(Trouble::CommentsDenied).plan();
    let run = run.ended(0, "planned", "");
    let run = run.annotates("warning", "give the job pull-requests: write");
    assert!(run.world.github.comments().is_empty());
    // Without the record every service counts as changed, and the comment says so.
    let run = opened().github_trouble(Trouble::RecordDown).plan();
    holds(
        &comment(&run),
        &[
            "### Merging deploys api, workers, web to staging\n",
            "it could not be compared, so it is deployed",
        ],
    );
}

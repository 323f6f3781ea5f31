//! The one comment on a pull request: made once, edited from then on, and nobody else's touched.

use super::at_once;
use testworld::github::{self, comments::Comment};
use testworld::{Kind, Repo, Run, World};

const MARK: &str = "<!-- ghcr-to-render:pull-request:v1 -->";
const OURS: &str = "github-actions[bot]";

fn touch(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "changed")
}

/// A pull request that changes `web`, with its image, whose workflow wants the comment.
fn opened() -> World {
    let world = World::new()
        .three_services()
        .pull_request(7, touch)
        .image("web", Kind::Amd64);
    world.input("comment", "true")
}

fn ours(run: &Run) -> Vec<Comment> {
    run.world
        .github
        .comments()
        .into_iter()
        .filter(|comment| comment.author == OURS)
        .collect()
}

fn writes(run: &Run) -> usize {
    let calls = run.world.github.server.calls();
    calls
        .iter()
        .filter(|call| call.method != "GET" && call.path.contains("/issues/"))
        .count()
}

#[test]
fn a_comment_says_what_was_verified_and_is_edited_from_then_on() {
    let run = opened().deploy().expect_verified();
    let [comment] = ours(&run)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    let digest = run.world.digest("web");
    assert!(
        comment.body.starts_with(&format!("{MARK}\n")),
        "{}",
        comment.body
    );
    for part in [
        &format!("| web | `{digest}` | verified |"),
        &run.world.commit(),
        "/actions/runs/1658821493)",
    ] {
        assert!(comment.body.contains(part), "{part}: {}", comment.body);
    }
    let run = run.again().deploy().expect_verified();
    assert_eq!(
        (writes(&run), ours(&run)[0].edits),
        (1, 0),
        "an unchanged comment is written"
    );
    let world = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
    let run = world.images_of(&["web"]).deploy().expect_verified();
    let all = ours(&run);
    assert_eq!((all.len(), all[0].edits), (1, 1));
    assert!(
        all[0].body.contains(&run.world.digest("web")),
        "{}",
        all[0].body
    );
}

#[test]
fn previews_stand_in_it_with_their_addresses() {
    let id = testworld::render::service_id("web");
    let mut world = World::new().three_services_and(|text| {
        text.replace(
            "  web: {}",
            &format!("  web: {{ id: {{ staging: {id} }}, previews: staging }}"),
        )
    });
    world.new_hook("web");
    let world = world
        .pull_request(7, touch)
        .image("web", Kind::Amd64)
        .with_key()
        .input("comment", "true");
    let run = world.deploy().ended(0, "live", "");
    let wanted = format!(
        "{}@{}",
        run.world.repository("web"),
        run.world.digest("web")
    );
    let run = run.hooked_with(&[("web-pr-7", &wanted)]);
    let body = &ours(&run)[0].body;
    let row = format!(
        "| web | [web-pr-7.onrender.com](https://web-pr-7.onrender.com/) | `{}` | `{}` | live |",
        &run.world.commit()[..7],
        run.world.digest("web")
    );
    assert!(body.contains(&row), "{body}");
}

#[test]
fn row_40_a_comment_of_somebody_else_is_never_touched_however_it_is_marked() {
    let world = opened();
    for author in ["mallory", "github-actions", "dependabot[bot]"] {
        world.github.comment(7, author, &format!("{MARK}\nhere"));
    }
    let run = world.deploy().expect_verified();
    assert_eq!(ours(&run).len(), 1);
    let others = run
        .world
        .github
        .comments()
        .into_iter()
        .filter(|comment| comment.author != OURS);
    assert!(
        others
            .into_iter()
            .all(|comment| comment.body == format!("{MARK}\nhere"))
    );
    let run = run
        .into_world()
        .push_to_pull_request(7, |repo| repo.write("services/web/main.txt", "more"));
    let run = run.images_of(&["web"]).deploy().expect_verified();
    assert_eq!((ours(&run).len(), ours(&run)[0].edits), (1, 1));
}

#[test]
fn it_is_found_among_all_comments() {
    let world = opened();
    for number in 0..250 {
        world.github.comment(7, "ada", &format!("comment {number}"));
    }
    world
        .github
        .comment(8, OURS, &format!("{MARK}\nof another pull request"));
    world.github.comment(7, OURS, &format!("{MARK}\nold"));
    let run = world.deploy().expect_verified();
    let all = ours(&run);
    assert_eq!(
        all.iter().map(|comment| comment.edits).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn what_failed_is_said_by_its_word_alone() {
    let world = World::new()
        .three_services()
        .pull_request(7, touch)
        .image("web", Kind::Arm64);
    let run = world
        .input("comment", "true")
        .deploy()
        .expect_stopped("image-not-amd64");
    let body = &ours(&run)[0].body;
    assert!(body.contains("refused (image-not-amd64)"), "{body}");
}

#[test]
fn a_missing_permission_is_one_warning_and_no_failure() {
    let run = opened()
        .github_trouble(github::Trouble::CommentsDenied)
        .deploy()
        .expect_verified();
    let run = run.annotates("warning", "give the job pull-requests: write");
    let warnings = run
        .annotations("warning")
        .iter()
        .filter(|text| text.contains("comment"))
        .count();
    assert_eq!((warnings, ours(&run).len()), (1, 0));
}

/// What somebody does, and how.
type Act = (&'static str, fn(World) -> Run);

#[test]
fn nobody_is_told_who_did_not_ask_or_may_not_be() {
    let table: [Act; 5] = [
        ("by default", |world| {
            world.input("comment", "false").deploy()
        }),
        ("by verify", |world| world.verify()),
        ("in a dry run", |world| {
            world.input("dry-run", "true").deploy()
        }),
        ("on a fork's", |world| world.of_a_fork().deploy()),
        ("on a closed one", |world| {
            world
                .payload(|payload| payload["action"] = serde_json::json!("closed"))
                .deploy()
        }),
    ];
    at_once(table, |(name, act)| {
        let run = act(opened());
        let count = run.world.github.comments().len();
        run.ensure(count == 0, name);
    });
}

//! The one comment on a pull request: made once, edited from then on, and nobody else's touched.

use super::at_once;
use testworld::github::{self, comments::Comment};
use testworld::{Kind, Part, Repo, Run, World, together};

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
        format!("| web | `{digest}` |").as_str(),
        "| web | verified |",
        run.world.commit().as_str(),
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
        "| web | live | [`{}`](https://github.com/acme/shop/commit/{}) | [web-pr-7.onrender.com](https://web-pr-7.onrender.com/) |",
        &run.world.commit()[..7],
        run.world.commit()
    );
    assert!(body.contains(&row), "{body}");
    let digest = format!("| web | `{}` |", run.world.digest("web"));
    assert!(body.contains(&digest), "{body}");
    assert!(body.contains("1 service is live: web\n"), "{body}");
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
    assert!(
        body.contains("refused\n\nFailure: [`image-not-amd64`]("),
        "{body}"
    );
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

/// Two jobs of a workflow that changes `api` and `web`, each restricted to services, at the same time.
fn jobs(services: [&str; 2]) -> [Run; 2] {
    let world = World::new().three_services().pull_request(7, |repo| {
        repo.write("services/api/main.txt", "changed");
        touch(repo)
    });
    let world = world.image("api", Kind::Amd64).image("web", Kind::Amd64);
    let one = world
        .input("comment", "true")
        .input("services", services[0]);
    let other = one.beside().input("services", services[1]);
    together([Part::now(one, "deploy"), Part::now(other, "deploy")])
}

#[test]
fn two_first_comments_at_once_end_as_one_with_what_both_say() {
    let [one, other] = jobs(["api", "web"]);
    let (one, other) = (one.expect_verified(), other.expect_verified());
    let posted = one.world.github.server.calls();
    let posted = posted
        .iter()
        .filter(|call| call.method == "POST" && call.path.ends_with("/issues/7/comments"));
    assert_eq!(posted.count(), 2, "they did not meet");
    let [comment] = ours(&one)
        .try_into()
        .unwrap_or_else(|all| panic!("{all:?}"));
    for (service, run) in [("api", &one), ("web", &other)] {
        let row = format!("| {service} | verified |");
        let digest = format!("| {service} | `{}` |", run.world.digest(service));
        let part = format!("- {service}: \u{2705} verified");
        let body = &comment.body;
        for wanted in [&row, &digest, &part] {
            assert!(body.contains(wanted), "{wanted}: {body}");
        }
    }
}

#[test]
fn what_one_job_says_does_not_hide_that_another_failed() {
    let [one, other] = jobs(["nope", "web"]);
    let one = one.expect_wrong_request("bad-input");
    other.expect_verified();
    let body = &ours(&one)[0].body;
    let failed = "\u{274c} refused (bad-input)";
    for text in [
        format!("### {failed}\n"),
        format!("- nope: {failed}"),
        "- web: \u{2705} verified".to_owned(),
    ] {
        assert!(body.contains(&text), "{text}: {body}");
    }
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

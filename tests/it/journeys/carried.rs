//! What a deploy carries: the commit that each service leaves, the one that it gets, and how many commits between them matter to it.

use serde_json::Value;
use testworld::github::Trouble;
use testworld::render::{Fate, model::Why};
use testworld::{Checkout, Event, Repo, Run, World};

fn touch_web(repo: &Repo) -> &Repo {
    repo.write("services/web/main.txt", "2")
}

/// `main` with `web` deployed, then a commit for `web`, one for nobody, and a push that changes `web` and `libs`.
fn three_later(world: World) -> (World, String) {
    let run = world.push_to_main(touch_web).images().deploy();
    run.settled();
    let before = run.world.commit();
    let world = run.into_world();
    let world = world.commit_on_main(|repo| repo.write("services/web/x", "1"));
    let world = world.commit_on_main(|repo| repo.write("docs/x", "1"));
    let change = |repo: &Repo| {
        repo.write("services/web/x", "2").write("libs/x", "1");
    };
    let world = world.push_to_main(|repo| {
        change(repo);
        repo
    });
    (world.images(), before)
}

fn ends(service: &Value) -> [&str; 2] {
    ["from", "to"].map(|key| service[key].as_str().expect("text"))
}

#[test]
fn each_deploy_names_what_it_replaces_and_counts_the_commits_that_matter() {
    for checkout in [Checkout::Full, Checkout::None] {
        let (world, before) = three_later(World::new().three_services());
        let run = world.checkout(checkout).deploy();
        let run = run.expect_accepted(["api", "workers", "web"]);
        let commit = run.world.commit();
        let begin = run.world.origin.git(&["rev-parse", "HEAD~4"]);
        let (old, new) = (&before[..7], &commit[..7]);
        assert_eq!(ends(&run.service("web")), [&before, &commit]);
        // The record of the others is of the commit before the first push.
        assert_eq!(ends(&run.service("api")), [&begin, &commit]);
        let web = format!("{old} to {new}, 3 commits, of which 2 matter");
        let link = format!("https://github.com/acme/shop/compare/{before}...{commit}");
        let item = format!("- web: [{web}]({link})\n");
        assert!(run.summary.contains(&item), "{}", run.summary);
        let api = format!(
            "- api: [{} to {new}, 4 commits, of which 1 matter](",
            &begin[..7]
        );
        assert!(run.summary.contains(&api), "{}", run.summary);
        run.says(&format!("web: {web}"));
    }
}

#[test]
fn what_is_not_deployed_goes_on_and_what_failed_is_not_known() {
    let world = World::new().three_services().with_key();
    let world = world.push_to_main(touch_web).images();
    let begin = world.origin.git(&["rev-parse", "HEAD~1"]);
    let why = Why::Pull("unauthorized");
    world
        .render
        .deploy_ends("web", Fate::Fails("build_failed", why));
    let run = world.deploy().ended(1, "failed", "image-pull-failed");
    let run = run.hooked(&["web"]);
    assert_eq!(ends(&run.service("web")), [begin.as_str(), ""]);
    assert_eq!(ends(&run.service("api")), [&begin, &begin]);
}

#[test]
fn an_unknown_record_is_said_and_nothing_is_invented() {
    let world = World::new().three_services().push_to_main(touch_web);
    let world = world.images().github_trouble(Trouble::RecordDown);
    let run = world.input("dry-run", "true").deploy().no_hooks();
    let new = &run.world.commit()[..7];
    let wanted = format!("- web: {new}; what it replaces is not known\n");
    assert!(run.summary.contains(&wanted), "{}", run.summary);
    assert_eq!(ends(&run.service("web")), ["", ""]);
}

/// Production runs `prod-2`, and somebody asks for the release before it.
fn released_twice() -> (World, [String; 2], String) {
    let mut world = World::new().three_services().never_deployed().may_write();
    let (mut commits, mut images) = (Vec::new(), Vec::new());
    for number in ["1", "2"] {
        world = world.commit_on_main(|repo| repo.write("services/web/x", number));
        world = world.push_tag(&format!("prod-{number}"));
        let commit = world.commit();
        for name in ["api", "workers", "web"] {
            let kind = testworld::Kind::Amd64;
            world = world.image_tagged(name, kind, &commit, &[&commit]);
        }
        let run = world.deploy();
        run.settled();
        let (repository, digest) = (run.world.repository("web"), run.world.digest("web"));
        images.push(format!("{repository}@{digest}"));
        commits.push(commit);
        world = run.into_world();
    }
    let world = world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
    let commits = commits.try_into().expect("two commits");
    let world = world.input("environment", "production");
    (world, commits, images.swap_remove(0))
}

#[test]
fn a_rollback_says_which_commits_it_takes_back() {
    let (world, [first, second], image) = released_twice();
    let run: Run = world.run("rollback").ended(0, "accepted", "");
    let run = run.hooked_with(&[("web", &image)]);
    assert_eq!(ends(&run.service("web")), [&second, &first]);
    let text = format!(
        "{} back to {}, 1 commit, of which 1 matter",
        &second[..7],
        &first[..7]
    );
    let link = format!("https://github.com/acme/shop/compare/{first}...{second}");
    let item = format!("- web: [{text}]({link})\n");
    assert!(run.summary.contains(&item), "{}", run.summary);
}

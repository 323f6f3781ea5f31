//! What changed, found with whatever of the history is there.

use serde_json::json;
use testworld::event::ZEROS;
use testworld::{Checkout, Event, Kind, Repo, World, github};

const CHECKOUTS: [Checkout; 3] = [Checkout::Full, Checkout::Shallow, Checkout::None];

fn plan(checkout: Checkout, change: impl Fn(&Repo) -> &Repo) -> testworld::Run {
    World::new()
        .three_services()
        .push_to_main(change)
        .checkout(checkout)
        .plan()
}

#[test]
fn the_same_services_change_with_a_full_a_shallow_and_no_checkout() {
    for checkout in CHECKOUTS {
        plan(checkout, |repo| repo.write("services/web/a/b", "1")).expect_planned(["web"]);
        plan(checkout, |repo| repo.write("libs/x", "1")).expect_planned(["api", "workers"]);
        plan(checkout, |repo| {
            repo.write("docs/x", "1")
                .write("services/api/notes.md", "1")
        })
        .expect_planned([]);
        plan(checkout, |repo| repo.write("infra/docker/Dockerfile", "1"))
            .expect_planned(["api", "workers", "web"]);
    }
}

#[test]
fn a_rename_touches_where_it_left_and_where_it_came() {
    for checkout in CHECKOUTS {
        plan(checkout, |repo| {
            repo.rename("services/api/main.txt", "services/web/moved.txt")
        })
        .expect_planned(["api", "web"]);
    }
}

#[test]
fn deletes_links_and_submodules_count() {
    for checkout in CHECKOUTS {
        plan(checkout, |repo| repo.delete("services/web/main.txt")).expect_planned(["web"]);
        plan(checkout, |repo| {
            repo.link("services/web/main.txt", "../api/main.txt")
        })
        .expect_planned(["web"]);
        plan(checkout, |repo| {
            repo.submodule("services/web/vendored", &"7".repeat(40))
        })
        .expect_planned(["web"]);
    }
}

#[test]
fn names_that_are_no_text_are_matched_as_bytes() {
    let make = |checkout| {
        plan(checkout, |repo| {
            repo.write_bytes(b"services/web/\xff\xfe.txt", b"1")
        })
    };
    make(Checkout::Full).expect_planned(["web"]);
    // GitHub's answers are text: what they cannot say is not known, and so counts as changed.
    make(Checkout::Shallow).expect_planned(["api", "workers", "web"]);
}

#[test]
fn a_branch_forced_back_is_compared_by_its_trees() {
    for checkout in CHECKOUTS {
        // Only the tip that was thrown away had changed `api`.
        let world = World::new()
            .three_services()
            .commit_on_main(|repo| repo.write("services/api/x", "1"));
        let world = world
            .force_push(|repo| repo.write("docs/x", "1"))
            .checkout(checkout);
        world.plan().expect_planned(["api"]);
    }
}

#[test]
fn without_a_commit_before_everything_is_deployed() {
    for checkout in CHECKOUTS {
        let world = World::new()
            .three_services()
            .first_push()
            .checkout(checkout);
        world.plan().expect_planned(["api", "workers", "web"]);
    }
}

#[test]
fn a_commit_before_that_nobody_has_any_more_means_everything() {
    for checkout in CHECKOUTS {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"))
            .checkout(checkout);
        let world = world.payload(|payload| payload["before"] = json!("b".repeat(40)));
        world.plan().expect_planned(["api", "workers", "web"]);
    }
}

#[test]
fn a_github_that_does_not_answer_means_everything_never_nothing() {
    for trouble in [github::Trouble::Status(404), github::Trouble::Status(403)] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"));
        let run = world
            .checkout(Checkout::Shallow)
            .github_trouble(trouble)
            .plan()
            .no_hooks();
        run.equal(
            "services",
            &run.json("services"),
            &json!(["api", "workers", "web"]),
        );
    }
}

#[test]
fn base_says_what_to_compare_with() {
    let world = World::new()
        .three_services()
        .commit_on_main(|repo| repo.write("services/api/x", "1"));
    let old = world.origin.git(&["rev-parse", "HEAD~1"]);
    let world = world
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .input("base", &old);
    world.plan().expect_planned(["api", "web"]);
}

#[test]
fn base_that_is_no_commit_of_ours_is_refused() {
    for base in [
        ZEROS,
        "HEAD",
        "main",
        "abc12",
        "--upload-pack=x",
        &"g".repeat(40),
    ] {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"));
        world
            .input("base", base)
            .plan()
            .expect_wrong_request("bad-input");
    }
}

#[test]
fn an_abbreviated_base_is_resolved() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"));
    let short = world.origin.git(&["rev-parse", "--short=9", "HEAD~1"]);
    world.input("base", &short).plan().expect_planned(["web"]);
}

#[test]
fn a_release_is_compared_with_the_release_before_it_by_number() {
    for checkout in CHECKOUTS {
        let world = World::new()
            .three_services()
            .tagged("prod-9")
            .commit_on_main(|repo| repo.write("services/api/x", "1"));
        let world = world
            .tagged("prod-10")
            .tagged("prod-10-rc")
            .tagged("prod-007");
        let world = world
            .commit_on_main(|repo| repo.write("services/web/x", "1"))
            .push_tag("prod-11")
            .checkout(checkout);
        world.plan().expect_planned(["web"]);
    }
}

#[test]
fn the_first_release_deploys_everything() {
    World::new()
        .three_services()
        .push_tag("prod-1")
        .plan()
        .expect_planned(["api", "workers", "web"]);
}

#[test]
fn a_pull_request_is_compared_with_its_merge_base() {
    for checkout in CHECKOUTS {
        // `main` has moved on since the branch was made, in another service.
        let world = World::new()
            .three_services()
            .pull_request(7, |repo| repo.write("services/api/x", "1"));
        let (head, merge) = (world.commit(), world.event.as_ref().unwrap().sha.clone());
        let world = world.commit_on_main(|repo| repo.write("services/web/x", "1"));
        let world = world.on_event(|world| {
            Event::pull_request("synchronize", 7, &world.origin.head(), &head, &merge)
        });
        let run = world.checkout(checkout).plan().expect_planned([]);
        run.equal(
            "images to build",
            &run.json("matrix")["include"][0]["image"],
            &json!("api"),
        );
        run.equal("builds", &run.output("builds"), &"1");
    }
}

#[test]
fn the_manifest_is_read_from_the_commit_and_not_from_the_worktree() {
    for checkout in CHECKOUTS {
        let world = World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"))
            .checkout(checkout);
        world.check_out();
        let edited = world.rooms.workspace.join(".github/deploy-manifest.yml");
        std::fs::create_dir_all(edited.parent().unwrap()).unwrap();
        std::fs::write(edited, "this: is [not it").unwrap();
        world
            .image("web", Kind::Amd64)
            .deploy()
            .expect_accepted(["web"]);
    }
}

#[test]
fn a_comparison_that_fails_is_made_by_the_trees_instead() {
    let make = || {
        World::new()
            .three_services()
            .push_to_main(|repo| repo.write("services/web/x", "1"))
            .checkout(Checkout::Shallow)
    };
    make()
        .github_trouble(github::Trouble::Compare(404))
        .plan()
        .expect_planned(["web"]);
    let world = make()
        .github_trouble(github::Trouble::Compare(404))
        .github_trouble(github::Trouble::CutTrees);
    world.plan().expect_planned(["web"]);
}

#[test]
fn a_comparison_of_three_hundred_files_is_not_believed_to_be_whole() {
    for checkout in [Checkout::Shallow, Checkout::None] {
        let many = |repo: &Repo| {
            for nth in 0..300 {
                repo.write(&format!("a/{nth}"), "1");
            }
        };
        let world = World::new().three_services().push_to_main(|repo| {
            many(repo);
            repo.write("services/web/x", "1")
        });
        world.checkout(checkout).plan().expect_planned(["web"]);
    }
}

#[test]
fn two_deploys_in_a_row_are_two_deploys() {
    let world = World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/x", "1"))
        .image("web", Kind::Amd64);
    let world = world.deploy().expect_accepted(["web"]).into_world();
    let world = world
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .image("api", Kind::Amd64);
    world.deploy().expect_accepted(["api"]);
}

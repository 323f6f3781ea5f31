//! Which image a service has at a commit: what is there already is used and not built again, and what is not is what `plan` has built.
//!
//! Each journey plans first and deploys then, in the same world: what the deploy finds missing is what the matrix listed, no more and no less.

use super::at_once;
use serde_json::{Value, json};
use testworld::github::record::{Seed, TASK};
use testworld::{Checkout, Event, Kind, Repo, Run, World};

const EVERYWHERE: [Checkout; 3] = [Checkout::Full, Checkout::Shallow, Checkout::None];

/// The usual repository, whose first commit serves by a record that does not say what its bytes were built from.
fn begun() -> World {
    World::new()
        .three_services()
        .push_to_main(api)
        .first_remembered()
        .input("image-timeout", "1s")
}

fn api(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "1")
}

fn api_again(repo: &Repo) -> &Repo {
    repo.write("services/api/x", "2")
}

fn docs(repo: &Repo) -> &Repo {
    repo.write("docs/x", "1")
}

/// What the matrix lists.
fn listed(run: &Run) -> Vec<String> {
    let matrix = run.json("matrix");
    let entries = matrix["include"].as_array().expect("a matrix");
    run.equal(
        "builds",
        &run.output("builds").to_owned(),
        &entries.len().to_string(),
    );
    entries
        .iter()
        .map(|entry| entry["image"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Plans, which lists just these images, and gives the world back for the deploy of the same event.
#[track_caller]
fn plans(world: World, images: &[&str]) -> World {
    let event = world.event.clone();
    let run = world.plan().ended(0, "planned", "").no_hooks();
    run.equal(
        "the matrix",
        &listed(&run),
        &images.iter().map(|image| (*image).to_owned()).collect(),
    );
    let mut world = run.into_world();
    world.event = event;
    world
}

/// Plans, which lists these images, and deploys, which waits for these images alone.
#[track_caller]
fn waits(world: World, images: &[&str]) -> Run {
    let run = plans(world, images)
        .deploy()
        .expect_stopped("image-missing");
    let error = run.annotations("error").join("\n");
    for image in ["api", "workers", "web"] {
        let is_named = error.contains(&format!("/{image}:"));
        run.equal(image, &is_named, &images.contains(&image));
    }
    run
}

/// Plans, which lists nothing, and deploys this image to its service.
#[track_caller]
fn takes(world: World, service: &str, digest: &str, words: &str) -> Run {
    let image = format!("{}@{digest}", world.repository(service));
    let run = plans(world, &[])
        .deploy()
        .ended(0, "accepted", "")
        .hooked_with(&[(service, &image)]);
    if words.is_empty() {
        run
    } else {
        run.says(words)
    }
}

fn short(commit: &str) -> &str {
    &commit[..7]
}

/// A record of bytes that were built from a commit.
fn of(world: &World, seed: Seed, built_from: &str) -> u64 {
    let commit = built_from.to_owned();
    world.github.plant_record(seed, |payload: &mut Value| {
        payload["image_commit"] = json!(commit);
        TASK
    })
}

#[test]
fn a_build_that_failed_is_made_good_by_the_next_run() {
    // The image of the first push was never built; the second push touches nothing of it.
    let run = waits(begun(), &["api"]);
    let world = plans(run.into_world().push_to_main(docs), &["api"]).image("api", Kind::MultiArch);
    let digest = world.digest("api");
    takes(world, "api", &digest, "");
}

#[test]
fn an_image_that_was_built_is_deployed_by_the_next_run_and_not_built_again() {
    at_once(EVERYWHERE, |checkout| {
        let world = begun().image("api", Kind::MultiArch).checkout(checkout);
        let (built, digest) = (world.commit(), world.digest("api"));
        let run = takes(world.push_to_main(docs), "api", &digest, "api: image of ");
        let run = run.says(&format!(
            "image of {}, equal in what it is built from",
            short(&built)
        ));
        // The record names the commit that is deployed, and the one that its bytes were built from.
        let written = run.world.github.records().pop().expect("a record");
        run.equal("the commit", &written.commit, &run.world.commit());
        run.equal("the digest", &written.digest, &digest);
        // The next one finds it by that record, without a tag.
        run.world.registry.ghcr().delete_tag("acme/api", &built);
        let world = run
            .into_world()
            .push_to_main(docs_and_more)
            .input("services", "api");
        let world =
            world.on_event(|world| Event::dispatch("refs/heads/main", &world.origin.head()));
        let world = world
            .input("environment", "staging")
            .input("force", "unchanged");
        takes(
            world,
            "api",
            &digest,
            "equal in what it is built from, deployed before",
        );
    });
}

fn docs_and_more(repo: &Repo) -> &Repo {
    repo.write("docs/y", "1")
}

#[test]
fn what_differs_in_what_it_is_built_from_is_built() {
    at_once(EVERYWHERE, |checkout| {
        let world = begun().image("api", Kind::MultiArch).checkout(checkout);
        waits(world.push_to_main(api_again), &["api"]);
    });
}

#[test]
fn a_revert_uses_the_image_that_was_there_before() {
    at_once(EVERYWHERE, |checkout| {
        let run = begun()
            .image("api", Kind::MultiArch)
            .checkout(checkout)
            .deploy()
            .expect_accepted(["api"]);
        let (first, digest) = (run.world.commit(), run.world.digest("api"));
        let run = run
            .into_world()
            .push_to_main(api_again)
            .image("api", Kind::Amd64)
            .deploy()
            .expect_accepted(["api"]);
        run.world.registry.ghcr().delete_tag("acme/api", &first);
        let words = format!(
            "image of {}, equal in what it is built from, deployed before",
            short(&first)
        );
        takes(run.into_world().push_to_main(api), "api", &digest, &words);
    });
}

#[test]
fn an_equal_image_that_is_gone_gives_way_to_the_next_and_then_to_a_build() {
    let run = begun()
        .image("api", Kind::MultiArch)
        .deploy()
        .expect_accepted(["api"]);
    let (first, digest) = (run.world.commit(), run.world.digest("api"));
    // Built again at the same commit: the record's bytes and the tag's are two images of it.
    let world = run
        .into_world()
        .image_tagged("api", Kind::WithAttestations, &first, &[&first]);
    let tagged = world.digest("api");
    let world = world.push_to_main(api_again).image("api", Kind::Amd64);
    let run = world.deploy().expect_accepted(["api"]);
    run.world.registry.ghcr().delete("acme/api", &digest);
    let world = run.into_world().push_to_main(api);
    let event = world.event.clone();
    let run = takes(
        world,
        "api",
        &tagged,
        &format!("image of {}, equal", short(&first)),
    );
    run.world.registry.ghcr().delete("acme/api", &tagged);
    let mut world = run.into_world().push_to_main(api_again).push_to_main(api);
    assert!(
        world.event.as_ref().map(|event| &event.commit)
            != event.as_ref().map(|event| &event.commit)
    );
    let head = world.commit();
    // What serves is this very commit's tree; only that it is wanted all the same makes the image be looked for.
    world = world
        .on_event(|_| Event::dispatch("refs/heads/main", &head))
        .input("environment", "staging");
    waits(
        world.input("force", "unchanged").input("services", "api"),
        &["api"],
    );
}

#[test]
fn an_equal_image_that_may_not_be_deployed_is_passed_over() {
    let world = begun().image("api", Kind::MultiArch);
    let (built, good) = (world.commit(), world.digest("api"));
    let world = world.push_to_main(docs);
    let nearer = world.commit();
    let world = world
        .image_tagged("api", Kind::Arm64, &nearer, &[&nearer])
        .push_to_main(docs_and_more);
    let words = format!(
        "image of {}, equal in what it is built from: not used",
        short(&nearer)
    );
    takes(world, "api", &good, &words).says(&format!("image of {}, equal", short(&built)));
}

#[test]
fn what_is_wrong_under_the_own_tag_is_built_again_and_stops_the_deploy() {
    let world = begun().image("api", Kind::Arm64);
    plans(world, &["api"])
        .deploy()
        .expect_stopped("image-not-amd64");
}

#[test]
fn an_image_is_found_behind_many_commits_that_have_none() {
    at_once([Checkout::Full, Checkout::None], |checkout| {
        let world = begun().image("api", Kind::MultiArch).checkout(checkout);
        let (built, digest) = (world.commit(), world.digest("api"));
        let world = (0..45).fold(world, |world, _| world.commit_on_main(docs));
        let run = takes(
            world.push_to_main(docs),
            "api",
            &digest,
            &format!("image of {}", short(&built)),
        );
        let calls = run.world.registry.ghcr().server.calls();
        let heads = calls
            .iter()
            .filter(|call| call.method == "HEAD" && call.answered != 401)
            .count();
        // In the plan and in the deploy; the first commit of all differs, which only a checkout knows beforehand.
        run.equal(
            "tags asked for",
            &heads,
            &if checkout == Checkout::None {
                2 * 47
            } else {
                2 * 46
            },
        );
        let compared = run.world.github.server.calls();
        let compared = compared
            .iter()
            .filter(|call| call.path.contains(&format!("/compare/{built}...")))
            .count();
        // In the plan, in the deploy, and for the commits that the deploy carries.
        run.equal(
            "comparisons with it",
            &compared,
            &if checkout == Checkout::None { 3 } else { 0 },
        );
    });
}

#[test]
fn what_cannot_be_compared_is_never_taken_for_equal() {
    use testworld::github::Trouble;
    let world = begun()
        .image("api", Kind::MultiArch)
        .push_to_main(docs)
        .checkout(Checkout::None);
    let world = world
        .github_trouble(Trouble::Compare(404))
        .github_trouble(Trouble::NoTrees);
    // Nothing can be compared, so that everything counts as changed and nothing as equal.
    let run = plans(world, &["api", "workers", "web"])
        .deploy()
        .expect_stopped("image-missing");
    run.annotates("error", "api");
}

#[test]
fn a_path_of_a_service_is_a_build_path_of_the_image_that_it_shares() {
    let shared = |text: &str| format!("{text}  job: {{ image: workers, paths: [\"cron/**\"] }}\n");
    let world = World::new().three_services_and(shared).hooks(&["job"]);
    let world = world
        .push_to_main(|repo| repo.write("services/workers/x", "1"))
        .first_remembered();
    let world = world
        .image("workers", Kind::MultiArch)
        .input("image-timeout", "1s");
    // Of the cron's commit the image of the one before is none, for neither of the two.
    waits(
        world.push_to_main(|repo| repo.write("cron/x", "1")),
        &["workers"],
    );
}

fn requiring() -> World {
    let requires = |text: &str| {
        text.replace(
            "tag: \"prod-{number}\" }",
            "tag: \"prod-{number}\", requires: staging }",
        )
    };
    World::new()
        .three_services_and(requires)
        .never_deployed()
        .input("services", "api")
        .input("image-timeout", "1s")
}

#[test]
fn production_gets_the_bytes_that_staging_ran_whatever_the_commits_tag_is_on_now() {
    at_once(EVERYWHERE, |checkout| {
        let world = requiring().commit_on_main(api).checkout(checkout);
        let commit = world.origin.head();
        let world = world.image_tagged("api", Kind::MultiArch, &commit, &[]);
        let ran = world.digest("api");
        of(
            &world,
            Seed {
                digest: ran.clone(),
                ..world.live("staging", "api", &commit)
            },
            &commit,
        );
        let world = world.image_tagged("api", Kind::Amd64, &commit, &[&commit]);
        assert_ne!(ran, world.digest("api"));
        takes(
            world.push_tag("prod-1").may_write(),
            "api",
            &ran,
            "as staging ran it",
        )
        .says("staging had it");
    });
}

#[test]
fn production_gets_what_staging_ran_of_an_equal_commit() {
    let world = requiring().commit_on_main(api);
    let commit = world.origin.head();
    let world = world.image_tagged("api", Kind::MultiArch, &commit, &[]);
    let ran = world.digest("api");
    of(
        &world,
        Seed {
            digest: ran.clone(),
            ..world.live("staging", "api", &commit)
        },
        &commit,
    );
    let world = world.commit_on_main(docs).push_tag("prod-1").may_write();
    let words = format!(
        "image of {}, equal in what it is built from, as staging ran it",
        short(&commit)
    );
    takes(world, "api", &ran, &words);
}

#[test]
fn what_staging_ran_and_the_registry_has_no_more_gives_way_to_the_commits_own() {
    let world = requiring().commit_on_main(api);
    let commit = world.origin.head();
    let gone = format!("sha256:{}", "d".repeat(64));
    of(
        &world,
        Seed {
            digest: gone,
            ..world.live("staging", "api", &commit)
        },
        &commit,
    );
    let world = world.image_tagged("api", Kind::Amd64, &commit, &[&commit]);
    let own = world.digest("api");
    takes(
        world.push_tag("prod-1").may_write(),
        "api",
        &own,
        "staging had it",
    );
}

#[test]
fn an_env_file_names_the_images_of_equal_commits_and_a_plan_with_it_has_the_others_built() {
    let world = begun().input("env-file", "deploy.env");
    let first = world.origin.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let world = world
        .image_tagged("workers", Kind::MultiArch, &first, &[&first])
        .image("api", Kind::Amd64);
    let run = waits(world, &["web"]);
    let event = run.world.event.clone();
    let mut world = run
        .into_world()
        .image_tagged("web", Kind::Amd64, &first, &[&first]);
    world.event = event;
    let wanted = ["api", "workers", "web"].map(|name| {
        format!(
            "{}_IMAGE={}@{}",
            name.to_ascii_uppercase(),
            world.repository(name),
            world.digest(name)
        )
    });
    let run = plans(world, &[]).deploy().expect_accepted(["api"]);
    let file = std::fs::read_to_string(run.world.rooms.workspace.join("deploy.env"))
        .expect("the env file");
    for line in wanted {
        run.equal(&line, &file.lines().any(|found| found == line), &true);
    }
}

#[test]
fn verify_takes_the_image_of_an_equal_commit() {
    let world = begun().image("api", Kind::MultiArch);
    let (built, digest) = (world.commit(), world.digest("api"));
    let world = world.push_to_main(api_again).push_to_main(api);
    let run = world
        .verify()
        .expect_verified()
        .says(&format!("image of {}, equal", short(&built)));
    run.equal(
        "the digest",
        &run.json("images")["api"]["digest"],
        &json!(digest),
    );
}

#[test]
fn a_pull_request_has_its_own_image_or_none() {
    let world = World::new().three_services();
    let first = world.base();
    let world = world
        .image_tagged("api", Kind::Amd64, &first, &[&first])
        .pull_request(7, api);
    let run = world.plan().ended(0, "planned", "").no_hooks();
    run.equal("the matrix", &listed(&run), &vec!["api".to_owned()]);
}

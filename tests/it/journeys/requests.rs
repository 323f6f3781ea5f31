//! How much a run asks for: what the limits of Render and GitHub leave for everybody else.

use super::cancel::five_alone;
use std::time::Duration;
use testworld::{Kind, World};

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are what this test tells")]
fn five_services_that_take_half_a_minute_take_few_requests() {
    let world = five_alone();
    world.render.waits(4);
    let run = world
        .deploy()
        .ended(0, "live", "")
        .hooked(&["api", "workers", "web", "queue", "cron"]);
    let (render, github) = (
        run.world.render.requests(),
        run.world.github.server.calls().len(),
    );
    println!(
        "{render} requests to Render and {github} to GitHub in {:.1} s",
        run.took.as_secs_f64()
    );
    assert!(run.took.as_secs() >= 30, "it was over after {:?}", run.took);
    assert!(
        render < 60 && github < 25,
        "{render} requests to Render, {github} to GitHub"
    );
}

/// Services of one image, all of which a push changes.
fn many(count: usize) -> World {
    let names: Vec<String> = (0..count).map(|nth| format!("s{nth:03}s")).collect();
    let services: Vec<String> = names
        .iter()
        .map(|name| format!("  {name}: {{ image: api }}\n"))
        .collect();
    let manifest = format!(
        "version: 1\nenvironments:\n  staging: {{ branch: main }}\nimages:\n  api: {{ repository: \"HOST/{{owner}}/api\", paths: [\"services/api/**\"] }}\nservices:\n{}",
        services.concat()
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    World::new()
        .manifest(&manifest)
        .hooks(&names)
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .image("api", Kind::Amd64)
        .deadline(Duration::from_secs(300))
}

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are what this test tells")]
fn github_is_asked_for_all_services_at_once() {
    for (count, first, later) in [(5, 13, 1), (200, 411, 5)] {
        let run = many(count).deploy().ended(0, "accepted", "");
        run.settled();
        let asked = run.world.github.server.calls().len();
        let again = run.again().deploy().expect_unchanged();
        let asked_again = again.world.github.server.calls().len() - asked;
        println!("{count} services: {asked} requests to GitHub, and {asked_again} once more");
        assert!(
            asked == first && asked_again == later,
            "{count} services: {asked} and {asked_again}"
        );
    }
}

//! How much a run asks for: what the limits of Render and GitHub leave for everybody else.

use super::cancel::five_alone;

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

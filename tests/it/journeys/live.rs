//! Deploys that are followed with an API key, to their end and to what it means.

use testworld::{Run, World};

/// A push that changes `web` alone, with an API key.
fn web() -> World {
    World::new()
        .three_services()
        .push_to_main(|repo| repo.write("services/web/main.txt", "2"))
        .images()
        .with_key()
}

fn digest(run: &Run, service: &str) -> String {
    format!(
        "{}@{}",
        run.world.repository(service),
        run.world.digest(service)
    )
}

#[test]
fn live_is_said_of_what_render_serves_and_recorded() {
    let run = web().deploy().ended(0, "live", "").hooked(&["web"]);
    assert_eq!(run.service("web")["status"], "live");
    assert_eq!(run.world.render.live("web"), Some(digest(&run, "web")));
    let records = run.world.github.records();
    let last = records.last().unwrap();
    assert_eq!(
        (last.service.as_str(), last.state.as_str()),
        ("web", "success")
    );
    assert!(last.description.starts_with("live"), "{}", last.description);
    assert_eq!(records.len(), 4, "a skip writes nothing");
}

#[test]
fn five_services_take_few_requests() {
    let run = web().deploy().ended(0, "live", "").hooked(&["web"]);
    let github = run.world.github.server.calls().len();
    assert!(
        run.world.render.requests() < 20 && github < 8,
        "{} {github}",
        run.world.render.requests()
    );
}

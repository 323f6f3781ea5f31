//! Rows 11 to 15: deploy hooks and what answers them.

use super::pushed;
use std::time::Duration;
use testworld::server::{Reply, Server};
use testworld::{Answer, World};

/// A key that is in no hook of Render's.
const KEY: &str = "q7Zt1xWv9Rk3Lm5NpB2c";

#[test]
fn row_11_a_hook_is_exactly_one_and_is_not_shown() {
    let bad = [
        "http://api.render.com/deploy/srv-a?key=KEY",
        "https://api.render.com.evil.tld/deploy/srv-a?key=KEY",
        "https://api.render.com@evil/deploy/srv-a?key=KEY",
        "https://evil#api.render.com/deploy/srv-a?key=KEY",
        "https://api.render.com:8443/deploy/srv-a?key=KEY",
        "https://API.RENDER.COM./deploy/srv-a?key=KEY",
        "https://api.r\u{435}nder.com/deploy/srv-a?key=KEY",
        "https://169.254.169.254/deploy/srv-a?key=KEY",
        "https://[::1]/deploy/srv-a?key=KEY",
        "https://0x7f.1/deploy/srv-a?key=KEY",
        "file:///deploy/srv-a?key=KEY",
        "//api.render.com/deploy/srv-a?key=KEY",
        "https://api.render.com/deploy/srv-a\t?key=KEY",
        "https://api.render.com\\deploy\\srv-a?key=KEY",
        "https://api.render.com/deploy/%2e%2e/srv-a?key=KEY",
        "https://api.render.com/deploy/srv-a?key=KEY#x",
        "https://api.render.com/deploy/srv-a?key=KEY&ref=abc",
        "https://api.render.com/deploy/exs-abc?key=KEY",
        "https://api.render.com/deploy/srv-a?key=KEY&imgURL=ghcr.io%2Fa",
    ];
    for text in bad {
        let lines = format!("api={}", text.replace("KEY", KEY));
        let world = pushed()
            .secret("the malformed hook's key", KEY, &[])
            .input("render-api-url", "");
        let run = world.input("deploy-hooks", &lines).deploy().no_hooks();
        assert!(
            matches!(
                run.output("failure"),
                "hook-malformed" | "hook-has-image" | "bad-input"
            ),
            "{text}: {}",
            run.output("failure")
        );
        assert!(run.exit == 1 || run.exit == 2);
    }
    let text = format!("https://api.render.com/deploy/srv-a?key={KEY}\r\nX: y");
    let world = World::new()
        .shorthand()
        .push_to_main(|repo| repo.write("main.txt", "2"))
        .input("render-api-url", "");
    let run = world
        .secret("the malformed hook's key", KEY, &[])
        .input("deploy-hook", &text)
        .deploy()
        .no_hooks();
    assert!(run.exit != 0);
}

#[test]
fn row_12_a_redirect_is_not_followed_and_not_shown() {
    let elsewhere = Server::start(|_| Reply::text(200, "{\"deploy\":{\"id\":\"dep-evil\"}}"));
    for status in [301, 302, 307] {
        let to = format!("{}/latest/meta-data?token={KEY}", elsewhere.origin());
        let world = pushed()
            .secret("the redirect's address", KEY, &[])
            .hook_answers("api", [Answer::Redirect(status, to)]);
        let run = world.deploy().hooked(&["api"]);
        assert_eq!((run.exit, run.output("outcome")), (1, "failed"), "{status}");
    }
    assert!(elsewhere.calls().is_empty(), "a redirect was followed");
}

#[test]
fn row_13_an_answers_body_is_capped_timed_and_never_echoed() {
    for body in [
        "::add-mask::a",
        "##[set-output name=tags]evil",
        "\n::set-output name=tags::evil",
        "<img src=x onerror=alert(1)>",
    ] {
        for status in [200, 400, 500] {
            let answers =
                vec![Answer::Body(status, body.into()); if status == 500 { 2 } else { 1 }];
            let count = answers.len();
            let run = pushed()
                .hook_answers("api", answers)
                .deploy()
                .hooked(&vec!["api"; count]);
            assert!(!run.output_file.contains("evil") && !run.summary.contains("onerror"));
        }
    }
    let run = pushed()
        .hook_answers("api", [Answer::Flood(1 << 30)])
        .deploy();
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    run.hooked(&["api"]);
}

#[test]
fn row_13_an_answer_that_drips_is_not_waited_for_for_ever() {
    let world = pushed()
        .hook_answers("api", [Answer::Drip])
        .deadline(Duration::from_secs(90));
    let run = world.deploy();
    assert!(run.took < Duration::from_secs(80), "{:?}", run.took);
    let calls = vec!["api"; run.hooks.len()];
    assert!(calls.len() <= 2);
    run.hooked(&calls);
}

#[test]
fn row_14_an_empty_hook_is_absent_and_a_short_one_is_refused_without_a_mask() {
    for text in ["api=", "api= ", "\n", " "] {
        let run = pushed().input("deploy-hooks", text).deploy().no_hooks();
        assert!(
            matches!(
                run.output("failure"),
                "hook-missing" | "bad-input" | "hook-malformed"
            ),
            "{text:?}: {}",
            run.output("failure")
        );
    }
    for text in ["api=x", "api=***"] {
        let run = pushed().input("deploy-hooks", text).deploy().no_hooks();
        assert!(
            matches!(run.output("failure"), "bad-input" | "hook-malformed"),
            "{text:?}: {}",
            run.output("failure")
        );
    }
    for text in ["x", "***", " "] {
        let world = World::new()
            .shorthand()
            .push_to_main(|repo| repo.write("main.txt", "2"));
        let run = world.input("deploy-hook", text).deploy().no_hooks();
        assert!(run.exit != 0, "{text:?}");
        assert!(
            run.masks().iter().all(|mask| mask.len() > 3),
            "{:?}",
            run.masks()
        );
    }
}

#[test]
fn row_15_an_error_of_the_http_library_shows_no_key() {
    // Nobody listens: the library's error has the whole address in it.
    let world = World::with_late_render(Duration::from_secs(3600)).three_services();
    let world = world
        .push_to_main(|repo| repo.write("services/api/x", "1"))
        .images();
    let run = world.deadline(Duration::from_secs(240)).deploy().no_hooks();
    assert_eq!((run.exit, run.output("failure")), (1, "render-unavailable"));
    let run = pushed()
        .hook_answers("api", [Answer::Dropped, Answer::Dropped])
        .deploy();
    run.ended(1, "failed", "render-unavailable")
        .hooked(&["api", "api"]);
}

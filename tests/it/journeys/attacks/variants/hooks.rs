//! Rows 11 to 15: deploy hooks and what answers them.

use super::super::pushed;
use std::time::Duration;
use testworld::server::{Reply, Server};
use testworld::{Answer, World};

/// A key that is in no hook of Render's.
const KEY: &str = "q7Zt1xWv9Rk3Lm5NpB2c";

/// No hook: refused, and not shown.
fn no_hook(text: &str) {
    let world = pushed()
        .secret("the malformed hook's key", KEY, &[])
        .input("render-api-url", "");
    let run = world
        .input("deploy-hooks", &format!("api={}", text.replace("KEY", KEY)))
        .deploy()
        .no_hooks();
    let word = run.output("failure").to_owned();
    assert!(
        matches!(
            word.as_str(),
            "hook-malformed" | "hook-has-image" | "bad-input"
        ),
        "{text}: {word}"
    );
    assert!(run.exit == 1 || run.exit == 2);
}

fn redirected(status: u16, to: impl Fn(&World, &Server) -> String) {
    let elsewhere = Server::start(|_| Reply::text(200, "{\"deploy\":{\"id\":\"dep-evil\"}}"));
    let world = pushed();
    let to = to(&world, &elsewhere);
    let run = world
        .hook_answers("api", [Answer::Redirect(status, to)])
        .deploy()
        .hooked(&["api"]);
    assert_eq!((run.exit, run.output("outcome")), (1, "failed"), "{status}");
    assert!(elsewhere.calls().is_empty(), "a redirect was followed");
}

fn answered(status: u16, body: &str) {
    let run = pushed()
        .hook_answers("api", [Answer::Body(status, body.into())])
        .deploy()
        .hooked(&["api"]);
    assert!(
        !run.output_file.contains("evil") && !run.summary.contains("evil"),
        "{}",
        run.summary
    );
}

fn absent_or_refused(text: &str) {
    let run = pushed().input("deploy-hooks", text).deploy().no_hooks();
    assert!(
        matches!(
            run.output("failure"),
            "hook-missing" | "bad-input" | "hook-malformed"
        ),
        "{}",
        run.output("failure")
    );
    assert!(
        run.masks().iter().all(|mask| mask.trim().len() > 3),
        "{:?}",
        run.masks()
    );
}

variants! {
    row_11_variants {
        "a user and a password" => || no_hook("https://robot:word@api.render.com/deploy/srv-a?key=KEY"),
        "a dot in disguise" => || no_hook("https://api.render.com%2eevil.tld/deploy/srv-a?key=KEY"),
        "two keys" => || no_hook("https://api.render.com/deploy/srv-a?key=KEY&key=KEY"),
        "a way back up" => || no_hook("https://api.render.com/deploy/srv-a/../srv-b?key=KEY"),
        "an address as one number" => || no_hook("https://2130706433/deploy/srv-a?key=KEY"),
        "a full stop of another script" => || no_hook("https://api\u{3002}render\u{3002}com/deploy/srv-a?key=KEY"),
        "an address of the other protocol" => || no_hook("https://[::ffff:169.254.169.254]/deploy/srv-a?key=KEY"),
        "the API instead of a hook" => || no_hook("https://api.render.com/v1/services/srv-a/deploys?key=KEY"),
        "a slash behind the service" => || no_hook("https://api.render.com/deploy/srv-a/?key=KEY"),
        "a key in upper case" => || no_hook("https://api.render.com/deploy/srv-a?KEY=KEY"),
    }
    row_12_variants {
        "see other" => || redirected(303, |_, elsewhere| format!("{}/x", elsewhere.origin())),
        "for good" => || redirected(308, |_, elsewhere| format!("{}/x", elsewhere.origin())),
        "to another path of the same host" => || redirected(302, |world, _| format!("{}/v1/services", world.render.server.origin())),
        "to a file" => || redirected(301, |_, _| "file:///etc/passwd".into()),
    }
    row_13_variants {
        "a command that stops all others" => || answered(200, "::stop-commands::evil\n::add-mask::a"),
        "a name with a command in it" => || answered(200, "{\"deploy\":{\"id\":\"dep-x\\n::set-output name=tags::evil\"}}"),
        "a terminal's own commands" => || answered(400, "\u{1b}]0;evil\u{7}\u{2028}::error::evil"),
        "JSON of the wrong shape" => || answered(200, "{\"deploy\":[{\"id\":{\"evil\":1}}]}"),
    }
    row_14_variants {
        "a tab" => || absent_or_refused("api=\t"),
        "a space of another kind" => || absent_or_refused("api=\u{a0}"),
        "two characters" => || absent_or_refused("api=12"),
        "as many stars as a mask has" => || absent_or_refused("api=********"),
        "a hook in a variable that is empty" => || {
            let world = pushed().input("deploy-hooks", "").variable("RENDER_HOOK_API", " \n");
            let run = world.deploy().no_hooks();
            assert!(matches!(run.output("failure"), "hook-missing" | "hook-malformed"), "{}", run.output("failure"));
        },
    }
    row_15_variants {
        "an answer that is lost" => || {
            pushed().hook_answers("api", [Answer::Lost(None)]).deploy().hooked(&["api", "api"]);
        },
        "a proxy with a password that nobody is behind" => || {
            let world = pushed().variable("RUNNER_ENVIRONMENT", "self-hosted").input("image-timeout", "1s");
            let world = world.secret("the proxy's password", KEY, &[]);
            let proxy = format!("http://robot:{KEY}@127.0.0.1:9");
            let world = world.variable("HTTP_PROXY", &proxy).variable("http_proxy", &proxy);
            let run = world.deploy().no_hooks();
            assert_eq!(run.exit, 1);
        },
        "an API that hangs up" => || {
            let world = pushed().with_key();
            world.render.api_is_down(500);
            let run = world.deadline(Duration::from_secs(240)).deploy().no_hooks();
            assert_eq!(run.exit, 1);
        },
    }
}

//! Event payloads by event name: the first byte says which, the rest is the payload.
#![no_main]

use parse::event::{Ambient, read};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 9] = [
    "push",
    "pull_request",
    "merge_group",
    "workflow_run",
    "workflow_dispatch",
    "repository_dispatch",
    "schedule",
    "pull_request_target",
    "release",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, payload)) = data.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let ambient = Ambient {
        git_ref: Some("refs/heads/main"),
        sha: Some("0123456789abcdef0123456789abcdef01234567"),
        actor: Some("ada"),
    };
    match read(name, payload, &ambient) {
        // What is refused is told on one line that is no command.
        Err(error) => {
            let text = error.to_string();
            assert!(
                !text.contains(['\n', '\r']) && !text.contains("##["),
                "{text:?}"
            );
        }
        // What nobody should deploy for is never a push.
        Ok(trigger) => {
            assert!(
                name != "pull_request_target" && name != "release"
                    || !format!("{trigger:?}").starts_with("Push")
            )
        }
    }
});

//! What fuzzing opens of this folder: Render's answers, read as they are in a run.

use super::explanation::Explanation;
use super::wire;
use model::DeployId;

/// Reads an answer of that kind and checks what holds for every one.
pub fn answer(kind: u8, body: &[u8]) {
    let Ok(deploy) = DeployId::parse("dep-abc123") else {
        return;
    };
    match kind % 8 {
        0 => named(wire::hooked(body).as_ref()),
        1 => named(wire::created(body).as_ref()),
        2 => told(wire::read::<Vec<wire::DeployEntry>>(body).map(|entries| {
            for found in entries.into_iter().map(|entry| entry.deploy.value()) {
                told(found.map(|deploy| named(Some(&deploy.id))));
            }
        })),
        3 => told(wire::read::<wire::WireService>(body).map(drop)),
        4 => told(wire::read::<Vec<wire::ServiceEntry>>(body).map(drop)),
        5 => told(wire::read::<wire::WirePreview>(body).map(drop)),
        6 => told(wire::read::<Vec<wire::EventEntry>>(body).map(|entries| {
            let events: Vec<wire::WireEvent> =
                entries.into_iter().map(|entry| entry.event).collect();
            if let Some(why) = Explanation::find(&events, &deploy) {
                told(Err(why.to_string()));
                assert!(!why.hint().is_empty());
            }
        })),
        _ => {
            let failure = wire::bad_request(body);
            told(Err(failure.to_string()));
        }
    }
}

fn named(deploy: Option<&DeployId>) {
    assert!(deploy.is_none_or(|id| DeployId::parse(id.as_str()).is_ok()));
}

/// What is told of an answer is one line that is no command.
fn told(result: Result<(), String>) {
    if let Err(why) = result {
        assert!(
            !why.contains(['\n', '\r', '\u{1b}']) && !why.contains("##["),
            "{why:?}"
        );
    }
}

//! How a run fares: what it may not do, and where it is cut off.

use super::chance::Fortune;
use testworld::World;
use testworld::github::Trouble;
use testworld::trap::{Moment, Place, Then};

/// Where a deploy is cut off. Few runs come to the places that stand here more than once.
pub(super) const DEPLOYS: [&str; 13] = [
    "Render: POST /v1/services/*/preview",
    "Render: POST /v1/services/*/preview",
    "Render: POST /v1/services/*/deploys",
    "Render: POST /v1/services/*/deploys",
    "Render: POST /v1/services/*/deploys",
    "GitHub: POST /deployments",
    "GitHub: POST /deployments/*/statuses",
    "GitHub: POST /issues/7/comments",
    "GitHub: PATCH /issues/comments/*",
    "Render: GET /v1/services/*/deploys/*",
    "Render: GET /v1/services/*/deploys/*",
    "Render: GET /v1/services/*/deploys/*",
    "Render: GET /v1/services includePreviews limit",
];
/// Where a clean-up is cut off.
pub(super) const CLEANUPS: [&str; 4] = [
    "Render: DELETE /v1/services/*",
    "GitHub: DELETE /orgs/acme/packages/container/web/versions/*",
    "GitHub: POST /deployments/*/statuses",
    "GitHub: PATCH /issues/comments/*",
];

pub(super) fn place(places: &[&str], byte: u8) -> Place {
    let byte = usize::from(byte);
    Place {
        kind: places[byte % places.len()].to_owned(),
        nth: 1 + usize::from(byte / 8 % 4 == 3),
        moment: match byte / 32 % 3 {
            0 => Moment::Unheard,
            1 => Moment::Unanswered,
            _ => Moment::Answered,
        },
    }
}

/// The world as a run with this fortune finds it; a run that is cut off is so at one of these places.
pub(super) fn fated(world: World, fortune: Fortune, places: &[&str]) -> World {
    let at = |byte| place(places, byte);
    match fortune {
        Fortune::Denied => world.github_trouble(Trouble::DeploymentsDenied),
        Fortune::Blind => world.github_trouble(Trouble::PullsDenied),
        Fortune::Forgetful => world.input("record", "false"),
        Fortune::Killed(byte) => world.cancel_at(at(byte), &["-KILL"], Then::Answers),
        Fortune::Cancelled(byte) => world.cancel_at(at(byte), &["-TERM"], Then::Answers),
        Fortune::Well | Fortune::Meanwhile(..) | Fortune::Renamed | Fortune::Lost => world,
    }
}

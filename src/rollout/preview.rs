//! The way of a pull request's preview: that of a service, without an environment's order and record.

use super::attempt::Attempt;
use super::{Call, Flight, Hands, Stage};
use crate::context::Scene;
use crate::decide::Closing;
use crate::domain::{DeployId, ServiceId, ServiceName};
use crate::render::Accepted;
use crate::report::Ended;
use std::collections::BTreeSet;

/// Notes that a preview is being made, for whoever cancels the run. Nothing is then asked of Render: which deploy is the preview's is not
/// known, and the service that it is a copy of is not ours to stop.
pub(crate) fn note_making(scene: &Scene, service: &ServiceName, parent: &ServiceId) {
    let flight = Flight {
        id: parent.clone(),
        wanted: Vec::new(),
        known: BTreeSet::new(),
        stage: Stage::Making,
    };
    scene.flights.borrow_mut().insert(service.clone(), flight);
}

/// Takes the note back: none was made.
pub(crate) fn forget_making(scene: &Scene, service: &ServiceName) {
    scene.flights.borrow_mut().remove(service);
}

/// Deploys to a preview that is there. Also says how its record ends.
pub(crate) async fn deploy(
    hands: &Hands<'_>,
    service: &ServiceName,
    call: &Call,
) -> (Ended, Closing) {
    let attempt = Attempt {
        hands,
        service,
        call,
    };
    let began = hands.started.elapsed();
    attempt.say(&format!(
        "deploying {} to its preview {}",
        call.image, call.id
    ));
    attempt.fly(Stage::Preparing, BTreeSet::new());
    let landed = attempt.land_unordered().await;
    let closing = landed.landing.ending().record;
    (attempt.told(landed, began), closing)
}

/// Sees the first deploy of a preview through that was just made.
pub(crate) async fn follow_first(
    hands: &Hands<'_>,
    service: &ServiceName,
    call: &Call,
    deploy: Option<DeployId>,
) -> (Ended, Closing) {
    let attempt = Attempt {
        hands,
        service,
        call,
    };
    let began = hands.started.elapsed();
    attempt.fly(Stage::Calling, BTreeSet::new());
    let landed = attempt.see_through(Accepted::Started(deploy)).await;
    let closing = landed.landing.ending().record;
    (attempt.told(landed, began), closing)
}

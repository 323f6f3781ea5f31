//! Facts to decisions. Nothing here awaits, or reads clock, environment or disk, or draws random numbers: the same facts always
//! give the same decision.

mod affected;
mod changes;
mod ending;
mod fleet;
mod image;
pub mod ledger;
mod leftovers;
mod number;
mod plan;
mod preview;
mod preview_owner;
mod previous;
mod probe;
mod source;
mod subject;
mod tags;
mod why;

pub use affected::{
    Affected, Cause, Coverage, ManifestPart, idle_patterns, image_cause, matches_directory,
    service_cause,
};
pub use changes::Changes;
pub use ending::{AttemptOutcome, RecordEnd, ServiceEnd};
pub use fleet::{FleetFacts, FleetState};
pub use image::{
    Contents, Expectation, ImageFacts, ImageProblem, ImageVerdict, ImageWarning, OtherCommit,
    Platform, Revision, VerifiedImage, judge,
};
pub use ledger::{
    Equality, Hold, Need, OnRender, Order, Presence, Required, Serving, Since, StartedRelease,
    Until, begun, counting, decisive, identify, judge_required, need, presence, serving,
};
pub use leftovers::{Closed, Holdings, ImageLinks, KeepReason, Version, VersionVerdict, leftovers};
pub use number::{NoNumber, number};
pub use plan::{Plan, PlanError, PlanInput, PlanOptions, PlannedImage, PlannedService};
pub use preview::{PreviewOf, PreviewOwnership, is_forestalled, known_preview, may_be_unknown};
pub use preview_owner::{Doubt, Listed, Ours, Owner};
pub use previous::{
    Back, NoWay, RollbackPoint, RollbackRequest, ServiceHistories, ServiceHistory, ServiceRollback,
    before_on_render, is_cut_off, left, left_release, serves, way_back,
};
pub use probe::{MOST_BYTES, ProbeAnswer, ProbeVerdict, Streak, WINDOW, pause};
pub use source::{
    Ancestor, ImageSearch, ImageSource, MOST_ANCESTORS, NewestRecords, Next, Reach, RecordedImage,
    Sight, recorded as recorded_images, required as required_images,
};
pub use subject::{ChoiceError, Concerns, Environments, Subject, choose, of_branch, of_tag};
pub use tags::{Tags, Tip, build_args, labels, may_be_of, rfc3339};
pub use why::{Base, ServiceNeed, Why};

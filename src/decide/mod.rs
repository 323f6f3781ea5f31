//! Facts to decisions. Nothing here awaits, or reads clock, environment or disk, or draws random numbers: the same facts always
//! give the same decision.

mod affected;
mod changes;
mod image;
mod plan;
mod subject;
mod tags;

pub use affected::{Affected, Cause, image_cause, service_cause};
pub use changes::Changes;
pub use image::{
    Contents, Expectation, ImageFacts, ImageProblem, ImageWarning, OtherCommit, Platform, Revision, Verdict,
    VerifiedImage, judge,
};
pub use plan::{Base, Plan, PlanError, PlannedImage, PlannedService, Why, Wishes};
pub use subject::{ChoiceError, Concerns, Subject, choose, of_branch, of_tag};
pub use tags::{Tags, Tip, labels};

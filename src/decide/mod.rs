//! Facts to decisions. Nothing here awaits, or reads clock, environment or disk, or draws random numbers: the same facts always
//! give the same decision.

mod affected;
mod changes;
mod checkup;
mod ending;
mod image;
mod ledger;
mod leftovers;
mod number;
mod plan;
mod preview;
mod previous;
mod source;
mod subject;
mod tags;
mod why;

pub use affected::{Affected, Cause, image_cause, service_cause};
pub use changes::Changes;
pub use checkup::{Checkup, Finding, Part, Remark, Spot, Unowned, Wiring, check};
pub use ending::{Closing, Ending, Landing};
pub use image::{
    Contents, Expectation, ImageFacts, ImageProblem, ImageWarning, OtherCommit, Platform, Revision,
    Verdict, VerifiedImage, judge,
};
pub use ledger::{
    Begun, Differences, Equality, Hold, Need, OnRender, Order, Presence, Required, Serving, Since,
    Standing, Until, begun, counting, decisive, ending, hold_after_rollback, identify,
    judge_required, need, order_in_branch, order_of_release, presence, serving,
};
pub use leftovers::{Closed, Fate, Holdings, Kept, Links, Version, leftovers};
pub use number::{NoNumber, number};
pub use plan::{Ground, Plan, PlanError, PlannedImage, PlannedService, Wishes};
pub use preview::{PreviewOf, Whose, is_forestalled, known_preview, may_be_unknown};
pub use previous::{
    Back, NoWay, Past, Pasts, Step, Target, Turn, before_on_render, is_cut_off, left, left_release,
    serves, way_back,
};
pub use source::{
    Ancestor, MOST_ANCESTORS, Next, Reach, Records, Search, Sight, Source,
    recorded as recorded_images, required as required_images,
};
pub use subject::{ChoiceError, Concerns, Environments, Subject, choose, of_branch, of_tag};
pub use tags::{Tags, Tip, labels};
pub use why::{Base, Demand, Why};

//! Facts to decisions. Nothing here awaits, or reads clock, environment or disk, or draws random numbers: the same facts always
//! give the same decision.

mod affected;
mod changes;

pub use affected::{Affected, Cause, image_cause, service_cause};
pub use changes::Changes;

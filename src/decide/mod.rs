//! Facts to decisions. Nothing here awaits, or reads clock, environment or disk, or draws random numbers: the same facts always
//! give the same decision.

mod changes;

pub use changes::Changes;

//! Decisions to text: outputs, the job summary, a pull request's comment, the line for a chat message. Pure: it is handed everything, and prints nothing.

mod carried;
mod check;
mod comment;
pub mod documents;
pub mod draft;
mod fleet;
mod init;
mod merge_plan;
pub mod outputs;
mod picture;
mod plan;
mod run_report;
mod sarif;
mod summary;

pub use carried::Carried;
pub use check::{CheckReport, Placed, files_of_nobody, json as check_json};
pub use comment::{About, Left, Shown, ShownPreview, Up, cleaned, comment};
pub use fleet::{FleetRow, fleet_json, fleet_lines, fleet_summary};
pub use init::InitReport;
pub use merge_plan::{AfterMerge, MergeAbout, MergePlan, merge_comment, merge_headline};
pub use plan::{plan_lines, service_lines};
pub use run_report::{
    CleanupItem, CleanupResult, Failed, Preview, Released, RunReport, ServiceResult, Verified,
    outcome_of,
};
pub use sarif::sarif;
pub use summary::summary;

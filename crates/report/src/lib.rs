//! Decisions to text: outputs, the job summary, a pull request's comment, the line for a chat message. Pure: it is handed everything, and prints nothing.

mod carried;
mod check;
mod comment;
mod comment_part;
pub mod documents;
mod fleet;
mod headline;
mod init;
mod links;
mod merge_plan;
pub mod outputs;
mod picture;
mod plan;
mod run_report;
mod service_table;
pub mod summary;

pub use carried::Carried;
pub use check::{CheckReport, Placed, Unowned, files_of_nobody, json as check_json};
pub use comment::{CommentContent, CommentSubject, Left, ShownPreview, Up, cleaned, comment};
pub use fleet::{FleetRow, fleet_json, fleet_lines, fleet_summary};
pub use headline::headline;
pub use init::InitReport;
pub use links::Links;
pub use merge_plan::{AfterMerge, MergeAbout, MergePlan, merge_comment, merge_headline};
pub use plan::{plan_lines, service_lines};
pub use run_report::{
    CleanupItem, CleanupResult, Failed, Preview, Released, RunReport, ServiceResult, VerifiedRow,
    outcome_of,
};
pub use summary::summary;

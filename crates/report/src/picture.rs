//! The picture of a run: which service was deployed when, as the Gantt chart that GitHub draws from Mermaid's text.
//!
//! Only validated names and words of our own are in it, so nothing can end the block or mean something else in Mermaid.

use super::{ServiceResult, summary};
use model::Status;
use std::fmt::Write as _;
use std::time::Duration;

/// More bars than this are no picture any more. GitHub draws nothing at all of more than 50,000 characters.
const MOST_BARS: usize = 40;

/// Draws the deploys of a run that were followed to their end; nothing for one alone, which has no order. A deploy that Render only accepted
/// has no end that is known.
pub(super) fn picture(services: &[ServiceResult]) -> String {
    let was_followed = |ended: &&ServiceResult| match ended.status {
        Status::Live => true,
        Status::Failed | Status::Superseded | Status::Unknown | Status::Cancelled => {
            ended.deploy.is_some()
        }
        Status::Accepted
        | Status::NotStarted
        | Status::Unchanged
        | Status::Skipped
        | Status::Held
        | Status::Refused => false,
    };
    let mut ran: Vec<&ServiceResult> = services
        .iter()
        .filter(was_followed)
        .filter(|ended| !ended.took.is_zero())
        .collect();
    if ran.len() < 2 {
        return String::new();
    }
    ran.sort_by_key(|ended| ended.began);
    let end = ran
        .iter()
        .map(|ended| ended.began + ended.took)
        .max()
        .unwrap_or_default();
    let axis = if end < Duration::from_secs(3600) {
        "%M:%S"
    } else {
        "%H:%M"
    };
    let mut text = format!(
        "```mermaid\ngantt\n    title When each deploy ran, from the first one on\n    dateFormat YYYY-MM-DD HH:mm:ss.SSS\n    axisFormat {axis}\n    todayMarker off\n"
    );
    for ended in ran.iter().take(MOST_BARS) {
        let (sign, mark) = bar(ended.status);
        // The sign stands first so that a service called `section` or `title` is no keyword.
        let label = format!(
            "{sign} {} {} {}",
            ended.service,
            ended.status,
            summary::seconds(ended.took)
        );
        let took = ended.took.max(Duration::from_millis(1));
        let _ = writeln!(
            text,
            "    {label} :{mark}{}, {}",
            moment(ended.began),
            moment(ended.began + took)
        );
    }
    text.push_str("```\n");
    if ran.len() > MOST_BARS {
        let _ = writeln!(
            text,
            "\n{} more services are not in the picture.",
            ran.len() - MOST_BARS
        );
    }
    text
}

/// A time since the start as a moment of a day that never was: Mermaid reads moments and shows them in the reader's own time zone, and this
/// way both are the same wherever the reader is. (Milliseconds since 1970 would show half an hour more in India.)
fn moment(since: Duration) -> String {
    let (seconds, rest) = (since.as_secs(), since.subsec_millis());
    format!(
        "2001-01-01 {:02}:{:02}:{:02}.{rest:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

const fn bar(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Live => ("\u{2713}", "active, "),
        Status::Accepted => ("\u{2192}", "active, "),
        Status::Failed | Status::Unknown | Status::NotStarted | Status::Refused => {
            ("\u{2717}", "crit, ")
        }
        Status::Superseded | Status::Cancelled | Status::Held => ("\u{2298}", "done, "),
        Status::Unchanged | Status::Skipped => ("\u{2298}", "done, "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ServiceName;

    fn ended(name: &str, status: Status, began: u64, took: u64) -> ServiceResult {
        let service = ServiceName::parse(name).expect("a name");
        let (began, took) = (Duration::from_millis(began), Duration::from_millis(took));
        ServiceResult {
            began,
            took,
            reason: None,
            deploy: model::DeployId::parse("dep-abc").ok(),
            ..ServiceResult::without_deploy(&service, status, "")
        }
    }

    #[test]
    fn several_services_make_a_picture_in_the_order_of_time() {
        let text = picture(&[
            ended("workers", Status::Failed, 61_500, 1000),
            ended("section", Status::Live, 0, 61_234),
            ended("web", Status::Skipped, 0, 0),
            ended("jobs", Status::Accepted, 0, 900),
        ]);
        assert_eq!(
            text,
            "```mermaid\ngantt\n    title When each deploy ran, from the first one on\n    dateFormat YYYY-MM-DD HH:mm:ss.SSS\n    axisFormat %M:%S\n    todayMarker off\n    \
             \u{2713} section live 61 s :active, 2001-01-01 00:00:00.000, 2001-01-01 00:01:01.234\n    \
             \u{2717} workers failed 1 s :crit, 2001-01-01 00:01:01.500, 2001-01-01 00:01:02.500\n```\n"
        );
        assert_eq!(
            picture(&[
                ended("api", Status::Live, 0, 1),
                ended("web", Status::Skipped, 0, 0)
            ]),
            ""
        );
    }

    #[test]
    fn a_picture_never_outgrows_what_github_draws() {
        let all: Vec<ServiceResult> = (0..500)
            .map(|at| {
                ended(
                    &format!("{}-{at}", "x".repeat(59)),
                    Status::Live,
                    at,
                    7_200_000,
                )
            })
            .collect();
        let text = picture(&all);
        assert!(
            text.len() < 50_000 && text.contains("%H:%M"),
            "{}",
            text.len()
        );
        assert!(
            text.ends_with("\n460 more services are not in the picture.\n"),
            "{text}"
        );
    }
}

//! What a deploy carries, in words, for the summary and for outputs.

use super::RunReport;
use super::summary::folded;
use model::{CommitSha, ServiceName, Status};

/// What the deploy of a service carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The commit of the bytes that served; none where that is not known.
    pub from: Option<CommitSha>,
    /// The commit that is deployed.
    pub to: CommitSha,
    /// Whether that is an older one, as in a rollback.
    pub is_back: bool,
    /// How many commits the newer one has and the older one lacks.
    pub commits: Option<usize>,
    /// How many of them matter to the service.
    pub matters: Option<usize>,
    /// Where GitHub compares the two, if they differ.
    pub link: Option<String>,
}

impl Carried {
    /// A deploy to a commit, where nobody knows what served before.
    #[must_use]
    pub const fn unknown(to: CommitSha) -> Self {
        Self {
            from: None,
            to,
            is_back: false,
            commits: None,
            matters: None,
            link: None,
        }
    }

    /// One sentence, of validated values only.
    #[must_use]
    pub fn sentence(&self) -> String {
        let to = self.to.short(7);
        let Some(from) = &self.from else {
            return format!("{to}; what it replaces is not known");
        };
        if *from == self.to {
            return format!("{to} again");
        }
        let way = if self.is_back { "back to" } else { "to" };
        format!("{} {way} {to}, {}", from.short(7), self.count())
    }

    /// The same as Markdown, with a link to GitHub's comparison.
    #[must_use]
    pub fn markdown(&self) -> String {
        match &self.link {
            Some(link) => format!("[{}]({link})", self.sentence()),
            None => self.sentence(),
        }
    }

    fn count(&self) -> String {
        let number = |count: usize| match count {
            1 => "1 commit".to_owned(),
            count => format!("{count} commits"),
        };
        match (self.commits, self.matters) {
            (Some(commits), Some(matters)) => {
                format!("{}, of which {matters} matter", number(commits))
            }
            (Some(commits), None) => number(commits),
            (None, _) => "an unknown number of commits".into(),
        }
    }
}

/// The commits of a service's bytes before and now, for the output `deploys`; empty where they are not known.
pub(super) fn ends(report: &RunReport, service: &ServiceName, status: Status) -> [String; 2] {
    let text = |commit: Option<CommitSha>| commit.map(|own| own.to_string()).unwrap_or_default();
    let carried = report.carried.get(service);
    let plan = report.plan.as_ref();
    let planned = plan.and_then(|plan| plan.services.iter().find(|own| own.name == *service));
    let from = match carried {
        Some(carried) => carried.from,
        None => planned.and_then(|own| own.base),
    };
    let to = match status {
        Status::Live | Status::Accepted => carried.map(|carried| carried.to),
        // What served goes on.
        Status::Unchanged
        | Status::Skipped
        | Status::Held
        | Status::NotStarted
        | Status::Refused => from,
        Status::Superseded | Status::Failed | Status::Cancelled | Status::Unknown => None,
    };
    [text(from), text(to)]
}

/// The commit that a preview has after its deploy, for the output `deploys`. Which one it had before is not known.
pub(super) fn preview_end(report: &RunReport, status: Status) -> String {
    match (status, &report.plan) {
        (Status::Live | Status::Accepted, Some(plan)) => plan.commit.to_string(),
        _ => String::new(),
    }
}

/// The part of the summary that says what the deploys carry, in the manifest's order.
pub(super) fn section(report: &RunReport) -> String {
    let mut items = Vec::new();
    for service in report.plan.iter().flat_map(|plan| &plan.services) {
        if let Some(carried) = report.carried.get(&service.name) {
            items.push(format!("- {}: {}\n", service.name, carried.markdown()));
        }
    }
    match items.is_empty() {
        true => String::new(),
        false => format!(
            "What the deploys carry:\n\n{}",
            folded(&items, "more services")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_both_commits_and_counts_those_that_matter() {
        let commit = |byte| CommitSha::from_bytes([byte; 20]);
        let carried = |from, commits, matters| Carried {
            from,
            to: commit(2),
            is_back: false,
            commits,
            matters,
            link: None,
        };
        let table = [
            (
                carried(Some(commit(1)), Some(3), Some(2)),
                "0101010 to 0202020, 3 commits, of which 2 matter",
            ),
            (
                carried(Some(commit(1)), Some(1), None),
                "0101010 to 0202020, 1 commit",
            ),
            (
                carried(Some(commit(1)), None, None),
                "0101010 to 0202020, an unknown number of commits",
            ),
            (carried(Some(commit(2)), Some(0), Some(0)), "0202020 again"),
            (
                Carried {
                    is_back: true,
                    ..carried(Some(commit(3)), Some(2), Some(0))
                },
                "0303030 back to 0202020, 2 commits, of which 0 matter",
            ),
            (
                carried(None, None, None),
                "0202020; what it replaces is not known",
            ),
        ];
        for (carried, sentence) in table {
            assert_eq!(carried.sentence(), sentence);
        }
    }
}

//! What a deploy carries, in words and as a table of the summary.

use super::RunReport;
use crate::domain::{CommitSha, ServiceName, Status};
use std::collections::BTreeMap;

/// What the deploy of a service carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The commit of the bytes that served; none where that is not known.
    pub from: Option<CommitSha>,
    /// The commit that is deployed.
    pub to: CommitSha,
    /// How many commits the second has and the first lacks.
    pub commits: Option<usize>,
    /// How many of them matter to the service.
    pub matters: Option<usize>,
    /// Where GitHub compares the two.
    pub link: Option<String>,
}

impl Carried {
    /// It in one sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let to = self.to.short(7);
        match &self.from {
            Some(from) if *from == self.to => format!("{to} again"),
            Some(from) => format!("{} to {to}, {}", from.short(7), self.count()),
            None => format!("{to}; what it replaces is not known"),
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

/// The part of the summary that says what the deploys carry. Everything in it is a validated value.
pub(super) fn section(carried: &BTreeMap<ServiceName, Carried>) -> String {
    let mut rows = String::new();
    for (service, carried) in carried {
        let Some(link) = carried
            .link
            .as_ref()
            .filter(|_| carried.from != Some(carried.to))
        else {
            continue;
        };
        rows.push_str(&format!("| {service} | [{}]({link}) |\n", carried.told()));
    }
    if rows.is_empty() {
        return rows;
    }
    format!("| Service | Carries |\n|---|---|\n{rows}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_one_sentence() {
        let commit = |byte| CommitSha::from_bytes([byte; 20]);
        let carried = |from, commits, matters| Carried {
            from,
            to: commit(2),
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
                carried(None, None, None),
                "0202020; what it replaces is not known",
            ),
        ];
        for (carried, told) in table {
            assert_eq!(carried.told(), told);
        }
    }
}

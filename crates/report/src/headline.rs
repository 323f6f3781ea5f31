//! The first line of a report: how many services ended how, and which. The worst is said first.

use super::ServiceResult;
use model::{Outcome, Status};

/// Says how services ended. `place` says where, like `staging`.
#[must_use]
pub fn headline(outcome: Outcome, place: &str, services: &[ServiceResult]) -> String {
    let first = first_of(outcome);
    let counted = services
        .iter()
        .filter(|ended| first == Status::Unchanged || ended.status != Status::Unchanged)
        .count();
    let mut sentences = Vec::new();
    let named = names(services, first);
    if !named.is_empty() {
        sentences.push(format!(
            "{} {}: {}",
            count(named.len(), counted),
            predicate(first, counted),
            named.join(", ")
        ));
    }
    for status in OTHERS.iter().filter(|status| **status != first) {
        let named = names(services, *status);
        if !named.is_empty() {
            sentences.push(format!("{}: {}", title(*status), named.join(", ")));
        }
    }
    format!("In {place}, {}", lower(&sentences.join(". ")))
}

/// The statuses that are named behind the first one, the worst first. What stays as it is stands in the table.
const OTHERS: [Status; 8] = [
    Status::Failed,
    Status::Unknown,
    Status::Refused,
    Status::Cancelled,
    Status::NotStarted,
    Status::Superseded,
    Status::Accepted,
    Status::Live,
];

/// The status that an outcome is about.
const fn first_of(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Accepted => Status::Accepted,
        Outcome::Live => Status::Live,
        Outcome::Superseded => Status::Superseded,
        Outcome::Held => Status::Held,
        Outcome::Refused => Status::Refused,
        Outcome::Cancelled => Status::Cancelled,
        Outcome::Failed => Status::Failed,
        Outcome::Nothing => Status::Unchanged,
        Outcome::Skipped | Outcome::Verified | Outcome::Planned => Status::Skipped,
    }
}

fn names(services: &[ServiceResult], status: Status) -> Vec<&str> {
    services
        .iter()
        .filter(|ended| ended.status == status)
        .map(|ended| ended.service.as_str())
        .collect()
}

fn count(some: usize, all: usize) -> String {
    let noun = if all == 1 { "service" } else { "services" };
    if some == all {
        format!("{all} {noun}")
    } else {
        format!("{some} of {all} {noun}")
    }
}

/// What is said of services of that status.
const fn predicate(status: Status, all: usize) -> &'static str {
    match status {
        Status::Live if all == 1 => "is live",
        Status::Live => "are live",
        Status::Accepted => "accepted by Render, not confirmed live",
        Status::Superseded => "superseded",
        Status::Failed => "failed",
        Status::NotStarted => "not started",
        Status::Unchanged => "unchanged",
        Status::Skipped => "skipped",
        Status::Held => "held by a rollback",
        Status::Refused => "refused",
        Status::Cancelled => "cancelled",
        Status::Unknown => "unknown",
    }
}

const fn title(status: Status) -> &'static str {
    match status {
        Status::Live => "Live",
        Status::Accepted => "Accepted",
        Status::Superseded => "Superseded",
        Status::Failed => "Failed",
        Status::NotStarted => "Not started",
        Status::Unchanged => "Unchanged",
        Status::Skipped => "Skipped",
        Status::Held => "Held",
        Status::Refused => "Refused",
        Status::Cancelled => "Cancelled",
        Status::Unknown => "Unknown",
    }
}

/// A text that goes on a sentence.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ServiceName;

    fn said(outcome: Outcome, services: &[(&str, Status)]) -> String {
        let ended = |(name, status): &(&str, Status)| {
            let service = ServiceName::parse(name).expect("a name");
            ServiceResult::without_deploy(&service, *status, "")
        };
        headline(
            outcome,
            "staging",
            &services.iter().map(ended).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn it_counts_and_names_the_worst_first() {
        type Case = (Outcome, &'static [(&'static str, Status)], &'static str);
        let table: [Case; 7] = [
            (
                Outcome::Failed,
                &[
                    ("api", Status::Failed),
                    ("cron", Status::NotStarted),
                    ("queue", Status::Live),
                    ("web", Status::Failed),
                    ("workers", Status::Live),
                ],
                "In staging, 2 of 5 services failed: api, web. Not started: cron. Live: queue, workers",
            ),
            (
                Outcome::Live,
                &[("api", Status::Live), ("web", Status::Live)],
                "In staging, 2 services are live: api, web",
            ),
            (
                Outcome::Live,
                &[("api", Status::Live), ("web", Status::Unchanged)],
                "In staging, 1 service is live: api",
            ),
            (
                Outcome::Accepted,
                &[("api", Status::Live), ("web", Status::Accepted)],
                "In staging, 1 of 2 services accepted by Render, not confirmed live: web. Live: api",
            ),
            (
                Outcome::Nothing,
                &[("api", Status::Unchanged), ("web", Status::Unchanged)],
                "In staging, 2 services unchanged: api, web",
            ),
            // What is not known counts as failed, and may be all that did.
            (
                Outcome::Failed,
                &[("api", Status::Unknown), ("web", Status::Live)],
                "In staging, unknown: api. Live: web",
            ),
            (
                Outcome::Cancelled,
                &[("api", Status::Cancelled), ("web", Status::NotStarted)],
                "In staging, 1 of 2 services cancelled: api. Not started: web",
            ),
        ];
        for (outcome, services, wanted) in table {
            assert_eq!(said(outcome, services), wanted);
        }
    }
}

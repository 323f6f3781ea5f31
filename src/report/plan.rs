//! A plan for a person: each service in or out, why, and what would be called for it.

use crate::decide::{Base, Plan, PlannedService};
use crate::domain::{Decision, ServiceName, Status, Tone, TonedLine};
use std::collections::BTreeMap;

/// Writes a plan, a line at a time. `ways` says for services what would be called for them.
#[must_use]
pub fn plan_lines(
    plan: &Plan,
    tags: &[String],
    ways: &BTreeMap<ServiceName, String>,
) -> Vec<TonedLine> {
    let plain = |text: String| vec![(Tone::Plain, text)];
    let mut lines = vec![plain(format!(
        "Commit {}, tags {}",
        plan.commit,
        tags.join(", ")
    ))];
    lines.push(plain(match &plan.base {
        Base::Commit(base, from) => format!("Compared with {base} ({from})"),
        Base::OfEachService => {
            "Each service is compared with what it serves, or may come to".into()
        }
        Base::None(why) => format!("Compared with nothing: {why}"),
    }));
    lines.extend(service_lines(plan, ways));
    lines
}

/// The lines of its services, and of images that are needed for themselves.
#[must_use]
pub fn service_lines(plan: &Plan, ways: &BTreeMap<ServiceName, String>) -> Vec<TonedLine> {
    let mut lines = Vec::new();
    let names = plan
        .services
        .iter()
        .map(|service| service.name.as_str().len());
    let images = plan.images.iter().filter(|image| image.services.is_empty());
    let width = names
        .chain(images.clone().map(|image| image.name.as_str().len()))
        .max()
        .unwrap_or_default();
    for service in &plan.services {
        lines.push(service_line(service, width));
        if let Some(way) = ways
            .get(&service.name)
            .filter(|_| service.decision == Decision::Deploy)
        {
            lines.push(vec![(
                Tone::Dim,
                format!("  {:6}  {:width$}  would call {way}", "", ""),
            )]);
        }
    }
    for image in images {
        lines.push(vec![
            (Tone::Plain, "  ".into()),
            (Tone::Good, "image ".into()),
            (Tone::Strong, format!("  {:width$}", image.name.as_str())),
            (Tone::Plain, format!("  {}", image.why.detail())),
        ]);
    }
    lines
}

fn service_line(service: &PlannedService, width: usize) -> TonedLine {
    let (tone, word) = match (service.decision, service.why.status()) {
        (Decision::Deploy, _) => (Tone::Good, "deploy"),
        (Decision::Refuse, _) => (Tone::Bad, "refuse"),
        (Decision::Skip, Status::Held) => (Tone::Warn, "held"),
        (Decision::Skip, _) => (Tone::Dim, "skip"),
    };
    let base = service
        .base
        .map(|base| format!(" (it has {})", base.short(7)))
        .unwrap_or_default();
    let name = if service.decision == Decision::Deploy {
        Tone::Strong
    } else {
        Tone::Plain
    };
    vec![
        (Tone::Plain, "  ".into()),
        (tone, format!("{word:6}")),
        (name, format!("  {:width$}", service.name.as_str())),
        (
            if tone == Tone::Dim {
                Tone::Dim
            } else {
                Tone::Plain
            },
            format!("  {}{base}", service.why.detail()),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Subject, Why};
    use crate::domain::{CommitSha, ImageName};

    #[test]
    fn services_stand_in_columns_and_what_would_be_called_below() {
        let service = |name: &str, why: Why| PlannedService {
            name: ServiceName::parse(name).expect("a name"),
            image: ImageName::parse(name).expect("a name"),
            decision: why.decision(),
            why,
            base: Some(CommitSha::from_bytes([0xab; 20])),
            after: Vec::new(),
        };
        let plan = Plan {
            subject: Subject::Commit,
            commit: CommitSha::from_bytes([1; 20]),
            base: Base::OfEachService,
            services: vec![
                service("api", Why::Forced),
                service("retention", Why::Unchanged),
            ],
            images: Vec::new(),
        };
        let names = ["api", "retention"].map(|name| ServiceName::parse(name).expect("a name"));
        let ways = names.map(|name| (name, "its hook".to_owned())).into();
        let lines = plan_lines(&plan, &["x".into()], &ways);
        let texts: Vec<String> = lines
            .iter()
            .map(|line| line.iter().map(|(_, text)| text.as_str()).collect())
            .collect();
        assert_eq!(
            texts[2..],
            [
                "  deploy  api        unchanged, but deployed (force: unchanged) (it has abababa)",
                "                     would call its hook",
                "  skip    retention  unchanged (it has abababa)",
            ]
        );
        assert_eq!((lines[2][1].0, lines[4][1].0), (Tone::Good, Tone::Dim));
    }
}

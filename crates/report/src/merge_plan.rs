//! The comment that says what merging a pull request would deploy: Markdown of validated values only, as in [`super::comment`].

use super::summary::address;
use super::{Carried, outputs};
use decide::PlannedService;
use model::{CommitSha, Decision, EnvironmentName, FailureWord, ImageName, ServiceName, Status};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use url::Url;

/// The first line, which GitHub does not show: by it, and by its author, the comment is found again.
const MARK: &str = "<!-- ghcr-to-render-plan:v1 -->";
/// How many services a comment names; GitHub takes at most 65,536 characters.
const NAMED: usize = 100;

/// What merging would deploy to one environment.
#[derive(Debug, Clone)]
pub struct MergePlan {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its services, in the manifest's order.
    pub services: Vec<PlannedService>,
    /// What each deploy would carry.
    pub carried: BTreeMap<ServiceName, Carried>,
    /// The images that would have to be built.
    pub builds: Vec<ImageName>,
}

/// What is said of a merge.
#[derive(Debug, Clone)]
pub enum AfterMerge {
    /// What it would deploy, in each environment that follows the base branch.
    Known(Vec<MergePlan>),
    /// That is not known, because of this.
    Unknown(FailureWord),
}

/// What the comment is about.
#[derive(Debug, Clone)]
pub struct MergeAbout {
    /// The pull request's head.
    pub head: CommitSha,
    /// The tip of the base branch that it is merged into.
    pub base: CommitSha,
    /// The environments that no merge into the base branch deploys to.
    pub others: Vec<EnvironmentName>,
    /// The run's page.
    pub page: Option<Url>,
}

/// Writes the comment.
#[must_use]
pub fn merge_comment(after: &AfterMerge, about: &MergeAbout) -> String {
    let mut text = format!("{MARK}\n");
    match after {
        AfterMerge::Known(plans) => {
            let _ = writeln!(text, "### {}\n", merge_headline(plans));
            let mut left = NAMED;
            for plan in plans {
                section(&mut text, plan, &mut left);
            }
        }
        AfterMerge::Unknown(word) => {
            let _ = writeln!(
                text,
                "### What merging deploys is not known ({word})\n\nThe log of the run says why.\n"
            );
        }
    }
    if !about.others.is_empty() {
        let names = names(about.others.iter().map(EnvironmentName::as_str));
        let _ = writeln!(text, "Merging deploys nothing to {names}.\n");
    }
    let (head, base) = (&about.head, about.base.short(7));
    let page = match &about.page {
        Some(page) => format!(" · [run]({})", address(page)),
        None => String::new(),
    };
    let _ = writeln!(text, "Commit `{head}`, merged into `{base}`{page}");
    text
}

/// One sentence of it.
#[must_use]
pub fn merge_headline(plans: &[MergePlan]) -> String {
    let mut parts = Vec::new();
    for plan in plans {
        let mut deployed = Vec::new();
        for service in &plan.services {
            if service.decision == Decision::Deploy {
                deployed.push(service.name.as_str());
            }
        }
        match deployed.len() {
            0 => {}
            1..=5 => parts.push(format!("{} to {}", deployed.join(", "), plan.environment)),
            count => parts.push(format!("{count} services to {}", plan.environment)),
        }
    }
    if parts.is_empty() {
        return "Merging deploys nothing".into();
    }
    format!("Merging deploys {}", parts.join("; "))
}

/// What is said of one environment. `left` is how many services may still be named.
fn section(text: &mut String, plan: &MergePlan, left: &mut usize) {
    let (mut rows, mut unchanged, mut more) = (String::new(), 0_usize, 0_usize);
    for service in &plan.services {
        if service.why.status() == Status::Unchanged {
            unchanged += 1;
            continue;
        }
        if *left == 0 {
            more += 1;
            continue;
        }
        *left -= 1;
        row(&mut rows, service, plan.carried.get(&service.name));
    }
    let _ = writeln!(text, "**{}**\n", plan.environment);
    if !rows.is_empty() {
        text.push_str("| Service | Decision | Why | Carries |\n|---|---|---|---|\n");
        let _ = writeln!(text, "{rows}");
    }
    if more > 0 {
        let _ = writeln!(text, "{more} more are in the log of the run.\n");
    }
    match unchanged {
        0 => {}
        1 => text.push_str("1 service is unchanged.\n\n"),
        count => {
            let _ = writeln!(text, "{count} services are unchanged.\n");
        }
    }
    let is_deployed = |service: &PlannedService| service.decision == Decision::Deploy;
    if !plan.services.iter().any(is_deployed) {
        return;
    }
    let builds = match plan.builds.is_empty() {
        true => "Nothing has to be built: every image is there.".to_owned(),
        false => {
            let names = plan.builds.iter().take(NAMED).map(ImageName::as_str);
            format!("To build: {}.", names_or_count(names, plan.builds.len()))
        }
    };
    let _ = writeln!(text, "{builds}\n");
}

fn row(rows: &mut String, service: &PlannedService, carried: Option<&Carried>) {
    let decision = match (service.decision, service.why.status()) {
        (Decision::Deploy, _) => "deploy",
        (Decision::Refuse, _) => "refuse",
        (Decision::Skip, Status::Held) => "held",
        (Decision::Skip, _) => "skip",
    };
    let why = outputs::alphabet(&service.why.reason());
    let carries = carried.map(Carried::markdown).unwrap_or_default();
    let _ = writeln!(
        rows,
        "| {} | {decision} | {why} | {carries} |",
        service.name
    );
}

fn names_or_count<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    match count {
        0..=NAMED => self::names(names),
        count => format!("{count} images"),
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::Why;

    fn commit(byte: u8) -> CommitSha {
        CommitSha::from_bytes([byte; 20])
    }

    fn service(name: &str, why: Why) -> PlannedService {
        PlannedService {
            name: ServiceName::parse(name).unwrap(),
            image: ImageName::parse("api").unwrap(),
            decision: why.decision(),
            why,
            base: None,
            after: Vec::new(),
        }
    }

    fn plan(services: Vec<PlannedService>) -> MergePlan {
        MergePlan {
            environment: EnvironmentName::parse("staging").unwrap(),
            services,
            carried: BTreeMap::new(),
            builds: Vec::new(),
        }
    }

    fn about() -> MergeAbout {
        MergeAbout {
            head: commit(0x11),
            base: commit(0x22),
            others: vec![EnvironmentName::parse("production").unwrap()],
            page: Url::parse("https://github.com/acme/shop/actions/runs/5").ok(),
        }
    }

    #[test]
    fn it_says_what_is_deployed_where_and_why_and_what_is_built() {
        let mut plan = plan(vec![
            service("api", Why::Forced),
            service("web", Why::Unchanged),
            service("workers", Why::Held(commit(3))),
        ]);
        plan.builds = vec![ImageName::parse("api").unwrap()];
        let carried = Carried {
            commits: Some(2),
            matters: Some(1),
            ..Carried::unknown(commit(4))
        };
        let carried = Carried {
            from: Some(commit(3)),
            link: Some("https://github.com/acme/shop/compare/a...b".into()),
            ..carried
        };
        plan.carried.insert(plan.services[0].name.clone(), carried);
        let text = merge_comment(&AfterMerge::Known(vec![plan]), &about());
        let wanted = format!(
            "<!-- ghcr-to-render-plan:v1 -->\n### Merging deploys api to staging\n\n**staging**\n\n\
             | Service | Decision | Why | Carries |\n|---|---|---|---|\n\
             | api | deploy | unchanged, but deployed (force: unchanged) | [0303030 to 0404040, 2 commits, of which 1 matter](https://github.com/acme/shop/compare/a...b) |\n\
             | workers | held | held by the rollback from 0303030 (force: held lifts it) |  |\n\n\
             1 service is unchanged.\n\nTo build: api.\n\nMerging deploys nothing to production.\n\n\
             Commit `{}`, merged into `2222222` · [run](https://github.com/acme/shop/actions/runs/5)\n",
            "11".repeat(20)
        );
        assert_eq!(text, wanted);
    }

    #[test]
    fn nothing_to_deploy_and_nothing_known_are_said() {
        let services = vec![
            service("api", Why::Unchanged),
            service("web", Why::Unchanged),
        ];
        let text = merge_comment(&AfterMerge::Known(vec![plan(services)]), &about());
        assert!(text.contains("### Merging deploys nothing\n"), "{text}");
        assert!(text.contains("2 services are unchanged.") && !text.contains('|'));
        assert!(!text.contains("built"), "{text}");
        let text = merge_comment(&AfterMerge::Unknown(FailureWord::BadManifest), &about());
        assert!(text.contains("not known (bad-manifest)"), "{text}");
    }

    #[test]
    fn its_size_is_bounded_and_nothing_in_it_breaks_out() {
        let evil = "--> @team | `x` <img src=x> [a](b)\n::error::".repeat(20);
        let services: Vec<PlannedService> = (0..300)
            .map(|number| {
                let name = format!("a-service-with-a-long-name-{number}");
                service(&name, Why::Stays(evil.clone()))
            })
            .collect();
        let text = merge_comment(&AfterMerge::Known(vec![plan(services)]), &about());
        assert!(
            text.contains("200 more are in the log of the run."),
            "{text}"
        );
        for part in ["--> @", "@team", "<img", "`x`", "](b", "\n::"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("-->").count(), 1);
        let why: String = evil.chars().take(120).collect();
        let services: Vec<PlannedService> = (0..300)
            .map(|number| {
                service(
                    &format!("{}{number}", "s".repeat(40)),
                    Why::Stays(why.clone()),
                )
            })
            .collect();
        let mut plan = plan(services);
        for service in &plan.services {
            let carried = Carried {
                from: Some(commit(1)),
                link: Some(format!("https://github.com/{}", "x".repeat(200))),
                ..Carried::unknown(commit(2))
            };
            plan.carried.insert(service.name.clone(), carried);
        }
        let text = merge_comment(&AfterMerge::Known(vec![plan]), &about());
        assert!(text.len() < 65_000, "{}", text.len());
    }
}

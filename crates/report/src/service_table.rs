//! The part of the job summary about services, previews and images: a table, with the digests folded below it.

use super::links::Links;
use super::summary::{FEW, address, escape, fold, link, seconds, table};
use super::{Preview, RunReport, ServiceResult};
use decide::{Base, PlannedImage, PlannedService, Subject};
use model::{Decision, Outcome, PinnedImage, Status};

/// What was deployed where, compared with what.
pub(super) fn about(report: &RunReport, links: &Links) -> String {
    let Some(plan) = &report.plan else {
        return String::new();
    };
    let what = match &plan.subject {
        Subject::Environments {
            environments,
            release,
        } => {
            let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
            let release = release
                .as_ref()
                .map(|release| format!(", release {release}"))
                .unwrap_or_default();
            format!("Environment {}{release}", names.join(", "))
        }
        Subject::PullRequest { number, .. } => format!("Pull request {number}"),
        Subject::Commit => "No environment".into(),
    };
    let base = match &plan.base {
        Base::Commit(commit, from) => {
            format!("compared with {} ({})", links.commit(commit), escape(from))
        }
        Base::OfEachService => "each service compared with what it serves".into(),
        Base::None(why) => format!("compared with nothing: {}", escape(why)),
    };
    format!("{what}, commit {}, {base}.\n\n", links.commit(&plan.commit))
}

/// The table of services; of previews on a pull request; of images where there is neither.
pub(super) fn services_or_images(report: &RunReport, links: &Links) -> String {
    let Some(plan) = &report.plan else {
        return String::new();
    };
    if !plan.services.is_empty() {
        return services(report, links) + &digests(report);
    }
    if !report.previews.is_empty() {
        let rows: Vec<String> = report
            .previews
            .iter()
            .map(|preview| preview_row(report, preview, links))
            .collect();
        let head = "| Preview | Result | Address | Time |\n|---|---|---|---|\n";
        return table(head, &rows) + &digests(report);
    }
    let rows: Vec<String> = plan.images.iter().map(image_row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table("| Image | Why |\n|---|---|\n", &rows) + &digests(report)
}

fn services(report: &RunReport, links: &Links) -> String {
    let Some(plan) = &report.plan else {
        return String::new();
    };
    // A plan has no results, so it has no columns for them.
    let head = if report.outcome == Outcome::Planned {
        "| Service | Decision | Version | Why |\n|---|---|---|---|\n"
    } else {
        "| Service | Result | Version | Why | Time |\n|---|---|---|---|---|\n"
    };
    let all = failures_first(report, &plan.services);
    let is_left = |service: &&&PlannedService| {
        let was_left = |status: Status| matches!(status, Status::Unchanged | Status::Skipped);
        was_left(service.why.status())
            && end_of(report, service).is_none_or(|ended| was_left(ended.status))
    };
    let left: Vec<&PlannedService> = all.iter().filter(is_left).copied().collect();
    let rows = |services: &[&PlannedService]| {
        services
            .iter()
            .map(|service| row(report, service, links))
            .collect::<Vec<_>>()
    };
    if left.len() <= FEW || left.len() == all.len() {
        return table(head, &rows(&all));
    }
    // What stayed as it was is the long and dull part.
    let others: Vec<&PlannedService> = all
        .iter()
        .filter(|service| !is_left(service))
        .copied()
        .collect();
    let title = format!("{} services stay as they are", left.len());
    table(head, &rows(&others)) + &fold(&title, &format!("{head}{}", rows(&left).concat()))
}

fn end_of<'a>(report: &'a RunReport, service: &PlannedService) -> Option<&'a ServiceResult> {
    report
        .services
        .iter()
        .find(|ended| ended.service == service.name)
}

fn failures_first<'a>(
    report: &RunReport,
    services: &'a [PlannedService],
) -> Vec<&'a PlannedService> {
    let has_failed = |service: &&PlannedService| {
        report
            .services
            .iter()
            .any(|ended| ended.service == service.name && ended.failed.is_some())
    };
    services
        .iter()
        .filter(has_failed)
        .chain(services.iter().filter(|service| !has_failed(service)))
        .collect()
}

fn row(report: &RunReport, service: &PlannedService, links: &Links) -> String {
    let ended = end_of(report, service);
    let why = ended
        .and_then(|ended| ended.reason.clone())
        .unwrap_or_else(|| service.why.detail());
    let (name, version) = (&service.name, version(report, service, links));
    if report.outcome == Outcome::Planned {
        return format!(
            "| {name} | {} | {version} | {} |\n",
            service.decision,
            escape(&why)
        );
    }
    let status = ended.map_or_else(|| service.why.status(), |ended| ended.status);
    let result = result(status, ended, links);
    let is_timed = |ended: &&ServiceResult| {
        !matches!(
            ended.status,
            Status::Unchanged | Status::Skipped | Status::Held | Status::NotStarted
        )
    };
    let time = ended
        .filter(is_timed)
        .filter(|ended| !ended.took.is_zero())
        .map(|ended| seconds(ended.took))
        .unwrap_or_default();
    format!(
        "| {name} | {result} | {version} | {} | {time} |\n",
        escape(&why)
    )
}

/// The commit that a service ran, and the one that it is to run.
fn version(report: &RunReport, service: &PlannedService, links: &Links) -> String {
    let Some(plan) = &report.plan else {
        return String::new();
    };
    let to = (service.decision == Decision::Deploy).then_some(&plan.commit);
    match (&service.base, to) {
        (Some(from), Some(to)) if from != to => links.comparison(from, to),
        (_, Some(to)) => links.commit(to),
        (Some(from), None) => links.commit(from),
        (None, None) => String::new(),
    }
}

/// What became of it: linked to where the service is, once it is there, or to what the failure word means.
fn result(status: Status, ended: Option<&ServiceResult>, links: &Links) -> String {
    let shown = format!("{} {status}", mark(status));
    let Some(ended) = ended else {
        return shown;
    };
    match (&ended.failed, &ended.url) {
        (Some(failed), _) => format!("{shown}: {}", links.failure(failed.word)),
        (None, Some(page)) if ended.status == Status::Live => {
            format!("[{shown}]({})", address(page))
        }
        (None, _) => shown,
    }
}

const fn mark(status: Status) -> &'static str {
    match status {
        Status::Live => "\u{2705}",
        Status::Accepted => "\u{2611}\u{fe0f}",
        Status::Failed | Status::Refused | Status::Unknown => "\u{274c}",
        Status::NotStarted | Status::Cancelled => "\u{23f9}\u{fe0f}",
        Status::Superseded | Status::Held => "\u{26a0}\u{fe0f}",
        Status::Unchanged | Status::Skipped => "\u{2796}",
    }
}

fn preview_row(report: &RunReport, preview: &Preview, links: &Links) -> String {
    let ended = report
        .services
        .iter()
        .find(|ended| ended.service == preview.service);
    let page = ended
        .and_then(|ended| ended.url.as_ref())
        .map(link)
        .unwrap_or_default();
    let status = ended.map_or(Status::NotStarted, |ended| ended.status);
    let reason = ended
        .filter(|ended| ended.failed.is_none())
        .and_then(|ended| ended.reason.as_deref())
        .map(|reason| format!(": {}", escape(reason)))
        .unwrap_or_default();
    // The address has its own column.
    let unlinked = ended.map(|ended| ServiceResult {
        url: None,
        ..ended.clone()
    });
    let result = result(status, unlinked.as_ref(), links) + &reason;
    let time = ended
        .filter(|ended| ended.status != Status::Skipped)
        .map(|ended| seconds(ended.took))
        .unwrap_or_default();
    format!("| {} | {result} | {page} | {time} |\n", preview.service)
}

fn image_row(image: &PlannedImage) -> String {
    format!("| {} | {} |\n", image.name, escape(&image.why.detail()))
}

/// The digests: of each service that is given another than its image's, and of each image.
fn digests(report: &RunReport) -> String {
    let row = |name: &str, image: &PinnedImage| {
        format!(
            "| {name} | {} | `{}` |\n",
            escape(&image.repository.to_string()),
            image.digest
        )
    };
    let images = report
        .images
        .iter()
        .map(|(name, image)| row(name.as_str(), &image.pinned));
    let is_own = |image: &PinnedImage| {
        report
            .images
            .values()
            .all(|verified| verified.pinned != *image)
    };
    let given = report
        .given
        .iter()
        .filter(|(_, image)| is_own(image))
        .map(|(service, image)| row(service.as_str(), image));
    let rows: String = images.chain(given).collect();
    if rows.is_empty() {
        return rows;
    }
    fold(
        "Image digests",
        &format!("| Image | Repository | Digest |\n|---|---|---|\n{rows}"),
    )
}

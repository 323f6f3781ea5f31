//! The job summary: Markdown that says the outcome in its first line.

use super::documents::Documents;
use super::picture::picture;
use super::{CleanupItem, Failed, RunReport, ServiceResult};
use crate::decide::{Base, PlannedService, Subject};
use crate::domain::{Outcome, Status};
use std::fmt::Write as _;

/// More rows than this are folded.
const FOLD: usize = 30;

/// More sentences than this are folded, and more failures.
const FEW: usize = 8;

/// Writes the summary of a run. Failures are linked to the documents, where these are known.
#[must_use]
pub fn summary(report: &RunReport, documents: Option<&Documents>) -> String {
    let mut text = format!(
        "### {} {}\n\n",
        sign(report.outcome),
        escape(&report.headline)
    );
    text.push_str(&failures(report, documents));
    // Another bullet than that of the failures makes it another list.
    let notes: Vec<String> = report
        .notes
        .iter()
        .map(|note| format!("* {}\n", escape(note)))
        .collect();
    text.push_str(&folded(&notes, "more remarks"));
    if report.plan.is_some() {
        text.push_str(&about(report));
        text.push_str(&services_or_images(report));
        text.push_str(&super::carried::section(report));
    }
    if let Some(fleet) = &report.fleet {
        text.push_str(&super::fleet_summary(fleet, escape));
    }
    if !report.cleanup_items.is_empty() {
        let row = |left: &CleanupItem| {
            format!(
                "| {} | {} | {} |\n",
                escape(&left.what),
                left.result.as_str(),
                escape(&left.why)
            )
        };
        let rows: Vec<String> = report.cleanup_items.iter().map(row).collect();
        text.push_str(&table("| What | Result | Why |\n|---|---|---|\n", &rows));
    }
    if let Some(checked) = &report.checked {
        text.push_str(&super::check::section(checked));
    }
    if let Some(written) = &report.written {
        let steps: Vec<String> = written
            .next
            .iter()
            .map(|step| format!("1. {}\n", escape(step)))
            .collect();
        text.push_str(&folded(&steps, "more steps"));
    }
    text.push_str(&picture(&report.services));
    text
}

/// What went wrong and what to do about it: that of the run, and that of each service.
fn failures(report: &RunReport, documents: Option<&Documents>) -> String {
    let of_services = report
        .services
        .iter()
        .filter_map(|ended| Some((Some(&ended.service), ended.failed.as_ref()?)));
    let all = report
        .failed
        .iter()
        .map(|failed| (None, failed))
        .chain(of_services);
    let told: Vec<String> = all
        .map(|(service, failed)| {
            let who = service
                .map(|service| format!("**{service}** "))
                .unwrap_or_default();
            // What the first line says already is not said again.
            let is_said = service.is_none() && report.headline.ends_with(&failed.text);
            let text = if is_said {
                String::new()
            } else {
                format!("{}<br>", escape(&failed.text))
            };
            let word = match documents {
                Some(documents) => {
                    format!("[`{0}`]({1})", failed.word, documents.failure(failed.word))
                }
                None => format!("`{}`", failed.word),
            };
            format!("- {who}{word}: {text}{}\n", next_step(failed))
        })
        .collect();
    folded(&told, "more failures")
}

/// Items of a list, those behind the first few folded.
pub(super) fn folded(items: &[String], what: &str) -> String {
    if items.is_empty() {
        return String::new();
    }
    let (shown, rest) = items.split_at(items.len().min(FEW));
    let mut text = format!("{}\n", shown.concat());
    if !rest.is_empty() {
        text.push_str(&fold(&format!("{} {what}", rest.len()), &rest.concat()));
    }
    text
}

fn fold(title: &str, text: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{text}\n</details>\n\n")
}

fn services_or_images(report: &RunReport) -> String {
    let Some(plan) = &report.plan else {
        return String::new();
    };
    if plan.services.is_empty() && !report.previews.is_empty() {
        let rows: Vec<String> = report
            .previews
            .iter()
            .map(|preview| preview_row(report, preview))
            .collect();
        return table(
            "| Preview | Address | Image | Result | Time |\n|---|---|---|---|---|\n",
            &rows,
        );
    }
    if plan.services.is_empty() {
        let rows: Vec<String> = plan
            .images
            .iter()
            .map(|image| image_row(report, image))
            .collect();
        return if rows.is_empty() {
            rows.concat()
        } else {
            table("| Image | Why | Digest |\n|---|---|---|\n", &rows)
        };
    }
    // A plan has no results, so it has no columns for them.
    let head = if report.outcome == Outcome::Planned {
        "| Service | Decision | Why | Image |\n|---|---|---|---|\n"
    } else {
        "| Service | Decision | Why | Image | Result | Time |\n|---|---|---|---|---|---|\n"
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
            .map(|service| row(report, service))
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

/// What was deployed where, compared with what.
fn about(report: &RunReport) -> String {
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
            format!("compared with `{}` ({})", commit.short(7), escape(from))
        }
        Base::OfEachService => "each service compared with what it serves".into(),
        Base::None(why) => format!("compared with nothing: {}", escape(why)),
    };
    format!("{what}, commit `{}`, {base}.\n\n", plan.commit.short(7))
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

fn row(report: &RunReport, service: &PlannedService) -> String {
    let ended = end_of(report, service);
    let status = ended.map_or_else(|| service.why.status(), |ended| ended.status);
    let why = ended
        .and_then(|ended| ended.reason.clone())
        .unwrap_or_else(|| service.why.detail());
    let of_image = || Some(&report.images.get(&service.image)?.pinned);
    let image = report
        .given
        .get(&service.name)
        .or_else(of_image)
        .map_or_else(
            || service.image.to_string(),
            |image| {
                format!(
                    "{}<br>`{}`",
                    escape(&image.repository.to_string()),
                    image.digest.short()
                )
            },
        );
    let first = format!(
        "| {} | {} | {} | {image} |",
        service.name,
        service.decision,
        escape(&why)
    );
    if report.outcome == Outcome::Planned {
        return format!("{first}\n");
    }
    let result = result(status, ended);
    // Where the service is, once it is there.
    let page = ended
        .filter(|ended| ended.status == Status::Live)
        .and_then(|ended| ended.url.as_ref());
    let result = page.map_or(result.clone(), |page| {
        format!("[{result}]({})", address(page))
    });
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
    format!("{first} {result} | {time} |\n")
}

/// What became of it, and in a word why not.
fn result(status: Status, ended: Option<&ServiceResult>) -> String {
    let word = ended
        .and_then(|ended| ended.failed.as_ref())
        .map(|failed| format!(": {}", failed.word));
    format!("{} {status}{}", mark(status), word.unwrap_or_default())
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

fn preview_row(report: &RunReport, preview: &super::Preview) -> String {
    let ended = report
        .services
        .iter()
        .find(|ended| ended.service == preview.service);
    let link = ended
        .and_then(|ended| ended.url.as_ref())
        .map(link)
        .unwrap_or_default();
    let image = report.images.get(&preview.image).map_or_else(
        || preview.image.to_string(),
        |image| {
            format!(
                "{}<br>`{}`",
                escape(&image.pinned.repository.to_string()),
                image.pinned.digest.short()
            )
        },
    );
    let status = ended.map_or(Status::NotStarted, |ended| ended.status);
    let reason = ended
        .filter(|ended| ended.failed.is_none())
        .and_then(|ended| ended.reason.as_deref());
    let result = result(status, ended)
        + &reason
            .map(|reason| format!(": {}", escape(reason)))
            .unwrap_or_default();
    let time = ended
        .filter(|ended| ended.status != Status::Skipped)
        .map(|ended| seconds(ended.took))
        .unwrap_or_default();
    format!(
        "| {} | {link} | {image} | {result} | {time} |\n",
        preview.service
    )
}

/// A link whose text is the address's host.
pub(super) fn link(url: &url::Url) -> String {
    format!(
        "[{}]({})",
        escape(url.host_str().unwrap_or_default()),
        address(url)
    )
}

/// What to do, and where.
fn next_step(failed: &Failed) -> String {
    let page = failed
        .page
        .as_ref()
        .map(|page| format!(" [Its page on Render]({})", address(page)));
    format!("{}{}", escape(&failed.hint), page.unwrap_or_default())
}

/// An address as the target of a link: nothing in it ends the link, or the cell that it stands in.
pub(super) fn address(url: &url::Url) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?=&%+".contains(byte);
    let shown = |byte: u8| {
        if is_plain(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    url.as_str().bytes().map(shown).collect()
}

fn image_row(report: &RunReport, image: &crate::decide::PlannedImage) -> String {
    let digest = report
        .images
        .get(&image.name)
        .map(|verified| format!("`{}`", verified.pinned.digest))
        .unwrap_or_default();
    format!(
        "| {} | {} | {digest} |\n",
        image.name,
        escape(&image.why.detail())
    )
}

pub(super) fn table(head: &str, rows: &[String]) -> String {
    let (shown, folded) = rows.split_at(rows.len().min(FOLD));
    let mut text = format!("{head}{}\n", shown.concat());
    if !folded.is_empty() {
        let _ = write!(
            text,
            "<details><summary>{} more</summary>\n\n{head}{}\n</details>\n\n",
            folded.len(),
            folded.concat()
        );
    }
    text
}

pub(super) fn seconds(duration: std::time::Duration) -> String {
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        seconds @ 1..=99 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

pub(super) const fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Live | Outcome::Verified => "\u{2705}",
        // Not the green mark of what is known to be live.
        Outcome::Accepted => "\u{2611}\u{fe0f}",
        Outcome::Failed | Outcome::Refused => "\u{274c}",
        Outcome::Cancelled | Outcome::Superseded | Outcome::Held | Outcome::Skipped => {
            "\u{26a0}\u{fe0f}"
        }
        Outcome::Nothing | Outcome::Planned => "\u{2139}\u{fe0f}",
    }
}

/// Makes text inert in Markdown and HTML: no mark-up, no table cell, no mention, no link.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // GitHub looks for mentions and references in what is shown: only something between the sign and the name stops it. (A space of no
            // width, as Dependabot puts there: <https://github.com/dependabot/dependabot-core>, `link_and_mention_sanitizer.rb`.)
            '@' => out.push_str("&#64;&#8203;"),
            '#' => out.push_str("&#35;&#8203;"),
            '-' if out
                .as_bytes()
                .last_chunk()
                .is_some_and(|last: &[u8; 2]| last.eq_ignore_ascii_case(b"gh")) =>
            {
                out.push_str("-&#8203;");
            }
            // GitHub makes links of addresses without any mark-up.
            '/' if out.ends_with(':') => out.push_str("&#47;"),
            '.' if out
                .as_bytes()
                .last_chunk()
                .is_some_and(|last: &[u8; 3]| last.eq_ignore_ascii_case(b"www")) =>
            {
                out.push_str("&#46;")
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '$' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_inert_in_markdown() {
        assert_eq!(
            escape("<img src=x> @team `a` |b| [c](https://d) www.e #1 GH-1"),
            "&lt;img src=x&gt; &#64;&#8203;team \\`a\\` \\|b\\| \\[c\\](https:&#47;/d) www&#46;e &#35;&#8203;1 GH-&#8203;1"
        );
    }

    #[test]
    fn a_link_leads_where_it_says_and_ends_where_it_should() {
        for (text, wanted) in [
            (
                "https://dashboard.render.com/web/srv-abc?x=1",
                "https://dashboard.render.com/web/srv-abc?x=1",
            ),
            (
                "https://example.com/a)|b](c#`d`",
                "https://example.com/a%29%7Cb%5D%28c%23%60d%60",
            ),
        ] {
            assert_eq!(address(&url::Url::parse(text).expect("an address")), wanted);
        }
    }

    #[test]
    fn the_first_line_is_the_outcome() {
        let text = summary(
            &RunReport::new(Outcome::Nothing, "Nothing to do: a branch was deleted."),
            None,
        );
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains("Nothing to do")),
            "{text}"
        );
    }
}

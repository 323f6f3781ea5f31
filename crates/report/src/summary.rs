//! The job summary: Markdown that says the outcome in its first line.

use super::links::Links;
use super::picture::picture;
use super::service_table::{about, services_or_images};
use super::{CleanupItem, Failed, RunReport};
use model::Outcome;
use std::fmt::Write as _;

/// More rows than this are folded.
const FOLD: usize = 30;

/// More sentences than this are folded, and more failures.
pub(super) const FEW: usize = 8;

/// Writes the summary of a run.
#[must_use]
pub fn summary(report: &RunReport, links: &Links) -> String {
    let mut text = format!(
        "### {} {}\n\n",
        sign(report.outcome),
        escape(&report.headline)
    );
    text.push_str(&failures(report, links));
    if report.plan.is_some() {
        text.push_str(&about(report, links));
        text.push_str(&services_or_images(report, links));
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
    // Another bullet than that of the failures makes it another list.
    let notes: Vec<String> = report
        .notes
        .iter()
        .map(|note| format!("* {}\n", escape(note)))
        .collect();
    text.push_str(&folded(&notes, "more remarks"));
    text.push_str(&picture(&report.services));
    text
}

/// What went wrong and what to do about it: that of the run, and that of each service.
fn failures(report: &RunReport, links: &Links) -> String {
    let of_services = report
        .services
        .iter()
        .filter_map(|ended| Some((Some(&ended.service), ended.failed.as_ref()?)));
    let has_failed_service = of_services.clone().next().is_some();
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
            let word = links.failure(failed.word);
            format!("- {who}{word}: {text}{}\n", next_step(failed))
        })
        .collect();
    let mut text = folded(&told, "more failures");
    // Previews have no environment: there is nothing to go back to.
    if let Some(page) = links.rollback()
        && has_failed_service
        && report.environment.is_some()
    {
        let _ = writeln!(text, "[Roll back]({page}) to what was live before.\n");
    }
    text
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

pub(super) fn fold(title: &str, text: &str) -> String {
    format!("<details><summary>{title}</summary>\n\n{text}\n</details>\n\n")
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
    let logs_link = failed
        .page
        .as_ref()
        .map(|page| format!(" [Render's logs]({})", address(&logs(page))));
    format!("{}{}", escape(&failed.hint), logs_link.unwrap_or_default())
}

/// The logs of the service whose page on Render's dashboard this is.
fn logs(page: &url::Url) -> url::Url {
    let mut logs = page.clone();
    if let Ok(mut segments) = logs.path_segments_mut() {
        segments.pop_if_empty().push("logs");
    }
    logs
}

/// An address as the target of a link: nothing in it ends the link, or the cell that it stands in.
pub(super) fn address(url: &url::Url) -> String {
    model::percent_escape(url.as_str(), b"-._~:/?=&%+")
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
            &Links::default(),
        );
        assert!(
            text.lines()
                .next()
                .is_some_and(|line| line.contains("Nothing to do")),
            "{text}"
        );
    }
}

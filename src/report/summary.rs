//! The job summary: Markdown that says the outcome in its first line.

use super::{Ended, Failed, Leftover, Story};
use crate::decide::{Base, PlannedService, Subject};
use crate::domain::{Outcome, Status};
use std::fmt::Write as _;

/// More rows than this are folded.
const FOLD: usize = 30;

/// Writes the summary of a story.
#[must_use]
pub fn summary(story: &Story) -> String {
    let mut text = format!("### {} {}\n\n", sign(story.outcome), escape(&story.headline));
    if let Some(failed) = story.failure() {
        let _ = writeln!(text, "**{}**: {}\n\n{}\n", failed.word, escape(&failed.text), next_step(failed));
    }
    for note in &story.notes {
        let _ = writeln!(text, "- {}", escape(note));
    }
    if !story.notes.is_empty() {
        text.push('\n');
    }
    if let Some(plan) = &story.plan {
        text.push_str(&about(story));
        if !plan.services.is_empty() {
            let rows: Vec<String> =
                failures_first(story, &plan.services).into_iter().map(|service| row(story, service)).collect();
            text.push_str(&table(
                "| Service | Decision | Why | Image | Result | Time |\n|---|---|---|---|---|---|\n",
                &rows,
            ));
        } else if !story.previews.is_empty() {
            let rows: Vec<String> = story.previews.iter().map(|preview| preview_row(story, preview)).collect();
            text.push_str(&table("| Preview | Address | Image | Result | Time |\n|---|---|---|---|---|\n", &rows));
        } else if !plan.images.is_empty() {
            let rows: Vec<String> = plan.images.iter().map(|image| image_row(story, image)).collect();
            text.push_str(&table("| Image | Why | Digest |\n|---|---|---|\n", &rows));
        }
    }
    if !story.leftovers.is_empty() {
        let row = |left: &Leftover| {
            format!("| {} | {} | {} |\n", escape(&left.what), left.became.as_str(), escape(&left.why))
        };
        let rows: Vec<String> = story.leftovers.iter().map(row).collect();
        text.push_str(&table("| What | Result | Why |\n|---|---|---|\n", &rows));
    }
    if let Some(checked) = &story.checked {
        text.push_str(&super::check::section(checked));
    }
    text.push_str(&picture(&story.services));
    text
}

/// What was deployed where, compared with what.
fn about(story: &Story) -> String {
    let Some(plan) = &story.plan else { return String::new() };
    let what = match &plan.subject {
        Subject::Environments { environments, release } => {
            let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
            let release = release.as_ref().map(|release| format!(", release {release}")).unwrap_or_default();
            format!("Environment {}{release}", names.join(", "))
        }
        Subject::PullRequest { number, .. } => format!("Pull request {number}"),
        Subject::Commit => "No environment".into(),
    };
    let base = match &plan.base {
        Base::Commit(commit, from) => format!("compared with `{}` ({})", commit.short(7), escape(from)),
        Base::OfEachService => "each service compared with what it serves".into(),
        Base::None(why) => format!("compared with nothing: {}", escape(why)),
    };
    format!("{what}, commit `{}`, {base}.\n\n", plan.commit.short(7))
}

fn failures_first<'a>(story: &Story, services: &'a [PlannedService]) -> Vec<&'a PlannedService> {
    let has_failed = |service: &&PlannedService| {
        story.services.iter().any(|ended| ended.service == service.name && ended.failed.is_some())
    };
    services.iter().filter(has_failed).chain(services.iter().filter(|service| !has_failed(service))).collect()
}

fn row(story: &Story, service: &PlannedService) -> String {
    let ended = story.services.iter().find(|ended| ended.service == service.name);
    let status = ended.map_or_else(|| service.why.status(), |ended| ended.status);
    let why = ended.and_then(|ended| ended.reason.clone()).unwrap_or_else(|| service.why.detail());
    let result = match ended.and_then(|ended| ended.failed.as_ref()) {
        Some(failed) => format!("{status}: {} {}", escape(&failed.text), next_step(failed)),
        None if story.outcome == Outcome::Planned => String::new(),
        None => status.to_string(),
    };
    let of_image = || Some(&story.images.get(&service.image)?.pinned);
    let image = story.given.get(&service.name).or_else(of_image).map_or_else(
        || service.image.to_string(),
        |image| format!("{}<br>`{}`", escape(&image.repository.to_string()), image.digest.short()),
    );
    let time =
        ended.filter(|ended| ended.status != Status::Skipped).map(|ended| seconds(ended.took)).unwrap_or_default();
    format!("| {} | {} | {} | {image} | {result} | {time} |\n", service.name, service.decision, escape(&why))
}

fn preview_row(story: &Story, preview: &super::Preview) -> String {
    let ended = story.services.iter().find(|ended| ended.service == preview.service);
    let link = ended.and_then(|ended| ended.url.as_ref()).map(link).unwrap_or_default();
    let image = story.images.get(&preview.image).map_or_else(
        || preview.image.to_string(),
        |image| format!("{}<br>`{}`", escape(&image.pinned.repository.to_string()), image.pinned.digest.short()),
    );
    let result = match ended {
        None => Status::NotStarted.to_string(),
        Some(ended) => match (&ended.failed, &ended.reason) {
            (Some(failed), _) => format!("{}: {} {}", ended.status, escape(&failed.text), next_step(failed)),
            (None, Some(reason)) => format!("{}: {}", ended.status, escape(reason)),
            (None, None) => ended.status.to_string(),
        },
    };
    let time =
        ended.filter(|ended| ended.status != Status::Skipped).map(|ended| seconds(ended.took)).unwrap_or_default();
    format!("| {} | {link} | {image} | {result} | {time} |\n", preview.service)
}

/// A link whose text is the address's host.
pub(super) fn link(url: &url::Url) -> String {
    format!("[{}]({})", escape(url.host_str().unwrap_or_default()), address(url))
}

/// What to do, and where.
fn next_step(failed: &Failed) -> String {
    let page = failed.page.as_ref().map(|page| format!(" [Its page on Render]({})", address(page)));
    format!("{}{}", escape(&failed.hint), page.unwrap_or_default())
}

/// An address as the target of a link: nothing in it ends the link, or the cell that it stands in.
pub(super) fn address(url: &url::Url) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?=&%+".contains(byte);
    let shown = |byte: u8| if is_plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    url.as_str().bytes().map(shown).collect()
}

fn image_row(story: &Story, image: &crate::decide::PlannedImage) -> String {
    let digest =
        story.images.get(&image.name).map(|verified| format!("`{}`", verified.pinned.digest)).unwrap_or_default();
    format!("| {} | {} | {digest} |\n", image.name, escape(&image.why.detail()))
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

/// A picture of order and time, when more than one service was deployed. Milliseconds, so that short deploys are seen too.
fn picture(services: &[Ended]) -> String {
    let ran: Vec<&Ended> = services
        .iter()
        .filter(|ended| {
            matches!(
                ended.status,
                Status::Accepted | Status::Live | Status::Failed | Status::Superseded | Status::Unknown
            )
        })
        .collect();
    if ran.len() < 2 {
        return String::new();
    }
    let mut text = "```mermaid\ngantt\n    dateFormat x\n    axisFormat %M:%S\n".to_owned();
    for ended in ran {
        let mark = if matches!(ended.status, Status::Failed | Status::Unknown) { "crit, " } else { "" };
        let (from, took) = (ended.began.as_millis(), ended.took.as_millis().max(1));
        let _ = writeln!(text, "    {} {} :{mark}{from}, {}", ended.service, ended.status, from + took);
    }
    text.push_str("```\n");
    text
}

fn seconds(duration: std::time::Duration) -> String {
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
        Outcome::Cancelled | Outcome::Superseded | Outcome::Held | Outcome::Skipped => "\u{26a0}\u{fe0f}",
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
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            // GitHub makes links of addresses without any mark-up.
            '/' if out.ends_with(':') => out.push_str("&#47;"),
            '.' if out.as_bytes().last_chunk().is_some_and(|last: &[u8; 3]| last.eq_ignore_ascii_case(b"www")) => {
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
            escape("<img src=x> @team `a` |b| [c](https://d) www.e #1"),
            "&lt;img src=x&gt; &#64;team \\`a\\` \\|b\\| \\[c\\](https:&#47;/d) www&#46;e &#35;1"
        );
    }

    #[test]
    fn a_link_leads_where_it_says_and_ends_where_it_should() {
        for (text, wanted) in [
            ("https://dashboard.render.com/web/srv-abc?x=1", "https://dashboard.render.com/web/srv-abc?x=1"),
            ("https://example.com/a)|b](c#`d`", "https://example.com/a%29%7Cb%5D%28c%23%60d%60"),
        ] {
            assert_eq!(address(&url::Url::parse(text).expect("an address")), wanted);
        }
    }

    #[test]
    fn the_first_line_is_the_outcome() {
        let text = summary(&Story::new(Outcome::Nothing, "Nothing to do: a branch was deleted."));
        assert!(text.lines().next().is_some_and(|line| line.contains("Nothing to do")), "{text}");
    }
}

//! A summary or a comment as GitHub reads it: what stands in it that is not ours. Foreign text may be shown, and may be nothing but text.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag};
use std::ops::Range;

/// Tags that may stand in what we write, just so; none of them can load, run or name anything.
const TAGS: &[&str] = &["<details>", "</details>", "<summary>", "</summary>", "<br>"];

/// What comments are found again by: that of `deploy`, and that of `plan`.
const MARKS: [&str; 2] = [
    "<!-- ghcr-to-render:pull-request:v1 -->",
    "<!-- ghcr-to-render-plan:v1 -->",
];

/// The address of the documents of the action that [`crate::runner`] says is running.
const FAILURES: &str = "https://github.com/acme/ghcr-to-render/blob/v1/docs/failures.md#";

/// The workflow that goes back, in those documents.
const ROLLBACK: &str = "https://github.com/acme/ghcr-to-render/blob/v1/docs/workflows/rollback.yml";

/// The origins that links lead to: the run and its repository, Render's dashboard, what is deployed there, and the list of failures.
fn is_ours(address: &str) -> bool {
    if let Some(word) = address.strip_prefix(FAILURES) {
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        return !word.is_empty() && word.bytes().all(is_letter);
    }
    if address == ROLLBACK {
        return true;
    }
    let Ok(url) = url::Url::parse(address) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let is_known = match host {
        "github.com" | "github.acme.example" => {
            url.path().starts_with("/acme/shop/actions/runs/")
                || is_commit_page(url.path())
                || is_comparison(url.path())
        }
        "dashboard.render.com" => true,
        _ => host.ends_with(".onrender.com"),
    };
    url.scheme() == "https" && is_known && url.username().is_empty() && url.fragment().is_none()
}

/// GitHub's page of a commit of the repository.
fn is_commit_page(path: &str) -> bool {
    let commit = path.strip_prefix("/acme/shop/commit/");
    commit.is_some_and(is_commit)
}

/// GitHub's page that compares two commits of the repository.
fn is_comparison(path: &str) -> bool {
    let range = path.strip_prefix("/acme/shop/compare/");
    let ends = range.and_then(|range| range.split_once("..."));
    ends.is_some_and(|(from, to)| is_commit(from) && is_commit(to))
}

fn is_commit(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 40 && text.bytes().all(is_hex)
}

/// Everything in a text that somebody else has put there: tags, links, pictures, mentions, references, addresses that GitHub makes links of,
/// pictures in Mermaid that lead somewhere.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser tells of more than can be foreign"
)]
pub fn foreign(markdown: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut runs: Vec<(String, Range<usize>)> = Vec::new();
    let mut is_code = false;
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        // Neighbouring pieces are one text to whoever looks for a mention in it.
        let mut say = |text: &CowStr<'_>| match runs.last_mut() {
            Some((said, place)) if place.end >= range.start => {
                said.push_str(text);
                place.end = range.end;
            }
            _ => runs.push((text.to_string(), range.clone())),
        };
        match event {
            Event::Html(text) | Event::InlineHtml(text) => {
                let rest = TAGS
                    .iter()
                    .chain(&MARKS)
                    .fold(text.to_string(), |rest, part| rest.replace(part, ""));
                let is_marked = MARKS.iter().any(|mark| text.contains(mark));
                if rest.contains(['<', '>']) || (is_marked && range.start > 0) {
                    found.push(format!("foreign HTML {}", cut(&text)));
                }
                say(&CowStr::from(rest));
            }
            Event::Start(Tag::Link { dest_url, .. }) if !is_ours(&dest_url) => {
                found.push(format!("a link to {}", cut(&dest_url)))
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                found.push(format!("a picture from {}", cut(&dest_url)))
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                is_code = true;
                if !matches!(&kind, CodeBlockKind::Fenced(language) if language.as_ref() == "mermaid")
                {
                    found.push(format!("a block of {kind:?}"));
                }
            }
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if is_code => {
                // A Gantt chart's own lines, and bars of validated names.
                for line in text.lines().map(str::trim) {
                    let is_own = [
                        "gantt",
                        "title When each deploy ran, from the first one on",
                        "dateFormat ",
                        "axisFormat ",
                        "todayMarker off",
                    ]
                    .iter()
                    .any(|own| line.starts_with(own));
                    if !is_own && !line.contains(" :")
                        || line.contains(['<', '"', '%', ';']) && !line.starts_with("axisFormat ")
                    {
                        found.push(format!("a line of a picture: {}", cut(line)));
                    }
                }
            }
            Event::Text(text) => say(&text),
            Event::FootnoteReference(name) => found.push(format!("a footnote {name}")),
            _ => {}
        }
    }
    found.extend(torn(markdown));
    for (text, range) in runs {
        // Mentions and references are looked for in what is shown, addresses in what is written.
        if let Some(what) = mention(&text) {
            found.push(format!("a mention or reference {}", cut(what)));
        }
        let written = &markdown[range];
        if written.contains("://") || written.to_ascii_lowercase().contains("www.") {
            found.push(format!("an address that becomes a link: {}", cut(written)));
        }
    }
    found
}

/// A row with more or fewer cells than the one above it: what stood in it has ended a cell, and of what is too much GitHub shows nothing.
fn torn(markdown: &str) -> Option<String> {
    let cells = |line: &str| {
        line.starts_with('|')
            .then(|| line.replace("\\|", "").matches('|').count())
    };
    let lines: Vec<&str> = markdown.lines().collect();
    let torn = lines.windows(2).find(
        |pair| matches!((cells(pair[0]), cells(pair[1])), (Some(above), Some(own)) if above != own),
    )?;
    Some(format!("a row that is torn: {}", cut(torn[1])))
}

/// `@name`, `#7` and `GH-7`, where GitHub sees them.
fn mention(text: &str) -> Option<&str> {
    let signs = text.char_indices().filter(|(at, sign)| {
        *sign == '@' || *sign == '#' || text[*at..].to_ascii_uppercase().starts_with("GH-")
    });
    signs.into_iter().find_map(|(at, sign)| {
        let behind = &text[at + if sign.is_ascii_alphabetic() { 3 } else { 1 }..];
        let next = behind.chars().next()?;
        let is_one = if sign == '@' {
            next.is_ascii_alphanumeric()
        } else {
            next.is_ascii_digit()
        };
        is_one.then(|| &text[at..])
    })
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_seen_wherever_it_stands() {
        let table = [
            ("<img src=x>", "foreign HTML"),
            ("a <b onclick=x>b</b>", "foreign HTML"),
            ("<details open ontoggle=x>", "foreign HTML"),
            ("text <!-- hidden -->", "foreign HTML"),
            (
                "text <!-- ghcr-to-render:pull-request:v1 -->",
                "foreign HTML",
            ),
            ("[run](https://evil.example/)", "a link to"),
            (
                "[run](https://github.com/mallory/shop/actions/runs/5)",
                "a link to",
            ),
            (
                "[run](https://evil@github.com/acme/shop/actions/runs/5)",
                "a link to",
            ),
            ("[a]\n\n[a]: javascript:alert(1)", "a link to"),
            (
                "[x](https://github.com/acme/ghcr-to-render/blob/v1/docs/failures.md#A)",
                "a link to",
            ),
            ("<https://evil.example>", "a link to"),
            ("![x](https://evil.example/x.png)", "a picture from"),
            ("see https://evil.example", "an address"),
            ("see WWW.evil.example", "an address"),
            ("hello @team", "a mention"),
            ("hello &#64;team", "a mention"),
            ("<summary>@team</summary>", "a mention"),
            ("fixes #1", "a mention"),
            ("fixes gh-1", "a mention"),
            ("| a |\n|---|\n| @team |", "a mention"),
            ("```\nx\n```", "a block"),
            ("    indented", "a block"),
            ("```mermaid\nflowchart LR\n```", "a line of a picture"),
            (
                "```mermaid\ngantt\n    click a href \"https://evil.example\"\n```",
                "a line of a picture",
            ),
            (
                "```mermaid\ngantt\n%%{init: {}}%%\n```",
                "a line of a picture",
            ),
            ("a[^1]\n\n[^1]: b", "a footnote"),
            ("| a | b |\n|---|---|\n| c | d | e |", "a row that is torn"),
            (
                "| a | b |\n|---|---|\n| c `|` d | e |",
                "a row that is torn",
            ),
        ];
        for (text, wanted) in table {
            let found = foreign(text);
            assert!(
                found.iter().any(|what| what.starts_with(wanted)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn what_we_write_is_ours() {
        for text in [
            "<!-- ghcr-to-render:pull-request:v1 -->\n### live\n",
            "<details><summary>9 more</summary>\n\n| a |\n|---|\n| b<br>`@team #1 <img> https://x` |\n\n</details>\n",
            "[`exited`](https://github.com/acme/ghcr-to-render/blob/v1/docs/failures.md#exited)",
            "[run](https://github.com/acme/shop/actions/runs/5) [page](https://dashboard.render.com/web/srv-a?x=1)",
            "```mermaid\ngantt\n    dateFormat YYYY\n    axisFormat %M:%S\n    \u{2713} api live 3 s :active, a, b\n```\n",
            "| a | b |\n|---|---|\n| c \\| d | e |",
            "&#64;&#8203;team, &#35;&#8203;1, https:&#47;/x, www&#46;x, a \\`b\\`",
        ] {
            assert_eq!(foreign(text), Vec::<String>::new(), "{text}");
        }
    }
}

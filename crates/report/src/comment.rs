//! A pull request's comment: Markdown of validated values only. No text of others stands in it, not even made inert.

use super::comment_part::{EarlierParts, IMAGE_DIGESTS, JobPart, commit_line, digest_row};
use super::links::Links;
use super::summary::{address, fold, link, sign};
use super::{CleanupItem, RunReport, ServiceResult};
use model::{CommitSha, Digest, FailureWord, ImageName, Outcome, ServiceId, ServiceName, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use url::Url;

/// The first line, which GitHub does not show: by it, and by its author, the comment is found again. What stands behind the last colon is this
/// form's version.
const MARK: &str = "<!-- ghcr-to-render:pull-request:v1 -->";

/// What the comment is about, beside the story.
#[derive(Debug, Clone)]
pub struct CommentSubject {
    /// The commit of the run.
    pub commit: CommitSha,
    /// The commit that the pull request is on now, where that is another one and known.
    pub head: Option<CommitSha>,
    /// The services that the run is restricted to; none where it deploys all of them.
    pub services: BTreeSet<ServiceName>,
    /// The run's page.
    pub page: Option<Url>,
    /// What stopped the run, where something did.
    pub failure: Option<(Outcome, FailureWord)>,
    /// Where commits and failure words lead.
    pub links: Links,
}

/// What there is of a pull request's previews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommentContent {
    /// Every preview that Render has of it.
    All(Vec<ShownPreview>),
    /// That is not known.
    Unknown,
}

/// A preview that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPreview {
    /// The service that it is a preview of; none where the manifest has it no more.
    pub service: Option<ServiceName>,
    /// Its id on Render.
    pub id: ServiceId,
    /// Where it is.
    pub url: Option<Url>,
    /// The digest that is live.
    pub digest: Option<Digest>,
    /// The commit of that digest, where a record or this run knows it.
    pub commit: Option<CommitSha>,
    /// Whether it is up.
    pub state: Up,
}

/// Whether a preview is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Up {
    /// It is.
    Live,
    /// Another deploy is under way.
    Deploying,
    /// Nothing of it is live.
    Down,
    /// It is suspended.
    Suspended,
}

impl Up {
    const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Deploying => "being deployed",
            Self::Down => "not live",
            Self::Suspended => "suspended",
        }
    }
}

/// Writes the comment: what there is of the pull request, and how this run ended. `bodies` is what our comment says so far: what other jobs of the
/// workflow wrote about the same commit stays. The same end of the same run has the same text, however often it is repeated.
#[must_use]
pub fn comment(
    report: &RunReport,
    shown: &CommentContent,
    about: &CommentSubject,
    bodies: &[&str],
) -> String {
    let own = own_part(report, about);
    let earlier = EarlierParts::read(bodies, &about.commit, &own);
    let parts = earlier.with(&own);
    let mut text = format!("{MARK}\n");
    match parts.iter().min_by_key(|part| part.outcome) {
        Some(worst) if parts.len() > 1 => {
            let _ = writeln!(text, "### {}\n", worst.end());
        }
        Some(_) | None => {
            let title = title(report, own.outcome);
            let _ = writeln!(text, "### {} {title}\n", sign(own.outcome));
            if let Some(word) = own.word {
                let _ = writeln!(text, "Failure: {}\n", about.links.failure(word));
            }
        }
    }
    let there: &[ShownPreview] = match shown {
        CommentContent::All(there) => there,
        CommentContent::Unknown => {
            text.push_str("Which previews there are is not known.\n\n");
            &[]
        }
    };
    if report.previews.is_empty() && there.is_empty() {
        verified(&mut text, report, &earlier);
    } else {
        previews(&mut text, report, there, about);
    }
    if own.services.is_empty() {
        let page = own.page.as_ref();
        let page = page.map(|page| format!(" \u{b7} [run]({})", address(page)));
        let commit = about.links.commit(&about.commit);
        let _ = writeln!(text, "Commit {commit}{}", page.unwrap_or_default());
        return text;
    }
    let _ = writeln!(text, "{}\n", commit_line(&about.commit));
    for part in parts {
        let _ = writeln!(text, "{}", part.line());
    }
    text
}

/// The previews: those that are there, and those that were to be made.
fn previews(text: &mut String, report: &RunReport, there: &[ShownPreview], about: &CommentSubject) {
    text.push_str("| Preview | Result | Commit | Address |\n|---|---|---|---|\n");
    for preview in there {
        there_row(text, report, preview, about);
    }
    for preview in &report.previews {
        let is_of = |shown: &ShownPreview| shown.service.as_ref() == Some(&preview.service);
        if !there.iter().any(is_of) {
            absent_row(text, report, preview, about);
        }
    }
    text.push('\n');
    older(text, there, about);
    let of_previews = there.iter().filter_map(|preview| {
        let service = preview.service.as_ref()?;
        Some(digest_row(service.as_str(), preview.digest.as_ref()?))
    });
    let of_images = report
        .images
        .iter()
        .filter(|_| there.is_empty())
        .map(|(name, image)| digest_row(name.as_str(), &image.pinned.digest));
    let rows = of_previews.chain(of_images).collect();
    text.push_str(&folded_digests("Preview digests", rows));
}

fn own_part(report: &RunReport, about: &CommentSubject) -> JobPart {
    let (outcome, word) = match about.failure {
        Some((outcome, word)) => (outcome, Some(word)),
        None => (report.outcome, report.failure().map(|failed| failed.word)),
    };
    JobPart {
        services: about.services.clone(),
        outcome,
        word,
        page: about.page.clone(),
    }
}

/// The images that were verified, where there are no previews.
fn verified(text: &mut String, report: &RunReport, earlier: &EarlierParts) {
    let own = report
        .images
        .iter()
        .map(|(name, image)| (name, &image.pinned.digest));
    let images: BTreeMap<&ImageName, &Digest> = earlier.images().iter().chain(own).collect();
    if images.is_empty() {
        return;
    }
    text.push_str("| Image | Result |\n|---|---|\n");
    for name in images.keys() {
        let _ = writeln!(text, "| {name} | verified |");
    }
    text.push('\n');
    let digests = images
        .iter()
        .map(|(name, digest)| digest_row(name.as_str(), digest));
    text.push_str(&folded_digests(IMAGE_DIGESTS, digests.collect()));
}

/// A table of digests, folded.
fn folded_digests(title: &str, rows: String) -> String {
    if rows.is_empty() {
        return rows;
    }
    fold(title, &format!("| Image | Digest |\n|---|---|\n{rows}"))
}

/// The row of a preview that is there, and what this run came to for it where that is something else.
fn there_row(
    text: &mut String,
    report: &RunReport,
    preview: &ShownPreview,
    about: &CommentSubject,
) {
    let name = match &preview.service {
        Some(service) => service.to_string(),
        None => format!("`{}`", preview.id),
    };
    let url = preview.url.as_ref().map(link).unwrap_or_default();
    let commit = match &preview.commit {
        Some(commit) => about.links.commit(commit),
        None => "not known".to_owned(),
    };
    let mut state = preview.state.word().to_owned();
    let mut ended = report.services.iter();
    let ended = ended.find(|ended| preview.service.as_ref() == Some(&ended.service));
    if let Some(ended) = ended.filter(|ended| ended.status.as_str() != state) {
        let _ = write!(state, "; this run: {}", word_of(ended, about));
    }
    let _ = writeln!(text, "| {name} | {state} | {commit} | {url} |");
}

/// The row of a preview that was to be made and is not there.
fn absent_row(
    text: &mut String,
    report: &RunReport,
    preview: &super::Preview,
    about: &CommentSubject,
) {
    let mut ended = report.services.iter();
    let ended = ended.find(|ended| ended.service == preview.service);
    let url = ended.and_then(|ended| ended.url.as_ref());
    let url = url.map(link).unwrap_or_default();
    let result = result(ended, about);
    let _ = writeln!(text, "| {} | {result} | | {url} |", preview.service);
}

/// Names the live previews that have another commit than the pull request.
fn older(text: &mut String, there: &[ShownPreview], about: &CommentSubject) {
    for preview in there {
        let (Some(service), Some(commit)) = (&preview.service, &preview.commit) else {
            continue;
        };
        if *commit != about.head.unwrap_or(about.commit) && preview.state == Up::Live {
            let _ = writeln!(
                text,
                "The preview of {service} still has commit {}.\n",
                about.links.commit(commit)
            );
        }
    }
}

/// What of a closed pull request stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// Each thing, and why.
    pub items: Vec<CleanupItem>,
    /// Whether everything was found out and done.
    pub is_known: bool,
}

/// How many things that stay a comment names.
const NAMED: usize = 20;

/// Writes the comment of a pull request that was cleaned up after: whether all of it was, else what stays and why, and in which run.
#[must_use]
pub fn cleaned(left: &Left, page: Option<&Url>) -> String {
    let said = if left.items.is_empty() && left.is_known {
        "cleaned up"
    } else {
        "closed; some images or previews remain"
    };
    let mut text = format!("{MARK}\n### {said}\n\n");
    for item in left.items.iter().take(NAMED) {
        let _ = writeln!(text, "- {}: {}", code(&item.what), code(&item.why));
    }
    let more = left.items.len().saturating_sub(NAMED);
    if more > 0 {
        let _ = writeln!(text, "- and {more} more");
    }
    if !left.is_known {
        text.push_str("- Some steps failed or could not be checked. The run's log says which.\n");
    }
    if text.ends_with("\n\n") {
        text.pop();
    }
    text.push('\n');
    if let Some(page) = page {
        let _ = writeln!(text, "[run]({})", address(page));
    }
    text
}

/// Text as code, of the outputs' alphabet: nothing of it is markup, a link or a mention.
fn code(text: &str) -> String {
    format!("`{}`", super::outputs::alphabet(text))
}

/// What the first line says: how the previews ended where there are some, else the outcome.
fn title(report: &RunReport, outcome: Outcome) -> String {
    if report.services.is_empty() || outcome != report.outcome {
        return outcome.to_string();
    }
    super::headline(outcome, "this pull request", &report.services)
}

fn result(ended: Option<&ServiceResult>, about: &CommentSubject) -> String {
    match ended {
        Some(ended) => word_of(ended, about),
        None if about.failure.is_some() => Status::NotStarted.to_string(),
        None => Status::Skipped.to_string(),
    }
}

fn word_of(ended: &ServiceResult, about: &CommentSubject) -> String {
    match &ended.failed {
        Some(failed) => format!("{}: {}", ended.status, about.links.failure(failed.word)),
        None => ended.status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failed, Preview, VerifiedRow};
    use model::{Digest, ImageName, PinnedImage, Repository, ServiceName};

    const EVIL: &str = "--> @team | `x` <img src=x> ##[set-output name=a]b\n::error::";

    fn about(failure: Option<(Outcome, FailureWord)>) -> CommentSubject {
        let page = Url::parse("https://github.com/acme/shop/actions/runs/5").ok();
        CommentSubject {
            commit: CommitSha::from_bytes([0x11; 20]),
            head: None,
            services: BTreeSet::new(),
            page,
            failure,
            links: Links::default(),
        }
    }

    fn report() -> RunReport {
        let mut report = RunReport::new(Outcome::Live, EVIL);
        let image = ImageName::parse("api").unwrap();
        let digest = Digest::parse(&format!("sha256:{}", "aa".repeat(32))).unwrap();
        let pinned = PinnedImage {
            repository: Repository::parse("ghcr.io/acme/api").unwrap(),
            digest,
        };
        let verified = VerifiedRow {
            pinned,
            tag: EVIL.into(),
            size: 1,
            revision: EVIL.into(),
        };
        report.images.insert(image, verified);
        report
    }

    fn with_preview(url: &str) -> RunReport {
        let mut report = report();
        let service = ServiceName::parse("api").unwrap();
        report.previews = vec![Preview {
            service: service.clone(),
            image: ImageName::parse("api").unwrap(),
        }];
        let ended = ServiceResult::without_deploy(&service, Status::Live, EVIL);
        report.services = vec![ServiceResult {
            url: Url::parse(url).ok(),
            ..ended
        }];
        report
    }

    fn shown(url: &str, commit: u8) -> CommentContent {
        CommentContent::All(vec![ShownPreview {
            service: ServiceName::parse("api").ok(),
            id: ServiceId::parse("srv-own").unwrap(),
            url: Url::parse(url).ok(),
            digest: Digest::parse(&format!("sha256:{}", "aa".repeat(32))).ok(),
            commit: Some(CommitSha::from_bytes([commit; 20])),
            state: Up::Live,
        }])
    }

    #[test]
    fn a_preview_has_its_address_its_commit_its_digest_and_its_state() {
        let there = shown("https://api-pr-7.onrender.com", 0x11);
        let text = comment(
            &with_preview("https://x.example"),
            &there,
            &about(None),
            &[],
        );
        let digest = format!("sha256:{}", "aa".repeat(32));
        let wanted = format!(
            "<!-- ghcr-to-render:pull-request:v1 -->\n### \u{2705} In this pull request, 1 service is live: api\n\n\
             | Preview | Result | Commit | Address |\n|---|---|---|---|\n\
             | api | live | `1111111` | [api-pr-7.onrender.com](https://api-pr-7.onrender.com/) |\n\n\
             <details><summary>Preview digests</summary>\n\n\
             | Image | Digest |\n|---|---|\n| api | `{digest}` |\n\n</details>\n\n\
             Commit `1111111` · [run](https://github.com/acme/shop/actions/runs/5)\n"
        );
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_preview_that_this_run_did_not_touch_stands_in_it_with_the_commit_it_has() {
        let there = shown("https://api-pr-7.onrender.com", 0x22);
        let failed = Some((Outcome::Refused, FailureWord::BadInput));
        let none = RunReport::new(Outcome::Nothing, "");
        for failure in [None, failed] {
            let text = comment(&none, &there, &about(failure), &[]);
            assert!(
                text.contains(
                    "| `2222222` | [api-pr-7.onrender.com](https://api-pr-7.onrender.com/) |"
                ) && text.contains("The preview of api still has commit `2222222`."),
                "{text}"
            );
        }
        // The run is an old one that is repeated: the preview has what the pull request is on.
        let late = CommentSubject {
            head: Some(CommitSha::from_bytes([0x22; 20])),
            ..about(None)
        };
        let text = comment(&none, &there, &late, &[]);
        assert!(text.contains("| `2222222` |") && !text.contains("still has"));
        let mut report = with_preview("https://api-pr-7.onrender.com");
        report.services[0].status = Status::Superseded;
        let text = comment(&report, &there, &about(None), &[]);
        assert!(text.contains("| live; this run: superseded |"), "{text}");
        let text = comment(&report, &CommentContent::Unknown, &about(None), &[]);
        assert!(text.contains("is not known") && text.contains("| superseded |"));
    }

    #[test]
    fn jobs_of_one_commit_keep_what_each_other_wrote() {
        let of = |name: &str, failure| {
            let services = BTreeSet::from([ServiceName::parse(name).unwrap()]);
            CommentSubject {
                services,
                ..about(failure)
            }
        };
        let failed = Some((Outcome::Failed, FailureWord::Unhealthy));
        let (none, live) = (
            CommentContent::All(Vec::new()),
            RunReport::new(Outcome::Live, ""),
        );
        let first = comment(&live, &none, &of("api", failed), &[]);
        let both = comment(&report(), &none, &of("web", None), &[&first]);
        assert!(both.contains("### \u{274c} failed (unhealthy)\n"), "{both}");
        let lines: Vec<&str> = both.lines().filter(|line| line.starts_with("- ")).collect();
        let page = "[run](https://github.com/acme/shop/actions/runs/5)";
        let api = format!("- api: \u{274c} failed (unhealthy) \u{b7} {page}");
        let web = format!("- web: \u{2705} live \u{b7} {page}");
        assert_eq!(lines, [api, web]);
        assert!(both.contains("| verified |"), "{both}");
        // The other way round the same is said, and what was verified stays.
        let again = comment(&live, &none, &of("api", failed), &[&both]);
        assert_eq!(again, both);
        // Another commit, or a job for all services, begins anew.
        let other = CommentSubject {
            commit: CommitSha::from_bytes([0x22; 20]),
            ..of("web", None)
        };
        let alone = comment(&live, &none, &other, &[&both]);
        assert!(!alone.contains("- api"), "{alone}");
        let alone = comment(&live, &none, &about(None), &[&both]);
        assert!(
            !alone.contains("- api") && !alone.contains("| verified |"),
            "{alone}"
        );
    }

    #[test]
    fn what_stays_of_a_closed_one_is_named_with_its_reason() {
        let item = |what: &str| CleanupItem {
            what: what.into(),
            result: crate::CleanupResult::Kept,
            why: EVIL.into(),
        };
        let clean = Left {
            items: Vec::new(),
            is_known: true,
        };
        assert!(cleaned(&clean, None).contains("### cleaned up\n"));
        let left = Left {
            items: vec![item("preview api-pr-7 (srv-own)"); 25],
            is_known: true,
        };
        let text = cleaned(&left, None);
        assert!(text.contains("- `preview api-pr-7 (srv-own)`: `"), "{text}");
        assert!(text.contains("- and 5 more\n") && !text.contains("<img"));
        assert_eq!(text.matches("-->").count(), 1, "{text}");
        assert!(!cleaned(&Left::default(), None).contains("cleaned up"));
    }

    #[test]
    fn without_previews_it_says_what_was_verified() {
        let none = CommentContent::All(Vec::new());
        let text = comment(&report(), &none, &about(None), &[]);
        assert!(
            text.contains("| api | `sha256:aaaa") && text.contains("| api | verified |"),
            "{text}"
        );
        let text = comment(
            &RunReport::new(Outcome::Nothing, ""),
            &none,
            &about(Some((Outcome::Failed, FailureWord::ImageMissing))),
            &[],
        );
        assert!(
            text.contains("failed\n\nFailure: `image-missing`") && !text.contains('|'),
            "{text}"
        );
    }

    #[test]
    fn nothing_in_it_breaks_out() {
        let mut report = with_preview("https://evil.example.com/a)|b](c`-->@team<img>");
        let failed = Failed {
            word: FailureWord::Unhealthy,
            text: EVIL.into(),
            hint: EVIL.into(),
            page: None,
        };
        report.services[0].failed = Some(failed);
        let none = CommentContent::All(Vec::new());
        let text = comment(&report, &none, &about(None), &[]);
        for part in ["--> @", "@team", "<img", "##[", "::error", "`x`", "](c"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("-->").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 18, "{text}");
        let row = text.lines().find(|line| line.starts_with("| api")).unwrap();
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
}

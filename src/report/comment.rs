//! A pull request's comment: Markdown of validated values only. No text of others stands in it, not even made inert.

use super::summary::{address, link, sign};
use super::{RunReport, ServiceResult};
use crate::domain::{CommitSha, FailureWord, Outcome, Status};
use std::fmt::Write as _;
use url::Url;

/// The first line, which GitHub does not show: by it, and by its author, the comment is found again. What stands behind the last colon is this
/// form's version.
const MARK: &str = "<!-- ghcr-to-render:pull-request:v1 -->";

/// What the comment is about, beside the story.
#[derive(Debug, Clone)]
pub struct About {
    /// The head.
    pub commit: CommitSha,
    /// The run's page.
    pub page: Option<Url>,
    /// What stopped the run, where something did.
    pub failure: Option<(Outcome, FailureWord)>,
}

/// Writes the comment. The same end of the same run has the same text, however often it is repeated.
#[must_use]
pub fn comment(report: &RunReport, about: &About) -> String {
    let (outcome, word) = match about.failure {
        Some((outcome, word)) => (outcome, Some(word)),
        None => (report.outcome, report.failure().map(|failed| failed.word)),
    };
    let word = word.map(|word| format!(" ({word})")).unwrap_or_default();
    let mut text = format!("{MARK}\n### {} {outcome}{word}\n\n", sign(outcome));
    if !report.previews.is_empty() {
        text.push_str("| Preview | Address | Image | Result |\n|---|---|---|---|\n");
        for preview in &report.previews {
            let ended = report
                .services
                .iter()
                .find(|ended| ended.service == preview.service);
            let url = ended
                .and_then(|ended| ended.url.as_ref())
                .map(link)
                .unwrap_or_default();
            let _ = writeln!(
                text,
                "| {} | {url} | {} | {} |",
                preview.service,
                digest(report, &preview.image),
                result(ended, about)
            );
        }
        text.push('\n');
    } else if !report.images.is_empty() {
        text.push_str("| Image | Digest | Result |\n|---|---|---|\n");
        for name in report.images.keys() {
            let _ = writeln!(text, "| {name} | {} | verified |", digest(report, name));
        }
        text.push('\n');
    }
    let page = about
        .page
        .as_ref()
        .map(|page| format!(" · [run]({})", address(page)))
        .unwrap_or_default();
    let _ = writeln!(text, "Commit `{}`{page}", about.commit);
    text
}

/// Writes the comment of a pull request that was cleaned up after: whether all of it was, by how many things stay, and in which run.
#[must_use]
pub fn cleaned(stays: usize, page: Option<&Url>) -> String {
    let said = if stays == 0 {
        "cleaned up"
    } else {
        "closed; some of what it left stays"
    };
    let page = page
        .map(|page| format!("[run]({})\n", address(page)))
        .unwrap_or_default();
    format!("{MARK}\n### {said}\n\n{page}")
}

fn digest(report: &RunReport, image: &crate::domain::ImageName) -> String {
    report
        .images
        .get(image)
        .map(|image| format!("`{}`", image.pinned.digest))
        .unwrap_or_default()
}

fn result(ended: Option<&ServiceResult>, about: &About) -> String {
    match ended {
        Some(ended) => match &ended.failed {
            Some(failed) => format!("{} ({})", ended.status, failed.word),
            None => ended.status.to_string(),
        },
        None if about.failure.is_some() => Status::NotStarted.to_string(),
        None => Status::Skipped.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Digest, ImageName, PinnedImage, Repository, ServiceName};
    use crate::report::{Failed, Preview, Verified};

    const EVIL: &str = "--> @team | `x` <img src=x> ##[set-output name=a]b\n::error::";

    fn about(failure: Option<(Outcome, FailureWord)>) -> About {
        let page = Url::parse("https://github.com/acme/shop/actions/runs/5").ok();
        About {
            commit: CommitSha::from_bytes([0x11; 20]),
            page,
            failure,
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
        let verified = Verified {
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

    #[test]
    fn a_preview_has_its_address_its_digest_and_its_result() {
        let text = comment(&with_preview("https://api-pr-7.onrender.com"), &about(None));
        let digest = format!("sha256:{}", "aa".repeat(32));
        let wanted = format!(
            "<!-- ghcr-to-render:pull-request:v1 -->\n### \u{2705} live\n\n\
             | Preview | Address | Image | Result |\n|---|---|---|---|\n\
             | api | [api-pr-7.onrender.com](https://api-pr-7.onrender.com/) | `{digest}` | live |\n\n\
             Commit `{}` · [run](https://github.com/acme/shop/actions/runs/5)\n",
            "11".repeat(20)
        );
        assert_eq!(text, wanted);
    }

    #[test]
    fn without_previews_it_says_what_was_verified() {
        let text = comment(&report(), &about(None));
        assert!(
            text.contains("| api | `sha256:aaaa") && text.contains("| verified |"),
            "{text}"
        );
        let text = comment(
            &RunReport::new(Outcome::Nothing, ""),
            &about(Some((Outcome::Failed, FailureWord::ImageMissing))),
        );
        assert!(
            text.contains("failed (image-missing)") && !text.contains('|'),
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
        let text = comment(&report, &about(None));
        for part in ["--> @", "@team", "<img", "##[", "::error", "`x`", "](c"] {
            assert!(!text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("-->").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 8, "{text}");
        let row = text.lines().find(|line| line.starts_with("| api")).unwrap();
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
}

//! What each job of one workflow adds to a pull request's comment. Jobs that deploy different `services` share the comment, so each keeps what the
//! others wrote about the same commit.

use super::summary::{address, sign};
use model::{CommitSha, Digest, FailureWord, ImageName, Outcome, ServiceName};
use std::collections::{BTreeMap, BTreeSet};
use url::Url;

/// How one job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JobPart {
    /// The services that it is restricted to; none where it deploys all of them.
    pub(super) services: BTreeSet<ServiceName>,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// What failed, where something did.
    pub(super) word: Option<FailureWord>,
    /// The run's page.
    pub(super) page: Option<Url>,
}

/// What jobs wrote about one commit before this one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EarlierParts {
    parts: Vec<JobPart>,
    /// What they verified.
    images: BTreeMap<ImageName, Digest>,
}

impl JobPart {
    /// Its end: `failed (unhealthy)`.
    pub(super) fn end(&self) -> String {
        match self.word {
            Some(word) => format!("{} {} ({word})", sign(self.outcome), self.outcome),
            None => format!("{} {}", sign(self.outcome), self.outcome),
        }
    }

    /// Its line in the comment.
    pub(super) fn line(&self) -> String {
        let names: Vec<&str> = self.services.iter().map(ServiceName::as_str).collect();
        let page = match &self.page {
            Some(page) => format!("{BEFORE_PAGE}{})", address(page)),
            None => String::new(),
        };
        format!("- {}: {}{page}", names.join(", "), self.end())
    }

    /// Reads such a line. Only whole values are taken from it, because people can edit comments.
    fn read(line: &str, host: Option<&str>) -> Option<Self> {
        let (names, rest) = line.strip_prefix("- ")?.split_once(": ")?;
        let services: Result<BTreeSet<ServiceName>, _> =
            names.split(", ").map(ServiceName::parse).collect();
        let (end, page) = match rest.split_once(BEFORE_PAGE) {
            Some((end, page)) => (end, Some(page.strip_suffix(')')?)),
            None => (rest, None),
        };
        let page = page.and_then(|page| Url::parse(page).ok());
        let (_, words) = end.split_once(' ')?;
        let (outcome, word) = match words.split_once(" (") {
            Some((outcome, word)) => (outcome, Some(word.strip_suffix(')')?)),
            None => (words, None),
        };
        let mut outcomes = Outcome::ALL.iter();
        let mut all_words = FailureWord::ALL.iter();
        let word = match word {
            Some(word) => Some(*all_words.find(|known| known.as_str() == word)?),
            None => None,
        };
        Some(Self {
            services: services.ok()?,
            outcome: *outcomes.find(|known| known.as_str() == outcome)?,
            word,
            page: page.filter(|page| page.host_str() == host),
        })
    }
}

/// What stands between a part's end and the address of its run.
const BEFORE_PAGE: &str = " \u{b7} [run](";

impl EarlierParts {
    /// What comments of ours say of other jobs of this commit. `own` is the part of this job: a job without `services` speaks for all of them.
    #[must_use]
    pub(super) fn read(bodies: &[&str], commit: &CommitSha, own: &JobPart) -> Self {
        let mut earlier = Self::default();
        if own.services.is_empty() {
            return earlier;
        }
        let host = own.page.as_ref().and_then(Url::host_str);
        for body in bodies {
            if !body.lines().any(|line| line == commit_line(commit)) {
                continue;
            }
            let mut is_of_images = false;
            for line in body.lines() {
                if line.contains("<summary>") {
                    is_of_images = line.contains(IMAGE_DIGESTS);
                }
                if let Some(part) = JobPart::read(line, host) {
                    earlier.add(part, own);
                } else if let Some((image, digest)) = read_image(line).filter(|_| is_of_images) {
                    earlier.images.insert(image, digest);
                }
            }
        }
        if earlier.parts.is_empty() {
            earlier.images.clear();
        }
        earlier
    }

    fn add(&mut self, part: JobPart, own: &JobPart) {
        let is_known = |other: &JobPart| other.services == part.services;
        if !is_known(own) && !self.parts.iter().any(is_known) {
            self.parts.push(part);
        }
    }

    /// All parts, this job's among them, in an order that does not depend on who wrote first.
    pub(super) fn with<'a>(&'a self, own: &'a JobPart) -> Vec<&'a JobPart> {
        let mut all: Vec<&JobPart> = self.parts.iter().chain([own]).collect();
        all.sort_by(|one, other| one.services.cmp(&other.services));
        all
    }

    /// What the other jobs verified.
    pub(super) const fn images(&self) -> &BTreeMap<ImageName, Digest> {
        &self.images
    }
}

/// The line that says which commit the parts after it are about.
pub(super) fn commit_line(commit: &CommitSha) -> String {
    format!("Commit `{commit}`")
}

/// The title of the folded digests of verified images.
pub(super) const IMAGE_DIGESTS: &str = "Image digests";

/// A row of the folded digests.
pub(super) fn digest_row(name: &str, digest: &Digest) -> String {
    format!("| {name} | `{digest}` |\n")
}

fn read_image(line: &str) -> Option<(ImageName, Digest)> {
    let cells = line.strip_prefix("| ")?.strip_suffix("` |")?;
    let (name, digest) = cells.split_once(" | `")?;
    Some((ImageName::parse(name).ok()?, Digest::parse(digest).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(services: &[&str], outcome: Outcome, word: Option<FailureWord>) -> JobPart {
        let services = services.iter().map(|name| ServiceName::parse(name));
        JobPart {
            services: services.collect::<Result<_, _>>().unwrap(),
            outcome,
            word,
            page: Url::parse("https://github.com/acme/shop/actions/runs/5").ok(),
        }
    }

    fn commit(byte: u8) -> CommitSha {
        CommitSha::from_bytes([byte; 20])
    }

    fn body(lines: &[&str]) -> String {
        let commit = commit_line(&commit(1));
        format!("{commit}\n{}\n", lines.join("\n"))
    }

    #[test]
    fn a_line_reads_back_as_itself() {
        let own = part(&["web"], Outcome::Live, None);
        for other in [
            part(&["api"], Outcome::Failed, Some(FailureWord::Unhealthy)),
            part(&["api", "workers"], Outcome::Accepted, None),
            JobPart {
                page: None,
                ..part(&["api"], Outcome::Superseded, None)
            },
        ] {
            let body = body(&[&other.line()]);
            let earlier = EarlierParts::read(&[&body], &commit(1), &own);
            assert_eq!(earlier.parts, [other]);
        }
    }

    #[test]
    fn nothing_else_is_kept() {
        let own = part(&["web"], Outcome::Live, None);
        let read = |line: &str, of: u8| {
            let body = body(&[
                line,
                "<summary>Image digests</summary>",
                "| api | `sha256:aa` |",
            ]);
            EarlierParts::read(&[&body], &commit(of), &own)
        };
        let line = part(&["api"], Outcome::Live, None).line();
        for bad in [
            "- api: \u{2705} alive",
            "- api: live",
            "- <img>: \u{2705} live",
            "- api: \u{274c} failed (@team)",
            "- api: \u{2705} live \u{b7} [run](https://x",
            "api: \u{2705} live",
            &own.line(),
        ] {
            assert_eq!(read(bad, 1), EarlierParts::default(), "{bad}");
        }
        assert_eq!(read(&line, 2), EarlierParts::default());
        assert_eq!(read(&line, 1).parts.len(), 1);
        let elsewhere = line.replace("github.com", "evil.example.com");
        assert_eq!(read(&elsewhere, 1).parts[0].page, None);
        let all = part(&[], Outcome::Live, None);
        let body = body(&[&line]);
        let earlier = EarlierParts::read(&[&body], &commit(1), &all);
        assert_eq!(earlier, EarlierParts::default());
    }
}

//! Previews: what a pull request's own copy of a service is called, and what is remembered of it.

use super::{CommitSha, PinnedImage, PrNumber, ServiceId, ServiceName};
use std::fmt;

/// The longest name that is given, which is that of a host's label: Render makes the preview's address of it.
const LONGEST: usize = 63;
/// What stands between the service's name and the pull request's number.
const MARK: &str = "-pr-";

/// The name of a preview on Render: `<service>-pr-<number>`, the same in every run. A service's name that would make it too long is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewName(String);

impl PreviewName {
    /// The name of a service's preview for a pull request.
    #[must_use]
    pub fn new(service: &ServiceName, pull: PrNumber) -> Self {
        let end = format!("{MARK}{pull}");
        let service = service.as_str();
        // Names are ASCII, so any place is between two characters.
        let cut = service.len().min(LONGEST - end.len());
        Self(format!("{}{end}", &service[..cut]))
    }

    /// The pull request that a name on Render speaks of. A name goes on after the number where Render or somebody made it longer
    /// (`api-pr-7-x4f2`).
    #[must_use]
    pub fn pull_of(name: &str) -> Option<PrNumber> {
        let (_, end) = name.rsplit_once(MARK)?;
        let digits = end.bytes().take_while(u8::is_ascii_digit).count();
        let (number, more) = end.split_at(digits);
        if !more.is_empty() && !more.starts_with('-') {
            return None;
        }
        PrNumber::parse(number.as_bytes()).ok()
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PreviewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a deploy to a preview is about: written before Render is asked for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewIntent {
    /// The pull request.
    pub pull: PrNumber,
    /// The service of which it is a copy.
    pub service: ServiceName,
    /// That service's id on Render, from the base's manifest.
    pub parent: ServiceId,
    /// The preview's own id; `None` where it is about to be made.
    pub id: Option<ServiceId>,
    /// The head whose bytes it is given.
    pub commit: CommitSha,
    /// Those bytes.
    pub image: PinnedImage,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewState {
    /// Nobody knows. Without an id there may be a preview all the same, under its name.
    Open,
    /// The preview has these bytes.
    Serves,
    /// It did not get them. There may be a preview that has others, or one that never worked.
    Failed,
    /// Set aside: removed, or followed by another record.
    Inactive,
}

/// One record of a preview, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRecord {
    /// Its number at GitHub.
    pub number: u64,
    /// What it is about. The id of a preview that was made in that very run is here too, once it was known.
    pub intent: PreviewIntent,
    /// What became of it.
    pub state: PreviewState,
    /// Whether a clean-up has looked for the preview that it was to make, and found none.
    pub was_not_found: bool,
    /// `GITHUB_RUN_ID` of the run that wrote it; for telling a run's own repetition from another run, and for nothing else.
    pub run: String,
    /// Whether the one who writes our records wrote it. By what others wrote nothing on Render is touched.
    pub is_own: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_service_and_pull_request_and_fits_a_host() {
        let name = |service: &str, pull: &[u8]| {
            PreviewName::new(
                &ServiceName::parse(service).unwrap(),
                PrNumber::parse(pull).unwrap(),
            )
            .to_string()
        };
        assert_eq!(name("api", b"7"), "api-pr-7");
        assert_eq!(name("retention-run", b"99999"), "retention-run-pr-99999");
        let long = name(&"a".repeat(63), b"99999");
        assert_eq!((long.len(), long.ends_with("a-pr-99999")), (63, true));
    }

    #[test]
    fn a_name_on_render_says_whose_preview_it_is() {
        let of = |name: &str| PreviewName::pull_of(name).map(|pull| pull.to_string());
        for (name, pull) in [
            ("api-pr-7", "7"),
            ("api-pr-7-x4f2", "7"),
            ("a-pr-3-pr-12", "12"),
        ] {
            assert_eq!(of(name).as_deref(), Some(pull), "{name}");
        }
        for name in [
            "api",
            "api-pr-",
            "api-pr-7x",
            "api-pr-07",
            "api-pr-100000",
            "api PR #7",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}

//! Patterns that match nothing in the tree.

use super::Coverage;
use model::{ImageName, Manifest, Pattern, ServiceName, Untrusted};
use std::fmt;

/// A part of the manifest that has a list or an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestPart {
    /// `ignore`.
    Ignore,
    /// `shared`.
    Shared,
    /// An image's.
    Image(ImageName),
    /// A service's.
    Service(ServiceName),
}

impl fmt::Display for ManifestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignore => f.write_str("ignore"),
            Self::Shared => f.write_str("shared"),
            Self::Image(name) => write!(f, "image {name}"),
            Self::Service(name) => write!(f, "service {name}"),
        }
    }
}

/// Whether a pattern that matches no file would match some with `/**` behind it.
#[must_use]
pub fn matches_directory(pattern: &Pattern, files: &[Vec<u8>]) -> bool {
    let below = Pattern::parse(&format!("{}/**", pattern.as_str()));
    below.is_ok_and(|below| files.iter().any(|file| below.matches(file)))
}

/// What a deploy says of patterns of `paths` and `shared` that match nothing in the tree: such a pattern is a service that is never deployed.
/// `ignore` and exclusions are left aside, since people write those for what may come. `files` are sorted and without doubles; nothing is said
/// where the comparison would take long.
#[must_use]
pub fn idle_patterns(manifest: &Manifest, files: &[Vec<u8>]) -> Vec<String> {
    let Some(mut coverage) = Coverage::new(manifest, files) else {
        return Vec::new();
    };
    let images = manifest
        .images
        .iter()
        .map(|image| (ManifestPart::Image(image.name.clone()), &image.paths));
    let services = manifest
        .services
        .iter()
        .map(|service| (ManifestPart::Service(service.name.clone()), &service.paths));
    let mut told = Vec::new();
    for (whose, list) in images
        .chain(services)
        .chain([(ManifestPart::Shared, &manifest.shared)])
    {
        for pattern in list.iter().filter(|pattern| !pattern.is_exclusion()) {
            if coverage.matches(pattern) > 0 {
                continue;
            }
            let shown = Untrusted(pattern.as_str().as_bytes());
            told.push(match matches_directory(pattern, files) {
                true => format!(
                    "\"{shown}\" of {whose} names a directory and matches no file: write {shown}/**"
                ),
                false => format!("\"{shown}\" of {whose} matches no file"),
            });
        }
    }
    told
}

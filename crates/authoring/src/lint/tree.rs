//! The manifest's patterns against the tracked files.

use super::{LintReport, Span};
use decide::{Coverage, ManifestPart, matches_directory};
use model::LintCode;
use model::{Level, Manifest, PatternList, Untrusted};
use report::Unowned;

/// Where GitHub's own files are. They are no part of any image, so nobody has to own them.
const GITHUB: &[u8] = b".github/";

impl LintReport {
    pub(super) fn hold_against_tree<'a>(
        &mut self,
        manifest: &'a Manifest,
        files: &[Vec<u8>],
        coverage: &mut Coverage<'a>,
    ) {
        self.patterns(files, &ManifestPart::Ignore, &manifest.ignore, coverage);
        self.patterns(files, &ManifestPart::Shared, &manifest.shared, coverage);
        for image in &manifest.images {
            let whose = ManifestPart::Image(image.name.clone());
            self.patterns(files, &whose, &image.paths, coverage);
            if coverage.reasons_for(image) == 0 {
                self.note(
                    Level::Error,
                    LintCode::ImageOfNothing,
                    format!(
                        "no tracked file matches the paths of image {}, so no change would ever deploy it",
                        image.name
                    ),
                    "Name in its paths what it is built from. The list ignore has priority.",
                    Span::Entry(whose),
                );
            }
        }
        self.unused_images(manifest);
        for service in &manifest.services {
            self.patterns(
                files,
                &ManifestPart::Service(service.name.clone()),
                &service.paths,
                coverage,
            );
        }
        let mut nobody = coverage.of_nobody();
        nobody.retain(|at| !files[*at].starts_with(GITHUB));
        self.unowned = folded(files, &nobody);
        let count = self.files_of_nobody();
        if count > 0 {
            self.note(
                Level::Notice,
                LintCode::FilesOfNobody,
                format!(
                    "{count} of {} tracked files are in no list: a change of them builds and deploys nothing",
                    files.len()
                ),
                "Add each to the paths of the image or service that uses it, or to ignore.",
                Span::Manifest,
            );
        }
    }

    /// With services, an image that none of them runs is built and deployed nowhere.
    fn unused_images(&mut self, manifest: &Manifest) {
        if manifest.services.is_empty() {
            return;
        }
        for image in &manifest.images {
            let is_used = manifest
                .services
                .iter()
                .any(|service| service.image == image.name);
            if is_used {
                continue;
            }
            self.note(
                Level::Warning,
                LintCode::ImageUnused,
                format!(
                    "no service runs image {}, so it is built and deployed nowhere",
                    image.name
                ),
                format!(
                    "Add a service with image: {}, or remove the image.",
                    image.name
                ),
                Span::Entry(ManifestPart::Image(image.name.clone())),
            );
        }
    }

    fn patterns<'a>(
        &mut self,
        files: &[Vec<u8>],
        whose: &ManifestPart,
        list: &'a PatternList,
        coverage: &mut Coverage<'a>,
    ) {
        // People ignore what may come; elsewhere a pattern without a match is most often a slip.
        let level = if *whose == ManifestPart::Ignore {
            Level::Notice
        } else {
            Level::Warning
        };
        for (at, pattern) in list.iter().enumerate() {
            if coverage.matches(pattern) > 0 {
                continue;
            }
            let shown = Untrusted(pattern.as_str().as_bytes());
            let span = Span::Pattern(whose.clone(), at);
            if matches_directory(pattern, files) {
                self.note(
                    Level::Warning,
                    LintCode::DirectoryWithoutStars,
                    format!(
                        "\"{shown}\" of {whose} names a directory, and matches none of its files"
                    ),
                    format!("Write {shown}/**."),
                    span,
                );
                continue;
            }
            let does = match pattern.is_exclusion() {
                true => "excludes",
                false => "matches",
            };
            self.note(
                level,
                LintCode::PatternMatchesNothing,
                format!("\"{shown}\" of {whose} {does} no tracked file"),
                "Correct it, or remove it.",
                span,
            );
        }
    }
}

/// Puts together directories of which every file is in the list. `chosen` are places in `files`, in order.
fn folded(files: &[Vec<u8>], chosen: &[usize]) -> Vec<Unowned> {
    let mut found: Vec<Unowned> = Vec::new();
    let mut at = 0;
    while at < chosen.len() {
        let path = &files[chosen[at]];
        // The highest directory all of whose files follow here. They stand together, since the list is sorted.
        let whole = path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .find_map(|(end, _)| {
                let directory = &path[..=end];
                let from = files.partition_point(|other| other.as_slice() < directory);
                let count = files[from..].partition_point(|other| other.starts_with(directory));
                let is_whole =
                    from == chosen[at] && chosen.get(at + count - 1) == Some(&(from + count - 1));
                is_whole.then(|| Unowned {
                    path: directory.to_vec(),
                    files: count,
                })
            });
        let next = whole.unwrap_or_else(|| Unowned {
            path: path.clone(),
            files: 1,
        });
        at += next.files;
        found.push(next);
    }
    found
}

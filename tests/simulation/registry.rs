//! The registry: bytes, the tags of commits, and those of releases.
//!
//! Invariant 7 is held here and in `promotion`: a release's tag stays where it was put, and is there before the release's first hook.

use crate::event::At;
use crate::git::{IMAGES, SERVICES, Tree, same, sha};
use crate::render::Deployed;
use crate::run::{Run, Told};
use crate::world::{Build, World};
use ghcr_to_render::domain::{CommitSha, Digest, RecordState};

impl World {
    /// New bytes.
    pub(crate) fn bytes(&mut self, image: usize, tree: Tree, commit: Option<usize>) -> usize {
        let number = self.builds.len();
        let digest =
            |kind: char| Digest::parse(&format!("sha256:{kind}{number:063x}")).expect("a digest");
        self.builds.push(Build {
            image,
            tree,
            commit,
            index: digest('a'),
            platform: digest('b'),
            is_gone: false,
        });
        number
    }

    pub(crate) fn build_again(&mut self, commit: usize, image: usize) -> usize {
        let tree = *self.git.tree(commit);
        let build = self.bytes(image, tree, Some(commit));
        self.tags.insert((commit, image), build);
        build
    }

    /// Builds an image, unless that fails. Without a label the same tree may make the same bytes.
    pub(crate) fn build(&mut self, commit: usize, image: usize) -> Option<usize> {
        if std::mem::take(&mut self.faults.build) {
            self.count("builds that fail");
            return None;
        }
        let tree = *self.git.tree(commit);
        let twin = self.builds.iter().position(|build| {
            build.image == image
                && build.commit.is_some()
                && same(&build.tree, &tree, IMAGES[image].1)
        });
        if let (false, Some(twin)) = (self.setting.has_labels, twin) {
            self.tags.insert((commit, image), twin);
            self.builds[twin].is_gone = false;
            self.count("builds of the same bytes");
            return Some(twin);
        }
        Some(self.build_again(commit, image))
    }

    /// The bytes under a commit's own tag.
    pub(crate) fn tagged(&self, commit: usize, image: usize) -> Option<usize> {
        self.tags.get(&(commit, image)).copied()
    }

    /// The bytes of a digest.
    pub(crate) fn build_of(&self, digest: &Digest) -> Option<usize> {
        self.builds
            .iter()
            .position(|build| build.index == *digest || build.platform == *digest)
    }

    /// The commit that an image says it was built from.
    pub(crate) fn label(&self, digests: &[Digest]) -> Option<CommitSha> {
        let build = digests.iter().find_map(|digest| self.build_of(digest))?;
        self.builds[build]
            .commit
            .filter(|_| self.setting.has_labels)
            .map(sha)
    }

    /// Somebody deletes bytes, and with them every tag on them.
    pub(crate) fn delete(&mut self, build: usize) {
        self.builds[build].is_gone = true;
        self.gone += 1;
        self.tags.retain(|_, tagged| *tagged != build);
        self.release_tags.retain(|_, tagged| *tagged != build);
        self.count("images deleted");
    }

    /// The bytes under a release's tag.
    pub(crate) fn released(&self, release: u32, image: usize) -> Option<usize> {
        self.release_tags.get(&(release, image)).copied()
    }

    /// Somebody puts the tag of a release, perhaps of the next one, on an image where it is not yet.
    pub(crate) fn release_by_hand(&mut self, release: u8, build: u8) {
        if self.builds.is_empty() {
            return;
        }
        let build = usize::from(build) % self.builds.len();
        let release = 1 + u32::from(release) % (self.releases.len() as u32 + 1);
        let key = (release, self.builds[build].image);
        let bytes = &self.builds[build];
        // Bytes that do not say what they are of are taken for what their tag says.
        let is_told = self.setting.has_labels
            || self
                .releases
                .get(release as usize - 1)
                .is_some_and(|commit| {
                    same(&bytes.tree, self.git.tree(*commit), IMAGES[bytes.image].1)
                });
        let is_ours = !bytes.is_gone && bytes.commit.is_some() && is_told;
        if is_ours && !self.release_tags.contains_key(&key) {
            self.release_tags.insert(key, build);
            self.count("release tags put by hand");
        }
    }

    /// Puts a release's tag. Invariant 7.
    pub(crate) fn put_release_tag(&mut self, release: u32, build: usize) {
        let image = self.builds[build].image;
        self.say(|| {
            format!(
                "    prod-{release} is put on bytes {build} of {}",
                IMAGES[image].0
            )
        });
        if self.builds[build].is_gone {
            self.violate(
                7,
                format!("prod-{release} is put on bytes {build}, which are gone"),
            );
        }
        if let Some(there) = self.release_tags.insert((release, image), build)
            && there != build
        {
            self.violate(
                7,
                format!(
                    "prod-{release} of {} is moved from bytes {there} to {build}",
                    IMAGES[image].0
                ),
            );
        }
        self.count("release tags put");
    }

    /// Invariant 7, when a release comes to a service: its tag is on these bytes.
    pub(crate) fn check_released(&mut self, at: At, release: Option<u32>, build: usize) {
        let Some(release) = release else { return };
        let there = self.released(release, SERVICES[at.service].2);
        if there != Some(build) && !self.builds[build].is_gone {
            let name = SERVICES[at.service].0;
            self.violate(
                7,
                format!("{name} gets bytes {build} for prod-{release}, whose tag is on {there:?}"),
            );
        }
    }

    /// Invariant 7, after a clean run of a release: each image's tag is on what a service of it serves that has the release; on what this run
    /// deployed, where it did.
    pub(crate) fn check_release_tags(&mut self, run: &Run, told: &[Told; 3]) {
        let Some(release) = run.release() else { return };
        for (image, (name, paths)) in IMAGES.iter().enumerate() {
            let of = |which: &[Told]| -> Vec<At> {
                let services = (0..SERVICES.len())
                    .filter(|at| SERVICES[*at].2 == image && which.contains(&told[*at]));
                services
                    .map(|service| At {
                        environment: run.environment,
                        service,
                    })
                    .collect()
            };
            let (deployed, skipped) = (of(&[Told::Live, Told::Accepted]), of(&[Told::Has]));
            let is_new = !deployed.is_empty();
            let decisive = if is_new { deployed } else { skipped };
            let serving: Vec<&Deployed> =
                decisive.iter().filter_map(|at| self.coming(*at)).collect();
            let there = self.released(release, image);
            if decisive.is_empty()
                || there.is_some_and(|there| serving.iter().any(|deploy| deploy.build == there))
            {
                continue;
            }
            let is_equal = |build: usize| {
                let build = &self.builds[build];
                build.commit.is_some() && same(&build.tree, self.git.tree(run.commit), paths)
            };
            // Of what is not known, not there or not the release's nothing is promised. What was there before and is as good stays.
            let is_open = |at: &At| {
                self.place(*at)
                    .records
                    .last()
                    .is_some_and(|last| last.state == RecordState::Open)
            };
            let is_beyond = |at: &At| self.is_beyond_the_record(*at) || is_open(at);
            let is_sure = self.has_key || !decisive.iter().any(is_beyond);
            let is_fit = serving
                .iter()
                .all(|deploy| is_equal(deploy.build) && !self.builds[deploy.build].is_gone);
            match there {
                Some(there) if !is_new && (is_equal(there) || !self.setting.has_labels) => {
                    self.count("release tags that stay on other bytes")
                }
                _ if !is_new && !is_fit => self.count("images left without the release's tag"),
                _ if !is_sure => self.count("release tags beyond the record"),
                _ => {
                    let serving: Vec<usize> = serving.iter().map(|deploy| deploy.build).collect();
                    let text = format!(
                        "after {run}, its tag of {name} is on {there:?}, and {serving:?} serves"
                    );
                    self.violate(7, text);
                    return;
                }
            }
        }
    }
}

//! One look at an image: what the registry has there, and whether it may be deployed.

use super::ImageWait;
use super::sources::RecordedPlace;
use crate::failure::Failure;
use crate::history::Movement;
use decide::{Affected, Expectation, ImageSource, ImageVerdict, Sight, VerifiedImage, judge};
use http_client::Deadline;
use model::{CommitSha, Image};
use registry::{Reference, RegistryError};

/// What one look found.
pub(super) enum LookResult {
    /// An image that may be deployed.
    Verified(Box<VerifiedImage>),
    /// Nothing.
    Absent,
    /// An image that may not be deployed, because of this.
    Refused(Failure),
}

impl LookResult {
    pub(super) const fn sight(&self) -> Sight {
        match self {
            Self::Verified(_) => Sight::Right,
            Self::Absent => Sight::Absent,
            Self::Refused(_) => Sight::Wrong,
        }
    }
}

impl ImageWait<'_> {
    /// Looks at a source of an image.
    ///
    /// # Errors
    /// What the registry says where it neither has it nor lacks it.
    pub(super) async fn look_at(
        &self,
        image: &Image,
        source: &ImageSource,
        place: &RecordedPlace<'_>,
    ) -> Result<LookResult, Failure> {
        let commit = source.commit().copied();
        let asked = match source {
            ImageSource::Own(tag) | ImageSource::Ancestor(tag, _) => Reference::Tag(tag.clone()),
            ImageSource::Required(digest, _) | ImageSource::Recorded(digest, _) => {
                Reference::Digest(digest.clone())
            }
        };
        let look = self.look(image, &asked, commit.as_ref()).await?;
        Ok(match look {
            LookResult::Verified(verified) => {
                let verified = verified.found_as(commit.unwrap_or(self.run.resolved.commit));
                if let Some(sentence) = place.sentence(source, &self.run.resolved.commit) {
                    self.say_source(image, &sentence);
                }
                LookResult::Verified(Box::new(verified))
            }
            other @ (LookResult::Absent | LookResult::Refused(_)) => other,
        })
    }

    /// Looks once. It may also say that it was built from `other`, a commit that is equal to the one that is wanted.
    ///
    /// # Errors
    /// What the registry says where it neither has it nor lacks it.
    pub(super) async fn look(
        &self,
        image: &Image,
        asked: &Reference,
        other: Option<&CommitSha>,
    ) -> Result<LookResult, Failure> {
        let deadline = Deadline::after(self.deadline.left().max(self.one_look));
        let facts = match self
            .registry
            .examine(&image.repository, asked, &deadline)
            .await
        {
            Ok(facts) => facts,
            Err(RegistryError::Missing(_)) => return Ok(LookResult::Absent),
            Err(error) => return Err(Failure::Registry(image.name.clone(), error)),
        };
        let source = format!("{}/{}", self.context.server_url(), self.context.slug);
        let digest = self.digests.get(&image.name);
        let commits: Vec<CommitSha> = self.commits.iter().chain(other).copied().collect();
        let expected = Expectation {
            commits: &commits,
            digest,
            source: &source,
        };
        let refused = |problem| LookResult::Refused(Failure::Image(image.name.clone(), problem));
        let verified = match judge(facts, &expected) {
            ImageVerdict::Verified(verified, warnings) => {
                let warnings = warnings
                    .iter()
                    .map(|warning| format!("image {}: {warning}", image.name));
                self.warnings.borrow_mut().extend(warnings);
                verified
            }
            ImageVerdict::OtherCommit(other) => {
                let found = *other.found();
                let wanted = self.commits.first().unwrap_or(&self.run.resolved.commit);
                let changes = self
                    .context
                    .clients
                    .history
                    .changes(&found, wanted, Movement::Rewritten)
                    .await;
                let affects = |paths: &[Vec<u8>]| {
                    let affected = Affected::within_reason(&self.run.resolved.manifest, paths);
                    affected.is_none_or(|affected| affected.image(&image.name).is_some())
                };
                match other.settle(&changes, affects) {
                    Ok(verified) => {
                        let name = &image.name;
                        let short = found.short(7);
                        self.context.log.say(&format!(
                            "{name}: built from {short}, which is equal in what it is built from."
                        ));
                        verified
                    }
                    Err(problem) => return Ok(refused(problem)),
                }
            }
            ImageVerdict::Refused(problem) => return Ok(refused(problem)),
        };
        let pinned = verified.pinned(self.context.request.pin);
        self.context.log.say(&format!(
            "{}: {pinned} ({:.1} MB), after {:.1} s.",
            image.name,
            megabytes(verified.size()),
            self.started.elapsed().as_secs_f64()
        ));
        Ok(LookResult::Verified(Box::new(verified)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people, to one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

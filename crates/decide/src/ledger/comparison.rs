//! Whether two commits are equal on a service: the fingerprint of each is the service's entry in that commit's own manifest, and the
//! tree under its paths. So the answer does not depend on which run asks.

use super::entry::{Identity, ServiceCandidate, candidates};
use super::facts::Missing;
use super::{Equality, Unanswered};
use crate::{Affected, Cause, Changes};
use model::{CommitSha, Manifest};
use std::collections::BTreeMap;

/// What a commit has for a manifest.
#[derive(Debug, Clone)]
pub enum CommitManifest {
    /// This one, or the one that is assumed where there is no file.
    Known(Box<Manifest>),
    /// One that cannot be parsed, or none where one has to be.
    Unusable,
    /// It cannot be found out, because of this.
    Unknown(String),
}

/// How two commits differ.
#[derive(Debug, Clone)]
struct Difference {
    /// What the changed paths are a reason for, by the manifest of the second commit.
    affected: Result<Affected, String>,
    /// Whether both have the same manifest file.
    has_same_manifest: bool,
}

/// What is known of commits, their manifests and how they differ. Everything in it is asked for once.
#[derive(Debug, Clone)]
pub struct Comparisons {
    /// The manifest's path from the root of the repository.
    path: Vec<u8>,
    manifests: BTreeMap<CommitSha, CommitManifest>,
    differences: BTreeMap<(CommitSha, CommitSha), Difference>,
}

impl Comparisons {
    /// Nothing is known yet but the manifest of one commit.
    #[must_use]
    pub fn new(manifest_path: &str, head: CommitSha, manifest: &Manifest) -> Self {
        let known = CommitManifest::Known(Box::new(manifest.clone()));
        Self {
            path: manifest_path.as_bytes().to_vec(),
            manifests: BTreeMap::from([(head, known)]),
            differences: BTreeMap::new(),
        }
    }

    /// How many manifests are known.
    #[must_use]
    pub fn manifests(&self) -> usize {
        self.manifests.len()
    }

    /// The manifest of a commit, where it was asked for.
    #[must_use]
    pub fn manifest_of(&self, commit: &CommitSha) -> Option<&CommitManifest> {
        self.manifests.get(commit)
    }

    /// Takes in the manifest of a commit.
    pub fn learn_manifest(&mut self, commit: CommitSha, manifest: CommitManifest) {
        self.manifests.insert(commit, manifest);
    }

    /// Takes in the paths in which `other` differs from `one`. The paths may be many, and are not kept.
    pub fn learn_changes(&mut self, one: CommitSha, other: CommitSha, changes: Changes) {
        let difference = match changes {
            Changes::Unknown(why) => Difference {
                affected: Err(why),
                has_same_manifest: false,
            },
            Changes::Known(paths) => Difference {
                has_same_manifest: !paths.contains(&self.path),
                affected: self.affected(&other, &paths),
            },
        };
        self.differences.insert((one, other), difference);
    }

    fn affected(&self, commit: &CommitSha, paths: &[Vec<u8>]) -> Result<Affected, String> {
        let Some(CommitManifest::Known(manifest)) = self.manifests.get(commit) else {
            return Err(format!("{} has no usable manifest", commit.short(7)));
        };
        Affected::within_reason(manifest, paths)
            .ok_or_else(|| "too many patterns and changes to compare".into())
    }

    /// Whether a commit's manifest has the service.
    ///
    /// # Errors
    /// [`Unanswered`]: it was not asked yet, or it is not known.
    pub fn has(&self, commit: &CommitSha, identity: &Identity) -> Result<bool, Unanswered> {
        Ok(!self.candidates(commit, identity)?.is_empty())
    }

    /// Whether two commits are equal on a service. A commit without the service equals nothing; neither does one whose manifest cannot be
    /// parsed. Where a manifest has several services that may be this one, all of them have to be equal.
    ///
    /// # Errors
    /// [`Missing`]: this has to be asked first.
    pub fn compare(
        &self,
        one: &CommitSha,
        other: &CommitSha,
        identity: &Identity,
    ) -> Result<Equality, Missing> {
        match self.compared(one, other, identity) {
            Ok(equality) => Ok(equality),
            Err(Unanswered::Unknown(why)) => Ok(Equality::Unknown(why)),
            Err(Unanswered::Missing(missing)) => Err(missing),
        }
    }

    fn compared(
        &self,
        one: &CommitSha,
        other: &CommitSha,
        identity: &Identity,
    ) -> Result<Equality, Unanswered> {
        if one == other {
            return Ok(Equality::Equal);
        }
        let (one, other, difference) = match self.differences.get(&(*one, *other)) {
            Some(difference) => (one, other, difference),
            None => match self.differences.get(&(*other, *one)) {
                Some(difference) => (other, one, difference),
                None => return self.not_compared(one, other, identity),
            },
        };
        let services = self.candidates(other, identity)?;
        if services.is_empty() {
            return Ok(self.absent());
        }
        if !difference.has_same_manifest {
            let earlier = self.candidates(one, identity)?;
            if earlier.is_empty() {
                return Ok(self.absent());
            }
            if let Some(part) = difference_of_entries(&earlier, &services) {
                return Ok(Equality::Differs(self.cause(part)));
            }
        }
        let affected = match &difference.affected {
            Ok(affected) => affected,
            Err(why) => return Ok(Equality::Unknown(why.clone())),
        };
        let cause = services
            .iter()
            .find_map(|candidate| affected.service(&candidate.service));
        Ok(match cause {
            Some(cause) => Equality::Differs(cause.clone()),
            None => Equality::Equal,
        })
    }

    /// What has to be asked for two commits that were not compared yet: the manifest of the second one first, by which changes are judged.
    fn not_compared(
        &self,
        one: &CommitSha,
        other: &CommitSha,
        identity: &Identity,
    ) -> Result<Equality, Unanswered> {
        if self.candidates(other, identity)?.is_empty() {
            return Ok(self.absent());
        }
        Err(Unanswered::Missing(Missing::Changes(*one, *other)))
    }

    fn candidates(
        &self,
        commit: &CommitSha,
        identity: &Identity,
    ) -> Result<Vec<ServiceCandidate>, Unanswered> {
        match self.manifests.get(commit) {
            Some(CommitManifest::Known(manifest)) => Ok(candidates(manifest, identity)),
            Some(CommitManifest::Unusable) => Ok(Vec::new()),
            Some(CommitManifest::Unknown(why)) => Err(Unanswered::Unknown(why.clone())),
            None => Err(Unanswered::Missing(Missing::Manifest(*commit))),
        }
    }

    fn absent(&self) -> Equality {
        Equality::Differs(self.cause("the service is not in one of the two"))
    }

    /// A difference of the manifests, told as a change of the file.
    fn cause(&self, part: &str) -> Cause {
        Cause {
            pattern: part.to_owned(),
            path: self.path.clone(),
            matched: 1,
        }
    }
}

fn difference_of_entries(
    earlier: &[ServiceCandidate],
    later: &[ServiceCandidate],
) -> Option<&'static str> {
    for one in earlier {
        for other in later {
            if let Some(part) = one.entry.difference(&other.entry) {
                return Some(part);
            }
        }
    }
    None
}

//! A deploy, as Render tells of it.

use super::{Digest, Refused};
use std::fmt;

/// A deploy's id on Render: `dep-…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeployId(String);

impl DeployId {
    /// Reads `dep-` and 1 to 64 letters or digits. Render's own have 20 of them (render-oss/cli `pkg/resource/service.go`).
    ///
    /// # Errors
    /// Refuses other shapes.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let rest = text.strip_prefix("dep-");
        let well_formed = rest.is_some_and(|rest| {
            (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        if !well_formed {
            return Err(Refused::new(
                "deploy id",
                text.as_bytes(),
                "a Render deploy id like dep-abc123",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeployId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a deploy is: Render's eleven words (its OpenAPI document, `deployStatus`), and one for any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeployStatus {
    /// `created`.
    Created,
    /// `queued`: behind the one in progress.
    Queued,
    /// `build_in_progress`: for an image, it is being pulled.
    Building,
    /// `pre_deploy_in_progress`: the pre-deploy command runs.
    PreDeploying,
    /// `update_in_progress`: the new instances are being started.
    Updating,
    /// `live`.
    Live,
    /// `deactivated`: it was live and has been replaced.
    Deactivated,
    /// `build_failed`.
    BuildFailed,
    /// `pre_deploy_failed`.
    PreDeployFailed,
    /// `update_failed`.
    UpdateFailed,
    /// `canceled`.
    Canceled,
    /// A word that Render did not have when this was written. It ends nothing.
    Other,
}

impl DeployStatus {
    /// Each with Render's word for it.
    pub const ALL: &[(&'static str, Self)] = &[
        ("created", Self::Created),
        ("queued", Self::Queued),
        ("build_in_progress", Self::Building),
        ("pre_deploy_in_progress", Self::PreDeploying),
        ("update_in_progress", Self::Updating),
        ("live", Self::Live),
        ("deactivated", Self::Deactivated),
        ("build_failed", Self::BuildFailed),
        ("pre_deploy_failed", Self::PreDeployFailed),
        ("update_failed", Self::UpdateFailed),
        ("canceled", Self::Canceled),
    ];

    /// Reads Render's word.
    #[must_use]
    pub fn recognize(word: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(own, _)| *own == word)
            .map_or(Self::Other, |(_, status)| *status)
    }

    /// Whether it may still go live.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        match self {
            Self::Created
            | Self::Queued
            | Self::Building
            | Self::PreDeploying
            | Self::Updating
            | Self::Other => true,
            Self::Live
            | Self::Deactivated
            | Self::BuildFailed
            | Self::PreDeployFailed
            | Self::UpdateFailed
            | Self::Canceled => false,
        }
    }

    /// Whether cancelling it stops nothing that has side effects yet: a pre-deploy command (a migration) is never cut off.
    #[must_use]
    pub const fn may_be_cancelled(self) -> bool {
        matches!(self, Self::Created | Self::Queued | Self::Building)
    }
}

impl fmt::Display for DeployStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            Self::ALL
                .iter()
                .find(|(_, status)| status == self)
                .map_or("unknown", |(word, _)| word),
        )
    }
}

/// One deploy of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// Its id.
    pub id: DeployId,
    /// How far it is.
    pub status: DeployStatus,
    /// Every digest that Render names for it: that of `image.ref` and `image.sha`. Which of an index and its platform manifest
    /// `image.sha` is, is not documented.
    pub digests: Vec<Digest>,
    /// Whether somebody rolled back to it in Render's dashboard or by its API (`trigger: rollback`).
    pub by_rollback: bool,
}

impl Deploy {
    /// Whether it is of these bytes: an index's digest or its platform manifest's.
    #[must_use]
    pub fn is_of(&self, digests: &[Digest]) -> bool {
        self.digests.iter().any(|own| digests.contains(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_render_did_not_have_ends_nothing() {
        for (word, status) in DeployStatus::ALL {
            assert_eq!(DeployStatus::recognize(word), *status);
            assert_eq!(status.to_string(), *word);
        }
        assert!(DeployStatus::recognize("hibernated").is_in_flight());
        assert!(!DeployStatus::recognize("hibernated").may_be_cancelled());
    }

    #[test]
    fn only_an_id_of_the_known_shape_is_one() {
        assert!(DeployId::parse("dep-abc123").is_ok());
        for text in ["", "dep-", "srv-abc", "::add-mask::a", "dep-a b", "dep-a\n"] {
            assert!(DeployId::parse(text).is_err(), "{text:?}");
        }
    }
}

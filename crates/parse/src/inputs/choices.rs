//! What inputs choose among.

/// What happens when an image is still missing at the end of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissing {
    /// Exit 1.
    Fail,
    /// Exit 0 with a warning.
    Warn,
}

/// What happens when a credential is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissingCredential {
    /// Exit 0 with a warning.
    Warn,
    /// Exit 1.
    Fail,
    /// Warn on pull requests and in a fork's own pushes, else fail.
    Auto,
}

/// What a deploy waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Render's acceptance.
    Accepted,
    /// The confirmed end, for which an API key is needed.
    Live,
    /// Live with an API key, else accepted.
    Auto,
}

/// Whether the world may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Yes.
    Allowed,
    /// No: a dry run.
    Withheld,
}

/// Rules that a person set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Force {
    /// Deploy though nothing changed.
    pub unchanged: bool,
    /// Deploy though something newer was deployed, or what is newer cannot be found out.
    pub older: bool,
    /// Deploy though a rollback holds the service.
    pub held: bool,
    /// Deploy though the environment that has to have it first has not had it.
    pub requires: bool,
}

impl Force {
    /// Each rule's word, and whether it is set aside.
    pub(super) const fn rules(self) -> [(&'static str, bool); 4] {
        [
            ("unchanged", self.unchanged),
            ("older", self.older),
            ("held", self.held),
            ("requires", self.requires),
        ]
    }

    /// The words of what is set aside; `None` where nothing is.
    #[must_use]
    pub fn words(self) -> Option<String> {
        let words: Vec<&str> = self
            .rules()
            .iter()
            .filter(|(_, is)| *is)
            .map(|(word, _)| *word)
            .collect();
        (!words.is_empty()).then(|| words.join(","))
    }
}

/// What happens to the services that went live when another one of the run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// They stay.
    Keep,
    /// They are put back on what they ran before.
    RollBack,
}

/// What the tag of a release is to its deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRelease {
    /// It is put on what is deployed, first of all.
    Promote,
    /// It names what is deployed: somebody has put it there.
    AsTagged,
}

/// Whether what was deployed is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// As GitHub Deployments.
    On,
    /// Not at all.
    Off,
}

/// Whether a pull request is told by a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commenting {
    /// By one, which is edited from then on.
    On,
    /// Not at all.
    Off,
}

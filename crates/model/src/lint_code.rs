//! The names of the lints.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $summary:literal;)*) => {
        /// What a finding is about: a stable word for machines, and a heading of docs/checks.md.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum LintCode { $($(#[$doc])* $variant,)* }

        impl LintCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What is wrong, in one sentence.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }
        }
    };
}

codes! {
    /// The text of the manifest is wrong.
    Mistake = "mistake", "The text of the manifest is wrong.";
    /// A pattern matches no tracked file.
    PatternMatchesNothing = "pattern-matches-nothing", "A pattern matches no tracked file.";
    /// A pattern names a directory.
    DirectoryWithoutStars = "directory-without-stars", "A pattern names a directory, and matches none of its files.";
    /// No tracked file is a reason to build an image.
    ImageOfNothing = "image-of-nothing", "No tracked file is a reason to build an image.";
    /// No service runs an image.
    ImageUnused = "image-unused", "No service runs an image.";
    /// Nothing is handed over that a service could be deployed with.
    ServiceCannotDeploy = "service-cannot-deploy", "No workflow has what a service is deployed with.";
    /// A workflow hands over a hook for a service that there is not.
    HookForNobody = "hook-for-nobody", "A workflow has a hook for a service that the manifest does not have.";
    /// One workflow has a service's hook, and another has not.
    HookMissingInWorkflow = "hook-missing-in-workflow", "A workflow lacks a service's hook that another one has.";
    /// Two services have the same secret.
    SameSecretTwice = "same-secret-twice", "Two services are given the same secret as their hook.";
    /// No workflow deploys.
    NoDeployStep = "no-deploy-step", "No workflow deploys with this manifest.";
    /// No workflow that deploys runs when an environment's branch or tag is pushed.
    NoTrigger = "no-trigger", "No workflow that deploys starts on an environment's branch or tag.";
    /// A workflow starts on an event on which the action refuses to run.
    UnsupportedEvent = "unsupported-event", "A workflow starts the action on an event that it refuses.";
    /// `OWNER` stands where the action's owner belongs.
    OwnerPlaceholder = "owner-placeholder", "A workflow says OWNER instead of the owner of the action.";
    /// A step has an input that there is not.
    UnknownInput = "unknown-input", "A step has an input that the action does not have.";
    /// A step has a value that the program refuses.
    BadInputValue = "bad-input-value", "A step has a value that the program refuses.";
    /// A secret stands in a workflow.
    SecretInWorkflow = "secret-in-workflow", "A secret stands in a workflow's text.";
    /// The job's token lacks a permission.
    PermissionMissing = "permission-missing", "A job lacks a permission that its command needs.";
    /// Two runs can deploy at once.
    NoConcurrency = "no-concurrency", "Two runs of a job that deploys can overlap.";
    /// A later run cancels a deploy.
    DeployCanBeCancelled = "deploy-can-be-cancelled", "A later run cancels a deploy half-way.";
    /// A run that waits for an approval holds the concurrency group.
    ConcurrencyHeldByApproval = "concurrency-held-by-approval", "A run that waits for an approval stops all later ones.";
    /// A workflow cannot be read.
    WorkflowNotRead = "workflow-not-read", "A workflow cannot be read.";
    /// A reusable workflow of another repository is not read.
    ReusableWorkflowNotRead = "reusable-workflow-not-read", "A reusable workflow of another repository is not read.";
    /// Tracked files of which nobody said whose they are.
    FilesOfNobody = "files-of-nobody", "Tracked files are in no list of the manifest.";
    /// The patterns were not held against the tree.
    TreeNotCompared = "tree-not-compared", "The patterns were not compared with the tracked files.";
    /// A probe is of a service that has no address.
    ProbeWithoutAddress = "probe-without-address", "A cron job or a worker has a probe, and no address.";
    /// A probe looks for text that every image answers.
    ProbeNamesNoImage = "probe-names-no-image", "A probe looks for text that an old image answers too.";
    /// A comment silences a lint that there is not.
    UnknownLint = "unknown-lint", "A comment silences a lint that does not exist.";
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lint_has_a_section_with_before_and_after() {
        let page = include_str!("../../../docs/checks.md");
        for code in LintCode::ALL {
            let heading = format!("\n### {code}\n");
            let (_, section) = page
                .split_once(&heading)
                .unwrap_or_else(|| panic!("no section {code}"));
            let section = section.split("\n### ").next().unwrap_or_default();
            assert!(
                section.contains("# before") && section.contains("# after"),
                "{code}"
            );
        }
        assert_eq!(page.matches("\n### ").count(), LintCode::ALL.len());
    }
}

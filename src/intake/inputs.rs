//! The inputs: each declared once, for action.yml, for the flags, for `--help` and for the README (a test compares them).

mod access;
mod choices;
mod command;
mod digest;
mod duration;
mod lists;
mod request;

pub use access::{CommentAccess, Permissions, WriteAccess};
pub use choices::{
    Commenting, Force, OnFailure, OnMissing, OnMissingCredential, OnRelease, Recording, Wait,
    Writes,
};
pub use command::{Command, LocalCommand, OperationCommand, PipelineCommand};
pub use digest::GivenDigests;
pub use duration::parse_duration;
pub use request::{DEFAULT_MANIFEST, InputError, Request, SourcePath};

use std::collections::BTreeMap;

/// An input as users see it.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Its name in `with:` and, behind `--`, on the command line.
    pub name: &'static str,
    /// Its default as action.yml writes it; empty where there is none or where it depends on other things.
    pub default: &'static str,
    /// What it means, one line.
    pub description: &'static str,
    /// Whether it holds a secret: then its flag takes `@file` only, and no error shows its value.
    pub is_secret: bool,
}

const fn input(name: &'static str, default: &'static str, description: &'static str) -> Input {
    Input {
        name,
        default,
        description,
        is_secret: false,
    }
}

const fn secret(name: &'static str, default: &'static str, description: &'static str) -> Input {
    Input {
        name,
        default,
        description,
        is_secret: true,
    }
}

/// Every input, in the order in which people meet them.
pub const INPUTS: &[Input] = &[
    input(
        "command",
        "deploy",
        "What to do: plan, verify, deploy, promote, rollback, status, release or cleanup; check (the manifest against the repository) or init (a starting one), both local",
    ),
    input(
        "environment",
        "",
        "An environment of the manifest (default: the one that the event matches)",
    ),
    input(
        "manifest",
        ".github/deploy-manifest.yml",
        "Path of the deploy manifest, read from the commit being deployed (rollback: from the commit that runs)",
    ),
    input(
        "image",
        "",
        "An image repository: the image when there is no manifest (default: ghcr.io/<owner>/<repo>), else the image that tags speaks of",
    ),
    secret(
        "deploy-hook",
        "",
        "Render deploy hook URL of the one service when there is no manifest",
    ),
    secret(
        "deploy-hooks",
        "",
        "Render deploy hook URLs, one service=URL per line",
    ),
    secret(
        "render-api-key",
        "",
        "Render API key, of the services' workspace: deploys are followed until they are live, and services with an id need no hook",
    ),
    input(
        "digest",
        "",
        "The image is this digest and no tag is looked up: a digest, repository@sha256:... or image=sha256:... lines, a build's metadata JSON, or a directory with one file per image",
    ),
    input(
        "services",
        "",
        "Restrict to these services (comma, newline or JSON); never makes an unchanged service deploy",
    ),
    input(
        "force",
        "",
        "By hand only, a list of: unchanged (deploy though nothing changed), older, held, requires (rules to set aside)",
    ),
    input(
        "freeze",
        "",
        "A reason to deploy nothing at present; empty, false, 0, no and off are none",
    ),
    input(
        "release",
        "",
        "Which release a dispatch deploys, promotes or goes back to, like prod-42 (rollback: default what was live before; release: the one to make instead of the next)",
    ),
    input(
        "pr-number",
        "",
        "Pull request number, for dispatch events and laptops (default: the event's)",
    ),
    input(
        "sha",
        "",
        "Commit, for dispatch events and laptops (default: the event's)",
    ),
    input("base", "", "plan and verify: compare with this commit"),
    secret(
        "github-token",
        "${{ github.token }}",
        "Token for GitHub's API and, by default, for ghcr.io",
    ),
    input(
        "registry",
        "ghcr.io",
        "The one registry host that credentials are sent to",
    ),
    input(
        "registry-username",
        "",
        "Username for the registry (default for ghcr.io: the actor)",
    ),
    secret(
        "registry-password",
        "",
        "Password or token for the registry (default for ghcr.io: github-token; another token for ghcr.io has to be a classic one)",
    ),
    input(
        "promote-on-release",
        "true",
        "On a release, before the first deploy, put its tag on what each service will serve: true or false (the image that has the tag is the image)",
    ),
    input(
        "pin",
        "index",
        "Deploy by the digest of the image index, or of its linux/amd64 platform image: index or platform",
    ),
    input(
        "image-timeout",
        "240s",
        "How long to wait for all images together, like 45s, 4m or 1h30m",
    ),
    input(
        "on-missing-image",
        "fail",
        "When an image is still missing then: fail, or warn (exit 0, skipped)",
    ),
    input(
        "live-timeout",
        "50m",
        "How long to wait for each deploy to end; its record then stays open and the next run goes on from it",
    ),
    input(
        "wait",
        "auto",
        "What to wait for: accepted, live (each service needs an API key or a probe), or auto (live where there is a key)",
    ),
    input(
        "on-missing-credential",
        "auto",
        "When a credential is missing: warn (exit 0, skipped), fail, or auto (warn on pull requests and in forks)",
    ),
    input(
        "rollback-on-failure",
        "false",
        "When a service fails, put those that went live in this run back on what they ran before: true or false",
    ),
    input(
        "record",
        "true",
        "Keep GitHub Deployments as the memory of what was deployed: true or false",
    ),
    input(
        "comment",
        "false",
        "deploy, cleanup: keep one comment on the pull request that says what became of it: true or false",
    ),
    input(
        "env-file",
        "",
        "Also write KEY=VALUE lines with the image digests to this file of the workspace",
    ),
    input(
        "ca-bundle",
        "",
        "Extra PEM roots beside the built-in ones: text, or a file of the workspace",
    ),
    input(
        "dry-run",
        "false",
        "Do everything but the writes: true or false",
    ),
    input(
        "render-api-url",
        "https://api.render.com",
        "Where Render is; deploy hooks must have this origin",
    ),
];

/// What was given: the raw texts by input name. Empty texts are absent (that is how the runner passes an unset input).
#[derive(Clone, Default)]
pub struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// Takes what `look_up` finds for each declared input.
    pub fn collect(mut look_up: impl FnMut(&Input) -> Option<String>) -> Self {
        let given = INPUTS
            .iter()
            .filter_map(|input| Some((input.name, look_up(input)?)));
        Self(given.filter(|(_, text)| !text.is_empty()).collect())
    }

    /// The text given for an input.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The texts of the inputs that hold secrets.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        INPUTS
            .iter()
            .filter(|input| input.is_secret)
            .filter_map(|input| self.get(input.name))
    }
}

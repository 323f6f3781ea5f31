//! The inputs: each declared once, for action.yml, for the flags, for `--help` and for the README (a test compares them).

mod access;
mod choices;
mod command;
mod digest;
mod duration;
mod groups;
mod lists;
mod request;

pub use access::{CommentAccess, RunAccess, WriteAccess};
pub use choices::{
    Commenting, Force, OnFailure, OnMissing, OnMissingCredential, OnRelease, Recording, Wait,
    WriteMode,
};
pub use command::{Command, LocalCommand, OperationCommand, PipelineCommand};
pub use digest::GivenDigests;
pub use duration::parse_duration;
pub use groups::{INPUT_GROUPS, InputGroup, is_read_by};
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

impl Input {
    /// Whether it is `true` or `false`: then its flag needs no value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        matches!(self.default, "true" | "false")
    }
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
        "plan, verify, deploy, promote, rollback, status, release, cleanup, check or init",
    ),
    input(
        "environment",
        "",
        "An environment of the manifest (default: the one that the event matches)",
    ),
    input(
        "manifest",
        ".github/deploy-manifest.yml",
        "Path of the manifest; rollback reads it from the commit that runs, others from the commit deployed",
    ),
    input(
        "image",
        "",
        "Without a manifest: the image (default: ghcr.io/<owner>/<repo>). With one: the image tags is for",
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
        "Render API key: deploys are followed until live, and a service with an id needs no hook",
    ),
    input(
        "digest",
        "",
        "Use this image and look up no tag: a digest, image=sha256:... lines, a directory or a build's JSON",
    ),
    input(
        "services",
        "",
        "Restrict to these services (comma, newline or JSON); an unchanged service is still skipped",
    ),
    input(
        "force",
        "",
        "By hand only, a list of: unchanged (deploy it all the same), older, held, requires (skip that rule)",
    ),
    input(
        "freeze",
        "",
        "A reason to deploy nothing for now; empty, false, 0, no and off mean no freeze",
    ),
    input(
        "release",
        "",
        "The release to deploy, promote, make or go back to, like prod-42",
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
    input("base", "", "Compare with this commit"),
    secret(
        "github-token",
        "${{ github.token }}",
        "Token for GitHub's API and, by default, for ghcr.io",
    ),
    input(
        "registry",
        "ghcr.io",
        "The only registry host that gets credentials",
    ),
    input(
        "registry-username",
        "",
        "User name for the registry (default for ghcr.io: the actor)",
    ),
    secret(
        "registry-password",
        "",
        "Password or classic token for the registry (default for ghcr.io: github-token)",
    ),
    input(
        "promote-on-release",
        "true",
        "true: a release puts its tag on the tested images. false: the image with that tag is deployed",
    ),
    input(
        "pin",
        "index",
        "Deploy the digest of the image index, or of its linux/amd64 image: index or platform",
    ),
    input(
        "image-timeout",
        "240s",
        "How long to wait for all images together, like 45s, 4m or 1h30m",
    ),
    input(
        "on-missing-image",
        "fail",
        "If an image is still missing then: fail, or warn (exit 0, skipped)",
    ),
    input(
        "live-timeout",
        "50m",
        "How long to wait for each deploy to end; after that, the next run continues from its record",
    ),
    input(
        "wait",
        "auto",
        "Wait until accepted, live (needs an API key or a probe), or auto (live if there is an API key)",
    ),
    input(
        "on-missing-credential",
        "auto",
        "If a credential is missing: warn (exit 0), fail, or auto (warn on pull requests and in forks)",
    ),
    input(
        "rollback-on-failure",
        "false",
        "If a service fails, put the services that went live in this run back: true or false",
    ),
    input(
        "record",
        "true",
        "Record deploys as GitHub Deployments, which the next run compares with: true or false",
    ),
    input(
        "comment",
        "false",
        "Keep one comment on the pull request: the result, or (plan) what merging deploys. true or false",
    ),
    input(
        "env-file",
        "",
        "Also write KEY=VALUE lines with the image digests to this file of the workspace",
    ),
    input(
        "ca-bundle",
        "",
        "PEM root certificates to trust besides the built-in ones: text, or a file of the workspace",
    ),
    input(
        "dry-run",
        "false",
        "Do everything except the writes: true or false",
    ),
    input(
        "render-api-url",
        "https://api.render.com",
        "Address of Render's API; deploy hooks must have the same origin",
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

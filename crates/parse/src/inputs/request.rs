//! The request: every input read, every mistake told at once.

use super::choices::{
    Commenting, Force, OnFailure, OnMissing, OnMissingCredential, OnRelease, Recording, Wait,
    WriteMode,
};
use super::digest::GivenDigests;
use super::duration::parse_duration;
use super::{Command, Given, PipelineCommand, RunAccess, lists};
use model::{
    CommitName, DeployHook, EnvironmentName, FailureWord, Pin, PrNumber, Refused, RegistryHost,
    RenderOrigin, Repository, Secret, ServiceName, Untrusted,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where the deploy manifest is unless the input says otherwise.
pub const DEFAULT_MANIFEST: &str = ".github/deploy-manifest.yml";

/// Why an input is refused: its name, what was wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("input {input}: {why}")]
pub struct InputError {
    input: &'static str,
    word: FailureWord,
    why: String,
}

impl InputError {
    pub(super) const fn new(input: &'static str, word: FailureWord, why: String) -> Self {
        Self { input, word, why }
    }

    /// A refusal of an input for a reason that only its use shows.
    #[must_use]
    pub fn of(input: &'static str, why: impl Into<String>) -> Self {
        Self::new(input, FailureWord::BadInput, why.into())
    }

    /// The input's name.
    #[must_use]
    pub const fn input(&self) -> &'static str {
        self.input
    }

    /// The failure word.
    #[must_use]
    pub const fn word(&self) -> FailureWord {
        self.word
    }
}

/// Where something is in the repository, and whether somebody said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePath {
    /// The path from the repository's root.
    pub path: String,
    /// Whether the input was set to something else than its default: then it has to be there.
    pub is_explicit: bool,
}

/// Everything that was asked for, with every default filled in that does not depend on the event.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to do.
    pub command: Command,
    /// The environment that was chosen.
    pub environment: Option<EnvironmentName>,
    /// Where the manifest is.
    pub manifest: SourcePath,
    /// The image that was named.
    pub image: Option<Repository>,
    /// The hook of the one-service shorthand.
    pub deploy_hook: Option<DeployHook>,
    /// Hooks by service.
    pub deploy_hooks: BTreeMap<ServiceName, DeployHook>,
    /// Services whose line in `deploy-hooks` is there and whose secret is empty.
    pub empty_hooks: Vec<ServiceName>,
    /// For Render's API.
    pub render_api_key: Option<Secret>,
    /// Digests that a build handed on.
    pub digest: Option<GivenDigests>,
    /// The services to restrict to.
    pub services: Option<Vec<ServiceName>>,
    /// Rules that a person set aside.
    pub force: Force,
    /// Why nothing is to be deployed at present.
    pub freeze: Option<String>,
    /// A release's tag, to be read by an environment's template.
    pub release: Option<String>,
    /// A pull request.
    pub pr_number: Option<PrNumber>,
    /// A commit.
    pub sha: Option<CommitName>,
    /// A commit to compare with.
    pub base: Option<CommitName>,
    /// For GitHub's API.
    pub github_token: Option<Secret>,
    /// The one host that registry credentials are sent to.
    pub registry: RegistryHost,
    /// Who we are there.
    pub registry_username: Option<String>,
    /// The proof.
    pub registry_password: Option<Secret>,
    /// What the tag of a release is to its deploy.
    pub on_release: OnRelease,
    /// Which digest is deployed.
    pub pin: Pin,
    /// How long to wait for all images together.
    pub image_timeout: Duration,
    /// What happens when one is missing then.
    pub on_missing_image: OnMissing,
    /// How long to wait for one deploy to end.
    pub live_timeout: Duration,
    /// What a deploy waits for.
    pub wait: Wait,
    /// What happens when a credential is missing.
    pub on_missing_credential: OnMissingCredential,
    /// What happens to the others when a service fails.
    pub on_failure: OnFailure,
    /// Whether what was deployed is remembered.
    pub recording: Recording,
    /// Whether a pull request is told by a comment.
    pub commenting: Commenting,
    /// A file to write the digests to.
    pub env_file: Option<String>,
    /// Extra roots: PEM text or a path.
    pub ca_bundle: Option<String>,
    /// Whether the world may be written to.
    pub writes: WriteMode,
    /// Where Render is.
    pub render_api_url: RenderOrigin,
}

/// Reads inputs one by one and keeps every mistake.
struct InputReader<'a> {
    given: &'a Given,
    errors: Vec<InputError>,
}

impl<'a> InputReader<'a> {
    fn text(&self, name: &'static str) -> Option<&'a str> {
        self.given.get(name)
    }

    fn read<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Option<T> {
        let result = parse(self.text(name)?);
        result
            .map_err(|error| self.errors.push(InputError::of(name, error.to_string())))
            .ok()
    }

    fn choose<T: Copy>(&mut self, name: &'static str, default: T, choices: &[(&str, T)]) -> T {
        let Some(text) = self.text(name) else {
            return default;
        };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return *choice;
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let why = format!(
            "it is \"{}\", wanted {}",
            Untrusted(text.as_bytes()),
            words.join(", ")
        );
        self.errors.push(InputError::of(name, why));
        default
    }

    fn keep<T>(&mut self, result: Result<T, InputError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }
}

impl Request {
    /// Reads what was given, and decides what the run may write.
    ///
    /// # Errors
    /// Every mistake, in the order of the declaration's use; never none.
    pub fn read(given: &Given) -> Result<(Self, RunAccess), Vec<InputError>> {
        let mut reader = InputReader {
            given,
            errors: Vec::new(),
        };
        let commands: Vec<(&str, Command)> = Command::ALL
            .iter()
            .map(|(word, command, _)| (*word, *command))
            .collect();
        let origin = reader.read("render-api-url", RenderOrigin::parse);
        let origin = origin.or_else(|| RenderOrigin::parse("https://api.render.com").ok());
        let registry = reader
            .read("registry", RegistryHost::parse)
            .or_else(|| RegistryHost::parse("ghcr.io").ok());
        let (Some(origin), Some(registry)) = (origin, registry) else {
            return Err(reader.errors);
        };
        let hooks = deploy_hooks(&mut reader, &origin);
        let request = Self {
            command: reader.choose(
                "command",
                Command::Pipeline(PipelineCommand::Deploy),
                &commands,
            ),
            environment: reader.read("environment", EnvironmentName::parse),
            manifest: manifest(&mut reader),
            image: reader.read("image", Repository::parse),
            deploy_hook: deploy_hook(&mut reader, &origin),
            deploy_hooks: hooks.hooks,
            empty_hooks: hooks.empty,
            render_api_key: credential(&mut reader, "render-api-key"),
            digest: reader.read("digest", GivenDigests::parse),
            services: reader
                .text("services")
                .map(lists::services)
                .and_then(|services| reader.keep(services)),
            force: force(&mut reader),
            freeze: freeze(&reader),
            release: release(&mut reader),
            pr_number: reader.read("pr-number", |text| PrNumber::parse(text.as_bytes())),
            sha: reader.read("sha", |text| CommitName::parse(text.as_bytes())),
            base: reader.read("base", |text| CommitName::parse(text.as_bytes())),
            github_token: credential(&mut reader, "github-token"),
            registry,
            registry_username: username(&mut reader),
            registry_password: credential(&mut reader, "registry-password"),
            on_release: reader.choose(
                "promote-on-release",
                OnRelease::Promote,
                &[("true", OnRelease::Promote), ("false", OnRelease::AsTagged)],
            ),
            pin: reader.choose(
                "pin",
                Pin::Index,
                &[("index", Pin::Index), ("platform", Pin::Platform)],
            ),
            image_timeout: reader
                .read("image-timeout", |text| {
                    parse_duration("image-timeout", text)
                })
                .unwrap_or(Duration::from_secs(240)),
            on_missing_image: reader.choose(
                "on-missing-image",
                OnMissing::Fail,
                &[("fail", OnMissing::Fail), ("warn", OnMissing::Warn)],
            ),
            live_timeout: reader
                .read("live-timeout", |text| parse_duration("live-timeout", text))
                .unwrap_or(Duration::from_secs(50 * 60)),
            wait: reader.choose(
                "wait",
                Wait::Auto,
                &[
                    ("accepted", Wait::Accepted),
                    ("live", Wait::Live),
                    ("auto", Wait::Auto),
                ],
            ),
            on_missing_credential: reader.choose(
                "on-missing-credential",
                OnMissingCredential::Auto,
                &[
                    ("warn", OnMissingCredential::Warn),
                    ("fail", OnMissingCredential::Fail),
                    ("auto", OnMissingCredential::Auto),
                ],
            ),
            on_failure: reader.choose(
                "rollback-on-failure",
                OnFailure::Keep,
                &[("true", OnFailure::RollBack), ("false", OnFailure::Keep)],
            ),
            recording: reader.choose(
                "record",
                Recording::On,
                &[("true", Recording::On), ("false", Recording::Off)],
            ),
            commenting: reader.choose(
                "comment",
                Commenting::Off,
                &[("true", Commenting::On), ("false", Commenting::Off)],
            ),
            env_file: reader.text("env-file").map(str::to_owned),
            ca_bundle: reader.text("ca-bundle").map(str::to_owned),
            writes: reader.choose(
                "dry-run",
                WriteMode::Allowed,
                &[("true", WriteMode::Withheld), ("false", WriteMode::Allowed)],
            ),
            render_api_url: origin,
        };
        if reader.errors.is_empty() {
            let permissions = RunAccess::of(&request);
            Ok((request, permissions))
        } else {
            Err(reader.errors)
        }
    }
}

fn manifest(reader: &mut InputReader<'_>) -> SourcePath {
    const DEFAULT: &str = DEFAULT_MANIFEST;
    let path = reader.text("manifest").unwrap_or(DEFAULT);
    let is_good = path.len() <= 1024
        && !path.bytes().any(|byte| byte.is_ascii_control())
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".." | ".git"));
    if !is_good {
        let why = format!(
            "it is \"{}\", wanted a path from the repository's root, like {DEFAULT}",
            Untrusted(path.as_bytes())
        );
        reader.errors.push(InputError::of("manifest", why));
    }
    SourcePath {
        path: path.to_owned(),
        is_explicit: path != DEFAULT,
    }
}

/// White space alone is an unset secret, and a secret that was piped or pasted often ends with a newline.
fn deploy_hook(reader: &mut InputReader<'_>, origin: &RenderOrigin) -> Option<DeployHook> {
    let text = reader
        .text("deploy-hook")
        .map(str::trim_ascii)
        .filter(|text| !text.is_empty())?;
    let hook = DeployHook::parse(text, origin).map_err(|error| {
        InputError::new("deploy-hook", lists::hook_word(error), error.to_string())
    });
    reader.keep(hook)
}

fn deploy_hooks(reader: &mut InputReader<'_>, origin: &RenderOrigin) -> lists::HookList {
    let Some(text) = reader.text("deploy-hooks") else {
        return lists::HookList::default();
    };
    match lists::hooks(text, origin) {
        Ok(hooks) => hooks,
        Err(errors) => {
            reader.errors.extend(errors);
            lists::HookList::default()
        }
    }
}

fn force(reader: &mut InputReader<'_>) -> Force {
    let mut force = Force::default();
    for word in reader
        .text("force")
        .unwrap_or_default()
        .split([',', '\n'])
        .map(str::trim_ascii)
        .filter(|word| !word.is_empty())
    {
        match word {
            "unchanged" => force.unchanged = true,
            "older" => force.older = true,
            "held" => force.held = true,
            "requires" => force.requires = true,
            _ => {
                let why = format!(
                    "it has \"{}\", wanted a list of unchanged, older, held, requires",
                    Untrusted(word.as_bytes())
                );
                reader.errors.push(InputError::of("force", why));
            }
        }
    }
    force
}

fn freeze(reader: &InputReader<'_>) -> Option<String> {
    let reason = reader.text("freeze")?.trim_ascii();
    let is_none = ["", "false", "0", "no", "off"]
        .iter()
        .any(|word| reason.eq_ignore_ascii_case(word));
    (!is_none).then(|| reason.to_owned())
}

fn release(reader: &mut InputReader<'_>) -> Option<String> {
    reader.read("release", |text| {
        model::ImageTag::parse(text).map(|tag| tag.to_string())
    })
}

/// Tokens are opaque (GitHub's own are changing their length and alphabet), but a line break inside one is never part of it.
fn credential(reader: &mut InputReader<'_>, name: &'static str) -> Option<Secret> {
    let text = reader.text(name)?.trim_ascii();
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        reader.errors.push(InputError::of(
            name,
            "it has a control character inside (value not shown)",
        ));
    }
    (!text.is_empty()).then(|| Secret::new(text))
}

fn username(reader: &mut InputReader<'_>) -> Option<String> {
    let text = reader.text("registry-username")?.trim_ascii();
    if text.contains(':') || text.bytes().any(|byte| byte.is_ascii_control()) {
        let why = format!(
            "it is \"{}\", wanted a name without : and control characters",
            Untrusted(text.as_bytes())
        );
        reader.errors.push(InputError::of("registry-username", why));
    }
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests;

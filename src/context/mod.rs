//! What a command starts from: the request, the event, the repository, the log, and the clients that read.
//!
//! [`Context`] does not change during a run. [`Progress`] is the only part that does, and says why.

mod clients;
mod outcome;
mod progress;
mod writers;

pub(crate) use clients::Clients;
pub(crate) use outcome::{CommandOutcome, Stop};
pub(crate) use progress::{InFlightDeploy, Progress, Stage, TagSent};
pub(crate) use writers::{RenderWriters, Writers, comment_writer};

use crate::failure::Failure;
use crate::history::History;
use crate::probe::ProbeClient;
use crate::runner::{self, Connect, Log, RunnerEnvironment, Workspace};
use git::{Checkout, Trust};
use github::GitHub;
use http_client::{Client, Proxies, Random, Roots, TransportError};
use model::{Dispatch, Level, Notice, PushedRef, Secret, Slug, Trigger};
use parse::event::{self, Ambient};
use parse::inputs::{InputError, Request};
use registry::Credentials;
use render::RenderApi;

const GITHUB: &str = "https://github.com";
const GITHUB_API: &str = "https://api.github.com";
/// A bundle of every public root there is has a quarter of this.
const LARGEST_BUNDLE: u64 = 1 << 20;

/// Everything that a command starts from.
pub(crate) struct Context {
    pub(crate) request: Request,
    pub(crate) env: RunnerEnvironment,
    pub(crate) log: Log,
    pub(crate) workspace: Workspace,
    pub(crate) random: Random,
    pub(crate) slug: Slug,
    pub(crate) trigger: Trigger,
    pub(crate) clients: Clients,
    pub(crate) progress: Progress,
}

impl Context {
    /// Reads the event and makes the clients that read.
    pub(crate) fn read(
        request: Request,
        env: RunnerEnvironment,
        log: Log,
        connect: &Connect,
        random: Random,
    ) -> Result<Self, Failure> {
        let workspace = Workspace::new(env.workspace.clone());
        let (roots, proxies) = network(&request, &env, &workspace, &log)?;
        let exchange = connect(roots, &proxies).map_err(TransportError::from)?;
        let client = Client::new(exchange, random.clone());
        // An event is a runner's too where it does not say that it is one; a laptop has none.
        let is_laptop = !env.on_runner && env.event_name.is_none();
        let trust = if is_laptop {
            Trust::OnLaptop
        } else {
            Trust::OnRunner
        };
        let opened = Checkout::open(&env.workspace, trust);
        let checkout = opened.as_ref().ok().and_then(Option::as_ref);
        let origin = checkout.and_then(Checkout::origin);
        let slug = match env.repository.clone().or(origin) {
            Some(text) => Slug::parse(&text)?,
            None => {
                return Err(InputError::of(
                    "GITHUB_REPOSITORY",
                    "it is not set, and the checkout has no origin on GitHub",
                )
                .into());
            }
        };
        let trigger = trigger(&env, checkout)?;
        let asks_github = env.api_url.is_some() || request.github_token.is_some();
        let api_url = env.api_url.as_deref().unwrap_or(GITHUB_API);
        let github = if asks_github {
            Some(GitHub::new(
                &client,
                api_url,
                request.github_token.as_ref(),
                &slug.to_string(),
            )?)
        } else {
            None
        };
        let key = request.render_api_key.clone();
        let render = key.map(|key| RenderApi::new(client.clone(), &request.render_api_url, key));
        let clients = Clients {
            credentials: credentials(&request, &env),
            probes: ProbeClient::new(client.clone()),
            http: client,
            history: History::new(opened, github),
            render,
        };
        Ok(Self {
            request,
            env,
            log,
            workspace,
            random,
            slug,
            trigger,
            clients,
            progress: Progress::new(),
        })
    }

    /// This repository's address: what an image's `source` label says.
    pub(crate) fn server_url(&self) -> &str {
        self.env.server_url.as_deref().unwrap_or(GITHUB)
    }

    /// The page of this run, where a runner says which it is.
    pub(crate) fn run_url(&self) -> Option<url::Url> {
        let (id, attempt) = self.env.run?;
        let page = format!(
            "{}/{}/actions/runs/{id}/attempts/{attempt}",
            self.server_url(),
            self.slug
        );
        url::Url::parse(&page).ok()
    }

    /// The page of this run whichever attempt it is.
    pub(crate) fn run_page(&self) -> Option<url::Url> {
        let (id, _) = self.env.run?;
        url::Url::parse(&format!(
            "{}/{}/actions/runs/{id}",
            self.server_url(),
            self.slug
        ))
        .ok()
    }

    /// A username without a password is a credential that somebody meant to set.
    pub(crate) const fn lacks_registry_password(&self) -> bool {
        self.request.registry_username.is_some() && self.request.registry_password.is_none()
    }

    /// Shows a warning beside the log, and keeps it for the summary.
    pub(crate) fn warn(&self, title: &str, text: &str) {
        self.log.notice(&Notice::new(Level::Warning, title, text));
        self.progress.note(text);
    }

    /// As [`Context::warn`], unless the same was said before.
    pub(crate) fn warn_once(&self, title: &str, text: &str) {
        if self.progress.note_once(text) {
            self.log.notice(&Notice::new(Level::Warning, title, text));
        }
    }

    /// Says something in the log, and keeps it for the summary.
    pub(crate) fn note(&self, text: impl Into<String>) {
        let text = text.into();
        self.log.say(&text);
        self.progress.note(text);
    }

    /// GitHub, where there is a token to ask it with.
    pub(crate) fn github_with_token(&self) -> Option<&GitHub> {
        self.request.github_token.as_ref()?;
        self.clients.history.github()
    }
}

/// For ghcr.io the actor and the token of the job will do; elsewhere nothing is guessed.
fn credentials(request: &Request, env: &RunnerEnvironment) -> Option<Credentials> {
    let is_ghcr = request.registry.as_str() == "ghcr.io";
    let password: Option<Secret> = match (&request.registry_password, &request.registry_username) {
        (Some(password), _) => Some(password.clone()),
        (None, Some(_)) => None,
        (None, None) if is_ghcr => request.github_token.clone(),
        (None, None) => None,
    };
    // GHCR takes any username with a token; `x-access-token` says what it is.
    let actor = env.actor.clone().filter(|_| is_ghcr);
    let username = request
        .registry_username
        .clone()
        .or(actor)
        .unwrap_or_else(|| "x-access-token".into());
    password.map(|password| Credentials::new(request.registry.clone(), username, password))
}

fn trigger(env: &RunnerEnvironment, checkout: Option<&Checkout>) -> Result<Trigger, Failure> {
    let Some(name) = &env.event_name else {
        return Ok(Trigger::Dispatch(laptop(checkout)));
    };
    let path = env
        .event_path
        .as_ref()
        .ok_or_else(|| InputError::of("GITHUB_EVENT_PATH", "it is not set"))?;
    let payload = runner::read_event(path)
        .map_err(|error| InputError::of("GITHUB_EVENT_PATH", error.to_string()))?;
    let ambient = Ambient {
        git_ref: env.git_ref.as_deref(),
        sha: env.sha.as_deref(),
        actor: env.actor.as_deref(),
    };
    Ok(event::read(name, &payload, &ambient)?)
}

/// Without an event a person asks, about the commit that is checked out.
fn laptop(checkout: Option<&Checkout>) -> Dispatch {
    let (git_ref, commit) = checkout
        .and_then(Checkout::head)
        .map_or((None, None), |(git_ref, commit)| (git_ref, Some(commit)));
    let branch = git_ref
        .as_deref()
        .and_then(|full| full.strip_prefix("refs/heads/"))
        .map(str::to_owned);
    Dispatch {
        pushed: branch.map(PushedRef::Branch),
        commit,
        default_branch: None,
        by_person: true,
        of_workflow: false,
    }
}

/// Whom to trust and through which proxies to connect.
fn network(
    request: &Request,
    env: &RunnerEnvironment,
    workspace: &Workspace,
    log: &Log,
) -> Result<(Roots, Proxies), Failure> {
    let mut roots = Roots::built_in();
    if let Some(text) = &request.ca_bundle {
        let pem = if text.contains("-----BEGIN") {
            text.clone().into_bytes()
        } else {
            {
                let read = workspace.read(text, LARGEST_BUNDLE);
                read.map_err(|error| InputError::of("ca-bundle", error.to_string()))?
            }
        };
        roots
            .add(&pem)
            .map_err(|error| InputError::of("ca-bundle", error.to_string()))?;
    }
    let names = env.network.join(", ");
    // Whoever runs his own machine has said there whom he trusts. On GitHub's, an earlier step may have said so.
    if !env.is_hosted {
        env.root_files()
            .iter()
            .for_each(|pem| roots.add_readable(pem));
    }
    let proxies = match (env.is_hosted, env.network.is_empty()) {
        (_, true) => Proxies::default(),
        (true, false) => {
            let text = format!(
                "{names} ignored: on a GitHub-hosted runner only an earlier step could have set them (use ca-bundle for roots)"
            );
            log.notice(&Notice::new(
                Level::Warning,
                "Proxy and CA variables are ignored",
                text,
            ));
            Proxies::default()
        }
        (false, false) => {
            log.say(&format!("Network: {names} from the environment are used."));
            env.proxies()
        }
    };
    Ok((roots, proxies))
}

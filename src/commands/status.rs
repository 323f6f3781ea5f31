//! `status`: what each service serves, since when, and how far that is behind. Writes nothing.

use crate::context::{CommandOutcome, Context, Stop};
use crate::failure::Failure;
use crate::resolve::{WithoutManifest, manifest_at, unknown_environment};
use crate::state::{EnvironmentState, Lag, Lags, ServedNow, StatePurpose, StateQuery};
use decide::{Base, FleetFacts, FleetState};
use model::{
    CommitSha, Environment, EnvironmentName, FailureWord, Manifest, Outcome, PushedRef, Release,
    Service, ServiceName, Trigger, When,
};
use report::{FleetRow, fleet_lines};

/// The most commits of which GitHub is asked what they change, over all services.
const MOST_ASKED: usize = 300;
/// The most failed deploys of which Render is asked why.
const MOST_EXPLAINED: usize = 10;

/// Says how every service of one environment, or of all, stands.
pub(super) async fn run(context: &Context) -> Result<CommandOutcome, Stop> {
    let default_branch = default_branch(context);
    let history = &context.clients.history;
    let tip = history.tip(&default_branch).await.map_err(Failure::from)?;
    let Some(tip) = tip else {
        let why = format!("the default branch {default_branch} is not there");
        return Err(Failure::NoManifest(why).into());
    };
    let without = WithoutManifest::Assume;
    let manifest = manifest_at(context, &tip, &default_branch, without).await?;
    let environments = chosen(context, &manifest)?;
    let mut survey = Survey {
        context,
        default_branch: &default_branch,
        lags: Lags::new(context, MOST_ASKED),
        pulls: Vec::new(),
    };
    let mut rows = Vec::new();
    for environment in environments {
        match survey.environment(&manifest, environment).await {
            Ok(found) => rows.extend(found),
            Err(why) => {
                let name = &environment.name;
                context.warn("An environment cannot be read", &format!("{name}: {why}"));
                rows.extend(unknown(&manifest, name, &why));
            }
        }
    }
    survey.warn_of_pulls();
    if let [only] = environments_of(&rows).as_slice() {
        context.progress.environment(only);
    }
    context.progress.fleet(rows.clone());
    context.log.answer_group("Status");
    for line in fleet_lines(&rows) {
        context.log.answer_toned(&line);
    }
    context.log.end_group();
    Ok(conclude(&rows))
}

/// The environments that are asked about.
fn chosen<'m>(context: &Context, manifest: &'m Manifest) -> Result<Vec<&'m Environment>, Failure> {
    match &context.request.environment {
        Some(name) => match manifest.environment(name) {
            Some(environment) => Ok(vec![environment]),
            None => Err(unknown_environment(manifest, name).into()),
        },
        None => Ok(manifest.environments.iter().collect()),
    }
}

/// The repository's default branch, whatever the event is.
fn default_branch(context: &Context) -> String {
    match &context.trigger {
        Trigger::Push(push) => push.default_branch.clone(),
        Trigger::PullRequest(pull) | Trigger::Closed(pull) => pull.default_branch.clone(),
        Trigger::MergeGroup(group) => group.default_branch.clone(),
        Trigger::Dispatch(dispatch) => {
            let of_run = match &dispatch.pushed {
                Some(PushedRef::Branch(name)) => Some(name.clone()),
                Some(PushedRef::Tag(_) | PushedRef::Either(_)) | None => None,
            };
            let named = dispatch.default_branch.clone().or(of_run);
            named.unwrap_or_else(|| "main".into())
        }
        Trigger::Nothing(_) | Trigger::Refused(_) => "main".into(),
    }
}

fn environments_of(rows: &[FleetRow]) -> Vec<EnvironmentName> {
    let mut names: Vec<EnvironmentName> = rows.iter().map(|row| row.environment.clone()).collect();
    names.dedup();
    names
}

/// The rows of an environment of which nothing is known.
fn unknown(manifest: &Manifest, environment: &EnvironmentName, why: &str) -> Vec<FleetRow> {
    let services = manifest.services_in(environment);
    services
        .map(|service| FleetRow {
            environment: environment.clone(),
            service: service.name.clone(),
            commit: None,
            release: None,
            digest: None,
            since: None,
            behind: None,
            behind_since: None,
            matters: None,
            state: FleetState::Unknown,
            confirmed: None,
            url: None,
            why: why.to_owned(),
        })
        .collect()
}

fn conclude(rows: &[FleetRow]) -> CommandOutcome {
    let count = |state: FleetState| rows.iter().filter(|row| row.state == state).count();
    let others = [
        FleetState::Unknown,
        FleetState::Deploying,
        FleetState::Drifting,
        FleetState::Held,
        FleetState::Behind,
    ];
    let told: Vec<String> = others
        .into_iter()
        .filter(|state| count(*state) > 0)
        .map(|state| format!("{} {state}", count(state)))
        .collect();
    if told.is_empty() {
        let headline = format!("Status: all {} current", rows.len());
        return CommandOutcome::new(Outcome::Nothing, headline);
    }
    let headline = format!("Status: {} of {} services", told.join(", "), rows.len());
    CommandOutcome::new(Outcome::Planned, headline)
}

/// What is found out once for all services.
struct Survey<'a> {
    context: &'a Context,
    default_branch: &'a str,
    lags: Lags<'a>,
    /// Services whose newest deploy could not pull its image.
    pulls: Vec<String>,
}

impl Survey<'_> {
    /// The rows of an environment, by the manifest of its own tip.
    async fn environment(
        &mut self,
        of_default: &Manifest,
        environment: &Environment,
    ) -> Result<Vec<FleetRow>, String> {
        let context = self.context;
        let (target, release) = self.target(environment).await?;
        let without = WithoutManifest::Assume;
        let manifest = manifest_at(context, &target, self.default_branch, without).await;
        let manifest = manifest.map_err(|error| error.to_string())?;
        let name = &environment.name;
        let (manifest, environment) = match manifest.environment(name) {
            Some(own) => (&manifest, own),
            None => (of_default, environment),
        };
        let query = StateQuery {
            reader: StatePurpose::Plan,
            manifest,
            environment,
            commit: target,
            release: release.as_ref(),
            event: Base::None("status does not use the event".into()),
            before: None,
            default_branch: self.default_branch,
        };
        let state = EnvironmentState::read(context, &query).await;
        let state = state.map_err(|failure| failure.to_string())?;
        let services: Vec<&Service> = manifest.services_in(name).collect();
        let standings = services
            .iter()
            .map(|service| state.standing(context, &service.name));
        let standings = futures_util::future::join_all(standings).await;
        let mut rows = Vec::new();
        for (service, standing) in services.into_iter().zip(standings) {
            let lag = self.lag(manifest, &service.name, &standing, &target).await;
            self.note_pull(name, &service.name, &standing).await;
            rows.push(row(name, &service.name, standing, &lag));
        }
        Ok(rows)
    }

    /// The commit that an environment should serve: the branch's tip, or the newest release.
    async fn target(
        &self,
        environment: &Environment,
    ) -> Result<(CommitSha, Option<Release>), String> {
        let history = &self.context.clients.history;
        match &environment.when {
            When::Branch(branch) => {
                let tip = history
                    .tip(branch)
                    .await
                    .map_err(|error| error.to_string())?;
                let tip = tip.ok_or_else(|| format!("its branch {branch} is not there"))?;
                Ok((tip, None))
            }
            When::Release { template, .. } => {
                let highest = history.highest_release(template).await;
                let highest = highest.map_err(|error| error.to_string())?;
                let highest = highest.ok_or("it has no release yet")?;
                let commit = history.tag_commit(highest.tag().as_str()).await;
                let commit = commit.map_err(|error| error.to_string())?;
                let commit = commit.ok_or("the tag of its newest release is gone")?;
                Ok((commit, Some(highest)))
            }
        }
    }

    /// How far a service is behind.
    async fn lag(
        &mut self,
        manifest: &Manifest,
        service: &ServiceName,
        standing: &ServedNow,
        target: &CommitSha,
    ) -> Lag {
        match &standing.commit {
            Some(commit) => self.lags.between(manifest, service, commit, target).await,
            None => Lag::default(),
        }
    }

    /// Keeps a service whose newest deploy could not pull its image.
    async fn note_pull(
        &mut self,
        environment: &EnvironmentName,
        service: &ServiceName,
        standing: &ServedNow,
    ) {
        let (Some(render), Some((id, deploy))) = (&self.context.clients.render, &standing.failed)
        else {
            return;
        };
        if self.pulls.len() >= MOST_EXPLAINED {
            return;
        }
        if let Ok(Some(why)) = render.explain(id, deploy).await
            && why.word() == FailureWord::ImagePullFailed
        {
            self.pulls.push(format!("{service} in {environment}"));
        }
    }

    fn warn_of_pulls(&self) {
        if self.pulls.is_empty() {
            return;
        }
        let text = format!(
            "Render could not pull the image in the newest deploys of {}: its registry credential may have expired, and then no service can be deployed",
            self.pulls.join(", ")
        );
        self.context.warn("Images cannot be pulled", &text);
    }
}

fn row(
    environment: &EnvironmentName,
    service: &ServiceName,
    standing: ServedNow,
    lag: &Lag,
) -> FleetRow {
    let facts = FleetFacts {
        is_known: standing.commit.is_some(),
        is_deploying: standing.is_deploying,
        is_drifting: standing.is_drifting,
        is_held: standing.is_held,
        matters: lag.matters,
        is_equal: standing.is_equal,
    };
    let time = |seconds: Option<i64>| seconds.and_then(decide::rfc3339);
    FleetRow {
        environment: environment.clone(),
        service: service.clone(),
        commit: standing.commit,
        release: standing.release,
        digest: standing.digest,
        since: time(standing.since),
        behind: lag.behind,
        behind_since: time(lag.since),
        matters: lag.matters,
        state: facts.state(),
        confirmed: standing.confirmed,
        url: standing.url,
        why: standing.why,
    }
}

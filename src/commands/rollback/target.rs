//! What each service goes back to: by the record, else by the release's tags in the registry, else by what Render lists.

use crate::context::Context;
use crate::failure::{BackRefusal, Failure, ReleaseRefusal};
use crate::images::reverify::ONE_LOOK;
use crate::resolve::ResolvedRollback;
use crate::state::EnvironmentState;
use decide::{
    Back, NoWay, RollbackPoint, RollbackRequest, ServiceRollback, before_on_render, serves,
    way_back,
};
use http_client::Deadline;
use model::{
    CommitSha, ImageTag, PinnedImage, Record, Release, Repository, Service, ServiceName,
    TagReading, When,
};
use std::collections::BTreeMap;

/// The bytes that a service is to have again.
#[derive(Debug, Clone)]
pub(super) struct RollbackImage {
    pub(super) image: PinnedImage,
    /// The commit that they are of, where it is known.
    pub(super) commit: Option<CommitSha>,
    /// The commit that they were built from, where a record says it.
    pub(super) built_from: Option<CommitSha>,
    /// The commits that they may say they were built from; none: any.
    pub(super) revisions: Vec<CommitSha>,
    pub(super) release: Option<ImageTag>,
}

/// What becomes of a service.
pub(super) enum RollbackStep {
    Back(RollbackImage),
    /// It stays, for this reason (of the outputs' alphabet).
    Stays(String),
}

/// Where a rollback leads.
pub(super) struct RollbackTarget {
    /// The commit that stands for it.
    pub(super) commit: CommitSha,
    pub(super) release: Option<Release>,
    /// The newest record of that step, where one knows it.
    pub(super) to: Option<u64>,
    /// What people call it.
    pub(super) name: String,
    pub(super) steps: BTreeMap<ServiceName, RollbackStep>,
    /// Said where nothing goes back.
    pub(super) otherwise: String,
}

/// What people call a step.
pub(super) fn named(step: &RollbackPoint) -> String {
    match &step.release {
        Some(release) => release.to_string(),
        None => format!("commit {}", step.commit.short(7)),
    }
}

/// Finds it.
pub(super) async fn find(
    context: &Context,
    rollback: &ResolvedRollback,
    state: &EnvironmentState,
) -> Result<RollbackTarget, Failure> {
    let environment = &rollback.environment.name;
    let pasts = state.pasts();
    let is_repeated = context.env.is_rerun || state.has_open_rollback();
    let no_way = match way_back(&pasts, &rollback.target, is_repeated) {
        Ok(back) => return by_record(context, rollback, &back).await,
        Err(no_way) => no_way,
    };
    let environment = environment.clone();
    let refusal = match (no_way, &rollback.target, &rollback.release) {
        (NoWay::Done(step), ..) => {
            let otherwise = format!(
                "the previous rollback put {environment} on {} already; start a new run to go further back",
                named(&step)
            );
            return Ok(nowhere(rollback, &step, otherwise));
        }
        (NoWay::NotRecorded | NoWay::Unrecorded, RollbackRequest::Release(_), Some(release)) => {
            return by_tags(context, rollback, release, serves(&pasts).as_ref()).await;
        }
        (NoWay::Unrecorded, RollbackRequest::Before, _) => {
            return by_render(context, rollback, state).await;
        }
        (NoWay::NotRecorded | NoWay::Unrecorded, target, _) => match state.unknown() {
            Some(why) => BackRefusal::Unknown(environment, why.to_owned()),
            None => {
                let why = "the record does not know it".to_owned();
                BackRefusal::NotDeployed {
                    environment,
                    wanted: wanted(target),
                    why,
                }
            }
        },
        (NoWay::First(step), ..) => BackRefusal::First {
            environment,
            serves: named(&step),
        },
        (NoWay::Forward(step), target, _) => BackRefusal::Forward {
            environment,
            wanted: wanted(target),
            serves: named(&step),
        },
    };
    Err(Failure::Back(refusal))
}

fn wanted(target: &RollbackRequest) -> String {
    match target {
        RollbackRequest::Before => "what was live before".into(),
        RollbackRequest::Release(tag) => tag.to_string(),
        RollbackRequest::Commit(commit) => format!("commit {}", commit.short(7)),
    }
}

fn nowhere(rollback: &ResolvedRollback, step: &RollbackPoint, otherwise: String) -> RollbackTarget {
    let stays = |service: &Service| {
        (
            service.name.clone(),
            RollbackStep::Stays("the previous rollback did this already".into()),
        )
    };
    let steps = rollback
        .manifest
        .services_in(&rollback.environment.name)
        .map(stays)
        .collect();
    RollbackTarget {
        commit: step.commit,
        release: release_of(rollback, step),
        to: None,
        name: named(step),
        steps,
        otherwise,
    }
}

fn release_of(rollback: &ResolvedRollback, step: &RollbackPoint) -> Option<Release> {
    let When::Release { template, .. } = &rollback.environment.when else {
        return None;
    };
    match template.read(step.release.as_ref()?.as_str()) {
        TagReading::Release(release) => Some(release),
        TagReading::Malformed | TagReading::Foreign => None,
    }
}

async fn by_record(
    context: &Context,
    rollback: &ResolvedRollback,
    back: &Back<'_>,
) -> Result<RollbackTarget, Failure> {
    let (name, release) = (named(&back.to), release_of(rollback, &back.to));
    let mut steps = BTreeMap::new();
    for (service, turn) in &back.turns {
        let step = match turn {
            ServiceRollback::Back(record) => RollbackStep::Back(recorded(record)),
            ServiceRollback::There(_) => {
                RollbackStep::Stays(format!("it serves what it had at {name} already"))
            }
            ServiceRollback::Older(_) => {
                RollbackStep::Stays(format!("it has something older than at {name} already"))
            }
            ServiceRollback::Newer => {
                RollbackStep::Stays(format!("it had nothing at {name}, so it stays"))
            }
            ServiceRollback::Unrecorded => {
                match tagged(context, rollback, service, release.as_ref(), back.to.commit).await? {
                    Some(bytes) => RollbackStep::Back(bytes),
                    None => RollbackStep::Stays(format!(
                        "nothing says what it had at {name}, so it stays"
                    )),
                }
            }
        };
        if matches!(turn, ServiceRollback::Newer | ServiceRollback::Unrecorded)
            && let RollbackStep::Stays(why) = &step
            && is_asked(context, service)
        {
            context.warn("A service does not go back", &format!("{service}: {why}"));
        }
        steps.insert(service.clone(), step);
    }
    let environment = &rollback.environment.name;
    let otherwise = match &back.from {
        Some(from) if *from != back.to && rollback.target == RollbackRequest::Before => {
            format!(
                "{} deployed nothing, {environment} still has {name} (name a target to go further back)",
                named(from)
            )
        }
        Some(_) | None => format!("{environment} has {name} already"),
    };
    Ok(RollbackTarget {
        commit: back.to.commit,
        release,
        to: Some(back.at),
        name,
        steps,
        otherwise,
    })
}

fn recorded(record: &Record) -> RollbackImage {
    let intent = &record.intent;
    RollbackImage {
        image: intent.image.clone(),
        commit: Some(intent.commit),
        built_from: intent.image_commit,
        revisions: std::iter::once(intent.commit)
            .chain(intent.image_commit)
            .collect(),
        release: intent.release.clone(),
    }
}

/// Whether a service is among those that go back, by the input `services`.
fn is_asked(context: &Context, service: &ServiceName) -> bool {
    context
        .request
        .services
        .as_ref()
        .is_none_or(|listed| listed.contains(service))
}

fn repository<'p>(rollback: &'p ResolvedRollback, service: &ServiceName) -> Option<&'p Repository> {
    let service = rollback
        .manifest
        .services
        .iter()
        .find(|own| own.name == *service)?;
    Some(&rollback.manifest.image(&service.image)?.repository)
}

/// What a service's repository has under the release's tag.
async fn tagged(
    context: &Context,
    rollback: &ResolvedRollback,
    service: &ServiceName,
    release: Option<&Release>,
    commit: CommitSha,
) -> Result<Option<RollbackImage>, Failure> {
    let (Some(release), Some(repository)) = (release, repository(rollback, service)) else {
        return Ok(None);
    };
    let found = context
        .clients
        .registry()
        .has_tag(repository, release.tag(), &Deadline::after(ONE_LOOK))
        .await;
    let found = found.map_err(|error| {
        let text = format!("{service}: {repository}:{}: {error}", release.tag());
        Failure::Back(BackRefusal::Unfit(vec![(error.word(), text)]))
    })?;
    Ok(found.map(|digest| RollbackImage {
        image: PinnedImage {
            repository: repository.clone(),
            digest,
        },
        commit: Some(commit),
        built_from: None,
        revisions: vec![commit],
        release: Some(release.tag().clone()),
    }))
}

/// A release of which the record has nothing: what the registry has under its tag.
async fn by_tags(
    context: &Context,
    rollback: &ResolvedRollback,
    release: &Release,
    serves: Option<&RollbackPoint>,
) -> Result<RollbackTarget, Failure> {
    let environment = rollback.environment.name.clone();
    let tag = release.tag();
    let absent = || Failure::Release(ReleaseRefusal::Absent(tag.to_string()));
    let commit = context
        .clients
        .history
        .tag_commit(tag.as_str())
        .await?
        .ok_or_else(absent)?;
    if let Some(step) = serves
        && release_of(rollback, step).is_some_and(|live| live.number() < release.number())
    {
        let (wanted, serves) = (tag.to_string(), named(step));
        return Err(Failure::Back(BackRefusal::Forward {
            environment,
            wanted,
            serves,
        }));
    }
    let (mut steps, mut missing) = (BTreeMap::new(), Vec::new());
    for service in rollback.manifest.services_in(&rollback.environment.name) {
        let name = &service.name;
        if !is_asked(context, name) {
            continue;
        }
        match tagged(context, rollback, name, Some(release), commit).await? {
            Some(bytes) => {
                steps.insert(name.clone(), RollbackStep::Back(bytes));
            }
            None => missing.extend(
                repository(rollback, name)
                    .map(|repository| format!("{repository}:{tag} of {name}")),
            ),
        }
    }
    // One that is there would go back without those that are not.
    if !missing.is_empty() {
        let why = format!(
            "it is in no record, and these images are not in the registry: {}",
            missing.join(", ")
        );
        return Err(Failure::Back(BackRefusal::NotDeployed {
            environment,
            wanted: tag.to_string(),
            why,
        }));
    }
    context.log.say(&format!(
        "{tag} is in no record, so its tags in the registry are used."
    ));
    let otherwise = format!("{environment} has {tag} already");
    Ok(RollbackTarget {
        commit,
        release: Some(release.clone()),
        to: None,
        name: tag.to_string(),
        steps,
        otherwise,
    })
}

/// Nothing is recorded: what Render lists, of services that are named. Which of them the last run had changed, Render does not say.
async fn by_render(
    context: &Context,
    rollback: &ResolvedRollback,
    state: &EnvironmentState,
) -> Result<RollbackTarget, Failure> {
    let environment = &rollback.environment.name;
    let unknown = |why: String| Failure::Back(BackRefusal::Unknown(environment.clone(), why));
    let why = state.unknown().unwrap_or("no deploy is recorded");
    let Some(render) = &context.clients.render else {
        return Err(unknown(why.to_owned()));
    };
    let services: Vec<&Service> = rollback.manifest.services_in(environment).collect();
    if services.len() > 1 && context.request.services.is_none() {
        return Err(unknown(format!(
            "{why}, and Render does not say which services the last run had changed"
        )));
    }
    let mut steps = BTreeMap::new();
    let mut commits = Vec::new();
    for service in services
        .into_iter()
        .filter(|service| is_asked(context, &service.name))
    {
        let name = &service.name;
        let (Some(id), Some(repository)) = (state.id(name), repository(rollback, name)) else {
            return Err(unknown(format!(
                "neither an id in the manifest nor a hook says which service {name} is"
            )));
        };
        let deploys = render
            .newest(id)
            .await
            .map_err(|error| Failure::Render(Some(name.clone()), error))?;
        let Some(digests) = before_on_render(&deploys) else {
            return Err(unknown(format!(
                "Render lists no earlier image of {name} that was live"
            )));
        };
        let Some(digest) = digests.first() else {
            continue;
        };
        let commit = state.label(context, name, digests).await;
        commits.extend(commit);
        let image = PinnedImage {
            repository: repository.clone(),
            digest: digest.clone(),
        };
        steps.insert(
            name.clone(),
            RollbackStep::Back(RollbackImage {
                image,
                commit,
                built_from: None,
                revisions: Vec::new(),
                release: None,
            }),
        );
    }
    context.warn(
        "Nothing is recorded",
        &format!(
            "the previous image is not recorded ({why}), so the one that Render lists is used"
        ),
    );
    let commit = commits.first().copied().unwrap_or(rollback.at);
    let otherwise = "none of these services has an earlier image".to_owned();
    Ok(RollbackTarget {
        commit,
        release: None,
        to: None,
        name: "what Render lists".into(),
        steps,
        otherwise,
    })
}

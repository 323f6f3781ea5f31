//! What each service goes back to: by the record, else by the release's tags in the registry, else by what Render lists.

use super::refusal::BackRefusal;
use crate::command::again::ONE_LOOK;
use crate::command::failure::{Failure, ReleaseRefusal};
use crate::command::gather::Place;
use crate::command::ledger::Ledger;
use crate::command::scene::Scene;
use crate::decide::{Back, NoWay, Step, Target, Turn, before_on_render, serves, way_back};
use crate::domain::{
    CommitSha, ImageTag, PinnedImage, Reading, Record, Release, Repository, Service, ServiceName,
    When,
};
use http_client::Deadline;
use std::collections::BTreeMap;

/// The bytes that a service is to have again.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
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
pub(super) enum Way {
    Back(Bytes),
    /// It stays, for this reason (of the outputs' alphabet).
    Stays(String),
}

/// Where a rollback leads.
pub(super) struct Aim {
    /// The commit that stands for it.
    pub(super) commit: CommitSha,
    pub(super) release: Option<Release>,
    /// The newest record of that step, where one knows it.
    pub(super) to: Option<u64>,
    /// What people call it.
    pub(super) name: String,
    pub(super) ways: BTreeMap<ServiceName, Way>,
    /// Said where nothing goes back.
    pub(super) otherwise: String,
}

/// What people call a step.
pub(super) fn named(step: &Step) -> String {
    match &step.release {
        Some(release) => release.to_string(),
        None => format!("commit {}", step.commit.short(7)),
    }
}

/// Finds it.
pub(super) async fn find(scene: &Scene, place: &Place, ledger: &Ledger) -> Result<Aim, Failure> {
    let environment = &place.environment.name;
    let pasts = ledger.pasts();
    let is_repeated = scene.around.is_rerun || ledger.has_open_rollback();
    let no_way = match way_back(&pasts, &place.target, is_repeated) {
        Ok(back) => return by_record(scene, place, &back).await,
        Err(no_way) => no_way,
    };
    let environment = environment.clone();
    let refusal = match (no_way, &place.target, &place.release) {
        (NoWay::Done(step), ..) => {
            let otherwise = format!(
                "the rollback before has led {environment} to {} already, run a new one to go further",
                named(&step)
            );
            return Ok(nowhere(place, &step, otherwise));
        }
        (NoWay::NotRecorded | NoWay::Unrecorded, Target::Release(_), Some(release)) => {
            return by_tags(scene, place, release, serves(&pasts).as_ref()).await;
        }
        (NoWay::Unrecorded, Target::Before, _) => return by_render(scene, place, ledger).await,
        (NoWay::NotRecorded | NoWay::Unrecorded, target, _) => match ledger.unknown() {
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

fn wanted(target: &Target) -> String {
    match target {
        Target::Before => "what was live before".into(),
        Target::Release(tag) => tag.to_string(),
        Target::Commit(commit) => format!("commit {}", commit.short(7)),
    }
}

fn nowhere(place: &Place, step: &Step, otherwise: String) -> Aim {
    let stays = |service: &Service| {
        (
            service.name.clone(),
            Way::Stays("the rollback before has been here".into()),
        )
    };
    let ways = place
        .manifest
        .services_in(&place.environment.name)
        .map(stays)
        .collect();
    Aim {
        commit: step.commit,
        release: release_of(place, step),
        to: None,
        name: named(step),
        ways,
        otherwise,
    }
}

fn release_of(place: &Place, step: &Step) -> Option<Release> {
    let When::Release { template, .. } = &place.environment.when else {
        return None;
    };
    match template.read(step.release.as_ref()?.as_str()) {
        Reading::Release(release) => Some(release),
        Reading::Malformed | Reading::Foreign => None,
    }
}

async fn by_record(scene: &Scene, place: &Place, back: &Back<'_>) -> Result<Aim, Failure> {
    let (name, release) = (named(&back.to), release_of(place, &back.to));
    let mut ways = BTreeMap::new();
    for (service, turn) in &back.turns {
        let way = match turn {
            Turn::Back(record) => Way::Back(recorded(record)),
            Turn::There(_) => Way::Stays(format!("it serves what it had at {name} already")),
            Turn::Older(_) => Way::Stays(format!("it has something older than at {name} already")),
            Turn::Newer => Way::Stays(format!("it had nothing at {name}, so it stays")),
            Turn::Unrecorded => {
                match tagged(scene, place, service, release.as_ref(), back.to.commit).await? {
                    Some(bytes) => Way::Back(bytes),
                    None => Way::Stays(format!("nothing says what it had at {name}, so it stays")),
                }
            }
        };
        if matches!(turn, Turn::Newer | Turn::Unrecorded)
            && let Way::Stays(why) = &way
            && is_asked(scene, service)
        {
            scene.warn("A service does not go back", &format!("{service}: {why}"));
        }
        ways.insert(service.clone(), way);
    }
    let environment = &place.environment.name;
    let otherwise = match &back.from {
        Some(from) if *from != back.to && place.target == Target::Before => {
            format!(
                "{} brought nothing live, {environment} has {name} (to go further back name it)",
                named(from)
            )
        }
        Some(_) | None => format!("{environment} has {name} already"),
    };
    Ok(Aim {
        commit: back.to.commit,
        release,
        to: Some(back.at),
        name,
        ways,
        otherwise,
    })
}

fn recorded(record: &Record) -> Bytes {
    let intent = &record.intent;
    Bytes {
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
fn is_asked(scene: &Scene, service: &ServiceName) -> bool {
    scene
        .request
        .services
        .as_ref()
        .is_none_or(|listed| listed.contains(service))
}

fn repository<'p>(place: &'p Place, service: &ServiceName) -> Option<&'p Repository> {
    let service = place
        .manifest
        .services
        .iter()
        .find(|own| own.name == *service)?;
    Some(&place.manifest.image(&service.image)?.repository)
}

/// What a service's repository has under the release's tag.
async fn tagged(
    scene: &Scene,
    place: &Place,
    service: &ServiceName,
    release: Option<&Release>,
    commit: CommitSha,
) -> Result<Option<Bytes>, Failure> {
    let (Some(release), Some(repository)) = (release, repository(place, service)) else {
        return Ok(None);
    };
    let found = scene
        .registry()
        .has_tag(repository, release.tag(), &Deadline::after(ONE_LOOK))
        .await;
    let found = found.map_err(|error| {
        let text = format!("{service}: {repository}:{}: {error}", release.tag());
        Failure::Back(BackRefusal::Unfit(vec![(error.word(), text)]))
    })?;
    Ok(found.map(|digest| Bytes {
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
    scene: &Scene,
    place: &Place,
    release: &Release,
    serves: Option<&Step>,
) -> Result<Aim, Failure> {
    let environment = place.environment.name.clone();
    let tag = release.tag();
    let absent = || Failure::Release(ReleaseRefusal::Absent(tag.to_string()));
    let commit = scene
        .history
        .tag_commit(tag.as_str())
        .await?
        .ok_or_else(absent)?;
    if let Some(step) = serves
        && release_of(place, step).is_some_and(|live| live.number() < release.number())
    {
        let (wanted, serves) = (tag.to_string(), named(step));
        return Err(Failure::Back(BackRefusal::Forward {
            environment,
            wanted,
            serves,
        }));
    }
    let (mut ways, mut missing) = (BTreeMap::new(), Vec::new());
    for service in place.manifest.services_in(&place.environment.name) {
        let name = &service.name;
        if !is_asked(scene, name) {
            continue;
        }
        match tagged(scene, place, name, Some(release), commit).await? {
            Some(bytes) => {
                ways.insert(name.clone(), Way::Back(bytes));
            }
            None => missing.extend(
                repository(place, name).map(|repository| format!("{repository}:{tag} of {name}")),
            ),
        }
    }
    // One that is there would go back without those that are not.
    if !missing.is_empty() {
        let why = format!(
            "the record does not know it, and these are not in the registry: {}",
            missing.join(", ")
        );
        return Err(Failure::Back(BackRefusal::NotDeployed {
            environment,
            wanted: tag.to_string(),
            why,
        }));
    }
    scene.log.say(&format!(
        "The record does not know {tag}: its tags in the registry say what it was."
    ));
    let otherwise = format!("{environment} has {tag} already");
    Ok(Aim {
        commit,
        release: Some(release.clone()),
        to: None,
        name: tag.to_string(),
        ways,
        otherwise,
    })
}

/// Nothing is recorded: what Render lists, of services that are named. Which of them the last run had changed, Render does not say.
async fn by_render(scene: &Scene, place: &Place, ledger: &Ledger) -> Result<Aim, Failure> {
    let environment = &place.environment.name;
    let unknown = |why: String| Failure::Back(BackRefusal::Unknown(environment.clone(), why));
    let why = ledger.unknown().unwrap_or("no deploy is recorded");
    let Some(render) = &scene.render else {
        return Err(unknown(why.to_owned()));
    };
    let services: Vec<&Service> = place.manifest.services_in(environment).collect();
    if services.len() > 1 && scene.request.services.is_none() {
        return Err(unknown(format!(
            "{why}, and Render does not say which services the last run had changed"
        )));
    }
    let mut ways = BTreeMap::new();
    let mut commits = Vec::new();
    for service in services
        .into_iter()
        .filter(|service| is_asked(scene, &service.name))
    {
        let name = &service.name;
        let (Some(id), Some(repository)) = (ledger.id(name), repository(place, name)) else {
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
        let commit = ledger.label(scene, name, digests).await;
        commits.extend(commit);
        let image = PinnedImage {
            repository: repository.clone(),
            digest: digest.clone(),
        };
        ways.insert(
            name.clone(),
            Way::Back(Bytes {
                image,
                commit,
                built_from: None,
                revisions: Vec::new(),
                release: None,
            }),
        );
    }
    scene.warn(
        "Nothing is recorded",
        &format!("what was live before is not recorded ({why}), so it is what Render lists"),
    );
    let commit = commits.first().copied().unwrap_or(place.at);
    let otherwise = "none of these services has anything to go back to".to_owned();
    Ok(Aim {
        commit,
        release: None,
        to: None,
        name: "what Render lists".into(),
        ways,
        otherwise,
    })
}

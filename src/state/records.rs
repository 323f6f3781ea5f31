//! Reading records: under a service's present name and every name that it has had.

use crate::context::Context;
use decide::ledger::{BranchTip, ServiceRecords, counting, merged};
use github::{Depth, GitHub, GitHubError, RecordsQuery};
use model::{
    Environment, EnvironmentName, Record, RecordList, ServiceId, ServiceIndex, ServiceKey,
    ServiceName, When,
};
use parse::inputs::Recording;
use std::collections::BTreeMap;

/// What the records of an environment's services say, or why they cannot be read.
pub(super) type KnownRecords = Result<SeenRecords, String>;

/// Records as they were read.
#[derive(Debug, Clone, Default)]
pub(super) struct SeenRecords {
    /// The names that services have had.
    pub(super) index: ServiceIndex,
    /// Everything under each service's present name, of whatever id.
    pub(super) named: BTreeMap<ServiceName, Vec<Record>>,
    /// What counts for each service: its id's, under every name.
    pub(super) counting: BTreeMap<ServiceName, ServiceRecords>,
}

/// What is to be read.
#[derive(Clone, Copy)]
pub(super) struct RecordsRequest<'a> {
    pub(super) environment: &'a EnvironmentName,
    pub(super) services: &'a [ServiceName],
    /// The ids of services, where something says them.
    pub(super) ids: &'a BTreeMap<ServiceName, ServiceId>,
    /// The names that are known already: they are read at once, without a further query.
    pub(super) index: &'a ServiceIndex,
    pub(super) depth: Depth,
}

/// What GitHub said.
pub(super) struct RecordsAnswer {
    pub(super) records: KnownRecords,
    pub(super) tip: BranchTip,
    /// Whether there is a record to write to.
    pub(super) is_writable: bool,
}

/// Reads the records and the branch's tip; the tip by itself where the records are not to be had.
pub(super) async fn read(
    context: &Context,
    environment: &Environment,
    asked: RecordsRequest<'_>,
) -> RecordsAnswer {
    let branch = match &environment.when {
        When::Branch(branch) => Some(branch.as_str()),
        When::Release { .. } => None,
    };
    let (why, is_writable) = match reachable(context) {
        Err(why) => (why, false),
        Ok(github) => match read_records(github, asked, branch).await {
            Ok((records, tip)) => {
                return RecordsAnswer {
                    records: Ok(records),
                    tip,
                    is_writable: true,
                };
            }
            // Who may not read may not write either; a refused permission is told once.
            Err(error) => (
                with_hint(&error),
                !matches!(error, GitHubError::Denied { .. }),
            ),
        },
    };
    let tip = match branch {
        Some(branch) => context.clients.history.present_tip(branch).await,
        None => no_branch(),
    };
    RecordsAnswer {
        records: Err(why),
        tip,
        is_writable,
    }
}

/// GitHub, where records are kept and can be asked for.
fn reachable(context: &Context) -> Result<&GitHub, String> {
    match (context.request.recording, context.clients.history.github()) {
        (Recording::Off, _) => Err("record is false".to_owned()),
        (Recording::On, None) => Err("there is no github api to ask".to_owned()),
        (Recording::On, Some(_)) if context.request.github_token.is_none() => {
            Err("there is no github-token to ask with".to_owned())
        }
        (Recording::On, Some(github)) => Ok(github),
    }
}

/// The records of services in an environment, as far as they count.
///
/// # Errors
/// Why they cannot be read.
pub(crate) async fn records_of(
    context: &Context,
    environment: &EnvironmentName,
    services: &[ServiceName],
    ids: &BTreeMap<ServiceName, ServiceId>,
) -> Result<BTreeMap<ServiceName, Vec<Record>>, String> {
    let github = reachable(context)?;
    let asked = RecordsRequest {
        environment,
        services,
        ids,
        index: &ServiceIndex::default(),
        depth: Depth::Success,
    };
    let (seen, _) = read_records(github, asked, None)
        .await
        .map_err(|error| error.to_string())?;
    let of = |(service, found): (ServiceName, ServiceRecords)| (service, found.records);
    Ok(seen.counting.into_iter().map(of).collect())
}

async fn read_records(
    github: &GitHub,
    asked: RecordsRequest<'_>,
    branch: Option<&str>,
) -> Result<(SeenRecords, BranchTip), GitHubError> {
    let depth = asked.depth;
    let own = |service: &ServiceName| ServiceKey::new(asked.environment, service);
    let mut keys: Vec<(ServiceKey, Option<ServiceId>)> = asked
        .services
        .iter()
        .map(|service| (own(service), asked.ids.get(service).cloned()))
        .collect();
    keys.extend(other_names(asked, asked.ids, asked.index, &keys));
    let query = RecordsQuery {
        keys: &keys,
        branch,
        index: true,
        depth,
    };
    let memory = github.memory(&query).await?;
    let mut lists: Vec<RecordList> = memory.lists;
    let mut index = memory.index;
    index.extend(asked.index.clone());
    let mut ids = asked.ids.clone();
    let mut named = BTreeMap::new();
    for (service, list) in asked.services.iter().zip(&lists) {
        named.insert(service.clone(), list.records.clone());
        if !ids.contains_key(service)
            && let Some(id) = counting(&list.records, None)
                .first()
                .and_then(|record| record.intent.id.clone())
        {
            ids.insert(service.clone(), id);
        }
    }
    let further = other_names(asked, &ids, &index, &keys);
    if !further.is_empty() {
        let query = RecordsQuery {
            keys: &further,
            branch: None,
            index: false,
            depth,
        };
        lists.extend(github.memory(&query).await?.lists);
        keys.extend(further);
    }
    let mut seen = SeenRecords {
        index,
        named,
        counting: BTreeMap::new(),
    };
    for service in asked.services {
        let id = ids.get(service);
        let is_its = |(key, of): &(ServiceKey, Option<ServiceId>)| {
            (of.is_none() && *key == own(service)) || (of.is_some() && of.as_ref() == id)
        };
        let own: Vec<&RecordList> = keys
            .iter()
            .zip(&lists)
            .filter(|(key, _)| is_its(key))
            .map(|(_, list)| list)
            .collect();
        seen.counting.insert(service.clone(), merged(&own, id));
    }
    Ok((seen, tip_of(branch, memory.tip)))
}

/// The other names of services that are known and not asked for yet.
fn other_names(
    asked: RecordsRequest<'_>,
    ids: &BTreeMap<ServiceName, ServiceId>,
    index: &ServiceIndex,
    keys: &[(ServiceKey, Option<ServiceId>)],
) -> Vec<(ServiceKey, Option<ServiceId>)> {
    let mut further = Vec::new();
    for service in asked.services {
        let Some(id) = ids.get(service) else { continue };
        let own = ServiceKey::new(asked.environment, service);
        for name in index.names(id).filter(|name| **name != own) {
            let key = (name.clone(), Some(id.clone()));
            if !keys.contains(&key) && !further.contains(&key) {
                further.push(key);
            }
        }
    }
    further
}

fn tip_of(branch: Option<&str>, tip: Option<model::CommitSha>) -> BranchTip {
    match (branch, tip) {
        (None, _) => no_branch(),
        (Some(_), Some(tip)) => BranchTip::At(tip),
        (Some(_), None) => BranchTip::Gone,
    }
}

fn no_branch() -> BranchTip {
    BranchTip::Unknown("the environment follows no branch".into())
}

fn with_hint(error: &GitHubError) -> String {
    let hint = if matches!(error, GitHubError::Denied { .. }) {
        "; give the job deployments: write"
    } else {
        ""
    };
    format!("{error}{hint}")
}

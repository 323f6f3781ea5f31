//! The records of deploys at GitHub, and the branch's tip.

use super::{Reader, Records};
use crate::context::Context;
use crate::domain::{CommitSha, Environment, EnvironmentName, Record, ServiceName, When};
use crate::github::{GitHub, GitHubError, Memory};
use crate::intake::inputs::Recording;
use std::collections::BTreeMap;

/// What GitHub said.
pub(super) struct ReadRecords {
    pub(super) records: Records,
    /// The tip of the branch that the environment follows.
    pub(super) tip: Result<CommitSha, String>,
    /// Whether records may be written.
    pub(super) is_writable: bool,
}

/// Reads the record and the branch's tip; the tip by itself where the record is not to be had.
pub(super) async fn read_records(
    context: &Context,
    reader: Reader,
    environment: &Environment,
    services: &[ServiceName],
) -> ReadRecords {
    let branch = match &environment.when {
        When::Branch(branch) => Some(branch.as_str()),
        When::Release { .. } => None,
    };
    let no_branch = || Err("the environment follows no branch".to_owned());
    let (why, is_writable) = match (context.request.recording, context.clients.history.github()) {
        (Recording::Off, _) => ("record is false".to_owned(), false),
        (Recording::On, None) => ("there is no github api to ask".to_owned(), false),
        (Recording::On, Some(_)) if context.request.github_token.is_none() => {
            ("there is no github-token to ask with".to_owned(), false)
        }
        (Recording::On, Some(github)) => {
            match read(github, reader, &environment.name, services, branch).await {
                Ok(memory) => {
                    let gone = || {
                        format!(
                            "there is no branch {}",
                            crate::domain::Foreign(branch.unwrap_or_default().as_bytes())
                        )
                    };
                    let tip = if branch.is_some() {
                        memory.tip.ok_or_else(gone)
                    } else {
                        no_branch()
                    };
                    return ReadRecords {
                        records: Ok(memory.records),
                        tip,
                        is_writable: true,
                    };
                }
                // Who may not read may not write either; a refused permission is told once.
                Err(error) => (told(&error), !matches!(error, GitHubError::Denied { .. })),
            }
        }
    };
    let tip = match branch {
        Some(_) if context.request.github_token.is_none() => {
            Err("there is no github-token to ask with".into())
        }
        Some(branch) => context.clients.history.present_tip(branch).await,
        None => no_branch(),
    };
    ReadRecords {
        records: Err(why),
        tip,
        is_writable,
    }
}

/// A rollback has to see what is behind what serves.
async fn read(
    github: &GitHub,
    reader: Reader,
    environment: &EnvironmentName,
    services: &[ServiceName],
    branch: Option<&str>,
) -> Result<Memory, GitHubError> {
    match reader {
        Reader::Rollback => github.whole_memory(environment, services, branch).await,
        Reader::Plan | Reader::Deploy => github.memory(environment, services, branch).await,
    }
}

fn told(error: &GitHubError) -> String {
    let hint = if matches!(error, GitHubError::Denied { .. }) {
        "; give the job deployments: write"
    } else {
        ""
    };
    format!("{error}{hint}")
}

/// The records of an environment's services.
///
/// # Errors
/// Why they cannot be read.
pub(crate) async fn records_of(
    context: &Context,
    environment: &EnvironmentName,
    services: &[ServiceName],
) -> Result<BTreeMap<ServiceName, Vec<Record>>, String> {
    match (context.request.recording, context.clients.history.github()) {
        (Recording::Off, _) => Err("record is false".into()),
        (Recording::On, None) => Err("there is no github api to ask".into()),
        (Recording::On, Some(_)) if context.request.github_token.is_none() => {
            Err("there is no github-token to ask with".into())
        }
        (Recording::On, Some(github)) => github
            .memory(environment, services, None)
            .await
            .map(|memory| memory.records)
            .map_err(|error| error.to_string()),
    }
}

//! Reading the record: one GraphQL query for many services, where REST would need one request a deployment for its statuses.

use super::super::ask::Reply;
use super::wire::{ActorWire, DeploymentWire, Unusable};
use super::{GitHub, GitHubError, environment_of};
use crate::domain::{CommitSha, EnvironmentName, Foreign, Kind, Record, RecordState, ServiceName};
use crate::github::Aim;
use http_client::sleep;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How many deployments of a service are read first: nearly always there is a success among them.
const FIRST: usize = 20;
/// How many are read at most.
const MOST: usize = 100;
/// How many deployments one query asks for: 50 services at first. With their statuses that is 7,000 nodes; GitHub takes 500,000
/// (<https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>), but gives up after 10 seconds.
const AT_ONCE: usize = 1000;
/// The pause before a query is asked once more.
const PAUSE: Duration = Duration::from_secs(1);
/// The permission without which GitHub shows no deployments.
const NEEDED: &str = "deployments: read";

/// What a page of deployments is asked for.
const PAGE: &str = "fragment page on DeploymentConnection { pageInfo { hasNextPage endCursor } nodes { databaseId task payload commitOid \
     originalEnvironment creator { login } latestStatus { ...status } statuses(first: 5) { nodes { ...status } } } } \
     fragment status on DeploymentStatus { state description creator { login } }";

/// What GitHub remembers of an environment's services, and where its branch is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// The branch's tip; `None` when it was not asked for, or there is no such branch.
    pub tip: Option<CommitSha>,
    /// For each service that was asked for its records, newest first: back to a success that serves as a base, or the newest 100.
    pub records: BTreeMap<ServiceName, Vec<Record>>,
}

/// How far back a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// To a success that serves as a base.
    Base,
    /// As far as it is read at all.
    Whole,
}

/// A service whose records are being read.
struct Reading<'a> {
    service: &'a ServiceName,
    list: List,
    records: Vec<Record>,
}

/// A list of an environment's deployments that is being read, newest first.
pub(in crate::github) struct List {
    pub(in crate::github) environment: String,
    /// Where it goes on; `None` at its beginning and at its end.
    pub(in crate::github) after: Option<String>,
}

#[derive(Deserialize)]
struct AnswerWire {
    data: Option<Box<RawValue>>,
    errors: Option<Vec<ErrorWire>>,
}

#[derive(Deserialize)]
struct ErrorWire {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: Vec<Value>,
}

#[derive(Deserialize)]
struct DataWire {
    viewer: Option<ActorWire>,
    repository: Option<BTreeMap<String, Box<RawValue>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageWire {
    page_info: PageInfoWire,
    nodes: Vec<Option<DeploymentWire>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfoWire {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Deserialize)]
struct BranchWire {
    target: TargetWire,
}

#[derive(Deserialize)]
struct TargetWire {
    oid: String,
}

impl GitHub {
    /// The records of these services in an environment, and the tip of `branch`: one query for every 50 services, and some more for services
    /// whose last deploys all failed.
    ///
    /// # Errors
    /// [`GitHubError`], also where the answer lacks anything that was asked for: what cannot be read is never an empty record.
    pub async fn memory(
        &self,
        environment: &EnvironmentName,
        services: &[ServiceName],
        branch: Option<&str>,
    ) -> Result<Memory, GitHubError> {
        self.read_back(environment, services, branch, Depth::Base)
            .await
    }

    /// As [`GitHub::memory`], but of each service the newest 100 records: what was live before stands behind what is.
    ///
    /// # Errors
    /// As [`GitHub::memory`].
    pub async fn whole_memory(
        &self,
        environment: &EnvironmentName,
        services: &[ServiceName],
        branch: Option<&str>,
    ) -> Result<Memory, GitHubError> {
        self.read_back(environment, services, branch, Depth::Whole)
            .await
    }

    async fn read_back(
        &self,
        environment: &EnvironmentName,
        services: &[ServiceName],
        branch: Option<&str>,
        depth: Depth,
    ) -> Result<Memory, GitHubError> {
        let what = format!("the record of {environment}");
        let mut memory = Memory {
            tip: None,
            records: BTreeMap::new(),
        };
        let mut branch = branch;
        let mut waiting: Vec<Reading<'_>> = services
            .iter()
            .map(|service| Reading::new(environment, service))
            .collect();
        for size in [FIRST, MOST - FIRST] {
            let mut unfinished = Vec::new();
            while !waiting.is_empty() || branch.is_some() {
                let rest = waiting.split_off(waiting.len().min(AT_ONCE / size));
                let mut asked = std::mem::replace(&mut waiting, rest);
                let lists: Vec<&List> = asked.iter().map(|reading| &reading.list).collect();
                let query = query(&self.repository, &lists, size, branch);
                let mut answer = self.answer(&what, &query).await?;
                if branch.take().is_some() {
                    memory.tip = answer.tip()?;
                }
                for (index, reading) in asked.iter_mut().enumerate() {
                    answer.records(&alias(index), reading)?;
                }
                let (further, done): (Vec<_>, Vec<_>) = asked
                    .into_iter()
                    .partition(|reading| reading.goes_on(depth));
                unfinished.extend(further);
                memory.records.extend(
                    done.into_iter()
                        .map(|done| (done.service.clone(), done.records)),
                );
            }
            waiting = unfinished;
        }
        memory.records.extend(
            waiting
                .into_iter()
                .map(|done| (done.service.clone(), done.records)),
        );
        Ok(memory)
    }

    /// The answer to a query. One that broke off inside GitHub is asked once more: that has status 200, which nothing else asks again.
    pub(in crate::github) async fn answer<'a>(
        &self,
        what: &'a str,
        query: &Value,
    ) -> Result<Answer<'a>, GitHubError> {
        let ask = async || {
            self.query(what, query)
                .await
                .map_err(|error| error.needing(NEEDED))
        };
        let broke_off = match Answer::read(ask().await?, what) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !matches!(broke_off, GitHubError::Unavailable { .. }) {
            return Err(broke_off);
        }
        sleep(PAUSE).await;
        Answer::read(ask().await?, what)
    }
}

impl<'a> Reading<'a> {
    fn new(environment: &EnvironmentName, service: &'a ServiceName) -> Self {
        let list = List {
            environment: environment_of(environment, service),
            after: None,
        };
        Self {
            service,
            list,
            records: Vec::new(),
        }
    }

    /// Whether older records may matter: there are some, and no deploy of ours that succeeded is known yet. A rollback is none to stop at, nor
    /// is a restore: what they went back from is behind them (tests/simulation finds what is lost otherwise).
    fn goes_on(&self, depth: Depth) -> bool {
        let is_base = |record: &Record| {
            record.is_own
                && record.state == RecordState::Success
                && record.intent.kind == Kind::Deploy
        };
        self.list.after.is_some() && (depth == Depth::Whole || !self.records.iter().any(is_base))
    }
}

/// What a list is called in a query, and in its answer.
pub(in crate::github) fn alias(index: usize) -> String {
    format!("s{index}")
}

/// The query for the next `size` deployments of each list. Everything foreign is a variable: nothing of it can become a part of the query.
pub(in crate::github) fn query(
    repository: &str,
    lists: &[&List],
    size: usize,
    branch: Option<&str>,
) -> Value {
    let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
    let mut variables = json!({"owner": owner, "name": name});
    let (mut declared, mut asked) = (
        String::from("$owner: String!, $name: String!"),
        String::new(),
    );
    if let Some(branch) = branch {
        variables["branch"] = format!("refs/heads/{branch}").into();
        declared.push_str(", $branch: String!");
        asked.push_str("branch: ref(qualifiedName: $branch) { target { oid } } ");
    }
    for (index, list) in lists.iter().enumerate() {
        variables[format!("e{index}")] = json!([list.environment]);
        let _ = write!(declared, ", $e{index}: [String!]!");
        let mut after = String::new();
        if let Some(cursor) = &list.after {
            variables[format!("a{index}")] = cursor.as_str().into();
            let _ = write!(declared, ", $a{index}: String!");
            after = format!(", after: $a{index}");
        }
        let _ = write!(
            asked,
            "{}: deployments(environments: $e{index}, first: {size}{after}, \
             orderBy: {{field: CREATED_AT, direction: DESC}}) {{ ...page }} ",
            alias(index)
        );
    }
    let fragments = if lists.is_empty() { "" } else { PAGE };
    let text = format!(
        "query({declared}) {{ viewer {{ login }} repository(owner: $owner, name: $name) {{ {asked}}} }} {fragments}"
    );
    json!({"query": text.trim_end(), "variables": variables})
}

/// An answer without errors, for one repository. Its parts are kept as text until they are asked for: what stands in a payload is for whoever wrote
/// it to say, and values take many times the memory that their text takes.
pub(in crate::github) struct Answer<'a> {
    what: &'a str,
    reply: Reply,
    pub(in crate::github) viewer: Option<ActorWire>,
    repository: BTreeMap<String, Box<RawValue>>,
}

impl<'a> Answer<'a> {
    fn read(reply: Reply, what: &'a str) -> Result<Self, GitHubError> {
        let answer: AnswerWire = reply.json(what)?;
        if let Some(error) = answer.errors.as_ref().and_then(|errors| errors.first()) {
            return Err(error.meaning(&reply, what));
        }
        let Some(data) = answer.data else {
            return Err(reply.broken(what, "it has no data"));
        };
        let data: DataWire = part(&data, &reply, what, "its data")?;
        let Some(repository) = data.repository else {
            return Err(reply.broken(what, "it has no repository"));
        };
        Ok(Self {
            what,
            viewer: data.viewer,
            repository,
            reply,
        })
    }

    fn part<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Result<T, GitHubError> {
        let Some(value) = self.repository.remove(name) else {
            return Err(self
                .reply
                .broken(self.what, &format!("{name} is not in it")));
        };
        part(&value, &self.reply, self.what, name)
    }

    fn tip(&mut self) -> Result<Option<CommitSha>, GitHubError> {
        let Some(branch) = self.part::<Option<BranchWire>>("branch")? else {
            return Ok(None);
        };
        let sha = CommitSha::parse(branch.target.oid.as_bytes());
        sha.map(Some)
            .map_err(|refused| self.reply.broken(self.what, &refused.to_string()))
    }

    /// Adds a page to what is known of a service.
    fn records(&mut self, alias: &str, reading: &mut Reading<'_>) -> Result<(), GitHubError> {
        for node in self.page(alias, &mut reading.list)? {
            match node.into_record(
                &reading.list.environment,
                reading.service,
                self.viewer.as_ref(),
            ) {
                Ok(record) => reading.records.extend(record),
                Err(Unusable::NoNumber) => {
                    return Err(self.broken("a deployment in it has no number"));
                }
                Err(Unusable::Later) => {
                    return Err(self.broken("a later version of this action wrote a part of it"));
                }
            }
        }
        Ok(())
    }

    /// The deployments of a list's next page; the list then knows where it goes on.
    pub(in crate::github) fn page(
        &mut self,
        alias: &str,
        list: &mut List,
    ) -> Result<Vec<DeploymentWire>, GitHubError> {
        let page: PageWire = self.part(alias)?;
        list.after = match (page.page_info.has_next_page, page.page_info.end_cursor) {
            (false, _) => None,
            (true, Some(cursor)) => Some(cursor),
            (true, None) => return Err(self.broken("its next page has no name")),
        };
        let nodes: Option<Vec<DeploymentWire>> = page.nodes.into_iter().collect();
        nodes.ok_or_else(|| self.broken("a deployment in it is null"))
    }

    pub(in crate::github) fn broken(&self, why: &str) -> GitHubError {
        self.reply.broken(self.what, why)
    }
}

fn part<T: serde::de::DeserializeOwned>(
    value: &RawValue,
    reply: &Reply,
    what: &str,
    name: &str,
) -> Result<T, GitHubError> {
    serde_json::from_str(value.get())
        .map_err(|error| reply.broken(what, &format!("{name}: {error}")))
}

impl ErrorWire {
    /// What an error in an answer with status 200 means.
    fn meaning(&self, reply: &Reply, what: &str) -> GitHubError {
        let (what, trace) = (what.to_owned(), reply.trace());
        let said = Foreign(self.message.as_bytes()).to_string();
        match self.kind.as_deref().unwrap_or_default() {
            "RATE_LIMITED" | "RATE_LIMIT" => GitHubError::RateLimited { trace },
            _ if self.message.contains("rate limit") => GitHubError::RateLimited { trace },
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => self.denied(what, said, reply),
            _ if self.message.contains("Resource not accessible") => self.denied(what, said, reply),
            "NOT_FOUND" => GitHubError::NotFound { what, trace },
            // Without a type these are its own: "Something went wrong while executing your query", also where it took too long.
            "" => GitHubError::Unavailable {
                what,
                why: said,
                trace,
            },
            _ => reply.broken(&what, &self.message),
        }
    }

    fn denied(&self, what: String, said: String, reply: &Reply) -> GitHubError {
        let needed = if self.path.iter().any(|part| part == "branch") {
            "contents: read"
        } else {
            NEEDED
        };
        GitHubError::Denied {
            aim: Aim::Read,
            what,
            why: format!("it needs {needed} ({said})"),
            trace: reply.trace(),
        }
    }
}

#[cfg(test)]
mod tests;

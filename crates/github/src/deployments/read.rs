//! Reading the record: one GraphQL query for many services, where REST would need one request a deployment for its statuses.

use super::super::ask::GitHubReply;
use super::account::ActorWire;
use super::index::{INDEX, NEWEST};
use super::query::{List, alias, query};
use super::query_error::QueryErrorWire;
use super::wire::{DeploymentWire, Unusable};
use super::{GitHub, GitHubError};
use http_client::sleep;
use model::{
    AttemptKind, CommitSha, Record, RecordList, RecordState, ServiceId, ServiceIndex, ServiceKey,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many deployments of a service are read first: nearly always there is a success among them.
const FIRST: usize = 20;
/// How many deployments are read at once after that, the most that GitHub gives.
const PAGE_SIZE: usize = 100;
/// How many deployments of a name are read at most, by any account: eleven requests in a row. A list without a success among these is cut off.
const MOST: usize = 1000;
/// How many are read where all of them are wanted.
const WHOLE: usize = 100;
/// How many deployments one query asks for: 50 services at first. With their statuses that is 7,000 nodes; GitHub takes 500,000
/// (<https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>), but gives up after 10 seconds.
const AT_ONCE: usize = 1000;
/// How many pages of one list are read at most.
const MOST_PAGES: usize = 40;
/// How many times smaller the next page is after one that was too large.
const SMALLER: usize = 4;
/// The pause before a query is asked once more.
const PAUSE: Duration = Duration::from_secs(1);
/// The permission without which GitHub shows no deployments.
pub(super) const NEEDED: &str = "deployments: read";

/// What is to be read.
#[derive(Debug, Clone, Copy)]
pub struct RecordsQuery<'a> {
    /// The names to read, each with the id of its service where that is known: the success of another service ends no search.
    pub keys: &'a [(ServiceKey, Option<ServiceId>)],
    /// The branch whose tip is asked for as well.
    pub branch: Option<&'a str>,
    /// Whether the index is read as well.
    pub index: bool,
    /// How far back to read.
    pub depth: Depth,
}

/// What GitHub remembers of services, and where a branch is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsReply {
    /// The branch's tip; `None` when it was not asked for, or there is no such branch.
    pub tip: Option<CommitSha>,
    /// The records under each name, in the order in which the names were asked for.
    pub lists: Vec<RecordList>,
    /// The names that services have had; empty when it was not asked for.
    pub index: ServiceIndex,
}

/// How far back a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// To the newest success of a deploy.
    Success,
    /// To that, and the newest 100 at least: what was live before stands behind what is.
    Before,
}

/// A list that is being read.
struct PageReader<'a> {
    list: List,
    of: Of<'a>,
    /// How many deployments were read, of any account.
    count: usize,
    /// In how many pages.
    pages: usize,
}

/// What a page is read for, besides its lists.
struct Page<'p, 'b> {
    what: &'p str,
    /// The branch whose tip is still to be asked for.
    branch: &'p mut Option<&'b str>,
    /// The most deployments of a page that is not too large, as far as is known.
    most: &'p mut usize,
    memory: &'p mut RecordsReply,
}

/// What a list is of.
enum Of<'a> {
    Service {
        key: &'a ServiceKey,
        id: Option<&'a ServiceId>,
        /// Its place among the names that were asked for.
        place: usize,
        found: RecordList,
    },
    Index {
        found: ServiceIndex,
        /// How many index records of ours were read.
        own: usize,
    },
}

#[derive(Deserialize)]
struct AnswerWire {
    data: Option<Box<RawValue>>,
    errors: Option<Vec<QueryErrorWire>>,
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
    /// The records under these names, the tip of a branch and the index: one query for every 50 names, and some more for names without a
    /// success among the newest.
    ///
    /// # Errors
    /// [`GitHubError`], also where the answer lacks anything that was asked for: what cannot be read is never an empty record.
    pub async fn memory(&self, asked: &RecordsQuery<'_>) -> Result<RecordsReply, GitHubError> {
        let mut memory = RecordsReply {
            tip: None,
            lists: vec![RecordList::default(); asked.keys.len()],
            index: ServiceIndex::default(),
        };
        let what = match asked.keys.first() {
            Some((key, _)) => format!("the record of {}", key.environment),
            None => "the record of deploys".to_owned(),
        };
        let mut branch = asked.branch;
        let index = asked.index.then(PageReader::of_index);
        let services = asked.keys.iter().enumerate().map(PageReader::of_service);
        let mut waiting: Vec<PageReader<'_>> = index.into_iter().chain(services).collect();
        let (mut size, mut most) = (FIRST, PAGE_SIZE);
        while !waiting.is_empty() || branch.is_some() {
            let mut unfinished = Vec::new();
            while !waiting.is_empty() || branch.is_some() {
                let rest = waiting.split_off(waiting.len().min(AT_ONCE / size));
                let mut chunk = std::mem::replace(&mut waiting, rest);
                let page = Page {
                    what: &what,
                    branch: &mut branch,
                    most: &mut most,
                    memory: &mut memory,
                };
                self.read_on(page, &mut chunk, size).await?;
                for read in chunk {
                    if read.goes_on(asked.depth) {
                        unfinished.push(read);
                    } else {
                        read.done(&mut memory);
                    }
                }
            }
            waiting = unfinished;
            // The first page and the second one are a hundred together.
            size = if size == FIRST {
                PAGE_SIZE - FIRST
            } else {
                PAGE_SIZE
            };
        }
        Ok(memory)
    }

    /// Reads the next page of each of these lists. Anybody may write long payloads: where the answer is too large, fewer lists are asked for at once, then
    /// fewer deployments.
    async fn read_on(
        &self,
        page: Page<'_, '_>,
        lists: &mut [PageReader<'_>],
        size: usize,
    ) -> Result<(), GitHubError> {
        let size = size.min(*page.most);
        let asked: Vec<&List> = lists.iter().map(|reading| &reading.list).collect();
        let query = query(&self.repository, &asked, size, *page.branch);
        let mut answer = match self.answer(page.what, &query).await {
            Err(GitHubError::TooLarge { .. }) if lists.len() > 1 => {
                let (first, second) = lists.split_at_mut(lists.len() / 2);
                let Page {
                    what,
                    branch,
                    most,
                    memory,
                } = page;
                for half in [first, second] {
                    let page = Page {
                        what,
                        branch: &mut *branch,
                        most: &mut *most,
                        memory: &mut *memory,
                    };
                    Box::pin(self.read_on(page, half, size)).await?;
                }
                return Ok(());
            }
            Err(GitHubError::TooLarge { .. }) if size > 1 => {
                *page.most = size / SMALLER;
                return Box::pin(self.read_on(page, lists, size / SMALLER)).await;
            }
            answer => answer?,
        };
        if page.branch.take().is_some() {
            page.memory.tip = answer.tip()?;
        }
        for (index, reading) in lists.iter_mut().enumerate() {
            answer.read_page(&alias(index), reading)?;
        }
        Ok(())
    }

    /// The answer to a query. One that broke off inside GitHub is asked once more: that has status 200, which nothing else asks again.
    pub(crate) async fn answer<'a>(
        &self,
        what: &'a str,
        query: &Value,
    ) -> Result<QueryAnswer<'a>, GitHubError> {
        let ask = async || {
            self.query(what, query)
                .await
                .map_err(|error| error.needing(NEEDED))
        };
        let broke_off = match QueryAnswer::read(ask().await?, what) {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !matches!(broke_off, GitHubError::Unavailable { .. }) {
            return Err(broke_off);
        }
        sleep(PAUSE).await;
        QueryAnswer::read(ask().await?, what)
    }
}

impl<'a> PageReader<'a> {
    fn of_service((place, asked): (usize, &'a (ServiceKey, Option<ServiceId>))) -> Self {
        let (key, id) = asked;
        Self {
            list: List {
                environment: key.to_string(),
                after: None,
            },
            of: Of::Service {
                key,
                id: id.as_ref(),
                place,
                found: RecordList::default(),
            },
            count: 0,
            pages: 0,
        }
    }

    fn of_index() -> Self {
        Self {
            list: List {
                environment: INDEX.to_owned(),
                after: None,
            },
            of: Of::Index {
                found: ServiceIndex::default(),
                own: 0,
            },
            count: 0,
            pages: 0,
        }
    }

    /// Whether older deployments may matter: there are some, and no deploy of ours that succeeded is known yet. A rollback is none to stop at,
    /// nor is a restore: what they went back from is behind them.
    fn goes_on(&self, depth: Depth) -> bool {
        if self.list.after.is_none() || self.count >= MOST || self.pages >= MOST_PAGES {
            return false;
        }
        match &self.of {
            Of::Index { own, .. } => *own < NEWEST,
            Of::Service { id, found, .. } => {
                let is_deep_enough = depth == Depth::Success || self.count >= WHOLE;
                !is_deep_enough || !found.records.iter().any(|record| is_base(record, *id))
            }
        }
    }

    fn done(self, memory: &mut RecordsReply) {
        match self.of {
            Of::Index { found, .. } => memory.index.extend(found),
            Of::Service {
                place, mut found, ..
            } => {
                found.has_more = self.list.after.is_some();
                if let Some(list) = memory.lists.get_mut(place) {
                    *list = found;
                }
            }
        }
    }
}

fn is_base(record: &Record, id: Option<&ServiceId>) -> bool {
    record.is_own
        && record.state == RecordState::Success
        && record.intent.kind == AttemptKind::Deploy
        && (id.is_none() || record.intent.id.as_ref() == id)
}

/// An answer without errors, for one repository. Its parts are kept as text until they are asked for: what stands in a payload is for whoever wrote
/// it to say, and values take many times the memory that their text takes.
pub(crate) struct QueryAnswer<'a> {
    what: &'a str,
    reply: GitHubReply,
    pub(crate) viewer: Option<ActorWire>,
    repository: BTreeMap<String, Box<RawValue>>,
}

impl<'a> QueryAnswer<'a> {
    fn read(reply: GitHubReply, what: &'a str) -> Result<Self, GitHubError> {
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

    /// Adds a page to what is known of a service, or of the index.
    fn read_page(&mut self, alias: &str, reading: &mut PageReader<'_>) -> Result<(), GitHubError> {
        let nodes = self.page(alias, &mut reading.list)?;
        reading.count += nodes.len();
        reading.pages += 1;
        for node in nodes {
            match &mut reading.of {
                Of::Index { found, own } => {
                    if let Some(index) = node.into_index(self.viewer.as_ref()) {
                        *own += 1;
                        found.extend(index.read());
                    }
                }
                Of::Service { key, found, .. } => {
                    found.read_to = node.database_id.or(found.read_to);
                    match node.into_record(key, self.viewer.as_ref()) {
                        Ok(record) => found.records.extend(record),
                        Err(Unusable::NoNumber) => {
                            return Err(self.broken("a deployment in it has no number"));
                        }
                        Err(Unusable::Later) => {
                            let why = "a later version of this action wrote a part of it";
                            return Err(self.broken(why));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The deployments of a list's next page; the list then knows where it goes on.
    pub(crate) fn page(
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

    pub(crate) fn broken(&self, why: &str) -> GitHubError {
        self.reply.broken(self.what, why)
    }
}

fn part<T: serde::de::DeserializeOwned>(
    value: &RawValue,
    reply: &GitHubReply,
    what: &str,
    name: &str,
) -> Result<T, GitHubError> {
    serde_json::from_str(value.get())
        .map_err(|error| reply.broken(what, &format!("{name}: {error}")))
}

#[cfg(test)]
mod tests;

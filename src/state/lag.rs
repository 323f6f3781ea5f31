//! How far one commit is behind another for a service: the commits between them, and which of those matter to it.

use crate::context::Context;
use crate::history::Movement;
use decide::{Affected, Changes};
use model::{CommitRange, CommitSha, Manifest, RangeCommit, ServiceName};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most commits that are compared one by one, over all services.
const MOST_COMPARED: usize = 300;

/// What lies between two commits, for a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// How many commits; `None` where that is not known.
    pub(crate) behind: Option<usize>,
    /// How many of them matter; `None` where that is not known.
    pub(crate) matters: Option<usize>,
    /// When the oldest of those that matter was made, in seconds since 1970.
    pub(crate) since: Option<i64>,
}

/// Finds it out, each range and each commit once for all services.
pub(crate) struct Lags<'a> {
    context: &'a Context,
    /// How many commits that the checkout lacks are compared one by one, by asking GitHub. What is beyond is counted, and not said to matter or not.
    most_asked: usize,
    /// How many of them have been.
    asked: usize,
    ranges: BTreeMap<(CommitSha, CommitSha), Option<Rc<CommitRange>>>,
    /// What each commit is a reason for, by the manifest of the commit at the range's end.
    compared: BTreeMap<(CommitSha, CommitSha), Option<Rc<Affected>>>,
}

impl<'a> Lags<'a> {
    pub(crate) const fn new(context: &'a Context, most_asked: usize) -> Self {
        Self {
            context,
            most_asked,
            asked: 0,
            ranges: BTreeMap::new(),
            compared: BTreeMap::new(),
        }
    }

    /// What `to` has and `from` lacks, for a service of `manifest`, which is that of `to`.
    pub(crate) async fn between(
        &mut self,
        manifest: &Manifest,
        service: &ServiceName,
        from: &CommitSha,
        to: &CommitSha,
    ) -> Lag {
        if from == to {
            return Lag {
                behind: Some(0),
                matters: Some(0),
                since: None,
            };
        }
        let Some(range) = self.range(from, to).await else {
            return Lag::default();
        };
        let is_whole = range.commits.len() == range.total;
        let (mut count, mut is_known, mut since) = (0, is_whole, None);
        for commit in &range.commits {
            match self.affected(manifest, commit, to).await {
                Some(affected) if affected.service(service).is_some() => {
                    count += 1;
                    since = earlier(since, commit.time);
                }
                Some(_) => {}
                None => is_known = false,
            }
        }
        if !is_known && since.is_none() {
            let all = range.commits.iter();
            since = all.fold(None, |since, commit| earlier(since, commit.time));
        }
        Lag {
            behind: Some(range.total),
            matters: is_known.then_some(count),
            since,
        }
    }

    async fn range(&mut self, from: &CommitSha, to: &CommitSha) -> Option<Rc<CommitRange>> {
        if let Some(known) = self.ranges.get(&(*from, *to)) {
            return known.clone();
        }
        let range = match self.context.clients.history.range(from, to).await {
            Ok(range) => Some(Rc::new(range)),
            Err(why) => {
                let text = format!("{} and {}: {why}", from.short(7), to.short(7));
                let log = &self.context.log;
                log.say(&format!("The commits are not known between {text}"));
                None
            }
        };
        self.ranges.insert((*from, *to), range.clone());
        range
    }

    /// What one commit is a reason for. A merge brings nothing that its own commits do not.
    async fn affected(
        &mut self,
        manifest: &Manifest,
        commit: &RangeCommit,
        to: &CommitSha,
    ) -> Option<Rc<Affected>> {
        let key = (commit.sha, *to);
        if let Some(known) = self.compared.get(&key) {
            return known.clone();
        }
        let changes = match commit.parents.as_slice() {
            [parent] => self.changes(parent, &commit.sha).await?,
            [] => Changes::Unknown("it has no parent".into()),
            _ => Changes::Known(Vec::new()),
        };
        let affected = match changes {
            Changes::Known(paths) => Affected::within_reason(manifest, &paths).map(Rc::new),
            Changes::Unknown(_) => None,
        };
        self.compared.insert(key, affected.clone());
        affected
    }

    /// What a commit changed; `None` where enough has been compared.
    async fn changes(&mut self, parent: &CommitSha, commit: &CommitSha) -> Option<Changes> {
        let history = &self.context.clients.history;
        let is_here = history.has(parent) && history.has(commit);
        if !is_here {
            if self.asked >= self.most_asked {
                return None;
            }
            self.asked += 1;
        }
        if self.compared.len() >= MOST_COMPARED {
            return None;
        }
        Some(history.changes(parent, commit, Movement::Forward).await)
    }
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::earlier;

    #[test]
    fn the_earlier_of_two_times_is_the_one_that_is_known_and_smaller() {
        for (one, other, wanted) in [
            (None, None, None),
            (Some(5), None, Some(5)),
            (None, Some(5), Some(5)),
            (Some(4), Some(5), Some(4)),
            (Some(5), Some(4), Some(4)),
        ] {
            assert_eq!(earlier(one, other), wanted);
        }
    }
}

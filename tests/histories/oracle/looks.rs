//! What a run has seen, by the answers that it got.

use crate::team::Team;
use crate::wire::{Answer, Call};
use crate::world::faults::Server;
use crate::world::{RunNumber, server_of};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a look counts as the last one before a call, by the run's own clock. A run that is held up, as a machine may be, does not notice it.
const FRESH: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) step: usize,
    at: Duration,
}

/// The last looks of a run.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// At branches and tags, with what they were.
    refs: Option<(Look, BTreeMap<String, String>)>,
    /// What branches and tags were at the first look.
    pub(crate) first_refs: Option<BTreeMap<String, String>>,
    /// At the list of tags.
    pub(crate) tags: Option<Look>,
    pub(crate) records: Option<Look>,
    /// When records were read for the first time: what there was then is not newer than the run.
    pub(crate) first_records: Option<usize>,
    /// What the last query of records asked for.
    pub(crate) last_query: String,
    /// At a service's deploys.
    deploys: BTreeMap<String, Look>,
}

/// Whether a request shows where branches or tags are.
fn shows_refs(call: &Call) -> bool {
    let path = &call.path;
    let is_query = path == "/graphql" && {
        let body = String::from_utf8_lossy(&call.body);
        body.contains("ref(") || body.contains("refs(") || body.contains("Ref")
    };
    is_query
        || path.contains("/git/ref/")
        || path.contains("/git/matching-refs/")
        || path.contains("/branches")
        || path.ends_with("/info/refs")
}

fn shows_tags(call: &Call) -> bool {
    let path = &call.path;
    let is_query = path == "/graphql" && String::from_utf8_lossy(&call.body).contains("refs(");
    is_query
        || path.contains("/git/matching-refs/tags")
        || path.contains("/git/ref/tags")
        || path.ends_with("/info/refs")
}

impl Team {
    pub(crate) fn note_look(&mut self, number: RunNumber, call: &Call, answer: &Answer) {
        let is_good = answer
            .as_ref()
            .is_ok_and(|reply| matches!(reply.status, 200 | 404));
        if !is_good {
            return;
        }
        let look = Look {
            step: self.world.step,
            at: self.own_time(number),
        };
        let looks = &mut self.runs[number].looks;
        match server_of(call) {
            Some(Server::GitHub) => {
                if shows_refs(call) {
                    let refs = self.world.origin.refs.clone();
                    looks.first_refs.get_or_insert_with(|| refs.clone());
                    looks.refs = Some((look, refs));
                }
                if shows_tags(call) {
                    looks.tags = Some(look);
                }
                if call.path == "/graphql" {
                    looks.records = Some(look);
                    looks.first_records.get_or_insert(look.step);
                    looks.last_query = String::from_utf8_lossy(&call.body).into_owned();
                }
            }
            Some(Server::Render) if call.method == "GET" => {
                let id = call.path.split('/').find(|part| part.starts_with("srv-"));
                if let Some(id) = id.filter(|_| call.path.contains("/deploys")) {
                    looks.deploys.insert(id.to_owned(), look);
                }
            }
            _ => {}
        }
    }

    /// How long a run has gone on, by its own clock.
    fn own_time(&self, number: RunNumber) -> Duration {
        let slot = self
            .slots
            .iter()
            .flatten()
            .find(|slot| slot.number == number);
        slot.map_or(Duration::MAX, |slot| slot.elapsed)
    }

    fn is_fresh(&self, number: RunNumber, look: &Look, after: usize) -> bool {
        look.step > after && self.own_time(number).saturating_sub(look.at) <= FRESH
    }

    /// Where branches and tags were when the run last looked, if that was right before now and after its earlier call of the service; else where they are.
    pub(crate) fn seen_refs(
        &self,
        number: RunNumber,
        after: usize,
    ) -> (BTreeMap<String, String>, bool) {
        match &self.runs[number].looks.refs {
            Some((look, refs)) if self.is_fresh(number, look, after) => (refs.clone(), true),
            Some(_) | None => (self.world.origin.refs.clone(), false),
        }
    }

    /// The step up to which the run can know of records.
    pub(crate) fn seen_records(&self, number: RunNumber, after: usize) -> usize {
        let look = self.runs[number]
            .looks
            .records
            .filter(|look| self.is_fresh(number, look, after));
        look.map_or(self.world.step, |look| look.step)
    }

    /// The step up to which the run can know of a service's deploys.
    pub(crate) fn seen_deploys(&self, number: RunNumber, id: &str, after: usize) -> usize {
        let look = self.runs[number]
            .looks
            .deploys
            .get(id)
            .filter(|look| self.is_fresh(number, look, after));
        look.map_or(self.world.step, |look| look.step)
    }

    /// Whether the run ever learned where the branch is, or which tags there are.
    pub(crate) fn knows_order(&self, number: RunNumber) -> bool {
        let looks = &self.runs[number].looks;
        match self.runs[number].release {
            None => looks.refs.is_some(),
            Some(_) => looks.tags.is_some(),
        }
    }
}

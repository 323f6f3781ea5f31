//! What a record's statuses say of its attempt.

use super::LIVE;
use super::account::{ActorWire, is_same};
use super::wire::seconds;
use model::{DeployId, RecordState};
use serde::Deserialize;

/// With this word begins the description of a record that a later run ended.
pub(super) const REPLACED: &str = "replaced";
/// With this word begins the description of a record that is open, or open again.
pub(super) const OPEN: &str = "open";

/// A status, as the query asks for it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusWire {
    pub(crate) state: String,
    pub(crate) description: Option<String>,
    created_at: Option<String>,
    creator: Option<ActorWire>,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) state: RecordState,
    pub(super) was_live: bool,
    /// The deploy on Render, where a status names it.
    pub(super) deploy: Option<DeployId>,
    /// When that was said, in seconds since 1970.
    pub(super) at: Option<i64>,
}

impl StatusWire {
    pub(super) fn is_by(&self, account: Option<&ActorWire>) -> bool {
        is_same(self.creator.as_ref(), account)
    }

    fn says(&self, word: &str) -> bool {
        self.description
            .as_deref()
            .is_some_and(|text| text.starts_with(word))
    }

    /// The deploy that it names: `live dep-abc: …`.
    fn deploy(&self) -> Option<DeployId> {
        self.description
            .as_deref()?
            .split([' ', ':', ','])
            .find_map(|word| DeployId::parse(word).ok())
    }

    /// What it says of the attempt; `None` for one that says nothing, as `inactive` by itself does: anything may set it.
    fn outcome(&self) -> Option<Outcome> {
        let (state, was_live) = match self.state.as_str() {
            "SUCCESS" => (RecordState::Success, self.says(LIVE)),
            "FAILURE" => (RecordState::Failure, false),
            "ERROR" => (RecordState::Error, false),
            "INACTIVE" if self.says(REPLACED) => (RecordState::Replaced, false),
            "IN_PROGRESS" if self.says(OPEN) => (RecordState::Open, false),
            _ => return None,
        };
        Some(Outcome {
            state,
            was_live,
            deploy: self.deploy(),
            at: self.created_at.as_deref().and_then(seconds),
        })
    }
}

/// What became of an attempt, by its latest status and the others, in whichever order they are listed.
///
/// A status that says nothing leaves standing what was said before it. Of what was said before, the newest counts; where several of the same
/// second contradict each other, nobody knows.
pub(super) fn outcome(latest: Option<&StatusWire>, older: &[&StatusWire]) -> Outcome {
    let said: Vec<Outcome> = older.iter().filter_map(|status| status.outcome()).collect();
    let newest = latest
        .and_then(StatusWire::outcome)
        .unwrap_or_else(|| newest_of(&said));
    let newest = match newest.state {
        RecordState::Replaced => seen_by_its_run(&said).unwrap_or(newest),
        RecordState::Open | RecordState::Success | RecordState::Failure | RecordState::Error => {
            newest
        }
    };
    let deploy = newest
        .deploy
        .clone()
        .or_else(|| said.iter().find_map(|outcome| outcome.deploy.clone()));
    Outcome { deploy, ..newest }
}

/// What the attempt's own run saw of its end. A later run ends as replaced what it saw open before its own call; when that is written, the attempt
/// may have been accepted, and after the later call.
fn seen_by_its_run(said: &[Outcome]) -> Option<Outcome> {
    let is_seen = |outcome: &&Outcome| {
        matches!(
            outcome.state,
            RecordState::Success | RecordState::Failure | RecordState::Error
        )
    };
    let seen: Vec<Outcome> = said.iter().filter(is_seen).cloned().collect();
    (!seen.is_empty()).then(|| newest_of(&seen))
}

fn newest_of(said: &[Outcome]) -> Outcome {
    let at = said.iter().filter_map(|outcome| outcome.at).max();
    let has_all_times = said.iter().all(|outcome| outcome.at.is_some());
    let mut newest = said
        .iter()
        .filter(|outcome| !has_all_times || outcome.at == at);
    let means = |outcome: &Outcome| (outcome.state, outcome.was_live);
    match newest.next() {
        Some(first) if newest.all(|other| means(other) == means(first)) => first.clone(),
        _ => Outcome {
            state: RecordState::Open,
            was_live: false,
            deploy: None,
            at: None,
        },
    }
}

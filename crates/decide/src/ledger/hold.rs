//! What a rollback holds: the commit that was left does not come back by accident.

use super::Equality;
use super::attempt::coming;
use super::state::{OnRender, record_of};
use model::{AttemptKind, CommitSha, Deploy, Record, RecordState};

/// What a rollback keeps from coming back by accident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The commit that was left.
    pub from: CommitSha,
    /// Whether every commit is held until it has a higher release number, or only those that equal `from`.
    pub until: Until,
}

/// How long a hold lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Until something else than what was left is to be deployed.
    Different,
    /// Until a higher release; the caller's release is not.
    HigherRelease,
}

impl Hold {
    /// Whether it holds the commit that `equal` compares with others.
    pub fn holds(&self, equal: impl Fn(&CommitSha) -> Equality) -> bool {
        self.until == Until::HigherRelease || equal(&self.from) == Equality::Equal
    }
}

/// The commit that a rollback left, while the rollback stands: ours by the record, or one in Render's dashboard.
///
/// With an API key Render says whether it stands, by the deploy that serves or comes. Without one, an attempt that nothing is known to have
/// ended counts as what it would have done: a later deploy that was cut off has lifted the hold, and a rollback that was cut off holds,
/// unless what it would have left was not all that may have served.
#[must_use]
pub fn hold_after_rollback(records: &[&Record], render: &OnRender) -> Option<CommitSha> {
    let attempts: Vec<&Record> = records
        .iter()
        .copied()
        .filter(|record| record.is_own && record.intent.kind != AttemptKind::Restore)
        .collect();
    match render {
        OnRender::Known(deploys) => held_on_render(&attempts, coming(deploys)?),
        OnRender::NoKey | OnRender::Unknown(_) => held_by_record(&attempts),
    }
}

/// Goes back through the attempts, newest first, to one that certainly took effect. What may serve has to be what the rollback brought or left.
fn held_by_record(attempts: &[&Record]) -> Option<CommitSha> {
    let (mut held, mut brought) = (None, None);
    for record in attempts.iter().filter(|record| record.may_serve()) {
        let intent = &record.intent;
        let stands = match intent.kind {
            AttemptKind::Rollback => held.is_none() || held == intent.from,
            AttemptKind::Deploy | AttemptKind::Restore => {
                held == Some(intent.commit) || brought == Some(intent.commit)
            }
        };
        if !stands {
            return None;
        }
        if intent.kind == AttemptKind::Rollback {
            held = held.or(intent.from);
            brought = brought.or(Some(intent.commit));
        }
        if record.state == RecordState::Success {
            break;
        }
    }
    held
}

/// Goes back through the attempts, newest first, to the one that brought what serves or comes: the one that names this deploy, else one with
/// its digest. A rollback of ours that came to nothing says what somebody wanted to leave, and has left where the dashboard then went back.
fn held_on_render(attempts: &[&Record], coming: &Deploy) -> Option<CommitSha> {
    let named = record_of(attempts, coming).map(|record| record.number);
    for record in attempts {
        let intent = &record.intent;
        if !record.may_serve() {
            if intent.kind == AttemptKind::Rollback && coming.by_rollback {
                return intent.from;
            }
            continue;
        }
        let brought_it = match named {
            Some(number) => record.number == number,
            None => coming.is_of(&record.digests()),
        };
        match (intent.kind, brought_it) {
            (AttemptKind::Rollback, true) => return intent.from,
            (AttemptKind::Deploy | AttemptKind::Restore, true) => return None,
            // It was never sent, or something has replaced it since; what came before it may say more.
            (_, false) if record.state == RecordState::Open => {}
            (AttemptKind::Rollback, false) => return intent.from.filter(|_| coming.by_rollback),
            (AttemptKind::Deploy | AttemptKind::Restore, false) => {
                return coming.by_rollback.then_some(intent.commit);
            }
        }
    }
    None
}

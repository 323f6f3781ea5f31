//! What Render shows of an attempt: what became of one that nobody ended in the record, and whether one is needed at all.

use crate::domain::{Deploy, DeployId, DeployStatus, Digest, RecordState};

/// What Render's deploys say of an open record's bytes, where it is certain; `deploys` are the newest of any status, newest first.
///
/// A deploy that was live and has been replaced proves nothing: an earlier attempt may have put the same bytes there.
#[must_use]
pub fn ending(digests: &[Digest], deploys: &[Deploy]) -> Option<RecordState> {
    let own = || deploys.iter().filter(|deploy| deploy.is_of(digests));
    if own().any(|deploy| deploy.status == DeployStatus::Live) {
        return Some(RecordState::Success);
    }
    let may_serve = |deploy: &Deploy| {
        deploy.status.is_in_flight() || deploy.status == DeployStatus::Deactivated
    };
    if own().next().is_none() || own().any(may_serve) {
        return None;
    }
    Some(RecordState::Failure)
}

/// What is there already of the bytes that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// They serve, and nothing is on its way to replace them.
    Serves,
    /// This deploy brings them, and nothing waits behind it: it is followed, and no other is asked for.
    Comes(DeployId),
    /// They have to be asked for.
    Absent,
}

/// Finds out whether the wanted bytes serve or come anyway, from the live deploy and those in flight, newest first. Of several deploys in
/// flight only the newest will serve.
#[must_use]
pub fn presence(digests: &[Digest], deploys: &[Deploy]) -> Presence {
    match coming(deploys) {
        Some(deploy) if !deploy.is_of(digests) => Presence::Absent,
        Some(deploy) if deploy.status == DeployStatus::Live => Presence::Serves,
        Some(deploy) => Presence::Comes(deploy.id.clone()),
        None => Presence::Absent,
    }
}

/// The deploy that serves once everything in flight has ended well.
pub(super) fn coming(deploys: &[Deploy]) -> Option<&Deploy> {
    let live = || {
        deploys
            .iter()
            .find(|deploy| deploy.status == DeployStatus::Live)
    };
    deploys
        .iter()
        .find(|deploy| deploy.status.is_in_flight())
        .or_else(live)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{deploy, digest};
    use super::*;
    use crate::domain::DeployStatus::{
        Canceled, Deactivated, Live, Queued, UpdateFailed, Updating,
    };

    #[test]
    fn an_open_record_is_ended_by_what_is_certain_only() {
        let ended = |list: &[(u8, DeployStatus)]| {
            let list: Vec<_> = list
                .iter()
                .map(|(commit, status)| deploy(*commit, *status))
                .collect();
            ending(&[digest(1)], &list)
        };
        assert_eq!(ended(&[(2, Queued), (1, Live)]), Some(RecordState::Success));
        assert_eq!(
            ended(&[(2, Live), (1, UpdateFailed), (1, Canceled)]),
            Some(RecordState::Failure)
        );
        assert_eq!(ended(&[(2, Live), (1, Updating)]), None);
        assert_eq!(
            ended(&[(1, UpdateFailed), (2, Live), (1, Deactivated)]),
            None,
            "it may have been the earlier one"
        );
        assert_eq!(ended(&[(2, Live)]), None);
    }

    #[test]
    fn only_the_newest_of_those_in_flight_is_adopted() {
        let present = |list: &[(u8, DeployStatus)]| {
            let list: Vec<_> = list
                .iter()
                .map(|(commit, status)| deploy(*commit, *status))
                .collect();
            presence(&[digest(1)], &list)
        };
        let first = || deploy(1, Queued).id;
        assert_eq!(present(&[(1, Live)]), Presence::Serves);
        assert_eq!(
            present(&[(1, Queued), (2, Updating), (3, Live)]),
            Presence::Comes(first())
        );
        assert_eq!(present(&[(1, Queued), (1, Live)]), Presence::Comes(first()));
        assert_eq!(
            present(&[(2, Queued), (1, Updating), (3, Live)]),
            Presence::Absent
        );
        assert_eq!(present(&[(2, Queued), (1, Live)]), Presence::Absent);
        assert_eq!(present(&[]), Presence::Absent);
    }
}

//! Which bytes a service serves, and which of several decide where a tag goes that follows them.

use super::attempt::coming;
use super::state::{OnRender, record_of};
use model::{CommitSha, DeployStatus, Digest, Record, RecordState, ServiceName};

/// What a service serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The digests of the image, the one that Render was asked for first. An index and its linux/amd64 manifest are one image.
    pub digests: Vec<Digest>,
    /// The commit that was deployed with it; none where our record does not know it.
    pub commit: Option<CommitSha>,
    /// Since when.
    pub since: Since,
    /// Whether nothing else is under way, or may be.
    pub is_settled: bool,
}

/// Since when something serves. Later is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// Some time before this run: as of the record of that number, where there is one.
    Before(Option<u64>),
    /// This run put it there, or is about to.
    Now,
}

impl Serving {
    /// Whether both are the same image.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digests
            .iter()
            .any(|digest| other.digests.contains(digest))
    }
}

/// What serves by Render's word, or without an API key by our own record: what is live, or comes. `records` are those that count, newest first.
#[must_use]
pub fn serving(records: &[&Record], render: &OnRender) -> Option<Serving> {
    match render {
        OnRender::Unknown(_) => None,
        OnRender::NoKey => {
            let may_serve = |record: &&&Record| {
                matches!(record.state, RecordState::Success | RecordState::Open)
            };
            let is_ours = |record: &&&Record| record.state == RecordState::Success && record.is_own;
            let newest = records.iter().find(may_serve)?;
            let record = records.iter().find(is_ours)?;
            Some(of_record(record, newest.number == record.number))
        }
        OnRender::Known(deploys) => {
            let deploy = coming(deploys)?;
            let is_of = |record: &&&Record| {
                record.is_own
                    && deploy.is_of(&[
                        record.intent.image.digest.clone(),
                        record.intent.platform.clone(),
                    ])
            };
            let is_settled = deploy.status == DeployStatus::Live;
            let found = record_of(records, deploy).or_else(|| records.iter().find(is_of).copied());
            if let Some(record) = found {
                return Some(of_record(record, is_settled));
            }
            let is_named = !deploy.digests.is_empty();
            let since = Since::Before(None);
            is_named.then(|| Serving {
                digests: deploy.digests.clone(),
                commit: None,
                since,
                is_settled,
            })
        }
    }
}

fn of_record(record: &Record, is_settled: bool) -> Serving {
    let (asked, platform) = (&record.intent.image.digest, &record.intent.platform);
    let mut digests = vec![asked.clone()];
    digests.extend((platform != asked).then(|| platform.clone()));
    let (commit, since) = (
        Some(record.intent.commit),
        Since::Before(Some(record.number)),
    );
    Serving {
        digests,
        commit,
        since,
        is_settled,
    }
}

/// Of what the services of one image serve, in the manifest's order, what was put there last; and the services that serve something else.
#[must_use]
pub fn decisive(servings: &[(ServiceName, Serving)]) -> Option<(&Serving, Vec<&ServiceName>)> {
    let latest = servings.iter().map(|(_, serving)| serving.since).max()?;
    let (_, decisive) = servings
        .iter()
        .find(|(_, serving)| serving.since == latest)?;
    let others = servings
        .iter()
        .filter(|(_, serving)| !serving.is_same(decisive))
        .map(|(service, _)| service);
    Some((decisive, others.collect()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{deploy, digest, record, rollback, sha};
    use super::*;
    use model::RecordState::{Error, Failure, Open, Success};

    fn numbered(mut record: Record, number: u64) -> Record {
        record.number = number;
        record
    }

    fn by_record(records: &[Record]) -> Option<(Digest, bool)> {
        let records: Vec<_> = records.iter().collect();
        serving(&records, &OnRender::NoKey)
            .map(|serving| (serving.digests[0].clone(), serving.is_settled))
    }

    #[test]
    fn without_a_key_our_newest_success_serves() {
        let old = || numbered(record(1, Success), 1);
        assert_eq!(by_record(&[]), None);
        assert_eq!(by_record(&[old()]), Some((digest(1), true)));
        assert_eq!(
            by_record(&[
                numbered(record(2, Failure), 3),
                numbered(record(3, Error), 2),
                old()
            ])
            .map(|it| it.1),
            Some(true)
        );
        assert_eq!(
            by_record(&[numbered(record(2, Open), 2), old()]),
            Some((digest(1), false)),
            "it may have become live"
        );
        assert_eq!(
            by_record(&[numbered(rollback(0, 1), 2), old()]),
            Some((digest(0), true))
        );
        let mut foreign = numbered(record(2, Success), 2);
        foreign.is_own = false;
        assert_eq!(
            by_record(&[foreign, old()]),
            Some((digest(1), false)),
            "what others wrote puts a tag nowhere"
        );
    }

    #[test]
    fn with_a_key_render_says_it_and_the_record_which_image_it_is() {
        let own = numbered(record(1, Success), 4);
        let found = |list: Vec<model::Deploy>| serving(&[&own], &OnRender::Known(list));
        let mut live = deploy(1, DeployStatus::Live);
        live.digests = vec![digest(101)];
        let (digests, commit) = (vec![digest(1), digest(101)], Some(sha(1)));
        let known = Serving {
            digests,
            commit,
            since: Since::Before(Some(4)),
            is_settled: true,
        };
        assert_eq!(
            found(vec![live.clone()]),
            Some(known),
            "named by its platform's digest"
        );
        let other = found(vec![deploy(7, DeployStatus::Queued), live]).unwrap();
        assert_eq!(
            (other.digests, other.is_settled),
            (vec![digest(7)], false),
            "it comes"
        );
        assert_eq!(found(vec![]), None);
        assert_eq!(serving(&[&own], &OnRender::Unknown("500".into())), None);
    }

    #[test]
    fn what_was_put_there_last_decides() {
        let service = |name: &str| ServiceName::parse(name).unwrap();
        let of = |name: &str, number: u8, since| {
            (
                service(name),
                Serving {
                    digests: vec![digest(number)],
                    commit: None,
                    since,
                    is_settled: true,
                },
            )
        };
        let list = [
            of("a", 1, Since::Before(Some(9))),
            of("b", 2, Since::Now),
            of("c", 2, Since::Before(None)),
        ];
        let (found, others) = decisive(&list).unwrap();
        assert_eq!(
            (found.digests[0].clone(), others),
            (digest(2), vec![&service("a")])
        );
        let list = [
            of("a", 1, Since::Before(None)),
            of("b", 2, Since::Before(Some(3))),
            of("c", 3, Since::Before(Some(2))),
        ];
        assert_eq!(
            decisive(&list).map(|(found, others)| (found.digests[0].clone(), others.len())),
            Some((digest(2), 2))
        );
        assert_eq!(decisive(&[]), None);
    }
}

use super::super::ledger::testing::{digest, record, rollback, sha};
use super::*;
use crate::Cause;
use model::Record;
use model::RecordState::{self, Error, Failure, Open, Success};

fn tag(number: u8) -> ImageTag {
    ImageTag::parse(&sha(number).to_string()).unwrap()
}

fn ancestor(number: u8) -> Ancestor {
    Ancestor {
        commit: sha(number),
        tag: tag(number),
    }
}

/// A registry and a history: commits with the same number modulo ten are equal, and 99 cannot be compared.
#[derive(Default)]
struct World {
    tags: Vec<u8>,
    digests: Vec<u8>,
    /// What is there, and may not be deployed.
    wrong: Vec<u8>,
    ancestors: Vec<u8>,
    /// What is not at hand.
    far: Vec<u8>,
    asked: Vec<String>,
}

impl World {
    fn sight(&self, there: &[u8], number: u8) -> Sight {
        match (there.contains(&number), self.wrong.contains(&number)) {
            (true, true) => Sight::Wrong,
            (true, false) => Sight::Right,
            (false, _) => Sight::Absent,
        }
    }

    fn look(&self, source: &ImageSource) -> Sight {
        let of_tag = |tag: &ImageTag| u8::from_str_radix(&tag.to_string()[..2], 16).unwrap();
        match source {
            ImageSource::Own(found) | ImageSource::Ancestor(found, _) => {
                self.sight(&self.tags, of_tag(found))
            }
            ImageSource::Required(found, _) | ImageSource::Recorded(found, _) => {
                let number = (0..=255).find(|number| digest(*number) == *found).unwrap();
                self.sight(&self.digests, number)
            }
        }
    }

    fn search(
        &mut self,
        head: u8,
        reach: Reach,
        staging: &[Record],
        records: &[Record],
    ) -> (Next, ImageSearch) {
        let (staging, records): (Vec<_>, Vec<_>) =
            (staging.iter().collect(), records.iter().collect());
        let head_sha = sha(head);
        let wanted = required(&head_sha, std::slice::from_ref(&staging));
        let known = recorded(&head_sha, &[records, staging]);
        let far = self.far.clone();
        let is_near = move |commit: &CommitSha| !far.contains(&commit.as_bytes()[0]);
        let mut search = ImageSearch::new(head_sha, &[tag(head)], reach, wanted, known, &is_near);
        loop {
            match search.wants() {
                Next::Compare(commit) => {
                    let other = commit.as_bytes()[0];
                    self.asked.push(format!("compare {other}"));
                    let equality = if other == 99 {
                        Equality::Unknown("gone".into())
                    } else if other % 10 == head % 10 {
                        Equality::Equal
                    } else {
                        Equality::Differs(Cause {
                            pattern: "**".into(),
                            path: b"x".to_vec(),
                            matched: 1,
                        })
                    };
                    search.compared(commit, &equality);
                }
                Next::Look(source) => {
                    let sight = self.look(&source);
                    self.asked
                        .push(format!("look {source:?}").chars().take(12).collect());
                    search.looked(sight);
                }
                Next::GoBack => {
                    self.asked.push("go back".into());
                    search.went_back(
                        self.ancestors
                            .iter()
                            .map(|number| ancestor(*number))
                            .collect(),
                        &is_near,
                    );
                }
                Next::List(tags) => {
                    self.asked.push(format!("list {}", tags.len()));
                    let there: Vec<ImageTag> = self
                        .tags
                        .iter()
                        .map(|number| tag(*number))
                        .filter(|tag| tags.contains(tag))
                        .collect();
                    search.listed(&there);
                }
                end @ (Next::Found(_) | Next::Nothing) => return (end, search),
            }
        }
    }

    fn find(&mut self, head: u8, staging: &[Record], records: &[Record]) -> Next {
        self.search(head, Reach::Equal, staging, records).0
    }
}

/// A record of the commit whose bytes are those of another commit.
fn with_bytes(commit: u8, of: u8, state: RecordState) -> Record {
    let mut record = record(of, state);
    record.intent.commit = sha(commit);
    record
}

#[test]
fn what_the_required_environment_ran_comes_first_what_is_live_there_before_all() {
    let mut world = World {
        tags: vec![11],
        digests: vec![1, 11, 21],
        ..World::default()
    };
    let staging = [record(1, Success), record(11, Success), record(21, Success)];
    assert_eq!(
        world.find(11, &staging, &[]),
        Next::Found(ImageSource::Required(digest(1), sha(1)))
    );
    // What was built from the very commit is next, and then the newest.
    world.digests = vec![11, 21];
    assert_eq!(
        world.find(11, &staging, &[]),
        Next::Found(ImageSource::Required(digest(11), sha(11)))
    );
    world.digests = vec![21];
    assert_eq!(
        world.find(11, &staging, &[]),
        Next::Found(ImageSource::Required(digest(21), sha(21)))
    );
    world.digests = vec![];
    assert_eq!(
        world.find(11, &staging, &[]),
        Next::Found(ImageSource::Own(tag(11)))
    );
}

#[test]
fn what_the_required_environment_did_not_keep_is_not_taken_first() {
    let own = || Next::Found(ImageSource::Own(tag(11)));
    let mut world = World {
        tags: vec![11],
        digests: vec![1, 2],
        ..World::default()
    };
    for state in [Open, Failure, Error] {
        assert_eq!(world.find(11, &[record(1, state)], &[]), own(), "{state:?}");
    }
    assert_eq!(
        world.find(
            11,
            &[rollback(2, 1), record(1, Success), record(2, Success)],
            &[]
        ),
        own()
    );
    let mut foreign = record(1, Success);
    foreign.is_own = false;
    assert_eq!(world.find(11, &[foreign], &[]), own());
    assert_eq!(
        world.find(11, &[record(2, Success)], &[]),
        own(),
        "it differs"
    );
    // The commits of others are not asked about, and cannot be compared for nothing.
    assert_eq!(world.find(11, &[with_bytes(1, 99, Success)], &[]), own());
}

#[test]
fn the_own_tag_is_asked_for_without_a_question_about_others() {
    let mut world = World {
        tags: vec![11, 1],
        digests: vec![1],
        ancestors: vec![1],
        ..World::default()
    };
    assert_eq!(
        world.find(11, &[], &[record(1, Success)]),
        Next::Found(ImageSource::Own(tag(11)))
    );
    assert_eq!(world.asked, ["look Own(Ima"]);
}

#[test]
fn a_record_counts_where_what_it_deployed_and_what_it_was_built_from_are_equal() {
    let mut world = World {
        digests: vec![2, 3, 4],
        ..World::default()
    };
    // Deployed as commit 1, which is equal to ours, and built from commit 2, which is not.
    assert_eq!(
        world.find(11, &[], &[with_bytes(1, 2, Success)]),
        Next::Nothing
    );
    let mut silent = record(1, Success);
    silent.intent.image_commit = None;
    assert_eq!(
        World {
            digests: vec![1],
            ..World::default()
        }
        .find(11, &[], &[silent]),
        Next::Nothing
    );
    // Given by its digest for commit 1, which is not equal to ours. The label of a base image names commit 2, which is.
    assert_eq!(
        world.find(12, &[], &[with_bytes(1, 2, Failure)]),
        Next::Nothing
    );
    assert_eq!(
        world.find(12, &[with_bytes(1, 2, Success)], &[]),
        Next::Nothing
    );
    // Both are equal: another record of the same bytes says so.
    assert_eq!(
        world.find(
            12,
            &[],
            &[with_bytes(1, 2, Success), with_bytes(22, 2, Failure)]
        ),
        Next::Found(ImageSource::Recorded(digest(2), sha(2)))
    );
}

#[test]
fn recorded_bytes_come_before_ancestors_and_what_is_gone_or_wrong_is_passed_over() {
    let records = [record(1, Success), record(21, Open), record(31, Failure)];
    let mut world = World {
        digests: vec![1, 21, 31],
        tags: vec![41, 51],
        ancestors: vec![2, 41, 51],
        ..World::default()
    };
    let recorded = |number: u8| Next::Found(ImageSource::Recorded(digest(number), sha(number)));
    assert_eq!(world.find(11, &[], &records), recorded(1));
    world.wrong = vec![1];
    assert_eq!(world.find(11, &[], &records), recorded(21));
    world.digests = vec![31];
    assert_eq!(world.find(11, &[], &records), recorded(31));
    world.digests = vec![];
    assert_eq!(
        world.find(11, &[], &records),
        Next::Found(ImageSource::Ancestor(tag(41), sha(41)))
    );
    world.wrong = vec![41];
    assert_eq!(
        world.find(11, &[], &records),
        Next::Found(ImageSource::Ancestor(tag(51), sha(51)))
    );
    world.tags = vec![2];
    assert_eq!(world.find(11, &[], &records), Next::Nothing);
}

#[test]
fn what_is_wrong_under_the_own_tag_is_not_passed_over() {
    let mut world = World {
        tags: vec![11, 1],
        wrong: vec![11],
        ancestors: vec![1],
        ..World::default()
    };
    let (next, search) = world.search(11, Reach::Equal, &[], &[record(1, Success)]);
    assert_eq!((next, search.is_spoiled()), (Next::Nothing, true));
    // Of two own tags the second may be right.
    let mut search = ImageSearch::new(
        sha(11),
        &[tag(11), tag(12)],
        Reach::Equal,
        vec![],
        vec![],
        |_| true,
    );
    assert_eq!(search.wants(), Next::Look(ImageSource::Own(tag(11))));
    search.looked(Sight::Wrong);
    assert_eq!(search.wants(), Next::Look(ImageSource::Own(tag(12))));
    search.looked(Sight::Right);
    assert_eq!(
        (search.wants(), search.is_spoiled()),
        (Next::Found(ImageSource::Own(tag(12))), false)
    );
}

#[test]
fn where_only_the_own_tag_counts_nothing_else_is_asked() {
    let mut world = World {
        tags: vec![1],
        digests: vec![1],
        ancestors: vec![1],
        ..World::default()
    };
    let (next, _) = world.search(11, Reach::Own, &[record(1, Success)], &[record(1, Success)]);
    assert_eq!((next, world.asked.len()), (Next::Nothing, 1));
}

#[test]
fn what_cannot_be_compared_is_not_equal() {
    let mut world = World {
        tags: vec![99],
        digests: vec![99],
        ancestors: vec![99],
        ..World::default()
    };
    assert_eq!(world.find(9, &[], &[record(99, Success)]), Next::Nothing);
}

#[test]
fn ancestors_at_hand_are_compared_first_and_others_only_where_they_have_a_tag() {
    let all: Vec<u8> = (20..60).collect();
    let mut near = World {
        tags: vec![21],
        ancestors: all.clone(),
        ..World::default()
    };
    assert_eq!(
        near.find(11, &[], &[]),
        Next::Found(ImageSource::Ancestor(tag(21), sha(21)))
    );
    assert_eq!(
        near.asked
            .iter()
            .filter(|asked| asked.starts_with("compare"))
            .count(),
        20,
        "of the first batch"
    );
    assert!(
        near.asked.contains(&"list 2".to_owned()),
        "{:?}",
        near.asked
    );
    let mut far = World {
        tags: vec![25, 41],
        ancestors: all.clone(),
        far: all.clone(),
        ..World::default()
    };
    assert_eq!(
        far.find(11, &[], &[]),
        Next::Found(ImageSource::Ancestor(tag(41), sha(41)))
    );
    let compared: Vec<_> = far
        .asked
        .iter()
        .filter(|asked| asked.starts_with("compare"))
        .collect();
    assert_eq!(compared, ["compare 25", "compare 41"]);
}

#[test]
fn few_commits_that_are_not_at_hand_are_compared() {
    let all: Vec<u8> = (22..31).collect();
    let mut world = World {
        tags: (22..32).collect(),
        ancestors: all.clone(),
        far: all.clone(),
        ..World::default()
    };
    world.ancestors.push(31);
    world.far.push(31);
    let records: Vec<Record> = (42..51).map(|number| record(number, Success)).collect();
    world.far.extend(42..51);
    assert_eq!(world.find(11, &[], &records), Next::Nothing);
    let compared: Vec<_> = world
        .asked
        .iter()
        .filter(|asked| asked.starts_with("compare"))
        .cloned()
        .collect();
    let wanted: Vec<String> = (42..47)
        .chain(22..27)
        .map(|number| format!("compare {number}"))
        .collect();
    assert_eq!(compared, wanted);
}

#[test]
fn no_more_than_two_hundred_ancestors_are_looked_at() {
    let mut search = ImageSearch::new(sha(1), &[], Reach::Equal, vec![], vec![], |_| true);
    assert_eq!(search.wants(), Next::GoBack);
    let many: Vec<Ancestor> = (0..=200_u8)
        .map(|number| Ancestor {
            commit: CommitSha::from_bytes([number + 10; 20]),
            tag: tag(number),
        })
        .collect();
    search.went_back(many, |_| false);
    let mut listed = 0;
    while let Next::List(tags) = search.wants() {
        listed += tags.len();
        search.listed(&[]);
    }
    assert_eq!((listed, search.wants()), (200, Next::Nothing));
}

use super::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Every payload of a directory of fixtures, by its name without `.json`.
fn fixtures(directory: &str) -> BTreeMap<String, Vec<u8>> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("fixtures/events")
        .join(directory);
    let files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|file| !file.ends_with("schema.json"))
        .map(|file| {
            (
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
                std::fs::read(&file).unwrap(),
            )
        })
        .collect()
}

fn fixture(name: &str) -> Vec<u8> {
    fixtures("").remove(name).unwrap()
}

/// What the fixtures call a commit: one digit, 40 times.
fn sha(digit: char) -> CommitSha {
    CommitSha::parse(digit.to_string().repeat(40).as_bytes()).unwrap()
}

const AFTER: &str = "2222222222222222222222222222222222222222";
const MERGE: &str = "5555555555555555555555555555555555555555";
const NOBODY: Ambient<'_> = Ambient {
    git_ref: None,
    sha: None,
    actor: None,
};

/// What the runner says beside an event of this name.
fn runner(event: &str) -> Ambient<'static> {
    let (git_ref, sha) = match event {
        "pull_request" => ("refs/pull/7/merge", MERGE),
        _ => ("refs/heads/main", AFTER),
    };
    Ambient {
        git_ref: Some(git_ref),
        sha: Some(sha),
        actor: Some("ana"),
    }
}

/// Reads a fixture as the event that its name says.
fn read_fixture(event: &str, payload: &[u8]) -> Result<Trigger, EventError> {
    read(event, payload, &runner(event))
}

fn event_of(name: &str) -> &str {
    name.split('.').next().unwrap()
}

/// Reads a fixture after a change.
fn read_changed(name: &str, change: impl FnOnce(&mut Value)) -> Result<Trigger, EventError> {
    let mut payload = serde_json::from_slice(&fixture(name)).unwrap();
    change(&mut payload);
    read_fixture(event_of(name), payload.to_string().as_bytes())
}

fn branch(name: &str) -> PushedRef {
    PushedRef::Branch(name.into())
}

fn tag(name: &str) -> PushedRef {
    PushedRef::Tag(name.into())
}

fn ordinary() -> Push {
    Push {
        pushed: branch("main"),
        before: Some(sha('1')),
        after: sha('2'),
        commit: Some(sha('2')),
        commit_time: Some("2026-03-01T12:00:00Z".into()),
        forced: false,
        created: false,
        default_branch: "main".into(),
        in_fork: false,
        followed: false,
    }
}

fn release() -> Push {
    Push {
        pushed: tag("prod-42"),
        before: None,
        created: true,
        ..ordinary()
    }
}

fn follows(pushed: &str) -> Push {
    Push {
        pushed: PushedRef::Either(pushed.into()),
        before: None,
        followed: true,
        ..ordinary()
    }
}

fn proposal() -> PullRequest {
    PullRequest {
        number: PrNumber::parse(b"7").unwrap(),
        head: sha('4'),
        merge: Some(sha('5')),
        base: sha('1'),
        base_branch: Some("main".into()),
        changed_files: Some(2),
        from_fork: false,
        by_dependabot: false,
        default_branch: "main".into(),
    }
}

fn asked() -> Dispatch {
    Dispatch {
        pushed: Some(branch("main")),
        commit: Some(sha('2')),
        default_branch: Some("main".into()),
        by_person: false,
        of_workflow: false,
    }
}

fn not_supported(name: &str) -> EventError {
    EventError::NotSupported { name: name.into() }
}

#[test]
fn every_event_is_read_as_what_it_is() {
    let nothing = |reason: &str| Ok(Trigger::Nothing(reason.into()));
    let table = [
        ("push.main", Ok(Trigger::Push(ordinary()))),
        (
            "push.other-branch",
            Ok(Trigger::Push(Push {
                pushed: branch("feature/prod-5"),
                ..ordinary()
            })),
        ),
        (
            "push.forced",
            Ok(Trigger::Push(Push {
                forced: true,
                ..ordinary()
            })),
        ),
        (
            "push.first",
            Ok(Trigger::Push(Push {
                before: None,
                created: true,
                ..ordinary()
            })),
        ),
        ("push.deleted-branch", nothing("the push deleted a branch")),
        ("push.deleted-tag", nothing("the push deleted a tag")),
        ("push.tag", Ok(Trigger::Push(release()))),
        (
            "push.annotated-tag",
            Ok(Trigger::Push(Push {
                after: sha('3'),
                ..release()
            })),
        ),
        (
            "push.moved-tag",
            Ok(Trigger::Push(Push {
                before: Some(sha('1')),
                created: false,
                forced: true,
                ..release()
            })),
        ),
        (
            "push.dependabot",
            Ok(Trigger::Push(Push {
                pushed: branch("dependabot/cargo/serde-1.0.300"),
                before: None,
                created: true,
                ..ordinary()
            })),
        ),
        ("pull_request.opened", Ok(Trigger::PullRequest(proposal()))),
        (
            "pull_request.synchronize",
            Ok(Trigger::PullRequest(proposal())),
        ),
        (
            "pull_request.reopened",
            Ok(Trigger::PullRequest(proposal())),
        ),
        (
            "pull_request.ready_for_review",
            Ok(Trigger::PullRequest(proposal())),
        ),
        ("pull_request.draft", Ok(Trigger::PullRequest(proposal()))),
        (
            "pull_request.fork",
            Ok(Trigger::PullRequest(PullRequest {
                from_fork: true,
                ..proposal()
            })),
        ),
        (
            "pull_request.deleted-fork",
            Ok(Trigger::PullRequest(PullRequest {
                from_fork: true,
                ..proposal()
            })),
        ),
        ("pull_request.merged", Ok(Trigger::Closed(proposal()))),
        ("pull_request.closed", Ok(Trigger::Closed(proposal()))),
        (
            "pull_request.dependabot",
            Ok(Trigger::PullRequest(PullRequest {
                by_dependabot: true,
                ..proposal()
            })),
        ),
        (
            "merge_group.checks_requested",
            Ok(Trigger::MergeGroup(MergeGroup {
                head: sha('7'),
                base: sha('1'),
                default_branch: "main".into(),
            })),
        ),
        ("workflow_run.success", Ok(Trigger::Push(follows("main")))),
        ("workflow_run.tag", Ok(Trigger::Push(follows("prod-42")))),
        (
            "workflow_run.fork",
            Ok(Trigger::Refused(
                "the workflow run is of another repository, a fork or a deleted one".into(),
            )),
        ),
        (
            "workflow_run.failure",
            nothing("the workflow run ended with failure, not success"),
        ),
        (
            "workflow_run.pull_request",
            nothing("the workflow run followed pull_request, not push"),
        ),
        (
            "workflow_run.requested",
            nothing("the workflow run is requested, not completed"),
        ),
        (
            "workflow_dispatch.main",
            Ok(Trigger::Dispatch(Dispatch {
                by_person: true,
                of_workflow: true,
                ..asked()
            })),
        ),
        ("repository_dispatch.deploy", Ok(Trigger::Dispatch(asked()))),
        ("schedule.nightly", Ok(Trigger::Dispatch(asked()))),
        ("release.published", Err(not_supported("release"))),
        ("create.tag", Err(not_supported("create"))),
    ];
    let mut payloads = fixtures("");
    for (name, wanted) in table {
        assert_eq!(
            read_fixture(event_of(name), &payloads.remove(name).unwrap()),
            wanted,
            "{name}"
        );
    }
    assert!(
        payloads.is_empty(),
        "not in the table: {:?}",
        payloads.keys()
    );
}

/// `fixtures/events/verdicts.txt` holds one line an attack: its file, and what must be made of it.
#[test]
fn every_attack_has_its_verdict() {
    let verdict =
        |name: &str, payload: &[u8]| match read_fixture(name.split('.').nth(1).unwrap(), payload) {
            Ok(Trigger::Push(push)) => {
                format!("push to {:?}, commit {:?}", push.pushed, push.commit)
            }
            Ok(Trigger::PullRequest(pull)) => format!("pull request, from_fork {}", pull.from_fork),
            Ok(Trigger::Closed(pull)) => {
                format!("closed pull request, from_fork {}", pull.from_fork)
            }
            Ok(Trigger::MergeGroup(_)) => "merge group".into(),
            Ok(Trigger::Dispatch(_)) => "dispatch".into(),
            Ok(Trigger::Nothing(reason)) => format!("nothing: {reason}"),
            Ok(Trigger::Refused(reason)) => format!("refused: {reason}"),
            Err(error) => format!("error: {error}"),
        };
    let lines: Vec<_> = fixtures("hostile")
        .iter()
        .map(|(name, payload)| format!("{name}: {}", verdict(name, payload)))
        .collect();
    for line in &lines {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line}"
        );
        assert!(!line.contains("::") && !line.contains("##["), "{line}");
    }
    let wanted: Vec<_> = include_str!("../../../../fixtures/events/verdicts.txt")
        .lines()
        .collect();
    let unwanted: Vec<_> = lines
        .iter()
        .filter(|line| !wanted.contains(&line.as_str()))
        .cloned()
        .collect();
    assert!(
        unwanted.is_empty(),
        "not in verdicts.txt:\n{}",
        unwanted.join("\n")
    );
    assert_eq!(
        lines.len(),
        wanted.len(),
        "verdicts.txt has a line too many"
    );
}

#[test]
fn events_without_a_meaning_are_refused_by_name() {
    for name in [
        "delete",
        "deployment",
        "deployment_status",
        "issue_comment",
        "workflow_call",
        "Push",
        "push ",
        "",
    ] {
        let error = read(name, b"{}", &NOBODY).unwrap_err();
        assert_eq!(error, not_supported(name));
    }
    assert_eq!(
        not_supported("fork").to_string(),
        "GITHUB_EVENT_NAME is \"fork\", wanted one of push, pull_request, merge_group, workflow_run, \
         workflow_dispatch, repository_dispatch, schedule"
    );
    let error = read("::set-output name=x::y\n", b"{}", &NOBODY)
        .unwrap_err()
        .to_string();
    assert!(!error.contains("::") && !error.contains('\n'), "{error}");
}

#[test]
fn pull_request_target_is_refused_whatever_it_carries() {
    for payload in [
        fixture("pull_request.opened"),
        fixture("push.main"),
        Vec::new(),
        b"{".to_vec(),
    ] {
        assert!(matches!(
            read("pull_request_target", &payload, &runner("push")),
            Ok(Trigger::Refused(_))
        ));
    }
}

#[test]
fn a_merged_close_is_never_a_push() {
    let after_merge = runner("push");
    assert_eq!(after_merge.git_ref, Some("refs/heads/main"));
    for name in ["pull_request.merged", "pull_request.closed"] {
        assert!(matches!(
            read("pull_request", &fixture(name), &after_merge),
            Ok(Trigger::Closed(_))
        ));
    }
}

#[test]
fn a_push_is_read_from_its_payload_alone() {
    let elsewhere = Ambient {
        git_ref: Some("refs/tags/prod-1"),
        sha: Some(MERGE),
        ..runner("push")
    };
    assert_eq!(
        read("push", &fixture("push.main"), &elsewhere),
        Ok(Trigger::Push(ordinary()))
    );
    assert!(matches!(
        read("push", &fixture("push.deleted-branch"), &runner("push")),
        Ok(Trigger::Nothing(_))
    ));
}

#[test]
fn a_pull_request_only_asks_when_it_has_something_new_to_verify() {
    let others = "assigned auto_merge_enabled converted_to_draft demilestoned dequeued edited enqueued labeled locked \
                  milestoned review_requested unassigned unlabeled unlocked";
    for action in others.split_whitespace() {
        let trigger = read_changed("pull_request.opened", |payload| {
            payload["action"] = action.into()
        });
        let reason = format!("a pull request that is {action} asks for nothing");
        assert_eq!(trigger, Ok(Trigger::Nothing(reason)));
    }
    let trigger = read_changed("merge_group.checks_requested", |payload| {
        payload["action"] = "destroyed".into()
    });
    assert_eq!(
        trigger,
        Ok(Trigger::Nothing(
            "a merge group that is destroyed asks for nothing".into()
        ))
    );
}

#[test]
fn an_action_is_one_of_githubs_words() {
    for action in [
        "",
        "Opened",
        "opened\n",
        "x ##[set-output name=t]y",
        "\u{202e}",
    ] {
        let error = read_changed("pull_request.opened", |payload| {
            payload["action"] = action.into()
        })
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("action in the event payload is \""),
            "{error}"
        );
    }
}

#[test]
fn a_fork_is_told_by_its_id_and_its_name() {
    let head_repo = |change: fn(&mut Value)| {
        read_changed("pull_request.opened", |payload| {
            change(&mut payload["pull_request"]["head"]["repo"])
        })
    };
    let fork = Ok(Trigger::PullRequest(PullRequest {
        from_fork: true,
        ..proposal()
    }));
    assert_eq!(head_repo(|repo| repo["id"] = 1.into()), fork);
    assert_eq!(
        head_repo(|repo| repo["full_name"] = "acme/shop2".into()),
        fork
    );
    assert_eq!(head_repo(|repo| *repo = Value::Null), fork);
    assert_eq!(
        head_repo(|repo| repo["full_name"] = "Acme/Shop".into()),
        Ok(Trigger::PullRequest(proposal()))
    );
}

#[test]
fn a_workflow_run_of_a_fork_is_refused_whatever_it_says_about_itself() {
    for action in ["completed", "requested", "in_progress"] {
        for (key, value) in [
            ("event", "push"),
            ("conclusion", "success"),
            ("head_branch", "main"),
        ] {
            let trigger = read_changed("workflow_run.fork", |payload| {
                payload["action"] = action.into();
                payload["workflow_run"][key] = value.into();
            });
            assert!(matches!(trigger, Ok(Trigger::Refused(_))), "{trigger:?}");
        }
    }
}

#[test]
fn dependabot_is_the_actor_or_the_sender_or_the_author() {
    let dependabot = Some("dependabot[bot]");
    let wanted = Ok(Trigger::PullRequest(PullRequest {
        by_dependabot: true,
        ..proposal()
    }));
    let acting = Ambient {
        actor: dependabot,
        ..runner("pull_request")
    };
    assert_eq!(
        read("pull_request", &fixture("pull_request.opened"), &acting),
        wanted
    );
    let set = |account: fn(&mut Value) -> &mut Value| {
        read_changed("pull_request.opened", |payload| {
            account(payload)["login"] = dependabot.into()
        })
    };
    assert_eq!(set(|payload| &mut payload["sender"]), wanted);
    assert_eq!(set(|payload| &mut payload["pull_request"]["user"]), wanted);
}

#[test]
fn the_merge_commit_is_the_runs_or_the_payloads() {
    let merge_of = |sha| {
        let trigger = read(
            "pull_request",
            &fixture("pull_request.opened"),
            &Ambient {
                sha,
                ..runner("pull_request")
            },
        );
        let Ok(Trigger::PullRequest(pull)) = trigger else {
            panic!("{trigger:?}")
        };
        pull.merge
    };
    assert_eq!(merge_of(Some(AFTER)), Some(sha('2')));
    for other in [
        None,
        Some(""),
        Some("main"),
        Some("0000000000000000000000000000000000000000"),
    ] {
        assert_eq!(merge_of(other), Some(sha('5')), "{other:?}");
    }
    let without = read_changed("pull_request.opened", |payload| {
        payload["pull_request"]["merge_commit_sha"] = Value::Null
    });
    assert_eq!(without, Ok(Trigger::PullRequest(proposal())));
}

#[test]
fn a_dispatch_is_on_the_ref_that_names_its_namespace() {
    let table = [
        (
            "refs/heads/main",
            Some("refs/heads/other"),
            Some(branch("main")),
        ),
        (
            "refs/tags/prod-42",
            Some("refs/heads/other"),
            Some(tag("prod-42")),
        ),
        ("refs/pull/7/merge", Some("refs/heads/other"), None),
        ("main", Some("refs/heads/main"), Some(branch("main"))),
        ("prod-42", Some("refs/tags/prod-42"), Some(tag("prod-42"))),
        ("main", Some("main"), None),
        ("main", Some(""), None),
        ("main", None, None),
    ];
    for (theirs, ours, wanted) in table {
        let payload = serde_json::json!({ "ref": theirs }).to_string();
        let trigger = read(
            "workflow_dispatch",
            payload.as_bytes(),
            &Ambient {
                git_ref: ours,
                ..NOBODY
            },
        );
        let wanted = Dispatch {
            pushed: wanted,
            commit: None,
            default_branch: None,
            by_person: true,
            of_workflow: true,
        };
        assert_eq!(trigger, Ok(Trigger::Dispatch(wanted)), "{theirs} {ours:?}");
    }
    for name in ["repository_dispatch", "schedule"] {
        let trigger = read(name, br#"{"ref": "refs/tags/prod-42"}"#, &runner(name));
        assert_eq!(
            trigger,
            Ok(Trigger::Dispatch(Dispatch {
                default_branch: None,
                ..asked()
            }))
        );
    }
}

#[test]
fn flags_that_are_missing_follow_from_the_commits() {
    let without_flags = |name| {
        read_changed(name, |payload| {
            for key in ["created", "deleted", "forced", "head_commit"] {
                payload.as_object_mut().unwrap().remove(key);
            }
        })
    };
    let unsaid = |push| Push {
        commit: None,
        commit_time: None,
        ..push
    };
    assert_eq!(
        without_flags("push.main"),
        Ok(Trigger::Push(unsaid(ordinary())))
    );
    assert_eq!(
        without_flags("push.tag"),
        Ok(Trigger::Push(unsaid(release())))
    );
    assert!(matches!(
        without_flags("push.deleted-tag"),
        Ok(Trigger::Nothing(_))
    ));
}

#[test]
fn a_push_in_a_fork_is_said_to_be_one() {
    let trigger = read_changed("push.main", |payload| {
        payload["repository"]["fork"] = true.into()
    });
    assert_eq!(
        trigger,
        Ok(Trigger::Push(Push {
            in_fork: true,
            ..ordinary()
        }))
    );
}

#[test]
fn a_time_that_is_none_is_left_out() {
    for time in [
        "",
        "yesterday",
        "2026-03-01",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00Z[UTC]",
        "12026-03-01T12:00:00Z",
    ] {
        let trigger = read_changed("push.main", |payload| {
            payload["head_commit"]["timestamp"] = time.into()
        });
        assert_eq!(
            trigger,
            Ok(Trigger::Push(Push {
                commit_time: None,
                ..ordinary()
            })),
            "{time}"
        );
    }
    let time = "2019-05-15T15:20:33-04:00";
    let trigger = read_changed("push.main", |payload| {
        payload["head_commit"]["timestamp"] = time.into()
    });
    assert_eq!(
        trigger,
        Ok(Trigger::Push(Push {
            commit_time: Some(time.into()),
            ..ordinary()
        }))
    );
}

#[test]
fn a_payload_is_bounded_in_size_and_depth() {
    let sized = |bytes| read("push", &vec![b' '; bytes], &NOBODY);
    assert_eq!(sized(LARGEST), Err(EventError::Empty));
    assert_eq!(
        sized(LARGEST + 1),
        Err(EventError::TooLarge { bytes: LARGEST + 1 })
    );
    let nested = |levels: usize| {
        let lists = ["[".repeat(levels), "]".repeat(levels)].concat();
        read(
            "schedule",
            format!("{{\"x\": \"[[[{{\\\"[\", \"y\": {lists}}}").as_bytes(),
            &NOBODY,
        )
    };
    assert!(nested(DEEPEST - 1).is_ok());
    assert_eq!(nested(DEEPEST), Err(EventError::TooDeep));
    assert_eq!(nested(1_000_000), Err(EventError::TooDeep));
}

/// Every place of a value that holds no other.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    let children: Vec<_> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, child)| (key.clone(), child))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, child)| (index.to_string(), child))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    found.push(at.clone());
    for (key, child) in children {
        places(
            child,
            format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
            found,
        );
    }
}

#[test]
fn what_strangers_write_changes_nothing() {
    const THEIRS: [&str; 14] = [
        "title",
        "body",
        "label",
        "name",
        "message",
        "description",
        "display_title",
        "email",
        "head_ref",
        "branch",
        "labels",
        "inputs",
        "organization",
        "html_url",
    ];
    let evil =
        "latest\n::set-output name=tags::prod-1 ##[set-output name=tags]prod-1 $(id) \u{202e}";
    for (name, bytes) in fixtures("") {
        let wanted = read_fixture(event_of(&name), &bytes);
        let mut payload: Value = serde_json::from_slice(&bytes).unwrap();
        let mut found = Vec::new();
        places(&payload, String::new(), &mut found);
        let mut theirs = 0;
        for place in found {
            let key = place.rsplit('/').next().unwrap();
            let is_head_ref =
                ["/pull_request/head/ref", "/pull_request/head/label"].contains(&place.as_str());
            if (THEIRS.contains(&key) || is_head_ref)
                && let Some(value) = payload.pointer_mut(&place)
            {
                *value = evil.into();
                theirs += 1;
            }
        }
        assert!(theirs > 0, "{name}");
        assert_eq!(
            read_fixture(event_of(&name), payload.to_string().as_bytes()),
            wanted,
            "{name}"
        );
    }
}

#[test]
fn no_payload_that_is_cut_short_is_read() {
    for name in [
        "push.main",
        "merge_group.checks_requested",
        "workflow_dispatch.main",
    ] {
        let whole = fixture(name);
        let whole = whole.trim_ascii_end();
        for length in 0..whole.len() {
            assert!(
                read_fixture(event_of(name), &whole[..length]).is_err(),
                "{name} cut at {length}"
            );
        }
    }
    for (name, payload) in fixtures("hostile") {
        for length in 0..payload.len().min(4096) {
            let _no_panic = read_fixture(name.split('.').nth(1).unwrap(), &payload[..length]);
        }
    }
}

#[test]
fn no_type_in_any_field_is_a_panic_or_another_commit() {
    const READ: &str = "action after base before changed_files commits conclusion created default_branch deleted event forced \
                        fork full_name head head_branch head_commit head_repository head_sha id login merge_commit_sha \
                        merge_group number pull_request ref repo repository sender sha timestamp user workflow_run";
    let swaps = [
        "null",
        "true",
        "0",
        "-1",
        "7.0",
        "1e300",
        "18446744073709551616",
        "\"\"",
        "\"x\"",
        "[]",
        "{}",
        "[{}]",
    ];
    let swaps: Vec<Value> = swaps
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    for name in [
        "push.main",
        "push.annotated-tag",
        "pull_request.fork",
        "merge_group.checks_requested",
        "workflow_run.success",
    ] {
        let payload: Value = serde_json::from_slice(&fixture(name)).unwrap();
        let mut found = Vec::new();
        places(&payload, String::new(), &mut found);
        for (index, place) in found.iter().enumerate() {
            let is_read = READ
                .split_whitespace()
                .any(|key| place.rsplit('/').next() == Some(key));
            for (turn, swap) in swaps.iter().enumerate() {
                // Every type where we read, one type in turn where we do not.
                if !is_read && index % swaps.len() != turn {
                    continue;
                }
                let mut swapped = payload.clone();
                *swapped.pointer_mut(place).unwrap() = swap.clone();
                match read_fixture(event_of(name), swapped.to_string().as_bytes()) {
                    Ok(Trigger::Push(push)) => {
                        assert!([sha('2'), sha('3')].contains(&push.after), "{name} {place}")
                    }
                    Ok(Trigger::PullRequest(pull) | Trigger::Closed(pull)) => {
                        assert_eq!(
                            (pull.head, pull.from_fork),
                            (sha('4'), true),
                            "{name} {place}"
                        );
                    }
                    Ok(Trigger::MergeGroup(group)) => {
                        assert_eq!(group.head, sha('7'), "{name} {place}")
                    }
                    Ok(Trigger::Dispatch(_)) => panic!("{name} {place}"),
                    Ok(Trigger::Nothing(_) | Trigger::Refused(_)) | Err(_) => {}
                }
            }
        }
    }
}

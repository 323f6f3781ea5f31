//! How long it takes to decide what 500 services need of 50,000 changed paths, from records and differences that are there already.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and its world is its own"
)]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

use decide::ledger::order::{BranchTip, Order, OrderQuestion, in_branch};
use decide::ledger::{
    CommitManifest, Comparisons, DeployRecords, Equality, FactResult, Facts, Identity, OnRender,
    ServingState, need,
};
use decide::{Changes, Plan, PlanInput, PlanOptions, ServiceNeed, Subject};
use model::{
    AttemptKind, CommitSha, Decision, Digest, EnvironmentName, Intent, Manifest, PinnedImage,
    Record, RecordState, Service, ServiceKey,
};
use parse::manifest::{self, Home};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

const SERVICES: usize = 500;
const IMAGES: usize = 50;
const PATHS: usize = 50_000;
/// How many services were last deployed at one commit: the others at five commits of their own.
const AT_ONE: usize = 450;
const RUNS: usize = 21;
const LIMIT: Duration = Duration::from_millis(150);

fn main() {
    let manifest = a_manifest();
    let head = commit(0);
    let records: Vec<Vec<Record>> = manifest
        .services
        .iter()
        .enumerate()
        .map(|(at, service)| history(&manifest, service, at))
        .collect();
    let paths: Vec<Vec<u8>> = (0..PATHS)
        .map(|at| format!("services/s{:03}/src/f{at:06}.rs", at % SERVICES).into_bytes())
        .collect();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| once(&manifest, head, &records, &paths))
        .collect();
    times.sort_unstable();
    let median = times[RUNS / 2];
    let verdict = if median <= LIMIT { "yes" } else { "NO" };
    println!(
        "deciding: {SERVICES} services, {PATHS} changed paths\n  {:<44} {:>10.3} s   at most {:.3} s: {verdict}",
        "need, order and plan",
        median.as_secs_f64(),
        LIMIT.as_secs_f64()
    );
    if std::env::args().any(|argument| argument == "--strict") && median > LIMIT {
        std::process::exit(1);
    }
}

/// Everything from the facts to the plan.
fn once(
    manifest: &Manifest,
    head: CommitSha,
    records: &[Vec<Record>],
    paths: &[Vec<u8>],
) -> Duration {
    let mut sorted = paths.to_vec();
    sorted.sort_unstable();
    let few = |number: usize| sorted.iter().skip(number).step_by(100).cloned().collect();
    let mut changes = vec![(commit(1), Changes::Known(sorted.clone()))];
    changes.extend((2..7).map(|number| (commit(number), Changes::Known(few(number)))));
    let started = Instant::now();
    let mut comparisons = Comparisons::new("deploy-manifest.yml", head, manifest);
    for (base, changes) in changes {
        let known = CommitManifest::Known(Box::new(manifest.clone()));
        comparisons.learn_manifest(base, known);
        comparisons.learn_changes(base, head, changes);
    }
    let environment = EnvironmentName::parse("staging").unwrap();
    let mut demands = BTreeMap::new();
    for (service, records) in manifest.services.iter().zip(records) {
        let records: Vec<&Record> = records.iter().collect();
        let known = DeployRecords {
            records: &records,
            is_cut_off: false,
        };
        let serving = ServingState::new(Ok(known), &OnRender::NoKey, None, |_| None);
        let line = Line {
            comparisons: &comparisons,
            identity: Identity {
                id: None,
                names: BTreeSet::from([ServiceKey {
                    environment: environment.clone(),
                    service: service.name.clone(),
                }]),
            },
        };
        let demand = ServiceNeed::from(need(&serving, |commit| line.equality(commit, &head)));
        let asked = OrderQuestion {
            head,
            records: Ok(&records),
            serving: &serving,
        };
        let order = in_branch(&asked, &BranchTip::At(commit(9)), &line);
        assert_eq!(order, Order::Current);
        demands.insert(service.name.clone(), demand);
    }
    let subject = Subject::Environments {
        environments: decide::Environments::one(environment),
        release: None,
    };
    let plan = Plan::new(
        manifest,
        subject,
        head,
        &PlanInput::Demands(demands),
        &PlanOptions::default(),
    )
    .unwrap();
    let took = started.elapsed();
    let deployed = plan
        .services
        .iter()
        .filter(|service| service.decision == Decision::Deploy)
        .count();
    assert!(deployed >= AT_ONE, "{deployed}");
    black_box(plan);
    took
}

/// One line of commits, whose tip is newer than all others.
struct Line<'a> {
    comparisons: &'a Comparisons,
    identity: Identity,
}

impl Facts for Line<'_> {
    fn reaches(&self, _: &CommitSha, descendant: &CommitSha) -> FactResult<bool> {
        Ok(*descendant == commit(9))
    }

    fn equality(&self, one: &CommitSha, other: &CommitSha) -> Equality {
        match self.comparisons.compare(one, other, &self.identity) {
            Ok(equality) => equality,
            Err(_) => Equality::Unknown("it was not asked for".into()),
        }
    }

    fn newer(&self, _: &CommitSha, _: &CommitSha) -> FactResult<Vec<CommitSha>> {
        Ok(Vec::new())
    }

    fn has_service(&self, _: &CommitSha) -> FactResult<bool> {
        Ok(true)
    }

    fn tip_of(&self, _: &Record) -> FactResult<Option<CommitSha>> {
        Ok(None)
    }
}

fn a_manifest() -> Manifest {
    let mut text = "version: 1\nenvironments:\n  staging: { branch: main }\nignore: [\"**/*.md\"]\nshared: [\"infra/docker/**\"]\nimages:\n".to_owned();
    for image in 0..IMAGES {
        text.push_str(&format!(
            "  i{image:03}: {{ repository: \"ghcr.io/acme/i{image:03}\", paths: [\"images/i{image:03}/**\"] }}\n"
        ));
    }
    text.push_str("services:\n");
    for service in 0..SERVICES {
        let (name, image) = (format!("s{service:03}"), service % IMAGES);
        text.push_str(&format!(
            "  {name}: {{ image: i{image:03}, paths: [\"services/{name}/**\", \"libs/{name}-*/**\", \"!services/{name}/doc/**\"] }}\n"
        ));
    }
    let home = Home {
        owner: "acme",
        repo: "shop",
        default_branch: "main",
    };
    manifest::parse(text.as_bytes(), &home).unwrap()
}

/// Nineteen attempts that Render ended, and the deploy that serves.
fn history(manifest: &Manifest, service: &Service, at: usize) -> Vec<Record> {
    let base = commit(if at < AT_ONE { 1 } else { 2 + at % 5 });
    let failed = (0..19).map(|number| {
        record(
            manifest,
            service,
            commit(100 + number),
            RecordState::Failure,
        )
    });
    failed
        .chain([record(manifest, service, base, RecordState::Success)])
        .collect()
}

fn record(manifest: &Manifest, service: &Service, commit: CommitSha, state: RecordState) -> Record {
    let digest = Digest::parse(&format!("sha256:{commit}{:0>24}", 0)).unwrap();
    let repository = manifest.image(&service.image).unwrap().repository.clone();
    Record {
        number: 1,
        intent: Intent {
            service: service.name.clone(),
            commit,
            id: None,
            image: PinnedImage {
                repository,
                digest: digest.clone(),
            },
            platform: digest,
            image_commit: Some(commit),
            release: None,
            kind: AttemptKind::Deploy,
            from: None,
            to: None,
        },
        environment: EnvironmentName::parse("staging").unwrap(),
        state,
        was_live: true,
        is_own: true,
        deploy: None,
        run: None,
        began: Some(2),
        ended: Some(1),
    }
}

fn commit(number: usize) -> CommitSha {
    let mut bytes = [0; 20];
    bytes[12..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    CommitSha::from_bytes(bytes)
}

//! Whether two commits are equal on a service.

use super::super::testing::sha;
use crate::Changes;
use crate::ledger::{CommitManifest, Comparisons, Equality, Identity, Missing};
use model::{
    CommitSha, Environment, EnvironmentName, Image, ImageName, Manifest, ManifestSource, Pattern,
    PatternList, ReleaseTemplate, Repository, Service, ServiceId, ServiceKey, ServiceName,
    TagRules, TagTemplate, When,
};
use std::collections::BTreeMap;

const PATH: &str = "deploy.yml";

fn patterns(list: &[&str]) -> PatternList {
    let list = list.iter().map(|text| Pattern::parse(text).unwrap());
    PatternList::new(list.collect()).unwrap()
}

/// One service `api` in `staging`, with an image built from `api/**`.
fn manifest() -> Manifest {
    let (environment, image) = (
        EnvironmentName::parse("staging").unwrap(),
        ImageName::parse("api").unwrap(),
    );
    Manifest {
        source: ManifestSource::File,
        tags: TagRules {
            commit: TagTemplate::parse_commit("{sha}").unwrap(),
            pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}").unwrap(),
            latest: true,
        },
        environments: vec![Environment {
            name: environment,
            when: When::Branch("main".into()),
            floating_tags: Vec::new(),
            requires: None,
        }],
        ignore: PatternList::default(),
        shared: PatternList::default(),
        images: vec![Image {
            name: image.clone(),
            repository: Repository::parse("ghcr.io/acme/api").unwrap(),
            paths: patterns(&["api/**"]),
            environments: None,
            build: serde_json::json!({}),
        }],
        services: vec![Service {
            name: ServiceName::parse("api").unwrap(),
            image,
            paths: PatternList::default(),
            after: Vec::new(),
            environments: None,
            hook: ServiceName::parse("api").unwrap().default_hook_variable(),
            id: BTreeMap::new(),
            previews: None,
            probe: None,
        }],
    }
}

fn key(environment: &str, service: &str) -> ServiceKey {
    ServiceKey::parse(&format!("{environment}/{service}")).unwrap()
}

fn identity(names: &[ServiceKey]) -> Identity {
    Identity {
        id: ServiceId::parse("srv-1").ok(),
        names: names.iter().cloned().collect(),
    }
}

/// How commit 1, with this manifest, compares with commit 2, whose manifest is the usual one, where these paths differ.
fn compared(earlier: CommitManifest, paths: &[&str], identity: &Identity) -> Equality {
    let mut comparisons = Comparisons::new(PATH, sha(2), &manifest());
    let mut paths: Vec<Vec<u8>> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
    paths.sort();
    comparisons.learn_manifest(sha(1), earlier);
    comparisons.learn_changes(sha(1), sha(2), Changes::Known(paths));
    let answer = comparisons.compare(&sha(1), &sha(2), identity).unwrap();
    let turned = comparisons.compare(&sha(2), &sha(1), identity).unwrap();
    assert_eq!(answer, turned);
    answer
}

fn known(manifest: Manifest) -> CommitManifest {
    CommitManifest::Known(Box::new(manifest))
}

fn differs(equality: &Equality) -> bool {
    matches!(equality, Equality::Differs(_))
}

#[test]
fn a_tree_is_equal_where_no_path_of_the_service_differs() {
    let own = identity(&[key("staging", "api")]);
    assert_eq!(
        compared(known(manifest()), &["docs/x"], &own),
        Equality::Equal
    );
    assert!(differs(&compared(known(manifest()), &["api/x"], &own)));
}

#[test]
fn an_entry_that_differs_is_a_difference_though_no_path_does() {
    let own = identity(&[key("staging", "api")]);
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut earlier = manifest();
        change(&mut earlier);
        compared(known(earlier), &[PATH], &own)
    };
    assert_eq!(with(&|_| {}), Equality::Equal, "a comment");
    let build = with(&|manifest| manifest.images[0].build = serde_json::json!({"args": {}}));
    assert!(differs(&build));
    let repository = with(&|manifest| {
        manifest.images[0].repository = Repository::parse("ghcr.io/acme/old").unwrap();
    });
    assert!(differs(&repository));
    let paths = with(&|manifest| manifest.images[0].paths = patterns(&["api/**", "libs/**"]));
    assert!(differs(&paths));
    let shared = with(&|manifest| manifest.shared = patterns(&["infra/**"]));
    assert!(differs(&shared));
    let ignored = with(&|manifest| manifest.ignore = patterns(&["**/*.md"]));
    assert!(differs(&ignored));
    let own_paths = with(&|manifest| manifest.services[0].paths = patterns(&["api.toml"]));
    assert!(differs(&own_paths));
}

#[test]
fn names_are_no_part_of_an_entry() {
    let both = identity(&[key("staging", "api"), key("stage", "backend")]);
    let mut earlier = manifest();
    earlier.environments[0].name = EnvironmentName::parse("stage").unwrap();
    earlier.services[0].name = ServiceName::parse("backend").unwrap();
    earlier.images[0].name = ImageName::parse("backend").unwrap();
    earlier.services[0].image = ImageName::parse("backend").unwrap();
    assert_eq!(
        compared(known(earlier.clone()), &[PATH], &both),
        Equality::Equal
    );
    let one = identity(&[key("staging", "api")]);
    assert!(
        differs(&compared(known(earlier), &[PATH], &one)),
        "nobody knows that it had this name"
    );
}

#[test]
fn an_id_in_the_manifest_decides_which_service_it_is() {
    let own = identity(&[key("staging", "api")]);
    let environment = EnvironmentName::parse("staging").unwrap();
    let with_id = |id: &str| {
        let mut earlier = manifest();
        let id = ServiceId::parse(id).unwrap();
        earlier.services[0].id.insert(environment.clone(), id);
        known(earlier)
    };
    assert!(differs(&compared(with_id("srv-1"), &[PATH], &own)), "id");
    let is_absent = compared(with_id("srv-9"), &[PATH], &own);
    assert!(
        matches!(&is_absent, Equality::Differs(cause) if cause.pattern.contains("not in one")),
        "{is_absent:?}"
    );
}

#[test]
fn a_commit_without_the_service_or_without_a_usable_manifest_equals_nothing() {
    let own = identity(&[key("staging", "api")]);
    let mut without = manifest();
    without.services.clear();
    assert!(differs(&compared(known(without), &[PATH], &own)));
    assert!(differs(&compared(CommitManifest::Unusable, &[PATH], &own)));
    let unknown = CommitManifest::Unknown("403".into());
    assert_eq!(
        compared(unknown, &[PATH], &own),
        Equality::Unknown("403".into())
    );
}

#[test]
fn only_what_the_answer_turns_on_is_asked_for() {
    let own = identity(&[key("staging", "api")]);
    let mut comparisons = Comparisons::new(PATH, sha(2), &manifest());
    let compare = |comparisons: &Comparisons, one: &CommitSha, other: &CommitSha| {
        comparisons.compare(one, other, &own)
    };
    assert_eq!(compare(&comparisons, &sha(1), &sha(1)), Ok(Equality::Equal));
    assert_eq!(
        compare(&comparisons, &sha(1), &sha(2)),
        Err(Missing::Changes(sha(1), sha(2)))
    );
    assert_eq!(
        compare(&comparisons, &sha(2), &sha(1)),
        Err(Missing::Manifest(sha(1)))
    );
    // The file is the same, so the manifest of commit 1 need not be read.
    comparisons.learn_changes(sha(1), sha(2), Changes::Known(vec![b"docs/x".to_vec()]));
    assert_eq!(compare(&comparisons, &sha(1), &sha(2)), Ok(Equality::Equal));
    comparisons.learn_changes(sha(1), sha(2), Changes::Known(vec![PATH.into()]));
    assert_eq!(
        compare(&comparisons, &sha(1), &sha(2)),
        Err(Missing::Manifest(sha(1)))
    );
    let why = "too many files".to_owned();
    comparisons.learn_manifest(sha(1), known(manifest()));
    comparisons.learn_changes(sha(1), sha(2), Changes::Unknown(why.clone()));
    assert_eq!(
        compare(&comparisons, &sha(1), &sha(2)),
        Ok(Equality::Unknown(why))
    );
}

#[test]
fn of_several_services_that_may_be_this_one_all_have_to_be_equal() {
    let both = identity(&[key("staging", "api"), key("staging", "web")]);
    let mut earlier = manifest();
    let mut web = earlier.services[0].clone();
    web.name = ServiceName::parse("web").unwrap();
    web.paths = patterns(&["web/**"]);
    earlier.services.push(web);
    assert!(differs(&compared(known(earlier), &[PATH], &both)));
}

#[test]
fn a_release_environment_has_keys_as_any_other() {
    let mut earlier = manifest();
    earlier.environments[0].when = When::Release {
        template: ReleaseTemplate::parse("prod-{number}").unwrap(),
        from: Vec::new(),
    };
    let own = identity(&[key("staging", "api")]);
    assert_eq!(compared(known(earlier), &[PATH], &own), Equality::Equal);
}

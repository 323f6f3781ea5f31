use super::*;
use model::{
    Environment, EnvironmentName, Image, ManifestSource, Pattern, PatternList, Repository, Service,
    TagRules, TagTemplate, When,
};
use model::{ImageName, ServiceName};
use std::collections::{BTreeMap, BTreeSet};

fn list(texts: &[&str]) -> PatternList {
    PatternList::new(
        texts
            .iter()
            .map(|text| Pattern::parse(text).unwrap())
            .collect(),
    )
    .unwrap()
}

fn environment(name: &str) -> Environment {
    let when = When::Branch("main".into());
    Environment {
        name: EnvironmentName::parse(name).unwrap(),
        when,
        floating_tags: Vec::new(),
        requires: None,
    }
}

fn image(name: &str, paths: &[&str]) -> Image {
    Image {
        name: ImageName::parse(name).unwrap(),
        repository: Repository::parse(&format!("ghcr.io/acme/{name}")).unwrap(),
        paths: list(paths),
        environments: None,
        build: serde_json::json!({}),
    }
}

fn service(name: &str, ids: &[(&str, &str)]) -> Service {
    let name = ServiceName::parse(name).unwrap();
    let id = |(environment, id): &(&str, &str)| {
        (
            EnvironmentName::parse(environment).unwrap(),
            model::ServiceId::parse(id).unwrap(),
        )
    };
    Service {
        image: ImageName::parse("api").unwrap(),
        paths: PatternList::default(),
        after: Vec::new(),
        environments: None,
        hook: name.default_hook_variable(),
        id: ids.iter().map(id).collect::<BTreeMap<_, _>>(),
        previews: None,
        probe: None,
        name,
    }
}

fn manifest(images: Vec<Image>, services: Vec<Service>) -> Manifest {
    Manifest {
        source: ManifestSource::File,
        tags: TagRules {
            commit: TagTemplate::parse_commit("{sha}").unwrap(),
            pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}").unwrap(),
            latest: true,
        },
        environments: vec![environment("staging"), environment("production")],
        ignore: PatternList::default(),
        shared: PatternList::default(),
        images,
        services,
    }
}

fn files(texts: &[&str]) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    files.sort();
    files
}

fn handover() -> Handover {
    Handover {
        path: ".github/workflows/ci.yml".into(),
        place: (7, 9),
        hooks: Vec::new(),
        has_untold_hooks: false,
        has_only_hook: false,
        has_api_key: false,
        variables: BTreeSet::new(),
        manifest: None,
    }
}

fn told(report: &LintReport) -> Vec<String> {
    let tell = |finding: &Finding| {
        format!(
            "{} {}: {}",
            finding.level.as_str(),
            finding.code,
            finding.text
        )
    };
    report.findings.iter().map(tell).collect()
}

fn wired(manifest: &Manifest, handover: Handover) -> Vec<String> {
    told(&check(
        manifest,
        None,
        &Wiring {
            handovers: vec![handover],
            ..Wiring::default()
        },
    ))
}

#[test]
fn patterns_without_a_match_are_told_with_their_place() {
    let mut manifest = manifest(
        vec![image("api", &["api/**", "aip/**", "!api/x"])],
        Vec::new(),
    );
    (manifest.ignore, manifest.shared) = (list(&["**/*.md"]), list(&["uv.lock", "uv.lok"]));
    let report = check(
        &manifest,
        Some(&files(&["api/a", "uv.lock"])),
        &Wiring::default(),
    );
    let api = ManifestPart::Image(ImageName::parse("api").unwrap());
    let spots: Vec<(Level, &Span)> = report
        .findings
        .iter()
        .map(|own| (own.level, &own.span))
        .collect();
    assert_eq!(
        spots,
        [
            (Level::Warning, &Span::Pattern(ManifestPart::Shared, 1)),
            (Level::Warning, &Span::Pattern(api.clone(), 1)),
            (Level::Warning, &Span::Pattern(api, 2)),
            (Level::Notice, &Span::Pattern(ManifestPart::Ignore, 0)),
        ]
    );
    assert_eq!(
        told(&report)[2],
        "warning pattern-matches-nothing: \"!api/x\" of image api excludes no tracked file"
    );
}

#[test]
fn an_image_that_no_file_changes_is_an_error() {
    let mut manifest = manifest(
        vec![image("api", &["api/**"]), image("web", &["web/**"])],
        Vec::new(),
    );
    manifest.ignore = list(&["**/*.md"]);
    let report = check(
        &manifest,
        Some(&files(&["api/README.md", "web/a"])),
        &Wiring::default(),
    );
    assert_eq!(
        told(&report),
        [
            "error image-of-nothing: no tracked file matches the paths of image api, so no change would ever deploy it"
        ]
    );
    manifest.shared = list(&["web/a"]);
    assert!(
        told(&check(
            &manifest,
            Some(&files(&["api/README.md", "web/a"])),
            &Wiring::default()
        ))
        .is_empty()
    );
}

#[test]
fn files_of_nobody_are_put_together_by_directory() {
    let manifest = manifest(vec![image("api", &["api/**", "docs/api.txt"])], Vec::new());
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, usize)]);
    let table: [Row<'_>; 6] = [
        (&["api/a"], &[]),
        (&["api/a", "b"], &[("b", 1)]),
        (
            &["api/a", "web/a", "web/b/c", "web-x/a"],
            &[("web-x/", 1), ("web/", 2)],
        ),
        (
            &["docs/a", "docs/api.txt", "docs/b/c", "docs/b/d"],
            &[("docs/a", 1), ("docs/b/", 2)],
        ),
        (&["docs/api.txt", "x/y/z", "x/z"], &[("x/", 2)]),
        (&["docs/api.txt", "x.y", "x/y"], &[("x.y", 1), ("x/", 1)]),
    ];
    for (paths, wanted) in table {
        let report = check(&manifest, Some(&files(paths)), &Wiring::default());
        let found: Vec<(&str, usize)> = report
            .unowned
            .iter()
            .map(|own| (std::str::from_utf8(&own.path).unwrap(), own.files))
            .collect();
        assert_eq!(found, wanted, "{paths:?}");
        assert_eq!(
            report.files_of_nobody() > 0,
            report.count(Level::Notice) == 1
        );
    }
}

#[test]
fn a_service_without_hook_and_key_cannot_be_deployed() {
    let manifest = manifest(
        vec![image("api", &["**"])],
        vec![
            service("api", &[("staging", "srv-a1")]),
            service("job", &[]),
        ],
    );
    let with = |change: &dyn Fn(&mut Handover)| {
        let mut own = handover();
        change(&mut own);
        wired(&manifest, own)
    };
    let cannot = |name: &str, level: &str, places: &str, why: &str| {
        format!(
            "{level} service-cannot-deploy: service {name} cannot be deployed to {places}: workflows hand over {why}"
        )
    };
    let (both, none) = ("staging, production", "no hook and no API key");
    let no_id = "no hook, and it has no id for the API key there";
    assert_eq!(
        with(&|_| {}),
        [
            cannot("api", "error", both, none),
            cannot("job", "error", both, none)
        ]
    );
    assert_eq!(
        with(&|own| own.has_api_key = true),
        [
            cannot("job", "error", both, no_id),
            cannot("api", "warning", "production", no_id)
        ]
    );
    assert_eq!(
        with(&|own| own.hooks = vec!["job".into()]),
        [cannot("api", "error", both, none)]
    );
    assert_eq!(
        with(&|own| own.variables = ["RENDER_HOOK_API".into()].into()),
        [cannot("job", "error", both, none)]
    );
    assert!(with(&|own| own.has_untold_hooks = true).is_empty());
}

#[test]
fn what_is_not_known_of_workflows_is_no_error() {
    let manifest = manifest(vec![image("api", &["**"])], vec![service("api", &[])]);
    let unread = vec![("x.yml".to_owned(), (3, 1), "not YAML".to_owned())];
    let report = check(
        &manifest,
        None,
        &Wiring {
            handovers: vec![handover()],
            unread,
            ..Wiring::default()
        },
    );
    assert_eq!(
        (report.count(Level::Error), report.count(Level::Warning)),
        (0, 2)
    );
    let report = check(&manifest, None, &Wiring::default());
    assert_eq!(
        report
            .findings
            .iter()
            .map(|own| own.code)
            .collect::<Vec<_>>(),
        [LintCode::NoDeployStep]
    );
}

#[test]
fn a_hook_for_nobody_is_an_error_in_the_workflow() {
    let manifest = manifest(
        vec![image("api", &["**"])],
        vec![service("api", &[]), service("job", &[])],
    );
    let hooks = ["api", "job", "jobs"].map(str::to_owned).to_vec();
    let report = check(
        &manifest,
        None,
        &Wiring {
            handovers: vec![Handover {
                hooks,
                has_only_hook: true,
                ..handover()
            }],
            ..Wiring::default()
        },
    );
    let found: Vec<(Level, LintCode)> = report
        .findings
        .iter()
        .map(|own| (own.level, own.code))
        .collect();
    assert_eq!(found, [(Level::Error, LintCode::HookForNobody); 2]);
    assert_eq!(
        report.findings[0].span,
        Span::File(".github/workflows/ci.yml".into(), (7, 9))
    );
}

#[test]
fn too_much_to_compare_is_said() {
    let patterns: Vec<String> = (0..3000).map(|at| format!("**/{at}")).collect();
    let texts: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let manifest = manifest(vec![image("api", &texts)], Vec::new());
    let many: Vec<Vec<u8>> = (0..7000)
        .map(|at| format!("{at:05}").into_bytes())
        .collect();
    let report = check(&manifest, Some(&many), &Wiring::default());
    assert_eq!(report.findings[0].code, LintCode::TreeNotCompared);
}

#[test]
fn a_probe_needs_an_address_and_a_text_that_names_the_image() {
    use model::{Expect, Probe, ProbeAddress, ProbeUrl};
    let probed = |name: &str, ids: &[(&str, &str)], expect: &str| Service {
        probe: Some(Probe {
            url: ProbeUrl::Everywhere(ProbeAddress::parse("https://example.com/").unwrap()),
            expect: Expect::parse(expect).unwrap(),
            header: None,
            timeout: Probe::TIMEOUT,
            times: Probe::TIMES,
        }),
        ..service(name, ids)
    };
    let services = vec![
        probed("web", &[("staging", "srv-a")], "{sha:7}"),
        probed("job", &[("staging", "crn-a")], "{digest}"),
        probed("queue", &[], "ok"),
        service("other", &[("staging", "crn-b")]),
    ];
    let manifest = manifest(vec![image("api", &["api/**"])], services);
    let wiring = Wiring {
        without_address: vec![
            ("queue".into(), "a background worker"),
            ("other".into(), "a cron job"),
        ],
        ..Wiring::default()
    };
    let found = told(&check(&manifest, None, &wiring));
    let found: Vec<&String> = found
        .iter()
        .filter(|text| text.contains("probe-"))
        .collect();
    let wanted = [
        "error probe-without-address: service job is a cron job, which has no address to be asked at",
        "error probe-without-address: service queue is a background worker, which has no address to be asked at",
        "warning probe-names-no-image: the probe of service queue looks for text without {sha} or {digest}, which an old image answers too",
    ];
    assert_eq!(found, wanted);
}

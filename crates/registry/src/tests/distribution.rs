//! Against CNCF Distribution itself, with and without token authentication.

mod process;

use super::image::{Blob, config, docker_list, docker_manifest, entry, index, layer, manifest};
use crate::{
    Asker, Credentials, Moving, Reference, Registry, RegistryError, RegistryWriter, TagPut,
};
use decide::{Expectation, ImageProblem, ImageVerdict, judge};
use http::Method;
use http_client::{Client, Deadline, HttpRequest, Proxies, Random, Roots, connect};
use model::{CommitSha, ImageTag, Pin, Repository, Secret};
use oci_distribution::client::{ClientConfig, ClientProtocol};
use oci_distribution::secrets::RegistryAuth;
use parse::inputs::WriteAccess;
use process::{PASSWORD, Process, USER};
use serde_json::{Value, json};
use std::time::Duration;

const HEAD: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";
const STALE: &str = "2222222222222222222222222222222222222222";

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn client() -> Client {
    let exchange = connect(Roots::built_in(), &Proxies::default()).unwrap();
    Client::new(exchange, Random::new(|| 0))
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

/// Pushes into `acme/api`, in plain requests of the test's own.
struct Pusher<'a> {
    process: &'a Process,
    client: Client,
}

impl<'a> Pusher<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            process,
            client: client(),
        }
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        body: &[u8],
        media_type: &str,
    ) -> http_client::HttpResponse {
        let request = HttpRequest::new(method, url)
            .body(body.to_vec())
            .header(http::header::CONTENT_TYPE, media_type);
        let token = self.process.token("repository:acme/api:pull,push");
        run(self
            .client
            .send(request.authorization(&format!("Bearer {token}"))))
        .unwrap()
    }

    fn blob(&self, blob: &Blob) {
        let start = format!("http://{}/v2/acme/api/blobs/uploads/", self.process.host);
        let started = self.send(Method::POST, &start, b"", "application/octet-stream");
        let upload = started.header("location").expect("an upload").to_owned();
        let put = self.send(
            Method::PUT,
            &format!("{upload}&digest={}", blob.digest()),
            &blob.bytes,
            "application/octet-stream",
        );
        assert_eq!(put.status(), 201);
    }

    fn manifest(&self, reference: &str, manifest: &Blob) {
        let url = format!(
            "http://{}/v2/acme/api/manifests/{reference}",
            self.process.host
        );
        let put = self.send(Method::PUT, &url, &manifest.bytes, manifest.media_type);
        assert_eq!(put.status(), 201, "{}", String::from_utf8_lossy(put.body()));
    }

    /// Pushes an image of one platform by its digest.
    fn image(&self, os: &str, architecture: &str, labels: &Value) -> Blob {
        let config = config(os, architecture, labels);
        let manifest = manifest(&config);
        self.blob(&layer());
        self.blob(&config);
        self.manifest(&manifest.digest(), &manifest);
        manifest
    }
}

fn verdict(registry: &Registry, process: &Process, tag: &str) -> ImageVerdict {
    let asked = Reference::Tag(ImageTag::parse(tag).unwrap());
    let facts = run(registry.examine(&repository(process), &asked, &soon())).unwrap();
    let commits = [CommitSha::parse(HEAD.as_bytes()).unwrap()];
    judge(
        facts,
        &Expectation {
            commits: &commits,
            digest: None,
            source: "https://github.com/acme/shop",
        },
    )
}

fn repository(process: &Process) -> Repository {
    Repository::parse(&format!("{}/acme/api", process.host)).unwrap()
}

fn known(process: &Process) -> Option<Credentials> {
    let host = repository(process).host().clone();
    Some(Credentials::new(host, USER, Secret::new(PASSWORD)))
}

/// Pushes one image of every kind; the tag is the kind.
fn push_all(pusher: &Pusher<'_>) {
    let labels = json!({ "org.opencontainers.image.revision": HEAD });
    let amd = pusher.image("linux", "amd64", &labels);
    let arm = pusher.image("linux", "arm64", &labels);
    let stale = pusher.image(
        "linux",
        "amd64",
        &json!({ "org.opencontainers.image.revision": STALE }),
    );
    let attestation = pusher.image("unknown", "unknown", &json!({}));
    let docker = docker_manifest(&config("linux", "amd64", &labels));
    pusher.manifest(&docker.digest(), &docker);
    let entries = [
        entry(&attestation, "unknown/unknown"),
        entry(&arm, "linux/arm64"),
        entry(&amd, "linux/amd64"),
    ];
    let many = index(&entries);
    let huge = {
        let mut value: Value = serde_json::from_slice(&amd.bytes).unwrap();
        value["layers"][0]["size"] = 11_000_000_000_i64.into();
        Blob::of(&value, amd.media_type)
    };
    for (tag, blob) in [
        ("single", &amd),
        ("arm", &arm),
        ("stale", &stale),
        ("docker", &docker),
        ("index", &many),
        ("arm-index", &index(&entries[..2])),
        ("plain-index", &index(&[entry(&arm, ""), entry(&amd, "")])),
        ("list", &docker_list(&[entry(&docker, "linux/amd64")])),
        ("nested", &index(&[entry(&many, "")])),
        ("huge", &huge),
    ] {
        pusher.manifest(tag, blob);
    }
}

#[test]
fn every_kind_of_image_is_told_apart() {
    for process in [Process::open(), Process::with_tokens()] {
        push_all(&Pusher::new(&process));
        let registry = Registry::new(client(), known(&process));
        for tag in ["single", "docker", "index", "plain-index", "list"] {
            let ImageVerdict::Verified(image, warnings) = verdict(&registry, &process, tag) else {
                panic!("{tag}")
            };
            assert_eq!(
                (image.revision().map(ToString::to_string), warnings.len()),
                (Some(HEAD.into()), 0),
                "{tag}"
            );
            let is_index = matches!(tag, "index" | "plain-index" | "list");
            assert_eq!(image.digest() != image.platform_digest(), is_index, "{tag}");
            assert_eq!(image.pinned(Pin::Platform).digest, *image.platform_digest());
        }
        for (tag, wanted) in [
            (
                "arm",
                "the image is for linux/arm64, and Render runs linux/amd64",
            ),
            (
                "arm-index",
                "the image is for linux/arm64, and Render runs linux/amd64",
            ),
            (
                "nested",
                "the image is broken: its index holds another index",
            ),
            ("huge", "the image has 11000000"),
        ] {
            let ImageVerdict::Refused(problem) = verdict(&registry, &process, tag) else {
                panic!("{tag}")
            };
            assert!(problem.to_string().starts_with(wanted), "{problem}");
        }
        let ImageVerdict::OtherCommit(other) = verdict(&registry, &process, "stale") else {
            panic!("not stale")
        };
        assert_eq!(other.found().to_string(), STALE);
    }
}

#[test]
fn an_index_whose_image_was_deleted_is_broken() {
    let process = Process::open();
    let pusher = Pusher::new(&process);
    let amd = pusher.image("linux", "amd64", &json!({}));
    pusher.manifest("t", &index(&[entry(&amd, "linux/amd64")]));
    let url = format!(
        "http://{}/v2/acme/api/manifests/{}",
        process.host,
        amd.digest()
    );
    assert_eq!(
        pusher
            .send(Method::DELETE, &url, b"", "text/plain")
            .status(),
        202
    );
    let verdict = verdict(&Registry::new(client(), None), &process, "t");
    let ImageVerdict::Refused(ImageProblem::Broken { why }) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(why.contains(&amd.digest()), "{why}");
}

#[test]
fn absent_and_not_permitted_are_told_apart_as_far_as_they_can_be() {
    let process = Process::with_tokens();
    Pusher::new(&process).image("linux", "amd64", &json!({}));
    let (repository, tag) = (repository(&process), ImageTag::parse("gone").unwrap());
    let look =
        |credentials| run(Registry::new(client(), credentials).has_tag(&repository, &tag, &soon()));
    assert!(matches!(look(known(&process)), Ok(None)));
    let denied = look(None).unwrap_err();
    assert!(
        matches!(
            denied,
            RegistryError::Unauthenticated {
                asker: Asker::Anonymous,
                ..
            }
        ),
        "{denied}"
    );
    let wrong = Credentials::new(repository.host().clone(), USER, Secret::new("wr0ng"));
    let denied = look(Some(wrong)).unwrap_err();
    assert!(
        matches!(
            denied,
            RegistryError::Unauthenticated {
                asker: Asker::Known,
                ..
            }
        ),
        "{denied}"
    );
}

#[test]
fn a_tag_is_put_without_changing_the_digest() {
    for process in [Process::open(), Process::with_tokens()] {
        push_all(&Pusher::new(&process));
        let (registry, writer) = (
            Registry::new(client(), known(&process)),
            RegistryWriter::new(&WriteAccess::for_tests(), client(), known(&process)),
        );
        for from in ["single", "docker", "index", "list"] {
            let ImageVerdict::Verified(image, _) = verdict(&registry, &process, from) else {
                panic!("{from}")
            };
            let tag = ImageTag::parse(&format!("prod-{from}")).unwrap();
            let put = || {
                run(writer.put_tag(&image.pinned(Pin::Index), &tag, Moving::Never, &soon()))
                    .unwrap()
            };
            assert_eq!(
                (put(), put()),
                (TagPut::Put { replaced: None }, TagPut::AlreadyThere),
                "{from}"
            );
            let now = run(registry.has_tag(&repository(&process), &tag, &soon())).unwrap();
            assert_eq!(now.as_ref(), Some(image.digest()));
        }
    }
}

// Debian's 2.8 knows no pages and gives all tags at once, later versions do; `listing` and the journeys' registry hold that links are followed.
#[test]
fn every_tag_is_listed_whatever_the_size_of_a_page() {
    for process in [Process::open(), Process::with_tokens()] {
        let (repository, registry) = (
            repository(&process),
            Registry::new(client(), known(&process)),
        );
        let list = |size: usize| {
            let keep = |tag: &str| tag.starts_with("prod-");
            let mut tags = run(registry.tags_by(&repository, size, keep, &soon())).unwrap();
            tags.iter_mut().for_each(|tags| tags.sort());
            tags
        };
        assert_eq!(list(1000), None);
        let pusher = Pusher::new(&process);
        let amd = pusher.image("linux", "amd64", &json!({}));
        let tags = [
            "a",
            "prod-1",
            "prod-10",
            "prod-2",
            "prod-007",
            "prod_1",
            "sha256-aa",
            "z",
        ];
        tags.iter().for_each(|tag| pusher.manifest(tag, &amd));
        let wanted = ["prod-007", "prod-1", "prod-10", "prod-2"]
            .map(str::to_owned)
            .to_vec();
        for size in [1, 3, 8, 1000] {
            assert_eq!(list(size), Some(wanted.clone()), "{size} a page");
        }
    }
}

#[test]
fn the_crates_own_client_agrees_on_every_digest() {
    let process = Process::open();
    push_all(&Pusher::new(&process));
    let registry = Registry::new(client(), None);
    let config = ClientConfig {
        protocol: ClientProtocol::HttpsExcept(vec![process.host.clone()]),
        ..ClientConfig::default()
    };
    let oracle = oci_distribution::Client::try_from(config).unwrap();
    let auth = RegistryAuth::Anonymous;
    for tag in ["single", "docker", "index", "list"] {
        let ImageVerdict::Verified(image, _) = verdict(&registry, &process, tag) else {
            panic!("{tag}")
        };
        let reference = oci_distribution::Reference::with_tag(
            process.host.clone(),
            "acme/api".into(),
            tag.into(),
        );
        let digest = run(oracle.fetch_manifest_digest(&reference, &auth)).unwrap();
        assert_eq!(digest, image.digest().as_str(), "{tag}");
        let (_, digest) = run(oracle.pull_image_manifest(&reference, &auth)).unwrap();
        assert_eq!(digest, image.platform_digest().as_str(), "{tag}");
    }
}

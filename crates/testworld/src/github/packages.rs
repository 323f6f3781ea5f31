//! Container packages in the model: the same images as the registry of the world has, as GitHub tells of them. A version that is deleted here is gone
//! there, with its tags.
//!
//! Shapes and refusals: <https://docs.github.com/en/rest/packages/packages>, and what others met (`You cannot delete the last tagged version …`).

use super::super::ghcr::Ghcr;
use super::super::server::{Call, Reply};
use super::{GitHub, State, decoded, message};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The first version's number: 32 bits do not hold it.
const FIRST: u64 = 6_000_000_001;
/// What one page shows at most.
const PAGE: usize = 100;

/// The packages of `acme`, whose registry is there too.
#[derive(Debug)]
pub(super) struct Packages {
    registry: Ghcr,
    /// `Organization` or `User`.
    owner: &'static str,
    linked: String,
    is_admin: bool,
    may_write: bool,
    /// Digests that were downloaded more than 5,000 times.
    loved: BTreeSet<String>,
    numbers: BTreeMap<String, u64>,
    /// A tag that is put on a digest once the versions of its package were listed: path, tag, digest.
    meanwhile: Vec<(String, String, String)>,
    /// A digest that goes with the next deletion, though nobody asked for that: path, digest.
    mishap: Option<(String, String)>,
    deleted: Vec<String>,
}

impl GitHub {
    /// Lets packages be asked about: those of the registry, of an organization, of which the token is admin.
    pub fn keep_packages(&self, registry: &Ghcr) {
        self.state.lock().expect("GitHub").packages = Some(Packages {
            registry: registry.clone(),
            owner: "Organization",
            linked: "acme/shop".into(),
            is_admin: true,
            may_write: true,
            loved: BTreeSet::new(),
            numbers: BTreeMap::new(),
            meanwhile: Vec::new(),
            mishap: None,
            deleted: Vec::new(),
        });
    }

    fn with_packages<T>(&self, act: impl FnOnce(&mut Packages) -> T) -> T {
        act(self
            .state
            .lock()
            .expect("GitHub")
            .packages
            .as_mut()
            .expect("packages"))
    }

    /// `acme` is a person.
    pub fn is_a_users(&self) {
        self.with_packages(|packages| packages.owner = "User");
    }

    /// The packages are another repository's.
    pub fn linked_with(&self, repository: &str) {
        self.with_packages(|packages| packages.linked = repository.to_owned());
    }

    /// The token may write packages, and is not their admin.
    pub fn is_no_admin(&self) {
        self.with_packages(|packages| packages.is_admin = false);
    }

    /// The job has no `packages: write`.
    pub fn may_not_write_packages(&self) {
        self.with_packages(|packages| packages.may_write = false);
    }

    /// A version was downloaded more than 5,000 times.
    pub fn loved(&self, digest: &str) {
        self.with_packages(|packages| packages.loved.insert(digest.to_owned()));
    }

    /// A tag is put on a digest right after the versions were listed.
    pub fn tag_meanwhile(&self, path: &str, tag: &str, digest: &str) {
        self.with_packages(|packages| {
            packages
                .meanwhile
                .push((path.to_owned(), tag.to_owned(), digest.to_owned()))
        });
    }

    /// With the next deletion another version goes, too.
    pub fn lose(&self, path: &str, digest: &str) {
        self.with_packages(|packages| packages.mishap = Some((path.to_owned(), digest.to_owned())));
    }

    /// The digests that were deleted, in their order.
    pub fn deleted(&self) -> Vec<String> {
        self.with_packages(|packages| packages.deleted.clone())
    }
}

fn not_found() -> Reply {
    message(404, "Package not found.")
}

impl Packages {
    fn version(&mut self, digest: &str, tags: &[String]) -> Value {
        let next = FIRST + self.numbers.len() as u64;
        let id = *self.numbers.entry(digest.to_owned()).or_insert(next);
        json!({"id": id, "name": digest, "url": "https://api.github.com/x", "package_html_url": "https://github.com/x",
            "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
            "metadata": {"package_type": "container", "container": {"tags": tags}}})
    }

    fn list(&mut self, call: &Call, path: &str, origin: &str) -> Result<Reply, String> {
        for (name, value) in call.parameters() {
            let is_good = match name.as_str() {
                "per_page" | "page" => value
                    .parse()
                    .is_ok_and(|number: usize| (1..=PAGE).contains(&number)),
                "state" => value == "active",
                _ => false,
            };
            if !is_good {
                return Err(format!("the parameter {name}={value}"));
            }
        }
        let number = |name: &str, otherwise| {
            call.parameter(name)
                .and_then(|text| text.parse().ok())
                .unwrap_or(otherwise)
        };
        let (size, page): (usize, usize) = (number("per_page", 30), number("page", 1));
        let versions = self.registry.versions(path);
        let shown: Vec<Value> = versions
            .iter()
            .skip(size * (page - 1))
            .take(size)
            .map(|(digest, tags)| self.version(digest, tags))
            .collect();
        let is_last = versions.len() <= size * page;
        if is_last {
            for (path, tag, digest) in self.meanwhile.extract_if(.., |(of, ..)| of == path) {
                self.registry.tag_version(&path, &tag, &digest);
            }
        }
        let reply = Reply::json(200, &Value::Array(shown));
        let next = format!(
            "{origin}{}?per_page={size}&state=active&page={}",
            call.path,
            page + 1
        );
        Ok(if is_last {
            reply
        } else {
            reply.header("link", format!("<{next}>; rel=\"next\""))
        })
    }

    fn delete(&mut self, path: &str, digest: &str) -> Reply {
        let versions = self.registry.versions(path);
        let is_tagged = |(_, tags): &&(String, Vec<String>)| !tags.is_empty();
        let tagged: Vec<_> = versions.iter().filter(is_tagged).collect();
        if !self.may_write {
            return message(403, "Resource not accessible by integration");
        }
        if !self.is_admin {
            return not_found();
        }
        if tagged.len() == 1 && tagged[0].0 == digest {
            return message(
                400,
                "You cannot delete the last tagged version of a package. You must delete the package instead.",
            );
        }
        if self.loved.contains(digest) {
            return message(
                400,
                "Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance.",
            );
        }
        if let Some((path, other)) = self.mishap.take() {
            self.registry.delete(&path, &other);
        }
        self.registry.delete(path, digest);
        self.deleted.push(digest.to_owned());
        Reply::text(204, "")
    }

    /// Answers a question about packages; the error is what is wrong with it.
    fn answer(&mut self, call: &Call, origin: &str) -> Result<Option<Reply>, String> {
        let owners = if self.owner == "User" {
            "users"
        } else {
            "orgs"
        };
        let Some(rest) = call
            .path
            .strip_prefix(&format!("/{owners}/acme/packages/container/"))
        else {
            return Ok(None);
        };
        let (name, rest) = rest
            .split_once('/')
            .map_or((rest, None), |(name, rest)| (name, Some(rest)));
        let (name, path) = (decoded(name), format!("acme/{}", decoded(name)));
        let is_there = !self.registry.versions(&path).is_empty();
        match (call.method.as_str(), rest) {
            ("GET", None) => Ok(Some(if is_there {
                json_of(&name, self.owner, &self.linked)
            } else {
                not_found()
            })),
            ("GET", Some("versions")) if is_there => self.list(call, &path, origin).map(Some),
            ("GET", Some("versions")) => Ok(Some(not_found())),
            (method @ ("GET" | "DELETE"), Some(rest)) => {
                let id: u64 = rest
                    .strip_prefix("versions/")
                    .and_then(|id| id.parse().ok())
                    .ok_or("no version's path")?;
                let versions = self.registry.versions(&path);
                let found = versions
                    .iter()
                    .find(|(digest, _)| self.numbers.get(digest) == Some(&id));
                let Some((digest, tags)) = found else {
                    return Ok(Some(not_found()));
                };
                Ok(Some(if method == "GET" {
                    Reply::json(200, &self.version(digest, tags))
                } else {
                    self.delete(&path, digest)
                }))
            }
            _ => Err("a method that packages do not have".into()),
        }
    }
}

fn json_of(name: &str, owner: &str, linked: &str) -> Reply {
    Reply::json(
        200,
        &json!({"id": 1, "name": name, "package_type": "container", "visibility": "private", "url": "https://api.github.com/x",
            "owner": {"login": "acme", "id": 7, "type": owner}, "repository": {"id": 4242, "full_name": linked}}),
    )
}

impl State {
    /// Answers what is about packages or their owner.
    pub(super) fn answer_packages(&mut self, call: &Call) -> Option<Reply> {
        let origin = self.origin.clone();
        let packages = self.packages.as_mut()?;
        match packages.answer(call, &origin) {
            Ok(Some(reply)) => return Some(reply),
            Ok(None) => {}
            Err(wrong) => {
                self.violations.push(format!("{wrong}: {}", call.line()));
                return Some(message(422, "Validation Failed"));
            }
        }
        if call.method != "GET" {
            return None;
        }
        if call.path == "/repos/acme/shop" {
            let mut repository = super::repository();
            repository["owner"]["type"] = json!(packages.owner);
            return Some(Reply::json(200, &repository));
        }
        None
    }

    /// Every deployment by REST, newest first.
    pub(super) fn deployments(&self, call: &Call) -> Option<Reply> {
        if self.troubles.contains(&super::Trouble::RecordDown) {
            return Some(message(502, "Server Error"));
        }
        let parameters = call.parameters();
        if parameters
            .iter()
            .any(|(name, _)| !["task", "environment", "per_page", "page"].contains(&name.as_str()))
        {
            return None;
        }
        let is_asked =
            |name: &str, value: &str| call.parameter(name).is_none_or(|wanted| wanted == value);
        let number = |name: &str, otherwise| {
            call.parameter(name)
                .and_then(|text| text.parse().ok())
                .unwrap_or(otherwise)
        };
        let (size, page): (usize, usize) = (number("per_page", 30), number("page", 1));
        let all: Vec<Value> = self
            .ledger
            .0
            .iter()
            .rev()
            .filter(|one| is_asked("task", &one.task) && is_asked("environment", &one.environment))
            .map(|one| {
                json!({"id": one.number, "sha": one.commit, "ref": one.commit, "task": one.task, "payload": one.payload,
                    "environment": one.environment, "original_environment": one.environment,
                    "creator": {"login": one.creator}, "description": "##[set-output name=tags]evil"})
            })
            .collect();
        let shown: Vec<Value> = all
            .iter()
            .skip(size * (page - 1))
            .take(size)
            .cloned()
            .collect();
        let reply = Reply::json(200, &Value::Array(shown));
        if all.len() <= size * page {
            return Some(reply);
        }
        let query: String = parameters
            .iter()
            .filter(|(name, _)| name != "page")
            .map(|(name, value)| format!("{name}={value}&"))
            .collect();
        Some(reply.header(
            "link",
            format!(
                "<{}{}?{query}page={}>; rel=\"next\"",
                self.origin,
                call.path,
                page + 1
            ),
        ))
    }
}

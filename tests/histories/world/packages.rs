//! GitHub's packages: what the registry holds, with numbers. Shapes: <https://docs.github.com/en/rest/packages/packages>.

use super::World;
use super::registry::Registry;
use crate::wire::{Call, Reply};
use serde_json::{Value, json};

/// What was deleted.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    numbers: Vec<String>,
    /// Repository and tags.
    pub(crate) deleted: Vec<(String, Vec<String>)>,
}

impl Packages {
    fn number(&mut self, digest: &str) -> usize {
        let at = self.numbers.iter().position(|known| known == digest);
        6_000_000_001
            + at.unwrap_or_else(|| {
                self.numbers.push(digest.to_owned());
                self.numbers.len() - 1
            })
    }

    fn version(&mut self, digest: &str, tags: &[String]) -> Value {
        json!({"id": self.number(digest), "name": digest, "created_at": super::date(0), "updated_at": super::date(0),
            "metadata": {"package_type": "container", "container": {"tags": tags}}})
    }

    fn answer(
        &mut self,
        registry: &mut Registry,
        call: &Call,
        path: &str,
        rest: &str,
    ) -> Option<Reply> {
        let found = registry.versions(path);
        match (call.method.as_str(), rest) {
            ("GET", "") => Some(Reply::json(
                200,
                &json!({"id": 1, "name": path, "package_type": "container",
                "visibility": "private", "repository": {"id": 4242, "full_name": "acme/shop"}}),
            )),
            ("GET", "versions") => {
                let is_first = call.parameter("page").is_none_or(|page| page == "1");
                let shown = found.iter().filter(|_| is_first);
                let list = shown
                    .map(|(digest, tags)| self.version(digest, tags))
                    .collect();
                Some(Reply::json(200, &Value::Array(list)))
            }
            (method, rest) => {
                let number: usize = rest.strip_prefix("versions/")?.parse().ok()?;
                let version = found
                    .iter()
                    .find(|(digest, _)| self.number(digest) == number);
                let Some((digest, tags)) = version else {
                    return Some(Reply::message(404, "Package not found."));
                };
                if method == "GET" {
                    return Some(Reply::json(200, &self.version(digest, tags)));
                }
                self.deleted.push((path.to_owned(), tags.clone()));
                registry.delete(path, digest);
                Some(Reply::text(204, ""))
            }
        }
    }
}

impl World {
    /// What is asked of packages; `None` if it is not about them.
    pub(super) fn package(&mut self, call: &Call) -> Option<Reply> {
        if call.path == "/users/acme" || call.path == "/orgs/acme" {
            return Some(Reply::json(
                200,
                &json!({"login": "acme", "type": "Organization"}),
            ));
        }
        let rest = call.path.strip_prefix("/orgs/acme/packages/container/")?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        self.packages
            .answer(&mut self.registry, call, &format!("acme/{name}"), rest)
    }
}

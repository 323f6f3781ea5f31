//! Render's Blueprint, `render.yaml`: which services there are, and what they are built from.
//!
//! Read for `init` only, so what is not understood is left out (fields: render.com/docs/blueprint-spec).

use parse::manifest::Diagnostic;
use parse::yaml::{self, Node, get, items, plain_path, text, texts};

/// A service of a Blueprint that runs code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlueprintService {
    /// Its name on Render.
    pub name: String,
    /// Its `type`: `web`, `pserv`, `worker` or `cron`.
    pub kind: String,
    /// Its `runtime` (or `env`, the older word): `image`, `docker`, or a language.
    pub runtime: String,
    /// The image that it runs, with its tag.
    pub image: Option<String>,
    /// Its root directory, from the repository's root; empty where it has none.
    pub root: String,
    /// Its Dockerfile, as it is written: from the root directory, say Render's pages, and people write it from the repository's root too.
    pub dockerfile: String,
    /// The directory that the image is built from, likewise.
    pub context: String,
    /// The branch that it is deployed from.
    pub branch: Option<String>,
    /// The environment of a project that it is in.
    pub environment: Option<String>,
    /// The paths that deploy it: patterns from the repository's root.
    pub paths: Vec<String>,
    /// The paths that do not, whatever the others say.
    pub ignored: Vec<String>,
}

/// Reads a Blueprint's services: those at the top, those of projects' environments, and the ungrouped ones.
///
/// # Errors
/// The first thing that cannot be read as the YAML that this program reads.
pub fn parse(bytes: &[u8]) -> Result<Vec<BlueprintService>, Diagnostic> {
    if yaml::is_blank(bytes) {
        return Ok(Vec::new());
    }
    let mut mistakes = Vec::new();
    let Some(root) = yaml::parse(bytes, &mut mistakes) else {
        return mistakes
            .into_iter()
            .next()
            .map_or_else(|| Ok(Vec::new()), Err);
    };
    let environments =
        items(get(&root, "projects")).flat_map(|project| items(get(project, "environments")));
    let of_environments = environments.flat_map(|group| {
        let name = text(group, "name").map(str::to_owned);
        items(get(group, "services"))
            .filter_map(service)
            .map(move |service| BlueprintService {
                environment: name.clone(),
                ..service
            })
    });
    let of = |group| items(get(group, "services")).filter_map(service);
    let ungrouped = get(&root, "ungrouped").into_iter().flat_map(of);
    Ok(of(&root).chain(of_environments).chain(ungrouped).collect())
}

/// Databases, key-value stores and static sites run no image.
fn service(node: &Node) -> Option<BlueprintService> {
    let kind = text(node, "type")?;
    if !matches!(kind, "web" | "pserv" | "worker" | "cron") {
        return None;
    }
    let runtime = text(node, "runtime")
        .or_else(|| text(node, "env"))
        .unwrap_or_default();
    if runtime == "static" {
        return None;
    }
    let filter = get(node, "buildFilter");
    let patterns = |key| {
        texts(filter.and_then(|filter| get(filter, key)))
            .iter()
            .map(|own| plain_path(own))
            .collect()
    };
    Some(BlueprintService {
        name: text(node, "name")?.to_owned(),
        kind: kind.to_owned(),
        runtime: runtime.to_owned(),
        image: get(node, "image")
            .and_then(|image| text(image, "url"))
            .map(str::to_owned),
        root: text(node, "rootDir").map(plain_path).unwrap_or_default(),
        dockerfile: plain_path(text(node, "dockerfilePath").unwrap_or("Dockerfile")),
        context: plain_path(text(node, "dockerContext").unwrap_or(".")),
        branch: text(node, "branch").map(str::to_owned),
        environment: None,
        paths: patterns("paths"),
        ignored: patterns("ignoredPaths"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blueprint_tells_its_services_wherever_they_stand() {
        let text = "
services:
  - { type: web, name: api, runtime: docker, rootDir: services/api, dockerfilePath: ./Dockerfile, branch: trunk,
      buildFilter: { paths: [services/api/**, ./libs/**], ignoredPaths: [services/api/**/*.md] } }
  - { type: worker, name: jobs, env: docker, dockerfilePath: ./jobs/Dockerfile, dockerContext: ./jobs }
  - { type: keyvalue, name: cache }
  - { type: web, name: site, runtime: static }
ungrouped: { services: [{ type: cron, name: nightly, runtime: image, image: { url: 'ghcr.io/acme/jobs:latest' } }] }
projects:
  - name: p
    environments: [{ name: prod, services: [{ type: pserv, name: inner, runtime: node }] }]
databases: [{ name: db }]
";
        let services = parse(text.as_bytes()).expect("a Blueprint");
        let names: Vec<&str> = services.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(names, ["api", "jobs", "inner", "nightly"]);
        let [api, jobs, inner, nightly] = &services[..] else {
            panic!("four")
        };
        assert_eq!(
            (
                api.root.as_str(),
                api.dockerfile.as_str(),
                api.context.as_str()
            ),
            ("services/api", "Dockerfile", "")
        );
        assert_eq!(
            (api.paths.join(" "), api.ignored.join(" ")),
            (
                "services/api/** libs/**".into(),
                "services/api/**/*.md".into()
            )
        );
        assert_eq!(
            (inner.environment.as_deref(), api.environment.as_deref()),
            (Some("prod"), None)
        );
        assert_eq!(
            (
                jobs.dockerfile.as_str(),
                jobs.context.as_str(),
                jobs.runtime.as_str()
            ),
            ("jobs/Dockerfile", "jobs", "docker")
        );
        assert_eq!(
            (inner.runtime.as_str(), inner.context.as_str()),
            ("node", "")
        );
        assert_eq!(nightly.image.as_deref(), Some("ghcr.io/acme/jobs:latest"));
    }

    #[test]
    fn what_is_no_blueprint_has_no_services() {
        for text in ["", "services: 1", "services: [{}, 1, { type: web }]", "[]"] {
            assert!(
                parse(text.as_bytes()).map_or(true, |services| services.is_empty()),
                "{text}"
            );
        }
        assert!(parse(b"services: [").is_err());
    }
}

//! The sections of a manifest, each read for itself. What they promise each other is for `agree`.

use super::Home;
use super::fields::{At, FieldReader, Fields};
use super::json::json;
use super::mistake::Position;
use super::probe::ProbeDraft;
use crate::yaml::{Key, Node};
use model::{
    BranchFilter, EnvironmentName, HookVariable, ImageName, ImageTag, PatternList, Refused,
    ReleaseTemplate, Repository, ServiceId, ServiceName, TagTemplate, Untrusted, When,
};
use std::rc::Rc;

const MOST_SERVICES: usize = 500;
const MOST_IMAGES: usize = 200;
const MOST_ENVIRONMENTS: usize = 50;
/// Tags that an environment moves; each is one more write to the registry for each image.
const MOST_FLOATING_TAGS: usize = 10;
/// As JSON: a matrix entry has 1536 bytes for everything.
const MOST_BUILD_BYTES: usize = 512;

/// A manifest whose parts are sound, each for itself. `None` where a mistake was noted.
#[derive(Debug)]
pub(super) struct ManifestParts {
    pub(super) commit: Template,
    pub(super) pull_request: Template,
    pub(super) latest: bool,
    pub(super) environments: Vec<EnvironmentParts>,
    pub(super) ignore: PatternList,
    pub(super) shared: PatternList,
    pub(super) images: Vec<ImageParts>,
    pub(super) services: Vec<ServiceParts>,
}

/// A template, and where it stands unless it is the default.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) at: Option<Position>,
    pub(super) value: Option<TagTemplate>,
}

#[derive(Debug)]
pub(super) struct EnvironmentParts {
    pub(super) key: At<String>,
    pub(super) name: Option<EnvironmentName>,
    pub(super) when: Option<At<When>>,
    pub(super) floating_tags: Vec<At<ImageTag>>,
    pub(super) requires: Option<At<String>>,
}

#[derive(Debug)]
pub(super) struct ImageParts {
    pub(super) key: At<String>,
    pub(super) name: Option<ImageName>,
    pub(super) repository: Option<At<Repository>>,
    pub(super) paths: PatternList,
    pub(super) environments: Option<Vec<At<String>>>,
    pub(super) build: serde_json::Value,
}

#[derive(Debug)]
pub(super) struct ServiceParts {
    pub(super) key: At<String>,
    pub(super) name: Option<ServiceName>,
    pub(super) image: Option<At<String>>,
    pub(super) paths: PatternList,
    pub(super) after: Vec<At<String>>,
    pub(super) environments: Option<Vec<At<String>>>,
    pub(super) hook: Option<At<HookVariable>>,
    pub(super) id: Vec<(At<String>, ServiceId)>,
    pub(super) previews: Option<At<String>>,
    pub(super) probe: Option<ProbeDraft>,
}

/// Any text: what it refers to is for `agree`.
#[expect(clippy::unnecessary_wraps, reason = "it stands where parsers stand")]
fn reference(text: &str) -> Result<String, Refused> {
    Ok(text.to_owned())
}

/// Reads a branch's short name.
pub(super) fn branch(text: &str) -> Result<String, Refused> {
    let odd = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '*' | '?' | '[' | '~' | '^' | ':' | '\\')
    };
    if text.is_empty() || text.len() > 255 || text.starts_with("refs/") || text.contains(odd) {
        let wanted = "a branch's short name like main, without wildcards and without refs/heads/";
        return Err(Refused::new("branch", text.as_bytes(), wanted));
    }
    Ok(text.to_owned())
}

impl FieldReader {
    pub(super) fn manifest(&mut self, root: &Node, home: &Home<'_>) -> Option<ManifestParts> {
        const KEYS: [&str; 7] = [
            "version",
            "tags",
            "environments",
            "ignore",
            "shared",
            "images",
            "services",
        ];
        let fields = self.fields(root, "the manifest", &KEYS)?;
        let whose = "the manifest";
        if let Some(version) =
            self.required(&fields, "version", root.at, whose, "begin with version: 1")
            && json(version, &mut Vec::new()) != serde_json::json!(1)
        {
            self.wrong_kind(
                version,
                "version",
                "1, without quotes, the only version there is",
            );
        }
        let (commit, pull_request, latest) = self.tags(fields.get("tags"));
        let help = "add environments: { production: { branch: main } }";
        let environments = self.required(&fields, "environments", root.at, whose, help);
        let help =
            "add images: { app: { repository: \"ghcr.io/{owner}/{repo}\", paths: [\"**\"] } }";
        let images = self.required(&fields, "images", root.at, whose, help);
        Some(ManifestParts {
            commit,
            pull_request,
            latest,
            environments: self.entries(
                environments,
                "environments",
                MOST_ENVIRONMENTS,
                Self::environment,
            ),
            ignore: self.path_list(&fields, "ignore"),
            shared: self.path_list(&fields, "shared"),
            images: self.entries(images, "images", MOST_IMAGES, |reader, key, node| {
                reader.image(key, node, home)
            }),
            services: self.entries(
                fields.get("services"),
                "services",
                MOST_SERVICES,
                Self::service,
            ),
        })
    }

    fn path_list(&mut self, fields: &Fields<'_>, key: &str) -> PatternList {
        fields
            .get(key)
            .map(|node| self.patterns(node, key))
            .unwrap_or_default()
    }

    fn tags(&mut self, node: Option<&Node>) -> (Template, Template, bool) {
        let fields =
            node.and_then(|node| self.fields(node, "tags", &["commit", "pull-request", "latest"]));
        let get = |key| fields.and_then(|fields| fields.get(key));
        let commit = self.template(
            get("commit"),
            "tags.commit",
            "{sha}",
            TagTemplate::parse_commit,
        );
        let pull_request = self.template(
            get("pull-request"),
            "tags.pull-request",
            "pr-{number}-{sha}",
            TagTemplate::parse_pull_request,
        );
        let latest = get("latest")
            .and_then(|node| self.truth(node, "tags.latest"))
            .unwrap_or(true);
        (commit, pull_request, latest)
    }

    fn template(
        &mut self,
        node: Option<&Node>,
        what: &str,
        default: &str,
        parse: fn(&str) -> Result<TagTemplate, Refused>,
    ) -> Template {
        match node {
            Some(node) => Template {
                at: Some(node.at),
                value: self.value(node, what, parse).map(|read| read.value),
            },
            None => Template {
                at: None,
                value: parse(default).ok(),
            },
        }
    }

    /// The entries of a map from names, of which there must be one where the map is there.
    fn entries<'n, T>(
        &mut self,
        node: Option<&'n Node>,
        what: &str,
        most: usize,
        mut read: impl FnMut(&mut Self, &'n Key, &'n Node) -> T,
    ) -> Vec<T> {
        let Some(node) = node else { return Vec::new() };
        let Some(entries) = self.map(node, what) else {
            return Vec::new();
        };
        if entries.is_empty() {
            self.note(
                node.at,
                format!("{what} is empty"),
                "add one, or remove the key",
            );
        }
        if entries.len() > most {
            self.note(
                node.at,
                format!("{} {what}", entries.len()),
                format!("keep to {most}"),
            );
            return Vec::new();
        }
        entries
            .iter()
            .map(|(key, value)| read(self, key, value))
            .collect()
    }

    fn name<T>(
        &mut self,
        key: &Key,
        parse: fn(&str) -> Result<T, Refused>,
    ) -> (At<String>, Option<T>) {
        let name = parse(&key.text)
            .map_err(|refused| self.refuse(key.at, &refused))
            .ok();
        (
            At {
                at: key.at,
                value: key.text.clone(),
            },
            name,
        )
    }

    fn environment(&mut self, key: &Key, node: &Node) -> EnvironmentParts {
        let whose = format!("environment {}", Untrusted(key.text.as_bytes()));
        let (key, name) = self.name(key, EnvironmentName::parse);
        let mut draft = EnvironmentParts {
            key,
            name,
            when: None,
            floating_tags: Vec::new(),
            requires: None,
        };
        let Some(fields) = self.fields(
            node,
            &whose,
            &["branch", "tag", "from", "floating-tags", "requires"],
        ) else {
            return draft;
        };
        draft.when = self.when(&fields, draft.key.at, &whose);
        if let Some(node) = fields.get("floating-tags") {
            draft.floating_tags =
                self.list(node, "floating-tags", MOST_FLOATING_TAGS, ImageTag::parse);
        }
        draft.requires = fields
            .get("requires")
            .and_then(|node| self.value(node, "requires", reference));
        draft
    }

    fn when(&mut self, fields: &Fields<'_>, at: Position, whose: &str) -> Option<At<When>> {
        let from = fields.get("from");
        match (fields.get("branch"), fields.get("tag")) {
            (Some(_), Some(tag)) => {
                self.note(
                    tag.at,
                    format!("{whose} has a branch and a tag"),
                    "keep one of the two",
                );
                None
            }
            (None, None) => {
                self.note(
                    at,
                    format!("{whose} has neither a branch nor a tag"),
                    "add branch: main, or tag: \"prod-{number}\"",
                );
                None
            }
            (Some(node), None) => {
                if let Some(from) = from {
                    self.note(
                        from.at,
                        format!("{whose} has a from, but no tag"),
                        "remove it: from says where the commit of a tag must be",
                    );
                }
                let branch = self.value(node, "branch", branch)?;
                Some(At {
                    at: branch.at,
                    value: When::Branch(branch.value),
                })
            }
            (None, Some(node)) => {
                let template = self.value(node, "tag", ReleaseTemplate::parse);
                let from = from
                    .map(|node| self.list(node, "from", MOST_ENVIRONMENTS, BranchFilter::parse))
                    .unwrap_or_default();
                if let Some(first) = from.first()
                    && from.iter().all(|filter| filter.value.is_exclusion())
                {
                    let what =
                        format!("from of {whose} only excludes, so no release could ever be made");
                    self.note(first.at, what, "put a filter like ** before them");
                }
                let from = from.into_iter().map(|filter| filter.value).collect();
                let template = template?;
                Some(At {
                    at: template.at,
                    value: When::Release {
                        template: template.value,
                        from,
                    },
                })
            }
        }
    }

    fn image(&mut self, key: &Key, node: &Node, home: &Home<'_>) -> ImageParts {
        const KEYS: [&str; 4] = ["repository", "paths", "environments", "build"];
        let whose = format!("image {}", Untrusted(key.text.as_bytes()));
        let (key, name) = self.name(key, ImageName::parse);
        let mut draft = ImageParts {
            key,
            name,
            repository: None,
            paths: PatternList::default(),
            environments: None,
            build: serde_json::json!({}),
        };
        let Some(fields) = self.fields(node, &whose, &KEYS) else {
            return draft;
        };
        let help = "add repository: \"ghcr.io/{owner}/{repo}\"";
        if let Some(node) = self.required(&fields, "repository", draft.key.at, &whose, help) {
            draft.repository = self.value(node, "repository", |text| fill_in(text, home));
        }
        let help = "add what it is built from, or paths: [\"**\"] for everything";
        if let Some(node) = self.required(&fields, "paths", draft.key.at, &whose, help) {
            let before = self.mistakes.len();
            draft.paths = self.patterns(node, "paths");
            if draft.paths.is_empty()
                && self.mistakes.len() == before
                && !self.has_too_many_patterns()
            {
                self.note(
                    node.at,
                    format!("{whose} has no path, so nothing would ever change it"),
                    help,
                );
            }
        }
        draft.environments = self.environments(&fields);
        if let Some(node) = fields.get("build") {
            draft.build = self.build(node);
        }
        draft
    }

    fn build(&mut self, node: &Node) -> serde_json::Value {
        if self.map(node, "build").is_none() {
            return serde_json::json!({});
        }
        let build = json(node, &mut self.mistakes);
        let length = build.to_string().len();
        if length > MOST_BUILD_BYTES {
            let what = format!(
                "build is {length} bytes of JSON, of which {MOST_BUILD_BYTES} fit into the matrix"
            );
            self.note(
                node.at,
                what,
                "keep long values in the Dockerfile or in the workflow",
            );
        }
        build
    }

    /// Where an image or a service is; nothing said is everywhere.
    fn environments(&mut self, fields: &Fields<'_>) -> Option<Vec<At<String>>> {
        let node = fields.get("environments")?;
        let before = self.mistakes.len();
        let environments = self.list(node, "environments", MOST_ENVIRONMENTS, reference);
        if environments.is_empty() && self.mistakes.len() == before {
            self.note(
                node.at,
                "environments is empty",
                "name one, or remove the key for all of them",
            );
        }
        Some(environments)
    }

    fn service(&mut self, key: &Key, node: &Node) -> ServiceParts {
        const KEYS: [&str; 8] = [
            "image",
            "paths",
            "after",
            "environments",
            "hook",
            "id",
            "previews",
            "probe",
        ];
        let whose = format!("service {}", Untrusted(key.text.as_bytes()));
        let (key, name) = self.name(key, ServiceName::parse);
        let mut draft = ServiceParts {
            key,
            name,
            image: None,
            paths: PatternList::default(),
            after: Vec::new(),
            environments: None,
            hook: None,
            id: Vec::new(),
            previews: None,
            probe: None,
        };
        // A service may be nothing but its name.
        if node.is_null() {
            return draft;
        }
        let Some(fields) = self.fields(node, &whose, &KEYS) else {
            return draft;
        };
        draft.image = fields
            .get("image")
            .and_then(|node| self.value(node, "image", reference));
        draft.paths = self.path_list(&fields, "paths");
        if let Some(node) = fields.get("after") {
            draft.after = self.list(node, "after", MOST_SERVICES, reference);
        }
        draft.environments = self.environments(&fields);
        draft.hook = fields
            .get("hook")
            .and_then(|node| self.value(node, "hook", HookVariable::parse));
        draft.id = fields
            .get("id")
            .map(|node| self.ids(node))
            .unwrap_or_default();
        draft.previews = fields
            .get("previews")
            .and_then(|node| self.value(node, "previews", reference));
        draft.probe = fields
            .get("probe")
            .and_then(|node| self.probe(node, draft.key.at, &whose));
        draft
    }

    fn ids(&mut self, node: &Node) -> Vec<(At<String>, ServiceId)> {
        let entries: &[(Key, Rc<Node>)] = self.map(node, "id").unwrap_or_default();
        let mut ids = Vec::new();
        for (environment, id) in entries {
            let environment = At {
                at: environment.at,
                value: environment.text.clone(),
            };
            let id = self.value(id, "id", ServiceId::parse);
            ids.extend(id.map(|id| (environment, id.value)));
        }
        ids
    }
}

/// Puts the repository's owner and name into the path of an image's repository, lower-cased as registries want them. The
/// host is what it is: it decides who gets the credentials.
fn fill_in(text: &str, home: &Home<'_>) -> Result<Repository, Refused> {
    let (host, path) = text.split_once('/').unwrap_or((text, ""));
    let filled = path
        .replace("{owner}", &home.owner.to_ascii_lowercase())
        .replace("{repo}", &home.repo.to_ascii_lowercase());
    if host.contains(['{', '}']) || filled.contains(['{', '}']) {
        let wanted =
            "no other braces than {owner} and {repo} behind the host, like ghcr.io/{owner}/{repo}";
        return Err(Refused::new("repository", text.as_bytes(), wanted));
    }
    if path.is_empty() {
        Repository::parse(text)
    } else {
        Repository::parse(&format!("{host}/{filled}"))
    }
}

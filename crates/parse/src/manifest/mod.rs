//! The deploy manifest: foreign YAML to a [`Manifest`], or everything that is wrong with it at once.
//!
//! `fields` reads single values, `read` the sections, `agree` checks them against each other. Which file it is and which
//! commit it comes from is for others; here are only bytes.

mod agree;
mod circles;
mod fields;
#[cfg(test)]
mod fixtures;
mod json;
mod mistake;
mod places;
mod probe;
mod read;

use super::yaml;
use fields::FieldReader;
use mistake::{in_order, with_lines};
use model::{
    Environment, EnvironmentName, Image, ImageName, Manifest, ManifestSource, Pattern, PatternList,
    Refused, ReleaseTemplate, Repository, Service, ServiceName, TagRules, TagTemplate, When,
};
use std::collections::BTreeMap;

pub use mistake::{Diagnostic, Position};
pub use places::{EntryPlaces, LineColumn, Places, places};

/// The repository that a manifest speaks of.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// Its owner, for `{owner}`; lower-cased where it is filled in.
    pub owner: &'a str,
    /// Its name, for `{repo}`; lower-cased where it is filled in.
    pub repo: &'a str,
    /// Its default branch (short name).
    pub default_branch: &'a str,
}

/// Reads a manifest.
///
/// # Errors
/// All mistakes that one reading can see, in the order of the file; never none. After 100 only their number is told.
pub fn parse(bytes: &[u8], home: &Home<'_>) -> Result<Manifest, Vec<Diagnostic>> {
    let mut reader = FieldReader::default();
    let root = yaml::parse(bytes, &mut reader.mistakes);
    let draft = root.and_then(|root| reader.manifest(&root, home));
    let manifest = draft.and_then(|draft| reader.agree(draft));
    manifest.ok_or_else(|| with_lines(in_order(reader.mistakes), bytes))
}

/// Makes the manifest of a repository that has none: one image of everything, one service of the repository's name, and the
/// environments `main` (the default branch) and `prod` (`prod-{number}`).
///
/// # Errors
/// Refuses a default branch that has no usable name.
pub fn shorthand(image: Repository, home: &Home<'_>) -> Result<Manifest, Refused> {
    let name = service_name(home.repo)?;
    let image_name = ImageName::parse(name.as_str())?;
    let environment = |name, when| {
        Ok(Environment {
            name: EnvironmentName::parse(name)?,
            when,
            floating_tags: Vec::new(),
            requires: None,
        })
    };
    let release = When::Release {
        template: ReleaseTemplate::parse("prod-{number}")?,
        from: Vec::new(),
    };
    let everything = Pattern::parse("**").and_then(|pattern| PatternList::new(vec![pattern]));
    Ok(Manifest {
        source: ManifestSource::Shorthand,
        tags: TagRules {
            commit: TagTemplate::parse_commit("{sha}")?,
            pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}")?,
            latest: true,
        },
        environments: vec![
            environment("main", When::Branch(read::branch(home.default_branch)?))?,
            environment("prod", release)?,
        ],
        ignore: PatternList::default(),
        shared: PatternList::default(),
        images: vec![Image {
            name: image_name.clone(),
            repository: image,
            paths: everything.map_err(|error| Refused::new("paths", b"**", error.to_string()))?,
            environments: None,
            build: serde_json::json!({}),
        }],
        services: vec![Service {
            image: image_name,
            paths: PatternList::default(),
            after: Vec::new(),
            environments: None,
            hook: name.default_hook_variable(),
            id: BTreeMap::new(),
            previews: None,
            probe: None,
            name,
        }],
    })
}

/// A service's name from a repository's: lower-case, with `-` for what has no place in a name.
fn service_name(repo: &str) -> Result<ServiceName, Refused> {
    let fitting = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = repo
        .chars()
        .map(fitting)
        .skip_while(|c| *c == '-')
        .take(63)
        .collect();
    // A repository may be called `constructor`, or `___`.
    ServiceName::parse(name.trim_end_matches('-')).or_else(|_| ServiceName::parse("app"))
}

/// Makes the manifest by which a pull request is judged: the base's in everything, except that `ignore`, `shared` and the
/// `paths` of images and services that the base has are the head's.
///
/// A pull request may say what its change means, but not where images are, what tags they have, or which service,
/// variable or environment they belong to.
#[must_use]
pub fn for_pull_request(base: Manifest, head: Manifest) -> Manifest {
    let mut image_paths: BTreeMap<_, _> = head
        .images
        .into_iter()
        .map(|image| (image.name, image.paths))
        .collect();
    let mut service_paths: BTreeMap<_, _> = head
        .services
        .into_iter()
        .map(|service| (service.name, service.paths))
        .collect();
    let mut manifest = Manifest {
        ignore: head.ignore,
        shared: head.shared,
        ..base
    };
    for image in &mut manifest.images {
        if let Some(paths) = image_paths.remove(&image.name) {
            image.paths = paths;
        }
    }
    for service in &mut manifest.services {
        if let Some(paths) = service_paths.remove(&service.name) {
            service.paths = paths;
        }
    }
    manifest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::fmt::Write;

    const HOME: Home<'static> = Home {
        owner: "Acme",
        repo: "Shop_API",
        default_branch: "trunk",
    };
    const FULL: &[u8] = include_bytes!("../../../../fixtures/manifests/full.yml");

    fn good(text: &str) -> Manifest {
        parse(text.as_bytes(), &HOME).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    fn mistakes(text: &str) -> Vec<String> {
        match parse(text.as_bytes(), &HOME) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(Diagnostic::to_string).collect(),
        }
    }

    /// A manifest of one environment and one image, with `rest` behind it.
    fn small(rest: &str) -> String {
        format!(
            "version: 1\nenvironments: {{ main: {{ branch: main }} }}\n\
             images: {{ app: {{ repository: ghcr.io/acme/app, paths: [a] }} }}\n{rest}"
        )
    }

    fn texts(list: &PatternList) -> Vec<&str> {
        list.iter().map(Pattern::as_str).collect()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_meant() -> Result<(), Box<dyn Error>> {
        let manifest = good(std::str::from_utf8(FULL)?);
        assert_eq!(manifest.source, ManifestSource::File);
        let [staging, production] = &manifest.environments[..] else {
            panic!("two environments")
        };
        assert!(matches!(&staging.when, When::Branch(branch) if branch == "main"));
        assert_eq!(staging.floating_tags[0].as_str(), "staging");
        assert!(matches!(&production.when, When::Release { template, from }
            if template.to_string() == "prod-{number}" && from.iter().map(ToString::to_string).eq(["main", "hotfix"])));
        assert_eq!(production.requires.as_ref(), Some(&staging.name));
        let [api, workers] = &manifest.images[..] else {
            panic!("two images")
        };
        assert_eq!(api.repository.to_string(), "ghcr.io/acme/api");
        assert_eq!(
            texts(&workers.paths),
            ["services/workers/**", "libs/**", "!libs/ui/**"]
        );
        assert_eq!(
            workers.build["args"],
            serde_json::json!({ "PYTHON": "3.10", "JOBS": 4 })
        );
        assert_eq!(api.build, serde_json::json!({}));
        let [api, workers, retention] = &manifest.services[..] else {
            panic!("three services")
        };
        assert_eq!(
            (api.image.as_str(), api.hook.as_str()),
            ("api", "RENDER_HOOK_API")
        );
        assert_eq!(api.id[&production.name].as_str(), "srv-def456");
        assert_eq!(api.previews.as_ref(), Some(&staging.name));
        assert_eq!(workers.after, std::slice::from_ref(&api.name));
        assert_eq!(
            (retention.image.as_str(), retention.hook.as_str()),
            ("workers", "RETENTION_HOOK")
        );
        assert_eq!(
            retention.environments.as_deref(),
            Some(&[production.name.clone()][..])
        );
        assert_eq!(texts(&manifest.ignore), ["**/*.md", "docs/**"]);
        assert_eq!(texts(&manifest.shared), ["infra/docker/**", "uv.lock"]);
        Ok(())
    }

    #[test]
    fn what_is_not_said_has_the_default_of_the_contract() {
        let manifest = good(&small("services: { job: }"));
        assert_eq!(manifest.tags.commit.to_string(), "{sha}");
        assert_eq!(manifest.tags.pull_request.to_string(), "pr-{number}-{sha}");
        assert!(manifest.tags.latest && manifest.ignore.is_empty() && manifest.shared.is_empty());
        assert_eq!(manifest.services[0].image.as_str(), "app");
        assert!(manifest.services[0].environments.is_none());
        assert!(good(&small("")).services.is_empty());
    }

    #[test]
    fn a_service_is_where_its_image_is() {
        let manifest = good(
            "version: 1\nenvironments: { a: { branch: main }, b: { branch: main } }\n\
             images: { app: { repository: ghcr.io/acme/app, paths: [a], environments: [b] } }\nservices: { app: }",
        );
        let places: Vec<usize> = manifest
            .environments
            .iter()
            .map(|own| manifest.services_in(&own.name).count())
            .collect();
        assert_eq!(places, [0, 1]);
    }

    #[test]
    fn without_a_manifest_there_is_one_service_of_everything() -> Result<(), Refused> {
        let manifest = shorthand(Repository::parse("ghcr.io/acme/shop")?, &HOME)?;
        assert_eq!(manifest.source, ManifestSource::Shorthand);
        assert_eq!(manifest.services[0].name.as_str(), "shop-api");
        assert_eq!(manifest.services[0].image, manifest.images[0].name);
        assert_eq!(texts(&manifest.images[0].paths), ["**"]);
        assert!(
            matches!(&manifest.environments[0].when, When::Branch(branch) if branch == "trunk")
        );
        assert!(
            matches!(&manifest.environments[1].when, When::Release { template, from }
            if template.to_string() == "prod-{number}" && from.is_empty())
        );
        for (repo, name) in [
            ("constructor", "app"),
            ("___", "app"),
            (".github", "github"),
            ("a.B_c-", "a-b-c"),
        ] {
            assert_eq!(service_name(repo)?.as_str(), name);
        }
        assert_eq!(service_name(&"x".repeat(100))?.as_str().len(), 63);
        Ok(())
    }

    #[test]
    fn a_pull_request_moves_nothing_but_paths() {
        let base = good(&small(
            "services: { web: { paths: [b] }, job: { hook: JOB_HOOK, paths: [c] } }",
        ));
        let head = good(
            "version: 1\ntags: { commit: \"x-{sha}\" }\nenvironments: { evil: { branch: main } }\n\
             ignore: [i]\nshared: [s]\n\
             images:\n  app: { repository: evil.example/x/y, paths: [a2], build: { x: 1 } }\n  \
             new: { repository: ghcr.io/a/b, paths: [n] }\n\
             services: { web: { image: new, hook: EVIL, paths: [b2], id: { evil: srv-evil }, previews: evil }, \
             more: { image: app } }",
        );
        let manifest = for_pull_request(base, head);
        assert_eq!(texts(&manifest.ignore), ["i"]);
        assert_eq!(texts(&manifest.shared), ["s"]);
        assert_eq!(manifest.images.len(), 1);
        assert_eq!(texts(&manifest.images[0].paths), ["a2"]);
        assert_eq!(
            manifest.images[0].repository.to_string(),
            "ghcr.io/acme/app"
        );
        assert_eq!(manifest.images[0].build, serde_json::json!({}));
        let [web, job] = &manifest.services[..] else {
            panic!("the base's two services")
        };
        assert_eq!(texts(&web.paths), ["b2"]);
        assert_eq!(
            (web.image.as_str(), web.hook.as_str()),
            ("app", "RENDER_HOOK_WEB")
        );
        assert!(web.id.is_empty() && web.previews.is_none());
        assert_eq!(texts(&job.paths), ["c"]);
        assert_eq!(manifest.environments[0].name.as_str(), "main");
        assert_eq!(manifest.tags.commit.to_string(), "{sha}");
    }

    #[test]
    fn lists_can_be_shared_two_hundred_times() {
        let mut text =
            String::from("version: 1\nenvironments: { main: { branch: main } }\nimages:\n");
        for at in 0..200 {
            let paths = if at == 0 {
                "&all [a, b, c, d, e]"
            } else {
                "*all"
            };
            writeln!(
                text,
                "  i{at}: {{ repository: ghcr.io/acme/i{at}, paths: {paths} }}"
            )
            .expect("a string");
        }
        assert_eq!(good(&text).images.len(), 200);
    }

    #[test]
    fn limits_are_told_once_and_at_the_place() {
        let services: String = (0..501).map(|at| format!("  s{at}:\n")).collect();
        assert_eq!(
            mistakes(&small(&format!("services:\n{services}"))),
            ["5:3 501 services (keep to 500)"]
        );
        let patterns = (0..10_000)
            .map(|at| format!("p{at}"))
            .collect::<Vec<_>>()
            .join(", ");
        let told = mistakes(&small(&format!("shared: [{patterns}]\n")));
        let too_many = "more than 10000 patterns, or 2 MiB of them, once aliases and braces are followed (use patterns that cover more)";
        assert_eq!(told, [format!("3:56 {too_many}")]);
        // Each stands for 256.
        let braces = vec![format!("\"{}\"", "{a,b}".repeat(8)); 40].join(", ");
        assert_eq!(
            mistakes(&small(&format!("shared: [{braces}]\n"))),
            [format!("4:1726 {too_many}")]
        );
        let long = vec![format!("\"{}{}\"", "{a,b}".repeat(8), "c".repeat(2000)); 5].join(", ");
        assert_eq!(
            mistakes(&small(&format!("shared: [{long}]\n"))),
            [format!("4:8186 {too_many}")]
        );
        let told = mistakes(&small(&format!("shared: [{}]", "/a, ".repeat(500))));
        assert_eq!(told.len(), 101);
        assert_eq!(told[100], "4:406 and 400 more mistakes (mend these first)");
        let told = mistakes(&" ".repeat((1 << 20) + 1));
        assert!(
            told[0].starts_with("1:1 a file of 1048577 bytes"),
            "{told:?}"
        );
    }

    #[test]
    fn a_megabyte_of_anything_is_refused_soon() {
        for piece in [
            "[",
            "{",
            "- ",
            "? ",
            "&a ",
            "!a ",
            "*a ",
            "\"",
            "a: ",
            "[{",
            "- *.md\n",
            "a\n",
            "'",
            "|",
            "- {a}/x\n",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            assert!(!mistakes(&text).is_empty(), "{piece:?}");
        }
        let keys: String = (0..60_000).map(|at| format!("k{at}: x\n")).collect();
        assert!(!mistakes(&keys).is_empty());
        let long = format!(
            "a: &a \"{}\"\nb: [{}]",
            "x".repeat(1 << 19),
            "*a, ".repeat(1000)
        );
        assert!(mistakes(&long)[0].contains("4 MiB of text"));
    }

    #[test]
    fn no_mistake_shows_foreign_text_as_it_is() {
        let told = mistakes(
            "\"\\n::error::x\": 1\nversion: \"##[add-mask]\\e[0m\"\nimages: { \"::x::\": \"\\u202e\" }",
        );
        for line in told {
            assert!(line.chars().all(|c| matches!(c, ' '..='~')), "{line:?}");
            assert!(!line.contains("::") && !line.contains("##["), "{line}");
        }
    }
}

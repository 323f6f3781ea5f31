//! What changed, to whose it is: which images and services a set of changed paths is a reason for.
//!
//! A path is a reason for a service when one of the lists that concern it takes the path in: its image's `paths`, its
//! own `paths`, `shared`. A path is a reason for building an image when one of its build paths takes it in: its own
//! `paths`, those of every service that runs it, `shared`. What `ignore` takes in is a reason for nothing.
//!
//! What is not known ([`super::Changes::Unknown`]) has no place here: it is deployed without being asked.

mod coverage;
mod idle;
mod runs;

pub use coverage::Coverage;
pub use idle::{ManifestPart, idle_patterns, matches_directory};
use model::{Image, ImageName, Manifest, Pattern, PatternList, Service, ServiceName};
use runs::Runs;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

/// Why something is affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The pattern that decided on `path`, as it stands in the manifest.
    pub pattern: String,
    /// The first of the changed paths that are a reason.
    pub path: Vec<u8>,
    /// How many changed paths are a reason; at least one.
    pub matched: usize,
}

/// Finds why an image has to be built; `None` when nothing that it is built from is among `changed`.
#[must_use]
pub fn image_cause(manifest: &Manifest, image: &Image, changed: &[Vec<u8>]) -> Option<Cause> {
    PathMatcher::new(manifest, changed).cause(&build_lists(manifest, image))
}

/// Finds why a service has to be deployed; `None` when nothing that matters to it is among `changed`.
#[must_use]
pub fn service_cause(manifest: &Manifest, service: &Service, changed: &[Vec<u8>]) -> Option<Cause> {
    PathMatcher::new(manifest, changed).cause(&service_lists(manifest, service))
}

/// The causes of every image and every service of a manifest, found in one pass.
///
/// They are those of [`image_cause`] and [`service_cause`]; a pattern that stands in many lists is only matched once.
#[derive(Debug, Clone)]
pub struct Affected {
    images: BTreeMap<ImageName, Cause>,
    services: BTreeMap<ServiceName, Cause>,
}

/// How many steps of holding patterns against paths are taken ([`Pattern::work`]): a third of a second's. Patterns that begin with a directory
/// are searched for and cost next to nothing.
const MOST_WORK: usize = 200_000_000;

impl Affected {
    /// Finds what `changed` (whole paths from the repository's root) is a reason for, unless a manifest of many patterns like `**/x` meets so many
    /// changes that it would take minutes.
    #[must_use]
    pub fn within_reason(manifest: &Manifest, changed: &[Vec<u8>]) -> Option<Self> {
        let mut search = PathMatcher::new(manifest, changed);
        let images = manifest
            .images
            .iter()
            .filter_map(|image| {
                Some((
                    image.name.clone(),
                    search.cause(&build_lists(manifest, image))?,
                ))
            })
            .collect();
        let services = manifest
            .services
            .iter()
            .filter_map(|service| {
                Some((
                    service.name.clone(),
                    search.cause(&service_lists(manifest, service))?,
                ))
            })
            .collect();
        search.work.map(|_| Self { images, services })
    }

    /// Why the image has to be built.
    #[must_use]
    pub fn image(&self, name: &ImageName) -> Option<&Cause> {
        self.images.get(name)
    }

    /// Why the service has to be deployed.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Cause> {
        self.services.get(name)
    }
}

/// An image's build paths. Where several lists take a path in, the first of them gives the pattern that is named.
fn build_lists<'m>(manifest: &'m Manifest, image: &'m Image) -> Vec<&'m PatternList> {
    let services = manifest
        .services
        .iter()
        .filter(|service| service.image == image.name);
    std::iter::once(&image.paths)
        .chain(services.map(|service| &service.paths))
        .chain([&manifest.shared])
        .collect()
}

fn service_lists<'m>(manifest: &'m Manifest, service: &'m Service) -> Vec<&'m PatternList> {
    let image = manifest.image(&service.image);
    image
        .map(|image| &image.paths)
        .into_iter()
        .chain([&service.paths, &manifest.shared])
        .collect()
}

/// The changed paths that may be a reason, and which of them the lists and patterns that were already asked for take.
struct PathMatcher<'a> {
    /// Sorted, without doubles, without what is ignored.
    paths: Vec<&'a [u8]>,
    patterns: HashMap<&'a str, Rc<Runs>>,
    lists: HashMap<*const PatternList, Rc<Runs>>,
    /// How much work is left. `None` once there was too little of it, and what was found means nothing any more.
    work: Option<usize>,
}

impl<'a> PathMatcher<'a> {
    fn new(manifest: &'a Manifest, changed: &'a [Vec<u8>]) -> Self {
        let mut paths: Vec<&[u8]> = changed.iter().map(Vec::as_slice).collect();
        // Sorted already, says `Changes`; but a path that the search steps over would be a deploy that is lost.
        if !paths.is_sorted_by(|one, other| one < other) {
            paths.sort_unstable();
            paths.dedup();
        }
        let mut all = Self::over(paths, MOST_WORK);
        let ignored = all.list(&manifest.ignore);
        let mut kept = Runs::of(0..all.paths.len());
        kept.take_out(&ignored);
        let paths = kept
            .0
            .into_iter()
            .flat_map(|run| &all.paths[run])
            .copied()
            .collect();
        Self {
            work: all.work,
            ..Self::over(paths, 0)
        }
    }

    /// Over paths that are sorted and without doubles, ignored ones included.
    fn over(paths: Vec<&'a [u8]>, work: usize) -> Self {
        Self {
            paths,
            patterns: HashMap::new(),
            lists: HashMap::new(),
            work: Some(work),
        }
    }

    fn cause(&mut self, lists: &[&'a PatternList]) -> Option<Cause> {
        let taken = Runs::union(lists.iter().map(|list| self.list(list)));
        let path = self.paths[taken.0.first()?.start];
        let pattern = lists.iter().find_map(|list| list.decide(path))?;
        let matched = taken.0.iter().map(Range::len).sum();
        Some(Cause {
            pattern: pattern.as_str().to_owned(),
            path: path.to_owned(),
            matched,
        })
    }

    /// The paths that a list takes in.
    ///
    /// Going through the list in its order, putting in what a pattern matches and taking out what an exclusion matches,
    /// leaves just the paths on which the last pattern that matches is no exclusion.
    fn list(&mut self, list: &'a PatternList) -> Rc<Runs> {
        if let Some(known) = self.lists.get(&std::ptr::from_ref(list)) {
            return Rc::clone(known);
        }
        let mut taken = Runs::default();
        let mut added = Vec::new();
        for pattern in list.iter() {
            let matched = self.pattern(pattern);
            if pattern.is_exclusion() {
                taken = Runs::union([Rc::new(taken)].into_iter().chain(added.drain(..)));
                taken.take_out(&matched);
            } else {
                added.push(matched);
            }
        }
        let taken = Rc::new(Runs::union([Rc::new(taken)].into_iter().chain(added)));
        self.lists.insert(list, Rc::clone(&taken));
        taken
    }

    /// The paths that a pattern matches, a leading `!` left aside.
    fn pattern(&mut self, pattern: &'a Pattern) -> Rc<Runs> {
        let text = pattern
            .as_str()
            .strip_prefix('!')
            .unwrap_or(pattern.as_str());
        if let Some(known) = self.patterns.get(text) {
            return Rc::clone(known);
        }
        let mut runs = Runs::default();
        for candidates in self.candidates(pattern).0 {
            for at in candidates {
                self.work = self
                    .work
                    .and_then(|left| left.checked_sub(pattern.work(self.paths[at].len())));
                if self.work.is_none() {
                    return Rc::default();
                }
                if pattern.matches(self.paths[at]) {
                    runs.push(at);
                }
            }
        }
        let runs = Rc::new(runs);
        self.patterns.insert(text, Rc::clone(&runs));
        runs
    }

    /// Where a pattern's matches can be, in order: the path that it is letter for letter, its prefix itself, and what lies
    /// below that. Apart from `a/b` and `a/b/c` there are `a/b-c` and `a/b.c`, which sort between them and are neither's.
    fn candidates(&self, pattern: &Pattern) -> Runs {
        let prefix = pattern.prefix();
        if prefix.is_empty() {
            return Runs::of(0..self.paths.len());
        }
        let mut below = prefix.to_owned();
        below.push(b'/');
        let from = self.paths.partition_point(|path| *path < below.as_slice());
        let to = from + self.paths[from..].partition_point(|path| path.starts_with(&below));
        let mut candidates = Runs::of(from..to).0;
        for single in [prefix, pattern.literal()] {
            if let Ok(at) = self.paths.binary_search(&single) {
                candidates.push(at..at + 1);
            }
        }
        Runs::union([Rc::new(Runs(candidates))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ManifestSource, Repository, TagRules, TagTemplate};
    use std::error::Error;

    fn list(texts: &[&str]) -> PatternList {
        let patterns = texts
            .iter()
            .map(|text| Pattern::parse(text).expect(text))
            .collect();
        PatternList::new(patterns).expect("a list that takes something in")
    }

    fn manifest() -> Result<Manifest, Box<dyn Error>> {
        let tags = TagRules {
            commit: TagTemplate::parse_commit("{sha}")?,
            pull_request: TagTemplate::parse_pull_request("pr-{number}-{sha}")?,
            latest: true,
        };
        let nothing = PatternList::default;
        Ok(Manifest {
            source: ManifestSource::File,
            tags,
            environments: Vec::new(),
            ignore: nothing(),
            shared: nothing(),
            images: Vec::new(),
            services: Vec::new(),
        })
    }

    fn image(name: &str, paths: PatternList) -> Result<Image, Box<dyn Error>> {
        Ok(Image {
            name: ImageName::parse(name)?,
            repository: Repository::parse(&format!("ghcr.io/acme/{name}"))?,
            paths,
            environments: None,
            build: serde_json::json!({}),
        })
    }

    fn service(name: &str, image: &str, paths: PatternList) -> Result<Service, Box<dyn Error>> {
        let name = ServiceName::parse(name)?;
        Ok(Service {
            image: ImageName::parse(image)?,
            paths,
            after: Vec::new(),
            environments: None,
            hook: name.default_hook_variable(),
            id: BTreeMap::new(),
            previews: None,
            probe: None,
            name,
        })
    }

    fn paths(texts: &[&str]) -> Vec<Vec<u8>> {
        let mut paths: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| text.as_bytes().to_owned())
            .collect();
        paths.sort();
        paths
    }

    /// The definition, path by path.
    fn slow(manifest: &Manifest, lists: &[&PatternList], changed: &[Vec<u8>]) -> Option<Cause> {
        let mut cause: Option<Cause> = None;
        for path in changed
            .iter()
            .filter(|path| manifest.ignore.decide(path).is_none())
        {
            let Some(pattern) = lists.iter().find_map(|list| list.decide(path)) else {
                continue;
            };
            match &mut cause {
                Some(cause) => cause.matched += 1,
                None => {
                    cause = Some(Cause {
                        pattern: pattern.as_str().to_owned(),
                        path: path.clone(),
                        matched: 1,
                    });
                }
            }
        }
        cause
    }

    fn example() -> Result<Manifest, Box<dyn Error>> {
        let mut manifest = manifest()?;
        manifest.ignore = list(&["**/*.md", "docs/**"]);
        manifest.shared = list(&["uv.lock"]);
        manifest.images = vec![
            image("api", list(&["services/api/**", "libs/**"]))?,
            image(
                "workers",
                list(&["services/workers/**", "libs/**", "!libs/ui/**"]),
            )?,
        ];
        manifest.services = vec![
            service("api", "api", PatternList::default())?,
            service("workers", "workers", PatternList::default())?,
            service("retention-run", "workers", list(&["cron/retention/**"]))?,
        ];
        Ok(manifest)
    }

    /// The services and the images that a change of `changed` concerns.
    fn concerned(manifest: &Manifest, changed: &[&str]) -> String {
        let affected = Affected::within_reason(manifest, &paths(changed)).expect("little work");
        let services = manifest
            .services
            .iter()
            .filter(|service| affected.service(&service.name).is_some());
        let images = manifest
            .images
            .iter()
            .filter(|image| affected.image(&image.name).is_some());
        let services: Vec<&str> = services.map(|service| service.name.as_str()).collect();
        let images: Vec<&str> = images.map(|image| image.name.as_str()).collect();
        format!("{} | {}", services.join(" "), images.join(" "))
    }

    #[test]
    fn a_path_concerns_those_whose_lists_take_it_in() -> Result<(), Box<dyn Error>> {
        let manifest = example()?;
        let table: [(&[&str], &str); 10] = [
            (&[], " | "),
            (&["elsewhere"], " | "),
            (&["services/api/main.rs"], "api | api"),
            (&["services/api"], "api | api"),
            (&["services/api-gateway/main.rs", "services/api.txt"], " | "),
            (&["libs/a"], "api workers retention-run | api workers"),
            (&["libs/ui/a"], "api | api"),
            (&["cron/retention/a"], "retention-run | workers"),
            (&["uv.lock"], "api workers retention-run | api workers"),
            (&["services/api/README.md", "docs/uv.lock"], " | "),
        ];
        for (changed, wanted) in table {
            assert_eq!(concerned(&manifest, changed), wanted, "{changed:?}");
        }
        Ok(())
    }

    #[test]
    fn a_cause_names_the_pattern_and_one_path_and_counts_them() -> Result<(), Box<dyn Error>> {
        let manifest = example()?;
        let changed = paths(&[
            "cron/retention/a",
            "libs/b",
            "libs/c",
            "libs/ui/d",
            "uv.lock",
            "libs/x.md",
        ]);
        let cause = |pattern: &str, path: &str, matched| {
            Some(Cause {
                pattern: pattern.into(),
                path: path.as_bytes().to_owned(),
                matched,
            })
        };
        let [api, workers, retention] = &manifest.services[..] else {
            panic!("three services")
        };
        assert_eq!(
            service_cause(&manifest, api, &changed),
            cause("libs/**", "libs/b", 4)
        );
        assert_eq!(
            service_cause(&manifest, workers, &changed),
            cause("libs/**", "libs/b", 3)
        );
        assert_eq!(
            service_cause(&manifest, retention, &changed),
            cause("cron/retention/**", "cron/retention/a", 4)
        );
        assert_eq!(
            image_cause(&manifest, &manifest.images[1], &changed),
            cause("cron/retention/**", "cron/retention/a", 4)
        );
        Ok(())
    }

    #[test]
    fn paths_out_of_order_are_not_lost() -> Result<(), Box<dyn Error>> {
        let manifest = example()?;
        let changed: Vec<Vec<u8>> = ["zzz", "uv.lock", "libs/b", "libs/b", "a"]
            .iter()
            .map(|path| path.as_bytes().to_owned())
            .collect();
        let matched =
            service_cause(&manifest, &manifest.services[0], &changed).map(|cause| cause.matched);
        assert_eq!(matched, Some(2));
        Ok(())
    }

    const PATTERNS: [&str; 24] = [
        "**",
        "a",
        "a/**",
        "a/b",
        "a/b/**",
        "a/*",
        "*",
        "**/b",
        "b/**",
        "b/{a,c}/**",
        "a/b-c/**",
        "a/[bc]",
        "a/[bc]/**",
        "**/*.md",
        "c.md",
        "a/**/c",
        "?/b",
        "\\[bc\\]/**",
        "b/c",
        "a/b.c",
        "c/**",
        "a/b?/*",
        "[ab]",
        "{a,b}",
    ];

    /// A small generator of numbers that are the same each time (the constants are Knuth's, of MMIX).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits") % end
        }

        fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
            texts[self.below(texts.len())]
        }

        fn list(&mut self) -> PatternList {
            let mut texts: Vec<String> = Vec::new();
            for _ in 0..self.below(5) {
                let exclusion = ["", "", "!"][self.below(3)];
                texts.push(format!("{exclusion}{}", self.one_of(&PATTERNS)));
            }
            if texts.iter().all(|text| text.starts_with('!')) {
                texts.clear();
            }
            list(&texts.iter().map(String::as_str).collect::<Vec<_>>())
        }

        fn path(&mut self) -> Vec<u8> {
            if self.below(10) == 0 {
                return self.one_of(&PATTERNS).as_bytes().to_owned();
            }
            let names = ["a", "b", "c", "b-c", "b.c", "c.md", "[bc]", "ab"];
            let depth = 1 + self.below(3);
            (0..depth)
                .map(|_| self.one_of(&names))
                .collect::<Vec<_>>()
                .join("/")
                .into_bytes()
        }
    }

    #[test]
    fn the_fast_search_finds_what_the_definition_says() -> Result<(), Box<dyn Error>> {
        let mut numbers = Numbers(7);
        let mut found = 0;
        for case in 0..2000 {
            let mut manifest = manifest()?;
            (manifest.ignore, manifest.shared) = (numbers.list(), numbers.list());
            for name in ["one", "two"] {
                manifest.images.push(image(name, numbers.list())?);
            }
            for (name, image) in [("x", "one"), ("y", "two"), ("z", "two")] {
                manifest
                    .services
                    .push(service(name, image, numbers.list())?);
            }
            let mut changed: Vec<Vec<u8>> =
                (0..numbers.below(12)).map(|_| numbers.path()).collect();
            changed.sort();
            changed.dedup();
            let affected = Affected::within_reason(&manifest, &changed).expect("little work");
            for image in &manifest.images {
                let wanted = slow(&manifest, &build_lists(&manifest, image), &changed);
                assert_eq!(
                    affected.image(&image.name),
                    wanted.as_ref(),
                    "{case}: {manifest:?} {changed:?}"
                );
                assert_eq!(image_cause(&manifest, image, &changed), wanted);
                found += usize::from(wanted.is_some());
            }
            for service in &manifest.services {
                let wanted = slow(&manifest, &service_lists(&manifest, service), &changed);
                assert_eq!(
                    affected.service(&service.name),
                    wanted.as_ref(),
                    "{case}: {manifest:?} {changed:?}"
                );
                assert_eq!(service_cause(&manifest, service, &changed), wanted);
                found += usize::from(wanted.is_some());
            }
        }
        assert!(
            (2000..8000).contains(&found),
            "of 10000 questions {found} had a cause: the cases are not telling"
        );
        Ok(())
    }
}

//! Two who ought to say the same: our patterns and git's, our image references and the OCI crate's, our word of an image and skopeo's.

use super::at_once;
use model::{ImageTag, Pattern, PatternList, Repository};
use oci_distribution::Reference;
use std::collections::BTreeSet;
use std::process::Command;
use testworld::distribution::Distribution;
use testworld::{Kind, Registry, Repo, World};

/// Numbers that look random and are the same in every run (<https://prng.di.unimi.it/splitmix64.c>).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).expect("an index")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next(from.len())]
    }

    /// So many pieces with slashes between some of them.
    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        let count = 1 + self.next(most);
        (0..count).map(|_| self.pick(pieces)).collect()
    }
}

/// Of ASCII: git matches bytes, we match characters.
const NAMES: &[&str] = &["a", "b", "ab", ".c", "x.md", "[d]", "e f", "-g", "z"];
const PIECES: &[&str] = &[
    "a", "b", "*", "?", "[ab]", "[!a]", "[a-c]", ".", "\\*", "x.md",
];

/// A pattern of which git and we mean the same: `**` only as a whole segment, no braces, no `**.md`, nothing that is refused, and no `[^`.
fn pattern(numbers: &mut Numbers) -> Option<String> {
    let segments: Vec<String> = (0..=numbers.next(3))
        .map(|_| {
            if numbers.next(4) == 0 {
                "**".to_owned()
            } else {
                numbers.text(PIECES, 3)
            }
        })
        .collect();
    let text = segments.join("/");
    let is_shared = segments
        .iter()
        .all(|segment| segment == "**" || !segment.contains("**"))
        && Pattern::parse(&text).is_ok();
    is_shared.then_some(text)
}

/// The files of a repository that git lists for one pathspec.
fn listed(repo: &Repo, pathspec: &str) -> BTreeSet<Vec<u8>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--", pathspec])
        .current_dir(repo.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git");
    assert!(
        output.status.success(),
        "{pathspec}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// A repository of files with names of all kinds.
fn forest(numbers: &mut Numbers, root: &std::path::Path) -> (Repo, Vec<Vec<u8>>) {
    let repo = Repo::create(root);
    for _ in 0..120 {
        let depth = 1 + numbers.next(3);
        let mut names: Vec<&str> = (0..depth).map(|_| numbers.pick(NAMES)).collect();
        // A name that is a directory already cannot be a file's.
        names.push("f");
        if numbers.next(2) == 0 {
            names.pop();
        }
        let path = names.join("/");
        if !repo.path().join(&path).is_dir()
            && std::path::Path::new(&path)
                .ancestors()
                .skip(1)
                .all(|above| !repo.path().join(above).is_file())
        {
            repo.write(&path, "x");
        }
    }
    repo.commit("files");
    let all = listed(&repo, ":(glob)**");
    assert!(all.len() > 40, "{} files", all.len());
    (repo, all.into_iter().collect())
}

#[test]
fn patterns_mean_what_they_mean_to_git() {
    let root = tempfile::tempdir().expect("a directory");
    let mut numbers = Numbers(7);
    let (repo, files) = forest(&mut numbers, &root.path().join("r"));
    let (mut compared, mut matched) = (0, 0);
    while compared < 700 {
        let Some(text) = pattern(&mut numbers) else {
            continue;
        };
        let ours = Pattern::parse(&text).expect("a pattern");
        let mut wanted = listed(&repo, &format!(":(glob){text}"));
        // `dir/**` is `dir` too, where that is a file: of a directory that becomes one, no change may be missed.
        let above = text.trim_end_matches("/**");
        if above != text && above != "**" {
            wanted.extend(listed(&repo, &format!(":(glob){above}")));
        }
        // A pathspec also names everything below a directory that it matches; of ours, only `dir/**` does.
        wanted.retain(|path| {
            let text = String::from_utf8_lossy(path).into_owned();
            let is_below = std::path::Path::new(&text)
                .ancestors()
                .skip(1)
                .filter(|above| !above.as_os_str().is_empty())
                .any(|above| ours.matches(above.to_str().expect("text").as_bytes()));
            ours.matches(path) || !is_below
        });
        let found: BTreeSet<Vec<u8>> = files
            .iter()
            .filter(|path| ours.matches(path))
            .cloned()
            .collect();
        assert_eq!(found, wanted, "{text}");
        compared += 1;
        matched += usize::from(!found.is_empty() && found.len() < files.len());
    }
    assert!(matched > 80, "only {matched} patterns told files apart");
}

#[test]
fn the_last_pattern_decides_as_in_a_file_of_gits() {
    let root = tempfile::tempdir().expect("a directory");
    let mut numbers = Numbers(11);
    let repo = Repo::create(&root.path().join("r"));
    // Files of the top alone: what is below depends, for git, on what becomes of the directory.
    let files: BTreeSet<String> = (0..60)
        .map(|_| numbers.text(&["a", "b", "c", ".c", "x.md", "-"], 3))
        .collect();
    let mut told_apart = 0;
    for _ in 0..25 {
        let mut lines: Vec<String> = Vec::new();
        while lines.len() < 4 {
            let Some(text) = pattern(&mut numbers) else {
                continue;
            };
            // Below a directory that is ignored git looks no more, and a pattern without a slash is of every depth there.
            let text = format!("**/{}", text.rsplit('/').next().expect("a segment"));
            if Pattern::parse(&text).is_ok() && text != "**/**" && !text.ends_with("/*") {
                let is_exclusion = !lines.is_empty() && numbers.next(3) == 0;
                lines.push(format!("{}{text}", if is_exclusion { "!" } else { "" }));
            }
        }
        let patterns = lines
            .iter()
            .map(|line| Pattern::parse(line))
            .collect::<Result<_, _>>()
            .expect("patterns");
        let list = PatternList::new(patterns).expect("a list");
        std::fs::create_dir_all(repo.path().join(".git/info")).expect("git's directory");
        std::fs::write(
            repo.path().join(".git/info/exclude"),
            lines.join("\n") + "\n",
        )
        .expect("git's file");
        for name in &files {
            let status = Command::new("git")
                .args(["check-ignore", "-q", "--no-index", "--", name])
                .current_dir(repo.path())
                .status()
                .expect("git");
            let is_taken = list.decide(name.as_bytes()).is_some();
            assert_eq!(is_taken, status.success(), "{name} by {lines:?}");
            told_apart += usize::from(is_taken);
        }
    }
    assert!(told_apart > 60, "only {told_apart} files were taken");
}

#[test]
fn a_reference_that_we_take_is_the_same_to_the_oci_crate() {
    let pieces = [
        "ghcr.io",
        "localhost",
        "127.0.0.1",
        ":",
        "5000",
        "/",
        "a",
        "b-c",
        "d__e",
        "f.g",
        "A",
        "..",
        "@",
        "-",
        "_",
        "x:y",
        "sha256",
        "\u{e9}",
    ];
    let mut numbers = Numbers(3);
    let (mut taken, mut refused_by_us_alone) = (0, 0);
    for _ in 0..60_000 {
        let text = numbers.text(&pieces, 7);
        let theirs = format!("{text}:tag").parse::<Reference>();
        match Repository::parse(&text) {
            Ok(ours) => {
                let theirs = theirs.unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(
                    format!("{}/{}", theirs.registry(), theirs.repository()),
                    ours.to_string()
                );
                taken += 1;
            }
            // We are stricter, never the other way round: a host has to be named, in lower case and in plain form.
            Err(_) => refused_by_us_alone += usize::from(theirs.is_ok()),
        }
        let tag = numbers.text(&["a", "Z", "_", ".", "-", "7", "/", "\u{e9}", ":"], 5);
        if let Ok(ours) = ImageTag::parse(&tag) {
            let theirs: Reference = format!("ghcr.io/a/b:{tag}")
                .parse()
                .unwrap_or_else(|error| panic!("{tag}: {error}"));
            assert_eq!(theirs.tag(), Some(ours.as_str()));
        }
    }
    assert!(
        taken > 150 && refused_by_us_alone > 500,
        "{taken} taken, {refused_by_us_alone} refused by us alone"
    );
}

/// What skopeo, told to look for linux/amd64, finds behind the commit's tag: a digest, or nothing of that platform.
fn skopeo(world: &World, credentials: Option<&str>) -> Option<String> {
    let image = format!("docker://{}:{}", world.repository("api"), world.commit());
    let credentials = credentials.map_or(vec!["--no-creds"], |credentials| {
        vec!["--creds", credentials]
    });
    let output = Command::new("skopeo")
        .args([
            "--override-os",
            "linux",
            "--override-arch",
            "amd64",
            "inspect",
            "--no-tags",
            "--tls-verify=false",
        ])
        .args(credentials)
        .args(["--format", "{{.Os}}/{{.Architecture}} {{.Digest}}", &image])
        .output()
        .expect("skopeo");
    let text = String::from_utf8(output.stdout).expect("text");
    let (platform, digest) = text.trim().split_once(' ')?;
    (output.status.success() && platform == "linux/amd64").then(|| digest.to_owned())
}

#[test]
fn an_image_that_we_take_is_the_one_that_skopeo_finds() {
    let kinds = [
        Kind::Amd64,
        Kind::Arm64,
        Kind::MultiArch,
        Kind::WithAttestations,
        Kind::OnlyArm64Index,
        Kind::ChildDeleted,
        Kind::DockerList,
        Kind::DockerSingle,
        Kind::Nested,
        Kind::NoPlatform,
        Kind::Untyped,
        Kind::UntypedIndex,
    ];
    at_once(kinds, |kind| {
        let registry = Distribution::with_tokens();
        let password = registry.password().expect("a password");
        let real = World::on(Registry::Distribution(registry), Some(password));
        let real = (real, Some(format!("robot:{password}")));
        let model = World::new().listening();
        let credentials = Some(format!("robot:{}", model.text_of("registry-password")));
        for (world, credentials) in [real, (model, credentials)] {
            let world = world
                .three_services()
                .push_to_main(|repo| repo.write("services/api/x", "1"))
                .image("api", kind);
            let theirs = skopeo(&world, credentials.as_deref());
            let run = world.input("image-timeout", "1s").verify().no_hooks();
            let ours = (run.exit == 0).then(|| {
                run.json("images")["api"]["digest"]
                    .as_str()
                    .expect("a digest")
                    .to_owned()
            });
            let told = format!(
                "{kind:?} at {}: {}",
                run.world.registry.host(),
                run.output("failure")
            );
            // We are stricter in one case: of an index in an index it is not known whether Render finds the image in it.
            let theirs = theirs.filter(|_| !matches!(kind, Kind::Nested));
            assert_eq!(ours, theirs, "{told}");
        }
    });
}

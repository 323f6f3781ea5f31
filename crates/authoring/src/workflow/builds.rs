//! How images are built in workflows: by build actions, by a matrix of them, and by docker's own command line in a script.

use super::matrix::{Row, rows};
use super::script::commands;
use super::{Build, get, lines, plain_path, text};
use parse::yaml::Node;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The actions that build one image, with the inputs of docker/build-push-action.
const BUILDERS: [&str; 3] = [
    "docker/build-push-action",
    "depot/build-push-action",
    "useblacksmith/build-push-action",
];
/// Flags of `docker build` without a value.
const SWITCHES: [&str; 10] = [
    "--push",
    "--load",
    "--no-cache",
    "--pull",
    "-q",
    "--quiet",
    "--rm",
    "--squash",
    "--force-rm",
    "--debug",
];

/// What the steps of a job share: its matrix, and which images its docker/metadata-action steps name.
#[derive(Default)]
pub(super) struct JobBuilds {
    rows: Vec<Row>,
    /// By the step's id: the images of each row.
    named: RefCell<BTreeMap<String, Vec<Vec<String>>>>,
}

/// What one step says of builds.
#[derive(Default)]
pub(super) struct StepBuilds {
    pub(super) builds: Vec<Build>,
    /// What was seen and is not understood, with its line.
    pub(super) not_understood: Vec<(u32, String)>,
}

impl StepBuilds {
    fn keep(&mut self, line: u32, build: Build) {
        let texts = [
            Some(&build.context),
            build.file.as_ref(),
            build.target.as_ref(),
        ];
        let unknown = texts.into_iter().flatten().find(|text| text.contains('$'));
        if let Some(text) = unknown {
            let why = format!("a build whose place is only known when it runs ({text})");
            if !self.not_understood.contains(&(line, why.clone())) {
                self.not_understood.push((line, why));
            }
        } else if !self.builds.contains(&build) {
            self.builds.push(build);
        }
    }
}

impl JobBuilds {
    pub(super) fn of(job: &Node) -> Self {
        let matrix = get(job, "strategy").and_then(|strategy| get(strategy, "matrix"));
        Self {
            rows: matrix.map_or_else(|| vec![Row::new()], rows),
            named: RefCell::default(),
        }
    }

    /// The images of a docker/metadata-action step, those of every row.
    pub(super) fn images(
        &self,
        step: &Node,
        input: &str,
        environment: &BTreeMap<&str, &str>,
    ) -> Vec<String> {
        let of_rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| lines(&filled(input, environment, row)))
            .collect();
        let mut all: Vec<String> = Vec::new();
        for image in of_rows.iter().flatten() {
            if !all.contains(image) {
                all.push(image.clone());
            }
        }
        if let Some(id) = text(step, "id") {
            self.named.borrow_mut().insert(id.to_owned(), of_rows);
        }
        all
    }

    /// What a step with an action builds.
    pub(super) fn by_action(
        &self,
        step: &Node,
        uses: &str,
        environment: &BTreeMap<&str, &str>,
    ) -> StepBuilds {
        let mut found = StepBuilds::default();
        let name = uses
            .split('@')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let line = step.at.line;
        if !BUILDERS.contains(&name.as_str()) {
            let is_other = [
                "build-push",
                "bake-action",
                "docker-build",
                "publish-docker",
                "buildah-build",
                "kaniko",
            ]
            .iter()
            .any(|part| name.contains(part));
            if is_other && !name.contains("/setup-") {
                found
                    .not_understood
                    .push((line, format!("{name} builds images")));
            }
            return found;
        }
        let with = get(step, "with");
        let input = |name: &str| with.and_then(|with| text(with, name)).map(str::trim_ascii);
        for (at, row) in self.rows.iter().enumerate() {
            let filled = |name: &str| {
                input(name)
                    .map(|text| filled(text, environment, row))
                    .filter(|text| !text.is_empty())
            };
            let tags = filled("tags").unwrap_or_default();
            found.keep(
                line,
                Build {
                    context: context(&filled("context").unwrap_or_default()),
                    file: filled("file").map(|file| plain_path(&file)),
                    target: filled("target"),
                    tags: self.tags(&tags, at),
                },
            );
        }
        found
    }

    /// The tags of a build. Those of a docker/metadata-action step are its images.
    fn tags(&self, text: &str, row: usize) -> Vec<String> {
        let named = self.named.borrow();
        let mut tags = Vec::new();
        // A line with an expression may have commas inside it.
        let of_line = |line: &'_ str| -> Vec<String> {
            match line.contains("${{") {
                true => vec![line.to_owned()],
                false => line.split(',').map(str::to_owned).collect(),
            }
        };
        for tag in text.lines().flat_map(of_line) {
            let tag = tag.trim_ascii();
            let step = tag
                .split_once("steps.")
                .and_then(|(_, rest)| rest.split_once(".outputs.tags"));
            match step.and_then(|(id, _)| named.get(id)?.get(row)) {
                Some(images) => tags.extend(images.iter().map(|image| bare_image(image))),
                None if tag.is_empty() => {}
                None => tags.push(tag.to_owned()),
            }
        }
        tags
    }

    /// What a script builds with docker's command line.
    pub(super) fn by_script(
        &self,
        step: &Node,
        script: &str,
        environment: &BTreeMap<&str, &str>,
    ) -> StepBuilds {
        let mut found = StepBuilds::default();
        let place = text(step, "working-directory")
            .map(plain_path)
            .unwrap_or_default();
        for row in &self.rows {
            let script = filled(script, environment, row);
            let mut directory = place.clone();
            for command in commands(&script, environment) {
                let words: Vec<&str> = command.iter().map(String::as_str).collect();
                match words.as_slice() {
                    ["cd", to] => directory = below(&directory, to),
                    ["docker", "tag", from, to] => {
                        let is_it = |build: &&mut Build| build.tags.iter().any(|tag| tag == from);
                        if let Some(build) = found.builds.iter_mut().find(is_it) {
                            build.tags.push((*to).to_owned());
                        }
                    }
                    ["docker", "buildx", "bake", ..] | ["depot", "bake", ..] => {
                        let why = "a bake file builds images".to_owned();
                        found.not_understood.push((step.at.line, why));
                    }
                    ["docker" | "podman" | "depot", "build", rest @ ..]
                    | ["docker", "buildx" | "image", "build", rest @ ..] => {
                        found.keep(step.at.line, of_command(rest, &directory));
                    }
                    _ => {}
                }
            }
        }
        found
    }
}

/// `name=ghcr.io/acme/shop,enable=true` is another way to write an image.
fn bare_image(image: &str) -> String {
    let bare = image.split(',').next().unwrap_or_default().trim();
    bare.strip_prefix("name=").unwrap_or(bare).to_owned()
}

/// The directory that a `context` names. `{{defaultContext}}` is the repository's root.
fn context(text: &str) -> String {
    let rest = text.strip_prefix("{{defaultContext}}").unwrap_or(text);
    plain_path(rest.trim_start_matches(':'))
}

fn below(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The words behind `docker build`.
fn of_command(words: &[&str], directory: &str) -> Build {
    let mut build = Build::default();
    let mut context = ".";
    let mut rest = words.iter().copied();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || word == "-" {
            context = word;
            continue;
        }
        if SWITCHES.contains(&word) {
            continue;
        }
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, value),
            None => (word, rest.next().unwrap_or_default()),
        };
        match flag {
            "-t" | "--tag" => build.tags.push(value.to_owned()),
            "-f" | "--file" => build.file = Some(below(directory, value)),
            "--target" => build.target = Some(value.to_owned()),
            _ => {}
        }
    }
    build.context = if context.contains("://") || context == "-" {
        // Not a directory of this checkout.
        format!("${context}")
    } else {
        below(directory, context)
    };
    build
}

/// Fills `${{ matrix.NAME }}` and `${{ env.NAME }}` in.
fn filled(text: &str, environment: &BTreeMap<&str, &str>, row: &Row) -> String {
    let text = resolve(text, environment);
    replace_expressions(&text, |expression| {
        row.get(expression.strip_prefix("matrix.")?)
            .map(String::as_str)
    })
}

/// Fills in `${{ env.NAME }}` where the file says what it is; other expressions stay.
pub(super) fn resolve(text: &str, environment: &BTreeMap<&str, &str>) -> String {
    replace_expressions(text, |expression| {
        environment.get(expression.strip_prefix("env.")?).copied()
    })
}

/// Replaces each `${{ expression }}` that is known.
fn replace_expressions<'v>(text: &str, known: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        out.push_str(before);
        let Some((expression, behind)) = after.split_once("}}") else {
            out.push_str("${{");
            rest = after;
            break;
        };
        match known(expression.trim()) {
            Some(value) => out.push_str(value),
            None => out.push_str(&format!("${{{{ {} }}}}", expression.trim())),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Build, Workflow, parse};

    fn read(text: &str) -> Workflow {
        parse("x.yml", text.as_bytes()).expect("a workflow")
    }

    /// Each build: context, file, target, tags.
    fn told(builds: &[Build]) -> Vec<String> {
        builds
            .iter()
            .map(|build| {
                format!(
                    "{:?} {} {} [{}]",
                    build.context,
                    build.file.as_deref().unwrap_or("-"),
                    build.target.as_deref().unwrap_or("-"),
                    build.tags.join(" ")
                )
            })
            .collect()
    }

    #[test]
    fn every_row_of_a_matrix_is_a_build_of_its_own() {
        let workflow = read("
jobs:
  build:
    strategy:
      matrix:
        arch: [amd64, arm64]
        image: [{ name: api, dir: apps/api }, { name: web, dir: apps/web }]
        include: [{ arch: amd64, runner: big }]
    steps:
      - id: meta
        uses: docker/metadata-action@v5
        with: { images: 'ghcr.io/acme/${{ matrix.image.name }}' }
      - uses: depot/build-push-action@v1
        with: { context: '{{defaultContext}}:${{ matrix.image.dir }}', tags: '${{ steps.meta.outputs.tags }}' }
  targets:
    strategy: { matrix: { include: [{ target: web, tag: 'ghcr.io/acme/web:1' }, { target: jobs, tag: 'ghcr.io/acme/jobs:1' }] } }
    steps:
      - uses: useblacksmith/build-push-action@v2
        with: { file: docker/Dockerfile, target: '${{ matrix.target }}', tags: '${{ matrix.tag }}' }
");
        assert_eq!(
            told(&workflow.builds),
            [
                "\"apps/api\" - - [ghcr.io/acme/api]",
                "\"apps/web\" - - [ghcr.io/acme/web]",
                "\"\" docker/Dockerfile web [ghcr.io/acme/web:1]",
                "\"\" docker/Dockerfile jobs [ghcr.io/acme/jobs:1]",
            ]
        );
        assert_eq!(workflow.images, ["ghcr.io/acme/api", "ghcr.io/acme/web"]);
        assert!(
            workflow.not_understood.is_empty(),
            "{:?}",
            workflow.not_understood
        );
    }

    #[test]
    fn dockers_command_line_is_read_in_a_script() {
        let workflow = read(
            "
env: { IMAGE: ghcr.io/acme/shop }
jobs:
  build:
    steps:
      - run: |
          docker login ghcr.io
          cd services/api && docker build --platform linux/amd64 \\
            -t \"$IMAGE:${{ github.sha }}\" --build-arg A=b -f ../Dockerfile.api .
          docker push $IMAGE --all-tags
      - working-directory: web
        run: docker buildx build --push --tag=local . ; docker tag local ghcr.io/acme/web:1
      - run: docker build -f ${DOCKERFILE} -t x .
      - run: docker buildx bake
      - uses: docker/bake-action@v5
",
        );
        assert_eq!(
            told(&workflow.builds),
            [
                "\"services/api\" services/Dockerfile.api - [ghcr.io/acme/shop:${{ github.sha }}]",
                "\"web\" - - [local ghcr.io/acme/web:1]",
            ]
        );
        let why: Vec<&str> = workflow
            .not_understood
            .iter()
            .map(|(_, why)| why.as_str())
            .collect();
        assert_eq!(
            why,
            [
                "a build whose place is only known when it runs (${DOCKERFILE})",
                "a bake file builds images",
                "docker/bake-action builds images",
            ]
        );
    }
}

//! GitHub's workflow files, as far as this program asks: who calls it with what, and how images are built there.
//!
//! Whatever is not understood is left out. A file that cannot be read is an answer too, with the place that stopped the reading.

mod builds;
mod facts;
mod matrix;
mod script;

use builds::{JobBuilds, StepBuilds, resolve};
use facts::{JobFacts, composite_steps, triggers};
use model::{Handover, WorkflowFacts};
use parse::manifest::Diagnostic;
use parse::yaml::{self, Node, as_text, entries, get, items, plain_path, text};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What this action is called wherever it is used from.
const NAME: &str = "ghcr-to-render";
/// How many composite actions are read of one workflow: they may use each other, and themselves.
const MOST_ACTIONS: usize = 200;
/// How deep composite actions may call each other, as on GitHub's runners.
const DEEPEST: usize = 10;

/// The content of a file of the repository; `None` where it is not there, or cannot be read.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// A workflow, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workflow {
    /// Whether any of its steps uses this action.
    pub uses_us: bool,
    /// The steps that may deploy with it.
    pub handovers: Vec<Handover>,
    /// The `images` of its docker/metadata-action steps, one repository each; expressions stand as they are written.
    pub images: Vec<String>,
    /// The `tags` of these steps, one rule each.
    pub tags: Vec<String>,
    /// The images that its steps build.
    pub builds: Vec<Build>,
    /// What looks like a build and is not understood, each with its line.
    pub not_understood: Vec<(u32, String)>,
    /// What lints ask.
    pub facts: WorkflowFacts,
}

/// A step that builds an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The directory that it is built from; empty is the repository's root.
    pub context: String,
    /// The Dockerfile, from the repository's root.
    pub file: Option<String>,
    /// The stage that is built.
    pub target: Option<String>,
    /// Where it is pushed to: the `tags` as they are written, one a line.
    pub tags: Vec<String>,
}

/// Reads a workflow by itself.
///
/// # Errors
/// The first thing that cannot be read as the YAML that this program reads.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Workflow, Diagnostic> {
    parse_with(path, bytes, &|_| None)
}

/// Reads a workflow, and the composite actions of the repository that it uses.
///
/// # Errors
/// The first thing that cannot be read as the YAML that this program reads.
pub fn parse_with(path: &str, bytes: &[u8], read: ReadFile<'_>) -> Result<Workflow, Diagnostic> {
    let mut workflow = Workflow {
        facts: WorkflowFacts {
            path: path.to_owned(),
            ..WorkflowFacts::default()
        },
        ..Workflow::default()
    };
    if yaml::is_blank(bytes) {
        return Ok(workflow);
    }
    let mut mistakes = Vec::new();
    let root = yaml::parse(bytes, &mut mistakes);
    let Some(root) = root else {
        return match mistakes.into_iter().next() {
            Some(mistake) => Err(mistake),
            None => Ok(workflow),
        };
    };
    let left = Cell::new(MOST_ACTIONS);
    let facts = &mut workflow.facts;
    facts.triggers = triggers(&root);
    facts.concurrency = get(&root, "concurrency").map(|node| (node.at.line, node.at.column));
    for (name, job) in entries(get(&root, "jobs")) {
        let facts = &mut workflow.facts;
        if facts.approval.is_none() && get(job, "environment").is_some() {
            facts.approval = Some(name.to_owned());
        }
        if let Some(uses) = get(job, "uses")
            && let Some(called) = as_text(uses).filter(|called| !called.starts_with("./"))
        {
            facts
                .foreign
                .push((called.to_owned(), (uses.at.line, uses.at.column)));
        }
        let place = StepPlace {
            path: path.to_owned(),
            depth: 0,
            job: JobFacts::of(&root, job),
            builds: Rc::new(JobBuilds::of(job)),
            read,
            left: &left,
        };
        let job_env = [&root, job].map(|node| variables(node));
        for step in items(get(job, "steps")) {
            let mut environment: BTreeMap<&str, &str> = BTreeMap::new();
            for own in &job_env {
                environment.extend(own);
            }
            environment.extend(variables(step));
            workflow.read_step(&place, step, &environment);
        }
    }
    Ok(workflow)
}

/// Where a step stands.
struct StepPlace<'a> {
    path: String,
    depth: usize,
    job: JobFacts,
    builds: Rc<JobBuilds>,
    read: ReadFile<'a>,
    left: &'a Cell<usize>,
}

impl Workflow {
    fn read_step(
        &mut self,
        place: &StepPlace<'_>,
        step: &Node,
        environment: &BTreeMap<&str, &str>,
    ) {
        let path = place.path.as_str();
        let with = get(step, "with");
        let input = |name: &str| {
            with.and_then(|with| text(with, name))
                .filter(|text| !text.trim_ascii().is_empty())
        };
        let uses = text(step, "uses").unwrap_or_default();
        if is_ours(uses) {
            self.uses_us = true;
            self.facts.steps.push(place.job.step(path, step, uses));
            let command = input("command").unwrap_or("deploy");
            if command.contains("${{") || matches!(command, "deploy" | "rollback") {
                self.handovers
                    .push(handover(path, step, &input, environment));
            }
        } else if let Some(directory) = uses.strip_prefix("./") {
            self.read_composite(place, directory, with, environment);
        } else if let Some(script) = text(step, "run").filter(|script| script.contains(NAME)) {
            self.uses_us = true;
            if script.contains("deploy") || script.contains("rollback") {
                self.handovers
                    .push(from_shell(path, step, script, environment));
            }
        } else if is_action(uses, "docker/metadata-action") {
            let filled = |text: &str| lines(&resolve(text, environment));
            let images = input("images").unwrap_or_default();
            self.images
                .extend(place.builds.images(step, images, environment));
            self.tags
                .extend(input("tags").map(filled).unwrap_or_default());
        } else if let Some(script) = text(step, "run") {
            self.built(place.builds.by_script(step, script, environment));
        } else {
            self.built(place.builds.by_action(step, uses, environment));
        }
    }

    fn built(&mut self, step: StepBuilds) {
        self.builds.extend(step.builds);
        self.not_understood.extend(step.not_understood);
    }

    /// The steps of a composite action of the repository run as steps of the job that uses it.
    fn read_composite(
        &mut self,
        place: &StepPlace<'_>,
        directory: &str,
        with: Option<&Node>,
        environment: &BTreeMap<&str, &str>,
    ) {
        let Some(left) = place.left.get().checked_sub(1) else {
            return;
        };
        if place.depth == DEEPEST {
            return;
        }
        place.left.set(left);
        let directory = plain_path(directory);
        for name in ["action.yml", "action.yaml"] {
            let path = match directory.is_empty() {
                true => name.to_owned(),
                false => format!("{directory}/{name}"),
            };
            let Some(bytes) = (place.read)(&path) else {
                continue;
            };
            let Some(action) = yaml::parse(&bytes, &mut Vec::new()) else {
                return;
            };
            let inside = StepPlace {
                path,
                depth: place.depth + 1,
                job: place.job.clone(),
                builds: Rc::clone(&place.builds),
                read: place.read,
                left: place.left,
            };
            for step in composite_steps(&action, with) {
                let mut environment = environment.clone();
                environment.extend(variables(&step));
                self.read_step(&inside, &step, &environment);
            }
            return;
        }
    }
}

fn handover<'n>(
    path: &str,
    step: &Node,
    input: &impl Fn(&str) -> Option<&'n str>,
    environment: &BTreeMap<&str, &str>,
) -> Handover {
    let hooks = input("deploy-hooks").unwrap_or_default();
    let (named, untold): (Vec<&str>, Vec<&str>) = hooks
        .lines()
        .map(str::trim_ascii)
        .filter(|line| !line.is_empty())
        .partition(|line| is_named(line));
    Handover {
        path: path.to_owned(),
        place: (step.at.line, step.at.column),
        hooks: named
            .iter()
            .filter_map(|line| Some(line.split_once('=')?.0.trim_ascii().to_owned()))
            .collect(),
        has_untold_hooks: !untold.is_empty(),
        has_only_hook: input("deploy-hook").is_some(),
        has_api_key: input("render-api-key").is_some(),
        variables: environment.keys().map(|name| (*name).to_owned()).collect(),
        manifest: input("manifest").map(str::to_owned),
    }
}

/// Whether a line of `deploy-hooks` says which service it is for: an expression may stand behind the `=`, not before it.
fn is_named(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(name, _)| !name.contains("${{"))
}

/// The binary in a shell: what its flags hold stands in files, so which services have hooks is not told.
fn from_shell(
    path: &str,
    step: &Node,
    script: &str,
    environment: &BTreeMap<&str, &str>,
) -> Handover {
    let has =
        |flag: &str, variable: &str| script.contains(flag) || environment.contains_key(variable);
    Handover {
        path: path.to_owned(),
        place: (step.at.line, step.at.column),
        hooks: Vec::new(),
        has_untold_hooks: has("--deploy-hooks", "INPUT_DEPLOY_HOOKS"),
        has_only_hook: script.contains("--deploy-hook ")
            || environment.contains_key("INPUT_DEPLOY_HOOK"),
        has_api_key: has("--render-api-key", "INPUT_RENDER_API_KEY"),
        variables: environment.keys().map(|name| (*name).to_owned()).collect(),
        // A manifest elsewhere cannot be told from a script's text.
        manifest: script.contains("--manifest").then(|| "${{ }}".to_owned()),
    }
}

fn is_ours(uses: &str) -> bool {
    let name = uses.split('@').next().unwrap_or_default();
    name.rsplit('/').any(|part| {
        part.split(':')
            .next()
            .is_some_and(|part| part.eq_ignore_ascii_case(NAME))
    })
}

fn is_action(uses: &str, name: &str) -> bool {
    uses.split_once('@')
        .is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
}

fn lines(text: &str) -> Vec<String> {
    let shown = |line: &str| line.trim_ascii().to_owned();
    text.lines()
        .map(shown)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

fn variables(node: &Node) -> BTreeMap<&str, &str> {
    entries(get(node, "env"))
        .map(|(name, value)| (name, as_text(value).unwrap_or_default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKFLOW: &str = "\
env: { REGISTRY: ghcr.io, TOP: x }
on: push
jobs:
  build:
    steps:
      - uses: actions/checkout@v5
      - uses: docker/metadata-action@v5
        with:
          images: |
            # a comment
            ${{ env.REGISTRY }}/${{ github.repository }}
          tags: |
            type=sha,format=long,prefix=
            type=raw,value=latest
      - uses: docker/build-push-action@v6
        with: { context: ./services/api/, file: services/api/Dockerfile, target: runtime, tags: 'a,b' }
      - uses: OWNER/ghcr-to-render@v1
        with: { command: plan, deploy-hooks: 'no=1' }
  deploy:
    env: { RENDER_HOOK_JOB: '${{ secrets.JOB }}' }
    steps:
      - uses: OWNER/ghcr-to-render@4f2c1d9 # v1
        with:
          render-api-key: ${{ secrets.KEY }}
          deploy-hooks: |
            api=${{ secrets.RENDER_HOOK_API }}
             web = ${{ secrets.RENDER_HOOK_WEB }}
      - uses: OWNER/ghcr-to-render@v1
        with: { deploy-hooks: '${{ secrets.HOOKS }}', manifest: other.yml, render-api-key: '' }
      - run: ghcr-to-render deploy --render-api-key @key
";

    #[test]
    fn a_workflow_tells_what_it_hands_over() {
        let workflow = parse(".github/workflows/ci.yml", WORKFLOW.as_bytes()).expect("a workflow");
        let [first, second, shell] = &workflow.handovers[..] else {
            panic!("{:?}", workflow.handovers)
        };
        assert_eq!(
            (
                first.hooks.join(" "),
                first.has_untold_hooks,
                first.has_api_key
            ),
            ("api web".into(), false, true)
        );
        assert_eq!(
            first.variables,
            ["REGISTRY", "RENDER_HOOK_JOB", "TOP"]
                .map(str::to_owned)
                .into()
        );
        assert_eq!(first.place, (22, 9));
        assert!(first.is_about("m.yml", "m.yml") && !second.is_about("m.yml", "m.yml"));
        assert!(second.has_untold_hooks && !second.has_api_key && second.hooks.is_empty());
        assert!(shell.has_api_key && !shell.has_untold_hooks);
    }

    #[test]
    fn a_workflow_tells_how_images_are_built() {
        let workflow = parse("x.yml", WORKFLOW.as_bytes()).expect("a workflow");
        assert_eq!(workflow.images, ["ghcr.io/${{ github.repository }}"]);
        assert_eq!(
            workflow.tags,
            ["type=sha,format=long,prefix=", "type=raw,value=latest"]
        );
        let [build] = &workflow.builds[..] else {
            panic!("one build")
        };
        assert_eq!(
            (build.context.as_str(), build.file.as_deref()),
            ("services/api", Some("services/api/Dockerfile"))
        );
        assert_eq!(build.target.as_deref(), Some("runtime"));
    }

    #[test]
    fn what_is_no_workflow_is_none() {
        for text in [
            "",
            "jobs: 1",
            "[a]",
            "jobs: { a: { steps: { b: c } } }",
            "jobs: { a: { steps: [1, {}] } }",
        ] {
            let found = parse("x.yml", text.as_bytes());
            assert!(
                found.as_ref().map_or(true, |found| !found.uses_us),
                "{text:?}: {found:?}"
            );
        }
        assert!(parse("x.yml", b"a: [").is_err());
        let blank = parse("x.yml", b"# on: push\n\n").expect("a blank file");
        assert!(blank.facts.triggers.events.is_empty() && !blank.uses_us);
    }

    #[test]
    fn our_action_is_known_by_its_name() {
        for uses in [
            "o/ghcr-to-render@v1",
            "O/GHCR-to-Render@v1",
            "docker://ghcr.io/o/ghcr-to-render:1",
        ] {
            assert!(is_ours(uses), "{uses}");
        }
        for uses in [
            "o/ghcr-to-render-more@v1",
            "o/other@ghcr-to-render",
            "./ghcr",
            "",
        ] {
            assert!(!is_ours(uses), "{uses}");
        }
    }
}

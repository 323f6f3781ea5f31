//! A draft as files: the manifest, and a workflow that builds and deploys with it.

use super::{Draft, EnvironmentDraft};
use model::{Manifest, Untrusted, When};
use std::fmt::Write as _;

/// The workflow, with places to fill in. The pinned actions are those of docs/workflows (a test compares them).
const WORKFLOW: &str = include_str!("workflow.yml");

/// How the workflow names the action until a person, or a run of it, says whose it is.
pub const PLACEHOLDER: &str = "OWNER/ghcr-to-render@v1";

/// Writes a draft's manifest.
#[must_use]
pub fn manifest_text(draft: &Draft) -> String {
    let mut text = format!("{HEAD}version: 1\n\n");
    if let Some(tag) = &draft.commit_tag {
        let _ = writeln!(
            text,
            "tags: {{ commit: {} }} # as the workflow here tags them so far\n",
            quoted(tag)
        );
    }
    text.push_str("environments:\n");
    draft
        .environments
        .iter()
        .for_each(|own| environment(&mut text, own));
    text.push_str(DECIDE);
    for image in &draft.images {
        let guess = if image.is_guess {
            " # decide: nothing says where it is pushed to"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "  {}:\n    repository: {}{guess}",
            image.name,
            quoted(&image.repository)
        );
        let _ = writeln!(
            text,
            "    # decide: is it built from this, and nothing else? ({})\n    paths:",
            image.reason
        );
        image.paths.iter().for_each(|path| {
            let _ = writeln!(text, "      - {}", quoted(path));
        });
        let context = (!image.context.is_empty()).then(|| ("context", image.context.clone()));
        let is_default = |file: &String| *file == super::image::join(&image.context, "Dockerfile");
        let file = image
            .file
            .clone()
            .filter(|file| !is_default(file))
            .map(|file| ("file", file));
        let target = image.target.clone().map(|target| ("target", target));
        let build: Vec<String> = context
            .into_iter()
            .chain(file)
            .chain(target)
            .map(|(key, value)| format!("{key}: {}", quoted(&value)))
            .collect();
        if !build.is_empty() {
            let _ = writeln!(text, "    build: {{ {} }}", build.join(", "));
        }
    }
    if !draft.services.is_empty() {
        text.push_str("\nservices:\n");
    }
    let first = draft.environments.first().map(|own| own.name.as_str());
    for service in &draft.services {
        let _ = writeln!(
            text,
            "  {}: # {}\n    image: {}",
            service.name, service.source, service.image
        );
        if let Some(environment) = &service.environment {
            let _ = writeln!(text, "    environments: [{environment}]");
        }
        let environment = service
            .environment
            .as_deref()
            .or(first)
            .unwrap_or("production");
        let _ = writeln!(
            text,
            "    # id: {{ {environment}: srv-... }} # decide: with an id, and an API key, it needs no hook"
        );
    }
    if !draft.left_out.is_empty() {
        text.push_str("\n# Seen, and left out:\n");
        for line in &draft.left_out {
            let _ = writeln!(text, "# - {line}");
        }
    }
    text
}

/// What a person decides beside the environments.
const DECIDE: &str = "  # decide: what deploys where; a release's tag can, too:
  # production: { tag: \"prod-{number}\", requires: staging }

# decide: what is never a reason to build or deploy anything, like
# ignore: [\"**/*.md\", \"docs/**\"]

# decide: what is a reason for everything, like
# shared: [\"package-lock.json\"]

images:
";

fn environment(text: &mut String, own: &EnvironmentDraft) {
    let mut keys = vec![match &own.branch {
        Some(branch) => format!("branch: {}", quoted(branch)),
        None => "tag: \"prod-{number}\"".to_owned(),
    }];
    if !own.floating_tags.is_empty() {
        let tags: Vec<String> = own.floating_tags.iter().map(|tag| quoted(tag)).collect();
        keys.push(format!("floating-tags: [{}]", tags.join(", ")));
    }
    let why = match &own.branch {
        Some(_) => "",
        None => " # decide: its branch in render.yaml deploys another environment already",
    };
    let _ = writeln!(text, "  {}: {{ {} }}{why}", own.name, keys.join(", "));
}

/// What a written manifest begins with.
const HEAD: &str = "\
# Written by ghcr-to-render init from what is in this repository. Where it says \"decide\", a person has to; `ghcr-to-render check` then
# compares it with the tracked files and the workflows.
";

/// Writes a workflow for the first environment of a manifest that a branch deploys to; `None` where there is none.
///
/// `action` is the action with its ref, where it is known: the one that runs.
#[must_use]
pub fn workflow_text(
    manifest: &Manifest,
    manifest_path: Option<&str>,
    action: Option<&str>,
) -> Option<String> {
    let (environment, branch) =
        manifest
            .environments
            .iter()
            .find_map(|environment| match &environment.when {
                When::Branch(branch) => Some((environment, branch)),
                When::Release { .. } => None,
            })?;
    let input = manifest_path
        .map(|path| format!("\n          manifest: {}", quoted(path)))
        .unwrap_or_default();
    let mut hooks = String::new();
    let here: Vec<_> = manifest.services_in(&environment.name).collect();
    if !here.is_empty() {
        hooks.push_str("\n          deploy-hooks: |");
    }
    for service in here {
        let _ = write!(
            hooks,
            "\n            {}=${{{{ secrets.{} }}}}",
            service.name, service.hook
        );
    }
    let text = WORKFLOW
        .replace(PLACEHOLDER, action.unwrap_or(PLACEHOLDER))
        .replace("{environment}", environment.name.as_str())
        .replace("{branch}", &quoted(branch))
        .replace("{manifest}", &input)
        .replace("{hooks}", &hooks)
        .replace(
            "{packages}",
            if environment.floating_tags.is_empty() {
                "read"
            } else {
                "write"
            },
        );
    Some(text)
}

/// Text as YAML: as it is where it is plainly text, else in double quotes, whose escapes are JSON's too.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        serde_json::to_string(text)
            .unwrap_or_else(|_| format!("\"{}\"", Untrusted(text.as_bytes())))
    }
}

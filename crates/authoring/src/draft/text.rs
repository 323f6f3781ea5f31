//! A draft as files: the manifest, and a workflow that builds and deploys with it.

use super::Draft;
use model::{Foreign, Manifest, When};
use std::fmt::Write as _;

/// The workflow, with places to fill in. The pinned actions are those of docs/workflows (a test compares them).
const WORKFLOW: &str = include_str!("workflow.yml");

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
    let _ = write!(
        text,
        "environments:\n  production: {{ branch: {} }} # decide: what deploys where; a release's tag can, too:\n  \
         # production: {{ tag: \"prod-{{number}}\", requires: staging }}\n\n\
         # decide: what is never a reason to build or deploy anything, like\n# ignore: [\"**/*.md\", \"docs/**\"]\n\n\
         # decide: what is a reason for everything, like\n# shared: [\"package-lock.json\"]\n\nimages:\n",
        quoted(&draft.branch)
    );
    for image in &draft.images {
        let _ = writeln!(
            text,
            "  {}:\n    repository: {}",
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
    text.push_str("\nservices:\n");
    for service in &draft.services {
        let _ = writeln!(
            text,
            "  {}: # {}\n    image: {}",
            service.name, service.source, service.image
        );
        text.push_str("    # id: { production: srv-... } # decide: with an id, and an API key, it needs no hook\n");
    }
    if !draft.left_out.is_empty() {
        text.push_str("\n# Seen, and left out:\n");
        for line in &draft.left_out {
            let _ = writeln!(text, "# - {line}");
        }
    }
    text
}

/// What a written manifest begins with.
const HEAD: &str = "\
# Written by ghcr-to-render init from what is in this repository. Where it says \"decide\", a person has to; `ghcr-to-render check` then
# compares it with the tracked files and the workflows.
";

/// Writes a workflow for the first environment of a manifest that a branch deploys to; `None` where there is none.
#[must_use]
pub fn workflow_text(manifest: &Manifest, manifest_path: Option<&str>) -> Option<String> {
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
        serde_json::to_string(text).unwrap_or_else(|_| format!("\"{}\"", Foreign(text.as_bytes())))
    }
}

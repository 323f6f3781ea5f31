//! The step's outputs: each declared once, their shapes fixed by the contract, their size bounded by the manifest alone.

use super::{Released, RunReport, ServiceResult};
use model::{Decision, Image, ImageName, Repository, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An output as users see it.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Its name.
    pub name: &'static str,
    /// What it holds, one line.
    pub description: &'static str,
    /// Whether it is JSON; `--json` prints the value then, not its text.
    pub is_json: bool,
}

const fn output(name: &'static str, description: &'static str) -> Output {
    Output {
        name,
        description,
        is_json: false,
    }
}

const fn json_output(name: &'static str, description: &'static str) -> Output {
    Output {
        name,
        description,
        is_json: true,
    }
}

/// Every output.
pub const OUTPUTS: &[Output] = &[
    output(
        "tags",
        "Full image references to push, one per line; empty if there are several images and none is named",
    ),
    output("tag-names", "The tags without their image, one per line"),
    output("version", "The first tag"),
    output("labels", "OCI labels, one key=value per line"),
    output(
        "annotations",
        "OCI annotations, one manifest:key=value per line",
    ),
    output(
        "build-args",
        "Build arguments GIT_SHA and SOURCE_DATE_EPOCH, one KEY=value per line",
    ),
    json_output(
        "json",
        "The same as JSON: tags, tag-names, labels, annotations",
    ),
    output(
        "outcome",
        "planned, verified, accepted, live, nothing, skipped, held, superseded, refused, failed or cancelled",
    ),
    output(
        "failure",
        "A stable word for what went wrong (docs/failures.md), otherwise empty",
    ),
    json_output(
        "services",
        "JSON array of the services to deploy (or deployed), in manifest order",
    ),
    json_output(
        "matrix",
        "JSON for strategy.matrix: the images that must be built",
    ),
    json_output(
        "builds",
        "How many images must be built (an empty matrix fails a workflow)",
    ),
    json_output(
        "images",
        "JSON object of the verified images: repository, tag, digest, platform, size, revision",
    ),
    output("digest", "The digest of the only image, otherwise empty"),
    output(
        "image",
        "The only image as repository@sha256:..., otherwise empty",
    ),
    output(
        "environment",
        "The environment that was planned, deployed or released to",
    ),
    output("sha", "The commit that was planned, deployed or released"),
    output("release", "The release that was planned, deployed or made"),
    json_output(
        "previews",
        "JSON object of a pull request's previews on Render: service to URL",
    ),
    json_output(
        "deploys",
        "JSON array with one object per service: its decision, reason, image, status, url and more",
    ),
    output(
        "next-release",
        "plan: the release that would come next; release: the release of this commit",
    ),
    json_output(
        "fleet",
        "status: JSON array, one object per environment and service",
    ),
    output("summary", "One line for a chat message"),
];

/// The one platform that Render runs, and that every verified image has.
const PLATFORM: &str = "linux/amd64";

/// What a build needs to know, as text.
#[derive(Debug, Clone)]
pub struct Naming {
    /// The tags to push, the first of which is the version.
    pub tags: Vec<String>,
    /// Labels by image, sorted by key.
    pub labels: BTreeMap<ImageName, Vec<(String, String)>>,
    /// Labels of no image in particular.
    pub common: Vec<(String, String)>,
    /// What every build is handed.
    pub build_args: Vec<(String, String)>,
    /// The image that `tags` speaks of: the only one, or the one that was named.
    pub only: Option<(ImageName, Repository)>,
}

impl Naming {
    fn labels_of(&self, image: Option<&ImageName>) -> &[(String, String)] {
        image
            .and_then(|image| self.labels.get(image))
            .unwrap_or(&self.common)
    }
}

fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<Vec<_>>().join("\n")
}

fn references(repository: &Repository, tags: &[String]) -> Vec<String> {
    tags.iter()
        .map(|tag| format!("{repository}:{tag}"))
        .collect()
}

fn label_lines(labels: &[(String, String)]) -> String {
    lines(labels.iter().map(|(key, value)| format!("{key}={value}")))
}

fn annotation_list(labels: &[(String, String)]) -> Vec<String> {
    labels
        .iter()
        .map(|(key, value)| format!("manifest:{key}={value}"))
        .collect()
}

/// Writes down every output of a story. Validated values only: no file name, no branch name, no text of others.
#[must_use]
pub fn outputs(report: &RunReport) -> BTreeMap<&'static str, String> {
    let mut values: BTreeMap<&'static str, String> = OUTPUTS
        .iter()
        .map(|output| (output.name, String::new()))
        .collect();
    let mut set = |name: &'static str, value: String| {
        values.insert(name, value);
    };
    set("outcome", report.outcome.to_string());
    set(
        "failure",
        report
            .failure()
            .map(|failed| failed.word.to_string())
            .unwrap_or_default(),
    );
    set("summary", alphabet(&report.headline));
    set("services", "[]".into());
    set("matrix", json!({ "include": [] }).to_string());
    set("builds", "0".into());
    set("images", "{}".into());
    set("previews", previews(report).to_string());
    set("deploys", "[]".into());
    set(
        "json",
        json!({ "tags": [], "tag-names": [], "labels": {}, "annotations": [] }).to_string(),
    );
    set(
        "environment",
        report
            .environment
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    set(
        "next-release",
        report
            .next_release
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    if let Some(naming) = &report.naming {
        let only = naming.only.as_ref();
        let labels = naming.labels_of(only.map(|(name, _)| name));
        let tags = only
            .map(|(_, repository)| references(repository, &naming.tags))
            .unwrap_or_default();
        let annotations = annotation_list(labels);
        set("tags", tags.join("\n"));
        set("tag-names", naming.tags.join("\n"));
        set("version", naming.tags.first().cloned().unwrap_or_default());
        set("labels", label_lines(labels));
        set("annotations", annotations.join("\n"));
        if only.is_some() {
            set("build-args", label_lines(&naming.build_args));
        }
        let labels: serde_json::Map<String, Value> = labels
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        set(
            "json",
            json!({ "tags": tags, "tag-names": naming.tags, "labels": labels, "annotations": annotations }).to_string(),
        );
    }
    if let Some(plan) = &report.plan {
        set("sha", plan.commit.to_string());
        if let decide::Subject::Environments {
            release: Some(release),
            ..
        } = &plan.subject
        {
            set("release", release.to_string());
        }
        set(
            "services",
            json!(
                plan.to_deploy()
                    .map(|service| service.name.as_str())
                    .collect::<Vec<_>>()
            )
            .to_string(),
        );
        set("deploys", deploys(report).to_string());
    }
    if let Some(Released { commit, release }) = &report.released {
        set("sha", commit.to_string());
        set(
            "release",
            release
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        );
    }
    if let Some(fleet) = &report.fleet {
        set("fleet", super::fleet_json(fleet).to_string());
    }
    let matrix = matrix(report);
    set("builds", matrix.len().to_string());
    set("matrix", json!({ "include": matrix }).to_string());
    let images: serde_json::Map<String, Value> = report
        .images
        .iter()
        .map(|(name, image)| {
            let value = json!({
                "repository": image.pinned.repository.to_string(),
                "tag": image.tag,
                "digest": image.pinned.digest.as_str(),
                "platform": PLATFORM,
                "size": image.size,
                "revision": image.revision,
            });
            (name.to_string(), value)
        })
        .collect();
    set("images", Value::Object(images).to_string());
    let has_one = report
        .manifest
        .as_ref()
        .is_some_and(|manifest| manifest.images.len() == 1);
    if let Some((_, image)) = report.images.iter().next().filter(|_| has_one) {
        set("digest", image.pinned.digest.to_string());
        set("image", image.pinned.to_string());
    }
    values
}

/// The outputs as one JSON object, for `--json`: those that are JSON are values in it, and `null` where they are empty.
#[must_use]
pub fn outputs_json(values: &BTreeMap<&'static str, String>) -> Value {
    let value = |output: &Output| {
        let text = values.get(output.name)?;
        let value = if output.is_json {
            serde_json::from_str(text).unwrap_or_default()
        } else {
            Value::from(text.as_str())
        };
        Some((output.name.to_owned(), value))
    };
    Value::Object(OUTPUTS.iter().filter_map(value).collect())
}

fn matrix(report: &RunReport) -> Vec<Value> {
    let (Some(manifest), Some(plan), Some(naming)) =
        (&report.manifest, &report.plan, &report.naming)
    else {
        return Vec::new();
    };
    let entry = |image: &Image| {
        let planned = plan
            .images
            .iter()
            .find(|planned| planned.name == image.name);
        let services = planned.map(|planned| {
            planned
                .services
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>()
        });
        let labels = naming.labels_of(Some(&image.name));
        json!({
            "image": image.name.as_str(),
            "repository": image.repository.to_string(),
            "tag": naming.tags.first().cloned().unwrap_or_default(),
            "tags": references(&image.repository, &naming.tags).join("\n"),
            "labels": label_lines(labels),
            "annotations": annotation_list(labels).join("\n"),
            "build-args": label_lines(&naming.build_args),
            "services": services.unwrap_or_default(),
            "build": image.build,
        })
    };
    manifest
        .images
        .iter()
        .filter(|image| report.builds.contains(&image.name))
        .map(entry)
        .collect()
}

fn deploys(report: &RunReport) -> Value {
    let Some(plan) = &report.plan else {
        return json!([]);
    };
    let of_previews = report.previews.iter().map(|preview| {
        let ended = report.services.iter().find(|ended| ended.service == preview.service);
        let image = report.images.get(&preview.image);
        let told = |status: Option<&ServiceResult>| status.map_or(Status::NotStarted, |ended| ended.status);
        json!({
            "service": preview.service.as_str(),
            "decision": Decision::Deploy.as_str(),
            "reason": reason("a preview of the pull request".into(), ended),
            "image": preview.image.as_str(),
            "digest": image.map(|image| image.pinned.digest.as_str()).unwrap_or_default(),
            "base": "",
            "from": "",
            "to": super::carried::preview_end(report, told(ended)),
            "deploy": ended.and_then(|ended| ended.deploy.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "status": told(ended).as_str(),
            "url": ended.and_then(|ended| ended.url.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "seconds": ended.map_or(0, |ended| ended.took.as_secs()),
        })
    });
    let rows = plan.services.iter().map(|service| {
        let ended = report.services.iter().find(|ended| ended.service == service.name);
        let of_image = || Some(&report.images.get(&service.image)?.pinned);
        let image = report.given.get(&service.name).or_else(of_image);
        let image = image.filter(|_| service.decision == Decision::Deploy);
        let status = ended.map_or_else(|| service.why.status(), |ended| ended.status);
        let [from, to] = super::carried::ends(report, &service.name, status);
        json!({
            "service": service.name.as_str(),
            "decision": service.decision.as_str(),
            "reason": reason(service.why.reason(), ended),
            "image": service.image.as_str(),
            "digest": image.map(|image| image.digest.as_str()).unwrap_or_default(),
            "base": service.base.map(|base| base.to_string()).unwrap_or_default(),
            "from": from,
            "to": to,
            "deploy": ended.and_then(|ended| ended.deploy.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "status": ended.map_or_else(|| service.why.status(), |ended| ended.status).as_str(),
            "url": ended.and_then(|ended| ended.url.as_ref()).map(ToString::to_string).unwrap_or_default(),
            "seconds": ended.map_or(0, |ended| ended.took.as_secs()),
        })
    });
    Value::Array(rows.chain(of_previews).collect())
}

/// The previews that have the pull request's image now, and where they are. One without an address (a background worker) has none to tell.
fn previews(report: &RunReport) -> Value {
    let entry = |preview: &super::Preview| {
        let ended = report
            .services
            .iter()
            .find(|ended| ended.service == preview.service)?;
        let url = ended
            .url
            .as_ref()
            .filter(|_| matches!(ended.status, Status::Live | Status::Accepted))?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/".contains(c);
        url.as_str()
            .chars()
            .all(is_plain)
            .then(|| (preview.service.to_string(), json!(url.as_str())))
    };
    Value::Object(report.previews.iter().filter_map(entry).collect())
}

fn reason(planned: String, ended: Option<&ServiceResult>) -> String {
    let text = ended.and_then(|ended| {
        ended
            .reason
            .clone()
            .or_else(|| ended.failed.as_ref().map(|failed| failed.text.clone()))
    });
    let mut text = alphabet(&text.unwrap_or(planned));
    text.truncate(120);
    text
}

/// Keeps to `[A-Za-z0-9 ._:/@,()+-]`, which is safe in a shell, in JSON, in Markdown and in a chat.
pub(super) fn alphabet(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\'' | '"' => {}
            ';' => plain.push(','),
            // `image@sha256:..` is no mention; what stands by itself would call people in a chat.
            '@' if !plain.ends_with(|last: char| last.is_ascii_alphanumeric()) => plain.push('-'),
            // No chat makes a link of it.
            '/' if plain.ends_with(":/") => plain.push(' '),
            c if c.is_ascii_alphanumeric() || " ._:/@,()+-".contains(c) => plain.push(c),
            _ => plain.push('-'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Outcome;

    #[test]
    fn the_line_for_a_chat_calls_nobody_and_links_nowhere() {
        for (text, plain) in [
            ("@everyone see", "-everyone see"),
            ("(@here) <!channel> <@U123>", "(-here) --channel- --U123-"),
            ("see https://evil.example/x", "see https:/ evil.example/x"),
            ("ghcr.io/acme/api@sha256:ab", "ghcr.io/acme/api@sha256:ab"),
            ("it's \"x\"; é", "its x, -"),
        ] {
            assert_eq!(alphabet(text), plain);
        }
    }

    #[test]
    fn every_declared_output_is_set_and_no_other() {
        let values = outputs(&RunReport::new(Outcome::Nothing, "nothing to do"));
        let declared: std::collections::BTreeSet<&str> =
            OUTPUTS.iter().map(|output| output.name).collect();
        assert_eq!(
            values
                .keys()
                .copied()
                .collect::<std::collections::BTreeSet<_>>(),
            declared
        );
        assert_eq!(values["matrix"], r#"{"include":[]}"#);
        assert_eq!(
            values["json"],
            r#"{"tags":[],"tag-names":[],"labels":{},"annotations":[]}"#
        );
    }

    #[test]
    fn foreign_text_does_not_reach_a_summary() {
        assert_eq!(alphabet("a `b` $(c)\n<d> \u{e9}"), "a -b- -(c)--d- -");
        assert_eq!(
            alphabet("the service's own \"words\"; more"),
            "the services own words, more"
        );
    }
}

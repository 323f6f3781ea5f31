//! What there is of a pull request's previews, for its comment: whatever this run did, and however early it ended.

use super::on_render::{RecordsByPreview, RenderPreview, RenderServices};
use crate::context::Context;
use crate::failure::Failure;
use crate::resolve::{WithoutManifest, manifest_at};
use github::RecordsBack;
use model::{
    CommitSha, Deploy, DeployStatus, Digest, Manifest, PreviewRecord, PullRequest, ServiceName,
};
use parse::inputs::Recording;
use report::{CommentContent, ShownPreview, Up};

/// Asks Render which previews there are, and what each serves. Without an API key none is known of.
pub(super) async fn of(context: &Context, pull: &PullRequest) -> CommentContent {
    match read(context, pull).await {
        Ok(shown) => shown,
        Err(failure) => {
            context.log.say(&format!(
                "The comment does not name the previews: {failure}."
            ));
            CommentContent::Unknown
        }
    }
}

/// What the pull request is on, where there are previews: the run may be an old one.
pub(super) async fn head(
    context: &Context,
    pull: &PullRequest,
    shown: &CommentContent,
) -> Option<CommitSha> {
    let CommentContent::All(previews) = shown else {
        return None;
    };
    if previews.is_empty() {
        return None;
    }
    let github = context.github_with_token()?;
    github.pull_ref(pull.number).await.ok()
}

async fn read(context: &Context, pull: &PullRequest) -> Result<CommentContent, Failure> {
    if context.clients.render.is_none() {
        return Ok(CommentContent::All(Vec::new()));
    }
    let manifest = match context.progress.report().manifest {
        Some(manifest) => manifest,
        None => {
            let without = WithoutManifest::AssumeIfNamed;
            manifest_at(context, &pull.base, &pull.default_branch, without).await?
        }
    };
    if manifest.services.iter().all(|own| own.previews.is_none()) {
        return Ok(CommentContent::All(Vec::new()));
    }
    let records = records(context, &manifest).await;
    let Some(there) = RenderServices::read(context, &manifest, &records).await? else {
        return Ok(CommentContent::All(Vec::new()));
    };
    let mut shown = Vec::new();
    for found in &there.services {
        if found.owner.pull() == Some(pull.number) {
            let asked = there.api.deploys(&found.id).await;
            let deploys = asked.map_err(|error| Failure::Render(None, error))?;
            let service = service_of(&manifest, &there, found);
            let commits = Commits {
                context,
                head: pull.head,
                records: &records,
            };
            shown.push(preview(found, service, &deploys, &commits));
        }
    }
    shown.sort_by(|one: &ShownPreview, other| {
        (&one.service, &one.id).cmp(&(&other.service, &other.id))
    });
    Ok(CommentContent::All(shown))
}

/// The records of the previews of the manifest's services. Without them a commit may not be known.
async fn records(context: &Context, manifest: &Manifest) -> RecordsByPreview {
    let github = match context.request.recording {
        Recording::On => context.github_with_token(),
        Recording::Off => None,
    };
    let Some(github) = github else {
        return RecordsByPreview::new();
    };
    let names = manifest.services.iter().map(|service| service.name.clone());
    let names: Vec<ServiceName> = names.collect();
    let found = github.previews(&names, RecordsBack::Newest).await;
    found.ok().flatten().unwrap_or_default()
}

/// The service of the manifest whose preview it is.
fn service_of(
    manifest: &Manifest,
    there: &RenderServices<'_>,
    found: &RenderPreview,
) -> Option<ServiceName> {
    let parent = found.facts.parent.as_ref();
    let is_its = |name: &&ServiceName| match parent {
        Some(parent) => there.own.get(parent).is_some_and(|own| own.contains(*name)),
        None => found.facts.name.starts_with(&format!("{name}-pr-")),
    };
    let mut names = manifest.services.iter().map(|service| &service.name);
    names.find(is_its).cloned()
}

fn preview(
    found: &RenderPreview,
    service: Option<ServiceName>,
    deploys: &[Deploy],
    commits: &Commits<'_>,
) -> ShownPreview {
    let live = deploys.iter().find(|own| own.status == DeployStatus::Live);
    let is_busy = deploys.iter().any(|own| own.status.is_in_flight());
    let state = match (found.facts.is_suspended, is_busy, live) {
        (true, _, _) => Up::Suspended,
        (false, true, _) => Up::Deploying,
        (false, false, Some(_)) => Up::Live,
        (false, false, None) => Up::Down,
    };
    let digests = live.map(|live| live.digests.as_slice()).unwrap_or_default();
    ShownPreview {
        service,
        id: found.id.clone(),
        url: found.facts.url.clone(),
        digest: digests.first().cloned(),
        commit: commits.of(digests),
        state,
    }
}

/// What says which commit a digest is of.
struct Commits<'a> {
    context: &'a Context,
    head: CommitSha,
    records: &'a RecordsByPreview,
}

impl Commits<'_> {
    fn of(&self, digests: &[Digest]) -> Option<CommitSha> {
        let report = self.context.progress.report();
        let mut images = report.images.values();
        if images.any(|image| digests.contains(&image.pinned.digest)) {
            return Some(self.head);
        }
        let is_of = |record: &&PreviewRecord| {
            record.is_own && digests.contains(&record.intent.image.digest)
        };
        let mut records = self.records.values().flatten();
        records.find(is_of).map(|record| record.intent.commit)
    }
}

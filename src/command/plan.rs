//! `plan`: tags and labels, the changed services and why, and which images must be built. Writes nothing.

use super::failure::Failure;
use super::{Brief, Scene, images, tell};
use crate::decide::Subject;
use crate::domain::{Outcome, Release, ReleaseTemplate, When};

/// Runs it.
pub(super) async fn run(scene: &Scene, brief: &Brief) -> Result<(), Failure> {
    let cannot_push = matches!(&brief.plan.subject, Subject::PullRequest { cannot_push: Some(_), .. });
    let builds = if cannot_push {
        Vec::new()
    } else {
        images::to_build(scene, &brief.gathered, &brief.plan, &brief.tags).await?
    };
    let next_release = next_release(scene, brief).await;
    let services: Vec<&str> = brief.plan.to_deploy().map(|service| service.name.as_str()).collect();
    let built: Vec<&str> = builds.iter().map(|image| image.as_str()).collect();
    let headline = format!("Planned: to deploy {}, to build {}", list(&services), list(&built));
    let mut story = scene.story.borrow_mut();
    story.builds = builds;
    story.next_release = next_release;
    drop(story);
    tell(scene, Outcome::Planned, &headline);
    Ok(())
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// The release that would come next: of the planned environment, else of the only one that has releases.
async fn next_release(scene: &Scene, brief: &Brief) -> Option<Release> {
    let manifest = &brief.gathered.manifest;
    let template = |when: &When| match when {
        When::Release { template, .. } => Some(template.clone()),
        When::Branch(_) => None,
    };
    let planned = match &brief.plan.subject {
        Subject::Environments { environments, .. } => environments
            .iter()
            .filter_map(|name| manifest.environment(name))
            .find_map(|environment| template(&environment.when)),
        Subject::PullRequest { .. } | Subject::Commit => None,
    };
    let all: Vec<ReleaseTemplate> =
        manifest.environments.iter().filter_map(|environment| template(&environment.when)).collect();
    let template = planned.or_else(|| all.first().filter(|_| all.len() == 1).cloned())?;
    match scene.history.highest_release(&template).await {
        Ok(highest) => template.next(highest.map(|release| release.number())),
        Err(error) => {
            scene.log.say(&format!("The next release is not known: {error}"));
            None
        }
    }
}

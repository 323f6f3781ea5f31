//! The env file: the verified digests as `KEY=VALUE` lines, for deploys that are not Render's.

use super::VerifiedImages;
use crate::context::{Context, Writers};
use crate::failure::Failure;
use crate::planned_run::PlannedRun;
use model::{EnvironmentName, FileAt, ImageName, Untrusted};
use parse::inputs::InputError;

/// Refuses a file that may not be written, before anything is done.
pub(crate) async fn check(
    context: &Context,
    run: &PlannedRun,
    writers: Option<&Writers<'_>>,
) -> Result<(), Failure> {
    let Some(path) = &context.request.env_file else {
        return Ok(());
    };
    let refused = |why: String| Failure::from(InputError::of("env-file", why));
    let below = context
        .workspace
        .inside(path)
        .map_err(|error| refused(error.to_string()))?;
    let below = below.to_string_lossy();
    let tracked = context
        .clients
        .history
        .file_at(&run.plan.commit, &below)
        .await;
    if matches!(
        tracked,
        Ok(FileAt::File(_) | FileAt::NotAFile(_) | FileAt::TooLarge(_))
    ) {
        return Err(refused(format!(
            "{} is a file of the repository",
            Untrusted(below.as_bytes())
        )));
    }
    context
        .workspace
        .check_writable(path, &is_own_key)
        .map_err(|error| refused(error.to_string()))?;
    if writers.is_some() {
        context
            .workspace
            .try_beside(path, &context.random)
            .map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

/// Writes it. What was deployed stands, whatever becomes of the file.
pub(crate) fn write(
    context: &Context,
    run: &PlannedRun,
    environment: &EnvironmentName,
    images: &VerifiedImages,
) -> Result<(), Failure> {
    let Some(path) = &context.request.env_file else {
        return Ok(());
    };
    let mut lines = vec![
        (
            "REGISTRY_OWNER".to_owned(),
            context.slug.owner().to_ascii_lowercase(),
        ),
        ("ENV".to_owned(), environment.to_string()),
    ];
    for planned in &run.plan.images {
        if let Some(image) = images.get(&planned.name) {
            lines.push((
                key(&planned.name),
                image.pinned(context.request.pin).to_string(),
            ));
        }
    }
    let mut tags = images.values().map(|image| image.tag());
    if let Some(Some(tag)) = tags.next()
        && tags.all(|other| other == Some(tag))
    {
        lines.push(("IMAGE_TAG".to_owned(), tag.to_string()));
    }
    Ok(context
        .workspace
        .write_lines(path, &lines, &is_own_key, &context.random)?)
}

fn key(image: &ImageName) -> String {
    format!(
        "{}_IMAGE",
        image.as_str().to_ascii_uppercase().replace('-', "_")
    )
}

/// Whether a line with this key can be ours: then the file may be replaced.
fn is_own_key(key: &str) -> bool {
    let is_upper = key
        .bytes()
        .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    matches!(key, "REGISTRY_OWNER" | "ENV" | "IMAGE_TAG") || is_upper && key.ends_with("_IMAGE")
}

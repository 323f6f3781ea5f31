//! The clients that write. They are made here, once, or not at all.

use super::Context;
use crate::failure::Failure;
use github::{CommentWriter, PackageWriter, PreviewWriter, RecordWriter, TagWriter};
use parse::inputs::{CommentAccess, InputError, WriteAccess};
use registry::RegistryWriter;
use render::{HookCaller, PreviewRemover, RenderWriter};

/// Every client that writes to the world. A dry run has none, nor has a command that only reads.
pub(crate) struct Writers<'a> {
    /// For GitHub, where its API is known.
    pub(crate) github: Option<GitHubWriters<'a>>,
    pub(crate) registry: RegistryWriter,
    pub(crate) hooks: HookCaller,
    /// For Render's API, where there is a key for it.
    pub(crate) render: Option<RenderWriters>,
}

/// The clients that write to GitHub.
pub(crate) struct GitHubWriters<'a> {
    pub(crate) records: RecordWriter<'a>,
    pub(crate) previews: PreviewWriter<'a>,
    pub(crate) tags: TagWriter<'a>,
    pub(crate) packages: PackageWriter<'a>,
}

/// The clients that write to Render's API.
pub(crate) struct RenderWriters {
    pub(crate) deploys: RenderWriter,
    pub(crate) remover: PreviewRemover,
}

impl<'a> Writers<'a> {
    /// Makes them all. The permission is used up.
    pub(crate) fn new(access: WriteAccess, context: &'a Context) -> Self {
        let clients = &context.clients;
        let access = &access;
        let github = clients.history.github().map(|github| GitHubWriters {
            records: RecordWriter::new(access, github),
            previews: PreviewWriter::new(access, github),
            tags: TagWriter::new(access, github),
            packages: PackageWriter::new(access, github),
        });
        let request = &context.request;
        let origin = &request.render_api_url;
        let render = request.render_api_key.as_ref().map(|key| RenderWriters {
            deploys: RenderWriter::new(access, clients.http.clone(), origin, key.clone()),
            remover: PreviewRemover::new(access, clients.http.clone(), origin, key.clone()),
        });
        Self {
            github,
            registry: RegistryWriter::new(access, clients.http.clone(), clients.credentials()),
            hooks: HookCaller::new(access, clients.http.clone()),
            render,
        }
    }
}

impl<'a> Writers<'a> {
    /// The clients that write to GitHub.
    ///
    /// # Errors
    /// GitHub's API is not known.
    pub(crate) fn github(&self) -> Result<&GitHubWriters<'a>, Failure> {
        let needed = || InputError::of("github-token", "without it nothing is written to GitHub");
        Ok(self.github.as_ref().ok_or_else(needed)?)
    }

    /// The clients that write to Render's API.
    ///
    /// # Errors
    /// There is no key for it.
    pub(crate) fn render(&self) -> Result<&RenderWriters, Failure> {
        let needed = || InputError::of("render-api-key", "without it nothing is written to Render");
        Ok(self.render.as_ref().ok_or_else(needed)?)
    }
}

/// The client that writes the comment of a pull request, where GitHub's API is known. It is apart from the others: it deploys nothing.
pub(crate) fn comment_writer(
    access: CommentAccess,
    context: &Context,
) -> Option<CommentWriter<'_>> {
    let github = context.clients.history.github()?;
    Some(CommentWriter::new(&access, github))
}

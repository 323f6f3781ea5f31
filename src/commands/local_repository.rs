//! What `check` and `init` look at: a repository on this machine. No event, no token, no network.
//!
//! On a laptop people edit files and want to know before they commit, so contents come from the work tree there. In a workflow they come
//! from the commit that is checked out, which no earlier step can have edited.

use crate::failure::Failure;
use crate::runner::{RunnerEnvironment, Workspace};
use git::{Checkout, Trust};
use model::{CommitSha, FileAt, Slug, Untrusted};
use parse::inputs::InputError;
use parse::manifest::Home;
use std::collections::BTreeSet;

/// The largest file that is read: that of a manifest.
const LARGEST: usize = 1 << 20;
/// Where GitHub looks for workflows.
pub(crate) const WORKFLOWS: &str = ".github/workflows";

/// A repository on this machine.
pub(crate) struct LocalRepository {
    checkout: Checkout,
    workspace: Workspace,
    is_laptop: bool,
    /// The commit that is checked out; none before the first one.
    pub(crate) commit: Option<CommitSha>,
    pub(crate) slug: Slug,
    pub(crate) default_branch: String,
}

impl LocalRepository {
    /// Opens the repository that we are in.
    pub(crate) fn open(env: &RunnerEnvironment) -> Result<Self, Failure> {
        let is_laptop = !env.on_runner && env.event_name.is_none();
        let trust = if is_laptop {
            Trust::OnLaptop
        } else {
            Trust::OnRunner
        };
        let absent =
            |why: String| Failure::NoManifest(format!("there is no checkout to look at: {why}"));
        let opened =
            Checkout::open(&env.workspace, trust).map_err(|error| absent(error.to_string()))?;
        let checkout = opened.ok_or_else(|| absent("no git repository here".into()))?;
        let root = if is_laptop {
            checkout.root()
        } else {
            Some(env.workspace.clone())
        };
        let root = root.ok_or_else(|| absent("a bare repository".into()))?;
        let slug = match env.repository.clone().or_else(|| checkout.origin()) {
            Some(text) => Slug::parse(&text)
                .map_err(|error| InputError::of("GITHUB_REPOSITORY", error.to_string()))?,
            // Nobody has to have pushed anything: the names only fill {owner} and {repo} in.
            None => Slug::parse("owner/repo")?,
        };
        let head = checkout.head();
        let branch = head.as_ref().and_then(|(name, _)| {
            name.as_deref()?
                .strip_prefix("refs/heads/")
                .map(str::to_owned)
        });
        // On a branch of one's own the default branch is another.
        let default_branch = checkout
            .default_branch()
            .or(branch.filter(|_| is_laptop))
            .unwrap_or_else(|| "main".into());
        let commit = head.map(|(_, commit)| commit);
        Ok(Self {
            checkout,
            workspace: Workspace::new(root),
            is_laptop,
            commit,
            slug,
            default_branch,
        })
    }

    pub(crate) fn home(&self) -> Home<'_> {
        Home {
            owner: self.slug.owner(),
            repo: self.slug.repo(),
            default_branch: &self.default_branch,
        }
    }

    pub(crate) const fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The content of a file; `None` when it is not there. What cannot be read says why.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let shown = Untrusted(path.as_bytes());
        if self.is_laptop {
            return match self.workspace.has(path) {
                false => Ok(None),
                true => self
                    .workspace
                    .read(path, LARGEST as u64)
                    .map(Some)
                    .map_err(|error| error.to_string()),
            };
        }
        let Some(commit) = &self.commit else {
            return Ok(None);
        };
        match self
            .checkout
            .file_at(commit, path, LARGEST)
            .map_err(|error| error.to_string())?
        {
            FileAt::File(bytes) => Ok(Some(bytes)),
            FileAt::Absent => Ok(None),
            FileAt::NotAFile(what) => Err(format!("{shown} is {what}, not a file")),
            FileAt::TooLarge(bytes) => Err(format!("{shown} has {bytes} bytes")),
            FileAt::CommitMissing => Err(format!("commit {commit} is not in the checkout")),
        }
    }

    /// Every path of the commit, sorted; `None` where there is no commit, or not all of it is here.
    pub(crate) fn tracked(&self) -> Result<Option<Vec<Vec<u8>>>, String> {
        let Some(commit) = &self.commit else {
            return Ok(None);
        };
        self.checkout
            .paths_of(commit)
            .map_err(|error| error.to_string())
    }

    /// The workflow files: those of the commit, and on a laptop those that lie there.
    pub(crate) fn workflows(&self, tracked: Option<&[Vec<u8>]>) -> Vec<String> {
        let mut found = BTreeSet::new();
        let in_commit = tracked
            .unwrap_or_default()
            .iter()
            .filter_map(|path| std::str::from_utf8(path).ok());
        found.extend(
            in_commit
                .filter(|path| is_workflow(path))
                .map(str::to_owned),
        );
        if self.is_laptop {
            let lying = self
                .workspace
                .names_in(WORKFLOWS)
                .into_iter()
                .map(|name| format!("{WORKFLOWS}/{name}"));
            found.extend(lying.filter(|path| is_workflow(path)));
        }
        found.into_iter().collect()
    }
}

/// GitHub reads the files of this directory, and of none below it.
fn is_workflow(path: &str) -> bool {
    let name = path
        .strip_prefix(WORKFLOWS)
        .and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        !name.contains('/') && (name.ends_with(".yml") || name.ends_with(".yaml"))
    })
}

//! Revisions on the command line: `--sha` and `--base` take what git's own commands take.

use crate::failure::Failure;
use crate::runner::{Arguments, RunnerEnvironment};
use git::{Checkout, Trust};
use model::CommitName;
use parse::inputs::InputError;

/// The flags that name a commit.
const FLAGS: [&str; 2] = ["sha", "base"];

/// Replaces each revision by its commit. What reads as a SHA stays as it is: it may be one that the checkout does not have.
///
/// # Errors
/// Every revision that git does not know, and why.
pub(crate) fn resolve_revisions(
    arguments: &mut Arguments,
    env: &RunnerEnvironment,
) -> Result<(), Failure> {
    let mut errors = Vec::new();
    for flag in FLAGS {
        let revision = match arguments.get(flag) {
            Some(text) if !text.is_empty() && CommitName::parse(text.as_bytes()).is_err() => {
                text.to_owned()
            }
            Some(_) | None => continue,
        };
        match commit(&revision, env) {
            Ok(commit) => arguments.replace(flag, commit),
            Err(why) => errors.push(InputError::of(flag, why)),
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Inputs(errors))
    }
}

fn commit(revision: &str, env: &RunnerEnvironment) -> Result<String, String> {
    let trust = if env.is_laptop() {
        Trust::OnLaptop
    } else {
        Trust::OnRunner
    };
    let advice = "wanted a SHA of 7 to 40 digits, a branch, a tag, or a revision like HEAD~1";
    let opened = Checkout::open(&env.workspace, trust).map_err(|error| error.to_string())?;
    let Some(checkout) = opened else {
        return Err(format!(
            "there is no git repository here to look a revision up in; {advice}"
        ));
    };
    checkout
        .commit_named(revision)
        .map(|commit| commit.to_string())
        .map_err(|why| format!("{why}; {advice}"))
}

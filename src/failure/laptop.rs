//! What to do about a failure on a person's own machine, where there is no job, no workflow and no `with:` block.

use super::{EMPTY_LINE, Failure};
use parse::inputs::{INPUTS, InputError};

const ORIGIN: &str = "Run this in a clone whose remote origin is on GitHub, or set the variable GITHUB_REPOSITORY to owner/repo.";
const GITHUB: &str = "Let GitHub be asked: write a token to a file and add --github-token @FILE.";

impl Failure {
    /// What to do about it on a laptop; `None` where that is what [`Failure::hint`] says.
    #[must_use]
    pub fn hint_on_laptop(&self, has_token: bool) -> Option<String> {
        let hint = match self {
            Self::Inputs(errors) => return Some(of_inputs(errors)),
            Self::Value(_) => "Correct the flag.",
            Self::NoManifest(_) => {
                "Run this in your clone. ghcr-to-render init writes a manifest; --manifest names one that is elsewhere."
            }
            Self::Choice(_) => "Name one environment with --environment.",
            Self::Plan(_) => "Correct --services.",
            Self::NotReachable(_) => "Name a commit of the environment's branch with --sha.",
            Self::ImageMissing(_) => {
                "Check that the build pushed this tag, and wait for longer with --image-timeout."
            }
            Self::NoRegistryPassword => {
                "Add --registry-password @FILE, or remove --registry-username."
            }
            Self::HookMissing(hooks) if hooks.iter().any(|(_, why)| why == EMPTY_LINE) => {
                "Write the URL of the deploy hook behind the = in that line."
            }
            Self::HookMissing(_) => {
                "Write one service=URL per line to a file and add --deploy-hooks @FILE, or set the variable of that name."
            }
            Self::OrderUnknown(_) | Self::History(_) | Self::Back(_) if !has_token => GITHUB,
            Self::File(_) | Self::Event(_) | Self::WrongEvent(_) | Self::Manifest { .. } => {
                return None;
            }
            Self::Release(_)
            | Self::Tag(_)
            | Self::OrderUnknown(_)
            | Self::History(_)
            | Self::Back(_)
            | Self::GoingBack(_)
            | Self::Transport(_) => return None,
            Self::ImageOtherTag { .. }
            | Self::Registry(..)
            | Self::Image(..)
            | Self::Package(..)
            | Self::NotAdmin(_)
            | Self::TagsChanged(..)
            | Self::ReleaseTaken(_)
            | Self::Promotion { .. }
            | Self::Moves { .. } => return None,
            Self::NoApiKey(_)
            | Self::NoApiKeyForPreviews(_)
            | Self::ProbeNeedsCommit(_)
            | Self::Render(..)
            | Self::Preflight(_)
            | Self::Required(..)
            | Self::HookMalformed(_)
            | Self::HooksConfused(_) => return None,
        };
        Some(hint.to_owned())
    }
}

fn of_inputs(errors: &[InputError]) -> String {
    let Some(first) = errors.first() else {
        return "Correct the flag.".to_owned();
    };
    let name = first.input();
    match INPUTS.iter().find(|input| input.name == name) {
        Some(input) if input.is_secret => {
            format!("Write it to a file and add --{name} @FILE.")
        }
        Some(_) => format!("Correct --{name}."),
        None => ORIGIN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_laptop_is_told_of_flags_and_never_of_a_job() {
        let of = |input| Failure::from(InputError::of(input, "x")).hint_on_laptop(true);
        assert_eq!(of("sha").as_deref(), Some("Correct --sha."));
        let token = of("github-token").unwrap_or_default();
        assert!(token.contains("--github-token @FILE"), "{token}");
        assert_eq!(of("GITHUB_REPOSITORY").as_deref(), Some(ORIGIN));
        let order = Failure::OrderUnknown("x".to_owned());
        assert_eq!(order.hint_on_laptop(false).as_deref(), Some(GITHUB));
        assert_eq!(order.hint_on_laptop(true), None);
    }
}

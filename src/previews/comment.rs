//! The one comment that a `deploy` keeps on its pull request, where the workflow asks for it. Nothing that goes wrong with it is a failure.

use crate::context::Context;
use crate::domain::{PrNumber, Trigger};
use crate::failure::Failure;
use crate::github::{CommentWriter, GitHub, GitHubError, IfAbsent, Kept};
use crate::intake::inputs::{Command, Commenting, Writes};
use crate::report::{About, cleaned, comment};

/// Sees to it that the comment of a closed pull request, if there is one, says whether anything of it is left. None is made for that.
pub(crate) async fn clean(context: &Context, github: &GitHub, number: PrNumber, stays: usize) {
    if context.request.commenting != Commenting::On || context.request.writes == Writes::Withheld {
        return;
    }
    let text = cleaned(stays, context.run_page().as_ref());
    match CommentWriter::new(github)
        .keep(number, &text, IfAbsent::Leave)
        .await
    {
        Ok(Kept::Edited) => context
            .log
            .say(&format!("The comment on pull request {number} was edited.")),
        Ok(Kept::Made | Kept::Unchanged | Kept::Absent | Kept::TooMany) => {}
        Err(error) => {
            let is_denied = matches!(error, GitHubError::Denied { .. });
            let hint = if is_denied {
                "; give the job pull-requests: write"
            } else {
                ""
            };
            context.warn(
                "The comment is as it was",
                &format!("the comment was not edited ({error}){hint}"),
            );
        }
    }
}

/// Sees to it that the comment says what happened. A fork's pull request, or Dependabot's, has a token that may not write, and no comment.
pub(crate) async fn keep(context: &Context, failure: Option<&Failure>) {
    let Trigger::PullRequest(pull) = &context.trigger else {
        return;
    };
    let is_asked =
        context.request.commenting == Commenting::On && context.request.command == Command::Deploy;
    if !is_asked || pull.from_fork || pull.by_dependabot {
        return;
    }
    let text = {
        let report = context.progress.borrow();
        let about = About {
            commit: pull.head,
            page: context.run_page(),
            failure: failure.map(|failure| (failure.outcome(), failure.word())),
        };
        comment(&report, &about)
    };
    let Some(github) = context
        .history
        .github()
        .filter(|_| context.request.github_token.is_some())
    else {
        context.warn(
            "There is no comment",
            "comment is true, and there is no github-token to write it with",
        );
        return;
    };
    if context.request.writes == Writes::Withheld {
        context
            .log
            .say("Would keep the comment on the pull request (dry run).");
        return;
    }
    match CommentWriter::new(github)
        .keep(pull.number, &text, IfAbsent::Make)
        .await
    {
        Ok(Kept::Made) => context
            .log
            .say(&format!("Commented on pull request {}.", pull.number)),
        Ok(Kept::Edited) => context.log.say(&format!(
            "The comment on pull request {} was edited.",
            pull.number
        )),
        Ok(Kept::Unchanged | Kept::Absent) => {}
        Ok(Kept::TooMany) => {
            context.warn(
                "There is no comment",
                "the pull request has more comments than are read, so none was written",
            );
        }
        Err(error) => {
            let is_denied = matches!(error, GitHubError::Denied { .. });
            let hint = if is_denied {
                "; give the job pull-requests: write"
            } else {
                ""
            };
            context.warn(
                "There is no comment",
                &format!("the comment was not written ({error}){hint}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CommitSha, Outcome};
    use crate::report::RunReport;

    #[test]
    fn the_comment_that_is_written_is_the_one_that_is_looked_for() {
        let about = About {
            commit: CommitSha::from_bytes([1; 20]),
            page: None,
            failure: None,
        };
        let text = comment(&RunReport::new(Outcome::Nothing, ""), &about);
        assert!(text.starts_with(crate::github::MARK), "{text}");
    }
}

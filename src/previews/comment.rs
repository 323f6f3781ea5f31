//! The one comment that a `deploy` keeps on its pull request, where the workflow asks for it. Nothing that goes wrong with it is a failure.

use super::shown;
use crate::context::{CommandOutcome, Context, Stop};
use crate::domain::{FailureWord, Outcome, PrNumber, PullRequest, Trigger};
use crate::github::{CommentKind, CommentWriter, GitHubError, IfAbsent, Kept};
use crate::intake::inputs::Commenting;
use crate::report::{About, Left, RunReport, cleaned, comment};

/// Makes the comment of a closed pull request, if there is one, say whether anything of it is left. None is made for that.
pub(crate) async fn clean(
    context: &Context,
    writer: Option<&CommentWriter<'_>>,
    number: PrNumber,
    left: &Left,
) {
    let Some(writer) = writer else {
        return;
    };
    let text = cleaned(left, context.run_page().as_ref());
    let kept = writer
        .keep(number, CommentKind::Result, &text, IfAbsent::Leave)
        .await;
    match kept {
        Ok(Kept::Edited) => context
            .log
            .say(&format!("The comment on pull request {number} was edited.")),
        Ok(Kept::Made | Kept::Unchanged | Kept::Absent | Kept::TooMany) => {}
        Err(error) => {
            let hint = hint(&error);
            context.warn(
                "The comment is as it was",
                &format!("the comment was not edited ({error}){hint}"),
            );
        }
    }
}

/// Makes the comment say what happened. A fork's pull request, or Dependabot's, has a token that may not write, and no comment.
pub(crate) async fn keep(
    context: &Context,
    writer: Option<&CommentWriter<'_>>,
    result: &Result<CommandOutcome, Stop>,
) {
    let Some(pull) = wanted(context) else {
        return;
    };
    let Some(writer) = writer else {
        context
            .log
            .say("Would keep the comment on the pull request (dry run).");
        return;
    };
    let (report, failure) = reported(context, result);
    let about = About {
        commit: pull.head,
        page: context.run_page(),
        failure,
    };
    let number = pull.number;
    let text = comment(&report, &shown::of(context, pull).await, &about);
    let kind = CommentKind::Result;
    let kept = writer.keep(number, kind, &text, IfAbsent::Make).await;
    // Another job may have changed a preview, and written its comment, between our look and our comment.
    let again = match kept {
        Ok(Kept::Made | Kept::Edited) => comment(&report, &shown::of(context, pull).await, &about),
        Ok(Kept::Unchanged | Kept::Absent | Kept::TooMany) | Err(_) => text.clone(),
    };
    let kept = if again == text {
        kept
    } else {
        writer.keep(number, kind, &again, IfAbsent::Leave).await
    };
    say(context, number, kept);
}

/// The pull request that is to have a comment. A fork's, or Dependabot's, has none: its token may not write.
pub(crate) fn wanted(context: &Context) -> Option<&PullRequest> {
    let Trigger::PullRequest(pull) = &context.trigger else {
        return None;
    };
    if context.request.commenting == Commenting::Off {
        return None;
    }
    let stranger = match (pull.from_fork, pull.by_dependabot) {
        (true, _) => Some("it comes from a fork"),
        (false, true) => Some("it is Dependabot's"),
        (false, false) => None,
    };
    if let Some(stranger) = stranger {
        let number = pull.number;
        context.log.say(&format!(
            "Pull request {number} gets no comment: {stranger}, so the token of its workflow cannot write one."
        ));
        return None;
    }
    if context.github_with_token().is_none() {
        context.warn(
            "There is no comment",
            "comment is true, and there is no github-token to write it with",
        );
        return None;
    }
    Some(pull)
}

/// Says what became of a comment.
pub(crate) fn say(context: &Context, number: PrNumber, kept: Result<Kept, GitHubError>) {
    match kept {
        Ok(Kept::Made) => context
            .log
            .say(&format!("Commented on pull request {number}.")),
        Ok(Kept::Edited) => context
            .log
            .say(&format!("The comment on pull request {number} was edited.")),
        Ok(Kept::Unchanged | Kept::Absent) => {}
        Ok(Kept::TooMany) => {
            context.warn(
                "There is no comment",
                "the pull request has more comments than are read, so none was written",
            );
        }
        Err(error) => {
            let hint = hint(&error);
            context.warn(
                "There is no comment",
                &format!("the comment was not written ({error}){hint}"),
            );
        }
    }
}

/// What is reported of a run that ends like this, and why it failed.
fn reported(
    context: &Context,
    result: &Result<CommandOutcome, Stop>,
) -> (RunReport, Option<(Outcome, FailureWord)>) {
    let mut report = context.progress.report();
    match result {
        Ok(outcome) => outcome.complete(&mut report),
        Err(Stop::Early(outcome)) => outcome.complete(&mut report),
        Err(Stop::Failed(failure)) => return (report, Some((failure.outcome(), failure.word()))),
    }
    (report, None)
}

fn hint(error: &GitHubError) -> &'static str {
    if matches!(error, GitHubError::Denied { .. }) {
        "; give the job pull-requests: write"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CommitSha;
    use crate::report::Shown;

    #[test]
    fn the_comment_that_is_written_is_the_one_that_is_looked_for() {
        let about = About {
            commit: CommitSha::from_bytes([1; 20]),
            page: None,
            failure: None,
        };
        let report = RunReport::new(Outcome::Nothing, "");
        let text = comment(&report, &Shown::Unknown, &about);
        assert!(text.starts_with(CommentKind::Result.mark()), "{text}");
    }
}

//! The one comment that a `deploy` keeps on its pull request, where the workflow asks for it. Nothing that goes wrong with it is a failure.

use super::shown;
use crate::context::{CommandOutcome, Context, Stop};
use github::{CommentKind, CommentResult, CommentWriter, GitHubError, IfAbsent};
use model::{FailureWord, Outcome, PrNumber, PullRequest, Trigger};
use parse::inputs::Commenting;
use report::documents::Documents;
use report::{CommentSubject, Left, Links, RunReport, cleaned, comment};

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
    let body = |_: &[&str]| text.clone();
    let kept = writer
        .keep(number, CommentKind::Result, &body, IfAbsent::Leave)
        .await;
    match kept {
        Ok(CommentResult::Edited) => context
            .log
            .say(&format!("The comment on pull request {number} was edited.")),
        Ok(
            CommentResult::Made
            | CommentResult::Unchanged
            | CommentResult::Absent
            | CommentResult::TooMany,
        ) => {}
        Err(error) => {
            let hint = hint(&error);
            context.warn(
                "The comment was not changed",
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
    let services = context.request.services.iter().flatten();
    let about = CommentSubject {
        commit: pull.head,
        head: None,
        services: services.cloned().collect(),
        page: context.run_page(),
        failure,
        links: links(context),
    };
    let number = pull.number;
    let write = async |if_absent| {
        let shown = shown::of(context, pull).await;
        let head = shown::head(context, pull, &shown).await;
        let about = CommentSubject {
            head,
            ..about.clone()
        };
        let body = |bodies: &[&str]| comment(&report, &shown, &about, bodies);
        let kind = CommentKind::Result;
        writer.keep(number, kind, &body, if_absent).await
    };
    let mut kept = write(IfAbsent::Make).await;
    // Another job may have changed a preview, or written a comment beside ours, between our look and our comment.
    if matches!(kept, Ok(CommentResult::Made | CommentResult::Edited))
        && let Err(error) = write(IfAbsent::Leave).await
    {
        kept = Err(error);
    }
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
pub(crate) fn say(context: &Context, number: PrNumber, kept: Result<CommentResult, GitHubError>) {
    match kept {
        Ok(CommentResult::Made) => context
            .log
            .say(&format!("Commented on pull request {number}.")),
        Ok(CommentResult::Edited) => context
            .log
            .say(&format!("The comment on pull request {number} was edited.")),
        Ok(CommentResult::Unchanged | CommentResult::Absent) => {}
        Ok(CommentResult::TooMany) => {
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

/// Where commits and failure words lead.
fn links(context: &Context) -> Links {
    let env = &context.env;
    let documents = Documents::of(
        env.server_url.as_deref(),
        env.action_repository.as_deref(),
        env.action_ref.as_deref(),
    );
    let repository = context.slug.to_string();
    Links::of(env.server_url.as_deref(), Some(&repository), documents)
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
    use model::CommitSha;
    use report::CommentContent;

    #[test]
    fn the_comment_that_is_written_is_the_one_that_is_looked_for() {
        let about = CommentSubject {
            commit: CommitSha::from_bytes([1; 20]),
            head: None,
            services: Default::default(),
            page: None,
            failure: None,
            links: Links::default(),
        };
        let report = RunReport::new(Outcome::Nothing, "");
        let text = comment(&report, &CommentContent::Unknown, &about, &[]);
        assert!(text.starts_with(CommentKind::Result.mark()), "{text}");
    }
}

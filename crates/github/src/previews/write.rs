//! Writing the record of previews: an intent before Render is asked for anything, the preview's id once it is known, and the end.

use super::super::deployments::{NewDeployment, NewStatusWire, RunName, cut};
use super::super::{GitHub, GitHubError};
use super::environment_of;
use super::wire::{NOT_FOUND, PreviewPayloadWire};
use model::{PreviewIntent, PreviewName, ServiceId};
use parse::inputs::WriteAccess;
use url::Url;

/// The hand that writes records of previews. A run that may not write never holds one.
#[derive(Clone, Copy)]
pub struct PreviewWriter<'a>(&'a GitHub);

/// How a deploy to a preview ended. What nobody knows has not ended: its record stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewEnd {
    /// It was seen live.
    Live,
    /// Render took it, and more was not waited for.
    Accepted,
    /// Render ended it.
    Failed,
    /// Render was asked for nothing, or refused it.
    NotSent,
}

/// The end of a deploy to a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewEnding {
    /// How it ended.
    pub how: PreviewEnd,
    /// The preview's id, where there is one.
    pub id: Option<ServiceId>,
    /// Where the preview is.
    pub environment_url: Option<Url>,
    /// Where one can read more.
    pub log_url: Option<Url>,
}

impl PreviewEnd {
    /// Every way to end.
    pub const ALL: &[Self] = &[Self::Live, Self::Accepted, Self::Failed, Self::NotSent];

    /// GitHub's word for it, and ours.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Live => ("success", "live"),
            Self::Accepted => ("success", "accepted"),
            Self::Failed => ("failure", "failed"),
            Self::NotSent => ("error", "not sent"),
        }
    }
}

impl<'a> PreviewWriter<'a> {
    /// The hand for the repository of `github`.
    #[must_use]
    pub const fn new(_access: &WriteAccess, github: &'a GitHub) -> Self {
        Self(github)
    }

    /// Writes an intent and gives its number. It is asked again where no answer came: an intent that is there twice says nothing else.
    ///
    /// # Errors
    /// [`GitHubError`]. There may be an intent even then, where no answer came.
    pub async fn begin(&self, intent: &PreviewIntent, run: &RunName) -> Result<u64, GitHubError> {
        let name = PreviewName::new(&intent.service, intent.pull);
        let what = format!("the record of preview {name}");
        let verb = if intent.id.is_some() {
            "deploy"
        } else {
            "make"
        };
        let begun = NewDeployment {
            commit: intent.commit.to_string(),
            environment: environment_of(&intent.service),
            description: format!(
                "{verb} {name} of {} as {}",
                intent.commit.short(10),
                intent.image
            ),
            payload: PreviewPayloadWire::new(intent, run),
            is_transient: true,
        };
        self.0.make_deployment(&what, begun).await
    }

    /// Writes down that the preview was made, and which it is: from here on it can be found even if this run is cut off.
    ///
    /// # Errors
    /// [`GitHubError`]. The preview can then still be found by its name.
    pub async fn made(&self, number: u64, id: &ServiceId) -> Result<(), GitHubError> {
        self.say(number, "in_progress", format!("made: {id}"), None, None)
            .await
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`GitHubError`]. The record then stays open, unless only the answer was lost.
    pub async fn end(&self, number: u64, ending: &PreviewEnding) -> Result<(), GitHubError> {
        let (state, word) = ending.how.words();
        let id = ending
            .id
            .as_ref()
            .map(|id| format!(": {id}"))
            .unwrap_or_default();
        let (url, log) = (ending.environment_url.as_ref(), ending.log_url.as_ref());
        self.say(number, state, format!("{word}{id}"), url, log)
            .await
    }

    /// Writes down that a clean-up looked for the preview and found none. The record stays open: the run that wrote it may be about to make the preview.
    ///
    /// # Errors
    /// [`GitHubError`]. The next clean-up then looks as if none had before.
    pub async fn not_found(&self, number: u64, name: &PreviewName) -> Result<(), GitHubError> {
        let description = format!("{NOT_FOUND}{name}");
        self.say(number, "in_progress", description, None, None)
            .await
    }

    /// Sets a record aside: its preview is gone, or a later record tells of it. GitHub then shows it as destroyed.
    ///
    /// # Errors
    /// [`GitHubError`]. The record then stays as it is.
    pub async fn set_aside(&self, number: u64, why: &str) -> Result<(), GitHubError> {
        self.say(number, "inactive", why.to_owned(), None, None)
            .await
    }

    async fn say(
        &self,
        number: u64,
        state: &'static str,
        description: String,
        environment_url: Option<&Url>,
        log_url: Option<&Url>,
    ) -> Result<(), GitHubError> {
        let wire = NewStatusWire {
            state,
            description: cut(&description),
            environment_url: environment_url.map(Url::as_str),
            log_url: log_url.map(Url::as_str),
            auto_inactive: false,
        };
        self.0
            .add_status(
                number,
                &format!("the state of preview record {number}"),
                &wire,
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ExpectedRequest, Server, exchange};
    use super::super::testing::{id, intent, run};
    use super::*;
    use serde_json::{Value, json};

    const BELOW: &str = "/api/v3/repos/acme/shop/deployments";

    async fn with<T>(
        script: Vec<ExpectedRequest>,
        act: impl AsyncFnOnce(PreviewWriter<'_>) -> T,
    ) -> T {
        let server = Server::start(script);
        let github = server.github();
        let answer = act(PreviewWriter::new(&WriteAccess::for_tests(), &github)).await;
        server.finish();
        answer
    }

    fn status(wanted: &Value) -> ExpectedRequest {
        exchange(&format!("{BELOW}/5/statuses"), 201, &[], "{}").posting("", wanted)
    }

    #[tokio::test]
    async fn an_intent_is_transient_and_merges_nothing() {
        for (own, verb) in [(None, "make"), (Some("srv-own"), "deploy")] {
            let intent = intent(own);
            let wanted = json!({
                "ref": "11".repeat(20),
                "task": "ghcr-to-render",
                "environment": "preview/api",
                "description": format!("{verb} api-pr-7 of 1111111111 as {}", intent.image),
                "payload": PreviewPayloadWire::new(&intent, &run()),
                "auto_merge": false,
                "required_contexts": [],
                "transient_environment": true,
                "production_environment": false,
            });
            let answer = exchange(BELOW, 201, &[], r#"{"id":5}"#).posting("", &wanted);
            assert_eq!(
                with(vec![answer], async |hand| hand.begin(&intent, &run()).await).await,
                Ok(5)
            );
        }
    }

    #[tokio::test]
    async fn each_state_says_which_preview_it_is_about() {
        let made = status(
            &json!({"state": "in_progress", "description": "made: srv-own", "auto_inactive": false}),
        );
        assert_eq!(
            with(vec![made], async |hand| hand.made(5, &id("srv-own")).await).await,
            Ok(())
        );
        let aside =
            status(&json!({"state": "inactive", "description": "removed", "auto_inactive": false}));
        assert_eq!(
            with(vec![aside], async |hand| hand.set_aside(5, "removed").await).await,
            Ok(())
        );
        let states = ["success", "success", "failure", "error"];
        let words = ["live", "accepted", "failed", "not sent"];
        for ((how, state), word) in PreviewEnd::ALL.iter().zip(states).zip(words) {
            let wanted = json!({"state": state, "description": format!("{word}: srv-own"),
                "environment_url": "https://api-pr-7.onrender.com/", "auto_inactive": false});
            let ending = PreviewEnding {
                how: *how,
                id: Some(id("srv-own")),
                environment_url: Url::parse("https://api-pr-7.onrender.com").ok(),
                log_url: None,
            };
            assert_eq!(
                with(vec![status(&wanted)], async |hand| hand
                    .end(5, &ending)
                    .await)
                .await,
                Ok(())
            );
        }
    }

    #[tokio::test]
    async fn the_permission_to_write_is_named() {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        let denied = exchange(BELOW, 403, &[], body).posting("/environment", &json!("preview/api"));
        let failure = with(vec![denied], async |hand| {
            hand.begin(&intent(None), &run()).await
        })
        .await
        .unwrap_err();
        assert!(
            failure
                .to_string()
                .contains("the record of preview api-pr-7: it needs deployments: write"),
            "{failure}"
        );
    }
}

//! After Render: the service itself says which commit it runs.

use super::attempt::{Attempt, AttemptResult};
use crate::context::Stage;
use crate::probe::ProbeRequest;
use decide::{AttemptOutcome, ProbeVerdict, Streak};
use http_client::{Deadline, within};
use model::{AttemptKind, Untrusted};

/// How asking a service ended.
enum ProbeResult {
    Confirmed,
    /// Its time is over; what it said last.
    Late(String),
    /// A rollback was begun.
    Preempted(String),
}

impl Attempt<'_> {
    /// Asks the service about itself where the deploy is live, or accepted and nobody else can tell, and says what that makes of it.
    pub(super) async fn confirm(&self, result: AttemptResult) -> AttemptResult {
        let Some(probe) = &self.request.probe else {
            return result;
        };
        // What was put back is asked nothing: one failure puts back once.
        if self.request.intent.kind == AttemptKind::Restore {
            return result;
        }
        let is_live = result.landing == AttemptOutcome::Live;
        if !is_live && result.landing != AttemptOutcome::Accepted {
            return result;
        }
        self.advance(Stage::Probing(result.deploy.clone(), is_live));
        match self.asked(probe).await {
            ProbeResult::Confirmed if is_live || probe.names_the_image() => {
                let text = result
                    .text
                    .unwrap_or_else(|| "its address answers with the new version".into());
                AttemptResult::at(AttemptOutcome::Live, result.deploy.as_ref()).saying(text, "")
            }
            ProbeResult::Confirmed => result,
            ProbeResult::Preempted(why) => {
                let landing = AttemptOutcome::Preempted(result.landing.ending().record);
                AttemptResult { landing, ..result }.saying(why, "")
            }
            ProbeResult::Late(last) => {
                let landing = if is_live {
                    AttemptOutcome::LiveUnanswered
                } else {
                    AttemptOutcome::AcceptedUnanswered
                };
                AttemptResult { landing, ..result }.saying(
                    format!(
                        "its address did not answer {} within {} s. Last answer: {last}",
                        probe.expected(),
                        probe.timeout().as_secs()
                    ),
                    hint(probe, is_live),
                )
            }
        }
    }

    async fn asked(&self, probe: &ProbeRequest) -> ProbeResult {
        let log = &self.rollout.context.log;
        let (name, address) = (self.service.as_str(), probe.address());
        self.say(&format!("asking {address} for {}", probe.expected()));
        log.waits_for(name, &format!("{address} to answer"));
        let deadline = Deadline::after(probe.timeout());
        let (mut streak, mut last) = (Streak::new(probe.times()), String::new());
        loop {
            let question = probe.ask(&self.rollout.context.clients.probes, streak.has_begun());
            let answer = within(deadline.left(), question).await;
            if let Some(why) = self.rollout.preempted() {
                return ProbeResult::Preempted(why);
            }
            let Some(answer) = answer else {
                let last = if last.is_empty() {
                    "no answer".into()
                } else {
                    last
                };
                return ProbeResult::Late(last);
            };
            let (said, now, detail) = match answer {
                Ok((said, text)) => (Some(said), said.told(), self.piece_of(said, &text)),
                Err(error) => (None, error.to_string(), String::new()),
            };
            if now != last {
                self.say(&format!("{address}: {now}{detail}"));
                last = now;
            }
            if streak.count(said) {
                return ProbeResult::Confirmed;
            }
        }
    }

    /// The beginning of a wrong answer, for the log alone. One that holds a secret is not shown.
    fn piece_of(&self, said: ProbeVerdict, text: &[u8]) -> String {
        if said == ProbeVerdict::Right || text.is_empty() {
            return String::new();
        }
        if self
            .rollout
            .context
            .log
            .holds_secret(&String::from_utf8_lossy(text))
        {
            return " (not shown: it holds a secret)".into();
        }
        format!(" ({})", Untrusted(text))
    }
}

fn hint(probe: &ProbeRequest, is_live: bool) -> String {
    let next = if is_live {
        "Render says that it is live: see what its address answers, or run this again to ask again"
    } else {
        "Look at the service's deploys on Render; the next run deploys it again"
    };
    format!(
        "{next} (probe.timeout is {} s, docs/probes.md).",
        probe.timeout().as_secs()
    )
}

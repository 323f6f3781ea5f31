//! The hand that reads Render's API.
//!
//! Every question only reads, so it is asked again while Render limits requests, is down or does not answer, for as long as our
//! patience lasts.

use super::desk::ApiClient;
use super::pace::Pace;
use super::wire::{self, DeployEntry, EventEntry, ServiceEntry, WireDeploy, WireService};
use super::{Explanation, RenderError, Repeatable, ServiceFacts};
use http::Method;
use http_client::{Client, Deadline, HttpResponse, RetryStep, retry, sleep};
use model::{Deploy, DeployId, DeployStatus, RenderOrigin, Secret, ServiceId};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The largest answer that is read: a hundred events with their details.
const CAP: usize = 2 << 20;
/// How long one question may take, with every try.
const PATIENCE: Duration = Duration::from_secs(60);
/// The first and the longest pause between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(16));
/// How many deploys are asked for: a page as Render gives it by itself.
const DEPLOYS: usize = 20;
/// How many events are asked for, the most that Render gives at once. It gives those of the last hour, which is where the end of a
/// deploy is that has just ended.
const EVENTS: usize = 100;
/// How many services a page of their list has, the most that Render gives at once, and how many pages are read.
const SERVICES: (usize, usize) = (100, 50);

/// Render's API, read. Clones share one pace.
#[derive(Debug, Clone)]
pub struct RenderApi {
    desk: ApiClient,
    pace: Pace,
    pub(super) patience: Duration,
}

/// What a question is about: it says what "not found" means.
#[derive(Clone, Copy)]
enum QuestionSubject<'a> {
    Services,
    Service(&'a ServiceId),
    Deploy(&'a ServiceId, &'a DeployId),
}

impl QuestionSubject<'_> {
    /// What was asked for, for people.
    fn shown(&self) -> String {
        match self {
            Self::Services => "the list of services".to_owned(),
            Self::Service(service) => format!("service {service}"),
            Self::Deploy(service, deploy) => format!("deploy {deploy} of {service}"),
        }
    }
}

impl RenderApi {
    /// A reader of the API at this origin, with this key.
    #[must_use]
    pub fn new(client: Client, origin: &RenderOrigin, key: Secret) -> Self {
        Self {
            desk: ApiClient::new(client, origin, key),
            pace: Pace::new(),
            patience: PATIENCE,
        }
    }

    /// How a service is set up.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn service(&self, id: &ServiceId) -> Result<ServiceFacts, RenderError> {
        let wire: WireService = self
            .get(id.as_str(), QuestionSubject::Service(id), "a service")
            .await?;
        Ok(ServiceFacts::of(wire))
    }

    /// Every service that the key can see, previews included (<https://api-docs.render.com/reference/list-services>).
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn services(&self) -> Result<Vec<(ServiceId, ServiceFacts)>, RenderError> {
        const WHAT: &str = "the list of services";
        let (size, pages) = SERVICES;
        let (mut found, mut after) = (Vec::new(), String::new());
        for _ in 0..pages {
            let path = format!("?includePreviews=true&limit={size}{after}");
            let entries: Vec<ServiceEntry> =
                self.get(&path, QuestionSubject::Services, WHAT).await?;
            let is_last = entries.len() < size;
            let cursor = entries.last().and_then(|entry| entry.cursor.clone());
            for ServiceEntry { service, .. } in entries {
                let id = service
                    .id
                    .as_deref()
                    .and_then(|id| ServiceId::parse(id).ok());
                let facts = ServiceFacts::of(service);
                found.extend(id.map(|id| (id, facts)));
            }
            match cursor.filter(|_| !is_last) {
                Some(cursor) => after = format!("&cursor={}", escaped(&cursor)),
                None => return Ok(found),
            }
        }
        Err(RenderError::Unreadable {
            what: WHAT,
            why: format!("it has more than {} entries", size * pages),
        })
    }

    /// The live deploy and those in flight, newest first.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn deploys(&self, id: &ServiceId) -> Result<Vec<Deploy>, RenderError> {
        let counts = |status: DeployStatus| status.is_in_flight() || status == DeployStatus::Live;
        let words = DeployStatus::ALL
            .iter()
            .filter(|(_, status)| counts(*status));
        let filter: String = words.map(|(word, _)| format!("status={word}&")).collect();
        let found = self.list(id, &filter).await?;
        // Asked for, and looked at all the same: a filter that is not understood is left out without a word.
        Ok(found
            .into_iter()
            .filter(|deploy| counts(deploy.status))
            .collect())
    }

    /// The newest deploys of any status, newest first.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn newest(&self, id: &ServiceId) -> Result<Vec<Deploy>, RenderError> {
        self.list(id, "").await
    }

    /// One deploy.
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn deploy(&self, id: &ServiceId, deploy: &DeployId) -> Result<Deploy, RenderError> {
        let wire: WireDeploy = self
            .get(
                &format!("{id}/deploys/{deploy}"),
                QuestionSubject::Deploy(id, deploy),
                "a deploy",
            )
            .await?;
        wire.value().map_err(|why| RenderError::Unreadable {
            what: "a deploy",
            why,
        })
    }

    /// Why a deploy ended as it did, from the service's events. None where they do not tell (yet).
    ///
    /// # Errors
    /// [`RenderError`], after our patience where waiting may help.
    pub async fn explain(
        &self,
        id: &ServiceId,
        deploy: &DeployId,
    ) -> Result<Option<Explanation>, RenderError> {
        let path = format!("{id}/events?limit={EVENTS}");
        let entries: Vec<EventEntry> = self
            .get(&path, QuestionSubject::Service(id), "a service's events")
            .await?;
        let events: Vec<_> = entries.into_iter().map(|entry| entry.event).collect();
        Ok(Explanation::find(&events, deploy))
    }

    async fn list(&self, id: &ServiceId, filter: &str) -> Result<Vec<Deploy>, RenderError> {
        const WHAT: &str = "a service's deploys";
        let path = format!("{id}/deploys?{filter}limit={DEPLOYS}");
        let entries: Vec<DeployEntry> = self.get(&path, QuestionSubject::Service(id), WHAT).await?;
        let deploys: Result<_, _> = entries
            .into_iter()
            .map(|entry| entry.deploy.value())
            .collect();
        deploys.map_err(|why| RenderError::Unreadable { what: WHAT, why })
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        about: QuestionSubject<'_>,
        what: &'static str,
    ) -> Result<T, RenderError> {
        let deadline = Deadline::after(self.patience);
        let backoff = self.desk.backoff(PAUSES.0, PAUSES.1);
        let answer = retry(backoff, &deadline, async || {
            match self.once(path, about).await {
                Ok(answer) => RetryStep::Done(Ok(answer)),
                Err(error) => match error.repeatable() {
                    Repeatable::Safely(hint) => RetryStep::Again { error, hint },
                    Repeatable::Once | Repeatable::Never => RetryStep::Done(Err(error)),
                },
            }
        })
        .await?;
        wire::read(answer.body()).map_err(|why| RenderError::Unreadable { what, why })
    }

    async fn once(
        &self,
        path: &str,
        about: QuestionSubject<'_>,
    ) -> Result<HttpResponse, RenderError> {
        sleep(self.pace.turn()).await;
        let answer = self
            .desk
            .send(
                self.desk.request(Method::GET, path).cap(CAP),
                &format!("GET {path}"),
            )
            .await?;
        self.pace.learn(&answer);
        match (answer.status(), about) {
            (200, _) => Ok(answer),
            (401, _) => Err(RenderError::KeyInvalid),
            (status @ (403 | 404 | 410), QuestionSubject::Services) => {
                Err(RenderError::MayNotList(status))
            }
            (status @ (404 | 410), QuestionSubject::Deploy(service, deploy)) => {
                Err(RenderError::NoDeploy {
                    service: service.clone(),
                    deploy: deploy.clone(),
                    status,
                })
            }
            (
                status @ (403 | 404 | 410),
                QuestionSubject::Service(service) | QuestionSubject::Deploy(service, _),
            ) => Err(RenderError::NoAccess {
                service: service.clone(),
                status,
            }),
            (status, _) => Err(other(status, &answer, &about.shown())),
        }
    }
}

/// Text as a query's value.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What a status means that means the same everywhere; `what` is what was asked for.
pub(super) fn other(status: u16, answer: &HttpResponse, what: &str) -> RenderError {
    match status {
        300..=399 => RenderError::Redirected(status),
        401 => RenderError::KeyInvalid,
        429 => RenderError::RateLimited(answer.wait_hint()),
        500..=599 => RenderError::Unavailable {
            what: what.to_owned(),
            status,
        },
        _ => RenderError::Unknown(status),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        Server, assert_harmless, closed, deploy, exchange, found, image, service,
    };
    use super::*;
    use http_client::{Stopwatch, TransportError};
    use model::FailureWord;

    const LIVE_AND_IN_FLIGHT: &str = "srv-a/deploys?status=created&status=queued&status=build_in_progress&status=pre_deploy_in_progress&status=update_in_progress&status=live&limit=20";
    const SERVICE: &str = r#"{"id":"srv-a","type":"web_service","suspended":"not_suspended","imagePath":"ghcr.io/acme/api:main"}"#;

    #[tokio::test]
    async fn a_service_is_read() {
        let server = Server::start(vec![found("srv-a", SERVICE)]);
        let facts = server.api().service(&service()).await.unwrap();
        assert_eq!(
            facts.image.map(|image| image.to_string()).as_deref(),
            Some("ghcr.io/acme/api:main")
        );
        server.finish();
    }

    #[tokio::test]
    async fn every_page_of_the_list_of_services_is_read() {
        let entry = |id: &str, name: &str| {
            format!(
                r#"{{"service":{{"id":"{id}","name":"{name}","type":"web_service","serviceDetails":{{"parentServer":{{"id":"srv-a","name":"api"}}}}}},"cursor":"c&{id}"}}"#
            )
        };
        let full: Vec<String> = (0..100)
            .map(|at| entry(&format!("srv-{at}"), "api-pr-77"))
            .collect();
        let rest = [entry("srv-x", "api-pr-7"), entry("no id", "api-pr-7")].join(",");
        let path = "GET /v1/services?includePreviews=true&limit=100";
        let server = Server::start(vec![
            exchange(path, 200, &[], &format!("[{}]", full.join(","))),
            exchange(
                &format!("{path}&cursor=c%26srv-99"),
                200,
                &[],
                &format!("[{rest}]"),
            ),
        ]);
        let found = server.api().services().await.unwrap();
        server.finish();
        assert_eq!(found.len(), 101);
        let (id, facts) = found.last().unwrap();
        assert_eq!(
            (id.as_str(), facts.name.as_str(), facts.parent.clone()),
            ("srv-x", "api-pr-7", Some(service()))
        );
    }

    #[tokio::test]
    async fn what_is_live_and_in_flight_is_asked_for_at_once() {
        let (a, b) = (image('a'), image('b'));
        let hex = "b".repeat(64);
        let list = format!(
            r#"[{{"deploy":{{"id":"dep-3","status":"update_in_progress","trigger":"rollback","image":{{"ref":"{a}","sha":"{hex}"}},"new":1}},"cursor":"x"}},
                {{"deploy":{{"id":"dep-2","status":"build_failed","trigger":"api"}},"cursor":"y"}},
                {{"deploy":{{"id":"dep-1","status":"live","trigger":"deploy_hook","image":{{"ref":"{b}","sha":"sha256:{hex}"}}}},"cursor":"z"}},
                {{"deploy":{{"id":"dep-0","status":"live","commit":{{"id":"x"}}}},"cursor":"z"}}]"#
        );
        let server = Server::start(vec![found(LIVE_AND_IN_FLIGHT, &list)]);
        let deploys = server.api().deploys(&service()).await.unwrap();
        let ids: Vec<&str> = deploys.iter().map(|deploy| deploy.id.as_str()).collect();
        assert_eq!(ids, ["dep-3", "dep-1", "dep-0"]);
        assert_eq!(deploys[0].digests, [a.digest, b.digest.clone()]);
        assert_eq!(deploys[1].digests, [b.digest]);
        assert!(deploys[2].digests.is_empty());
        assert_eq!(
            [deploys[0].by_rollback, deploys[1].by_rollback],
            [true, false]
        );
        server.finish();
    }

    #[tokio::test]
    async fn the_newest_deploys_have_any_status() {
        let list = r#"[{"deploy":{"id":"dep-2","status":"canceled"},"cursor":"a"},{"deploy":{"id":"dep-1","status":"hibernated"}},{"deploy":{"id":"dep-0"}}]"#;
        let server = Server::start(vec![found("srv-a/deploys?limit=20", list)]);
        let found: Vec<_> = server.api().newest(&service()).await.unwrap();
        let statuses: Vec<_> = found.into_iter().map(|deploy| deploy.status).collect();
        assert_eq!(
            statuses,
            [
                DeployStatus::Canceled,
                DeployStatus::Other,
                DeployStatus::Other
            ]
        );
        server.finish();
    }

    #[tokio::test]
    async fn a_deploy_is_read() {
        let server = Server::start(vec![found(
            "srv-a/deploys/dep-1",
            r#"{"id":"dep-1","status":"live"}"#,
        )]);
        let found = server
            .api()
            .deploy(&service(), &deploy("dep-1"))
            .await
            .unwrap();
        assert_eq!(
            (found.id, found.status),
            (deploy("dep-1"), DeployStatus::Live)
        );
        server.finish();
    }

    #[tokio::test]
    async fn a_limit_a_server_error_and_silence_are_waited_out() {
        let line = "GET /v1/services/srv-a";
        let server = Server::start(vec![
            exchange(
                line,
                429,
                &["Retry-After: 1", "Ratelimit-Remaining: 400"],
                "",
            ),
            exchange(line, 503, &["Ratelimit-Reset: 45"], "<html>"),
            closed(line),
            found("srv-a", SERVICE),
        ]);
        let time = Stopwatch::start();
        assert!(server.api().service(&service()).await.is_ok());
        assert!(
            time.elapsed() >= Duration::from_secs(1),
            "the hint was not obeyed"
        );
        server.finish();
    }

    #[tokio::test]
    async fn patience_ends_before_a_wait_that_is_too_long() {
        let server = Server::start(vec![exchange(
            "GET /v1/services/srv-a",
            429,
            &["Ratelimit-Reset: 45"],
            "",
        )]);
        let error = server.api().service(&service()).await.unwrap_err();
        assert!(
            matches!(error, RenderError::RateLimited(Some(wait)) if wait == Duration::from_secs(45)),
            "{error:?}"
        );
        server.finish();
    }

    #[tokio::test]
    async fn little_that_is_left_slows_every_clone_down() {
        let headers = [
            "Ratelimit-Limit: 400",
            "Ratelimit-Remaining: 20",
            "Ratelimit-Reset: 20",
        ];
        let answers = || exchange("GET /v1/services/srv-a", 200, &headers, SERVICE);
        let server = Server::start(vec![answers(), answers()]);
        let (api, time) = (server.api(), Stopwatch::start());
        assert!(api.clone().service(&service()).await.is_ok());
        assert!(
            api.service(&service()).await.is_ok() && time.elapsed() >= Duration::from_millis(990)
        );
        server.finish();
    }

    #[tokio::test]
    async fn every_refusal_has_words_of_its_own_and_shows_nothing_foreign() {
        let table = [
            (
                401,
                FailureWord::PermissionMissing,
                "the API key is not valid",
            ),
            (
                403,
                FailureWord::PermissionMissing,
                "403 for srv-a: the API key has no access to this service",
            ),
            (
                404,
                FailureWord::PermissionMissing,
                "404 for srv-a: there is no such service",
            ),
            (410, FailureWord::PermissionMissing, "410 for srv-a"),
            (429, FailureWord::RateLimited, "429"),
            (500, FailureWord::RenderUnavailable, "500 for service srv-a"),
            (503, FailureWord::RenderUnavailable, "503 for service srv-a"),
            (307, FailureWord::RenderUnavailable, "redirect (307)"),
            (204, FailureWord::RenderUnavailable, "204"),
            (406, FailureWord::RenderUnavailable, "406"),
        ];
        for (status, word, text) in table {
            let body = if status == 204 {
                ""
            } else {
                r#"{"message":"::error::SECRET ##[x]"}"#
            };
            let answer = exchange(
                "GET /v1/services/srv-a",
                status,
                &["Location: http://127.0.0.1:1/"],
                body,
            );
            let server = Server::start(vec![answer]);
            let error = server.impatient().service(&service()).await.unwrap_err();
            assert_eq!(error.word(), word, "{status}");
            assert!(error.to_string().contains(text), "{error}");
            assert!(error.hint().starts_with(|c: char| c.is_ascii_uppercase()));
            assert_harmless(&error);
            server.finish();
        }
    }

    #[tokio::test]
    async fn a_deploy_that_is_not_there_is_not_a_service_that_is_not_there() {
        for (status, is_about_the_deploy) in [(404, true), (410, true), (403, false)] {
            let server = Server::start(vec![exchange(
                "GET /v1/services/srv-a/deploys/dep-1",
                status,
                &[],
                "",
            )]);
            let error = server
                .impatient()
                .deploy(&service(), &deploy("dep-1"))
                .await
                .unwrap_err();
            assert_eq!(
                matches!(error, RenderError::NoDeploy { .. }),
                is_about_the_deploy,
                "{error:?}"
            );
            server.finish();
        }
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_an_error_and_never_nothing() {
        let bodies = [
            "",
            "null",
            "{}",
            "[{}]",
            r#"[{"deploy":{"id":"x##[y]"}}]"#,
            r#"[{"cursor":"SECRET"}]"#,
            "[",
            "<html>",
        ];
        for body in bodies {
            let server = Server::start(vec![found("srv-a/deploys?limit=20", body)]);
            let error = server.impatient().newest(&service()).await.unwrap_err();
            assert!(
                matches!(error, RenderError::Unreadable { .. }),
                "{body}: {error:?}"
            );
            assert_harmless(&error);
            server.finish();
        }
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_a_size() {
        let server = Server::start(vec![found(
            "srv-a",
            &format!("{SERVICE}{}", " ".repeat(CAP)),
        )]);
        let error = server.api().service(&service()).await.unwrap_err();
        assert!(
            matches!(error, RenderError::Transport(TransportError::TooLarge(CAP))),
            "{error:?}"
        );
        server.finish();
    }

    #[tokio::test]
    async fn a_render_that_is_not_there_is_unavailable() {
        let server = Server::start(Vec::new());
        let api = server.impatient();
        server.finish();
        let error = api.service(&service()).await.unwrap_err();
        assert_eq!(error.word(), FailureWord::RenderUnavailable);
        assert!(error.to_string().contains("no connection"), "{error}");
    }

    #[tokio::test]
    async fn the_events_explain_a_deploy() {
        let events = r#"[{"event":{"id":"evt-2","timestamp":"2026-11-24T10:00:00Z","serviceId":"srv-a","type":"deploy_ended",
            "details":{"deployId":"dep-1","deployStatus":"failed","status":3,"reason":{"failure":{"evicted":false,"nonZeroExit":7}}}},"cursor":"x"}]"#;
        let server = Server::start(vec![
            found("srv-a/events?limit=100", events),
            found("srv-a/events?limit=100", "[]"),
            found("srv-a/events?limit=100", ""),
        ]);
        let api = server.api();
        let explained = api.explain(&service(), &deploy("dep-1")).await.unwrap();
        assert_eq!(explained, Some(Explanation::Exited { code: 7 }));
        assert_eq!(
            api.explain(&service(), &deploy("dep-1")).await.unwrap(),
            None
        );
        assert!(api.explain(&service(), &deploy("dep-1")).await.is_err());
        server.finish();
    }
}

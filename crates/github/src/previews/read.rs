//! Reading the record of previews, with the query that the record of deploys is read with.

use super::super::deployments::{List, alias, query};
use super::super::{GitHub, GitHubError};
use super::{environment_of, wire};
use model::{PreviewRecord, ServiceName};
use std::collections::BTreeMap;

/// How many deployments of a service one query asks for.
const SIZE: usize = 100;
/// How many services one query asks about.
const AT_ONCE: usize = 10;
/// How many pages of a service are read at most: 5,000 records, of all its pull requests together.
const PAGES: usize = 50;

/// How far back records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordsBack {
    /// The newest 100 deployments of each service: where a pull request's is not among them, Render is asked by the preview's name.
    Newest,
    /// All of them.
    All,
}

impl GitHub {
    /// The records of these services' previews, of every pull request, each newest first; `None` where a service has more than are read.
    ///
    /// # Errors
    /// [`GitHubError`], also where the answer lacks anything that was asked for.
    pub async fn previews(
        &self,
        services: &[ServiceName],
        reach: RecordsBack,
    ) -> Result<Option<BTreeMap<ServiceName, Vec<PreviewRecord>>>, GitHubError> {
        let what = "the record of previews";
        let mut all = BTreeMap::new();
        for services in services.chunks(AT_ONCE) {
            let list = |service| {
                (
                    service,
                    List {
                        environment: environment_of(service),
                        after: None,
                    },
                )
            };
            let mut asked: Vec<(&ServiceName, List)> = services.iter().map(list).collect();
            for page in 0.. {
                let lists: Vec<&List> = asked.iter().map(|(_, list)| list).collect();
                let mut answer = self
                    .answer(what, &query(self.repository(), &lists, SIZE, None))
                    .await?;
                for (index, (service, list)) in asked.iter_mut().enumerate() {
                    let deployments = answer.page(&alias(index), list)?;
                    let records = deployments
                        .iter()
                        .filter_map(|own| wire::record(own, service, answer.viewer.as_ref()));
                    all.entry((*service).clone())
                        .or_insert_with(Vec::new)
                        .extend(records);
                }
                asked.retain(|(_, list)| list.after.is_some());
                if asked.is_empty() || reach == RecordsBack::Newest {
                    break;
                }
                if page + 1 == PAGES {
                    return Ok(None);
                }
            }
        }
        Ok(Some(all))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{ExpectedRequest, Server, exchange};
    use super::super::testing::{COMMIT, intent, run};
    use super::*;
    use crate::deployments::testing::{actor, viewer};
    use serde_json::{Value, json};

    fn service(name: &str) -> ServiceName {
        ServiceName::parse(name).unwrap()
    }

    fn node(name: &str, number: u64) -> Value {
        let mut payload = serde_json::to_value(wire::PreviewPayloadWire::new(
            &intent(Some("srv-own")),
            &run(),
        ))
        .unwrap();
        payload["service"] = json!(name);
        json!({"databaseId": number, "task": "ghcr-to-render", "payload": payload.to_string(), "commitOid": COMMIT.to_string(),
            "originalEnvironment": format!("preview/{name}"), "creator": actor("github-actions"),
            "latestStatus": null, "statuses": {"nodes": []}})
    }

    fn page(nodes: &[Value], next: Option<&str>) -> Value {
        json!({"pageInfo": {"hasNextPage": next.is_some(), "endCursor": next}, "nodes": nodes})
    }

    fn answer(repository: &Value, variables: Value) -> ExpectedRequest {
        let body = json!({"data": {"viewer": viewer(), "repository": repository}});
        let mut wanted = json!({"owner": "acme", "name": "shop"});
        wanted
            .as_object_mut()
            .unwrap()
            .extend(variables.as_object().unwrap().clone());
        exchange("/api/graphql", 200, &[], &body.to_string()).posting("/variables", &wanted)
    }

    async fn read(
        script: Vec<ExpectedRequest>,
        names: &[&str],
        reach: RecordsBack,
    ) -> Option<Vec<(String, Vec<u64>)>> {
        let server = Server::start(script);
        let services: Vec<ServiceName> = names.iter().map(|name| service(name)).collect();
        let found = server.github().previews(&services, reach).await.unwrap();
        server.finish();
        let numbers =
            |records: Vec<PreviewRecord>| records.iter().map(|record| record.number).collect();
        found.map(|found| {
            found
                .into_iter()
                .map(|(name, records)| (name.to_string(), numbers(records)))
                .collect()
        })
    }

    #[tokio::test]
    async fn every_page_is_read_where_all_are_wanted_and_else_the_first() {
        let first = || {
            let repository = json!({"s0": page(&[node("api", 9), node("web", 8)], Some("A")), "s1": page(&[node("web", 7)], None)});
            answer(
                &repository,
                json!({"e0": ["preview/api"], "e1": ["preview/web"]}),
            )
        };
        let second = answer(
            &json!({"s0": page(&[node("api", 3)], None)}),
            json!({"e0": ["preview/api"], "a0": "A"}),
        );
        let of = |api: &[u64]| {
            Some(vec![
                ("api".to_owned(), api.to_vec()),
                ("web".to_owned(), vec![7]),
            ])
        };
        assert_eq!(
            read(vec![first()], &["api", "web"], RecordsBack::Newest).await,
            of(&[9])
        );
        assert_eq!(
            read(vec![first(), second], &["api", "web"], RecordsBack::All).await,
            of(&[9, 3])
        );
    }

    #[tokio::test]
    async fn a_record_that_is_too_long_is_no_record() {
        let script = (0..PAGES).map(|at| {
            let after = if at == 0 {
                json!({"e0": ["preview/api"]})
            } else {
                json!({"e0": ["preview/api"], "a0": "A"})
            };
            answer(&json!({"s0": page(&[], Some("A"))}), after)
        });
        assert_eq!(
            read(script.collect(), &["api"], RecordsBack::All).await,
            None
        );
    }
}

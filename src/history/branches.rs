//! Which branches a list of filters means.

use super::History;
use model::{BranchFilter, takes_branch};
use std::collections::BTreeSet;

/// The most branches that filters may match: each is one more comparison to ask for.
const MOST: usize = 100;

impl History {
    /// The branches that the filters take in, by name. Plain names are taken as they are, and only patterns are asked for.
    ///
    /// # Errors
    /// Why they are not known: nobody to ask, an error of GitHub's, or more than 100.
    pub async fn branches(&self, filters: &[BranchFilter]) -> Result<Vec<String>, String> {
        let mut found = BTreeSet::new();
        for filter in filters.iter().filter(|filter| !filter.is_exclusion()) {
            if let Some(name) = filter.name() {
                if takes_branch(filters, &name) {
                    found.insert(name);
                }
                continue;
            }
            let Some(github) = &self.github else {
                return Err(format!(
                    "there is no github api to ask which branches {filter} matches"
                ));
            };
            let keep = |name: &str| takes_branch(filters, name);
            let names = github.matching_branches(&filter.prefix(), keep).await;
            match names.map_err(|error| error.to_string())? {
                Some(names) => found.extend(names),
                None => return Err(format!("more than 10000 branches begin like {filter}")),
            }
            if found.len() > MOST {
                return Err(format!("more than {MOST} branches match {filter}"));
            }
        }
        Ok(found.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::remote;
    use super::*;
    use github::testing::{Server, found};

    fn filters(texts: &[&str]) -> Vec<BranchFilter> {
        texts
            .iter()
            .map(|text| BranchFilter::parse(text).unwrap())
            .collect()
    }

    fn listed(names: impl Iterator<Item = String>) -> String {
        let entries: Vec<String> = names
            .map(|name| {
                format!(
                    r#"{{"ref":"refs/heads/{name}","object":{{"type":"commit","sha":"{}"}}}}"#,
                    "1".repeat(40)
                )
            })
            .collect();
        format!("[{}]", entries.join(","))
    }

    #[tokio::test]
    async fn patterns_are_asked_for_and_names_are_not() {
        let body = listed(
            ["release/1", "release/2", "release/old-1", "released"]
                .map(str::to_owned)
                .into_iter(),
        );
        let server = Server::start(vec![found(
            "git/matching-refs/heads/release/?per_page=100",
            &body,
        )]);
        let history = remote(&server);
        let all = filters(&["main", "release/*", "!release/old-*"]);
        assert_eq!(
            history.branches(&all).await,
            Ok(["main", "release/1", "release/2"].map(str::to_owned).into())
        );
        server.finish();
    }

    #[tokio::test]
    async fn more_than_a_hundred_are_not_compared() {
        let body = listed((0..101).map(|at| format!("release/{at}")));
        let server = Server::start(vec![found(
            "git/matching-refs/heads/release/?per_page=100",
            &body,
        )]);
        let told = remote(&server).branches(&filters(&["release/*"])).await;
        assert_eq!(
            told,
            Err("more than 100 branches match release/*".to_owned())
        );
        server.finish();
    }
}

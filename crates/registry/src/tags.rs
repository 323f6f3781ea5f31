//! Listing tags: every page, by the registry's own links, and never more than is sane.

use super::auth::Access;
use super::read::{MANIFEST_CAP, Registry};
use super::session::RegistryRequest;
use super::{RegistryError, RequestTrace};
use http::Method;
use http_client::{Deadline, HttpResponse};
use model::Repository;
use serde::Deserialize;
use url::Url;

/// How many tags a page is asked to have. GHCR has 100 where nobody says, and no more than it likes where somebody does
/// (<https://github.com/smg-project/smg/issues/2348>).
const PAGE: usize = 1000;
/// How many pages are read: as many as [`MOST`] tags have where a page has 100.
const PAGES: usize = 1000;
/// How many tags are read.
const MOST: usize = 100_000;

#[derive(Deserialize)]
struct TagsWire {
    // Null where there are none; but a page that has no such key is no list.
    #[serde(deserialize_with = "Deserialize::deserialize")]
    tags: Option<Vec<String>>,
}

impl Registry {
    /// The tags of a repository that `keep` takes, in the registry's order, which says nothing (GHCR's is not the one that the specification
    /// wants: <https://github.com/renovatebot/renovate/discussions/36103>). `None` where there is no such repository.
    ///
    /// # Errors
    /// [`RegistryError`], also for more than 100,000 tags, and for a next page that is another repository's or another host's.
    pub async fn tags(
        &self,
        repository: &Repository,
        keep: impl Fn(&str) -> bool,
        deadline: &Deadline,
    ) -> Result<Option<Vec<String>>, RegistryError> {
        self.tags_by(repository, PAGE, keep, deadline).await
    }

    /// As [`Registry::tags`], in pages of that size.
    pub(super) async fn tags_by(
        &self,
        repository: &Repository,
        size: usize,
        keep: impl Fn(&str) -> bool,
        deadline: &Deadline,
    ) -> Result<Option<Vec<String>>, RegistryError> {
        let mut target = format!("tags/list?n={size}");
        let (mut kept, mut seen) = (Vec::new(), 0);
        for _ in 0..PAGES {
            let want = page(repository, &target);
            let (tags, next) = match self
                .0
                .ask(&want, deadline, |answer| read(&want, answer))
                .await
            {
                Ok(found) => found,
                Err(RegistryError::Missing(_)) if seen == 0 => return Ok(None),
                Err(error) => return Err(error),
            };
            seen += tags.len();
            if seen > MOST {
                break;
            }
            kept.extend(tags.into_iter().filter(|tag| keep(tag)));
            match next {
                None => return Ok(Some(kept)),
                Some(next) => target = next,
            }
        }
        Err(RegistryError::TooManyTags(Box::new(
            page(repository, "tags/list").exchange(),
        )))
    }
}

fn page<'a>(repository: &'a Repository, target: &str) -> RegistryRequest<'a> {
    RegistryRequest {
        method: Method::GET,
        repository,
        target: target.to_owned(),
        access: Access::Pull,
        cap: MANIFEST_CAP,
        missing_tries: 1,
        body: None,
    }
}

/// The tags of a page, and the target of the next one.
fn read(
    want: &RegistryRequest<'_>,
    answer: &HttpResponse,
) -> Result<(Vec<String>, Option<String>), RegistryError> {
    let broken = |why: &str| RegistryError::Broken {
        exchange: want.answered(answer),
        why: why.into(),
    };
    let wire: TagsWire =
        serde_json::from_slice(answer.body()).map_err(|_| broken("it is no list of tags"))?;
    let next = answer
        .header("link")
        .and_then(next_page)
        .map(|link| target(want, link, want.answered(answer)));
    Ok((wire.tags.unwrap_or_default(), next.transpose()?))
}

/// Where the next page is. It is one of the same list, or it is not followed.
fn target(
    want: &RegistryRequest<'_>,
    link: &str,
    exchange: Box<RequestTrace>,
) -> Result<String, RegistryError> {
    let list = format!(
        "{}/v2/{}/tags/list",
        want.repository.host().origin(),
        want.repository.path()
    );
    let next = Url::parse(&list).and_then(|list| list.join(link).map(|next| (list, next)));
    let why = match next {
        Ok((list, next)) if (next.origin(), next.path()) == (list.origin(), list.path()) => {
            let target = format!("tags/list?{}", next.query().unwrap_or_default());
            if target != want.target {
                return Ok(target);
            }
            "its next page is the same page again"
        }
        Ok(_) => "its next page is elsewhere",
        Err(_) => "its next page is at no address",
    };
    Err(RegistryError::Misdirected {
        exchange,
        why: why.into(),
    })
}

/// The address of the next page in a `Link` header (RFC 8288).
fn next_page(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = |parameter: &str| matches!(parameter.trim(), "rel=\"next\"" | "rel=next");
        parameters.split(';').any(is_next).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_link_that_says_so_is_the_next_page() {
        for (header, wanted) in [
            (
                "</v2/a/b/tags/list?last=x&n=2>; rel=\"next\"",
                Some("/v2/a/b/tags/list?last=x&n=2"),
            ),
            (
                "</x>; rel=\"prev\", </y>; title=\"t\"; rel=next",
                Some("/y"),
            ),
            ("</x>; rel=\"prev\"", None),
            ("</x>", None),
            ("/x; rel=\"next\"", None),
            ("", None),
        ] {
            assert_eq!(next_page(header), wanted, "{header}");
        }
    }
}

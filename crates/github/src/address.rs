//! Addresses at GitHub: what is asked where, and how text becomes part of one.

use model::percent_escape;

/// Where GraphQL is asked: beside the REST API, and on Enterprise Server, whose REST API has a version in its path, beside that.
pub(super) fn graphql(base: &str) -> String {
    match base.strip_suffix("/api/v3") {
        Some(host) => format!("{host}/api/graphql"),
        None => format!("{base}/graphql"),
    }
}

/// The address without its path.
pub(super) fn origin(base: &str) -> &str {
    let host = base.find("://").map_or(0, |at| at + "://".len());
    base[host..]
        .find('/')
        .map_or(base, |path| &base[..host + path])
}

/// The address of the next page in a `Link` header.
pub(super) fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (address, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        parameters
            .split(';')
            .any(|parameter| parameter.trim() == "rel=\"next\"")
            .then_some(address)
    })
}

/// Text as part of an address: every byte that could mean something there is escaped, except `/`.
pub(super) fn escape(text: &str) -> String {
    percent_escape(text, b"-_.~/")
}

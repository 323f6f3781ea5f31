//! Which commit a revision label names.

/// The fewest digits that name a commit: the fewest that git shows.
const FEWEST: usize = 7;

/// The hex digits of the commit that a revision names, in lower case; `None` where it names none (`unknown`, `v1.2.0`, `main`).
///
/// `git describe` writes `v1.2-3-g4f2c1d9`, it and many builds add `-dirty`, Flux writes `main@sha1:4f2c…`.
pub(super) fn commit_in(revision: &str) -> Option<String> {
    let text = revision.trim().to_ascii_lowercase();
    let clean = ["-dirty", "+dirty", ".dirty", "-modified", "-broken"]
        .iter()
        .find_map(|suffix| text.strip_suffix(suffix))
        .unwrap_or(&text);
    if is_commit(clean) {
        return Some(clean.to_owned());
    }
    for mark in ["-g", "@sha1:", "@", ":"] {
        if let Some((_, named)) = clean.rsplit_once(mark)
            && is_commit(named)
        {
            return Some(named.to_owned());
        }
    }
    let mut whole = clean
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == 40);
    whole.find(|word| is_commit(word)).map(str::to_owned)
}

fn is_commit(text: &str) -> bool {
    (FEWEST..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "4f2c1d90a1b2c3d4e5f60718293a4b5c6d7e8f90";

    #[test]
    fn finds_the_commit_that_a_label_names() {
        for (text, wanted) in [
            (SHA.to_owned(), SHA),
            (SHA.to_uppercase(), SHA),
            (format!(" {SHA}\n"), SHA),
            (format!("{SHA}-dirty"), SHA),
            ("4f2c1d9".to_owned(), "4f2c1d9"),
            ("4f2c1d9-dirty".to_owned(), "4f2c1d9"),
            ("v1.2-3-g4f2c1d9".to_owned(), "4f2c1d9"),
            ("v1.2-3-g4f2c1d9-dirty".to_owned(), "4f2c1d9"),
            (format!("main@sha1:{SHA}"), SHA),
            (format!("main-{SHA}-12"), SHA),
            (format!("refs/heads/main@{SHA}"), SHA),
        ] {
            assert_eq!(commit_in(&text).as_deref(), Some(wanted), "{text:?}");
        }
    }

    #[test]
    fn finds_none_in_other_text() {
        let long = format!("{SHA}0");
        for text in [
            "",
            "unknown",
            "v0.1.0",
            "v1.2.3-rc.1",
            "main",
            "${{ github.sha }}",
            "$GIT_SHA",
            "HEAD",
            "4f2c1d",
            "release-g",
            "n/a",
            "feature/decade-of-data",
            &long,
        ] {
            assert_eq!(commit_in(text), None, "{text:?}");
        }
    }
}

//! Which known name somebody probably meant.

/// The longest word for which a known one is looked for.
const LONGEST_GUESSED: usize = 64;
/// How many known names a message lists.
const MOST_LISTED: usize = 20;

/// The known word that was probably meant.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > LONGEST_GUESSED {
        return None;
    }
    let close = |other: &&str| strsim::osa_distance(word, other);
    let best = known.iter().copied().min_by_key(close)?;
    let likeness = strsim::jaro_winkler(word, best);
    (close(&best) <= 2.max(word.len() / 3) || likeness > 0.85).then_some(best)
}

/// What a message says behind an unknown name: `did you mean api? known: api, web`.
#[must_use]
pub fn known_names(word: &str, known: &[&str]) -> String {
    if known.is_empty() {
        return "there is none".to_owned();
    }
    let listed: Vec<&str> = known.iter().copied().take(MOST_LISTED).collect();
    let more = match known.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let list = format!("known: {}{more}", listed.join(", "));
    match nearest(word, known) {
        Some(nearest) => format!("did you mean {nearest}? {list}"),
        None => list,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_guessed_and_the_others_are_listed() {
        let known = ["staging", "production"];
        assert_eq!(
            known_names("stagin", &known),
            "did you mean staging? known: staging, production"
        );
        assert_eq!(known_names("qa", &known), "known: staging, production");
        assert_eq!(known_names("qa", &[]), "there is none");
        let many: Vec<String> = (0..30).map(|at| format!("service-number-{at}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(known_names("zzz", &many).ends_with(" and 10 more"));
        assert_eq!(nearest(&"x".repeat(1000), &known), None);
    }
}

//! Which of Render's own words are shown: phrases that are known, and nothing else of a message.
//!
//! A message may repeat what was sent, a secret in some encoding included, or speak to people who read a chat. So what is shown are these
//! texts of ours.

/// What a message holds, and what is shown for it. The first that occurs counts.
const PHRASES: &[(&str, &str)] = &[
    ("unable to fetch image", "unable to fetch image"),
    (
        "cannot change the host, project, or image name",
        "cannot change the host, project, or image name",
    ),
    (
        "only the image tag or digest can be updated",
        "only the image tag or digest can be updated",
    ),
    (
        "no matching manifest",
        "no matching manifest for the platform",
    ),
    ("exec format error", "exec format error"),
    ("manifest unknown", "manifest unknown"),
    ("not found", "not found"),
    ("unauthorized", "unauthorized"),
    ("authentication required", "authentication required"),
    ("denied", "denied"),
    ("toomanyrequests", "too many requests"),
    ("too many requests", "too many requests"),
    ("rate limit", "rate limit"),
    ("no such host", "no such host"),
    ("connection refused", "connection refused"),
    ("certificate", "the certificate is not trusted"),
    ("deadline exceeded", "timed out"),
    ("timed out", "timed out"),
    ("timeout", "timed out"),
    ("no open port", "no open port"),
    ("health check", "the health check failed"),
    ("connection reset", "connection reset"),
    ("payment", "a payment method is needed"),
    ("suspended", "suspended"),
    ("cannot be canceled", "cannot be cancelled"),
    ("cannot be cancelled", "cannot be cancelled"),
    ("has ended", "it has ended"),
];

/// The known phrase in a message.
pub(super) fn known(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    let mut phrases = PHRASES.iter();
    phrases
        .find(|(part, _)| message.contains(part))
        .map(|(_, shown)| *shown)
}

/// A size like `512Mi` or `2 GB`, as Render writes a memory limit.
pub(super) fn size(text: &str) -> Option<&str> {
    let digits = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let unit = text.get(digits..)?.trim_start();
    let is_unit = matches!(
        unit,
        "" | "B"
            | "K"
            | "M"
            | "G"
            | "Ki"
            | "Mi"
            | "Gi"
            | "KB"
            | "MB"
            | "GB"
            | "KiB"
            | "MiB"
            | "GiB"
    );
    ((1..=8).contains(&digits) && is_unit).then_some(text)
}

/// The status of an answer that is an error, where a message names one: three digits by themselves.
pub(super) fn error_status(message: &str) -> Option<u16> {
    let mut numbers = message
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() == 3)
        .filter_map(|word| word.parse::<u16>().ok());
    numbers.find(|number| (400..600).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_phrases_are_shown() {
        for (message, shown) in [
            (
                "unable to fetch image with provided input",
                Some("unable to fetch image"),
            ),
            (
                "Failed to resolve ghcr.io/acme/api: NOT FOUND",
                Some("not found"),
            ),
            ("@everyone see https://evil.example", None),
            ("SECRETKEY", None),
            ("", None),
        ] {
            assert_eq!(known(message), shown, "{message}");
        }
    }

    #[test]
    fn an_error_status_is_three_digits_by_themselves() {
        assert_eq!(error_status("GET /health: ::500"), Some(500));
        assert_eq!(error_status("x500 5000 200 503-"), Some(503));
        assert_eq!(error_status("no answer"), None);
    }

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for text in ["512Mi", "2 GB", "512MB", "1.5Gi", "1024"] {
            assert_eq!(size(text), Some(text));
        }
        for text in ["", "Mi", "512Mi @here", "5x", "123456789Mi", "5 <b>"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}

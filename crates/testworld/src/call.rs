//! A request as a model gets it.

use std::time::Instant;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, as it was sent.
    pub path: String,
    /// The query, as it was sent, without the question mark; empty if none.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it arrived, by the clock of the model that received it.
    pub at: Instant,
    /// The status that was answered; 0 if nothing was.
    pub answered: u16,
}

impl Call {
    /// A request of which nothing has come yet.
    pub(crate) fn new(parts: &http::request::Parts, body: Vec<u8>, at: Instant) -> Self {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body,
            at,
            answered: 0,
        }
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// All headers of that name, as one list.
    pub fn all(&self, name: &str) -> String {
        let values = self
            .headers
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    }

    /// The decoded value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters()
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The decoded query parameters, in their order.
    pub fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    /// One line that shows it.
    pub fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!(
            "{} {}{mark}{} -> {}",
            self.method, self.path, self.query, self.answered
        )
    }

    /// All of it that another host could have learned a secret from.
    pub fn bytes(&self) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect();
        let head = format!("{} {}?{}\n{headers}\n", self.method, self.path, self.query);
        [head.as_bytes(), &self.body, b"\n"].concat()
    }
}

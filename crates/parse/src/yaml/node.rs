//! The tree, and how it is asked.

use crate::manifest::Position;
use std::rc::Rc;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug)]
pub enum Value {
    /// A scalar.
    Text {
        /// Its text, without quotes.
        text: String,
        /// How it was written.
        style: Style,
    },
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping, in its order.
    Map(Vec<(Key, Rc<Node>)>),
}

/// Whether text may mean something else than itself (`1`, `true`, `null`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: it may be a number, a boolean or null.
    Plain,
    /// With quotes, or as a block: it is text.
    Quoted,
}

/// A key of a map.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it begins.
    pub at: Position,
    /// Its text.
    pub text: String,
}

impl Node {
    /// Whether it is nothing at all: `~`, `null`, or a key without a value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Text { text, style: Style::Plain } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The keys of a map and where they stand, in their order; nothing else has any.
pub fn keys(node: Option<&Node>) -> impl Iterator<Item = (&str, Position)> {
    map_of(node)
        .iter()
        .map(|(key, _)| (key.text.as_str(), key.at))
}

/// The entries of a map, in their order; nothing else has any.
pub fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    map_of(node)
        .iter()
        .map(|(key, value)| (key.text.as_str(), &**value))
}

fn map_of(node: Option<&Node>) -> &[(Key, Rc<Node>)] {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        Some(Value::Text { .. } | Value::List(_)) | None => &[],
    }
}

/// The value of a key.
#[must_use]
pub fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    entries(Some(node))
        .find(|(own, _)| *own == key)
        .map(|(_, value)| value)
}

/// The items of a list; nothing else has any.
pub fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    let items: &[Rc<Node>] = match node.map(|node| &node.value) {
        Some(Value::List(items)) => items,
        Some(Value::Text { .. } | Value::Map(_)) | None => &[],
    };
    items.iter().map(|item| &**item)
}

/// The text of a scalar that is not null.
#[must_use]
pub fn as_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text { text, .. } if !node.is_null() => Some(text),
        Value::Text { .. } | Value::List(_) | Value::Map(_) => None,
    }
}

/// The text of a key's scalar.
#[must_use]
pub fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    get(node, key).and_then(as_text)
}

/// The texts of a list, or the one text that stands in its place.
#[must_use]
pub fn texts(node: Option<&Node>) -> Vec<String> {
    let one = node.and_then(as_text);
    one.into_iter()
        .chain(items(node).filter_map(as_text))
        .map(str::to_owned)
        .collect()
}

/// A path without empty and `.` parts: `./services/api/` is `services/api`.
#[must_use]
pub fn plain_path(text: &str) -> String {
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    parts.join("/")
}

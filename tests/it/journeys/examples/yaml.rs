//! Reads a workflow into JSON: every scalar is text, as `with:` and `env:` hand it on, and a key without a value is nothing.

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// Something that is not closed yet.
enum Open {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

/// The one document of a file without anchors.
pub(crate) fn read(text: &str) -> Value {
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap_or_else(|error| panic!("{error}"));
        let done = match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {
                continue;
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::Scalar(text, style, ..)
                if style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null") =>
            {
                Value::Null
            }
            Event::Scalar(text, ..) => Value::from(text.into_owned()),
            Event::SequenceEnd | Event::MappingEnd => match open.pop().expect("a beginning") {
                Open::List(items) => Value::Array(items),
                Open::Map(entries, _) => Value::Object(entries),
            },
            Event::Alias(_) => panic!(
                "line {}: an alias, which GitHub's workflows may not hold",
                span.start.line()
            ),
        };
        match open.last_mut() {
            None => root = done,
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match key.take() {
                None => *key = Some(done.as_str().expect("a key").to_owned()),
                Some(key) => assert!(entries.insert(key.clone(), done).is_none(), "{key} twice"),
            },
        }
    }
    root
}

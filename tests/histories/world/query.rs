//! A reader of GraphQL queries: as much of the language as a client uses that only reads (<https://spec.graphql.org/October2021/>).

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A query.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) selections: Vec<Selection>,
    /// By name: the type that it is on, and what it selects.
    pub(super) fragments: BTreeMap<String, (String, Vec<Selection>)>,
}

#[derive(Debug)]
pub(super) enum Selection {
    Field(Field),
    Spread(String),
    /// With the type that it is on, where one is given.
    Inline(Option<String>, Vec<Selection>),
}

#[derive(Debug)]
pub(super) struct Field {
    /// The name in the answer.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) selections: Vec<Selection>,
}

struct Reader<'a> {
    tokens: Vec<String>,
    at: usize,
    variables: &'a Value,
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let length = match first {
            '.' if rest.starts_with("...") => 3,
            '"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if token != "," {
            tokens.push(token.to_owned());
        }
        rest = after.trim_start();
    }
    tokens
}

/// Reads a query with its variables filled in.
pub(super) fn read(text: &str, variables: &Value) -> Result<Query, String> {
    let mut reader = Reader {
        tokens: tokens(text),
        at: 0,
        variables,
    };
    let mut query = Query::default();
    while reader.at < reader.tokens.len() {
        match reader.peek() {
            "query" => {
                while reader.peek() != "{" {
                    reader.next()?;
                }
                query.selections = reader.selections()?;
            }
            "{" => query.selections = reader.selections()?,
            "fragment" => {
                reader.next()?;
                let name = reader.next()?;
                reader.expect("on")?;
                let of = reader.next()?;
                let selections = reader.selections()?;
                query.fragments.insert(name, (of, selections));
            }
            other => return Err(format!("unexpected {other}")),
        }
    }
    Ok(query)
}

impl Reader<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> Result<String, String> {
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or("the query ends too early")?;
        self.at += 1;
        Ok(token)
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        let found = self.next()?;
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{found}, wanted {wanted}"))
        }
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.expect("{")?;
        let mut selections = Vec::new();
        while self.peek() != "}" {
            selections.push(self.selection()?);
        }
        self.expect("}")?;
        Ok(selections)
    }

    fn selection(&mut self) -> Result<Selection, String> {
        let first = self.next()?;
        if first == "..." {
            return match self.peek() {
                "on" => {
                    self.next()?;
                    let of = self.next()?;
                    Ok(Selection::Inline(Some(of), self.selections()?))
                }
                "{" => Ok(Selection::Inline(None, self.selections()?)),
                _ => Ok(Selection::Spread(self.next()?)),
            };
        }
        let (mut key, mut name) = (first.clone(), first);
        if self.peek() == ":" {
            self.next()?;
            name = self.next()?;
        } else {
            key = name.clone();
        }
        let mut arguments = Map::new();
        if self.peek() == "(" {
            self.next()?;
            while self.peek() != ")" {
                let argument = self.next()?;
                self.expect(":")?;
                arguments.insert(argument, self.value()?);
            }
            self.next()?;
        }
        let selections = if self.peek() == "{" {
            self.selections()?
        } else {
            Vec::new()
        };
        Ok(Selection::Field(Field {
            key,
            name,
            arguments,
            selections,
        }))
    }

    fn value(&mut self) -> Result<Value, String> {
        let token = self.next()?;
        Ok(match token.as_str() {
            "$" => {
                let name = self.next()?;
                let found = self.variables.get(&name);
                found.cloned().ok_or(format!("no variable {name}"))?
            }
            "[" => {
                let mut list = Vec::new();
                while self.peek() != "]" {
                    list.push(self.value()?);
                }
                self.next()?;
                list.into()
            }
            "{" => {
                let mut object = Map::new();
                while self.peek() != "}" {
                    let name = self.next()?;
                    self.expect(":")?;
                    object.insert(name, self.value()?);
                }
                self.next()?;
                object.into()
            }
            "true" => true.into(),
            "false" => false.into(),
            "null" => Value::Null,
            text => match (text.strip_prefix('"'), text.parse::<i64>()) {
                (Some(inner), _) => inner.trim_end_matches('"').into(),
                (None, Ok(number)) => number.into(),
                (None, Err(_)) => text.into(),
            },
        })
    }
}

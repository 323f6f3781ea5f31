//! GitHub's expressions, as far as the examples use them. What is not known here, and what the table of a journey does not hold, fails
//! the test: an expression that is empty by mistake is a deploy that does something else.

use serde_json::Value;

/// What names and functions without arguments stand for.
pub(super) trait Table {
    /// A context's value, by its path.
    fn value(&self, path: &[String]) -> Value;
    /// A status function.
    fn status(&self, name: &str) -> bool;
}

/// A text with every `${{ … }}` replaced.
pub(super) fn text(template: &str, table: &dyn Table) -> String {
    let mut made = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once("${{") {
        let (inner, after) = behind
            .split_once("}}")
            .unwrap_or_else(|| panic!("{template}: an open expression"));
        made.push_str(before);
        made.push_str(&shown(&evaluate(inner, table)));
        rest = after;
    }
    made + rest
}

/// The value of a whole expression, with or without its brackets.
pub(super) fn evaluate(source: &str, table: &dyn Table) -> Value {
    let source = source.trim();
    let inner = source
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(source);
    let mut reader = Reader {
        source,
        rest: inner.trim(),
        table,
    };
    let value = reader.any();
    assert!(
        reader.rest.is_empty(),
        "{source}: {:?} is not understood",
        reader.rest
    );
    value
}

/// Whether a value counts as true.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => panic!("{value} is no text"),
    }
}

/// A number, as GitHub makes one of any value to compare it.
fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.is_empty() => 0.0,
        Value::String(text) => text.parse().unwrap_or(f64::NAN),
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left.eq_ignore_ascii_case(right),
        _ => number(left) == number(right),
    }
}

struct Reader<'a> {
    source: &'a str,
    rest: &'a str,
    table: &'a dyn Table,
}

impl Reader<'_> {
    fn takes(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else {
            return false;
        };
        self.rest = rest.trim_start();
        true
    }

    fn any(&mut self) -> Value {
        let mut left = self.all();
        while self.takes("||") {
            let right = self.all();
            left = if truth(&left) { left } else { right };
        }
        left
    }

    fn all(&mut self) -> Value {
        let mut left = self.compared();
        while self.takes("&&") {
            let right = self.compared();
            left = if truth(&left) { right } else { left };
        }
        left
    }

    fn compared(&mut self) -> Value {
        let left = self.one();
        if self.takes("==") {
            return Value::Bool(equal(&left, &self.one()));
        }
        if self.takes("!=") {
            return Value::Bool(!equal(&left, &self.one()));
        }
        if self.takes(">") {
            return Value::Bool(number(&left) > number(&self.one()));
        }
        left
    }

    fn one(&mut self) -> Value {
        if self.takes("!") {
            return Value::Bool(!truth(&self.one()));
        }
        if self.takes("(") {
            let value = self.any();
            assert!(self.takes(")"), "{}: an open bracket", self.source);
            return value;
        }
        if let Some(rest) = self.rest.strip_prefix('\'') {
            let (text, rest) = rest
                .split_once('\'')
                .unwrap_or_else(|| panic!("{}: an open text", self.source));
            self.rest = rest.trim_start();
            return Value::from(text);
        }
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        if self.takes("(") {
            let argument = if self.takes(")") {
                None
            } else {
                Some(self.any())
            };
            assert!(
                argument.is_none() || self.takes(")"),
                "{}: an open bracket",
                self.source
            );
            return match (name, argument) {
                ("fromJSON", Some(Value::String(text))) => serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{}: {error}: {text}", self.source)),
                ("cancelled" | "failure" | "success" | "always", None) => {
                    Value::Bool(self.table.status(name))
                }
                _ => panic!("{}: the function {name} is not known here", self.source),
            };
        }
        match name {
            "" => panic!("{}: {:?} is not understood", self.source, self.rest),
            "true" | "false" => Value::Bool(name == "true"),
            _ if name.starts_with(|c: char| c.is_ascii_digit()) => {
                Value::from(name.parse::<u64>().expect("a number"))
            }
            _ => self
                .table
                .value(&name.split('.').map(str::to_owned).collect::<Vec<_>>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Known;

    impl Table for Known {
        fn value(&self, path: &[String]) -> Value {
            let table = json!({"needs": {"plan": {"outputs": {"builds": "2", "matrix": "{\"include\":[1]}"}}}, "none": ""});
            let found = path.iter().try_fold(&table, |value, key| value.get(key));
            found
                .unwrap_or_else(|| panic!("{path:?} is not in the table"))
                .clone()
        }

        fn status(&self, name: &str) -> bool {
            name == "success"
        }
    }

    #[test]
    fn expressions_mean_what_they_mean_on_github() {
        let table = [
            ("needs.plan.outputs.builds > 0", json!(true)),
            ("${{ needs.plan.outputs.builds > 2 }}", json!(false)),
            ("none > 0", json!(false)),
            ("${{ !cancelled() && !failure() }}", json!(true)),
            (
                "needs.plan.outputs.builds > 0 && 'digests' || ''",
                json!("digests"),
            ),
            ("none && 'digests' || ''", json!("")),
            ("needs.plan.outputs.builds == '2'", json!(true)),
            ("'A' != 'a'", json!(false)),
            (
                "fromJSON(needs.plan.outputs.matrix)",
                json!({"include": [1]}),
            ),
        ];
        for (source, wanted) in table {
            assert_eq!(evaluate(source, &Known), wanted, "{source}");
        }
        assert_eq!(
            text("a ${{ none }}-${{ needs.plan.outputs.builds }}!", &Known),
            "a -2!"
        );
    }

    #[test]
    fn what_is_not_known_fails() {
        for source in [
            "needs.plan.outputs.build",
            "hashFiles('x')",
            "a ? b : c",
            "'open",
            "needs.plan.outputs.builds 2",
        ] {
            let ended = std::panic::catch_unwind(|| evaluate(source, &Known));
            assert!(ended.is_err(), "{source} is {ended:?}");
        }
    }
}

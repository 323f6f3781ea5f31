//! YAML values as JSON, by the rules of YAML's core schema (<https://yaml.org/spec/1.2.2/#103-core-schema>).

use super::mistake::{Diagnostic, Position};
use crate::yaml::{Node, Style, Value};
use model::Untrusted;
use serde_json::{Map, Number};

/// Makes JSON of a value. What JSON has no place for becomes null and a mistake.
pub(super) fn json(node: &Node, mistakes: &mut Vec<Diagnostic>) -> serde_json::Value {
    match &node.value {
        Value::Text {
            text,
            style: Style::Quoted,
        } => serde_json::Value::String(text.clone()),
        Value::Text {
            text,
            style: Style::Plain,
        } => plain(text, node.at, mistakes),
        Value::List(items) => items.iter().map(|item| json(item, mistakes)).collect(),
        Value::Map(entries) => {
            let fields = entries
                .iter()
                .map(|(key, value)| (key.text.clone(), json(value, mistakes)));
            serde_json::Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

fn plain(text: &str, at: Position, mistakes: &mut Vec<Diagnostic>) -> serde_json::Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return serde_json::Value::Null,
        "true" | "True" | "TRUE" => return serde_json::Value::Bool(true),
        "false" | "False" | "FALSE" => return serde_json::Value::Bool(false),
        _ => {}
    }
    if !is_number(text) {
        return serde_json::Value::String(text.to_owned());
    }
    match number(text) {
        Some(number) => serde_json::Value::Number(number),
        None => {
            let what = format!(
                "a number that JSON cannot hold, {}",
                Untrusted(text.as_bytes())
            );
            mistakes.push(Diagnostic::new(at, what, "quote it"));
            serde_json::Value::Null
        }
    }
}

/// Whether the core schema reads the text as a number.
fn is_number(text: &str) -> bool {
    let all =
        |digits: &str, is: fn(&char) -> bool| !digits.is_empty() && digits.chars().all(|c| is(&c));
    if let Some(digits) = text.strip_prefix("0o") {
        return all(digits, |c| matches!(c, '0'..='7'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, char::is_ascii_hexdigit);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa
        .split_once('.')
        .map_or((mantissa, ""), |(whole, fraction)| (whole, fraction));
    let digits_only = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let exponent_is_good = exponent.is_none_or(|exponent| {
        all(
            exponent.strip_prefix(['-', '+']).unwrap_or(exponent),
            char::is_ascii_digit,
        )
    });
    !(whole.is_empty() && fraction.is_empty())
        && digits_only(whole)
        && digits_only(fraction)
        && exponent_is_good
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(Number::from);
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned.contains(['.', 'e', 'E']) {
        return unsigned.parse().ok().and_then(Number::from_f64);
    }
    unsigned
        .parse::<u64>()
        .map(Number::from)
        .or_else(|_| unsigned.parse::<i64>().map(Number::from))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_text_is_what_the_core_schema_says() {
        let at = Position { line: 1, column: 1 };
        let table = [
            ("", json!(null)),
            ("~", json!(null)),
            ("nul", json!("nul")),
            ("True", json!(true)),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("007", json!(7)),
            ("0o17", json!(15)),
            ("0xfF", json!(255)),
            ("0x", json!("0x")),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.", json!(1.0)),
            (".", json!(".")),
            ("-", json!("-")),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            ("e3", json!("e3")),
            ("1.2.3", json!("1.2.3")),
            ("18446744073709551615", json!(u64::MAX)),
        ];
        for (text, wanted) in table {
            let mut mistakes = Vec::new();
            assert_eq!(plain(text, at, &mut mistakes), wanted, "{text}");
            assert!(mistakes.is_empty(), "{text}");
        }
        for text in [".inf", "-.inf", ".nan", "99999999999999999999", "1e999"] {
            let mut mistakes = Vec::new();
            plain(text, at, &mut mistakes);
            assert_eq!(mistakes.len(), 1, "{text}");
        }
    }
}

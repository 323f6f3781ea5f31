//! The combinations of a job's matrix, as far as its text tells them.

use super::{as_text, entries, get, items};
use parse::yaml::{Node, Value};
use std::collections::BTreeMap;

/// A matrix with more combinations is not read any further.
const MOST_ROWS: usize = 64;

/// One combination: `image` or `image.name` to its text.
pub(super) type Row = BTreeMap<String, String>;

/// The combinations of a matrix: every axis with every other, then what `include` adds (docs.github.com: "expanding or adding matrix
/// configurations"). What an expression makes is not known here.
pub(super) fn rows(matrix: &Node) -> Vec<Row> {
    let mut rows = vec![Row::new()];
    let mut axes = Vec::new();
    for (name, values) in entries(Some(matrix)) {
        if matches!(name, "include" | "exclude") {
            continue;
        }
        let options: Vec<Row> = items(Some(values)).map(|value| flat(name, value)).collect();
        if options.is_empty() {
            continue;
        }
        axes.push(name.to_owned());
        rows = rows
            .iter()
            .flat_map(|row| options.iter().map(move |option| joined(row, option)))
            .take(MOST_ROWS)
            .collect();
    }
    let is_axis = |key: &str| axes.iter().any(|axis| key.split('.').next() == Some(axis));
    let originals = if axes.is_empty() {
        rows.clear();
        0
    } else {
        rows.len()
    };
    for entry in items(get(matrix, "include")).take(MOST_ROWS) {
        let mut own = Row::new();
        for (name, value) in entries(Some(entry)) {
            own.extend(flat(name, value));
        }
        let fits = |row: &Row| {
            own.iter()
                .all(|(key, value)| !is_axis(key) || row.get(key) == Some(value))
        };
        let mut is_extension = false;
        for row in rows.iter_mut().take(originals).filter(|row| fits(row)) {
            row.extend(own.clone());
            is_extension = true;
        }
        if !is_extension {
            rows.push(own);
        }
    }
    if rows.is_empty() {
        rows.push(Row::new());
    }
    rows
}

fn joined(row: &Row, option: &Row) -> Row {
    let mut row = row.clone();
    row.extend(option.clone());
    row
}

/// A value of the matrix by its name; the parts of a map by theirs, behind a dot.
fn flat(name: &str, node: &Node) -> Row {
    let mut row = Row::new();
    if let Some(text) = as_text(node) {
        row.insert(name.to_owned(), text.to_owned());
    }
    if let Value::Map(_) = &node.value {
        for (key, value) in entries(Some(node)) {
            row.extend(flat(&format!("{name}.{key}"), value));
        }
    }
    row
}

//! How docker/build-push-action reads its list inputs: a port of `Util.getList` of `@docker/actions-toolkit`, with as much of
//! csv-parse (`relaxQuotes`, `relaxColumnCount`, `skipEmptyLines`) as its lists use.

/// Reads `tags`: newlines and commas both separate.
pub fn list(input: &str) -> Vec<String> {
    read(input)
        .into_iter()
        .flatten()
        .flat_map(|field| field.split(',').map(str::to_owned).collect::<Vec<_>>())
        .filter(|item| !item.is_empty())
        .map(|item| item.trim().to_owned())
        .collect()
}

/// Reads `labels` and `annotations` (`ignoreComma`): only newlines separate.
pub fn lines(input: &str) -> Vec<String> {
    read(input)
        .into_iter()
        .map(|record| record.join(","))
        .filter(|item| !item.is_empty())
        .map(|item| item.trim().to_owned())
        .collect()
}

/// The records of a CSV text. A quote counts at the beginning of a field only; there it may span lines.
fn read(input: &str) -> Vec<Vec<String>> {
    // core.getInput trims the whole.
    let mut characters = input.trim().chars().peekable();
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut is_quoted, mut is_begun) = (false, false);
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted => {
                if characters.peek() == Some(&'"') {
                    characters.next();
                    field.push('"');
                } else {
                    is_quoted = false;
                }
            }
            _ if is_quoted => field.push(character),
            '"' if !is_begun => (is_quoted, is_begun) = (true, true),
            ',' => {
                record.push(std::mem::take(&mut field));
                is_begun = false;
            }
            '\n' | '\r' => {
                if !(record.is_empty() && field.is_empty() && !is_begun) {
                    record.push(std::mem::take(&mut field));
                    records.push(std::mem::take(&mut record));
                }
                is_begun = false;
            }
            _ => {
                field.push(character);
                is_begun = true;
            }
        }
    }
    if !record.is_empty() || !field.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_build_push_action_does() {
        assert_eq!(list("a:1\nb:2,c:3\n\n d:4 "), ["a:1", "b:2", "c:3", "d:4"]);
        assert_eq!(lines("k=a,b\nx=say \"hi\""), ["k=a,b", "x=say \"hi\""]);
        assert_eq!(lines("\"k=a\nb\"\nx=1"), ["k=a\nb", "x=1"]);
        assert_eq!(list(""), Vec::<String>::new());
    }
}

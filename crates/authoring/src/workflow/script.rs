//! A shell's script in its simple commands, as far as builds need it. It is no shell: what it does not know stays as it is written.

use std::collections::BTreeMap;

/// The simple commands of a script, each in its words. Variables that the workflow sets are filled in.
pub(super) fn commands(script: &str, environment: &BTreeMap<&str, &str>) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let mut commands = Vec::new();
    for line in script.lines().map(str::trim_ascii) {
        if line.starts_with('#') {
            continue;
        }
        for command in line.split("&&").flat_map(|part| part.split([';', '|'])) {
            commands.push(words(command, environment));
        }
    }
    commands
}

/// Words without their quotes. What stands in `${{ }}` is one word.
fn words(command: &str, environment: &BTreeMap<&str, &str>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut depth = 0_u32;
    for letter in command.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (letter, quote) {
            ('"' | '\'', None) if depth == 0 => quote = Some(letter),
            (letter, Some(open)) if letter == open && depth == 0 => quote = None,
            (letter, None) if letter.is_ascii_whitespace() && depth == 0 => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            (letter, _) => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
        .iter()
        .map(|word| shell_filled(word, environment))
        .collect()
}

/// Fills `$NAME` and `${NAME}` in where the workflow says what it is.
fn shell_filled(word: &str, environment: &BTreeMap<&str, &str>) -> String {
    let mut word = word.to_owned();
    for (name, value) in environment {
        word = word.replace(&format!("${{{name}}}"), value);
        if word.contains(&format!("${name}")) {
            let is_whole = |rest: &str| {
                !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
            };
            let parts: Vec<&str> = word.split(&format!("${name}")).collect();
            if parts.iter().skip(1).all(|rest| is_whole(rest)) {
                word = parts.join(value);
            }
        }
    }
    word
}

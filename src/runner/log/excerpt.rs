//! The line of a file with a caret under the place that a message is about.

/// More of a line than this does not fit most terminals.
const WIDEST: usize = 100;
/// How much stands before the place in a line that is cut.
const BEFORE: usize = 40;

/// What hooks, keys and tokens look like: such a line is not shown.
const SECRETS: [&str; 7] = [
    "/deploy/",
    "key=",
    "rnd_",
    "ghp_",
    "ghs_",
    "gho_",
    "github_pat_",
];

/// Shows a line (numbers from 1, the column in characters), or nothing where it may hold a secret.
pub(super) fn excerpt(source: &str, line: u32, column: u32) -> Option<String> {
    if SECRETS.iter().any(|secret| source.contains(secret)) {
        return None;
    }
    let characters: Vec<char> = source.trim_end().chars().collect();
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    if at > characters.len() {
        return None;
    }
    let from = if characters.len() > WIDEST {
        at.saturating_sub(BEFORE)
    } else {
        0
    };
    let cut: String = characters.iter().skip(from).take(WIDEST).collect();
    let start = if from > 0 { "..." } else { "" };
    let end = if characters.len() > from + WIDEST {
        "..."
    } else {
        ""
    };
    // A tab takes as much room above the caret as below it.
    let shown = format!("{start}{}{end}", cut.replace('\t', " "));
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    let indent = " ".repeat(start.len() + at - from);
    Some(format!(
        " {margin} |\n {number} | {shown}\n {margin} | {indent}^"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let shown = excerpt("  api: { path: x }", 12, 10).expect("a line");
        assert_eq!(shown, "    |\n 12 |   api: { path: x }\n    |          ^");
        assert_eq!(
            excerpt("\tä: x", 3, 4).expect("a line"),
            "   |\n 3 |  ä: x\n   |    ^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        let shown = excerpt(&line, 1, 301).expect("a line");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.len() < 120), "{shown}");
        assert_eq!(lines[1].find('X'), lines[2].find('^'), "{shown}");
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        for line in [
            "    hook: https://api.render.com/deploy/srv-a?key=x",
            "    render-api-key: rnd_abc",
            "    token: ghp_abc",
        ] {
            assert_eq!(excerpt(line, 1, 1), None);
        }
        assert_eq!(excerpt("a", 1, 9), None, "the place is not in the line");
    }
}

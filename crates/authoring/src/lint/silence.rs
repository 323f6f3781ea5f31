//! Comments that silence lints: `# ghcr-to-render: ignore[no-concurrency] why`.
//!
//! On a finding's own line, or on a line of comments right above it, a comment is about that finding. Above everything else in a file it is about
//! the whole file.

use model::LintCode;

const MARK: &str = "ghcr-to-render: ignore[";

/// The comments of one file.
#[derive(Debug, Default)]
pub struct Silences {
    /// Each name with its line and column, from 1, and the lines that it is about; none: all of them.
    found: Vec<(String, (u32, u32), Option<u32>)>,
}

impl Silences {
    /// Reads the comments of a file.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let first = lines
            .iter()
            .position(|line| !is_comment(line) && !line.trim().is_empty() && *line != "---");
        let mut found = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let Some(column) = line.find('#') else {
                continue;
            };
            let Some(mark) = line[column..].find(MARK) else {
                continue;
            };
            let names = &line[column + mark + MARK.len()..];
            let Some((names, _)) = names.split_once(']') else {
                continue;
            };
            let is_header = first.is_none_or(|first| at < first);
            let about = match is_comment(line) {
                true => lines
                    .iter()
                    .skip(at)
                    .position(|line| !is_comment(line))
                    .map(|more| at + more),
                false => Some(at),
            };
            let number = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
            let about = match is_header {
                true => None,
                false => about.map(number),
            };
            let place = (number(at), number(line[..column].chars().count()));
            found.extend(
                names
                    .split(',')
                    .map(|name| (name.trim().to_owned(), place, about)),
            );
        }
        Self { found }
    }

    /// Whether a finding of that line is silenced.
    #[must_use]
    pub fn covers(&self, code: LintCode, line: u32) -> bool {
        // What is wrong with the text of a manifest stops every run.
        code != LintCode::Mistake
            && self.found.iter().any(|(name, _, about)| {
                name == code.as_str() && about.is_none_or(|own| own == line)
            })
    }

    /// The names that are of no lint, with their place.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, (u32, u32))> {
        let is_known = |name: &str| LintCode::ALL.iter().any(|code| code.as_str() == name);
        self.found
            .iter()
            .filter(move |(name, _, _)| !is_known(name))
            .map(|(name, place, _)| (name.as_str(), *place))
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# A workflow.
# ghcr-to-render: ignore[no-trigger]

on: push
jobs:
  deploy: # ghcr-to-render: ignore[no-concurrency, permission-missing] it is small
    steps:
      # ghcr-to-render: ignore[owner-placeholder]
      # because of that
      - uses: OWNER/ghcr-to-render@v1
      - run: echo # ghcr-to-render: ignore[no-such-lint]
";

    #[test]
    fn a_comment_is_about_its_line_the_next_one_or_the_file() {
        let silences = Silences::read(TEXT);
        for (code, line, covered) in [
            (LintCode::NoTrigger, 4, true),
            (LintCode::NoTrigger, 99, true),
            (LintCode::NoConcurrency, 6, true),
            (LintCode::PermissionMissing, 6, true),
            (LintCode::NoConcurrency, 7, false),
            (LintCode::OwnerPlaceholder, 10, true),
            (LintCode::OwnerPlaceholder, 8, false),
            (LintCode::UnknownInput, 10, false),
        ] {
            assert_eq!(silences.covers(code, line), covered, "{code} at {line}");
        }
        let unknown: Vec<_> = silences.unknown().collect();
        assert_eq!(unknown, [("no-such-lint", (11, 19))]);
    }

    #[test]
    fn a_mistake_cannot_be_silenced() {
        let silences = Silences::read("# ghcr-to-render: ignore[mistake]\nversion: 2\n");
        assert!(!silences.covers(LintCode::Mistake, 2));
    }
}

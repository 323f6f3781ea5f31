//! What `check` found, for people and for machines.

use super::summary::{escape, table};
use model::{CommitSha, Level, LintCode, Untrusted};
use serde_json::{Value, json};

/// A file of nobody, or a directory of which every file is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unowned {
    /// Its path; a directory's ends with `/`.
    pub path: Vec<u8>,
    /// How many files it stands for.
    pub files: usize,
}

/// How many lines of files of nobody are shown before the rest is only counted.
const SHOWN: usize = 30;

/// Something that was found, with its place.
#[derive(Debug, Clone)]
pub struct Placed {
    /// How bad it is.
    pub level: Level,
    /// What kind of thing.
    pub code: LintCode,
    /// What is so.
    pub text: String,
    /// What to do.
    pub hint: String,
    /// The file, line and column.
    pub place: (String, u32, u32),
    /// The line of the file, where it may be shown.
    pub source: Option<String>,
}

/// Everything that `check` found.
#[derive(Debug, Clone, Default)]
pub struct CheckReport {
    /// The manifest's path.
    pub manifest: String,
    /// The commit whose files it was held against.
    pub commit: Option<CommitSha>,
    /// What was found, the worst first.
    pub findings: Vec<Placed>,
    /// How many files are tracked, where that is known.
    pub files: Option<usize>,
    /// Files in no list.
    pub unowned: Vec<Unowned>,
    /// How many findings comments silenced.
    pub silenced: usize,
    /// The address of docs/checks.md, where a workflow says whose action it uses.
    pub docs: Option<String>,
}

impl CheckReport {
    /// How many findings of that level there are.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let of_level = |finding: &&Placed| finding.level == level;
        self.findings.iter().filter(of_level).count()
    }

    /// Where a lint is explained.
    #[must_use]
    pub fn link(&self, code: LintCode) -> String {
        let page = self.docs.as_deref().unwrap_or("docs/checks.md");
        format!("{page}#{code}")
    }
}

/// The files of nobody, one a line, the largest directories first.
#[must_use]
pub fn files_of_nobody(report: &CheckReport) -> Vec<String> {
    let mut all: Vec<&Unowned> = report.unowned.iter().collect();
    all.sort_by_key(|unowned| std::cmp::Reverse(unowned.files));
    let line = |unowned: &&Unowned| {
        let path = Untrusted(&unowned.path).to_string();
        let files = if unowned.files == 1 { "file" } else { "files" };
        if unowned.path.ends_with(b"/") {
            format!("{path} ({} {files})", unowned.files)
        } else {
            path
        }
    };
    let mut lines: Vec<String> = all.iter().take(SHOWN).map(line).collect();
    if all.len() > SHOWN {
        lines.push(format!(
            "and {} more (--json has them all)",
            all.len() - SHOWN
        ));
    }
    lines
}

/// The part of the job summary.
pub(super) fn section(report: &CheckReport) -> String {
    let row = |finding: &Placed| {
        let (file, line, _) = &finding.place;
        let place = escape(&Untrusted(file.as_bytes()).to_string());
        // No address: a workflow of strangers says whose documents they are.
        let text = format!(
            "{}<br>{} ({})",
            escape(&finding.text),
            escape(&finding.hint),
            escape(&format!("docs/checks.md: {}", finding.code))
        );
        format!("| {} | {place}:{line} | {text} |\n", sign(finding.level))
    };
    let rows: Vec<String> = report.findings.iter().map(row).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text.push_str(&table("| | Where | What |\n|---|---|---|\n", &rows));
    }
    let lines = files_of_nobody(report);
    if !lines.is_empty() {
        let lines: String = lines
            .iter()
            .map(|line| format!("- {}\n", escape(line)))
            .collect();
        text.push_str(&format!(
            "<details><summary>Files in no list</summary>\n\n{lines}\n</details>\n\n"
        ));
    }
    text
}

const fn sign(level: Level) -> &'static str {
    match level {
        Level::Error => "\u{274c}",
        Level::Warning => "\u{26a0}\u{fe0f}",
        Level::Notice => "\u{2139}\u{fe0f}",
    }
}

/// The whole of it as JSON on one line, for `--json` (docs/manifest.md has the shape).
///
/// Paths stand there as they are, so the one way to begin a workflow command inside of a line is broken by an escape.
#[must_use]
pub fn json(report: &CheckReport, outcome: &str, failure: &str) -> String {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let (file, line, column) = &finding.place;
            json!({
                "level": finding.level.as_str(),
                "remark": finding.code.to_string(),
                "text": finding.text,
                "hint": finding.hint,
                "file": file,
                "line": line,
                "column": column,
            })
        })
        .collect();
    let unowned = report.unowned.iter().map(
        |unowned| json!({ "path": String::from_utf8_lossy(&unowned.path), "files": unowned.files }),
    );
    let object = json!({
        "outcome": outcome,
        "failure": failure,
        "manifest": report.manifest,
        "commit": report.commit.map(|commit| commit.to_string()),
        "errors": report.count(Level::Error),
        "warnings": report.count(Level::Warning),
        "findings": findings,
        "files": report.files,
        "files-of-nobody": unowned.collect::<Vec<_>>(),
    });
    object.to_string().replace("##[", "##\\u005b")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> CheckReport {
        let unowned = |path: &str, files| Unowned {
            path: path.as_bytes().to_vec(),
            files,
        };
        CheckReport {
            manifest: "m.yml".into(),
            files: Some(9),
            unowned: vec![unowned("a##[set-output name=x]", 1), unowned("docs/", 8)],
            findings: vec![Placed {
                level: Level::Warning,
                code: LintCode::PatternMatchesNothing,
                text: "\"a|b\" of shared matches no tracked file".into(),
                hint: "Correct it, or remove it.".into(),
                place: ("m.yml".into(), 3, 5),
                source: None,
            }],
            ..CheckReport::default()
        }
    }

    #[test]
    fn json_is_one_line_that_no_runner_takes_for_a_command() {
        let text = json(&report(), "verified", "");
        assert!(!text.contains("##[") && !text.contains('\n'), "{text}");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            value["files-of-nobody"][0]["path"],
            "a##[set-output name=x]"
        );
        assert_eq!(
            (&value["warnings"], &value["findings"][0]["line"]),
            (&json!(1), &json!(3))
        );
        assert_eq!(value["commit"], Value::Null);
    }

    #[test]
    fn the_largest_directories_come_first_and_the_rest_is_counted() {
        let mut report = report();
        assert_eq!(files_of_nobody(&report)[0], "docs/ (8 files)");
        report.unowned = (0..40)
            .map(|at| Unowned {
                path: vec![b'a' + at % 26],
                files: 1,
            })
            .collect();
        let lines = files_of_nobody(&report);
        assert_eq!(
            (lines.len(), lines[30].as_str()),
            (31, "and 10 more (--json has them all)")
        );
    }

    #[test]
    fn a_cell_of_the_summary_stays_one() {
        let text = section(&report());
        assert!(text.contains("\"a\\|b\" of shared"), "{text}");
        assert!(
            !text.contains("name=x]\n") || text.contains("&#35;"),
            "{text}"
        );
    }
}

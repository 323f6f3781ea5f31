//! What `check` found as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), for code scanning.

use model::{Level, LintCode};
use report::{CheckReport, Placed};
use serde_json::{Value, json};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The whole of it on one line.
#[must_use]
pub fn sarif(report: &CheckReport, version: &str) -> String {
    let rules: Vec<Value> = LintCode::ALL
        .iter()
        .map(|code| rule(report, *code))
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(report, finding))
        .collect();
    let mut driver = json!({
        "name": "ghcr-to-render",
        "semanticVersion": version,
        "rules": rules,
    });
    if let Some((home, _)) = report
        .docs
        .as_deref()
        .and_then(|docs| docs.split_once("/blob/"))
    {
        driver["informationUri"] = home.into();
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // The one way to begin a workflow command inside of a line.
    log.to_string().replace("##[", "##\\u005b")
}

fn rule(report: &CheckReport, code: LintCode) -> Value {
    let mut rule = json!({
        "id": code.as_str(),
        "shortDescription": { "text": code.summary() },
        "help": { "text": format!("See {}.", report.link(code)) },
    });
    // An address has to be absolute.
    if report.docs.is_some() {
        rule["helpUri"] = report.link(code).into();
    }
    rule
}

fn result(report: &CheckReport, finding: &Placed) -> Value {
    let (file, line, column) = &finding.place;
    let index = LintCode::ALL.iter().position(|code| *code == finding.code);
    let text = format!(
        "{} {} ({})",
        finding.text,
        finding.hint,
        report.link(finding.code)
    );
    json!({
        "ruleId": finding.code.as_str(),
        "ruleIndex": index.unwrap_or_default(),
        "level": level(finding.level),
        "message": { "text": text },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(file), "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": line, "startColumn": column },
            },
        }],
    })
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "note",
    }
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    model::percent_escape(path, b"/.-_~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_results_with_their_rule_and_place() {
        let report = CheckReport {
            docs: Some("https://github.com/acme/ghcr-to-render/blob/v1/docs/checks.md".into()),
            findings: vec![Placed {
                level: Level::Notice,
                code: LintCode::FilesOfNobody,
                text: "##[x]".into(),
                hint: "Decide.".into(),
                place: ("a b/m.yml".into(), 3, 5),
                source: None,
            }],
            ..CheckReport::default()
        };
        let text = sarif(&report, "1.2.3");
        assert!(!text.contains("##[") && !text.contains('\n'), "{text}");
        let log: Value = serde_json::from_str(&text).unwrap();
        let (run, result) = (&log["runs"][0], &log["runs"][0]["results"][0]);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["id"],
            "files-of-nobody"
        );
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["helpUri"],
            "https://github.com/acme/ghcr-to-render/blob/v1/docs/checks.md#files-of-nobody"
        );
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "a%20b/m.yml");
        assert_eq!(
            location["region"],
            json!({ "startLine": 3, "startColumn": 5 })
        );
        assert_eq!(result["level"], "note");
    }
}

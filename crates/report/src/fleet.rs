//! What `status` found, as JSON, as a table of a terminal and as one of the job summary.

use decide::FleetState;
use model::{CommitSha, Digest, EnvironmentName, ImageTag, ServiceName, Tone, TonedLine};
use serde_json::{Value, json};

/// One service in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetRow {
    /// The environment.
    pub environment: EnvironmentName,
    /// The service.
    pub service: ServiceName,
    /// The commit that it serves.
    pub commit: Option<CommitSha>,
    /// The release that it serves.
    pub release: Option<ImageTag>,
    /// The digest that it serves.
    pub digest: Option<Digest>,
    /// Since when (RFC 3339).
    pub since: Option<String>,
    /// How many commits it lacks.
    pub behind: Option<usize>,
    /// When the oldest commit was made that it lacks and that matters to it (RFC 3339).
    pub behind_since: Option<String>,
    /// How many of the commits that it lacks matter to it.
    pub matters: Option<usize>,
    /// How it stands.
    pub state: FleetState,
    /// Whether Render or the service itself says that it serves this.
    pub confirmed: Option<bool>,
    /// Where it is asked.
    pub url: Option<String>,
    /// Why it is in this state, where there is more to say. For people: foreign text in it has been made fit to be shown.
    pub why: String,
}

/// The output `fleet`.
#[must_use]
pub fn fleet_json(rows: &[FleetRow]) -> Value {
    let text = |text: Option<String>| text.map_or(Value::Null, Value::String);
    let row = |row: &FleetRow| {
        json!({
            "environment": row.environment.as_str(),
            "service": row.service.as_str(),
            "commit": text(row.commit.map(|commit| commit.to_string())),
            "release": text(row.release.as_ref().map(ToString::to_string)),
            "digest": text(row.digest.as_ref().map(ToString::to_string)),
            "since": text(row.since.clone()),
            "behind": row.behind,
            "behind-since": text(row.behind_since.clone()),
            "matters": row.matters,
            "state": row.state.as_str(),
            "confirmed": row.confirmed,
            "url": text(row.url.clone()),
        })
    };
    rows.iter().map(row).collect()
}

const HEAD: [&str; 7] = [
    "environment",
    "service",
    "state",
    "serves",
    "behind",
    "since",
    "confirmed",
];

fn cells(row: &FleetRow) -> [String; 7] {
    let serves = match (&row.release, &row.commit) {
        (Some(release), Some(commit)) => format!("{release} ({})", commit.short(7)),
        (None, Some(commit)) => commit.short(7).to_string(),
        (_, None) => "?".into(),
    };
    let behind = match (row.behind, row.matters) {
        (Some(0), _) => "-".into(),
        (Some(behind), Some(matters)) => format!("{behind} ({matters} matter)"),
        (Some(behind), None) => format!("{behind}"),
        (None, _) => "?".into(),
    };
    let confirmed = match row.confirmed {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    };
    [
        row.environment.to_string(),
        row.service.to_string(),
        row.state.to_string(),
        serves,
        behind,
        row.since.clone().unwrap_or_else(|| "?".into()),
        confirmed.into(),
    ]
}

/// The table of a terminal: columns, and behind each row why it is so.
#[must_use]
pub fn fleet_lines(rows: &[FleetRow]) -> Vec<TonedLine> {
    let table: Vec<[String; 7]> = rows.iter().map(cells).collect();
    let mut widths = HEAD.map(str::len);
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(&HEAD.map(str::to_owned));
    let mut lines = vec![vec![(Tone::Strong, head)]];
    for (row, cells) in rows.iter().zip(&table) {
        let why = if row.why.is_empty() {
            String::new()
        } else {
            format!("  {}", row.why)
        };
        lines.push(vec![(tone(row.state), format!("{}{why}", line(cells)))]);
    }
    lines
}

const fn tone(state: FleetState) -> Tone {
    match state {
        FleetState::Current => Tone::Good,
        FleetState::Unknown | FleetState::Drifting => Tone::Bad,
        FleetState::Deploying | FleetState::Held | FleetState::Behind => Tone::Warn,
    }
}

/// The table of the job summary, in Markdown. Every cell is a validated value; `why` goes through `escape`.
#[must_use]
pub fn fleet_summary(rows: &[FleetRow], escape: impl Fn(&str) -> String) -> String {
    let head = HEAD.join(" | ");
    let mut text = format!("| {head} | why |\n|{}\n", "---|".repeat(HEAD.len() + 1));
    for row in rows {
        let cells = cells(row).join(" | ");
        text.push_str(&format!("| {cells} | {} |\n", escape(&row.why)));
    }
    text
}

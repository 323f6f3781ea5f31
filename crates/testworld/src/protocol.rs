//! The runner's side of its protocol, as actions/runner reads it: file commands and log commands.

use std::collections::BTreeMap;

/// How a command was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// `##[name k=v;k=v]data`, anywhere in a line.
    Old,
    /// `::name k=v,k=v::data`, at the beginning of a line.
    New,
}

/// A command in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogCommand {
    pub syntax: Syntax,
    pub name: String,
    pub properties: BTreeMap<String, String>,
    pub data: String,
}

impl LogCommand {
    /// What the runner shows or keeps of it.
    pub fn told(&self) -> Vec<u8> {
        let properties: String = self
            .properties
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        format!("{}\n{properties}{}\n", self.name, self.data).into_bytes()
    }
}

/// The lines of a stream as the runner's reader splits them: a lone carriage return ends a line too.
pub fn lines(stream: &str) -> impl Iterator<Item = &str> {
    stream
        .split('\n')
        .flat_map(|line| line.trim_end_matches('\r').split('\r'))
}

/// The command that the runner finds in a line. A line that is one in the new syntax is not looked at for the old one.
pub fn command(line: &str) -> Option<LogCommand> {
    new_command(line).or_else(|| old_command(line))
}

fn new_command(line: &str) -> Option<LogCommand> {
    let rest = line.trim_start().strip_prefix("::")?;
    let (head, data) = rest.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    {
        return None;
    }
    let unescape = |text: &str| {
        text.replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%3A", ":")
            .replace("%2C", ",")
            .replace("%25", "%")
    };
    let properties = properties
        .split(',')
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(key, value)| (key.to_owned(), unescape(value)))
        .collect();
    let data = data
        .replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%");
    Some(LogCommand {
        syntax: Syntax::New,
        name: name.to_ascii_lowercase(),
        properties,
        data,
    })
}

fn old_command(line: &str) -> Option<LogCommand> {
    let (_, rest) = line.split_once("##[")?;
    let (head, data) = rest.split_once(']')?;
    let name = head
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    Some(LogCommand {
        syntax: Syntax::Old,
        name,
        properties: BTreeMap::new(),
        data: data.to_owned(),
    })
}

/// Reads a `GITHUB_OUTPUT` file by the runner's rules, which know line feeds only.
///
/// # Errors
/// What makes the runner fail the step.
pub fn outputs(file: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut rest = file;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(at), heredoc) if heredoc.is_none_or(|other| at < other) => {
                pairs.push((line[..at].to_owned(), line[at + 1..].to_owned()));
            }
            (_, Some(at)) => {
                let (key, delimiter) = (&line[..at], &line[at + 2..]);
                if delimiter.is_empty() {
                    return Err(format!("{key:?} has no delimiter"));
                }
                let mut value: Vec<&str> = Vec::new();
                loop {
                    if rest.is_empty() {
                        return Err(format!("{key:?} is not ended"));
                    }
                    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
                    rest = after;
                    if line == delimiter {
                        break;
                    }
                    value.push(line);
                }
                pairs.push((key.to_owned(), value.join("\n")));
            }
            (_, None) => return Err(format!("no name and value in {line:?}")),
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_as_the_runner_reads_them() {
        let file = "a=1\nb<<E=F\nx\ny=<<\nE=F\n\nc=x<<y\nd=";
        let wanted = [("a", "1"), ("b", "x\ny=<<"), ("c", "x<<y"), ("d", "")];
        let wanted: Vec<_> = wanted
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        assert_eq!(outputs(file), Ok(wanted));
        for bad in ["nothing", "a<<E\nx", "a<<\nx\n"] {
            assert!(outputs(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn commands_are_found_where_the_runner_finds_them() {
        let found =
            |line: &str| command(line).map(|command| (command.syntax, command.name, command.data));
        assert_eq!(
            found("  ::error file=a,line=1::x%0Ay"),
            Some((Syntax::New, "error".into(), "x\ny".into()))
        );
        assert_eq!(found("x ::error::y"), None);
        assert_eq!(
            found("file ##[set-output name=a]b"),
            Some((Syntax::Old, "set-output".into(), "b".into()))
        );
        assert_eq!(found("file ##\\[set-output name=a]b"), None);
        assert_eq!(
            lines("a\r\nb\rc\n").collect::<Vec<_>>(),
            ["a", "b", "c", ""]
        );
    }
}

//! Dockerfiles, as far as one question goes: which files of the build context end up in the image.

/// What a Dockerfile takes from its build context, or that this cannot be told from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// These paths of the context, with `*` and `?` where they are written; `.` is all of it.
    Known(Vec<String>),
    /// Variables, mounts or paths outside of the context are in the way.
    Unknown,
}

/// Reads which files a Dockerfile copies (docs.docker.com/reference/dockerfile: `COPY`, `ADD`, `RUN --mount`).
#[must_use]
pub fn sources(bytes: &[u8]) -> Sources {
    let text = String::from_utf8_lossy(bytes);
    let mut found: Vec<String> = Vec::new();
    for instruction in instructions(&text) {
        let mut words = instruction.split_ascii_whitespace();
        let name = words.next().unwrap_or_default().to_ascii_uppercase();
        if name == "RUN" && instruction.contains("type=bind") && !instruction.contains("from=") {
            return Sources::Unknown;
        }
        if name != "COPY" && name != "ADD" {
            continue;
        }
        let rest: Vec<&str> = words.collect();
        let (flags, operands): (Vec<&str>, Vec<&str>) =
            rest.iter().partition(|word| word.starts_with("--"));
        if flags.iter().any(|flag| flag.starts_with("--from=")) {
            continue;
        }
        let operands = operands.join(" ");
        let operands: Vec<String> = match operands.starts_with('[') {
            true => serde_json::from_str(&operands).unwrap_or_default(),
            false => operands.split(' ').map(str::to_owned).collect(),
        };
        let Some((_, sources)) = operands
            .split_last()
            .filter(|(_, sources)| !sources.is_empty())
        else {
            return Sources::Unknown;
        };
        for source in sources {
            if source.contains("://") || source.starts_with("git@") || source.starts_with("<<") {
                continue;
            }
            if source.contains(['$', '\\', '"', '\'', '['])
                || source.split('/').any(|part| part == "..")
            {
                return Sources::Unknown;
            }
            let path = parse::yaml::plain_path(source);
            found.push(if path.is_empty() { ".".into() } else { path });
        }
    }
    found.sort();
    found.dedup();
    Sources::Known(found)
}

/// Instructions with their continued lines put together, without comments.
fn instructions(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(part) => {
                open.push_str(part);
                open.push(' ');
            }
            None => {
                open.push_str(line);
                all.push(std::mem::take(&mut open));
            }
        }
    }
    all.push(open);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_read_off() {
        let table: [(&str, Option<&[&str]>); 12] = [
            ("FROM a\nCOPY . .", Some(&["."])),
            (
                "copy package*.json ./\nCOPY src/ ./src",
                Some(&["package*.json", "src"]),
            ),
            (
                "COPY --chown=a:b ./libs /libs\nCOPY --from=build /x /y",
                Some(&["libs"]),
            ),
            ("COPY a \\\n  # why\n  b \\\n  c/", Some(&["a", "b"])),
            ("COPY [\"a b\", \"c/\"]", Some(&["a b"])),
            (
                "ADD https://example.com/x /x\nADD git@github.com:a/b.git /c",
                Some(&[]),
            ),
            ("COPY <<EOF /x\nhello\nEOF", Some(&[])),
            ("RUN --mount=type=cache,target=/x y\n#COPY z .", Some(&[])),
            ("RUN --mount=type=bind,target=. make", None),
            ("COPY $DIR /x", None),
            ("COPY ../x /x", None),
            ("COPY x", None),
        ];
        for (text, wanted) in table {
            let wanted = wanted.map_or(Sources::Unknown, |wanted| {
                Sources::Known(wanted.iter().map(|own| (*own).to_owned()).collect())
            });
            assert_eq!(sources(text.as_bytes()), wanted, "{text:?}");
        }
    }
}

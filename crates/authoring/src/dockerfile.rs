//! Dockerfiles, as far as one question goes: which files of the build context end up in the image.

use std::collections::{BTreeMap, BTreeSet};

/// What a Dockerfile takes from its build context: paths of the context, with `*` and `?` where they are written; `.` is all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// These, and nothing else.
    Known(Vec<String>),
    /// These, and others that its text does not tell: variables without a default, or paths outside of the context.
    Partly(Vec<String>),
}

impl Sources {
    /// The paths that are known.
    #[must_use]
    pub fn known(&self) -> &[String] {
        match self {
            Self::Known(paths) | Self::Partly(paths) => paths,
        }
    }
}

/// What has been read of a Dockerfile.
#[derive(Default)]
struct Reading {
    found: BTreeSet<String>,
    is_partly: bool,
    /// The defaults of `ARG`, and the values of `ENV`.
    variables: BTreeMap<String, String>,
}

/// Reads which files a Dockerfile copies (docs.docker.com/reference/dockerfile: `COPY`, `ADD`, `RUN --mount`).
#[must_use]
pub fn sources(bytes: &[u8]) -> Sources {
    let text = String::from_utf8_lossy(bytes);
    let mut reading = Reading::default();
    for instruction in instructions(&text) {
        let (name, rest) = instruction
            .split_once(|letter: char| letter.is_ascii_whitespace())
            .unwrap_or((&instruction, ""));
        match name.to_ascii_uppercase().as_str() {
            "ARG" | "ENV" => reading.variables(rest),
            "RUN" => reading.mounts(rest),
            "COPY" | "ADD" => reading.copies(rest),
            _ => {}
        }
    }
    let found = reading.found.into_iter().collect();
    if reading.is_partly {
        Sources::Partly(found)
    } else {
        Sources::Known(found)
    }
}

impl Reading {
    fn variables(&mut self, rest: &str) {
        for word in rest.split_ascii_whitespace() {
            if let Some((name, value)) = word.split_once('=') {
                let value = value.trim_matches(['"', '\'']);
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A bind mount without `from` shows the build context, or the `source` in it.
    fn mounts(&mut self, rest: &str) {
        let mounts = rest
            .split_ascii_whitespace()
            .take_while(|word| word.starts_with("--"))
            .filter_map(|word| word.strip_prefix("--mount="));
        for mount in mounts {
            let option = |names: [&str; 2]| {
                mount.split(',').find_map(|option| {
                    let (name, value) = option.split_once('=')?;
                    names.contains(&name).then_some(value)
                })
            };
            // The type of a mount is `bind` where it says no other.
            if option(["type", "type"]).unwrap_or("bind") == "bind"
                && option(["from", "from"]).is_none()
            {
                self.source(option(["source", "src"]).unwrap_or("."));
            }
        }
    }

    fn copies(&mut self, rest: &str) {
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let (flags, operands): (Vec<&str>, Vec<&str>) =
            words.iter().partition(|word| word.starts_with("--"));
        if flags.iter().any(|flag| flag.starts_with("--from=")) {
            return;
        }
        let operands = operands.join(" ");
        let operands: Vec<String> = match operands.starts_with('[') {
            true => serde_json::from_str(&operands).unwrap_or_default(),
            false => operands.split(' ').map(str::to_owned).collect(),
        };
        match operands.split_last() {
            Some((_, sources)) if !sources.is_empty() => {
                sources.iter().for_each(|source| self.source(source));
            }
            Some(_) | None => self.is_partly = true,
        }
    }

    fn source(&mut self, source: &str) {
        if source.contains("://") || source.starts_with("git@") || source.starts_with("<<") {
            return;
        }
        let source = self.filled(source);
        let is_plain = !source.contains(['$', '\\', '"', '\'', '['])
            && source.split('/').all(|part| part != "..");
        if !is_plain {
            self.is_partly = true;
            return;
        }
        let path = parse::yaml::plain_path(&source);
        self.found
            .insert(if path.is_empty() { ".".into() } else { path });
    }

    /// A source with the variables filled in that the Dockerfile gives a value. A build may give another, but the files are most likely there.
    fn filled(&self, source: &str) -> String {
        let mut source = source.to_owned();
        for (name, value) in self.variables.iter().rev() {
            source = source
                .replace(&format!("${{{name}}}"), value)
                .replace(&format!("${name}"), value);
        }
        source
    }
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
        let known: [(&str, &[&str]); 15] = [
            ("FROM a\nCOPY . .", &["."]),
            (
                "copy package*.json ./\nCOPY src/ ./src",
                &["package*.json", "src"],
            ),
            (
                "COPY --chown=a:b ./libs /libs\nCOPY --from=build /x /y",
                &["libs"],
            ),
            ("COPY a \\\n  # why\n  b \\\n  c/", &["a", "b"]),
            ("COPY [\"a b\", \"c/\"]", &["a b"]),
            (
                "ADD https://example.com/x /x\nADD git@github.com:a/b.git /c",
                &[],
            ),
            ("COPY <<EOF /x\nhello\nEOF", &[]),
            ("RUN --mount=type=cache,target=/x y\n#COPY z .", &[]),
            ("RUN --mount=type=bind,target=. make", &["."]),
            (
                "RUN --mount=type=bind,source=uv.lock,target=uv.lock --mount=type=cache,target=/x uv sync",
                &["uv.lock"],
            ),
            ("RUN --mount=type=bind,from=build,source=a,target=/a x", &[]),
            (
                "RUN --mount=type=secret,id=x --mount=src=b,target=b y",
                &["b"],
            ),
            ("ARG DIR=apps/api\nCOPY ${DIR}/src ./", &["apps/api/src"]),
            ("ARG APP=\"web\"\nCOPY apps/$APP .", &["apps/web"]),
            ("RUN echo --mount=type=bind,source=z", &[]),
        ];
        let partly: [(&str, &[&str]); 4] = [
            ("COPY $DIR /x", &[]),
            ("ARG DIR\nCOPY libs $DIR/src /x", &["libs"]),
            ("COPY ../x a /x", &["a"]),
            ("COPY x", &[]),
        ];
        let owned = |paths: &[&str]| paths.iter().map(|own| (*own).to_owned()).collect();
        let known = known.map(|(text, paths)| (text, Sources::Known(owned(paths))));
        let partly = partly.map(|(text, paths)| (text, Sources::Partly(owned(paths))));
        for (text, wanted) in known.into_iter().chain(partly) {
            assert_eq!(sources(text.as_bytes()), wanted, "{text:?}");
        }
    }
}

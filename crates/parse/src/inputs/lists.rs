//! Inputs that hold several values.

use super::InputError;
use model::{DeployHook, FailureWord, HookError, RenderOrigin, ServiceName};
use std::collections::BTreeMap;

/// More than any manifest can have services (500); a longer list is a mistake or an attack.
const MOST_LINES: usize = 1000;

/// Splits at newlines, and trims ASCII white space.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim_ascii)
        .filter(|line| !line.is_empty())
}

/// Reads `services`: names between commas and newlines, or the JSON array that is our own output.
pub(super) fn services(text: &str) -> Result<Vec<ServiceName>, InputError> {
    let refused = |why: String| InputError::new("services", FailureWord::BadInput, why);
    let json = text
        .trim_ascii()
        .starts_with('[')
        .then(|| serde_json::from_str::<Vec<String>>(text));
    let names: Vec<String> = match json {
        Some(Ok(names)) => names,
        Some(Err(_)) => {
            return Err(refused(
                "not a JSON array of names, like [\"api\",\"workers\"]".into(),
            ));
        }
        None => text
            .split([',', '\n'])
            .map(str::trim_ascii)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    if names.len() > MOST_LINES {
        return Err(refused(format!("more than {MOST_LINES} names")));
    }
    names
        .iter()
        .map(|name| ServiceName::parse(name).map_err(|error| refused(error.to_string())))
        .collect()
}

/// What `deploy-hooks` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HookList {
    pub(super) hooks: BTreeMap<ServiceName, DeployHook>,
    /// The services whose line is there without a URL: an unset secret.
    pub(super) empty: Vec<ServiceName>,
}

/// Reads `deploy-hooks`. Every mistake is reported.
pub(super) fn hooks(text: &str, origin: &RenderOrigin) -> Result<HookList, Vec<InputError>> {
    let refused = |word, why: String| InputError::new("deploy-hooks", word, why);
    let (mut hooks, mut empty, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
    if text.lines().count() > MOST_LINES {
        return Err(vec![refused(
            FailureWord::BadInput,
            format!("more than {MOST_LINES} lines"),
        )]);
    }
    for (at, line) in text.lines().enumerate() {
        let (line, number) = (line.trim_ascii(), at + 1);
        if line.is_empty() {
            continue;
        }
        let Some((name, url)) = line.split_once('=') else {
            errors.push(refused(
                FailureWord::BadInput,
                format!("line {number} is not service=URL (value not shown)"),
            ));
            continue;
        };
        let Ok(name) = ServiceName::parse(name.trim_ascii()) else {
            errors.push(refused(
                FailureWord::BadInput,
                format!("line {number} does not begin with a service name and = (value not shown)"),
            ));
            continue;
        };
        let url = url.trim_ascii();
        if url.is_empty() {
            empty.push(name);
            continue;
        }
        match DeployHook::parse(url, origin) {
            Err(error) => errors.push(refused(hook_word(error), format!("{name}: {error}"))),
            Ok(_) if hooks.contains_key(&name) => {
                errors.push(refused(
                    FailureWord::BadInput,
                    format!("{name} stands there twice"),
                ));
            }
            Ok(hook) => {
                hooks.insert(name, hook);
            }
        }
    }
    if errors.is_empty() {
        Ok(HookList { hooks, empty })
    } else {
        Err(errors)
    }
}

/// The failure word of a hook that is none.
pub(super) const fn hook_word(error: HookError) -> FailureWord {
    match error {
        HookError::HasImage => FailureWord::HookHasImage,
        HookError::Malformed | HookError::Blueprint => FailureWord::HookMalformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Option<Vec<String>> {
        services(text)
            .ok()
            .map(|names| names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn services_come_in_three_forms() {
        let both = Some(vec!["api".to_owned(), "workers".to_owned()]);
        for text in [
            "api,workers",
            "api, workers\n",
            "api\nworkers",
            "[\"api\",\"workers\"]",
        ] {
            assert_eq!(names(text), both, "{text:?}");
        }
        for text in ["api;rm", "API", "[1]", "[", "$(x)"] {
            assert_eq!(names(text), None, "{text:?}");
        }
    }

    #[test]
    fn hooks_are_read_by_line_and_every_mistake_is_told_without_a_value()
    -> Result<(), model::Refused> {
        let origin = RenderOrigin::parse("https://api.render.com")?;
        let url = "https://api.render.com/deploy/srv-a?key=SECRETKEY";
        let read = hooks(
            &format!(
                "api={url}\n\n workers = {}\nabsent=\n",
                url.replace("srv-a", "srv-b")
            ),
            &origin,
        );
        let read = read.map(|read| (read.hooks.len(), read.empty.len()));
        assert_eq!(read, Ok((2, 1)));
        let errors = hooks(
            &format!("api={url}\napi={url}\nno url SECRETKEY\nw=https://evil/SECRETKEY\n"),
            &origin,
        )
        .expect_err("three mistakes");
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors
                .iter()
                .all(|error| !error.to_string().contains("SECRETKEY")),
            "{errors:?}"
        );
        assert!(hooks(&"a=\n".repeat(10_000), &origin).is_err());
        Ok(())
    }
}

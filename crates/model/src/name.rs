//! Names that a deploy manifest gives to its parts.

use super::Refused;
use std::fmt;

/// Names that would read as something else where they are used (a JSON object's own properties in a workflow expression).
const RESERVED: [&str; 2] = ["constructor", "prototype"];

fn parse_name(what: &'static str, text: &str) -> Result<String, Refused> {
    let bytes = text.as_bytes();
    let well_formed = (1..=63).contains(&bytes.len())
        && bytes[0] != b'-'
        && bytes
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !well_formed {
        return Err(Refused::new(
            what,
            bytes,
            "1 to 63 of a-z, 0-9 and -, not beginning with -",
        ));
    }
    if RESERVED.contains(&text) {
        return Err(Refused::new(what, bytes, "a name that is not reserved"));
    }
    Ok(text.to_owned())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// It matches `[a-z0-9][a-z0-9-]{0,62}`, so it may stand in an output, an environment's name or a log line as it is.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Reads a name.
            ///
            /// # Errors
            /// Refuses other shapes and reserved names.
            pub fn parse(text: &str) -> Result<Self, Refused> {
                parse_name($what, text).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A service of the manifest.
    ServiceName,
    "service name"
);
name!(
    /// An image of the manifest.
    ImageName,
    "image name"
);
name!(
    /// An environment of the manifest.
    EnvironmentName,
    "environment name"
);

impl ServiceName {
    /// The variable that holds the service's deploy hook when the manifest names none: `RENDER_HOOK_RETENTION_RUN`.
    #[must_use]
    pub fn default_hook_variable(&self) -> HookVariable {
        HookVariable(format!(
            "RENDER_HOOK_{}",
            self.0.to_ascii_uppercase().replace('-', "_")
        ))
    }
}

/// An environment variable that may hold a deploy hook: `[A-Z][A-Z0-9_]*`, and none that the runner owns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HookVariable(String);

impl HookVariable {
    /// Reads a variable's name.
    ///
    /// # Errors
    /// Refuses other shapes, more than 128 characters, and the runner's own prefixes: a manifest must not be able to
    /// send `GITHUB_TOKEN` or `ACTIONS_RUNTIME_TOKEN` anywhere.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        const WANTED: &str = "A-Z, 0-9 and _, beginning with a letter, and not with GITHUB_, RUNNER_, ACTIONS_ or INPUT_";
        let bytes = text.as_bytes();
        let well_formed = (1..=128).contains(&bytes.len())
            && bytes[0].is_ascii_uppercase()
            && bytes
                .iter()
                .all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
        let foreign = ["GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if !well_formed || foreign {
            // A hook that is written here by mistake must not be shown in a log too.
            let is_secret = text.contains("://") || text.contains("key=");
            let shown: &[u8] = if is_secret { b"***" } else { bytes };
            return Err(Refused::new("hook variable", shown, WANTED));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HookVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_could_read_as_something_else() {
        for text in [
            "##[stop-commands]z",
            "a,b",
            "$(x)",
            "constructor",
            &"a".repeat(300),
            "ä",
            "",
            "-a",
            "A",
            "a_b",
            "a\n",
        ] {
            assert!(ServiceName::parse(text).is_err(), "{text:?}");
        }
        for text in ["api", "a", "0", "retention-run", &"a".repeat(63)] {
            assert!(ServiceName::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_hook_variable_is_never_one_of_the_runners() {
        for text in [
            "ACTIONS_RUNTIME_TOKEN",
            "GITHUB_TOKEN",
            "RUNNER_TEMP",
            "INPUT_SHA",
            "hook",
            "_A",
            "1A",
            "",
            "A-B",
        ] {
            assert!(HookVariable::parse(text).is_err(), "{text:?}");
        }
        assert!(HookVariable::parse("RETENTION_HOOK").is_ok());
    }

    #[test]
    fn the_default_hook_variable_is_derived_from_the_name() -> Result<(), Refused> {
        assert_eq!(
            ServiceName::parse("retention-run")?
                .default_hook_variable()
                .as_str(),
            "RENDER_HOOK_RETENTION_RUN"
        );
        Ok(())
    }
}

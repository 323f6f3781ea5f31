//! The inputs as the README shows them: in groups, each with the commands that read it.

/// Inputs that belong together.
#[derive(Debug, Clone, Copy)]
pub struct InputGroup {
    /// The group's title.
    pub title: &'static str,
    /// The names of its inputs, each with the commands that read it (`all` of them, or a list).
    pub inputs: &'static [(&'static str, &'static str)],
}

/// Whether a command is among the commands of an input in [`INPUT_GROUPS`]: `all`, `all but` some, or a list.
#[must_use]
pub fn is_read_by(command: &str, commands: &str) -> bool {
    let is_listed = |list: &str| list.split(", ").any(|word| word == command);
    match commands.strip_prefix("all but ") {
        Some(others) => !is_listed(others),
        None => commands == "all" || is_listed(commands),
    }
}

const WITH_IMAGES: &str = "plan, verify, deploy, promote";
const WITH_TOKEN: &str = "all but check, init";
const WITH_KEY: &str = "plan, deploy, rollback, status, cleanup";

/// Every input, in its group.
pub const INPUT_GROUPS: &[InputGroup] = &[
    InputGroup {
        title: "What to do",
        inputs: &[
            ("command", "all"),
            (
                "environment",
                "plan, verify, deploy, promote, rollback, status, release",
            ),
            ("manifest", "all"),
            ("services", "plan, verify, deploy, rollback, status"),
            ("release", "all but cleanup, check, init"),
            ("sha", "all but cleanup, check, init"),
            ("pr-number", "plan, verify, deploy, cleanup"),
            ("base", "plan, verify"),
            ("force", "plan, deploy, release"),
            ("freeze", "deploy, promote, release"),
            ("dry-run", "all but check"),
        ],
    },
    InputGroup {
        title: "Render",
        inputs: &[
            ("render-api-key", WITH_KEY),
            ("deploy-hooks", "plan, deploy, rollback, status"),
            ("deploy-hook", "plan, deploy, rollback"),
            ("wait", "deploy, rollback"),
            ("live-timeout", "deploy, rollback"),
            ("rollback-on-failure", "deploy"),
            ("on-missing-credential", "verify, deploy, promote, rollback"),
            ("render-api-url", WITH_KEY),
        ],
    },
    InputGroup {
        title: "Images",
        inputs: &[
            ("image", WITH_IMAGES),
            ("digest", "verify, deploy, promote"),
            ("pin", "verify, deploy, promote"),
            ("image-timeout", "verify, deploy, promote"),
            ("on-missing-image", "verify, deploy, promote"),
            ("promote-on-release", "plan, verify, deploy"),
            ("env-file", "plan, deploy"),
        ],
    },
    InputGroup {
        title: "Access",
        inputs: &[
            ("github-token", WITH_TOKEN),
            ("registry", WITH_TOKEN),
            ("registry-username", WITH_TOKEN),
            ("registry-password", WITH_TOKEN),
            ("ca-bundle", WITH_TOKEN),
        ],
    },
    InputGroup {
        title: "Reports",
        inputs: &[
            ("record", "plan, deploy, rollback, status, cleanup"),
            ("comment", "plan, deploy, cleanup"),
        ],
    },
];

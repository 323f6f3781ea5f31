//! What `status` says of a service: how far what it serves is behind, and which of the six states that is.

use std::fmt;

/// How a service stands. The order is that of precedence: a service is in the first state that holds (interface: status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FleetState {
    /// What it serves is not known.
    Unknown,
    /// A deploy is under way.
    Deploying,
    /// It serves something else than the record says.
    Drifting,
    /// A rollback holds it.
    Held,
    /// It lacks commits that matter to it.
    Behind,
    /// It has what it needs.
    Current,
}

impl FleetState {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Deploying => "deploying",
            Self::Drifting => "drifting",
            Self::Held => "held",
            Self::Behind => "behind",
            Self::Current => "current",
        }
    }
}

impl fmt::Display for FleetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FleetFacts {
    /// Whether the commit of what it serves is known, and what it is compared with.
    pub is_known: bool,
    /// Whether a deploy is under way, or may be.
    pub is_deploying: bool,
    /// Whether it serves something else than the record says.
    pub is_drifting: bool,
    /// Whether a rollback holds it.
    pub is_held: bool,
    /// How many of the commits that it lacks matter to it; `None` where that is not known.
    pub matters: Option<usize>,
    /// Whether its trees and manifest entries are equal at both commits; `None` where they cannot be compared.
    pub is_equal: Option<bool>,
}

impl FleetFacts {
    /// The first state that holds.
    #[must_use]
    pub fn state(&self) -> FleetState {
        let is_behind = match (self.is_equal, self.matters) {
            (Some(is_equal), _) => !is_equal,
            (None, Some(matters)) => matters > 0,
            (None, None) => true,
        };
        if !self.is_known {
            FleetState::Unknown
        } else if self.is_deploying {
            FleetState::Deploying
        } else if self.is_drifting {
            FleetState::Drifting
        } else if self.is_held {
            FleetState::Held
        } else if is_behind {
            FleetState::Behind
        } else {
            FleetState::Current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_state_that_holds_is_said() {
        let all = FleetFacts {
            is_known: true,
            is_deploying: true,
            is_drifting: true,
            is_held: true,
            matters: Some(2),
            is_equal: Some(false),
        };
        let unknown = FleetFacts {
            is_known: false,
            ..all
        };
        let drifting = FleetFacts {
            is_deploying: false,
            ..all
        };
        let held = FleetFacts {
            is_drifting: false,
            ..drifting
        };
        let behind = FleetFacts {
            is_held: false,
            ..held
        };
        let current = FleetFacts {
            is_equal: Some(true),
            ..behind
        };
        let table = [
            (unknown, FleetState::Unknown),
            (all, FleetState::Deploying),
            (drifting, FleetState::Drifting),
            (held, FleetState::Held),
            (behind, FleetState::Behind),
            (current, FleetState::Current),
        ];
        for (facts, wanted) in table {
            assert_eq!(facts.state(), wanted, "{facts:?}");
        }
    }

    #[test]
    fn what_cannot_be_compared_counts_as_behind() {
        let known = FleetFacts {
            is_known: true,
            ..FleetFacts::default()
        };
        for (is_equal, matters, wanted) in [
            (None, None, FleetState::Behind),
            (None, Some(0), FleetState::Current),
            (None, Some(1), FleetState::Behind),
            (Some(true), Some(3), FleetState::Current),
            (Some(false), Some(0), FleetState::Behind),
        ] {
            let facts = FleetFacts {
                is_equal,
                matters,
                ..known
            };
            assert_eq!(facts.state(), wanted, "{facts:?}");
        }
    }
}

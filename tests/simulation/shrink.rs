//! A history made as short as it can be while the same invariant breaks in it, and told in lines.

use crate::event::History;
use crate::run::Rules;
use crate::{Listener, play};

/// Takes out events, many at a time and then one by one, as long as the same invariant still breaks.
pub(crate) fn shrink(history: &History, rules: Rules, invariant: u8) -> History {
    let breaks = |history: &History| {
        play(history, rules, Listener::Nobody)
            .violation
            .is_some_and(|violation| violation.invariant == invariant)
    };
    let mut history = history.clone();
    let mut size = history.events.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        let before = history.events.len();
        while at < history.events.len() {
            let mut shorter = history.clone();
            shorter
                .events
                .drain(at..(at + size).min(shorter.events.len()));
            if breaks(&shorter) {
                history = shorter;
            } else {
                at += size;
            }
        }
        if size == 1 && history.events.len() == before {
            break;
        }
        size = if size == 1 { 1 } else { size / 2 };
    }
    history
}

/// A history's setting and what happens in it, line by line.
pub(crate) fn told(history: &History, rules: Rules) -> String {
    let world = play(history, rules, Listener::Somebody);
    let story = world.story.unwrap_or_default().join("\n");
    format!("{:?}\n{:?}\n{story}", history.setting, history.events)
}

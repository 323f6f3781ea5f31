//! A history made as short as it can be while the same promise breaks in it.

use crate::checkout::Checkout;
use crate::event::{Event, History};
use crate::oracle::Promise;
use crate::setting::{Builds, Key, Layout, Setting};
use crate::world::render::Policy;
use crate::{Listener, play};

fn breaks(history: &History, promise: Promise) -> bool {
    play(history, Listener::Nobody, Some(promise))
        .found
        .iter()
        .any(|found| found.promise == promise)
}

/// Takes out events, many at a time and then one by one, and makes the setting and the events simpler, as long as the same promise still breaks.
pub(crate) fn shrink(history: &History, promise: Promise) -> History {
    let mut history = history.clone();
    loop {
        let before = (history.setting, history.events.clone());
        drop_events(&mut history, promise);
        simplify_events(&mut history, promise);
        simplify_setting(&mut history, promise);
        if (history.setting, &history.events) == (before.0, &before.1) {
            return history;
        }
    }
}

fn drop_events(history: &mut History, promise: Promise) {
    let mut size = history.events.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < history.events.len() {
            let mut shorter = history.clone();
            shorter
                .events
                .drain(at..(at + size).min(shorter.events.len()));
            if breaks(&shorter, promise) {
                *history = shorter;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return;
        }
        size /= 2;
    }
}

/// Simpler forms of an event.
fn simpler(event: &Event) -> Vec<Event> {
    match event {
        Event::Push { branch, commits } => {
            let mut forms = Vec::new();
            for at in 0..commits.len() {
                if commits.len() > 1 {
                    let mut fewer = commits.clone();
                    fewer.remove(at);
                    forms.push(fewer);
                }
                for change in 0..commits[at].len() {
                    if commits[at].len() > 1 {
                        let mut fewer = commits.clone();
                        fewer[at].remove(change);
                        forms.push(fewer);
                    }
                }
            }
            forms
                .into_iter()
                .map(|commits| Event::Push {
                    branch: *branch,
                    commits,
                })
                .collect()
        }
        Event::Run {
            slot,
            ask,
            steps: Some(_),
        } => vec![Event::Run {
            slot: *slot,
            ask: ask.clone(),
            steps: None,
        }],
        Event::Fault { which, what, times } if *times > 1 => vec![Event::Fault {
            which: *which,
            what: *what,
            times: 1,
        }],
        _ => Vec::new(),
    }
}

fn simplify_events(history: &mut History, promise: Promise) {
    let mut at = 0;
    while at < history.events.len() {
        let forms = simpler(&history.events[at]);
        let found = forms.into_iter().find(|form| {
            let mut other = history.clone();
            other.events[at] = form.clone();
            breaks(&other, promise)
        });
        match found {
            Some(form) => history.events[at] = form,
            None => at += 1,
        }
    }
}

fn simplify_setting(history: &mut History, promise: Promise) {
    let forms: [fn(&mut Setting); 21] = [
        |setting| setting.services = 1,
        |setting| setting.services = 2,
        |setting| setting.layout = Layout::Branch,
        |setting| setting.key = Key::None,
        |setting| setting.shares_image = false,
        |setting| setting.after = false,
        |setting| setting.has_extra_paths = false,
        |setting| setting.has_shared = false,
        |setting| setting.begins_without_manifest = false,
        |setting| setting.builds = Builds::Labelled,
        |setting| setting.checkout = Checkout::Full,
        |setting| setting.old_refs = false,
        |setting| setting.by_workflow_run = false,
        |setting| setting.record = true,
        |setting| setting.wait_accepted = false,
        |setting| setting.restores = false,
        |setting| setting.has_probes = false,
        |setting| setting.has_floating_tag = false,
        |setting| setting.has_required = false,
        |setting| (setting.policy, setting.lists_late) = (Policy::Wait, false),
        |setting| (setting.pace, setting.is_strict) = (5, false),
    ];
    for form in forms {
        let mut other = history.clone();
        form(&mut other.setting);
        if other.setting != history.setting && breaks(&other, promise) {
            *history = other;
        }
    }
}

//! Journeys: the real program, from the runner's environment to its exit code.

mod attacks;
mod bounds;
mod cancel;
mod carried;
mod check;
mod cleanup;
mod command_line;
mod comments;
mod container;
mod credentials;
mod dialects;
mod drift;
mod endings;
mod event_table;
mod events;
pub(crate) mod examples;
mod faults;
mod history;
mod hooks;
mod images;
mod init;
mod inputs;
mod ledger_histories;
mod live;
mod manifests;
mod merge_plan;
mod monitor;
mod never_lost;
mod open_records;
mod order;
mod preflight;
mod previews;
mod probes;
mod processes;
mod promotion;
mod pull_requests;
mod refusals;
mod release;
mod requests;
mod required;
mod restores;
mod rollback;
mod same_answer;
mod second_door;
mod source;
mod status;
mod status_rules;
mod summary;
mod surroundings;
mod sweeps;
mod tags;
mod the_record;
mod the_world;
mod tls;
mod train;

/// Checks items side by side, as many as there are processors: in this process, journeys work and do not wait.
fn at_once<T: Send>(items: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    let items: Vec<T> = items.into_iter().collect();
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let count = if testworld::all_as_processes() {
        items.len()
    } else {
        processors
    };
    let queue = std::sync::Mutex::new(items.into_iter());
    std::thread::scope(|scope| {
        let work = || {
            while let Some(item) = next(&queue) {
                check(item);
            }
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

fn next<T>(queue: &std::sync::Mutex<impl Iterator<Item = T>>) -> Option<T> {
    queue.lock().expect("a queue").next()
}

//! Journeys: the real program, from the runner's environment to its exit code.

mod attacks;
mod bounds;
mod cancel;
mod check;
mod cleanup;
mod comments;
mod container;
mod credentials;
mod drift;
mod endings;
mod events;
pub(crate) mod examples;
mod faults;
mod history;
mod hooks;
mod images;
mod init;
mod inputs;
mod live;
mod manifests;
mod never_lost;
mod order;
mod preflight;
mod previews;
mod promotion;
mod release;
mod requests;
mod required;
mod rollback;
mod same_answer;
mod second_door;
mod source;
mod summary;
mod surroundings;
mod tags;
mod the_record;
mod the_world;
mod tls;
mod train;

/// Checks every item at the same time: these journeys wait more than they work.
fn at_once<T: Send>(items: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        let check = &check;
        let threads: Vec<_> = items
            .into_iter()
            .map(|item| scope.spawn(move || check(item)))
            .collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

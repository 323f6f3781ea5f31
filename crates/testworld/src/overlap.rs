//! Runs that overlap, in one world or in several that share their servers.

use super::meanwhile::until;
use super::{Run, World, in_process};
use futures_util::future::join_all;
use std::time::Duration;

/// A run among others.
pub struct Part {
    world: World,
    command: String,
    starts: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Part {
    /// A run that starts at once.
    pub fn now(world: World, command: &str) -> Self {
        Self::once(world, command, || true)
    }

    /// A run that starts once this holds.
    pub fn once(
        world: World,
        command: &str,
        starts: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            world,
            command: command.to_owned(),
            starts: Box::new(starts),
        }
    }
}

/// Lets runs overlap, on one clock. Gives what each left, in the order of the parts.
pub fn together<const N: usize>(parts: [Part; N]) -> [Run; N] {
    let runs = if parts.iter().all(|part| part.world.is_in_process()) {
        in_this_process(parts)
    } else {
        as_processes(parts)
    };
    match <[Run; N]>::try_from(runs) {
        Ok(runs) => runs,
        Err(_) => unreachable!("every part leaves a run"),
    }
}

fn as_processes(parts: impl IntoIterator<Item = Part>) -> Vec<Run> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| {
                scope.spawn(move || {
                    while !(part.starts)() {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    part.world.run(&part.command)
                })
            })
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|run| run.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn in_this_process<const N: usize>(parts: [Part; N]) -> Vec<Run> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    let clock = first.world.clock();
    in_process::block_on(&clock, async move {
        join_all(parts.into_iter().map(|part| async move {
            until(&*part.starts).await;
            part.world.run_here(&part.command).await
        }))
        .await
    })
}

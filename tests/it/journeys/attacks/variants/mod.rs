//! Variants: of each row's kind, inputs that the list does not name. Each row has a test that plays its own, every one in a world of its own.

use super::super::at_once;

/// A test of each row; each variant is what is different, and the journey with it.
macro_rules! variants {
    ($($row:ident { $($what:literal => $play:expr),+ $(,)? })+) => {
        $(
            #[test]
            fn $row() {
                super::play(stringify!($row), &[$(($what, $play as fn())),+]);
            }
        )+
        /// How many variants each row has here.
        pub(super) const COUNTS: &[(&str, usize)] = &[$((stringify!($row), [$($what),+].len())),+];
    };
}

mod answers;
mod events;
mod files;
mod hooks;
mod manifests;
mod order;
mod systems;
mod values;

/// How many variants each row has.
pub(super) fn counts() -> impl Iterator<Item = (&'static str, usize)> {
    [
        answers::COUNTS,
        events::COUNTS,
        files::COUNTS,
        hooks::COUNTS,
        manifests::COUNTS,
        order::COUNTS,
        systems::COUNTS,
        values::COUNTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Plays the variants of a row and names those that fail.
fn play(row: &str, variants: &[(&str, fn())]) {
    at_once(variants, |(what, play)| {
        if std::panic::catch_unwind(play).is_err() {
            panic!("{row}: {what}");
        }
    });
}

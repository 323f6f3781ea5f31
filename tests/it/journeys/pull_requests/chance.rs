//! What may happen, and how often.

use super::random::Random;

/// What happens. Bytes choose by their remainder: a pull request, a run, a service.
#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// A push, with the run that it starts.
    Push(u8, Change, Build, Fortune),
    /// An earlier run is repeated.
    Repeat(u8, Fortune),
    /// A pull request is closed, and its clean-up may run.
    Close(u8, Option<Fortune>),
    /// It is opened again, and its run starts.
    Reopen(u8, Fortune),
    /// The scheduled clean-up.
    Sweep(Fortune),
    /// A push and the repetition of an earlier run at the same time.
    Overlap(u8, Change, u8),
    /// A push whose workflow has one job for each service.
    Jobs(u8),
    /// Somebody else does something.
    Others(Others, u8),
}

/// What a push changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// The files of these services; the byte chooses among one, the other and both.
    Files(u8),
    /// The change of a service is taken back.
    Drop(u8),
    /// The branch is forced back to an earlier head.
    Back(u8),
    /// The branch begins anew from the base, with a change of both.
    Anew,
}

/// When the images of a push are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Build {
    AtOnce,
    /// While the run waits.
    Late,
    Fails,
}

/// How a run fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fortune {
    Well,
    /// It may not write records.
    Denied,
    /// `record: false`.
    Forgetful,
    /// It may not read pull requests.
    Blind,
    /// It is killed at this place.
    Killed(u8),
    /// It is cancelled at this place.
    Cancelled(u8),
    /// Meanwhile the pull request changes: a deploy's is closed or pushed to, a clean-up's is opened again or its image is released.
    Meanwhile(bool, u8),
    /// Render makes the preview under a longer name.
    Renamed,
    /// Render makes the preview and its answer is lost.
    Lost,
}

/// What somebody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Another account is the author of the newest record.
    Writes,
    /// The newest record of ours names the preview of the other pull request.
    Misleads,
    /// The newest record loses its statuses, as if its run had been killed.
    Forgets,
    /// A preview is suspended, or goes on.
    Suspends,
    /// A preview is deleted in the dashboard.
    Deletes,
    /// An image of a pull request becomes a release.
    Releases,
    /// A service of the company gets an image of a pull request by hand.
    Serves,
}

const OTHERS: [Others; 9] = [
    Others::Writes,
    Others::Misleads,
    Others::Misleads,
    Others::Misleads,
    Others::Forgets,
    Others::Suspends,
    Others::Deletes,
    Others::Releases,
    Others::Serves,
];

/// The first event is a push. Mostly it ends well; now and then its run is killed at its comment, which no later run makes for the first time.
pub(super) fn first(random: &mut Random) -> Event {
    let change = Change::Files(random.byte());
    let fortune = match random.below(8) {
        0 => Fortune::Killed(AT_COMMENT),
        _ => Fortune::Well,
    };
    Event::Push(random.byte(), change, Build::AtOnce, fortune)
}

/// The byte that chooses the making of the comment among the places of a deploy.
const AT_COMMENT: u8 = 5;

pub(super) fn event(random: &mut Random) -> Event {
    let pull = random.byte();
    match random.below(24) {
        0..=6 => Event::Push(pull, change(random), build(random), fortune(random)),
        7..=9 => Event::Repeat(random.byte(), fortune(random)),
        10..=12 => {
            let is_cleaned = random.happens(75);
            Event::Close(pull, is_cleaned.then(|| fortune(random)))
        }
        13 | 14 => Event::Reopen(pull, fortune(random)),
        15 | 16 => Event::Sweep(fortune(random)),
        17 | 18 => Event::Overlap(pull, change(random), random.byte()),
        19 | 20 => Event::Jobs(pull),
        _ => {
            let others = usize::from(random.byte()) % OTHERS.len();
            Event::Others(OTHERS[others], random.byte())
        }
    }
}

fn change(random: &mut Random) -> Change {
    match random.below(10) {
        0 | 1 => Change::Drop(random.byte()),
        2 | 3 => Change::Back(random.byte()),
        4 => Change::Anew,
        _ => Change::Files(random.byte()),
    }
}

fn build(random: &mut Random) -> Build {
    match random.below(10) {
        0..=2 => Build::Late,
        3 => Build::Fails,
        _ => Build::AtOnce,
    }
}

fn fortune(random: &mut Random) -> Fortune {
    match random.below(20) {
        0 | 1 => Fortune::Denied,
        2 => Fortune::Forgetful,
        3 => Fortune::Blind,
        4..=6 => Fortune::Killed(random.byte()),
        7 => Fortune::Cancelled(random.byte()),
        8..=10 => Fortune::Meanwhile(random.happens(50), random.byte()),
        11 => Fortune::Renamed,
        12 => Fortune::Lost,
        _ => Fortune::Well,
    }
}

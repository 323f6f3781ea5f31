//! Which image a service has at a commit: the commit's own, or that of another commit that is equal to it in what the image is built from.
//!
//! In this order, and the first that is there and right is the image:
//!
//! 1. where the environment `requires` another: the bytes that ran there, built from an equal commit; what is live there first;
//! 2. the commit's own tags;
//! 3. bytes that a record names, built from an equal commit: of this environment and of the required one; then the tag of an equal
//!    ancestor, first parents only, the nearest first;
//! 4. nothing: the image has to be built, or waited for.
//!
//! "Equal" is about the image's build paths: its own, those of every service that runs it, and `shared`, without what `ignore` takes in. A
//! record's bytes count where both of its commits are equal. The commit that it *deployed* alone does not do: bytes that were equal for one
//! service of a shared image need not be so for the next. The commit that its bytes were *built from* alone does not do either: an image
//! that was given by its digest may have the label of its base image. A record that does not say what its bytes were built from proves
//! nothing.
//!
//! `plan` and `deploy` ask this same [`ImageSearch`], so that what `plan` does not have built, `deploy` finds. It says what has to be
//! known next and is told the answer; nothing is asked that does not matter any more.

mod candidates;

pub use candidates::{NewestRecords, RecordedImage, recorded, required};

use super::Equality;
use model::{CommitSha, Digest, ImageTag};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many ancestors are looked at.
pub const MOST_ANCESTORS: usize = 200;
/// How many tags of ancestors are asked for at once.
const AT_ONCE: usize = 20;
/// How many commits that are not at hand are compared for one image, of each kind: required, recorded, ancestors.
const MOST_FAR: usize = 5;

/// Where the image of a commit may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImageSource {
    /// Under the commit's own tag.
    Own(ImageTag),
    /// These bytes, built from that commit, ran in the required environment.
    Required(Digest, CommitSha),
    /// A record names these bytes, built from that commit.
    Recorded(Digest, CommitSha),
    /// Under the tag of that ancestor.
    Ancestor(ImageTag, CommitSha),
}

impl ImageSource {
    /// The commit that it is the image of; none where that is the commit that was asked for.
    #[must_use]
    pub const fn commit(&self) -> Option<&CommitSha> {
        match self {
            Self::Own(_) => None,
            Self::Required(_, commit) | Self::Recorded(_, commit) | Self::Ancestor(_, commit) => {
                Some(commit)
            }
        }
    }

    const fn kind(&self) -> usize {
        match self {
            Self::Required(..) => 0,
            Self::Own(_) | Self::Recorded(..) => 1,
            Self::Ancestor(..) => 2,
        }
    }
}

/// A commit before the one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its name.
    pub commit: CommitSha,
    /// The tag that its image has.
    pub tag: ImageTag,
}

/// What has to be known next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// How this commit compares with the one that is asked for: [`ImageSearch::compared`].
    Compare(CommitSha),
    /// Whether an image is there: [`ImageSearch::looked`].
    Look(ImageSource),
    /// The first-parent ancestors: [`ImageSearch::went_back`].
    GoBack,
    /// Which of these tags are there: [`ImageSearch::listed`].
    List(Vec<ImageTag>),
    /// Nothing: this is it.
    Found(ImageSource),
    /// Nothing: there is none.
    Nothing,
}

/// What was found in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// An image that may be deployed.
    Right,
    /// An image that may not.
    Wrong,
    /// Nothing.
    Absent,
}

/// The search for one image of one commit.
#[derive(Debug, Clone)]
pub struct ImageSearch {
    steps: VecDeque<SearchStep>,
    found: Option<ImageSource>,
    equal: BTreeMap<CommitSha, bool>,
    near: BTreeSet<CommitSha>,
    /// How many commits may still be compared that are not near, of each kind.
    far: [usize; 3],
    /// An image under one of the commit's own tags may not be deployed.
    is_spoiled: bool,
}

#[derive(Debug, Clone)]
enum SearchStep {
    Look(ImageSource),
    /// It counts if all of these commits are equal.
    IfEqual(ImageSource, Vec<CommitSha>),
    GoBack,
    List(Vec<Ancestor>),
}

/// Whether another commit's image will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only the commit's own.
    Own,
    /// That of an equal commit, too.
    Equal,
}

impl ImageSearch {
    /// Begins a search for the image of `head`. `required` and `recorded` are what the functions of these names give, `own` the commit's own
    /// tags; `is_near` says which commits cost nothing to compare.
    #[must_use]
    pub fn new(
        head: CommitSha,
        own: &[ImageTag],
        reach: Reach,
        required: Vec<RecordedImage>,
        recorded: Vec<RecordedImage>,
        is_near: impl Fn(&CommitSha) -> bool,
    ) -> Self {
        let if_equal = |image: RecordedImage| {
            let commits = image.commits();
            SearchStep::IfEqual(image.source, commits)
        };
        let mut steps: VecDeque<SearchStep> = required.into_iter().map(if_equal).collect();
        steps.extend(
            own.iter()
                .cloned()
                .map(ImageSource::Own)
                .map(SearchStep::Look),
        );
        steps.extend(recorded.into_iter().map(if_equal));
        if reach == Reach::Equal {
            steps.push_back(SearchStep::GoBack);
        } else {
            steps.retain(|step| matches!(step, SearchStep::Look(_)));
        }
        let commits = steps.iter().flat_map(|step| match step {
            SearchStep::IfEqual(_, commits) => commits.clone(),
            SearchStep::Look(_) | SearchStep::GoBack | SearchStep::List(_) => Vec::new(),
        });
        let near = commits.filter(is_near).collect();
        let equal = BTreeMap::from([(head, true)]);
        Self {
            steps,
            found: None,
            equal,
            near,
            far: [MOST_FAR; 3],
            is_spoiled: false,
        }
    }

    /// What has to be known next.
    pub fn wants(&mut self) -> Next {
        if let Some(found) = &self.found {
            return Next::Found(found.clone());
        }
        while let Some(step) = self.steps.pop_front() {
            let (next, again) = match step {
                SearchStep::Look(source) => {
                    (Some(Next::Look(source.clone())), SearchStep::Look(source))
                }
                SearchStep::GoBack => (Some(Next::GoBack), SearchStep::GoBack),
                SearchStep::IfEqual(source, commits) => match self.are_equal(&source, &commits) {
                    Answered::Yes => (Some(Next::Look(source.clone())), SearchStep::Look(source)),
                    Answered::No => continue,
                    Answered::Ask(commit) => (
                        Some(Next::Compare(commit)),
                        SearchStep::IfEqual(source, commits),
                    ),
                },
                SearchStep::List(ancestors) => {
                    let unknown = ancestors.iter().map(|ancestor| ancestor.commit);
                    let unknown = unknown.into_iter().find(|commit| {
                        self.near.contains(commit) && !self.equal.contains_key(commit)
                    });
                    if let Some(commit) = unknown {
                        (Some(Next::Compare(commit)), SearchStep::List(ancestors))
                    } else {
                        let may_be =
                            |ancestor: &Ancestor| self.equal.get(&ancestor.commit) != Some(&false);
                        let left: Vec<Ancestor> = ancestors.into_iter().filter(may_be).collect();
                        let tags: Vec<ImageTag> =
                            left.iter().map(|ancestor| ancestor.tag.clone()).collect();
                        (
                            (!tags.is_empty()).then_some(Next::List(tags)),
                            SearchStep::List(left),
                        )
                    }
                }
            };
            if let Some(next) = next {
                self.steps.push_front(again);
                return next;
            }
        }
        Next::Nothing
    }

    /// Answers [`Next::Compare`]. What is not known is not equal.
    pub fn compared(&mut self, commit: CommitSha, equality: &Equality) {
        if !self.near.contains(&commit)
            && let Some(SearchStep::IfEqual(source, _)) = self.steps.front()
        {
            let kind = source.kind();
            self.far[kind] = self.far[kind].saturating_sub(1);
        }
        self.equal.insert(commit, *equality == Equality::Equal);
    }

    /// Answers [`Next::Look`]. After one of the commit's own tags that holds a wrong image, only its other tags count: what is wrong there
    /// is to be mended, not to be passed over.
    pub fn looked(&mut self, sight: Sight) {
        let Some(SearchStep::Look(source)) = self.steps.pop_front() else {
            return;
        };
        match (sight, source) {
            (Sight::Right, source) => self.found = Some(source),
            (Sight::Wrong, ImageSource::Own(_)) => {
                self.is_spoiled = true;
                self.steps
                    .retain(|step| matches!(step, SearchStep::Look(_)));
            }
            (Sight::Wrong | Sight::Absent, _) => {}
        }
    }

    /// Answers [`Next::GoBack`]: the nearest first. `is_near` says which of them cost nothing to compare: those are asked for in the registry
    /// only if they are equal, the others are compared only if they are there.
    pub fn went_back(&mut self, ancestors: Vec<Ancestor>, is_near: impl Fn(&CommitSha) -> bool) {
        self.steps
            .retain(|step| !matches!(step, SearchStep::GoBack));
        self.near.extend(
            ancestors
                .iter()
                .map(|ancestor| ancestor.commit)
                .filter(is_near),
        );
        let mut ancestors = ancestors.into_iter().take(MOST_ANCESTORS).peekable();
        while ancestors.peek().is_some() {
            self.steps
                .push_back(SearchStep::List(ancestors.by_ref().take(AT_ONCE).collect()));
        }
    }

    /// Answers [`Next::List`] with those that are there.
    pub fn listed(&mut self, there: &[ImageTag]) {
        let Some(SearchStep::List(ancestors)) = self.steps.pop_front() else {
            return;
        };
        for Ancestor { commit, tag } in ancestors
            .into_iter()
            .rev()
            .filter(|ancestor| there.contains(&ancestor.tag))
        {
            self.steps.push_front(SearchStep::IfEqual(
                ImageSource::Ancestor(tag, commit),
                vec![commit],
            ));
        }
    }

    /// Whether one of the commit's own tags holds an image that may not be deployed, and no other tag of it one that may.
    #[must_use]
    pub const fn is_spoiled(&self) -> bool {
        self.is_spoiled && self.found.is_none()
    }

    fn are_equal(&self, source: &ImageSource, commits: &[CommitSha]) -> Answered {
        let is_known_as = |commit: &CommitSha, equal| self.equal.get(commit) == Some(&equal);
        if commits.iter().any(|commit| is_known_as(commit, false)) {
            return Answered::No;
        }
        let may_ask = |commit| self.near.contains(commit) || self.far[source.kind()] > 0;
        match commits.iter().find(|commit| !is_known_as(commit, true)) {
            None => Answered::Yes,
            Some(commit) if may_ask(commit) => Answered::Ask(*commit),
            Some(_) => Answered::No,
        }
    }
}

enum Answered {
    Yes,
    No,
    Ask(CommitSha),
}

#[cfg(test)]
mod tests;

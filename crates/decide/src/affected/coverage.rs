//! What a manifest's patterns take in of a whole tree, whatever changed.

use super::{MOST_WORK, PathMatcher, Runs, build_lists};
use model::{Image, Manifest, Pattern, PatternList};
use std::rc::Rc;

/// A manifest held against the paths of a tree.
pub struct Coverage<'a> {
    manifest: &'a Manifest,
    search: PathMatcher<'a>,
    ignored: Rc<Runs>,
}

impl<'a> Coverage<'a> {
    /// Over `paths`, which are sorted and without doubles; `None` where so many patterns meet so many paths that it would take minutes.
    pub fn new(manifest: &'a Manifest, paths: &'a [Vec<u8>]) -> Option<Self> {
        let mut search = PathMatcher::over(paths.iter().map(Vec::as_slice).collect(), MOST_WORK);
        let ignored = search.list(&manifest.ignore);
        // What the search has found once it does not look for again, so after this nothing can become too much.
        lists(manifest)
            .flat_map(PatternList::iter)
            .for_each(|pattern| drop(search.pattern(pattern)));
        search.work.map(|_| Self {
            manifest,
            search,
            ignored,
        })
    }

    /// How many paths a pattern matches, a leading `!` left aside.
    pub fn matches(&mut self, pattern: &'a Pattern) -> usize {
        count(&self.search.pattern(pattern))
    }

    /// How many paths are a reason to build the image.
    pub fn reasons_for(&mut self, image: &'a Image) -> usize {
        let mut taken = Runs::union(
            build_lists(self.manifest, image)
                .into_iter()
                .map(|list| self.search.list(list)),
        );
        taken.take_out(&self.ignored);
        count(&taken)
    }

    /// The paths that no list takes in, `ignore` included: nobody said whose they are. By their place in the list.
    pub fn of_nobody(&mut self) -> Vec<usize> {
        let lists = lists(self.manifest).chain([&self.manifest.ignore]);
        let taken = Runs::union(lists.map(|list| self.search.list(list)).collect::<Vec<_>>());
        let mut left = Runs::of(0..self.search.paths.len());
        left.take_out(&taken);
        left.0.into_iter().flatten().collect()
    }
}

/// Every list that takes paths in for something.
fn lists(manifest: &Manifest) -> impl Iterator<Item = &PatternList> {
    let of_images = manifest.images.iter().map(|image| &image.paths);
    of_images
        .chain(manifest.services.iter().map(|service| &service.paths))
        .chain([&manifest.shared])
}

fn count(runs: &Runs) -> usize {
    runs.0.iter().map(ExactSizeIterator::len).sum()
}

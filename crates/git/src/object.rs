//! Single objects: read, compared with their names, peeled.

use super::{Checkout, RepositoryError};
use gix::ObjectId;
use gix::objs::{CommitRefIter, Data, Find as _, Kind, TagRefIter};
use gix::prelude::HeaderExt as _;
use model::{CommitSha, Untrusted};
use std::collections::HashSet;

/// How many tags may stand on one another.
const DEEPEST: usize = 8;
/// How git writes SHA-1 names.
pub(super) const NAMES: gix::hash::Kind = gix::hash::Kind::Sha1;

impl Checkout {
    /// Whether the commit is here.
    #[must_use]
    pub fn has(&self, commit: &CommitSha) -> bool {
        matches!(self.read(id(commit), &mut Vec::new()), Ok(Some(data)) if data.kind == Kind::Commit)
    }

    /// Follows annotated tags to their commit; `None` when an object on the way is not here.
    ///
    /// # Errors
    /// Refuses a tag of a tree or a blob, more than 8 tags on one another, and broken objects.
    pub fn peel(&self, object: &CommitSha) -> Result<Option<CommitSha>, RepositoryError> {
        let mut buffer = Vec::new();
        let mut next = *object;
        for _ in 0..=DEEPEST {
            let Some(data) = self.read(id(&next), &mut buffer)? else {
                return Ok(None);
            };
            let kind = match data.kind {
                Kind::Commit => return Ok(Some(next)),
                Kind::Tag => {
                    let target = TagRefIter::from_bytes(data.data, NAMES).target_id();
                    next = target
                        .ok()
                        .and_then(|id| sha(&id))
                        .ok_or_else(|| broken(&next, "a tag without a target"))?;
                    continue;
                }
                Kind::Tree => "tree",
                Kind::Blob => "blob",
            };
            return Err(RepositoryError::NotACommit { object: next, kind });
        }
        Err(RepositoryError::TooDeep(*object))
    }

    /// The one commit whose name begins with these hex digits; `None` when there is none here.
    ///
    /// # Errors
    /// Refuses digits that several commits begin with, and broken objects.
    pub fn resolve(&self, abbreviated: &str) -> Result<Option<CommitSha>, RepositoryError> {
        let Ok(prefix) = gix::hash::Prefix::from_hex(abbreviated) else {
            return Ok(None);
        };
        let mut candidates = HashSet::new();
        if self
            .0
            .objects
            .lookup_prefix(prefix, Some(&mut candidates))
            .is_err()
        {
            return Ok(None);
        }
        let mut commits = candidates
            .iter()
            .filter_map(sha)
            .filter(|candidate| self.has(candidate));
        match (commits.next(), commits.next()) {
            (commit, None) => Ok(commit),
            (_, Some(_)) => Err(RepositoryError::Ambiguous(abbreviated.to_owned())),
        }
    }

    /// When the commit was made by its committer: RFC 3339, in UTC.
    #[must_use]
    pub fn commit_time(&self, commit: &CommitSha) -> Option<String> {
        let mut buffer = Vec::new();
        let data = self.read(id(commit), &mut buffer).ok()??;
        let seconds = data.try_into_commit_iter()?.committer().ok()?.seconds();
        jiff::Timestamp::from_second(seconds)
            .ok()
            .map(|time| time.to_string())
    }

    /// An object's size, without reading it.
    pub(super) fn size(&self, object: ObjectId) -> Option<u64> {
        let name = sha(&object)?.to_string();
        super::special::refuse_object(self.0.objects.store_ref().path(), &name).ok()?;
        self.0
            .objects
            .header(object)
            .ok()
            .map(|header| header.size())
    }

    /// Reads an object and compares it with its name; `None` when it is not here.
    pub(super) fn read<'a>(
        &self,
        object: ObjectId,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Option<Data<'a>>, RepositoryError> {
        if object.is_empty_tree() {
            buffer.clear();
            return Ok(Some(Data::new(buffer, Kind::Tree, NAMES)));
        }
        let name = sha(&object).unwrap_or(CommitSha::from_bytes([0; 20]));
        super::special::refuse_object(self.0.objects.store_ref().path(), &name.to_string())?;
        let found = self
            .0
            .objects
            .try_find(&object, buffer)
            .map_err(|error| broken(&name, &error.to_string()))?;
        let Some(data) = found else { return Ok(None) };
        data.verify_checksum(&object)
            .map_err(|_| broken(&name, "its content does not match its name"))?;
        Ok(Some(data))
    }

    /// The commit's tree; `None` when the commit is not here.
    pub(super) fn tree_of(&self, commit: &CommitSha) -> Result<Option<ObjectId>, RepositoryError> {
        let mut buffer = Vec::new();
        let Some(data) = self.read(id(commit), &mut buffer)? else {
            return Ok(None);
        };
        let kind = data.kind.to_string();
        let Some(mut iter) = data.try_into_commit_iter() else {
            return Err(broken(commit, &format!("it is a {kind}")));
        };
        CommitRefIter::tree_id(&mut iter)
            .map(Some)
            .map_err(|_| broken(commit, "a commit without a tree"))
    }
}

pub(super) const fn id(sha: &CommitSha) -> ObjectId {
    ObjectId::Sha1(*sha.as_bytes())
}

pub(super) fn sha(id: &ObjectId) -> Option<CommitSha> {
    <[u8; 20]>::try_from(id.as_slice())
        .ok()
        .map(CommitSha::from_bytes)
}

pub(super) fn broken(object: &CommitSha, why: &str) -> RepositoryError {
    RepositoryError::Broken {
        object: *object,
        why: Untrusted(why.as_bytes()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Repo;
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    fn loose(repo: &Repo, object: &CommitSha) -> PathBuf {
        let name = object.to_string();
        repo.path()
            .join(".git/objects")
            .join(&name[..2])
            .join(&name[2..])
    }

    /// Puts other bytes where an object is, however it is protected.
    fn overwrite(repo: &Repo, object: &CommitSha, bytes: &[u8]) {
        let path = loose(repo, object);
        fs::remove_file(&path).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn tags_are_peeled_to_their_commit() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        repo.git(&["tag", "light"]);
        repo.git(&["tag", "-a", "-m", "x", "t1", "light"]);
        for level in 2..=9 {
            repo.git(&[
                "tag",
                "-a",
                "-m",
                "x",
                &format!("t{level}"),
                &format!("t{}", level - 1),
            ]);
        }
        repo.git(&["tag", "-a", "-m", "x", "tree", "HEAD^{tree}"]);
        repo.git(&["tag", "-a", "-m", "x", "blob", "HEAD:a"]);
        let checkout = repo.checkout();
        for name in ["light", "t1", "t2", "t8"] {
            assert_eq!(checkout.peel(&repo.sha(name)), Ok(Some(commit)), "{name}");
        }
        let deep = repo.sha("t9");
        assert_eq!(checkout.peel(&deep), Err(RepositoryError::TooDeep(deep)));
        for (name, kind) in [("tree", "tree"), ("blob", "blob")] {
            let object = repo.sha(&format!("{name}^{{}}"));
            assert_eq!(
                checkout.peel(&repo.sha(name)),
                Err(RepositoryError::NotACommit { object, kind })
            );
        }
        assert_eq!(checkout.peel(&CommitSha::from_bytes([7; 20])), Ok(None));
        assert!(checkout.has(&commit) && !checkout.has(&repo.sha("t1")));
    }

    #[test]
    fn an_abbreviation_names_one_commit_or_none() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        let blob = repo.sha("HEAD:a");
        let checkout = repo.checkout();
        assert_eq!(checkout.resolve(&commit.short(7)), Ok(Some(commit)));
        assert_eq!(checkout.resolve(&blob.short(7)), Ok(None));
        assert_eq!(checkout.resolve("0000001"), Ok(None));
        // Of two thousand names some share four digits.
        let commits = (0..2000).map(|index| {
            format!("commit refs/heads/b{index}\ncommitter A <a@x> {index} +0000\ndata 0\n")
        });
        repo.git_with_input(&["fast-import", "--quiet"], &commits.collect::<String>());
        let names = repo.git(&["rev-list", "--branches", "--no-walk"]);
        let mut names: Vec<_> = names.lines().collect();
        names.sort_unstable();
        let twins = names
            .windows(2)
            .find(|pair| pair[0][..4] == pair[1][..4])
            .unwrap();
        let prefix = twins[0][..4].to_owned();
        assert_eq!(
            repo.checkout().resolve(&prefix),
            Err(RepositoryError::Ambiguous(prefix))
        );
        assert_eq!(
            repo.checkout()
                .resolve(twins[0])
                .unwrap()
                .unwrap()
                .to_string(),
            twins[0]
        );
    }

    #[test]
    fn the_commit_time_is_in_utc() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        let seconds = repo
            .git(&["show", "-s", "--format=%ct", "HEAD"])
            .parse()
            .unwrap();
        let wanted = jiff::Timestamp::from_second(seconds)
            .unwrap()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        assert_eq!(repo.checkout().commit_time(&commit), Some(wanted));
    }

    #[test]
    fn an_object_under_another_name_is_not_believed() {
        let repo = Repo::new();
        let base = repo.commit(&[("a", "1")]);
        let head = repo.commit(&[("a", "2"), ("b", "2")]);
        let (trusted, planted) = (repo.sha("HEAD:a"), {
            fs::write(repo.path().join("evil"), "evil").unwrap();
            repo.sha(&repo.git(&["hash-object", "-w", "evil"]))
        });
        overwrite(&repo, &trusted, &fs::read(loose(&repo, &planted)).unwrap());
        assert!(
            matches!(repo.checkout().file_at(&head, "a", 100), Err(RepositoryError::Broken { object, .. }) if object == trusted)
        );
        let (old_tree, new_tree) = (
            repo.sha(&format!("{base}^{{tree}}")),
            repo.sha("HEAD^{tree}"),
        );
        overwrite(
            &repo,
            &new_tree,
            &fs::read(loose(&repo, &old_tree)).unwrap(),
        );
        assert!(matches!(
            repo.checkout().changed_paths(&base, &head),
            Err(RepositoryError::Broken { .. })
        ));
        overwrite(&repo, &head, &fs::read(loose(&repo, &base)).unwrap());
        assert!(!repo.checkout().has(&head));
        assert!(matches!(
            repo.checkout().is_ancestor(&base, &head),
            Err(RepositoryError::Broken { .. })
        ));
    }

    #[test]
    fn a_replacement_is_not_followed() {
        let repo = Repo::new();
        let base = repo.commit(&[("a", "1")]);
        let head = repo.commit(&[("a", "2")]);
        repo.git(&["replace", &head.to_string(), &base.to_string()]);
        assert_eq!(
            repo.checkout().changed_paths(&base, &head),
            Ok(Some(vec![b"a".to_vec()]))
        );
    }

    #[test]
    fn damaged_and_huge_objects_are_errors() {
        let repo = Repo::new();
        let commit = repo.commit(&[("a", "1")]);
        let blob = repo.sha("HEAD:a");
        for bytes in [&b""[..], b"\x78\x9c", b"not zlib", &[0xff; 4096]] {
            overwrite(&repo, &blob, bytes);
            assert!(
                matches!(
                    repo.checkout().file_at(&commit, "a", 100),
                    Err(RepositoryError::Broken { .. })
                ),
                "{bytes:?}"
            );
        }
        let repo = Repo::new();
        fs::write(repo.path().join("big"), vec![0; 80 << 20]).unwrap();
        repo.git(&["add", "big"]);
        let commit = repo.commit(&[]);
        let blob = repo.sha("HEAD:big");
        let checkout = repo.checkout();
        assert_eq!(
            checkout.file_at(&commit, "big", 1 << 20),
            Ok(model::FileAt::TooLarge(80 << 20))
        );
        assert!(matches!(
            checkout.read(id(&blob), &mut Vec::new()),
            Err(RepositoryError::Broken { .. })
        ));
        repo.git(&["repack", "-q", "-a", "-d"]);
        let checkout = repo.checkout();
        assert_eq!(
            checkout.file_at(&commit, "big", 1 << 20),
            Ok(model::FileAt::TooLarge(80 << 20))
        );
        assert!(matches!(
            checkout.read(id(&blob), &mut Vec::new()),
            Err(RepositoryError::Broken { .. })
        ));
    }

    #[test]
    fn a_damaged_pack_is_an_error_or_nothing() {
        let repo = Repo::new();
        let base = repo.commit(&[("a", "1"), ("b/c", "1")]);
        let head = repo.commit(&[("a", "2"), ("b/c", "2")]);
        repo.git(&["repack", "-q", "-a", "-d"]);
        let directory = repo.path().join(".git/objects/pack");
        let files: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let right = repo.checkout().changed_paths(&base, &head);
        for file in files.iter().filter(|file| {
            file.extension()
                .is_some_and(|name| name == "pack" || name == "idx")
        }) {
            let whole = fs::read(file).unwrap();
            for position in (0..whole.len()).step_by(7) {
                let mut bytes = whole.clone();
                bytes[position] ^= 0x55;
                fs::remove_file(file).unwrap();
                fs::write(file, bytes).unwrap();
                // A checksum that nothing depends on may be hit; a wrong answer may not come of it.
                let answer = repo.checkout().changed_paths(&base, &head);
                assert!(
                    matches!(answer, Err(_) | Ok(None)) || answer == right,
                    "{file:?} {position}: {answer:?}"
                );
            }
            fs::remove_file(file).unwrap();
            fs::write(file, &whole).unwrap();
        }
    }
}

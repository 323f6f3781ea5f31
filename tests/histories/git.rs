//! Git objects made in process: blobs, trees, commits and annotated tags by hand.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Contents by path, all of them plain files.
pub(crate) type Files = BTreeMap<String, String>;

/// Forty zeros: no object.
pub(crate) const ZEROS: &str = "0000000000000000000000000000000000000000";

/// The date of every commit is this many seconds after the epoch, and its number.
const EPOCH: usize = 1_790_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) tree: String,
    pub(crate) parent: Option<usize>,
    pub(crate) files: Rc<Files>,
    /// The objects that it is made of, itself included.
    pub(crate) objects: Vec<String>,
}

/// A repository on GitHub: commits by number, and refs.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) commits: Vec<Commit>,
    /// Full names of refs, with the object that each is on.
    pub(crate) refs: BTreeMap<String, String>,
    numbers: HashMap<String, usize>,
    /// Annotated tags, with the commit that each is on.
    tags: HashMap<String, usize>,
    /// Loose objects: the file's bytes and, of trees and blobs, the content.
    objects: HashMap<String, Rc<Vec<u8>>>,
    /// What each tree has: mode, name and object.
    trees: HashMap<String, Rc<Vec<Entry>>>,
    blobs: HashMap<String, Rc<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) is_tree: bool,
    pub(crate) name: String,
    pub(crate) sha: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A zlib stream that stores its data without compression (RFC 1950, RFC 1951 section 3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut chunks = data.chunks(0xffff).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).expect("a short chunk");
        stream.push(u8::from(chunks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(chunk);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in data {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    stream.extend(((high << 16) | low).to_be_bytes());
    stream
}

impl Origin {
    /// Adds an object and gives its name.
    fn object(&mut self, kind: &str, content: &[u8]) -> String {
        let whole = [format!("{kind} {}\0", content.len()).as_bytes(), content].concat();
        let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &whole);
        let sha = hex(digest.as_ref());
        self.objects
            .entry(sha.clone())
            .or_insert_with(|| Rc::new(stored(&whole)));
        sha
    }

    fn write_tree(&mut self, files: &Files, below: &str, made: &mut Vec<String>) -> String {
        let mut entries: Vec<Entry> = Vec::new();
        for (path, content) in files.range(below.to_owned()..) {
            let Some(rest) = path.strip_prefix(below) else {
                break;
            };
            match rest.split_once('/') {
                Some((folder, _)) => {
                    if entries.iter().all(|entry| entry.name != folder) {
                        let sha = self.write_tree(files, &format!("{below}{folder}/"), made);
                        entries.push(Entry {
                            is_tree: true,
                            name: folder.to_owned(),
                            sha,
                        });
                    }
                }
                None => {
                    let sha = self.object("blob", content.as_bytes());
                    self.blobs.insert(sha.clone(), Rc::new(content.clone()));
                    made.push(sha.clone());
                    entries.push(Entry {
                        is_tree: false,
                        name: rest.to_owned(),
                        sha,
                    });
                }
            }
        }
        // git sorts as if the name of a tree ended with a slash.
        let key = |entry: &Entry| match entry.is_tree {
            true => format!("{}/", entry.name),
            false => entry.name.clone(),
        };
        entries.sort_by_key(key);
        let mut content = Vec::new();
        for entry in &entries {
            let mode = if entry.is_tree { "40000" } else { "100644" };
            content.extend(format!("{mode} {}\0", entry.name).into_bytes());
            content.extend(unhex(&entry.sha));
        }
        let sha = self.object("tree", &content);
        self.trees.insert(sha.clone(), Rc::new(entries));
        made.push(sha.clone());
        sha
    }

    /// Adds a commit and gives its number.
    pub(crate) fn commit(&mut self, parent: Option<usize>, files: Files) -> usize {
        let number = self.commits.len();
        let mut objects = Vec::new();
        let tree = self.write_tree(&files, "", &mut objects);
        let parents = parent.map_or(String::new(), |parent| {
            format!("parent {}\n", self.commits[parent].sha)
        });
        let person = format!("Ada <ada@example.com> {} +0000", EPOCH + number);
        let content =
            format!("tree {tree}\n{parents}author {person}\ncommitter {person}\n\nc{number}\n");
        let sha = self.object("commit", content.as_bytes());
        objects.push(sha.clone());
        self.numbers.insert(sha.clone(), number);
        self.commits.push(Commit {
            sha,
            tree,
            parent,
            files: Rc::new(files),
            objects,
        });
        number
    }

    /// Adds an annotated tag and gives its object's name.
    pub(crate) fn tag_object(&mut self, name: &str, commit: usize) -> String {
        let on = &self.commits[commit].sha;
        let person = format!("Ada <ada@example.com> {EPOCH} +0000");
        let content = format!("object {on}\ntype commit\ntag {name}\ntagger {person}\n\n{name}\n");
        let sha = self.object("tag", content.as_bytes());
        self.tags.insert(sha.clone(), commit);
        sha
    }

    pub(crate) fn number(&self, sha: &str) -> Option<usize> {
        self.numbers.get(sha).copied()
    }

    /// The commit that an annotated tag is on.
    pub(crate) fn tagged(&self, object: &str) -> Option<usize> {
        self.tags.get(object).copied()
    }

    /// The commit that a ref is on, annotated tags followed.
    pub(crate) fn on(&self, name: &str) -> Option<usize> {
        let object = self.refs.get(name)?;
        self.number(object).or_else(|| self.tagged(object))
    }

    pub(crate) fn tree(&self, sha: &str) -> Option<&Rc<Vec<Entry>>> {
        self.trees.get(sha)
    }

    /// Whether `ancestor` is `descendant` or an ancestor of it.
    pub(crate) fn reaches(&self, ancestor: usize, descendant: usize) -> bool {
        self.line(descendant).any(|commit| commit == ancestor)
    }

    /// A commit, its parent, its parent, and so on.
    pub(crate) fn line(&self, from: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(from), |commit| self.commits[*commit].parent)
    }

    /// The names of all annotated tags.
    pub(crate) fn tag_objects(&self) -> Vec<String> {
        self.tags.keys().cloned().collect()
    }

    /// The file of a loose object.
    pub(crate) fn loose(&self, sha: &str) -> &[u8] {
        &self.objects[sha]
    }
}

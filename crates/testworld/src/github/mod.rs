//! A model of GitHub's API that answers from a real git repository: contents, comparisons, trees, refs, tags, commits and a pull
//! request's files, with the caps that the real one has. It takes few kinds of writes: the records of deploys and previews, tags, and comments.

pub mod comments;
mod commits;
mod memory;
mod packages;
pub mod previews;
pub mod pulls;
pub mod record;
pub mod refs;
mod schema;

use super::event::repository;
use super::openapi;
use super::repo::git;
use super::server::{Call, Reply, Server};
use base64::Engine as _;
use record::Ledger;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// What a comparison shows at most (GitHub's REST documentation, "Compare two commits").
const COMPARED: usize = 300;
/// What a pull request's file list shows at most.
const LISTED: usize = 3000;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Every answer has that status.
    Status(u16),
    /// Recursive trees say that they are cut.
    CutTrees,
    /// Trees are not to be had.
    NoTrees,
    /// Comparisons answer so.
    Compare(u16),
    /// Every connection is closed without an answer.
    Dropped,
    /// git's own protocol gives no refs: 503.
    GitDown,
    /// The record can be neither read nor written: 502.
    RecordDown,
    /// GraphQL answers with an error of this type.
    GraphQl(&'static str),
    /// The token may not create deployments.
    DeploymentsDenied,
    /// Creating a deployment answers so.
    Create(u16),
    /// The token may not write statuses.
    StatusesDenied,
    /// The token may not write comments.
    CommentsDenied,
    /// The token may not read pull requests.
    PullsDenied,
}

/// Whether git says the same of these for ever: every object is named by its digits alone, and not by a ref.
fn is_for_ever(arguments: &[&str]) -> bool {
    let is_digits = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_object = |text: &str| {
        let text = text.split_once('^').map_or(text, |(object, _)| object);
        let text = text.split_once(':').map_or(text, |(object, _)| object);
        text.split("..").all(is_digits)
    };
    let mut named = arguments
        .iter()
        .skip(1)
        .take_while(|argument| **argument != "--")
        .filter(|argument| !argument.starts_with('-'))
        .filter(|argument| !KINDS.contains(argument))
        .peekable();
    named.peek().is_some() && named.all(|argument| is_object(argument))
}

/// What `git cat-file` takes before an object.
const KINDS: &[&str] = &["blob", "commit", "tag", "tree"];

#[derive(Debug)]
struct State {
    origin: String,
    repo: PathBuf,
    /// What git said of objects. They never change.
    known: Mutex<BTreeMap<String, Vec<u8>>>,
    token: String,
    troubles: Vec<Trouble>,
    violations: Vec<String>,
    ledger: Ledger,
    refs: refs::Refs,
    /// Commits that GitHub has though the repository here has not, as the heads of pull requests from forks are.
    commits: Vec<String>,
    /// What GitHub keeps of images, where a test is about that.
    packages: Option<packages::Packages>,
    /// How pull requests stand, where a test says it.
    pulls: BTreeMap<u32, &'static str>,
    /// Comments on pull requests, oldest first.
    comments: Vec<comments::Comment>,
    /// What another run writes down right after the program's own record.
    overtaking: Option<record::Deployment>,
}

/// GitHub.
#[derive(Debug, Clone)]
pub struct GitHub {
    state: Arc<Mutex<State>>,
    pub server: Server,
}

impl GitHub {
    /// Starts it in front of a repository.
    pub fn start(repo: &Path, token: &str) -> Self {
        let state = Arc::new(Mutex::new(State {
            origin: String::new(),
            repo: repo.to_owned(),
            known: Mutex::default(),
            token: token.to_owned(),
            troubles: Vec::new(),
            violations: Vec::new(),
            ledger: Ledger::default(),
            refs: refs::Refs::default(),
            commits: Vec::new(),
            packages: None,
            pulls: BTreeMap::new(),
            comments: Vec::new(),
            overtaking: None,
        }));
        let model = Arc::clone(&state);
        let server = Server::start(move |call| {
            // github.com has its API at a host of its own, an Enterprise Server below these two.
            let path = match call
                .path
                .strip_prefix("/api/v3")
                .or_else(|| call.path.strip_prefix("/api"))
            {
                Some(path) => path.to_owned(),
                None => call.path.clone(),
            };
            model.lock().expect("GitHub").answer(&Call {
                path,
                ..call.clone()
            })
        });
        state.lock().expect("GitHub").origin = server.origin();
        Self { state, server }
    }

    /// Makes something go wrong.
    pub fn trouble(&self, trouble: Trouble) {
        self.state.lock().expect("GitHub").troubles.push(trouble);
    }

    /// Makes everything well again.
    pub fn heal(&self) {
        self.state.lock().expect("GitHub").troubles.clear();
    }

    /// From now on GitHub has a commit that the repository here has not.
    pub fn has_commit(&self, commit: &str) {
        self.state
            .lock()
            .expect("GitHub")
            .commits
            .push(commit.to_owned());
    }

    /// What should not have been asked.
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().expect("GitHub").violations.clone()
    }
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(
        status,
        &json!({"message": text, "documentation_url": "https://docs.github.com/rest", "status": status.to_string()}),
    )
    .header("x-github-request-id", "BEEF:1:2:3:4")
}

fn decoded(text: &str) -> String {
    let plus = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("x={plus}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

impl State {
    fn git(&self, arguments: &[&str]) -> String {
        if !is_for_ever(arguments) {
            return git(&self.repo, arguments);
        }
        let mut known = self.known.lock().expect("what git said");
        let key = arguments.join(" ");
        let said = known
            .entry(key)
            .or_insert_with(|| git(&self.repo, arguments).into_bytes());
        String::from_utf8_lossy(said).into_owned()
    }

    /// Raw output, or nothing when git fails.
    fn try_git(&self, arguments: &[&str]) -> Option<Vec<u8>> {
        let key = format!("raw {}", arguments.join(" "));
        let is_kept = is_for_ever(arguments);
        if is_kept && let Some(said) = self.known.lock().expect("what git said").get(&key) {
            return Some(said.clone());
        }
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.repo)
            .args(arguments)
            .output()
            .expect("git");
        if !output.status.success() {
            return None;
        }
        if is_kept {
            let mut known = self.known.lock().expect("what git said");
            known.insert(key, output.stdout.clone());
        }
        Some(output.stdout)
    }

    /// The full name of the object that a revision means.
    fn object(&self, revision: &str) -> Option<String> {
        if revision.starts_with('-') {
            return None;
        }
        let bytes = self.try_git(&["rev-parse", "--verify", "-q", revision])?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn answer(&mut self, call: &Call) -> Reply {
        if self.troubles.contains(&Trouble::Dropped) {
            return Reply::Dropped;
        }
        let status = self.troubles.iter().find_map(|trouble| {
            if let Trouble::Status(status) = trouble {
                Some(*status)
            } else {
                None
            }
        });
        if let Some(status) = status {
            return message(
                status,
                "##[set-output name=tags]evil <img src=x>\n::set-output name=tags::evil",
            )
            .header("x-accepted-github-permissions", "contents=read");
        }
        // git's own protocol takes the token as a password.
        let is_git = call.path.starts_with("/acme/shop.git/");
        let pair = format!("x-access-token:{}", self.token);
        let wanted = if is_git {
            format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair))
        } else {
            format!("Bearer {}", self.token)
        };
        if call
            .header("authorization")
            .is_none_or(|value| value != wanted)
        {
            if self.refs.is_asked_anonymously && call.header("authorization").is_none() {
                // The repository is private: GitHub says that it is not there.
                return message(404, "Not Found");
            }
            self.violations
                .push(format!("without the job's token: {}", call.line()));
            return message(401, "Bad credentials");
        }
        if call.header("user-agent").is_none() {
            self.violations
                .push(format!("without a user agent: {}", call.line()));
            return message(403, "Request forbidden by administrative rules");
        }
        if is_git {
            return self.advertise(call);
        }
        self.violations.extend(openapi::GITHUB.faults(call));
        if let Some(reply) = self.answer_packages(call) {
            return reply;
        }
        let below = call
            .path
            .strip_prefix("/repos/acme/shop")
            .map(|rest| rest.trim_start_matches('/'));
        let reply = match (call.method.as_str(), below) {
            ("GET" | "POST" | "PATCH" | "DELETE", Some(path)) if path.starts_with("issues/") => {
                self.talk(call, path)
            }
            ("GET", Some(path)) if path.starts_with("pulls/") && !path.ends_with("/files") => {
                self.pull_request(path)
            }
            ("GET", Some("pulls")) => self.open_pulls(call),
            ("GET", Some(path)) => self.read(call, path),
            ("POST", Some("git/refs")) => Some(self.create_ref(call)),
            ("POST", Some(path)) => self.write(call, path),
            ("POST", None) if call.path == "/graphql" => Some(self.graphql(call)),
            _ => None,
        };
        reply.unwrap_or_else(|| {
            self.violations
                .push(format!("not asked for in this world: {}", call.line()));
            message(404, "Not Found")
        })
    }

    fn read(&mut self, call: &Call, path: &str) -> Option<Reply> {
        if path.is_empty() {
            return Some(Reply::json(200, &repository()));
        }
        match path {
            "commits" => {
                return Some(
                    self.commits(call)
                        .unwrap_or_else(|| message(404, "Not Found")),
                );
            }
            "deployments" => return self.deployments(call),
            _ => {}
        }
        let (kind, rest) = path.split_once('/')?;
        let reply = match kind {
            "contents" => self.contents(
                &decoded(rest),
                &call.parameter("ref").unwrap_or_else(|| "main".into()),
            ),
            "compare" => self.compare(&decoded(rest)),
            "commits" => self.commit(&decoded(rest)),
            "branches" => self
                .object(&format!("refs/heads/{}", decoded(rest)))
                .map(|sha| {
                    Reply::json(200, &json!({"name": decoded(rest), "commit": {"sha": sha}}))
                }),
            "pulls" => self.pull_files(call, rest),
            "git" => {
                let (kind, rest) = rest.split_once('/')?;
                let rest = decoded(rest);
                match kind {
                    "trees" if self.troubles.contains(&Trouble::NoTrees) => None,
                    "trees" => self.tree(call, &rest),
                    "ref" if self.is_hidden(&format!("refs/{rest}")) => None,
                    "ref" => self.object(&format!("refs/{rest}")).map(|sha| {
                        Reply::json(200, &self.reference(&format!("refs/{rest}"), &sha))
                    }),
                    "matching-refs" => Some(self.matching(&rest)),
                    "tags" => self.tag(&rest),
                    "commits" => self.commit(&rest),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(reply.unwrap_or_else(|| message(404, "Not Found")))
    }

    fn contents(&self, path: &str, reference: &str) -> Option<Reply> {
        let commit = self.object(&format!("{reference}^{{commit}}"))?;
        let listed = self.try_git(&["ls-tree", "-z", &commit, "--", path])?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let (mode, sha) = listed.split('\t').next().map(|entry| {
            let mut parts = entry.split(' ');
            (
                parts.next().unwrap_or_default().to_owned(),
                parts.nth(1).unwrap_or_default().to_owned(),
            )
        })?;
        let describe =
            |kind: &str| json!({"type": kind, "name": path, "path": path, "sha": sha, "size": 0});
        match mode.as_str() {
            "100644" | "100755" => self.file(path, &sha),
            // A link to a file of the repository is answered as that file; any other as a link.
            "120000" => {
                let target = String::from_utf8_lossy(&self.try_git(&["cat-file", "blob", &sha])?)
                    .into_owned();
                let inside = Path::new(path)
                    .parent()
                    .map(|parent| parent.join(&target))
                    .unwrap_or_default();
                let object = self.object(&format!("{commit}:{}", inside.display()));
                match object.filter(|object| self.git(&["cat-file", "-t", object]) == "blob") {
                    Some(object) => self.file(path, &object),
                    None => {
                        let mut link = describe("symlink");
                        link["target"] = json!(target);
                        Some(Reply::json(200, &link))
                    }
                }
            }
            "160000" => Some(Reply::json(200, &describe("submodule"))),
            "040000" => Some(Reply::json(200, &json!([describe("file")]))),
            _ => None,
        }
    }

    fn file(&self, path: &str, sha: &str) -> Option<Reply> {
        let bytes = self.try_git(&["cat-file", "blob", sha])?;
        // GitHub leaves the content out above 1 MB.
        let is_large = bytes.len() > 1_000_000;
        let mut encoded = String::new();
        if !is_large {
            for line in base64::prelude::BASE64_STANDARD
                .encode(&bytes)
                .as_bytes()
                .chunks(60)
            {
                encoded.push_str(&String::from_utf8_lossy(line));
                encoded.push('\n');
            }
        }
        let encoding = if is_large { "none" } else { "base64" };
        let name = Path::new(path)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Some(Reply::json(
            200,
            &json!({"type": "file", "encoding": encoding, "size": bytes.len(), "name": name,
            "path": path, "content": encoded, "sha": sha}),
        ))
    }

    /// Changed files as GitHub lists them: with renames found, names as text.
    fn files(&self, base: &str, head: &str) -> Vec<Value> {
        let raw = self
            .try_git(&["diff", "--raw", "-z", "-M", "--no-abbrev", base, head])
            .unwrap_or_default();
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let mut fields = raw.split('\0').filter(|field| !field.is_empty());
        let mut files = Vec::new();
        while let Some(meta) = fields.next() {
            let status = meta.rsplit(' ').next().unwrap_or_default().to_owned();
            let first = fields.next().unwrap_or_default();
            let mut file = json!({"sha": "0".repeat(40), "filename": first, "additions": 0, "deletions": 0, "changes": 0});
            let word = match status.as_bytes().first() {
                Some(b'A') => "added",
                Some(b'D') => "removed",
                Some(b'R') => {
                    file["previous_filename"] = json!(first);
                    file["filename"] = json!(fields.next().unwrap_or_default());
                    "renamed"
                }
                _ => "modified",
            };
            file["status"] = json!(word);
            files.push(file);
        }
        files
    }

    fn compare(&self, range: &str) -> Option<Reply> {
        let trouble = self.troubles.iter().find_map(|trouble| {
            if let Trouble::Compare(status) = trouble {
                Some(*status)
            } else {
                None
            }
        });
        if let Some(status) = trouble {
            return Some(message(status, "Server Error"));
        }
        let (base, head) = range.split_once("...")?;
        let (base, head) = (
            self.object(&format!("{base}^{{commit}}"))?,
            self.object(&format!("{head}^{{commit}}"))?,
        );
        let merge = self.try_git(&["merge-base", &base, &head])?;
        let merge = String::from_utf8_lossy(&merge).trim().to_owned();
        let count = |range: String| {
            self.git(&["rev-list", "--count", &range])
                .parse::<u32>()
                .unwrap_or(0)
        };
        let (ahead, behind) = (
            count(format!("{base}..{head}")),
            count(format!("{head}..{base}")),
        );
        let status = match (ahead, behind) {
            (0, 0) => "identical",
            (_, 0) => "ahead",
            (0, _) => "behind",
            _ => "diverged",
        };
        let files: Vec<Value> = self
            .files(&merge, &head)
            .into_iter()
            .take(COMPARED)
            .collect();
        Some(Reply::json(
            200,
            &json!({"status": status, "ahead_by": ahead, "behind_by": behind, "total_commits": ahead,
            "base_commit": {"sha": base}, "merge_base_commit": {"sha": merge}, "commits": self.commits_between(&base, &head),
            "files": files}),
        ))
    }

    fn commit(&self, revision: &str) -> Option<Reply> {
        let is_long = revision.len() >= 7;
        if let Some(sha) = self
            .commits
            .iter()
            .find(|commit| is_long && commit.starts_with(revision))
        {
            let committer = json!({"date": "2026-11-20T10:00:00Z"});
            return Some(Reply::json(
                200,
                &json!({"sha": sha, "tree": {"sha": "0".repeat(40)}, "committer": committer, "commit": {"committer": committer}}),
            ));
        }
        let sha = self.object(&format!("{revision}^{{commit}}"))?;
        let time = self
            .git(&["show", "-s", "--format=%cI", &sha])
            .replace("+00:00", "Z");
        let tree = self.git(&["rev-parse", &format!("{sha}^{{tree}}")]);
        let parents = self.git(&["show", "-s", "--format=%P", &sha]);
        let parents: Vec<Value> = parents
            .split(' ')
            .filter(|parent| !parent.is_empty())
            .map(|parent| json!({"sha": parent}))
            .collect();
        let who = json!({"name": "Ada", "email": "ada@example.com", "date": time});
        let tree = json!({"sha": tree});
        Some(Reply::json(
            200,
            &json!({"sha": sha, "parents": parents, "tree": tree, "committer": who, "author": who,
            "message": "##[set-output name=tags]evil",
            "commit": {"message": "##[set-output name=tags]evil", "committer": who, "author": who, "tree": tree}}),
        ))
    }

    fn reference(&self, name: &str, sha: &str) -> Value {
        json!({"ref": name, "node_id": "REF", "url": format!("{}/x", self.origin), "object": {"sha": sha, "type": self.git(&["cat-file", "-t", sha])}})
    }

    fn matching(&self, prefix: &str) -> Reply {
        let listed = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let found: Vec<Value> = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| name.starts_with(&format!("refs/{prefix}")))
            .map(|(name, sha)| self.reference(name, sha))
            .collect();
        Reply::json(200, &Value::Array(found))
    }

    fn tag(&self, sha: &str) -> Option<Reply> {
        let text = String::from_utf8_lossy(&self.try_git(&["cat-file", "tag", sha])?).into_owned();
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .to_owned()
        };
        Some(Reply::json(
            200,
            &json!({"sha": sha, "tag": field("tag "), "message": "##[set-output name=tags]evil",
            "object": {"sha": field("object "), "type": field("type ")}}),
        ))
    }

    fn tree(&self, call: &Call, name: &str) -> Option<Reply> {
        let tree = self.object(&format!("{name}^{{tree}}"))?;
        let is_recursive = call.parameter("recursive").is_some();
        let mut arguments = vec!["ls-tree", "-z", "--full-tree"];
        if is_recursive {
            arguments.extend(["-r", "-t"]);
        }
        arguments.push(&tree);
        let listed = String::from_utf8_lossy(&self.try_git(&arguments)?).into_owned();
        let mut entries: Vec<Value> = listed
            .split('\0')
            .filter_map(|entry| entry.split_once('\t'))
            .map(|(meta, path)| {
                let mut parts = meta.split(' ');
                json!({"path": path, "mode": parts.next(), "type": parts.next(), "sha": parts.next()})
            })
            .collect();
        let is_cut = is_recursive && self.troubles.contains(&Trouble::CutTrees);
        if is_cut {
            entries.truncate(entries.len() / 2);
        }
        Some(Reply::json(
            200,
            &json!({"sha": tree, "tree": entries, "truncated": is_cut}),
        ))
    }

    fn pull_files(&self, call: &Call, rest: &str) -> Option<Reply> {
        let number = rest.strip_suffix("/files")?;
        let head = self.object(&format!("refs/pull/{number}/head"))?;
        let base = self.git(&["merge-base", "main", &head]);
        let files: Vec<Value> = self.files(&base, &head).into_iter().take(LISTED).collect();
        let number_of = |name: &str, default: usize| {
            call.parameter(name)
                .and_then(|text| text.parse().ok())
                .unwrap_or(default)
        };
        let (size, page) = (number_of("per_page", 30).min(100), number_of("page", 1));
        let shown: Vec<Value> = files
            .iter()
            .skip(size * (page - 1))
            .take(size)
            .cloned()
            .collect();
        let reply = Reply::json(200, &Value::Array(shown));
        if files.len() <= size * page {
            return Some(reply);
        }
        let next = format!(
            "{}{}?per_page={size}&page={}",
            self.origin,
            call.path,
            page + 1
        );
        Some(reply.header("link", format!("<{next}>; rel=\"next\"")))
    }
}

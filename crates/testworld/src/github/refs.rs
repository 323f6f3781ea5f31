//! Making tags, as GitHub does it: the first who asks for a name gets it, and nobody ever gets it again. Only names of tags are taken, and only where
//! a run may make some; anything else is a violation.
//!
//! Shapes and answers: <https://docs.github.com/en/rest/git/refs#create-a-reference>.

use super::super::server::{Call, Reply};
use super::record::object;
use super::{GitHub, State, message};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// What happens to a request for a tag.
#[derive(Debug, Clone)]
pub enum Odd {
    /// The tag is made, and the answer is lost.
    Lost,
    /// The connection is closed, and nothing was made.
    Silent,
    /// That status and message, and nothing was made.
    Answer(u16, &'static str),
    /// Another run was quicker, with this commit.
    Overtaken(String),
    /// The tag is made, and not shown for so many looks at it by its name.
    Late(usize),
}

/// The tags that are made.
#[derive(Debug, Default)]
pub(super) struct Refs {
    /// How many runs may make tags.
    makers: usize,
    /// Whether requests without any token may come.
    pub(super) is_asked_anonymously: bool,
    odd: VecDeque<Odd>,
    /// The tag that is not shown yet, and for how many looks.
    hidden: Option<(String, usize)>,
}

impl GitHub {
    /// From now on requests without any token are answered as those of a stranger, not taken for a mistake.
    pub fn let_strangers_ask(&self) {
        self.state.lock().expect("GitHub").refs.is_asked_anonymously = true;
    }

    /// From now on a run more, or less, may make tags.
    pub fn let_make_tags(&self, may: bool) {
        let makers = &mut self.state.lock().expect("GitHub").refs.makers;
        *makers = if may { *makers + 1 } else { *makers - 1 };
    }

    /// Says what happens to the next requests for tags, one after another; the others are answered as they should be.
    pub fn odd_tags(&self, odd: impl IntoIterator<Item = Odd>) {
        self.state.lock().expect("GitHub").refs.odd.extend(odd);
    }
}

impl Refs {
    /// From now on a ref is not shown.
    pub(super) fn hide(&mut self, name: &str) {
        self.hidden = Some((name.to_owned(), usize::MAX));
    }
}

impl State {
    /// Answers a POST of `git/refs`.
    pub(super) fn create_ref(&mut self, call: &Call) -> Reply {
        let Some((name, commit)) = asked(call).filter(|_| self.refs.makers > 0) else {
            self.violations
                .push(format!("not a tag to make in this world: {}", call.line()));
            return message(422, "Validation Failed");
        };
        match self.refs.odd.pop_front() {
            None => self.make(&name, &commit),
            Some(Odd::Lost) => {
                self.make(&name, &commit);
                Reply::Dropped
            }
            Some(Odd::Silent) => Reply::Dropped,
            Some(Odd::Answer(status, text)) => {
                let reply = message(status, text);
                if status == 403 {
                    reply.header("x-accepted-github-permissions", "contents=write")
                } else {
                    reply
                }
            }
            Some(Odd::Overtaken(other)) => {
                self.make(&name, &other);
                self.make(&name, &commit)
            }
            Some(Odd::Late(looks)) => {
                self.make(&name, &commit);
                self.refs.hidden = Some((name, looks));
                message(422, "Reference already exists")
            }
        }
    }

    fn make(&self, name: &str, commit: &str) -> Reply {
        if self.object(&format!("{commit}^{{commit}}")).is_none() {
            return message(422, "Object does not exist");
        }
        if self.object(name).is_some() {
            return message(422, "Reference already exists");
        }
        self.git(&["update-ref", name, commit, &"0".repeat(40)]);
        let url = format!("{}/repos/acme/shop/git/{name}", self.origin);
        Reply::json(
            201,
            &json!({"ref": name, "node_id": "REF", "url": url,
            "object": {"type": "commit", "sha": commit, "url": url}}),
        )
    }

    /// Every ref, by git's own protocol (<https://git-scm.com/docs/http-protocol>).
    pub(super) fn advertise(&mut self, call: &Call) -> Reply {
        let is_asked = call.method == "GET"
            && call.path == "/acme/shop.git/info/refs"
            && call.parameter("service").as_deref() == Some("git-upload-pack");
        if !is_asked {
            self.violations
                .push(format!("not asked for in this world: {}", call.line()));
            return message(404, "Not Found");
        }
        if self.troubles.contains(&super::Trouble::GitDown) {
            return Reply::text(503, "down");
        }
        let format = "--format=%(objectname) %(refname)%09%(*objectname)";
        let listed = self.git(&["for-each-ref", format, "refs/heads", "refs/tags"]);
        let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
        let mut body = line("# service=git-upload-pack\n") + "0000";
        let mut capabilities = "\0side-band-64k";
        for entry in listed.lines() {
            let (entry, peeled) = entry.split_once('\t').unwrap_or((entry, ""));
            body += &line(&format!("{entry}{capabilities}\n"));
            capabilities = "";
            if let (false, Some((_, name))) = (peeled.is_empty(), entry.split_once(' ')) {
                body += &line(&format!("{peeled} {name}^{{}}\n"));
            }
        }
        Reply::text(200, &(body + "0000"))
    }

    /// Whether a tag that is there is not shown yet.
    pub(super) fn is_hidden(&mut self, name: &str) -> bool {
        match &mut self.refs.hidden {
            Some((hidden, looks)) if hidden == name && *looks > 0 => {
                *looks -= 1;
                true
            }
            _ => false,
        }
    }
}

/// The tag and the commit of a body that has exactly these.
fn asked(call: &Call) -> Option<(String, String)> {
    let body = object(call).ok()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (name, commit) = (text("ref")?, text("sha")?);
    let is_full = commit.len() == 40
        && commit
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (body.len() == 2 && name.starts_with("refs/tags/") && is_full).then_some((name, commit))
}

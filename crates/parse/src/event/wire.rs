//! The parts of an event payload that are read, and no others.
//!
//! There is no field here for a title, a body, a label, a head branch's name of a pull request, a commit's message or what a
//! dispatch carries: what has no field cannot be used by mistake. Wire values take any type on the way in, so that the reader
//! can say which field is wrong; only a key that stands twice is refused here.

use super::{DEEPEST, EventError, LARGEST};
use model::{CommitSha, Untrusted};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde_json::error::Category;
use std::fmt;
use std::marker::PhantomData;

/// The longest string that is kept, in bytes; a ref and a URL are shorter by far.
const LONGEST: usize = 64 << 10;

/// A value of the payload; an object's keys are those of `T`.
#[derive(Debug, Default)]
pub(super) enum Json<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number that is written as a whole one, without a sign.
    Integer(u64),
    /// Any other number (`7.0` is one), as text.
    Number(String),
    /// A string.
    Text(String),
    /// A string that is longer than anything that is read, and that nothing was kept of: its bytes.
    LongText(usize),
    /// An array.
    List,
    /// An object.
    Object(T),
}

/// A value of which only the scalars are of interest.
pub(super) type Leaf = Json<IgnoredAny>;

impl<T> Json<T> {
    /// Whether there is a value other than `null`.
    pub(super) const fn is_there(&self) -> bool {
        !matches!(self, Self::Absent | Self::Null)
    }

    /// The error that says this value is not what was wanted at `path`.
    pub(super) fn wrong(&self, path: &'static str, wanted: &'static str) -> EventError {
        let shown = match self {
            Self::Absent => return EventError::Missing { path, wanted },
            Self::Null => "null".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(integer) => integer.to_string(),
            Self::Number(number) => number.clone(),
            Self::Text(text) => format!("\"{}\"", Untrusted(text.as_bytes())),
            Self::LongText(bytes) => format!("a string of {bytes} bytes"),
            Self::List => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        };
        EventError::Wrong {
            path,
            shown,
            wanted,
        }
    }

    /// The object that has to be here.
    pub(super) fn object(&self, path: &'static str) -> Result<&T, EventError> {
        self.object_if_any(path)?
            .ok_or_else(|| self.wrong(path, "an object"))
    }

    /// The object, where there is one.
    pub(super) fn object_if_any(&self, path: &'static str) -> Result<Option<&T>, EventError> {
        match self {
            Self::Object(object) => Ok(Some(object)),
            Self::Absent | Self::Null => Ok(None),
            Self::Flag(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::LongText(_)
            | Self::List => Err(self.wrong(path, "an object")),
        }
    }

    /// The string that has to be here.
    pub(super) fn text(&self, path: &'static str) -> Result<&str, EventError> {
        self.text_if_any(path)?
            .ok_or_else(|| self.wrong(path, "a string"))
    }

    /// The string, where there is one.
    pub(super) fn text_if_any(&self, path: &'static str) -> Result<Option<&str>, EventError> {
        match self {
            Self::Text(text) => Ok(Some(text)),
            Self::Absent | Self::Null => Ok(None),
            Self::Flag(_)
            | Self::Integer(_)
            | Self::Number(_)
            | Self::LongText(_)
            | Self::List
            | Self::Object(_) => Err(self.wrong(path, "a string")),
        }
    }

    /// The whole number that has to be here.
    pub(super) fn integer(&self, path: &'static str) -> Result<u64, EventError> {
        match self {
            Self::Integer(integer) => Ok(*integer),
            Self::Absent
            | Self::Null
            | Self::Flag(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::LongText(_)
            | Self::List
            | Self::Object(_) => Err(self.wrong(path, "a whole number")),
        }
    }

    /// The flag, where the key is there at all.
    pub(super) fn flag_if_any(&self, path: &'static str) -> Result<Option<bool>, EventError> {
        match self {
            Self::Flag(flag) => Ok(Some(*flag)),
            Self::Absent => Ok(None),
            Self::Null
            | Self::Integer(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::LongText(_)
            | Self::List
            | Self::Object(_) => Err(self.wrong(path, "true or false")),
        }
    }

    /// The commit's name that has to be here; 40 zeros are none.
    pub(super) fn commit(&self, path: &'static str) -> Result<CommitSha, EventError> {
        CommitSha::parse(self.text(path)?.as_bytes())
            .map_err(|_| self.wrong(path, "40 lower-case hex digits that are not all zero"))
    }

    /// The commit's name that has to be here, or the 40 zeros that mean none.
    pub(super) fn commit_or_zeros(
        &self,
        path: &'static str,
    ) -> Result<Option<CommitSha>, EventError> {
        CommitSha::parse_or_none(self.text(path)?.as_bytes())
            .map_err(|_| self.wrong(path, "40 lower-case hex digits"))
    }

    /// The name of a branch that has to be here.
    pub(super) fn branch(&self, path: &'static str) -> Result<String, EventError> {
        let name = self.text(path)?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(self.wrong(path, "the name of a branch"));
        }
        Ok(name.to_owned())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Json<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyType(PhantomData))
    }
}

/// Takes whatever stands there.
struct AnyType<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyType<T> {
    type Value = Json<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Json::Flag(flag))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Self::Value, E> {
        Ok(Json::Integer(integer))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(integer.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(format!("{number:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(if text.len() > LONGEST {
            Json::LongText(text.len())
        } else {
            Json::Text(text.to_owned())
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Json::Object)
    }
}

/// Parses a payload: one JSON object of bounded size and depth in which no key that is read stands twice.
pub(super) fn parse(bytes: &[u8]) -> Result<Payload, EventError> {
    if bytes.len() > LARGEST {
        return Err(EventError::TooLarge { bytes: bytes.len() });
    }
    if bytes.trim_ascii().is_empty() {
        return Err(EventError::Empty);
    }
    if depth(bytes) > DEEPEST {
        return Err(EventError::TooDeep);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let line_start = valid
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        EventError::NotJson {
            line: 1 + valid.iter().filter(|byte| **byte == b'\n').count(),
            column: 1 + valid.len() - line_start,
        }
    })?;
    let payload: Json<Payload> =
        serde_json::from_str(text).map_err(|error| match error.classify() {
            // Wire values take any type, so the shape can only be wrong in that a key is repeated.
            Category::Data => EventError::Repeated {
                what: Untrusted(error.to_string().as_bytes()).to_string(),
            },
            Category::Io | Category::Syntax | Category::Eof => EventError::NotJson {
                line: error.line(),
                column: error.column(),
            },
        })?;
    match payload {
        Json::Object(payload) => Ok(payload),
        Json::Absent
        | Json::Null
        | Json::Flag(_)
        | Json::Integer(_)
        | Json::Number(_)
        | Json::Text(_)
        | Json::LongText(_)
        | Json::List => Err(payload.wrong("the top level", "an object")),
    }
}

/// How deeply lists and objects are nested. It goes first because the parser skips what is not read at any depth.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The payload's top level. `commits`, `client_payload` and `schedule` only tell which event a payload is of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    pub(super) action: Leaf,
    pub(super) after: Leaf,
    pub(super) before: Leaf,
    pub(super) client_payload: Leaf,
    pub(super) commits: Leaf,
    pub(super) created: Leaf,
    pub(super) deleted: Leaf,
    pub(super) forced: Leaf,
    pub(super) head_commit: Json<HeadCommit>,
    pub(super) merge_group: Json<MergeGroupWire>,
    pub(super) number: Leaf,
    pub(super) pull_request: Json<Pull>,
    #[serde(rename = "ref")]
    pub(super) git_ref: Leaf,
    pub(super) repository: Json<EventRepositoryWire>,
    pub(super) schedule: Leaf,
    pub(super) sender: Json<AccountWire>,
    pub(super) workflow_run: Json<WorkflowRunWire>,
}

/// A commit; `timestamp` is when it was made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeadCommit {
    pub(super) id: Leaf,
    pub(super) timestamp: Leaf,
}

/// A repository.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventRepositoryWire {
    pub(super) default_branch: Leaf,
    pub(super) fork: Leaf,
    pub(super) full_name: Leaf,
    pub(super) id: Leaf,
}

/// Who did it, or whose it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AccountWire {
    pub(super) login: Leaf,
}

/// A pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pull {
    pub(super) base: Json<PullBranchWire>,
    pub(super) changed_files: Leaf,
    pub(super) head: Json<PullBranchWire>,
    pub(super) merge_commit_sha: Leaf,
    pub(super) number: Leaf,
    pub(super) user: Json<AccountWire>,
}

/// The head or the base of a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PullBranchWire {
    #[serde(rename = "ref")]
    pub(super) name: Leaf,
    pub(super) repo: Json<EventRepositoryWire>,
    pub(super) sha: Leaf,
}

/// A group of a merge queue.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MergeGroupWire {
    pub(super) base_sha: Leaf,
    pub(super) head_sha: Leaf,
}

/// A workflow run.
///
/// Its `run_attempt` is not read. No rule asks whether CI ran for the first time: without knowledge of the order no run deploys, whatever its attempt is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkflowRunWire {
    pub(super) conclusion: Leaf,
    pub(super) event: Leaf,
    pub(super) head_branch: Leaf,
    pub(super) head_commit: Json<HeadCommit>,
    pub(super) head_repository: Json<EventRepositoryWire>,
    pub(super) head_sha: Leaf,
}

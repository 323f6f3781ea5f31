//! One file of a commit.

use super::ask::escape;
use super::tree::DIRECTORY;
use super::{GitHub, GitHubError};
use crate::domain::{CommitSha, FileAt};
use base64::Engine as _;
use serde::Deserialize;

/// The contents API gives no file that is larger (<https://docs.github.com/en/rest/repos/contents#get-repository-content>).
const LARGEST: u64 = 1 << 20;

#[derive(Deserialize)]
struct ContentWire {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
    size: u64,
    encoding: Option<String>,
    content: Option<String>,
}

impl GitHub {
    /// What the commit has at `path`, a file of at most 1 MiB.
    ///
    /// The contents API follows a symbolic link without saying so, so the way to the file is walked through the trees first, and
    /// the content has to be that of the object found there.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn file_at(&self, commit: &CommitSha, path: &str) -> Result<FileAt, GitHubError> {
        let Some(mut tree) = self.tree_of(commit).await? else { return Ok(FileAt::CommitMissing) };
        let mut components = path.split('/').peekable();
        while let Some(name) = components.next() {
            let listed = self.tree(&tree, "").await?;
            let Some(entry) = listed.tree.into_iter().find(|entry| entry.path == name) else {
                if listed.truncated {
                    let what = format!("tree {tree}");
                    return Err(GitHubError::Broken { what, why: "it is cut short".into(), trace: Default::default() });
                }
                return Ok(FileAt::Absent);
            };
            let is_last = components.peek().is_none();
            match entry.mode.as_str() {
                DIRECTORY if is_last => return Ok(FileAt::NotAFile("a directory")),
                DIRECTORY => tree = entry.sha,
                "120000" => return Ok(FileAt::NotAFile("a symbolic link")),
                "160000" => return Ok(FileAt::NotAFile("a submodule")),
                _ if is_last => return self.content(commit, path, &entry.sha).await,
                _ => return Ok(FileAt::Absent),
            }
        }
        Ok(FileAt::Absent)
    }

    async fn content(&self, commit: &CommitSha, path: &str, object: &str) -> Result<FileAt, GitHubError> {
        let what = format!("file {} of {}", crate::domain::Foreign(path.as_bytes()), commit.short(10));
        let reply = self.reply(&format!("contents/{}?ref={commit}", escape(path)), &what).await?;
        let wire: ContentWire = reply.json(&what)?;
        if wire.kind != "file" || wire.sha != object {
            return Err(reply.broken(&what, "it is another object than the tree names"));
        }
        if wire.size > LARGEST {
            return Ok(FileAt::TooLarge(wire.size));
        }
        let content = match (wire.encoding.as_deref(), wire.content) {
            (Some("base64"), Some(content)) => content,
            _ => return Err(reply.broken(&what, "it is not in base64")),
        };
        let digits: Vec<u8> = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(digits);
        match bytes {
            Ok(bytes) if u64::try_from(bytes.len()) == Ok(wire.size) => Ok(FileAt::File(bytes)),
            _ => Err(reply.broken(&what, "its content is not as long as its size says")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Exchange, Server, found, missing};
    use super::*;

    const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);

    fn way(entries: &str) -> Vec<Exchange> {
        let commit =
            format!(r#"{{"sha":"{COMMIT}","tree":{{"sha":"root"}},"committer":{{"date":"2026-01-02T03:04:05Z"}}}}"#);
        vec![
            found(&format!("git/commits/{COMMIT}"), &commit),
            found("git/trees/root", r#"{"tree":[{"path":".github","mode":"040000","sha":"dir"}],"truncated":false}"#),
            found("git/trees/dir", &format!(r#"{{"tree":[{entries}],"truncated":false}}"#)),
        ]
    }

    fn content(body: &str) -> Exchange {
        found(&format!("contents/.github/m.yml?ref={COMMIT}"), body)
    }

    async fn file_at(script: Vec<Exchange>) -> Result<FileAt, GitHubError> {
        let server = Server::start(script);
        let answer = server.github().file_at(&COMMIT, ".github/m.yml").await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn a_file_is_read_through_its_trees() {
        let mut script = way(r#"{"path":"m.yml","mode":"100644","sha":"blob"}"#);
        script.push(content(r#"{"type":"file","sha":"blob","size":5,"encoding":"base64","content":"aGVs\nbG8=\n"}"#));
        assert_eq!(file_at(script).await, Ok(FileAt::File(b"hello".to_vec())));
    }

    #[tokio::test]
    async fn what_is_no_file_is_told_apart_and_never_read() {
        for (mode, wanted) in [
            ("120000", FileAt::NotAFile("a symbolic link")),
            ("040000", FileAt::NotAFile("a directory")),
            ("160000", FileAt::NotAFile("a submodule")),
        ] {
            let entry = format!(r#"{{"path":"m.yml","mode":"{mode}","sha":"blob"}}"#);
            assert_eq!(file_at(way(&entry)).await, Ok(wanted));
        }
        assert_eq!(file_at(way("")).await, Ok(FileAt::Absent));
        assert_eq!(file_at(vec![missing(&format!("git/commits/{COMMIT}"))]).await, Ok(FileAt::CommitMissing));
        let linked = r#"{"tree":[{"path":".github","mode":"120000","sha":"x"}],"truncated":false}"#;
        let script = vec![way("").remove(0), found("git/trees/root", linked)];
        assert_eq!(file_at(script).await, Ok(FileAt::NotAFile("a symbolic link")));
    }

    #[tokio::test]
    async fn another_object_or_half_a_file_is_refused() {
        for (body, is_too_large) in [
            (r#"{"type":"file","sha":"other","size":5,"encoding":"base64","content":"aGVsbG8="}"#, false),
            (r#"{"type":"symlink","sha":"blob","size":5}"#, false),
            (r#"{"type":"file","sha":"blob","size":6,"encoding":"base64","content":"aGVsbG8="}"#, false),
            (r#"{"type":"file","sha":"blob","size":5,"encoding":"base64","content":"aGV*bG8="}"#, false),
            (r#"{"type":"file","sha":"blob","size":5,"encoding":"none","content":""}"#, false),
            (r#"{"type":"file","sha":"blob","size":1048577,"encoding":"none","content":""}"#, true),
        ] {
            let mut script = way(r#"{"path":"m.yml","mode":"100644","sha":"blob"}"#);
            script.push(content(body));
            let answer = file_at(script).await;
            assert_eq!(answer == Ok(FileAt::TooLarge(1_048_577)), is_too_large, "{body}");
            assert_eq!(matches!(answer, Err(GitHubError::Broken { .. })), !is_too_large, "{body}");
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_cut_short_proves_no_absence() {
        let mut script = way("");
        script.truncate(1);
        script.push(found("git/trees/root", r#"{"tree":[],"truncated":true}"#));
        assert!(matches!(file_at(script).await, Err(GitHubError::Broken { .. })));
    }
}

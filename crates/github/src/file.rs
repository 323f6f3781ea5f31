//! One file of a commit.

use super::address::escape;
use super::{GitHub, GitHubError};
use base64::Engine as _;
use model::{CommitSha, FileAt};
use serde::Deserialize;

/// The contents API gives no file that is larger (<https://docs.github.com/en/rest/repos/contents#get-repository-content>).
const LARGEST: u64 = 1 << 20;

#[derive(Deserialize)]
struct ContentWire {
    #[serde(rename = "type")]
    kind: String,
    size: u64,
    encoding: Option<String>,
    content: Option<String>,
}

impl GitHub {
    /// What the commit has at `path`, a file of at most 1 MiB: one request.
    ///
    /// GitHub follows a symbolic link to a file of the same commit without saying so. That is harmless: who can write the link can write
    /// the file. A link to anywhere else is told as one.
    ///
    /// # Errors
    /// [`GitHubError`].
    pub async fn file_at(&self, commit: &CommitSha, path: &str) -> Result<FileAt, GitHubError> {
        let what = format!(
            "file {} of {}",
            model::Untrusted(path.as_bytes()),
            commit.short(10)
        );
        let reply = match self
            .reply(&format!("contents/{}?ref={commit}", escape(path)), &what)
            .await
        {
            Ok(reply) => reply,
            Err(GitHubError::NotFound { .. }) => return Ok(FileAt::Absent),
            Err(error) => return Err(error),
        };
        if reply.is_array() {
            return Ok(FileAt::NotAFile("a directory"));
        }
        let wire: ContentWire = reply.json(&what)?;
        match wire.kind.as_str() {
            "file" => {}
            "symlink" => return Ok(FileAt::NotAFile("a symbolic link")),
            "submodule" => return Ok(FileAt::NotAFile("a submodule")),
            _ => return Err(reply.broken(&what, "it is of an unknown type")),
        }
        if wire.size > LARGEST {
            return Ok(FileAt::TooLarge(wire.size));
        }
        let content = match (wire.encoding.as_deref(), wire.content) {
            (Some("base64"), Some(content)) => content,
            _ => return Err(reply.broken(&what, "it is not in base64")),
        };
        let digits: Vec<u8> = content
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let bytes = base64::engine::general_purpose::STANDARD.decode(digits);
        match bytes {
            Ok(bytes) if u64::try_from(bytes.len()) == Ok(wire.size) => Ok(FileAt::File(bytes)),
            _ => Err(reply.broken(&what, "its content is not as long as its size says")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Server, found, missing};
    use super::*;

    const COMMIT: CommitSha = CommitSha::from_bytes([0x11; 20]);

    async fn file_at(body: Option<&str>) -> Result<FileAt, GitHubError> {
        let path = format!("contents/.github/m.yml?ref={COMMIT}");
        let server = Server::start(vec![
            body.map_or_else(|| missing(&path), |body| found(&path, body)),
        ]);
        let answer = server.github().file_at(&COMMIT, ".github/m.yml").await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn a_file_is_read_with_one_request() {
        let body = r#"{"type":"file","size":5,"encoding":"base64","content":"aGVs\nbG8=\n"}"#;
        assert_eq!(
            file_at(Some(body)).await,
            Ok(FileAt::File(b"hello".to_vec()))
        );
        assert_eq!(file_at(None).await, Ok(FileAt::Absent));
    }

    #[tokio::test]
    async fn what_is_no_file_is_told_apart() {
        for (body, wanted) in [
            (
                r#"{"type":"symlink","size":5}"#,
                FileAt::NotAFile("a symbolic link"),
            ),
            (
                r#"{"type":"submodule","size":0}"#,
                FileAt::NotAFile("a submodule"),
            ),
            (
                r#"[{"type":"file","size":0}]"#,
                FileAt::NotAFile("a directory"),
            ),
            (
                r#"{"type":"file","size":1048577,"encoding":"none","content":""}"#,
                FileAt::TooLarge(1_048_577),
            ),
        ] {
            assert_eq!(file_at(Some(body)).await, Ok(wanted), "{body}");
        }
    }

    #[tokio::test]
    async fn half_a_file_is_refused() {
        for body in [
            r#"{"type":"file","size":6,"encoding":"base64","content":"aGVsbG8="}"#,
            r#"{"type":"file","size":5,"encoding":"base64","content":"aGV*bG8="}"#,
            r#"{"type":"file","size":5,"encoding":"none","content":""}"#,
            r#"{"type":"new","size":5,"encoding":"base64","content":"aGVsbG8="}"#,
        ] {
            assert!(
                matches!(file_at(Some(body)).await, Err(GitHubError::Broken { .. })),
                "{body}"
            );
        }
    }
}

//! The real registry, CNCF Distribution as Debian packages it, without and with token authentication. It is started once a process and
//! ends with it.

use super::image::Image;
use super::server::{Reply, Server};
use base64::Engine as _;
use ring::signature::KeyPair as _;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The user that the token server knows.
pub const USER: &str = "robot";

/// A running registry.
#[derive(Debug)]
pub struct Distribution {
    port: u16,
    password: Option<String>,
    signer: Option<Signer>,
    // It ends when its standard input does, which is when this process does.
    _guard: Child,
    _root: tempfile::TempDir,
}

impl Distribution {
    /// The registry that asks nobody who he is.
    pub fn open() -> &'static Self {
        static OPEN: OnceLock<Distribution> = OnceLock::new();
        OPEN.get_or_init(|| Self::start(None))
    }

    /// The registry that wants a token of our token server.
    pub fn with_tokens() -> &'static Self {
        static WITH_TOKENS: OnceLock<Distribution> = OnceLock::new();
        WITH_TOKENS.get_or_init(|| Self::start(Some(leaks::invent("distribution password"))))
    }

    /// The password of [`USER`].
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn start(password: Option<String>) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {0}/data}}\n  delete: {{enabled: true}}\nhttp: {{addr: 127.0.0.1:{port}}}\n",
            root.path().display()
        );
        let signer = password.as_ref().map(|_| Signer::new());
        if let (Some(password), Some(signer)) = (&password, &signer) {
            let bundle = root.path().join("root.pem");
            std::fs::write(&bundle, signer.pem()).expect("the bundle");
            let server = token_server(
                password.clone(),
                signer.clone(),
                format!("127.0.0.1:{port}"),
            );
            config.push_str(&format!(
                "auth:\n  token: {{realm: \"{}/auth\", service: \"127.0.0.1:{port}\", issuer: world, rootcertbundle: {}}}\n",
                server.origin(),
                bundle.display()
            ));
        }
        let file = root.path().join("config.yml");
        std::fs::write(&file, config).expect("the configuration");
        let guard = guarded(&file, &root.path().join("log"));
        let registry = Self {
            port,
            password,
            signer,
            _guard: guard,
            _root: root,
        };
        registry.wait();
        registry
    }

    fn wait(&self) {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self._root.path().join("log")).unwrap_or_default();
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "docker-registry did not start (Debian: apt-get install docker-registry)\n{log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Puts an image there, under these tags, as a client does; what is to be missing is deleted at the end.
    pub fn put(&self, path: &str, tags: &[String], image: &Image) {
        let token = self
            .signer
            .as_ref()
            .map(|signer| signer.token(&self.host(), path, &["pull", "push", "delete"]));
        for blob in &image.blobs {
            let begun = self.ask(
                "POST",
                &format!("/v2/{path}/blobs/uploads/"),
                &[],
                b"",
                token.as_deref(),
            );
            assert_eq!(begun.status, 202, "{}", begun.head);
            let location = begun
                .header("location")
                .expect("an upload's address")
                .to_owned();
            let target = location
                .split_once(&self.host())
                .map_or(location.as_str(), |(_, rest)| rest);
            let target = format!(
                "{target}{}digest={}",
                if target.contains('?') { '&' } else { '?' },
                blob.digest
            );
            let put = self.ask(
                "PUT",
                &target,
                &[("Content-Type", "application/octet-stream")],
                &blob.bytes,
                token.as_deref(),
            );
            assert_eq!(put.status, 201, "{}", put.head);
        }
        for manifest in &image.manifests {
            let is_top = manifest.digest == image.digest;
            let names: Vec<&str> = if is_top {
                tags.iter().map(String::as_str).collect()
            } else {
                Vec::new()
            };
            for name in names.into_iter().chain([manifest.digest.as_str()]) {
                let target = format!("/v2/{path}/manifests/{name}");
                let put = self.ask(
                    "PUT",
                    &target,
                    &[("Content-Type", manifest.media_type)],
                    &manifest.bytes,
                    token.as_deref(),
                );
                assert_eq!(put.status, 201, "{} {}", put.head, put.body);
            }
        }
        for digest in &image.deleted {
            let deleted = self.ask(
                "DELETE",
                &format!("/v2/{path}/manifests/{digest}"),
                &[],
                b"",
                token.as_deref(),
            );
            assert_eq!(deleted.status, 202, "{}", deleted.head);
        }
    }

    fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        token: Option<&str>,
    ) -> Said {
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.host(),
            body.len()
        );
        if let Some(token) = token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the registry");
        stream
            .write_all(format!("{head}\r\n").as_bytes())
            .and_then(|()| stream.write_all(body))
            .expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        Said {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

struct Said {
    status: u16,
    head: String,
    body: String,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Starts the registry under a shell that ends it as soon as nobody holds the other end of its standard input.
fn guarded(config: &Path, log: &Path) -> Child {
    const GUARD: &str = "docker-registry serve \"$0\" >\"$1\" 2>&1 & read -r _; kill $!; wait";
    Command::new("/bin/sh")
        .args(["-c", GUARD])
        .args([config, log])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// The token server of the Docker registry protocol, with one user; others get tokens that allow nothing.
fn token_server(password: String, signer: Signer, service: String) -> Server {
    let basic = format!(
        "Basic {}",
        base64::prelude::BASE64_STANDARD.encode(format!("{USER}:{password}"))
    );
    Server::start(move |call| {
        if call.path != "/auth" || call.parameter("service").as_deref() != Some(service.as_str()) {
            return Reply::text(404, "");
        }
        if call.header("authorization") != Some(basic.as_str()) {
            return Reply::json(
                401,
                &json!({"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}),
            );
        }
        let scope = call.parameter("scope").unwrap_or_default();
        let path = scope.split(':').nth(1).unwrap_or_default();
        Reply::json(
            200,
            &json!({"token": signer.token(&service, path, &["pull"]), "expires_in": 300}),
        )
    })
    .listening()
}

/// Signs tokens with a key whose certificate signs itself.
#[derive(Debug, Clone)]
struct Signer {
    pkcs8: Vec<u8>,
    certificate: Vec<u8>,
}

impl Signer {
    fn new() -> Self {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ring::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 =
            ring::signature::EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let key = ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random)
            .expect("a key");
        // RFC 5280, as little of it as a verifier wants.
        let ecdsa_with_sha256 = der(0x30, &[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
        let p256 = [
            0x30, 0x13, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 3, 1, 7,
        ];
        let name = der(
            0x30,
            &[&der(
                0x31,
                &[&der(
                    0x30,
                    &[&[0x06, 3, 0x55, 4, 3], &der(0x0c, &[b"world"])],
                )],
            )],
        );
        let validity = der(
            0x30,
            &[
                &der(0x17, &[b"200101000000Z"]),
                &der(0x17, &[b"490101000000Z"]),
            ],
        );
        let public = der(
            0x30,
            &[&p256, &der(0x03, &[&[0], key.public_key().as_ref()])],
        );
        let serial: &[u8] = &[0x02, 1, 1];
        let version: &[u8] = &[0xa0, 3, 0x02, 1, 2];
        let body = der(
            0x30,
            &[
                version,
                serial,
                &ecdsa_with_sha256,
                &name,
                &validity,
                &name,
                &public,
            ],
        );
        let signature = key.sign(&random, &body).expect("a signature");
        let certificate = der(
            0x30,
            &[
                &body,
                &ecdsa_with_sha256,
                &der(0x03, &[&[0], signature.as_ref()]),
            ],
        );
        Self {
            pkcs8: pkcs8.as_ref().to_vec(),
            certificate,
        }
    }

    fn pem(&self) -> String {
        let text = base64::prelude::BASE64_STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    fn token(&self, service: &str, path: &str, actions: &[&str]) -> String {
        let random = ring::rand::SystemRandom::new();
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8, &random)
            .expect("a key");
        let engine = base64::prelude::BASE64_URL_SAFE_NO_PAD;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [base64::prelude::BASE64_STANDARD.encode(&self.certificate)]});
        let claims = json!({"iss": "world", "sub": USER, "aud": service, "nbf": now - 60, "iat": now - 60, "exp": now + 600,
            "jti": "1", "access": [{"type": "repository", "name": path, "actions": actions}]});
        let body = format!(
            "{}.{}",
            engine.encode(header.to_string()),
            engine.encode(claims.to_string())
        );
        let signature = key.sign(&random, body.as_bytes()).expect("a signature");
        format!("{body}.{}", engine.encode(signature))
    }
}

/// A DER value of that tag.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut value = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => value.push(short),
        Ok(long) => value.extend([0x81, long]),
        Err(_) => value.extend([
            0x82,
            u8::try_from(length >> 8).unwrap_or(0xff),
            u8::try_from(length & 0xff).unwrap_or(0),
        ]),
    }
    value.extend(content);
    value
}

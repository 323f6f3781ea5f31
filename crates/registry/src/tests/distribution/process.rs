//! The registry's process, and a token server that signs for it.

use super::super::server::{Reply, Server};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(super) const USER: &str = "ci";
pub(super) const PASSWORD: &str = "s3cret-pa55word";
const PROGRAM: &str = "docker-registry";

/// A running registry, gone with this value.
pub(super) struct Process {
    pub(super) host: String,
    child: Child,
    issuer: Option<Issuer>,
    _directory: tempfile::TempDir,
}

impl Process {
    /// A registry that asks nobody who they are.
    pub(super) fn open() -> Self {
        Self::start(None)
    }

    /// A registry that wants tokens.
    pub(super) fn with_tokens() -> Self {
        Self::start(Some(Issuer::new()))
    }

    fn start(issuer: Option<Issuer>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = json!({
            "version": 0.1,
            "log": { "level": "error" },
            "storage": { "filesystem": { "rootdirectory": directory.path().join("data") }, "delete": { "enabled": true } },
        });
        if let Some(issuer) = &issuer {
            let bundle = directory.path().join("root.pem");
            std::fs::write(&bundle, issuer.pem()).unwrap();
            let realm = format!("http://{}/token", issuer.server.host());
            config["auth"] = json!({ "token": { "realm": realm, "service": "test", "issuer": "test", "rootcertbundle": bundle } });
        }
        let file = directory.path().join("config.yml");
        // A free port may be taken by another test before the registry has it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let host = format!("127.0.0.1:{port}");
            config["http"] = json!({ "addr": host });
            std::fs::write(&file, config.to_string()).unwrap();
            let program = Command::new(PROGRAM)
                .arg("serve")
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let mut child = program.unwrap_or_else(|error| {
                panic!("these tests need CNCF Distribution as `{PROGRAM}` ({error}); on Debian: apt-get install docker-registry")
            });
            if is_up(&host, &mut child) {
                return Self {
                    host,
                    child,
                    issuer,
                    _directory: directory,
                };
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("`{PROGRAM}` does not start");
    }

    /// A token for a scope.
    pub(super) fn token(&self, scope: &str) -> String {
        self.issuer
            .as_ref()
            .map_or_else(|| "none".into(), |issuer| issuer.token(scope))
    }
}

/// Waits until the registry answers, or says that it does not.
fn is_up(host: &str, child: &mut Child) -> bool {
    for _ in 0..400 {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if TcpStream::connect(host)
            .and_then(|stream| answers(&stream))
            .unwrap_or(false)
        {
            return true;
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "a process is waited for, outside of any runtime"
        )]
        std::thread::sleep(Duration::from_millis(25));
    }
    false
}

fn answers(mut stream: &TcpStream) -> std::io::Result<bool> {
    let mut answer = String::new();
    stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
    stream.read_to_string(&mut answer)?;
    Ok(answer.contains("Docker-Distribution-Api-Version"))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A token server for `acme/api` that knows one user.
struct Issuer {
    server: Server,
    key: EcdsaKeyPair,
    certificate: Vec<u8>,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
                .unwrap();
        let signer =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random)
                .unwrap();
        let certificate = certificate(&signer);
        let issuer = Self {
            server: Server::start(),
            key,
            certificate,
        };
        let basic = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        for (asked, actions) in [("pull", "pull"), ("pull%2Cpush", "pull,push")] {
            let line = format!("GET /token?service=test&scope=repository%3Aacme%2Fapi%3A{asked}");
            let token = issuer.token(&format!("repository:acme/api:{actions}"));
            let body = json!({ "token": token, "expires_in": 300 }).to_string();
            issuer.server.on_known(line, &basic, Reply::new(200, body));
        }
        issuer
    }

    fn pem(&self) -> String {
        let body = STANDARD.encode(&self.certificate);
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(String::from_utf8_lossy)
            .collect();
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            lines.join("\n")
        )
    }

    /// Signs a token as <https://distribution.github.io/distribution/spec/auth/jwt/> wants it. It has always been good and always
    /// will be: no test reads a clock.
    fn token(&self, scope: &str) -> String {
        let [kind, name, actions] = scope.split(':').collect::<Vec<_>>()[..] else {
            panic!("{scope}")
        };
        let actions: Vec<_> = actions.split(',').collect();
        let head =
            json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate)] });
        let claims = json!({
            "iss": "test", "sub": USER, "aud": "test", "exp": 4_000_000_000_u32, "nbf": 0, "iat": 0, "jti": "1",
            "access": [{ "type": kind, "name": name, "actions": actions }],
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A DER value.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let mut value = match body.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    value.extend(body);
    value
}

/// A certificate that signs itself (RFC 5280), good from 2000 to 2049.
fn certificate(key: &EcdsaKeyPair) -> Vec<u8> {
    const SEQUENCE: u8 = 0x30;
    let oid = |bytes: &[u8]| der(0x06, &[bytes]);
    let ecdsa_with_sha256 = der(SEQUENCE, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    let attribute = der(SEQUENCE, &[&oid(&[0x55, 4, 3]), &der(0x0c, &[b"test"])]);
    let name = der(SEQUENCE, &[&der(0x31, &[&attribute])]);
    let validity = der(
        SEQUENCE,
        &[
            &der(0x17, &[b"000101000000Z"]),
            &der(0x17, &[b"491231235959Z"]),
        ],
    );
    let (ec, p256) = (
        oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]),
        oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
    );
    let algorithm = der(SEQUENCE, &[&ec, &p256]);
    let public = der(
        SEQUENCE,
        &[&algorithm, &der(0x03, &[&[0], key.public_key().as_ref()])],
    );
    let serial = der(0x02, &[&[1]]);
    let body = der(
        SEQUENCE,
        &[
            &serial,
            &ecdsa_with_sha256,
            &name,
            &validity,
            &name,
            &public,
        ],
    );
    let signature = key.sign(&SystemRandom::new(), &body).unwrap();
    der(
        SEQUENCE,
        &[
            &body,
            &ecdsa_with_sha256,
            &der(0x03, &[&[0], signature.as_ref()]),
        ],
    )
}

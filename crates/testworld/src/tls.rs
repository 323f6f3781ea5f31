//! Real TLS before the world's servers: an authority of one's own, and doors that open what comes and hand it on.

use super::server::runtime;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::sync::Arc;

/// An authority that no public root vouches for.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What is odd about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Nothing.
    None,
    /// It ran out long ago.
    Expired,
    /// It is another server's.
    OtherName,
}

impl Authority {
    /// An authority of that name and organisation.
    pub fn new(name: &str, organisation: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::OrganizationName, organisation);
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(
            CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key"))
                .expect("a certificate"),
        )
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Opens a door before `host` (`127.0.0.1:port`) and gives its address: `https://127.0.0.1:port`.
    pub fn before(&self, host: &str, oddity: Oddity) -> String {
        let name = if oddity == Oddity::OtherName {
            "other.example"
        } else {
            "127.0.0.1"
        };
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        if oddity == Oddity::Expired {
            parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.0).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .expect("a configuration");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(configuration));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let host = host.to_owned();
        runtime().spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, host) = (acceptor.clone(), host.clone());
                tokio::spawn(async move {
                    let Ok(mut opened) = acceptor.accept(stream).await else {
                        return;
                    };
                    let Ok(mut behind) = tokio::net::TcpStream::connect(host).await else {
                        return;
                    };
                    let _ = tokio::io::copy_bidirectional(&mut opened, &mut behind).await;
                });
            }
        });
        format!("https://{address}")
    }
}

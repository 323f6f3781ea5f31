//! Whether a server is who it says it is; and where nobody we trust says so, who does.
//!
//! The judging is rustls's own. What it leaves out is the name of the authority, which is all that a reader needs to know: behind a
//! proxy that opens TLS it is the company's.

use super::printable::printable;
use super::roots::Roots;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use std::error::Error as StdError;
use std::sync::Arc;

/// The TLS configuration that trusts exactly `roots`.
///
/// # Errors
/// What the TLS stack says against it.
pub(super) fn configuration(roots: Roots) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut store = RootCertStore::empty();
    // A root that cannot be read vouches for nobody.
    store.add_parsable_certificates(roots.into_certificates());
    let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
        .build()
        .map_err(|error| error.to_string())?;
    let mut configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Judge(judge)))
        .with_no_client_auth();
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

/// Why no TLS connection came about, in words for a reader, where that is what lies behind an error.
pub(super) fn distrust(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(words(error));
    }
    // What an I/O error was made of is not its source.
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => distrust(inner),
        None => distrust(error.source()?),
    }
}

fn words(error: &Error) -> String {
    let theirs = |text: String| printable(text.as_bytes());
    if matches!(error, Error::InvalidMessage(_)) {
        return "the other side does not speak TLS".into();
    }
    let Error::InvalidCertificate(why) = error else {
        return theirs(error.to_string());
    };
    if let CertificateError::Other(OtherError(why)) = why
        && why.is::<UnknownAuthority>()
    {
        return why.to_string();
    }
    if let CertificateError::NotValidForNameContext {
        expected,
        presented,
    } = why
    {
        return format!(
            "the certificate is not for {}, but for {}",
            expected.to_str(),
            theirs(presented.join(", "))
        );
    }
    if matches!(
        why,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    ) {
        return "the certificate has expired".into();
    }
    theirs(why.to_string())
}

/// Nobody that we trust has issued the certificate.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is issued by {0}, which is not trusted here")]
struct UnknownAuthority(String);

/// rustls's own judge, which is asked for everything.
#[derive(Debug)]
struct Judge(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.0
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| {
            if error != Error::InvalidCertificate(CertificateError::UnknownIssuer) {
                return error;
            }
            let last = intermediates.last().unwrap_or(end_entity);
            let unknown =
                UnknownAuthority(issuer(last).unwrap_or_else(|| "somebody without a name".into()));
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(unknown))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The issuer that a certificate names: `"Common Name" (Organisation)`, or what there is of it. RFC 5280, section 4.1.
fn issuer(certificate: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANISATION: &[u8] = &[0x55, 4, 10];
    let outer = Element::first(certificate, Some(SEQUENCE))?;
    let mut rest = Element::first(outer.content, Some(SEQUENCE))?.content;
    let mut fields = std::iter::from_fn(|| {
        let element = Element::first(rest, None)?;
        rest = element.rest;
        Some(element)
    });
    // The version may be left out; serial number and signature algorithm come before the issuer.
    let first = fields.next()?;
    let issuer = fields.nth(if first.tag == 0xa0 { 2 } else { 1 })?;
    let mut names = issuer.content;
    let (mut common, mut organisation) = (None, None);
    while let Some(set) = Element::first(names, None) {
        names = set.rest;
        let Some(pair) = Element::first(set.content, Some(SEQUENCE)) else {
            continue;
        };
        let Some(kind) = Element::first(pair.content, Some(6)) else {
            continue;
        };
        let Some(value) = Element::first(kind.rest, None) else {
            continue;
        };
        let value = Some(printable(value.content)).filter(|text| !text.is_empty());
        match kind.content {
            COMMON_NAME => common = value,
            ORGANISATION => organisation = value,
            _ => {}
        }
    }
    match (common, organisation) {
        (Some(common), Some(organisation)) => Some(format!("\"{common}\" ({organisation})")),
        (Some(name), None) | (None, Some(name)) => Some(format!("\"{name}\"")),
        (None, None) => None,
    }
}

/// One element of DER, and what comes behind it.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn first(bytes: &'a [u8], wanted: Option<u8>) -> Option<Self> {
        let (&tag, bytes) = bytes.split_first()?;
        let (&length, mut bytes) = bytes.split_first()?;
        let mut size = usize::from(length);
        if length & 0x80 != 0 {
            // A certificate is never longer than two bytes of length can say.
            let (long, after) = bytes
                .split_at_checked(usize::from(length & 0x7f))
                .filter(|(long, _)| long.len() <= 2)?;
            size = long
                .iter()
                .fold(0, |size, byte| size << 8 | usize::from(*byte));
            bytes = after;
        }
        let (content, rest) = bytes.split_at_checked(size)?;
        (wanted.is_none() || wanted == Some(tag)).then_some(Self { tag, content, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_root_names_its_issuer() {
        for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
            let name = issuer(root).expect("a name");
            assert!(name.starts_with('"') && name.len() > 4, "{name}");
        }
    }

    #[test]
    fn a_certificate_that_is_cut_or_damaged_names_nobody_and_breaks_nothing() {
        let root = &webpki_root_certs::TLS_SERVER_ROOT_CERTS[0];
        for length in 0..root.len() {
            assert_eq!(issuer(&root[..length]), None);
            let mut damaged = root.to_vec();
            damaged[length] ^= 0xff;
            let _ = issuer(&damaged);
        }
        assert_eq!(issuer(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}

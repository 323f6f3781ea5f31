//! Whom we trust to say who a server is.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The roots that count: Mozilla's, built in, and whatever was added.
#[derive(Debug)]
pub struct Roots(Vec<CertificateDer<'static>>);

/// Why a bundle of roots is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// It holds a private key, which has no business there.
    #[error("the bundle holds a private key; it should hold certificates only")]
    PrivateKey,
    /// It holds no certificate that can be read.
    #[error("the bundle holds no certificate in PEM form")]
    NoCertificate,
}

impl Roots {
    /// Mozilla's roots.
    #[must_use]
    pub fn built_in() -> Self {
        Self(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec())
    }

    /// Adds every certificate of a PEM bundle.
    ///
    /// # Errors
    /// Refuses a bundle with a private key, and one with a certificate that cannot be read, or without any.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), RootsError> {
        if pem
            .windows(b"PRIVATE KEY-----".len())
            .any(|window| window == b"PRIVATE KEY-----")
        {
            return Err(RootsError::PrivateKey);
        }
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let certificates = certificates.map_err(|_| RootsError::NoCertificate)?;
        let mut store = rustls::RootCertStore::empty();
        let (_, unreadable) = store.add_parsable_certificates(certificates.iter().cloned());
        if certificates.is_empty() || unreadable > 0 {
            return Err(RootsError::NoCertificate);
        }
        self.0.extend(certificates);
        Ok(())
    }

    /// Adds what can be read of a bundle that the machine has: one odd certificate in it must not cost the others.
    pub fn add_readable(&mut self, pem: &[u8]) {
        self.0
            .extend(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok));
    }

    pub(super) fn into_certificates(self) -> Vec<CertificateDer<'static>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_bundles_that_are_none() {
        let mut roots = Roots::built_in();
        assert_eq!(roots.add(b""), Err(RootsError::NoCertificate));
        for body in ["!!", "aGVsbG8="] {
            let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
            assert_eq!(
                roots.add(pem.as_bytes()),
                Err(RootsError::NoCertificate),
                "{body}"
            );
        }
        assert_eq!(
            roots.add(b"-----BEGIN EC PRIVATE KEY-----\n"),
            Err(RootsError::PrivateKey)
        );
    }

    #[test]
    fn mozillas_roots_are_built_in() {
        assert!(Roots::built_in().0.len() > 100);
    }
}

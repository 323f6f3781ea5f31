//! Whom we trust to say who a server is.

use reqwest::Certificate;

/// The roots that count: Mozilla's, built in, and whatever was added.
#[derive(Debug)]
pub struct Roots(Vec<Certificate>);

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
        Self(
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|der| Certificate::from_der(der).ok()).collect(),
        )
    }

    /// Adds every certificate of a PEM bundle.
    ///
    /// # Errors
    /// Refuses a bundle with a private key and one without a certificate.
    pub fn add(&mut self, pem: &[u8]) -> Result<(), RootsError> {
        if pem.windows(b"PRIVATE KEY-----".len()).any(|window| window == b"PRIVATE KEY-----") {
            return Err(RootsError::PrivateKey);
        }
        let certificates = Certificate::from_pem_bundle(pem).map_err(|_| RootsError::NoCertificate)?;
        if certificates.is_empty() {
            return Err(RootsError::NoCertificate);
        }
        self.0.extend(certificates);
        Ok(())
    }

    pub(super) fn into_certificates(self) -> Vec<Certificate> {
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
        assert_eq!(
            roots.add(b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"),
            Err(RootsError::NoCertificate)
        );
        assert_eq!(roots.add(b"-----BEGIN EC PRIVATE KEY-----\n"), Err(RootsError::PrivateKey));
    }

    #[test]
    fn mozillas_roots_are_built_in() {
        assert!(Roots::built_in().0.len() > 100);
    }
}

//! Whom we believe that a mail server is who it says: the authorities of this machine, or those of
//! a file.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::diag::{Failure, Problem};

/// Authorities that the job names: they count instead of those of the machine.
#[derive(Clone, Debug)]
pub struct Authorities(RootCertStore);

impl Authorities {
    /// Reads certificates in PEM. `file` is what errors call it.
    ///
    /// # Errors
    /// No certificate in it, or one that is none.
    pub fn read(file: &str, pem: &[u8]) -> Result<Self, Problem> {
        let wrong = |what: String| {
            Problem::new(file, "", what).hint(
                "`delivery.smtp.ca_file` is a PEM file: certificates between the lines `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`",
            )
        };
        let mut store = RootCertStore::empty();
        for (n, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let n = n + 1;
            let certificate =
                certificate.map_err(|e| wrong(format!("certificate {n} cannot be read: {e}")))?;
            store
                .add(certificate)
                .map_err(|e| wrong(format!("certificate {n} is not one of an authority: {e}")))?;
        }
        if store.is_empty() {
            return Err(wrong("no certificate was found".into()));
        }
        Ok(Self(store))
    }
}

/// What secures connections.
///
/// # Errors
/// `FixJob` where neither the machine nor the job names an authority.
pub(super) fn connector(authorities: Option<&Authorities>) -> Result<TlsConnector, Failure> {
    let failed = |e: String| Failure::fix_job(format!("no TLS: {e}"));
    let Some(Authorities(store)) = authorities else {
        return mail_send::smtp::tls::build_tls_connector(false).map_err(failed);
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(e.to_string()))?
        .with_root_certificates(store.clone())
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Why a connection was not secured, in words.
pub(super) fn why(e: &Error, host: &str) -> String {
    match e {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("its certificate does not bear the name `{host}`"),
        // One that only bears the name of an authority that we trust signed nothing for it either.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "no authority that we trust signed its certificate".into(),
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired".into(),
        e => e.to_string(),
    }
}

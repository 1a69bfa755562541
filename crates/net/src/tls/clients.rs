//! The authorities whose clients a server lets in, which may be replaced on disk while they are in use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use tokio::time::Instant;
use tracing::warn;

use super::{TlsError, certificates, pem, rejected};

/// How often the file is looked at, at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Verifies the certificates of clients.
///
/// With reload, the first handshake after a second reads the file again. A file that cannot be used is left alone with a
/// warning, and the old authorities stay in use.
pub(super) struct Clients {
    file: String,
    reload: bool,
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
}

struct Current {
    text: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
    read: Instant,
}

impl Clients {
    /// Reads the authorities.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or holds none.
    pub(super) fn load(
        file: &str,
        reload: bool,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let text = read(file)?;
        let verifier = verifier(&text, &provider)?;
        let current = Mutex::new(Current { text, verifier, read: Instant::now() });
        Ok(Self { file: file.to_owned(), reload, provider, current })
    }

    fn current(&self) -> Arc<dyn ClientCertVerifier> {
        let mut current = self.current.lock();
        if !self.reload || current.read.elapsed() < INTERVAL {
            return Arc::clone(&current.verifier);
        }
        current.read = Instant::now();
        let renewed = read(&self.file).and_then(|text| {
            if text == current.text {
                return Ok(());
            }
            current.verifier = verifier(&text, &self.provider)?;
            current.text = text;
            Ok(())
        });
        if let Err(error) = renewed {
            warn!(
                error = &error as &dyn std::error::Error,
                "cannot reload client_ca_file, the authorities in use stay"
            );
        }
        Arc::clone(&current.verifier)
    }
}

fn read(file: &str) -> Result<Vec<u8>, TlsError> {
    let text = pem("client_ca_file", &Some(file.to_owned()), "", &None)?;
    Ok(text.map(|(_, text)| text).unwrap_or_default())
}

fn verifier(
    text: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates("client_ca_file", text)? {
        roots.add(authority).map_err(rejected)?;
    }
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(rejected)
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clients").field(&self.file).finish()
    }
}

impl ClientCertVerifier for Clients {
    /// Clients choose by what they have; the hints are optional, and could not change.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.current().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.current().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

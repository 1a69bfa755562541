//! TLS of a client.

use std::fmt;
use std::sync::{Arc, OnceLock};

use config::{Problems, Section, Validate};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::identity::Identity;
use super::{TlsConfig, TlsError, rejected};

/// TLS of a client. Written as upstream's `tls` section of a client.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ClientTlsConfig {
    /// Certificates and versions.
    #[section(flatten)]
    pub tls: TlsConfig,
    /// gRPC: no TLS, unless an authority is given. HTTP: no effect, the URL's scheme decides. Default: `false`.
    pub insecure: bool,
    /// Whether any certificate of the server will do. Default: `false`.
    pub insecure_skip_verify: bool,
    /// The name to ask the server for, and to verify, in place of the host in the endpoint.
    pub server_name_override: Option<String>,
}

impl Validate for ClientTlsConfig {
    fn validate(&self, problems: &mut Problems) {
        let name = self.server_name_override.clone().filter(|name| !name.is_empty());
        if name.is_some_and(|name| ServerName::try_from(name).is_err()) {
            problems.add("server_name_override", "must be a host name");
        }
    }
}

/// What a client needs to speak TLS, read from its files. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    shared: Arc<SharedClientTls>,
}

struct SharedClientTls {
    settings: ClientTlsConfig,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Arc<Identity>>,
    protocols: Vec<Vec<u8>>,
    /// Made with the first handshake: the system's authorities take memory that a client of plain connections saves.
    config: OnceLock<Arc<ClientConfig>>,
}

impl ClientTls {
    /// Reads the files that the settings name. `protocols` are the application protocols to offer, best first.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or holds nothing usable.
    pub fn load(settings: &ClientTlsConfig, protocols: &[&str]) -> Result<Self, TlsError> {
        let shared = SharedClientTls {
            authorities: settings.tls.authorities()?,
            identity: settings.tls.identity()?,
            settings: settings.clone(),
            protocols: protocols.iter().map(|name| name.as_bytes().to_vec()).collect(),
            config: OnceLock::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The name to verify in place of the host's.
    pub(crate) fn server_name(&self) -> Option<ServerName<'static>> {
        let name = self.shared.settings.server_name_override.clone()?;
        ServerName::try_from(name).ok()
    }

    /// The configuration for a handshake.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.shared.config.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.shared.build()?);
        Ok(Arc::clone(self.shared.config.get_or_init(|| config)))
    }

    /// The configuration for a handshake with a proxy: what is spoken inside is not its business.
    pub(crate) fn config_for_proxies(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut config = (*self.config()?).clone();
        config.alpn_protocols.clear();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientTls").field(&self.shared.settings).finish()
    }
}

impl SharedClientTls {
    fn build(&self) -> Result<ClientConfig, TlsError> {
        let tls = &self.settings.tls;
        let provider = tls.provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&tls.versions())
            .map_err(rejected)?;
        let builder = if self.settings.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
        } else {
            let mut roots = RootCertStore::empty();
            for authority in &self.authorities {
                roots.add(authority.clone()).map_err(rejected)?;
            }
            if self.authorities.is_empty() || tls.include_system_ca_certs_pool {
                // Some stores hold certificates that nobody can use; the others are good.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_webpki_verifier(verifier.build().map_err(rejected)?)
        };
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity) as _),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

/// Takes any certificate, for `insecure_skip_verify`. The handshake's signatures are still checked.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

//! TLS settings, with upstream's option names.

use std::fmt;
use std::fs;
use std::io;
use std::sync::{Arc, OnceLock};

use config::{Problems, Secret, Section, Validate};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Section)]
#[section(not_supported("1.0", "1.1"))]
pub enum TlsVersion {
    /// TLS 1.2.
    #[section(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[section(rename = "1.3")]
    V13,
}

/// What a client and a server have in common: who they are, and which versions they speak.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported(
    "cipher_suites",
    "include_insecure_cipher_suites",
    "curve_preferences",
    "reload_interval",
    "tpm"
))]
pub struct TlsConfig {
    /// File with the certificate to present, PEM, with its chain.
    pub cert_file: Option<String>,
    /// The certificate itself, PEM.
    pub cert_pem: Option<Secret<String>>,
    /// File with the certificate's private key, PEM.
    pub key_file: Option<String>,
    /// The private key itself, PEM.
    pub key_pem: Option<Secret<String>>,
    /// File with the authorities to trust, PEM.
    pub ca_file: Option<String>,
    /// The authorities themselves, PEM.
    pub ca_pem: Option<Secret<String>>,
    /// Whether the system's authorities are trusted besides those of `ca_file`. Default: `false`.
    pub include_system_ca_certs_pool: bool,
    /// The lowest version that is spoken: `1.2` or `1.3`. Default: `1.2`.
    pub min_version: Option<TlsVersion>,
    /// The highest version that is spoken. Default: the newest.
    pub max_version: Option<TlsVersion>,
}

impl Validate for TlsConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.ca_file.is_some() && self.ca_pem.is_some() {
            problems
                .add("ca_pem", "provide either a CA file or the PEM-encoded string, but not both");
        }
        if self.cert_file.is_some() && self.cert_pem.is_some() {
            problems.add("cert_pem", "provide either certificate file or PEM, but not both");
        }
        if self.key_file.is_some() && self.key_pem.is_some() {
            problems.add("key_pem", "provide either key file or PEM, but not both");
        }
        if self.has_certificate() != self.has_key() {
            problems.add("", "TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)");
        }
        if let (Some(min), Some(max)) = (self.min_version, self.max_version)
            && min > max
        {
            problems.add(
                "min_version",
                "invalid TLS configuration: min_version cannot be greater than max_version",
            );
        }
    }
}

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

/// TLS of a server. Written as upstream's `tls` section of a server.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("client_ca_file_reload"))]
pub struct ServerTlsConfig {
    /// Certificate, key and versions.
    #[section(flatten)]
    pub tls: TlsConfig,
    /// File with the authorities whose clients are let in, PEM. Clients must then present a certificate.
    pub client_ca_file: Option<String>,
}

impl Validate for ServerTlsConfig {
    fn validate(&self, problems: &mut Problems) {
        if !self.tls.has_certificate() || !self.tls.has_key() {
            problems.add(
                "",
                "TLS configuration must include both certificate and key for server connections",
            );
        }
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{option}: cannot read {path}")]
    Read {
        /// The option that names the file.
        option: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// What was given holds no usable PEM.
    #[error("{option}: no usable PEM in it")]
    Pem {
        /// The option.
        option: &'static str,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate, key or authority is not accepted.
    #[error("TLS cannot be set up")]
    Rejected(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TlsConfig {
    fn has_certificate(&self) -> bool {
        self.cert_file.is_some() || self.cert_pem.is_some()
    }

    fn has_key(&self) -> bool {
        self.key_file.is_some() || self.key_pem.is_some()
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let min = self.min_version.unwrap_or(TlsVersion::V12);
        let max = self.max_version.unwrap_or(TlsVersion::V13);
        let all = [(TlsVersion::V12, &TLS12), (TlsVersion::V13, &TLS13)];
        all.into_iter()
            .filter(|(version, _)| (min..=max).contains(version))
            .map(|(_, v)| v)
            .collect()
    }

    /// Certificate chain and key, if there are any.
    fn identity(&self) -> Result<Option<Identity>, TlsError> {
        let certificate = pem("cert_file", &self.cert_file, "cert_pem", &self.cert_pem)?;
        let key = pem("key_file", &self.key_file, "key_pem", &self.key_pem)?;
        let (Some((option, certificate)), Some((key_option, key))) = (certificate, key) else {
            return Ok(None);
        };
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|source| TlsError::Pem { option: key_option, source })?;
        Ok(Some((certificates(option, &certificate)?, key)))
    }

    /// The given authorities. None given: none.
    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        match pem("ca_file", &self.ca_file, "ca_pem", &self.ca_pem)? {
            Some((option, text)) => certificates(option, &text),
            None => Ok(Vec::new()),
        }
    }

    /// Whether authorities are given.
    pub fn has_authorities(&self) -> bool {
        self.ca_file.is_some() || self.ca_pem.is_some()
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The text of whichever option is set.
fn pem(
    file_option: &'static str,
    file: &Option<String>,
    text_option: &'static str,
    text: &Option<Secret<String>>,
) -> Result<Option<(&'static str, Vec<u8>)>, TlsError> {
    if let Some(text) = text {
        return Ok(Some((text_option, text.expose().clone().into_bytes())));
    }
    let Some(path) = file else { return Ok(None) };
    let read = fs::read(path);
    let text =
        read.map_err(|source| TlsError::Read { option: file_option, path: path.clone(), source })?;
    Ok(Some((file_option, text)))
}

fn certificates(
    option: &'static str,
    text: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates = certificates.map_err(|source| TlsError::Pem { option, source })?;
    match certificates.is_empty() {
        true => Err(TlsError::Pem { option, source: rustls::pki_types::pem::Error::NoItemsFound }),
        false => Ok(certificates),
    }
}

fn rejected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError::Rejected(error.into())
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

/// What a client needs to speak TLS, read from its files. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    shared: Arc<SharedClientTls>,
}

struct SharedClientTls {
    settings: ClientTlsConfig,
    authorities: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
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
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClientTls").field(&self.shared.settings).finish()
    }
}

impl SharedClientTls {
    fn build(&self) -> Result<ClientConfig, TlsError> {
        let tls = &self.settings.tls;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&tls.versions())
            .map_err(rejected)?;
        let builder = if self.settings.insecure_skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer))
        } else {
            let mut roots = RootCertStore::empty();
            for authority in &self.authorities {
                roots.add(authority.clone()).map_err(rejected)?;
            }
            if self.authorities.is_empty() || tls.include_system_ca_certs_pool {
                // Some stores hold certificates that nobody can use; the others are good.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_webpki_verifier(verifier.build().map_err(rejected)?)
        };
        let mut config = match &self.identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(rejected)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Ok(config)
    }
}

/// Takes any certificate, for `insecure_skip_verify`. The handshake's signatures are still checked.
#[derive(Debug)]
struct AnyServer;

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
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Reads a server's files and makes what its handshakes need.
///
/// # Errors
///
/// A file cannot be read, or holds nothing usable.
pub fn server(
    settings: &ServerTlsConfig,
    protocols: &[&str],
) -> Result<Arc<ServerConfig>, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&settings.tls.versions())
        .map_err(rejected)?;
    let builder = match pem("client_ca_file", &settings.client_ca_file, "", &None)? {
        None => builder.with_no_client_auth(),
        Some((option, text)) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(option, &text)? {
                roots.add(authority).map_err(rejected)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().map_err(rejected)?)
        }
    };
    let missing = || rejected("certificate and key are missing");
    let (chain, key) = settings.tls.identity()?.ok_or_else(missing)?;
    let mut config = builder.with_single_cert(chain, key).map_err(rejected)?;
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

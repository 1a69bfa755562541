//! TLS settings, with upstream's option names.

mod algorithms;
mod client;
mod clients;
mod identity;

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::{Problems, Secret, Section, Validate};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

pub use self::algorithms::{CipherSuite, Curve};
pub use self::client::{ClientTls, ClientTlsConfig};
use self::clients::Clients;
use self::identity::Identity;

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
#[section(not_supported("include_insecure_cipher_suites", "tpm"))]
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
    /// The cipher suites of TLS 1.2 that are used, by Go's names. Default: all. Those of TLS 1.3 are always used.
    pub cipher_suites: Vec<CipherSuite>,
    /// The curves to agree on a key by, best first: `X25519`, `P256`, `P384`. Default: these.
    pub curve_preferences: Vec<Curve>,
    /// After how long certificate and key are read from their files again, with the next handshake. If they cannot be used,
    /// the old ones stay in use. Default: `0s`, which means never.
    pub reload_interval: Duration,
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

/// TLS of a server. Written as upstream's `tls` section of a server.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ServerTlsConfig {
    /// Certificate, key and versions.
    #[section(flatten)]
    pub tls: TlsConfig,
    /// File with the authorities whose clients are let in, PEM. Clients must then present a certificate.
    pub client_ca_file: Option<String>,
    /// Whether `client_ca_file` is read again when it has changed, by a handshake and at most once a second. A file that
    /// cannot be used leaves the old authorities in use. Default: `false`.
    pub client_ca_file_reload: bool,
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

    /// What the certificate is shown with, if there is one.
    fn identity(&self) -> Result<Option<Arc<Identity>>, TlsError> {
        match self.has_certificate() && self.has_key() {
            true => Identity::load(self).map(Arc::new).map(Some),
            false => Ok(None),
        }
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

/// Reads a server's files and makes what its handshakes need.
///
/// # Errors
///
/// A file cannot be read, or holds nothing usable.
pub fn server(
    settings: &ServerTlsConfig,
    protocols: &[&str],
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = settings.tls.provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&settings.tls.versions())
        .map_err(rejected)?;
    let builder = match &settings.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let clients = Clients::load(file, settings.client_ca_file_reload, provider)?;
            builder.with_client_cert_verifier(Arc::new(clients))
        }
    };
    let missing = || rejected("certificate and key are missing");
    let identity = settings.tls.identity()?.ok_or_else(missing)?;
    let mut config = builder.with_cert_resolver(identity);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

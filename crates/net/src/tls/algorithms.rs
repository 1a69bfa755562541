//! Ciphers and curves, by the names that Go has for them.

use std::sync::{Arc, OnceLock};

use config::Section;
use rustls::SupportedCipherSuite;
use rustls::crypto::ring::{cipher_suite as suites, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};

use super::TlsConfig;

/// A cipher suite of TLS 1.2, or one of TLS 1.3, which change nothing: those are always used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
#[section(not_supported(
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA"
))]
#[expect(missing_docs, reason = "the names are those of RFC 5289, RFC 7905 and RFC 8446")]
pub enum CipherSuite {
    #[section(rename = "TLS_AES_128_GCM_SHA256")]
    Aes128Gcm,
    #[section(rename = "TLS_AES_256_GCM_SHA384")]
    Aes256Gcm,
    #[section(rename = "TLS_CHACHA20_POLY1305_SHA256")]
    Chacha20,
    #[section(rename = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")]
    EcdsaAes128Gcm,
    #[section(rename = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")]
    EcdsaAes256Gcm,
    #[section(rename = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256")]
    EcdsaChacha20,
    #[section(rename = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")]
    RsaAes128Gcm,
    #[section(rename = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384")]
    RsaAes256Gcm,
    #[section(rename = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256")]
    RsaChacha20,
}

impl CipherSuite {
    fn suite(self) -> SupportedCipherSuite {
        match self {
            Self::Aes128Gcm => suites::TLS13_AES_128_GCM_SHA256,
            Self::Aes256Gcm => suites::TLS13_AES_256_GCM_SHA384,
            Self::Chacha20 => suites::TLS13_CHACHA20_POLY1305_SHA256,
            Self::EcdsaAes128Gcm => suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            Self::EcdsaAes256Gcm => suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            Self::EcdsaChacha20 => suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            Self::RsaAes128Gcm => suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            Self::RsaAes256Gcm => suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            Self::RsaChacha20 => suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        }
    }
}

/// A curve to agree on a key by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
#[section(not_supported("P521", "X25519MLKEM768"))]
pub enum Curve {
    /// Curve25519.
    #[section(rename = "X25519")]
    X25519,
    /// NIST's curve of 256 bits.
    #[section(rename = "P256")]
    P256,
    /// NIST's curve of 384 bits.
    #[section(rename = "P384")]
    P384,
}

impl Curve {
    fn group(self) -> &'static dyn SupportedKxGroup {
        match self {
            Self::X25519 => kx_group::X25519,
            Self::P256 => kx_group::SECP256R1,
            Self::P384 => kx_group::SECP384R1,
        }
    }
}

impl TlsConfig {
    /// The algorithms that may be used.
    pub(super) fn provider(&self) -> Arc<CryptoProvider> {
        static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
        let all = PROVIDER.get_or_init(|| Arc::new(default_provider()));
        if self.cipher_suites.is_empty() && self.curve_preferences.is_empty() {
            return Arc::clone(all);
        }
        let mut provider = (**all).clone();
        if !self.cipher_suites.is_empty() {
            let chosen: Vec<_> = self.cipher_suites.iter().map(|suite| suite.suite()).collect();
            provider
                .cipher_suites
                .retain(|suite| suite.tls13().is_some() || chosen.contains(suite));
        }
        if !self.curve_preferences.is_empty() {
            provider.kx_groups = self.curve_preferences.iter().map(|curve| curve.group()).collect();
        }
        Arc::new(provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(cipher_suites: Vec<CipherSuite>, curve_preferences: Vec<Curve>) -> TlsConfig {
        TlsConfig { cipher_suites, curve_preferences, ..TlsConfig::default() }
    }

    #[test]
    fn the_suites_of_tls_1_2_are_those_that_are_listed() {
        let chosen = [CipherSuite::RsaAes256Gcm, CipherSuite::Aes128Gcm];
        let provider = tls(chosen.to_vec(), vec![]).provider();
        let mut old = provider.cipher_suites.clone();
        old.retain(|suite| suite.tls13().is_none());
        assert_eq!(old, [suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]);
        assert_eq!(provider.cipher_suites.len(), 4);
        assert_eq!(tls(vec![], vec![]).provider().cipher_suites.len(), 9);
    }

    #[test]
    fn curves_are_offered_as_they_are_listed() {
        let provider = tls(vec![], vec![Curve::P384, Curve::X25519]).provider();
        let names: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
        assert_eq!(names, [kx_group::SECP384R1.name(), kx_group::X25519.name()]);
    }
}

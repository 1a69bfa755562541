//! A certificate with its key, which may be replaced on disk while it is in use. Clients and servers share it.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::time::Instant;
use tracing::warn;

use super::{TlsConfig, TlsError, certificates, pem, rejected};

/// What one side shows of itself in a handshake.
///
/// With a `reload_interval` the files are read again by the first handshake after it has passed. A pair that cannot be used,
/// perhaps because only one of its files was replaced so far, is left alone with a warning, and the old one stays in use.
pub(super) struct Identity {
    tls: TlsConfig,
    current: Mutex<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    read: Instant,
}

impl Identity {
    /// Reads certificate and key.
    ///
    /// # Errors
    ///
    /// One is missing, cannot be read, or does not fit the other.
    pub(super) fn load(tls: &TlsConfig) -> Result<Self, TlsError> {
        let current = Current { key: Arc::new(read(tls)?), read: Instant::now() };
        Ok(Self { tls: tls.clone(), current: Mutex::new(current) })
    }

    fn current(&self) -> Arc<CertifiedKey> {
        let mut current = self.current.lock();
        let interval = self.tls.reload_interval;
        if interval.is_zero() || current.read.elapsed() < interval {
            return Arc::clone(&current.key);
        }
        current.read = Instant::now();
        match read(&self.tls) {
            Ok(key) => current.key = Arc::new(key),
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "cannot reload the TLS certificate, the one in use stays"
            ),
        }
        Arc::clone(&current.key)
    }
}

fn read(tls: &TlsConfig) -> Result<CertifiedKey, TlsError> {
    let missing = || rejected("certificate and key are missing");
    let (option, certificate) =
        pem("cert_file", &tls.cert_file, "cert_pem", &tls.cert_pem)?.ok_or_else(missing)?;
    let (key_option, key) =
        pem("key_file", &tls.key_file, "key_pem", &tls.key_pem)?.ok_or_else(missing)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|source| TlsError::Pem { option: key_option, source })?;
    let chain = certificates(option, &certificate)?;
    CertifiedKey::from_der(chain, key, &tls.provider()).map_err(rejected)
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.tls).finish()
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    /// A certificate and its key on disk.
    struct Files {
        folder: std::path::PathBuf,
    }

    impl Files {
        fn new(name: &str) -> Self {
            let folder = env::temp_dir().join(format!("kmagent-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self { folder }
        }

        fn path(&self, name: &str) -> String {
            self.folder.join(name).to_str().unwrap().to_owned()
        }

        /// Replaces the pair.
        fn renew(&self) -> Vec<u8> {
            let made = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
            fs::write(self.path("cert"), made.cert.pem()).unwrap();
            fs::write(self.path("key"), made.signing_key.serialize_pem()).unwrap();
            made.cert.der().to_vec()
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.folder));
        }
    }

    fn shown(identity: &Identity) -> Vec<u8> {
        identity.current().cert[0].to_vec()
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_pair_is_used_after_the_interval_and_a_bad_one_never() {
        let files = Files::new("reload");
        let first = files.renew();
        let tls = TlsConfig {
            cert_file: Some(files.path("cert")),
            key_file: Some(files.path("key")),
            reload_interval: Duration::from_secs(60),
            ..TlsConfig::default()
        };
        let identity = Identity::load(&tls).unwrap();
        let second = files.renew();
        assert_eq!(shown(&identity), first, "the interval has not passed");
        advance(Duration::from_secs(60)).await;
        assert_eq!(shown(&identity), second);
        let other = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        fs::write(files.path("cert"), other.cert.pem()).unwrap();
        advance(Duration::from_secs(60)).await;
        assert_eq!(shown(&identity), second, "the key is not the certificate's");
        fs::remove_file(files.path("key")).unwrap();
        advance(Duration::from_secs(60)).await;
        assert_eq!(shown(&identity), second, "there is no key");
        let third = files.renew();
        advance(Duration::from_secs(60)).await;
        assert_eq!(shown(&identity), third);
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_interval_the_files_are_read_once() {
        let files = Files::new("no-reload");
        let first = files.renew();
        let tls = TlsConfig {
            cert_file: Some(files.path("cert")),
            key_file: Some(files.path("key")),
            ..TlsConfig::default()
        };
        let identity = Identity::load(&tls).unwrap();
        files.renew();
        advance(Duration::from_secs(1 << 20)).await;
        assert_eq!(shown(&identity), first);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let [one, other] =
            [0, 1].map(|_| rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap());
        let tls = TlsConfig {
            cert_pem: Some(one.cert.pem().into()),
            key_pem: Some(other.signing_key.serialize_pem().into()),
            ..TlsConfig::default()
        };
        Identity::load(&tls).unwrap_err();
    }
}

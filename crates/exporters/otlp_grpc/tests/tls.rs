//! TLS to the backend.

use net::tls::ServerTlsConfig;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use testkit::log_records;

use crate::backend::Backend;
use crate::requests::direct;

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// The authority's own certificate, as a value in YAML.
    fn pem(&self) -> String {
        format!("{:?}", self.0.pem())
    }

    /// A backend with a certificate for this name.
    async fn backend(&self, name: &str) -> Backend {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        let yaml = format!("{{ cert_pem: {certificate:?}, key_pem: {:?} }}", key.serialize_pem());
        let tls: ServerTlsConfig = testkit::config(&yaml).unwrap();
        Backend::serve("127.0.0.1:0", Some(&tls)).await
    }
}

#[tokio::test]
async fn a_backend_is_reached_when_its_authority_is_trusted_and_only_then() {
    let authority = Authority::new();
    let backend = authority.backend("127.0.0.1").await;
    for (prefix, tls, reached) in [
        ("", format!("{{ ca_pem: {} }}", authority.pem()), true),
        ("https://", format!("{{ ca_pem: {} }}", authority.pem()), true),
        // An authority means TLS, also where it is said to be insecure; so does the scheme.
        ("", format!("{{ ca_pem: {}, insecure: true }}", authority.pem()), true),
        ("https://", "{ insecure: true, insecure_skip_verify: true }".to_owned(), true),
        ("", "{ insecure_skip_verify: true }".to_owned(), true),
        ("", format!("{{ ca_pem: {} }}", Authority::new().pem()), false),
    ] {
        let exporter =
            direct(&format!("endpoint: '{prefix}{}', tls: {tls}", backend.address)).await;
        let result = exporter.consume(log_records(1)).await;
        assert_eq!(result.is_ok(), reached, "{prefix} {tls} {result:?}");
        if let Err(error) = result {
            assert!(!error.is_permanent());
            assert!(error.chain().contains("certificate"), "{}", error.chain());
        }
    }
    assert_eq!(backend.service.seen().len(), 5);
}

#[tokio::test]
async fn the_name_to_verify_can_be_set() {
    let authority = Authority::new();
    let backend = authority.backend("backend.example").await;
    let options = |name: &str| {
        let tls = format!("{{ ca_pem: {}, server_name_override: {name} }}", authority.pem());
        format!("endpoint: '{}', tls: {tls}", backend.address)
    };
    direct(&options("backend.example")).await.consume(log_records(1)).await.unwrap();
    direct(&options("other.example")).await.consume(log_records(1)).await.unwrap_err();
    let options = |name: &str| {
        let tls = format!("{{ ca_pem: {} }}", authority.pem());
        format!("endpoint: '{}', tls: {tls}, authority: '{name}'", backend.address)
    };
    direct(&options("backend.example:1")).await.consume(log_records(1)).await.unwrap();
    direct(&options("other.example")).await.consume(log_records(1)).await.unwrap_err();
}

#[tokio::test]
async fn a_backend_that_speaks_no_tls_is_not_reached_without_the_option() {
    let backend = Backend::start().await;
    let exporter = direct(&format!("endpoint: 'http://{}'", backend.address)).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
    assert!(backend.service.seen().is_empty());
}

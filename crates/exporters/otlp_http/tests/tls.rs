//! TLS to the backend.

use component::{Code, ExporterFactory};
use net::tls::ServerTlsConfig;
use otlp_http_exporter::Factory;
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
        serde_json::to_string(&self.0.pem()).unwrap()
    }

    /// A backend with a certificate for this name.
    async fn backend(&self, name: &str) -> Backend {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        let [certificate, key] =
            [certificate, key.serialize_pem()].map(|pem| serde_json::to_string(&pem).unwrap());
        let yaml = format!("{{ cert_pem: {certificate}, key_pem: {key} }}");
        Backend::start_tls(&testkit::config::<ServerTlsConfig>(&yaml).unwrap()).await
    }
}

#[tokio::test]
async fn a_backend_is_reached_when_its_authority_is_trusted_and_only_then() {
    let authority = Authority::new();
    let backend = authority.backend("127.0.0.1").await;
    let endpoint = format!("endpoint: 'https://{}'", backend.address);
    for (tls, reached) in [
        (format!("{{ ca_pem: {} }}", authority.pem()), true),
        (format!("{{ ca_pem: {} }}", Authority::new().pem()), false),
        // Upstream's `insecure` does nothing here: the scheme decides.
        (format!("{{ ca_pem: {}, insecure: true }}", Authority::new().pem()), false),
        ("{ insecure_skip_verify: true }".to_owned(), true),
    ] {
        let exporter = direct(&format!("{endpoint}, tls: {tls}")).await;
        let result = exporter.consume(log_records(1)).await;
        assert_eq!(result.is_ok(), reached, "{tls} {result:?}");
        if let Err(error) = result {
            assert!(!error.is_permanent());
            assert_eq!(error.code(), Some(Code::Unavailable));
            assert!(error.chain().contains("certificate"), "{}", error.chain());
        }
    }
    assert_eq!(backend.seen().len(), 2);
}

#[tokio::test]
async fn the_name_to_verify_can_be_set() {
    let authority = Authority::new();
    let backend = authority.backend("backend.example").await;
    let options = |name: &str| {
        let tls = format!("{{ ca_pem: {}, server_name_override: {name} }}", authority.pem());
        format!("endpoint: 'https://{}', tls: {tls}", backend.address)
    };
    direct(&options("backend.example")).await.consume(log_records(1)).await.unwrap();
    direct(&options("other.example")).await.consume(log_records(1)).await.unwrap_err();
}

#[tokio::test]
async fn a_missing_file_is_named_at_start() {
    let yaml = "{ endpoint: 'https://h:1', tls: { ca_file: /no/such/ca.pem } }";
    let config = testkit::config(yaml).unwrap();
    let settings = testkit::settings("otlp_http");
    let exporter = Factory.create(config, settings, &[component::Signal::Logs]).unwrap();
    let error = exporter.into_parts().1.acquire().await.unwrap_err();
    let text = component::chain(&error);
    assert!(text.contains("tls") && text.contains("/no/such/ca.pem"), "{text}");
}

#[tokio::test]
async fn ciphers_and_curves_can_be_chosen() {
    let authority = Authority::new();
    let backend = authority.backend("127.0.0.1").await;
    // The backend's key is of the kind ECDSA.
    for (chosen, reached) in [
        ("cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384], max_version: '1.2'", true),
        ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], max_version: '1.2'", false),
        ("cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]", true),
        ("curve_preferences: [P384]", true),
        ("min_version: '1.3', max_version: '1.3'", true),
    ] {
        let tls = format!("{{ ca_pem: {}, {chosen} }}", authority.pem());
        let options = format!("endpoint: 'https://{}', tls: {tls}", backend.address);
        let result = direct(&options).await.consume(log_records(1)).await;
        assert_eq!(result.is_ok(), reached, "{chosen} {result:?}");
    }
}

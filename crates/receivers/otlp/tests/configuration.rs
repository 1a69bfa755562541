//! What may be written and what is refused.

use otlp_receiver::Config;

fn refusal(yaml: &str) -> String {
    testkit::refusal::<Config>(yaml)
}

#[test]
fn at_least_one_protocol_has_to_be_named() {
    const NONE: &str = "must specify at least one protocol when using the OTLP receiver";
    for yaml in ["{}", "{ protocols: }", "{ protocols: {} }"] {
        assert!(refusal(yaml).contains(NONE), "{yaml}");
    }
}

#[test]
fn a_protocol_that_is_named_listens_at_its_default_and_the_other_does_not() {
    let config: Config = testkit::config("{ protocols: { grpc: } }").unwrap();
    assert_eq!(config.protocols.grpc.get().unwrap().endpoint, "localhost:4317");
    assert!(config.protocols.http.get().is_none());
    let config: Config = testkit::config("{ protocols: { http: } }").unwrap();
    let http = config.protocols.http.get().unwrap();
    assert_eq!(http.server.endpoint, "localhost:4318");
    assert_eq!(http.traces_url_path, "/v1/traces");
    assert!(config.protocols.grpc.get().is_none());
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    assert!(refusal("{ protocols: { thrift: } }").contains("thrift"));
    assert!(
        refusal("{ protocols: { http: { profiles_url_path: /x } } }").contains("profiles_url_path")
    );
}

#[test]
fn a_bad_path_is_refused() {
    let text = refusal(r#"{ protocols: { http: { traces_url_path: ":invalid" } } }"#);
    assert!(text.contains("invalid HTTP URL path set for signal"), "{text}");
    assert!(text.contains("protocols::http::traces_url_path"), "{text}");
}

#[test]
fn a_bad_endpoint_is_refused() {
    for endpoint in ["localhost", "localhost:", "localhost:http", "localhost:70000"] {
        for protocol in ["grpc", "http"] {
            let text = refusal(&format!(
                "{{ protocols: {{ {protocol}: {{ endpoint: '{endpoint}' }} }} }}"
            ));
            assert!(text.contains(&format!("protocols::{protocol}::endpoint")), "{text}");
        }
    }
}

#[test]
fn what_upstream_has_and_we_do_not_is_named_as_such() {
    let grpc = [
        "auth",
        "include_metadata",
        "keepalive",
        "middlewares",
        "read_buffer_size",
        "write_buffer_size",
    ];
    let http = [
        "auth",
        "cors",
        "include_metadata",
        "middlewares",
        "idle_timeout",
        "read_timeout",
        "write_timeout",
    ];
    for (protocol, options) in [("grpc", &grpc[..]), ("http", &http[..])] {
        for option in options {
            let text = refusal(&format!("{{ protocols: {{ {protocol}: {{ {option}: 1 }} }} }}"));
            assert!(text.contains(option) && text.contains("not supported yet"), "{text}");
        }
    }
    for value in ["transport: unix", "compression_algorithms: []"] {
        let text = refusal(&format!("{{ protocols: {{ http: {{ {value} }} }} }}"));
        assert!(text.contains("not supported yet"), "{text}");
    }
}

#[test]
fn tls_needs_a_certificate_and_its_key() {
    let text = refusal("{ protocols: { grpc: { tls: { cert_file: c.pem } } } }");
    assert!(text.contains("must include both certificate and key"), "{text}");
}

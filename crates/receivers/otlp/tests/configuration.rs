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
    for protocol in ["grpc", "http"] {
        for option in ["auth: 1", "middlewares: 1", "transport: npipe", "tls: { tpm: 1 }"] {
            let text = refusal(&format!("{{ protocols: {{ {protocol}: {{ {option} }} }} }}"));
            assert!(text.contains("not supported yet"), "{text}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    for (value, words) in [
        ("grpc: { read_buffer_size: -1 }", "read_buffer_size"),
        ("grpc: { write_buffer_size: -1 }", "write_buffer_size"),
        ("grpc: { max_recv_msg_size_mib: -1 }", "max_recv_msg_size_mib"),
        ("grpc: { transport: carrier_pigeon }", "transport"),
        ("grpc: { keepalive: { server_parameters: { age: 1s } } }", "age"),
        ("http: { transport: unix, endpoint: '' }", "path of a socket"),
        ("http: { cors: { allowed_headers: ['a b'] } }", "no header name"),
        ("http: { read_timeout: soon }", "read_timeout"),
    ] {
        let text = refusal(&format!("{{ protocols: {{ {value} }} }}"));
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn tls_needs_a_certificate_and_its_key() {
    let text = refusal("{ protocols: { grpc: { tls: { cert_file: c.pem } } } }");
    assert!(text.contains("must include both certificate and key"), "{text}");
}

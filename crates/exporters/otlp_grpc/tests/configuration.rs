//! What may be written and what is refused. The rules of the endpoint are tested beside its code.

use std::time::Duration;

use net::settings::Compression;
use otlp_grpc_exporter::Config;

/// What is wrong with these options beside an endpoint.
fn refusal(options: &str) -> String {
    testkit::refusal::<Config>(&format!("{{ endpoint: 'h:1', {options} }}"))
}

#[test]
fn the_defaults_are_upstreams() {
    let config: Config = testkit::config("{ endpoint: 'h:1' }").unwrap();
    assert_eq!(config.timeout, Duration::from_secs(5));
    assert_eq!(config.grpc.compression, Compression::Gzip);
    assert!(config.sending_queue.get().is_some());
    assert!(config.retry_on_failure.enabled);
    assert!(!config.grpc.client.tls.insecure);
}

#[test]
fn a_bad_endpoint_is_refused_in_upstreams_words() {
    for (yaml, expected) in [
        ("{}", "requires a non-empty \"endpoint\""),
        ("{ endpoint: 'https://' }", "requires a non-empty \"endpoint\""),
        ("{ endpoint: example.com }", "missing port in address"),
        ("{ endpoint: 'example.com:port' }", "invalid port \"port\""),
        ("{ endpoint: 'unix://' }", "unix socket path cannot be empty"),
        ("{ endpoint: 'user:pass@h:1' }", "a user in the address is not supported"),
        ("{ endpoint: 'xds:///h:1' }", "scheme xds is not supported"),
    ] {
        let text = testkit::refusal::<Config>(yaml);
        assert!(text.contains("endpoint: ") && text.contains(expected), "{text}");
    }
}

#[test]
fn bad_values_are_refused_by_the_name_of_their_option() {
    for (options, expected) in [
        ("timeout: -5s", &["timeout", "negative"][..]),
        ("compression: lzma", &["compression", "lzma"]),
        ("tls: { min_version: asd }", &["tls::min_version", "asd"]),
        (
            "retry_on_failure: { randomization_factor: -5 }",
            &["retry_on_failure::randomization_factor", "0"],
        ),
        (
            "retry_on_failure: { max_elapsed_time: 10s }",
            &["max_elapsed_time", "must not be less than", "max_interval"],
        ),
        (
            "sending_queue: { queue_size: 0 }",
            &["sending_queue::queue_size", "must be greater than 0"],
        ),
        (
            "sending_queue: { num_consumers: 0 }",
            &["sending_queue::num_consumers", "must be greater than 0"],
        ),
        ("sending_queue: { sizer: spans }", &["sending_queue::sizer", "spans"]),
        ("sending_queue: { blocking: true }", &["sending_queue", "blocking"]),
    ] {
        let text = refusal(options);
        for expected in expected {
            assert!(text.contains(expected), "{options}: {text}");
        }
    }
}

#[test]
fn what_upstream_has_and_we_do_not_is_named_as_such() {
    for option in ["auth", "middlewares"] {
        let text = refusal(&format!("{option}: 1"));
        assert!(text.contains(option) && text.contains("not supported yet"), "{text}");
    }
    for (options, name) in [
        ("tls: { tpm: { enabled: true } }", "tls::tpm"),
        ("tls: { include_insecure_cipher_suites: true }", "include_insecure_cipher_suites"),
        ("tls: { min_version: '1.0' }", "1.0"),
        ("tls: { cipher_suites: [TLS_RSA_WITH_RC4_128_SHA] }", "TLS_RSA_WITH_RC4_128_SHA"),
        ("tls: { curve_preferences: [P521] }", "P521"),
    ] {
        let text = refusal(options);
        assert!(text.contains(name) && text.contains("not supported yet"), "{text}");
    }
}

#[test]
fn bad_values_of_the_client_are_refused() {
    for (options, expected) in [
        ("balancer_name: test", "balancer_name: "),
        ("authority: 'a b'", "authority: "),
        ("authority: 'u@h'", "authority: "),
        (r#"user_agent: "a\nb""#, "user_agent: "),
        ("read_buffer_size: -1", "read_buffer_size: "),
        ("write_buffer_size: 1000000000", "write_buffer_size: "),
        ("keepalive: { time: -1s }", "keepalive::time: "),
        ("compression: lz4", "compression: "),
    ] {
        let text = refusal(options);
        assert!(text.contains(expected), "{options}: {text}");
    }
}

//! What may be written and what is refused.

use std::time::Duration;

use component::{ExporterFactory, Signal};
use net::settings::Compression;
use otlp_http_exporter::{Config, Encoding, Factory};

/// What is wrong with these options beside an endpoint.
fn refusal(options: &str) -> String {
    testkit::refusal::<Config>(&format!("{{ endpoint: 'http://h:4318', {options} }}"))
}

#[test]
fn the_defaults_are_upstreams() {
    let config: Config = testkit::config("{ endpoint: 'http://h:4318' }").unwrap();
    assert_eq!(config.timeout, Duration::from_secs(30));
    assert_eq!(config.http.compression, Compression::Gzip);
    assert_eq!(config.encoding, Encoding::Proto);
    assert_eq!(config.http.idle_conn_timeout, Duration::from_secs(90));
    assert!(config.sending_queue.get().is_some());
    assert!(config.retry_on_failure.enabled);
}

#[test]
fn an_endpoint_has_to_be_there_and_to_be_a_url() {
    let text = testkit::refusal::<Config>("{}");
    assert!(text.contains("at least one endpoint must be specified"), "{text}");
    for field in ["endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"] {
        for url in ["h:4318", "ftp://h", "http://", "/v1/logs", "not a url"] {
            let text = testkit::refusal::<Config>(&format!("{{ {field}: '{url}' }}"));
            assert!(text.contains(&format!("{field}: must be an http or https URL")), "{text}");
        }
    }
}

#[test]
fn a_password_in_the_url_is_refused_and_not_told() {
    let text = testkit::refusal::<Config>("{ endpoint: 'http://user:s3cret@h:4318' }");
    assert!(text.contains("not supported yet") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_signal_without_an_endpoint_is_refused_by_name() {
    let config: Config = testkit::config("{ logs_endpoint: 'http://h/logs' }").unwrap();
    let create = |signal| Factory.create(config.clone(), testkit::settings("otlp_http"), &[signal]);
    create(Signal::Logs).unwrap();
    let text = create(Signal::Traces).unwrap_err().to_string();
    assert_eq!(text, "either endpoint or traces_endpoint must be specified");
}

#[test]
fn bad_values_are_refused() {
    for (options, expected) in [
        ("encoding: invalid", "encoding: "),
        ("compression: lzma", "compression: "),
        ("timeout: -5s", "timeout: "),
        ("compression_params: { level: 10 }", "compression_params::level: "),
        (
            "compression: none, compression_params: { level: 6 }",
            r#"unsupported parameters {Level:6} for compression type "none""#,
        ),
        ("headers: { 'a b': c }", "headers: "),
        (r#"headers: { a: "c\nd" }"#, "headers: "),
        ("tls: { min_version: asd }", "tls::min_version: "),
        ("sending_queue: { queue_size: 0 }", "sending_queue::queue_size: "),
        (
            "retry_on_failure: { randomization_factor: -5 }",
            "retry_on_failure::randomization_factor: ",
        ),
    ] {
        let text = refusal(options);
        assert!(text.contains(expected), "{options}: {text}");
    }
    assert!(!refusal(r#"headers: { authorization: "s3cret\n" }"#).contains("s3cret"));
}

#[test]
fn what_upstream_has_and_we_do_not_is_named_as_such() {
    for option in ["auth", "middlewares", "profiles_endpoint"] {
        let text = refusal(&format!("{option}: 1"));
        assert!(text.contains(option) && text.contains("not supported yet"), "{text}");
    }
    let text = refusal("tls: { tpm: { enabled: true } }");
    assert!(text.contains("tls::tpm") && text.contains("not supported yet"), "{text}");
}

#[test]
fn a_proxy_has_to_be_one_that_is_known() {
    let text = refusal("proxy_url: 'socks5://user:s3cret@p:1080'");
    assert!(text.contains("proxy_url: socks5 proxies are not supported yet"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
    assert!(refusal("proxy_url: 'http://'").contains("proxy_url: must be the URL of a proxy"));
}

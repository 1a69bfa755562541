use testkit::{config, refusal};

use component::Signal;

use super::*;

/// Upstream's own test data, as far as it says whether a section is read or refused.
#[test]
fn what_upstream_reads_is_read() {
    for section in [
        "",
        "{ metrics: { level: none, readers: [] } }",
        "{ metrics: { readers: [{ pull: { exporter: { prometheus: { host: '[::0]', port: 8888 } } } }] } }",
        "{ resource: { attributes: [{ name: foo, value: bar }], detection/development: { detectors: [{ host: {} }] } } }",
        "{ resource: { service.name: x, service.instance.id: null } }",
        "{ logs: { level: info, development: true, disable_caller: true, disable_stacktrace: true, encoding: console, output_paths: [stderr], error_output_paths: [stderr], initial_fields: { fieldKey: fieldValue }, sampling: { enabled: false, tick: 1s, initial: 234, thereafter: 567 } } }",
        // With tracing off, processors have nothing to do.
        "{ traces: { level: None, processors: [{ simple: { exporter: { console: {} } } }], propagators: [tracecontext, b3], sampler: { always_on: {} } } }",
        "{ metrics: { level: Detailed, readers: [{ periodic: { exporter: { otlp: { protocol: http/protobuf, endpoint: '127.0.0.1:4317', headers: [{ name: key1, value: value1 }] } } } }, { pull: { exporter: { prometheus: { host: 127.0.0.1, port: 8902 } } } }] } }",
        "{ metrics: { readers: [{ periodic: { exporter: { otlp: { protocol: grpc, headers: { key1: value1 } } } } }] } }",
        "{ metrics: { readers: [{ periodic: { exporter: { console: {} } } }] } }",
    ] {
        config::<Config>(section).unwrap_or_else(|problems| panic!("{section}: {problems}"));
    }
}

#[test]
fn what_is_wrong_or_missing_is_refused_by_name() {
    for (section, message) in [
        ("{ traces: { processors: [{}] } }", "must have either `batch` or `simple`"),
        ("{ traces: { limits: {} } }", "`limits` is not supported yet"),
        ("{ traces: { sampler: {} } }", "a sampler must name exactly one"),
        (
            "{ traces: { sampler: { trace_id_ratio_based: { ratio: 2 } } } }",
            "ratio must be from 0 to 1",
        ),
        (
            "{ traces: { sampler: { parent_based: { root: { always: } } } } }",
            "parent_based::root is no sampler",
        ),
        ("{ metrics: { address: 'localhost:1' } }", "metrics::address: unknown key"),
        (
            "{ metrics: { level: basic, readers: [] } }",
            "metrics::readers: collector telemetry metrics reader should exist when metric level is not none",
        ),
        (
            "{ metrics: { level: basic, views: [{ selector: {} }] } }",
            "service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed",
        ),
        (
            "{ metrics: { level: detailed, views: [{ selector: {} }] } }",
            "metrics::views: `views` is not supported yet",
        ),
        (
            "{ metrics: { readers: [{ pull: { exporter: { prometheus: { host: a } } } }] } }",
            "port must be specified",
        ),
        (
            "{ metrics: { readers: [{ pull: { exporter: { prometheus: { port: 1 } } } }] } }",
            "host must be specified",
        ),
        (
            "{ metrics: { readers: [{}] } }",
            "metrics::readers::0: a reader must have either `pull` or `periodic`",
        ),
        ("{ metrics: { readers: [{ periodic: { exporter: {} } }] } }", "must name one exporter"),
        (
            "{ metrics: { readers: [{ periodic: { exporter: { otlp: {} } } }] } }",
            "protocol must be specified",
        ),
        (
            "{ metrics: { readers: [{ periodic: { exporter: { otlp: { protocol: http/json } } } }] } }",
            "`http/json` is not supported yet",
        ),
        (
            "{ metrics: { readers: [{ periodic: { interval: 0, exporter: { console: } } }] } }",
            "interval: must be a positive number of milliseconds, is 0",
        ),
        (
            "{ metrics: { readers: [{ periodic: { exporter: { otlp: { protocol: grpc, endpoint: 'ftp://x' } } } }] } }",
            "endpoint: must be an http or https URL with a host",
        ),
        (
            "{ metrics: { readers: [{ periodic: { producers: [], exporter: { console: {} } } }] } }",
            "`producers` is not supported yet",
        ),
        (
            "{ logs: { processors: [{ batch: {} }] } }",
            "logs::processors: `processors` is not supported yet",
        ),
        (
            "{ logs: { level: loud } }",
            "logs::level: must be one of debug, info, warn, error, dpanic, panic, fatal",
        ),
        (
            "{ logs: { output_paths: ['http://x/y'] } }",
            "must be stdout, stderr, a path or a file:// URL",
        ),
        ("{ logs: { error_output_paths: [/x] } }", "`/x` is not supported yet"),
        (
            "{ traces: { processors: [{ batch: {} }] } }",
            "must name one exporter: `otlp` or `console`",
        ),
        ("{ traces: { propagators: [jaeger] } }", "unsupported trace propagator"),
        ("{ resource: { k: 1 } }", "legacy resource attribute \"k\" must be string or null"),
        (
            "{ resource: { k: v, attributes: [] } }",
            "resource::attributes cannot be used together with legacy inline resource attributes",
        ),
        ("{ resource: { attributes_list: a=b } }", "`attributes_list` is not supported yet"),
        (
            "{ resource: { detection/development: { detectors: [{ container: {} }] } } }",
            "the detector `container` is not supported yet",
        ),
        ("{ resource: { attributes: [{ name: a, value: [1] }] } }", "lists are not supported yet"),
    ] {
        let found = refusal::<Config>(section);
        assert!(found.contains(message), "{section}\ngave: {found}");
    }
}

#[test]
fn where_reports_go() {
    let url = |yaml: &str| {
        config::<OtlpExporter>(yaml).unwrap().url(Signal::Metrics).unwrap().to_string()
    };
    for (yaml, expected) in [
        ("{ protocol: http/protobuf }", "http://localhost:4318/v1/metrics"),
        ("{ protocol: grpc }", "http://localhost:4317/"),
        ("{ protocol: http/protobuf, endpoint: 'h:1' }", "https://h:1/v1/metrics"),
        ("{ protocol: http/protobuf, endpoint: 'h:1', insecure: true }", "http://h:1/v1/metrics"),
        ("{ protocol: http/protobuf, endpoint: 'https://h/x' }", "https://h/x"),
    ] {
        assert_eq!(url(yaml), expected, "{yaml}");
    }
}

#[test]
fn listed_headers_give_way_to_the_others_and_are_secret() {
    let yaml = "{ protocol: grpc, headers: { a: 1st }, headers_list: 'a=2nd, b = two' }";
    let exporter = config::<OtlpExporter>(yaml).unwrap();
    let headers = exporter.client().headers;
    let get = |name: &str| headers.get(name).unwrap().expose().clone();
    assert_eq!((get("a"), get("b")), ("1st".to_owned(), "two".to_owned()));
    assert!(!format!("{exporter:?}").contains("two"));
}

#[test]
fn samplers_keep_their_part() {
    for (sampler, ratio) in [
        ("{ always_on: {} }", 1.0),
        ("{ always_off: {} }", 0.0),
        ("{ trace_id_ratio_based: { ratio: 0.25 } }", 0.25),
        ("{ parent_based: {} }", 1.0),
        ("{ parent_based: { root: { trace_id_ratio_based: { ratio: 0.5 } } } }", 0.5),
    ] {
        let config: Config = config(&format!("{{ traces: {{ sampler: {sampler} }} }}")).unwrap();
        assert!((config.traces.ratio() - ratio).abs() < f64::EPSILON, "{sampler}");
    }
}

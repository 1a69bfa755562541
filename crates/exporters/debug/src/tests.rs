use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use component::Signal;
use config::{Document, Environment};
use parking_lot::Mutex;
use pdata::{Logs, Metrics, Telemetry, Traces};
use testkit::{config, gauge_points, log_records, refusal, spans};

use crate::counts::Counts;
use crate::{Config, Factory, Verbosity, text};

const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn from_json(signal: &str, json: &[u8]) -> Telemetry {
    match signal {
        "traces" => Traces::from_json(json).unwrap().into(),
        "metrics" => Metrics::from_json(json).unwrap().into(),
        "logs" => Logs::from_json(json).unwrap().into(),
        other => panic!("no signal {other}"),
    }
}

fn from_otlp(signal: &str, bytes: Vec<u8>) -> Telemetry {
    match signal {
        "traces" => Traces::from_otlp(bytes.into()).unwrap().into(),
        "metrics" => Metrics::from_otlp(bytes.into()).unwrap().into(),
        "logs" => Logs::from_otlp(bytes.into()).unwrap().into(),
        other => panic!("no signal {other}"),
    }
}

/// Calls `check` with the signal, the path without extension and the expected text of each detailed case.
fn each_detailed_case(check: impl Fn(&str, &Path, &str)) {
    let mut cases = 0;
    for signal in ["traces", "metrics", "logs"] {
        for file in fs::read_dir(golden().join(signal)).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "out") {
                check(signal, &file, &fs::read_to_string(&file).unwrap());
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 15);
}

#[test]
fn detailed_text_of_protobuf_is_upstreams() {
    each_detailed_case(|signal, case, expected| {
        let telemetry = from_otlp(signal, fs::read(case.with_extension("pb")).unwrap());
        assert_eq!(text::detailed(&telemetry), expected, "{}", case.display());
    });
}

#[test]
fn detailed_text_of_json_is_upstreams() {
    each_detailed_case(|signal, case, expected| {
        let telemetry = from_json(signal, &fs::read(case.with_extension("json")).unwrap());
        assert_eq!(text::detailed(&telemetry), expected, "{}", case.display());
    });
}

#[test]
fn normal_text_is_upstreams() {
    let yaml = fs::read_to_string(golden().join("normal.yaml")).unwrap();
    let document = Document::from_text(&yaml, "normal.yaml", &Environment::empty()).unwrap();
    let cases = document.root().get("cases").unwrap().as_list().unwrap();
    assert_eq!(cases.len(), 6);
    for case in cases {
        let field = |name| case.get(name).unwrap().as_str().unwrap();
        let telemetry = from_json(field("signal"), field("input_json").as_bytes());
        assert_eq!(text::normal(&telemetry), field("expected"));
    }
}

#[test]
fn counts_are_upstreams() {
    let lines = [spans(2).into(), gauge_points(3).into(), log_records(4).into()]
        .map(|telemetry: Telemetry| Counts::of(&telemetry).line());
    assert_eq!(
        lines,
        [
            "Traces\t{\"resource spans\": 1, \"spans\": 2}",
            "Metrics\t{\"resource metrics\": 1, \"metrics\": 1, \"data points\": 3}",
            "Logs\t{\"resource logs\": 1, \"log records\": 4}",
        ]
    );
}

/// A point of upstream's own example: https://github.com/open-telemetry/opentelemetry-collector/pull/14656
#[test]
fn buckets_of_exponential_histograms_go_from_far_below_zero_to_far_above() {
    let metrics = testkit::metrics(
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","exponentialHistogram":{"dataPoints":[
            {"count":"10","sum":2.5,"scale":0,"zeroCount":"1",
             "negative":{"offset":0,"bucketCounts":["2","3"]},
             "positive":{"offset":0,"bucketCounts":["4","0"]}}]}}]}]}]}"#,
    );
    let text = text::normal(&metrics.into());
    assert_eq!(text.lines().last(), Some("m{} count=10 sum=2.5 le-2=3 le-1=2 zero=1 le2=4 le4=0"));
}

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_agents_log_gets_an_event_with_fields_and_the_text_as_it_is() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || writer.clone())
        .finish();
    // Somebody has to listen on every thread: a line that is first reached where nobody does is off for all, for a moment.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let debug = testkit::exporter(Factory, "{ verbosity: normal }", ALL).await;
    debug.consume(log_records(1)).await.unwrap();
    debug.stop().await.unwrap();
    let expected = " INFO Logs resource logs=1 log records=1 exporter=debug\n \
        INFO ResourceLog #0 service.name=testkit\nScopeLog #0 testkit\nrecord 0 n=0\n";
    assert_eq!(String::from_utf8(lines.0.lock().clone()).unwrap(), expected);
}

#[tokio::test]
async fn files_get_every_entry_and_are_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("debug.log");
    fs::write(&path, "before\n").unwrap();
    let yaml = format!(
        "{{ verbosity: Normal, use_internal_logger: false, output_paths: ['{}'], sampling_initial: 1, sampling_thereafter: 0 }}",
        path.display()
    );
    let debug = testkit::exporter(Factory, &yaml, ALL).await;
    debug.consume(log_records(1)).await.unwrap();
    debug.consume(log_records(1)).await.unwrap();
    debug.consume(log_records(2)).await.unwrap();
    debug.stop().await.unwrap();
    let expected = "before\n\
        Logs\t{\"resource logs\": 1, \"log records\": 1}\n\
        ResourceLog #0 service.name=testkit\nScopeLog #0 testkit\nrecord 0 n=0\n\n\
        ResourceLog #0 service.name=testkit\nScopeLog #0 testkit\nrecord 0 n=0\nrecord 1 n=1\n\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let yaml =
        format!("{{ use_internal_logger: false, output_paths: ['{}'] }}", folder.path().display());
    let settings = testkit::settings("debug");
    let created =
        component::ExporterFactory::create(&Factory, config(&yaml).unwrap(), settings, ALL);
    let (_, mut life) = created.unwrap().into_parts();
    let error = life.acquire().await.unwrap_err();
    assert!(component::chain(&error).starts_with("output_paths: cannot open "), "{error}");
}

#[test]
fn options_are_upstreams() {
    let folder = golden().join("config");
    let paths: Config =
        config(&fs::read_to_string(folder.join("config_output_paths.yaml")).unwrap()).unwrap();
    assert_eq!(paths.output_paths, Some(vec!["stderr".to_owned()]));
    let verbosity: Config =
        config(&fs::read_to_string(folder.join("config_verbosity.yaml")).unwrap()).unwrap();
    assert_eq!(verbosity.verbosity, Verbosity::Detailed);
    for (file, expected) in [
        ("config_verbosity_typo.yaml", "unknown key"),
        ("config_output_paths_empty.yaml", "output_paths: must not be empty"),
    ] {
        let refusal = refusal::<Config>(&fs::read_to_string(folder.join(file)).unwrap());
        assert!(refusal.contains(expected), "{refusal}");
    }
    let refusal = refusal::<Config>("{ output_paths: [stderr] }");
    assert!(refusal.contains("is not supported when `use_internal_logger` is true"), "{refusal}");
}

#[test]
fn the_queue_is_off_unless_it_is_there() {
    let queue = |yaml: &str| config::<Config>(yaml).unwrap().sending_queue.into_option();
    assert_eq!(queue("{}"), None);
    assert_eq!(queue("{ sending_queue: { num_consumers: 3 } }").unwrap().num_consumers.get(), 3);
}

testkit::conformance!(exporter: Factory);

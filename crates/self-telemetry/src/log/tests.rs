use std::collections::HashMap;
use std::io::Write;

use parking_lot::Mutex;
use serde_json::Value;
use tracing::subscriber::with_default;
use tracing::{debug, error, info, info_span, trace, warn};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// What was written to each output.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<HashMap<String, String>>>);

struct Writer(Written, String);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.0.lock().entry(self.1.clone()).or_default().push_str(&text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn output(&self, name: &str) -> Output {
        Output::new(Writer(self.clone(), name.to_owned()))
    }

    fn take(&self, name: &str) -> String {
        self.0.lock().remove(name).unwrap_or_default()
    }

    fn log(&self) -> Log {
        let written = self.clone();
        Log::new(Start {
            level: LevelFilter::INFO,
            encoding: Encoding::Console,
            console: self.output("console"),
            file: Some(self.output("file")),
            open: OpenFile::new(move |path| match path.ends_with("bad") {
                true => Err(io::Error::other("no")),
                false => Ok(written.output(&path.display().to_string())),
            }),
        })
    }
}

fn apply(log: &Log, yaml: &str) {
    let config = testkit::config::<LogsConfig>(yaml).unwrap();
    log.prepare(&config).unwrap().apply();
}

fn messages(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split('\t').nth(3)).collect()
}

#[test]
fn lines_have_upstreams_form_and_say_which_component_wrote_them() {
    let written = Written::default();
    let log = written.log();
    with_default(Registry::default().with(log.layer()), || {
        let _component = info_span!("processor", id = %"batch/2", pipeline = %"logs").entered();
        warn!(count = 3, ok = true, "full \u{1b}[31m");
    });
    let line = written.take("console");
    let parts: Vec<_> = line.trim_end().split('\t').collect();
    assert!(parts[0].len() > "2026-01-01T00:00:00.000".len() && parts[0].contains('T'), "{line}");
    assert_eq!(parts[1], "warn");
    assert!(parts[2].starts_with("self_telemetry/tests.rs:"), "{line}");
    assert_eq!(parts[3], "full \\u{1b}[31m");
    let fields: Value = serde_json::from_str(parts[4]).unwrap();
    assert_eq!(
        fields,
        serde_json::json!({
            "count": 3,
            "ok": true,
            "otelcol.component.id": "batch/2",
            "otelcol.component.kind": "processor",
            "otelcol.pipeline.id": "logs",
        })
    );
    let line: Value = serde_json::from_str(&written.take("file")).unwrap();
    assert_eq!((&line["level"], &line["msg"]), (&"warn".into(), &"full \u{1b}[31m".into()));
    assert_eq!(line["otelcol.component.id"], "batch/2");
}

#[test]
fn a_configuration_changes_level_form_fields_and_place() {
    let written = Written::default();
    let log = written.log();
    with_default(Registry::default().with(log.layer()), || {
        debug!("too quiet");
        apply(
            &log,
            "{ level: DEBUG, encoding: json, output_paths: [/a.log, file:///b.log], initial_fields: { site: x, n: 1 }, disable_caller: true }",
        );
        debug!("shown");
        apply(&log, "{}");
        debug!("too quiet again");
        info!("on the console again");
    });
    for file in ["/a.log", "/b.log"] {
        let line: Value = serde_json::from_str(&written.take(file)).unwrap();
        assert_eq!(
            (&line["msg"], &line["site"], &line["n"]),
            (&"shown".into(), &"x".into(), &1.into())
        );
        assert_eq!(line.get("caller"), None);
    }
    assert_eq!(messages(&written.take("console")), ["on the console again"]);
    let file = written.take("file");
    assert_eq!(file.lines().count(), 2, "the service's file gets every line: {file}");
}

#[test]
fn a_file_that_cannot_be_opened_is_named_and_changes_nothing() {
    let written = Written::default();
    let log = written.log();
    let config =
        testkit::config::<LogsConfig>("{ output_paths: [/logs/bad], level: debug }").unwrap();
    let error = component::chain(&log.prepare(&config).unwrap_err());
    assert_eq!(error, "logs::output_paths: cannot write /logs/bad: no");
}

#[test]
fn lines_that_repeat_are_thinned_out_when_that_is_wanted() {
    let written = Written::default();
    let log = written.log();
    with_default(Registry::default().with(log.layer()), || {
        for (yaml, count) in
            [("{}", 20), ("{ sampling: {} }", 10), ("{ sampling: { enabled: false } }", 20)]
        {
            apply(&log, yaml);
            for _ in 0..20 {
                info!("again");
            }
            assert_eq!(messages(&written.take("console")).len(), count, "{yaml}");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_component_can_speak_more_for_a_while() {
    let written = Written::default();
    let log = written.log();
    let subscriber = Registry::default().with(log.layer());
    let _subscriber = tracing::subscriber::set_default(subscriber);
    let speak = || {
        info_span!("receiver", id = %"otlp").in_scope(|| {
            trace!("trace of otlp");
            info_span!("request").in_scope(|| debug!("debug of otlp"));
        });
        info_span!("receiver", id = %"otlp/2").in_scope(|| debug!("debug of another"));
        debug!("debug of the program");
    };
    speak();
    assert_eq!(written.take("console"), "");
    log.set_component_level(Kind::Receiver, "otlp", LevelFilter::DEBUG, Duration::from_secs(60));
    speak();
    assert_eq!(messages(&written.take("console")), ["debug of otlp"]);
    tokio::time::advance(Duration::from_secs(60)).await;
    speak();
    assert_eq!(written.take("console"), "");
}

#[tokio::test(start_paused = true)]
async fn a_component_can_speak_less_and_what_is_over_is_forgotten() {
    let written = Written::default();
    let log = written.log();
    let _subscriber = tracing::subscriber::set_default(Registry::default().with(log.layer()));
    log.set_component_level(Kind::Exporter, "out", LevelFilter::OFF, Duration::from_secs(5));
    let speak = || info_span!("exporter", id = %"out").in_scope(|| error!("of out"));
    speak();
    assert_eq!(written.take("console"), "");
    let expiry = tokio::time::timeout(Duration::from_secs(6), log.expire()).await;
    assert!(expiry.is_err(), "it goes on for ever");
    assert!(log.shared.levels.is_plain());
    speak();
    assert_eq!(messages(&written.take("console")), ["of out"]);
}

#[test]
fn the_network_libraries_speak_up_only_at_debug() {
    let written = Written::default();
    let log = written.log();
    with_default(Registry::default().with(log.layer()), || {
        info!(target: "hyper::proto", "quiet");
        warn!(target: "hyper::proto", "wrong");
        apply(&log, "{ level: debug }");
        debug!(target: "hyper::proto", "chatty");
    });
    assert_eq!(messages(&written.take("console")), ["wrong", "chatty"]);
}

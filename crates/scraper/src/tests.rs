use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::{CancellationToken, ConsumeError, Slot, StartError, Telemetry};
use config::{Problems, Section, Validate};
use serde_json::{Value as Json, json};
use testkit::Recorder;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance};

use crate::failures::{Failure, FailureLog};
use crate::metric::{Kind, Metric};
use crate::{Job, MetricsConfig, Record, ScrapeConfig, Scraper, Table, receiver};

const fn metric(name: &'static str, kind: Kind, enabled: bool) -> Metric {
    Metric { name, description: "what it is", unit: "1", kind, enabled }
}

const DOWN: Metric = metric("down", Kind::UpDownCounter, true);
const OFF: Metric = metric("off", Kind::Gauge, false);
const QUIET: Metric = metric("quiet", Kind::Gauge, true);
const UP: Metric = metric("up", Kind::Counter, true);

static TABLE: Table = Table {
    scraper: "test",
    scope: "scope/test",
    schema_url: "https://example.com/schema",
    metrics: &[DOWN, OFF, QUIET, UP],
};

/// What a scrape does.
type Scrape = Box<dyn FnMut(&mut Record) + Send>;

struct Test {
    scrape: Scrape,
    start: Result<(), &'static str>,
}

impl Scraper for Test {
    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.start.map_err(StartError::new)?;
        Ok(UNIX_EPOCH + Duration::from_nanos(7))
    }

    fn scrape(&mut self, record: &mut Record) {
        (self.scrape)(record);
    }
}

fn job(scrape: impl FnMut(&mut Record) + Send + 'static) -> Job {
    Job::new(Test { scrape: Box::new(scrape), start: Ok(()) }, &MetricsConfig::new())
}

/// A job that makes one point.
fn one_point() -> Job {
    job(|record| record.add(&UP, 1, &[]))
}

struct Running {
    output: Recorder,
    stop: CancellationToken,
    life: JoinSet<Result<(), StartError>>,
}

async fn start(config: ScrapeConfig, jobs: Vec<Job>) -> Running {
    let output = Recorder::default();
    let mut receiver =
        receiver(config, jobs, &settings("1.2.3"), Slot::to(Arc::new(output.clone())));
    receiver.acquire().await.unwrap();
    let stop = CancellationToken::new();
    let mut life = JoinSet::new();
    life.spawn(receiver.run(stop.clone()));
    Running { output, stop, life }
}

impl Running {
    async fn stop(mut self) {
        self.stop.cancel();
        self.life.join_next().await.unwrap().unwrap().unwrap();
    }
}

fn json(telemetry: &Telemetry) -> Json {
    let Telemetry::Metrics(metrics) = telemetry else { panic!("scrapers make metrics") };
    serde_json::from_slice(&metrics.to_json()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_scrape_comes_after_the_delay_and_the_next_ones_in_rhythm() {
    let begin = Instant::now();
    let running = start(ScrapeConfig::default(), vec![one_point()]).await;
    for (batches, seconds) in [(1, 1), (2, 61), (3, 121)] {
        running.output.batches(batches).await;
        assert_eq!(begin.elapsed().as_secs(), seconds);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_delay_the_first_scrape_comes_at_once() {
    let begin = Instant::now();
    let config = ScrapeConfig { initial_delay: Duration::ZERO, ..ScrapeConfig::default() };
    let running = start(config, vec![one_point()]).await;
    running.output.batches(1).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_the_scrapes_that_were_missed_one_is_made_up_for() {
    let begin = Instant::now();
    let running = start(ScrapeConfig::default(), vec![one_point()]).await;
    running.output.hold();
    running.output.calls(1).await;
    advance(Duration::from_secs(150)).await;
    running.output.release();
    for (batches, seconds) in [(2, 151), (3, 181), (4, 241)] {
        running.output.batches(batches).await;
        assert_eq!(begin.elapsed().as_secs(), seconds);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn stopped_before_the_first_scrape_it_ends_without_one() {
    let running = start(ScrapeConfig::default(), vec![one_point()]).await;
    let output = running.output.clone();
    let begin = Instant::now();
    running.stop().await;
    assert_eq!((begin.elapsed(), output.item_count()), (Duration::ZERO, 0));
}

/// A job whose scrapes begin with a word to the test and then wait for one from it.
fn gated() -> (Job, Arc<Notify>, SyncSender<()>, Arc<AtomicUsize>) {
    let (open, gate): (_, Receiver<()>) = sync_channel(10);
    let (begun, rounds) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (notify, counter) = (Arc::clone(&begun), Arc::clone(&rounds));
    let job = job(move |record| {
        counter.fetch_add(1, Ordering::SeqCst);
        notify.notify_one();
        gate.recv().unwrap();
        record.add(&UP, 1, &[]);
    });
    (job, begun, open, rounds)
}

#[tokio::test(start_paused = true)]
async fn a_scrape_that_has_begun_is_finished_on_stop() {
    let (job, begun, open, _) = gated();
    let running = start(ScrapeConfig::default(), vec![job]).await;
    begun.notified().await;
    running.stop.cancel();
    open.send(()).unwrap();
    let output = running.output.clone();
    running.stop().await;
    assert_eq!(output.item_count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_round_beyond_its_timeout_is_waited_for_and_no_other_begins() {
    let timeout = Duration::from_secs(5);
    let config = ScrapeConfig { timeout, ..ScrapeConfig::default() };
    let (job, begun, open, rounds) = gated();
    let running = start(config, vec![job]).await;
    begun.notified().await;
    for _ in 0..10 {
        advance(Duration::from_secs(60)).await;
    }
    assert_eq!((rounds.load(Ordering::SeqCst), running.output.item_count()), (1, 0));
    open.send(()).unwrap();
    running.output.items(1).await;
    begun.notified().await;
    open.send(()).unwrap();
    running.output.items(2).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_batch_is_gone_and_the_next_one_comes() {
    let running = start(ScrapeConfig::default(), vec![one_point()]).await;
    running.output.refuse(|| ConsumeError::retryable("full"));
    running.output.calls(2).await;
    running.output.accept();
    running.output.calls(3).await;
    assert_eq!(running.output.items(1).await.len(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_says_so() {
    let test = Test { scrape: Box::new(|_| {}), start: Err("no such host") };
    let jobs = vec![one_point(), Job::new(test, &MetricsConfig::new())];
    let mut receiver = receiver(ScrapeConfig::default(), jobs, &settings(""), Slot::default());
    assert_eq!(receiver.acquire().await.unwrap_err().to_string(), "no such host");
}

#[tokio::test(start_paused = true)]
async fn metrics_come_out_in_order_with_times_and_attributes_and_without_empty_ones() {
    let scrape = |record: &mut Record| {
        assert!(record.wants(&UP) && !record.wants(&OFF));
        record.add(&UP, 1.5, &[("b", "x"), ("a", "y")]);
        record.add(&DOWN, 2, &[]);
        record.add(&UP, 2.5, &[("b", "z")]);
        record.add(&OFF, 3, &[]);
    };
    let running = start(ScrapeConfig::default(), vec![job(scrape)]).await;
    let taken = running.output.batches(2).await;
    let mut metrics = json(&taken[1]);
    for point in ["/0/sum/dataPoints/0", "/1/sum/dataPoints/0", "/1/sum/dataPoints/1"] {
        let path = format!("/resourceMetrics/0/scopeMetrics/0/metrics{point}/timeUnixNano");
        let time = metrics.pointer_mut(&path).unwrap().take();
        let time: u64 = time.as_str().unwrap().parse().unwrap();
        let age = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_nanos(time));
        assert!(age.unwrap() < Duration::from_secs(60));
    }
    let attribute = |key, value| json!({"key": key, "value": {"stringValue": value}});
    let expected = json!({"resourceMetrics": [{
        "resource": {},
        "schemaUrl": "https://example.com/schema",
        "scopeMetrics": [{
            "scope": {"name": "scope/test", "version": "1.2.3"},
            "metrics": [
                {"name": "down", "description": "what it is", "unit": "1", "sum": {
                    "aggregationTemporality": 2,
                    "dataPoints": [
                        {"startTimeUnixNano": "7", "timeUnixNano": null, "asInt": "2"},
                    ],
                }},
                {"name": "up", "description": "what it is", "unit": "1", "sum": {
                    "aggregationTemporality": 2,
                    "isMonotonic": true,
                    "dataPoints": [
                        {"startTimeUnixNano": "7", "timeUnixNano": null, "asDouble": 1.5,
                         "attributes": [attribute("b", "x"), attribute("a", "y")]},
                        {"startTimeUnixNano": "7", "timeUnixNano": null, "asDouble": 2.5,
                         "attributes": [attribute("b", "z")]},
                    ],
                }},
            ],
        }],
    }]});
    assert_eq!(metrics, expected);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn failures_cost_what_they_name_and_nothing_else() {
    let jobs = vec![
        job(|record| {
            record.add(&UP, 1, &[]);
            record.fail(1, "cannot read down");
        }),
        job(|record| {
            record.add(&UP, 2, &[]);
            record.spoil(4, "cannot read anything");
        }),
        job(|record| {
            record.add(&UP, 3, &[]);
            panic!("broken");
        }),
        job(|record| record.add(&UP, 4, &[])),
    ];
    let running = start(ScrapeConfig::default(), jobs).await;
    let taken = running.output.batches(1).await;
    let groups = json(&taken[0])["resourceMetrics"].take();
    let values = groups.as_array().unwrap().iter().map(|group| {
        let point = &group["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"][0];
        point["asInt"].as_str().unwrap().to_owned()
    });
    assert_eq!(values.collect::<Vec<_>>(), ["1", "4"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_scrape_without_any_points_is_handed_on_empty() {
    let running = start(ScrapeConfig::default(), vec![job(|_| {})]).await;
    assert_eq!(json(&running.output.batches(1).await[0]), json!({}));
    running.stop().await;
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_logged_when_it_begins_changes_or_goes_on_for_long_and_when_it_ends() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // Somebody has to listen on every thread: a line that is first reached where nobody does is off for all, for a moment.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut log = FailureLog::default();
    let mut report = |error: Option<&str>| {
        let failure =
            |error: &str| Failure { scraper: "cpu", error: error.to_owned(), failed_points: 2 };
        log.report(error.map(failure).into_iter().collect());
        let text = String::from_utf8(std::mem::take(&mut *written.0.lock().unwrap())).unwrap();
        (!text.is_empty()).then(|| {
            let mut line: Json = serde_json::from_str(&text).unwrap();
            json!({"level": line["level"].take(), "fields": line["fields"].take()})
        })
    };
    let failed = |error: &str| {
        let fields = json!({"message": "Error scraping metrics", "error": error, "scraper": "cpu", "failed_points": 2});
        Some(json!({"level": "ERROR", "fields": fields}))
    };
    assert_eq!(report(None), None);
    assert_eq!(report(Some("a")), failed("a"));
    assert_eq!(report(Some("a")), None);
    assert_eq!(report(Some("b")), failed("b"));
    advance(Duration::from_secs(599)).await;
    assert_eq!(report(Some("b")), None);
    advance(Duration::from_secs(1)).await;
    assert_eq!(report(Some("b")), failed("b"));
    let recovered = report(None).unwrap();
    assert_eq!(recovered["level"], "INFO");
    assert_eq!(report(None), None);
    assert_eq!(report(Some("b")), failed("b"));
}

/// What a scraper's configuration looks like.
#[derive(Clone, Debug, Default, Section)]
struct TestConfig {
    #[section(flatten)]
    rhythm: ScrapeConfig,
    metrics: MetricsConfig,
}

impl Validate for TestConfig {
    fn validate(&self, problems: &mut Problems) {
        TABLE.check(&self.metrics, problems);
    }
}

#[test]
fn the_rhythm_has_upstreams_defaults_and_edges() {
    let read = |yaml| testkit::config::<ScrapeConfig>(yaml).unwrap();
    let config = read("{}");
    assert_eq!(
        (config.collection_interval, config.initial_delay),
        (Duration::from_secs(60), Duration::from_secs(1))
    );
    assert_eq!(config.timeout, Duration::ZERO);
    assert_eq!(read("initial_delay: 0s").initial_delay, Duration::ZERO);
    assert_eq!(read("timeout: 5s").timeout, Duration::from_secs(5));
    for (yaml, refusal) in [
        ("collection_interval: 0s", "collection_interval: requires positive value"),
        (
            "timeout: -1s",
            "timeout: must not be negative, is \"-1s\" (write it as 500ms, 10s or 1m30s)",
        ),
    ] {
        assert_eq!(testkit::refusal::<ScrapeConfig>(yaml), format!("test.yaml:1: {refusal}"));
    }
}

#[test]
fn switches_override_defaults() {
    let switched = |yaml: &str| {
        let config = testkit::config::<TestConfig>(yaml).unwrap();
        let record = Record::new(&TABLE, &config.metrics);
        [UP, OFF].map(|metric| record.wants(&metric))
    };
    assert_eq!(switched("{}"), [true, false]);
    assert_eq!(switched("metrics: {up: , off: {}}"), [true, false]);
    assert_eq!(switched("metrics: {up: {enabled: true}, off: {enabled: false}}"), [true, false]);
    assert_eq!(switched("metrics: {up: {enabled: false}, off: {enabled: true}}"), [false, true]);
}

#[test]
fn switches_for_unknown_metrics_and_reaggregation_are_refused() {
    assert_eq!(
        testkit::refusal::<TestConfig>("metrics: {dwn: {enabled: true}}"),
        "test.yaml:1: metrics::dwn: unknown metric of scraper `test` (did you mean `down`?)"
    );
    assert_eq!(
        testkit::refusal::<TestConfig>(
            "metrics: {up: {aggregation_strategy: sum, attributes: [a], on: 1}}"
        ),
        "test.yaml:1: metrics::up::aggregation_strategy: `aggregation_strategy` is not supported yet\n\
         test.yaml:1: metrics::up::attributes: `attributes` is not supported yet\n\
         test.yaml:1: metrics::up::on: unknown key"
    );
}

fn settings(version: &str) -> component::Settings {
    let mut settings = testkit::settings("host_metrics");
    settings.build.version = version.into();
    settings
}

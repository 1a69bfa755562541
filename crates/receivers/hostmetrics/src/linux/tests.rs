use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use component::{CancellationToken, Signal, Slot, Telemetry};
use serde_json::{Value as Json, json};
use testkit::Recorder;
use tokio::task::JoinSet;

use super::*;
use crate::Factory;

mod golden;
mod vectors;

fn config(yaml: &str) -> Config {
    testkit::config(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What `jobs` yield in `rounds` rounds. `between` is called after each.
async fn run(jobs: Vec<Job>, rounds: usize, mut between: impl FnMut()) -> Vec<Telemetry> {
    let output = Recorder::default();
    let rhythm = config("{scrapers: {cpu: }}").rhythm;
    let mut settings = testkit::settings("host_metrics");
    settings.build.version = "0.1.2".into();
    let mut receiver =
        scraper::receiver(rhythm, jobs, &settings, Slot::to(Arc::new(output.clone())));
    receiver.acquire().await.unwrap();
    let mut life = JoinSet::new();
    life.spawn(receiver.run(CancellationToken::new()));
    for round in 1..=rounds {
        output.batches(round).await;
        between();
    }
    output.taken().into_iter().take(rounds).collect()
}

/// As [`run`], in the format of OTLP/JSON and without times.
async fn scrape(jobs: Vec<Job>, rounds: usize, between: impl FnMut()) -> Vec<Json> {
    run(jobs, rounds, between).await.iter().map(to_json).collect()
}

/// The metrics in the format of OTLP/JSON, without the times of points.
fn to_json(telemetry: &Telemetry) -> Json {
    let Telemetry::Metrics(metrics) = telemetry else { panic!("scrapers make metrics") };
    let mut json = serde_json::from_slice(&metrics.to_json()).unwrap();
    without_times(&mut json);
    json
}

fn without_times(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.remove("startTimeUnixNano");
            map.remove("timeUnixNano");
            // `1` and `1.0` are the same double, but not the same JSON.
            if let Some(double) = map.get_mut("asDouble") {
                *double = json!(double.as_f64().unwrap());
            }
            map.values_mut().for_each(without_times);
        }
        Json::Array(list) => list.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// The points of a metric: values, and attributes as `key=value`.
fn points(scraped: &Json, metric: &str) -> Vec<(f64, String)> {
    let groups = scraped["resourceMetrics"].as_array();
    let metrics = groups
        .into_iter()
        .flatten()
        .flat_map(|group| group["scopeMetrics"][0]["metrics"].as_array().unwrap());
    let data = metrics.filter(|found| found["name"] == metric).map(|found| {
        let data = found.get("sum").or(found.get("gauge")).unwrap();
        data["dataPoints"].as_array().unwrap()
    });
    data.flatten().map(point).collect()
}

fn point(point: &Json) -> (f64, String) {
    let value = match point.get("asInt") {
        Some(int) => int.as_str().unwrap().parse().unwrap(),
        None => point["asDouble"].as_f64().unwrap(),
    };
    let attributes = point["attributes"].as_array().into_iter().flatten().map(|attribute| {
        let value = attribute["value"]["stringValue"].as_str().unwrap();
        format!("{}={value}", attribute["key"].as_str().unwrap())
    });
    (value, attributes.collect::<Vec<_>>().join(" "))
}

const UTILIZATION: &str = "{scrapers: {cpu: {metrics: {system.cpu.utilization: {enabled: true}}}}}";

/// A host in a folder that can be changed, and the configuration of one scraper for it.
struct FakeHost {
    root: tempfile::TempDir,
}

impl FakeHost {
    fn new() -> Self {
        let host = Self { root: tempfile::tempdir().unwrap() };
        host.write("stat", "cpu  1\nbtime 1700000000\n");
        host
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.path().join("proc").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn jobs(&self, yaml: &str) -> Vec<Job> {
        jobs_on(&Host::new(self.root.path(), |_| None), &config(yaml)).unwrap()
    }

    async fn scrape(&self, yaml: &str) -> Json {
        scrape(self.jobs(yaml), 1, || {}).await.remove(0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_cpu_that_vanishes_costs_one_scrape_and_one_that_appears_has_to_wait() {
    let host = FakeHost::new();
    let (zero, one) = ("cpu0 1 0 0 1 0 0 0 0 0 0\n", "cpu1 1 0 0 1 0 0 0 0 0 0\n");
    let both = format!("cpu  1\n{zero}{one}btime 1700000000\n");
    let later = "cpu  1\ncpu0 2 0 0 2 0 0 0 0 0 0\nbtime 1700000000\n";
    host.write("stat", &both);
    let mut stats = [later, later, both.as_str(), both.as_str()].into_iter();
    let write_next = || host.write("stat", stats.next().unwrap_or(&both));
    let scraped = scrape(host.jobs(UTILIZATION), 5, write_next).await;
    let counts = |metric| -> Vec<usize> {
        scraped.iter().map(|round| points(round, metric).len() / 8).collect()
    };
    assert_eq!(counts("system.cpu.time"), [2, 0, 1, 2, 2]);
    assert_eq!(counts("system.cpu.utilization"), [0, 0, 1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn without_an_estimate_of_the_kernel_available_memory_is_estimated() {
    let page_size = rustix::param::page_size() as f64;
    let meminfo = "MemTotal: 1000000 kB\nMemFree: 100000 kB\nBuffers: 5 kB\nCached: 20000 kB\nSReclaimable: 10000 kB\n";
    let available = async |host: &FakeHost| {
        let scraped = host
            .scrape(
                "{scrapers: {memory: {metrics: {system.linux.memory.available: {enabled: true}}}}}",
            )
            .await;
        points(&scraped, "system.linux.memory.available")[0].0
    };
    let host = FakeHost::new();
    host.write("meminfo", meminfo);
    assert_eq!(available(&host).await, 130_000.0 * 1024.0);
    host.write("meminfo", &format!("{meminfo}Active(file): 8000 kB\nInactive(file): 4000 kB\n"));
    assert_eq!(available(&host).await, 130_000.0 * 1024.0, "there is no zoneinfo");
    host.write("zoneinfo", "Node 0, zone Normal\n        low      100\n");
    assert_eq!(
        available(&host).await,
        (100_000.0 + 12_000.0 + 10_000.0) * 1024.0 - 300.0 * page_size
    );
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is scraped once, and the errors that are logged, without the host's place.
async fn scrape_with_errors(host: &FakeHost, jobs: Vec<Job>) -> (Json, Vec<String>) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    // Somebody has to listen on every thread: a line that is first reached where nobody does is off for all, for a moment.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let scraped = scrape(jobs, 1, || {}).await.remove(0);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let errors = lines.map(|line| {
        let fields = &line["fields"];
        assert_eq!(fields["message"], "Error scraping metrics");
        let error = fields["error"].as_str().unwrap();
        let error = error.replace(host.root.path().to_str().unwrap(), "");
        format!("{} {}: {error}", fields["scraper"].as_str().unwrap(), fields["failed_points"])
    });
    (scraped, errors.collect())
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_and_the_rest_is_there() {
    let host = FakeHost::new();
    fs::remove_file(host.root.path().join("proc/stat")).unwrap();
    let missing = "No such file or directory (os error 2)";
    host.write("uptime", "5.0 1.0\n");
    host.write("self/cgroup", "0::/docker\n");
    host.write("net/tcp", "header\n");
    let jobs = host.jobs(
        "{scrapers: {cpu: , disk: , filesystem: , load: , memory: ,
            network: {metrics: {system.network.conntrack.max: {enabled: true}}}}}",
    );
    let (scraped, errors) = scrape_with_errors(&host, jobs).await;
    assert_eq!(points(&scraped, "system.network.connections").len(), 12);
    assert_eq!(scraped["resourceMetrics"].as_array().unwrap().len(), 1);
    assert_eq!(
        errors,
        [
            format!("cpu 2: cannot read /proc/stat: {missing}"),
            format!("disk 7: cannot read /proc/diskstats: {missing}"),
            format!("filesystem 2: cannot read /proc/self/mounts: {missing}"),
            format!("load 3: cannot read /proc/loadavg: {missing}"),
            format!("memory 2: cannot read /proc/meminfo: {missing}"),
            format!(
                "network 5: failed to read network IO stats: cannot read /proc/net/dev: {missing}; \
                 failed to read conntrack info: cannot read /proc/sys/net/netfilter/nf_conntrack_count: {missing}"
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn content_that_makes_no_sense_is_an_error() {
    let host = FakeHost::new();
    host.write("loadavg", "a b c\n");
    host.write("meminfo", "MemFree: 5 kB\n");
    host.write("net/dev", "\n\n");
    let jobs = host.jobs("{scrapers: {load: , memory: , network: }}");
    let (scraped, errors) = scrape_with_errors(&host, jobs).await;
    assert_eq!(scraped, json!({}));
    assert_eq!(
        errors,
        [
            "load 3: unexpected content of loadavg: a b c",
            "memory 2: invalid total memory: 0",
            "network 1: failed to read TCP connections: cannot read /proc/net/tcp: No such file or directory (os error 2)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn mounts_that_cannot_be_measured_are_counted_only_when_none_can() {
    let host = FakeHost::new();
    host.write("filesystems", "\text4\n");
    for (table, mounted, failed) in [
        ("1 1 8:1 / / rw - ext4 a rw\n2 1 8:2 / /gone rw - ext4 b rw\n", 1, 0),
        ("2 1 8:2 / /gone rw - ext4 b rw\n", 0, 2),
    ] {
        host.write("1/mountinfo", table);
        let jobs = host.jobs("{scrapers: {filesystem: }}");
        let (scraped, errors) = scrape_with_errors(&host, jobs).await;
        assert_eq!(points(&scraped, "system.filesystem.usage").len(), 3 * mounted);
        let gone = "failed to read usage at /gone: No such file or directory (os error 2)";
        assert_eq!(errors, [format!("filesystem {failed}: {gone}")]);
    }
}

#[tokio::test]
async fn the_real_host_makes_sense() {
    let yaml = "
        initial_delay: 0s
        scrapers:
          cpu: {metrics: {system.cpu.logical.count: {enabled: true}, system.cpu.physical.count: {enabled: true}}}
          disk:
          filesystem: {include_virtual_filesystems: true}
          load: {cpu_average: true}
          memory: {metrics: {system.memory.limit: {enabled: true}, system.memory.page_size: {enabled: true}}}
          network:";
    let running = testkit::receiver(Factory, yaml, &[Signal::Metrics]).await;
    let scraped = to_json(&running.output().batches(1).await[0]);
    running.stop().await.unwrap();
    let only = |metric: &str| match &points(&scraped, metric)[..] {
        [(value, _)] => *value,
        others => panic!("{metric}: {others:?}"),
    };

    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total: f64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(only("system.memory.limit"), total * 1024.0);
    for (bytes, state) in points(&scraped, "system.memory.usage") {
        assert!(bytes <= total * 1024.0, "{state} is {bytes} of {total} kB");
    }
    assert_eq!(only("system.memory.page_size"), rustix::param::page_size() as f64);

    let times = points(&scraped, "system.cpu.time");
    let logical = only("system.cpu.logical.count");
    assert_eq!(times.len() as f64, 8.0 * logical);
    assert!(only("system.cpu.physical.count") <= logical);
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    let spent: f64 = times.iter().map(|(seconds, _)| seconds).sum();
    assert!(spent <= (uptime + 2.0) * logical * 1.05, "{spent} s on {logical} CPUs up {uptime} s");

    for average in ["1m", "5m", "15m"] {
        assert!(only(&format!("system.cpu.load_average.{average}")) >= 0.0);
    }
    let lo = "device=lo direction=";
    let traffic = points(&scraped, "system.network.io");
    let of = |direction| {
        let attributes = format!("{lo}{direction}");
        traffic.iter().find(|(_, found)| *found == attributes).map(|(bytes, _)| *bytes)
    };
    assert_eq!(of("transmit"), of("receive"), "what lo transmits it receives");
    assert!(
        points(&scraped, "system.filesystem.usage")
            .iter()
            .any(|(_, at)| at.contains("mountpoint=/ "))
    );
    let disks = fs::read_to_string("/proc/diskstats").unwrap_or_default();
    let devices = points(&scraped, "system.disk.pending_operations").len();
    assert!(devices <= disks.lines().count());
}

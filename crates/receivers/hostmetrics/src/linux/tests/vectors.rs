//! Conversions of single files.

use std::path::Path;

use super::*;
use crate::linux::filesystem::{FilesystemScraper, Space};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");

fn vectors(name: &str) -> Vec<Json> {
    let text = fs::read_to_string(format!("{DATA}/{name}.json")).unwrap();
    let mut vectors: Json = serde_json::from_str(&text).unwrap();
    let Json::Array(cases) = vectors["cases"].take() else { panic!("{name} has no cases") };
    assert!(!cases.is_empty());
    cases
}

/// The vector's numbers with the attributes that they have in the metric.
fn expected(json: &Json, attributes: impl Fn(&str) -> String) -> Vec<(f64, String)> {
    match json {
        Json::Object(map) => {
            let point = |(key, value): (&String, &Json)| (value.as_f64().unwrap(), attributes(key));
            map.iter().map(point).collect()
        }
        value => vec![(value.as_f64().unwrap(), attributes(""))],
    }
}

/// In any order, and up to the precision of doubles.
#[track_caller]
fn assert_close(mut scraped: Vec<(f64, String)>, mut expected: Vec<(f64, String)>) {
    let by_attributes = |a: &(f64, String), b: &(f64, String)| a.1.cmp(&b.1);
    scraped.sort_by(by_attributes);
    expected.sort_by(by_attributes);
    let is_close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs().max(1e-9);
    let same = scraped.len() == expected.len()
        && scraped.iter().zip(&expected).all(|(a, b)| a.1 == b.1 && is_close(a.0, b.0));
    assert!(same, "{scraped:?} is not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn cpu_vectors() {
    for case in vectors("host_cpu") {
        let stat = |number| case[format!("proc_stat_{number}")].as_str().unwrap().to_owned();
        let host = FakeHost::new();
        host.write("stat", &stat(1));
        let scraped = scrape(host.jobs(UTILIZATION), 2, || host.write("stat", &stat(2))).await;
        assert!(points(&scraped[0], "system.cpu.utilization").is_empty());
        for (metric, key) in [
            ("system.cpu.time", "expect_time_2"),
            ("system.cpu.utilization", "expect_utilization_2"),
        ] {
            let cpus = case[key].as_object().unwrap().iter();
            let expected = cpus.flat_map(|(cpu, states)| {
                expected(states, |state| format!("cpu={cpu} state={state}"))
            });
            assert_close(points(&scraped[1], metric), expected.collect());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn disk_vectors() {
    for case in vectors("host_disk") {
        let host = FakeHost::new();
        let line = case["diskstats"].as_str().unwrap();
        host.write("diskstats", &format!("{line}\n"));
        let scraped = host.scrape("{scrapers: {disk: }}").await;
        let Some(metrics) = case["expect"].as_object() else {
            assert_eq!(scraped, json!({}));
            continue;
        };
        let device = line.split(' ').nth(2).unwrap();
        for (name, values) in metrics {
            let expected = expected(values, |direction| match direction {
                "" => format!("device={device}"),
                _ => format!("device={device} direction={direction}"),
            });
            assert_close(points(&scraped, &format!("system.disk.{name}")), expected);
        }
        assert_eq!(metrics.len(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn memory_vectors() {
    for case in vectors("host_memory") {
        let host = FakeHost::new();
        host.write("meminfo", case["meminfo"].as_str().unwrap());
        let scraped = host
            .scrape(
                "{scrapers: {memory: {metrics: {
                    system.memory.utilization: {enabled: true}, system.memory.limit: {enabled: true}}}}}",
            )
            .await;
        let state = |state: &str| format!("state={state}");
        let usage = expected(&case["expect_usage"], state);
        assert_close(points(&scraped, "system.memory.usage"), usage);
        let utilization = expected(&case["expect_utilization"], state);
        assert_close(points(&scraped, "system.memory.utilization"), utilization);
        let limit = expected(&case["expect_limit"], str::to_owned);
        assert_close(points(&scraped, "system.memory.limit"), limit);
    }
}

#[tokio::test(start_paused = true)]
async fn filesystem_vectors() {
    let mountinfo = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    for case in vectors("host_filesystem") {
        let host = FakeHost::new();
        host.write("1/mountinfo", mountinfo);
        host.write("filesystems", "\text4\n");
        let space = &case["statfs"];
        // The kernel is a plain function and can't capture the case; the path tells it which one it is.
        let number = |key: &str| space[key].as_u64().unwrap();
        let text = ["bsize", "blocks", "bfree", "bavail", "files", "ffree"].map(number);
        let text = text.map(|number| number.to_string()).join(" ");
        host.write("space", &text);
        let from_file = |root: &Path| {
            let text = fs::read_to_string(root.join("proc/space")).unwrap();
            let [block_size, blocks, blocks_free, blocks_available, inodes, inodes_free] =
                number::numbers(text.split(' ')).unwrap();
            Ok(Space { block_size, blocks, blocks_free, blocks_available, inodes, inodes_free })
        };
        let config = config(
            "{scrapers: {filesystem: {metrics: {system.filesystem.utilization: {enabled: true}}}}}",
        );
        let config = config.scrapers.0.filesystem.0.unwrap();
        let scraper = FilesystemScraper::new(&Host::new(host.root.path(), |_| None), &config);
        let job = Job::new(scraper.unwrap().measured_by(from_file), &config.metrics);
        let scraped = scrape(vec![job], 1, || {}).await.remove(0);
        let mount = "device=/dev/sda1 mode=rw mountpoint=/ type=ext4";
        for (metric, key) in [
            ("usage", "expect_usage"),
            ("inodes.usage", "expect_inodes"),
            ("utilization", "expect_utilization"),
        ] {
            let expected = expected(&case[key], |state| match state {
                "" => mount.to_owned(),
                _ => format!("{mount} state={state}"),
            });
            assert_close(points(&scraped, &format!("system.filesystem.{metric}")), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tcp_vectors() {
    for case in vectors("host_tcp_states") {
        let host = FakeHost::new();
        host.write("net/dev", "");
        host.write("net/tcp", case["proc_net_tcp"].as_str().unwrap());
        let scraped = host.scrape("{scrapers: {network: }}").await;
        let expected = expected(&case["expect"], |state| format!("protocol=tcp state={state}"));
        assert_close(points(&scraped, "system.network.connections"), expected);
    }
}

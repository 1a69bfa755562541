//! A whole host, as upstream sees it.

use std::path::{Path, PathBuf};

use super::*;
use crate::linux::filesystem::{FilesystemScraper, Space};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// The kernel of the golden host.
fn golden_statfs(path: &Path) -> io::Result<Space> {
    let mount_point = path.strip_prefix(Path::new(GOLDEN).join("host")).unwrap();
    let [block_size, blocks, blocks_free, blocks_available, inodes, inodes_free] =
        match mount_point.to_str().unwrap() {
            "" | "srv" => [4096, 1000, 400, 350, 500, 200],
            "my data" => [1024, 1000, 0, 0, 10, 0],
            "proc" => [4096, 0, 0, 0, 0, 0],
            "run" => [4096, 409_600, 409_000, 409_000, 100, 90],
            "broken" => return Err(io::Error::other("input/output error")),
            other => panic!("{other} is not mounted"),
        };
    Ok(Space { block_size, blocks, blocks_free, blocks_available, inodes, inodes_free })
}

/// As [`jobs_on`], for a host with a kernel of its own.
fn golden_jobs(host: &Host, mut config: Config) -> Vec<Job> {
    let filesystem = config.scrapers.0.filesystem.0.take();
    let mut jobs = jobs_on(host, &config).unwrap();
    let on = config.scrapers.names();
    let place = on.iter().filter(|name| **name < "filesystem").count();
    if let Some(config) = filesystem {
        let scraper = FilesystemScraper::new(host, &config).unwrap().measured_by(golden_statfs);
        jobs.insert(place, Job::new(scraper, &config.metrics));
    }
    jobs
}

#[tokio::test(start_paused = true)]
async fn golden_hosts_look_as_upstream_sees_them() {
    let root = PathBuf::from(GOLDEN).join("host");
    let host = Host::new(&root, |_| None);
    for case in ["defaults", "everything", "filtered"] {
        let read = |name| fs::read_to_string(format!("{GOLDEN}/{case}/{name}")).unwrap();
        let jobs = golden_jobs(&host, config(&read("config.yaml")));
        let scraped = scrape(jobs, 1, || {}).await.remove(0);
        let mut expected: Json = serde_yaml::from_str(&read("expected.yaml")).unwrap();
        without_times(&mut expected);
        assert_same(case, &scraped, &expected);
    }
}

/// As `assert_eq`, but it names the first metric that differs.
fn assert_same(case: &str, scraped: &Json, expected: &Json) {
    let metrics = |json: &Json| -> Vec<Json> {
        let groups = json["resourceMetrics"].as_array().unwrap().iter();
        let all = groups.flat_map(|group| group["scopeMetrics"][0]["metrics"].as_array().unwrap());
        all.cloned().collect()
    };
    for (scraped, expected) in metrics(scraped).iter().zip(&metrics(expected)) {
        assert_eq!(scraped, expected, "{case}");
    }
    assert_eq!(scraped, expected, "{case}");
}

#[tokio::test(start_paused = true)]
async fn points_start_when_the_host_was_started() {
    let host = Host::new(&PathBuf::from(GOLDEN).join("host"), |_| None);
    let yaml = "{scrapers: {cpu: , disk: , filesystem: , load: , memory: , network: }}";
    let taken = run(golden_jobs(&host, config(yaml)), 1, || {}).await.remove(0);
    let Telemetry::Metrics(metrics) = taken else { panic!("scrapers make metrics") };
    let text = String::from_utf8(metrics.to_json().to_vec()).unwrap();
    let starts = text.matches("\"startTimeUnixNano\":\"1693963648000000000\"").count();
    assert_eq!(starts, metrics.item_count());
}

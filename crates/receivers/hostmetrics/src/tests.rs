use scraper::{Kind, Table};

use super::*;

fn problems(yaml: &str) -> Vec<String> {
    let text = testkit::refusal::<Config>(yaml).replace("test.yaml:1: ", "");
    text.lines().map(str::to_owned).collect()
}

const TABLES: [&Table; 6] = [
    &tables::cpu::TABLE,
    &tables::disk::TABLE,
    &tables::filesystem::TABLE,
    &tables::load::TABLE,
    &tables::memory::TABLE,
    &tables::network::TABLE,
];

#[test]
fn every_table_is_sorted_and_every_name_is_there_once() {
    for table in TABLES {
        let names: Vec<_> = table.metrics.iter().map(|metric| metric.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(names.iter().all(|name| name.starts_with("system.")));
    }
}

#[test]
fn the_readme_has_every_metric_as_it_is() {
    let readme = include_str!("../README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `system."));
    let rows: Vec<Vec<_>> =
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let metrics: Vec<_> = TABLES.iter().flat_map(|table| table.metrics).collect();
    assert_eq!(rows.len(), metrics.len());
    for (row, metric) in rows.iter().zip(metrics) {
        let kind = match metric.kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "sum",
            Kind::UpDownCounter => "up-down sum",
        };
        let default = if metric.enabled { "on" } else { "off" };
        let name = format!("`{}`", metric.name);
        assert_eq!([row[0], row[1], row[2], row[4]], [&name, metric.unit, kind, default]);
    }
}

#[test]
fn both_names_of_the_receiver_are_known() {
    assert_eq!(Factory::TYPE.as_str(), "host_metrics");
    assert_eq!(
        Factory::ALIASES.iter().map(ComponentType::as_str).collect::<Vec<_>>(),
        ["hostmetrics"]
    );
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;

    fn names(yaml: &str) -> Vec<&'static str> {
        testkit::config::<Config>(yaml).unwrap().scrapers.names()
    }

    testkit::conformance!(receiver: Factory, "{scrapers: {cpu: , disk: , filesystem: , load: , memory: , network: }}");

    #[test]
    fn a_scraper_is_on_when_it_is_mentioned() {
        assert_eq!(
            names("{scrapers: {cpu: , disk: {}, load: {cpu_average: true}}}"),
            ["cpu", "disk", "load"]
        );
    }

    #[test]
    fn upstreams_example_names_what_is_missing() {
        let file = |name: &str| {
            let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let example: serde_json::Value = serde_yaml::from_str(&file("config.yaml")).unwrap();
        let receivers = &example["receivers"];
        assert_eq!(names(&receivers["hostmetrics"].to_string()), ["cpu"]);
        assert_eq!(
            problems(&receivers["hostmetrics/customname"].to_string()),
            [
                "scrapers::paging: `paging` is not supported yet",
                "scrapers::process: `process` is not supported yet",
                "scrapers::processes: `processes` is not supported yet",
                "scrapers::uptime: invalid scraper key: uptime",
            ]
        );
        assert_eq!(
            testkit::refusal::<Config>(&file("config-invalidscraperkey.yaml")),
            "test.yaml:2: scrapers::invalidscraperkey: invalid scraper key: invalidscraperkey"
        );
    }

    #[test]
    fn what_is_not_supported_yet_is_named() {
        assert_eq!(
            problems(
                "{metadata_collection_interval: 5m, scrapers: {hardware: , nfs: , system: {}, cpu: }}"
            ),
            [
                "metadata_collection_interval: `metadata_collection_interval` is not supported yet",
                "scrapers::hardware: `hardware` is not supported yet",
                "scrapers::nfs: `nfs` is not supported yet",
                "scrapers::system: `system` is not supported yet",
            ]
        );
        assert_eq!(
            problems(
                "{scrapers: {cpu: {metrics: {system.cpu.time: {aggregation_strategy: sum, attributes: [cpu]}}}}}"
            ),
            [
                "scrapers::cpu::metrics::system.cpu.time::aggregation_strategy: `aggregation_strategy` is not supported yet",
                "scrapers::cpu::metrics::system.cpu.time::attributes: `attributes` is not supported yet",
            ]
        );
    }

    #[test]
    fn mistakes_are_refused_in_upstreams_words() {
        let at_least_one = "must specify at least one scraper when using hostmetrics receiver";
        for (yaml, expected) in [
            ("{}", at_least_one),
            ("{scrapers: }", at_least_one),
            ("{scrapers: {}}", at_least_one),
            (
                "{scrapers: {cpus: }}",
                "scrapers::cpus: invalid scraper key: cpus (did you mean `cpu`?)",
            ),
            (
                "{collection_interval: 0s, scrapers: {cpu: }}",
                "collection_interval: requires positive value",
            ),
            (
                "{scrapers: {cpu: }, root_path: /no/such/place}",
                "root_path: invalid root_path: No such file or directory (os error 2)",
            ),
            ("{scrapers: {cpu: {enabled: false}}}", "scrapers::cpu::enabled: unknown key"),
            ("{scrapers: {cpu: }, scraper: {}}", "scraper: unknown key (did you mean `scrapers`?)"),
            (
                "{scrapers: {memory: {metrics: {system.memory.usages: {enabled: true}}}}}",
                "scrapers::memory::metrics::system.memory.usages: unknown metric of scraper `memory` (did you mean `system.memory.usage`?)",
            ),
            (
                "{scrapers: {disk: {include: {devices: [sda]}}}}",
                "scrapers::disk::include: error creating device include filters: unrecognized match_type: '', valid types are: [regexp strict]",
            ),
            (
                "{scrapers: {network: {exclude: {interfaces: ['('], match_type: regexp}}}}",
                "scrapers::network::exclude: error creating network interface exclude filters: `(`: unclosed group",
            ),
            (
                "{scrapers: {filesystem: {include_fs_types: {fs_types: [ext4]}}}}",
                "scrapers::filesystem::include_fs_types: error creating include_fs_types filter: unrecognized match_type: '', valid types are: [regexp strict]",
            ),
            (
                "{scrapers: {filesystem: {exclude_mount_points: {mount_points: ['[']  , match_type: regexp}}}}",
                "scrapers::filesystem::exclude_mount_points: error creating exclude_mount_points filter: `[`: unclosed character class",
            ),
            (
                "{scrapers: {disk: {include: {devices: [sda], match_type: glob}}}}",
                "scrapers::disk::include::match_type: must be one of strict, regexp, is \"glob\"",
            ),
        ] {
            assert_eq!(problems(yaml), [expected], "{yaml}");
        }
    }

    #[test]
    fn root_path_may_be_any_place_that_is_there() {
        for root in ["/", "/tmp", "''"] {
            assert_eq!(names(&format!("{{root_path: {root}, scrapers: {{cpu: }}}}")), ["cpu"]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn other_systems_say_what_they_cannot_do() {
    let os = std::env::consts::OS;
    assert_eq!(
        problems("{root_path: /, scrapers: {cpu: , load: }}"),
        [
            "root_path: root_path is supported on linux only".to_owned(),
            format!("scrapers::cpu: hostmetrics scraper `cpu` is not supported yet on {os}"),
            format!("scrapers::load: hostmetrics scraper `load` is not supported yet on {os}"),
        ]
    );
}

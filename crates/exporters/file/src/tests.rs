use std::fs;
use std::path::Path;

use component::{ExporterFactory, Outcome, Settings, Signal, Telemetry};
use testkit::{Running, any, log_records, tracked};

use crate::{Config, Factory};

const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

/// An exporter in a process that a test shares between several.
async fn exporter(settings: &Settings, yaml: &str) -> Running {
    let config = testkit::config::<Config>(yaml).unwrap();
    let exporter = Factory.create(config, settings.clone(), &ALL).unwrap();
    Running::start_exporter(exporter).await
}

/// Why an exporter does not start.
async fn refusal(settings: &Settings, yaml: &str) -> String {
    let config = testkit::config::<Config>(yaml).unwrap();
    let (_, mut life) = Factory.create(config, settings.clone(), &ALL).unwrap().into_parts();
    component::chain(&life.acquire().await.unwrap_err())
}

fn yaml(path: &Path, more: &str) -> String {
    format!("{{ path: '{}', {more} }}", path.display())
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn line(telemetry: impl Into<Telemetry>) -> String {
    String::from_utf8(telemetry.into().to_json().to_vec()).unwrap()
}

fn backups(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.starts_with("data-")).collect()
}

#[tokio::test]
async fn all_signals_go_to_one_file_and_are_there_with_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let exporter = exporter(&testkit::settings("file"), &yaml(&path, "")).await;
    for (at, signal) in ALL.into_iter().enumerate() {
        let (batch, heard) = tracked(any(signal, 3));
        exporter.offer(batch).await.unwrap();
        assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
        assert_eq!(lines(&path)[at], line(any(signal, 3)));
    }
    assert_eq!(lines(&path).len(), 3);
}

#[tokio::test]
async fn an_old_file_is_emptied_unless_it_is_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    for (more, kept) in [("append: true", true), ("rotation: {}", true), ("", false)] {
        fs::write(&path, "old\n").unwrap();
        let exporter = exporter(&testkit::settings("file"), &yaml(&path, more)).await;
        assert_eq!(lines(&path), ["old"], "nothing is lost before there is something to write");
        exporter.consume(log_records(1)).await.unwrap();
        assert_eq!(lines(&path)[0] == "old", kept, "{more}");
        assert_eq!(*lines(&path).last().unwrap(), line(log_records(1)));
    }
}

#[tokio::test]
async fn a_successor_goes_on_in_the_file_of_its_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let settings = testkit::settings("file");
    let old = exporter(&settings, &yaml(&path, "")).await;
    old.consume(log_records(1)).await.unwrap();
    let new = exporter(&settings, &yaml(&path, "flush_interval: 2s")).await;
    new.consume(log_records(2)).await.unwrap();
    old.consume(log_records(3)).await.unwrap();
    old.stop().await.unwrap();
    new.consume(log_records(4)).await.unwrap();
    assert_eq!(lines(&path), [1, 2, 3, 4].map(|count| line(log_records(count))));
}

#[tokio::test]
async fn a_successor_that_writes_in_another_way_begins_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let settings = testkit::settings("file");
    let old = exporter(&settings, &yaml(&path, "")).await;
    old.consume(log_records(1)).await.unwrap();
    let new = exporter(&settings, &yaml(&path, "format: proto")).await;
    new.consume(log_records(2)).await.unwrap();
    let kept = backups(folder.path());
    assert_eq!(lines(&folder.path().join(&kept[0])), [line(log_records(1))]);
    let proto = Telemetry::from(log_records(2)).to_otlp().into_bytes();
    assert_eq!(fs::read(&path).unwrap()[4..], proto);
}

#[tokio::test]
async fn another_exporter_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let settings = testkit::settings("file/first");
    let first = exporter(&settings, &yaml(&path, "")).await;
    let second = Settings { process: settings.process.clone(), ..testkit::settings("file/second") };
    let other_spelling = folder.path().join(".").join("data.json");
    let refused = refusal(&second, &yaml(&other_spelling, "")).await;
    assert!(refused.contains("data.json is written to by exporter \"file/first\""), "{refused}");
    first.stop().await.unwrap();
    exporter(&second, &yaml(&path, "")).await;
}

#[tokio::test]
async fn a_full_file_is_moved_aside_and_too_many_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let more = "rotation: { max_megabytes: 1, max_backups: 2 }";
    let exporter = exporter(&testkit::settings("file"), &yaml(&path, more)).await;
    let large = log_records(5_000);
    assert!(large.to_json().len() > 600_000, "two of them are more than a megabyte");
    for count in 0..4 {
        exporter.consume(large.clone()).await.unwrap();
        assert_eq!(backups(folder.path()).len(), count.min(2));
        assert_eq!(lines(&path).len(), 1);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_permissions_of_a_file_outlive_its_rotation() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let more = "rotation: { max_megabytes: 1 }";
    let exporter = exporter(&testkit::settings("file"), &yaml(&path, more)).await;
    exporter.consume(log_records(5_000)).await.unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    exporter.consume(log_records(5_000)).await.unwrap();
    assert_eq!(backups(folder.path()).len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_private_and_folders_are_made_on_demand() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/data.json");
    let settings = testkit::settings("file");
    let refused = refusal(&settings, &yaml(&path, "")).await;
    assert!(refused.contains("cannot write to") && refused.contains("a/b/data.json"), "{refused}");
    let more = "create_directory: true, directory_permissions: '0700'";
    exporter(&settings, &yaml(&path, more)).await;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

/// `/dev/full` is a device that is always full.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_a_passing_error_that_names_the_path() {
    let exporter = exporter(&testkit::settings("file"), "{ path: /dev/full }").await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent());
    let text = error.chain();
    assert!(text.contains("cannot write to /dev/full: No space left on device"), "{text}");
}

#[test]
fn wrong_options_are_named() {
    for (yaml, expected) in [
        ("{}", "path: must be non-empty"),
        ("{ path: x, format: xml }", "format: must be one of json, proto"),
        ("{ path: x, compression: gzip }", "compression: must be one of"),
        ("{ path: x, append: true, compression: zstd }", "append: and `compression` at the"),
        ("{ path: x, append: true, rotation: }", "append: and `rotation` at the same time"),
        ("{ path: x, flush_interval: -1s }", "flush_interval: "),
        ("{ path: x, directory_permissions: '0755' }", "requires `create_directory: true`"),
        ("{ path: x, create_directory: true, directory_permissions: '8' }", "must be octal"),
        ("{ path: x, create_directory: true, directory_permissions: '1755' }", "has bits"),
        ("{ path: x, encoding: otlp }", "`encoding` is not supported yet"),
    ] {
        let refusal = testkit::refusal::<Config>(yaml);
        assert!(refusal.contains(expected), "{yaml}: {refusal}");
    }
}

testkit::conformance!(exporter: Factory, &format!("{{ path: '{}' }}", conformance_path()));

/// A path of its own for each run of the suite.
fn conformance_path() -> String {
    let folder = tempfile::tempdir().unwrap().keep();
    folder.join("data.json").display().to_string()
}

/// Logs of one record for each of these resources.
fn of(places: &[Option<&str>]) -> Telemetry {
    let groups = places.iter().enumerate().map(|(at, place)| {
        let attributes = place.map(|place| {
            format!(r#"{{"key":"fileexporter.path_segment","value":{{"stringValue":"{place}"}}}}"#)
        });
        format!(
            r#"{{"resource":{{"attributes":[{}]}},"scopeLogs":[{{"logRecords":[{{"body":{{"intValue":"{at}"}}}}]}}]}}"#,
            attributes.unwrap_or_default()
        )
    });
    let document = format!(r#"{{"resourceLogs":[{}]}}"#, groups.collect::<Vec<_>>().join(","));
    Telemetry::from_json(Signal::Logs, document.as_bytes()).unwrap()
}

#[tokio::test]
async fn each_value_of_the_attribute_has_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("*.json");
    let more = "group_by: { enabled: true, max_open_files: 1 }";
    let exporter = exporter(&testkit::settings("file"), &yaml(&path, more)).await;
    let places = [Some("a"), Some("../b/c"), None, Some("a")];
    exporter.consume(of(&places)).await.unwrap();
    // It was closed for the other, and is not emptied.
    exporter.consume(of(&[Some("a")])).await.unwrap();
    let read = |name: &str| lines(&folder.path().join(name));
    let a = read("a.json");
    assert_eq!(a.len(), 2);
    assert!(a[0].contains(r#""intValue":"0""#) && a[0].contains(r#""intValue":"3""#), "{a:?}");
    assert!(!a[0].contains(r#""intValue":"1""#) && !a[0].contains(r#""intValue":"2""#), "{a:?}");
    assert_eq!(read("b/c.json").len(), 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_written_leaves_the_others_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("b.json")).unwrap();
    let path = folder.path().join("*.json");
    let more = "group_by: { enabled: true }";
    let exporter = exporter(&testkit::settings("file"), &yaml(&path, more)).await;
    let error = exporter.consume(of(&[Some("a"), Some("b"), Some("c")])).await.unwrap_err();
    assert!(error.is_partial() && !error.is_permanent(), "{error:?}");
    assert!(error.chain().contains("b.json"), "{}", error.chain());
    assert_eq!(lines(&folder.path().join("a.json")).len(), 1);
    assert_eq!(lines(&folder.path().join("c.json")).len(), 1);
}

#[test]
fn group_by_needs_a_place_in_the_path() {
    for path in ["/a.json", "/*/*.json", "*.json"] {
        let text = testkit::refusal::<Config>(&format!(
            "{{ path: '{path}', group_by: {{ enabled: true }} }}"
        ));
        assert!(text.contains("path: must"), "{text}");
    }
}

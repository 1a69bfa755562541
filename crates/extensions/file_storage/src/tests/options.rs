//! The options.

use std::fs;

use testkit::{extension_in, settings};

use super::*;

async fn refusal_of_start(yaml: &str) -> String {
    let refused = extension_in(Factory, yaml, settings("file_storage")).await;
    component::chain(&refused.unwrap_err())
}

/// Upstream's `extension/storage/filestorage/testdata/config.yaml`, the second of them.
#[test]
fn upstreams_example_reads() {
    let config: Config = testkit::config(
        "{ directory: ., compaction: { directory: ., on_start: true, on_rebound: true, \
           rebound_trigger_threshold_mib: 16, rebound_needed_threshold_mib: 128, \
           max_transaction_size: 2048 }, timeout: 2s, fsync: true }",
    )
    .unwrap();
    assert!(config.fsync && config.compaction.on_start && config.compaction.on_rebound);
    assert_eq!(config.compaction.rebound_needed_threshold_mib, 128);
    assert_eq!(config.timeout.as_secs(), 2);
    let defaults = Config::default();
    assert!(!defaults.create_directory && !defaults.recreate && !defaults.compaction.on_start);
    #[cfg(unix)]
    assert_eq!(defaults.directory, Path::new("/var/lib/otelcol/file_storage"));
}

#[test]
fn wrong_options_are_named() {
    for (yaml, expected) in [
        ("{ directory: '' }", "directory: must not be empty"),
        (
            "{ create_directory: true, directory_permissions: '0999' }",
            "directory_permissions value must be a valid octal representation",
        ),
        (
            "{ create_directory: true, directory_permissions: '1777' }",
            "directory_permissions contain invalid bits for file access",
        ),
        (
            "{ compaction: { max_transaction_size: -1 } }",
            "max transaction size for compaction cannot be less than 0",
        ),
        (
            "{ compaction: { on_rebound: true, check_interval: 0s } }",
            "compaction check interval must be positive when rebound compaction is set",
        ),
        ("{ max_size: 1 }", "`max_size` is not supported yet"),
    ] {
        let wrong = testkit::refusal::<Config>(yaml);
        assert!(wrong.contains(expected), "{wrong}");
    }
    // As upstream: nobody looks at it unless a folder is made.
    testkit::config::<Config>("{ directory_permissions: x }").unwrap();
}

#[tokio::test]
async fn a_folder_that_is_missing_or_none_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("a/b");
    let error = refusal_of_start(&yaml(&missing, "")).await;
    assert!(error.starts_with("directory must exist: "), "{error}");
    assert!(
        error.contains(missing.to_str().unwrap()) && error.contains("create_directory"),
        "{error}"
    );

    fs::write(folder.path().join("file"), "").unwrap();
    let error = refusal_of_start(&yaml(&folder.path().join("file"), "")).await;
    assert!(error.ends_with("is not a directory"), "{error}");

    let error =
        refusal_of_start(&yaml(&folder.path().join("file/b"), "create_directory: true")).await;
    assert!(error.starts_with("directory: cannot make the folder"), "{error}");
}

#[tokio::test]
async fn a_missing_folder_is_made_with_its_permissions() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("a/b");
    for permissions in ["'0700'", "'700'"] {
        let more = format!("create_directory: true, directory_permissions: {permissions}");
        testkit::extension(Factory, &yaml(&made, &more)).await.stop().await.unwrap();
        #[cfg(unix)]
        assert_eq!((mode(&made), mode(made.parent().unwrap())), (0o700, 0o700));
        fs::remove_dir_all(made.parent().unwrap()).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named_with_the_way_out() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        // Nothing is forbidden to root.
        return;
    }
    let error = refusal_of_start(&yaml(folder.path(), "")).await;
    assert!(
        error.contains("directory: cannot lock") && error.contains("read and write"),
        "{error}"
    );
}

#[tokio::test]
async fn files_are_rewritten_on_start() {
    let folder = tempfile::tempdir().unwrap();
    let length = || fs::metadata(table_in(folder.path())).unwrap().len();
    let extension = start(&folder, "").await;
    let client = open(&extension, "filelog").await;
    for _ in 0..10 {
        client.write(vec![set("a", [1; 1000])]).await.unwrap();
    }
    drop((client, extension));
    let grown = length();
    let extension = start(&folder, "").await;
    drop(open(&extension, "filelog").await);
    drop(extension);
    assert_eq!(length(), grown);
    let extension = start(&folder, "compaction: { on_start: true }").await;
    let client = open(&extension, "filelog").await;
    assert!(length() < grown / 5, "{} of {grown}", length());
    assert_eq!(client.get("a").await.unwrap().unwrap(), [1; 1000]);
}

#[tokio::test(start_paused = true)]
async fn files_are_rewritten_on_rebound() {
    let folder = tempfile::tempdir().unwrap();
    let length = || fs::metadata(table_in(folder.path())).unwrap().len();
    let rebound = "compaction: { on_rebound: true, rebound_needed_threshold_mib: 2, \
                   rebound_trigger_threshold_mib: 1, check_interval: 1s }";
    let extension = start(&folder, rebound).await;
    let client = open(&extension, "filelog").await;
    client.write(vec![set("a", vec![1; 900_000])]).await.unwrap();
    client.write(vec![set("b", vec![1; 900_000])]).await.unwrap();
    client.write(vec![set("c", vec![1; 900_000]), set("d", "1")]).await.unwrap();
    let full = length();
    client.write(vec![remove("a"), remove("b")]).await.unwrap();
    client.write(vec![remove("c")]).await.unwrap();
    while length() >= full {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    assert_eq!(client.get("d").await.unwrap().unwrap(), b"1");
    assert!(length() < 1024, "{}", length());
}

#[tokio::test]
async fn what_rewriting_left_behind_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("receiver.filelog.table.new");
    let other = folder.path().join("exporter.otlp.table.new");
    for path in [&left, &other] {
        fs::write(path, "half").unwrap();
    }
    let extension = start(&folder, "").await;
    drop(open(&extension, "filelog").await);
    drop(extension);
    assert!(!left.exists() && other.exists());
    start(&folder, "compaction: { cleanup_on_start: true }").await;
    assert!(!other.exists());
}

use std::fs;
use std::path::Path;

use component::{Change, ComponentId, Kind, chain};

use super::*;

/// An extension that has been acquired.
async fn start(process: &Process, yaml: &str) -> Result<Arc<dyn Storage>, String> {
    let mut settings = testkit::settings("file_storage");
    settings.process = process.clone();
    let extension = Factory.create(testkit::config(yaml).unwrap(), settings).unwrap();
    let (offer, mut life) = extension.into_parts();
    life.acquire().await.map_err(|error| chain(&error))?;
    Ok(offer.storage().expect("it is a storage"))
}

fn owner(name: &str) -> Owner {
    Owner { kind: Kind::Exporter, id: ComponentId::new("otlp_http"), name: name.to_owned() }
}

fn yaml(folder: &Path) -> String {
    format!("{{ directory: '{}' }}", folder.join("storage").display())
}

fn set(key: &str, value: &str) -> Change {
    Change::Set(key.to_owned(), value.as_bytes().to_vec())
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    {
        let storage = start(&Process::default(), &yaml(folder.path())).await.unwrap();
        let place = storage.open(&owner("traces")).await.unwrap();
        place.write(vec![set("a", "1"), set("b", "2"), set("c", "")]).await.unwrap();
        place.write(vec![Change::Remove("b".to_owned()), set("a", "3")]).await.unwrap();
        let own = place.folder().await.unwrap();
        fs::write(own.join("file"), "content").unwrap();
    }
    let storage = start(&Process::default(), &yaml(folder.path())).await.unwrap();
    let place = storage.open(&owner("traces")).await.unwrap();
    assert_eq!(place.get("a").await.unwrap().unwrap(), b"3");
    assert_eq!(place.get("b").await.unwrap(), None);
    assert_eq!(place.get("c").await.unwrap().unwrap(), b"");
    assert_eq!(fs::read(place.folder().await.unwrap().join("file")).unwrap(), b"content");
    let other = storage.open(&owner("logs")).await.unwrap();
    assert_eq!(other.get("a").await.unwrap(), None, "everybody has a place of their own");
}

#[tokio::test]
async fn a_component_and_its_successor_share_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::default();
    let first = start(&process, &yaml(folder.path())).await.unwrap();
    let second = start(&process, &yaml(folder.path())).await.unwrap();
    let (old, new) =
        (first.open(&owner("")).await.unwrap(), second.open(&owner("")).await.unwrap());
    old.write(vec![set("position", "7")]).await.unwrap();
    assert_eq!(new.get("position").await.unwrap().unwrap(), b"7");
}

#[tokio::test]
async fn another_process_is_kept_out_and_told_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let _ours = start(&Process::default(), &yaml(folder.path())).await.unwrap();
    let theirs = yaml(folder.path()).replace(" }", ", timeout: 10ms }");
    let error = start(&Process::default(), &theirs).await.err().unwrap();
    assert!(error.contains("is used by another process"), "{error}");
}

#[tokio::test]
async fn folders_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = yaml(folder.path()).replace(" }", ", create_directory: false }");
    let error = start(&Process::default(), &missing).await.err().unwrap();
    assert!(error.contains("You can enable the create_directory option"), "{error}");
    fs::write(folder.path().join("storage"), "").unwrap();
    let error = start(&Process::default(), &yaml(folder.path())).await.err().unwrap();
    assert!(error.contains("is not a directory"), "{error}");
}

#[tokio::test]
async fn a_damaged_table_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let storage = start(&Process::default(), &yaml(folder.path())).await.unwrap();
    let table = folder.path().join("storage/exporter_otlp_http__logs.table");
    fs::write(&table, "garbage").unwrap();
    let place = storage.open(&owner("logs")).await.unwrap();
    assert_eq!(place.get("a").await.unwrap(), None);
    assert!(folder.path().join("storage/exporter_otlp_http__logs.table.bad").exists());
    place.write(vec![set("a", "1")]).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let storage = start(&Process::default(), &yaml(folder.path())).await.unwrap();
    let place = storage.open(&owner("logs")).await.unwrap();
    place.write(vec![set("a", "1")]).await.unwrap();
    let own = place.folder().await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("storage/exporter_otlp_http__logs.table")), 0o600);
    assert_eq!(mode(&own), 0o700);
}

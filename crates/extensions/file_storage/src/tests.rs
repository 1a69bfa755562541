mod damage;
mod kill;
mod lifetime;
mod options;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use component::{Change, ComponentId, Kind, Owner, StorageClient};
use tempfile::TempDir;
use testkit::RunningExtension;

use crate::{Config, Factory};

fn owner(id: &str) -> Owner {
    let id = ComponentId::parse(id).unwrap();
    Owner { kind: Kind::Receiver, id, name: String::new() }
}

/// Where the table of `receiver.filelog` is.
fn table_in(folder: &Path) -> PathBuf {
    folder.join("receiver.filelog.table")
}

fn config(folder: &Path, more: &str) -> Config {
    testkit::config(&yaml(folder, more)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn yaml(folder: &Path, more: &str) -> String {
    format!("{{ directory: '{}', {more} }}", folder.display())
}

async fn start(folder: &TempDir, more: &str) -> RunningExtension {
    testkit::extension(Factory, &yaml(folder.path(), more)).await
}

async fn open(extension: &RunningExtension, id: &str) -> Arc<dyn StorageClient> {
    extension.storage().open(&owner(id)).await.unwrap()
}

fn set(key: &str, value: impl AsRef<[u8]>) -> Change {
    Change::Set(key.to_owned(), value.as_ref().to_vec())
}

fn remove(key: &str) -> Change {
    Change::Remove(key.to_owned())
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

testkit::conformance!(extension: Factory, &yaml(tempfile::tempdir().unwrap().path(), ""));

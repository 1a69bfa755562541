//! `sending_queue::storage`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use component::{
    Batch, Change, ClientMetadata, ComponentId, Extension, Extensions, Owner, Passive, Storage,
    StorageClient, StorageError,
};
use config::Optional;
use tempfile::TempDir;

use super::*;
use crate::{BatchConfig, PartitionConfig};

/// Folders below one.
struct Folders(PathBuf);

struct Folder(PathBuf);

#[async_trait]
impl Storage for Folders {
    async fn open(&self, owner: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        let name = format!("{}_{}_{}", owner.kind, owner.id, owner.name).replace('/', "~");
        Ok(Arc::new(Folder(self.0.join(name))))
    }
}

#[async_trait]
impl StorageClient for Folder {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(None)
    }

    async fn write(&self, _: Vec<Change>) -> Result<(), StorageError> {
        Ok(())
    }

    async fn folder(&self) -> Result<PathBuf, StorageError> {
        std::fs::create_dir_all(&self.0)
            .map_err(|error| StorageError::caused_by("no folder", error))?;
        Ok(self.0.clone())
    }
}

/// A process, from its start to its end, over a folder that outlives it.
pub(super) fn process(folder: &Path) -> Settings {
    let storage = Extension::storage(Arc::new(Folders(folder.to_owned())), Passive);
    let id = ComponentId::new("file_storage");
    let offers = BTreeMap::from([(id, storage.into_parts().0)]);
    Settings { extensions: Extensions::new(Arc::new(offers)), ..testkit::settings("fake") }
}

pub(super) fn stored(queue: QueueConfig) -> Options {
    let storage = Some(ComponentId::new("file_storage"));
    let retry = RetryConfig { randomization_factor: 0.0, ..RetryConfig::default() };
    let queue = QueueConfig { storage, ..queue };
    Options { retry: Some(retry), queue: Some(queue), ..Options::default() }
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for client in std::fs::read_dir(from).unwrap() {
        let client = client.unwrap();
        std::fs::create_dir(to.path().join(client.file_name())).unwrap();
        for file in std::fs::read_dir(client.path()).unwrap() {
            let file = file.unwrap().path();
            let name = to.path().join(client.file_name()).join(file.file_name().unwrap());
            std::fs::copy(&file, name).unwrap();
        }
    }
    to
}

pub(super) fn files(folder: &Path) -> usize {
    let clients = std::fs::read_dir(folder).unwrap();
    clients.map(|client| std::fs::read_dir(client.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test(start_paused = true)]
async fn delivered_means_written_and_what_was_not_sent_comes_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new([]);
    backend.set_away(true);
    let exporter =
        start_in(&process(folder.path()), &backend, stored(QueueConfig::default())).await;
    for size in 1..=30 {
        let (batch, source) = tracked(log_records(size));
        exporter.offer(batch).await.unwrap();
        assert_eq!(source.now(), Some(Outcome::Delivered));
        let killed = copy(folder.path());
        let good = Backend::new([]);
        let next = start_in(&process(killed.path()), &good, stored(QueueConfig::default())).await;
        good.attempts(size).await;
        next.stop().await.unwrap();
        assert_eq!(good.taken(), (1..=size).sum::<usize>());
        assert_eq!(files(killed.path()), 0, "an empty queue leaves no files");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_four_days_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = process(folder.path());
    let backend = Backend::new([]);
    backend.set_away(true);
    let mut options = stored(QueueConfig::default());
    options.retry = options.retry.map(|retry| RetryConfig { max_interval: seconds(250), ..retry });
    let exporter = start_in(&settings, &backend, options).await;
    for _ in 0..4 * 24 * 6 {
        exporter.consume(log_records(40)).await.unwrap();
        sleep(seconds(600)).await;
    }
    let memory = settings.process.memory();
    assert!(memory.used() < 200_000, "{} bytes are in memory", memory.used());
    backend.set_away(false);
    while backend.taken() < 4 * 24 * 6 * 40 {
        sleep(seconds(1)).await;
    }
    exporter.stop().await.unwrap();
    assert_eq!(backend.taken(), 4 * 24 * 6 * 40, "and sends nothing twice");
    assert_eq!((files(folder.path()), memory.used()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_successor_and_the_next_process_send_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let settings = process(folder.path());
    let dead = Backend::new([]);
    dead.set_away(true);
    let old = start_in(&settings, &dead, stored(QueueConfig::default())).await;
    for size in 1..=100 {
        old.consume(log_records(size)).await.unwrap();
    }
    dead.attempts(10).await;
    let new = start_in(&settings, &dead, stored(QueueConfig::default())).await;
    old.stop().await.unwrap();
    for size in 101..=200 {
        new.consume(log_records(size)).await.unwrap();
    }
    new.stop().await.unwrap();

    let good = Backend::new([]);
    let next = start_in(&process(folder.path()), &good, stored(QueueConfig::default())).await;
    good.attempts(200).await;
    next.stop().await.unwrap();
    let mut sizes = good.attempts(200).await;
    sizes.sort_unstable();
    assert_eq!(sizes, (1..=200).collect::<Vec<_>>(), "each once");
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reload_with_a_good_backend_goes_on_with_the_same_queue() {
    let folder = tempfile::tempdir().unwrap();
    let settings = process(folder.path());
    let (slow, good) = (Backend::new([]).hold(), Backend::new([]));
    let queue = QueueConfig { num_consumers: count(2), ..QueueConfig::default() };
    let old = start_in(&settings, &slow, stored(queue.clone())).await;
    for size in 1..=9 {
        old.consume(log_records(size)).await.unwrap();
    }
    slow.attempts(2).await;
    let new = start_in(&settings, &good, stored(queue)).await;
    let mut stopping = JoinSet::new();
    stopping.spawn(old.stop());
    good.attempts(7).await;
    slow.release();
    stopping.join_next().await.unwrap().unwrap().unwrap();
    new.stop().await.unwrap();
    assert_eq!(slow.taken() + good.taken(), (1..=9).sum::<usize>());
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new([refused]);
    let exporter =
        start_in(&process(folder.path()), &backend, stored(QueueConfig::default())).await;
    exporter.consume(log_records(1)).await.unwrap();
    exporter.consume(log_records(2)).await.unwrap();
    backend.attempts(2).await;
    exporter.stop().await.unwrap();
    assert_eq!((backend.taken(), files(folder.path())), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_time_that_somebody_wrote_gives_up_stored_requests_too() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new([]);
    backend.set_away(true);
    let options = Options { retry: retry(), ..stored(QueueConfig::default()) };
    let exporter = start_in(&process(folder.path()), &backend, options).await;
    exporter.consume(log_records(1)).await.unwrap();
    backend.attempts(4).await;
    sleep(seconds(1_000)).await;
    assert_eq!(backend.attempts(4).await.len(), 4, "at 0, 5, 15 and 35 s");
    exporter.stop().await.unwrap();
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn the_size_of_the_queue_holds_and_what_is_restored_counts() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new([]);
    backend.set_away(true);
    let exporter =
        start_in(&process(folder.path()), &backend, stored(QueueConfig::default())).await;
    for _ in 0..5 {
        exporter.consume(log_records(1)).await.unwrap();
    }
    exporter.stop().await.unwrap();
    let queue = QueueConfig { queue_size: count(3), ..QueueConfig::default() };
    let backend = Backend::new([]).hold();
    let exporter = start_in(&process(folder.path()), &backend, stored(queue)).await;
    let full = exporter.consume(log_records(1)).await.unwrap_err();
    assert_eq!((full.to_string().as_str(), full.is_permanent()), ("sending queue is full", false));
    backend.release();
    backend.attempts(5).await;
    exporter.consume(log_records(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn batches_are_gathered_behind_the_disk_by_what_clients_said() {
    let folder = tempfile::tempdir().unwrap();
    let partition = PartitionConfig { metadata_keys: vec!["tenant".to_owned()] };
    let batch = BatchConfig { partition, min_size: 10, ..BatchConfig::default() };
    let batch = Optional::Some(Written::by_user(batch));
    let queue = QueueConfig { batch, ..QueueConfig::default() };
    let away = Backend::new([]);
    away.set_away(true);
    let exporter = start_in(&process(folder.path()), &away, stored(queue.clone())).await;
    for (tenant, size) in [("a", 1), ("b", 2), ("a", 4), ("b", 3)] {
        let said: ClientMetadata = [("tenant", tenant)].into_iter().collect();
        exporter.offer(Batch::new(log_records(size)).with_metadata(said)).await.unwrap();
    }
    exporter.stop().await.unwrap();

    let backend = Backend::new([]);
    let exporter = start_in(&process(folder.path()), &backend, stored(queue)).await;
    assert_eq!(backend.attempts(2).await, [5, 5]);
    exporter.stop().await.unwrap();
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_makes_the_transport_panic_is_not_sent_for_ever() {
    fn panics(_: &Telemetry) -> Result<(), PushError> {
        panic!("a bug");
    }
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::new([panics]);
    let exporter =
        start_in(&process(folder.path()), &backend, stored(QueueConfig::default())).await;
    exporter.consume(log_records(1)).await.unwrap();
    backend.attempts(1).await;
    exporter.stop().await.unwrap();
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_not_there_is_named() {
    let push = Arc::new(Backend::new([]));
    let options = stored(QueueConfig::default());
    let error = exporter(&testkit::settings("fake"), &[Signal::Logs], options, push).unwrap_err();
    assert!(error.to_string().contains("no storage client extension found"), "{error}");
    assert!(error.to_string().contains("sending_queue::storage"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_counted_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let away = Backend::new([]);
    away.set_away(true);
    let exporter = start_in(&process(folder.path()), &away, stored(QueueConfig::default())).await;
    for size in [1, 2, 3] {
        exporter.consume(log_records(size)).await.unwrap();
    }
    exporter.stop().await.unwrap();
    let client = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let segment = client.join("00000000000000000001.segment");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&segment, bytes).unwrap();

    let settings = process(folder.path());
    let backend = Backend::new([]);
    let exporter = start_in(&settings, &backend, stored(QueueConfig::default())).await;
    backend.attempts(2).await;
    exporter.stop().await.unwrap();
    assert_eq!(backend.taken(), 5, "the first one is damaged");
    let lost = "otelcol_exporter_send_failed_log_records{error.permanent=true,error.type=_OTHER,server.address=backend} 1";
    assert!(testkit::counted(&settings).iter().any(|line| line == lost));
    assert!(segment.with_extension("bad").exists());
}

#[tokio::test(start_paused = true)]
async fn the_ledger_knows_what_is_left_in_storage_and_what_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let settings = process(folder.path());
    let entry = settings.book.entry(Signal::Logs);
    let backend = Backend::new([]);
    backend.set_away(true);
    let options = || stored(QueueConfig::default());
    let exporter = start_in(&settings, &backend, options()).await;
    let [_, _] = offer_all(&exporter, [3, 4]).await;
    entry.taken(7);
    assert_eq!(entry.in_flight(), 7);
    exporter.stop().await.unwrap();
    assert_eq!(entry.in_flight(), 0);
    assert_eq!(entry.numbers().dropped, BTreeMap::from([("left in storage", 7)]));
    backend.set_away(false);
    let exporter = start_in(&settings, &backend, options()).await;
    while backend.taken() < 7 {
        sleep(seconds(1)).await;
    }
    exporter.stop().await.unwrap();
    let numbers = entry.numbers();
    assert_eq!((entry.in_flight(), numbers.out), (0, 7));
    assert_eq!(numbers.created, BTreeMap::from([("restored", 7)]));
}

//! What outlives an exporter: in the storage, or in the hands of its successor.

use std::collections::BTreeMap;
use std::path::PathBuf;

use component::{
    Change, ComponentId, Extension, Extensions, Owner, Passive, Settings, Storage, StorageClient,
    StorageError,
};

use super::*;

/// A storage that is a folder.
#[derive(Clone)]
struct Folder(PathBuf);

#[async_trait]
impl Storage for Folder {
    async fn open(&self, owner: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        let folder = self.0.join(&owner.name);
        std::fs::create_dir_all(&folder).unwrap();
        Ok(Arc::new(Self(folder)))
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
        Ok(self.0.clone())
    }
}

/// Settings of a process that has the storage `disk`.
fn settings(folder: &tempfile::TempDir) -> Settings {
    let storage = Arc::new(Folder(folder.path().to_owned()));
    let offer = Extension::storage(storage, Passive).into_parts().0;
    let offers = BTreeMap::from([(ComponentId::new("disk"), offer)]);
    let mut settings = testkit::settings("fake");
    settings.extensions = Extensions::new(Arc::new(offers));
    settings
}

fn stored() -> Options {
    let storage = Some(ComponentId::new("disk"));
    let queue = Some(QueueConfig { storage, ..QueueConfig::default() });
    Options { retry: Some(RetryConfig::default()), queue, ..Options::default() }
}

async fn start_with(settings: &Settings, backend: &Backend, options: Options) -> Running {
    let push = Arc::new(backend.clone());
    let exporter = exporter(settings, &[Signal::Logs], options, push).unwrap();
    Running::start_exporter(exporter).await
}

fn away() -> Backend {
    Backend::new([unavailable as Answer; 64])
}

#[tokio::test]
async fn what_is_stored_is_delivered_for_its_source_and_sent_by_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let backend = away();
    let first = start_with(&settings(&folder), &backend, stored()).await;
    let (batch, heard) = tracked(log_records(3));
    first.offer(batch).await.unwrap();
    assert_eq!(heard.now(), Some(Outcome::Delivered), "it is written");
    backend.attempts(1).await;
    first.stop().await.unwrap();

    let backend = Backend::new([]);
    let second = start_with(&settings(&folder), &backend, stored()).await;
    assert_eq!(backend.attempts(1).await, [3]);
    second.stop().await.unwrap();
    let backend = Backend::new([]);
    let third = start_with(&settings(&folder), &backend, stored()).await;
    third.consume(log_records(1)).await.unwrap();
    assert_eq!(backend.attempts(1).await, [1], "what was sent is done");
    third.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_waits_for_four_days_of_outage() {
    let folder = tempfile::tempdir().unwrap();
    let over = Instant::now() + Duration::from_secs(4 * 86_400);
    // A backend that is away until then.
    #[derive(Clone)]
    struct Until(Instant, watch::Sender<usize>);
    #[async_trait]
    impl Push for Until {
        async fn push(&self, telemetry: &Telemetry) -> Result<(), PushError> {
            if Instant::now() < self.0 {
                return unavailable(telemetry);
            }
            self.1.send_modify(|items| *items += telemetry.item_count());
            Ok(())
        }
    }
    let arrived = watch::Sender::new(0);
    let push = Arc::new(Until(over, arrived.clone()));
    let exporter = exporter(&settings(&folder), &[Signal::Logs], stored(), push).unwrap();
    let exporter = Running::start_exporter(exporter).await;
    for _ in 0..2 {
        exporter.consume(log_records(2)).await.unwrap();
    }
    arrived.subscribe().wait_for(|items| *items == 4).await.unwrap();
    assert!(Instant::now() >= over);
    exporter.stop().await.unwrap();
}

#[tokio::test]
async fn a_successor_inherits_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    for options in [stored(), Options { queue: Some(QueueConfig::default()), ..stored() }] {
        let settings = settings(&folder);
        let (old_backend, new_backend) = (away(), Backend::new([]));
        let old = start_with(&settings, &old_backend, options.clone()).await;
        let mut outcomes = Vec::new();
        for items in [1, 2, 3] {
            let (batch, heard) = tracked(log_records(items));
            old.offer(batch).await.unwrap();
            outcomes.push(heard);
        }
        old_backend.attempts(3).await;
        let new = start_with(&settings, &new_backend, options).await;
        old.stop().await.unwrap();
        let mut sent = new_backend.attempts(3).await;
        sent.sort_unstable();
        assert_eq!(sent, [1, 2, 3]);
        for heard in outcomes {
            assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
        }
        new.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_hold_data_back_until_they_are_taken() {
    fn stranger(_: &Telemetry) -> Result<(), PushError> {
        Err(ConsumeError::permanent("who are you?").with_code(Code::Unauthenticated).into())
    }
    let backend = Backend::new([stranger, stranger]);
    let queue = Some(QueueConfig::default());
    let exporter = start(&backend, Options { queue, retry: retry(), ..Options::default() }).await;
    let (batch, heard) = tracked(log_records(1));
    exporter.offer(batch).await.unwrap();
    assert_eq!(heard.outcome().await, Some(Outcome::Delivered));
    assert_eq!(backend.pauses(), [30, 60].map(seconds));

    let backend = Backend::new([stranger]);
    let exporter = start(&backend, Options::default()).await;
    let error = exporter.consume(log_records(1)).await.unwrap_err();
    assert!(!error.is_permanent(), "without a queue the caller keeps it");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_goes_in_halves() {
    fn too_large(telemetry: &Telemetry) -> Result<(), PushError> {
        match telemetry.item_count() > 2 {
            true => Err(ConsumeError::permanent("too large").because_too_large().into()),
            false => Ok(()),
        }
    }
    let backend = Backend::new([too_large as Answer; 9]);
    let exporter = start(&backend, Options { retry: retry(), ..Options::default() }).await;
    exporter.consume(log_records(7)).await.unwrap();
    assert_eq!(backend.attempts(7).await, [7, 3, 1, 2, 4, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_holds_no_more_than_its_part_of_the_memory() {
    let backend = Backend::new([]).hold();
    let mut settings = testkit::settings("fake");
    let account = settings.process.memory();
    let one = Telemetry::from(log_records(10)).encoded_len();
    let _limit = account.limit_to(one * 4);
    settings.status = Default::default();
    let queue = Some(QueueConfig::default());
    let options = Options { queue, ..Options::default() };
    let exporter = start_with(&settings, &backend, options).await;
    exporter.consume(log_records(10)).await.unwrap();
    exporter.consume(log_records(10)).await.unwrap();
    let full = exporter.consume(log_records(10)).await.unwrap_err();
    assert_eq!(full.chain(), "sending queue is full");
    backend.release();
    backend.attempts(2).await;
    exporter.stop().await.unwrap();
}

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{
    Change, ComponentId, ConsumeError, Extension, Extensions, Outcome, Owner, Passive, Settings,
    Signal, Storage, StorageClient, StorageError, Telemetry,
};
use parking_lot::Mutex;
use tempfile::TempDir;
use testkit::{Running, log_records, spans};
use tokio::time::sleep;

use crate::{Config, Factory};

const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// A folder with files that a receiver reads.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn add(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = OpenOptions::new().append(true).create(true).open(self.path(name));
        file.unwrap().write_all(text.as_ref()).unwrap();
    }

    async fn receiver(&self, options: &str) -> Running {
        let yaml = format!("{{ include: ['{}/*.json'], {options} }}", self.0.path().display());
        testkit::receiver(Factory, &yaml, ALL).await
    }
}

/// A line whose first record says how it is.
fn line(items: usize) -> Vec<u8> {
    let mut line = log_records(items).to_json().to_vec();
    line.push(b'\n');
    line
}

fn sizes(taken: &[Telemetry]) -> Vec<usize> {
    taken.iter().map(Telemetry::item_count).collect()
}

/// Lets some polls pass.
async fn polls() {
    for _ in 0..5 {
        sleep(Duration::from_millis(201)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_line_goes_to_the_pipeline_of_its_signal() {
    let folder = Folder::new();
    let metrics = testkit::any(Signal::Metrics, 3);
    folder.add("a.json", line(1));
    folder.add("a.json", [&spans(2).to_json()[..], b"\r\n\n"].concat());
    folder.add("a.json", [&metrics.to_json()[..], b"\n"].concat());
    let receiver = folder.receiver("start_at: beginning").await;
    let taken = receiver.output().items(6).await;
    let signals: Vec<_> = taken.iter().map(Telemetry::signal).collect();
    assert_eq!(signals, [Signal::Logs, Signal::Traces, Signal::Metrics]);
    assert_eq!(taken[2].to_json(), metrics.to_json());
}

#[tokio::test(start_paused = true)]
async fn by_default_only_what_comes_is_read_and_new_files_wholly() {
    let folder = Folder::new();
    folder.add("old.json", line(1));
    let receiver = folder.receiver("").await;
    polls().await;
    folder.add("old.json", line(2));
    folder.add("new.json", line(4));
    let mut taken = sizes(&receiver.output().items(6).await);
    taken.sort_unstable();
    assert_eq!(taken, [2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_file_goes_on_under_another_name() {
    let folder = Folder::new();
    folder.add("a.json", line(1));
    let receiver = folder.receiver("start_at: beginning").await;
    receiver.output().items(1).await;
    folder.add("a.json", line(2));
    fs::rename(folder.path("a.json"), folder.path("a-1.json")).unwrap();
    folder.add("a.json", [b" ", &line(4)[..]].concat());
    folder.add("a-1.json", line(8));
    receiver.output().items(15).await;
    polls().await;
    let mut taken = sizes(&receiver.output().taken());
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 4, 8], "each once");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_a_file_left_is_read() {
    let folder = Folder::new();
    folder.add("a.json", line(1));
    let receiver = folder.receiver("start_at: beginning").await;
    receiver.output().items(1).await;
    folder.add("a.json", line(2));
    fs::rename(folder.path("a.json"), folder.path("a.old")).unwrap();
    assert_eq!(sizes(&receiver.output().items(3).await), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_last_line_waits_for_its_end_and_not_for_ever() {
    let folder = Folder::new();
    let whole = line(3);
    let (front, back) = whole.split_at(20);
    folder.add("a.json", front);
    let receiver = folder.receiver("start_at: beginning, force_flush_period: 1h").await;
    polls().await;
    assert_eq!(receiver.output().item_count(), 0);
    folder.add("a.json", back);
    receiver.output().items(3).await;
    receiver.stop().await.unwrap();

    let folder = Folder::new();
    folder.add("a.json", line(3).trim_ascii());
    let receiver = folder.receiver("start_at: beginning").await;
    receiver.output().items(3).await;
    folder.add("a.json", [b"\n", &line(1)[..]].concat());
    assert_eq!(sizes(&receiver.output().items(4).await), [3, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_passed_over() {
    let folder = Folder::new();
    folder.add("a.json", b"no JSON\n1234\n{\"resourceLogs\": 7}\n{\"other\": []}\n");
    folder.add("a.json", [&vec![b'x'; 3000][..], b"\n"].concat());
    folder.add("a.json", line(2));
    let receiver = folder.receiver("start_at: beginning, max_log_size: 2000").await;
    receiver.output().items(2).await;
    polls().await;
    assert_eq!(sizes(&receiver.output().taken()), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_line_without_room_is_handed_on_again_and_one_refused_for_good_is_not() {
    let folder = Folder::new();
    for items in 1..=3 {
        folder.add("a.json", line(items));
    }
    let receiver = folder.receiver("start_at: end").await;
    polls().await;
    receiver.output().refuse(|| ConsumeError::retryable("full"));
    folder.add("a.json", line(4));
    folder.add("a.json", line(5));
    receiver.output().calls(3).await;
    receiver.output().accept();
    assert_eq!(sizes(&receiver.output().items(9).await), [4, 5]);
    receiver.output().refuse(|| ConsumeError::permanent("never"));
    folder.add("a.json", line(6));
    let calls = 6;
    receiver.output().calls(calls).await;
    receiver.output().accept();
    folder.add("a.json", line(7));
    assert_eq!(sizes(&receiver.output().items(16).await), [4, 5, 7]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_became_shorter_is_read_as_the_option_says() {
    for (option, expected) in
        [("ignore", &[9, 5][..]), ("read_whole_file", &[9, 5, 9]), ("read_new", &[9, 5, 2])]
    {
        let folder = Folder::new();
        let options = format!("start_at: beginning, fingerprint_size: 16, on_truncate: {option}");
        folder.add("a.json", line(9));
        folder.add("a.json", line(5));
        let receiver = folder.receiver(&options).await;
        receiver.output().items(14).await;
        let file = File::options().write(true).open(folder.path("a.json")).unwrap();
        file.set_len(u64::try_from(line(9).len()).unwrap()).unwrap();
        polls().await;
        folder.add("a.json", line(2));
        polls().await;
        let taken = sizes(&receiver.output().taken());
        assert!(taken.starts_with(expected), "{option}: {taken:?}");
        assert_eq!(taken.len() > 2, option != "ignore", "{option}: {taken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_can_be_replayed() {
    let folder = Folder::new();
    folder.add("a.json", line(2));
    let receiver = folder.receiver("replay_file: true").await;
    assert_eq!(sizes(&receiver.output().items(6).await), [2, 2, 2]);
}

/// A storage that outlives receivers.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<HashMap<String, Vec<u8>>>>);

#[async_trait]
impl Storage for Kept {
    async fn open(&self, _: &Owner) -> Result<Arc<dyn StorageClient>, StorageError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl StorageClient for Kept {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.0.lock().get(key).cloned())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StorageError> {
        for change in changes {
            match change {
                Change::Set(key, value) => drop(self.0.lock().insert(key, value)),
                Change::Remove(key) => drop(self.0.lock().remove(&key)),
            }
        }
        Ok(())
    }

    async fn folder(&self) -> Result<PathBuf, StorageError> {
        Err(StorageError::new("there is none"))
    }
}

/// A process with the storage.
fn process(kept: &Kept) -> Settings {
    let storage = Extension::storage(Arc::new(kept.clone()), Passive);
    let id = ComponentId::new("file_storage");
    let offers = BTreeMap::from([(id, storage.into_parts().0)]);
    Settings {
        extensions: Extensions::new(Arc::new(offers)),
        ..testkit::settings("otlp_json_file")
    }
}

#[tokio::test]
async fn after_a_restart_it_goes_on_with_what_was_not_delivered() {
    let (folder, kept) = (Folder::new(), Kept::default());
    folder.add("a.json", line(1));
    folder.add("a.json", line(2));
    let yaml = format!(
        "{{ include: ['{}/*.json'], start_at: beginning, poll_interval: 10ms, storage: file_storage }}",
        folder.0.path().display()
    );
    let receiver = testkit::receiver_in(Factory, &yaml, ALL, process(&kept)).await;
    receiver.output().items(3).await;
    receiver.output().refuse(|| ConsumeError::retryable("away"));
    folder.add("a.json", line(4));
    receiver.output().calls(3).await;
    receiver.stop().await.unwrap();

    folder.add("a.json", line(8));
    let receiver = testkit::receiver_in(Factory, &yaml, ALL, process(&kept)).await;
    assert_eq!(sizes(&receiver.output().items(12).await), [4, 8]);
}

#[tokio::test]
async fn a_change_of_the_configuration_goes_on_where_it_was() {
    let folder = Folder::new();
    folder.add("a.json", line(1));
    let settings = testkit::settings("otlp_json_file");
    let yaml =
        format!("{{ include: ['{}/*.json'], poll_interval: 10ms }}", folder.0.path().display());
    let receiver = testkit::receiver_in(Factory, &yaml, ALL, settings.clone()).await;
    sleep(Duration::from_millis(50)).await;
    receiver.stop().await.unwrap();
    folder.add("a.json", line(2));
    let receiver = testkit::receiver_in(Factory, &yaml, ALL, settings).await;
    assert_eq!(sizes(&receiver.output().items(2).await), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_later_is_read_again() {
    let folder = Folder::new();
    folder.add("a.json", line(1));
    let receiver = folder.receiver("start_at: beginning").await;
    receiver.output().resolve_with(Outcome::FailedForNow);
    receiver.output().items(2).await;
    receiver.output().resolve_with(Outcome::Delivered);
    polls().await;
    let taken = receiver.output().taken().len();
    polls().await;
    assert_eq!(receiver.output().taken().len(), taken, "it was delivered at last");
    assert!(taken >= 2);
}

#[test]
fn wrong_options_are_named() {
    for (yaml, words) in [
        ("{}", "'include' must be specified"),
        ("{ include: ['[a'] }", "invalid glob"),
        ("{ include: [a], fingerprint_size: 15 }", "at least 16"),
        ("{ include: [a], max_log_size: 0 }", "must be positive"),
        ("{ include: [a], poll_interval: 0s }", "poll_interval"),
        ("{ include: [a], start_at: middle }", "start_at"),
        ("{ include: [a], multiline: {} }", "not supported yet"),
        ("{ include: [a], encoding: utf-16 }", "not supported yet"),
        ("{ include: [a], replay_file: true, storage: s }", "no use"),
    ] {
        let text = testkit::refusal::<Config>(yaml);
        assert!(text.contains(words), "{yaml}: {text}");
    }
}

testkit::conformance!(receiver: Factory, "{ include: [/nowhere/*.json] }");

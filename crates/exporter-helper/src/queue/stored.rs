//! Requests in a journal.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use component::{ClientMetadata, ConsumeError, Signal, StorageClient, Telemetry, chain};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use crate::journal::{Journal, JournalError, Record};
use crate::quiet::Quiet;

/// A queue's place in a storage.
#[derive(Clone)]
pub(crate) struct Store {
    journal: Arc<Journal>,
    signal: Signal,
    syncing: Arc<Quiet>,
    /// Keeps the place open as long as the queue lives.
    _place: Arc<dyn StorageClient>,
}

/// A request in the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored(Record);

impl Stored {
    pub(crate) fn items(&self) -> usize {
        self.0.items as usize
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Store {
    /// The store, and what an earlier process has left in it.
    pub(crate) fn new(
        journal: Journal,
        records: Vec<Record>,
        signal: Signal,
        place: Arc<dyn StorageClient>,
    ) -> (Self, Vec<Stored>) {
        let (journal, syncing) = (Arc::new(journal), Arc::default());
        let store = Self { journal, signal, syncing, _place: place };
        (store, records.into_iter().map(Stored).collect())
    }

    /// Writes a request. When this returns, the end of the process cannot lose it. A request whose caller has gone away in the
    /// meantime is not kept.
    pub(crate) async fn keep(
        &self,
        telemetry: &Telemetry,
        metadata: &ClientMetadata,
    ) -> Result<Stored, ConsumeError> {
        let mut payload = vec![encode(metadata)];
        payload.extend(telemetry.to_otlp());
        let items = telemetry.item_count();
        let (journal, quiet) = (Arc::clone(&self.journal), Arc::clone(&self.syncing));
        let (answer, answered) = oneshot::channel();
        // Not waited for by its handle: it goes on when the caller does not.
        drop(spawn_blocking(move || {
            let kept = journal.append(items, &payload);
            if let Err(Ok(unwanted)) = answer.send(kept) {
                note(&quiet, journal.done(&unwanted));
            }
        }));
        let kept = answered.await.map_err(|_| ConsumeError::retryable("storing it failed"))?;
        kept.map(Stored).map_err(|error| {
            ConsumeError::retryable("the request cannot be stored").with_cause(error)
        })
    }

    /// Reads a request; `None` when it cannot be read any more, which is logged.
    pub(crate) async fn read(&self, stored: &Stored) -> Option<(Telemetry, ClientMetadata)> {
        let record = stored.0;
        let read = self.blocking(move |journal| journal.read(&record)).await;
        let decoded = match read {
            Ok(payload) => decode(self.signal, payload),
            Err(error) => {
                error!(error = chain(&error), items = record.items, "a stored request is lost");
                return None;
            }
        };
        if decoded.is_none() {
            error!(
                items = record.items,
                "a stored request is not what this version writes, and is lost"
            );
        }
        decoded
    }

    /// Notes that a request is done, in the background.
    pub(crate) fn done(&self, stored: Stored) {
        let (journal, syncing) = (Arc::clone(&self.journal), Arc::clone(&self.syncing));
        // Not waited for: if the process ends before it is noted, the request comes again.
        drop(spawn_blocking(move || note(&syncing, journal.done(&stored.0))));
    }

    /// Brings what was written to the disk itself.
    pub(crate) async fn sync(&self) {
        if !self.journal.is_unsynced() {
            return;
        }
        let synced = self.blocking(Journal::sync).await;
        note(&self.syncing, synced);
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = Arc::clone(&self.journal);
        match spawn_blocking(move || work(&journal)).await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

fn note(quiet: &Quiet, result: Result<(), JournalError>) {
    if let Err(error) = result
        && let Some(suppressed) = quiet.pass()
    {
        warn!(
            error = chain(&error),
            suppressed,
            "the sending queue's files cannot be kept in order; requests may be delivered twice"
        );
    }
}

/// What stands before the request: the metadata, as pairs of texts behind their lengths, and how many there are.
fn encode(metadata: &ClientMetadata) -> Bytes {
    let mut out = BytesMut::new();
    let values =
        || metadata.iter().flat_map(|(name, values)| values.iter().map(move |it| (name, it)));
    out.put_u32_le(u32::try_from(values().count()).unwrap_or(0));
    for (name, value) in values() {
        for text in [name, value] {
            out.put_u32_le(u32::try_from(text.len()).unwrap_or(0));
            out.put_slice(text.as_bytes());
        }
    }
    out.freeze()
}

fn decode(signal: Signal, mut payload: Bytes) -> Option<(Telemetry, ClientMetadata)> {
    let pairs = number(&mut payload)?;
    let mut metadata = Vec::new();
    for _ in 0..pairs {
        metadata.push((text(&mut payload)?, text(&mut payload)?));
    }
    let telemetry = Telemetry::from_otlp(signal, payload).ok()?;
    Some((telemetry, metadata.into_iter().collect()))
}

fn number(payload: &mut Bytes) -> Option<usize> {
    let (head, _) = payload.split_at_checked(4)?;
    let number = u32::from_le_bytes(head.try_into().ok()?);
    drop(payload.split_to(4));
    usize::try_from(number).ok()
}

fn text(payload: &mut Bytes) -> Option<String> {
    let length = number(payload)?;
    let text = (payload.len() >= length).then(|| payload.split_to(length))?;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use testkit::log_records;

    use super::*;

    #[test]
    fn a_request_and_its_metadata_come_back() {
        let metadata: ClientMetadata = [("x-tenant", "a"), ("x-tenant", "b")].into_iter().collect();
        let telemetry = Telemetry::from(log_records(3));
        let mut payload = BytesMut::from(&encode(&metadata)[..]);
        telemetry.to_otlp().for_each(|chunk| payload.extend_from_slice(&chunk));
        let (read, read_metadata) = decode(Signal::Logs, payload.freeze()).unwrap();
        assert_eq!(read.to_json(), telemetry.to_json());
        assert_eq!(read_metadata, metadata);
        assert!(decode(Signal::Logs, Bytes::from_static(b"\x01\0\0\0\x09\0\0\0x")).is_none());
    }
}

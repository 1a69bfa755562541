//! The disk side of a queue.
//!
//! Requests come in groups: whoever puts one in leaves it in a list, and one job at a time on a blocking thread writes the
//! whole list in few calls, marks what is done, and goes on until the lists are empty. A caller is answered after the
//! write. A request that is next in turn stays in memory as well; all others are read again when their turn comes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use component::ledger::Entry;
use component::{Batch, ClientMetadata, Outcome, Receipt, StartError, StorageClient};
use parking_lot::Mutex;
use pdata::Telemetry;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;
use tracing::warn;

use crate::caller::{Answer, stopped};
use crate::durable::{self, DiskLimits, Files, Place, WriteError};
use crate::queue::{Intake, Queue};
use crate::quiet::Quiet;
use crate::request::{Load, Request, Space};

/// The group commit: what was written is flushed to the disk this long after the first of it.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// How long to wait after a failure to read.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// How much is kept in memory beside what is being sent, at least one request.
const READ_BYTES: usize = 1 << 20;
const READ_REQUESTS: usize = 64;

/// A queue's place on disk.
pub(crate) struct Disk {
    /// Keeps the place open.
    _client: Arc<dyn StorageClient>,
    /// Receipts are resolved anywhere, and their consequences are written here.
    runtime: Handle,
    found: Load,
    files: Mutex<Files>,
    work: Mutex<Work>,
    /// There are requests on disk that are neither done nor in memory.
    behind: AtomicBool,
    unsynced: Notify,
    /// Quiets the lines about a disk that cannot be read.
    failing: Quiet,
}

#[derive(Default)]
struct Work {
    appends: Vec<Append>,
    done: Vec<Place>,
    again: Vec<Place>,
    /// A job is at it.
    active: bool,
}

/// A request that is to be written.
struct Append {
    telemetry: Telemetry,
    metadata: ClientMetadata,
    stored_metadata: Vec<u8>,
    load: Load,
    reply: oneshot::Sender<Result<(), WriteError>>,
}

impl Disk {
    /// Opens what is in the folder of a client.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub(crate) async fn open(
        client: Arc<dyn StorageClient>,
        folder: PathBuf,
        limits: DiskLimits,
    ) -> Result<Self, StartError> {
        let runtime = Handle::current();
        let message =
            format!("sending_queue::storage: cannot open the queue in {}", folder.display());
        let opened = runtime.spawn_blocking(move || Files::open(folder, limits)).await;
        let (files, found) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return Err(StartError::caused_by(message, error)),
            Err(error) => return Err(StartError::caused_by(message, error)),
        };
        Ok(Self {
            _client: client,
            runtime,
            found,
            files: Mutex::new(files),
            work: Mutex::default(),
            behind: AtomicBool::new(found.requests > 0),
            unsynced: Notify::new(),
            failing: Quiet::default(),
        })
    }

    /// What was there when it was opened.
    pub(super) fn found(&self) -> Load {
        self.found
    }
}

impl Queue {
    /// Writes a batch to disk. Its receipts are resolved when that is done: it is delivered to a durable place.
    pub(super) async fn store(
        self: &Arc<Self>,
        intake: &Intake,
        batch: Batch,
        load: Load,
    ) -> Answer {
        let load = Load { pinned: 0, ..load };
        self.when_free(intake, || {
            let mut state = self.state.lock();
            self.check_space(&state, intake, load)?;
            state.stored += load;
            state.show();
            Ok(())
        })
        .await?;
        let (reply, written) = oneshot::channel();
        let (telemetry, attached) = batch.into_parts();
        let metadata = attached.metadata().clone();
        let stored_metadata = durable::metadata(&metadata, &intake.metadata_keys);
        let append = Append { telemetry, metadata, stored_metadata, load, reply };
        self.add_work(|work| work.appends.push(append));
        match written.await {
            Ok(Ok(())) => {
                attached.resolve(Outcome::Delivered);
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(stopped()),
        }
    }

    /// Adds work, and starts a job unless one is at it.
    fn add_work(self: &Arc<Self>, add: impl FnOnce(&mut Work)) {
        let Some(disk) = &self.disk else { return };
        let mut work = disk.work.lock();
        add(&mut work);
        if !std::mem::replace(&mut work.active, true) {
            let queue = Arc::clone(self);
            // It ends by itself when the lists are empty, and keeps the queue alive until then.
            drop(disk.runtime.spawn_blocking(move || queue.work()));
        }
    }

    /// The job: writes until there is nothing to be written. Blocks.
    fn work(self: Arc<Self>) {
        let Some(disk) = &self.disk else { return };
        let _panicked = Inactive(disk);
        loop {
            // Before the work is taken: whoever finds no work under this lock knows that all is written.
            let mut files = disk.files.lock();
            let (appends, done, again) = {
                let mut work = disk.work.lock();
                if work.appends.is_empty() && work.done.is_empty() && work.again.is_empty() {
                    work.active = false;
                    return;
                }
                (
                    std::mem::take(&mut work.appends),
                    std::mem::take(&mut work.done),
                    std::mem::take(&mut work.again),
                )
            };
            files.done(&done);
            for place in again {
                files.offer_again(place);
                disk.behind.store(true, Ordering::Release);
            }
            self.append(disk, &mut files, appends);
            drop(files);
            self.ready.notify_one();
        }
    }

    /// Writes a group of requests and answers those who wait for it.
    fn append(self: &Arc<Self>, disk: &Disk, files: &mut Files, appends: Vec<Append>) {
        if appends.is_empty() {
            return;
        }
        let requests =
            appends.iter().map(|append| (&append.telemetry, &append.stored_metadata[..]));
        let answers = files.append(requests);
        disk.unsynced.notify_one();
        for (append, answer) in appends.into_iter().zip(answers) {
            let Append { telemetry, metadata, load, reply, .. } = append;
            let result = match answer {
                Err(error) => {
                    // The caller is refused.
                    self.forget(load, |_| ());
                    Err(error)
                }
                Ok(place) => {
                    let pinned = telemetry.pinned_len();
                    if self.has_memory_for(pinned) && files.take_in_turn(&place) {
                        self.hand_out(telemetry, metadata, place);
                    } else {
                        disk.behind.store(true, Ordering::Release);
                    }
                    Ok(())
                }
            };
            // A caller that has gone away loses the answer; its request is stored all the same.
            drop(reply.send(result));
        }
    }

    /// Puts a stored request into memory, to be sent.
    fn hand_out(self: &Arc<Self>, telemetry: Telemetry, metadata: ClientMetadata, place: Place) {
        let load = Load::of(&telemetry);
        let queue = Arc::clone(self);
        let receipt = Receipt::new(move |outcome| queue.settle(place, outcome));
        let share = self.account.charge(load.pinned);
        let batch = Batch::with_receipt(telemetry, receipt).with_metadata(metadata).charged(share);
        let mut state = self.state.lock();
        state.memory += load;
        let space = Space::of(Arc::clone(self), load);
        let request = Request { batch, space, callers: Vec::new() };
        if self.is_deserted() {
            drop(state);
            drop(request);
            return;
        }
        state.waiting.push_back(request);
        drop(state);
        self.ready.notify_one();
    }

    /// What became of a request that was handed out.
    fn settle(self: &Arc<Self>, place: Place, outcome: Outcome) {
        if outcome == Outcome::FailedForNow {
            self.add_work(|work| work.again.push(place));
            return;
        }
        let items = place.load.items;
        self.forget(place.load, |entry| match outcome {
            Outcome::Delivered => entry.out(items),
            Outcome::Dropped | Outcome::FailedForGood | Outcome::FailedForNow => {
                entry.dropped("send failed", items);
            }
        });
        self.add_work(|work| work.done.push(place));
    }

    /// Gives up the space of a request that is not, or no longer, on disk, and says so in the ledger.
    fn forget(&self, load: Load, book: impl FnOnce(&Entry)) {
        let mut state = self.state.lock();
        if state.booked {
            book(&self.entry);
        }
        state.stored -= load;
        state.show();
        drop(state);
        self.freed.notify_one();
    }

    /// Whether some more may be kept in memory for sending. Nothing in memory means yes, whatever the size.
    fn has_memory_for(&self, pinned: usize) -> bool {
        let state = self.state.lock();
        let ahead: usize = state.waiting.iter().map(|request| request.space.pinned()).sum();
        let is_small = state.waiting.is_empty() || ahead + pinned <= READ_BYTES;
        let fits = state.memory.pinned + pinned <= self.lane.part();
        state.memory.requests == 0 || (state.waiting.len() < READ_REQUESTS && is_small && fits)
    }

    /// Reads what is to be sent next, if there is something on disk and room for it in memory. Says whether it did.
    pub(super) async fn refill(self: &Arc<Self>) -> bool {
        let Some(disk) = &self.disk else { return false };
        if !disk.behind.load(Ordering::Acquire) || !self.has_memory_for(0) {
            return false;
        }
        let queue = Arc::clone(self);
        match disk.runtime.spawn_blocking(move || queue.read()).await {
            Ok(Ok(any)) => any,
            Ok(Err(error)) => {
                if let Some(suppressed) = disk.failing.pass() {
                    warn!(exporter = %self.id, signal = %self.signal, %error, suppressed, "cannot read the sending queue, trying again");
                }
                sleep(READ_AGAIN).await;
                true
            }
            Err(_) => false,
        }
    }

    /// Reads some requests, and says whether there were any. Blocks.
    fn read(self: Arc<Self>) -> std::io::Result<bool> {
        let Some(disk) = &self.disk else { return Ok(false) };
        let mut files = disk.files.lock();
        let (mut any, mut failed) = (false, None);
        while !any || (self.has_memory_for(0) && !self.is_deserted()) {
            let (place, payload) = match files.read() {
                Ok(Some(found)) => found,
                Ok(None) => {
                    disk.behind.store(false, Ordering::Release);
                    break;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            any = true;
            match durable::read(self.signal, payload) {
                Some((telemetry, metadata)) => self.hand_out(telemetry, metadata, place),
                None => files.lose(&place, "it is no request of this signal"),
            }
        }
        let lost = files.take_lost();
        drop(files);
        if lost.requests > 0 {
            if let Some((metrics, _)) = &self.state.lock().metrics {
                metrics.send_failed.add_unreadable(lost.items);
            }
            self.forget(lost, |entry| entry.dropped("unreadable", lost.items));
        }
        failed.map_or(Ok(any), Err)
    }

    /// Flushes what was written to the disk from time to time, for as long as it is polled: what is older than a second
    /// survives the loss of power. Never ends.
    pub(crate) async fn keep_synced(self: &Arc<Self>) {
        let Some(disk) = &self.disk else { return std::future::pending().await };
        loop {
            disk.unsynced.notified().await;
            sleep(SYNC_AFTER).await;
            self.sync().await;
        }
    }

    /// Writes and flushes everything, and deletes what is not needed.
    pub(crate) async fn close(self: &Arc<Self>) {
        let Some(disk) = &self.disk else { return };
        let queue = Arc::clone(self);
        let written = disk.runtime.spawn_blocking(move || {
            queue.work_off();
        });
        drop(written.await);
        self.sync().await;
    }

    /// Does what no job has done yet. Blocks.
    fn work_off(self: Arc<Self>) {
        let Some(disk) = &self.disk else { return };
        Arc::clone(&self).work();
        // Another job that was at it has ended, or has nothing to do.
        disk.files.lock().tidy();
    }

    async fn sync(self: &Arc<Self>) {
        let Some(disk) = &self.disk else { return };
        let queue = Arc::clone(self);
        let synced = disk.runtime.spawn_blocking(move || queue.sync_files());
        if let Ok(Err(error)) = synced.await {
            warn!(exporter = %self.id, signal = %self.signal, %error, "cannot flush the sending queue to the disk");
        }
    }

    fn sync_files(&self) -> std::io::Result<()> {
        let Some(disk) = &self.disk else { return Ok(()) };
        // Not under the lock: a flush may take long, and writing goes on meanwhile.
        let files = disk.files.lock().unsynced();
        files.iter().try_for_each(std::fs::File::sync_data)
    }
}

/// Lets another job begin after one that panicked.
struct Inactive<'a>(&'a Disk);

impl Drop for Inactive<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.work.lock().active = false;
        }
    }
}

//! One worker for each combination of client metadata (`metadata_keys`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use component::{
    Batch, CancellationToken, ClientMetadata, ConsumeError, Consumer, Lifecycle, StartError,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::config::Config;
use crate::worker::{Work, Worker};
use crate::{PATIENCE, full, hand_over, stopped};

/// After how long without data a combination is forgotten.
const IDLE: Duration = Duration::from_secs(60);

/// The processor's side of all hand-overs.
pub(crate) struct Lanes {
    keys: Vec<String>,
    /// `usize::MAX` sets no limit.
    limit: usize,
    work: Work,
    open: Open,
    /// To the life of the processor, which puts new workers to work.
    born: mpsc::Sender<Lane>,
}

/// The hand-overs by what clients said.
type Open = Arc<Mutex<HashMap<ClientMetadata, mpsc::Sender<Batch>>>>;

struct Lane {
    metadata: ClientMetadata,
    worker: Worker,
}

/// The life of the processor: that of its workers.
pub(crate) struct Life {
    lanes: mpsc::Receiver<Lane>,
    work: Work,
    open: Open,
}

impl Lanes {
    pub(crate) fn new(config: &Config, work: Work) -> (Self, Life) {
        let (born, lanes) = mpsc::channel(1);
        let open = Open::default();
        let entrance = Self {
            keys: config.metadata_keys.iter().map(|key| key.to_ascii_lowercase()).collect(),
            limit: match config.metadata_cardinality_limit {
                0 => usize::MAX,
                limit => limit as usize,
            },
            work: work.clone(),
            open: Arc::clone(&open),
            born,
        };
        (entrance, Life { lanes, work, open })
    }

    /// What a client said under the keys. A key without a value is not the same as one with an empty value.
    fn said(&self, metadata: &ClientMetadata) -> ClientMetadata {
        let keys = self.keys.iter();
        keys.flat_map(|key| metadata.get(key).iter().map(move |value| (key, value.as_str())))
            .collect()
    }

    async fn hand_over(
        &self,
        metadata: &ClientMetadata,
    ) -> Result<mpsc::Sender<Batch>, ConsumeError> {
        if let Some(lane) = self.open.lock().get(metadata) {
            return Ok(lane.clone());
        }
        let place = self.born.reserve().await.map_err(|_| stopped())?;
        let mut open = self.open.lock();
        // Somebody else may have been here in the meantime.
        if let Some(lane) = open.get(metadata) {
            return Ok(lane.clone());
        }
        if open.len() >= self.limit {
            return Err(ConsumeError::permanent("too many batcher metadata-value combinations"));
        }
        let (entrance, batches) = hand_over();
        open.insert(metadata.clone(), entrance.clone());
        self.work.metrics.combinations.set(open.len());
        let worker = Worker::new(self.work.clone(), batches);
        place.send(Lane { metadata: metadata.clone(), worker });
        Ok(entrance)
    }

    async fn put(&self, batch: Batch) -> Result<(), ConsumeError> {
        let metadata = self.said(batch.metadata());
        let batch = batch.with_metadata(metadata.clone());
        loop {
            let entrance = self.hand_over(&metadata).await?;
            let place = entrance.reserve().await;
            if let Ok(place) = place {
                place.send(batch);
                return Ok(());
            }
            // Its worker has just retired, or all have: then there is no new one.
        }
    }
}

#[async_trait]
impl Consumer for Lanes {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        timeout(PATIENCE, self.put(batch)).await.unwrap_or_else(|_| Err(full()))
    }
}

#[async_trait]
impl Lifecycle for Life {
    async fn run(self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        let Self { mut lanes, work, open } = *self;
        let mut workers = JoinSet::new();
        loop {
            tokio::select! {
                Some(lane) = lanes.recv() => {
                    workers.spawn(run(lane, Arc::clone(&open), work.clone(), stop.clone()));
                }
                Some(ended) = workers.join_next() => ended.map_err(died)?,
                () = stop.cancelled() => break,
            }
        }
        lanes.close();
        while let Some(lane) = lanes.recv().await {
            workers.spawn(run(lane, Arc::clone(&open), work.clone(), stop.clone()));
        }
        while let Some(ended) = workers.join_next().await {
            ended.map_err(died)?;
        }
        Ok(())
    }
}

fn died(error: tokio::task::JoinError) -> StartError {
    StartError::caused_by("a worker died", error)
}

/// Works until there was nothing to do for a while. A combination that comes again gets another worker.
async fn run(lane: Lane, open: Open, work: Work, stop: CancellationToken) {
    let Lane { metadata, mut worker } = lane;
    worker.work(&stop, Some(IDLE)).await;
    {
        let mut open = open.lock();
        open.remove(&metadata);
        work.metrics.combinations.set(open.len());
    }
    // Some may have found it just before.
    worker.finish(&stop).await;
}

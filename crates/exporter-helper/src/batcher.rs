//! Gathers requests from the queue into larger ones (`sending_queue::batch`).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use component::ClientMetadata;
use pdata::Telemetry;
use tokio::time::Instant;

use crate::config::{QueueConfig, Sizer};
use crate::request::Request;

/// How many partitions may gather data at a time; when there are more, the oldest is sent.
const PARTITIONS: usize = 10_000;

/// What has to be gathered, and how.
struct Rules {
    sizer: Sizer,
    min_size: usize,
    /// `None` sets no limit.
    max_size: Option<usize>,
    flush_timeout: Duration,
    metadata_keys: Vec<String>,
}

/// Requests that wait for more, by partition, and batches that are full.
///
/// Requests are merged when a batch is full or its time is up, not when they come: a cut goes through one request at most,
/// and what has to go back to the queue goes back as it came.
pub(crate) struct Batcher {
    rules: Rules,
    /// By age.
    gathering: BTreeMap<u64, Gathering>,
    by_values: HashMap<Values, u64>,
    /// The age of the youngest.
    next_age: u64,
    full: VecDeque<Request>,
}

/// The values of the partition keys.
type Values = Vec<Vec<String>>;

struct Gathering {
    values: Values,
    requests: VecDeque<Request>,
    size: usize,
    deadline: Instant,
}

impl Batcher {
    /// `None` when requests are sent as they come.
    pub(crate) fn new(config: &QueueConfig) -> Option<Self> {
        let batch = config.batch.get()?;
        let rules = Rules {
            sizer: config.batch_sizer(batch),
            min_size: batch.min_size,
            max_size: Some(batch.max_size).filter(|size| *size > 0),
            flush_timeout: batch.flush_timeout,
            metadata_keys: batch.partition.metadata_keys.clone(),
        };
        Some(Self {
            rules,
            gathering: BTreeMap::new(),
            by_values: HashMap::new(),
            next_age: 0,
            full: VecDeque::new(),
        })
    }

    /// Adds a request from the queue.
    pub(crate) fn add(&mut self, request: Request) {
        let values = self.rules.values(request.batch.metadata());
        let age = self.by_values.get(&values).copied();
        let mut gathering = match age.and_then(|age| self.end(age)) {
            Some(gathering) => gathering,
            None => self.begin(values),
        };
        gathering.size += self.rules.size(request.batch.telemetry());
        gathering.requests.push_back(request);
        let mut kept_age = age;
        while let Some(batch) = gathering.take_full(&self.rules) {
            self.full.push_back(batch);
            // What is left begins a new batch.
            kept_age = None;
            gathering.deadline = Instant::now() + self.rules.flush_timeout;
        }
        if !gathering.requests.is_empty() {
            self.keep(kept_age, gathering);
        }
    }

    fn begin(&mut self, values: Values) -> Gathering {
        if self.gathering.len() >= PARTITIONS {
            self.flush_oldest();
        }
        let deadline = Instant::now() + self.rules.flush_timeout;
        Gathering { values, requests: VecDeque::new(), size: 0, deadline }
    }

    fn keep(&mut self, age: Option<u64>, gathering: Gathering) {
        let age = age.unwrap_or_else(|| {
            self.next_age += 1;
            self.next_age
        });
        self.by_values.insert(gathering.values.clone(), age);
        self.gathering.insert(age, gathering);
    }

    fn end(&mut self, age: u64) -> Option<Gathering> {
        let gathering = self.gathering.remove(&age)?;
        self.by_values.remove(&gathering.values);
        Some(gathering)
    }

    /// The next batch that is to be sent now.
    pub(crate) fn next_full(&mut self) -> Option<Request> {
        self.full.pop_front()
    }

    /// When the oldest data has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.gathering.first_key_value().map(|(_, gathering)| gathering.deadline)
    }

    /// Makes full whatever has waited long enough.
    pub(crate) fn flush_due(&mut self) {
        let now = Instant::now();
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.flush_oldest();
        }
    }

    /// Makes everything full.
    pub(crate) fn flush_all(&mut self) {
        while !self.gathering.is_empty() {
            self.flush_oldest();
        }
    }

    fn flush_oldest(&mut self) {
        let oldest = self.gathering.keys().next().copied();
        if let Some(mut gathering) = oldest.and_then(|age| self.end(age)) {
            self.full.extend(gathering.take(usize::MAX, &self.rules));
        }
    }

    /// Everything, latest first, to be put back into the queue one by one.
    pub(crate) fn into_requests(self) -> impl Iterator<Item = Request> {
        let gathering = self.gathering.into_values().flat_map(|gathering| gathering.requests);
        let mut requests: Vec<Request> = self.full.into_iter().chain(gathering).collect();
        requests.reverse();
        requests.into_iter()
    }
}

impl Rules {
    fn size(&self, telemetry: &Telemetry) -> usize {
        match self.sizer {
            Sizer::Requests => 1,
            Sizer::Items => telemetry.item_count(),
            Sizer::Bytes => telemetry.encoded_len(),
        }
    }

    fn values(&self, metadata: &ClientMetadata) -> Values {
        self.metadata_keys.iter().map(|key| metadata.get(key).to_vec()).collect()
    }

    /// Whether the front of a request may be taken off so that it fits: not within one item. The first request of a batch
    /// is cut in any case, so that there is a batch.
    fn may_cut(&self, request: &Request, room: usize, is_first: bool) -> bool {
        let telemetry = request.batch.telemetry();
        let has_item_within = || telemetry.clone().split_off_front(1).encoded_len() <= room;
        telemetry.item_count() > 1 && (is_first || self.sizer != Sizer::Bytes || has_item_within())
    }

    /// Takes the front off, at least one item, at most `limit` where items allow it.
    fn cut(&self, telemetry: &mut Telemetry, limit: usize) -> Telemetry {
        match self.sizer {
            Sizer::Bytes => telemetry.split_off_front_bytes(limit),
            Sizer::Requests | Sizer::Items => telemetry.split_off_front(limit),
        }
    }
}

impl Gathering {
    /// A batch, if there is enough for one.
    fn take_full(&mut self, rules: &Rules) -> Option<Request> {
        match rules.max_size {
            Some(max) if self.size > max => self.take(max, rules),
            _ if self.size >= rules.min_size => self.take(usize::MAX, rules),
            _ => None,
        }
    }

    /// The oldest data as one batch of at most `limit`, but at least one item.
    fn take(&mut self, limit: usize, rules: &Rules) -> Option<Request> {
        let mut taken: Option<Request> = None;
        let mut room = limit;
        while room > 0 {
            let Some(request) = self.requests.pop_front() else { break };
            let size = rules.size(request.batch.telemetry());
            let cut = size > room && rules.may_cut(&request, room, taken.is_none());
            if size > room && !cut && taken.is_some() {
                self.requests.push_front(request);
                break;
            }
            self.size -= size;
            let request = match cut {
                // It fits, or it is one item that is larger than all that is allowed: that is never split.
                false => request,
                true => {
                    let (front, back) = request.split(|telemetry| rules.cut(telemetry, room));
                    // Both parts repeat what stands around their items.
                    self.size += rules.size(back.batch.telemetry());
                    self.requests.push_front(back);
                    front
                }
            };
            room = if cut { 0 } else { room.saturating_sub(size) };
            match &mut taken {
                None => taken = Some(request),
                Some(taken) => taken.merge(request),
            }
        }
        taken
    }
}

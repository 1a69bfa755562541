//! Collecting through the SDK: the tables of the process are observed, nothing is counted here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use component::ledger::Ledger;
use component::meter::{Instrument, Instruments};
use component::overview::Overview;
use component::{BuildInfo, MemoryAccount, Process};
use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};
use parking_lot::Mutex;

use super::histograms::{Reader, Reading};
use super::{instruments, ledger, process};
use crate::config::Level;

/// The name of the instrumentation scope of all metrics.
const SCOPE: &str = "kmagent";

/// What the process counts, and since when.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) instruments: Arc<Instruments>,
    pub(crate) memory: Arc<MemoryAccount>,
    /// Sums count from here on. It stays when the reader changes, for so do the sums.
    pub(crate) start: SystemTime,
}

impl Observed {
    pub(crate) fn of(process: &Process) -> Self {
        Self {
            ledger: process.table(),
            instruments: process.table(),
            memory: process.memory(),
            start: process.table::<Overview>().started(),
        }
    }
}

/// One reader's view of everything that is observed. What the SDK needs for it is made when it is first asked for: an
/// agent that nobody asks does not pay for it.
pub(crate) struct Source {
    observed: Observed,
    level: Level,
    temporality: Temporality,
    resource: Resource,
    version: String,
    histograms: Reader,
    collection: OnceLock<Collection>,
}

/// Everything as it was at one time.
pub(crate) struct Collected {
    /// What the SDK has observed, all of it in one scope.
    pub(crate) metrics: ResourceMetrics,
    pub(crate) histograms: Reading,
}

/// What the SDK needs.
struct Collection {
    reader: Shared,
    meter: Meter,
    /// The instruments of components that the SDK knows.
    known: Mutex<BTreeSet<&'static Instrument>>,
    /// Keeps the pipeline behind the reader.
    _provider: SdkMeterProvider,
}

impl Source {
    pub(crate) fn new(
        observed: Observed,
        level: Level,
        temporality: Temporality,
        resource: Resource,
        build: &BuildInfo,
    ) -> Self {
        let version = build.version.to_string();
        let histograms = Reader::new(level, temporality, observed.start);
        let collection = OnceLock::new();
        Self { observed, level, temporality, resource, version, histograms, collection }
    }

    /// Since when sums count.
    pub(crate) fn start(&self) -> SystemTime {
        self.observed.start
    }

    /// Everything as it is now.
    pub(crate) fn collect(&self) -> Collected {
        let collection = self.collection.get_or_init(|| self.begin());
        self.meet_new_instruments(collection);
        let mut metrics = ResourceMetrics::default();
        if let Err(error) = collection.reader.collect(&mut metrics) {
            tracing::debug!(%error, "metrics were not collected");
        }
        let Observed { instruments, start, .. } = &self.observed;
        Collected { metrics, histograms: self.histograms.read(instruments, *start) }
    }

    fn begin(&self) -> Collection {
        let reader = ManualReader::builder().with_temporality(self.temporality).build();
        let reader = Shared(Arc::new(reader));
        let provider = SdkMeterProvider::builder()
            .with_resource(self.resource.clone())
            .with_reader(reader.clone())
            .build();
        let scope = InstrumentationScope::builder(SCOPE).with_version(self.version.clone());
        let meter = provider.meter_with_scope(scope.build());
        ledger::register(&meter, &self.observed);
        process::register(&meter, &self.observed);
        Collection { reader, meter, known: Mutex::default(), _provider: provider }
    }

    /// Components bring their instruments along at any time.
    fn meet_new_instruments(&self, collection: &Collection) {
        let mut known = collection.known.lock();
        let mut new = BTreeSet::new();
        self.observed.instruments.visit(|instrument, _, _| {
            if self.level.shows(instrument.level) && !known.contains(instrument) {
                new.insert(instrument);
            }
        });
        for instrument in new {
            let shows_details = self.level.shows(component::meter::Level::Detailed);
            let numbers = Arc::clone(&self.observed.instruments);
            instruments::register(&collection.meter, instrument, numbers, shows_details);
            known.insert(instrument);
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("level", &self.level).finish_non_exhaustive()
    }
}

/// A reader that the provider and we hold.
#[derive(Clone, Debug)]
struct Shared(Arc<ManualReader>);

impl MetricReader for Shared {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

//! Histograms. The SDK has none that are observed, so they are read past it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use component::meter::{Attributes, Buckets, HistogramInstrument, Instruments};
use opentelemetry_sdk::metrics::Temporality;
use parking_lot::Mutex;

use crate::config::Level;

/// One reader's view of the histograms.
pub(super) struct Reader {
    level: Level,
    /// What was read last, for a reader whose histograms begin anew with each report.
    last: Option<Mutex<Last>>,
}

struct Last {
    time: SystemTime,
    buckets: BTreeMap<(&'static HistogramInstrument, Attributes), Buckets>,
}

/// All histograms of an instrument.
pub(crate) struct Family {
    pub(crate) instrument: &'static HistogramInstrument,
    pub(crate) points: Vec<(Attributes, Buckets)>,
}

/// Everything that was read.
pub(crate) struct Reading {
    pub(crate) families: Vec<Family>,
    /// Whether only what came since the last reading is in it.
    pub(crate) is_delta: bool,
    /// Since when values are in it.
    pub(crate) since: SystemTime,
    pub(crate) time: SystemTime,
}

impl Reader {
    /// A reader of histograms that count since `start`. With `lowmemory` they begin anew too, as every SDK has it.
    pub(super) fn new(level: Level, temporality: Temporality, start: SystemTime) -> Self {
        let is_delta = temporality != Temporality::Cumulative;
        let last = Last { time: start, buckets: BTreeMap::new() };
        Self { level, last: is_delta.then(|| Mutex::new(last)) }
    }

    pub(super) fn read(&self, instruments: &Instruments, start: SystemTime) -> Reading {
        let time = SystemTime::now();
        let mut last = self.last.as_ref().map(Mutex::lock);
        let since = match &mut last {
            Some(last) => std::mem::replace(&mut last.time, time),
            None => start,
        };
        let mut families: Vec<Family> = Vec::new();
        instruments.visit_histograms(|instrument, attributes, buckets| {
            if !self.level.shows(instrument.level) {
                return;
            }
            let buckets = match &mut last {
                Some(last) => {
                    let key = (instrument, attributes.clone());
                    let earlier = last.buckets.insert(key, buckets.clone());
                    buckets.since(&earlier.unwrap_or_default())
                }
                None => buckets,
            };
            if buckets.count() == 0 {
                return;
            }
            let point = (attributes.clone(), buckets);
            // They come in the order of their instruments.
            match families.last_mut().filter(|family| family.instrument == instrument) {
                Some(family) => family.points.push(point),
                None => families.push(Family { instrument, points: vec![point] }),
            }
        });
        Reading { families, is_delta: last.is_some(), since, time }
    }
}

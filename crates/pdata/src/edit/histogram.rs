//! What histograms and summaries consist of, and examples, to be changed.

use super::draft::{Draft, Rewrite};
use super::point::PointMut;
use crate::view::{Exemplar, MetricKind, Quantile};
use crate::wire;

/// One side of an exponential histogram, to be set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketCounts {
    /// The index of the first bucket.
    pub offset: i32,
    /// How many values fell into each bucket.
    pub counts: Vec<u64>,
}

/// Setters of one kind do nothing to points of other kinds.
impl PointMut<'_> {
    /// Sets how many values fell into each bucket of a histogram.
    pub fn set_bucket_counts(&mut self, counts: impl IntoIterator<Item = u64>) {
        if self.kind == MetricKind::Histogram {
            self.draft.set_packed64(6, counts);
        }
    }

    /// Sets the upper bound of each bucket of a histogram but the last.
    pub fn set_explicit_bounds(&mut self, bounds: impl IntoIterator<Item = f64>) {
        if self.kind == MetricKind::Histogram {
            self.draft.set_packed64(7, bounds.into_iter().map(f64::to_bits));
        }
    }

    /// Sets or removes the smallest value of a histogram of either kind.
    pub fn set_min(&mut self, min: Option<f64>) {
        if let Some((field, _)) = self.extremes() {
            self.draft.set_present64(field, min.map(f64::to_bits));
        }
    }

    /// Sets or removes the largest value of a histogram of either kind.
    pub fn set_max(&mut self, max: Option<f64>) {
        if let Some((_, field)) = self.extremes() {
            self.draft.set_present64(field, max.map(f64::to_bits));
        }
    }

    /// Sets the resolution of an exponential histogram.
    pub fn set_scale(&mut self, scale: i32) {
        if self.kind == MetricKind::ExponentialHistogram {
            self.draft.set_varint(6, zigzag(scale));
        }
    }

    /// Sets how many values of an exponential histogram were zero, or near it.
    pub fn set_zero_count(&mut self, count: u64) {
        if self.kind == MetricKind::ExponentialHistogram {
            self.draft.set_fixed64(7, count);
        }
    }

    /// Sets how wide the bucket of zero of an exponential histogram is, to either side.
    pub fn set_zero_threshold(&mut self, threshold: f64) {
        if self.kind == MetricKind::ExponentialHistogram {
            self.draft.set_fixed64(14, threshold.to_bits());
        }
    }

    /// Sets the buckets of the positive values of an exponential histogram.
    pub fn set_positive(&mut self, buckets: &BucketCounts) {
        self.set_buckets(8, buckets);
    }

    /// Sets the buckets of the negative values of an exponential histogram.
    pub fn set_negative(&mut self, buckets: &BucketCounts) {
        self.set_buckets(9, buckets);
    }

    /// Sets the quantiles of a summary.
    pub fn set_quantile_values(&mut self, quantiles: impl IntoIterator<Item = Quantile>) {
        if self.kind != MetricKind::Summary {
            return;
        }
        self.draft.set_all(6, |out| {
            for Quantile { quantile, value } in quantiles {
                let start = wire::open(out, 6);
                for (number, part) in [(1, quantile), (2, value)] {
                    if part.to_bits() != 0 {
                        wire::put_fixed64_field(out, number, part.to_bits());
                    }
                }
                wire::close(out, start);
            }
        });
    }

    /// Keeps the examples for which `keep` is true. Summaries have none.
    pub fn retain_exemplars(&mut self, mut keep: impl FnMut(Exemplar<'_>) -> bool) {
        let field = match self.kind {
            MetricKind::Gauge | MetricKind::Sum => 5,
            MetricKind::Histogram => 8,
            MetricKind::ExponentialHistogram => 11,
            MetricKind::Summary | MetricKind::Empty => return,
        };
        self.draft.rewrite(field, |body, _| match keep(Exemplar(body)) {
            true => Rewrite::Keep,
            false => Rewrite::Drop,
        });
    }

    /// The fields of the smallest and the largest value.
    fn extremes(&self) -> Option<(u32, u32)> {
        match self.kind {
            MetricKind::Histogram => Some((11, 12)),
            MetricKind::ExponentialHistogram => Some((12, 13)),
            _ => None,
        }
    }

    fn set_buckets(&mut self, number: u32, buckets: &BucketCounts) {
        if self.kind != MetricKind::ExponentialHistogram {
            return;
        }
        let BucketCounts { offset, counts } = buckets;
        let mut body = Vec::new();
        let mut message = Draft::new(&[]);
        message.set_varint(1, zigzag(*offset));
        body.extend_from_slice(message.bytes());
        if !counts.is_empty() {
            let start = wire::open(&mut body, 2);
            counts.iter().for_each(|count| wire::put_varint(&mut body, *count));
            wire::close(&mut body, start);
        }
        self.draft.set_message(number, &body);
    }
}

/// As protobuf writes an `sint32`.
fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
}

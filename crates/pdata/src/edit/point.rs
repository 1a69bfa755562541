use super::attributes::AttributesMut;
use super::draft::Draft;
use crate::attributes::Attributes;
use crate::view::{
    ExponentialHistogramPoint, HistogramPoint, MetricKind, Number, NumberPoint, SummaryPoint,
};
use crate::wire;

/// A data point of any kind, to be changed.
#[derive(Debug)]
pub struct PointMut<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) kind: MetricKind,
}

impl<'a> PointMut<'a> {
    /// The kind of the metric.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// The point of a gauge or a sum, to read.
    pub fn as_number(&self) -> Option<NumberPoint<'_>> {
        matches!(self.kind, MetricKind::Gauge | MetricKind::Sum)
            .then(|| NumberPoint(self.draft.bytes()))
    }

    /// The point of a histogram, to read.
    pub fn as_histogram(&self) -> Option<HistogramPoint<'_>> {
        (self.kind == MetricKind::Histogram).then(|| HistogramPoint(self.draft.bytes()))
    }

    /// The point of an exponential histogram, to read.
    pub fn as_exponential_histogram(&self) -> Option<ExponentialHistogramPoint<'_>> {
        (self.kind == MetricKind::ExponentialHistogram)
            .then(|| ExponentialHistogramPoint(self.draft.bytes()))
    }

    /// The point of a summary, to read.
    pub fn as_summary(&self) -> Option<SummaryPoint<'_>> {
        (self.kind == MetricKind::Summary).then(|| SummaryPoint(self.draft.bytes()))
    }

    /// The attributes, to read.
    pub fn attributes(&self) -> Attributes<'_> {
        Attributes::encoded(self.draft.bytes(), self.attributes_field())
    }

    /// The attributes, to be changed.
    pub fn attributes_mut(&mut self) -> AttributesMut<'_, 'a> {
        let field = self.attributes_field();
        AttributesMut::new(&mut self.draft, None, field)
    }

    /// Since when it has been counted.
    pub fn start_time_unix_nano(&self) -> u64 {
        wire::find(self.draft.bytes(), 2).map_or(0, wire::Wire::bits)
    }

    /// Sets since when it has been counted.
    pub fn set_start_time_unix_nano(&mut self, time: u64) {
        self.draft.set_fixed64(2, time);
    }

    /// When it was taken.
    pub fn time_unix_nano(&self) -> u64 {
        wire::find(self.draft.bytes(), 3).map_or(0, wire::Wire::bits)
    }

    /// Sets when it was taken.
    pub fn set_time_unix_nano(&mut self, time: u64) {
        self.draft.set_fixed64(3, time);
    }

    /// Sets the flags.
    pub fn set_flags(&mut self, flags: u32) {
        let field = match self.kind {
            MetricKind::Histogram | MetricKind::ExponentialHistogram => 10,
            MetricKind::Empty | MetricKind::Gauge | MetricKind::Sum | MetricKind::Summary => 8,
        };
        self.draft.set_varint(field, flags.into());
    }

    /// Sets the value of a point of a gauge or a sum. Nothing happens to points of other kinds.
    pub fn set_value(&mut self, value: impl Into<Number>) {
        if self.as_number().is_none() {
            return;
        }
        let (double, int) = match value.into() {
            Number::Double(value) => (Some(value.to_bits()), None),
            Number::Int(value) => (None, Some(value.cast_unsigned())),
        };
        self.draft.set_present64(4, double);
        self.draft.set_present64(6, int);
    }

    /// Sets how many values a point of a histogram or a summary counts. Nothing happens to points of other kinds.
    pub fn set_count(&mut self, count: u64) {
        if self.as_number().is_none() {
            self.draft.set_fixed64(4, count);
        }
    }

    /// Sets the sum of the values of a point of a histogram or a summary. Nothing happens to points of other kinds.
    pub fn set_sum(&mut self, sum: f64) {
        if self.as_number().is_none() {
            self.draft.set_present64(5, Some(sum.to_bits()));
        }
    }

    fn attributes_field(&self) -> u32 {
        match self.kind {
            MetricKind::Histogram => 9,
            MetricKind::ExponentialHistogram => 1,
            MetricKind::Empty | MetricKind::Gauge | MetricKind::Sum | MetricKind::Summary => 7,
        }
    }
}

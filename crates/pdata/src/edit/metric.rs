use super::attributes::AttributesMut;
use super::draft::{Buffers, Draft};
use super::point::PointMut;
use crate::attributes::Attributes;
use crate::tree::{Edited, Level};
use crate::view::{MetricKind, Temporality};
use crate::wire::{self, Field, Fields};

/// A metric, to be changed.
///
/// It has a header, the header of its kind, and points. Changing one does not rewrite the others.
#[derive(Debug)]
pub struct MetricMut<'a> {
    /// The fields that are not of the kind.
    header: Draft<'a>,
    kind: MetricKind,
    /// The fields of the kind that are not points.
    data: Draft<'a>,
    points: &'a [u8],
    other_points: Option<Vec<u8>>,
    other_kind: bool,
}

/// A metric taken apart into its three parts, each in one piece.
#[derive(Debug, Default)]
pub(crate) struct MetricParts {
    header: Vec<u8>,
    kind: u32,
    data: Vec<u8>,
    points: Vec<u8>,
}

impl MetricParts {
    pub(crate) fn take(&mut self, body: &[u8]) {
        self.kind = 0;
        for part in [&mut self.header, &mut self.data, &mut self.points] {
            part.clear();
        }
        for field in Fields(body) {
            if !Level::Metric.is_child(field.number) {
                self.header.extend_from_slice(field.raw);
                continue;
            }
            self.kind = field.number;
            for field in Fields(field.wire.bytes()) {
                let part = if Level::Data.is_child(field.number) {
                    &mut self.points
                } else {
                    &mut self.data
                };
                part.extend_from_slice(field.raw);
            }
        }
    }
}

impl<'a> MetricMut<'a> {
    pub(crate) fn new(parts: &'a MetricParts) -> Self {
        Self {
            header: Draft::new(&parts.header),
            kind: MetricKind::of(parts.kind),
            data: Draft::new(&parts.data),
            points: &parts.points,
            other_points: None,
            other_kind: false,
        }
    }

    /// Gives the metric away: into `out` if it has changed.
    pub(crate) fn finish(self, out: &mut Vec<u8>) -> Edited {
        let changed = self.header.is_changed()
            || self.data.is_changed()
            || self.other_points.is_some()
            || self.other_kind;
        if !changed {
            return Edited::Kept;
        }
        out.clear();
        out.extend_from_slice(self.header.bytes());
        if let Some(number) = self.kind.field() {
            let (data, points) = (self.data.bytes(), self.points());
            wire::put_head(out, number, data.len() + points.len());
            out.extend_from_slice(points);
            out.extend_from_slice(data);
        }
        Edited::Changed
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.text(1)
    }

    /// Sets the name.
    pub fn set_name(&mut self, name: &str) {
        self.header.set_text(1, name);
    }

    /// The description.
    pub fn description(&self) -> &str {
        self.text(2)
    }

    /// Sets the description.
    pub fn set_description(&mut self, description: &str) {
        self.header.set_text(2, description);
    }

    /// The unit.
    pub fn unit(&self) -> &str {
        self.text(3)
    }

    /// Sets the unit.
    pub fn set_unit(&mut self, unit: &str) {
        self.header.set_text(3, unit);
    }

    /// Attributes of the metric as such, to read.
    pub fn metadata(&self) -> Attributes<'_> {
        Attributes::encoded(self.header.bytes(), 12)
    }

    /// Attributes of the metric as such, to be changed.
    pub fn metadata_mut(&mut self) -> AttributesMut<'_, 'a> {
        AttributesMut::new(&mut self.header, None, 12)
    }

    /// The kind.
    pub fn kind(&self) -> MetricKind {
        self.kind
    }

    /// Makes a sum of a gauge.
    ///
    /// False, and nothing is changed, if this is no gauge.
    pub fn gauge_to_sum(&mut self, temporality: Temporality, monotonic: bool) -> bool {
        let is_gauge = self.kind == MetricKind::Gauge;
        if is_gauge {
            (self.kind, self.other_kind) = (MetricKind::Sum, true);
            self.set_temporality(temporality);
            self.set_monotonic(monotonic);
        }
        is_gauge
    }

    /// Makes a gauge of a sum. What only sums have is gone.
    ///
    /// False, and nothing is changed, if this is no sum.
    pub fn sum_to_gauge(&mut self) -> bool {
        let is_sum = self.kind == MetricKind::Sum;
        if is_sum {
            self.set_temporality(Temporality::Unspecified);
            self.set_monotonic(false);
            (self.kind, self.other_kind) = (MetricKind::Gauge, true);
        }
        is_sum
    }

    /// The temporality of a sum, histogram or exponential histogram.
    pub fn temporality(&self) -> Temporality {
        if !self.has_temporality() {
            return Temporality::Unspecified;
        }
        let bits = wire::find(self.data.bytes(), 2).map_or(0, wire::Wire::bits);
        (bits as u32).cast_signed().into()
    }

    /// Sets the temporality. Nothing happens to metrics that have none.
    pub fn set_temporality(&mut self, temporality: Temporality) {
        if self.has_temporality() {
            self.data.set_enum(2, temporality.into());
        }
    }

    /// Whether this is a sum that only grows.
    pub fn is_monotonic(&self) -> bool {
        let flag = || wire::find(self.data.bytes(), 3).map_or(0, wire::Wire::bits);
        self.kind == MetricKind::Sum && flag() != 0
    }

    /// Sets whether a sum only grows. Nothing happens to metrics of other kinds.
    pub fn set_monotonic(&mut self, monotonic: bool) {
        if self.kind == MetricKind::Sum {
            self.data.set_varint(3, monotonic.into());
        }
    }

    /// How many data points there are.
    pub fn point_count(&self) -> usize {
        Fields(self.points()).count()
    }

    /// Shows each data point, with the metric, and keeps those for which `keep` is true.
    ///
    /// While this runs, [`point_count`](Self::point_count) is the count from before, and another `retain_points` inside
    /// `keep` has no effect.
    pub fn retain_points(
        &mut self,
        mut keep: impl FnMut(&mut MetricMut<'a>, &mut PointMut<'_>) -> bool,
    ) {
        let kind = self.kind;
        let before = self.other_points.take();
        let points = before.as_deref().unwrap_or(self.points);
        let mut out: Option<Vec<u8>> = None;
        let mut at = 0;
        let mut buffers = Buffers::default();
        for Field { number, wire, raw } in Fields(points) {
            let mut point = PointMut { draft: Draft::with(buffers, wire.bytes()), kind };
            let kept = keep(self, &mut point);
            if kept && !point.draft.is_changed() {
                if let Some(out) = &mut out {
                    out.extend_from_slice(raw);
                }
            } else {
                let out = out.get_or_insert_with(|| {
                    let mut out = Vec::with_capacity(points.len());
                    out.extend_from_slice(&points[..at]);
                    out
                });
                if kept {
                    wire::put_bytes_field(out, number, point.draft.bytes());
                }
            }
            buffers = point.draft.into_buffers();
            at += raw.len();
        }
        self.other_points = out.or(before);
    }

    fn points(&self) -> &[u8] {
        self.other_points.as_deref().unwrap_or(self.points)
    }

    fn has_temporality(&self) -> bool {
        matches!(
            self.kind,
            MetricKind::Sum | MetricKind::Histogram | MetricKind::ExponentialHistogram
        )
    }

    fn text(&self, number: u32) -> &str {
        wire::find(self.header.bytes(), number).map_or("", wire::Wire::str)
    }
}

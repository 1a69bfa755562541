use super::group::{RecordView, Records, ScopeGroup, sealed};
use super::point::{
    ExponentialHistogramPoint, HistogramPoint, NumberPoint, PointsOf, SummaryPoint,
};
use super::span::enumeration;
use super::{bits, bits32, text};
use crate::attributes::Attributes;
use crate::tree::{Level, View};

/// A metric with its data points.
#[derive(Clone, Copy, Debug)]
pub struct Metric<'a>(View<'a>);

impl<'a> RecordView<'a> for Metric<'a> {}

impl<'a> sealed::Sealed<'a> for Metric<'a> {
    fn at(place: sealed::Place<'a>) -> Self {
        Self(place.0)
    }
}

impl<'a> ScopeGroup<'a, Metric<'a>> {
    /// The metrics.
    pub fn metrics(&self) -> Records<'a, Metric<'a>> {
        self.records()
    }
}

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// No kind, and no points.
    Empty,
    /// Current values.
    Gauge,
    /// Sums, of which [`temporality`](Metric::temporality) and [`is_monotonic`](Metric::is_monotonic) say more.
    Sum,
    /// Histograms with explicit bounds.
    Histogram,
    /// Histograms with exponential bounds.
    ExponentialHistogram,
    /// Quantiles.
    Summary,
}

impl MetricKind {
    /// The kind whose field in a metric this is.
    pub(crate) fn of(field: u32) -> Self {
        match field {
            5 => Self::Gauge,
            7 => Self::Sum,
            9 => Self::Histogram,
            10 => Self::ExponentialHistogram,
            11 => Self::Summary,
            _ => Self::Empty,
        }
    }

    /// The field of a metric that holds this kind.
    pub(crate) fn field(self) -> Option<u32> {
        match self {
            Self::Empty => None,
            Self::Gauge => Some(5),
            Self::Sum => Some(7),
            Self::Histogram => Some(9),
            Self::ExponentialHistogram => Some(10),
            Self::Summary => Some(11),
        }
    }
}

/// The data points of a metric.
#[derive(Clone, Debug)]
pub enum Points<'a> {
    /// No kind, and no points.
    Empty,
    /// Points of a gauge.
    Gauge(PointsOf<'a, NumberPoint<'a>>),
    /// Points of a sum.
    Sum(PointsOf<'a, NumberPoint<'a>>),
    /// Points of a histogram.
    Histogram(PointsOf<'a, HistogramPoint<'a>>),
    /// Points of an exponential histogram.
    ExponentialHistogram(PointsOf<'a, ExponentialHistogramPoint<'a>>),
    /// Points of a summary.
    Summary(PointsOf<'a, SummaryPoint<'a>>),
}

enumeration! {
    /// What the values of a sum or histogram add up from.
    Temporality {
        /// Not said.
        0 Unspecified,
        /// From the point before.
        1 Delta,
        /// From a fixed start.
        2 Cumulative,
    }
}

impl<'a> Metric<'a> {
    /// The name.
    pub fn name(&self) -> &'a str {
        text(self.0.header(), 1)
    }

    /// The description.
    pub fn description(&self) -> &'a str {
        text(self.0.header(), 2)
    }

    /// The unit.
    pub fn unit(&self) -> &'a str {
        text(self.0.header(), 3)
    }

    /// Attributes of the metric as such.
    pub fn metadata(&self) -> Attributes<'a> {
        Attributes::encoded(self.0.header(), 12)
    }

    /// The kind.
    pub fn kind(&self) -> MetricKind {
        MetricKind::of(self.data().0)
    }

    /// The temporality of a sum, histogram or exponential histogram.
    pub fn temporality(&self) -> Temporality {
        let (kind, data) = self.data();
        if matches!(kind, 7 | 9 | 10) {
            bits32(data.header(), 2).cast_signed().into()
        } else {
            Temporality::Unspecified
        }
    }

    /// Whether this is a sum that only grows.
    pub fn is_monotonic(&self) -> bool {
        let (kind, data) = self.data();
        kind == 7 && bits(data.header(), 3) != 0
    }

    /// The data points.
    pub fn points(&self) -> Points<'a> {
        let (kind, data) = self.data();
        let points = data.children(Level::Data);
        match kind {
            5 => Points::Gauge(PointsOf::new(points)),
            7 => Points::Sum(PointsOf::new(points)),
            9 => Points::Histogram(PointsOf::new(points)),
            10 => Points::ExponentialHistogram(PointsOf::new(points)),
            11 => Points::Summary(PointsOf::new(points)),
            _ => Points::Empty,
        }
    }

    /// How many data points there are.
    pub fn point_count(&self) -> usize {
        self.data().1.children(Level::Data).count()
    }

    /// The message of the metric's kind, with its field number.
    fn data(&self) -> (u32, View<'a>) {
        self.0.children(Level::Metric).next().unwrap_or((0, View::Encoded(&[])))
    }
}

use std::marker::PhantomData;

use super::id::{SpanId, TraceId};
use super::{bits, bits32, bytes, double, zigzag};
use crate::attributes::Attributes;
use crate::tree::Children;
use crate::wire::{self, Fields, Wire};

/// Data points of one kind, in order.
#[derive(Clone, Debug)]
pub struct PointsOf<'a, P>(Children<'a>, PhantomData<P>);

impl<'a, P> PointsOf<'a, P> {
    pub(super) fn new(children: Children<'a>) -> Self {
        Self(children, PhantomData)
    }
}

/// A number of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

macro_rules! point {
    ($(#[$doc:meta])* $name:ident, attributes: $attributes:literal, flags: $flags:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name<'a>(pub(crate) &'a [u8]);

        impl<'a> Iterator for PointsOf<'a, $name<'a>> {
            type Item = $name<'a>;

            fn next(&mut self) -> Option<$name<'a>> {
                self.0.next().map(|(_, view)| $name(view.header()))
            }
        }

        impl<'a> $name<'a> {
            /// The attributes.
            pub fn attributes(&self) -> Attributes<'a> {
                Attributes::encoded(self.0, $attributes)
            }

            /// Since when it has been counted, in nanoseconds since 1970; 0 if not known.
            pub fn start_time_unix_nano(&self) -> u64 {
                bits(self.0, 2)
            }

            /// When it was taken, in nanoseconds since 1970.
            pub fn time_unix_nano(&self) -> u64 {
                bits(self.0, 3)
            }

            /// Bit 0: there is no value.
            pub fn flags(&self) -> u32 {
                bits32(self.0, $flags)
            }
        }
    };
}

point! {
    /// A point of a gauge or a sum.
    NumberPoint, attributes: 7, flags: 8
}
point! {
    /// A point of a histogram.
    HistogramPoint, attributes: 9, flags: 10
}
point! {
    /// A point of an exponential histogram.
    ExponentialHistogramPoint, attributes: 1, flags: 10
}
point! {
    /// A point of a summary.
    SummaryPoint, attributes: 7, flags: 8
}

impl<'a> NumberPoint<'a> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<Number> {
        number(self.0, 4)
    }

    /// Examples of what was measured.
    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        exemplars(self.0, 5)
    }
}

impl<'a> HistogramPoint<'a> {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        bits(self.0, 4)
    }

    /// Their sum, if known.
    pub fn sum(&self) -> Option<f64> {
        double(self.0, 5)
    }

    /// How many values fell into each bucket.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + use<'a> {
        numbers(self.0, 6, wire::fixed64)
    }

    /// The upper bound of each bucket but the last.
    pub fn explicit_bounds(&self) -> impl Iterator<Item = f64> + use<'a> {
        numbers(self.0, 7, wire::fixed64).map(f64::from_bits)
    }

    /// Examples of what was measured.
    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        exemplars(self.0, 8)
    }

    /// The smallest value, if known.
    pub fn min(&self) -> Option<f64> {
        double(self.0, 11)
    }

    /// The largest value, if known.
    pub fn max(&self) -> Option<f64> {
        double(self.0, 12)
    }
}

impl<'a> ExponentialHistogramPoint<'a> {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        bits(self.0, 4)
    }

    /// Their sum, if known.
    pub fn sum(&self) -> Option<f64> {
        double(self.0, 5)
    }

    /// The resolution: bounds grow by a factor of 2 to the power of (2 to the power of minus this).
    pub fn scale(&self) -> i32 {
        zigzag(self.0, 6)
    }

    /// How many values were zero, or as near as [`zero_threshold`](Self::zero_threshold).
    pub fn zero_count(&self) -> u64 {
        bits(self.0, 7)
    }

    /// The buckets of positive values.
    pub fn positive(&self) -> Buckets<'a> {
        Buckets(bytes(self.0, 8))
    }

    /// The buckets of negative values.
    pub fn negative(&self) -> Buckets<'a> {
        Buckets(bytes(self.0, 9))
    }

    /// Examples of what was measured.
    pub fn exemplars(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        exemplars(self.0, 11)
    }

    /// The smallest value, if known.
    pub fn min(&self) -> Option<f64> {
        double(self.0, 12)
    }

    /// The largest value, if known.
    pub fn max(&self) -> Option<f64> {
        double(self.0, 13)
    }

    /// How wide the bucket of zero is, to either side.
    pub fn zero_threshold(&self) -> f64 {
        double(self.0, 14).unwrap_or_default()
    }
}

/// Buckets of an exponential histogram, on one side of zero.
#[derive(Clone, Copy, Debug)]
pub struct Buckets<'a>(&'a [u8]);

impl<'a> Buckets<'a> {
    /// The index of the first bucket.
    pub fn offset(&self) -> i32 {
        zigzag(self.0, 1)
    }

    /// How many values fell into each bucket.
    pub fn bucket_counts(&self) -> impl Iterator<Item = u64> + use<'a> {
        numbers(self.0, 2, wire::varint)
    }
}

impl<'a> SummaryPoint<'a> {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        bits(self.0, 4)
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        double(self.0, 5).unwrap_or_default()
    }

    /// The quantiles.
    pub fn quantile_values(&self) -> impl Iterator<Item = Quantile> + use<'a> {
        Fields(self.0).bodies(6).map(|body| Quantile {
            quantile: double(body, 1).unwrap_or_default(),
            value: double(body, 2).unwrap_or_default(),
        })
    }
}

/// The value below which a part of the values lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The part, from 0 to 1.
    pub quantile: f64,
    /// The value.
    pub value: f64,
}

/// An example of what a data point sums up.
#[derive(Clone, Copy, Debug)]
pub struct Exemplar<'a>(pub(crate) &'a [u8]);

impl<'a> Exemplar<'a> {
    /// Attributes that the data point does not have.
    pub fn filtered_attributes(&self) -> Attributes<'a> {
        Attributes::encoded(self.0, 7)
    }

    /// When it was measured, in nanoseconds since 1970.
    pub fn time_unix_nano(&self) -> u64 {
        bits(self.0, 2)
    }

    /// The value, if there is one.
    pub fn value(&self) -> Option<Number> {
        number(self.0, 3)
    }

    /// The span in which it was measured.
    pub fn span_id(&self) -> SpanId {
        SpanId::read(bytes(self.0, 4))
    }

    /// The trace in which it was measured.
    pub fn trace_id(&self) -> TraceId {
        TraceId::read(bytes(self.0, 5))
    }
}

fn exemplars(body: &[u8], number: u32) -> impl Iterator<Item = Exemplar<'_>> {
    Fields(body).bodies(number).map(Exemplar)
}

/// The oneof of a double, in the given field, and a whole number in field 6.
fn number(body: &[u8], double: u32) -> Option<Number> {
    Fields(body).find_map(|field| match field.number {
        6 => Some(Number::Int(field.wire.bits().cast_signed())),
        number if number == double => Some(Number::Double(field.wire.double())),
        _ => None,
    })
}

/// The numbers of a repeated field, packed or not.
fn numbers<'a>(
    body: &'a [u8],
    number: u32,
    take: fn(&mut &'a [u8]) -> Option<u64>,
) -> impl Iterator<Item = u64> + use<'a> {
    Fields(body).filter(move |field| field.number == number).flat_map(move |field| {
        let (single, mut packed) = match field.wire {
            Wire::Bytes(packed) => (None, packed),
            single => (Some(single.bits()), &[][..]),
        };
        single.into_iter().chain(std::iter::from_fn(move || take(&mut packed)))
    })
}

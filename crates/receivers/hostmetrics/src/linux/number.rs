//! Numbers as the kernel writes them.

/// A counter as a metric's value. What doesn't fit is the largest that does.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A counter as a number to calculate with.
#[expect(
    clippy::cast_precision_loss,
    reason = "counters are far below 2^53, and a ratio may be off by that"
)]
pub(super) fn float(value: u64) -> f64 {
    value as f64
}

/// The fraction `part` of `whole`. Of nothing it is nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// The numbers of a line, from the first field of `fields` on. `None` when one is missing or isn't a number.
pub(super) fn numbers<'a, const N: usize>(
    fields: impl IntoIterator<Item = &'a str>,
) -> Option<[u64; N]> {
    let mut fields = fields.into_iter();
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = fields.next()?.parse().ok()?;
    }
    Some(numbers)
}

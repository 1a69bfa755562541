//! Telemetry as text, in upstream's two forms.

mod detailed;
mod normal;
mod points;

use std::f64::consts::LN_2;
use std::fmt;

pub(crate) use detailed::detailed;
pub(crate) use normal::normal;

/// A text that grows line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        fmt::Write::write_fmt(&mut self.0, line).expect("a string takes everything");
        self.0.push('\n');
    }
}

/// The smaller bound, without its sign, of a bucket of an exponential histogram. The larger one is that of the next index.
fn bound(scale: i32, index: i64) -> f64 {
    (index as f64 * LN_2 * f64::from(-scale).exp2()).exp()
}

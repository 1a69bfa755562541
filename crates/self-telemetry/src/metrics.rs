//! The agent's own metrics: what is observed, and how it is read.

mod histograms;
mod instruments;
mod ledger;
mod observe;
mod otlp;
mod process;
mod prometheus;
mod pull;
mod push;
mod source;

pub(crate) use pull::PullReader;
pub(crate) use push::{Destination, PushReader};
pub(crate) use source::{Observed, Source};

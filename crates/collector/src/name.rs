//! How components are told apart.

use std::fmt;

use component::ledger::ComponentName;
use component::{ComponentId, Kind, Signal};

/// One component of a graph. In messages: `receiver "otlp"`, `processor "batch" in pipeline "traces"`,
/// `connector "forward" (traces to traces)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) kind: Kind,
    pub(crate) id: ComponentId,
    pub(crate) part: Part,
}

/// Which of the components of one id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// There is only one.
    Whole,
    /// A processor's, which exist once per pipeline.
    In(String),
    /// A connector's, which exist once per pair of signals.
    Between(Signal, Signal),
}

impl Name {
    pub(crate) fn whole(kind: Kind, id: &ComponentId) -> Self {
        Self { kind, id: id.clone(), part: Part::Whole }
    }

    /// As others see it.
    pub(crate) fn public(&self) -> ComponentName {
        let pipeline = match &self.part {
            Part::In(pipeline) => Some(pipeline.clone()),
            Part::Between(from, to) => Some(format!("{from} to {to}")),
            Part::Whole => None,
        };
        ComponentName { kind: self.kind, id: self.id.clone(), pipeline }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.id)?;
        match &self.part {
            Part::In(pipeline) => write!(f, " in pipeline \"{pipeline}\""),
            Part::Between(from, to) => write!(f, " ({from} to {to})"),
            Part::Whole => Ok(()),
        }
    }
}

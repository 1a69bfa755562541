//! How components are named in messages.

use std::fmt;

use component::ComponentId;
pub use component::Kind;

/// One component in messages: `receiver "otlp"`, `processor "batch" in pipeline "traces"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) kind: Kind,
    pub(crate) id: ComponentId,
    /// Set for processors, which exist once per pipeline.
    pub(crate) pipeline: Option<String>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.id)?;
        match &self.pipeline {
            Some(pipeline) => write!(f, " in pipeline \"{pipeline}\""),
            None => Ok(()),
        }
    }
}

//! The kinds of components.

use std::fmt;

/// What a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Takes telemetry in, or makes it.
    Receiver,
    /// Changes telemetry on its way.
    Processor,
    /// Sends telemetry out.
    Exporter,
    /// Ends one pipeline and begins another.
    Connector,
    /// Serves other components, outside the pipelines.
    Extension,
}

impl Kind {
    /// Every kind, in the order of the document's sections.
    pub const ALL: [Self; 5] =
        [Self::Receiver, Self::Processor, Self::Exporter, Self::Connector, Self::Extension];

    /// The document's section that holds components of this kind: `receivers`, `processors` and so on.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Receiver => "receivers",
            Self::Processor => "processors",
            Self::Exporter => "exporters",
            Self::Connector => "connectors",
            Self::Extension => "extensions",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiver => "receiver",
            Self::Processor => "processor",
            Self::Exporter => "exporter",
            Self::Connector => "connector",
            Self::Extension => "extension",
        })
    }
}

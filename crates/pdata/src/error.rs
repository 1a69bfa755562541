use std::fmt;

use crate::signal::Signal;

/// Why bytes are not an OTLP request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid OTLP {signal}: {reason} at byte {offset}, in {path}")]
pub struct InvalidOtlp {
    pub(crate) signal: Signal,
    pub(crate) reason: Reason,
    pub(crate) offset: usize,
    pub(crate) path: String,
}

impl InvalidOtlp {
    /// What was read.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The offset of the byte where the body went wrong.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The message or field that is wrong: `resource_spans.scope_spans.spans.name`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Truncated,
    Varint,
    Tag,
    WireType,
    IdLength,
    Depth,
    Size,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "a field ends behind its message",
            Self::Varint => "a varint is longer than 64 bits",
            Self::Tag => "no such tag",
            Self::WireType => "a field has the wrong wire type",
            Self::IdLength => "an id has the wrong length",
            Self::Depth => "messages nest too deep",
            Self::Size => "the body is larger than 2 GiB",
        })
    }
}

/// Why text is not an OTLP request in JSON.
#[derive(Debug, thiserror::Error)]
#[error("invalid OTLP/JSON {signal} at `{path}`")]
pub struct InvalidJson {
    pub(crate) signal: Signal,
    pub(crate) path: String,
    pub(crate) source: Box<serde_json::Error>,
}

impl InvalidJson {
    /// What was read.
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// The object or member that is wrong: `resourceSpans.scopeSpans.spans.traceId`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

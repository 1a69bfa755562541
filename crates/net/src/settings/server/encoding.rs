//! Content encodings.

use config::Section;

use crate::compression::Algorithm;

/// A content encoding that a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
pub enum Encoding {
    /// No encoding.
    #[section(rename = "")]
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// zlib.
    Zlib,
    /// Snappy, as one block or in frames.
    Snappy,
    /// zlib, under HTTP's name for it.
    Deflate,
    /// LZ4 in frames.
    Lz4,
    /// Snappy in frames.
    #[section(rename = "x-snappy-framed")]
    SnappyFramed,
}

impl Encoding {
    /// Every encoding, in upstream's order.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Gzip,
        Self::Zstd,
        Self::Zlib,
        Self::Snappy,
        Self::Deflate,
        Self::Lz4,
        Self::SnappyFramed,
    ];

    /// The encoding of a `Content-Encoding`. As upstream, its case matters.
    pub fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.name().as_bytes() == name)
    }

    /// What stands in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
            Self::Snappy => "snappy",
            Self::Deflate => "deflate",
            Self::Lz4 => "lz4",
            Self::SnappyFramed => "x-snappy-framed",
        }
    }

    /// How to undo it; `None` when there is nothing to undo.
    pub const fn algorithm(self) -> Option<Algorithm> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(Algorithm::Gzip),
            Self::Zstd => Some(Algorithm::Zstd),
            Self::Zlib | Self::Deflate => Some(Algorithm::Zlib),
            Self::Snappy => Some(Algorithm::Snappy),
            Self::Lz4 => Some(Algorithm::Lz4),
            Self::SnappyFramed => Some(Algorithm::SnappyFramed),
        }
    }
}

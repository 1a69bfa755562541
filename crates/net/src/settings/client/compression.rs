//! How a client compresses what it sends.

use config::{Section, Validate};

use crate::settings::Encoding;

/// How a client compresses what it sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Compression {
    /// gzip.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
    /// Snappy: one block over HTTP, frames over gRPC.
    Snappy,
    /// Snappy in frames.
    #[section(rename = "x-snappy-framed")]
    SnappyFramed,
    /// zlib.
    Zlib,
    /// zlib, under HTTP's name for it.
    Deflate,
    /// LZ4 in frames.
    Lz4,
    /// Not at all.
    None,
    /// Not at all, as some write it.
    #[section(rename = "")]
    Empty,
}

impl Compression {
    /// The content encoding that it makes.
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::Gzip => Encoding::Gzip,
            Self::Zstd => Encoding::Zstd,
            Self::Snappy => Encoding::Snappy,
            Self::SnappyFramed => Encoding::SnappyFramed,
            Self::Zlib => Encoding::Zlib,
            Self::Deflate => Encoding::Deflate,
            Self::Lz4 => Encoding::Lz4,
            Self::None | Self::Empty => Encoding::Identity,
        }
    }

    /// What is wrong with a level for it, if anything: the rules are upstream's.
    ///
    /// # Errors
    ///
    /// The level is none of the algorithm's.
    pub fn check_level(self, level: i32) -> Result<(), String> {
        let fits = match self {
            Self::Gzip | Self::Zlib | Self::Deflate => (-2..=9).contains(&level),
            Self::Zstd => true,
            Self::None | Self::Empty => level <= 0,
            Self::Snappy | Self::SnappyFramed | Self::Lz4 => level == 0 || level == -1,
        };
        let name = match self.encoding().name() {
            "" => "none",
            name => name,
        };
        match fits {
            true => Ok(()),
            false => Err(format!(
                "unsupported parameters {{Level:{level}}} for compression type \"{name}\""
            )),
        }
    }
}

/// Parameters of the compression.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct CompressionParams {
    /// The algorithm's level. gzip, zlib and deflate: `1` is fast, `9` is small. zstd: any. `-1` and `0` are the algorithm's
    /// default: 5, for zstd 3. Default: `0`.
    pub level: i32,
}

impl Validate for CompressionParams {}

impl CompressionParams {
    /// The level for the compressor; `None` is its default.
    pub fn level(&self) -> Option<i32> {
        Some(self.level).filter(|level| !matches!(level, -1 | 0))
    }
}

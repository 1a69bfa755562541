//! Compression of bodies, in both directions, never without a limit.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::{GzEncoder, ZlibEncoder};

/// How bodies are compressed. The names of the protocols are with their settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// gzip, RFC 1952.
    Gzip,
    /// zlib, RFC 1950. HTTP calls it `deflate` as well.
    Zlib,
    /// Zstandard, RFC 8878.
    Zstd,
    /// One block of Snappy. Framed Snappy is read under this name, too, as upstream does.
    Snappy,
    /// Snappy's framing format.
    SnappyFramed,
    /// LZ4's frame format.
    Lz4,
}

/// Why a compressed body is refused. The texts are upstream's where it has some.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// It would grow beyond what is allowed. Nothing beyond the limit was kept.
    #[error("decompressed body is longer than {limit} bytes")]
    TooLarge {
        /// The most that is allowed.
        limit: usize,
    },
    /// It is not of this format at all.
    #[error("{0}")]
    Header(&'static str),
    /// It begins well and goes wrong.
    #[error("{0}: {1}")]
    Malformed(&'static str, io::Error),
}

/// The level of gzip and zlib unless somebody sets one. Upstream's is 6; telemetry gets at most one per cent smaller by it than
/// by 5, for up to twice the CPU time (docs/benchmarks.md).
const DEFLATE: u32 = 5;
/// What every stream of framed Snappy begins with.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";
/// The largest window of Zstandard that a decoder has to support, 8 MiB, as a power of two.
const ZSTD_WINDOW: u32 = 23;

impl Algorithm {
    /// Decompresses a body up to `limit` bytes. What a header announces is not believed.
    ///
    /// # Errors
    ///
    /// See [`DecompressError`].
    #[expect(clippy::disallowed_types, reason = "the one place with the limit")]
    pub fn decompress(self, body: &[u8], limit: usize) -> Result<Bytes, DecompressError> {
        let malformed = |error| DecompressError::Malformed(self.name(), error);
        match self {
            Self::Gzip => self.read(flate2::bufread::MultiGzDecoder::new(body), body, limit),
            Self::Zlib => self.read(flate2::bufread::ZlibDecoder::new(body), body, limit),
            Self::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(body).map_err(malformed)?;
                decoder.window_log_max(ZSTD_WINDOW).map_err(malformed)?;
                self.read(decoder, body, limit)
            }
            Self::Snappy if !body.starts_with(SNAPPY_FRAMES) => block(body, limit),
            Self::Snappy | Self::SnappyFramed => {
                self.read(snap::read::FrameDecoder::new(body), body, limit)
            }
            Self::Lz4 => self.read(lz4_flex::frame::FrameDecoder::new(body), body, limit),
        }
    }

    fn read(self, decoder: impl Read, body: &[u8], limit: usize) -> Result<Bytes, DecompressError> {
        // Telemetry shrinks to about a tenth; a wrong guess costs one more allocation.
        let mut plain = Vec::with_capacity(body.len().saturating_mul(8).min(limit).min(1 << 20));
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = decoder.take(most).read_to_end(&mut plain);
        read.map_err(|error| match self.header_error() {
            Some(text) if plain.is_empty() && error.kind() != io::ErrorKind::UnexpectedEof => {
                DecompressError::Header(text)
            }
            _ => DecompressError::Malformed(self.name(), error),
        })?;
        match plain.len() > limit {
            true => Err(DecompressError::TooLarge { limit }),
            false => Ok(plain.into()),
        }
    }

    /// Compresses chunks as one body. `level` is the algorithm's own (0 to 9 for gzip and zlib, any for Zstandard, none for
    /// the others); `None` is its default: 5 for gzip and zlib, 3 for Zstandard.
    pub fn compress<'a>(
        self,
        level: Option<i32>,
        chunks: impl IntoIterator<Item = &'a Bytes>,
    ) -> Bytes {
        let deflate = || {
            let level = level.and_then(|level| u32::try_from(level).ok());
            Level::new(level.map_or(DEFLATE, |level| level.min(9)))
        };
        let compressed = match self {
            Self::Gzip => {
                let encoder = GzEncoder::new(Vec::new(), deflate());
                write(encoder, chunks).and_then(GzEncoder::finish)
            }
            Self::Zlib => {
                let encoder = ZlibEncoder::new(Vec::new(), deflate());
                write(encoder, chunks).and_then(ZlibEncoder::finish)
            }
            Self::Zstd => zstd::stream::write::Encoder::new(Vec::new(), level.unwrap_or(0))
                .and_then(|encoder| write(encoder, chunks))
                .and_then(zstd::stream::write::Encoder::finish),
            Self::Snappy => {
                let plain: Vec<u8> = chunks.into_iter().flatten().copied().collect();
                snap::raw::Encoder::new().compress_vec(&plain).map_err(io::Error::other)
            }
            Self::SnappyFramed => {
                let encoder = snap::write::FrameEncoder::new(Vec::new());
                write(encoder, chunks).and_then(|encoder| {
                    encoder.into_inner().map_err(|error| error.error().kind().into())
                })
            }
            Self::Lz4 => {
                let encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                write(encoder, chunks)
                    .and_then(|encoder| encoder.finish().map_err(io::Error::other))
            }
        };
        compressed.expect("a vector takes everything").into()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Snappy | Self::SnappyFramed => "snappy",
            Self::Lz4 => "lz4",
        }
    }

    /// What is said of a body that is of another format.
    fn header_error(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip: invalid header"),
            Self::Zlib => Some("zlib: invalid header"),
            Self::Zstd => Some("invalid input: magic number mismatch"),
            Self::Snappy | Self::SnappyFramed => Some("snappy: corrupt input"),
            Self::Lz4 => Some("lz4: bad magic number"),
        }
    }
}

/// One block of Snappy, which says at its beginning how long it becomes.
fn block(body: &[u8], limit: usize) -> Result<Bytes, DecompressError> {
    const CORRUPT: DecompressError = DecompressError::Header("snappy: corrupt input");
    let length = snap::raw::decompress_len(body).map_err(|_| CORRUPT)?;
    if length > limit {
        return Err(DecompressError::TooLarge { limit });
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body);
    plain.map(Bytes::from).map_err(|_| CORRUPT)
}

fn write<'a, W: Write>(
    mut encoder: W,
    chunks: impl IntoIterator<Item = &'a Bytes>,
) -> io::Result<W> {
    chunks.into_iter().try_for_each(|chunk| encoder.write_all(chunk))?;
    Ok(encoder)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 6] = [
        Algorithm::Gzip,
        Algorithm::Zlib,
        Algorithm::Zstd,
        Algorithm::Snappy,
        Algorithm::SnappyFramed,
        Algorithm::Lz4,
    ];

    #[test]
    fn what_was_compressed_comes_back() {
        let chunks = [Bytes::from_static(b"hello "), Bytes::from_static(b"world")];
        for algorithm in ALL {
            let body = algorithm.compress(None, &chunks);
            assert_eq!(algorithm.decompress(&body, 11).unwrap(), "hello world", "{algorithm:?}");
            let refused = algorithm.decompress(&body, 10);
            assert!(
                matches!(refused, Err(DecompressError::TooLarge { limit: 10 })),
                "{algorithm:?}: {refused:?}"
            );
        }
        let framed = Algorithm::SnappyFramed.compress(None, &chunks);
        assert_eq!(Algorithm::Snappy.decompress(&framed, 11).unwrap(), "hello world");
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let zeros = Bytes::from(vec![0; 1 << 20]);
        for algorithm in ALL {
            let bomb = algorithm.compress(None, std::iter::repeat_n(&zeros, 50));
            let refused = algorithm.decompress(&bomb, 1000);
            assert!(matches!(refused, Err(DecompressError::TooLarge { .. })), "{algorithm:?}");
        }
    }

    #[test]
    fn garbage_and_half_a_body_are_refused() {
        let text = Bytes::from_static(b"hello world, hello world, hello world");
        for algorithm in ALL {
            let garbage = algorithm.decompress(b"{\"key\": \"value\"}", 1000).unwrap_err();
            assert!(matches!(garbage, DecompressError::Header(_)), "{algorithm:?}: {garbage:?}");
            let body = algorithm.compress(None, [&text]);
            algorithm.decompress(&body[..body.len() / 2], 100).unwrap_err();
        }
        let garbage = Algorithm::Gzip.decompress(b"{\"key\": \"value\"}", 100).unwrap_err();
        assert_eq!(garbage.to_string(), "gzip: invalid header");
    }
}

//! Compression of bodies, in both directions, never without a limit.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;

/// Why a compressed body is refused.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// It would grow beyond what is allowed. Nothing beyond the limit was kept.
    #[error("decompressed body is longer than {limit} bytes")]
    TooLarge {
        /// The most that is allowed.
        limit: usize,
    },
    /// It is not gzip at all. The text is upstream's.
    #[error("gzip: invalid header")]
    Header,
    /// It begins well and goes wrong.
    #[error("gzip: {0}")]
    Malformed(io::Error),
}

/// Decompresses gzip, as many members as there are, up to `limit` bytes.
///
/// # Errors
///
/// See [`DecompressError`].
#[expect(clippy::disallowed_types, reason = "the one place with the limit")]
pub fn gunzip(body: &[u8], limit: usize) -> Result<Bytes, DecompressError> {
    // Telemetry shrinks to about a tenth; a wrong guess costs one more allocation.
    let mut plain = Vec::with_capacity(body.len().saturating_mul(8).min(limit).min(1 << 20));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut decoder = flate2::bufread::MultiGzDecoder::new(body).take(most);
    decoder.read_to_end(&mut plain).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput if plain.is_empty() => DecompressError::Header,
        _ => DecompressError::Malformed(error),
    })?;
    match plain.len() > limit {
        true => Err(DecompressError::TooLarge { limit }),
        false => Ok(plain.into()),
    }
}

/// Compresses chunks as one gzip member. `level` is zlib's, 0 to 9; `None` is its default.
pub fn gzip<'a>(chunks: impl IntoIterator<Item = &'a Bytes>, level: Option<u32>) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), level.map_or_else(Level::default, Level::new));
    for chunk in chunks {
        encoder.write_all(chunk).expect("a vector takes everything");
    }
    encoder.finish().expect("a vector takes everything").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let chunks = [Bytes::from_static(b"hello "), Bytes::from_static(b"world")];
        let body = gzip(&chunks, None);
        assert_eq!(gunzip(&body, 11).unwrap(), "hello world");
        assert!(matches!(gunzip(&body, 10), Err(DecompressError::TooLarge { limit: 10 })));
    }

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let zeros = Bytes::from(vec![0; 1 << 20]);
        let bomb = gzip(std::iter::repeat_n(&zeros, 100), Some(9));
        assert!(matches!(gunzip(&bomb, 1000), Err(DecompressError::TooLarge { .. })));
    }

    #[test]
    fn garbage_and_half_a_body_are_malformed() {
        let body = gzip(&[Bytes::from_static(b"hello world")], None);
        assert!(matches!(gunzip(b"{\"key\": \"value\"}", 100), Err(DecompressError::Header)));
        assert!(matches!(gunzip(&body[..body.len() / 2], 100), Err(DecompressError::Malformed(_))));
    }
}

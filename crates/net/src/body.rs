//! Bodies that are chunks of shared bytes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

/// A body made of chunks, which go out one by one without being copied together.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    chunks: VecDeque<Bytes>,
    left: u64,
}

impl FromIterator<Bytes> for Chunks {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let chunks: VecDeque<_> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let left = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks, left }
    }
}

impl From<Bytes> for Chunks {
    fn from(chunk: Bytes) -> Self {
        std::iter::once(chunk).collect()
    }
}

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.left -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What is set aside for a body on the strength of an announcement alone. A peer that announces much and sends nothing
/// costs no more.
const RESERVED: usize = 1 << 20;

/// Frames put together. A single one is not copied.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    first: Bytes,
    rest: Option<BytesMut>,
}

impl Gathered {
    /// How long it is.
    pub(crate) fn len(&self) -> usize {
        self.rest.as_ref().map_or(self.first.len(), BytesMut::len)
    }

    /// Adds a frame of something that is expected to become `announced` bytes long.
    pub(crate) fn push(&mut self, data: Bytes, announced: usize) {
        match &mut self.rest {
            Some(rest) => rest.extend_from_slice(&data),
            None if self.first.is_empty() => self.first = data,
            None => {
                let reserved = announced.min(RESERVED).max(self.first.len() + data.len());
                let mut whole = BytesMut::with_capacity(reserved);
                whole.extend_from_slice(&self.first);
                whole.extend_from_slice(&data);
                self.rest = Some(whole);
            }
        }
    }

    /// What there is so far.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.rest.as_deref().unwrap_or(&self.first)
    }

    /// All of it in one piece.
    pub(crate) fn finish(self) -> Bytes {
        self.rest.map_or(self.first, BytesMut::freeze)
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    /// It is longer than allowed. What was read so far is gone.
    #[error("body is longer than {limit} bytes")]
    TooLarge {
        /// The most that is allowed.
        limit: usize,
    },
    /// The peer broke off.
    #[error("body broke off")]
    Broken(#[source] E),
}

/// Reads a whole body, but never more than `limit` bytes. A body that comes in one frame is not copied.
///
/// # Errors
///
/// See [`ReadError`].
pub async fn read<B>(mut body: B, limit: usize) -> Result<Bytes, ReadError<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + 'static,
{
    let announced = announced(&body);
    if announced > limit {
        return Err(ReadError::TooLarge { limit });
    }
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(ReadError::Broken)?.into_data() else { continue };
        if data.len() > limit - gathered.len() {
            return Err(ReadError::TooLarge { limit });
        }
        gathered.push(data, announced);
    }
    Ok(gathered.finish())
}

/// Reads a body up to its end or up to `limit` bytes, whichever comes first.
///
/// # Errors
///
/// The peer broke off before that.
pub(crate) async fn read_beginning<B>(mut body: B, limit: usize) -> Result<Bytes, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = announced(&body);
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame?.into_data() else { continue };
        let left = limit - gathered.len();
        data.truncate(left);
        gathered.push(data, announced);
        if gathered.len() == limit {
            break;
        }
    }
    Ok(gathered.finish())
}

/// How long a body says that it is; zero when it doesn't.
fn announced(body: &impl Body) -> usize {
    usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)
}

/// Reads what is left of a body and forgets it, so that a client that is refused can send to its end and then read the
/// answer. A body that is, or may be, longer than `limit` is left alone from there on.
pub async fn discard<B>(mut body: B, limit: usize)
where
    B: Body<Data = Bytes> + Unpin,
{
    if announced(&body) > limit {
        return;
    }
    let mut left = limit;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(texts: &[&'static str]) -> Chunks {
        texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let body = chunks(&["ab", "", "cde"]);
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(read(body, 5).await.unwrap(), "abcde");
        let refused = read(chunks(&["ab", "cde"]), 4).await.unwrap_err();
        assert!(matches!(refused, ReadError::TooLarge { limit: 4 }));
    }

    #[tokio::test]
    async fn of_a_long_body_the_beginning_can_be_had() {
        for (limit, expected) in
            [(0, ""), (1, "a"), (2, "ab"), (4, "abcd"), (5, "abcde"), (9, "abcde")]
        {
            let read = read_beginning(chunks(&["ab", "cde"]), limit).await.unwrap();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test]
    async fn what_is_discarded_has_a_limit_too() {
        let mut body = chunks(&["ab", "cde"]);
        discard(&mut body, 4).await;
        assert_eq!(body.size_hint().exact(), Some(5), "announced as too long");
        discard(&mut body, 5).await;
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn one_chunk_is_not_copied() {
        let chunk = Bytes::from(vec![1, 2, 3]);
        let read = read(Chunks::from(chunk.clone()), 3).await.unwrap();
        assert_eq!(read.as_ptr(), chunk.as_ptr());
    }
}

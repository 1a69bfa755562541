use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// The bytes of an export request, in pieces that share memory with the telemetry they come from.
///
/// It is an iterator over the pieces, and a [`Buf`].
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    chunks: VecDeque<Bytes>,
    len: usize,
}

impl Encoded {
    pub(crate) fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// How many bytes there are, over all pieces.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes. That is a valid, empty request.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All bytes in one piece. Copies, unless there is one piece only.
    pub fn into_bytes(mut self) -> Bytes {
        self.copy_to_bytes(self.len)
    }
}

impl Iterator for Encoded {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.pop_front()?;
        self.len -= chunk.len();
        Some(chunk)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.chunks.len(), Some(self.chunks.len()))
    }
}

impl ExactSizeIterator for Encoded {}

impl Buf for Encoded {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], Bytes::as_ref)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(&self.chunks);
        pairs.map(|(slice, chunk)| *slice = IoSlice::new(chunk)).count()
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "cannot advance past the end");
        self.len -= count;
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                chunk.advance(count);
                return;
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        assert!(len <= self.len, "cannot take more than there is");
        match self.chunks.front_mut() {
            Some(chunk) if chunk.len() >= len => {
                self.len -= len;
                let head = chunk.split_to(len);
                if chunk.is_empty() {
                    self.chunks.pop_front();
                }
                head
            }
            _ => {
                let mut all = Vec::with_capacity(len);
                while all.len() < len {
                    let part = self.chunk();
                    let part = &part[..part.len().min(len - all.len())];
                    all.extend_from_slice(part);
                    let taken = part.len();
                    self.advance(taken);
                }
                all.into()
            }
        }
    }
}

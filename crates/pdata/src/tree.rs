//! The lazy tree: a request as it came, opened as far as somebody had to.
//!
//! A tree is a list of nodes for each level: request, resource group, scope group, metric, data of a metric. A node is a
//! [`Run`], which is any number of children in encoded form one after another, or [`Open`], a message that was taken
//! apart: its own fields in one buffer, its children as nodes. A request that nobody edits stays a single run, and a merge
//! of sixteen requests is sixteen runs; protobuf's repeated fields concatenate, so these are the bytes to send.
//!
//! There is no decoded form of a record. A record is edited by splicing its bytes, and edited records are written one
//! behind the other into a new run (see [`edit`]).

mod edit;
mod read;
mod split;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

pub(crate) use edit::{Edited, Editor};
pub(crate) use read::{Children, View};
pub(crate) use split::Budget;

use crate::encoded::Encoded;
use crate::signal::Signal;
use crate::validate::Counts;
use crate::wire::{self, Field, Fields};

/// Where in the tree a node's parent stands: the kind of message whose children are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Children are resource groups.
    Request,
    /// Children are scope groups.
    Resource,
    /// Children are spans, metrics or log records.
    Scope,
    /// The child is the gauge, sum, ... of a metric.
    Metric,
    /// Children are data points.
    Data,
}

impl Level {
    /// The level of the children, if they have children.
    pub(crate) fn below(self, signal: Signal) -> Option<Self> {
        match self {
            Self::Request => Some(Self::Resource),
            Self::Resource => Some(Self::Scope),
            Self::Scope if signal == Signal::Metrics => Some(Self::Metric),
            Self::Metric => Some(Self::Data),
            Self::Scope | Self::Data => None,
        }
    }

    /// Whether a field of a message of this level holds a child.
    #[inline]
    pub(crate) fn is_child(self, number: u32) -> bool {
        match self {
            Self::Request | Self::Data => number == 1,
            Self::Resource | Self::Scope => number == 2,
            Self::Metric => matches!(number, 5 | 7 | 9 | 10 | 11),
        }
    }
}

/// The telemetry of one signal.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) signal: Signal,
    pub(crate) nodes: Vec<Node>,
    /// The size of the buffers that came through the door and that nodes may still point into.
    pub(crate) pinned: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Run(Run),
    Open(Arc<Open>),
}

/// Children in encoded form, each with its tag and length. Nothing else is between them, but in the run of a request there
/// may be fields that we do not know.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    pub(crate) counts: Counts,
}

/// A message that was taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// The field of the parent that this is.
    pub(crate) field: u32,
    /// The fields that are not children, those we do not know included.
    pub(crate) header: Bytes,
    pub(crate) children: Vec<Node>,
}

impl Tree {
    pub(crate) fn new(signal: Signal) -> Self {
        Self { signal, nodes: Vec::new(), pinned: 0 }
    }

    /// A validated request.
    pub(crate) fn encoded(signal: Signal, bytes: Bytes, counts: Counts) -> Self {
        let pinned = bytes.len();
        let nodes =
            if bytes.is_empty() { Vec::new() } else { vec![Node::Run(Run { bytes, counts })] };
        Self { signal, nodes, pinned }
    }

    pub(crate) fn counts(&self) -> Counts {
        counts_of(&self.nodes, Level::Request)
    }

    pub(crate) fn len(&self) -> usize {
        len_of(&self.nodes)
    }

    pub(crate) fn merge(&mut self, mut other: Self) {
        self.pinned += other.pinned;
        if self.nodes.is_empty() {
            self.nodes = other.nodes;
        } else {
            self.nodes.append(&mut other.nodes);
        }
    }

    pub(crate) fn encode(&self) -> Encoded {
        let mut encoder = Encoder::default();
        encoder.nodes(&self.nodes);
        encoder.finish()
    }

    /// Copies what is left of larger buffers, if more than twice of it is kept alive for it.
    pub(crate) fn compact(&mut self) {
        let live = self.len();
        if self.pinned / 2 <= live {
            return;
        }
        let counts = self.counts();
        let mut bytes = Vec::with_capacity(live);
        for chunk in self.encode() {
            bytes.extend_from_slice(&chunk);
        }
        *self = Self::encoded(self.signal, bytes.into(), counts);
    }
}

impl Node {
    /// What there is in a node whose parent is of this level.
    pub(crate) fn counts(&self, level: Level) -> Counts {
        match self {
            Self::Run(run) => run.counts,
            Self::Open(open) => {
                let mut counts = own_count(level);
                // Only metrics have a level below the scope's: spans and log records are never open.
                if let Some(below) = level.below(Signal::Metrics) {
                    counts += counts_of(&open.children, below);
                }
                counts
            }
        }
    }

    /// The length with tag and length.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.bytes.len(),
            Self::Open(open) => wire::delimited_len(open.field, open.len()),
        }
    }
}

impl Node {
    /// Writes the node with tag and length.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Run(run) => out.extend_from_slice(&run.bytes),
            Self::Open(open) => {
                wire::put_head(out, open.field, open.len());
                out.extend_from_slice(&open.header);
                for child in &open.children {
                    child.write(out);
                }
            }
        }
    }
}

impl Open {
    /// The length of the message.
    pub(crate) fn len(&self) -> usize {
        self.header.len() + len_of(&self.children)
    }
}

fn counts_of(nodes: &[Node], level: Level) -> Counts {
    let mut counts = Counts::default();
    for node in nodes {
        counts += node.counts(level);
    }
    counts
}

fn len_of(nodes: &[Node]) -> usize {
    nodes.iter().map(Node::len).sum()
}

/// What a child of a message of this level counts for itself, if it is not an item.
pub(crate) fn own_count(level: Level) -> Counts {
    match level {
        Level::Request => Counts { resources: 1, ..Counts::default() },
        Level::Scope => Counts { metrics: 1, ..Counts::default() },
        Level::Resource | Level::Metric | Level::Data => Counts::default(),
    }
}

/// Counts the children of a message of this level in encoded form.
pub(crate) fn count_run(signal: Signal, level: Level, bytes: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let Some(below) = level.below(signal) else {
        counts.items = Fields(bytes).count();
        return counts;
    };
    for field in Fields(bytes).filter(|field| level.is_child(field.number)) {
        counts += own_count(level);
        for child in Fields(field.wire.bytes()).filter(|child| below.is_child(child.number)) {
            counts += count_run(signal, below, child.raw);
        }
    }
    counts
}

/// Takes a message of this level apart. `body` lies within `buffer`; `counts` is what its children hold.
pub(crate) fn open(
    signal: Signal,
    level: Level,
    field: Field<'_>,
    buffer: &Bytes,
    counts: Counts,
) -> Open {
    let body = field.wire.bytes();
    let (mut header, mut children) = (Pieces::default(), Pieces::default());
    let mut at = 0;
    for field in Fields(body) {
        let pieces = if level.is_child(field.number) { &mut children } else { &mut header };
        pieces.push(body, at..at + field.raw.len());
        at += field.raw.len();
    }
    let mut children: Vec<Run> = children
        .slices(body, buffer)
        .map(|bytes| Run { counts: Counts::default(), bytes })
        .collect();
    match children.as_mut_slice() {
        [only] => only.counts = counts,
        several => {
            for run in several {
                run.counts = count_run(signal, level, &run.bytes);
            }
        }
    }
    let mut header = header.slices(body, buffer);
    let header = match (header.next(), header.next()) {
        (None, _) => Bytes::new(),
        (Some(only), None) => only,
        (Some(first), Some(second)) => {
            let mut all = [first, second].concat();
            header.for_each(|piece| all.extend_from_slice(&piece));
            all.into()
        }
    };
    let children = children.into_iter().map(Node::Run).collect();
    Open { field: field.number, header, children }
}

/// Parts of a message, joined where they touch. Many that don't touch are copied together: nobody writes messages like
/// that, unless to make us keep a node for every other byte.
#[derive(Default)]
struct Pieces {
    ranges: Vec<Range<usize>>,
    copied: Vec<u8>,
}

impl Pieces {
    const MOST: usize = 16;

    fn push(&mut self, body: &[u8], range: Range<usize>) {
        if let Some(last) = self.ranges.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        if self.ranges.len() == Self::MOST {
            for range in self.ranges.drain(..) {
                self.copied.extend_from_slice(&body[range]);
            }
        }
        self.ranges.push(range);
    }

    /// The parts in order. `body` lies within `buffer`.
    fn slices<'a>(
        self,
        body: &'a [u8],
        buffer: &'a Bytes,
    ) -> impl Iterator<Item = Bytes> + use<'a> {
        let copied = Some(Bytes::from(self.copied)).filter(|copied| !copied.is_empty());
        let slices = self.ranges.into_iter().map(|range| buffer.slice_ref(&body[range]));
        copied.into_iter().chain(slices)
    }
}

/// Writes a tree, sharing long runs and copying what is short.
#[derive(Default)]
struct Encoder {
    done: Encoded,
    buffer: Vec<u8>,
}

/// A run of at least this size becomes a piece of its own. Below, copying is cheaper than another piece.
const WORTH_SHARING: usize = 4096;

impl Encoder {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Run(run) => self.bytes(&run.bytes),
                Node::Open(open) => {
                    wire::put_head(&mut self.buffer, open.field, open.len());
                    self.bytes(&open.header);
                    self.nodes(&open.children);
                }
            }
        }
    }

    fn bytes(&mut self, bytes: &Bytes) {
        if bytes.len() < WORTH_SHARING {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.flush();
            self.done.push(bytes.clone());
        }
    }

    fn flush(&mut self) {
        self.done.push(std::mem::take(&mut self.buffer).into());
    }

    fn finish(mut self) -> Encoded {
        self.flush();
        self.done
    }
}

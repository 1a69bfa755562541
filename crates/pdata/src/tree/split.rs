//! Cutting a tree in two.

use std::sync::Arc;

use bytes::Bytes;

use super::{Level, Node, Open, Run, Tree, count_run, open, own_count};
use crate::signal::Signal;
use crate::validate::Counts;
use crate::wire::{Field, Fields};

/// How much goes to the front part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    Items(usize),
    /// Encoded bytes. The first item goes to the front even when it alone is larger.
    Bytes {
        left: usize,
        started: bool,
    },
}

impl Budget {
    /// Whether a whole node fits; takes its share if so.
    fn take(&mut self, items: usize, len: usize) -> bool {
        match self {
            Self::Items(left) if items <= *left => *left -= items,
            Self::Bytes { left, started } if len <= *left => {
                *left -= len;
                *started |= items > 0;
            }
            // A message without items must not stand in the way of the first item.
            Self::Bytes { left, started: false } if items == 0 => *left = 0,
            _ => return false,
        }
        true
    }

    /// Takes the share of a message that goes to both parts, whose children are to be cut. False if that is no use.
    fn enter(&mut self, header: usize) -> bool {
        match self {
            Self::Items(left) => *left > 0,
            Self::Bytes { left, started } => {
                // The tag, and the length as long as it may get.
                const HEAD: usize = 6;
                match left.checked_sub(header + HEAD) {
                    Some(rest) => *left = rest,
                    None if *started => return false,
                    None => *left = 0,
                }
                true
            }
        }
    }

    /// Whether nothing that counts fits any more.
    fn is_spent(&self) -> bool {
        match self {
            Self::Items(left) => *left == 0,
            Self::Bytes { left, started } => *left == 0 && *started,
        }
    }

    /// Whether a single item goes to the front though it doesn't fit.
    fn force(&mut self) -> bool {
        match self {
            Self::Bytes { left, started } if !*started => {
                (*left, *started) = (0, true);
                true
            }
            _ => false,
        }
    }
}

impl Tree {
    /// Takes what fits the budget off the front. What it leaves stays here, in order.
    pub(crate) fn split_front(&mut self, mut budget: Budget) -> Self {
        let cut = Cut { signal: self.signal };
        let nodes = cut.nodes(&mut self.nodes, Level::Request, &mut budget);
        Self { signal: self.signal, nodes, pinned: self.pinned }
    }
}

struct Cut {
    signal: Signal,
}

impl Cut {
    /// Takes nodes, the children of a message of this level, off the front.
    fn nodes(&self, nodes: &mut Vec<Node>, level: Level, budget: &mut Budget) -> Vec<Node> {
        let whole = nodes
            .iter()
            .take_while(|node| budget.take(node.counts(level).items, node.len()))
            .count();
        let mut front: Vec<Node> = nodes.drain(..whole).collect();
        if budget.is_spent() {
            return front;
        }
        if let Some(Node::Run(run)) = nodes.first() {
            let (before, edge, after) = self.run(run, level, budget);
            front.extend(before);
            nodes.splice(..1, edge.into_iter().chain(after));
        }
        if let Some(Node::Open(open)) = nodes.first_mut() {
            let open = Arc::make_mut(open);
            front.extend(self.open(open, level, budget));
            if open.children.is_empty() {
                nodes.remove(0);
            }
        }
        front
    }

    /// Cuts an open child of a message of this level: its header goes to both parts.
    fn open(&self, open: &mut Open, level: Level, budget: &mut Budget) -> Option<Node> {
        let below = level.below(self.signal)?;
        if !budget.enter(open.header.len()) {
            return None;
        }
        let children = self.nodes(&mut open.children, below, budget);
        if children.is_empty() {
            return None;
        }
        let (field, header) = (open.field, open.header.clone());
        Some(Node::Open(Arc::new(Open { field, header, children })))
    }

    /// Cuts a run: what fits whole, the child at the edge taken apart if it has children, and the rest.
    fn run(
        &self,
        run: &Run,
        level: Level,
        budget: &mut Budget,
    ) -> (Option<Node>, Option<Node>, Option<Node>) {
        let below = level.below(self.signal);
        let mut fields = Fields(&run.bytes);
        let mut before = Part::default();
        loop {
            let rest = fields.0;
            let Some(field) = fields.next() else {
                return (before.node(&run.bytes, 0), None, None);
            };
            if !level.is_child(field.number) {
                if budget.take(0, field.raw.len()) {
                    before.add(field, Counts::default());
                    continue;
                }
                let after = Part { len: rest.len(), counts: run.counts - before.counts };
                let from = before.len;
                return (before.node(&run.bytes, 0), None, after.node(&run.bytes, from));
            }
            let counts = match below {
                _ if field.raw.len() == run.bytes.len() => run.counts,
                Some(_) => count_run(self.signal, level, field.raw),
                None => Counts { items: 1, ..Counts::default() },
            };
            if budget.take(counts.items, field.raw.len()) {
                before.add(field, counts);
                continue;
            }
            let Some(below) = below else {
                if budget.force() {
                    before.add(field, counts);
                    continue;
                }
                let after = Part { len: rest.len(), counts: run.counts - before.counts };
                let from = before.len;
                return (before.node(&run.bytes, 0), None, after.node(&run.bytes, from));
            };
            let inner = counts - own_count(level);
            let opened = open(self.signal, below, field, &run.bytes, inner);
            let from = before.len + field.raw.len();
            let after =
                Part { len: run.bytes.len() - from, counts: run.counts - before.counts - counts };
            return (
                before.node(&run.bytes, 0),
                Some(Node::Open(Arc::new(opened))),
                after.node(&run.bytes, from),
            );
        }
    }
}

/// Some fields of a run.
#[derive(Default)]
struct Part {
    len: usize,
    counts: Counts,
}

impl Part {
    fn add(&mut self, field: Field<'_>, counts: Counts) {
        self.len += field.raw.len();
        self.counts += counts;
    }

    fn node(self, run: &Bytes, from: usize) -> Option<Node> {
        let bytes = run.slice(from..from + self.len);
        (!bytes.is_empty()).then_some(Node::Run(Run { bytes, counts: self.counts }))
    }
}

//! Reading, whatever form a node is in.

use std::slice;

use super::{Level, Node, Open};
use crate::wire::Fields;

/// A message in either form.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    Encoded(&'a [u8]),
    Open(&'a Open),
}

impl<'a> View<'a> {
    /// Bytes in which the message's own fields are found. Its children may stand among them.
    #[inline]
    pub(crate) fn header(self) -> &'a [u8] {
        match self {
            Self::Encoded(body) => body,
            Self::Open(open) => &open.header,
        }
    }

    /// The children of the message, which is of this level.
    #[inline]
    pub(crate) fn children(self, level: Level) -> Children<'a> {
        let (run, nodes) = match self {
            Self::Encoded(body) => (body, [].iter()),
            Self::Open(open) => (&[][..], open.children.iter()),
        };
        Children { level, run: Fields(run), nodes }
    }
}

/// The children of a message, each with its field number.
#[derive(Clone, Debug)]
pub(crate) struct Children<'a> {
    level: Level,
    run: Fields<'a>,
    nodes: slice::Iter<'a, Node>,
}

impl<'a> Children<'a> {
    pub(crate) fn of_request(nodes: &'a [Node]) -> Self {
        Self { level: Level::Request, run: Fields(&[]), nodes: nodes.iter() }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = (u32, View<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            for field in &mut self.run {
                if self.level.is_child(field.number) {
                    return Some((field.number, View::Encoded(field.wire.bytes())));
                }
            }
            match self.nodes.next()? {
                Node::Run(run) => self.run = Fields(&run.bytes),
                Node::Open(open) => return Some((open.field, View::Open(open))),
            }
        }
    }
}

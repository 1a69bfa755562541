//! Showing everything to an editor and keeping what it leaves.

use std::sync::Arc;

use bytes::Bytes;

use super::{Level, Node, Open, Run, Tree, WORTH_SHARING, count_run, open, own_count};
use crate::edit::{Draft, ResourceMut, ScopeMut};
use crate::signal::Signal;
use crate::validate::Counts;
use crate::wire::{self, Fields};

/// What decides over each group or record: what it returns false for goes.
pub(crate) enum Editor<'e> {
    Resources(&'e mut dyn FnMut(&mut ResourceMut<'_>) -> bool),
    Scopes(&'e mut dyn FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>) -> bool),
    Records(&'e mut RecordEditor<'e>),
}

/// Sees the body of a record, and may write another.
pub(crate) type RecordEditor<'e> =
    dyn FnMut(&mut ResourceMut<'_>, &mut ScopeMut<'_>, &[u8], &mut Vec<u8>) -> Edited + 'e;

/// What an editor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edited {
    Kept,
    Changed,
    Removed,
}

/// What became of a group.
enum Outcome {
    Kept,
    Changed(Open),
    Removed,
}

impl Tree {
    /// Shows everything to the editor. A group that loses its last child goes, too.
    pub(crate) fn edit(&mut self, editor: Editor<'_>) {
        let mut walk = Walk { signal: self.signal, editor, record: Vec::new() };
        if let Some(nodes) =
            walk.groups(&self.nodes, Level::Request, &mut |walk, open| walk.resource(open))
        {
            self.nodes = nodes;
        }
    }
}

struct Walk<'e> {
    signal: Signal,
    editor: Editor<'e>,
    /// Where changed records are written.
    record: Vec<u8>,
}

impl<'e> Walk<'e> {
    /// Shows groups, the children of a message of this level. Gives them only if something has changed.
    fn groups(
        &mut self,
        nodes: &[Node],
        level: Level,
        show: &mut dyn FnMut(&mut Self, &Open) -> Outcome,
    ) -> Option<Vec<Node>> {
        let mut output = Output::default();
        for node in nodes {
            match node {
                Node::Open(group) => match show(self, group) {
                    Outcome::Kept => output.node(node.clone()),
                    Outcome::Changed(open) => output.changed(open, level),
                    Outcome::Removed => output.removed(),
                },
                Node::Run(run) => {
                    let mut at = 0;
                    for field in Fields(&run.bytes) {
                        let end = at + field.raw.len();
                        if !level.is_child(field.number) {
                            output.keep(&run.bytes, at, end, Counts::default());
                            at = end;
                            continue;
                        }
                        let counts = if field.raw.len() == run.bytes.len() {
                            run.counts
                        } else {
                            count_run(self.signal, level, field.raw)
                        };
                        let below = level.below(self.signal).unwrap_or(level);
                        let inner = counts - own_count(level);
                        let group = open(self.signal, below, field, &run.bytes, inner);
                        match show(self, &group) {
                            Outcome::Kept => output.keep(&run.bytes, at, end, counts),
                            Outcome::Changed(open) => {
                                output.flush(&run.bytes);
                                output.changed(open, level);
                            }
                            Outcome::Removed => output.removed(),
                        }
                        at = end;
                    }
                    output.end_of_run(&run.bytes);
                }
            }
        }
        output.finish()
    }

    fn resource(&mut self, group: &Open) -> Outcome {
        let mut resource = ResourceMut(Draft::new(&group.header));
        let children = match &mut self.editor {
            Editor::Resources(keep) => {
                if !keep(&mut resource) {
                    return Outcome::Removed;
                }
                None
            }
            _ => self.groups(&group.children, Level::Resource, &mut |walk, open| {
                walk.scope(&mut resource, open)
            }),
        };
        outcome(group, resource.0, children)
    }

    fn scope(&mut self, resource: &mut ResourceMut<'_>, group: &Open) -> Outcome {
        let mut scope = ScopeMut(Draft::new(&group.header));
        let children = match &mut self.editor {
            Editor::Scopes(keep) => {
                if !keep(resource, &mut scope) {
                    return Outcome::Removed;
                }
                None
            }
            _ => self.records(resource, &mut scope, &group.children),
        };
        outcome(group, scope.0, children)
    }

    fn records(
        &mut self,
        resource: &mut ResourceMut<'_>,
        scope: &mut ScopeMut<'_>,
        nodes: &[Node],
    ) -> Option<Vec<Node>> {
        let Editor::Records(edit) = &mut self.editor else { return None };
        let mut output = Output::default();
        for node in nodes {
            // A metric that was cut in two is put together to be shown.
            let joined;
            let run = match node {
                Node::Run(run) => run,
                Node::Open(_) => {
                    joined = join(node);
                    &joined
                }
            };
            let mut at = 0;
            for field in Fields(&run.bytes) {
                let end = at + field.raw.len();
                let counts = |raw| count_run(self.signal, Level::Scope, raw);
                match edit(resource, scope, field.wire.bytes(), &mut self.record) {
                    Edited::Kept => output.keep(&run.bytes, at, end, counts(field.raw)),
                    Edited::Removed => output.removed(),
                    Edited::Changed => {
                        output.flush(&run.bytes);
                        let start = output.buffer.len();
                        wire::put_bytes_field(&mut output.buffer, field.number, &self.record);
                        output.counts += counts(&output.buffer[start..]);
                        output.is_changed = true;
                    }
                }
                at = end;
            }
            output.end_of_run(&run.bytes);
        }
        output.finish()
    }
}

fn outcome(group: &Open, header: Draft<'_>, children: Option<Vec<Node>>) -> Outcome {
    let header = header.into_changed();
    if header.is_none() && children.is_none() {
        return Outcome::Kept;
    }
    let children = children.unwrap_or_else(|| group.children.clone());
    if children.is_empty() && !group.children.is_empty() {
        return Outcome::Removed;
    }
    let header = header.map_or_else(|| group.header.clone(), Bytes::from);
    Outcome::Changed(Open { field: group.field, header, children })
}

/// A record in encoded form.
fn join(record: &Node) -> Run {
    let mut bytes = Vec::with_capacity(record.len());
    record.write(&mut bytes);
    Run { bytes: bytes.into(), counts: record.counts(Level::Scope) }
}

/// The nodes that an editor leaves. What stays and stands together shares the memory it came in; what is short or has
/// changed is written into new runs.
#[derive(Default)]
struct Output {
    nodes: Vec<Node>,
    is_changed: bool,
    /// What stays of the run at hand and has not been put anywhere yet.
    start: usize,
    end: usize,
    pending: Counts,
    /// A new run that is being written.
    buffer: Vec<u8>,
    counts: Counts,
}

impl Output {
    /// A part of the run stays.
    fn keep(&mut self, run: &Bytes, start: usize, end: usize, counts: Counts) {
        if self.end != start || self.start == self.end {
            self.flush(run);
            self.start = start;
        }
        self.end = end;
        self.pending += counts;
    }

    fn node(&mut self, node: Node) {
        self.close_buffer();
        self.nodes.push(node);
    }

    /// A group, the child of a message of this level, has become this.
    fn changed(&mut self, open: Open, level: Level) {
        self.is_changed = true;
        let node = Node::Open(Arc::new(open));
        if node.len() < WORTH_SHARING {
            // Many small groups would be many small pieces.
            self.counts += node.counts(level);
            node.write(&mut self.buffer);
        } else {
            self.node(node);
        }
    }

    fn removed(&mut self) {
        self.is_changed = true;
    }

    /// Puts away what stays of the run so far.
    fn flush(&mut self, run: &Bytes) {
        let part = self.start..self.end;
        let counts = std::mem::take(&mut self.pending);
        (self.start, self.end) = (0, 0);
        if part.len() >= WORTH_SHARING || part.len() == run.len() {
            let bytes = run.slice(part);
            if !bytes.is_empty() {
                self.node(Node::Run(Run { bytes, counts }));
            }
        } else {
            self.buffer.extend_from_slice(&run[part]);
            self.counts += counts;
        }
    }

    fn end_of_run(&mut self, run: &Bytes) {
        self.flush(run);
        self.close_buffer();
    }

    fn close_buffer(&mut self) {
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let counts = std::mem::take(&mut self.counts);
        if !bytes.is_empty() {
            self.nodes.push(Node::Run(Run { bytes, counts }));
        }
    }

    fn finish(mut self) -> Option<Vec<Node>> {
        self.close_buffer();
        self.is_changed.then_some(self.nodes)
    }
}

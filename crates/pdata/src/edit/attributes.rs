use super::draft::{Draft, Rewrite};
use crate::attributes::{Attributes, split_entry};
use crate::value::{Value, ValueRef, write_attribute};
use crate::wire::{self, Fields};

/// The attributes of something, to be changed.
#[derive(Debug)]
pub struct AttributesMut<'d, 'a> {
    draft: &'d mut Draft<'a>,
    /// The message that has them, if it is not the draft itself.
    within: Option<u32>,
    field: u32,
}

impl<'d, 'a> AttributesMut<'d, 'a> {
    pub(super) fn new(draft: &'d mut Draft<'a>, within: Option<u32>, field: u32) -> Self {
        Self { draft, within, field }
    }

    /// The attributes, to read.
    pub fn view(&self) -> Attributes<'_> {
        let body = self.draft.bytes();
        let body = match self.within {
            Some(number) => wire::find(body, number).map_or(&[][..], wire::Wire::bytes),
            None => body,
        };
        Attributes::encoded(body, self.field)
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<ValueRef<'_>> {
        self.view().get(key)
    }

    /// Sets the value of a key: in its place if it is there, at the end if it is not.
    pub fn insert<'v>(&mut self, key: &str, value: impl Into<ValueRef<'v>>) {
        let value = value.into();
        let field = self.field;
        self.edit(|draft| {
            let replaced = draft.replace_first(
                field,
                |entry| split_entry(entry).0 == key.as_bytes(),
                |entry, out| {
                    with_field(out, field, entry, 2, |out| {
                        let start = wire::open(out, 2);
                        value.write(out);
                        wire::close(out, start);
                    });
                },
            );
            if !replaced {
                draft.append(|out| write_attribute(out, field, key, value));
            }
        });
    }

    /// Removes a key. False if it is not there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.get(key).is_some() && self.retain(|own, _| own != key) > 0
    }

    /// Gives a key another name, in its place. The value that had that name before is removed. False, and nothing is
    /// changed, if the key is not there.
    pub fn rename(&mut self, key: &str, name: &str) -> bool {
        if self.get(key).is_none() {
            return false;
        }
        if key == name {
            return true;
        }
        self.remove(name);
        let field = self.field;
        self.edit(|draft| {
            draft.replace_first(
                field,
                |entry| split_entry(entry).0 == key.as_bytes(),
                |entry, out| {
                    with_field(out, field, entry, 1, |out| {
                        wire::put_bytes_field(out, 1, name.as_bytes());
                    });
                },
            )
        })
    }

    /// Keeps those for which `keep` is true, in their order. Gives the number of the others.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, ValueRef<'_>) -> bool) -> usize {
        let field = self.field;
        let mut removed = 0;
        self.edit(|draft| {
            draft.rewrite(field, |entry, _| {
                let (key, value) = split_entry(entry);
                if keep(str::from_utf8(key).unwrap_or_default(), ValueRef::read(value)) {
                    Rewrite::Keep
                } else {
                    removed += 1;
                    Rewrite::Drop
                }
            });
        });
        removed
    }

    /// Keeps the first `count`. Gives the number of the others.
    pub fn truncate(&mut self, count: usize) -> usize {
        let mut left = count;
        self.retain(|_, _| {
            let keep = left > 0;
            left = left.saturating_sub(1);
            keep
        })
    }

    /// Sets the values for which `update` gives another.
    pub fn update(&mut self, mut update: impl FnMut(&str, ValueRef<'_>) -> Option<Value>) {
        let field = self.field;
        self.edit(|draft| {
            draft.rewrite(field, |entry, out| {
                let (key, value) = split_entry(entry);
                let key = str::from_utf8(key).unwrap_or_default();
                let Some(value) = update(key, ValueRef::read(value)) else { return Rewrite::Keep };
                with_inner_field(out, entry, 2, |out| {
                    let start = wire::open(out, 2);
                    value.as_ref().write(out);
                    wire::close(out, start);
                });
                Rewrite::Replace
            });
        });
    }

    /// Puts others in the place of all.
    pub fn replace<'v>(&mut self, entries: impl IntoIterator<Item = (&'v str, ValueRef<'v>)>) {
        self.clear();
        let field = self.field;
        self.edit(|draft| {
            for (key, value) in entries {
                draft.append(|out| write_attribute(out, field, key, value));
            }
        });
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    fn edit<T>(&mut self, edit: impl FnOnce(&mut Draft<'_>) -> T) -> T {
        match self.within {
            Some(number) => self.draft.within(number, edit),
            None => edit(self.draft),
        }
    }
}

/// Writes a message as the field `number`, with another field `inner` in it.
fn with_field(
    out: &mut Vec<u8>,
    number: u32,
    body: &[u8],
    inner: u32,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = wire::open(out, number);
    with_inner_field(out, body, inner, write);
    wire::close(out, start);
}

/// Writes the body of a message with another field `inner` in it: in its place, or at the end.
fn with_inner_field(out: &mut Vec<u8>, body: &[u8], inner: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let mut write = Some(write);
    for own in Fields(body) {
        if own.number != inner {
            out.extend_from_slice(own.raw);
        } else if let Some(write) = write.take() {
            write(out);
        }
    }
    if let Some(write) = write {
        write(out);
    }
}

//! A table's file: all keys and values, behind a checksum, written anew with every change.
//!
//! Tables hold positions and cursors, some hundred bytes. Writing all of it and renaming it into place is one change or
//! none, whenever the process ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use tracing::warn;

use crate::directory::create_private;

const MAGIC: [u8; 4] = *b"KMT1";

type Values = BTreeMap<String, Vec<u8>>;

/// Reads a table; one that is not there is empty. One that cannot be read is set aside, and a new one begun.
pub(crate) fn read(path: &Path) -> io::Result<Values> {
    let content = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Values::new()),
        content => content?,
    };
    if let Some(values) = decode(&content) {
        return Ok(values);
    }
    let mut aside = path.as_os_str().to_owned();
    aside.push(".bad");
    warn!(file = %path.display(), "cannot be read and is set aside; what it held is lost");
    fs::rename(path, aside)?;
    Ok(Values::new())
}

/// Writes a table in place of the one that is there.
pub(crate) fn write(path: &Path, values: &Values, fsync: bool) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = create_private(Path::new(&beside))?;
    file.set_len(0)?;
    file.write_all(&encode(values))?;
    if fsync {
        file.sync_data()?;
    }
    drop(file);
    fs::rename(&beside, path)?;
    match path.parent() {
        // Folders cannot be opened on Windows, where a rename is on the disk when it returns.
        Some(folder) if fsync && cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn encode(values: &Values) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in values {
        for part in [key.as_bytes(), value] {
            body.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            body.extend_from_slice(part);
        }
    }
    let mut content = MAGIC.to_vec();
    content.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    content.append(&mut body);
    content
}

/// `None` for a file that is not what was written.
fn decode(content: &[u8]) -> Option<Values> {
    let (head, mut rest) = content.split_at_checked(8)?;
    let sum = u32::from_le_bytes(head[4..].try_into().ok()?);
    if head[..4] != MAGIC || crc32fast::hash(rest) != sum {
        return None;
    }
    let mut values = Values::new();
    while !rest.is_empty() {
        let key = part(&mut rest)?;
        values.insert(String::from_utf8(key.to_vec()).ok()?, part(&mut rest)?.to_vec());
    }
    Some(values)
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, tail) = rest.split_at_checked(4)?;
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let (part, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_is_read_as_it_was_written_or_not_at_all(
            values in prop::collection::btree_map(".{0,9}", prop::collection::vec(any::<u8>(), 0..20), 0..9),
            place in any::<prop::sample::Index>(),
        ) {
            let mut content = encode(&values);
            prop_assert_eq!(decode(&content), Some(values));
            let place = place.index(content.len());
            prop_assert_eq!(decode(&content[..place]), None);
            content[place] ^= 1;
            prop_assert_eq!(decode(&content), None);
        }
    }
}

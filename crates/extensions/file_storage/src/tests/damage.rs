//! Files that end in the middle of a write, and files that somebody has damaged.

use std::collections::BTreeMap;
use std::fs::{self, File};

use proptest::prelude::*;

use super::*;
use crate::log::{Durability, Ending, Log};
use crate::record;
use crate::table::Table;

type State = BTreeMap<String, Vec<u8>>;

fn state(table: &Table) -> State {
    let keys = ('a'..='e').map(String::from);
    keys.filter_map(|key| table.get(&key).map(|value| (key, value))).collect()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let key = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..20));
    let change = (key, value).prop_map(|(key, value)| match value {
        Some(value) => set(key, value),
        None => remove(key),
    });
    prop::collection::vec(change, 1..4)
}

/// Writes them all; gives the state after each write (the first is before any), and the file.
fn write_all(folder: &Path, writes: &[Vec<Change>], more: &str) -> (Vec<State>, Vec<u8>) {
    let config = config(folder, more);
    let table = Table::open(&table_in(folder), &config).unwrap();
    let mut states = vec![state(&table)];
    for write in writes {
        table.write(write.clone(), &config).unwrap();
        let mut expected = states.last().unwrap().clone();
        for change in write.clone() {
            match change {
                Change::Set(key, value) => drop(expected.insert(key, value)),
                Change::Remove(key) => drop(expected.remove(&key)),
            }
        }
        assert_eq!(state(&table), expected);
        states.push(expected);
    }
    (states, fs::read(table_in(folder)).unwrap())
}

fn aside(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains(".corrupt-")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_file_that_ends_anywhere_holds_the_writes_that_are_whole(
        writes in prop::collection::vec(changes(), 1..8),
        cut in any::<prop::sample::Index>(),
        zeros in 0..40_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (states, file) = write_all(folder.path(), &writes, "");
        let keep = cut.index(file.len() + 1);
        let mut torn = file[..keep].to_vec();
        // Some file systems leave zeros where they had no time to write.
        torn.resize(keep + zeros, 0);
        fs::write(table_in(folder.path()), &torn).unwrap();

        // Zeros may be just what was to be written.
        let same = torn.iter().zip(&file).take_while(|(torn, file)| torn == file).count();
        let whole = whole_records(&file[..same]);
        let config = config(folder.path(), "");
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        prop_assert_eq!(&state(&table), &states[whole]);
        table.write(vec![set("a", "after")], &config).unwrap();
        drop(table);
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        prop_assert_eq!(table.get("a").unwrap(), b"after");
    }

    #[test]
    fn a_file_that_is_damaged_anywhere_holds_what_stands_before_and_is_set_aside(
        writes in prop::collection::vec(changes(), 1..8),
        place in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        recreate in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (states, mut file) = write_all(folder.path(), &writes, "");
        let place = place.index(file.len());
        file[place] ^= flip;
        fs::write(table_in(folder.path()), &file).unwrap();

        let config = config(folder.path(), &format!("recreate: {recreate}"));
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        let before = whole_records(&file[..place]);
        match aside(folder.path()).as_slice() {
            // The damage reaches to the end: it cannot be told from a write that was not completed.
            [] => prop_assert_eq!(&state(&table), &states[before]),
            [aside] => {
                prop_assert_eq!(&fs::read(aside).unwrap(), &file);
                let kept = if recreate { 0 } else { before };
                prop_assert_eq!(&state(&table), &states[kept]);
            }
            more => prop_assert!(false, "{more:?}"),
        }
        if before + 1 < writes.len() && place >= 8 {
            prop_assert_eq!(aside(folder.path()).len(), 1, "records follow the damage");
        }
        table.write(vec![set("a", "after")], &config).unwrap();
        drop(table);
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        prop_assert_eq!(table.get("a").unwrap(), b"after");
    }

    #[test]
    fn rewriting_changes_nothing_but_the_size(
        writes in prop::collection::vec(changes(), 1..30),
        size in 0..100_u32,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (states, _) = write_all(folder.path(), &writes, "");
        let more = format!("compaction: {{ on_start: true, max_transaction_size: {size} }}");
        let config = config(folder.path(), &more);
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        prop_assert_eq!(&state(&table), states.last().unwrap());
        table.write(vec![set("a", "after")], &config).unwrap();
        drop(table);
        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        prop_assert_eq!(table.get("a").unwrap(), b"after");
    }
}

/// How many records end within these bytes, by the format's description.
fn whole_records(bytes: &[u8]) -> usize {
    let (mut at, mut count) = (8, 0);
    while let Some(length) = bytes.get(at..at + 4) {
        at += 12 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        if at > bytes.len() {
            break;
        }
        count += 1;
    }
    count
}

#[test]
fn what_is_no_table_at_all_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..=2 {
        fs::write(table_in(folder.path()), b"somebody else's file").unwrap();
        let table = Table::open(&table_in(folder.path()), &config(folder.path(), "")).unwrap();
        assert_eq!(state(&table), State::new());
        let aside = folder.path().join(format!("receiver.filelog.table.corrupt-{number}"));
        assert_eq!(fs::read(aside).unwrap(), b"somebody else's file");
    }
}

#[test]
fn a_body_that_ends_within_a_change_is_not_believed() {
    let record = record::encode(&[set("a", "1"), remove("b")]).unwrap();
    let body = &record[record::HEADER..];
    // A kind, two lengths, two letters; a kind, a length, a letter.
    let whole = [0, 11, 17];
    assert_eq!(body.len(), 17);
    for end in 0..=body.len() {
        assert_eq!(record::decode(&body[..end]).is_some(), whole.contains(&end), "{end}");
    }
}

#[test]
fn after_a_failed_write_the_file_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = table_in(folder.path());
    let mut log = Log::open(&path, |_| {}).unwrap().log;
    let record = |value: &str| record::encode(&[set("a", value)]).unwrap();
    log.append(&record("1"), Durability::Host).unwrap();
    let length = log.length();
    log.break_file(File::open(&path).unwrap());
    // What a full disk leaves of a write.
    fs::write(&path, [fs::read(&path).unwrap(), record("torn")[..9].to_vec()].concat()).unwrap();
    log.append(&record("2"), Durability::Process).unwrap_err();
    assert_eq!(fs::metadata(&path).unwrap().len(), length, "it is cut back at once");
    log.append(&record("3"), Durability::Process).unwrap();
    let mut values = Vec::new();
    let found = Log::open(&path, |change| values.push(change)).unwrap();
    assert_eq!(found.ending, Ending::Sound);
    assert_eq!(values, [set("a", "1"), set("a", "3")]);
}

#[test]
fn a_table_goes_on_when_it_cannot_be_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    let path = table_in(folder.path());
    let table = Table::open(&path, &config).unwrap();
    let in_the_way = crate::log::beside(&path);
    fs::create_dir(&in_the_way).unwrap();
    let value = vec![7; 100_000];
    for _ in 0..12 {
        table.write(vec![set("a", &value)], &config).unwrap();
    }
    assert!(fs::metadata(&path).unwrap().len() > 1 << 20);
    fs::remove_dir(&in_the_way).unwrap();
    for _ in 0..24 {
        table.write(vec![set("a", &value)], &config).unwrap();
    }
    let length = fs::metadata(&path).unwrap().len();
    assert!(length < 1 << 20, "it was rewritten once it could be: {length}");
    drop(table);
    assert_eq!(Table::open(&path, &config).unwrap().get("a").unwrap(), value);
}

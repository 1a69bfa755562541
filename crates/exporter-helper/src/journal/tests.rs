use std::fs;

use proptest::prelude::*;

use super::*;

fn open(folder: &Path) -> (Journal, Vec<Record>) {
    Journal::open(folder, DiskLimits { free: 0, ..DiskLimits::default() }).unwrap()
}

fn payload(text: &str) -> Vec<Bytes> {
    let (head, tail) = text.split_at(text.len() / 2);
    vec![Bytes::copy_from_slice(head.as_bytes()), Bytes::copy_from_slice(tail.as_bytes())]
}

/// What an open journal still has to deliver.
fn texts(journal: &Journal, records: &[Record]) -> Vec<String> {
    let read = |record| String::from_utf8(journal.read(record).unwrap().to_vec()).unwrap();
    records.iter().map(read).collect()
}

#[test]
fn what_was_written_and_not_done_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, none) = open(folder.path());
    assert_eq!(none, []);
    let records: Vec<_> =
        ["a", "bb", "ccc"].iter().map(|it| journal.append(1, &payload(it)).unwrap()).collect();
    assert_eq!(texts(&journal, &records), ["a", "bb", "ccc"]);
    journal.done(&records[1]).unwrap();
    drop(journal);
    let (journal, records) = open(folder.path());
    assert_eq!(texts(&journal, &records), ["a", "ccc"]);
    let later = journal.append(7, &payload("later")).unwrap();
    records.iter().for_each(|record| journal.done(record).unwrap());
    drop(journal);
    let (journal, records) = open(folder.path());
    assert_eq!(texts(&journal, &records), ["later"]);
    assert_eq!((records[0].items, later.items), (7, 7));
}

#[test]
fn segments_go_when_all_of_them_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let large = vec![Bytes::from(vec![7; 5 << 20])];
    let records: Vec<_> = (0..5).map(|_| journal.append(1, &large).unwrap()).collect();
    assert!(files::segments(folder.path()).unwrap().len() > 1);
    records.iter().for_each(|record| journal.done(record).unwrap());
    assert_eq!(files::segments(folder.path()).unwrap().len(), 1, "the current one");
    assert!(journal.bytes() < 12 << 20);
    drop(journal);
    let (journal, records) = open(folder.path());
    assert_eq!((records.len(), journal.bytes()), (0, 0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn it_is_full_at_its_limit_and_when_the_disk_is() {
    let folder = tempfile::tempdir().unwrap();
    let limits = DiskLimits { most: 100, free: 0 };
    let (journal, _) = Journal::open(folder.path(), limits).unwrap();
    let record = journal.append(1, &payload(&"x".repeat(60))).unwrap();
    let error = journal.append(1, &payload(&"x".repeat(60))).unwrap_err().to_string();
    assert!(error.contains("may take 100 bytes"), "{error}");
    assert_eq!(texts(&journal, &[record])[0].len(), 60);
    let limits = DiskLimits { most: 100, free: u64::MAX / 2 };
    let (journal, _) = Journal::open(folder.path(), limits).unwrap();
    let error = journal.append(1, &payload("x")).unwrap_err().to_string();
    assert!(error.contains("of free disk"), "{error}");
}

#[test]
fn a_segment_that_is_no_segment_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    journal.append(1, &payload("good")).unwrap();
    fs::write(folder.path().join("0000000000000009.segment"), "garbage").unwrap();
    drop(journal);
    let (journal, records) = open(folder.path());
    assert_eq!(texts(&journal, &records), ["good"]);
    assert!(folder.path().join("0000000000000009.bad").exists());
    let next = journal.append(1, &payload("next")).unwrap();
    assert_eq!(texts(&journal, &[next]), ["next"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Wherever the file ends, and whichever byte is another: what was written before is there, and nothing panics.
    #[test]
    fn a_torn_or_damaged_tail_costs_nothing_that_stands_before_it(
        sizes in prop::collection::vec(0..200usize, 1..8),
        cut in any::<prop::sample::Index>(),
        flip in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        let written: Vec<String> = sizes.iter().map(|size| "x".repeat(*size)).collect();
        let records: Vec<_> =
            written.iter().map(|text| journal.append(1, &payload(text)).unwrap()).collect();
        drop(journal);
        let path = files::segment(folder.path(), 0);
        let mut content = fs::read(&path).unwrap();
        let at = cut.index(content.len());
        if flip {
            content[at] ^= 0x55;
        } else {
            content.truncate(at);
        }
        fs::write(&path, &content).unwrap();
        let whole = records.iter().filter(|record| record.offset as usize + HEADER + record.len() <= at);
        let whole = whole.count();
        let (journal, records) = open(folder.path());
        let read = texts(&journal, &records);
        prop_assert_eq!(&read[..], &written[..whole]);
        let next = journal.append(1, &payload("next")).unwrap();
        drop(journal);
        let (journal, records) = open(folder.path());
        prop_assert_eq!(records.len(), whole + 1);
        prop_assert_eq!(texts(&journal, &records[whole..]), ["next"]);
        prop_assert_eq!(next.items, 1);
    }
}

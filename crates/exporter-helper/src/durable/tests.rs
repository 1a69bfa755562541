use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pdata::{Signal, Telemetry};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::request::Load;

/// Segments of a few records, on any disk.
const SMALL: DiskLimits = DiskLimits { most: 1 << 30, free: 0, segment: 1_000 };

/// One log record that says which one it is, of about `size` bytes.
fn item(id: usize, size: usize) -> Telemetry {
    let body = format!("{id} {}", "x".repeat(size));
    testkit::logs(&format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{{"stringValue":"{body}"}}}}]}}]}}]}}"#
    ))
    .into()
}

fn id_of(telemetry: &Telemetry) -> usize {
    let Telemetry::Logs(logs) = telemetry else { panic!("these are logs") };
    let mut scopes = logs.resources().flat_map(|resource| resource.scopes());
    let record = scopes.next().unwrap().log_records().next().unwrap();
    let body = record.body();
    body.as_str().unwrap().split(' ').next().unwrap().parse().unwrap()
}

fn open(folder: &Path) -> (Files, Load) {
    Files::open(folder.to_owned(), SMALL).unwrap()
}

fn append(files: &mut Files, items: &[Telemetry]) -> Vec<Place> {
    let answers = files.append(items.iter().map(|item| (item, &[][..])));
    answers.into_iter().map(Result::unwrap).collect()
}

/// Everything that is to be sent, in order.
fn read_all(files: &mut Files) -> Vec<(usize, Place)> {
    let items = std::iter::from_fn(|| files.read().unwrap());
    items.map(|(place, payload)| (id_of(&read(Signal::Logs, payload).unwrap().0), place)).collect()
}

fn ids(items: &[(usize, Place)]) -> Vec<usize> {
    items.iter().map(|(id, _)| *id).collect()
}

/// The folder as somebody finds it who comes after the process was killed.
fn after_kill(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for path in list(folder) {
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let paths = list(folder).into_iter();
    paths.filter(|path| path.extension().is_some_and(|kind| kind == "segment")).collect()
}

#[test]
fn what_was_written_comes_back_in_order_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    let mut left = Vec::new();
    for id in 0..40 {
        append(&mut files, &[item(id, 50)]);
        left.push(id);
        if id % 3 == 0 {
            let (place, _) = files.read().unwrap().unwrap();
            files.done(&[place]);
            left.remove(0);
        }
        let copy = after_kill(folder.path());
        let (mut again, load) = open(copy.path());
        assert_eq!(ids(&read_all(&mut again)), left);
        assert_eq!((load.requests, load.items), (left.len(), left.len()));
    }
    assert!(segments(folder.path()).len() > 2);
}

#[test]
fn segments_go_when_everything_in_them_is_done_and_an_empty_queue_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    let places = append(&mut files, &(0..40).map(|id| item(id, 50)).collect::<Vec<_>>());
    let all = segments(folder.path()).len();
    assert_eq!(read_all(&mut files).len(), 40);
    files.done(&places[..20]);
    let half = segments(folder.path()).len();
    assert!((2..all).contains(&half), "{half} of {all}");
    files.done(&places[20..]);
    files.tidy();
    assert_eq!(list(folder.path()), [] as [PathBuf; 0]);
    append(&mut files, &[item(7, 1)]);
    assert_eq!(ids(&read_all(&mut files)), [7]);
}

#[test]
fn what_was_not_sent_comes_again_before_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    append(&mut files, &[item(0, 9), item(1, 9), item(2, 9)]);
    let (first, _) = files.read().unwrap().unwrap();
    files.offer_again(first);
    assert_eq!(ids(&read_all(&mut files)), [0, 1, 2]);
}

#[test]
fn what_is_sent_from_memory_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    let places = append(&mut files, &(0..30).map(|id| item(id, 50)).collect::<Vec<_>>());
    assert!(!files.take_in_turn(&places[1]));
    for place in &places[..20] {
        assert!(files.take_in_turn(place));
    }
    assert_eq!(ids(&read_all(&mut files)), (20..30).collect::<Vec<_>>());
    let last = append(&mut files, &[item(30, 50)]);
    assert!(files.take_in_turn(&last[0]), "it has caught up");
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    append(&mut files, &[item(0, 9), item(1, 9), item(2, 9)]);
    let whole = fs::read(&segments(folder.path())[0]).unwrap();
    let record = (whole.len() - 8) / 3;
    for cut in 0..whole.len() {
        let copy = after_kill(folder.path());
        let path = segments(copy.path())[0].clone();
        fs::write(&path, &whole[..cut]).unwrap();
        let complete = cut.saturating_sub(8) / record;
        let (mut again, load) = open(copy.path());
        assert_eq!(load.requests, complete, "cut at {cut}");
        append(&mut again, &[item(9, 9)]);
        let expected: Vec<usize> = (0..complete).chain([9]).collect();
        assert_eq!(ids(&read_all(&mut again)), expected, "cut at {cut}");
        assert!(list(copy.path()).iter().all(|path| path.extension().unwrap() != "bad"));
    }
}

#[test]
fn a_damaged_segment_gives_what_can_be_read_and_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    append(&mut files, &(0..40).map(|id| item(id, 50)).collect::<Vec<_>>());
    let first = segments(folder.path())[0].clone();
    let mut bytes = fs::read(&first).unwrap();
    for at in [10, bytes.len() / 2] {
        bytes[at] ^= 0xff;
    }
    fs::write(&first, &bytes).unwrap();
    let (mut files, load) = open(folder.path());
    let items = read_all(&mut files);
    let lost: Vec<usize> = (0..40).filter(|id| !ids(&items).contains(id)).collect();
    assert_eq!((lost.len(), lost[0]), (2, 0), "{lost:?}");
    assert_eq!(load.requests - files.take_lost().requests, items.len());
    files.done(&items.iter().map(|(_, place)| *place).collect::<Vec<_>>());
    let bad = first.with_extension("bad");
    assert!(list(folder.path()).contains(&bad), "{:?}", list(folder.path()));
    let (mut files, load) = open(folder.path());
    assert_eq!((load, read_all(&mut files).len()), (Load::default(), 0));
}

#[test]
fn files_that_are_none_of_ours_are_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("00000000000000000003.segment"), "something else altogether")
        .unwrap();
    fs::write(folder.path().join("00000000000000000004.segment"), "").unwrap();
    fs::write(folder.path().join("00000000000000000009.done"), "orphan").unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    fs::create_dir(folder.path().join("00000000000000000005.segment")).unwrap();
    let (mut files, load) = open(folder.path());
    assert_eq!(load, Load::default());
    append(&mut files, &[item(1, 1)]);
    assert_eq!(ids(&read_all(&mut files)), [1]);
    assert!(folder.path().join("notes.txt").exists());
    assert!(folder.path().join("00000000000000000003.bad").exists());
}

#[test]
fn an_entry_of_what_is_done_that_is_torn_costs_one_delivery_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    let places = append(&mut files, &[item(0, 9), item(1, 9), item(2, 9)]);
    files.done(&places[..2]);
    let done = segments(folder.path())[0].with_extension("done");
    let bytes = fs::read(&done).unwrap();
    fs::write(&done, &bytes[..bytes.len() - 5]).unwrap();
    let (mut files, _) = open(folder.path());
    let items = read_all(&mut files);
    assert_eq!(ids(&items), [1, 2]);
    files.done(&[items[1].1]);
    let (mut files, _) = open(folder.path());
    assert_eq!(ids(&read_all(&mut files)), [1]);
}

#[test]
fn limits_and_a_broken_disk_refuse_by_name_and_for_now() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |files: &mut Files| {
        let big = item(0, 500);
        let answer = files.append(std::iter::once((&big, &[][..]))).remove(0);
        component::ConsumeError::from(answer.unwrap_err())
    };
    let limits = [
        (DiskLimits { most: 400, ..SMALL }, "may take 400 bytes"),
        (DiskLimits { free: u64::MAX, ..SMALL }, "are left to others"),
    ];
    for (limits, text) in limits {
        let (mut files, _) = Files::open(folder.path().to_owned(), limits).unwrap();
        let error = refusal(&mut files);
        assert!(!error.is_permanent() && error.to_string().contains(text), "{error}");
        assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
    }
    let (mut files, _) = open(folder.path());
    let path = folder.path().to_owned();
    fs::remove_dir_all(&path).unwrap();
    let error = refusal(&mut files);
    assert!(!error.is_permanent(), "{error}");
    assert!(error.chain().contains(path.to_str().unwrap()), "{}", error.chain());
    fs::create_dir(&path).unwrap();
    append(&mut files, &[item(3, 9)]);
    assert_eq!(ids(&read_all(&mut files)), [3], "it works again when the disk does");
}

#[test]
fn a_segment_that_is_taken_away_costs_its_own_requests_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    append(&mut files, &(0..40).map(|id| item(id, 50)).collect::<Vec<_>>());
    fs::remove_file(&segments(folder.path())[1]).unwrap();
    let items = read_all(&mut files);
    assert_eq!(items.len() + files.take_lost().requests, 40);
    assert_eq!((items[0].0, items.last().unwrap().0), (0, 39));
}

#[test]
fn a_disk_that_cannot_be_read_for_a_while_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, _) = open(folder.path());
    append(&mut files, &(0..40).map(|id| item(id, 50)).collect::<Vec<_>>());
    let (first, _) = files.read().unwrap().unwrap();
    files.offer_again(first);
    let path = segments(folder.path())[0].clone();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    for _ in 0..50 {
        assert!(files.read().is_err(), "a folder is no file");
    }
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert_eq!(ids(&read_all(&mut files)), (0..40).collect::<Vec<_>>());
    assert_eq!(files.take_lost(), Load::default());
}

/// What somebody does with the files of a queue.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<usize>),
    Read,
    /// The request that was read so many reads ago.
    Done(usize),
    Again(usize),
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => prop::collection::vec(0..400_usize, 1..5).prop_map(Step::Append),
        3 => Just(Step::Read),
        2 => (0..8_usize).prop_map(Step::Done),
        1 => (0..8_usize).prop_map(Step::Again),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done and whenever the process ends: everything that was written and is not done comes, nothing else.
    #[test]
    fn everything_that_is_not_done_comes_back(steps in steps()) {
        let mut folder = tempfile::tempdir().unwrap();
        let (mut files, _) = open(folder.path());
        let mut next = 0;
        let mut not_done = BTreeSet::new();
        let mut taken: Vec<(usize, Place)> = Vec::new();
        for step in steps {
            match step {
                Step::Append(sizes) => {
                    let items: Vec<_> = sizes.iter().enumerate().map(|(at, size)| item(next + at, *size)).collect();
                    append(&mut files, &items);
                    not_done.extend(next..next + items.len());
                    next += items.len();
                }
                Step::Read => {
                    if let Some((place, payload)) = files.read().unwrap() {
                        let id = id_of(&read(Signal::Logs, payload).unwrap().0);
                        prop_assert!(not_done.contains(&id), "{} was done", id);
                        prop_assert!(!taken.iter().any(|(other, _)| *other == id), "{} twice", id);
                        taken.insert(0, (id, place));
                    }
                }
                Step::Done(at) if at < taken.len() => {
                    let (id, place) = taken.remove(at);
                    files.done(&[place]);
                    not_done.remove(&id);
                }
                Step::Again(at) if at < taken.len() => files.offer_again(taken.remove(at).1),
                Step::Done(_) | Step::Again(_) => {}
                Step::Kill => {
                    let copy = after_kill(folder.path());
                    let (reopened, load) = open(copy.path());
                    prop_assert_eq!(load.requests, not_done.len());
                    (folder, files) = (copy, reopened);
                    taken.clear();
                }
            }
        }
        let copy = after_kill(folder.path());
        let (mut files, _) = open(copy.path());
        let items = read_all(&mut files);
        prop_assert_eq!(ids(&items), not_done.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(files.take_lost(), Load::default());
    }

    /// Damage of any kind costs the requests that it hits, starts the queue all the same, and never brings wrong data.
    #[test]
    fn damage_costs_what_it_hits(
        sizes in prop::collection::vec(0..300_usize, 1..40),
        done in 0..10_usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (mut files, _) = open(folder.path());
        let items: Vec<_> = sizes.iter().enumerate().map(|(id, size)| item(id, *size)).collect();
        append(&mut files, &items);
        let read_before = read_all(&mut files);
        let places: BTreeMap<usize, Place> = read_before.into_iter().collect();
        let finished: Vec<Place> = places.values().take(done).copied().collect();
        files.done(&finished);
        drop(files);

        let mut hit = BTreeSet::new();
        for (file, at, byte) in damage {
            let paths = list(folder.path());
            if paths.is_empty() { continue }
            let path = file.get(&paths);
            let mut bytes = fs::read(path).unwrap();
            let at = at.index(bytes.len());
            if bytes[at] != byte && path.extension().unwrap() == "segment" {
                let number: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
                hit.extend(places.iter().filter(|(_, place)| place.covers(number, at as u64)).map(|(id, _)| *id));
            }
            bytes[at] = byte;
            fs::write(path, bytes).unwrap();
        }

        let (mut files, _) = open(folder.path());
        let back: Vec<usize> = ids(&read_all(&mut files));
        let expected = (done..items.len()).filter(|id| !hit.contains(id));
        for id in expected {
            prop_assert!(back.contains(&id), "{} is missing, hit were {:?}", id, hit);
        }
        let distinct: BTreeSet<usize> = back.iter().copied().collect();
        prop_assert_eq!(distinct.len(), back.len());
        append(&mut files, &[item(1_000, 9)]);
        prop_assert_eq!(ids(&read_all(&mut files)), [1_000]);
    }
}

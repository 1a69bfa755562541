//! A process that is killed while it writes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;
use crate::table::Table;

/// Set for the process that is to be killed.
const FOLDER: &str = "FILE_STORAGE_TEST_FOLDER";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "");
    let mut expected = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::kill::writes_until_it_is_killed", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged = lines.map_while(Result::ok);
        let mut acknowledged =
            acknowledged.filter_map(|line| line.strip_prefix("wrote ")?.parse().ok());
        expected = acknowledged.nth(200 + 37 * round).expect("it writes on and on");
        child.kill().unwrap();
        child.wait().unwrap();
        expected = acknowledged.last().unwrap_or(expected);

        let table = Table::open(&table_in(folder.path()), &config).unwrap();
        let number =
            |key| String::from_utf8(table.get(key).unwrap()).unwrap().parse::<u64>().unwrap();
        assert_eq!(number("first"), number("second"), "a write is there as a whole");
        assert!(number("first") >= expected, "{} was acknowledged", expected);
    }
    assert!(expected > 1000, "each process goes on where the one before ended");
    let files = std::fs::read_dir(folder.path()).unwrap();
    let aside = files
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains(".corrupt-"));
    assert_eq!(aside.count(), 0, "an unfinished write is no damage");
}

#[test]
#[ignore = "is run, and killed, by the test above"]
fn writes_until_it_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("it is run by the test above"));
    let config = config(&folder, "");
    let table = Table::open(&table_in(&folder), &config).unwrap();
    let last = table.get("first").map(|value| String::from_utf8(value).unwrap().parse().unwrap());
    // Large enough that files are rewritten, too.
    let ballast = vec![1; 20_000];
    for number in last.unwrap_or(0_u64) + 1.. {
        let text = number.to_string();
        let changes = vec![set("first", &text), set("ballast", &ballast), set("second", &text)];
        table.write(changes, &config).unwrap();
        println!("wrote {number}");
    }
}

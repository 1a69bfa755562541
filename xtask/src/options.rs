//! The tables of options in the READMEs.

use anyhow::Result;

use crate::process::{cargo, run as call};
use crate::workspace::Workspace;

/// Lets the test of `kmagent` that compares the tables with the code write them anew.
///
/// # Errors
///
/// The program doesn't build, or a README has no place for a table.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut test = cargo(workspace);
    test.args(["test", "--package", "kmagent", "--locked", "schema_tests::tables"]);
    call(test.env("KMAGENT_WRITE_TABLES", "1"))
}

//! Tables of options in the READMEs, made from the types that read the configuration.

use anyhow::Result;

use crate::process::{cargo, run as call};
use crate::workspace::Workspace;

/// Writes every table. The test that compares them with the types does the work, so that both see the same.
///
/// # Errors
///
/// The agent does not build, or a README has lost its markers.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    let mut test = cargo(workspace);
    test.env("KMAGENT_WRITE_OPTIONS", "1");
    call(test.args(["test", "--package", "kmagent", "the_tables_of_options"]))
}

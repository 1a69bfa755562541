//! Sets a machine up for the other steps.

use std::path::Path;

use anyhow::Result;

use crate::process::{program, run as call};
use crate::workspace::Workspace;

pub(crate) const ABOUT: &str = "installs what the other steps need, as far as it may";

/// Runs `.ci/prepare`. On Windows there is nothing to install: the toolchain is all that the steps need there.
///
/// # Errors
///
/// Something could not be installed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    call(program(workspace, Path::new("bash")).arg(".ci/prepare"))
}

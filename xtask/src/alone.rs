//! Each crate by itself.

use anyhow::Result;

use crate::process::{cargo, run as call};
use crate::workspace::Workspace;

pub(crate) const ABOUT: &str = "each crate compiles without the others' help";

/// Compiles each crate with only the features that it and its dependencies ask for.
///
/// In a build of the whole workspace, a crate can use a feature of a dependency that only another
/// crate has turned on.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for package in workspace.packages()? {
        println!("{}", package.name);
        call(cargo(workspace).args(["check", "--quiet", "--locked", "-p", &package.name]))?;
    }
    Ok(())
}

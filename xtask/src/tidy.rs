//! What the structure of the workspace promises, and no compiler checks.

mod arrows;
mod files;
mod manifests;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

pub(crate) const ABOUT: &str = "the arrows between crates, manifests, changelog fragments, READMEs";

/// What the checks have found.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Makes all checks and prints everything that they find.
///
/// # Errors
///
/// Something is wrong. Warnings alone are no failure.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let packages = workspace.packages()?;
    let mut findings = Findings::default();
    arrows::check(&packages, &mut findings);
    manifests::check(workspace.root(), &packages, &mut findings)?;
    files::check(workspace.root(), &packages, &mut findings)?;

    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for error in &findings.errors {
        println!("error: {error}");
    }
    match findings.errors.len() {
        0 => Ok(()),
        1 => bail!("the workspace isn't tidy: 1 error"),
        count => bail!("the workspace isn't tidy: {count} errors"),
    }
}

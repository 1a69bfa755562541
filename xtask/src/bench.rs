//! Measuring the data path: builds what is measured and what measures, as shipped, and runs it.

use anyhow::Result;

use crate::process::{cargo, program, run as call};
use crate::workspace::Workspace;

/// Builds the agent and the bench in release mode and hands `options` to the bench.
///
/// # Errors
///
/// Something does not build, or a measurement fails.
pub(crate) fn run(workspace: &Workspace, options: &[&str]) -> Result<()> {
    let mut build = cargo(workspace);
    build.args(["build", "--release", "--locked", "--package", "kmagent"]);
    call(build.args(["--package", "kmagent-bench"]))?;
    let built = workspace.target().join("release");
    let mut bench = program(workspace, &built.join("kmagent-bench"));
    bench.arg("run").arg("--agent").arg(built.join("kmagent"));
    call(bench.args(options))
}

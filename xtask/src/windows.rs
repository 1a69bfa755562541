//! The compile for Windows, with clippy, from any host.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{cargo, cargo_path, exists, output, program, run as call};
use crate::workspace::Workspace;

pub(crate) const ABOUT: &str = "everything compiles for Windows, clippy's warnings denied";

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Some dependencies bring C code along.
const C_COMPILER: &str = "x86_64-w64-mingw32-gcc";

const MISSING: &str = "\
cannot compile for Windows here. On Debian, run `cargo xtask prepare` as root, or install it yourself:
    apt-get install -y --no-install-recommends rustc-web rust-web-src rust-web-clippy gcc-mingw-w64-x86-64
Elsewhere, install MinGW's gcc for x86_64 and Rust's standard library for Windows:
    rustup target add x86_64-pc-windows-gnu";

/// Lints the whole workspace for Windows in a target folder of its own.
///
/// # Errors
///
/// The code doesn't pass, or there is nothing to compile it with; then the error says what to install.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    if cfg!(windows) {
        println!("nothing to do: on Windows, step `clippy` has seen to it");
        return Ok(());
    }
    if !exists(C_COMPILER) {
        bail!(MISSING);
    }
    let mut clippy = if standard_library_is_installed(workspace) {
        let mut clippy = cargo(workspace);
        clippy.arg("clippy");
        clippy
    } else {
        match Debian::find(workspace) {
            Some(debian) => debian.clippy(workspace),
            None => bail!(MISSING),
        }
    };
    clippy.args([
        "--target",
        TARGET,
        "--workspace",
        "--exclude",
        "xtask",
        "--locked",
        "--target-dir",
    ]);
    clippy.arg(workspace.target().join("windows")).args(["--", "-D", "warnings"]);
    call(&mut clippy)
}

/// Whether the toolchain in use can compile for Windows by itself.
fn standard_library_is_installed(workspace: &Workspace) -> bool {
    let folder = output(program(workspace, Path::new("rustc")).args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]));
    folder.is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Debian's Rust: it has no standard library for Windows either, but the sources of its own, which cargo can compile.
struct Debian {
    compiler: PathBuf,
    clippy: PathBuf,
}

impl Debian {
    /// Debian's packages `rustc-web`, `rust-web-src` and `rust-web-clippy`, if all of them are installed.
    fn find(workspace: &Workspace) -> Option<Self> {
        let debian = Self {
            compiler: PathBuf::from("/usr/bin/rustc"),
            clippy: PathBuf::from("/usr/bin/cargo-clippy"),
        };
        let root =
            output(program(workspace, &debian.compiler).args(["--print", "sysroot"])).ok()?;
        let sources = Path::new(root.trim()).join("lib/rustlib/src/rust/library/Cargo.lock");
        (sources.is_file() && debian.clippy.is_file()).then_some(debian)
    }

    /// Cargo's clippy with this compiler; it builds the standard library first, which takes half a minute.
    fn clippy(&self, workspace: &Workspace) -> Command {
        let mut command = program(workspace, &self.clippy);
        // The libraries of the toolchain that started us aren't this compiler's.
        command.env_remove("LD_LIBRARY_PATH");
        // `-Zbuild-std` asks for a nightly toolchain or for this variable.
        command.env("CARGO", cargo_path()).env("RUSTC", &self.compiler).env("RUSTC_BOOTSTRAP", "1");
        command.args(["clippy", "-Zbuild-std=std,panic_abort"]);
        command
    }
}

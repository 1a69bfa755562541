//! The steps of `cargo xtask check`: what they are, and how they are run one after the other.

#![expect(clippy::disallowed_types, reason = "a clock for people, in a program without tokio")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process::{cargo, run as call};
use crate::workspace::Workspace;
use crate::{alone, deny, prepare, tidy, windows};

/// One thing that a change has to pass.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether only `check --full` runs it.
    pub(crate) only_full: bool,
    run: fn(&Workspace) -> Result<()>,
}

/// All steps, the quick ones first.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "prepare", about: prepare::ABOUT, only_full: false, run: prepare::run },
    Step {
        name: "fmt",
        about: "formatting, as rustfmt.toml has it",
        only_full: false,
        run: |workspace| call(cargo(workspace).args(["fmt", "--all", "--check"])),
    },
    Step { name: "tidy", about: tidy::ABOUT, only_full: false, run: tidy::run },
    Step {
        name: "clippy",
        about: "clippy on all targets, warnings denied",
        only_full: false,
        run: |workspace| {
            let clippy =
                ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            call(cargo(workspace).args(clippy))
        },
    },
    Step {
        name: "docs",
        about: "documentation builds, warnings denied",
        only_full: false,
        run: |workspace| {
            let mut doc = cargo(workspace);
            doc.args(["doc", "--workspace", "--no-deps", "--locked"])
                .env("RUSTDOCFLAGS", "-D warnings");
            call(&mut doc)
        },
    },
    Step {
        name: "tests",
        about: "all tests of the workspace",
        only_full: false,
        run: |workspace| call(cargo(workspace).args(["test", "--workspace", "--locked"])),
    },
    Step { name: "deny", about: deny::ABOUT, only_full: false, run: deny::run },
    Step { name: "windows", about: windows::ABOUT, only_full: false, run: windows::run },
    Step { name: "alone", about: alone::ABOUT, only_full: true, run: alone::run },
];

/// Runs the steps in order up to the first that fails, prints each one's time and, after more than one, a table.
///
/// # Errors
///
/// The failure of that step, with the command that repeats it alone.
pub(crate) fn run<'a>(
    workspace: &Workspace,
    steps: impl IntoIterator<Item = &'a Step>,
) -> Result<()> {
    let mut times = Vec::new();
    let mut result = Ok(());
    for step in steps {
        println!("--- {}: {}", step.name, step.about);
        let start = Instant::now();
        result = (step.run)(workspace);
        let time = start.elapsed();
        let outcome = if result.is_ok() { "ok" } else { "FAILED" };
        println!("--- {}: {outcome} after {}", step.name, seconds(time));
        times.push((step.name, time, outcome));
        if result.is_err() {
            result = result.with_context(|| {
                format!("step `{0}` failed; repeat it with `cargo xtask {0}`", step.name)
            });
            break;
        }
    }
    if times.len() > 1 {
        print!("\n{}", table(&times));
    }
    result
}

fn table(times: &[(&str, Duration, &str)]) -> String {
    let row = |(name, time, outcome): &(&str, Duration, &str)| {
        format!("{name:<10} {:>9}  {outcome}\n", seconds(*time))
    };
    let sum = times.iter().map(|(_, time, _)| *time).sum();
    let rows: String = times.iter().map(row).collect();
    format!("{rows}{:<10} {:>9}\n", "sum", seconds(sum))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn step(name: &'static str, run: fn(&Workspace) -> Result<()>) -> Step {
        Step { name, about: "", only_full: false, run }
    }

    #[test]
    fn the_first_failure_ends_the_check_and_names_the_command_that_repeats_it() {
        let steps = [
            step("good", |_| Ok(())),
            step("bad", |_| bail!("broken")),
            step("never", |_| panic!("a step ran after a failed one")),
        ];
        let error = run(&Workspace::find().unwrap(), &steps).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "step `bad` failed; repeat it with `cargo xtask bad`: broken"
        );
    }

    #[test]
    fn the_table_lists_every_step_and_their_sum() {
        let times = [
            ("fmt", Duration::from_millis(1_500), "ok"),
            ("tests", Duration::from_secs(60), "FAILED"),
        ];
        let expected = "\
fmt            1.5 s  ok
tests         60.0 s  FAILED
sum           61.5 s
";
        assert_eq!(table(&times), expected);
    }
}

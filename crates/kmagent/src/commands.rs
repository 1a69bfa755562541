//! The commands that look at something and end.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use agent_core::{BuildInfo, Configuration};
use anyhow::Context;
use collector::{Collector, ComponentInfo, Kind, Registry, Stability, Support};
use config::Problems;

use crate::cli::Format;
use crate::report::{self, Lacking};

/// Prints the version.
pub(crate) fn version(build: &BuildInfo) -> anyhow::Result<()> {
    print(&format!("{} version {}\n", build.command, build.version))
}

/// What is wrong with a configuration, or the warnings of one that is right.
pub(crate) type Verdict = Result<Vec<String>, Problems>;

/// Checks the configuration that `run` would boot from.
pub(crate) fn verdict(
    configuration: &Configuration,
    registry: &Registry,
    collector: &Collector,
) -> Verdict {
    let (document, problems) = configuration.examine().map_err(report::of_load)?;
    let Some(document) = document else { return problems.into_result(Vec::new()) };
    let plan = collector::plan(&document, registry);
    if problems.is_empty() {
        let plan = plan?;
        collector.check(&plan)?;
        return Ok(plan.warnings().to_vec());
    }
    report::with_consequences(problems, plan.err().unwrap_or_default()).into_result(Vec::new())
}

/// Prints every problem and warning. Silent when there are none and people read it.
pub(crate) fn validate(
    verdict: Verdict,
    mut warnings: Vec<String>,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let problems = match verdict {
        Ok(more) => {
            warnings.extend(more);
            Problems::new()
        }
        Err(problems) => problems,
    };
    match format {
        Format::Json => print(&format!("{:#}\n", report::json(&problems, &warnings)))?,
        Format::Text => {
            warn(&warnings)?;
            if !problems.is_empty() {
                return Err(problems.into());
            }
        }
    }
    Ok(exit_code(problems.is_empty()))
}

/// Prints warnings for people.
pub(crate) fn warn(warnings: impl IntoIterator<Item = impl Display>) -> io::Result<()> {
    warnings.into_iter().try_for_each(|warning| writeln!(io::stderr(), "warning: {warning}"))
}

/// Prints what a configuration uses that this build lacks.
pub(crate) fn compat(
    verdict: &Verdict,
    registry: &Registry,
    format: Format,
) -> anyhow::Result<ExitCode> {
    let none = Problems::new();
    let lacking = Lacking::of(verdict.as_ref().err().unwrap_or(&none), registry);
    match format {
        Format::Json => print(&format!("{:#}\n", lacking.json()))?,
        Format::Text => print(&lacking.text())?,
    }
    Ok(exit_code(lacking.is_empty()))
}

/// Prints the JSON Schema of configurations.
pub(crate) fn schema(registry: &Registry) -> anyhow::Result<()> {
    print(&format!("{:#}\n", collector::schema(registry)))
}

fn exit_code(is_good: bool) -> ExitCode {
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the build and its components as YAML, in the shape of upstream's `components` command.
pub(crate) fn components(build: &BuildInfo, registry: &Registry) -> anyhow::Result<()> {
    let BuildInfo { command, description, version } = build;
    let mut text = format!(
        "buildinfo:\n    command: {command}\n    description: {description}\n    version: {version}\n"
    );
    let components = registry.components();
    for kind in Kind::ALL {
        let of_kind: Vec<_> = components.iter().filter(|info| info.kind == kind).collect();
        if of_kind.is_empty() {
            text.push_str(&format!("{}: []\n", kind.section()));
            continue;
        }
        text.push_str(&format!("{}:\n", kind.section()));
        of_kind.into_iter().for_each(|info| describe(info, &mut text));
    }
    print(&text)
}

fn describe(info: &ComponentInfo, text: &mut String) {
    text.push_str(&format!("    - name: {}\n", info.type_name));
    if !info.aliases.is_empty() {
        let aliases: Vec<_> = info.aliases.iter().map(ToString::to_string).collect();
        text.push_str(&format!("      aliases: [{}]\n", aliases.join(", ")));
    }
    match info.supports {
        Support::Extension(level) => {
            text.push_str(&format!("      stability:\n        extension: {level}\n"));
        }
        Support::Signals(signals) => stability(
            signals.iter().map(|(signal, level)| (signal.to_string(), *level)).collect(),
            text,
        ),
        Support::Pairs(pairs) => stability(
            pairs.iter().map(|(from, to, level)| (format!("{from}-to-{to}"), *level)).collect(),
            text,
        ),
    }
}

fn stability(mut levels: Vec<(String, Stability)>, text: &mut String) {
    levels.sort_by(|(a, _), (b, _)| a.cmp(b));
    text.push_str("      stability:\n");
    for (what, level) in levels {
        text.push_str(&format!("        {what}: {level}\n"));
    }
}

/// Prints to standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

//! The commands that look at something and end.

use std::io::{self, Write};

use agent_core::{BuildInfo, Configuration};
use anyhow::Context;
use collector::{Collector, ComponentInfo, Kind, Registry, Stability, Support};

/// Prints the version.
pub(crate) fn version(build: &BuildInfo) -> anyhow::Result<()> {
    print(&format!("{} version {}\n", build.command, build.version))
}

/// Checks the configuration that `run` would boot from. Silent when it is good.
pub(crate) fn validate(
    configuration: &Configuration,
    registry: &Registry,
    collector: &Collector,
) -> anyhow::Result<()> {
    let document = configuration.load()?;
    let plan = collector::plan(&document, registry)?;
    collector.check(&plan)?;
    for warning in plan.warnings() {
        writeln!(io::stderr(), "warning: {warning}")?;
    }
    Ok(())
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

/// Prints the JSON Schema of the documents that this build reads.
pub(crate) fn schema(registry: &Registry) -> anyhow::Result<()> {
    print(&format!("{:#}\n", collector::schema(registry)))
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

fn print(text: &str) -> anyhow::Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

//! `kmagent`: the command line, and how the layers fit together.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod built_in;
mod cli;
mod commands;
mod components;
#[cfg(test)]
mod documentation;
mod logging;
mod manual;
mod print;
mod report;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod resident;
mod run;

use std::io::{self, Write};
use std::process::ExitCode;

use agent_core::{BuildInfo, Configuration};
use anyhow::anyhow;
use clap::Parser;
use collector::Collector;
use config::settings::{AgentSettings, Resolved};
use config::{Environment, Problems};

use crate::cli::{Cli, Command, Format, Sources};

/// The service's name, on every platform.
const SERVICE: &str = "kmagent";

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    allocator::tune();
    let Cli { flags, command } = Cli::parse();
    match obey(flags, command) {
        Ok(code) => code,
        Err(error) => {
            // Standard error is the last resort; when it is gone, nobody is left to tell.
            drop(writeln!(io::stderr(), "Error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn obey(flags: cli::Flags, command: Command) -> anyhow::Result<ExitCode> {
    let build = build_info();
    match command {
        Command::Version => commands::version(&build)?,
        Command::Components => commands::components(&build, &components::registry())?,
        Command::Stop => service_layer::stop(SERVICE)?,
        Command::Validate { format, compat } => {
            let registry = components::registry();
            let (resolved, sources) = resolve(flags);
            let Resolved { settings, warnings } = match resolved {
                Err(problems) if format == Format::Json && !compat => {
                    return commands::validate(Err(problems), Vec::new(), format);
                }
                resolved => resolved.map_err(wrong_settings)?,
            };
            let collector =
                Collector::new(build).allow_insecure_endpoint(settings.allow_insecure_endpoint);
            let configuration = configuration(&settings, sources);
            let verdict = commands::verdict(&configuration, &registry, &collector);
            if compat {
                commands::warn(warnings.iter())?;
                return commands::compat(&verdict, &registry, format);
            }
            let warnings = warnings.iter().map(ToString::to_string).collect();
            return commands::validate(verdict, warnings, format);
        }
        Command::PrintConfig { origin } => {
            let (resolved, sources) = resolve(flags);
            let settings = resolved.map_err(wrong_settings)?.settings;
            let document = configuration(&settings, sources).load()?;
            commands::print(&print::document(&document, &components::registry(), origin)?)?;
        }
        Command::Schema => commands::schema(&components::registry())?,
        Command::Completions { shell } => io::stdout().write_all(&manual::completions(shell))?,
        Command::Man => io::stdout().write_all(&manual::page()?)?,
        Command::Run => {
            let (resolved, sources) = resolve(flags);
            return run::run(resolved.map_err(wrong_settings)?, sources, build);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The agent's settings, and where the collector's configuration comes from.
fn resolve(flags: cli::Flags) -> (Result<Resolved, Problems>, Sources) {
    let sources = flags.sources();
    let layer = flags.into_layer(sources.file.clone());
    (AgentSettings::resolve(&layer, &Environment::process()), sources)
}

fn wrong_settings(problems: Problems) -> anyhow::Error {
    anyhow!("the agent's settings are wrong:\n{problems}")
}

/// Where the collector's configuration is, and what runs without it.
fn configuration(settings: &AgentSettings, sources: Sources) -> Configuration {
    let environment = settings.overlay(Environment::process()).with_fetch(updater::fetch);
    let Sources { file, before, after } = sources;
    if file.is_none() && !before.is_empty() {
        let sources = before.into_iter().chain(after).collect();
        return Configuration::sources(sources).with_environment(environment);
    }
    let configuration = Configuration::file(&settings.config)
        .with_sources(before, after)
        .with_environment(environment);
    if settings.config_is_explicit {
        return configuration;
    }
    configuration.with_built_in(built_in::configuration(settings.api_key.is_some()))
}

fn build_info() -> BuildInfo {
    BuildInfo {
        command: env!("CARGO_PKG_NAME").into(),
        description: "kmagent OpenTelemetry Collector".into(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}

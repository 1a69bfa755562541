//! `kmagent`: the command line, and how the layers fit together.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod built_in;
mod cli;
mod commands;
mod components;
mod logging;
mod run;

use std::io::{self, Write};
use std::process::ExitCode;

use agent_core::{BuildInfo, Configuration};
use anyhow::anyhow;
use clap::Parser;
use config::Environment;
use config::settings::{AgentSettings, Resolved};

use crate::cli::{Cli, Command};

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
        Command::Validate => {
            let Resolved { settings, warnings } = resolve(flags)?;
            for warning in warnings.iter() {
                writeln!(io::stderr(), "warning: {warning}")?;
            }
            commands::validate(&configuration(&settings), &components::registry())?;
        }
        Command::Run => return run::run(resolve(flags)?, build),
    }
    Ok(ExitCode::SUCCESS)
}

fn resolve(flags: cli::Flags) -> anyhow::Result<Resolved> {
    AgentSettings::resolve(&flags.into_layer(), &Environment::process())
        .map_err(|problems| anyhow!("the agent's settings are wrong:\n{problems}"))
}

/// Where the collector's configuration is, and what runs without it.
fn configuration(settings: &AgentSettings) -> Configuration {
    let environment = settings.overlay(Environment::process());
    let configuration = Configuration::file(&settings.config).with_environment(environment);
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

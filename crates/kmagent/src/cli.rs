//! The command line.

use clap::{ArgAction, Args, Parser, Subcommand};
use config::settings::Layer;

/// The `kmagent` command line. Flags are accepted before and after the command, as the Go agent did.
#[derive(Debug, Parser)]
#[command(
    name = "kmagent",
    about = "An OpenTelemetry Collector that runs as a service and takes its configuration from afar",
    version = concat!("version ", env!("CARGO_PKG_VERSION")),
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Run the agent, in the foreground or under a service manager
    #[command(visible_alias = "start")]
    Run,
    /// Stop the installed service
    Stop,
    /// Check a collector configuration and print every problem in it
    Validate,
    /// List the components of this build
    Components,
    /// Print the version
    Version,
}

/// Settings of the agent. A flag wins over its variable, a variable over `agent.yaml`, a key there over the default.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// The agent's own settings [env: KM_AGENT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    agent_config: Option<String>,
    /// The collector's configuration [env: KM_COLLECTOR_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// The backend's OTLP endpoint [env: KM_COLLECTOR_ENDPOINT]
    #[arg(long, global = true, value_name = "URL")]
    collector_endpoint: Option<String>,
    /// The API key; others on the host can see it on a command line, prefer the variable [env: KM_API_KEY]
    #[arg(long, global = true, value_name = "KEY")]
    api_key: Option<String>,
    /// Seconds between two checks for a new configuration; zero or less: no checks [env: KM_CONFIG_CHECK_INTERVAL]
    #[arg(long, global = true, value_name = "SECONDS", allow_negative_numbers = true)]
    config_check_interval: Option<String>,
    /// Where to ask for a new configuration; empty: derived from the collector endpoint [env: KM_UPDATE_ENDPOINT]
    #[arg(long, global = true, value_name = "URL")]
    update_endpoint: Option<String>,
    /// Whether the agent runs in a container and watches its host from there [env: KM_DOCKER_MODE]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    docker_mode: Option<String>,
    /// The Docker engine's API [env: KM_DOCKER_ENDPOINT]
    #[arg(long, global = true, value_name = "URL")]
    docker_endpoint: Option<String>,
    /// Whether the API key may go over plain http to other hosts [env: KM_ALLOW_INSECURE_ENDPOINT]
    #[arg(long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    allow_insecure_endpoint: Option<String>,
}

impl Flags {
    /// The flags as the topmost layer of the agent's settings.
    pub(crate) fn into_layer(self) -> Layer {
        Layer {
            agent_config: self.agent_config,
            config: self.config,
            collector_endpoint: self.collector_endpoint,
            api_key: self.api_key,
            config_check_interval: self.config_check_interval,
            update_endpoint: self.update_endpoint,
            docker_mode: self.docker_mode,
            docker_endpoint: self.docker_endpoint,
            allow_insecure_endpoint: self.allow_insecure_endpoint,
            ..Layer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_go_agents_ways_of_starting_work() {
        let cli = parse("kmagent --agent-config A start");
        assert_eq!(cli.command, Command::Run);
        assert_eq!(cli.flags.agent_config.as_deref(), Some("A"));
        let cli = parse("kmagent --docker-mode --config C start");
        assert_eq!(cli.command, Command::Run);
        assert_eq!(cli.flags.docker_mode.as_deref(), Some("true"));
        assert_eq!(cli.flags.config.as_deref(), Some("C"));
    }

    #[test]
    fn flags_are_accepted_after_the_command() {
        let cli = parse("kmagent run --docker-mode=false --config-check-interval -1");
        assert_eq!(cli.flags.docker_mode.as_deref(), Some("false"));
        assert_eq!(cli.flags.config_check_interval.as_deref(), Some("-1"));
    }
}

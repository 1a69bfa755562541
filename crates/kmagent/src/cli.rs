//! The command line.

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
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
    Validate {
        /// How to print them
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        /// List what an otelcol configuration uses that this build lacks, by component and option, with counts
        #[arg(long)]
        compat: bool,
    },
    /// Print the collector configuration as it is understood: merged, expanded, secrets hidden
    #[command(visible_alias = "print-initial-config")]
    PrintConfig {
        /// Say behind every value from which source, line and column it came
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON Schema of collector configurations, for editors
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
    /// List the components of this build
    Components,
    /// Print the version
    Version,
}

/// How problems are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each
    Text,
    /// One JSON object
    Json,
}

/// Settings of the agent. A flag wins over its variable, a variable over `agent.yaml`, a key there over the default.
#[derive(Debug, Default, Args)]
pub(crate) struct Flags {
    /// The agent's own settings [env: KM_AGENT_CONFIG]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    agent_config: Option<String>,
    /// The collector's configuration: a file, or file:, env: or yaml: and what it names, or an http: or https: URL. Several are
    /// merged in their order; pushed configurations replace the first file [env: KM_COLLECTOR_CONFIG, for a file]
    #[arg(long, global = true, value_name = "SOURCE", value_hint = ValueHint::FilePath)]
    config: Vec<String>,
    /// Sets one value of the collector's configuration, after all sources; dots in the key stand for levels
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = set_source)]
    set: Vec<String>,
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

fn set_source(setting: &str) -> Result<String, String> {
    config::set_source(setting).map_err(str::to_owned)
}

/// The sources around the collector's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// The file that pushed configurations replace. `None` with something before it: the sources are others.
    pub(crate) file: Option<String>,
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

impl Flags {
    /// What `--config` and `--set` name.
    pub(crate) fn sources(&self) -> Sources {
        let is_file = |source: &String| match source.split_once(':') {
            // One letter is a drive of Windows.
            Some((scheme, _)) => {
                scheme == "file" || scheme.len() < 2 || scheme.contains(['/', '\\', '.'])
            }
            None => true,
        };
        let set = self.set.clone();
        let Some(place) = self.config.iter().position(is_file) else {
            return Sources { file: None, before: self.config.clone(), after: set };
        };
        let file = self.config[place].trim_start_matches("file:").to_owned();
        let after = self.config[place + 1..].iter().cloned().chain(set).collect();
        Sources { file: Some(file), before: self.config[..place].to_vec(), after }
    }

    /// The flags as the topmost layer of the agent's settings.
    pub(crate) fn into_layer(self, file: Option<String>) -> Layer {
        Layer {
            agent_config: self.agent_config,
            config: file,
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
        assert_eq!(cli.flags.config, ["C"]);
    }

    #[test]
    fn the_first_file_is_the_one_that_is_replaced() {
        let cli = parse(
            "kmagent run --config env:A --config file:/b.yaml --config yaml:c::d: --set e.f=1 --config g.yaml",
        );
        let sources = cli.flags.sources();
        assert_eq!(sources.file.as_deref(), Some("/b.yaml"));
        assert_eq!(sources.before, ["env:A"]);
        assert_eq!(sources.after, ["yaml:c::d:", "g.yaml", "yaml:e::f: 1"]);
        let none = parse("kmagent run --set a=1").flags.sources();
        assert_eq!((none.file, none.after), (None, vec!["yaml:a: 1".to_owned()]));
        let others = parse("kmagent run --config https://h/a --set a=1 --config yaml:b:");
        let Sources { file, before, after } = others.flags.sources();
        assert_eq!(file, None);
        assert_eq!(
            (before, after),
            (vec!["https://h/a".to_owned(), "yaml:b:".to_owned()], vec!["yaml:a: 1".to_owned()])
        );
        Cli::try_parse_from(["kmagent", "run", "--set", "a"]).unwrap_err();
    }

    #[test]
    fn flags_are_accepted_after_the_command() {
        let cli = parse("kmagent run --docker-mode=false --config-check-interval -1");
        assert_eq!(cli.flags.docker_mode.as_deref(), Some("false"));
        assert_eq!(cli.flags.config_check_interval.as_deref(), Some("-1"));
    }
}

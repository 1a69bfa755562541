use std::fs;

use super::*;

/// Resolves with an `agent.yaml` of this text.
fn resolve(flags: Layer, variables: &[(&str, &str)], file: &str) -> Result<Resolved, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.yaml");
    fs::write(&path, file).unwrap();
    let flags = Layer { agent_config: Some(path.display().to_string()), ..flags };
    let environment = Environment::empty();
    let environment =
        variables.iter().fold(environment, |all, (name, text)| all.with(*name, *text));
    let resolved = AgentSettings::resolve(&flags, &environment);
    resolved
        .map_err(|problems| problems.to_string().replace(&path.display().to_string(), "agent.yaml"))
}

fn settings(flags: Layer, variables: &[(&str, &str)], file: &str) -> AgentSettings {
    resolve(flags, variables, file).unwrap().settings
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn without_anything_there_are_defaults() {
    let settings = settings(Layer::default(), &[], "");
    assert_eq!(settings.collector_endpoint, "https://otel.kloudmate.com:4318");
    assert_eq!(settings.update_endpoint.as_str(), "https://api.kloudmate.com/agents/config-check");
    assert!(!settings.update_endpoint_is_explicit && !settings.config_is_explicit);
    assert_eq!(settings.config, paths::collector_config());
    assert_eq!(settings.config_check_interval, Some(Duration::from_secs(60)));
    assert_eq!(settings.api_key, None);
    assert_eq!(settings.log_level, LogLevel::Info);
    assert!(!settings.docker_mode && !settings.allow_insecure_endpoint);
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let flags = Layer { config: some("flag"), ..Layer::default() };
    let variables = [("KM_COLLECTOR_CONFIG", "variable"), ("KM_API_KEY", "variable")];
    let file = "config: file\napi-key: file\ndocker-endpoint: file\n";
    let settings = settings(flags, &variables, file);
    assert_eq!(settings.config, PathBuf::from("flag"));
    assert!(settings.config_is_explicit);
    assert_eq!(settings.api_key.unwrap().expose(), "variable");
    assert_eq!(settings.docker_endpoint, "file");
}

#[test]
fn an_empty_value_is_left_to_the_next_layer() {
    let flags = Layer { api_key: some(""), ..Layer::default() };
    let settings = settings(flags, &[("KM_API_KEY", "")], "api-key: file\n");
    assert_eq!(settings.api_key.unwrap().expose(), "file");
}

#[test]
fn an_empty_update_endpoint_is_derived_from_the_collector_endpoint() {
    let file = "collector-endpoint: https://otel.example.com:4318\nupdate-endpoint: ''\n";
    let settings = settings(Layer::default(), &[], file);
    assert_eq!(settings.update_endpoint.as_str(), "https://api.example.com/agents/config-check");
    assert!(!settings.update_endpoint_is_explicit);
}

#[test]
fn an_unset_update_endpoint_is_the_default_whatever_the_collector_endpoint_is() {
    let file = "collector-endpoint: https://otel.example.com:4318\nupdate-endpoint:\n";
    let settings = settings(Layer::default(), &[], file);
    assert_eq!(settings.update_endpoint.as_str(), DEFAULT_UPDATE_ENDPOINT);
}

#[test]
fn the_interval_is_in_seconds_and_zero_or_less_is_never() {
    for (text, interval) in [("5", Some(5)), ("0", None), ("-1", None), ("6e1", None)] {
        let variables = [("KM_CONFIG_CHECK_INTERVAL", text)];
        match resolve(Layer::default(), &variables, "") {
            Ok(resolved) => {
                let got = resolved.settings.config_check_interval;
                assert_eq!(got, interval.map(Duration::from_secs), "{text}");
            }
            Err(problems) => assert_eq!(
                problems,
                "KM_CONFIG_CHECK_INTERVAL: must be a whole number of seconds, is \"6e1\""
            ),
        }
    }
    let settings = settings(Layer::default(), &[], "config-check-interval: 3.0e+01\n");
    assert_eq!(settings.config_check_interval, Some(Duration::from_secs(30)));
}

#[test]
fn docker_mode_is_what_go_takes_for_a_bool_and_moves_the_configuration() {
    for (text, mode) in [("1", true), ("true", true), ("T", true), ("0", false), ("False", false)] {
        let settings = settings(Layer::default(), &[("KM_DOCKER_MODE", text)], "");
        assert_eq!(settings.docker_mode, mode, "{text}");
    }
    let settings = settings(Layer::default(), &[], "docker-mode: true\n");
    assert_eq!(settings.config, PathBuf::from("/etc/kmagent/config.yaml"));
}

#[test]
fn every_wrong_value_is_named_by_where_it_came_from() {
    let flags = Layer { update_endpoint: some("ftp://x"), ..Layer::default() };
    let file = "log-level: loud\nconfig: [a]\ncollector-endpoint: 'http://[x'\n";
    let problems = resolve(flags, &[("KM_DOCKER_MODE", "yes")], file).unwrap_err();
    let mut lines: Vec<_> = problems.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "--update-endpoint: must be an http or https URL",
            "KM_DOCKER_MODE: must be true or false, is \"yes\"",
            "agent.yaml:1: log-level: must be debug, info, warn or error, is \"loud\"",
            "agent.yaml:2: config: must be a text, is a list (put it in quotes)",
            "agent.yaml:3: collector-endpoint: must be a URL or host:port",
        ]
    );
}

#[test]
fn unknown_keys_warn() {
    let resolved = resolve(Layer::default(), &[], "config: a\napi-kye: x\n").unwrap();
    let warning = resolved.warnings.first().unwrap();
    assert_eq!((warning.line, warning.path.as_str()), (2, "api-kye"));
    assert_eq!(warning.hint.as_deref(), Some("did you mean `api-key`?"));
}

#[test]
fn the_key_goes_over_plain_http_only_when_allowed() {
    let insecure = "collector-endpoint: http://otel.example.com\n";
    let refused = resolve(Layer::default(), &[("KM_API_KEY", "k")], insecure).unwrap_err();
    assert_eq!(
        refused,
        "agent.yaml:1: collector-endpoint: would send the API key over plain http \
         (use https, or set allow-insecure-endpoint)"
    );
    let update = Layer { update_endpoint: some("http://u.example.com"), ..Layer::default() };
    assert!(
        resolve(update, &[("KM_API_KEY", "k")], "").unwrap_err().starts_with("--update-endpoint: ")
    );
    assert!(resolve(Layer::default(), &[], insecure).is_ok());
    let allowed = [("KM_API_KEY", "k"), ("KM_ALLOW_INSECURE_ENDPOINT", "true")];
    assert!(resolve(Layer::default(), &allowed, insecure).is_ok());
    let loopback = "collector-endpoint: http://127.0.0.1:4318\n";
    assert!(resolve(Layer::default(), &[("KM_API_KEY", "k")], loopback).is_ok());
}

#[test]
fn a_file_that_was_named_must_be_there_and_be_a_map() {
    let flags = Layer { agent_config: some("/nowhere/agent.yaml"), ..Layer::default() };
    let problems = AgentSettings::resolve(&flags, &Environment::empty()).unwrap_err();
    assert!(
        problems.to_string().starts_with("/nowhere/agent.yaml: cannot read the agent's settings")
    );
    assert!(resolve(Layer::default(), &[], "- a\n").is_err());
    assert!(resolve(Layer::default(), &[], "a: [\n").unwrap_err().contains("invalid YAML"));
}

#[test]
fn the_overlay_gives_collector_configurations_endpoint_and_key() {
    let file = "collector-endpoint: https://otel.example.com\napi-key: ab$$cd\n";
    let settings = settings(Layer::default(), &[], file);
    let environment = settings.overlay(Environment::empty());
    assert_eq!(
        environment.get("KM_COLLECTOR_ENDPOINT").as_deref(),
        Some("https://otel.example.com")
    );
    assert_eq!(environment.get("KM_API_KEY").as_deref(), Some("ab$$cd"));
    assert!(!format!("{settings:?}").contains("ab$$cd"));
}

//! What the agent tells about itself.

use serde::Serialize;

/// What the agent tells with every check. The fields are those of the request's JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the agent runs in a container and watches its host from there.
    pub is_docker: bool,
    /// The host's name, by which the API knows it.
    pub hostname: String,
    /// See [`platform`].
    pub platform: String,
    /// See [`architecture`].
    pub architecture: String,
    /// This agent's version.
    pub agent_version: String,
    /// The upstream release whose configuration the collector speaks, as `v0.143.0`.
    pub collector_version: String,
    /// Whether the agent runs; whoever reports does.
    pub agent_status: Status,
    /// Whether a configuration is running.
    pub collector_status: Status,
    /// What went wrong last, in one line; empty when all is well. Goes to the API as it is, so it must not hold secrets.
    pub last_error_message: String,
}

/// Whether something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the protocol's words")]
pub enum Status {
    Running,
    Stopped,
}

/// The platform as the API knows it: `docker` in Docker mode, else the operating system as Go spells it.
pub fn platform(is_docker: bool) -> &'static str {
    match std::env::consts::OS {
        _ if is_docker => "docker",
        "macos" => "darwin",
        os => os,
    }
}

/// The processor architecture as Go spells it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "loongarch64" => "loong64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        architecture => architecture,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_protocols_fields_and_words() {
        let report = Report {
            is_docker: false,
            hostname: "web-1".to_owned(),
            platform: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            agent_version: "0.1.0".to_owned(),
            collector_version: "v0.143.0".to_owned(),
            agent_status: Status::Running,
            collector_status: Status::Stopped,
            last_error_message: String::new(),
        };
        assert_eq!(
            serde_json::to_string(&report).unwrap(),
            concat!(
                r#"{"is_docker":false,"hostname":"web-1","platform":"linux","architecture":"amd64","#,
                r#""agent_version":"0.1.0","collector_version":"v0.143.0","agent_status":"Running","#,
                r#""collector_status":"Stopped","last_error_message":""}"#
            )
        );
    }

    #[test]
    fn names_are_gos() {
        assert_eq!(platform(true), "docker");
        let expected = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        assert_eq!(platform(false), expected);
        if cfg!(target_arch = "x86_64") {
            assert_eq!(architecture(), "amd64");
        }
    }
}

//! What users write.

use std::fmt;

use config::{Optional, Problems, Section, Validate};
use net::settings::{GrpcServerConfig, HttpServerConfig};

/// Settings of the `otlp` receiver.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// The protocols to listen with. At least one has to be named; its section may be empty.
    pub protocols: Protocols,
}

/// The protocols.
#[derive(Clone, PartialEq, Section)]
pub struct Protocols {
    /// OTLP over gRPC. Default endpoint: `localhost:4317`.
    pub grpc: Optional<GrpcServerConfig>,
    /// OTLP over HTTP, protobuf and JSON. Default endpoint: `localhost:4318`.
    pub http: Optional<HttpConfig>,
}

/// Settings of OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct HttpConfig {
    /// The server.
    #[section(flatten)]
    pub server: HttpServerConfig,
    /// Path for traces. Default: `/v1/traces`.
    pub traces_url_path: String,
    /// Path for metrics. Default: `/v1/metrics`.
    pub metrics_url_path: String,
    /// Path for logs. Default: `/v1/logs`.
    pub logs_url_path: String,
}

impl Default for Config {
    fn default() -> Self {
        let grpc = GrpcServerConfig {
            endpoint: "localhost:4317".to_owned(),
            ..GrpcServerConfig::default()
        };
        let grpc = Optional::Default(grpc);
        let http = Optional::Default(HttpConfig::default());
        Self { protocols: Protocols { grpc, http } }
    }
}

impl Default for Protocols {
    fn default() -> Self {
        Config::default().protocols
    }
}

impl fmt::Debug for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocols")
            .field("grpc", &self.grpc.get())
            .field("http", &self.http.get())
            .finish()
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            server: HttpServerConfig {
                endpoint: "localhost:4318".to_owned(),
                ..HttpServerConfig::default()
            },
            traces_url_path: "/v1/traces".to_owned(),
            metrics_url_path: "/v1/metrics".to_owned(),
            logs_url_path: "/v1/logs".to_owned(),
        }
    }
}

impl HttpConfig {
    /// The path with its leading slash.
    pub(crate) fn path(path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if !self.protocols.grpc.is_some() && !self.protocols.http.is_some() {
            problems.add("", "must specify at least one protocol when using the OTLP receiver");
        }
    }
}

impl Validate for Protocols {}

impl Validate for HttpConfig {
    fn validate(&self, problems: &mut Problems) {
        let paths = [
            ("traces_url_path", &self.traces_url_path),
            ("metrics_url_path", &self.metrics_url_path),
            ("logs_url_path", &self.logs_url_path),
        ];
        for (field, path) in paths {
            let is_path = path.parse::<net::http::Uri>().is_ok_and(|uri| uri.host().is_none());
            if !is_path && Self::path(path).parse::<net::http::Uri>().is_err()
                || path.starts_with(':')
            {
                problems.add(field, format!("invalid HTTP URL path set for signal: {path}"));
            }
        }
    }
}

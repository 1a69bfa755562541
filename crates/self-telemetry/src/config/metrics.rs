//! `service::telemetry::metrics`.

use std::time::Duration;

use component::meter;
use config::{Headers, Node, Problems, Schema, Secret, Section, Validate, Value};
use net::http::Uri;
use net::settings::ClientConfig;
use net::tls::{ClientTlsConfig, TlsConfig};

/// The agent's own metrics.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct MetricsConfig {
    /// How much is measured: `none`, `basic`, `normal` or `detailed`, in any case. Default: `normal`. With `none` nothing is
    /// measured and nobody listens.
    pub level: Level,
    /// Who reads the metrics. Default: one reader that Prometheus pulls from, at `localhost:8888`. What is written replaces
    /// the default.
    pub readers: Vec<Reader>,
    /// Not supported yet.
    pub views: Option<Node>,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(ignore_case)]
pub enum Level {
    /// Nothing.
    None,
    /// What everybody wants to see.
    Basic,
    /// Also what shows how the batches are made.
    #[default]
    Normal,
    /// Everything.
    Detailed,
}

impl Level {
    /// Whether an instrument of that level is shown.
    pub(crate) fn shows(self, level: meter::Level) -> bool {
        match self {
            Self::None => false,
            Self::Basic => level <= meter::Level::Basic,
            Self::Normal => level <= meter::Level::Normal,
            Self::Detailed => true,
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        let prometheus = Prometheus {
            host: Some("localhost".to_owned()),
            port: Some(8888),
            ..Prometheus::default()
        };
        let pull = Pull { exporter: PullExporter { prometheus: Some(prometheus) } };
        let readers = vec![Reader { pull: Some(pull), periodic: None }];
        Self { level: Level::default(), readers, views: None }
    }
}

impl Validate for MetricsConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.level != Level::None && self.readers.is_empty() {
            problems.add(
                "readers",
                "collector telemetry metrics reader should exist when metric level is not none",
            );
        }
        if self.views.is_some() {
            let message = match self.level {
                Level::Detailed => "`views` is not supported yet",
                _ => {
                    "service::telemetry::metrics::views can only be set when service::telemetry::metrics::level is detailed"
                }
            };
            problems.add("views", message);
        }
    }
}

/// Who reads the metrics: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct Reader {
    /// Somebody comes and asks.
    pub pull: Option<Pull>,
    /// They are sent at intervals.
    pub periodic: Option<Periodic>,
}

impl Validate for Reader {
    fn validate(&self, problems: &mut Problems) {
        if self.pull.is_some() == self.periodic.is_some() {
            problems.add("", "a reader must have either `pull` or `periodic`");
        }
    }
}

/// A reader that is asked.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("cardinality_limits", "producers"))]
pub struct Pull {
    /// How it is asked.
    pub exporter: PullExporter,
}

impl Validate for Pull {}

/// How a reader is asked.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct PullExporter {
    /// By Prometheus.
    pub prometheus: Option<Prometheus>,
}

impl Validate for PullExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.prometheus.is_none() {
            problems.add("", "must name an exporter: `prometheus`");
        }
    }
}

/// A page for Prometheus: `/metrics`, and every other path too.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Prometheus {
    /// The host to listen at. Required.
    pub host: Option<String>,
    /// The port to listen at. Required.
    pub port: Option<u16>,
    /// The resource's attributes that every series gets as labels. Default: none; they are in `target_info`.
    pub with_resource_constant_labels: Option<ResourceLabels>,
    /// Whether the labels `otel_scope_…` are left out. Default: `true`.
    pub without_scope_info: bool,
    /// Whether counters have no `_total` at the end of their names. Default: `true`.
    pub without_type_suffix: bool,
    /// Whether names have no unit at their ends. Default: `true`.
    pub without_units: bool,
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            with_resource_constant_labels: None,
            without_scope_info: true,
            without_type_suffix: true,
            without_units: true,
        }
    }
}

impl Prometheus {
    /// Where to listen, `host:port`.
    pub(crate) fn endpoint(&self) -> String {
        let host = self.host.as_deref().unwrap_or_default();
        let port = self.port.unwrap_or_default();
        match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }
}

impl Validate for Prometheus {
    fn validate(&self, problems: &mut Problems) {
        if self.host.is_none() {
            problems.add("host", "host must be specified");
        }
        if self.port.is_none() {
            problems.add("port", "port must be specified");
        }
    }
}

/// Patterns of attribute names, with `*` and `?`.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ResourceLabels {
    /// The attributes that become labels. Default: none.
    pub included: Vec<String>,
    /// Those of them that don't.
    pub excluded: Vec<String>,
}

impl Validate for ResourceLabels {}

/// A reader that sends.
#[derive(Clone, Debug, PartialEq, Section)]
#[section(not_supported("cardinality_limits", "producers"))]
pub struct Periodic {
    /// Milliseconds between two reports. Default: `60000`.
    pub interval: i64,
    /// Milliseconds that a report may take. Default: `30000`.
    pub timeout: i64,
    /// Where they go.
    pub exporter: PeriodicExporter,
}

impl Default for Periodic {
    fn default() -> Self {
        Self { interval: 60_000, timeout: 30_000, exporter: PeriodicExporter::default() }
    }
}

impl Periodic {
    pub(crate) fn interval(&self) -> Duration {
        milliseconds(self.interval)
    }

    pub(crate) fn timeout(&self) -> Duration {
        milliseconds(self.timeout)
    }
}

impl Validate for Periodic {
    fn validate(&self, problems: &mut Problems) {
        for (field, value) in [("interval", self.interval), ("timeout", self.timeout)] {
            if value <= 0 {
                problems.add(field, "must be a positive number of milliseconds");
            }
        }
    }
}

fn milliseconds(number: i64) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or_default())
}

/// Where reports go: exactly one of the two.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct PeriodicExporter {
    /// To an OTLP endpoint.
    pub otlp: Option<OtlpExporter>,
    /// To standard output, as one line of OTLP/JSON.
    pub console: Option<ConsoleExporter>,
}

impl Validate for PeriodicExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.otlp.is_some() == self.console.is_some() {
            problems.add("", "must name one exporter: `otlp` or `console`");
        }
    }
}

/// Standard output. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct ConsoleExporter {}

impl Validate for ConsoleExporter {}

/// An OTLP endpoint.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct OtlpExporter {
    /// `http/protobuf` or `grpc`. Required.
    pub protocol: Option<Protocol>,
    /// The URL. One without a path gets `/v1/metrics` with `http/protobuf`; one without a scheme gets `https`, or `http` with
    /// `insecure`. Default: `http://localhost:4318` with `http/protobuf`, `http://localhost:4317` with `grpc`.
    pub endpoint: String,
    /// Headers that every report gets. The values are secret.
    pub headers: Headers,
    /// The same as one text: `name=value,name=value`. What `headers` has wins.
    pub headers_list: HeadersList,
    /// Whether an endpoint without a scheme is reached without TLS. Default: `false`.
    pub insecure: bool,
    /// File with the authorities to trust, PEM. Default: the system's.
    pub certificate: Option<String>,
    /// File with the certificate to present, PEM.
    pub client_certificate: Option<String>,
    /// File with the certificate's key, PEM.
    pub client_key: Option<String>,
    /// `gzip` or `none`. Default: `none`.
    pub compression: ReportCompression,
    /// Milliseconds that one request may take. Default: `10000`.
    pub timeout: i64,
    /// `cumulative`, `delta` or `lowmemory`. Default: `cumulative`.
    pub temporality_preference: TemporalityPreference,
    /// Accepted; the agent has no histograms of its own.
    pub default_histogram_aggregation: HistogramAggregation,
}

/// How reports are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum ReportCompression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
}

/// How reports are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Section)]
#[section(not_supported("http/json"))]
pub enum Protocol {
    /// Protobuf over HTTP.
    #[section(rename = "http/protobuf")]
    HttpProtobuf,
    /// gRPC.
    Grpc,
}

/// Whether sums go on or begin anew with each report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum TemporalityPreference {
    /// All go on.
    #[default]
    Cumulative,
    /// Counters begin anew.
    Delta,
    /// Counters begin anew where that costs no memory. The agent observes its counters, so none does.
    #[section(rename = "lowmemory")]
    LowMemory,
}

/// What histograms become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
#[section(not_supported("base2_exponential_bucket_histogram"))]
pub enum HistogramAggregation {
    /// Buckets with given bounds.
    #[default]
    ExplicitBucketHistogram,
}

impl Default for OtlpExporter {
    fn default() -> Self {
        Self {
            protocol: None,
            endpoint: String::new(),
            headers: Headers::new(),
            headers_list: HeadersList::default(),
            insecure: false,
            certificate: None,
            client_certificate: None,
            client_key: None,
            compression: ReportCompression::None,
            timeout: 10_000,
            temporality_preference: TemporalityPreference::Cumulative,
            default_histogram_aggregation: HistogramAggregation::ExplicitBucketHistogram,
        }
    }
}

impl OtlpExporter {
    pub(crate) fn is_grpc(&self) -> bool {
        self.protocol == Some(Protocol::Grpc)
    }

    pub(crate) fn timeout(&self) -> Duration {
        milliseconds(self.timeout)
    }

    /// The URL that reports go to, or what is wrong with it.
    pub(crate) fn url(&self) -> Result<Uri, String> {
        let written = match (self.endpoint.is_empty(), self.is_grpc()) {
            (false, _) => self.endpoint.clone(),
            (true, false) => "http://localhost:4318".to_owned(),
            (true, true) => "http://localhost:4317".to_owned(),
        };
        let url = match (written.contains("://"), self.insecure) {
            (true, _) => written,
            (false, true) => format!("http://{written}"),
            (false, false) => format!("https://{written}"),
        };
        let wrong = || "must be an http or https URL with a host".to_owned();
        let uri = url.parse::<Uri>().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_http || uri.host().unwrap_or_default().is_empty() {
            return Err(wrong());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a user in the URL is not supported yet: set `headers`".to_owned());
        }
        if self.is_grpc() || uri.path() != "/" {
            return Ok(uri);
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let (scheme, authority) = (scheme.unwrap_or_default(), authority.ok_or_else(wrong)?);
        format!("{scheme}://{authority}/v1/metrics{query}").parse().map_err(|_| wrong())
    }

    /// TLS and headers, as every client of the agent has them.
    pub(crate) fn client(&self) -> ClientConfig {
        let tls = TlsConfig {
            ca_file: self.certificate.clone(),
            cert_file: self.client_certificate.clone(),
            key_file: self.client_key.clone(),
            ..TlsConfig::default()
        };
        let mut headers = self.headers.clone();
        for (name, value) in &self.headers_list.0 {
            if headers.get(name).is_none() {
                headers.insert(name, value.clone());
            }
        }
        ClientConfig { tls: ClientTlsConfig { tls, ..ClientTlsConfig::default() }, headers }
    }
}

/// Headers as one text: `name=value,name=value`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadersList(Vec<(String, Secret<String>)>);

impl Value for HeadersList {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        if node.is_tainted() {
            // Only `headers` remembers that it may not go over plain http.
            problems.reject(node, "cannot hold the agent's API key; write it in `headers`");
            return None;
        }
        let list = Secret::<String>::parse(node, problems)?;
        let pairs = list.expose().split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.trim().to_owned(), Secret::new(value.trim().to_owned())))
        });
        let pairs = pairs.collect::<Option<_>>().map(Self);
        if pairs.is_none() {
            problems.reject(node, "has to be written as name=value,name=value");
        }
        pairs
    }

    fn schema() -> Schema {
        Schema::String
    }
}

impl Validate for OtlpExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.protocol.is_none() {
            problems.add("protocol", "protocol must be specified: http/protobuf or grpc");
        }
        if let Err(error) = self.url() {
            problems.add("endpoint", error);
        }
        if self.timeout <= 0 {
            problems.add("timeout", "must be a positive number of milliseconds");
        }
        let client = self.client();
        client.validate(problems);
        client.tls.tls.validate(problems);
    }
}

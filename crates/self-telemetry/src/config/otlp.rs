//! Where metrics are pushed to.

use std::time::Duration;

use component::Signal;
use config::{Headers, Node, Problems, Schema, Secret, Section, Validate, Value};
use net::http::Uri;
use net::settings::ClientConfig;
use net::tls::{ClientTlsConfig, TlsConfig};

use super::readers::milliseconds;

/// An OTLP endpoint.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct OtlpExporter {
    /// `http/protobuf` or `grpc`. Required.
    pub protocol: Option<Protocol>,
    /// The URL. One without a path gets `/v1/metrics` or `/v1/traces` with `http/protobuf`; one without a scheme gets `https`, or `http` with
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
    /// `explicit_bucket_histogram`: the bounds are fixed for each metric.
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
    /// Counters and histograms begin anew.
    Delta,
    /// Histograms begin anew. Counters would where that costs no memory; the agent observes its counters, so none does.
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

    /// The URL that reports of a signal go to, or what is wrong with it.
    pub(crate) fn url(&self, signal: Signal) -> Result<Uri, String> {
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
        format!("{scheme}://{authority}/v1/{signal}{query}").parse().map_err(|_| wrong())
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
        Secret::<String>::schema()
    }
}

impl Validate for OtlpExporter {
    fn validate(&self, problems: &mut Problems) {
        if self.protocol.is_none() {
            problems.add("protocol", "protocol must be specified: http/protobuf or grpc");
        }
        if let Err(error) = self.url(Signal::Metrics) {
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

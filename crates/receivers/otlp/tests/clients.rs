//! Clients: hyper for HTTP, tonic for gRPC, both with upstream's generated messages.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use net::http::{HeaderMap, Request};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use tonic::transport::Channel;

pub(crate) const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const GZIP: (&str, &str) = ("content-encoding", "gzip");
pub(crate) const LOGS: &str = "/v1/logs";

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A header, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// Code and message of a `google.rpc.Status`, in whichever format it came.
    pub(crate) fn rpc_status(&self) -> (i64, String) {
        match self.header("content-type") {
            "application/x-protobuf" => {
                let status = tonic_types::Status::decode(self.body.clone()).unwrap();
                (status.code.into(), status.message)
            }
            "application/json" => {
                let status: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
                (status["code"].as_i64().unwrap(), status["message"].as_str().unwrap().to_owned())
            }
            other => panic!("no status in a body of {other}: {self:?}"),
        }
    }
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(request: Request<Full<Bytes>>) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: head.status.as_u16(), headers: head.headers, body }
}

/// A request with these headers, those without a value left out.
pub(crate) fn request(
    method: &str,
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(format!("http://{server}{path}"));
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body.into())).unwrap()
}

/// Posts a body.
pub(crate) async fn post(
    server: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Reply {
    send(request("POST", server, path, headers, body)).await
}

/// A request with one log record whose body is this text.
pub(crate) fn record(text: &str) -> ExportLogsServiceRequest {
    let body = AnyValue { value: Some(Value::StringValue(text.to_owned())) };
    let record = LogRecord { body: Some(body), ..LogRecord::default() };
    let scope = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
    let resource = ResourceLogs { scope_logs: vec![scope], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }
}

/// The same as protobuf.
pub(crate) fn record_bytes(text: &str) -> Bytes {
    record(text).encode_to_vec().into()
}

/// A client for logs over gRPC. It connects with its first call.
pub(crate) fn logs_client(server: SocketAddr) -> LogsServiceClient<Channel> {
    LogsServiceClient::new(Channel::from_shared(format!("http://{server}")).unwrap().connect_lazy())
}

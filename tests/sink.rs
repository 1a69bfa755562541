//! An OTLP server that keeps what it gets, over gRPC and HTTP, built on the generated protobuf code: it shares nothing with
//! the agent.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::agent::PATIENCE;

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Received {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// A sink that listens on both protocols.
pub(crate) struct Sink {
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    received: mpsc::Receiver<Received>,
}

impl Sink {
    /// Listens on two ports of loopback, on the runtime of the caller.
    pub(crate) async fn start() -> Self {
        let (sender, received) = mpsc::channel(1_000);
        let grpc = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink =
            Self { grpc: grpc.local_addr().unwrap(), http: http.local_addr().unwrap(), received };
        let services = Services(sender.clone());
        let server = tonic::transport::Server::builder()
            .add_service(
                TraceServiceServer::new(services.clone())
                    .accept_compressed(tonic::codec::CompressionEncoding::Gzip),
            )
            .add_service(
                MetricsServiceServer::new(services.clone())
                    .accept_compressed(tonic::codec::CompressionEncoding::Gzip),
            )
            .add_service(
                LogsServiceServer::new(services)
                    .accept_compressed(tonic::codec::CompressionEncoding::Gzip),
            );
        let incoming = tonic::transport::server::TcpIncoming::from(grpc);
        detach(async move { server.serve_with_incoming(incoming).await.unwrap() });
        detach(serve_http(http, sender));
        sink
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(PATIENCE, self.received.recv()).await;
        next.expect("the sink gets something").expect("the sink lives")
    }

    /// Whether nothing has come for a moment. Only for showing that something is absent.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.received.recv()).await.is_err()
    }
}

#[derive(Clone)]
struct Services(mpsc::Sender<Received>);

#[tonic::async_trait]
impl TraceService for Services {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.0.send(Received::Traces(request.into_inner())).await.unwrap();
        Ok(tonic::Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Services {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.0.send(Received::Metrics(request.into_inner())).await.unwrap();
        Ok(tonic::Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Services {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        self.0.send(Received::Logs(request.into_inner())).await.unwrap();
        Ok(tonic::Response::new(Default::default()))
    }
}

async fn serve_http(listener: TcpListener, sender: mpsc::Sender<Received>) {
    while let Ok((stream, _)) = listener.accept().await {
        let sender = sender.clone();
        let service = service_fn(move |request| answer(request, sender.clone()));
        detach(async move {
            let connection = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that hangs up ends its connection, nothing else.
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    sender: mpsc::Sender<Received>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let gzip = request.headers().get("content-encoding").is_some_and(|value| value == "gzip");
    let body = request.into_body().collect().await?.to_bytes();
    let body = if gzip { gunzip(&body) } else { body };
    let received = match path.as_str() {
        "/v1/traces" => Received::Traces(Message::decode(body).unwrap()),
        "/v1/metrics" => Received::Metrics(Message::decode(body).unwrap()),
        "/v1/logs" => Received::Logs(Message::decode(body).unwrap()),
        other => panic!("unexpected path {other}"),
    };
    sender.send(received).await.unwrap();
    let response = Response::builder().header("content-type", "application/x-protobuf");
    Ok(response.body(Full::default()).unwrap())
}

#[expect(clippy::disallowed_types, reason = "with a limit")]
fn gunzip(body: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    let decoder = flate2::read::GzDecoder::new(body);
    decoder.take(16 * 1024 * 1024).read_to_end(&mut plain).unwrap();
    plain.into()
}

#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
pub(crate) fn detach(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

//! A backend that keeps what it is sent and answers as it is told, built on tonic and upstream's generated messages.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use component::CancellationToken;
use hyper_util::service::TowerToHyperService;
use net::tls::ServerTlsConfig;
use net::{Listeners, ServerOptions, Speaks};
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
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

type Answer = Box<dyn Fn() -> Result<ExportLogsServiceResponse, Status> + Send>;

/// A backend at work. It ends with its owner.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) service: Service,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

/// The three services. Clones are the same.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    seen: Mutex<Vec<Seen>>,
    answer: Mutex<Answer>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest, MetadataMap, Option<SocketAddr>),
}

impl Backend {
    /// A backend that takes everything, compressed or not.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, service) = (listener.local_addr().unwrap(), Service::new());
        let mut tasks = JoinSet::new();
        let server = Server::builder().add_routes(service.routes());
        tasks.spawn(async move {
            server.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, service, stop: CancellationToken::new(), tasks }
    }

    /// The same on a server that can speak TLS and be stopped.
    pub(crate) async fn serve(endpoint: &str, tls: Option<&ServerTlsConfig>) -> Self {
        let listener = Listeners::default().acquire(endpoint).await.unwrap();
        let (address, service) = (listener.local_address().unwrap(), Service::new());
        let options = ServerOptions {
            tls: tls.map(|tls| net::tls::server(tls, &["h2"]).unwrap()),
            ..ServerOptions::new(Speaks::Grpc)
        };
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let routes = TowerToHyperService::new(service.routes().prepare());
        tasks.spawn(net::Server::new(listener, options).run(routes, stop.clone()));
        Self { address, service, stop, tasks }
    }

    /// Sends its clients away and ends.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }

    /// Answers logs like this from now on.
    pub(crate) fn answer(
        &self,
        answer: impl Fn() -> Result<ExportLogsServiceResponse, Status> + Send + 'static,
    ) {
        *self.service.0.answer.lock().unwrap() = Box::new(answer);
    }
}

impl Service {
    pub(crate) fn new() -> Self {
        let answer: Answer = Box::new(|| Ok(ExportLogsServiceResponse::default()));
        Self(Arc::new(Shared { seen: Mutex::default(), answer: Mutex::new(answer) }))
    }

    /// What tonic serves.
    pub(crate) fn routes(&self) -> Routes {
        let (traces, metrics, logs) = (self.clone(), self.clone(), self.clone());
        Routes::new(TraceServiceServer::new(traces).accept_compressed(Gzip).send_compressed(Gzip))
            .add_service(MetricsServiceServer::new(metrics).accept_compressed(Gzip))
            .add_service(LogsServiceServer::new(logs).accept_compressed(Gzip).send_compressed(Gzip))
    }

    /// Everything that was sent, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.seen.lock().unwrap().clone()
    }

    fn keep(&self, seen: Seen) {
        self.0.seen.lock().unwrap().push(seen);
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.keep(Seen::Traces(request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.keep(Seen::Metrics(request.into_inner()));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let peer = request.remote_addr();
        let (metadata, _, message) = request.into_parts();
        self.keep(Seen::Logs(message, metadata, peer));
        self.0.answer.lock().unwrap()().map(Response::new)
    }
}

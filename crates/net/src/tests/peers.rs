//! Peers that move, fall silent, or have several addresses.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::*;
use crate::resolve::{Addresses, Resolve};
use crate::settings::Balancer;
use crate::tls::ServerTlsConfig;
use crate::{Keepalive, Peer};

/// How long a client waits for a peer that does not answer.
const IMPATIENCE: Duration = Duration::from_millis(200);

/// Knows one name, and what it leads to, look-up by look-up; the last entry stays.
#[derive(Debug)]
struct Names(Mutex<Vec<Vec<SocketAddr>>>);

impl Names {
    fn new(lookups: &[&[SocketAddr]]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(lookups.iter().map(|addresses| addresses.to_vec()).collect())))
    }

    fn move_to(&self, addresses: &[SocketAddr]) {
        *self.0.lock() = vec![addresses.to_vec()];
    }
}

impl Resolve for Names {
    fn addresses<'a>(&'a self, host: &'a str, _: u16) -> Addresses<'a> {
        assert_eq!(host, "backend.example");
        let mut left = self.0.lock();
        let found = if left.len() > 1 { left.remove(0) } else { left[0].clone() };
        Box::pin(async move { Ok(found) })
    }
}

/// A server that says its name, but does not answer requests for `/hang`.
struct Named {
    address: SocketAddr,
    seen: Arc<Mutex<usize>>,
    _task: JoinSet<()>,
}

impl Named {
    async fn start(name: &'static str, options: ServerOptions) -> Self {
        let listener = Listeners::default().acquire("127.0.0.1:0").await.unwrap();
        let address = listener.local_address().unwrap();
        let seen: Arc<Mutex<usize>> = Arc::default();
        let counted = Arc::clone(&seen);
        let service = service_fn(move |request: Request<Incoming>| -> Answering {
            *counted.lock() += 1;
            Box::pin(async move {
                if request.uri().path() == "/hang" {
                    std::future::pending::<()>().await;
                }
                let answer =
                    Response::builder().header("grpc-status", "9").header("grpc-message", name);
                Ok(answer.body(Bytes::from_static(name.as_bytes()).into()).unwrap())
            })
        });
        let mut task = JoinSet::new();
        task.spawn(Server::new(listener, options).run(service, CancellationToken::new()));
        Self { address, seen, _task: task }
    }

    async fn grpc(name: &'static str) -> Self {
        Self::start(name, ServerOptions { speaks: Speaks::Grpc, ..OPTIONS }).await
    }

    fn seen(&self) -> usize {
        *self.seen.lock()
    }
}

fn grpc_client(names: &Arc<Names>, options: impl FnOnce(&mut GrpcOptions)) -> GrpcClient {
    let peer = Peer::Host { name: "backend.example".to_owned(), port: 4317 };
    let mut all = GrpcOptions { peer, ..plain("192.0.2.1:4317".parse().unwrap()) };
    options(&mut all);
    GrpcClient::new(dialer().with_resolver(Arc::clone(names) as _), all)
}

/// Who answers a call.
async fn answered(client: &GrpcClient) -> String {
    let call = client.call("/answer", []);
    match timeout(PATIENCE, call).await.expect("is answered in time").unwrap_err() {
        CallError::Status(status) => status.message,
        unreachable => panic!("{}", chain(&unreachable)),
    }
}

/// A call that nobody answers, and whose caller loses patience.
async fn hangs(client: &GrpcClient) {
    assert!(timeout(IMPATIENCE, client.call("/hang", [])).await.is_err());
}

/// An address that nobody listens at.
async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn grpc_follows_a_name_away_from_a_peer_that_fell_silent() {
    let (old, new) = (Named::grpc("old").await, Named::grpc("new").await);
    let names = Names::new(&[&[old.address]]);
    let client = grpc_client(&names, |_| {});
    assert_eq!(answered(&client).await, "old");
    names.move_to(&[new.address]);
    assert_eq!(answered(&client).await, "old", "the connection is good");
    hangs(&client).await;
    assert_eq!(answered(&client).await, "new");
}

#[tokio::test]
async fn grpc_follows_a_name_away_from_a_peer_that_never_spoke() {
    // The kernel accepts, nobody reads.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let new = Named::grpc("new").await;
    let names = Names::new(&[&[silent.local_addr().unwrap()]]);
    let client = grpc_client(&names, |_| {});
    hangs(&client).await;
    names.move_to(&[new.address]);
    assert_eq!(answered(&client).await, "new");
}

#[tokio::test]
async fn http_follows_a_name_away_from_a_peer_that_fell_silent() {
    let made = rcgen::generate_simple_self_signed(["backend.example".to_owned()]).unwrap();
    let (mut own, mut trusted) = (ServerTlsConfig::default(), ClientTlsConfig::default());
    own.tls.cert_pem = Some(made.cert.pem().into());
    own.tls.key_pem = Some(made.signing_key.serialize_pem().into());
    trusted.tls.ca_pem = Some(made.cert.pem().into());
    for (protocol, version) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)]
    {
        let tls = crate::tls::server(&own, &[protocol]).unwrap();
        let options = || ServerOptions { tls: Some(Arc::clone(&tls)), ..OPTIONS };
        let old = Named::start("old", options()).await;
        let new = Named::start("new", options()).await;
        let names = Names::new(&[&[old.address]]);
        let dialer = Dialer::new(ClientTls::load(&trusted, &[protocol]).unwrap());
        let client = HttpClient::new(
            dialer.with_resolver(Arc::clone(&names) as _),
            ClientOptions { idle_connections_per_host: 1, ..ClientOptions::default() },
        );
        let get = async |path: &str| {
            let url = format!("https://backend.example{path}");
            client.send(Request::get(url).body(Chunks::default()).unwrap()).await
        };
        let answer = get("/answer").await.unwrap();
        assert_eq!((answer.version(), &answer.body()[..]), (version, &b"old"[..]));
        names.move_to(&[new.address]);
        assert!(timeout(IMPATIENCE, get("/hang")).await.is_err());
        assert_eq!(get("/answer").await.unwrap().body(), "new", "{protocol}");
    }
}

#[tokio::test]
async fn calls_take_turns_among_the_addresses_or_stay_with_the_first() {
    for (balancer, spread) in [(Balancer::RoundRobin, true), (Balancer::PickFirst, false)] {
        let servers = [Named::grpc("one").await, Named::grpc("other").await];
        let names = Names::new(&[&[servers[0].address, servers[1].address]]);
        let client = grpc_client(&names, |options| options.balancer = balancer);
        while spread && servers.iter().any(|server| server.seen() == 0) {
            answered(&client).await;
        }
        let before = [servers[0].seen(), servers[1].seen()];
        for _ in 0..4 {
            answered(&client).await;
        }
        let calls = [servers[0].seen() - before[0], servers[1].seen() - before[1]];
        assert_eq!(calls, if spread { [2, 2] } else { [4, 0] });
    }
}

#[tokio::test]
async fn an_address_out_of_reach_is_left_out() {
    let server = Named::grpc("here").await;
    let client = grpc_client(&Names::new(&[&[free().await, server.address]]), |_| {});
    for _ in 0..3 {
        assert_eq!(answered(&client).await, "here");
    }
}

#[tokio::test]
async fn without_any_address_in_reach_a_call_fails_or_waits() {
    let server = Named::grpc("here").await;
    let nobody = free().await;
    let lookups: [&[SocketAddr]; 2] = [&[nobody], &[server.address]];
    let client = grpc_client(&Names::new(&lookups), |_| {});
    let failure = client.call("/answer", []).await.unwrap_err();
    let text = chain(&failure);
    assert!(text.starts_with("cannot reach backend.example:4317: "), "{text}");
    assert_eq!(answered(&client).await, "here");
    let patient = grpc_client(&Names::new(&lookups), |options| options.waits_for_ready = true);
    let status = timeout(PATIENCE, patient.call("/answer", [])).await.unwrap().unwrap_err();
    assert!(matches!(status, CallError::Status(_)), "{status:?}");
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = grpc_client(&Names::new(&[&[silent.local_addr().unwrap()]]), |options| {
        let (interval, timeout) = (Duration::from_millis(50), Duration::from_millis(50));
        options.keepalive = Some(Keepalive { interval, timeout, while_idle: false });
    });
    let ended = timeout(PATIENCE, client.call("/answer", [])).await.expect("ends by itself");
    assert!(matches!(ended, Err(CallError::Unreachable { .. })), "{ended:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn grpc_goes_through_the_file_system() {
    let path = std::env::temp_dir().join(format!("kmagent-grpc-{}", std::process::id()));
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            assert_eq!(request.uri().authority().unwrap(), "localhost");
            let answer = Response::builder().header("grpc-status", "9");
            Ok::<_, Infallible>(answer.body(Chunks::default()).unwrap())
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        let builder =
            hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        builder.serve_connection(io, service).await.unwrap();
    });
    let mut options = plain("127.0.0.1:1".parse().unwrap());
    (options.peer, options.authority) = (Peer::Socket(path.clone()), "localhost".parse().unwrap());
    let status = GrpcClient::new(dialer(), options).call("/answer", []).await.unwrap_err();
    assert!(matches!(status, CallError::Status(Status { code: 9, .. })), "{status:?}");
    std::fs::remove_file(path).unwrap();
}

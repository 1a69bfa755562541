//! Clients behind a proxy.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, BufReader, copy_bidirectional};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::Peer;
use crate::proxy::{Proxies, ProxyVariables};
use crate::stream::Duplex;
use crate::tls::ServerTlsConfig;

/// A proxy that leads every tunnel to one backend, and answers everything else itself.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Proxy {
    async fn start(backend: Option<SocketAddr>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::default());
        let (mut task, kept) = (JoinSet::new(), Arc::clone(&heads));
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, heads) = (tls.clone(), Arc::clone(&kept));
                connections.spawn(async move {
                    let stream: Box<dyn Duplex> = match tls {
                        Some(tls) => Box::new(tls.accept(stream).await.unwrap()),
                        None => Box::new(stream),
                    };
                    pass_on(stream, backend, &heads).await;
                });
            }
        });
        Self { address, heads, _task: task }
    }

    /// What the environment says of it.
    fn variables(&self, scheme: &str) -> ProxyVariables {
        let url = Some(format!("{scheme}://user:s3cret@{}", self.address).into());
        ProxyVariables {
            http_proxy: url.clone(),
            https_proxy: url,
            no_proxy: Some("near.example".to_owned()),
            request_method: None,
        }
    }

    fn only(&self) -> String {
        let heads = self.heads.lock();
        assert_eq!(heads.len(), 1, "{heads:?}");
        heads[0].clone()
    }
}

async fn pass_on(stream: Box<dyn Duplex>, backend: Option<SocketAddr>, heads: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.unwrap() == 0 {
            return;
        }
    }
    let is_tunnel = head.starts_with("CONNECT ");
    heads.lock().push(head);
    match backend {
        _ if !is_tunnel => {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy";
            stream.write_all(answer).await.unwrap();
            stream.flush().await.unwrap();
        }
        Some(backend) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            stream.flush().await.unwrap();
            let mut backend = TcpStream::connect(backend).await.unwrap();
            drop(copy_bidirectional(&mut stream, &mut backend).await);
        }
        None => stream.write_all(b"HTTP/1.1 403 Not you\r\n\r\n").await.unwrap(),
    }
}

/// A certificate for `*.example` and `127.0.0.1` as a server's and a client's settings.
fn certificate() -> (ServerTlsConfig, ClientTlsConfig) {
    let names = ["backend.example".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (mut server, mut client) = (ServerTlsConfig::default(), ClientTlsConfig::default());
    server.tls.cert_pem = Some(made.cert.pem().into());
    server.tls.key_pem = Some(made.signing_key.serialize_pem().into());
    client.tls.ca_pem = Some(made.cert.pem().into());
    (server, client)
}

fn client(variables: &ProxyVariables, tls: &ClientTlsConfig) -> HttpClient {
    let dialer = Dialer::new(ClientTls::load(tls, &["h2", "http/1.1"]).unwrap());
    HttpClient::new(dialer.with_proxies(Proxies::new(variables)), ClientOptions::default())
}

async fn get_url(client: &HttpClient, url: &str) -> Result<Response<Bytes>, RequestError> {
    let request = Request::get(url).body(Chunks::default()).unwrap();
    timeout(PATIENCE, client.send(request)).await.expect("ends in time")
}

fn who_is_there(request: Request<Incoming>) -> Response<Chunks> {
    assert!(!request.headers().contains_key("proxy-authorization"));
    Response::new(Bytes::from_static(b"backend").into())
}

#[tokio::test]
async fn plain_http_tells_the_proxy_the_whole_url() {
    let proxy = Proxy::start(None, None).await;
    let client = client(&proxy.variables("http"), &ClientTlsConfig::default());
    let answer = get_url(&client, "http://backend.example/path?query").await.unwrap();
    assert_eq!(answer.body(), "proxy");
    let head = proxy.only();
    assert!(head.starts_with("GET http://backend.example/path?query HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nproxy-authorization: Basic dXNlcjpzM2NyZXQ=\r\n"), "{head}");
    assert!(head.contains("\r\nhost: backend.example\r\n"), "{head}");
}

#[tokio::test]
async fn https_goes_through_a_tunnel_of_either_kind() {
    let (server, trusted) = certificate();
    for protocols in [&["http/1.1"][..], &["h2"]] {
        let tls = crate::tls::server(&server, protocols).unwrap();
        let backend = Running::start(ServerOptions { tls: Some(tls), ..OPTIONS }, who_is_there);
        let backend = backend.await;
        let own = TlsAcceptor::from(crate::tls::server(&server, &[]).unwrap());
        for (scheme, own) in [("http", None), ("https", Some(own))] {
            let proxy = Proxy::start(Some(backend.address), own).await;
            let client = client(&proxy.variables(scheme), &trusted);
            for _ in 0..2 {
                let answer = get_url(&client, "https://backend.example/").await.unwrap();
                assert_eq!(answer.body(), "backend");
            }
            let head = proxy.heads.lock()[0].clone();
            assert!(head.starts_with("CONNECT backend.example:443 HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n"), "{head}");
        }
    }
}

#[tokio::test]
async fn grpc_goes_through_a_tunnel_without_tls_too() {
    let options = ServerOptions { speaks: Speaks::Grpc, ..OPTIONS };
    let backend = Running::start(options, |_| {
        Response::builder().header("grpc-status", "9").body(Chunks::default()).unwrap()
    })
    .await;
    let proxy = Proxy::start(Some(backend.address), None).await;
    let proxies = Proxies::new(&proxy.variables("http"));
    let peer = Peer::Host { name: "backend.example".to_owned(), port: 4317 };
    let options = GrpcOptions { peer, ..plain(backend.address) };
    let client = GrpcClient::new(dialer().with_proxies(proxies), options);
    for _ in 0..2 {
        let error = client.call("/service/Method", []).await.unwrap_err();
        assert!(matches!(error, CallError::Status(Status { code: 9, .. })), "{error:?}");
    }
    let head = proxy.only();
    assert!(head.starts_with("CONNECT backend.example:4317 HTTP/1.1\r\n"), "{head}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let proxy = Proxy::start(None, None).await;
    let client = client(&proxy.variables("http"), &ClientTlsConfig::default());
    let error = get_url(&client, "https://backend.example/").await.unwrap_err();
    let text = chain(&error);
    let named = format!("through proxy http://{}", proxy.address);
    assert!(text.contains(&named) && text.contains("403 Not you"), "{text}");
    assert!(!format!("{text}{error:?}").contains("s3cret"), "{text} {error:?}");
}

#[tokio::test]
async fn what_is_near_is_reached_directly() {
    let backend = Running::start(OPTIONS, who_is_there).await;
    let proxy = Proxy::start(None, None).await;
    let client = client(&proxy.variables("http"), &ClientTlsConfig::default());
    let answer = get_url(&client, &format!("http://{}/", backend.address)).await.unwrap();
    assert_eq!(answer.body(), "backend");
    assert!(proxy.heads.lock().is_empty());
}

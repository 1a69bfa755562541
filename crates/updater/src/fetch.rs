//! Configurations that other hosts serve (`http:` and `https:` sources).

use std::thread;
use std::time::Duration;

use ::http::{Request, StatusCode};
use bytes::Bytes;
use config::chain;
use net::body::Chunks;
use net::tls::{ClientTls, ClientTlsConfig};
use net::{ClientOptions, Dialer, HttpClient};
use url::Url;

/// How long it may take, connecting included. The start of the agent, or a reload, waits for it.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How large it may be, in bytes.
const SIZE_LIMIT: usize = 8 << 20;

/// The text at a URL. As upstream, nothing but a 200 counts; redirects are not followed, and a user in the URL is refused. An `https` server is verified by
/// the system's authorities, and proxies of the environment are used.
///
/// It blocks for ten seconds at most, and may be called from anywhere.
///
/// # Errors
///
/// Why there is no text, without the URL.
pub fn fetch(url: &str) -> Result<String, String> {
    let url = url.to_owned();
    // A runtime of its own: the caller's may have a single thread, which waits here.
    let fetched = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| error.to_string())?.block_on(get(&url))
    });
    fetched.join().unwrap_or_else(|_| Err("the request died".to_owned()))
}

async fn get(url: &str) -> Result<String, String> {
    let tls = ClientTls::load(&ClientTlsConfig::default(), &["http/1.1"]);
    let tls = tls.map_err(|error| chain(&error))?;
    let options = ClientOptions {
        timeout: Some(TIME_LIMIT),
        response_limit: SIZE_LIMIT,
        ..ClientOptions::default()
    };
    let client = HttpClient::new(Dialer::new(tls), options);
    if Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some()) {
        return Err("a user in the URL is not supported yet".to_owned());
    }
    let request = Request::get(url).body(Chunks::from(Bytes::new()));
    let request = request.map_err(|error| error.to_string())?;
    let answer = client.send(request).await.map_err(|error| chain(&error))?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the server answered with status {}", answer.status()));
    }
    String::from_utf8(answer.into_body().to_vec()).map_err(|_| "it is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// A server that gives one answer.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /c.yaml HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        format!("http://{address}/c.yaml")
    }

    #[test]
    fn the_text_of_a_200_is_what_counts() {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\na: 1\n";
        assert_eq!(fetch(&server(ok)), Ok("a: 1\n".to_owned()));
        for (answer, words) in [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "status 404"),
            ("HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n", "status 302"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n", "longer than"),
        ] {
            let error = fetch(&server(answer)).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let refused = fetch("http://user:pass@127.0.0.1:1/").unwrap_err();
        assert_eq!(refused, "a user in the URL is not supported yet");
        assert!(fetch("http://127.0.0.1:1/").unwrap_err().contains("cannot reach"));
    }
}

//! `CONNECT`: a way through a proxy.

use std::io;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest answer of a proxy that is read.
const ANSWER: usize = 16 << 10;
/// How much of a refusal is told.
const SHOWN: usize = 100;

/// Asks the proxy at the other end of the stream for a connection to `host` and `port`. Afterwards the stream leads there.
///
/// # Errors
///
/// The proxy refuses, or does not speak HTTP.
pub(crate) async fn open<S>(
    stream: &mut S,
    (host, port): (&str, u16),
    authorization: Option<&HeaderValue>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let peer =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {peer} HTTP/1.1\r\nHost: {peer}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await?;
    stream.flush().await?;
    let head = read_head(stream).await?;
    let status = head.lines().next().unwrap_or_default();
    let mut words = status.splitn(3, ' ');
    let is_http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|code| code.parse::<u16>().ok()).filter(|_| is_http) {
        Some(200..=299) => Ok(()),
        Some(code) => Err(io::Error::other(refusal(&peer, code, words.next().unwrap_or_default()))),
        None => Err(io::Error::other("the proxy does not answer in HTTP")),
    }
}

fn refusal(peer: &str, code: u16, reason: &str) -> String {
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let hint = if code == 407 { "; check its user and password" } else { "" };
    format!("the proxy refuses to connect to {peer}: {code} {reason}{hint}")
}

/// Reads up to the empty line and not a byte further: what follows comes from the peer already.
async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == ANSWER {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    async fn opened(answer: &[u8]) -> (io::Result<()>, String, Vec<u8>) {
        let (mut near, mut far) = duplex(1 << 20);
        far.write_all(answer).await.unwrap();
        let authorization = HeaderValue::from_static("Basic abc");
        let result = open(&mut near, ("h.example", 443), Some(&authorization)).await;
        near.shutdown().await.unwrap();
        let mut asked = String::new();
        far.read_to_string(&mut asked).await.unwrap();
        drop(far);
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
        (result, asked, rest)
    }

    #[tokio::test]
    async fn a_tunnel_begins_where_the_proxys_answer_ends() {
        let (result, asked, rest) = opened(b"HTTP/1.1 200 OK\r\na: b\r\n\r\nhello").await;
        result.unwrap();
        assert_eq!(rest, b"hello");
        assert_eq!(
            asked,
            "CONNECT h.example:443 HTTP/1.1\r\nHost: h.example:443\r\nProxy-Authorization: Basic abc\r\n\r\n"
        );
    }

    #[tokio::test]
    async fn a_refusal_tells_the_proxys_words() {
        for (answer, expected) in [
            (
                &b"HTTP/1.1 407 Who are you?\r\n\r\n"[..],
                "to h.example:443: 407 Who are you?; check",
            ),
            (b"HTTP/1.0 502\r\n\r\n", "502"),
            (b"SSH-2.0 200 OK\r\n\r\n", "does not answer in HTTP"),
            (b"\r\n\r\n", "does not answer in HTTP"),
        ] {
            let text = opened(answer).await.0.unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
        assert!(opened(&[b'x'; ANSWER + 1]).await.0.is_err());
    }
}

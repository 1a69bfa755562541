//! TCP connections that notice when nobody is there any more.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long one address of a peer is waited for before the next is tried as well, as
/// [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305#section-5) advises.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// How long an unused connection is trusted before the peer is asked whether it is still there. Go's number.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Connects to whichever address answers first; each has a head start over the next.
///
/// # Errors
///
/// None answers. The error is that of the last one.
pub(super) async fn connect_first(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut attempts = JoinSet::new();
    let mut addresses = addresses.iter().copied().peekable();
    loop {
        match addresses.next() {
            Some(address) => {
                attempts.spawn(TcpStream::connect(address));
            }
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            Some(ended) = attempts.join_next() => match ended.map_err(io::Error::other)? {
                Ok(stream) => return prepare(&stream).map(|()| stream),
                Err(error) => failure = error,
            },
            () = sleep(NEXT_ADDRESS), if addresses.peek().is_some() => {}
        }
    }
}

/// Sends small writes at once, and notices a peer that is gone.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE))?;
    limit_silence(&socket)
}

/// Gives a connection up whose peer acknowledges nothing for a while, also where many requests share it. Then the peer's
/// name is looked up again. With the first pause of a retry, data is on its new way within half a minute.
#[cfg(target_os = "linux")]
fn limit_silence(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(Duration::from_secs(15)))
}

/// Elsewhere the system's own limits hold, which are minutes.
#[cfg(not(target_os = "linux"))]
fn limit_silence(_: &SockRef<'_>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(connect_first(&[free, good]).await.unwrap().peer_addr().unwrap(), good);
        let refused = connect_first(&[free, free]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect_first(&[]).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_is_made_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = connect_first(&[listener.local_addr().unwrap()]).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }
}

//! Connections that can be cut: a client that does not read must not keep what it is served from.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::{Connected, TcpConnectInfo, TcpIncoming};

use crate::deliver::stopping;

/// The connections of a listener; all of them fail from when `cut` says so.
pub(crate) fn incoming(
    listener: TcpListener,
    cut: watch::Receiver<bool>,
) -> impl Stream<Item = io::Result<Connection>> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    incoming.map(move |stream| {
        let mut cut = cut.clone();
        let cut = Box::pin(async move { stopping(&mut cut).await });
        Ok(Connection { stream: stream?, cut: Some(cut) })
    })
}

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Resolves when the connection is cut; gone after that.
    cut: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Connection {
    /// Fails once the connection is cut; until then whoever asks is woken when that happens.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().is_some_and(|cut| cut.as_mut().poll(cx).is_ready()) {
            self.cut = None;
        }
        match self.cut {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_cut_connection_fails_whoever_waits_on_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, receiver) = watch::channel(false);
        let mut incoming = Box::pin(incoming(listener, receiver));
        let _client = TcpStream::connect(address).await.unwrap();
        let mut connection = incoming.next().await.unwrap().unwrap();
        let reading = tokio::spawn(async move { connection.read_u8().await });
        tokio::task::yield_now().await;
        assert!(!reading.is_finished());
        cut.send_replace(true);
        let failed = reading.await.unwrap().unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionAborted);
    }
}

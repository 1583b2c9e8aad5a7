//! Connections of our own along the way to AWS, for what the SDK's client cannot do: TLS with a certificate of ours.

use std::io::{self, Error};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::route::Route;
use crate::clock::Clock;

/// How long one of a host's addresses may take to answer, before the next is tried.
const ADDRESS_LIMIT: Duration = Duration::from_secs(3);

/// Bytes to and fro.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Route {
    /// A connection to `host`, through the proxy where there is one. TLS with the host is the caller's, and so is a time
    /// limit.
    ///
    /// # Errors
    /// Names the proxy where it is the proxy that fails.
    pub async fn connect(&self, host: &str, port: u16, clock: &Clock) -> io::Result<Box<dyn Stream>> {
        let target = format!("{host}:{port}");
        let uri: Uri = format!("https://{target}/").parse().map_err(Error::other)?;
        let Some(proxy) = self.proxies.on_the_way_to(&uri) else {
            return Ok(Box::new(tcp(host, port).await?));
        };
        let named = |error: Error| {
            let name = proxy.uri().authority().map(ToString::to_string).unwrap_or_default();
            Error::new(error.kind(), format!("the proxy {name}: {error}"))
        };
        let stream = self.to_proxy(proxy.uri(), clock).await.map_err(named)?;
        tunnel(stream, &proxy, &target).await.map_err(named)
    }

    async fn to_proxy(&self, proxy: &Uri, clock: &Clock) -> io::Result<Box<dyn Stream>> {
        let host = proxy.host().unwrap_or_default().trim_matches(['[', ']']);
        if proxy.scheme_str() != Some("https") {
            return Ok(Box::new(tcp(host, proxy.port_u16().unwrap_or(80)).await?));
        }
        let stream = tcp(host, proxy.port_u16().unwrap_or(443)).await?;
        // Some hundred certificates are read and taken apart: too much for the runtime's one thread.
        let (route, clock) = (self.clone(), clock.clone());
        let tls = tokio::task::spawn_blocking(move || route.tls(&clock)).await.map_err(Error::other)?;
        let tls = tls.map_err(Error::other)?.with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(Error::other)?;
        Ok(Box::new(TlsConnector::from(Arc::new(tls)).connect(name, stream).await?))
    }
}

/// Tries a host's addresses in turn, so that one that leads nowhere (often the one in IPv6) does not take all the time.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    for address in tokio::net::lookup_host((host, port)).await? {
        match tokio::time::timeout(ADDRESS_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Error::new(error.kind(), format!("{address}: {error}")),
            Err(_) => last = Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
        }
    }
    Err(last)
}

/// Has the proxy at the end of `stream` join it to `target`.
async fn tunnel(stream: Box<dyn Stream>, proxy: &Intercept, target: &str) -> io::Result<Box<dyn Stream>> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
    // Ends with the stream that it becomes, or with `sender`.
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::connect(target).header(HOST, target);
    if let Some(authorization) = proxy.basic_auth() {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(Error::other)?;
    let answer = sender.send_request(request).await.map_err(Error::other)?;
    match answer.status() {
        StatusCode::OK => Ok(Box::new(TokioIo::new(hyper::upgrade::on(answer).await.map_err(Error::other)?))),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            Err(Error::other("it wants a user and a password, or other ones (`http://user:password@host:port`)"))
        }
        status => Err(Error::other(format!("it answers {status} to a connection to {target}"))),
    }
}

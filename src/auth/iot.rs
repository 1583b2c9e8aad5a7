//! A device of AWS IoT: its X.509 certificate becomes credentials, by mutual TLS with the credential provider.
//!
//! The protocol is one GET (AWS IoT Core developer guide, "Authorizing direct calls to AWS services using the AWS IoT Core
//! credential provider", read 2026-11-21). Certificates are judged by our clock, and every answer of AWS teaches it: a
//! device without a clock chip starts in the past. The files are read at each attempt, so that a new certificate needs no
//! restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_smithy_types::date_time::{DateTime, Format};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::header::{DATE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroize;

use super::error::SignInError;
use super::files::{self, Files};
use crate::aws::{CONNECT_LIMIT, Route, Stream, time_limit, words};
use crate::clock::Clock;
use crate::config::{Iot, Network};
use crate::record::Wall;

mod answer;
mod certificate;
mod refusal;

/// An answer has 2 KiB at the most; what is longer is somebody's page.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A device, and where it signs in.
#[derive(Clone, Debug)]
pub struct Thing {
    host: String,
    port: u16,
    role_alias: String,
    name: String,
    certificate: PathBuf,
    key: Option<PathBuf>,
    files: Files,
    is_warned: bool,
    route: Route,
    clock: Clock,
}

impl Thing {
    /// A device as `iot` says, that reaches AWS as `network` says. Its files are not read yet.
    ///
    /// # Errors
    /// Says which setting is wrong, and what would be right.
    pub fn new(iot: &Iot, network: &Network, clock: &Clock) -> Result<Self, String> {
        let (host, port) = host_and_port(&iot.url)?;
        let is_alias = |c: char| c.is_ascii_alphanumeric() || "_=,@-".contains(c);
        if iot.role_alias.is_empty() || !iot.role_alias.chars().all(is_alias) {
            return Err(format!(
                "roleAlias is `{}`, which is no role alias: it has letters, digits and `_=,@-`",
                iot.role_alias
            ));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
        if iot.thing_name.is_empty() || !iot.thing_name.chars().all(is_name) {
            return Err(format!(
                "thingName is `{}`, which is no thing's name: it has letters, digits and `:_-`",
                iot.thing_name
            ));
        }
        Ok(Self {
            host,
            port,
            role_alias: iot.role_alias.clone(),
            name: iot.thing_name.clone(),
            certificate: iot.certificate.clone(),
            key: iot.key.clone(),
            files: Files::new(iot.key.iter().chain([&iot.certificate]).cloned()),
            is_warned: false,
            route: Route::of(network).map_err(|error| error.to_string())?,
            clock: clock.clone(),
        })
    }

    /// Signs in once.
    ///
    /// # Errors
    /// Says what to do about it.
    pub async fn fetch(&mut self) -> Result<Credentials, SignInError> {
        self.attempt().await.map_err(|error| {
            let told = |why| format!("signing in to AWS IoT as the thing `{}`: {why}", self.name);
            match error {
                SignInError::Unreachable(why) => SignInError::Unreachable(told(why)),
                SignInError::Busy(why) => SignInError::Busy(told(why)),
                SignInError::Rejected(why) => SignInError::Rejected(told(why)),
            }
        })
    }

    async fn attempt(&mut self) -> Result<Credentials, SignInError> {
        let thing = self.clone();
        let read = self.files.read(move || (thing.tls(), files::is_readable_by_all(thing.key_file()))).await;
        let ending = || SignInError::Unreachable("the program is ending".to_owned());
        let (tls, others_read) = read.ok_or_else(ending)?;
        self.warn_of_readers(others_read);
        let tls = tls.map_err(SignInError::Rejected)?;
        let late = |_| SignInError::Unreachable(format!("{} does not answer in time", self.host));
        let stream = timeout(CONNECT_LIMIT, self.connect(tls)).await.map_err(late)??;
        let (status, date, mut body) = timeout(time_limit(0), self.ask(stream)).await.map_err(late)??;
        let judged = answer::credentials(status, &body, &self.role_alias);
        body.zeroize();
        // What is not AWS's tells nothing about AWS's clock.
        if let Some(date) = date.filter(|_| !matches!(judged, Err(SignInError::Unreachable(_)))) {
            self.clock.learn(date);
        }
        judged
    }

    /// Comes back when the certificate or the key is another than at the last attempt.
    pub(super) async fn mended(&mut self) {
        self.files.changed().await;
    }

    /// What a sign-in would stumble over in the certificate and the key.
    ///
    /// # Errors
    /// Says what is wrong with which file.
    pub fn check(&self) -> Result<(), String> {
        self.tls().map(drop)
    }

    fn warn_of_readers(&mut self, others_read: bool) {
        if others_read && !std::mem::replace(&mut self.is_warned, true) {
            let path = self.key_file().display();
            log::warn!(path:%; "everybody on this machine can read the device's private key: `chmod 600` it");
        }
    }

    fn key_file(&self) -> &Path {
        self.key.as_ref().unwrap_or(&self.certificate)
    }

    /// TLS with the device's certificate, as its files are now.
    fn tls(&self) -> Result<ClientConfig, String> {
        let (chain, key) = certificate::read(&self.certificate, self.key.as_deref())?;
        let tls = self.route.tls(&self.clock).map_err(|error| error.to_string())?;
        tls.with_client_auth_cert(chain, key).map_err(|error| {
            let (key, path) = (self.key_file(), &self.certificate);
            format!("the key in {} does not serve for the certificate in {}: {error}", key.display(), path.display())
        })
    }

    async fn connect(&self, tls: ClientConfig) -> Result<impl Stream + use<>, SignInError> {
        let unreachable = |error: io::Error| SignInError::Unreachable(format!("reaching {}: {error}", self.host));
        let stream = self.route.connect(&self.host, self.port, &self.clock).await.map_err(unreachable)?;
        let name = ServerName::try_from(self.host.clone()).map_err(|error| unreachable(io::Error::other(error)))?;
        let joined = TlsConnector::from(Arc::new(tls)).connect(name, stream).await;
        joined.map_err(|error| refusal::reaction(&error, &self.host, &self.certificate, &self.clock))
    }

    async fn ask(&self, stream: impl Stream + 'static) -> Result<(u16, Option<Wall>, BytesMut), SignInError> {
        let failed = |error: hyper::Error| refusal::reaction(&error, &self.host, &self.certificate, &self.clock);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Ends with this function, whatever becomes of it.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let host = if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) };
        let request = Request::get(format!("/role-aliases/{}/credentials", self.role_alias))
            .header(HOST, host)
            .header("x-amzn-iot-thingname", &self.name)
            .body(Empty::<Bytes>::new())
            .map_err(|error| SignInError::Rejected(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(failed)?;
        let (status, date) = (answer.status().as_u16(), date(&answer));
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| SignInError::Unreachable(format!("reading the answer: {}", words(&*error))))?;
        // The buffer itself where nobody else holds it: the caller wipes it.
        Ok((status, date, BytesMut::from(body.to_bytes())))
    }
}

fn date(answer: &Response<Incoming>) -> Option<Wall> {
    let date = DateTime::from_str(answer.headers().get(DATE)?.to_str().ok()?, Format::HttpDate).ok()?;
    Some(Wall(date.secs() * 1000))
}

/// The credential provider's host and port, written as a host or as a URL.
fn host_and_port(url: &str) -> Result<(String, u16), String> {
    let wrong = || {
        format!(
            "iotUrl is `{url}`, which is no host; right is what `aws iot describe-endpoint --endpoint-type \
             iot:CredentialProvider` answers"
        )
    };
    let authority = url.strip_prefix("https://").unwrap_or(url).trim_end_matches('/');
    let uri: hyper::Uri = format!("https://{authority}/").parse().map_err(|_| wrong())?;
    match uri.host() {
        Some(host) if !host.is_empty() && !authority.contains(['/', '@', '?', '#']) => {
            Ok((host.to_owned(), uri.port_u16().unwrap_or(443)))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_a_host_a_host_with_a_port_or_a_url() {
        let cases = [("a.b", "a.b", 443), ("a.b:8443", "a.b", 8443), ("https://a.b/", "a.b", 443)];
        for (url, host, port) in cases {
            assert_eq!(host_and_port(url), Ok((host.to_owned(), port)));
        }
        for url in ["", "http://a.b", "a.b/role-aliases", "u@a.b", "a b", "a.b?x"] {
            assert!(host_and_port(url).unwrap_err().contains("describe-endpoint"), "{url}");
        }
    }
}

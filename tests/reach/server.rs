//! A server of the tests' own, with and without TLS: notes what it is asked, and answers what the test says.
//!
//! Written with blocking sockets and a dozen lines of HTTP, so that it shares nothing with what it judges.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::authority::Identity;

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A server; its threads end with the tests.
pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answers = dyn Fn(&Asked) -> Answer + Send + Sync;

impl Server {
    /// Without TLS.
    pub fn plain(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, answer)
    }

    /// With TLS; where `clients` names an authority, only for those who show a certificate of it.
    pub fn tls(
        identity: &Identity,
        clients: Option<&str>,
        answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(Arc::new(tls(identity, clients))), answer)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn start(tls: Option<Arc<ServerConfig>>, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (notes, answer): (_, Arc<Answers>) = (asked.clone(), Arc::new(answer));
        let address = listen(move |stream| {
            // A client that goes away, or is refused by TLS, ends its own connection only.
            let _ = match &tls {
                None => serve(stream, &notes, &*answer),
                Some(tls) => ServerConnection::new(tls.clone()).map_err(io::Error::other).and_then(|connection| {
                    let mut stream = StreamOwned::new(connection, stream);
                    let served = serve(&mut stream, &notes, &*answer);
                    // Let the alert that says why be read: a reset would overtake it.
                    let _ = stream.conn.write_tls(&mut stream.sock);
                    let _ = stream.sock.shutdown(std::net::Shutdown::Write);
                    let _ = io::copy(&mut stream.sock, &mut io::sink());
                    served
                }),
            };
        });
        Self { address, asked }
    }
}

/// Has `serve` see to every connection, each on a thread of its own.
pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// The lines before a body, up to the empty one.
pub fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The headers of a head, names in lower case.
pub fn headers(head: &str) -> HashMap<String, String> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()
}

fn serve(mut stream: impl Read + Write, notes: &Mutex<Vec<Asked>>, answer: &Answers) -> io::Result<()> {
    loop {
        let head = head(&mut stream)?;
        let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers = headers(&head);
        let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let asked = Asked { line, headers, body };
        notes.lock().unwrap().push(asked.clone());
        let Answer { status, headers, body } = answer(&asked);
        let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        stream.write_all((text + "\r\n").as_bytes())?;
        stream.write_all(&body)?;
        stream.flush()?;
    }
}

fn tls(identity: &Identity, clients: Option<&str>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(vec![identity.certificate.clone()], identity.private()).unwrap()
}

//! A proxy of the tests' own: notes what it is asked for, and joins every client to one and the same server, whatever host
//! was asked for, so that the names of AWS can be used without reaching it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::server::{head, headers, listen};

/// A proxy.
pub struct Proxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads to `server`; where `password` is set ("user:password" in base64), only for those who know it.
    pub fn to(server: SocketAddr, password: Option<&'static str>) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = asked.clone();
        let address = listen(move |client| {
            // A client that goes away ends its own connection only.
            let _ = join(client, server, password, &notes);
        });
        Self { address, asked }
    }

    /// Of a port where nobody listens: whoever is sent to it fails.
    pub fn dead() -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first lines of what it was asked, without the protocol.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn join(
    mut client: TcpStream,
    server: SocketAddr,
    password: Option<&str>,
    notes: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let head = head(&mut client)?;
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    notes.lock().unwrap().push(line.clone());
    let wanted = password.map(|password| format!("Basic {password}"));
    if wanted.is_some() && headers(&head).get("proxy-authorization") != wanted.as_ref() {
        return client.write_all(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n");
    }
    let mut server = TcpStream::connect(server)?;
    if line.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Joined\r\n\r\n")?;
    } else {
        server.write_all(head.as_bytes())?;
    }
    let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || pass(&mut up, &mut server));
    pass(&mut down, &mut client);
    Ok(())
}

/// Passes bytes on as they come, and their end.
fn pass(from: &mut TcpStream, to: &mut TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

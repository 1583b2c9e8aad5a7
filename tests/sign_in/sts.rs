//! An STS that lends one role, on a socket: the embedded endpoint has none.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What it answers from now on.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Lends,
    Denies,
}

/// A running one; ends with the process.
pub struct Sts {
    pub url: String,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Sts {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sts = Self { url, answer: Arc::new(Mutex::new(answer)), requests: Arc::default() };
        let (answer, requests) = (Arc::clone(&sts.answer), Arc::clone(&sts.requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    requests.lock().unwrap().push(request);
                    let answer = *answer.lock().unwrap();
                    // A client that left needs no answer.
                    let _ = write(&stream, answer);
                }
            }
        });
        sts
    }

    /// Head and body of each request.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    (!head.is_empty()).then(|| head + &String::from_utf8_lossy(&body))
}

fn write(mut stream: &TcpStream, answer: Answer) -> std::io::Result<()> {
    let (status, body) = match answer {
        Answer::Lends => {
            let end = jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(3600)).unwrap();
            let body = format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
                 <SessionToken>token</SessionToken><Expiration>{end:.0}</Expiration>\
                 </Credentials></AssumeRoleResult></AssumeRoleResponse>"
            );
            ("200 OK", body)
        }
        Answer::Denies => {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                        <Message>rpi-1 is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
            ("403 Forbidden", body.to_owned())
        }
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\nx-amzn-requestid: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

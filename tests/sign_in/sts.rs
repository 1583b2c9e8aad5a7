//! An STS that lends one role, on a socket: the embedded endpoint has none.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// What it answers.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Lends,
    Denies,
    /// Once, and lends after it; by a clock that is so far ahead.
    RefusesOnce {
        code: &'static str,
        ahead: Duration,
    },
}

/// A running one; ends with the process.
pub struct Sts {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Sts {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sts = Self { url, requests: Arc::default() };
        let requests = Arc::clone(&sts.requests);
        std::thread::spawn(move || {
            let (mut next, mut ahead) = (answer, Duration::ZERO);
            for stream in listener.incoming().flatten() {
                if let Some(request) = read(&stream) {
                    requests.lock().unwrap().push(request);
                    let answer = next;
                    if let Answer::RefusesOnce { ahead: by, .. } = answer {
                        (next, ahead) = (Answer::Lends, by);
                    }
                    // A client that left needs no answer.
                    let _ = write(&stream, answer, SystemTime::now() + ahead);
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

fn write(mut stream: &TcpStream, answer: Answer, now: SystemTime) -> std::io::Result<()> {
    let (status, body) = match answer {
        Answer::Lends => {
            let end = jiff::Timestamp::try_from(now + Duration::from_secs(3600)).unwrap();
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
        Answer::RefusesOnce { code, .. } => {
            let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
            ("403 Forbidden", body)
        }
    };
    let date = jiff::Timestamp::try_from(now).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT");
    write!(
        stream,
        "HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-type: text/xml\r\nx-amzn-requestid: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

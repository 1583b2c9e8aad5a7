//! A small blocking HTTP client: speaks to the local endpoint byte by byte, without any code of the AWS SDK, so that a
//! shared misunderstanding cannot hide.

#![allow(dead_code)] // Each test program uses its own part.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use minicbor::Encoder;
use minicbor::data::Tag;
use serde_json::{Value, json};

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The error's name, of either protocol; empty for success.
    pub fn code(&self) -> String {
        if self.status == 200 {
            return String::new();
        }
        if !self.headers.contains_key("smithy-protocol") {
            return self.json()["__type"].as_str().unwrap_or("no __type").to_owned();
        }
        let mut decoder = minicbor::Decoder::new(&self.body);
        decoder.map().unwrap();
        assert_eq!(decoder.str().unwrap(), "__type");
        decoder.str().unwrap().trim_start_matches("com.amazonaws.cloudwatch#").to_owned()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request on a connection of its own and reads the answer to its end, for up to 5 s.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    send_within(Duration::from_secs(5), address, method, path, headers, body)
}

/// Sends one request on a connection of its own and reads the answer to its end.
pub fn send_within(
    patience: Duration,
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(patience))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head += &format!("host: {address}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    // A body that is too large is answered before it is read to its end; the answer is what counts.
    let _ = stream.write_all(body);
    read(&mut stream)
}

/// Reads as many bytes as the answer promises, and says so where the connection ends before.
fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let lost = || io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut");
    let mut bytes = Vec::new();
    let mut part = vec![0; 65_536];
    loop {
        if let Some(answer) = whole(&bytes) {
            return Ok(answer);
        }
        match stream.read(&mut part)? {
            0 => return Err(lost()),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(':')).map(|(n, v)| (n.to_lowercase(), v.trim().to_owned())).collect();
    let promised = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + promised)?.to_vec();
    Some(Answer { status, headers, body })
}

pub fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, "GET", path, &[], b"").unwrap()
}

/// A time as `x-amz-date` wants it, `seconds` from now.
pub fn amz_date(seconds: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

pub fn authorization(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0a".repeat(32)
    )
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// An operation of CloudWatch Logs; may fail where the endpoint was told to misbehave.
pub fn try_logs(address: SocketAddr, operation: &str, body: &Value) -> io::Result<Answer> {
    let (target, authorization, date) = (format!("Logs_20140328.{operation}"), authorization("logs"), amz_date(0));
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", target.as_str()),
        ("authorization", authorization.as_str()),
        ("x-amz-date", date.as_str()),
    ];
    send(address, "POST", "/", &headers, body.to_string().as_bytes())
}

pub fn logs(address: SocketAddr, operation: &str, body: &Value) -> Answer {
    try_logs(address, operation, body).unwrap()
}

/// PutLogEvents into group `g`, stream `s`.
pub fn put(address: SocketAddr, events: &[(i64, &str)]) -> Answer {
    logs(address, "PutLogEvents", &batch("g", "s", events))
}

pub fn batch(group: &str, stream: &str, events: &[(i64, &str)]) -> Value {
    let events: Vec<Value> = events.iter().map(|(at, text)| json!({ "timestamp": at, "message": text })).collect();
    json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events })
}

/// PutMetricData with a body of CBOR.
pub fn metrics(address: SocketAddr, body: &[u8]) -> Answer {
    let (authorization, date) = (authorization("monitoring"), amz_date(0));
    let headers = [
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("authorization", authorization.as_str()),
        ("x-amz-date", date.as_str()),
    ];
    send(address, "POST", "/service/GraniteServiceVersion20100801/operation/PutMetricData", &headers, body).unwrap()
}

/// A datum to be sent.
#[derive(Clone)]
pub struct Datum {
    pub name: String,
    pub unit: &'static str,
    pub seconds: f64,
    pub value: Option<f64>,
    pub values: Vec<f64>,
    pub counts: Vec<f64>,
    pub statistics: Option<[f64; 4]>,
    pub dimensions: Vec<(String, String)>,
    pub resolution: Option<i64>,
}

impl Default for Datum {
    fn default() -> Self {
        Self {
            name: "CPUUtilization".into(),
            unit: "Percent",
            seconds: now() as f64 / 1000.0,
            value: Some(12.5),
            values: Vec::new(),
            counts: Vec::new(),
            statistics: None,
            dimensions: vec![("InstanceId".into(), "sys-1".into())],
            resolution: None,
        }
    }
}

/// The body of PutMetricData.
pub fn cbor(namespace: &str, data: &[Datum]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    let e = encoder.begin_map().unwrap().str("Namespace").unwrap().str(namespace).unwrap();
    e.str("MetricData").unwrap().array(data.len() as u64).unwrap();
    data.iter().for_each(|datum| write(&mut encoder, datum));
    encoder.end().unwrap();
    encoder.into_writer()
}

fn write(e: &mut Encoder<Vec<u8>>, datum: &Datum) {
    e.begin_map().unwrap().str("MetricName").unwrap().str(&datum.name).unwrap();
    e.str("Unit").unwrap().str(datum.unit).unwrap();
    e.str("Timestamp").unwrap().tag(Tag::new(1)).unwrap().f64(datum.seconds).unwrap();
    e.str("Dimensions").unwrap().array(datum.dimensions.len() as u64).unwrap();
    for (name, value) in &datum.dimensions {
        e.map(2).unwrap().str("Name").unwrap().str(name).unwrap().str("Value").unwrap().str(value).unwrap();
    }
    if let Some(value) = datum.value {
        e.str("Value").unwrap().f64(value).unwrap();
    }
    for (name, list) in [("Values", &datum.values), ("Counts", &datum.counts)] {
        if !list.is_empty() {
            e.str(name).unwrap().array(list.len() as u64).unwrap();
            for value in list {
                e.f64(*value).unwrap();
            }
        }
    }
    if let Some(set) = datum.statistics {
        e.str("StatisticValues").unwrap().map(4).unwrap();
        for (name, value) in ["SampleCount", "Sum", "Minimum", "Maximum"].into_iter().zip(set) {
            e.str(name).unwrap().f64(value).unwrap();
        }
    }
    if let Some(resolution) = datum.resolution {
        e.str("StorageResolution").unwrap().i64(resolution).unwrap();
    }
    e.end().unwrap();
}

//! The local endpoint refuses what AWS refuses: each limit is tried at its border, over plain HTTP, and once with the real
//! SDK clients. Then the ways in which it misbehaves on request.

// Helpers are part of the tests: what cannot be unwrapped is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
// Times of this century fit an f64 to the millisecond.
#![allow(clippy::cast_precision_loss)]

mod wire;

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::{Endpoint, Fault, Operation, Options};
use serde_json::{Value, json};
use wire::{Datum, amz_date, authorization, batch, cbor, get, logs, metrics, now, put, send, try_logs};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn endpoint() -> (Endpoint, SocketAddr) {
    let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
    let address = endpoint.address();
    (endpoint, address)
}

/// An endpoint that has group `g` and stream `s`.
fn with_stream() -> (Endpoint, SocketAddr) {
    let (endpoint, address) = endpoint();
    assert_eq!(logs(address, "CreateLogGroup", &json!({ "logGroupName": "g" })).status, 200);
    assert_eq!(logs(address, "CreateLogStream", &json!({ "logGroupName": "g", "logStreamName": "s" })).status, 200);
    (endpoint, address)
}

#[test]
fn every_limit_of_a_batch_is_kept_to_the_byte() {
    let (_endpoint, address) = with_stream();
    let at = now();
    let text = |bytes: usize| "x".repeat(bytes);
    let half = 524_288 - 26;
    let wide = "é".repeat(half / 2);
    let cases = [
        ("a batch of 1,048,576 bytes", vec![(at, text(half)), (at, text(half))], ""),
        ("a batch of one byte more", vec![(at, text(half)), (at, text(half + 1))], "Upload too large: 1048577"),
        ("bytes are those of UTF-8", vec![(at, wide.clone() + "é"), (at, text(half))], "Upload too large"),
        ("bytes are those of UTF-8, at the limit", vec![(at, wide), (at, text(half))], ""),
        ("an event of 1,048,576 bytes", vec![(at, text(1_048_576 - 26))], ""),
        ("an event of one byte more", vec![(at, text(1_048_576 - 25))], "Log event too large: 1048577"),
        ("10,000 events", vec![(at, text(1)); 10_000], ""),
        ("10,001 events", vec![(at, text(1)); 10_001], "less than or equal to 10000"),
        ("no events", Vec::<(i64, String)>::new(), "greater than or equal to 1"),
        ("an empty message", vec![(at, text(1)), (at, text(0))], "logEvents.2.member.message"),
        ("a blank message", vec![(at, " ".into())], ""),
        ("equal times", vec![(at, text(1)), (at, text(1))], ""),
        ("times that go back", vec![(at, text(1)), (at - 1, text(1))], "chronological order"),
        ("a span of 24 hours", vec![(at - DAY, text(1)), (at, text(1))], ""),
        ("a span of a millisecond more", vec![(at - DAY - 1, text(1)), (at, text(1))], "more than 24 hours"),
        ("a time before 1970", vec![(-1, text(1))], "greater than or equal to 0"),
    ];
    for (name, events, wrong) in cases {
        let events: Vec<(i64, &str)> = events.iter().map(|(at, text)| (*at, text.as_str())).collect();
        let answer = put(address, &events);
        if wrong.is_empty() {
            assert_eq!((answer.status, answer.json()), (200, json!({})), "{name}");
        } else {
            assert_eq!((answer.status, answer.code().as_str()), (400, "InvalidParameterException"), "{name}");
            assert!(answer.text().contains(wrong), "{name}: {}", answer.text());
        }
    }
}

#[test]
fn a_refused_batch_leaves_nothing_behind() {
    let (endpoint, address) = with_stream();
    put(address, &[(now(), "one"), (now(), "")]);
    assert!(endpoint.events("g", "s").is_empty());
    assert_eq!(endpoint.counts().batches, 0);
}

#[test]
fn events_out_of_time_are_dropped_with_their_indices_and_the_rest_is_kept() {
    let (endpoint, address) = with_stream();
    let at = now();
    let (old, new) = (at - 14 * DAY, at + 2 * HOUR);
    let cases = [
        (vec![old + MINUTE], Value::Null, 1),
        (vec![old - MINUTE], json!({ "tooOldLogEventEndIndex": 1 }), 0),
        (vec![old - HOUR, old - MINUTE, at], json!({ "tooOldLogEventEndIndex": 2 }), 1),
        (vec![new - MINUTE], Value::Null, 1),
        (vec![at, new + MINUTE], json!({ "tooNewLogEventStartIndex": 1 }), 1),
        (
            vec![old - MINUTE, at, at, new + MINUTE],
            json!({ "tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 3 }),
            2,
        ),
    ];
    for (times, expected, kept) in cases {
        let before = endpoint.events("g", "s").len();
        let events: Vec<(i64, &str)> = times.iter().map(|at| (*at, "line")).collect();
        let answer = put(address, &events);
        assert_eq!((answer.status, answer.json()["rejectedLogEventsInfo"].clone()), (200, expected));
        assert_eq!(endpoint.events("g", "s").len() - before, kept);
    }
    logs(address, "PutRetentionPolicy", &json!({ "logGroupName": "g", "retentionInDays": 1 }));
    let answer = put(address, &[(at - DAY - MINUTE, "expired"), (at - DAY + MINUTE, "kept")]);
    assert_eq!(answer.json(), json!({ "rejectedLogEventsInfo": { "expiredLogEventEndIndex": 1 } }));
    assert_eq!(endpoint.events("g", "s").last().unwrap().1, "kept");
    assert_eq!(endpoint.counts().events_rejected, 7);
}

#[test]
fn names_and_retentions_are_granted_up_to_their_limits() {
    let (endpoint, address) = endpoint();
    let group = |name: &str| logs(address, "CreateLogGroup", &json!({ "logGroupName": name })).code();
    let long = |length: usize| "n".repeat(length);
    for good in ["g".into(), "/system/default/sys-1".into(), "a.b-c_d/e#F9".into(), long(512)] {
        assert_eq!(group(&good), "", "{good}");
    }
    for bad in ["".into(), long(513), "with space".into(), "colon:".into(), "é".into(), "aws/mine".into()] {
        assert_eq!(group(&bad), "InvalidParameterException", "{bad}");
    }
    let stream =
        |name: &str| logs(address, "CreateLogStream", &json!({ "logGroupName": "g", "logStreamName": name })).code();
    for good in ["s".into(), "mit Leerzeichen, größer".into(), "é".repeat(512)] {
        assert_eq!(stream(&good), "", "{good}");
    }
    for bad in ["".into(), long(513), "a:b".into(), "a*".into()] {
        assert_eq!(stream(&bad), "InvalidParameterException", "{bad}");
    }
    let retain = |days: i64| {
        logs(address, "PutRetentionPolicy", &json!({ "logGroupName": "g", "retentionInDays": days })).code()
    };
    for days in
        [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
    {
        assert_eq!(retain(days), "", "{days}");
        assert_eq!(endpoint.retention("g").map(i64::from), Some(days));
    }
    for days in [-1, 0, 2, 10, 3654, 4_294_967_297] {
        assert_eq!(retain(days), "InvalidParameterException", "{days}");
    }
}

#[test]
fn what_is_missing_and_what_is_there_already_is_said_by_aws_codes() {
    let (endpoint, address) = with_stream();
    let named = |group: &str, stream: &str| json!({ "logGroupName": group, "logStreamName": stream });
    let cases = [
        ("CreateLogGroup", json!({ "logGroupName": "g" }), "ResourceAlreadyExistsException"),
        ("CreateLogStream", named("g", "s"), "ResourceAlreadyExistsException"),
        ("CreateLogStream", named("other", "s"), "ResourceNotFoundException"),
        ("PutRetentionPolicy", json!({ "logGroupName": "other", "retentionInDays": 7 }), "ResourceNotFoundException"),
        ("DescribeLogStreams", json!({ "logGroupName": "other" }), "ResourceNotFoundException"),
        ("PutLogEvents", batch("other", "s", &[(now(), "x")]), "ResourceNotFoundException"),
        ("PutLogEvents", batch("g", "other", &[(now(), "x")]), "ResourceNotFoundException"),
        ("CreateLogGroup", json!({ "logGroupName": "new", "logGroupClass": "CHEAP" }), "InvalidParameterException"),
        ("CreateLogGroup", json!({}), "InvalidParameterException"),
        ("CreateLogGroup", json!([1]), "SerializationException"),
        ("DeleteLogGroup", json!({ "logGroupName": "g" }), "UnknownOperationException"),
        ("PutMetricData", json!({}), "UnknownOperationException"),
    ];
    for (operation, body, code) in cases {
        assert_eq!(logs(address, operation, &body).code(), code, "{operation} {body}");
    }
    assert!(endpoint.delete_stream("g", "s"));
    assert_eq!(put(address, &[(now(), "x")]).code(), "ResourceNotFoundException");
    assert!(endpoint.delete_group("g") && endpoint.streams().is_empty());
}

#[test]
fn groups_and_streams_are_described_page_by_page() {
    let (_endpoint, address) = with_stream();
    for name in ["g1", "g2", "h"] {
        logs(address, "CreateLogGroup", &json!({ "logGroupName": name, "logGroupClass": "INFREQUENT_ACCESS" }));
    }
    let page = logs(address, "DescribeLogGroups", &json!({ "logGroupNamePrefix": "g", "limit": 2 })).json();
    assert_eq!(
        (&page["logGroups"][0]["logGroupName"], &page["logGroups"][1]["logGroupName"]),
        (&json!("g"), &json!("g1"))
    );
    let rest = json!({ "logGroupNamePrefix": "g", "limit": 2, "nextToken": page["nextToken"] });
    let rest = logs(address, "DescribeLogGroups", &rest).json();
    assert_eq!((rest["logGroups"].as_array().unwrap().len(), &rest["nextToken"]), (1, &Value::Null));
    assert_eq!(rest["logGroups"][0]["logGroupClass"], "INFREQUENT_ACCESS");
    let streams = logs(address, "DescribeLogStreams", &json!({ "logGroupName": "g" })).json();
    assert_eq!(streams["logStreams"][0]["logStreamName"], "s");
}

#[test]
fn a_request_that_is_not_signed_for_this_service_and_time_is_refused() {
    let (_endpoint, address) = endpoint();
    let body = json!({ "logGroupName": "g" }).to_string();
    let good = authorization("logs");
    let cases = [
        (None, 0, "MissingAuthenticationTokenException"),
        (Some("Bearer abc".to_owned()), 0, "MissingAuthenticationTokenException"),
        (Some("AWS4-HMAC-SHA256 Credential=a/b/c/logs/aws4_request".into()), 0, "IncompleteSignatureException"),
        (Some(good.replace("0a0a", "0z0z")), 0, "IncompleteSignatureException"),
        (Some(good.replace("host;", "")), 0, "IncompleteSignatureException"),
        (Some(good.replace("aws4_request", "aws5")), 0, "IncompleteSignatureException"),
        (Some(authorization("monitoring")), 0, "InvalidSignatureException"),
        (Some(good.clone()), -310, "InvalidSignatureException"),
        (Some(good.clone()), 310, "InvalidSignatureException"),
        (Some(good), -290, ""),
    ];
    for (authorization, seconds, code) in cases {
        let date = amz_date(seconds);
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.CreateLogGroup"),
            ("x-amz-date", date.as_str()),
        ];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let answer = send(address, "POST", "/", &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.code(), code, "{authorization:?} {seconds}");
    }
}

#[test]
fn bodies_may_be_gzip_and_nothing_unbounded() {
    let (endpoint, address) = with_stream();
    let (authorization, date) = (authorization("logs"), amz_date(0));
    let post = |encoding: &str, body: &[u8]| {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "Logs_20140328.PutLogEvents"),
            ("authorization", authorization.as_str()),
            ("x-amz-date", date.as_str()),
            ("content-encoding", encoding),
        ];
        send(address, "POST", "/", &headers, body).unwrap().code()
    };
    let gzip = |plain: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let body = batch("g", "s", &[(now(), "packed")]).to_string();
    assert_eq!(post("gzip", &gzip(body.as_bytes())), "");
    assert_eq!(endpoint.events("g", "s")[0].1, "packed");
    assert_eq!(post("gzip", body.as_bytes()), "SerializationException");
    assert_eq!(post("br", body.as_bytes()), "SerializationException");
    assert_eq!(post("identity", body.as_bytes()), "");
    assert_eq!(post("gzip", &gzip(&vec![b' '; 20 << 20])), "RequestEntityTooLargeException");
    let worst = batch("g", "s", &[(now(), &"\u{1}".repeat(1_048_576 - 26))]).to_string();
    assert_eq!(post("gzip", &gzip(worst.as_bytes())), "", "the worst that JSON can do to a batch at its limit");
}

/// 2^360, the bound of a value.
fn bound() -> f64 {
    360f64.exp2()
}

fn datum() -> Datum {
    Datum::default()
}

fn text(length: usize) -> String {
    "n".repeat(length)
}

fn dimensions(count: usize) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("D{n}"), "v".to_owned())).collect()
}

fn dimension(name: String, value: String) -> Datum {
    Datum { dimensions: vec![(name, value)], ..datum() }
}

fn values(values: usize, counts: usize) -> Datum {
    let values = (0..values).map(|n| n as f64).collect();
    Datum { value: None, values, counts: vec![1.0; counts], ..datum() }
}

/// Datums that are just inside of each limit, at `at` seconds since 1970.
fn within_limits(at: f64) -> Vec<Datum> {
    vec![
        datum(),
        Datum { name: text(255), ..datum() },
        Datum { value: Some(bound()), ..datum() },
        Datum { value: Some(-bound()), ..datum() },
        Datum { seconds: at - 14.0 * 86_400.0 + 60.0, ..datum() },
        Datum { seconds: at + 7_200.0 - 60.0, ..datum() },
        Datum { dimensions: dimensions(30), ..datum() },
        Datum { dimensions: vec![], ..datum() },
        dimension(text(255), text(1024)),
        values(150, 150),
        values(1, 0),
        Datum { value: None, statistics: Some([2.0, 3.0, 1.0, 2.0]), ..datum() },
        Datum { resolution: Some(1), unit: "None", ..datum() },
        Datum { resolution: Some(60), unit: "Bytes/Second", ..datum() },
    ]
}

/// Datums that are just outside of one limit each.
fn beyond_limits(at: f64) -> Vec<Datum> {
    vec![
        Datum { name: text(0), ..datum() },
        Datum { name: text(256), ..datum() },
        Datum { name: "größe".into(), ..datum() },
        Datum { value: Some(bound() * 1.001), ..datum() },
        Datum { value: Some(f64::NAN), ..datum() },
        Datum { value: Some(f64::NEG_INFINITY), ..datum() },
        Datum { seconds: at - 14.0 * 86_400.0 - 60.0, ..datum() },
        Datum { seconds: at + 7_200.0 + 60.0, ..datum() },
        Datum { seconds: f64::NAN, ..datum() },
        Datum { dimensions: dimensions(31), ..datum() },
        dimension(text(256), text(1)),
        dimension(":D".into(), text(1)),
        dimension("D".into(), text(1025)),
        dimension("D".into(), " ".into()),
        dimension("D".into(), "é".into()),
        values(151, 151),
        values(2, 3),
        Datum { value: None, ..datum() },
        Datum { values: vec![1.0], ..datum() },
        Datum { value: None, statistics: Some([0.0, 3.0, 1.0, 2.0]), ..datum() },
        Datum { value: None, statistics: Some([2.0, 3.0, 2.0, 1.0]), ..datum() },
        Datum { resolution: Some(30), ..datum() },
        Datum { unit: "Furlongs", ..datum() },
    ]
}

#[test]
fn a_datum_within_every_limit_is_taken() {
    let (_endpoint, address) = endpoint();
    for (nth, datum) in within_limits(now() as f64 / 1000.0).iter().enumerate() {
        let answer = metrics(address, &cbor("System/Test", std::slice::from_ref(datum)));
        assert_eq!((answer.status, answer.code()), (200, String::new()), "good {nth}: {}", answer.text());
        assert_eq!(answer.headers["smithy-protocol"], "rpc-v2-cbor");
    }
}

#[test]
fn a_datum_beyond_one_limit_refuses_the_whole_request() {
    let (endpoint, address) = endpoint();
    for (nth, wrong) in beyond_limits(now() as f64 / 1000.0).into_iter().enumerate() {
        let answer = metrics(address, &cbor("System/Test", &[datum(), wrong, datum()]));
        assert_eq!(answer.status, 400, "bad {nth}: one wrong datum refuses the request");
        assert!(answer.headers["x-amzn-query-error"].ends_with(";Sender"), "bad {nth}");
    }
    assert_eq!(endpoint.counts().datums, 0, "nothing of a refused request is taken");
}

#[test]
fn a_metrics_request_is_bounded_in_namespace_number_and_bytes() {
    let (endpoint, address) = endpoint();
    let code = |namespace: &str, data: &[Datum]| metrics(address, &cbor(namespace, data)).code();
    let one = [Datum::default()];
    for good in ["n".repeat(255), "System/Default".into()] {
        assert_eq!(code(&good, &one), "", "{good}");
    }
    for bad in ["".into(), "n".repeat(256), "AWS/EC2".into(), ":n".into(), "é".into()] {
        assert_ne!(code(&bad, &one), "", "{bad}");
    }
    assert_eq!(code("n", &vec![Datum::default(); 1000]), "");
    assert_eq!(code("n", &vec![Datum::default(); 1001]), "InvalidParameterValueException");
    assert_eq!(code("n", &[]), "MissingRequiredParameterException");
    assert_eq!(metrics(address, b"no cbor").code(), "SerializationException");
    let wide = vec![("D".to_owned(), "v".repeat(1024)); 2];
    let data = vec![Datum { dimensions: wide, ..Datum::default() }; 600];
    assert_eq!(code("n", &data), "RequestEntityTooLargeException");
    assert_eq!(endpoint.counts().datums, 1002);
}

#[test]
fn every_answer_bears_the_endpoints_time_and_a_request_id() {
    let (endpoint, address) = with_stream();
    endpoint.misbehave(Fault::ClockAhead(20 * DAY), None);
    let answer = put(address, &[(now(), "x")]);
    assert_eq!(answer.code(), "InvalidSignatureException", "the signature is twenty days old by the endpoint's clock");
    assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(20 * 24);
    assert!(answer.headers["date"].starts_with(&ahead.strftime("%a, %d %b %Y %H:%M:").to_string()));
    endpoint.behave();
    endpoint.misbehave(Fault::ClockAhead(-4 * MINUTE), None);
    let answer = put(address, &[(now() + 2 * HOUR - 3 * MINUTE, "too new for a clock that is behind")]);
    assert_eq!(answer.json(), json!({ "rejectedLogEventsInfo": { "tooNewLogEventStartIndex": 0 } }));
}

#[test]
fn faults_meet_as_many_requests_as_they_were_asked_for() {
    let (endpoint, address) = with_stream();
    let send = |text: &str| try_logs(address, "PutLogEvents", &batch("g", "s", &[(now(), text)]));
    let expired = Fault::Code { code: "ExpiredTokenException", status: 400 };
    let accepted = Fault::Code { code: "DataAlreadyAcceptedException", status: 400 };
    let answered = [
        (Fault::Throttle, 400, "ThrottlingException", 0),
        (Fault::Status(503), 503, "ServiceUnavailableException", 0),
        (Fault::Status(500), 500, "InternalFailure", 0),
        (Fault::Status(502), 502, "no __type", 0),
        (expired, 400, "ExpiredTokenException", 0),
        (accepted, 400, "DataAlreadyAcceptedException", 1),
    ];
    for (fault, status, code, applied) in answered {
        let before = endpoint.events("g", "s").len();
        endpoint.misbehave(fault.clone(), Some(1));
        let answer = send("x").unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{fault:?}");
        assert_eq!(endpoint.events("g", "s").len() - before, applied, "{fault:?}");
        assert_eq!(send("y").unwrap().status, 200, "{fault:?} is over");
    }
    for fault in [Fault::LoseAnswer, Fault::Reset] {
        let before = endpoint.events("g", "s").len();
        endpoint.misbehave(fault.clone(), Some(1));
        assert!(send("x").is_err(), "{fault:?}");
        assert_eq!(endpoint.events("g", "s").len() - before, 1, "{fault:?} applies what it does not confirm");
    }
    assert_eq!(endpoint.counts().refused["Reset"], 1);
    assert_eq!(send("z").unwrap().status, 200);
}

#[test]
fn hanging_and_slow_answers_take_their_time() {
    let (endpoint, address) = with_stream();
    endpoint.misbehave(Fault::Slow(Duration::from_millis(300)), Some(1));
    let start = Instant::now();
    assert_eq!(put(address, &[(now(), "x")]).status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    endpoint.misbehave_on(Operation::PutLogEvents, Fault::Hang, None);
    assert_eq!(metrics(address, &cbor("n", &[Datum::default()])).status, 200, "the fault is for another operation");
    let hanging = std::thread::spawn(move || try_logs(address, "PutLogEvents", &batch("g", "s", &[(now(), "y")])));
    assert!(hanging.join().unwrap().is_err(), "the client gave up after its 5 s");
    endpoint.behave();
    assert_eq!(put(address, &[(now(), "z")]).status, 200);
    assert_eq!(endpoint.events("g", "s").len(), 2);
}

#[test]
fn poison_refuses_the_batch_that_holds_it_and_no_other() {
    let (endpoint, address) = with_stream();
    endpoint.misbehave(Fault::Poison("bad".into()), None);
    endpoint.misbehave(Fault::PoisonMetric("Bad".into()), None);
    assert_eq!(put(address, &[(now(), "good"), (now(), "so bad")]).code(), "InvalidParameterException");
    assert_eq!(put(address, &[(now(), "good")]).code(), "");
    let bad = Datum { name: "Bad".into(), ..Datum::default() };
    assert_eq!(metrics(address, &cbor("n", &[Datum::default(), bad])).code(), "InvalidParameterValueException");
    assert_eq!(metrics(address, &cbor("n", &[Datum::default()])).code(), "");
}

#[test]
fn offline_it_is_not_there_and_online_it_still_knows_everything() {
    let (endpoint, address) = with_stream();
    put(address, &[(now(), "before")]);
    endpoint.go_offline();
    let deadline = Instant::now() + Duration::from_secs(5);
    while try_logs(address, "DescribeLogGroups", &json!({})).is_ok() {
        assert!(Instant::now() < deadline, "still there");
    }
    endpoint.go_online();
    while try_logs(address, "DescribeLogGroups", &json!({})).is_err() {
        assert!(Instant::now() < deadline, "still gone");
    }
    put(address, &[(now(), "after")]);
    assert_eq!(endpoint.events("g", "s").len(), 2);
}

#[test]
fn it_ends_with_its_last_handle() {
    let (endpoint, address) = endpoint();
    let other = endpoint.clone();
    drop(endpoint);
    assert_eq!(get(address, "/api/state").status, 200);
    drop(other);
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::net::TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "still there");
    }
}

#[test]
fn a_name_that_is_not_this_host_is_sent_away() {
    let (_endpoint, address) = endpoint();
    let host = |name: &str| send(address, "GET", "/", &[("host", name)], b"").unwrap().status;
    for good in ["localhost", "localhost:1234", "127.0.0.1", "127.0.0.1:80", "[::1]:80"] {
        assert_eq!(host(good), 200, "{good}");
    }
    for bad in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", ""] {
        assert_eq!(host(bad), 421, "{bad}");
    }
    let answer = get(address, "/");
    assert!(answer.headers["content-security-policy"].starts_with("default-src 'none'"));
    assert_eq!(get(address, "/../etc/passwd").status, 404);
}

#[test]
fn it_counts_without_keeping_where_it_has_no_memory() {
    let options = Options { memory_bytes: 0, keep_metrics_points: 0, ..Options::default() };
    let endpoint = Endpoint::start_on_own_thread(options).unwrap();
    let address = endpoint.address();
    logs(address, "CreateLogGroup", &json!({ "logGroupName": "g" }));
    logs(address, "CreateLogStream", &json!({ "logGroupName": "g", "logStreamName": "s" }));
    put(address, &[(now(), "12345"), (now(), "678")]);
    metrics(address, &cbor("n", &[Datum::default()]));
    let counts = endpoint.counts();
    assert_eq!((counts.events, counts.message_bytes, counts.batch_bytes, counts.datums), (2, 8, 60, 1));
    assert_eq!((counts.requests_to(Operation::PutLogEvents), counts.all_requests(), counts.succeeded), (1, 4, 4));
    assert!(endpoint.events("g", "s").is_empty() && endpoint.metrics().is_empty());
    assert_eq!(endpoint.taken("g", "s"), 2);
    assert_eq!(get(address, "/api/counts").json()["counts"]["events"], 2);
}

#[test]
fn the_real_sdk_clients_are_understood_and_understand() {
    let (endpoint, _) = endpoint();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(speak(&endpoint));
    assert_eq!(endpoint.events("g", "s"), [(endpoint.events("g", "s")[0].0, "größe \u{1F600}".to_owned())]);
    let series = endpoint.metrics();
    assert_eq!((series.len(), series[0].name.as_str(), series[0].unit.as_str()), (1, "Many", "Bytes"));
    assert_eq!((series[0].points.len(), series[0].points[0].value), (400, 1.5));
    assert_eq!(series[0].dimension("InstanceId"), Some("sys-1"));
}

async fn speak(endpoint: &Endpoint) {
    use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit};
    use aws_sdk_cloudwatchlogs::types::InputLogEvent;
    let shared = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .endpoint_url(endpoint.url())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            aws_credential_types::Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
        ))
        .build();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&shared);
    logs.create_log_group().log_group_name("g").send().await.unwrap();
    let again = logs.create_log_group().log_group_name("g").send().await.unwrap_err().into_service_error();
    assert!(again.is_resource_already_exists_exception());
    logs.create_log_stream().log_group_name("g").log_stream_name("s").send().await.unwrap();
    let event = |at: i64, text: &str| InputLogEvent::builder().timestamp(at).message(text).build().unwrap();
    let put = logs.put_log_events().log_group_name("g").log_stream_name("s");
    let put = put.log_events(event(now() - 15 * DAY, "old")).log_events(event(now(), "größe \u{1F600}"));
    let rejected = put.send().await.unwrap().rejected_log_events_info.unwrap();
    assert_eq!(rejected.too_old_log_event_end_index, Some(1));

    let metrics = aws_sdk_cloudwatch::Client::new(&shared);
    let datum = |name: &str| {
        let instance = Dimension::builder().name("InstanceId").value("sys-1").build();
        MetricDatum::builder().metric_name(name).unit(StandardUnit::Bytes).value(1.5).dimensions(instance).build()
    };
    // Enough of them that the SDK compresses the body.
    let put = metrics.put_metric_data().namespace("System/Test").set_metric_data(Some(vec![datum("Many"); 400]));
    put.send().await.unwrap();
    let wrong = metrics.put_metric_data().namespace("AWS/Test").metric_data(datum("One")).send().await;
    let wrong = wrong.unwrap_err().into_service_error();
    assert!(wrong.is_invalid_parameter_value_exception(), "{wrong:?}");
}

//! Carries AWS's operations over HTTP: AWS JSON 1.1 for CloudWatch Logs and Cognito, Smithy RPC v2 CBOR for CloudWatch metrics.
//!
//! Every answer bears the endpoint's own time in `Date` and a request id. Bodies are bounded before they are read and while
//! they are inflated.

use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Arc;

use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::faults::Fault;
use super::operation::{Operation, Service};
use super::refusal::Refusal;
use super::signature::{self, Signed};
use super::{Shared, State, body::Body, cbor, clock, cognito, log_calls, metric_rules, page};
use crate::record::Wall;

/// The most bytes of a body, on the wire and inflated. A batch at its limits whose every byte JSON writes as `\u0000`
/// stays below.
const MAX_BODY_BYTES: usize = 8 << 20;
const METRICS_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// The answer never came: the connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
pub(super) struct Lost;

/// How a request is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Cbor,
}

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
    let mut response = if !is_for_this_host(&request, shared.address.ip()) {
        page::plain(StatusCode::MISDIRECTED_REQUEST, "this endpoint answers to localhost only\n")
    } else if request.method() == Method::POST {
        operation(&shared, request).await?
    } else {
        page::answer(&shared, &request)
    };
    let now = shared.lock().now();
    if let Ok(date) = HeaderValue::from_str(&clock::http_date(now)) {
        response.headers_mut().insert(DATE, date);
    }
    Ok(response)
}

/// Only names that cannot be made to point here by somebody else's DNS: a web page must not reach this endpoint by
/// rebinding its own name to 127.0.0.1.
fn is_for_this_host(request: &Request<Incoming>, bound: IpAddr) -> bool {
    let header = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = match header.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => header,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == bound)
}

async fn operation(shared: &Shared, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
    let (parts, body) = request.into_parts();
    let Some((protocol, operation)) = recognise(&parts) else {
        return Ok(refused(shared, Protocol::Json, &log_calls::unknown()));
    };
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await.map(|body| body.to_bytes()) else {
        shared.lock().counts.asked(operation, 0);
        return Ok(refused(shared, protocol, &too_large(MAX_BODY_BYTES)));
    };
    let fault = {
        let mut state = shared.lock();
        state.counts.asked(operation, body.len());
        let fault = state.faults.meet(operation);
        if let Some(fault) = &fault {
            state.counts.refused(fault.name());
        }
        fault
    };
    let carry_out = || perform(shared, operation, &parts, &body);
    let answered = |result| respond(shared, protocol, result);
    match fault {
        None => Ok(answered(carry_out())),
        Some(Fault::Slow(wait)) => {
            tokio::time::sleep(wait).await;
            Ok(answered(carry_out()))
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Reset) => Ok(answered(carry_out()).map(Body::cut)),
        Some(Fault::LoseAnswer) => {
            // Whatever it says, nobody hears it.
            let _unheard = carry_out();
            Err(Lost)
        }
        Some(Fault::Status(status)) => Ok(broken(shared, protocol, status)),
        Some(Fault::Code { code, status }) => {
            if code == "DataAlreadyAcceptedException" {
                // It says that an earlier request did this, so it has to be done.
                let _done = carry_out();
            }
            let refusal = Refusal { status, ..Refusal::new(code, "The endpoint was told to say so.") };
            Ok(error_response(shared, protocol, &refusal))
        }
        Some(_) => Ok(error_response(shared, protocol, &Refusal::new("ThrottlingException", "Rate exceeded"))),
    }
}

/// Which operation a request asks for, and how.
fn recognise(parts: &Parts) -> Option<(Protocol, Operation)> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(name) = parts.uri.path().strip_prefix(METRICS_PATH) {
        let is_cbor =
            header("smithy-protocol") == Some("rpc-v2-cbor") && header("content-type") == Some("application/cbor");
        let operation = Operation::named(name).filter(|operation| *operation == Operation::PutMetricData);
        return operation.filter(|_| is_cbor).map(|operation| (Protocol::Cbor, operation));
    }
    let target = header("x-amz-target")?;
    let mut all = Operation::ALL.iter().copied();
    let operation = all.find(|operation| {
        operation.service().target().and_then(|service| target.strip_prefix(service)) == Some(operation.name())
    })?;
    let is_json = header("content-type")?.starts_with("application/x-amz-json-1.1");
    (is_json && parts.uri.path() == "/").then_some((Protocol::Json, operation))
}

/// Does what a request asks for. The answer's body.
fn perform(shared: &Shared, operation: Operation, parts: &Parts, body: &Bytes) -> Result<Vec<u8>, Refusal> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let signed = Signed { authorization: header("authorization"), date: header("x-amz-date") };
    let service = operation.service();
    if operation.is_signed() {
        signature::check(&signed, service.signing_name(), shared.lock().now())?;
    }
    let limit = if service == Service::Metrics { metric_rules::MAX_BODY_BYTES } else { MAX_BODY_BYTES };
    let inflated = match header("content-encoding") {
        None | Some("identity") if body.len() > limit => return Err(too_large(limit)),
        None | Some("identity") => None,
        Some("gzip") => Some(inflate(body, limit)?),
        Some(other) => {
            return Err(Refusal::new("SerializationException", format!("content encoding {other} is not known")));
        }
    };
    let plain: &[u8] = inflated.as_deref().unwrap_or(body);
    let mut state = shared.lock();
    let now = state.now();
    state.counts.body_bytes += plain.len() as u64;
    let State { logs, cognito, counts, faults, .. } = &mut *state;
    match service {
        Service::Metrics => {
            cognito.judge(header("x-amz-security-token"), signed.access_key(), now)?;
            put_metric_data(&mut state, plain, now).map(|()| Vec::new())
        }
        Service::Logs => {
            if let Some(who) = cognito.judge(header("x-amz-security-token"), signed.access_key(), now)? {
                cognito.check_group(&who, operation, log_calls::group(plain).as_deref())?;
            }
            let answer = log_calls::call(logs, counts, faults, operation, plain, now)?;
            Ok(answer.map_or_else(Vec::new, |answer| answer.to_string().into_bytes()))
        }
        Service::UserPools | Service::IdentityPools => {
            let call = cognito::Call { operation, body: plain, region: signed.region(), now };
            cognito.call(&call, &mut cognito::fresh_chance()).map(|answer| answer.to_string().into_bytes())
        }
    }
}

fn put_metric_data(state: &mut State, body: &[u8], now: Wall) -> Result<(), Refusal> {
    let request = cbor::put_metric_data(body)?;
    if state.faults.poisons_metric(request.data.iter().filter_map(|datum| datum.name.as_deref())) {
        return Err(Refusal::metric("The request holds a datum that is not valid."));
    }
    let datums = state.metrics.put(&request, now)?;
    state.counts.datums += datums as u64;
    Ok(())
}

fn inflate(body: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::new();
    let read = GzDecoder::new(body).take(limit as u64 + 1).read_to_end(&mut plain);
    match read {
        Ok(_) if plain.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(plain),
        Err(error) => Err(Refusal::new("SerializationException", format!("the body is not gzip: {error}"))),
    }
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("Request size exceeded {limit} bytes");
    Refusal { status: 413, ..Refusal::new("RequestEntityTooLargeException", message) }
}

fn respond(shared: &Shared, protocol: Protocol, result: Result<Vec<u8>, Refusal>) -> Response<Body> {
    match result {
        Ok(body) => {
            shared.lock().counts.succeeded += 1;
            response(shared, protocol, StatusCode::OK, body)
        }
        Err(refusal) => refused(shared, protocol, &refusal),
    }
}

fn refused(shared: &Shared, protocol: Protocol, refusal: &Refusal) -> Response<Body> {
    shared.lock().counts.refused(&refusal.code);
    error_response(shared, protocol, refusal)
}

fn error_response(shared: &Shared, protocol: Protocol, refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = match protocol {
        Protocol::Json => json!({ "__type": refusal.code, "message": refusal.message }).to_string().into_bytes(),
        Protocol::Cbor => cbor::error(refusal),
    };
    let mut response = response(shared, protocol, status, body);
    let query = refusal.query_code().filter(|_| protocol == Protocol::Cbor);
    if let Some(Ok(value)) = query.map(|code| HeaderValue::from_str(&format!("{code};Sender"))) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-query-error"), value);
    }
    response
}

/// A bare status: AWS's own error for the two that it sends, a middle box's page for any other.
fn broken(shared: &Shared, protocol: Protocol, status: u16) -> Response<Body> {
    let code = match status {
        500 => "InternalFailure",
        503 => "ServiceUnavailableException",
        _ => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return page::plain(status, "<html><body>something in between is broken</body></html>\n");
        }
    };
    error_response(shared, protocol, &Refusal { status, ..Refusal::new(code, "The service is unavailable.") })
}

fn response(shared: &Shared, protocol: Protocol, status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let kind = if protocol == Protocol::Json { "application/x-amz-json-1.1" } else { "application/cbor" };
    let is_empty = body.is_empty();
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !is_empty || protocol == Protocol::Json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    if protocol == Protocol::Cbor {
        headers.insert(HeaderName::from_static("smithy-protocol"), HeaderValue::from_static("rpc-v2-cbor"));
    }
    let requests = shared.lock().counts.all_requests();
    if let Ok(id) = HeaderValue::from_str(&request_id(shared.run, requests)) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

/// A UUID's form, from the run and the request's number.
fn request_id(run: i64, number: u64) -> String {
    format!("{:08x}-{:04x}-4000-8000-{number:012x}", run >> 16, run & 0xffff)
}

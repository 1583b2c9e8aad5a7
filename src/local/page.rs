//! The web page and the small JSON answers that it lives on.
//!
//! Everything is embedded and nothing comes from outside; the page may load and ask only what stands here (its
//! Content-Security-Policy). Log lines are hostile: they leave as JSON strings and enter the page as text only.

use std::collections::HashMap;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use super::search::{Found, Scope, follow, search};
use super::{Shared, State};

/// No more lines than this in one answer.
const MAX_LINES: usize = 500;
/// No more streams than this in one answer: those that were written to last.
const MAX_STREAMS: usize = 300;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Path, type and content of what the page is made of.
const FILES: [(&str, &str, &str); 8] = [
    ("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/format.js", "text/javascript; charset=utf-8", include_str!("page/format.js")),
    ("/plots.js", "text/javascript; charset=utf-8", include_str!("page/plots.js")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
    ("/uplot.js", "text/javascript; charset=utf-8", include_str!("page/uplot/uPlot.iife.min.js")),
    ("/uplot.css", "text/css; charset=utf-8", include_str!("page/uplot/uPlot.min.css")),
    ("/uplot-licence.txt", "text/plain; charset=utf-8", include_str!("page/uplot/LICENSE")),
];
const ICON: &str = include_str!("page/icon.svg");

/// Answers a request of the page.
pub(super) fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Body> {
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are known here\n");
    }
    let path = request.uri().path();
    if let Some((_, kind, content)) = FILES.iter().find(|(known, ..)| *known == path) {
        return whole(StatusCode::OK, kind, content.as_bytes());
    }
    let asked = parameters(request.uri().query().unwrap_or_default());
    let state = shared.lock();
    let mut body = match path {
        "/icon.svg" => return whole(StatusCode::OK, "image/svg+xml", ICON.as_bytes()),
        "/api/state" => state_of(&state),
        "/api/metrics" => metrics(&state, number(&asked, "since")),
        "/api/lines" => lines(&state, &asked),
        "/api/search" => found(&state, &asked),
        "/api/counts" => json!({ "counts": state.counts }),
        _ => return plain(StatusCode::NOT_FOUND, "there is no such page\n"),
    };
    body["run"] = json!(shared.run);
    whole(StatusCode::OK, "application/json", body.to_string().into_bytes())
}

/// A short answer for people.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", text.as_bytes())
}

fn whole(status: StatusCode, kind: &'static str, body: impl Into<hyper::body::Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let guards = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in guards {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn state_of(state: &State) -> Value {
    let mut streams: Vec<_> = state.logs.streams().collect();
    let total = streams.len();
    streams.sort_by_key(|(_, stream)| std::cmp::Reverse(stream.last_ingestion.unwrap_or(stream.created)));
    streams.truncate(MAX_STREAMS);
    streams.sort_by(|(one, _), (other, _)| one.cmp(other));
    let streams: Vec<Value> = streams
        .into_iter()
        .map(|(name, stream)| {
            json!({
                "group": name.group, "stream": name.stream, "taken": stream.taken, "bytes": stream.taken_bytes,
                "kept": stream.lines.len(), "last": stream.last_ingestion,
            })
        })
        .collect();
    let groups: Vec<Value> = state
        .logs
        .groups
        .iter()
        .take(MAX_STREAMS)
        .map(|(name, group)| json!({ "group": name, "retention_days": group.retention_days, "class": group.class }))
        .collect();
    json!({
        "now": state.now().0, "status": state.status, "counts": state.counts, "groups": groups, "streams": streams,
        "streams_total": total, "kept_lines": state.logs.kept(), "kept_bytes": state.logs.held(),
        "metrics": state.metrics.series().len(),
    })
}

/// What came since: of each metric that has news, its name and the new points, by its place in the list of all.
fn metrics(state: &State, since: u64) -> Value {
    let news = state.metrics.series().iter().enumerate().filter(|(_, series)| series.last_serial > since);
    let series: Vec<Value> = news
        .map(|(id, series)| {
            let points: Vec<_> =
                series.points.iter().filter(|p| p.serial > since).map(|p| json!([p.timestamp, p.value])).collect();
            json!({
                "id": id, "namespace": series.namespace, "name": series.name, "unit": series.unit,
                "dimensions": series.dimensions, "points": points,
            })
        })
        .collect();
    json!({ "since": state.metrics.serial(), "series": series })
}

fn lines(state: &State, asked: &HashMap<String, String>) -> Value {
    let (found, more) = follow(&state.logs, scope(asked), number(asked, "since"), MAX_LINES);
    json!({ "since": state.logs.serial(), "more": more, "lines": shown(&found) })
}

fn found(state: &State, asked: &HashMap<String, String>) -> Value {
    let text = asked.get("q").map_or("", String::as_str);
    let (found, more) = search(&state.logs, scope(asked), text, number(asked, "since"), MAX_LINES);
    json!({ "since": state.logs.serial(), "more": more, "searched": state.logs.kept(), "lines": shown(&found) })
}

fn shown(found: &[Found<'_>]) -> Vec<Value> {
    found
        .iter()
        .map(|found| {
            let Found { stream, line } = found;
            json!({
                "serial": line.serial, "at": line.timestamp, "group": stream.group, "stream": stream.stream,
                "text": line.message,
            })
        })
        .collect()
}

fn scope(asked: &HashMap<String, String>) -> Scope<'_> {
    Scope { group: asked.get("group").map(String::as_str), stream: asked.get("stream").map(String::as_str) }
}

fn number(asked: &HashMap<String, String>, name: &str) -> u64 {
    asked.get(name).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The parameters of a query, decoded.
fn parameters(query: &str) -> HashMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

/// `%41+b` is `A b`. What is no escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escape = text.get(at + 1..at + 3).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match (byte, escape.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(value)) => {
                plain.push(value);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            _ => plain.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_what_is_no_escape_stays() {
        let asked = parameters("q=caf%C3%A9+%26%3C&since=7&broken=%4&odd=100%&none");
        assert_eq!(asked["q"], "café &<");
        assert_eq!(number(&asked, "since"), 7);
        assert_eq!((asked["broken"].as_str(), asked["odd"].as_str()), ("%4", "100%"));
        assert_eq!(asked.len(), 4);
    }
}

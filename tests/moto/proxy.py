"""moto in this process, and before it what it lacks: gzip, and the CBOR protocol of CloudWatch metrics.

moto is the stand-in for AWS that no one of this project wrote, so nothing here may judge a request: a body is translated
and handed on, the answer is translated and handed back. What AWS refuses and moto does not is the embedded endpoint's
business (`src/local`).

Prints one line of JSON, `{"moto": URL, "proxy": URL}`, once both listen. `GET /seen` on the proxy tells how the bodies came.
Ends when its standard input does: a test that dies leaves no server behind.
"""

import datetime
import gzip
import http.client
import http.server
import json
import logging
import sys
import threading
from collections import Counter

import cbor2
from moto.server import ThreadedMotoServer

# The Rust SDK speaks Smithy RPC v2 CBOR with CloudWatch metrics.
CBOR_PATH = "/service/GraniteServiceVersion20100801/operation/"
CBOR_TARGET = "GraniteServiceVersion20100801."
# They belong to one hop, or describe the body as it came rather than as it goes on.
HOP = {"host", "connection", "content-length", "content-encoding", "content-type", "transfer-encoding", "expect", "accept-encoding"}

seen = Counter()
seen_lock = threading.Lock()


def plain(value):
    """`value` as JSON can hold it: a CBOR time becomes seconds since 1970."""
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def timed(value, name=""):
    """`value` as CBOR holds it: what is named a time becomes one."""
    if name.endswith("Timestamp") and isinstance(value, (int, float)):
        return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
    if isinstance(value, dict):
        return {inner: timed(each, inner) for inner, each in value.items()}
    if isinstance(value, list):
        return [timed(each, name) for each in value]
    return value


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    moto = ("127.0.0.1", 0)

    def do_GET(self):
        with seen_lock:
            body = json.dumps(seen).encode()
        self.answer(200, {"content-type": "application/json"}, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
        compressed = self.headers.get("content-encoding") == "gzip"
        if compressed:
            body = gzip.decompress(body)
        cbor = self.path.startswith(CBOR_PATH)
        if cbor:
            operation = self.path.removeprefix(CBOR_PATH)
            body = json.dumps(plain(cbor2.loads(body))).encode()
            headers["X-Amz-Target"] = CBOR_TARGET + operation
            content_type, path = "application/x-amz-json-1.0", "/"
        else:
            operation = self.headers.get("x-amz-target", "?").rpartition(".")[2]
            content_type, path = self.headers.get("content-type", ""), self.path
        with seen_lock:
            seen[operation] += 1
            seen[f"{operation} in gzip"] += compressed
            seen[f"{operation} in CBOR"] += cbor
        status, answer_type, answer = self.ask_moto(path, {**headers, "content-type": content_type}, body)
        if cbor:
            answer = cbor2.dumps(timed(json.loads(answer)) if answer.strip() else {}, datetime_as_timestamp=True)
            self.answer(status, {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, answer)
        else:
            self.answer(status, {"content-type": answer_type}, answer)

    def ask_moto(self, path, headers, body):
        connection = http.client.HTTPConnection(*self.moto, timeout=60)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers.get("content-type", ""), response.read()
        finally:
            connection.close()

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """A line for each request would drown the test's own output."""


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    Proxy.moto = moto.get_host_and_port()
    proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    urls = {"moto": Proxy.moto, "proxy": proxy.server_address}
    print(json.dumps({name: "http://%s:%d" % address for name, address in urls.items()}), flush=True)
    sys.stdin.read()


main()

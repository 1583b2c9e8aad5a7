//! Log lines as real machines write them, from a seed: web access, syslog, an application's own, some as JSON.
//!
//! What matters is what the agent meets in them: lengths from 60 to 400 bytes, quotes and backslashes that JSON has to
//! escape, few letters beyond ASCII, and as much that is new in each line as leaves gzip the ratio that it has on real logs.
//!
//! Pure but for the generator of chance, which is handed in.

use std::io::{self, Write};

use fastrand::Rng;

const PATHS: [&str; 12] = [
    "/",
    "/index.html",
    "/api/v1/devices",
    "/api/v1/devices/status",
    "/api/v2/orders",
    "/api/v2/orders/search",
    "/static/js/app.7f3c1.js",
    "/static/css/main.css",
    "/images/products/thumb",
    "/login",
    "/cart/checkout",
    "/metrics",
];
const AGENTS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "curl/8.5.0",
    "okhttp/4.12.0",
    "Prometheus/2.53.0",
];
const REFERERS: [&str; 4] =
    ["-", "https://shop.example.com/", "https://shop.example.com/cart", "https://www.example.org/q?a=1"];
const STATUSES: [u16; 10] = [200, 200, 200, 200, 200, 204, 301, 304, 404, 502];
const LEVELS: [&str; 8] = ["INFO ", "INFO ", "INFO ", "INFO ", "DEBUG", "DEBUG", "WARN ", "ERROR"];
const MODULES: [&str; 6] =
    ["orders::intake", "orders::billing", "storage::cache", "http::client", "jobs::scheduler", "sensors::modbus"];
const UNITS: [&str; 6] = ["cron", "kernel", "sshd", "systemd", "dhclient", "wpa_supplicant"];

/// Milliseconds between two lines, at the most.
const LONGEST_STEP_MS: u64 = 40;

/// Writes lines, each later than the one before.
pub struct Writer {
    rng: Rng,
    /// Time of day, in milliseconds.
    time_ms: u64,
}

impl Writer {
    /// Always the same lines for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), time_ms: 21_600_000 }
    }

    /// Writes one line with its end.
    pub fn line(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.time_ms += self.rng.u64(1..LONGEST_STEP_MS);
        match self.rng.u8(0..100) {
            0..35 => self.access(out),
            35..60 => self.syslog(out),
            60..92 => self.application(out),
            _ => self.json(out),
        }
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.rng.usize(0..from.len())]
    }

    fn clock(&self) -> (u64, u64, u64, u64) {
        let seconds = self.time_ms / 1000;
        (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, self.time_ms % 1000)
    }

    fn access(&mut self, out: &mut impl Write) -> io::Result<()> {
        let (hour, minute, second, _) = self.clock();
        let (net, host) = (self.rng.u8(16..24), self.rng.u8(2..90));
        let (path, referer, browser) = (self.pick(&PATHS), self.pick(&REFERERS), self.pick(&AGENTS));
        let status = STATUSES[self.rng.usize(0..STATUSES.len())];
        let (id, bytes, took) = (self.rng.u32(1..5_000), self.rng.u32(100..60_000), self.rng.u32(1..900));
        writeln!(
            out,
            "10.4.{net}.{host} - - [21/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET {path}?id={id} HTTP/1.1\" {status} \
             {bytes} \"{referer}\" \"{browser}\" 0.{took:03}",
        )
    }

    fn syslog(&mut self, out: &mut impl Write) -> io::Result<()> {
        let (hour, minute, second, _) = self.clock();
        let (unit, pid) = (self.pick(&UNITS), self.rng.u32(300..900));
        write!(out, "Nov 21 {hour:02}:{minute:02}:{second:02} gateway-07 {unit}[{pid}]: ")?;
        let (a, b) = (self.rng.u32(1..250), self.rng.u32(1024..65_535));
        match self.rng.u8(0..5) {
            0 => writeln!(out, "Accepted publickey for deploy from 192.168.7.{a} port {b} ssh2: ED25519"),
            1 => writeln!(out, "(root) CMD (test -x /usr/sbin/anacron || run-parts --report /etc/cron.hourly)"),
            2 => writeln!(out, "eth0: link becomes ready, speed 1000 Mb/s, {b} packets dropped since start"),
            3 => writeln!(out, "Started Daily apt download activities; finished with result \\x{a:02x} in {b} ms."),
            _ => writeln!(out, "DHCPREQUEST of 192.168.7.{a} on eth0 to 192.168.7.1 port 67 (xid=0x{b:x})"),
        }
    }

    fn application(&mut self, out: &mut impl Write) -> io::Result<()> {
        let (hour, minute, second, milli) = self.clock();
        let (level, module, worker) = (self.pick(&LEVELS), self.pick(&MODULES), self.rng.u8(1..9));
        write!(out, "2026-11-21T{hour:02}:{minute:02}:{second:02}.{milli:03}Z {level} [worker-{worker}] {module}: ")?;
        let (id, took) = (self.rng.u32(..), self.rng.u32(1..4_000));
        match self.rng.u8(0..5) {
            0 => {
                writeln!(out, "order {id:08x}-4c1e-8d20 accepted in {took} ms (3 items, customer \"café {}\")", id % 97)
            }
            1 => writeln!(
                out,
                "cache miss for key device/{}/shadow, loaded 14 fields from the database in {took} us",
                id % 5_000
            ),
            2 => writeln!(
                out,
                "request to https://billing.example.com/v1/charges failed after {took} ms, attempt 2 of 5: connection reset by peer"
            ),
            3 => writeln!(
                out,
                "register 0x{:04x} reads {}.{:02} degrees, quality good, unit {worker}",
                id % 256,
                took % 90,
                id % 100
            ),
            _ => writeln!(
                out,
                "job cleanup-{} finished: 1200 rows looked at, {took} removed, next run in 300 s",
                id % 50
            ),
        }
    }

    fn json(&mut self, out: &mut impl Write) -> io::Result<()> {
        let (hour, minute, second, milli) = self.clock();
        let (module, id, took) = (self.pick(&MODULES), self.rng.u64(..), self.rng.u32(1..4_000));
        writeln!(
            out,
            "{{\"ts\":\"2026-11-21T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\",\"level\":\"info\",\"logger\":\"{module}\",\
             \"trace\":\"{id:016x}\",\"took_ms\":{took},\"message\":\"handled \\\"/api/v2/orders\\\" for the mobile client\"}}",
        )
    }
}

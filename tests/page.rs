//! The page in a real browser: headless Chromium through chromedriver, fed over HTTP with made-up metrics and lines.
//!
//! Where either program is missing the test says so and passes, but not where `CI` is set. With `PAGE_SCREENSHOTS` set to a
//! folder it leaves pictures of the page there.

// Helpers are part of the tests: what cannot be unwrapped is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
// Times of this century fit an f64 to the millisecond.
#![allow(clippy::cast_precision_loss)]

mod wire;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::{Endpoint, Options};
use cloudwatch_publisher::record::Status;
use serde_json::{Value, json};
use wire::{Datum, batch, cbor, logs, metrics, now, send_within};

const GROUP: &str = "/system/default/rpi-00000000abcdef12";

#[test]
fn the_page_shows_what_the_endpoint_took() {
    let (Some(chromium), Some(chromedriver)) = (program("chromium"), program("chromedriver")) else {
        assert!(std::env::var_os("CI").is_none(), "chromium or chromedriver not found");
        println!("skipped: chromium or chromedriver not found");
        return;
    };
    let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
    let driver = Driver::start(&chromedriver);
    let light = Page::open(&driver, &chromium, &endpoint, false);
    empty_states_say_what_will_come(&light);
    feed(&endpoint);
    plots_are_drawn_and_speak_under_the_pointer(&light);
    figures_stand_at_a_glance(&light, &endpoint);
    new_lines_appear_while_the_page_is_open(&light, &endpoint);
    a_hostile_line_is_shown_as_text(&light);
    a_search_finds_and_does_not_find(&light, &endpoint);
    a_reader_who_scrolls_up_is_left_alone(&light, &endpoint);
    a_phone_scrolls_in_one_direction_only(&light);
    let light_ground = light.ground();
    light.close();

    let dark = Page::open(&driver, &chromium, &endpoint, true);
    dark.until("plots in the dark", "return document.querySelectorAll('.plot canvas').length > 3");
    assert_ne!(dark.ground(), light_ground, "the dark page has another ground");
    assert!(brightness(&dark.ground()) < 60, "and it is dark");
    dark.picture("dark");
    dark.phone();
    dark.picture("dark-phone");
    dark.close();
}

fn empty_states_say_what_will_come(page: &Page) {
    page.until("the page to be live", "return document.querySelector('#connection').dataset.state === 'live'");
    for id in ["metrics-empty", "tail-empty", "agent-empty"] {
        assert!(page.visible(id), "{id}");
    }
    page.picture("empty");
}

fn plots_are_drawn_and_speak_under_the_pointer(page: &Page) {
    page.until("plots", "return document.querySelectorAll('.plot canvas').length >= 6");
    assert!(!page.visible("metrics-empty"));
    let painted = "return [...document.querySelectorAll('.plot canvas')].every(canvas => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] > 200) colours.add(pixels[at] << 16 | pixels[at + 1] << 8 | pixels[at + 2]);
        return colours.size > 1;
    })";
    page.until("every canvas painted", painted);
    let shared = page.run("return [...document.querySelectorAll('[data-metric=\"Network throughput\"] .now span')].map(s => s.textContent)");
    let shared = shared.to_string();
    assert!(shared.contains("in ") && shared.contains("out ") && shared.contains("iB/s"), "{shared}");
    let now = page.run("return document.querySelector('[data-metric=\"Memory\"] .now').textContent");
    assert!(now.to_string().contains("GiB"), "{now}");

    let place = "const plot = document.querySelector('[data-metric=CPUUtilization]');
        plot.scrollIntoView({ block: 'center' });
        const box = plot.querySelector('.u-over').getBoundingClientRect();
        return [box.left + box.width * 0.6, box.top + box.height / 2]";
    let place = page.run(place);
    page.devtools("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": place[0], "y": place[1] }));
    page.until("a tip", "return !document.getElementById('tip').hidden");
    let tip = page.text("tip");
    assert!(tip.contains('%') && tip.contains(':'), "a value and a time: {tip}");
    page.picture("hover");
    page.devtools("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": 2, "y": 2 }));
    page.until("no tip", "return document.getElementById('tip').hidden");
}

fn figures_stand_at_a_glance(page: &Page, endpoint: &Endpoint) {
    let status = Status {
        records_sent: 12_345,
        records_waiting: 17,
        lag_bytes: 2_048,
        lag_ms: 1_500,
        files: 10,
        resident_bytes: 11 << 20,
        trouble: Some("cannot reach <b>logs</b>".into()),
        ..Status::default()
    };
    endpoint.show_status(&status);
    page.until("the agent's memory", "return document.getElementById('glance-memory').textContent === '11 MiB'");
    let lines = endpoint.counts().events;
    assert_eq!(page.text("glance-lines").replace(',', ""), lines.to_string());
    assert_eq!(page.text("glance-lag-more"), "17 waiting, oldest 1.5 s");
    assert_eq!(page.text("trouble"), "cannot reach <b>logs</b>");
    assert!(page.text("agent-facts").contains("12,345"));
    endpoint.show_status(&Status { trouble: None, clock_skew_ms: Some(12), ..status });
    page.until("the trouble to be over", "return document.getElementById('trouble').hidden");
}

fn new_lines_appear_while_the_page_is_open(page: &Page, endpoint: &Endpoint) {
    put(endpoint.address(), "syslog", &[(now(), "a line that came just now")]);
    page.until("the new line", &format!("return {LAST_LINE}.includes('just now')"));
    page.until("the tail to follow", AT_END);
    page.picture("light");
}

fn a_hostile_line_is_shown_as_text(page: &Page) {
    let shown = page.run("return [...document.querySelectorAll('#lines .text')].some(line => line.textContent.includes('<script>window.stolen'))");
    assert_eq!(shown, json!(true));
    let harmless = page
        .run("return window.stolen === undefined && !document.querySelector('#lines script, #lines img, #groups b')");
    assert_eq!(harmless, json!(true));
}

fn a_search_finds_and_does_not_find(page: &Page, endpoint: &Endpoint) {
    page.type_into("search", "OUT OF memory");
    page.until("a match", "return document.querySelectorAll('#lines mark').length === 1");
    let found = page.text("lines");
    assert!(found.contains("Out of memory") && found.contains("kern.log") && found.contains(GROUP), "{found}");
    assert!(page.text("tail-title").starts_with("1 match in all streams"));
    put(endpoint.address(), "daemon.log", &[(now(), "out of memory, once more")]);
    page.until("a match that came later", "return document.querySelectorAll('#lines mark').length === 2");
    page.picture("search");
    page.type_into("search", "(no such line");
    page.until("no match", "return document.getElementById('tail-title').textContent.startsWith('0 matches')");
    assert!(page.text("tail-empty").contains("(no such line"));
    page.type_into("search", "<script>");
    page.until("markup found as text", "return document.querySelectorAll('#lines mark').length === 1");
    page.type_into("search", "");
    page.until("the tail again", "return document.getElementById('tail-title').textContent.startsWith('Live')");
}

fn a_reader_who_scrolls_up_is_left_alone(page: &Page, endpoint: &Endpoint) {
    page.until("lines", "return document.querySelectorAll('#lines .line').length > 100");
    page.run("document.getElementById('tail').scrollTop = 100");
    page.until("the way back", "return !document.getElementById('follow').hidden");
    put(endpoint.address(), "syslog", &[(now(), "unseen")]);
    page.until("the news", "return document.getElementById('follow').textContent === '↓ 1 new line'");
    assert_eq!(page.run("return document.getElementById('tail').scrollTop"), json!(100));
    page.run("document.getElementById('follow').click()");
    page.until("the end", "return document.getElementById('follow').hidden");
    let stream =
        "return [...document.querySelectorAll('.stream')].find(b => b.textContent.startsWith('daemon.log')).click()";
    page.run(stream);
    page.until("one stream", "return document.getElementById('tail-title').textContent.endsWith(' daemon.log')");
    page.until(
        "its lines only",
        "return [...document.querySelectorAll('#lines .line')].length > 0 && !document.querySelector('#lines .from')",
    );
    page.run("document.getElementById('all-streams').click()");
}

fn a_phone_scrolls_in_one_direction_only(page: &Page) {
    page.phone();
    let wide = "return [document.documentElement.scrollWidth, innerWidth,
        ...[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.plot .canvas, .now, #lines')).map(e => e.id || e.className)]";
    page.until("the tail to follow at its new size", AT_END);
    page.until("plots to fit", "return document.documentElement.scrollWidth <= innerWidth");
    let sizes = page.run(wide);
    assert_eq!(sizes[1], json!(390), "the phone's width");
    assert_eq!(sizes.as_array().unwrap().len(), 2, "nothing stands out: {sizes}");
    page.picture("light-phone");
}

const AT_END: &str =
    "const tail = document.getElementById('tail'); return tail.scrollHeight - tail.scrollTop - tail.clientHeight < 2";
const LAST_LINE: &str = "([...document.querySelectorAll('#lines .text')].pop() || document.body).textContent";

/// An hour of a small machine's figures, and some days' worth of its words.
fn feed(endpoint: &Endpoint) {
    let address = endpoint.address();
    let at = now();
    let wave = |minutes: f64, period: f64| (minutes / period).sin();
    let mut data = Vec::new();
    for step in 0..720 {
        let t = f64::from(step) / 12.0;
        let noise = f64::from((step * 7919) % 101) / 101.0;
        let figures = [
            ("CPUUtilization", "Percent", 22.0 + 9.0 * wave(t, 3.1) + 12.0 * noise * noise),
            ("CPUCount", "Count", 4.0),
            ("MemoryUtilization", "Percent", 41.0 + 2.0 * wave(t, 9.0)),
            ("MemoryUsed", "Bytes", (1.61 + 0.05 * wave(t, 9.0)) * 1024f64.powi(3)),
            ("MemoryAvailable", "Bytes", (2.11 - 0.05 * wave(t, 9.0)) * 1024f64.powi(3)),
            ("DiskReadBytes", "Bytes", 90_000.0 * noise * (1.0 + wave(t, 2.0)).max(0.0)),
            ("DiskWriteBytes", "Bytes", 260_000.0 + 200_000.0 * wave(t, 1.3) * noise),
            ("DiskReadOps", "Count", 9.0 * noise),
            ("DiskWriteOps", "Count", 31.0 + 20.0 * wave(t, 1.3) * noise),
            ("NetworkIn", "Bytes", 1_400_000.0 + 900_000.0 * wave(t, 2.2) + 300_000.0 * noise),
            ("NetworkOut", "Bytes", 320_000.0 + 150_000.0 * wave(t, 1.7) + 90_000.0 * noise),
            ("NetworkPacketsIn", "Count", 1_450.0 + 600.0 * wave(t, 2.2)),
            ("NetworkPacketsOut", "Count", 910.0 + 300.0 * wave(t, 1.7)),
        ];
        let dimensions = [("InstanceId", "rpi-00000000abcdef12"), ("Hostname", "kitchen")];
        data.extend(figures.map(|(name, unit, value)| Datum {
            name: name.into(),
            unit,
            seconds: (at - 5_000 * i64::from(720 - step)) as f64 / 1000.0,
            value: Some(value),
            dimensions: dimensions.map(|(n, v)| (n.into(), v.into())).to_vec(),
            ..Datum::default()
        }));
    }
    for some in data.chunks(1000) {
        assert_eq!(metrics(address, &cbor("System/Linux", some)).code(), "");
    }
    logs(address, "CreateLogGroup", &json!({ "logGroupName": GROUP }));
    logs(address, "PutRetentionPolicy", &json!({ "logGroupName": GROUP, "retentionInDays": 30 }));
    for stream in ["auth.log", "daemon.log", "kern.log", "syslog", "<b>odd name</b>"] {
        logs(address, "CreateLogStream", &json!({ "logGroupName": GROUP, "logStreamName": stream }));
    }
    words(address, at);
}

fn words(address: SocketAddr, at: i64) {
    let lines = [
        ("auth.log", "kitchen sshd[1182]: Accepted publickey for pi from 192.168.1.20 port 51514 ssh2: ED25519"),
        ("auth.log", "kitchen sudo: pam_unix(sudo:session): session opened for user root(uid=0) by pi(uid=1000)"),
        ("daemon.log", "kitchen systemd[1]: Starting Daily apt upgrade and clean activities..."),
        ("daemon.log", "kitchen avahi-daemon[412]: Registering new address record for fd00::5f2c on wlan0.*."),
        ("kern.log", "kitchen kernel: [88031.220411] brcmfmac: brcmf_cfg80211_set_power_mgmt: power save enabled"),
        ("kern.log", "kitchen kernel: [88032.000713] usb 1-1.4: new full-speed USB device number 7 using xhci_hcd"),
        ("syslog", "kitchen dhcpcd[611]: wlan0: Router Advertisement from fe80::1eed:6fff:fe12:9d0"),
        ("syslog", "kitchen ntpd[530]: WARNING: time stepped by 0.412 s"),
        ("syslog", "kitchen mosquitto[702]: Client sensor-07 has exceeded timeout, disconnecting."),
        ("daemon.log", "kitchen systemd[1]: apt-daily.service: Failed with result 'exit-code'."),
    ];
    for round in 0..20 {
        for (nth, (stream, text)) in lines.iter().enumerate() {
            let when = at - (20 - round) * 9_000 + 800 * i64::try_from(nth).unwrap();
            put(address, stream, &[(when, text)]);
        }
    }
    put(address, "kern.log", &[(at, "kitchen kernel: Out of memory: Killed process 2211 (node) total-vm:911204kB")]);
    put(
        address,
        "syslog",
        &[(at, "kitchen web[9]: GET /?q=<script>window.stolen=1</script><img src=x onerror=window.stolen=1> 404")],
    );
    put(
        address,
        "kern.log",
        &[(at, "Traceback of syslog:\n    at indented(file.py:12)\n        at deeper(file.py:99)")],
    );
}

fn put(address: SocketAddr, stream: &str, events: &[(i64, &str)]) {
    assert_eq!(logs(address, "PutLogEvents", &batch(GROUP, stream, events)).code(), "");
}

/// A browser window on the page.
struct Page<'a> {
    driver: &'a Driver,
    session: String,
    /// Chromium's own folder, which goes with the window.
    _folder: tempfile::TempDir,
}

impl<'a> Page<'a> {
    fn open(driver: &'a Driver, chromium: &Path, endpoint: &Endpoint, dark: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = format!("--user-data-dir={}", folder.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            own.as_str(),
        ];
        let options = json!({ "args": arguments, "binary": chromium });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = driver.ask("/session", &wanted)["sessionId"].as_str().unwrap().to_owned();
        let page = Self { driver, session, _folder: folder };
        page.resize(1440, 1000, false);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } }]);
        page.devtools("Emulation.setEmulatedMedia", &json!({ "features": scheme }));
        page.ask("url", &json!({ "url": endpoint.url() }));
        page
    }

    fn ask(&self, command: &str, body: &Value) -> Value {
        self.driver.ask(&format!("/session/{}/{command}", self.session), body)
    }

    /// A command of Chromium's own protocol.
    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.ask("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// Puts text into a field, as a person would who selects all and types.
    fn type_into(&self, id: &str, text: &str) {
        self.run(&format!("const field = document.getElementById('{id}'); field.focus(); field.select()"));
        if text.is_empty() {
            self.run(&format!("document.getElementById('{id}').value = ''"));
            self.run(&format!("document.getElementById('{id}').dispatchEvent(new Event('input'))"));
        } else {
            self.devtools("Input.insertText", &json!({ "text": text }));
        }
    }

    /// Makes the window's inside exactly so large.
    fn resize(&self, width: u32, height: u32, mobile: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    fn phone(&self) {
        self.resize(390, 844, true);
    }

    fn run(&self, script: &str) -> Value {
        self.ask("execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.run(script) != json!(true) {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn text(&self, id: &str) -> String {
        let text = self.run(&format!("return document.getElementById('{id}').textContent"));
        text.as_str().unwrap_or_default().to_owned()
    }

    fn visible(&self, id: &str) -> bool {
        self.run(&format!("return document.getElementById('{id}').offsetHeight > 0")) == json!(true)
    }

    fn ground(&self) -> String {
        let ground = self.run("return getComputedStyle(document.body).backgroundColor");
        ground.as_str().unwrap_or_default().to_owned()
    }

    /// A picture of the whole page, where somebody wants one.
    fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("PAGE_SCREENSHOTS") else { return };
        let picture = self.devtools("Page.captureScreenshot", &json!({ "captureBeyondViewport": name != "hover" }));
        let bytes = base64(picture["data"].as_str().unwrap_or_default());
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }

    fn close(self) {
        self.driver.request("DELETE", &format!("/session/{}", self.session), b"");
    }
}

/// A chromedriver of our own, on a port that it chose.
struct Driver {
    child: Child,
    address: SocketAddr,
}

impl Driver {
    fn start(program: &Path) -> Self {
        let mut child =
            Command::new(program).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = lines.map_while(Result::ok).find(|line| line.contains("started successfully on port")).unwrap();
        let port: String = started.chars().filter(char::is_ascii_digit).collect();
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())) }
    }

    /// A WebDriver command. Its value.
    fn ask(&self, path: &str, body: &Value) -> Value {
        self.request("POST", path, body.to_string().as_bytes())
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let headers = [("content-type", "application/json")];
        let answer = send_within(Duration::from_secs(60), self.address, method, path, &headers, body).unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["value"].clone()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// The mean of the three colours in `rgb(1, 2, 3)`.
fn brightness(colour: &str) -> u32 {
    let parts: Vec<u32> = colour
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .filter_map(|part| part.parse().ok())
        .collect();
    parts.iter().take(3).sum::<u32>() / 3
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => u32::from(c - b'A'),
        b'a'..=b'z' => u32::from(c - b'a') + 26,
        b'0'..=b'9' => u32::from(c - b'0') + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u32> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four.iter().enumerate().fold(0, |bits, (nth, digit)| bits | digit << (18 - 6 * nth));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}

//! Metrics that programs send by StatsD: other people's client libraries against the real program, and what arrives at CloudWatch.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    dead_code,
    reason = "tests state what must be, and a scene has more than one test needs"
)]

#[path = "support/python.rs"]
mod environment;
#[path = "support/agent.rs"]
mod scene;

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::Series;
use scene::{Agent, NAMESPACE, PATIENCE, Scene, wait_until};
use serde_json::json;

/// Packets of the burst.
const BURST: u32 = 100_000;
/// What the program may weigh while it hears a burst, without the pages of the development build itself.
const MAX_OWN_KIB: u64 = 48 * 1024;

/// A program that listens on a free port and sums up over `seconds`.
struct Stage {
    scene: Scene,
    port: u16,
}

impl Stage {
    fn new(seconds: u64) -> Self {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut scene = Scene::new(&["app.log"]);
        scene.set("/metrics/append_dimensions", json!({}));
        scene.set(
            "/metrics/metrics_collected",
            json!({"statsd": {"service_address": format!("127.0.0.1:{port}"), "metrics_aggregation_interval": seconds}}),
        );
        Self { scene, port }
    }

    fn start(&self) -> Agent {
        let agent = self.scene.start();
        self.wait_for_words("listening for StatsD");
        agent
    }

    fn wait_for_words(&self, words: &str) {
        wait_until(words, PATIENCE, || self.scene.own_log().contains(words));
    }

    fn send(&self, text: &str) {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(text.as_bytes(), ("127.0.0.1", self.port)).unwrap();
    }

    fn series(&self, name: &str, kind: &str) -> Option<Series> {
        let all = self.scene.endpoint.metrics();
        all.into_iter().find(|series| series.name == name && series.dimension("metric_type") == Some(kind))
    }

    /// What has this name: the tags `page` and `user` of each, and the sum over all that arrived.
    fn pages(&self, name: &str) -> Vec<(Option<String>, Option<String>, f64)> {
        let of = |series: &Series, tag| series.dimension(tag).map(str::to_owned);
        let all = self.scene.endpoint.metrics().into_iter().filter(|series| series.name == name);
        let mut all: Vec<_> = all
            .map(|series| {
                let sum = series.points.iter().map(|point| point.value * point.count).sum();
                (of(&series, "page"), of(&series, "user"), sum)
            })
            .collect();
        all.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
        all
    }

    /// The sum over all that arrived, and of how many values.
    fn total(&self, name: &str, kind: &str) -> (f64, f64) {
        let points = self.series(name, kind).map(|series| series.points).unwrap_or_default();
        points.iter().fold((0.0, 0.0), |(sum, count), point| (sum + point.value * point.count, count + point.count))
    }
}

#[test]
fn what_other_people_s_libraries_send_arrives_with_names_kinds_values_and_tags() {
    let Some(python) = environment::python("statsd", "clients of StatsD") else { return };
    let stage = Stage::new(2);
    let agent = stage.start();
    let sent = Command::new(python)
        .arg(environment::script("statsd", "send.py"))
        .arg(stage.port.to_string())
        .status()
        .unwrap();
    assert!(sent.success());
    wait_until("the last metric arrives", PATIENCE, || {
        stage.series("dog_users", "set").is_some() && stage.total("py_hits", "counter").0 >= 22.0
    });
    agent.stop();
    let sums = [
        ("py_hits", "counter", 22.0),
        ("py_piped", "counter", 2.0),
        ("py_users", "set", 2.0),
        ("py_spent", "timing", 900.0),
        ("py_piped_spent", "timing", 7.0),
        ("dog_hits", "counter", 5.0),
        ("dog_size", "histogram", 0.5),
        ("dog_wide", "histogram", 8.0),
        ("dog_spent", "timing", 42.0),
        ("dog_users", "set", 1.0),
    ];
    for (name, kind, sum) in sums {
        assert!((stage.total(name, kind).0 - sum).abs() < 1e-6, "{name}: {:?}", stage.series(name, kind));
    }
    for (name, last) in [("py_level", 6.0), ("py_below", -7.0), ("dog_level", -3.0)] {
        let series = stage.series(name, "gauge").unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(series.points.back().map(|point| point.value), Some(last), "{name}");
    }
    assert_eq!(stage.total("py_spent", "timing").1, 4.0, "each value counts");
    let spent = stage.series("py_spent", "timing").unwrap();
    let ends = spent.points.iter().map(|point| (point.minimum, point.maximum));
    let ends = ends.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    assert_eq!((ends, spent.namespace.as_str()), (Some((100.0, 300.0)), NAMESPACE));
    let hits = stage.series("dog_hits", "counter").unwrap();
    let tags = ["env", "page", "lonely"].map(|name| hits.dimension(name));
    assert_eq!(tags, [Some("test"), Some("start"), Some("<empty>")]);
    assert!(stage.scene.own_log().contains("some of what was sent by StatsD was not used"), "the event is counted");
    stage.scene.assert_nothing_refused_but(&[]);
}

#[test]
fn what_was_summed_up_is_sent_before_the_program_ends() {
    let stage = Stage::new(3_600);
    let agent = stage.start();
    stage.send("last.words:3|c\nnot a line\nlast.words:4|c");
    // It has been heard once the socket is empty; nothing tells that to others.
    std::thread::sleep(Duration::from_secs(1));
    agent.stop();
    assert_eq!(stage.total("last_words", "counter").0, 7.0);
}

#[test]
fn a_reload_that_changes_no_address_keeps_the_socket_and_the_sums() {
    let mut stage = Stage::new(3_600);
    let agent = stage.start();
    stage.send("kept:1|c");
    std::thread::sleep(Duration::from_secs(1));
    stage.scene.set("/metrics/force_flush_interval", 2);
    let reload = stage.scene.program(&["reload"]).arg(stage.scene.config()).output().unwrap();
    assert!(reload.status.success(), "{}", String::from_utf8_lossy(&reload.stderr));
    stage.send("kept:2|c");
    std::thread::sleep(Duration::from_secs(1));
    agent.stop();
    assert_eq!(stage.total("kept", "counter").0, 3.0);
    assert_eq!(stage.scene.own_log().matches("listening for StatsD").count(), 1);
}

#[test]
fn what_was_summed_up_in_an_outage_arrives_with_its_values_and_counts_after_a_crash() {
    let stage = Stage::new(1);
    stage.scene.endpoint.go_offline();
    let agent = stage.start();
    stage.send("away:100|ms\naway:100|ms\naway:300|ms\nhits:5|c");
    stage.wait_for_words("samples were not taken");
    // A round is saved before it is sent, beside the sending.
    std::thread::sleep(Duration::from_secs(1));
    agent.kill();
    stage.scene.endpoint.go_online();
    let agent = stage.start();
    wait_until("the sums arrive", PATIENCE, || stage.total("hits", "counter").1 > 0.0);
    agent.stop();
    assert_eq!((stage.total("away", "timing"), stage.total("hits", "counter")), ((500.0, 3.0), (5.0, 1.0)));
    let points = stage.series("away", "timing").unwrap().points;
    let ends: Vec<_> = points.iter().map(|point| (point.minimum, point.maximum)).collect();
    assert_eq!(ends, [(100.0, 300.0)]);
}

#[test]
fn samples_wait_for_each_other_as_long_as_the_config_says_unless_they_are_many() {
    let mut stage = Stage::new(1);
    stage.scene.set("/metrics/force_flush_interval", 3_600);
    let agent = stage.start();
    stage.send("first:1|c");
    wait_until("the first sample arrives", PATIENCE, || stage.total("first", "counter").0 >= 1.0);
    stage.send("held:1|c");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(stage.total("held", "counter").0, 0.0, "it waits for others");
    // Twice 2,600, each summed up for itself.
    for pause in [2, 0] {
        for hundred in 0..26 {
            let lines: Vec<_> = (0..100).map(|number| format!("many.{hundred}.{number}:1|c")).collect();
            stage.send(&lines.join("\n"));
        }
        std::thread::sleep(Duration::from_secs(pause));
    }
    wait_until("full requests go", PATIENCE, || stage.total("held", "counter").0 >= 1.0);
    agent.stop();
    let all = stage.scene.endpoint.metrics();
    let many = all.iter().filter(|series| series.name.starts_with("many_")).flat_map(|series| &series.points);
    assert_eq!(many.map(|point| point.value).sum::<f64>(), 5_200.0);
    stage.scene.assert_nothing_refused_but(&[]);
}

#[test]
fn the_keys_of_the_section_do_what_they_say() {
    let mut stage = Stage::new(0);
    let section = json!({
        "service_address": format!("udp://127.0.0.1:{}", stage.port),
        "metrics_aggregation_interval": 0,
        "metrics_collection_interval": 1,
        "metric_separator": "/",
        "allowed_pending_messages": 50,
        "drop_original_metrics": ["shop/requests"],
    });
    stage.scene.set("/metrics/metrics_collected", json!({"statsd": section}));
    stage.scene.set("/metrics/aggregation_dimensions", json!([["page"]]));
    let agent = stage.start();
    for name in ["shop.requests", "shop.orders"] {
        stage.send(&format!(
            "{name}:1|c|#page:start,user:ann\n{name}:2|c|#page:start,user:bob\n{name}:4|c|#page:end,user:ann"
        ));
    }
    let (start, end) = (|| Some("start".to_owned()), || Some("end".to_owned()));
    let sums = [(end(), None, 4.0), (start(), None, 3.0)];
    wait_until("the sums arrive", PATIENCE, || stage.pages("shop/requests") == sums);
    let (ann, bob) = (|| Some("ann".to_owned()), || Some("bob".to_owned()));
    let all =
        [(end(), None, 4.0), (end(), ann(), 4.0), (start(), None, 3.0), (start(), ann(), 1.0), (start(), bob(), 2.0)];
    wait_until("what is not dropped arrives, too", PATIENCE, || stage.pages("shop/orders") == all);
    // With an interval of a second and nothing summed up for longer, the second value comes by itself.
    stage.send("shop.level:5|g");
    wait_until("a second sampling arrives", PATIENCE, || stage.series("shop/level", "gauge").is_some());
    agent.stop();
    assert_eq!(stage.pages("shop/requests"), sums, "none of them came alone");
    stage.scene.assert_nothing_refused_but(&[]);
}

#[test]
fn an_address_that_is_taken_is_told_and_tried_again() {
    let stage = Stage::new(1);
    let other = UdpSocket::bind(("127.0.0.1", stage.port)).unwrap();
    let agent = stage.scene.start();
    stage.wait_for_words("cannot listen for StatsD");
    drop(other);
    stage.wait_for_words("listening for StatsD address");
    stage.send("late:1|c");
    wait_until("it is heard", PATIENCE, || stage.total("late", "counter").0 >= 1.0);
    assert_eq!(stage.scene.own_log().matches("metrics that programs send are not heard").count(), 1);
    agent.stop();
}

#[test]
fn of_a_burst_every_packet_is_heard_or_told_to_be_lost_and_memory_is_bounded() {
    let mut stage = Stage::new(1);
    // Little room: more comes than can be read.
    stage.scene.set("/metrics/metrics_collected/statsd/allowed_pending_messages", 1);
    let agent = stage.start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let start = Instant::now();
    for number in 0..BURST {
        let packet = format!("burst:1|c\ntime:{}|ms|#n:{}", number % 1_000, number % 50);
        socket.send_to(packet.as_bytes(), ("127.0.0.1", stage.port)).unwrap();
    }
    let took = start.elapsed();
    let mut sent = f64::from(BURST);
    wait_until("a packet after the burst is heard", PATIENCE, || {
        stage.send("after:1|c");
        sent += 1.0;
        stage.total("after", "counter").0 >= 1.0
    });
    let own = agent.peak_own_kib();
    agent.stop();
    let (heard, after) = (stage.total("burst", "counter").0, stage.total("after", "counter").0);
    let times: f64 = {
        let all = stage.scene.endpoint.metrics();
        let timings = all.iter().filter(|series| series.name == "time").flat_map(|series| series.points.iter());
        timings.map(|point| point.count).sum()
    };
    assert_eq!(times, heard, "each packet brought one of both");
    assert!(own.is_none_or(|own| own < MAX_OWN_KIB), "{own:?} KiB");
    let lost = lost_packets(&stage.scene.own_log());
    println!("{heard} of {BURST} heard, {lost} of {sent} packets lost, sent in {took:?}; at most {own:?} KiB");
    if Path::new("/proc/net/udp").exists() {
        assert_eq!(heard + after + lost, sent, "heard, or told to be lost");
    } else {
        println!("skipped: this system does not tell what is lost");
        assert!(heard > 0.0 && heard + after <= sent, "{heard}");
    }
}

/// What the own log says of packets that the system had no room for.
fn lost_packets(log: &str) -> f64 {
    let told = log.split("lost_packets=").skip(1);
    told.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse::<f64>().unwrap()).sum()
}

//! Times that stand in the text of records: what arrives with which time, and what becomes of times that CloudWatch refuses.

use std::fmt::Write as _;

use cloudwatch_publisher::record::Status;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::scene::{Agent, GROUP, PATIENCE, Scene, Written, now_ms, wait_until};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// New York as POSIX writes it: works without the system's database of zones.
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

fn start_in(scene: &Scene, zone: &str) -> Agent {
    let mut command = scene.program(&["run"]);
    command.arg(scene.config()).env("TZ", zone);
    scene.spawn(command)
}

/// What the clock of New York shows at `at`, in milliseconds since 1970.
fn shown(at: i64, format: &str) -> String {
    let zone = TimeZone::posix(NEW_YORK).unwrap();
    Timestamp::from_millisecond(at).unwrap().to_zoned(zone).strftime(format).to_string()
}

fn status(scene: &Scene) -> Status {
    let output = scene.program(&["status", "--json"]).arg(scene.path("config.json")).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    serde_json::from_value(report["status"].clone()).unwrap_or_default()
}

/// What came, in the order of its times.
fn came(scene: &Scene, stream: &str) -> Vec<(i64, String)> {
    let mut events = scene.endpoint.events(GROUP, stream);
    events.sort_by_key(|(at, _)| *at);
    events
}

/// Names of the zone of New York that this machine knows.
fn zones() -> Vec<&'static str> {
    let named = "America/New_York";
    if TimeZone::get(named).is_ok() {
        return vec![named, NEW_YORK];
    }
    assert!(std::env::var_os("CI").is_none(), "no time zone database (package tzdata)");
    println!("skipped: TZ={named}: no time zone database (package tzdata)");
    vec![NEW_YORK]
}

#[test]
fn records_have_their_own_times_and_those_that_are_refused_stop_nothing() {
    for zone in zones() {
        let mut scene = Scene::new(&["app.log"]);
        scene.set("/logs/logs_collected/files/collect_list/0/timestamp_format", "%Y-%m-%d %H:%M:%S,%f");
        let mut app = Written::open(&scene, "app.log");
        let now = now_ms();
        let mut expected = Vec::new();
        let mut write = |app: &mut Written, at: i64, text: &str, is_taken: bool| {
            let line = format!("{} {text}", shown(at, "%Y-%m-%d %H:%M:%S,%3f"));
            app.line(&line);
            if is_taken {
                expected.push((at, line));
            }
        };
        write(&mut app, now - 10 * 60_000, "ten minutes ago", true);
        write(&mut app, now - 15 * DAY_MS, "15 days ago", false);
        let agent = start_in(&scene, zone);
        scene.wait_for_taken("app.log", 1, PATIENCE);
        // From here on the agent knows the time.
        write(&mut app, now - 5 * 60_000, "five minutes ago", true);
        write(&mut app, now - 7 * 60_000, "seven minutes ago, and later in the file", true);
        write(&mut app, now + 3 * HOUR_MS, "in three hours", false);
        write(&mut app, now - 15 * DAY_MS, "15 days ago", false);
        app.line("  what follows it is sent, at the time of reading");
        write(&mut app, now + 70 * 365 * DAY_MS, "in seventy years", false);
        write(&mut app, now - 5 * DAY_MS, "five days ago", true);
        write(&mut app, now - 1_000, "now", true);
        expected.sort();
        wait_until("all is settled", PATIENCE, || {
            let status = status(&scene);
            status.records_sent == 6 && status.records_refused == 4 && status.lag_bytes == 0
        });
        let (following, own): (Vec<_>, Vec<_>) =
            came(&scene, "app.log").into_iter().partition(|(_, line)| line.starts_with("  what follows"));
        assert_eq!(own, expected, "TZ={zone}");
        assert!(following.len() == 1 && following[0].0 >= now, "{following:?}");
        agent.stop();
        let log = scene.own_log();
        for cause in ["older than 14 days", "more than two hours ahead"] {
            let warnings = log.lines().filter(|line| line.contains("given up") && line.contains(cause));
            assert!(warnings.clone().count() >= 1, "no warning of records {cause}");
            assert!(warnings.clone().all(|line| line.contains("app.log") && !line.contains("days ago")), "{log}");
        }
        // The position is behind all of it.
        let agent = start_in(&scene, zone);
        app.line(&format!("{} on", shown(now_ms(), "%Y-%m-%d %H:%M:%S,%3f")));
        scene.wait_for_taken("app.log", 7, PATIENCE);
        agent.stop();
        assert_eq!(scene.endpoint.taken(GROUP, "app.log"), 7);
    }
}

#[test]
fn a_time_that_was_found_is_left_out_where_that_is_wanted() {
    let mut scene = Scene::new(&["access.log", "device.log"]);
    let entry = "/logs/logs_collected/files/collect_list";
    for (index, zone) in ["Local", "UTC"].into_iter().enumerate() {
        scene.set(&format!("{entry}/{index}/timestamp_format"), "auto");
        scene.set(&format!("{entry}/{index}/trim_timestamp"), true);
        scene.set(&format!("{entry}/{index}/timezone"), zone);
    }
    let second = now_ms() / 1_000 * 1_000;
    let utc = Timestamp::from_millisecond(second).unwrap().strftime("%d/%b/%Y:%H:%M:%S").to_string();
    let (mut access, mut device) = (Written::open(&scene, "access.log"), Written::open(&scene, "device.log"));
    access.line(&format!("10.0.0.1 - - [{utc} +0000] \"GET / HTTP/1.1\" 200"));
    access.line(&shown(second, "[%Y-%m-%d %H:%M:%S]"));
    access.line(&shown(second, "%b %e %H:%M:%S host up"));
    device.line(&format!("{} host up", Timestamp::from_millisecond(second).unwrap().strftime("%b %e %H:%M:%S")));
    let agent = start_in(&scene, NEW_YORK);
    scene.wait_for_taken("access.log", 2, PATIENCE);
    scene.wait_for_taken("device.log", 1, PATIENCE);
    agent.stop();
    let request = "10.0.0.1 - - \"GET / HTTP/1.1\" 200".to_owned();
    assert_eq!(came(&scene, "access.log"), [(second, request), (second, "host up".to_owned())]);
    assert_eq!(came(&scene, "device.log"), [(second, "host up".to_owned())]);
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn a_file_that_mixes_days_is_sent_in_a_few_requests() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set(
        "/logs/logs_collected/files/collect_list",
        json!([{"file_path": scene.path("app.log"), "initial_position": "beginning", "timestamp_format": "%s"}]),
    );
    // Where the group keeps its records for a week, what is older is refused by CloudWatch.
    scene.set("/logs/retention_in_days", 30);
    let now = now_ms() / 1_000;
    let text = (0..6_000).fold(String::new(), |mut text, at| {
        writeln!(text, "{} record {at}", now - (at % 6) * 86_400 - at / 6).unwrap();
        text
    });
    std::fs::write(scene.path("app.log"), text).unwrap();
    let agent = scene.start();
    scene.wait_for_taken("app.log", 6_000, PATIENCE);
    agent.stop();
    let requests = scene.endpoint.counts().requests["PutLogEvents"];
    assert!(requests <= 20, "{requests} requests for six days");
    scene.assert_nothing_refused_but(&[]);
}

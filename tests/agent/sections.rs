//! Sections of `metrics_collected`: what is asked for arrives, under its names, at its intervals, with its own times.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::Series;
use serde_json::json;

use crate::metrics::assert_told_once;
use crate::scene::{PATIENCE, Scene, now_ms, wait_until};

/// How long the endpoint is away: a measure, so that many samples are due within it.
const OUTAGE: Duration = Duration::from_secs(6);
/// The interval is a second; a busy machine may be late by as much again, and more.
const MAX_GAP_MS: i64 = 2_500;

fn scene() -> Scene {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene
}

fn series(scene: &Scene, name: &str) -> Vec<Series> {
    scene.endpoint.metrics().into_iter().filter(|series| series.name == name).collect()
}

fn points(scene: &Scene, name: &str) -> Vec<i64> {
    series(scene, name).iter().flat_map(|series| series.points.iter().map(|point| point.timestamp)).collect()
}

#[test]
fn each_section_is_published_as_it_says_and_nothing_besides() {
    let mut scene = scene();
    scene.set("/metrics/append_dimensions", json!({"InstanceId": "{instance_id}", "Site": "lab"}));
    scene.set("/metrics/aggregation_dimensions", json!([["Site"], []]));
    scene.set(
        "/metrics/metrics_collected",
        json!({
            "mem": {
                "measurement": ["used_percent", {"name": "mem_total", "rename": "TOTAL", "unit": "Kilobytes"}],
                "append_dimensions": {"Rack": "7"},
                "drop_original_metrics": ["TOTAL"],
            },
            "heartbeat": {"metrics_collection_interval": 2},
        }),
    );
    let agent = scene.start();
    wait_until("three samples of each", PATIENCE, || points(&scene, "heartbeat").len() >= 9);
    agent.stop();
    let names: BTreeSet<String> = scene.endpoint.metrics().into_iter().map(|series| series.name).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["TOTAL", "heartbeat", "mem_used_percent"]);
    let of = |name: &str| {
        let mut all: Vec<String> = series(&scene, name)
            .iter()
            .map(|series| {
                let pairs: Vec<String> =
                    series.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("{} {}", series.unit, pairs.join(","))
            })
            .collect();
        all.sort();
        all
    };
    let own = "Percent Rack=7,InstanceId=test-agent,Site=lab";
    assert_eq!(of("mem_used_percent"), ["Percent ", own, "Percent Site=lab"]);
    assert_eq!(of("TOTAL"), ["Kilobytes ", "Kilobytes Site=lab"], "what is dropped is summed up alone");
    assert_eq!(of("heartbeat"), ["Count ", "Count InstanceId=test-agent,Site=lab", "Count Site=lab"]);
    for beats in series(&scene, "heartbeat") {
        let times: Vec<i64> = beats.points.iter().map(|point| point.timestamp).collect();
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] >= 1_000),
            "the heartbeat is every other second: {times:?}"
        );
        assert!(beats.points.iter().all(|point| point.value == 1.0));
    }
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn samples_of_sections_arrive_once_and_with_their_own_times_after_an_outage() {
    let mut scene = scene();
    scene.set("/metrics/metrics_collected", json!({"mem": {"measurement": ["used"]}, "heartbeat": true}));
    let agent = scene.start();
    wait_until("samples arrive", PATIENCE, || points(&scene, "heartbeat").len() >= 2);
    scene.endpoint.go_offline();
    let (away, began) = (now_ms(), Instant::now());
    wait_until("the outage is over", PATIENCE, || began.elapsed() >= OUTAGE);
    let back = now_ms();
    scene.endpoint.go_online();
    wait_until("newer samples arrive", PATIENCE, || points(&scene, "heartbeat").iter().any(|at| *at > back + 1_000));
    agent.stop();
    assert_told_once(&scene);
    let times = points(&scene, "heartbeat");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= MAX_GAP_MS), "{times:?}");
    assert!(times.iter().filter(|at| (away..back).contains(at)).count() >= 3, "{times:?}");
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn a_reload_that_changes_an_interval_loses_and_doubles_no_sample() {
    let mut scene = scene();
    let sections = |interval: u32| json!({"mem": {"measurement": ["used"]}, "heartbeat": {"metrics_collection_interval": interval}});
    scene.set("/metrics/metrics_collected", sections(100));
    let agent = scene.start();
    wait_until("samples arrive", PATIENCE, || points(&scene, "mem_used").len() >= 3);
    assert!(points(&scene, "heartbeat").len() <= 1);
    scene.set("/metrics/metrics_collected", sections(1));
    let output = scene.program(&["reload"]).arg(scene.config()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wait_until("the new interval is in force", PATIENCE, || points(&scene, "heartbeat").len() >= 4);
    agent.stop();
    assert_told_once(&scene);
    let times = points(&scene, "mem_used");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= MAX_GAP_MS), "{times:?}");
    scene.assert_nothing_refused_but(&[]);
}

//! Host metrics: which they are, and that a sample once taken arrives with its own time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::{Fault, Operation, Series};

use crate::scene::{NAMESPACE, PATIENCE, Scene, now_ms, poll, wait_until};

const NAMES: [&str; 13] = [
    "CPUCount",
    "CPUUtilization",
    "DiskReadBytes",
    "DiskReadOps",
    "DiskWriteBytes",
    "DiskWriteOps",
    "MemoryAvailable",
    "MemoryUsed",
    "MemoryUtilization",
    "NetworkIn",
    "NetworkOut",
    "NetworkPacketsIn",
    "NetworkPacketsOut",
];
/// The interval is a second; a busy machine may be late by as much again, and more.
const MAX_GAP_MS: i64 = 2_500;
/// A kill may take the sample along that was just taken, and the next start begins with a pause.
const MAX_GAP_AROUND_KILL_MS: i64 = 6_000;
/// How long the endpoint is away: a measure, so that many samples are due within it.
const OUTAGE: Duration = Duration::from_secs(10);

fn scene() -> Scene {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene
}

fn times(scene: &Scene, name: &str) -> Vec<i64> {
    let series = scene.endpoint.metrics();
    let found = series.iter().find(|series| series.name == name);
    found.map(|series| series.points.iter().map(|point| point.timestamp).collect()).unwrap_or_default()
}

/// Waits until samples arrive that were taken after `at`.
fn wait_for_samples_after(scene: &Scene, at: i64) {
    let newest = || times(scene, "CPUCount").last().copied().unwrap_or_default();
    wait_until("newer samples arrive", PATIENCE, || newest() > at);
}

/// No sample came twice.
pub fn assert_told_once(scene: &Scene) {
    for series in scene.endpoint.metrics() {
        let times: BTreeSet<i64> = series.points.iter().map(|point| point.timestamp).collect();
        assert_eq!(times.len(), series.points.len(), "{}: a sample came twice without need", series.name);
    }
}

fn assert_gaps(series: &Series, limit: i64) {
    let times: Vec<i64> = series.points.iter().map(|point| point.timestamp).collect();
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] <= limit, "{} has a gap of {} ms", series.name, pair[1] - pair[0]);
    }
}

#[test]
fn the_thirteen_metrics_come_with_both_dimensions_and_none_besides() {
    let scene = scene();
    let agent = scene.start();
    wait_until("three samples of each", PATIENCE, || {
        let metrics = scene.endpoint.metrics();
        metrics.len() >= 13 && metrics.iter().all(|series| series.points.len() >= 3)
    });
    agent.stop();
    let metrics = scene.endpoint.metrics();
    let names: BTreeSet<&str> = metrics.iter().map(|series| series.name.as_str()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), NAMES);
    assert_eq!(metrics.len(), NAMES.len(), "one series each");
    for series in &metrics {
        assert_eq!(series.namespace, NAMESPACE);
        assert_eq!(series.dimension("InstanceId"), Some("test-agent"));
        assert!(series.dimension("Hostname").is_some_and(|name| !name.is_empty()));
        assert_eq!(series.dimensions.len(), 2);
        assert!(series.points.iter().all(|point| point.count == 1.0), "a sample came twice");
    }
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn samples_taken_while_the_endpoint_was_away_arrive_with_their_own_times() {
    let scene = scene();
    let agent = scene.start();
    wait_until("samples arrive", PATIENCE, || times(&scene, "CPUCount").len() >= 2);
    scene.endpoint.go_offline();
    let away = now_ms();
    let began = Instant::now();
    wait_until("the outage is over", PATIENCE, || began.elapsed() >= OUTAGE);
    let back = now_ms();
    scene.endpoint.go_online();
    wait_for_samples_after(&scene, back + 2_000);
    agent.stop();
    for series in scene.endpoint.metrics() {
        assert_gaps(&series, MAX_GAP_MS);
        let within = series.points.iter().filter(|point| (away..back).contains(&point.timestamp));
        assert!(within.count() >= 8, "{} lacks samples of the outage", series.name);
    }
    assert_told_once(&scene);
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn what_was_taken_of_samples_is_not_sent_again_when_the_rest_of_them_fails() {
    let scene = scene();
    let fail = |fault, times| scene.endpoint.misbehave_on(Operation::PutMetricData, fault, Some(times));
    // The first request is refused for one of its samples, so that it is sent by halves: the first is taken, the second is not.
    fail(Fault::PoisonMetric("CPUCount".to_owned()), 1);
    fail(Fault::Slow(Duration::ZERO), 2);
    fail(Fault::Status(500), 1);
    let agent = scene.start();
    wait_for_samples_after(&scene, now_ms() + 3_000);
    agent.stop();
    assert_told_once(&scene);
    let own_log = scene.own_log();
    assert_eq!(own_log.matches("samples were not taken").count(), 1, "{own_log}");
}

#[test]
fn samples_survive_a_kill_during_the_outage_and_fresh_ones_go_first() {
    let scene = scene();
    let agent = scene.start();
    wait_until("samples arrive", PATIENCE, || times(&scene, "CPUCount").len() >= 2);
    scene.endpoint.go_offline();
    let away = now_ms();
    let began = Instant::now();
    wait_until("the outage goes on", PATIENCE, || began.elapsed() >= OUTAGE);
    agent.kill();
    let killed = now_ms();
    let agent = scene.start();
    let began = Instant::now();
    wait_until("the outage goes on", PATIENCE, || began.elapsed() >= OUTAGE / 2);
    let back = now_ms();
    scene.endpoint.go_online();
    wait_for_samples_after(&scene, back);
    // What waited follows between the fresh ones.
    let complete = poll(PATIENCE, || {
        let times = times(&scene, "CPUCount");
        (times.iter().filter(|at| (away..killed).contains(at)).count() >= 8).then_some(())
    });
    assert!(complete.is_some(), "samples from before the kill are missing: {:?}", times(&scene, "CPUCount"));
    agent.stop();
    for series in scene.endpoint.metrics() {
        assert_gaps(&series, MAX_GAP_AROUND_KILL_MS);
        let outside: Vec<_> = series.points.iter().filter(|point| point.timestamp < killed - 2_000).cloned().collect();
        for pair in outside.windows(2) {
            assert!(pair[1].timestamp - pair[0].timestamp <= MAX_GAP_MS, "{} has a gap before the kill", series.name);
        }
        let first_of = |points: &mut dyn Iterator<Item = u64>| points.min().unwrap();
        let fresh = first_of(&mut series.points.iter().filter(|p| p.timestamp > killed).map(|p| p.serial));
        let waited = series.points.iter().filter(|p| (away + 1_000..killed).contains(&p.timestamp)).map(|p| p.serial);
        assert!(fresh < waited.min().unwrap(), "{}: what waited went before what is fresh", series.name);
    }
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn samples_that_wait_at_sigterm_are_sent_by_the_next_start() {
    let scene = scene();
    scene.endpoint.go_offline();
    let began = now_ms();
    let agent = scene.start();
    wait_until("samples fail", PATIENCE, || scene.own_log().contains("samples were not taken"));
    agent.stop();
    let stopped = now_ms();
    scene.endpoint.go_online();
    let agent = scene.start();
    let waited = || times(&scene, "CPUCount").iter().filter(|at| (began..stopped).contains(at)).count();
    wait_until("samples of the first run arrive", PATIENCE, || waited() >= 1);
    agent.stop();
}

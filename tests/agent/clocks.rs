//! A machine whose clock is wrong: the endpoint's clock is moved instead, which looks the same from inside.

use std::thread;

use cloudwatch_publisher::local::Fault;

use crate::scene::{GROUP, PATIENCE, Scene, Written, now_ms, wait_until};

const DAY_MS: i64 = 86_400_000;
/// `Date` has whole seconds, and an answer takes its way.
const TOLERANCE_MS: i64 = 5_000;

#[test]
fn with_a_clock_that_is_wrong_from_the_start_records_and_samples_get_the_endpoints_time() {
    // A Raspberry Pi without a clock is months behind; a battery that failed may leave a machine years ahead.
    let skews = [DAY_MS, -DAY_MS, 400 * DAY_MS, -30 * DAY_MS, 6 * 60_000];
    thread::scope(|scope| {
        for ahead in skews {
            let run = move || {
                let mut scene = Scene::new(&["app.log"]);
                scene.set("/agent/metrics_collection_interval", 1);
                scene.endpoint.misbehave(Fault::ClockAhead(ahead), None);
                let mut app = Written::open(&scene, "app.log");
                let began = now_ms() + ahead;
                app.lines(100);
                let agent = scene.start();
                scene.wait_for_exactly(&app);
                app.lines(100);
                scene.wait_for_exactly(&app);
                wait_until("metrics arrive", PATIENCE, || {
                    let metrics = scene.endpoint.metrics();
                    metrics.len() == 13 && metrics.iter().all(|series| series.points.len() >= 3)
                });
                agent.stop();
                assert_times(&scene, began, now_ms() + ahead);
                // The first request of each service was signed by the machine's own clock; nothing else is wrong.
                scene.assert_nothing_refused_but(&[
                    "InvalidSignatureException",
                    "RequestTimeTooSkewed",
                    "RequestExpired",
                ]);
            };
            spawn(scope, ahead, run);
        }
    });
}

#[test]
fn when_the_clock_jumps_under_way_records_and_samples_get_the_endpoints_time() {
    thread::scope(|scope| {
        for ahead in [DAY_MS, -DAY_MS] {
            let run = move || {
                let mut scene = Scene::new(&["app.log"]);
                scene.set("/agent/metrics_collection_interval", 1);
                let mut app = Written::open(&scene, "app.log");
                let agent = scene.start();
                app.lines(100);
                scene.wait_for_exactly(&app);
                scene.endpoint.misbehave(Fault::ClockAhead(ahead), None);
                let jumped = now_ms() + ahead;
                app.lines(100);
                scene.wait_for_exactly(&app);
                let times: Vec<i64> = scene.endpoint.events(GROUP, "app.log").iter().map(|(at, _)| *at).collect();
                assert_near(&times[100..], jumped, now_ms() + ahead);
                // And back: the clock was set right.
                scene.endpoint.behave();
                let right = now_ms();
                app.lines(100);
                scene.wait_for_exactly(&app);
                agent.stop();
                let times: Vec<i64> = scene.endpoint.events(GROUP, "app.log").iter().map(|(at, _)| *at).collect();
                assert_near(&times[200..], right, now_ms());
                scene.assert_nothing_refused_but(&[
                    "InvalidSignatureException",
                    "RequestTimeTooSkewed",
                    "RequestExpired",
                ]);
            };
            spawn(scope, ahead, run);
        }
    });
}

#[test]
fn samples_that_waited_over_a_restart_with_a_wrong_clock_get_the_endpoints_time() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.misbehave(Fault::ClockAhead(DAY_MS), None);
    scene.endpoint.go_offline();
    let began = now_ms() + DAY_MS;
    let agent = scene.start();
    wait_until("some samples wait", PATIENCE, || scene.own_log().contains("samples were not taken"));
    agent.stop();
    let agent = scene.start();
    scene.endpoint.go_online();
    wait_until("metrics arrive", PATIENCE, || {
        let metrics = scene.endpoint.metrics();
        metrics.len() == 13 && metrics.iter().all(|series| series.points.len() >= 4)
    });
    agent.stop();
    assert_times(&scene, began, now_ms() + DAY_MS);
}

#[test]
fn times_of_a_stream_never_go_back_from_batch_to_batch() {
    thread::scope(|scope| {
        for ahead in [0, DAY_MS] {
            let run = move || {
                let scene = Scene::new(&["app.log"]);
                scene.endpoint.misbehave(Fault::ClockAhead(ahead), None);
                let mut app = Written::open(&scene, "app.log");
                let agent = scene.start();
                for _ in 0..60 {
                    app.lines(5_000);
                    let enough = app.records.len() as u64 / 2;
                    scene.wait_for_taken("app.log", enough, PATIENCE);
                }
                scene.wait_for_exactly(&app);
                agent.stop();
                let events = scene.endpoint.events(GROUP, "app.log");
                let back: Vec<i64> =
                    events.windows(2).map(|pair| pair[0].0 - pair[1].0).filter(|step| *step > 0).collect();
                // CloudWatch shows a stream by its times: where they go back, lines stand in another order than in the file.
                assert!(back.is_empty(), "a clock {ahead} ms off: times went back by {back:?} ms");
            };
            spawn(scope, ahead, run);
        }
    });
}

/// Runs a case on a thread that bears its name.
fn spawn<'scope>(scope: &'scope thread::Scope<'scope, '_>, ahead: i64, run: impl FnOnce() + Send + 'scope) {
    let name = format!("the endpoint's clock {ahead} ms ahead");
    thread::Builder::new().name(name).spawn_scoped(scope, run).unwrap();
}

fn assert_times(scene: &Scene, from: i64, to: i64) {
    let times: Vec<i64> = scene.endpoint.events(GROUP, "app.log").iter().map(|(at, _)| *at).collect();
    assert_near(&times, from, to);
    for series in scene.endpoint.metrics() {
        let times: Vec<i64> = series.points.iter().map(|point| point.timestamp).collect();
        assert_near(&times, from, to);
    }
}

fn assert_near(times: &[i64], from: i64, to: i64) {
    let allowed = from - TOLERANCE_MS..=to + TOLERANCE_MS;
    let wrong: Vec<i64> = times.iter().filter(|at| !allowed.contains(at)).map(|at| at - from).collect();
    assert!(wrong.is_empty(), "{} of {} times are off, by up to {:?} ms", wrong.len(), times.len(), wrong.iter().max());
}

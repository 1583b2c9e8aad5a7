//! How the agent ends, and how the next one goes on.

use std::fs;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::{Fault, Operation, PoolSetup};
use serde_json::json;

use crate::scene::{PATIENCE, Scene, Written, append, wait_until};

/// What is promised for SIGTERM, and what a busy machine adds.
const STOP_LIMIT: Duration = Duration::from_secs(11);
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn what_was_read_before_sigterm_is_delivered_and_the_next_start_goes_on_without_a_duplicate() {
    let mut scene = Scene::new(&["app.log", "quiet.log"]);
    // Nothing is sent for its age in this test: it is the signal that makes the open batch due.
    scene.set("/agent/logs_collection_interval", 120);
    let mut app = Written::open(&scene, "app.log");
    let mut quiet = Written::open(&scene, "quiet.log");
    let agent = scene.start();
    quiet.lines(3);
    app.lines(25_000);
    // Full batches go at once; the rest of the burst waits for an interval that will not pass.
    scene.wait_for_taken("app.log", 20_000, PATIENCE);
    agent.stop();
    let taken = scene.records("app.log").len();
    assert!(taken > 20_000, "the open batch was not sent: {taken}");

    app.lines(500);
    quiet.lines(2);
    scene.set("/agent/logs_collection_interval", 1);
    let agent = scene.start();
    app.lines(500);
    scene.wait_for_exactly(&app);
    scene.wait_for_exactly(&quiet);
    agent.stop();
    let agent = scene.start();
    quiet.lines(1);
    scene.wait_for_exactly(&quiet);
    agent.stop();
    scene.wait_for_exactly(&app);
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn sigterm_while_the_endpoint_hangs_ends_in_time_and_the_next_start_delivers_the_rest() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let mut agent = scene.start();
    app.lines(100);
    scene.wait_for_exactly(&app);
    scene.endpoint.misbehave(Fault::Hang, None);
    let before = scene.endpoint.counts().requests_to(Operation::PutLogEvents);
    app.lines(100);
    wait_until("a request hangs", PATIENCE, || scene.endpoint.counts().requests_to(Operation::PutLogEvents) > before);
    app.lines(100);
    agent.terminate();
    let (status, took) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took <= STOP_LIMIT, "SIGTERM took {took:?}");

    scene.endpoint.behave();
    let agent = scene.start();
    // Nothing that hung was applied, and what was acknowledged before was saved at the end: exactly the rest comes.
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn a_second_signal_ends_at_once_and_saves_what_was_acknowledged() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    let mut app = Written::open(&scene, "app.log");
    let mut agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.misbehave(Fault::Hang, None);
    let asked = |operation| scene.endpoint.counts().requests_to(operation);
    let before = [Operation::PutLogEvents, Operation::PutMetricData].map(asked);
    app.lines(10);
    wait_until("a request of each kind hangs", PATIENCE, || {
        asked(Operation::PutLogEvents) > before[0] && asked(Operation::PutMetricData) > before[1]
    });
    agent.terminate();
    wait_until("the first signal is heard", PATIENCE, || scene.own_log().contains("stopping"));
    assert!(agent.is_running(), "it ended although a request hangs");
    agent.terminate();
    let (_, took) = agent.wait(PATIENCE);
    assert!(took <= AT_ONCE, "the second signal took {took:?}");
    scene.endpoint.behave();
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn a_second_signal_ends_at_once_while_only_metrics_hang() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.misbehave_on(Operation::PutMetricData, Fault::Hang, None);
    let mut agent = scene.start();
    wait_until("a request hangs", PATIENCE, || scene.endpoint.counts().requests_to(Operation::PutMetricData) > 0);
    agent.terminate();
    wait_until("the first signal is heard", PATIENCE, || scene.own_log().contains("stopping"));
    agent.terminate();
    let (_, took) = agent.wait(PATIENCE);
    assert!(took <= AT_ONCE, "the second signal took {took:?}");
}

#[test]
fn sigterm_ends_in_time_while_the_endpoint_is_away() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    scene.endpoint.go_offline();
    let mut agent = scene.start();
    app.lines(1_000);
    wait_until("a failure is logged", PATIENCE, || scene.own_log().contains("records were not taken"));
    let began = Instant::now();
    agent.terminate();
    let (status, _) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(began.elapsed() <= STOP_LIMIT, "SIGTERM took {:?}", began.elapsed());
    scene.endpoint.go_online();
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn killed_at_any_moment_it_loses_nothing() {
    let scene = Scene::new(&["app.log", "other.log"]);
    let mut app = Written::open(&scene, "app.log");
    let mut other = Written::open(&scene, "other.log");
    // What no agent ever saw is not its own: the first run makes the files known.
    let agent = scene.start();
    app.lines(10);
    other.lines(10);
    scene.wait_for_exactly(&app);
    scene.wait_for_exactly(&other);
    agent.kill();
    for round in 0..8u64 {
        let agent = scene.start();
        app.lines(3_000);
        other.lines(7);
        // From before the first look to after the acknowledgement.
        let before = scene.endpoint.counts().all_requests();
        wait_until("it got as far as it should", PATIENCE, || {
            scene.endpoint.counts().all_requests() >= before + round / 2
        });
        app.rotate(&format!("app.log.{round}"));
        agent.kill();
        app.lines(50);
    }
    let agent = scene.start();
    scene.wait_for_all(&app, PATIENCE);
    scene.wait_for_all(&other, PATIENCE);
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn files_rotated_during_an_outage_go_oldest_first_after_a_restart() {
    let scene = Scene::new(&["app.log"]);
    // Each later file gets a lower inode number than the one before, where the file system gives the lowest that is free:
    // what the state is sorted by must not be what the files are sent by.
    let placeholder = |number: usize| scene.path(&format!("placeholder.{number}"));
    (0..5).for_each(|number| drop(append(&placeholder(number))));
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.go_offline();
    for rotation in 0..5usize {
        app.lines(10);
        fs::remove_file(placeholder(4 - rotation)).unwrap();
        app.rotate(&format!("app.log.{}", 5 - rotation));
        let is_known = || scene.own_log().matches("following a file").count() == rotation + 2;
        wait_until("the agent knows the new file", PATIENCE, is_known);
    }
    app.lines(10);
    agent.stop();
    scene.endpoint.go_online();
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn sigterm_before_the_first_sign_in_is_answered_ends_soon() {
    let mut scene = Scene::new(&["app.log"]);
    let pool = scene.endpoint.add_user_pool(&PoolSetup::default());
    scene.set(
        "/agent/authentication",
        json!({
            "accountId": "123456789012", "userPoolId": pool.user_pool, "identityPoolId": pool.identity_pool,
            "appClientId": pool.client, "password": "never asked for",
        }),
    );
    scene.endpoint.misbehave_on(Operation::InitiateAuth, Fault::Hang, None);
    Written::open(&scene, "app.log").lines(10);
    let mut agent = scene.start();
    wait_until("the sign-in hangs", PATIENCE, || scene.endpoint.counts().requests_to(Operation::InitiateAuth) > 0);
    wait_until("the file is followed", PATIENCE, || scene.own_log().contains("following a file"));
    agent.terminate();
    let (status, took) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took < Duration::from_secs(6), "it took {took:?}, and nothing could be sent");
}

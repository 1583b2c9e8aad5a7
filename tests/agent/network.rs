//! Ways in which a network fails: nothing is lost, nothing hammers, and sending goes on soon after.

use std::thread;
use std::time::{Duration, Instant};

use cloudwatch_publisher::local::Fault;

use crate::scene::{PATIENCE, Scene, Written, first_ones, poll, wait_until};

/// How long each fault lasts. It is a measure, not a wait: so many requests may come within it.
const OUTAGE: Duration = Duration::from_secs(20);
/// Three streams that were under way together, and then one probe at a time at spans that double, for logs and for metrics:
/// without back-off it would be hundreds.
const MAX_REQUESTS: u64 = 25;
/// What is promised, and what a busy machine adds.
const RECOVERY: Duration = Duration::from_secs(33);

struct Case {
    name: &'static str,
    /// None: nobody listens.
    fault: Option<Fault>,
    /// What was applied although the agent was not told may come twice.
    may_double: bool,
    /// The endpoint takes what is sent, all the same.
    is_down: bool,
}

#[test]
fn through_every_fault_of_the_network_nothing_is_lost_or_hammered_and_sending_goes_on_soon() {
    let case = |name, fault, may_double, is_down| Case { name, fault, may_double, is_down };
    let cases = [
        case("refused", None, false, true),
        case("hangs", Some(Fault::Hang), false, true),
        case("reset in the middle", Some(Fault::Reset), true, true),
        case("answer lost", Some(Fault::LoseAnswer), true, true),
        case("500", Some(Fault::Status(500)), false, true),
        case("503", Some(Fault::Status(503)), false, true),
        case("a proxy's 502", Some(Fault::Status(502)), false, true),
        case("a portal's 403", Some(Fault::Status(403)), false, true),
        case("throttled", Some(Fault::Throttle), false, true),
        case("slow", Some(Fault::Slow(Duration::from_secs(3))), false, false),
    ];
    let failed: Vec<&str> = thread::scope(|scope| {
        let started: Vec<_> = cases
            .iter()
            .map(|case| {
                let run = thread::Builder::new().name(case.name.to_owned()).spawn_scoped(scope, || survive(case));
                (case.name, run.unwrap())
            })
            .collect();
        started.into_iter().filter_map(|(name, run)| run.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "see above what failed in: {failed:?}");
}

fn survive(case: &Case) {
    let mut scene = Scene::new(&["one.log", "two.log", "three.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    let mut files = ["one.log", "two.log", "three.log"].map(|name| Written::open(&scene, name));
    let agent = scene.start();
    files.iter_mut().for_each(|file| file.lines(20));
    files.iter().for_each(|file| scene.wait_for_exactly(file));

    match &case.fault {
        None => scene.endpoint.go_offline(),
        Some(fault) => scene.endpoint.misbehave(fault.clone(), None),
    }
    let (began, before) = (Instant::now(), scene.endpoint.counts().all_requests());
    let mut rotations = 0;
    while began.elapsed() < OUTAGE {
        files.iter_mut().for_each(|file| file.lines(10));
        if began.elapsed() > OUTAGE * (rotations + 1) / 3 {
            rotations += 1;
            files[0].rotate(&format!("one.log.{rotations}"));
        }
        thread::sleep(Duration::from_millis(500));
    }
    let requests = scene.endpoint.counts().all_requests() - before;
    if case.is_down {
        assert!(requests <= MAX_REQUESTS, "{}: {requests} requests in {OUTAGE:?}", case.name);
    }
    scene.endpoint.behave();
    scene.endpoint.go_online();
    let back = Instant::now();
    files.iter_mut().for_each(|file| file.lines(10));
    for file in &files {
        let enough = poll(PATIENCE, || {
            let came = scene.records(&file.stream);
            (came.len() >= file.records.len() && first_ones(came).len() == file.records.len()).then_some(())
        });
        assert!(enough.is_some(), "{}: {} did not arrive whole", case.name, file.stream);
    }
    let took = back.elapsed();
    assert!(took <= RECOVERY, "{}: sending went on {took:?} after the recovery", case.name);
    for file in &files {
        if case.may_double {
            scene.wait_for_all(file, PATIENCE);
        } else {
            scene.wait_for_exactly(file);
        }
    }
    agent.stop();
}

#[test]
fn offline_at_the_start_it_waits_and_then_sends_everything() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.go_offline();
    let mut app = Written::open(&scene, "app.log");
    app.lines(100);
    let mut agent = scene.start();
    wait_until("both sides fail", PATIENCE, || {
        let log = scene.own_log();
        log.contains("records were not taken") && log.contains("samples were not taken")
    });
    app.rotate("app.log.1");
    app.lines(100);
    assert!(agent.is_running());
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
    scene.endpoint.go_online();
    scene.wait_for_exactly(&app);
    wait_until("metrics arrive", PATIENCE, || scene.endpoint.metrics().len() == 13);
    assert_eq!(scene.endpoint.retention(crate::scene::GROUP), Some(7));
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn a_connection_that_was_cut_while_it_rested_costs_nothing() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    for _ in 0..3 {
        app.lines(10);
        scene.wait_for_exactly(&app);
        scene.endpoint.go_offline();
        scene.endpoint.go_online();
    }
    app.lines(10);
    scene.wait_for_exactly(&app);
    agent.stop();
}

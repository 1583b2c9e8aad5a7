//! A new configuration takes over without losing or doubling a line; a broken one changes nothing.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cloudwatch_publisher::local::{Fault, Operation};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::scene::{Agent, PATIENCE, Scene, Written, append, wait_until};

fn reload(scene: &Scene) -> (Option<i32>, String) {
    let output = scene.program(&["reload"]).arg(scene.config()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), said)
}

fn assert_reloads(scene: &Scene) {
    let (code, said) = reload(scene);
    assert_eq!(code, Some(0), "{said}\n{}", scene.own_log());
}

fn hang_up(agent: &Agent) {
    kill_process(Pid::from_raw(i32::try_from(agent.pid()).unwrap()).unwrap(), Signal::HUP).unwrap();
}

fn figures(scene: &Scene) -> Value {
    let output = scene.program(&["status", "--json"]).arg(scene.path("config.json")).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Writes to a file as fast as it goes while `act` does something; everything written is what must come.
fn under_load(written: &mut Written, scene: &Scene, act: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    let (name, path) = (written.stream.clone(), scene.path(&written.stream));
    let more = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut file, mut more) = (append(&path), Vec::new());
            while !is_over.load(Ordering::Relaxed) && more.len() < 200_000 {
                let lines: Vec<String> =
                    (0..100).map(|number| format!("load {} of {name}", more.len() + number)).collect();
                file.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
                more.extend(lines);
                thread::sleep(Duration::from_millis(2));
            }
            more
        });
        act();
        is_over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    written.records.extend(more);
}

#[test]
fn twenty_reloads_under_load_lose_and_double_no_line_while_the_endpoint_is_slow() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.misbehave_on(Operation::PutLogEvents, Fault::Slow(Duration::from_millis(150)), None);
    under_load(&mut app, &scene, || (0..20).for_each(|_| assert_reloads(&scene)));
    scene.endpoint.behave();
    scene.wait_for_exactly(&app);
    let sent = || figures(&scene)["status"]["records_sent"].as_u64();
    wait_until("the counts go on over reloads", PATIENCE, || sent() == Some(app.records.len() as u64));
    agent.stop();
    scene.wait_for_exactly(&app);
    scene.assert_nothing_refused_but(&["Slow"]);
}

#[test]
fn reloads_while_the_endpoint_is_down_lose_and_double_no_line() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.go_offline();
    under_load(&mut app, &scene, || (0..20).for_each(|_| assert_reloads(&scene)));
    scene.endpoint.go_online();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn a_deleted_file_with_unsent_lines_is_delivered_although_a_reload_came_between() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.go_offline();
    app.lines(500);
    wait_until("the lines are known", PATIENCE, || {
        figures(&scene)["status"]["lag_bytes"].as_u64().is_some_and(|lag| lag > 5_000)
    });
    fs::remove_file(scene.path("app.log")).unwrap();
    assert_reloads(&scene);
    assert_reloads(&scene);
    scene.endpoint.go_online();
    scene.wait_for_exactly(&app);
    agent.stop();
}

/// How often a configuration was refused for `key`.
fn refused(scene: &Scene, key: &str) -> usize {
    let log = scene.own_log();
    log.lines().filter(|line| line.contains("the new configuration is refused") && line.contains(key)).count()
}

#[test]
fn a_broken_configuration_changes_nothing_and_says_why() {
    let mut scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.set("/agent/regoin", "eu-west-1");
    let (code, said) = reload(&scene);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("agent.regoin") && said.contains("nothing was changed"), "{said}");
    assert_eq!(refused(&scene, "agent.regoin"), 1, "it is the daemon that judges");
    // Another mistake, so that what is told can only come of the hang-up.
    scene.unset("/agent/regoin");
    scene.set("/agent/conutry", "ie");
    scene.config();
    hang_up(&agent);
    wait_until("it is refused too", PATIENCE, || refused(&scene, "agent.conutry") == 1);
    assert_eq!(refused(&scene, "agent.regoin"), 1);
    wait_until("the refusal is told", PATIENCE, || {
        figures(&scene)["summary"].as_str().is_some_and(|line| line.contains("the last reload was refused"))
    });
    app.lines(10);
    scene.wait_for_exactly(&app);

    scene.unset("/agent/conutry");
    assert_reloads(&scene);
    assert!(figures(&scene)["status"]["reload_trouble"].is_null());
    agent.stop();
}

#[test]
fn a_new_entry_is_followed_and_one_that_was_removed_is_not() {
    let mut scene = Scene::new(&["old.log", "stays.log"]);
    let mut files = ["old.log", "stays.log", "new.log"].map(|name| Written::open(&scene, name));
    let agent = scene.start();
    files.iter_mut().for_each(|file| file.lines(10));
    scene.wait_for_exactly(&files[0]);
    scene.wait_for_exactly(&files[1]);
    let entry = |name: &str| json!({"file_path": scene.path(name), "initial_position": "beginning"});
    let entries = json!([entry("stays.log"), entry("new.log")]);
    scene.set("/logs/logs_collected/files/collect_list", entries);
    assert_reloads(&scene);
    scene.wait_for_exactly(&files[2]);
    fs::write(scene.path("old.log"), "").unwrap();
    writeln!(append(&scene.path("old.log")), "nobody reads this").unwrap();
    files[1].lines(10);
    files[2].lines(10);
    scene.wait_for_exactly(&files[1]);
    scene.wait_for_exactly(&files[2]);
    assert_eq!(scene.records("old.log").len(), 10);
    agent.stop();
}

#[test]
fn samples_that_wait_are_sent_once_although_a_reload_came_between() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.misbehave_on(Operation::PutMetricData, Fault::Status(500), None);
    let agent = scene.start();
    wait_until("samples wait", PATIENCE, || figures(&scene)["status"]["samples_waiting"].as_u64() > Some(20));
    assert_reloads(&scene);
    scene.endpoint.behave();
    wait_until("samples are sent", PATIENCE, || figures(&scene)["status"]["samples_sent"].as_u64() > Some(40));
    agent.stop();
    crate::metrics::assert_told_once(&scene);
}

#[test]
fn what_cannot_change_says_when_it_will_and_debugging_begins_at_once() {
    let mut scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(1);
    scene.wait_for_exactly(&app);
    assert!(!scene.own_log().contains("DEBUG"));
    scene.set("/agent/debug", true);
    scene.set("/agent/logfile", scene.path("other.log").to_str().unwrap());
    assert_reloads(&scene);
    app.lines(1);
    scene.wait_for_exactly(&app);
    assert!(scene.own_log().contains("takes effect at the next start cause=agent.logfile"), "{}", scene.own_log());
    wait_until("batches are logged", PATIENCE, || scene.own_log().contains("DEBUG"));
    assert!(!scene.path("other.log").exists());
    agent.stop();
}

#[test]
fn many_hang_ups_at_once_are_few_reloads() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(1);
    scene.wait_for_exactly(&app);
    let slow = Duration::from_secs(2);
    scene.endpoint.misbehave_on(Operation::PutLogEvents, Fault::Slow(slow), Some(1));
    let before = scene.endpoint.counts().requests_to(Operation::PutLogEvents);
    app.lines(1);
    wait_until("a request is slow", PATIENCE, || scene.endpoint.counts().requests_to(Operation::PutLogEvents) > before);
    let log = |text: &str| scene.own_log().matches(text).count();
    for _ in 0..10 {
        hang_up(&agent);
        // One signal that is pending swallows those behind it: each is to be seen.
        thread::sleep(slow / 40);
    }
    wait_until("a reload is over", PATIENCE, || log("a new configuration is in force") > 0);
    // One that is asked for comes behind all of them.
    assert_reloads(&scene);
    let reloads = log("a new configuration takes over");
    assert!((2..=3).contains(&reloads), "{reloads} reloads: the first, one for all that came meanwhile, and the last");
    app.lines(5);
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn sigterm_wins_over_many_hang_ups() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let mut agent = scene.start();
    app.lines(1);
    scene.wait_for_exactly(&app);
    scene.endpoint.misbehave(Fault::Hang, None);
    let before = scene.endpoint.counts().requests_to(Operation::PutLogEvents);
    app.lines(1);
    wait_until("a request hangs", PATIENCE, || scene.endpoint.counts().requests_to(Operation::PutLogEvents) > before);
    (0..10).for_each(|_| hang_up(&agent));
    wait_until("a reload waits for it", PATIENCE, || scene.own_log().contains("a new configuration takes over"));
    agent.terminate();
    let (status, took) = agent.wait(PATIENCE);
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took <= Duration::from_secs(11), "SIGTERM took {took:?}");
    assert_eq!(scene.own_log().matches("a new configuration takes over").count(), 1);
    scene.endpoint.behave();
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn what_is_laid_beside_the_configuration_is_taken_over_and_what_is_wrong_in_it_is_refused_by_name() {
    let scene = Scene::new(&["app.log"]);
    let (mut app, mut other) = (Written::open(&scene, "app.log"), Written::open(&scene, "other.log"));
    let agent = scene.start();
    app.lines(3);
    scene.wait_for_exactly(&app);
    fs::create_dir(scene.path("config.d")).unwrap();
    let entry = json!({"file_path": scene.path("other.log"), "initial_position": "beginning"});
    let fragment = json!({"logs": {"logs_collected": {"files": {"collect_list": [entry]}}}});
    fs::write(scene.path("config.d/10-other.json"), fragment.to_string()).unwrap();
    assert_reloads(&scene);
    other.lines(3);
    scene.wait_for_exactly(&other);
    fs::write(scene.path("config.d/20-wrong.json"), "{\"agent\": {\"region\": \"eu-central-1\"}}").unwrap();
    let (code, said) = reload(&scene);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("config.d/20-wrong.json, line 1, column 12: agent.region is set differently"), "{said}");
    app.lines(3);
    scene.wait_for_exactly(&app);
    agent.stop();
}

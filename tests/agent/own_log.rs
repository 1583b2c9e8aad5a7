//! What the own log may hold and what not, and that it never feeds itself.

use std::fs;

use cloudwatch_publisher::local::{Fault, Operation};
use serde_json::json;

use crate::scene::{PATIENCE, SECRET, Scene, Written, wait_until};

const MARK: &str = "patient-4711-has-a-secret-illness";

#[test]
fn neither_a_records_text_nor_a_secret_stands_in_the_own_log_even_with_debug() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/debug", true);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.misbehave(Fault::Poison("deadly".into()), None);
    let mut app = Written::open(&scene, "app.log");
    app.line(&format!("{MARK} before"));
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    let faults = [
        Fault::Status(500),
        Fault::LoseAnswer,
        Fault::Reset,
        Fault::Code { code: "ExpiredTokenException", status: 400 },
        Fault::Code { code: "DataAlreadyAcceptedException", status: 400 },
        Fault::Code { code: "AccessDeniedException", status: 400 },
        Fault::Code { code: "InvalidParameterException", status: 400 },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        scene.endpoint.misbehave_on(Operation::PutLogEvents, fault, Some(1));
        app.line(&format!("{MARK} {number}"));
        app.line(&format!("{MARK} {number} again"));
        scene.wait_for_taken("app.log", app.records.len() as u64, PATIENCE);
    }
    let healthy = app.records.len();
    app.line(&format!("{MARK} deadly"));
    app.records.truncate(healthy);
    app.line(&format!("{MARK} {}", "long ".repeat(300_000)));
    app.records.truncate(healthy);
    wait_until("the poison is given up", PATIENCE, || scene.own_log().contains("records were given up"));
    agent.stop();
    let log = scene.own_log();
    assert!(log.lines().count() > 20 && log.contains("DEBUG"), "there is nothing to prove:\n{log}");
    for forbidden in [MARK, "4711", "deadly", "long long", SECRET, "AWS4-HMAC"] {
        let found = log.lines().find(|line| line.contains(forbidden));
        assert!(found.is_none(), "`{forbidden}` stands in the own log: {found:?}");
    }
}

#[test]
fn a_password_of_the_configuration_stands_neither_in_the_own_log_nor_in_the_output_of_check() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set(
        "/agent/authentication",
        json!({
            "accountId": "123456789012", "userPoolId": "eu-west-1_Example00",
            "identityPoolId": "eu-west-1:00000000-0000-0000-0000-000000000000",
            "appClientId": "replaceme", "password": "Hunter2-hunter2",
        }),
    );
    scene.set("/agent/debug", true);
    let mut check = scene.program(&["check"]);
    let output = check.arg(scene.config()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Hunter2"), "{said}");
    // There is no such pool: what is said of that has the password no more than what is said of success (`sign_in.rs`).
    let agent = scene.start();
    wait_until("the agent says that it cannot sign in", PATIENCE, || scene.own_log().contains("cannot sign in"));
    agent.stop();
    assert!(!scene.own_log().contains("Hunter2"));
}

#[test]
fn the_own_log_is_no_source_although_an_entry_names_it_and_a_glob_matches_it() {
    let mut scene = Scene::new(&["agent.log", "*.log"]);
    scene.set("/agent/debug", true);
    // What rotation leaves of an own log is one too.
    fs::write(scene.path("agent.log.1"), "an older line of the own log\n").unwrap();
    scene.set("/logs/logs_collected/files/collect_list", {
        let follow = |name: &str| json!({"file_path": scene.path(name), "initial_position": "beginning"});
        json!([follow("agent.log"), follow("*.log"), follow("agent.log.*")])
    });
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    for _ in 0..3 {
        app.lines(10);
        scene.wait_for_exactly(&app);
    }
    agent.stop();
    let streams: Vec<String> = scene.endpoint.streams().iter().map(|name| name.stream.to_string()).collect();
    assert_eq!(streams, ["app.log"], "the own log was followed");
    assert!(scene.own_log().contains("started"));
}

#[test]
fn the_own_log_reached_by_another_name_is_no_source_either() {
    let mut scene = Scene::new(&["app.log"]);
    fs::create_dir(scene.path("logs")).unwrap();
    std::os::unix::fs::symlink(scene.path("logs"), scene.path("also")).unwrap();
    scene.set("/agent/logfile", scene.path("logs/own.log").to_str().unwrap());
    scene.set("/logs/logs_collected/files/collect_list", {
        let follow = |name: &str| json!({"file_path": scene.path(name), "initial_position": "beginning"});
        json!([follow("also/*.log")])
    });
    let mut app = Written::open(&scene, "logs/app.log");
    app.stream = "app.log".into();
    let agent = scene.start();
    for _ in 0..3 {
        app.lines(10);
        scene.wait_for_exactly(&app);
    }
    agent.stop();
    let streams: Vec<String> = scene.endpoint.streams().iter().map(|name| name.stream.to_string()).collect();
    assert_eq!(streams, ["app.log"], "the own log was followed");
}

#[test]
fn a_failure_that_lasts_does_not_fill_the_own_log() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave_on(Operation::PutLogEvents, Fault::Status(500), Some(3));
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    agent.stop();
    let told = scene.own_log().lines().filter(|line| line.contains("records were not taken")).count();
    assert_eq!(told, 1, "the same warning within a minute");
}

#[test]
fn a_remark_on_the_configuration_stands_in_the_own_log_with_its_file_and_its_line() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/run_as_user", "nobody-of-this-name");
    scene.set("/metrics/metrics_collected", json!({"mem": true, "nvidia_gpu": {"measurement": ["utilization_gpu"]}}));
    let agent = scene.start();
    wait_until("it has started", PATIENCE, || scene.own_log().contains("started"));
    agent.stop();
    let log = scene.own_log();
    let of = |word: &str| log.lines().find(|line| line.contains(" configuration ") && line.contains(word)).unwrap();
    let text = fs::read_to_string(scene.path("config.json")).unwrap();
    let line = 1 + text.lines().position(|line| line.contains("nvidia_gpu")).unwrap();
    assert!(of("nvidia_gpu").contains(&format!(" file=config.json line={line}")), "{}", of("nvidia_gpu"));
    // It is about the configuration as a whole.
    let user = of("run_as_user");
    assert!(user.contains(" file=config.json hint=") && !user.contains("line="), "{user}");
}

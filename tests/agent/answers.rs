//! What AWS may answer, and what becomes of records and of everything beside them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cloudwatch_publisher::local::{Fault, Operation};

use crate::scene::{GROUP, PATIENCE, Scene, Written, wait_until};

fn code(code: &'static str) -> Fault {
    Fault::Code { code, status: 400 }
}

#[test]
fn an_expired_token_is_renewed_and_nothing_is_lost() {
    let scene = Scene::new(&["app.log"]);
    let source = scene.path("credentials.sh");
    let asked = scene.path("asked");
    let answer = r#"{"Version":1,"AccessKeyId":"made-up","SecretAccessKey":"x","SessionToken":"y","Expiration":"2099-01-01T00:00:00Z"}"#;
    fs::write(&source, format!("#!/bin/sh\necho asked >>{}\necho '{answer}'\n", asked.display())).unwrap();
    fs::set_permissions(&source, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(scene.path("aws"), format!("[default]\ncredential_process = {}\n", source.display())).unwrap();
    let mut command = scene.program(&["run"]);
    command.arg(scene.config()).env("AWS_CONFIG_FILE", scene.path("aws"));
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let agent = scene.spawn(command);
    let times_asked = || fs::read_to_string(&asked).map_or(0, |text| text.lines().count());

    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    scene.wait_for_exactly(&app);
    let before = times_asked();
    assert!(before >= 1, "the chain's source was not asked");
    scene.endpoint.misbehave_on(Operation::PutLogEvents, code("ExpiredTokenException"), Some(2));
    app.lines(10);
    scene.wait_for_exactly(&app);
    assert!(times_asked() > before, "the source of credentials was not asked anew");
    agent.stop();
    scene.assert_nothing_refused_but(&["ExpiredTokenException"]);
}

#[test]
fn answers_that_speak_of_the_request_or_the_credentials_lose_and_double_nothing() {
    for answer in [
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "InvalidSequenceTokenException",
        "DataAlreadyAcceptedException",
        "ServiceUnavailableException",
        "LimitExceededException",
    ] {
        let scene = Scene::new(&["app.log"]);
        let mut app = Written::open(&scene, "app.log");
        let agent = scene.start();
        app.lines(10);
        scene.wait_for_exactly(&app);
        scene.endpoint.misbehave_on(Operation::PutLogEvents, code(answer), Some(2));
        app.lines(10);
        scene.wait_for_taken("app.log", 20, PATIENCE);
        app.lines(10);
        scene.wait_for_exactly(&app);
        agent.stop();
        scene.assert_nothing_refused_but(&[answer]);
    }
}

#[test]
fn access_denied_for_a_time_holds_its_stream_and_loses_nothing() {
    let scene = Scene::new(&["app.log", "other.log"]);
    let mut app = Written::open(&scene, "app.log");
    let mut other = Written::open(&scene, "other.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    scene.endpoint.misbehave_on(Operation::PutLogEvents, code("AccessDeniedException"), Some(1));
    app.lines(10);
    wait_until("it is denied", PATIENCE, || scene.endpoint.counts().refused.contains_key("AccessDeniedException"));
    app.lines(10);
    // The other stream goes on while this one rests.
    other.lines(10);
    scene.wait_for_exactly(&other);
    wait_until("the status names the one that rests", PATIENCE, || {
        let output = scene.program(&["status"]).arg(scene.path("config.json")).output().unwrap();
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        line.starts_with("delivering") && line.contains("; 1 stream is refused: ") && line.contains("app.log")
    });
    assert_eq!(scene.endpoint.taken(GROUP, "app.log"), 10, "a stream that may not be written is tried at once");
    scene.wait_for_exactly(&app);
    agent.stop();
    scene.assert_nothing_refused_but(&["AccessDeniedException"]);
}

#[test]
fn access_denied_for_everything_is_survived_and_costs_few_requests() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave(code("AccessDeniedException"), None);
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = scene.start();
    wait_until("it is denied", PATIENCE, || scene.own_log().contains("a stream is put aside"));
    app.rotate("app.log.1");
    app.lines(10);
    let denied = scene.endpoint.counts().all_requests();
    assert!(denied <= 6, "{denied} requests before the first pause");
    scene.endpoint.behave();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn retention_that_may_not_be_set_stops_no_records() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave_on(Operation::PutRetentionPolicy, code("AccessDeniedException"), None);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    for _ in 0..3 {
        app.lines(10);
        scene.wait_for_exactly(&app);
    }
    assert_eq!(scene.endpoint.retention(GROUP), None);
    assert!(scene.own_log().contains("the retention of a log group was not set"), "nobody was told");
    agent.stop();
    let asked = scene.endpoint.counts().requests_to(Operation::PutRetentionPolicy);
    assert_eq!(asked, 1, "it was asked again at once");
    scene.assert_nothing_refused_but(&["AccessDeniedException"]);
}

#[test]
fn a_group_or_stream_deleted_under_way_is_made_again_with_its_retention() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    wait_until("the retention is set", PATIENCE, || scene.endpoint.retention(GROUP) == Some(7));

    assert!(scene.endpoint.delete_group(GROUP));
    app.records.clear();
    app.line("the first after the group was deleted");
    scene.wait_for_exactly(&app);
    wait_until("the retention is set again", PATIENCE, || scene.endpoint.retention(GROUP) == Some(7));

    assert!(scene.endpoint.delete_stream(GROUP, "app.log"));
    app.records.clear();
    app.line("the first after the stream was deleted");
    scene.wait_for_exactly(&app);

    assert!(scene.endpoint.delete_group(GROUP));
    app.records.clear();
    app.line("the first after the group was deleted once more");
    scene.wait_for_exactly(&app);
    wait_until("the retention is set once more", PATIENCE, || scene.endpoint.retention(GROUP) == Some(7));
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn a_group_whose_making_fails_at_first_gets_its_retention_all_the_same() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave_on(Operation::CreateLogGroup, code("OperationAbortedException"), Some(1));
    scene.endpoint.misbehave_on(Operation::CreateLogStream, Fault::LoseAnswer, Some(1));
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    wait_until("the retention is set", PATIENCE, || scene.endpoint.retention(GROUP) == Some(7));
    agent.stop();
}

#[test]
fn of_a_batch_with_a_poison_record_only_that_one_is_lost_counted_and_told() {
    let scene = Scene::new(&["app.log"]);
    scene.endpoint.misbehave(Fault::Poison("deadly".into()), None);
    let mut app = Written::open(&scene, "app.log");
    app.lines(700);
    let healthy = app.records.len();
    app.line("this one is deadly");
    app.lines(300);
    app.records.remove(healthy);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    app.lines(10);
    scene.wait_for_exactly(&app);
    agent.stop();
    let log = scene.own_log();
    let told = log.lines().find(|line| line.contains("records were given up")).unwrap_or_default();
    assert!(told.contains("count=1") && told.contains("app.log"), "the loss was not told: {told}");
    assert!(log.lines().any(|line| line.contains("stopped") && line.contains("refused=1")), "it was not counted");
    assert!(!log.contains("deadly"), "the record stands in the own log");
    let refused = scene.endpoint.counts().refused["InvalidParameterException"];
    assert!(refused <= 12, "{refused} requests to find one record of a thousand");
    scene.assert_nothing_refused_but(&["InvalidParameterException"]);
}

#[test]
fn a_poison_metric_takes_no_other_along() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/agent/metrics_collection_interval", 1);
    scene.endpoint.misbehave(Fault::PoisonMetric("MemoryUsed".into()), None);
    let agent = scene.start();
    wait_until("the twelve others arrive", PATIENCE, || {
        let metrics = scene.endpoint.metrics();
        metrics.len() == 12 && metrics.iter().all(|series| series.points.len() >= 3)
    });
    assert!(scene.endpoint.metrics().iter().all(|series| series.name != "MemoryUsed"));
    let log = scene.own_log();
    assert!(
        log.lines().any(|line| line.contains("a sample was refused") && line.contains("MemoryUsed")),
        "nobody was told"
    );
    scene.endpoint.behave();
    wait_until("it arrives once it is healthy", PATIENCE, || scene.endpoint.metrics().len() == 13);
    agent.stop();
}

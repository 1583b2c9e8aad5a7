//! The agent as a service: killed, hung, told to read its configuration anew, and what it tells systemd about itself.

use std::fs;

use cloudwatch_publisher::local::{Fault, Operation};
use serde_json::{Value, json};

use crate::machine::{Network, until};
use crate::scene::{CONFIG, FILE, GROUP, Scene, UNIT};

#[test]
fn an_agent_that_is_killed_is_started_again_and_nothing_is_lost() {
    let Some(scene) = Scene::booted("killed") else { return };
    scene.start();
    scene.wait_for_more(FILE, 20);
    scene.machine.run(&format!("systemctl kill -s KILL {UNIT}"));
    until("it is started again", || scene.property("NRestarts") == "1");
    scene.wait_for_more(FILE, 20);
    scene.machine.run("systemctl stop writer");
    scene.assert_all(FILE, &scene.written());
}

#[test]
fn an_agent_that_hangs_is_ended_by_the_watchdog_and_nothing_is_lost() {
    let Some(scene) = Scene::booted("hung") else { return };
    scene.drop_in("98-watchdog.conf", "[Service]\nWatchdogSec=5\n");
    scene.start();
    scene.wait_for_more(FILE, 20);
    scene.machine.run(&format!("systemctl kill -s STOP {UNIT}"));
    until("it is started again", || scene.property("NRestarts") == "1");
    let journal = scene.machine.journal(&["-o", "cat", "-u", UNIT]);
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    scene.wait_for_more(FILE, 20);
    scene.machine.run("systemctl stop writer");
    scene.assert_all(FILE, &scene.written());
    // It is fed as long as the agent does not hang: that was more than the watchdog's limit.
    assert_eq!(scene.property("NRestarts"), "1");
}

#[test]
fn a_reload_takes_a_new_configuration_over_without_losing_or_doubling_a_line() {
    let Some(mut scene) = Scene::booted("reload") else { return };
    scene.start();
    scene.wait_for_more(FILE, 20);
    let process = scene.property("MainPID");
    scene.machine.write("/var/log/second.log", "one\ntwo\n", 0o644);
    let files = scene.config.pointer_mut("/logs/logs_collected/files/collect_list").unwrap();
    let second = json!({"file_path": "/var/log/second.log", "initial_position": "beginning"});
    files.as_array_mut().unwrap().push(second);
    scene.configure();
    scene.machine.run(&format!("systemctl reload {UNIT}"));
    scene.assert_exactly("second.log", &["one".to_owned(), "two".to_owned()]);
    scene.wait_for_more(FILE, 20);
    assert_eq!(scene.property("MainPID"), process, "the same process goes on");
    scene.machine.run("systemctl stop writer");
    scene.assert_exactly(FILE, &scene.written());
}

#[test]
fn a_reload_of_a_broken_configuration_fails_with_its_problems_and_the_old_one_goes_on() {
    let Some(mut scene) = Scene::booted("broken") else { return };
    scene.start();
    scene.wait_for_more(FILE, 20);
    let process = scene.property("MainPID");
    scene.set("/logs/retention_in_days", 10);
    scene.configure();
    let reload = scene.machine.attempt(&format!("systemctl reload {UNIT}"));
    assert_ne!(reload.code, 0, "{}", reload.text);
    let problem = "logs.retention_in_days is `10`";
    until("the problem is in the journal", || scene.machine.journal(&["-o", "cat", "-u", UNIT]).contains(problem));
    assert_eq!(scene.property("ActiveState"), "active");
    scene.wait_for_more(FILE, 20);
    assert_eq!(scene.property("MainPID"), process, "the same process goes on");

    // Another mistake, so that what is told can only come of the signal.
    scene.set("/agent/regoin", "eu-west-1");
    scene.configure();
    scene.machine.run(&format!("systemctl kill -s HUP --kill-who=main {UNIT}"));
    until("this one too", || scene.machine.journal(&["-o", "cat", "-u", UNIT]).contains("agent.regoin"));
    until("the status says so", || scene.property("StatusText").contains("the last reload was refused"));
    scene.machine.run("systemctl stop writer");
    scene.assert_exactly(FILE, &scene.written());
}

#[test]
fn systemctl_status_says_whether_it_delivers_and_if_not_why() {
    let Some(scene) = Scene::booted("status") else { return };
    let refused = Fault::Code { code: "AccessDeniedException", status: 400 };
    scene.endpoint.misbehave_on(Operation::PutLogEvents, refused, None);
    scene.start();
    until("it says that it does not deliver", || {
        let status = scene.property("StatusText");
        status.starts_with("not delivering") && status.contains("AccessDenied")
    });
    scene.endpoint.behave();
    until("it says that it delivers", || scene.property("StatusText").starts_with("delivering"));
    let shown = scene.machine.run(&format!("systemctl status {UNIT}"));
    assert!(shown.contains("Status: \"delivering"), "{shown}");
    scene.machine.run("systemctl stop writer");
    scene.assert_all(FILE, &scene.written());
}

#[test]
fn the_own_log_is_in_the_journal_with_its_facts_as_fields() {
    let Some(scene) = Scene::booted("own-log") else { return };
    scene.start();
    scene.wait_for_more(FILE, 1);
    let journal = scene.machine.journal(&["-o", "json", "-u", UNIT, "_TRANSPORT=journal"]);
    let entries: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let follows = entries.iter().find(|entry| entry["PATH"] == format!("/var/log/{FILE}"));
    let follows = follows.unwrap_or_else(|| panic!("no entry has the path as a field:\n{journal}"));
    assert_eq!(follows["PRIORITY"], "5", "what is worth a notice");
    assert_eq!(follows["STREAM"], format!("{GROUP} {FILE}"));
    assert_eq!(follows["_SYSTEMD_UNIT"], UNIT);
    let text = scene.machine.journal(&["-o", "cat", "-u", UNIT, "_TRANSPORT=stdout"]);
    assert_eq!(text, "", "nothing goes to the journal as bare text too");
}

#[test]
fn an_instance_command_that_fails_at_boot_is_run_again_until_it_works() {
    let Some(mut scene) = Scene::booted("nameless") else { return };
    scene.set("/agent/instance", json!({"prefix": "test", "command": "cat /run/serial"}));
    scene.configure();
    scene.enable();
    scene.machine.reboot(Network::Shared);
    until("it says what it waits for", || scene.property("StatusText").starts_with("waiting for the instance id"));
    assert_eq!(scene.endpoint.counts().datums, 0);
    scene.machine.run("echo machine >/run/serial");
    scene.wait_for_samples();
    let samples = scene.metric("CPUCount").unwrap();
    assert_eq!(samples.dimension("InstanceId"), Some("test-machine"));
    assert_eq!(scene.property("NRestarts"), "0");
    scene.machine.run("systemctl stop writer");
    scene.assert_exactly(FILE, &scene.written());
}

#[test]
fn what_is_written_before_there_is_a_network_arrives_when_there_is_one() {
    let Some(mut scene) = Scene::bare("offline") else { return };
    scene.place();
    scene.machine.boot(Network::None);
    scene.start();
    until("it does not deliver", || scene.property("StatusText").starts_with("not delivering"));
    until("lines were written", || scene.written().len() > 40);

    scene.endpoint.go_offline();
    scene.machine.reboot(Network::Shared);
    until("it does not deliver either", || scene.property("StatusText").starts_with("not delivering"));
    let before = scene.written().len();
    until("more lines were written", || scene.written().len() > before + 40);
    assert_eq!(scene.records(FILE).len(), 0);

    scene.endpoint.go_online();
    scene.wait_for_more(FILE, before as u64);
    scene.wait_for_samples();
    scene.machine.run("systemctl stop writer");
    scene.assert_exactly(FILE, &scene.written());
}

#[test]
fn a_wrong_configuration_is_not_tried_again_and_again() {
    let Some(mut scene) = Scene::booted("wrong") else { return };
    scene.set("/logs/retention_in_days", 10);
    scene.configure();
    let started =
        scene.machine.attempt(&format!("systemd-sysusers && systemctl daemon-reload && systemctl start {UNIT}"));
    assert_ne!(started.code, 0, "{}", started.text);
    until("it failed", || scene.property("ActiveState") == "failed");
    assert_eq!(scene.property("ExecMainStatus"), "78");
    assert_eq!(scene.property("NRestarts"), "0");
    let journal = scene.machine.journal(&["-o", "cat", "-u", UNIT]);
    assert!(journal.contains("logs.retention_in_days is `10`"), "{journal}");
    // Once it is right, nothing stands in the way.
    let right = fs::read_to_string(scene.machine.path(CONFIG))
        .unwrap()
        .replace("\"retention_in_days\": 10", "\"retention_in_days\": 7");
    scene.machine.write(CONFIG, &right, 0o644);
    scene.start();
    scene.wait_for_more(FILE, 1);
}

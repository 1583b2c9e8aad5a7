//! The administrator's commands on users, with the real binary: against a Cognito that checks every proof, counts every request
//! and throttles, and killed where it hurts.
//!
//! What is proved of a password is that a device signs in with it by SRP: a password that merely looks right is none.

#![cfg(feature = "provision")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "fleet/alarms.rs"]
mod alarms;
#[path = "fleet/crashes.rs"]
mod crashes;
#[path = "support/python.rs"]
mod environment;
#[path = "fleet/many.rs"]
mod many;
#[path = "fleet/scene.rs"]
mod scene;
#[allow(dead_code, reason = "the moto tests ask it for more")]
#[path = "moto/stand_in.rs"]
mod stand_in;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use cloudwatch_publisher::config::{self, Facts};
use cloudwatch_publisher::local::{Fault, Operation, PoolSetup};
use scene::{AT_ONCE, Ran, Scene, told};
use serde_json::{Value, json};

const FLEET: &str = "# the fleet\r\n\r\nrpi-1  # the garage\r\nrpi-2\r\nosx-3\r\n";

#[test]
fn a_system_signs_in_with_the_password_that_was_printed_once() {
    let scene = Scene::new();
    let ran = scene.run(&["users", &scene.list(FLEET)]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let told = told(&ran.out);
    assert_eq!(told.keys().collect::<Vec<_>>(), ["osx-3", "rpi-1", "rpi-2"]);
    for (name, password) in &told {
        assert!(ran.out.contains(&format!("Added user: {name} // {password}\n")), "{}", ran.out);
        scene.sign_in(name, password).unwrap();
        assert!(scene.sign_in(name, "Wrong!1").is_err());
    }
    let again = scene.run(&["users", &scene.list(&format!("{FLEET}rpi-4\n"))]);
    assert_eq!(told_names(&again), ["rpi-4"]);
    for (name, password) in &told {
        scene.sign_in(name, password).unwrap();
    }
}

#[test]
fn a_list_comes_from_the_standard_input_and_the_result_as_json() {
    let scene = Scene::new();
    let mut command = scene.command(&["users", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"rpi-1\nrpi-1\n").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("`rpi-1` stands on line 1 already"), "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["system"], &lines[0]["result"]), (&json!("rpi-1"), &json!("told")));
    scene.sign_in("rpi-1", lines[0]["password"].as_str().unwrap()).unwrap();
    assert_eq!(ran.summary()["counts"], json!({"added": 1}));
}

#[test]
fn a_wrong_list_touches_nothing_and_says_everything() {
    let scene = Scene::new();
    let ran = scene.run(&["users", &scene.list("rpi-1\nrpi 2\ngateway\n")]);
    assert_eq!(ran.code, Some(65), "{ran:?}");
    assert!(ran.err.contains("error: 2 problems in ") && ran.err.contains("line 2,") && ran.err.contains("line 3,"));
    let ran = scene.run(&["users", scene.path("nowhere.txt").to_str().unwrap()]);
    assert_eq!(ran.code, Some(66), "{ran:?}");
    assert!(ran.err.contains("nowhere.txt"), "{}", ran.err);
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn a_stack_that_is_not_there_is_named_with_what_makes_it() {
    let scene = Scene::new();
    let ran = scene.run(&["users", &scene.list(FLEET), "--stack", "elsewhere"]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.err.contains("`elsewhere`") && ran.err.contains("provision deploy"), "{}", ran.err);
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn a_user_that_never_got_its_password_is_repaired() {
    let scene = Scene::new();
    scene.half_make("rpi-1");
    let ran = scene.run(&["users", &scene.list(FLEET), "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.summary()["counts"], json!({"added": 2, "repaired": 1}));
    let told = ran.lines().into_iter().find(|line| line["system"] == "rpi-1").unwrap();
    scene.sign_in("rpi-1", told["password"].as_str().unwrap()).unwrap();
}

#[test]
fn a_config_is_ready_for_its_device_and_for_nobody_else() {
    let scene = Scene::new();
    let folder = scene.path("devices").display().to_string();
    let list = scene.list(FLEET);
    let ran = scene.run(&["users", &list, "--output", &folder]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for name in ["rpi-1", "rpi-2", "osx-3"] {
        let path = Path::new(&folder).join(format!("{name}.json"));
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
        let config = config::load(&path).unwrap().config;
        let instance = &config.agent.instance;
        assert_eq!(format!("{}-{}", instance.prefix, instance.serial.as_deref().unwrap()), name);
        let facts = Facts { instance_id: name.to_owned(), hostname: "h".to_owned(), ..Facts::default() };
        assert_eq!(config.logs.entries[0].group.resolve(&facts), format!("/system/rpi/{name}"));
        scene.sign_in(name, &scene.written("devices", name).unwrap()).unwrap();
        assert!(
            ran.out.contains(&path.display().to_string())
                && !ran.out.contains(&scene.written("devices", name).unwrap())
        );
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let before = scene.written("devices", "rpi-1");
    let again = scene.run(&["users", &list, "--output", &folder, "--json"]);
    assert_eq!(again.summary()["counts"], json!({"left": 3}));
    assert_eq!(scene.written("devices", "rpi-1"), before);
}

#[test]
fn a_template_that_the_stack_would_refuse_makes_no_user() {
    let scene = Scene::new();
    let template = scene.path("template.json");
    fs::write(&template, r#"{"metrics": {"namespace": "Other/Space"}}"#).unwrap();
    let folder = scene.path("devices").display().to_string();
    let (list, template) = (scene.list(FLEET), template.display().to_string());
    let ran = scene.run(&["users", &list, "--output", &folder, "--template", &template]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.err.contains("`Other/Space`") && ran.err.contains("`System/Linux`"), "{}", ran.err);
    assert_eq!((scene.endpoint.users(&scene.pool.user_pool), Path::new(&folder).exists()), (0, false));
}

#[test]
fn a_stack_of_the_old_tool_serves() {
    let flows = vec!["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let scene = Scene::with(&PoolSetup { flows, ..PoolSetup::default() }, &[]);
    let folder = scene.path("devices").display().to_string();
    let ran = scene.run(&["users", &scene.list(FLEET), "--output", &folder]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    scene.sign_in("rpi-1", &scene.written("devices", "rpi-1").unwrap()).unwrap();
    let config = config::load(&Path::new(&folder).join("rpi-1.json")).unwrap().config;
    assert_eq!(config.logs.entries[0].group.text(), "/system/default/{instance_id}");
}

#[test]
fn a_rotated_password_ends_what_began_with_the_old_one() {
    let scene = Scene::new();
    let list = scene.list(FLEET);
    let old = told(&scene.run(&["users", &list]).out);
    let session = scene.sign_in("rpi-1", &old["rpi-1"]).unwrap();
    assert!(scene.refreshes(&session));
    let ran = scene.run(&["rotate", "rpi-1", "rpi-1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let new = told(&ran.out);
    scene.sign_in("rpi-1", &new["rpi-1"]).unwrap();
    assert!(scene.sign_in("rpi-1", &old["rpi-1"]).is_err());
    assert!(!scene.refreshes(&session), "a stolen refresh token outlives the rotation");
    scene.sign_in("rpi-2", &old["rpi-2"]).unwrap();
    let ran = scene.run(&["rotate", "rpi-9"]);
    assert_eq!(ran.code, Some(69));
    assert!(ran.err.contains("rpi-9: has no user"), "{}", ran.err);
}

#[test]
fn a_rotation_that_was_cut_short_goes_on_with_the_password_that_lies_there() {
    let scene = Scene::new();
    let list = scene.list(FLEET);
    let folder = scene.path("devices").display().to_string();
    assert_eq!(scene.run(&["users", &list, "--output", &folder]).code, Some(0));
    let (config, aside) = (scene.path("devices/rpi-1.json"), scene.path("devices/rpi-1.json.new"));
    let old = scene.written("devices", "rpi-1").unwrap();
    let new = format!("{}aA1!", &old[..28]);
    fs::write(&aside, fs::read_to_string(&config).unwrap().replace(&old, &new)).unwrap();
    // Whether Cognito has the new one already is not known: the list alone decides nothing.
    let ran = scene.run(&["users", &list, "--output", &folder]);
    assert_eq!(ran.code, Some(69));
    assert!(ran.err.contains("rpi-1: its rotation was cut short"), "{}", ran.err);
    let whole = format!("give them a new one: cloudwatch-publisher provision rotate --output {folder} rpi-1\n");
    assert!(ran.err.contains(&whole), "{}", ran.err);
    assert_eq!(scene.run(&["rotate", "rpi-1", "--output", &folder]).code, Some(0));
    assert_eq!((scene.written("devices", "rpi-1"), aside.exists()), (Some(new.clone()), false));
    scene.sign_in("rpi-1", &new).unwrap();
    assert_eq!(scene.run(&["rotate", "rpi-1", "--output", &folder]).code, Some(0));
    let newest = scene.written("devices", "rpi-1").unwrap();
    assert_ne!(newest, new);
    scene.sign_in("rpi-1", &newest).unwrap();
}

#[test]
fn a_removed_system_signs_in_no_more_and_nobody_is_removed_unasked() {
    let scene = Scene::new();
    let passwords = told(&scene.run(&["users", &scene.list(FLEET)]).out);
    let ran = scene.run(&["remove", "rpi-1"]);
    assert_eq!(ran.code, Some(64), "{ran:?}");
    scene.sign_in("rpi-1", &passwords["rpi-1"]).unwrap();
    let listed = |scene: &Scene| -> Vec<String> {
        let rows: Value = serde_json::from_str(&scene.run(&["list", "--json"]).out).unwrap();
        rows.as_array().unwrap().iter().map(|row| row["system"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&scene), ["osx-3", "rpi-1", "rpi-2"]);
    let ran = scene.run(&["remove", "rpi-1", "--yes"]);
    assert!(ran.out.contains("Removed user: rpi-1") && ran.err.contains("an hour at the most"), "{ran:?}");
    assert!(scene.sign_in("rpi-1", &passwords["rpi-1"]).is_err());
    assert_eq!(listed(&scene), ["osx-3", "rpi-2"]);
}

#[test]
fn a_removed_systems_password_does_not_come_back_with_a_config_that_was_left() {
    let scene = Scene::new();
    let list = scene.list(FLEET);
    let folder = scene.path("devices").display().to_string();
    let users = ["users", &list, "--output", &folder];
    assert_eq!(scene.run(&users).code, Some(0));
    let (config, aside) = (scene.path("devices/rpi-1.json"), scene.path("devices/rpi-1.json.new"));
    // One of them in the middle of a rotation.
    fs::copy(&config, &aside).unwrap();
    let old = ["rpi-1", "rpi-2"].map(|name| scene.written("devices", name).unwrap());
    assert_eq!(scene.run(&["remove", "rpi-1", "rpi-2", "--yes"]).code, Some(0));
    let ran = scene.run(&users);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for (name, old) in ["rpi-1", "rpi-2"].into_iter().zip(old) {
        assert!(scene.sign_in(name, &old).is_err(), "{name} has its old password again");
        scene.sign_in(name, &scene.written("devices", name).unwrap()).unwrap();
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "something waits still");
}

#[test]
fn a_password_that_may_have_been_set_is_named_whatever_cognito_says_in_the_end() {
    let scene = Scene::new();
    let on = |fault| scene.endpoint.misbehave_on(Operation::AdminSetUserPassword, fault, Some(1));
    on(Fault::LoseAnswer);
    on(Fault::Code { code: "InvalidParameterException", status: 400 });
    let list = scene.list("rpi-1\n");
    let ran = scene.run(&["users", &list]);
    assert_eq!(ran.code, Some(69), "{ran:?}");
    for ran in [ran, scene.run(&["users", &list])] {
        assert!(ran.err.contains("provision rotate rpi-1\n"), "{}", ran.err);
    }
    assert_eq!(scene.run(&["rotate", "rpi-1"]).code, Some(0));
    assert_eq!(scene.run(&["users", &list]).code, Some(0));
}

#[test]
fn an_id_that_no_list_could_hold_is_not_rotated() {
    let scene = Scene::new();
    let folder = scene.path("devices").display().to_string();
    let ran = scene.run(&["rotate", "rpi-1", "../rpi-2", "--output", &folder]);
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.err.contains("`../rpi-2` holds `/`") && ran.err.contains("nothing was done"), "{}", ran.err);
    assert_eq!(scene.endpoint.counts().all_requests(), 0);
}

#[test]
fn a_result_that_nobody_reads_is_a_quiet_end_and_a_full_disk_an_error() {
    let scene = Scene::new();
    scene.half_make("rpi-1");
    let folder = scene.path("devices").display().to_string();
    scene.run(&["users", &scene.list("rpi-1\n"), "--output", &folder]);
    let mut check = Command::new(env!("CARGO_BIN_EXE_cloudwatch-publisher"));
    check.arg("check").arg(scene.path("devices/rpi-1.json"));
    let list = scene.command(&["list"]);
    let dashboard = scene.command(&["dashboard", "--region", "eu-west-1", "--namespace", "A"]);
    for mut command in [check, list, dashboard] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = Ran::from(command.stdout(full).output().unwrap());
        assert_eq!(ran.code, Some(77), "{command:?} {ran:?}");
        assert!(ran.err.contains("printing the result: No space left"), "{command:?} {ran:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::from(command.stdout(writer).output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{command:?}");
    }
}

#[test]
fn the_list_says_who_is_ready_and_who_is_half_made() {
    let scene = Scene::new();
    scene.run(&["users", &scene.list("rpi-1\n")]);
    scene.half_make("rpi-2");
    let ran = scene.run(&["list"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let states: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(states[0], ["SYSTEM", "STATE", "MADE", "ENABLED"]);
    assert_eq!(states[1][..2], ["rpi-1", "ready"]);
    assert_eq!(states[2][..3], ["rpi-2", "half", "made"]);
}

#[test]
fn nobodys_password_is_set_after_one_could_not_be_printed() {
    let scene = Scene::new();
    let names: String = (0..100).map(|number| format!("rpi-{number}\n")).collect();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let list = scene.list(&names);
    let arguments = [&["users", &list][..], &AT_ONCE].concat();
    let ran = Ran::from(scene.command(&arguments).stdout(full).output().unwrap());
    assert_eq!(ran.code, Some(77), "{ran:?}");
    let set = scene.endpoint.counts().requests_to(Operation::AdminSetUserPassword);
    assert!((1..=32).contains(&set), "{set} passwords were set");
    assert!(ran.err.contains("provision rotate rpi-"), "{}", ran.err);
    // The next run knows them, and can tell the others apart.
    let ran = scene.run(&[&["users", &list, "--json"][..], &AT_ONCE].concat());
    assert_eq!(ran.summary()["to_rotate"].as_array().unwrap().len() as u64, set, "{ran:?}");
    assert_eq!(ran.code, Some(69));
}

fn told_names(ran: &Ran) -> Vec<String> {
    told(&ran.out).into_keys().collect()
}

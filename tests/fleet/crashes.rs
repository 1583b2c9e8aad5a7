//! Ended at random moments and resumed until it is done: no password is lost, or its system is named.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::thread;
use std::time::Duration;

use cloudwatch_publisher::local::Operation;
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{AT_ONCE, Ran, Scene, now, told};

const SYSTEMS: usize = 240;
/// Some are killed before they did anything, some after all was done: the rest in between.
const KILLS: usize = 25;

fn names() -> Vec<String> {
    (0..SYSTEMS).map(|number| format!("rpi-{number:04}")).collect()
}

/// Random moments that a failed test can have again.
fn random() -> fastrand::Rng {
    let seed = u64::try_from(now().as_millis()).unwrap();
    println!("seed {seed}");
    fastrand::Rng::with_seed(seed)
}

/// Lets a run come a random part of its way, and kills it there. Whether it was still running.
fn kill_under_way(scene: &Scene, child: &mut Child, random: &mut fastrand::Rng) -> bool {
    let requests = || scene.endpoint.counts().requests_to(Operation::AdminSetUserPassword);
    let enough = requests() + random.u64(0..2 * SYSTEMS as u64 / KILLS as u64);
    while requests() < enough && child.try_wait().unwrap().is_none() {
        thread::yield_now();
    }
    // Somewhere between two requests too, and not always right behind one.
    thread::sleep(Duration::from_micros(random.u64(0..3_000)));
    let was_running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    was_running
}

#[test]
fn with_a_folder_every_system_signs_in_with_its_file_whatever_ended_the_runs() {
    let scene = Scene::new();
    let list = scene.list(&names().join("\n"));
    let folder = scene.path("devices").display().to_string();
    let arguments = [&["users", &list, "--output", &folder][..], &AT_ONCE].concat();
    let mut random = random();
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut child = scene.start(&arguments, &scene.path("results"));
        killed += usize::from(kill_under_way(&scene, &mut child, &mut random));
    }
    let half_made = scene.run(&["list"]).out.matches("half made").count();
    let ran = scene.run(&arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for name in names() {
        scene.sign_in(&name, &scene.written("devices", &name).unwrap()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    println!(
        "{killed} of {KILLS} runs killed under way; {half_made} users half made before the last; all {SYSTEMS} sign in"
    );
    assert!(killed > KILLS / 3, "only {killed} runs were killed under way");
}

#[test]
fn without_a_folder_every_password_was_printed_or_its_system_is_named() {
    let scene = Scene::new();
    let list = scene.list(&names().join("\n"));
    let arguments = [&["users", &list][..], &AT_ONCE].concat();
    let results = scene.path("results");
    let mut random = random();
    let mut killed = 0;
    for _ in 0..KILLS {
        let mut child = scene.start(&arguments, &results);
        killed += usize::from(kill_under_way(&scene, &mut child, &mut random));
        // A line that was cut off must not swallow the next run's first.
        let text = fs::read_to_string(&results).unwrap();
        if !text.is_empty() && !text.ends_with('\n') {
            fs::write(&results, text + "\n").unwrap();
        }
    }
    let last = scene.run(&arguments);
    let mut passwords = told(&fs::read_to_string(&results).unwrap());
    passwords.extend(told(&last.out));
    let named = named(&last);
    let mut both = 0;
    for name in names() {
        let works = passwords.get(&name).is_some_and(|password| scene.sign_in(&name, password).is_ok());
        assert!(works || named.contains(&name), "{name} has a password that nobody knows, and is not named");
        both += usize::from(works && named.contains(&name));
    }
    println!("{killed} of {KILLS} runs killed under way; {} named, {both} of them needlessly", named.len());
    assert!(killed > KILLS / 3, "only {killed} runs were killed under way");
    rotate(&scene, &named, &mut passwords);
    let ran = scene.run(&arguments);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{ran:?}");
    for name in names() {
        scene.sign_in(&name, &passwords[&name]).unwrap();
    }
}

fn rotate(scene: &Scene, named: &[String], passwords: &mut BTreeMap<String, String>) {
    if named.is_empty() {
        return;
    }
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let ran = scene.run(&[&["rotate"][..], &named, &AT_ONCE].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    passwords.extend(told(&ran.out));
}

/// Whom a run names for `rotate`.
fn named(ran: &Ran) -> Vec<String> {
    let line = ran.err.lines().find_map(|line| line.split_once("provision rotate ")).map(|(_, names)| names);
    line.unwrap_or_default().split_whitespace().map(ToOwned::to_owned).collect()
}

#[test]
fn a_signal_lets_those_under_way_come_to_their_end_and_begins_no_other() {
    let scene = Scene::new();
    let list = scene.list(&names().join("\n"));
    let results = scene.path("results");
    let child = scene.start(&["users", &list, "--password-rate", "100"], &results);
    while fs::read_to_string(&results).unwrap_or_default().lines().count() < 5 {
        thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.err.contains("systems are still to be done") && !ran.err.contains("provision rotate"), "{ran:?}");
    let passwords = told(&fs::read_to_string(&results).unwrap());
    assert!((5..60).contains(&passwords.len()), "{}", passwords.len());
    assert_eq!(scene.endpoint.users(&scene.pool.user_pool), passwords.len(), "somebody was left half made");
    for (name, password) in &passwords {
        scene.sign_in(name, password).unwrap();
    }
}

#[test]
fn two_runs_at_once_do_not_share_a_pool() {
    let scene = Scene::new();
    let list = scene.list(&names().join("\n"));
    let results = scene.path("results");
    let mut first = scene.start(&["users", &list, "--password-rate", "20"], &results);
    while fs::read_to_string(&results).unwrap_or_default().is_empty() {
        thread::yield_now();
    }
    let second = scene.run(&["users", &list]);
    assert_eq!(second.code, Some(75), "{second:?}");
    assert!(second.err.contains("another run provisions the users of this pool"), "{}", second.err);
    first.kill().unwrap();
    first.wait().unwrap();
}

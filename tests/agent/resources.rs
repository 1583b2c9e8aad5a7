//! Memory and descriptors stay flat, whatever the network and the writers do.

#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use cloudwatch_publisher::local::{Fault, Operation, Options};

use crate::scene::{Agent, GROUP, PATIENCE, Scene, Written, poll, wait_until};

const FILES: usize = 20;
const BYTES_PER_FILE: usize = 15_000_000;
/// Without the program itself, which as a development build is larger than all else.
const MAX_OWN_KIB: u64 = 48 * 1024;
const LIMIT: Duration = Duration::from_secs(240);
/// A deleted file is held for a minute, for a writer that still has it open.
const LET_GO: Duration = Duration::from_secs(120);

#[test]
fn memory_stays_flat_with_300_mb_that_wait_and_while_they_are_sent() {
    let names: Vec<String> = (0..FILES).map(|number| format!("big-{number:02}.log")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let scene = Scene::with(&names, Options { memory_bytes: 0, ..Options::default() });
    scene.endpoint.go_offline();
    let line = format!("{}\n", "a line of a log that waits for the network to come back ".repeat(3).trim());
    let lines_per_file = BYTES_PER_FILE / line.len();
    let content = line.repeat(lines_per_file);
    names.iter().for_each(|name| fs::write(scene.path(name), &content).unwrap());
    let agent = scene.start();
    wait_until("it fails", PATIENCE, || scene.own_log().contains("records were not taken"));
    // A reader without a bound would have read on by now.
    let read_at_failure = bytes_read(&agent);
    let settled = poll(PATIENCE, || {
        let before = bytes_read(&agent);
        std::thread::sleep(Duration::from_secs(2));
        (bytes_read(&agent) - before < 1_000_000).then_some(())
    });
    assert!(settled.is_some(), "it reads on and on, {read_at_failure} bytes at first and {} now", bytes_read(&agent));
    let waiting = agent.peak_own_kib().unwrap();
    assert!(waiting <= MAX_OWN_KIB, "{waiting} KiB at the peak while offline");

    scene.endpoint.go_online();
    let taken = || names.iter().map(|name| scene.endpoint.taken(GROUP, name)).sum::<u64>();
    let all = (lines_per_file * FILES) as u64;
    wait_until("everything is sent", LIMIT, || taken() >= all);
    let sending = agent.peak_own_kib().unwrap();
    println!("its own memory at the peak: {waiting} KiB offline, {sending} KiB while sending");
    assert!(sending <= MAX_OWN_KIB, "{sending} KiB at the peak while sending");
    agent.stop();
    assert_eq!(taken(), all, "records came twice");
    scene.assert_nothing_refused_but(&[]);
}

#[test]
fn memory_stays_flat_while_an_endpoint_is_slow() {
    let names: Vec<String> = (0..8).map(|number| format!("big-{number}.log")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let scene = Scene::with(&names, Options { memory_bytes: 0, ..Options::default() });
    scene.endpoint.misbehave_on(Operation::PutLogEvents, Fault::Slow(Duration::from_secs(2)), None);
    let agent = scene.start();
    let mut files: Vec<_> =
        names.iter().map(|name| OpenOptions::new().create(true).append(true).open(scene.path(name)).unwrap()).collect();
    // Text that does not compress: what is under way is at its largest.
    let mut random = pseudo_random(7);
    let chunk: String = (0..40_000)
        .map(|number| if number % 100 == 99 { '\n' } else { char::from(b'!' + u8::try_from(random() % 90).unwrap()) })
        .collect();
    for _ in 0..100 {
        files.iter_mut().for_each(|file| file.write_all(chunk.as_bytes()).unwrap());
    }
    wait_until("a dozen requests were answered", LIMIT, || scene.endpoint.counts().batches >= 12);
    let peak = agent.peak_own_kib().unwrap();
    println!("its own memory at the peak with a slow endpoint: {peak} KiB");
    assert!(peak <= MAX_OWN_KIB, "{peak} KiB at the peak");
    scene.endpoint.behave();
    let all = files.len() as u64 * 100 * 400;
    wait_until("everything is sent", LIMIT, || scene.endpoint.counts().events >= all);
    agent.stop();
}

#[test]
fn descriptors_stay_flat_through_fifty_rotations() {
    let names = ["a.log", "b.log", "c.log", "d.log", "e.log"];
    let scene = Scene::new(&names);
    let mut files = names.map(|name| Written::open(&scene, name));
    let agent = scene.start();
    files.iter_mut().for_each(|file| file.lines(5));
    files.iter().for_each(|file| scene.wait_for_exactly(file));
    let before = descriptors(&agent);
    for round in 1..=10 {
        for file in &mut files {
            file.lines(5);
            // As logrotate keeps them: three, and the oldest goes.
            let stream = file.stream.clone();
            let _ = fs::remove_file(scene.path(&format!("{stream}.3")));
            for number in [2, 1] {
                let _ = fs::rename(
                    scene.path(&format!("{stream}.{number}")),
                    scene.path(&format!("{stream}.{}", number + 1)),
                );
            }
            file.rotate(&format!("{stream}.1"));
            file.lines(5);
        }
        for file in &files {
            let took = poll(PATIENCE, || (scene.records(&file.stream).len() >= file.records.len()).then_some(()));
            assert!(took.is_some(), "round {round}: {} did not arrive whole", file.stream);
        }
    }
    files.iter().for_each(|file| scene.wait_for_exactly(file));
    let now = || descriptors(&agent);
    // Files that logrotate keeps may still be written to, and are held for a while; those that it deleted are let go.
    let kept = 3 * names.len();
    let flat = poll(LET_GO, || (now() <= before + kept).then_some(()));
    assert!(flat.is_some(), "{before} descriptors before 50 rotations, {} after, with {kept} rotated files", now());
    agent.stop();
}

#[test]
fn an_idle_agent_rests() {
    let scene = Scene::new(&["app.log"]);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    app.lines(10);
    scene.wait_for_exactly(&app);
    let before = cpu_ticks(&agent);
    std::thread::sleep(Duration::from_secs(10));
    let used = cpu_ticks(&agent) - before;
    // A tick is 10 ms: 3 % of one processor of the development build.
    assert!(used <= 30, "{used} ticks in ten idle seconds");
    agent.stop();
}

fn descriptors(agent: &Agent) -> usize {
    fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap().count()
}

/// Bytes that it read so far.
fn bytes_read(agent: &Agent) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", agent.pid())).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// Time on processors so far, in ticks.
fn cpu_ticks(agent: &Agent) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Numbers that look random, the same each time.
fn pseudo_random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn a_crash_leaves_no_core_dump_with_keys_in_it() {
    let scene = Scene::new(&["app.log"]);
    let agent = scene.start();
    wait_until("the agent has started", PATIENCE, || scene.own_log().contains("started"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["bytes", "0", "0"], "{core}");
    agent.stop();
}

//! A million lines, written while the agent runs, is rotated under, and is killed.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::time::Duration;

use cloudwatch_publisher::local::Options;

use crate::scene::{GROUP, Scene, append, wait_until};

const LINES: usize = 1_000_000;
const ROTATIONS: [usize; 3] = [200_000, 480_000, 700_000];
/// Short after a rotation, and while the agent is behind.
const KILL: usize = 520_000;
/// The writer is never further ahead.
const LEAD: usize = 150_000;
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn a_million_lines_arrive_in_order_through_three_rotations_and_a_kill() {
    let options = Options { memory_bytes: 1 << 30, ..Options::default() };
    let mut scene = Scene::with(&["app.log"], options);
    scene.set("/agent/logs_collection_interval", 5);
    let mut agent = scene.start();
    let path = scene.path("app.log");
    let mut log = BufWriter::with_capacity(64 * 1024, append(&path));
    let taken = || usize::try_from(scene.endpoint.taken(GROUP, "app.log")).unwrap();
    let mut text = String::new();
    for number in 0..LINES {
        if let Some(rotation) = ROTATIONS.iter().position(|at| at + 300 == number) {
            // The writer went on into the renamed file for 300 lines, as one does that is told late.
            log.flush().unwrap();
            log = BufWriter::with_capacity(64 * 1024, append(&path));
            assert!(scene.path(&format!("app.log.{}", rotation + 1)).exists());
        }
        if let Some(rotation) = ROTATIONS.iter().position(|at| *at == number) {
            log.flush().unwrap();
            fs::rename(&path, scene.path(&format!("app.log.{}", rotation + 1))).unwrap();
        }
        if number == KILL {
            log.flush().unwrap();
            assert!(taken() < KILL, "it was killed with nothing to do");
            agent.kill();
            agent = scene.start();
        }
        if number % 10_000 == 0 {
            wait_until("the agent keeps up with the writer", LIMIT, || taken() + LEAD > number);
        }
        text.clear();
        line(number, &mut text);
        text.push('\n');
        log.write_all(text.as_bytes()).unwrap();
    }
    log.flush().unwrap();
    text.clear();
    line(LINES - 1, &mut text);
    let last_came = || {
        let is_enough = taken() >= LINES;
        is_enough && scene.endpoint.events(GROUP, "app.log").last().is_some_and(|(_, last)| *last == text)
    };
    wait_until("the last line came", LIMIT, last_came);
    agent.stop();
    assert_gapless_but_for_one_step_back(&scene.endpoint.events(GROUP, "app.log"));
    scene.assert_nothing_refused_but(&[]);
    assert_batches_were_full(&scene);
}

/// Numbers go up by one from 0 to the last; once, at the kill, they may step back.
fn assert_gapless_but_for_one_step_back(events: &[(i64, String)]) {
    let mut text = String::new();
    let (mut expected, mut steps_back) = (0, Vec::new());
    for (_, came) in events {
        let number: usize = came.rsplit_once("n=").unwrap().1.parse().unwrap();
        if number < expected {
            steps_back.push((expected, number));
        } else {
            assert_eq!(number, expected, "a line is missing or came before its time");
        }
        expected = number + 1;
        text.clear();
        line(number, &mut text);
        assert!(*came == text, "line {number} was changed: {came}");
    }
    assert_eq!(expected, LINES);
    assert!(steps_back.len() <= 1, "lines came twice more often than there were kills: {steps_back:?}");
}

fn assert_batches_were_full(scene: &Scene) {
    let counts = scene.endpoint.counts();
    assert!(counts.batches > 100, "{} batches", counts.batches);
    let share = counts.batches_full * 100 / counts.batches;
    assert!(share >= 95, "{share} % of the batches were full under load: {counts:?}");
    let fill = counts.batch_bytes * 100 / (counts.batches * 1_048_576);
    assert!(fill >= 95, "the batches were {fill} % full under load: {counts:?}");
}

/// A line like those of a web server, some 150 bytes of it, from its number alone.
fn line(number: usize, text: &mut String) {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (minute, second) = (number / 60_000 % 60, number / 1000 % 60);
    let method = ["GET", "GET", "GET", "POST", "PUT"][mixed >> 8 & 3];
    let status = [200, 200, 200, 304, 404, 200, 201, 500][mixed >> 16 & 7];
    write!(
        text,
        "2026-11-21T04:{minute:02}:{second:02}.{:03}Z INFO http.access id={mixed:016x} {method} \
         /api/v1/devices/{}/state {status} bytes={} ms={} agent=\"curl/8.{}\" n={number:07}",
        number % 1000,
        mixed >> 20 & 0xfff,
        mixed >> 30 & 0xffff,
        mixed >> 40 & 0xff,
        mixed >> 50 & 0xf,
    )
    .unwrap();
}

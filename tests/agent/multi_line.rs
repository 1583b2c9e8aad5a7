//! Stack traces as they are written: line by line, over the borders of batches, while the agent is killed, stopped and started
//! and the file is rotated. Each must come whole, once where nothing was killed, and in its order.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::scene::{PATIENCE, Scene, Written, append, wait_until};

fn java(number: usize) -> String {
    format!(
        "2026-11-21 04:17:{:02},{:03} ERROR [http-nio-8080-exec-{number}] c.e.orders.OrderController - order {number} failed\n\
         org.springframework.dao.DataAccessResourceFailureException: could not open connection\n\
         \tat org.hibernate.dialect.Dialect.convert(Dialect.java:{})\n\
         \tat com.example.orders.OrderRepository.find(OrderRepository.java:88)\n\
         \tat com.example.orders.OrderController$Proxy{number}.show(<generated>)\n\
         \t... 42 common frames omitted\n\
         Caused by: java.net.ConnectException: Connection refused (Connection refused)\n\
         \tat java.base/java.net.PlainSocketImpl.socketConnect(Native Method)\n\
         \tat java.base/java.lang.Thread.run(Thread.java:829)",
        number % 60,
        number % 1000,
        number % 500,
    )
}

fn python(number: usize) -> String {
    format!(
        "2026-11-21 04:17:{:02},{:03} ERROR worker: job {number} failed\n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app/jobs.py\", line {}, in run\n\
         \x20   result = self.fetch(job)\n\
         \x20            ^^^^^^^^^^^^^^^\n\
         \x20 File \"/srv/app/store.py\", line 57, in fetch\n\
         \x20   raise KeyError(job)\n\
         KeyError: 'job-{number}'\n\
         \n\
         During handling of the above exception, another exception occurred:\n\
         \n\
         Traceback (most recent call last):\n\
         \x20 File \"/srv/app/main.py\", line 12, in <module>\n\
         \x20   run(job)\n\
         RuntimeError: job {number} was given up",
        number % 60,
        number % 1000,
        number % 300,
    )
}

fn go(number: usize) -> String {
    format!(
        "2026/11/21 04:17:{:02} http: panic serving 10.0.0.7:{}: runtime error: index out of range [{number}] with length 3\n\
         goroutine {number} [running]:\n\
         net/http.(*conn).serve.func1(0xc0001a40a0)\n\
         \t/usr/local/go/src/net/http/server.go:1801 +0x147\n\
         panic(0x6f1c20, 0xc0000b6040)\n\
         \t/usr/local/go/src/runtime/panic.go:975 +0x47a\n\
         \n\
         goroutine 1 [IO wait]:\n\
         internal/poll.runtime_pollWait(0x7f1b2c, 0x72, 0x0)\n\
         \t/usr/local/go/src/runtime/netpoll.go:222 +0x55",
        number % 60,
        number % 60_000,
    )
}

/// A language, how it writes the trace with a number, and what finds the first line.
type Language = (&'static str, fn(usize) -> String, &'static str);

const LANGUAGES: [Language; 3] = [
    ("java", java, r"^\d{4}-\d{2}-\d{2} \d{2}:"),
    ("python", python, r"^\d{4}-\d{2}-\d{2} \d{2}:"),
    // Look-ahead, which the fast engine does not have.
    ("go", go, r"^(?=\d{4}/\d{2}/\d{2} )"),
];

fn entry(scene: &Scene, name: &str, more: &Value) -> Value {
    let mut entry = json!({"file_path": scene.path(name), "initial_position": "beginning"});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

fn follow(scene: &mut Scene, entries: Vec<Value>) {
    scene.set("/logs/logs_collected/files/collect_list", entries);
}

/// One file for each language.
fn scene_of_traces() -> Scene {
    let mut scene = Scene::new(&[]);
    let entries = LANGUAGES
        .map(|(name, _, start)| entry(&scene, &format!("{name}.log"), &json!({"multi_line_start_pattern": start})));
    follow(&mut scene, entries.into());
    scene
}

fn expecting(scene: &Scene, stream: &str, records: Vec<String>) -> Written {
    let mut written = Written::open(scene, stream);
    written.records = records;
    written
}

#[test]
fn traces_come_whole_and_in_order_over_the_borders_of_batches_and_through_a_rotation() {
    let scene = scene_of_traces();
    let agent = scene.start();
    for (name, trace, _) in LANGUAGES {
        let (count, path) = (4000, scene.path(&format!("{name}.log")));
        let mut text = String::new();
        let mut file = append(&path);
        let mut records = Vec::new();
        for number in 0..count {
            let trace = trace(number);
            writeln!(text, "{trace}").unwrap();
            records.push(trace);
            // Written in parts that end anywhere, also within a line.
            if text.len() > 70_000 {
                file.write_all(&text.as_bytes()[..text.len() - 333]).unwrap();
                text.drain(..text.len() - 333);
            }
            if number == 2000 {
                // The log is rotated in the middle of a trace, and its writer notices after that one.
                let (before, after) = text.split_at(text.len() - 333);
                file.write_all(before.as_bytes()).unwrap();
                scene.wait_for_taken(&format!("{name}.log"), number as u64, PATIENCE);
                fs::rename(&path, scene.path(&format!("{name}.log.1"))).unwrap();
                file.write_all(after.as_bytes()).unwrap();
                text.clear();
                file = append(&path);
            }
        }
        file.write_all(text.as_bytes()).unwrap();
        scene.wait_for_exactly(&expecting(&scene, &format!("{name}.log"), records));
    }
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
    assert!(scene.endpoint.counts().batches_full > 0, "no border of a batch was in the way");
}

#[test]
fn a_trace_that_is_being_written_when_the_agent_ends_comes_whole_afterwards() {
    let scene = scene_of_traces();
    let mut records = LANGUAGES.map(|_| Vec::new());
    let write =
        |name: &str, text: &str| append(&scene.path(&format!("{name}.log"))).write_all(text.as_bytes()).unwrap();
    for (round, is_killed) in [true, false, true].into_iter().enumerate() {
        let agent = scene.start();
        let mut rests = Vec::new();
        for ((name, trace, _), records) in LANGUAGES.iter().zip(&mut records) {
            let (whole, begun) = (trace(2 * round), trace(2 * round + 1));
            // The end of a line, then the middle of one, then before the last.
            let at = [begun.find('\n').unwrap() + 1, begun.len() / 2, begun.rfind('\n').unwrap()][round];
            write(name, &format!("{whole}\n{}", &begun[..at]));
            rests.push(format!("{}\n", &begun[at..]));
            records.extend([whole, begun]);
        }
        for ((name, ..), records) in LANGUAGES.iter().zip(&records) {
            let complete = &records[2 * round];
            let stream = format!("{name}.log");
            wait_until("the trace before came", PATIENCE, || scene.records(&stream).contains(complete));
        }
        if is_killed {
            agent.kill();
        } else {
            agent.stop();
        }
        for ((name, ..), rest) in LANGUAGES.iter().zip(rests) {
            write(name, &rest);
        }
    }
    let agent = scene.start();
    for ((name, ..), records) in LANGUAGES.iter().zip(records) {
        scene.wait_for_all(&expecting(&scene, &format!("{name}.log"), records), PATIENCE);
    }
    agent.stop();
}

#[test]
fn filters_see_the_whole_record() {
    let mut scene = Scene::new(&[]);
    let rules = json!({
        "multi_line_start_pattern": r"^\d{4}-",
        "include_patterns": ["Traceback"],
        "exclude_patterns": ["job-1'"],
    });
    let entries = vec![entry(&scene, "app.log", &rules)];
    follow(&mut scene, entries);
    let agent = scene.start();
    let mut log = append(&scene.path("app.log"));
    for record in [python(1), "2026-11-21 fine".to_owned(), python(2)] {
        writeln!(log, "{record}").unwrap();
    }
    scene.wait_for_exactly(&expecting(&scene, "app.log", vec![python(2)]));
    agent.stop();
}

struct Foreign {
    name: &'static str,
    /// What the configuration says, where it says anything.
    label: Option<&'static str>,
    text: &'static str,
    bytes: Vec<u8>,
}

fn foreign_files() -> Vec<Foreign> {
    let units = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let encoded = |text: &str, to: &'static encoding_rs::Encoding| to.encode(text).0.into_owned();
    let (wide, marked) = ("Größe 漢字 ਊ 😀\r\nsecond ਊ\nthird 終\n", "\u{feff}Größe 漢字 ਊ 😀\r\nsecond ਊ\nthird 終\n");
    let (western, japanese) = ("Größe €5 „gut“\r\nzweite\ndritte Zeile ß\n", "漢字ソ表能\r\n予定ｱｲｳ\n終わり\n");
    let file = |name, label, text, bytes| Foreign { name, label, text, bytes };
    vec![
        file("marked-le.log", None, wide, units(marked, u16::to_le_bytes)),
        file("marked-be.log", None, wide, units(marked, u16::to_be_bytes)),
        file("utf-16le.log", Some("utf-16"), wide, units(wide, u16::to_le_bytes)),
        file("utf-16be.log", Some("UTF-16BE"), wide, units(wide, u16::to_be_bytes)),
        file("western.log", Some("windows-1252"), western, encoded(western, encoding_rs::WINDOWS_1252)),
        file("japanese.log", Some("shift_jis"), japanese, encoded(japanese, encoding_rs::SHIFT_JIS)),
    ]
}

#[test]
fn files_of_other_encodings_arrive_as_text_through_a_restart_in_the_middle_of_a_line() {
    let mut scene = Scene::new(&[]);
    let files = foreign_files();
    let rules = |file: &Foreign| file.label.map_or(json!({}), |label| json!({"encoding": label}));
    let entries = files.iter().map(|file| entry(&scene, file.name, &rules(file))).collect();
    follow(&mut scene, entries);
    let agent = scene.start();
    let middle = |file: &Foreign| (file.bytes.len() * 2 / 3) | 1;
    for file in &files {
        append(&scene.path(file.name)).write_all(&file.bytes[..middle(file)]).unwrap();
    }
    for file in &files {
        let first = file.text.lines().next().unwrap();
        wait_until("the first line came", PATIENCE, || scene.records(file.name).iter().any(|record| record == first));
    }
    agent.kill();
    for file in &files {
        append(&scene.path(file.name)).write_all(&file.bytes[middle(file)..]).unwrap();
    }
    let agent = scene.start();
    for file in &files {
        let records = file.text.lines().map(str::to_owned).collect();
        scene.wait_for_all(&expecting(&scene, file.name, records), PATIENCE);
    }
    agent.stop();
    scene.assert_nothing_refused_but(&[]);
}

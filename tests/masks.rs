//! What must not leave the device does not: the real program, masks of every kind, and a look at everything that it wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "tests state what must be, and a scene has more than one test needs"
)]

#[path = "support/agent.rs"]
mod scene;

use std::fs;
use std::path::Path;

use scene::{PATIENCE, Scene, Written, wait_until};
use serde_json::json;

const ALL: [&str; 8] =
    ["aws_keys", "authorization", "jwt", "credit_card", "email", "ipv4", "private_key", "password_fields"];

/// Each record with what arrives of it, and what must be seen nowhere.
const RECORDS: [(&str, &str, &str); 12] = [
    ("plain words 1", "plain words 1", "(nothing)"),
    ("id AKIAIOSFODNN7EXAMPLE", "id [aws key]", "AKIAIOSFODNN7"),
    ("Authorization: Bearer topsecret-1 ok", "Authorization: Bearer [masked] ok", "topsecret"),
    ("pay 4111 1111 1111 1111 now", "pay [card] now", "4111 1111"),
    ("mail bob@example.com", "mail [email]", "bob@example"),
    ("from 203.0.113.77 port 1", "from [ipv4] port 1", "203.0.113.77"),
    ("{\"password\": \"hunter2\"}", "{\"password\": \"[masked]\"}", "hunter2"),
    ("-----BEGIN PRIVATE KEY-----", "[private key]", "-----BEGIN"),
    ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", "[private key]", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"),
    ("-----END PRIVATE KEY-----", "[private key]", "-----END"),
    ("customer 4711 left", "customer [number] left", "4711"),
    ("plain words 2", "plain words 2", "(nothing)"),
];

/// Every file below a folder that holds the text.
fn holders(folder: &Path, text: &str) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|it| it.file_type().is_file());
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        memchr::memmem::find(&bytes, text.as_bytes()).is_some()
    };
    files.filter(|it| holds(it.path())).map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn what_a_mask_finds_is_neither_sent_nor_kept_nor_told() {
    let mut scene = Scene::new(&["app.log"]);
    let mut rules: Vec<_> = ALL.map(|name| json!(name)).into();
    rules.push(json!({"pattern": "(customer )[0-9]+", "replace": "${1}[number]"}));
    scene.set("/logs/mask", rules);
    scene.set("/agent/debug", true);
    let mut app = Written::open(&scene, "app.log");
    let agent = scene.start();
    for (record, ..) in RECORDS {
        app.line(record);
    }
    scene.wait_for_taken("app.log", RECORDS.len() as u64, PATIENCE);
    assert_eq!(scene.records("app.log"), RECORDS.map(|(_, arrives, _)| arrives));
    agent.stop();
    for (.., secret) in RECORDS {
        // The file itself holds it, and nothing else does.
        let holders = holders(scene.path("app.log").parent().unwrap(), secret);
        assert!(secret == "(nothing)" || holders == ["app.log"], "{secret} is in {holders:?}");
    }
    // Its position settled: nothing comes twice.
    let agent = scene.start();
    app.line("after the restart");
    scene.wait_for_taken("app.log", RECORDS.len() as u64 + 1, PATIENCE);
    assert_eq!(scene.records("app.log").last().map(String::as_str), Some("after the restart"));
    assert_eq!(scene.records("app.log").len(), RECORDS.len() + 1);
    agent.stop();
}

#[test]
fn an_entry_s_mask_replaces_the_one_of_all_and_a_record_that_cannot_be_searched_is_masked_whole() {
    let mut scene = Scene::new(&["app.log", "open.log"]);
    scene.set("/logs/mask", json!([{"pattern": "(?:(a+)\\1?)+b"}]));
    scene.set("/logs/logs_collected/files/collect_list/1/mask", json!([]));
    let (mut app, mut open) = (Written::open(&scene, "app.log"), Written::open(&scene, "open.log"));
    let agent = scene.start();
    let hard = format!("x {}!", "a".repeat(60));
    for line in [hard.as_str(), "xaab"] {
        app.line(line);
        open.line(line);
    }
    scene.wait_for_taken("app.log", 2, PATIENCE);
    scene.wait_for_taken("open.log", 2, PATIENCE);
    assert_eq!(scene.records("app.log"), ["[masked]", "x[masked]"]);
    assert_eq!(scene.records("open.log"), [hard.as_str(), "xaab"]);
    wait_until("it is told", PATIENCE, || scene.own_log().contains("took too many steps"));
    agent.stop();
}

#[test]
fn a_private_key_is_masked_to_its_end_though_the_program_ends_inside_of_it() {
    let line = |number: usize| format!("{number}IIEowIBAAKCAQEA0Z3VS5JJcds3xfn+ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI");
    for prefix in ["", "Nov 21 18:00:00 host app[1]: "] {
        let mut scene = Scene::new(&["app.log"]);
        scene.set("/logs/mask", json!(["private_key"]));
        let mut app = Written::open(&scene, "app.log");
        let mut write = |text: &str| app.line(&format!("{prefix}{text}"));
        let agent = scene.start();
        ["before", "-----BEGIN PRIVATE KEY-----", &line(1), &line(2)].into_iter().for_each(&mut write);
        scene.wait_for_taken("app.log", 4, PATIENCE);
        agent.stop();
        [&*line(3), &line(4)].into_iter().for_each(&mut write);
        let agent = scene.start();
        wait_until("the next lines come", PATIENCE, || scene.records("app.log").len() >= 6);
        agent.kill();
        // A key's last line that is shorter than a word is known as one only where it stands alone.
        let short = if prefix.is_empty() { "Ag==" } else { "MBZhpIAg8s7d6fA=" };
        [&*line(5), short, "-----END PRIVATE KEY-----", "after"].into_iter().for_each(&mut write);
        let agent = scene.start();
        let is_last = || scene.records("app.log").last().is_some_and(|record| *record == format!("{prefix}after"));
        wait_until("what is behind the key comes", PATIENCE, is_last);
        agent.stop();
        let records = scene.records("app.log");
        assert_eq!(records[0], format!("{prefix}before"));
        // After the crash some may have come twice.
        let inside = &records[1..records.len() - 1];
        assert!(inside.len() >= 8 && inside.iter().all(|record| record.contains("[private key]")), "{records:?}");
        for number in 1..=5 {
            let holders = holders(scene.path("app.log").parent().unwrap(), &line(number));
            assert_eq!(holders, ["app.log"], "line {number}");
        }
    }
}

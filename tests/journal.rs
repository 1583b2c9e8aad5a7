//! The real program reads a real journal: journald runs in a mount namespace of its own, so that nothing of this machine is
//! touched, and the agent in the same one.
//!
//! Each test is a run of this test binary inside of `unshare --mount`. What needs units or boots stands in `tests/systemd.rs`.
//! The rule that is easy to break: a machine without journald skips with a line that says so, but never where `CI` is set.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "support/journald.rs"]
mod journald;
#[path = "support/agent.rs"]
#[allow(dead_code, reason = "shared with tests/agent.rs")]
mod scene;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::time::Duration;

use cloudwatch_publisher::record::{BootId, SavedJournal, Wall};
use cloudwatch_publisher::state::{Changes, Store};
use journald::{Journald, in_namespace};
use scene::{Agent, PATIENCE, Scene, wait_until};
use serde_json::json;

/// A scene that reads `journal` into the stream `journal`.
fn scene(journal: serde_json::Value) -> Scene {
    let mut scene = Scene::new(&[]);
    scene.set("/logs/logs_collected", json!({ "journal": journal }));
    scene
}

/// Starts the agent and waits until it knows where reading begins.
fn started(scene: &Scene) -> Agent {
    let begun = || scene.own_log().matches("reading the journal begins").count();
    let before = begun();
    let agent = scene.start();
    wait_until("reading began", PATIENCE, || begun() > before);
    agent
}

/// Waits for the numbers up to `count` in the stream, in order; `exactly`: none twice.
fn wait_for_numbers(scene: &Scene, count: usize, exactly: bool) {
    let came = || scene::first_ones(scene.records("journal"));
    wait_until(&format!("{count} entries came"), Duration::from_secs(180), || came().len() >= count);
    let numbers: Vec<String> = (0..count).map(|number| format!("number {number}")).collect();
    let came = came();
    let wrong = came.iter().zip(&numbers).position(|(came, number)| came != number);
    assert_eq!((wrong, came.len()), (None, count), "{:?}", wrong.map(|at| &came[at]));
    if exactly {
        assert_eq!(scene.records("journal").len(), count, "some came twice");
    }
}

/// Ends the agent: by then nothing may have come twice.
fn stop_with(scene: &Scene, agent: Agent, count: usize) {
    agent.stop();
    assert_eq!(scene.records("journal").len(), count, "some came twice");
}

fn message_scene() -> Scene {
    scene(json!({ "format": "message", "identifiers": ["test"] }))
}

#[test]
fn entries_come_once_in_order_with_their_own_times() {
    in_namespace("entries_come_once_in_order_with_their_own_times", || {
        let journald = Journald::start();
        journald.log("test", "before the start");
        let scene = message_scene();
        let agent = started(&scene);
        let before = scene::now_ms();
        journald.numbers(0, 500);
        wait_for_numbers(&scene, 500, true);
        let times: Vec<i64> = scene.endpoint.events(scene::GROUP, "journal").iter().map(|(time, _)| *time).collect();
        assert!(times.iter().all(|time| (before - 1..=scene::now_ms()).contains(time)) && times.is_sorted());
        stop_with(&scene, agent, 500);
    });
}

#[test]
fn fifty_thousand_entries_under_rotation_vacuum_restart_and_kills_come_once_and_in_order() {
    in_namespace("fifty_thousand_entries_under_rotation_vacuum_restart_and_kills_come_once_and_in_order", || {
        let mut journald = Journald::start();
        let scene = message_scene();
        let agent = started(&scene);
        for round in 0..10 {
            let write = || journald.numbers(round * 5_000, 5_000);
            // What is read already is vacuumed while writing goes on.
            if round % 3 == 2 {
                wait_for_numbers(&scene, round * 5_000, true);
                journald.control(&["--rotate"]);
                std::thread::scope(|scope| {
                    let writing = scope.spawn(write);
                    while !writing.is_finished() {
                        journald.control(&["--vacuum-files=1"]);
                    }
                });
            } else {
                write();
            }
            match round % 3 {
                0 => journald.control(&["--rotate"]),
                1 => journald.restart(),
                _ => journald::kill_children(agent.pid()),
            }
        }
        wait_for_numbers(&scene, 50_000, true);
        println!("agent: {}", journald::figures(agent.pid()));
        stop_with(&scene, agent, 50_000);
    });
}

#[test]
fn after_kill_nothing_is_lost_and_journalctl_ends_with_its_parent() {
    in_namespace("after_kill_nothing_is_lost_and_journalctl_ends_with_its_parent", || {
        let journald = Journald::start();
        let scene = message_scene();
        for round in 0..4 {
            let agent = started(&scene);
            journald.numbers(round * 1_500, 1_000);
            wait_until("something came", PATIENCE, || !scene.records("journal").is_empty());
            let mut children = Vec::new();
            wait_until("journalctl runs", PATIENCE, || {
                children = journald::children(agent.pid());
                !children.is_empty()
            });
            agent.kill();
            journald.numbers(round * 1_500 + 1_000, 500);
            wait_until("journalctl ended too", PATIENCE, || children.iter().all(|child| !journald::is_alive(*child)));
        }
        let agent = started(&scene);
        wait_for_numbers(&scene, 6_000, false);
        agent.stop();
    });
}

#[test]
fn after_sigterm_nothing_is_doubled_and_nothing_written_meanwhile_is_lost() {
    in_namespace("after_sigterm_nothing_is_doubled_and_nothing_written_meanwhile_is_lost", || {
        let journald = Journald::start();
        let scene = message_scene();
        // It ends before the first entry: what comes then is the next one's.
        started(&scene).stop();
        for round in 0..3 {
            journald.numbers(round * 200, 100);
            let agent = started(&scene);
            journald.numbers(round * 200 + 100, 100);
            wait_for_numbers(&scene, (round + 1) * 200, true);
            stop_with(&scene, agent, (round + 1) * 200);
        }
    });
}

#[test]
fn offline_it_waits_in_the_journal_and_goes_on() {
    in_namespace("offline_it_waits_in_the_journal_and_goes_on", || {
        let journald = Journald::start();
        let scene = message_scene();
        let agent = started(&scene);
        journald.numbers(0, 10);
        wait_for_numbers(&scene, 10, true);
        scene.endpoint.go_offline();
        journald.numbers(10, 5_000);
        wait_until("a failure is logged", PATIENCE, || scene.own_log().contains("records were not taken"));
        wait_until("the status says what waits", PATIENCE, || {
            let output = scene.program(&["status"]).arg(scene.path("config.json")).output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            said.starts_with("not delivering")
                && said.contains("sent from 1 journal; 5,000 records wait, the oldest for")
        });
        scene.endpoint.go_online();
        wait_for_numbers(&scene, 5_010, true);
        stop_with(&scene, agent, 5_010);
    });
}

#[test]
fn huge_and_binary_fields_and_many_lines_spoil_no_neighbour() {
    in_namespace("huge_and_binary_fields_and_many_lines_spoil_no_neighbour", || {
        let journald = Journald::start();
        let scene = message_scene();
        let agent = started(&scene);
        journald.native(&[
            ("MESSAGE", b"number 0"),
            ("SYSLOG_IDENTIFIER", b"test"),
            ("COREDUMP", &vec![7; 20_000_000]),
        ]);
        journald.native(&[("SYSLOG_IDENTIFIER", b"test"), ("MESSAGE", b"one\n\ntwo \xff")]);
        journald.native(&[("SYSLOG_IDENTIFIER", b"test"), ("NO_MESSAGE", b"x")]);
        journald.native(&[("SYSLOG_IDENTIFIER", b"test"), ("MESSAGE", &vec![b'x'; 2_000_000])]);
        journald.native(&[("SYSLOG_IDENTIFIER", b"test"), ("MESSAGE", b"end")]);
        wait_until("all came", PATIENCE, || scene.records("journal").last().is_some_and(|last| last == "end"));
        let records = scene.records("journal");
        assert_eq!(records.len(), 5, "the long one is two");
        assert_eq!((records[0].as_str(), records[1].as_str()), ("number 0", "one\n\ntwo \u{fffd}"));
        agent.stop();
    });
}

/// Writes a place into the state of a scene that has not run.
fn save(scene: &Scene, cursor: &str, boot: &str, time: i64) {
    let journal = SavedJournal {
        entry: "journal".to_owned(),
        cursor: cursor.to_owned(),
        is_past: true,
        time: Wall(time),
        boot: BootId(boot.to_owned()),
    };
    let (store, _) = Store::open(&scene.path("state")).unwrap();
    store.commit(&Changes { journals: vec![journal], ..Changes::default() }).unwrap();
}

#[test]
fn a_cursor_from_the_future_a_bad_one_and_a_vacuumed_one_never_stop_it() {
    in_namespace("a_cursor_from_the_future_a_bad_one_and_a_vacuumed_one_never_stop_it", || {
        let journald = Journald::start();
        let (old, now) = ("11111111111141118111111111111111", journald.boot());
        let future = scene::now_ms() + 86_400_000 * 365;
        let cursor = |boot: &str, number: u64, time: i64| {
            let series = "22222222222242228222222222222222";
            format!("s={series};i={number:x};b={boot};m=1;t={:x};x=1", time * 1_000)
        };
        journald.numbers(0, 10);
        for (cursor, boot, time) in [
            (cursor(old, 1_000_000, future), old, future),
            ("of another kind".to_owned(), now.as_str(), 0),
            (cursor(&now, 1, 1_000), now.as_str(), 1_000),
        ] {
            let scene = message_scene();
            save(&scene, &cursor, boot, time);
            let agent = started(&scene);
            wait_for_numbers(&scene, 10, true);
            stop_with(&scene, agent, 10);
        }
    });
}

#[test]
fn it_begins_where_since_says() {
    in_namespace("it_begins_where_since_says", || {
        let journald = Journald::start();
        journald.numbers(0, 10);
        let mut written: Vec<String> = (0..10).map(|number| format!("number {number}")).collect();
        for (since, is_all) in [("boot", true), ("1h", true), ("now", false)] {
            let scene = scene(json!({ "format": "message", "identifiers": ["test"], "since": since }));
            let agent = started(&scene);
            let last = format!("written under {since}");
            journald.log("test", &last);
            wait_until("the last came", PATIENCE, || scene.records("journal").contains(&last));
            agent.stop();
            written.push(last.clone());
            assert_eq!(scene.records("journal"), if is_all { written.clone() } else { vec![last] }, "{since}");
        }
    });
}

#[test]
fn a_journal_of_another_boot_than_is_seen_is_followed_until_there_is_one_of_ours() {
    in_namespace("a_journal_of_another_boot_than_is_seen_is_followed_until_there_is_one_of_ours", || {
        let journald = Journald::start_in_another_boot("11111111-1111-4111-8111-111111111111");
        journald.numbers(0, 10);
        let scene = scene(json!({ "format": "message", "identifiers": ["test"], "since": "boot" }));
        let agent = started(&scene);
        wait_for_numbers(&scene, 10, true);
        journald.numbers(10, 10);
        wait_for_numbers(&scene, 20, true);
        stop_with(&scene, agent, 20);
        journald.numbers(20, 10);
        let agent = started(&scene);
        wait_for_numbers(&scene, 30, true);
        journald.numbers(30, 10);
        wait_for_numbers(&scene, 40, true);
        // One that sees what everybody sees: its boot is found without a restart.
        drop(journald);
        let journald = Journald::start();
        journald.numbers(40, 10);
        wait_for_numbers(&scene, 50, true);
        journald.numbers(50, 10);
        wait_for_numbers(&scene, 60, true);
        stop_with(&scene, agent, 60);
    });
}

#[test]
fn filters_choose_and_several_readings_go_side_by_side() {
    in_namespace("filters_choose_and_several_readings_go_side_by_side", || {
        let journald = Journald::start();
        let mut scene = Scene::new(&[]);
        let filters =
            json!([{ "type": "include", "expression": "user" }, { "type": "exclude", "expression": "failed" }]);
        scene.set(
            "/logs/logs_collected",
            json!({
                "journal": { "log_stream_name": "chosen", "format": "json", "matches": ["SYSLOG_IDENTIFIER=a", "SYSLOG_IDENTIFIER=b"],
                             "exclude_matches": ["MESSAGE=no"], "exclude_patterns": ["never"] },
                "journald": { "collect_list": [
                    { "log_stream_name": "urgent", "priority": "err" },
                    { "log_stream_name": "users", "filters": filters },
                ] },
            }),
        );
        let agent = scene.start();
        wait_until("all began", PATIENCE, || scene.own_log().matches("reading the journal begins").count() == 3);
        for (name, text) in
            [("a", "one"), ("c", "two"), ("b", "no"), ("a", "never"), ("b", "user login"), ("c", "user failed")]
        {
            journald.log(name, text);
        }
        journald.native(&[("MESSAGE", b"urgent"), ("PRIORITY", b"2"), ("SYSLOG_IDENTIFIER", b"c")]);
        wait_until("the last came", PATIENCE, || !scene.records("urgent").is_empty());
        wait_until("the others too", PATIENCE, || {
            scene.records("chosen").len() == 2 && !scene.records("users").is_empty()
        });
        let messages: BTreeSet<String> = scene
            .records("chosen")
            .iter()
            .map(|record| {
                serde_json::from_str::<serde_json::Value>(record).unwrap()["MESSAGE"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(messages, BTreeSet::from(["one".to_owned(), "user login".to_owned()]));
        assert!(scene.records("urgent")[0].ends_with(": urgent"));
        assert!(scene.records("users").iter().all(|record| record.contains("user login")));
        agent.stop();
    });
}

#[test]
fn masks_hold_in_the_journal_also_where_reading_begins_anew_inside_of_a_key() {
    in_namespace("masks_hold_in_the_journal_also_where_reading_begins_anew_inside_of_a_key", || {
        let line = |number: usize| format!("{number}IIEowIBAAKCAQEA0Z3VS5JJcds3xfn+ygWyF8PbnGy0AHB7MhgwMbRvI0MBZhpI");
        let journald = Journald::start();
        let mut scene = scene(json!({ "identifiers": ["test"] }));
        scene.set("/logs/mask", json!(["private_key", "password_fields"]));
        let agent = started(&scene);
        for text in ["login password=hunter2 ok", "-----BEGIN PRIVATE KEY-----", &line(1)] {
            journald.log("test", text);
        }
        wait_until("the key began", PATIENCE, || scene.records("journal").len() >= 3);
        agent.kill();
        for text in [&*line(2), &line(3), "-----END PRIVATE KEY-----", "after"] {
            journald.log("test", text);
        }
        let agent = started(&scene);
        let is_last = || scene.records("journal").last().is_some_and(|record| record.ends_with("after"));
        wait_until("what is behind the key comes", PATIENCE, is_last);
        agent.stop();
        let records = scene.records("journal");
        assert!(records[0].ends_with("login password=[masked] ok"), "{records:?}");
        assert_eq!(records.iter().filter(|record| record.contains("IIEow")).count(), 0, "{records:?}");
        assert!(records.iter().filter(|record| record.contains("[private key]")).count() >= 5, "{records:?}");
    });
}

#[test]
fn a_missing_journalctl_is_one_warning_and_stops_nothing_else() {
    in_namespace("a_missing_journalctl_is_one_warning_and_stops_nothing_else", || {
        let mut scene = Scene::new(&["app.log"]);
        scene.set("/logs/logs_collected/journal", json!({ "format": "message", "identifiers": ["test"] }));
        let tools = scene.path("tools");
        fs::create_dir(&tools).unwrap();
        let config = scene.config();
        let mut command = scene.program(&["run"]);
        command.arg(config).env("PATH", &tools);
        let mut app = scene::Written::open(&scene, "app.log");
        app.lines(5);
        let agent = scene.spawn(command);
        scene.wait_for_exactly(&app);
        wait_until("it is told", PATIENCE, || scene.own_log().contains("journalctl cannot be started"));
        assert_eq!(scene.own_log().matches("journalctl cannot be started").count(), 1);
        let says_so = || {
            let status = scene.program(&["status"]).arg(scene.path("config.json")).output().unwrap();
            String::from_utf8_lossy(&status.stdout).contains("; the journal is not read: journalctl cannot be started")
        };
        wait_until("the status says so", PATIENCE, says_so);
        let journald = Journald::start();
        let found = tools.join("journalctl");
        fs::write(&found, "#!/bin/sh\nexec /usr/bin/journalctl \"$@\"\n").unwrap();
        fs::set_permissions(&found, fs::Permissions::from_mode(0o755)).unwrap();
        wait_until("it began", PATIENCE, || scene.own_log().contains("reading the journal begins"));
        journald.numbers(0, 3);
        wait_for_numbers(&scene, 3, true);
        wait_until("the status says no more of it", PATIENCE, || !says_so());
        stop_with(&scene, agent, 3);
    });
}

#[test]
fn a_journald_that_hangs_holds_up_neither_delivery_nor_a_start_nor_the_end() {
    in_namespace("a_journald_that_hangs_holds_up_neither_delivery_nor_a_start_nor_the_end", || {
        let journald = Journald::start();
        let mut scene = Scene::new(&["app.log"]);
        let agent = json!({
            "instance": { "prefix": "test", "serial": "agent" },
            "region": "eu-west-1",
            "logs_collection_interval": 1,
            "endpoint_override": scene.endpoint.url(),
            "state_directory": scene.path("state"),
            "debug": true,
        });
        scene.set("/agent", agent);
        let stderr = scene.path("stderr");
        fs::write(&stderr, "").unwrap();
        let about = fs::metadata(&stderr).unwrap();
        let start = || {
            let mut command = scene.program(&["run"]);
            // So systemd says that stderr is the journal.
            command.arg(scene.config()).env("JOURNAL_STREAM", format!("{}:{}", about.dev(), about.ino()));
            scene.spawn(command)
        };
        let mut app = scene::Written::open(&scene, "app.log");
        let mut deliver = || {
            app.lines(5);
            scene.wait_for_exactly(&app);
        };
        let agent = start();
        deliver();
        wait_until("the own log is in the journal", PATIENCE, || !journald.said_by(agent.pid()).is_empty());
        journald.hang();
        (0..3).for_each(|_| deliver());
        agent.stop();
        let agent = start();
        (0..3).for_each(|_| deliver());
        journald.go_on();
        wait_until("what was said comes late", PATIENCE, || !journald.said_by(agent.pid()).is_empty());
        agent.stop();
    });
}

/// A journal of which an agent that has ended read the first ten entries.
fn ten_read() -> (Journald, Scene) {
    let journald = Journald::start();
    let scene = message_scene();
    let agent = started(&scene);
    journald.numbers(0, 10);
    wait_for_numbers(&scene, 10, true);
    agent.stop();
    (journald, scene)
}

#[test]
fn a_journal_that_is_gone_with_its_boot_is_said_and_the_next_boot_is_read_whole() {
    in_namespace("a_journal_that_is_gone_with_its_boot_is_said_and_the_next_boot_is_read_whole", || {
        let (mut journald, scene) = ten_read();
        for boot in 1..4_u32 {
            let count = usize::try_from(boot).unwrap() * 10;
            journald.log("test", "gone with its boot");
            journald.reboot(boot, false);
            journald.numbers(count, 5);
            let agent = started(&scene);
            journald.numbers(count + 5, 5);
            wait_for_numbers(&scene, count + 10, true);
            stop_with(&scene, agent, count + 10);
            assert_eq!(scene.own_log().matches("the rest of an earlier boot is lost").count(), count / 10);
        }
    });
}

#[test]
fn boots_that_number_their_entries_anew_are_read_once_and_in_order() {
    in_namespace("boots_that_number_their_entries_anew_are_read_once_and_in_order", || {
        let (mut journald, scene) = ten_read();
        let mut count = 10;
        // Nobody reads in the first of two boots.
        for pair in 0..3 {
            journald.numbers(count, 10);
            journald.reboot(pair * 2 + 1, true);
            journald.numbers(count + 10, 10);
            journald.reboot(pair * 2 + 2, true);
            journald.numbers(count + 20, 10);
            let agent = started(&scene);
            journald.numbers(count + 30, 10);
            count += 40;
            wait_for_numbers(&scene, count, true);
            stop_with(&scene, agent, count);
        }
        assert!(!scene.own_log().contains("vacuumed"), "nothing is gone");
        assert_eq!(journald.series_and_boots(), (7, 7), "each boot numbered its entries anew");
    });
}

/// Hangs up and waits until the configuration is in force.
fn reload(scene: &Scene, agent: &Agent) {
    let in_force = || scene.own_log().matches("a new configuration is in force").count();
    let before = in_force();
    let pid = rustix::process::Pid::from_raw(i32::try_from(agent.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    wait_until("the configuration is in force", PATIENCE, || in_force() > before);
}

#[test]
fn twenty_reloads_under_load_and_another_stream_lose_and_double_no_entry() {
    in_namespace("twenty_reloads_under_load_and_another_stream_lose_and_double_no_entry", || {
        let journald = Journald::start();
        let mut scene = Scene::new(&[]);
        let reading = json!({ "log_stream_name": "journal", "matches": [{ "SYSLOG_IDENTIFIER": "test" }] });
        scene.set("/logs/logs_collected", json!({ "journald": { "collect_list": [reading.clone()] } }));
        let agent = started(&scene);
        let message = |record: &String| record.rsplit_once(": ").unwrap().1.to_owned();
        let came = |scene: &Scene| -> Vec<String> {
            scene.records("journal").iter().chain(&scene.records("renamed")).map(message).collect()
        };
        for round in 0..20 {
            journald.numbers(round * 300, 300);
            reload(&scene, &agent);
        }
        journald.numbers(6_000, 500);
        let mut renamed = reading;
        renamed["log_stream_name"] = json!("renamed");
        let other = json!({ "log_stream_name": "other", "priority": "emerg" });
        scene.set("/logs/logs_collected", json!({ "journald": { "collect_list": [other, renamed] } }));
        scene.config();
        reload(&scene, &agent);
        journald.numbers(6_500, 500);
        wait_until("all came", Duration::from_secs(180), || came(&scene).len() >= 7_000);
        agent.stop();
        let numbers: Vec<String> = (0..7_000).map(|number| format!("number {number}")).collect();
        let came = came(&scene);
        let wrong = came.iter().zip(&numbers).position(|(came, number)| came != number);
        assert_eq!((wrong, came.len()), (None, 7_000));
        assert!(scene.records("renamed").len() >= 500);
    });
}

#[test]
fn what_was_vacuumed_is_told_once_and_only_where_the_reading_may_have_wanted_it() {
    in_namespace("what_was_vacuumed_is_told_once_and_only_where_the_reading_may_have_wanted_it", || {
        let journald = Journald::start();
        let scene = message_scene();
        let vacuumed = || scene.own_log().matches("the journal was vacuumed").count();
        let agent = started(&scene);
        journald.numbers(0, 10);
        wait_for_numbers(&scene, 10, true);
        agent.stop();
        // Starts that find everything as it was say nothing.
        started(&scene).stop();
        assert_eq!(vacuumed(), 0);
        journald.control(&["--rotate"]);
        journald.log("noise", "nobody asked for it");
        journald.control(&["--rotate"]);
        journald.log("noise", "nor for this");
        journald.control(&["--sync"]);
        journald.control(&["--vacuum-time=1us"]);
        // A unit that is quiet has lost nothing as far as is known.
        let agent = started(&scene);
        assert_eq!(vacuumed(), 0);
        journald.numbers(10, 1);
        wait_for_numbers(&scene, 11, true);
        assert_eq!(vacuumed(), 1);
        stop_with(&scene, agent, 11);
        started(&scene).stop();
        assert_eq!(vacuumed(), 1);
        // A place in an earlier boot that is gone, and nothing that filters: told at once.
        let mut all = Scene::new(&[]);
        all.set("/logs/logs_collected", json!({ "journal": { "format": "message" } }));
        let old = "11111111111141118111111111111111";
        let cursor = format!("s=22222222222242228222222222222222;i=1;b={old};m=1;t=1;x=1");
        save(&all, &cursor, old, 0);
        let agent = started(&all);
        wait_until("it is told", PATIENCE, || all.own_log().contains("the rest of an earlier boot is lost"));
        agent.stop();
        assert_eq!(all.own_log().matches("the journal was vacuumed").count(), 1);
    });
}

/// Takes the place of the last run from a scene, as a damaged card does.
fn lose_state(scene: &Scene) {
    for file in fs::read_dir(scene.path("state")).unwrap().map(|file| file.unwrap().path()) {
        if !file.ends_with("lock") {
            fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn with_the_state_lost_it_begins_with_what_cloudwatch_still_takes_of_whatever_boot_and_machine() {
    let name = "with_the_state_lost_it_begins_with_what_cloudwatch_still_takes_of_whatever_boot_and_machine";
    in_namespace(name, || {
        let mut journald = Journald::start();
        journald.numbers(0, 10);
        journald.reboot(1, true);
        journald.numbers(10, 10);
        journald.control(&["--sync"]);
        let theirs = "/run/theirs";
        let copied = Command::new("cp").args(["--recursive", "/run/log/journal/.", theirs]).status().unwrap();
        assert!(copied.success(), "{copied}");
        journald.reboot(2, true);
        for directory in [None, Some(theirs)] {
            let mut scene = message_scene();
            if let Some(directory) = directory {
                scene.set("/logs/logs_collected/journal/directory", directory);
            }
            started(&scene).stop();
            assert_eq!(scene.records("journal").len(), 0, "reading begins now, and {directory:?} has nothing new");
            lose_state(&scene);
            let agent = started(&scene);
            assert!(scene.own_log().contains("the state was lost"), "{}", scene.own_log());
            wait_for_numbers(&scene, 20, true);
            stop_with(&scene, agent, 20);
        }
    });
}

#[test]
fn a_boot_that_began_before_the_end_of_the_one_before_it_is_read_once() {
    in_namespace("a_boot_that_began_before_the_end_of_the_one_before_it_is_read_once", || {
        if !journald::has_remote() {
            return;
        }
        let journald = Journald::start();
        let (before, minute) = ("22222222222242228222222222222222", 60_000_i64);
        // The clock went back with the power: it had gone on for half an hour after what is now. One entry of it was sent.
        let entries = (-1..10).map(|number| {
            let fields = format!("MESSAGE=number {number}\nSYSLOG_IDENTIFIER=test\n");
            journald::entry(before, scene::now_ms() + (number * 4 - 6) * minute, &fields)
        });
        let file = journald.folder().join("before.journal");
        journald::write_journal(&file, &entries.collect::<String>());
        journald.numbers(10, 10);
        journald.control(&["--sync"]);
        let scene = message_scene();
        save(&scene, &journald::first_cursor(&file), before, scene::now_ms() - 10 * minute);
        let agent = started(&scene);
        let came = || scene.records("journal").into_iter().collect::<BTreeSet<_>>();
        let expected: BTreeSet<String> = (0..20).map(|number| format!("number {number}")).collect();
        wait_until("all came", PATIENCE, || came() == expected);
        stop_with(&scene, agent, 20);
    });
}

#[test]
fn a_unit_has_the_same_entries_whether_it_is_chosen_by_name_or_by_pattern() {
    if !journald::has_remote() {
        return;
    }
    let scene_of = |unit: &str, folder: &std::path::Path| {
        scene(json!({ "format": "message", "units": [unit], "directory": folder, "since": "1d" }))
    };
    let dump = "fc2e22bc6ee647b6b90729ab34a250b1";
    let of_units = [
        ("by it", "_SYSTEMD_UNIT=shop.service\n".to_owned(), true),
        ("about it", "_PID=1\nUNIT=shop.service\n".to_owned(), true),
        ("forged", "_PID=9\nUNIT=shop.service\n".to_owned(), false),
        ("a dump of it", format!("_UID=0\nMESSAGE_ID={dump}\nCOREDUMP_UNIT=shop.service\n"), true),
        ("on its behalf", "_UID=0\nOBJECT_SYSTEMD_UNIT=shop.service\n".to_owned(), true),
        ("of another", "_SYSTEMD_UNIT=cron.service\n".to_owned(), false),
        ("of none", String::new(), false),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (mut text, mut expected, start) = (String::new(), Vec::new(), scene::now_ms() - 3_600_000);
    for (boot, at) in [("44444444444444448444444444444444", 0), ("55555555555545558555555555555555", 60_000)] {
        for (index, (message, fields, is_of_it)) in (0..).zip(&of_units) {
            let message = format!("{message} in {boot}");
            text += &journald::entry(boot, start + at + index, &format!("MESSAGE={message}\n{fields}"));
            expected.extend(is_of_it.then_some(message));
        }
    }
    journald::write_journal(&folder.path().join("units.journal"), &text);
    for unit in ["shop", "shop.service", "sho*", "[rs]hop.service"] {
        let scene = scene_of(unit, folder.path());
        let agent = started(&scene);
        wait_until(unit, PATIENCE, || scene.records("journal").len() >= expected.len());
        agent.stop();
        assert_eq!(scene.records("journal"), expected, "{unit}");
    }
}

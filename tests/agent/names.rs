//! Names of streams and groups with the real program: a stream a day, a class, a file deleted once it is sent.

use std::io::Write as _;
use std::time::Duration;

use cloudwatch_publisher::record::{StreamName, Wall};

use crate::scene::{GROUP, PATIENCE, Scene, Written, append, now_ms, wait_until};

#[test]
fn nothing_is_deleted_while_nothing_is_acknowledged_and_then_the_rotated_file_is() {
    let mut scene = Scene::new(&["app.log"]);
    let entry = "/logs/logs_collected/files/collect_list/0";
    scene.set(&format!("{entry}/auto_removal"), true);
    scene.set(&format!("{entry}/partial_line_timeout"), 1);
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    scene.endpoint.go_offline();
    app.lines(10);
    app.rotate("app.log.1");
    app.lines(10);
    let rotated = scene.path("app.log.1");
    wait_until("it tries to send", PATIENCE, || scene.own_log().contains("records were not taken"));
    // Longer than a file has to be at rest: how much happens within that time is what is looked at.
    std::thread::sleep(Duration::from_secs(4));
    assert!(rotated.exists(), "it was deleted before it was sent");
    agent.kill();
    assert!(rotated.exists());
    scene.endpoint.go_online();
    let agent = scene.start();
    wait_until("the rotated file is deleted", PATIENCE, || !rotated.exists());
    scene.wait_for_all(&app, PATIENCE);
    assert!(scene.path("app.log").exists() && scene.own_log().contains("deleted a rotated file"));
    agent.stop();
}

#[test]
fn a_dated_stream_is_named_after_the_day_and_goes_on_after_a_restart() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/logs/log_stream_name", "{file_name}-{date}");
    let mut app = Written::open(&scene, "app.log");
    app.lines(10);
    let stream = |ms: i64| {
        let name = StreamName { group: GROUP.into(), stream: "app.log-{date}".into() };
        name.on_day_of(Wall(ms)).stream.to_string()
    };
    let began = stream(now_ms());
    let agent = scene.start();
    let came = |scene: &Scene| -> usize {
        let days: std::collections::BTreeSet<String> = [began.clone(), stream(now_ms())].into();
        days.iter().map(|day| scene.records(day).len()).sum()
    };
    wait_until("ten records came", PATIENCE, || came(&scene) == 10);
    agent.stop();
    app.lines(10);
    let agent = scene.start();
    wait_until("twenty records came", PATIENCE, || came(&scene) == 20);
    agent.stop();
    assert!(scene.endpoint.streams().iter().all(|name| !name.stream.contains('{')));
}

#[test]
fn an_account_that_aws_does_not_tell_makes_no_name_and_stops_nothing_for_ever() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/logs/log_group_name", "/test/{account_id}");
    let mut app = Written::open(&scene, "app.log");
    app.lines(3);
    let agent = scene.start();
    let is_told = |scene: &Scene| scene.own_log().contains("`{account_id}` is not known");
    wait_until("it says what is missing", PATIENCE, || is_told(&scene));
    assert!(scene.endpoint.groups().is_empty(), "{:?}", scene.endpoint.groups());
    // Another configuration needs none; nothing was lost.
    scene.set("/logs/log_group_name", GROUP);
    scene.config();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(agent.pid()).unwrap()).unwrap(),
        rustix::process::Signal::HUP,
    )
    .unwrap();
    scene.wait_for_exactly(&app);
    agent.stop();
}

#[test]
fn a_group_is_made_of_the_class_that_is_asked_for() {
    let mut scene = Scene::new(&["app.log"]);
    scene.set("/logs/log_group_class", "INFREQUENT_ACCESS");
    let mut app = Written::open(&scene, "app.log");
    app.lines(3);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    assert_eq!(scene.endpoint.class(GROUP).as_deref(), Some("INFREQUENT_ACCESS"));
    agent.stop();
    assert!(!scene.own_log().contains("of another class"));
    // A group that is there already stays as it is: one warning.
    let mut other = Scene::new(&["app.log"]);
    let mut app = Written::open(&other, "app.log");
    app.lines(3);
    let agent = other.start();
    other.wait_for_exactly(&app);
    agent.stop();
    other.set("/logs/log_group_class", "INFREQUENT_ACCESS");
    app.lines(3);
    let agent = other.start();
    wait_until("it says so", PATIENCE, || other.own_log().contains("of another class"));
    other.wait_for_exactly(&app);
    assert_eq!(other.endpoint.class(GROUP).as_deref(), Some("STANDARD"));
    agent.stop();
}

#[test]
fn a_blacklist_with_look_around_leaves_files_out_from_the_start_and_after_a_reload() {
    let mut scene = Scene::new(&["*.txt"]);
    let blacklist = "/logs/logs_collected/files/collect_list/0/blacklist";
    scene.set(blacklist, "^(?!app)");
    let (mut app, mut other) = (Written::open(&scene, "app.txt"), Written::open(&scene, "other.txt"));
    app.lines(3);
    other.lines(3);
    let agent = scene.start();
    scene.wait_for_exactly(&app);
    assert!(scene.records("other.txt").is_empty());
    scene.set(blacklist, "^(?!app|other)");
    scene.config();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(agent.pid()).unwrap()).unwrap(),
        rustix::process::Signal::HUP,
    )
    .unwrap();
    scene.wait_for_exactly(&other);
    agent.stop();
}

#[test]
fn where_only_the_newest_match_is_followed_the_one_stream_goes_on_through_stops_and_crashes() {
    let mut scene = Scene::new(&["app-1.log"]);
    let entry = "/logs/logs_collected/files/collect_list/0";
    scene.set(&format!("{entry}/file_path"), scene.path("app-*.log").to_str().unwrap());
    scene.set(&format!("{entry}/publish_multi_logs"), false);
    scene.set(&format!("{entry}/log_stream_name"), "one");
    let mut written = Vec::new();
    let mut write = |name: &str, count: usize| {
        // Times of files advance with the kernel's tick, and by them the newest is told.
        std::thread::sleep(Duration::from_millis(20));
        let lines: Vec<String> = (0..count).map(|number| format!("{name} {} {number}", written.len())).collect();
        written.extend(lines.iter().cloned());
        writeln!(append(&scene.path(name)), "{}", lines.join("\n")).unwrap();
        written.clone()
    };
    let came = |all: Vec<String>| wait_until("all come in order", PATIENCE, || scene.records("one") == all);
    let agent = scene.start();
    came(write("app-1.log", 10));
    agent.stop();
    write("app-1.log", 5);
    let all = write("app-2.log", 10);
    let agent = scene.start();
    came(all);
    came(write("app-2.log", 3));
    agent.kill();
    write("app-2.log", 4);
    let all = write("app-3.log", 6);
    let agent = scene.start();
    wait_until("the newest comes after the crash", PATIENCE, || scene.records("one").last() == all.last());
    agent.stop();
    // What was not saved before the crash comes twice, as a whole piece: without it all stands in order.
    let mut seen = std::collections::BTreeSet::new();
    let once: Vec<String> = scene.records("one").into_iter().filter(|record| seen.insert(record.clone())).collect();
    assert_eq!(once, all);
    assert_eq!(scene.endpoint.streams().len(), 1);
}

//! Promises of the configuration as a whole. Exact messages stand in `tests/configs/broken`.

mod environment;
mod fragments;
pub(super) mod known_keys;

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const ORIGIN: &str = "/etc/cwp/x.json";

fn no_environment(_: &str) -> Option<String> {
    None
}

fn read(text: &str) -> Loaded {
    parse(text, Path::new(ORIGIN), &no_environment).unwrap_or_else(|failure| panic!("{failure}"))
}

fn refused(text: &str) -> String {
    parse(text, Path::new(ORIGIN), &no_environment).unwrap_err().to_string()
}

fn following(entry: &str) -> String {
    format!(r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [{entry}]}}}}}}}}"#)
}

fn warnings(text: &str) -> Vec<String> {
    read(text).warnings.into_iter().map(|warning| warning.message).collect()
}

fn facts() -> Facts {
    Facts { instance_id: "rpi-1".to_string(), hostname: "pi".to_string(), ..Facts::default() }
}

#[test]
fn an_empty_file_has_the_predecessors_defaults() {
    let Loaded { config, warnings } = read("{}");
    assert_eq!(warnings, []);
    assert_eq!(config.agent.instance, Instance { prefix: "sys".to_string(), serial: None, command: None });
    assert_eq!(config.agent.metrics_interval, Duration::from_secs(300));
    assert_eq!(config.agent.logs_interval, Duration::from_secs(10));
    assert_eq!((config.agent.sign_in, config.agent.region, config.agent.log_file), (None, None, None));
    assert!(!config.agent.debug);
    assert_eq!(config.metrics.namespace.text(), "System/Default");
    assert_eq!(config.logs.entries, []);
}

#[test]
fn an_entry_has_the_predecessors_group_and_stream() {
    let config = read(&following(r#"{"file_path": "/var/log/x.log"}"#)).config;
    let entry = &config.logs.entries[0];
    assert_eq!(entry, &FileEntryConfig::new("/var/log/x.log"));
    assert_eq!(entry.group.resolve(&facts()), "/system/default/rpi-1");
    assert_eq!(entry.stream.resolve_for(&facts(), Path::new("/var/log/x.log")), "x.log");
}

#[test]
fn every_key_of_the_predecessor_is_read() {
    let text = r#"{
      "agent": {
        "instance": {"prefix": "rpi", "serial": "AB", "command": "echo $HOME ${HOME}"},
        "authentication": {"accountId": "123456789012", "userPoolId": "eu-west-1_u", "identityPoolId": "eu-west-1:i",
                           "appClientId": "c", "password": "${secret}"},
        "region": "eu-central-1", "metrics_collection_interval": 60, "logs_collection_interval": 5,
        "logfile": "own.log", "debug": true
      },
      "metrics": {"namespace": "A/B"},
      "logs": {"log_group_name": "g-{instance_id}", "retention_in_days": 7, "logs_collected": {
        "files": {"collect_list": [
          {"file_path": "logs/*.log", "include_patterns": ["a"], "exclude_patterns": ["(?<!b)c"]}]},
        "journal": {"collect": true, "include_patterns": ["x"], "exclude_patterns": []}}}
    }"#;
    let Loaded { config, warnings } = read(text);
    let agent = &config.agent;
    assert_eq!(agent.instance.command.as_deref(), Some("echo $HOME ${HOME}"));
    let Some(SignIn::Cognito(user)) = &agent.sign_in else {
        panic!("no Cognito sign-in");
    };
    assert_eq!(user.password, PasswordSource::Config(PathBuf::from(ORIGIN)));
    assert!(!user.sends_password);
    assert_eq!((agent.metrics_interval.as_secs(), agent.logs_interval.as_secs()), (60, 5));
    assert_eq!(agent.log_file, Some(PathBuf::from("/etc/cwp/own.log")));
    let entry = &config.logs.entries[0];
    assert_eq!((entry.pattern.as_str(), entry.retention_days), ("/etc/cwp/logs/*.log", Some(7)));
    assert_eq!((entry.include_patterns.len(), entry.exclude_patterns.len()), (1, 1));
    let warnings: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.logs.journals[0].include_patterns, ["x"]);
}

#[test]
fn a_certificate_is_one_path_or_two() {
    let sign_in = |certificate: &str| {
        let text = format!(
            r#"{{"agent": {{"region": "eu-west-1", "authentication":
              {{"iotUrl": "h", "roleAlias": "r", "thingName": "t", "certificate": {certificate}}}}}}}"#
        );
        match read(&text).config.agent.sign_in {
            Some(SignIn::Iot(thing)) => (thing.certificate, thing.key),
            other => panic!("{other:?}"),
        }
    };
    let path = |name: &str| PathBuf::from("/etc/cwp").join(name);
    assert_eq!(sign_in(r#""both.pem""#), (path("both.pem"), None));
    assert_eq!(sign_in(r#"["c.pem", "k.pem"]"#), (path("c.pem"), Some(path("k.pem"))));
}

#[test]
fn a_password_is_never_shown() {
    let kinds = [r#""hunter2""#, "[\"hunter2\"]", "{\"hunter2\": \"hunter2\"}"];
    for kind in kinds {
        let text =
            format!(r#"{{"agent": {{"regoin": 1, "authentication": {{"accountId": "1", "password": {kind}}}}}}}"#);
        assert!(!refused(&text).contains("hunter2"), "{kind}");
    }
    let whole = refused(r#"{"agent": {"authentication": "hunter2"}}"#);
    assert!(!whole.contains("hunter2"), "{whole}");
    assert!(!format!("{:?}", Secret::new("hunter2".to_string())).contains("hunter2"));
}

#[test]
fn a_byte_order_mark_is_no_problem() {
    assert_eq!(read("\u{feff}{}"), read("{}"));
}

#[test]
fn null_counts_as_absent() {
    assert_eq!(read(r#"{"agent": {"region": null, "instance": null}, "logs": null}"#), read("{}"));
}

#[test]
fn variables_come_from_the_environment() {
    let environment = |name: &str| (name == "STAGE").then(|| "prod".to_string());
    let text = following(r#"{"file_path": "/var/${STAGE}.log", "blacklist": "^[${STAGE}]$"}"#);
    let config = parse(&text, Path::new(ORIGIN), &environment).unwrap().config;
    assert_eq!(config.logs.entries[0].pattern, "/var/prod.log");
    assert_eq!(config.logs.entries[0].blacklist.as_deref(), Some("^[${STAGE}]$"));
    let failure = parse(&text, Path::new(ORIGIN), &no_environment).unwrap_err().to_string();
    assert!(failure.contains("file_path: the environment has no `STAGE`"), "{failure}");
}

#[test]
fn what_aws_fills_in_is_no_variable() {
    assert_eq!(warnings(r#"{"metrics": {"append_dimensions": {"InstanceId": "${aws:InstanceId}"}}}"#), [""; 0]);
}

#[test]
fn an_unknown_section_is_a_warning_and_an_unknown_key_an_error() {
    assert_eq!(warnings(r#"{"metricks": {}}"#), ["metricks is not a known section: nothing in it is used"]);
    assert!(refused(r#"{"metrics": {"name_space": "x"}}"#).contains("did you mean `namespace`?"));
}

#[test]
fn what_only_the_cloudwatch_agent_has_is_a_warning_by_name() {
    let given = warnings(r#"{"traces": {"x": 1}, "metrics": {"metrics_collected": {"collectd": {}, "cpu": {}}}}"#);
    assert_eq!(
        given,
        [
            "traces is known to the CloudWatch Agent and not supported here: it has no effect",
            "metrics.metrics_collected.collectd is known to the CloudWatch Agent and not supported here: it has no effect",
            "metrics.metrics_collected.cpu has no `measurement`: all 22 metrics of it are published, of each device; each costs",
        ]
    );
}

#[test]
fn a_value_that_changes_nothing_is_no_warning() {
    let entry = r#"{"file_path": "/x", "auto_removal": false, "trim_timestamp": false,
        "publish_multi_logs": true, "log_group_class": "STANDARD", "filters": [], "mask": []}"#;
    assert_eq!(warnings(&following(entry)), [] as [&str; 0]);
    assert_eq!(warnings(r#"{"logs": {"logs_collected": {"journal": false}}}"#), [] as [&str; 0]);
    assert_eq!(warnings(r#"{"logs": {"logs_collected": {"journal": {"collect": false}}}}"#), [] as [&str; 0]);
}

#[test]
fn the_own_log_is_never_a_source() {
    let text = following(r#"{"file_path": "/x/own.log"}, {"file_path": "/x/other.log"}"#).replacen(
        '{',
        r#"{"agent": {"logfile": "/x/own.log"}, "#,
        1,
    );
    let loaded = read(&text);
    assert_eq!(loaded.config.logs.entries.len(), 1);
    assert!(
        loaded.warnings[0]
            .message
            .ends_with("is this program's own log, which is never read: the entry follows nothing")
    );
}

#[test]
fn entries_of_one_pattern_have_keys_of_their_own() {
    let text = following(r#"{"file_path": "/x", "log_group_name": "a"}, {"file_path": "/x", "log_group_name": "b"}"#);
    let keys: Vec<String> = read(&text).config.logs.entries.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["/x", "/x (2)"]);
}

#[test]
fn an_entry_overrides_what_the_section_says() {
    let entry = r#"{"file_path": "/x", "log_group_name": "own", "log_stream_name": "s-{hostname}-{file_path}",
        "retention_in_days": -1, "initial_position": "beginning", "partial_line_timeout": 5, "blacklist": "\\.gz$"}"#;
    let text =
        following(entry).replacen(r#""logs": {"#, r#""logs": {"log_group_name": "all", "retention_in_days": 3, "#, 1);
    let config = read(&text).config;
    let entry = &config.logs.entries[0];
    assert_eq!((entry.group.text(), entry.retention_days), ("own", None));
    assert_eq!(entry.stream.resolve_for(&facts(), Path::new("/var/a:b*")), "s-pi-/var/a-b-");
    assert_eq!(entry.initial_position, InitialPosition::Beginning);
    assert_eq!(entry.partial_line_timeout, Duration::from_secs(5));
}

fn journals(text: &str) -> Vec<JournalConfig> {
    read(&format!(r#"{{"logs": {{"logs_collected": {text}}}}}"#)).config.logs.journals
}

#[test]
fn the_journal_is_read_in_every_form_and_without_files() {
    assert_eq!(journals(r#"{"journal": true}"#), [JournalConfig::new("journal")]);
    assert_eq!(journals(r#"{"journal": {}}"#), [JournalConfig::new("journal")]);
    assert_eq!(journals(r#"{"journal": false}"#), []);
    assert_eq!(journals(r#"{"journal": {"collect": false, "units": ["ssh"]}}"#), []);
    let pair = |field: &str, value: &str| (field.to_string(), value.to_string());
    let whole = r#"{"journal": {"collect": true, "units": ["ssh*", "cron"], "exclude_units": ["a"], "identifiers": ["sudo"],
        "priority": 4, "matches": ["_UID=0", "_COMM=x=y", {"_TRANSPORT": "kernel", "A": "b"}],
        "exclude_matches": ["B=1", "C=2"], "since": "2h", "namespace": "shop", "format": "json",
        "include_patterns": ["x"], "exclude_patterns": ["y"], "filters": [{"type": "exclude", "expression": "z"}],
        "log_group_name": "g", "log_stream_name": "{hostname}-{file_name}", "retention_in_days": 7}}"#;
    let journal = &journals(whole)[0];
    assert_eq!((journal.key.as_str(), journal.priority.as_deref()), ("journal of shop", Some("4")));
    let kernel = vec![pair("A", "b"), pair("_TRANSPORT", "kernel")];
    assert_eq!(journal.matches, [kernel, vec![pair("_UID", "0"), pair("_COMM", "x=y")]]);
    assert_eq!(journal.exclude_matches, [vec![pair("B", "1")], vec![pair("C", "2")]]);
    assert_eq!(journal.since, Since::Ago(Duration::from_secs(7_200)));
    assert_eq!(journal.format, JournalFormat::Json);
    assert_eq!(journal.filters, [FilterConfig { is_exclude: true, expression: "z".to_string() }]);
    assert_eq!(journal.stream.resolve_for(&facts(), Path::new("journal")), "pi-journal");
    assert_eq!((journal.group.text(), journal.retention_days), ("g", Some(7)));
}

#[test]
fn the_agents_journald_has_several_readings_with_keys_of_their_own() {
    let text = r#"{"journald": {"collect_list": [
        {"log_group_name": "a", "units": ["sshd"], "retention_in_days": 1},
        {"log_group_name": "a", "units": ["nginx"]},
        {"log_group_name": "b", "priority": "err", "matches": [{"_UID": "0"}, {"_TRANSPORT": "kernel"}]}]}}"#;
    let journals = journals(text);
    let keys: Vec<&str> = journals.iter().map(|journal| journal.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            r#"journald unit "sshd""#,
            r#"journald unit "nginx""#,
            r#"journald priority "err" match _TRANSPORT="kernel" match _UID="0""#
        ]
    );
    assert_eq!(journals[2].matches.len(), 2, "objects are alternatives");
    assert_eq!(journals[0].retention_days, Some(1));
}

#[test]
fn a_reading_keeps_its_key_in_another_order_and_under_another_stream() {
    let keys = |list: &str| -> Vec<String> {
        let text = format!(r#"{{"journald": {{"collect_list": [{list}]}}}}"#);
        journals(&text).into_iter().map(|journal| journal.key).collect()
    };
    let one = r#"{"units": ["a", "b"], "log_stream_name": "one"}"#;
    let two = r#"{"units": ["a"], "filters": [{"type": "include", "expression": "x"}], "log_stream_name": "two"}"#;
    let three = r#"{"units": ["a"], "filters": [{"type": "exclude", "expression": "x"}], "log_stream_name": "two"}"#;
    let [first, second, third] = keys(&[one, two, three].join(", ")).try_into().unwrap();
    assert!(first != second && second != third && first != third);
    let turned = keys(&[three, two, one].join(", "));
    assert_eq!(turned, [third, second, first.clone()]);
    let renamed = r#"{"units": ["b", "a"], "log_group_name": "g", "log_stream_name": "other"}"#;
    assert_eq!(keys(renamed)[0], first);
    assert_eq!(keys(&[one, renamed].join(", ")), [first.clone(), format!("{first} (2)")], "twins");
}

#[test]
fn what_is_wrong_with_the_journal_is_told_by_name() {
    let cases = [
        (r#"{"priority": "loud"}"#, "priority is `loud`, which is no priority"),
        (r#"{"priority": 8}"#, "priority is `8`, which is no priority"),
        (r#"{"matches": ["x"]}"#, "matches[0] is `x`, which is no match"),
        (r#"{"exclude_matches": [{"lower": "x"}]}"#, "exclude_matches[0] names `lower`, which is no field"),
        (r#"{"since": "yesterday"}"#, "since is `yesterday`, which is no beginning"),
        (r#"{"since": "15d"}"#, "CloudWatch takes nothing older than 14 days"),
        (r#"{"namespace": "x", "directory": "/x"}"#, "directory stands beside `namespace`"),
        (r#"{"units": [""]}"#, "units[0] is empty"),
        (r#"{"format": "xml"}"#, "`text` or `json` or `message` is expected"),
    ];
    for (journal, message) in cases {
        let failure = refused(&format!(r#"{{"logs": {{"logs_collected": {{"journal": {journal}}}}}}}"#));
        assert!(failure.contains(message), "{journal}: {failure}");
    }
    let twice = r#"{"logs": {"logs_collected": {"journald": {"collect_list": [{"units": ["a"]}, {"units": ["a"]}]}}}}"#;
    assert!(refused(twice).contains("reads the same of the journal into the same stream"));
    let retentions = r#"{"logs": {"log_group_name": "g", "logs_collected": {"journal": {"retention_in_days": 7},
        "files": {"collect_list": [{"file_path": "/x", "retention_in_days": 1}]}}}}"#;
    assert!(refused(retentions).contains("a group has one retention"));
}

#[test]
fn two_readings_that_may_bring_an_entry_twice_into_one_stream_are_remarked_on() {
    let both = |first: &str, second: &str| {
        let text =
            format!(r#"{{"logs": {{"logs_collected": {{"journald": {{"collect_list": [{first}, {second}]}}}}}}}}"#);
        warnings(&text).iter().filter(|text| text.contains("they come twice")).count()
    };
    for (first, second, expected) in [
        (r#"{"units": ["ssh"]}"#, "{}", 1),
        (r#"{"units": ["ssh", "cron"]}"#, r#"{"units": ["cron"]}"#, 1),
        (r#"{"units": ["ssh"]}"#, r#"{"units": ["cron"]}"#, 0),
        (r#"{"units": ["ssh"]}"#, r#"{"log_stream_name": "other"}"#, 0),
        (r#"{"units": ["ssh"]}"#, r#"{"log_group_name": "other"}"#, 0),
        (r#"{"priority": "err"}"#, r#"{"priority": "info"}"#, 1),
        (r#"{"priority": "0..3"}"#, r#"{"priority": "warning..debug"}"#, 0),
        (r#"{"priority": "err"}"#, r#"{"units": ["ssh"]}"#, 1),
        (r#"{"matches": [{"_UID": "0"}]}"#, r#"{"matches": [{"_UID": "1"}, {"_UID": "2"}]}"#, 0),
        (r#"{"matches": [{"_UID": "0"}]}"#, r#"{"matches": [{"_UID": "1"}, {"_COMM": "x"}]}"#, 1),
        (r#"{"filters": [{"type": "include", "expression": "x"}]}"#, r#"{"units": ["ssh"]}"#, 0),
    ] {
        assert_eq!(both(first, second), expected, "{first} beside {second}");
    }
    let beside = r#"{"logs": {"logs_collected": {"journal": {"exclude_units": ["ssh"]},
        "journald": {"collect_list": [{"units": ["ssh"]}]}}}}"#;
    assert_eq!(warnings(beside), [] as [&str; 0], "what is left out of the one is in the other");
}

#[test]
fn the_boot_of_a_folder_is_remarked_on() {
    let text = |journal: &str| format!(r#"{{"logs": {{"logs_collected": {{"journal": {journal}}}}}}}"#);
    let said = warnings(&text(r#"{"directory": "/x", "since": "boot"}"#));
    assert!(said.len() == 1 && said[0].contains("since is `boot`, which is this machine's"), "{said:?}");
    for journal in [r#"{"directory": "/x", "since": "1h"}"#, r#"{"since": "boot"}"#, r#"{"directory": "/x"}"#] {
        assert_eq!(warnings(&text(journal)), [] as [&str; 0], "{journal}");
    }
}

#[test]
fn a_group_can_be_named_after_a_file() {
    let config = read(&following(r#"{"file_path": "/x/*", "log_group_name": "/g/{file_name}"}"#)).config;
    let group = &config.logs.entries[0].group;
    assert!(group.is_per_file());
    assert_eq!(group.resolve_for(&facts(), Path::new("/x/my log:é")), "/g/my-log--");
}

#[test]
fn an_endpoint_of_one_service_wins_over_that_of_all() {
    let text = r#"{"agent": {"endpoint_override": "http://127.0.0.1:4566/"}, "logs": {"endpoint_override": "logs.example.com"}}"#;
    let config = read(text).config;
    assert_eq!(config.logs.endpoint.as_deref(), Some("https://logs.example.com"));
    assert_eq!(config.metrics.endpoint.as_deref(), Some("http://127.0.0.1:4566"));
}

#[test]
fn the_agents_name_for_the_logs_interval_wins_and_says_so() {
    let text = r#"{"agent": {"logs_collection_interval": 10}, "logs": {"force_flush_interval": 3}}"#;
    assert_eq!(read(text).config.agent.logs_interval, Duration::from_secs(3));
    assert_eq!(warnings(text), ["logs.force_flush_interval is `3` and wins over agent.logs_collection_interval `10`"]);
}

#[test]
fn names_are_judged_again_with_this_machines_own() {
    let config = read(&following(r#"{"file_path": "/x"}"#)).config;
    assert_eq!(check_for(&config, &facts()), Ok(()));
    let odd = Facts { instance_id: "b8:27".to_string(), ..facts() };
    let failure = check_for(&config, &odd).unwrap_err().to_string();
    assert!(
        failure.contains(
            "the default of logs.log_group_name is `/system/default/b8:27` (written `/system/default/{instance_id}`)"
        ),
        "{failure}"
    );
}

#[test]
fn the_built_in_configuration_has_names_that_cloudwatch_takes() {
    let config = Config::built_in();
    assert_eq!(check_for(&config, &facts()), Ok(()));
    assert_eq!(config.agent.metrics_interval, Duration::from_secs(5));
    assert!(config.logs.entries.len() > 2);
}

#[test]
fn the_settings_are_shown_resolved() {
    let entry = r#"{"file_path": "/x", "retention_in_days": 1, "exclude_patterns": ["debug"]}"#;
    let shown = describe(&read(&following(entry)).config, &facts());
    let lines = [
        "configuration    /etc/cwp/x.json",
        "instance id      rpi-1",
        "credentials      the standard AWS credential chain",
        "  /x",
        "    to /system/default/rpi-1 / {file_name}, kept 1 day; at the first start from the end",
        "    no records with `debug`",
    ];
    for line in lines {
        assert!(shown.lines().any(|shown| shown == line), "`{line}` is not in\n{shown}");
    }
}

#[test]
fn a_reading_of_the_journal_is_shown_with_what_it_does() {
    let shown = |journal: &str| {
        let text = format!(r#"{{"logs": {{"logs_collected": {{"journal": {journal}}}}}}}"#);
        describe(&read(&text).config, &facts())
    };
    for (journal, expected) in [
        ("true", "at the first start from now on; then from where it got to"),
        (r#"{"since": "7d"}"#, "at the first start from 7 days ago; then from where it got to"),
        (r#"{"since": "90m"}"#, "at the first start from 90 min ago;"),
        (r#"{"since": "36h"}"#, "at the first start from 36 h ago;"),
        (r#"{"since": "90s"}"#, "at the first start from 90 s ago;"),
        (r#"{"directory": "/x"}"#, "  journal in /x\n"),
        (
            r#"{"predicate": "process == \"x\"", "level": "info"}"#,
            "    macOS: entries with `process == \"x\"`, level info\n",
        ),
    ] {
        let shown = shown(journal);
        assert!(shown.contains(expected), "`{expected}` is not in\n{shown}");
    }
}

const WHOLE: &str = include_str!("../../configs/raspberry-pi.json");

proptest! {
    #[test]
    fn no_text_brings_it_down(text in ".{0,200}") {
        let _ = parse(&text, Path::new(ORIGIN), &no_environment);
    }

    #[test]
    fn no_damage_to_a_good_file_brings_it_down(
        at in 0..WHOLE.len(),
        length in 0..40usize,
        instead in r#"[\[\]{}",:0-9a-z\\$* é]{0,8}|null|true|-1|1e999|"[(*{]""#,
    ) {
        let bytes = WHOLE.as_bytes();
        let end = (at + length).min(bytes.len());
        let damaged = [&bytes[..at], instead.as_bytes(), &bytes[end..]].concat();
        let damaged = String::from_utf8_lossy(&damaged);
        if let Err(failure) = parse(&damaged, Path::new(ORIGIN), &no_environment) {
            prop_assert!(matches!(&failure, Failure::Wrong(_, problems) if !problems.is_empty()));
        }
    }

    #[test]
    fn a_value_of_any_kind_anywhere_is_told_at_its_place(which in 0..40usize, kind in 0..6usize) {
        let kinds = ["7", "-1.5", "true", "\"x\"", "[[]]", "{\"x\": {}}"];
        let Ok(mut value) = serde_json::from_str::<serde_json::Value>(WHOLE) else { return Ok(()) };
        let mut left = which;
        replace_nth(&mut value, &mut left, &serde_json::from_str(kinds[kind]).unwrap_or_default());
        if let Err(Failure::Wrong(_, problems)) = parse(&value.to_string(), Path::new(ORIGIN), &no_environment) {
            prop_assert!(problems.iter().all(|problem| problem.place.is_some()));
        }
    }
}

fn replace_nth(value: &mut serde_json::Value, left: &mut usize, new: &serde_json::Value) {
    if *left == 0 {
        *value = new.clone();
    }
    *left = left.wrapping_sub(1);
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace_nth(item, left, new)),
        serde_json::Value::Object(pairs) => pairs.values_mut().for_each(|item| replace_nth(item, left, new)),
        _ => {}
    }
}

#[test]
fn the_password_is_read_anew_from_the_file_and_from_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let with = |password: &str| {
        format!(
            r#"{{"agent": {{"region": "eu-west-1", "authentication": {{"accountId": "123456789012", "userPoolId": "eu-west-1_u",
              "identityPoolId": "eu-west-1:i", "appClientId": "c", "password": {password}}}}}}}"#
        )
    };
    std::fs::write(&path, with(r#""a\"${b}""#)).unwrap();
    assert_eq!(password(&path).unwrap().reveal(), "a\"${b}");
    std::fs::write(&path, with(r#""another""#)).unwrap();
    assert_eq!(password(&path).unwrap().reveal(), "another");
    for (broken, reason) in [("null", "has no agent.authentication.password"), ("\"\"", "has no"), ("{", "no JSON")] {
        std::fs::write(&path, with(broken)).unwrap();
        assert!(password(&path).unwrap_err().contains(reason), "{broken}");
    }
    assert!(password(&folder.path().join("absent")).unwrap_err().contains("absent"));
}

#[test]
fn of_a_broken_configuration_every_state_directory_is_told_that_one_of_its_files_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("x.d")).unwrap();
    let found = || state_directories_of_broken(&path);
    assert_eq!(found(), Vec::<PathBuf>::new());
    write("x.json", r#"{"agent": {"state_directory": "of-main", "regoin": 1}}"#);
    assert_eq!(found(), [folder.path().join("of-main")]);
    // Two that differ are what is wrong with it.
    write("x.d/10.json", r#"{"agent": {"state_directory": "/of-10"}}"#);
    write("x.d/20.json", r#"{"agent": {"state_directory": "/of-20""#);
    write("x.d/30.json", r#"{"logs": {}}"#);
    assert_eq!(found(), [folder.path().join("of-main"), "/of-10".into()]);
    write("x.json", "{");
    assert_eq!(found(), [PathBuf::from("/of-10")]);
}

#[test]
fn a_password_that_everybody_can_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    let text = r#"{"agent": {"region": "eu-west-1", "authentication": {"accountId": "123456789012", "userPoolId": "eu-west-1_u",
                  "identityPoolId": "eu-west-1:i", "appClientId": "c", "password": "p"}}}"#;
    std::fs::write(&path, text).unwrap();
    let warned = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        load(&path).unwrap().warnings.iter().any(|warning| warning.message.contains("everybody on this machine"))
    };
    assert!(warned(0o644));
    assert!(!warned(0o640));
}

#[test]
fn a_number_out_of_range_and_deep_nesting_are_problems() {
    assert!(refused(r#"{"agent": {"x": 1e999}}"#).contains("number out of range"));
    assert!(refused(&format!("{}{}", "[".repeat(5_000), "]".repeat(5_000))).contains("recursion limit"));
}

#[test]
fn an_empty_proxy_is_none_whatever_the_environment_says() {
    let network = read(r#"{"agent": {"https_proxy": "", "http_proxy": "proxy:3128"}}"#).config.agent.network;
    assert_eq!((network.https_proxy.as_deref(), network.http_proxy.as_deref()), (Some(""), Some("http://proxy:3128")));
}

/// What a section of `metrics_collected` is read as.
fn sections(text: &str) -> (Vec<CollectorConfig>, Vec<String>) {
    let Loaded { config, warnings } = read(&format!(r#"{{"metrics": {{"metrics_collected": {text}}}}}"#));
    let Collected::Chosen { collectors, .. } = config.metrics.collected else { panic!("no sections") };
    (collectors, warnings.into_iter().map(|warning| warning.message).collect())
}

#[test]
fn a_section_is_an_object_or_a_word() {
    let (all, warnings) =
        sections(r#"{"mem": true, "swap": false, "load": {}, "heartbeat": true, "uptime": {"collect": false}}"#);
    let names: Vec<&str> = all.iter().map(|section| section.plugin.plugin().name()).collect();
    assert_eq!(names, ["mem", "load", "heartbeat"]);
    assert_eq!((all[0].measurements.len(), all[1].measurements.len()), (11, 3));
    assert_eq!(warnings, [] as [&str; 0]);
    let (all, warnings) = sections(r#"{"swap": {}}"#);
    assert_eq!(all[0].measurements.len(), 3);
    assert!(warnings[0].contains("has no `measurement`: all 3 metrics"), "{warnings:?}");
}

#[test]
fn the_agents_default_interval_is_that_of_files_with_sections() {
    let interval = |agent: &str, section: &str| {
        let text = format!(r#"{{"agent": {agent}, "metrics": {{"metrics_collected": {{"uptime": {section}}}}}}}"#);
        let Collected::Chosen { collectors, .. } = read(&text).config.metrics.collected else { panic!("no sections") };
        collectors[0].interval.as_secs()
    };
    assert_eq!(interval("{}", "true"), 60);
    assert_eq!(interval(r#"{"metrics_collection_interval": 300}"#, "true"), 300);
    assert_eq!(interval("{}", r#"{"metrics_collection_interval": 1}"#), 1);
}

#[test]
fn a_measurement_is_named_with_or_without_its_section() {
    let (all, warnings) = sections(
        r#"{"cpu": {"resources": ["*"], "totalcpu": false, "measurement": ["cpu_usage_idle", {"name": "usage_user", "rename": "U", "unit": "none"},
            {"name": "time_idle", "unit": "unit"}], "drop_original_metrics": ["U", "usage_idle", "time_active"]},
            "diskio": {"measurement": ["ebs_total_read_bytes"]}, "mem": {"measurement": ["used"], "resources": ["*"]}}"#,
    );
    let cpu = &all[0];
    assert_eq!(cpu.plugin, PluginConfig::Cpu { each: Resources::All, has_total: false });
    let names: Vec<String> = cpu.measurements.iter().map(MeasurementConfig::sent_as).collect();
    assert_eq!(names, ["cpu_usage_idle", "U", "cpu_time_idle"]);
    assert_eq!(cpu.measurements[1].unit, Some(crate::record::Unit::None));
    assert_eq!(cpu.drop_original, ["usage_user", "usage_idle"]);
    assert_eq!(all.len(), 2, "nothing is left of diskio");
    let expected = [
        "unit is `unit`, which is no unit of CloudWatch: `None` is sent",
        "is `time_active`, which `measurement` does not name: there is nothing to drop",
        "is `ebs_total_read_bytes`, which is known to the CloudWatch Agent and not supported here",
        "mem.resources has no effect in this section",
        "there is no metrics.aggregation_dimensions, so what `drop_original_metrics` names is not sent at all",
    ];
    for says in expected {
        assert!(warnings.iter().any(|warning| warning.contains(says)), "{says}: {warnings:#?}");
    }
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
}

#[test]
fn statsd_listens_on_this_machine_alone_unless_it_is_told_otherwise() {
    let statsd = |text: &str| {
        let config = read(&format!(r#"{{"metrics": {{"metrics_collected": {{"statsd": {text}}}}}}}"#)).config;
        let Collected::Chosen { statsd, .. } = config.metrics.collected else { panic!("no sections") };
        statsd.unwrap()
    };
    let standard = statsd("{}");
    assert_eq!(standard.address.to_string(), "127.0.0.1:8125");
    assert_eq!((standard.interval.as_secs(), standard.aggregation.as_secs(), standard.pause().as_secs()), (10, 60, 60));
    let other = statsd(r#"{"service_address": ":8126", "metrics_aggregation_interval": 0}"#);
    assert_eq!((other.address.to_string(), other.pause().as_secs()), ("0.0.0.0:8126".to_owned(), 10));
}

#[test]
fn tags_and_the_dimensions_of_all_metrics_are_never_more_than_a_metric_can_have() {
    for (common, expected) in [(0, 20), (9, 20), (12, 17), (29, 0)] {
        let names: Vec<String> = (0..common).map(|number| format!(r#""d{number}": "{{instance_id}}""#)).collect();
        let names = names.join(",");
        let text =
            format!(r#"{{"metrics": {{"append_dimensions": {{{names}}}, "metrics_collected": {{"statsd": true}}}}}}"#);
        let Collected::Chosen { statsd, .. } = read(&text).config.metrics.collected else { panic!("no sections") };
        assert_eq!(statsd.unwrap().max_tags, expected, "{common}");
    }
}

#[test]
fn dimensions_that_do_not_tell_machines_apart_are_remarked_on() {
    let of = |value: &str| warnings(&format!(r#"{{"metrics": {{"append_dimensions": {{"Site": "{value}"}}}}}}"#));
    assert!(of("Berlin")[0].contains("does not tell this machine from others"));
    for value in ["{instance_id}", "a-{local_hostname}", "${aws:InstanceId}"] {
        assert_eq!(of(value), [] as [&str; 0], "{value}");
    }
}

#[test]
fn what_is_no_placeholder_is_quoted_as_it_was_written() {
    for (text, said) in [
        ("{aws:InstanceId}", "`{aws:InstanceId}` is not a placeholder"),
        ("${aws:InstanceIdd}", "`${aws:InstanceIdd}` is not a placeholder"),
        ("{instance_idd}", "`{instance_idd}` is not a placeholder"),
    ] {
        let config = serde_json::json!({"metrics": {"append_dimensions": {"X": text}}}).to_string();
        let Err(Failure::Wrong(_, problems)) = parse(&config, Path::new("/x.json"), &|_| None) else {
            panic!("{text} is accepted")
        };
        assert!(problems[0].message.ends_with(said), "{text}: {}", problems[0].message);
        let sign = if text.contains("aws:") { "$" } else { "" };
        assert!(problems[0].hint.starts_with(&format!("did you mean `{sign}{{")), "{text}: {}", problems[0].hint);
    }
}

#[test]
fn a_priority_that_is_misspelt_is_told_with_the_one_that_was_meant() {
    for (text, hint) in
        [("warnin", "did you mean `warning`?"), ("err..alrt", "did you mean `alert`?"), ("9", "there are `emerg`")]
    {
        let config = serde_json::json!({"logs": {"logs_collected": {"journal": {"priority": text}}}}).to_string();
        let Err(Failure::Wrong(_, problems)) = parse(&config, Path::new("/x.json"), &|_| None) else {
            panic!("{text} is accepted")
        };
        assert!(problems[0].hint.starts_with(hint), "{text}: {}", problems[0].hint);
    }
}

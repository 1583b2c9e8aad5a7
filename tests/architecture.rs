//! Proves the table "Who knows whom" of `docs/architecture.md`, and what is absent on purpose, from the source itself.
//!
//! A rule that is broken is reported with file, line and what stands there, all of them at once. The rule that is easy to
//! break: a new module must be entered in [`MAY_USE`], so that whom it may know is decided and not just found.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests state what must be")]

#[path = "support/rules.rs"]
mod rules;
#[path = "support/source.rs"]
mod source;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use rules::{File, acquaintances, beyond_the_map, clock_readers, exits, impurities, lengths, machine_name, printers};

/// Each module of `src/`, and the modules it may name. `commands` and `main` see everything; only `main` sees `commands`.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("record", &[]),
    ("cli", &[]),
    ("clock", &["record"]),
    ("delivery", &["record"]),
    ("config", &["record", "delivery"]),
    ("sources", &["record", "delivery", "config"]),
    ("identity", &["config", "record"]),
    ("aws", &["config", "record", "clock", "delivery"]),
    ("sinks", &["record", "delivery", "aws", "config", "clock"]),
    ("srp", &[]),
    ("auth", &["aws", "config", "record", "clock", "delivery", "srp"]),
    ("state", &["config", "record"]),
    ("service", &["config", "record"]),
    ("agent", BELOW_AGENT),
    ("local", &["config", "record", "aws", "srp"]),
    ("provision", &["config", "record", "aws"]),
    ("commands", ALL_BUT_COMMANDS),
    ("main", &["commands", "cli"]),
];

const BELOW_AGENT: &[&str] =
    &["record", "delivery", "config", "sources", "identity", "aws", "sinks", "auth", "state", "service", "clock"];

const ALL_BUT_COMMANDS: &[&str] = &[
    "record",
    "cli",
    "clock",
    "delivery",
    "config",
    "sources",
    "identity",
    "aws",
    "sinks",
    "auth",
    "state",
    "service",
    "agent",
    "local",
    "provision",
    "srp",
];

/// What a pure file may not name: whatever does something, or answers differently tomorrow.
const IMPURE: [&str; 21] = [
    "tokio",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::os::fd",
    "std::os::unix::net",
    "std::os::unix::process",
    "notify",
    "sysinfo",
    "rand",
    "fastrand",
    "rustix",
    "redb",
    "hyper",
    "hyper_util",
    "walkdir",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "crate::clock",
];

/// Words that no pure file needs: the clocks under whatever path they came, and waiting.
const IMPURE_WORDS: [&str; 4] = ["Instant", "SystemTime", "async", "await"];

/// Where the time may be read: everything else is handed `now`.
const READS_THE_CLOCK: [&str; 6] = [
    "clock.rs",
    // The loops, which hand it to all the rest.
    "agent/",
    // Stands in for AWS: its clock is not the agent's.
    "local/",
    // Runs for a moment, and tells people the time.
    "commands/",
    // Stamps the lines of the own log.
    "service/log.rs",
    // Gives a command that never ends a time limit, before there is a loop.
    "identity.rs",
];

const PRINTING: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// No file is longer than this before its tests (house style: rarely over 300).
const MAX_LINES: usize = 400;

#[test]
fn modules_know_only_whom_they_may() {
    assert_none(&sources(), acquaintances);
}

#[test]
fn pure_files_touch_no_clock_disk_network_or_runtime() {
    assert_none(&sources(), impurities);
}

#[test]
fn only_the_loops_read_the_clock() {
    assert_none(&sources(), clock_readers);
}

#[test]
fn only_commands_print() {
    assert_none(&sources(), printers);
}

#[test]
fn only_main_ends_the_process() {
    assert_none(&sources(), exits);
}

#[test]
fn lib_is_the_map_of_modules_and_nothing_else() {
    assert_none(&sources(), beyond_the_map);
}

#[test]
fn every_file_begins_by_saying_what_it_decides() {
    let mut files = rust_files(&root().join("src"));
    files.extend(rust_files(&root().join("tests")));
    files.extend(rust_files(&root().join("benches")));
    let bare: Vec<_> = files.iter().filter(|path| !fs::read_to_string(path).unwrap().starts_with("//!")).collect();
    assert!(bare.is_empty(), "files without a `//!` header: {bare:#?}");
}

#[test]
fn no_file_grows_past_the_length_that_one_reads_at_once() {
    assert_none(&sources(), lengths);
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let listed = Command::new("git").args(["ls-files", "-z", "-co", "--exclude-standard"]).current_dir(root()).output();
    let Ok(listed) = listed.map_err(drop).and_then(|output| output.status.success().then_some(output.stdout).ok_or(()))
    else {
        // Not `println!`: of a test that passes the harness swallows that.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: not a git working copy, so which files are the project's is not known"
        );
        return;
    };
    let names = String::from_utf8(listed).unwrap();
    let mut found = Vec::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let Ok(text) = fs::read_to_string(root().join(name)) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            found.extend(machine_name(line).map(|what| format!("{name}:{}: {what}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_crate_comes_from_the_public_registry() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let elsewhere = lock.lines().filter(|line| line.starts_with("source = "));
    let elsewhere: Vec<_> = elsewhere.filter(|line| !line.contains("github.com/rust-lang/crates.io-index")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

#[test]
fn a_broken_rule_is_found() {
    for (path, text, check) in BROKEN {
        assert!(!check(&File::new(path, text)).is_empty(), "nothing was found in {path}: {text}");
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    for (path, text, check) in ALLOWED {
        assert_eq!(check(&File::new(path, text)), Vec::<String>::new(), "in {path}: {text}");
    }
    assert_eq!(machine_name("see docs/work/plan.md and https://example.com/work/x"), None);
}

#[test]
fn the_path_of_a_machine_is_found() {
    assert!(machine_name(concat!("see /wo", "rk/main/src")).is_some());
    assert!(machine_name(&format!("path={}", root().join("src").display())).is_some());
}

type Check = fn(&File) -> Vec<String>;

/// Made-up files, each with a check that must find something wrong in it.
const BROKEN: [(&str, &str, Check); 23] = [
    ("sources/x.rs", "use crate::sinks::Sink;", acquaintances),
    ("delivery/x.rs", "use crate::{record::Mark, config};", acquaintances),
    ("delivery/x.rs", "fn f() { super::super::agent::run() }", acquaintances),
    ("delivery/mod.rs", "use super::agent;", acquaintances),
    ("auth/x.rs", "fn f(x: &crate /* so */ :: sinks :: Sink) {}", acquaintances),
    ("agent/mod.rs", "use crate::commands;", acquaintances),
    ("local/page.rs", "use crate::agent::Agent;", acquaintances),
    ("main.rs", "use cloudwatch_publisher::{cli, commands::{self, x}, agent};", acquaintances),
    ("helpers/mod.rs", "", acquaintances),
    ("record.rs", "use crate::*;", acquaintances),
    ("delivery/x.rs", "use std::{fmt, fs};", impurities),
    ("delivery/x.rs", "use std::time::{Duration, Instant};", impurities),
    ("delivery/x.rs", "fn f() { ::tokio::spawn(g()); }", impurities),
    ("delivery/x.rs", "use aws_sdk_cloudwatch::Client;", impurities),
    ("state/x.rs", "//! What it is.\n//!\n//! Pure: no I/O.\nuse std::env;", impurities),
    ("delivery/x.rs", "async fn f() {}", impurities),
    ("sinks/x.rs", "fn f() { std::time::Instant::now(); }", clock_readers),
    ("sources/x.rs", "fn f() { jiff::Timestamp::now(); }", clock_readers),
    ("agent/x.rs", "fn f() { println!(\"x\"); }", printers),
    ("agent/x.rs", "fn f<'a>(x: &'a str) { std::eprintln!(\"{x}\"); }", printers),
    ("commands/x.rs", "use std::process::exit;", exits),
    ("agent/x.rs", "fn f() { std::process::abort(); }", exits),
    ("lib.rs", "//! Map.\npub mod record;\npub fn helper() {}", beyond_the_map),
];

/// Made-up files that only look as if they broke a rule: in a comment, in a text, in tests, or allowed where it stands.
const ALLOWED: [(&str, &str, Check); 14] = [
    ("sources/x.rs", "// use crate::sinks;\n/* crate::sinks /* crate::agent */ crate::agent */", acquaintances),
    ("sources/x.rs", "const A: &str = \"crate::sinks \\\" crate::agent\";", acquaintances),
    ("sources/x.rs", "const A: &str = r#\"crate::sinks \" crate::agent\"#;", acquaintances),
    ("sources/x.rs", "#[cfg(test)]\n#[allow(x)]\nmod tests { use crate::agent; fn f() { {} } }", acquaintances),
    ("sources/x.rs", "#[cfg(test)]\nuse crate::{agent, sinks::{self}};\nfn f() {}", acquaintances),
    ("sources/file/x.rs", "use super::super::host;\nuse super::y;", acquaintances),
    ("sources/x.rs", "use crate::{config, delivery::lines::Block, record::*};", acquaintances),
    ("main.rs", "use cloudwatch_publisher::{cli, commands};", acquaintances),
    ("delivery/x.rs", "use std::time::Duration;\nfn f(c: char) -> bool { c == '\"' || c == '\\'' }", impurities),
    ("sources/x.rs", "use std::fs;", impurities),
    ("commands/x.rs", "fn f() { println!(\"x\"); }", printers),
    ("agent/x.rs", "fn f() { log::info!(\"println!\"); if print != x {} }", printers),
    ("main.rs", "fn main() { std::process::exit(1) }", exits),
    ("lib.rs", "//! Map.\n\n/// Nouns.\npub mod record;\n#[cfg(unix)]\npub mod cli;", beyond_the_map),
];

fn assert_none(files: &[File], check: Check) {
    let found: Vec<String> = files.iter().flat_map(check).collect();
    assert!(found.is_empty(), "{} broken rules\n{}", found.len(), found.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of `src/` but the tests that stand in files of their own.
fn sources() -> Vec<File> {
    let folder = root().join("src");
    let paths = rust_files(&folder).into_iter().filter(|path| !path.ends_with("tests.rs"));
    let files = paths.map(|path| {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        File::new(&name, &fs::read_to_string(&path).unwrap())
    });
    let files: Vec<File> = files.collect();
    assert!(files.iter().any(|file| file.path == "record.rs"), "src/record.rs was not found: nothing would be proved");
    files
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
    walk.map(walkdir::DirEntry::into_path).filter(|path| path.extension().is_some_and(|end| end == "rs")).collect()
}

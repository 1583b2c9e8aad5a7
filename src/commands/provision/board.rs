//! What is told of many systems: a line each as they come, how far it is, and a word at the end.
//!
//! Standard output holds results only, flushed one by one. The rule that is easy to break: a password that could not be printed
//! counts as not told, and no further one is set.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::{Failure, NOT_PERMITTED, UNAVAILABLE};
use super::fleet::now;
use crate::cli::provision::{Configs, DEFAULT_STACK, Target};
use crate::config::Secret;
use crate::provision::call::CallFailure;
use crate::provision::enrolment::UNTOLD;
use crate::provision::road::{self, Road, Verdict};
use crate::provision::worker::{Outcome, Trouble};

/// Between two lines on how far it is, where no terminal shows a bar.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What is told while the systems are done, and counted for the end.
pub(super) struct Board {
    is_json: bool,
    /// What is said of a told password: `Added user`.
    verb: &'static str,
    /// What gives systems a new password in the same stack and folder, but for their names.
    rotate: String,
    all: usize,
    bar: Option<ProgressBar>,
    told_at: Cell<Duration>,
    tally: RefCell<Tally>,
}

/// How many systems came to which end, and who must be looked after.
#[derive(Default)]
struct Tally {
    done: usize,
    counts: BTreeMap<&'static str, usize>,
    failed: Vec<(String, String)>,
    to_rotate: Vec<(String, String)>,
    is_forbidden: bool,
}

impl Board {
    /// For so many systems.
    pub(super) fn new(target: &Target, configs: Option<&Configs>, verb: &'static str, all: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{wide_bar} {pos} of {len}, {per_sec}, {eta} left");
            let bar = ProgressBar::new(all as u64);
            style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
        });
        let rotate = rotate_command(target, configs);
        Self { is_json: target.json, verb, rotate, all, bar, told_at: Cell::new(now()), tally: RefCell::default() }
    }

    /// Prints a new password, and answers once the terminal or the file has it.
    pub(super) fn tell(&self, name: &str, password: &Secret) -> io::Result<()> {
        let password = password.reveal();
        let line = Zeroizing::new(match self.is_json {
            // A password holds no character that JSON writes in another way.
            true => format!("{{\"system\":{},\"result\":\"told\",\"password\":\"{password}\"}}\n", json!(name)),
            false => format!("{}: {name} // {password}\n", self.verb),
        });
        self.print(line.as_bytes())
    }

    fn print(&self, line: &[u8]) -> io::Result<()> {
        let print = || {
            let mut out = io::stdout().lock();
            out.write_all(line).and_then(|()| out.flush())
        };
        self.bar.as_ref().map_or_else(print, |bar| bar.suspend(print))
    }

    /// Notes what became of a system, and prints it where that was not done when its password was told. `config` is where its
    /// config is, where there is one.
    pub(super) fn note(&self, name: &str, result: &Result<Outcome, Trouble>, config: Option<PathBuf>) -> Verdict {
        let word = word(result);
        let reason = match result {
            Ok(Outcome::Named(why) | Outcome::Refused(why)) => Some(why.clone()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        let is_done = ["added", "repaired", "rotated"].contains(&word);
        // That a result cannot be printed changes nothing about it: a password goes another way.
        let _ = match (self.is_json, config.filter(|_| is_done)) {
            (true, None) if is_done => Ok(()),
            (true, config) => self.print_line(&line(name, word, config, reason.as_deref())),
            (false, Some(config)) => self.print_line(&format_args!("{}: {name} // {}", self.verb, config.display())),
            (false, None) if word == "removed" => self.print_line(&format_args!("{}: {name}", self.verb)),
            (false, None) => Ok(()),
        };
        self.count(name, word, result, reason);
        verdict(result)
    }

    fn count(&self, name: &str, word: &'static str, result: &Result<Outcome, Trouble>, reason: Option<String>) {
        let mut tally = self.tally.borrow_mut();
        tally.done += 1;
        *tally.counts.entry(word).or_default() += 1;
        tally.is_forbidden |= match result {
            Err(Trouble::Call(call)) => call.kind == CallFailure::NotPermitted,
            Err(Trouble::Io { .. }) => true,
            _ => false,
        };
        match reason {
            Some(why) if word == "rotate" => tally.to_rotate.push((name.to_owned(), why)),
            Some(why) => tally.failed.push((name.to_owned(), why)),
            None => {}
        }
        self.show(tally.done);
    }

    fn print_line(&self, line: &dyn std::fmt::Display) -> io::Result<()> {
        self.print(format!("{line}\n").as_bytes())
    }

    #[allow(clippy::print_stderr, reason = "how far it is, for people")]
    fn show(&self, done: usize) {
        match &self.bar {
            Some(bar) => bar.set_position(done as u64),
            None if now().saturating_sub(self.told_at.get()) >= TOLD_EVERY => {
                self.told_at.set(now());
                eprintln!("{done} of {} systems", self.all);
            }
            None => {}
        }
    }

    /// The last word: what was done, what failed, and whose password may be known to nobody.
    #[allow(clippy::print_stderr, reason = "the last word of a command")]
    pub(super) fn close(&self, road: &Road, begun: &BTreeSet<String>) -> Result<(), Failure> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut tally = self.tally.borrow_mut();
        for name in begun {
            if !tally.to_rotate.iter().any(|(other, _)| other == name) {
                tally.to_rotate.push((name.clone(), UNTOLD.to_owned()));
            }
        }
        let open = self.all - tally.done.min(self.all);
        if self.is_json {
            let _ = self.print_line(&summary(&tally, road, open));
        }
        let text = told_at_the_end(&tally, &self.rotate, road, open);
        if open == 0 && tally.failed.is_empty() && tally.to_rotate.is_empty() {
            eprintln!("{text}");
            return Ok(());
        }
        Err(Failure::new(if tally.is_forbidden { NOT_PERMITTED } else { UNAVAILABLE }, text))
    }
}

/// The whole command: another stack's users, or another folder, would be the wrong ones.
fn rotate_command(target: &Target, configs: Option<&Configs>) -> String {
    let mut command = "cloudwatch-publisher provision rotate".to_owned();
    let mut option = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            command.push_str(&format!(" --{name} {}", quoted(value)));
        }
    };
    option("stack", (target.stack != DEFAULT_STACK).then_some(&target.stack));
    option("region", target.region.as_deref());
    option("profile", target.profile.as_deref());
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    option("output", configs.and_then(|configs| path(&configs.output)).as_deref());
    option("template", configs.and_then(|configs| path(&configs.template)).as_deref());
    command
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// What a result is called.
fn word(result: &Result<Outcome, Trouble>) -> &'static str {
    match result {
        Ok(Outcome::Left) => "left",
        Ok(Outcome::Added) => "added",
        Ok(Outcome::Repaired) => "repaired",
        Ok(Outcome::Rotated) => "rotated",
        Ok(Outcome::Removed) => "removed",
        Ok(Outcome::Named(_)) => "rotate",
        Ok(Outcome::Refused(_)) => "refused",
        Err(_) => "failed",
    }
}

fn verdict(result: &Result<Outcome, Trouble>) -> Verdict {
    match result {
        Err(Trouble::Call(call)) => road::verdict(call),
        Err(Trouble::Mute(_) | Trouble::Random(_) | Trouble::Io { .. }) => Verdict::All,
        _ => Verdict::ThisOne,
    }
}

fn summary(tally: &Tally, road: &Road, open: usize) -> Value {
    let (requests, throttled) = road.counts();
    let to_rotate: Vec<_> = tally.to_rotate.iter().map(|(name, _)| name).collect();
    json!({"summary": {
        "counts": tally.counts, "open": open, "to_rotate": to_rotate,
        "seconds": now().as_secs_f64(), "requests": requests, "throttled": throttled,
    }})
}

fn line(name: &str, word: &str, config: Option<PathBuf>, reason: Option<&str>) -> Value {
    let mut line = json!({"system": name, "result": word});
    if let Some(config) = config {
        line["config"] = json!(config);
    }
    if let Some(reason) = reason {
        line["reason"] = json!(reason);
    }
    line
}

fn told_at_the_end(tally: &Tally, rotate: &str, road: &Road, open: usize) -> String {
    let mut text = String::new();
    let mut paragraph = |what: &str, names: &[(String, String)]| {
        if !names.is_empty() {
            let lines: String = names.iter().map(|(name, why)| format!("  {name}: {why}\n")).collect();
            text.push_str(&format!("error: {what}\n{lines}\n"));
        }
    };
    paragraph("these are not as they should be", &tally.failed);
    paragraph("the password of these may be one that nobody knows", &tally.to_rotate);
    if !tally.to_rotate.is_empty() {
        let names: Vec<_> = tally.to_rotate.iter().map(|(name, _)| name.as_str()).collect();
        // A name may look like an option.
        let end = if names.iter().any(|name| name.starts_with('-')) { "-- " } else { "" };
        text.push_str(&format!("give them a new one: {rotate} {end}{}\n\n", names.join(" ")));
    }
    let counts: Vec<String> = tally.counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let counts = if counts.is_empty() { "nothing done".to_owned() } else { counts.join(", ") };
    let (requests, throttled) = road.counts();
    let sent: u64 = requests.values().sum();
    text.push_str(&format!("{counts} in {:.0} s ({sent} requests, {throttled} throttled)", now().as_secs_f64()));
    if open > 0 {
        text.push_str(&format!("\n{open} systems are still to be done: the same command goes on where this one ended"));
    }
    text
}

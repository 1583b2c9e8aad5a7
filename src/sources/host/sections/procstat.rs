//! Measures the processes that one entry of `procstat` means.
//!
//! Each process gives figures of its own, also where several have the same dimensions: they are told one beside the other, and
//! whoever publishes them sums them up. Easy to break: an id is given anew once its process has ended, so that a share of the
//! processor's time needs the same id *and* the same beginning; and a process that ends in the middle costs its own figures only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use regex::Regex;

use super::super::rate::Since;
use super::super::reading::Reading;
use super::super::scan::{Process, Scan, Told as ProcessTold};
use super::super::trouble::{Told, Trouble};
use super::process::Figure;
use crate::config::ProcessesOf;
use crate::delivery::dimension::value_of;
use crate::record::Monotonic;

/// An entry of `procstat` at work.
pub struct Procstat {
    selection: Selection,
    /// `exe`, `pattern` or `pidfile`, and what stands there.
    dimension: (&'static str, String),
    /// Milliseconds used, by id and beginning.
    used: BTreeMap<(u32, u64), Since<u64>>,
    told: Told,
    own_pid: u32,
}

/// Who is meant.
enum Selection {
    PidFile(PathBuf),
    Exe(Regex),
    Pattern(Regex),
    /// Nobody, and why.
    Nobody(Trouble),
}

impl Procstat {
    /// One that looks for these processes.
    pub fn new(of: &ProcessesOf) -> Self {
        let compiled = |text: &str, made: fn(Regex) -> Selection| match Regex::new(text) {
            Ok(regex) => made(regex),
            Err(error) => Selection::Nobody(Trouble::unanswered(text, error)),
        };
        let (key, text, selection) = match of {
            ProcessesOf::PidFile(path) => ("pidfile", path.display().to_string(), Selection::PidFile(path.clone())),
            ProcessesOf::Exe(text) => ("exe", text.clone(), compiled(text, Selection::Exe)),
            ProcessesOf::Pattern(text) => ("pattern", text.clone(), compiled(text, Selection::Pattern)),
        };
        let dimension = (key, value_of(text.as_bytes()));
        Self { selection, dimension, used: BTreeMap::new(), told: Told::default(), own_pid: std::process::id() }
    }

    /// The figures of each process that is meant, and how many they are.
    pub fn collect(&mut self, now: Monotonic, scan: &mut Scan) -> Vec<Reading> {
        let looked = self.find(scan);
        // No pid file is what a service that does not run looks like; one that may not be read says nothing of it.
        let is_known = looked.as_ref().is_err_and(Trouble::is_absence);
        let Some(found) = self.told.settle("procstat", looked) else {
            self.used.clear();
            let is_known = is_known && matches!(self.selection, Selection::PidFile(_));
            return if is_known { vec![self.count(0)] } else { Vec::new() };
        };
        let told: Vec<_> = found.iter().filter_map(|process| Some((process, scan.tell(process)?))).collect();
        self.tell_forbidden(told.iter().any(|(_, told)| told.is_forbidden));
        let alive: BTreeSet<_> = told.iter().map(|(process, _)| (process.pid, process.started)).collect();
        self.used.retain(|known, _| alive.contains(known));
        let mut readings = vec![self.count(told.len())];
        for (process, told) in told {
            let usage = self.usage(process, &told, now);
            let dimensions = vec![self.dimension.clone(), ("process_name", value_of(scan.name(process).as_bytes()))];
            let figures = told.figures.into_iter().chain([("pid", f64::from(process.pid))]).chain(usage);
            readings.extend(figures.map(|(field, value)| Reading { field, dimensions: dimensions.clone(), value }));
        }
        readings
    }

    fn find(&self, scan: &mut Scan) -> Result<Vec<Rc<Process>>, Trouble> {
        match &self.selection {
            Selection::PidFile(path) => {
                let pid = scan.pid_in(path)?;
                Ok(scan.one(pid)?.into_iter().collect())
            }
            Selection::Exe(regex) => scan.select(|scan, process| is_program(regex, scan, process)),
            Selection::Pattern(regex) => scan.select(|scan, process| {
                // Our own command line names files that a pattern may be about: who means the agent itself says so by `exe` or `pid_file`.
                let command = if process.pid == self.own_pid { String::new() } else { scan.command(process) };
                !command.is_empty() && regex.is_match(&command)
            }),
            Selection::Nobody(trouble) => Err(trouble.clone()),
        }
    }

    /// 100 × time used / time passed: above 100 where it used more than one processor.
    fn usage(&mut self, process: &Process, told: &ProcessTold, now: Monotonic) -> Option<Figure> {
        let used = self.used.entry((process.pid, process.started)).or_default();
        let (before, seconds) = used.step(now, told.used_ms)?;
        let used_ms = told.used_ms.checked_sub(before)?;
        Some(("cpu_usage", used_ms as f64 / 10.0 / seconds))
    }

    fn count(&self, count: usize) -> Reading {
        let dimensions = vec![self.dimension.clone(), ("pid_finder", "native".to_owned())];
        Reading { field: "pid_count", dimensions, value: count as f64 }
    }

    fn tell_forbidden(&mut self, is_forbidden: bool) {
        let trouble =
            || Trouble::unanswered(&self.dimension.1, "some figures of other users' processes are for root only");
        let looked = if is_forbidden { Err(trouble()) } else { Ok(()) };
        self.told.settle("procstat, of other users", looked);
    }
}

/// Whether a program's name, or its path, is what the expression finds.
///
/// The agent looks at the path, which only its own user and root may read; its documentation speaks of the name. Either will do.
fn is_program(regex: &Regex, scan: &Scan, process: &Process) -> bool {
    let name = |path: &str| Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned());
    regex.is_match(&scan.name(process))
        || scan
            .path(process)
            .is_some_and(|path| regex.is_match(path) || name(path).is_some_and(|name| regex.is_match(&name)))
}

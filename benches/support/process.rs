//! What Linux tells of a process of ours: CPU time and memory, from `/proc` (proc_pid_stat(5), proc_pid_status(5)).

use std::fs;
use std::process::Child;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

/// The fields `utime` and `stime` behind the command's name, which may hold blanks and brackets itself.
const STATE_FIELD: usize = 0;
const USER_FIELD: usize = 11;
const SYSTEM_FIELD: usize = 12;

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident, at its highest.
    pub peak: u64,
    /// Resident now.
    pub resident: u64,
    /// What of it belongs to no file.
    pub anonymous: u64,
}

/// CPU seconds, user and system, that a process has used; also of one that has ended and was not waited for.
pub fn cpu_seconds(child: &Child) -> anyhow::Result<f64> {
    Ok(stat(child)?.1)
}

fn stat(child: &Child) -> anyhow::Result<(String, f64)> {
    let text = fs::read_to_string(format!("/proc/{}/stat", child.id())).context("reading the times of a process")?;
    let (_, fields) = text.rsplit_once(')').context("a stat line without a name")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |field: usize| -> anyhow::Result<u32> { Ok(fields.get(field).context("a short stat line")?.parse()?) };
    let seconds = f64::from(ticks(USER_FIELD)? + ticks(SYSTEM_FIELD)?) / rustix::param::clock_ticks_per_second() as f64;
    Ok((fields.get(STATE_FIELD).copied().unwrap_or_default().to_owned(), seconds))
}

/// Waits for the end of a process; the CPU seconds of its whole life.
pub fn wait(child: &mut Child) -> anyhow::Result<f64> {
    loop {
        let (state, seconds) = stat(child)?;
        if state == "Z" {
            let status = child.wait()?;
            anyhow::ensure!(status.success(), "process {} ended with {status}", child.id());
            return Ok(seconds);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a running process occupies.
pub fn memory(child: &Child) -> anyhow::Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).context("reading the memory of a process")?;
    let bytes = |name: &str| -> anyhow::Result<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no such line of memory")?;
        Ok(kibibytes.trim().parse::<u64>()? * 1024)
    };
    Ok(Memory { peak: bytes("VmHWM")?, resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")? })
}

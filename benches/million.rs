//! What a million lines cost: the release program against a counting endpoint in another process (this one), and `gzip -1`
//! of the same file in the same run beside it.
//!
//! `just bench`, or `cargo bench --bench million -- RUNS` (3 by default; figures are medians). Nothing here fails for being slow:
//! a floor stands beside the figure that it is for. Easy to break: the endpoint must enforce CloudWatch's limits while it
//! counts, and figures of time are of the agent's process alone. Linux only: figures come from `/proc`.

#![allow(clippy::print_stdout, reason = "what the program is for")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use cloudwatch_publisher::delivery::batch::{MAX_BATCH_BYTES, MAX_BATCH_EVENTS};
use cloudwatch_publisher::local::{Counts, Endpoint, Operation, Options};
use support::agent::{Agent, SMALL_DEVICE, program};
use support::{lines, process};

const LINES: u64 = 1_000_000;
const SEED: u64 = 20_261_121;
const RUNS: usize = 3;
/// Longer than a million lines and the wait for the last batch take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long an idle agent is left alone before it is looked at, and how long its CPU time is counted.
const SETTLING: Duration = Duration::from_secs(20);
const IDLE: Duration = Duration::from_secs(60);
const IDLE_FILES: usize = 10;
/// How long the agent runs against an endpoint that refuses connections.
const OFFLINE: Duration = Duration::from_secs(20);

const MB: f64 = 1e6;
const MIB: f64 = 1024.0 * 1024.0;

fn main() -> anyhow::Result<()> {
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let file = folder.path().join("million.log");
    write_lines(&file, LINES)?;
    let bytes = fs::metadata(&file)?.len();
    println!("\n{LINES} lines, {:.1} MB, seed {SEED}; medians of {runs}\n", bytes as f64 / MB);
    let (mut gzip, mut packed, mut plain, mut small) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        gzip.push(compress(&file)?);
        packed.push(publish(&file, "gzip", &[])?);
        plain.push(publish(&file, "none", &[])?);
        small.push(publish(&file, "gzip", SMALL_DEVICE)?);
    }
    print_busy(&packed, &gzip, bytes);
    print_wire(&packed, &gzip, bytes);
    print_short("without compression", &plain);
    print_short("small-device profile", &small);
    print_idle("idle, ten files", &idle(folder.path(), runs, &[])?);
    print_idle("the same, small device", &idle(folder.path(), runs, SMALL_DEVICE)?);
    let offline = offline(&file, runs)?;
    print_row("peak memory, offline", &format!("{:.1} MiB", mib(&offline, |peak| *peak)), "");
    let size = fs::metadata(program())?.len();
    print_row("binary, stripped", &format!("{:.2} MiB", size as f64 / MIB), "");
    Ok(())
}

fn write_lines(path: &Path, count: u64) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).context("writing the lines")?);
    let mut writer = lines::Writer::new(SEED);
    for _ in 0..count {
        writer.line(&mut out)?;
    }
    Ok(out.flush()?)
}

/// What one run over the million cost.
struct Busy {
    cpu_s: f64,
    peak: u64,
    /// From the start until all but the last batch was there: that one waits for its interval.
    wall_s: f64,
    counts: Counts,
}

impl Busy {
    /// How full batches were on average, in percent of the limit that binds. The last holds what was left, and counts for nothing.
    fn fill(&self) -> f64 {
        let counts = &self.counts;
        let full = counts.batches.saturating_sub(1).max(1) as f64;
        let by_bytes = (counts.batch_bytes - counts.batch_bytes_min) as f64 / full / MAX_BATCH_BYTES as f64;
        let by_events = counts.events as f64 / counts.batches.max(1) as f64 / MAX_BATCH_EVENTS as f64;
        by_bytes.max(by_events) * 100.0
    }
}

fn counting_endpoint() -> anyhow::Result<Endpoint> {
    let options = Options { memory_bytes: 0, keep_metrics_points: 0, ..Options::default() };
    Endpoint::start_on_own_thread(options).context("starting the counting endpoint")
}

fn publish(file: &Path, compression: &str, environment: &[(&str, &str)]) -> anyhow::Result<Busy> {
    let endpoint = counting_endpoint()?;
    let started = Instant::now();
    let mut agent = Agent::start(&endpoint.url(), &[file.to_owned()], compression, environment)?;
    let mut wall_s = 0.0;
    wait_for(LINES, &endpoint, &mut agent, |events| {
        if events + MAX_BATCH_EVENTS as u64 > LINES && wall_s == 0.0 {
            wall_s = started.elapsed().as_secs_f64();
        }
    })?;
    let peak = agent.memory()?.peak;
    let cpu_s = agent.end()?;
    let counts = endpoint.counts();
    anyhow::ensure!(
        counts.refused.keys().all(|code| code == "ResourceNotFoundException"),
        "refused: {:?}",
        counts.refused
    );
    anyhow::ensure!(counts.events == LINES, "{} events of {LINES} lines were taken", counts.events);
    Ok(Busy { cpu_s, peak, wall_s, counts })
}

fn wait_for(lines: u64, endpoint: &Endpoint, agent: &mut Agent, mut seen: impl FnMut(u64)) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let events = endpoint.counts().events;
        seen(events);
        if events >= lines {
            return Ok(());
        }
        agent.check()?;
        anyhow::ensure!(Instant::now() < deadline, "only {events} of {lines} lines arrived");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What `gzip -1` makes of the file.
struct Gzip {
    cpu_s: f64,
    bytes: u64,
}

fn compress(file: &Path) -> anyhow::Result<Gzip> {
    let out = file.with_extension("gz");
    let mut child = Command::new("gzip")
        .args(["-1", "-c"])
        .arg(file)
        .stdout(Stdio::from(File::create(&out)?))
        .spawn()
        .context("running gzip")?;
    let cpu_s = process::wait(&mut child)?;
    let bytes = fs::metadata(&out)?.len();
    fs::remove_file(&out)?;
    Ok(Gzip { cpu_s, bytes })
}

/// What an agent costs that has nothing to do.
struct Idle {
    resident: u64,
    anonymous: u64,
    cpu_s_per_minute: f64,
}

/// Agents side by side, each with its ten files and a few lines of each sent.
fn idle(folder: &Path, count: usize, environment: &[(&str, &str)]) -> anyhow::Result<Vec<Idle>> {
    let files: Vec<PathBuf> = (0..IDLE_FILES).map(|number| folder.join(format!("idle-{number}.log"))).collect();
    for file in &files {
        write_lines(file, 5)?;
    }
    let mut agents = Vec::new();
    for _ in 0..count {
        let endpoint = counting_endpoint()?;
        agents.push((Agent::start(&endpoint.url(), &files, "gzip", environment)?, endpoint));
    }
    for (agent, endpoint) in &mut agents {
        wait_for(files.len() as u64 * 5, endpoint, agent, |_| {})?;
    }
    thread::sleep(SETTLING);
    let begun: Vec<f64> = agents.iter().map(|(agent, _)| agent.cpu_seconds()).collect::<Result<_, _>>()?;
    thread::sleep(IDLE);
    let measure = |((agent, _), begun): ((Agent, Endpoint), f64)| -> anyhow::Result<Idle> {
        let (memory, cpu_s) = (agent.memory()?, agent.cpu_seconds()? - begun);
        agent.end()?;
        let cpu_s_per_minute = cpu_s * 60.0 / IDLE.as_secs_f64();
        Ok(Idle { resident: memory.resident, anonymous: memory.anonymous, cpu_s_per_minute })
    };
    agents.into_iter().zip(begun).map(measure).collect()
}

/// The highest memory of agents, side by side, that cannot send anything.
fn offline(file: &Path, count: usize) -> anyhow::Result<Vec<u64>> {
    let endpoint = counting_endpoint()?;
    endpoint.go_offline();
    let start = |_| Agent::start(&endpoint.url(), &[file.to_owned()], "gzip", &[]);
    let mut agents: Vec<Agent> = (0..count).map(start).collect::<Result<_, _>>()?;
    thread::sleep(OFFLINE);
    for agent in &mut agents {
        agent.check()?;
    }
    agents.iter().map(|agent| Ok(agent.memory()?.peak)).collect()
}

fn median<T>(runs: &[T], figure: impl Fn(&T) -> f64) -> f64 {
    let mut figures: Vec<f64> = runs.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn mib<T>(runs: &[T], bytes: impl Fn(&T) -> u64) -> f64 {
    median(runs, |run| bytes(run) as f64) / MIB
}

fn print_row(name: &str, figure: &str, floor: &str) {
    println!("{}", format!("{name:<26} {figure:<44} {floor}").trim_end());
}

fn print_busy(runs: &[Busy], gzip: &[Gzip], bytes: u64) {
    let (cpu_s, gzip_s) = (median(runs, |run| run.cpu_s), median(gzip, |gzip| gzip.cpu_s));
    let (wall_s, mb) = (median(runs, |run| run.wall_s), bytes as f64 / MB);
    print_row("CPU", &format!("{cpu_s:.2} s, {:.2} of gzip -1 ({gzip_s:.2} s)", cpu_s / gzip_s), "");
    print_row("lines per CPU second", &format!("{:.0}", LINES as f64 / cpu_s), "floor 400000");
    print_row("throughput", &format!("{:.0} MB per CPU second, {:.0} MB/s", mb / cpu_s, mb / wall_s), "");
    print_row("peak memory, busy", &format!("{:.1} MiB", mib(runs, |run| run.peak)), "floor 40 MB");
}

fn print_wire(runs: &[Busy], gzip: &[Gzip], bytes: u64) {
    let requests = median(runs, |run| run.counts.requests_to(Operation::PutLogEvents) as f64);
    let (wire, file) = (median(runs, |run| run.counts.wire_bytes as f64), median(gzip, |gzip| gzip.bytes as f64));
    let ratio = |packed: f64| bytes as f64 / packed;
    print_row("requests", &format!("{requests:.0}"), "");
    let wire_text =
        format!("{:.1} MB, 1 : {:.1} (gzip -1: {:.1} MB, 1 : {:.1})", wire / MB, ratio(wire), file / MB, ratio(file));
    print_row("on the wire", &wire_text, "");
    print_row("batches filled", &format!("{:.1} %", median(runs, Busy::fill)), "floor 95 %");
}

/// A way to run it that is no floor's, in one row.
fn print_short(name: &str, runs: &[Busy]) {
    let (cpu_s, wire) = (median(runs, |run| run.cpu_s), median(runs, |run| run.counts.wire_bytes as f64));
    let figure = format!("{cpu_s:.2} CPU s, {:.1} MiB peak, {:.1} MB sent", mib(runs, |run| run.peak), wire / MB);
    print_row(name, &figure, "");
}

fn print_idle(name: &str, runs: &[Idle]) {
    let (resident, anonymous) = (mib(runs, |run| run.resident), mib(runs, |run| run.anonymous));
    let cpu = median(runs, |run| run.cpu_s_per_minute);
    let figure = format!("{resident:.1} MiB, {anonymous:.1} of it its own; {cpu:.2} CPU s/min");
    print_row(name, &figure, "floor 12 MB");
}

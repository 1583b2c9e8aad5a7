//! Promises of `procstat` and of our own sections: on machines made of files to the last digit, and on the machine that runs this beside psutil.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests state what must be")]

#[path = "support/machine.rs"]
mod machine;
#[path = "support/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cloudwatch_publisher::config::{PluginConfig, ProcessesOf, Resources};
use cloudwatch_publisher::record::Monotonic;
use cloudwatch_publisher::sources::host::collector::Collector;
use cloudwatch_publisher::sources::host::reading::Reading;
use cloudwatch_publisher::sources::host::scan::Scan;
use machine::{Machine, copy_tree};
use tempfile::TempDir;

impl Machine {
    fn collector(&self, plugin: PluginConfig) -> Collector {
        Collector::new(self.root.path(), plugin, Monotonic(1_000))
    }

    fn figures(&self, plugin: PluginConfig) -> BTreeMap<String, f64> {
        named(&self.collector(plugin).collect(Monotonic(61_000)))
    }
}

/// By field and the values of the dimensions.
fn named(readings: &[Reading]) -> BTreeMap<String, f64> {
    let name = |reading: &Reading| {
        let values: Vec<_> = reading.dimensions.iter().map(|(_, value)| format!(" {value}")).collect();
        format!("{}{}", reading.field, values.concat())
    };
    readings.iter().map(|reading| (name(reading), reading.value)).collect()
}

fn map(expected: &[(&str, f64)]) -> BTreeMap<String, f64> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn exe(text: &str) -> PluginConfig {
    PluginConfig::Procstat(ProcessesOf::Exe(text.to_owned()))
}

fn pattern(text: &str) -> PluginConfig {
    PluginConfig::Procstat(ProcessesOf::Pattern(text.to_owned()))
}

fn pid_file(path: &str) -> PluginConfig {
    PluginConfig::Procstat(ProcessesOf::PidFile(path.into()))
}

/// The figures of the process with this id, by field.
fn of_pid(readings: &[Reading], pid: f64) -> BTreeMap<&'static str, f64> {
    let end = readings.iter().position(|reading| reading.field == "pid" && reading.value == pid);
    let end = end.unwrap_or_else(|| panic!("no process {pid}"));
    let is_other = |reading: &Reading| matches!(reading.field, "pid" | "pid_count" | "cpu_usage");
    let begin = readings[..end].iter().rposition(is_other).map_or(0, |before| before + 1);
    let usage = readings.get(end + 1).filter(|reading| reading.field == "cpu_usage");
    readings[begin..=end].iter().chain(usage).map(|reading| (reading.field, reading.value)).collect()
}

fn count(readings: &[Reading]) -> f64 {
    readings.iter().find(|reading| reading.field == "pid_count").unwrap().value
}

/// 60 s: 1,200 ticks of its own and 600 of the kernel's are 18 s, 30 % of one processor. Three signals wait.
const MASTER: [(&str, f64); 42] = [
    ("cpu_time", 33.0),
    ("cpu_time_guest", 0.09),
    ("cpu_time_guest_nice", 0.0),
    ("cpu_time_idle", 0.0),
    ("cpu_time_iowait", 0.42),
    ("cpu_time_irq", 0.0),
    ("cpu_time_nice", 0.0),
    ("cpu_time_soft_irq", 0.0),
    ("cpu_time_steal", 0.0),
    ("cpu_time_stolen", 0.0),
    ("cpu_time_system", 11.0),
    ("cpu_time_user", 22.0),
    ("cpu_usage", 30.0),
    ("involuntary_context_switches", 22.0),
    ("memory_data", 1_980.0 * 1_024.0),
    ("memory_locked", 8.0 * 1_024.0),
    ("memory_rss", 10_484.0 * 1_024.0),
    ("memory_stack", 132.0 * 1_024.0),
    ("memory_swap", 64.0 * 1_024.0),
    ("memory_vms", 222_208.0 * 1_024.0),
    ("nice_priority", 25.0),
    ("num_fds", 7.0),
    ("num_threads", 4.0),
    ("pid", 100.0),
    ("read_bytes", 12_288.0),
    ("read_count", 90.0),
    ("realtime_priority", 0.0),
    ("rlimit_memory_locked_hard", 67_108_864.0),
    ("rlimit_memory_locked_soft", 67_108_864.0),
    ("rlimit_memory_stack_soft", 8_388_608.0),
    ("rlimit_nice_priority_hard", 0.0),
    ("rlimit_nice_priority_soft", 0.0),
    ("rlimit_num_fds_hard", 524_288.0),
    ("rlimit_num_fds_soft", 1_024.0),
    ("rlimit_realtime_priority_hard", 0.0),
    ("rlimit_realtime_priority_soft", 0.0),
    ("rlimit_signals_pending_hard", 7_373.0),
    ("rlimit_signals_pending_soft", 7_373.0),
    ("signals_pending", 3.0),
    ("voluntary_context_switches", 250.0),
    ("write_bytes", 40_960.0),
    ("write_count", 80.0),
];

#[test]
fn every_figure_of_a_process_is_the_one_worked_out_by_hand() {
    let machine = Machine::of("procstat");
    let mut collector = machine.collector(pid_file("/run/nginx.pid"));
    machine.overlay("second");
    let readings = collector.collect(Monotonic(61_000));
    assert_eq!(count(&readings), 1.0);
    assert_eq!(of_pid(&readings, 100.0), MASTER.into());
    for reading in &readings {
        let names: Vec<_> = reading.dimensions.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let second = if reading.field == "pid_count" { ("pid_finder", "native") } else { ("process_name", "nginx") };
        assert_eq!(names, [("pidfile", "/run/nginx.pid"), second]);
    }
}

#[test]
fn one_that_ends_and_one_whose_id_is_given_anew_and_one_that_may_not_be_read_cost_their_own_figures_only() {
    let machine = Machine::of("procstat");
    let mut collector = machine.collector(exe("^nginx$"));
    assert_eq!(count(&collector.collect(Monotonic(2_000))), 3.0, "neither the zombie nor the kernel's thread");
    machine.overlay("second");
    fs::remove_dir_all(machine.root.path().join("proc/200")).unwrap();
    let readings = collector.collect(Monotonic(62_000));
    assert_eq!(count(&readings), 2.0);
    assert_eq!(of_pid(&readings, 100.0)["cpu_usage"], 30.0);
    let anew = of_pid(&readings, 300.0);
    assert!(!anew.contains_key("cpu_usage"), "what the one before it used is not its own");
    assert!(!anew.contains_key("read_count"), "its io may not be read");
    assert_eq!((anew["memory_rss"], anew["cpu_time"], anew["num_fds"]), (2_048.0 * 1_024.0, 4.0, 1.0));
    let later = collector.collect(Monotonic(122_000));
    assert_eq!(of_pid(&later, 300.0)["cpu_usage"], 0.0);
}

#[test]
fn a_process_that_ends_while_it_is_looked_at_is_not_counted() {
    let machine = Machine::of("procstat");
    let mut scan = Scan::new(machine.root.path());
    scan.all().unwrap();
    fs::remove_dir_all(machine.root.path().join("proc/200")).unwrap();
    machine.overlay("second");
    fs::remove_dir_all(machine.root.path().join("proc/200")).unwrap_or_default();
    let readings = machine.collector(exe("nginx$")).collect_with(Monotonic(2_000), &mut scan);
    assert_eq!(count(&readings), 1.0, "one has ended, and the id of another stands for somebody else by now");
    of_pid(&readings, 100.0);
}

#[test]
fn processes_are_found_by_name_path_command_line_or_file() {
    let machine = Machine::of("procstat");
    let found = [
        (exe("^nginx$"), 3.0),
        (exe("/usr/sbin/"), 3.0),
        (exe("^cloudwatch-publisher$"), 1.0),
        (exe("^cloudwatch-publ$"), 0.0),
        (exe("nginxd"), 0.0),
        (pattern("worker process$"), 2.0),
        (pattern("nginx"), 4.0),
        (pattern("-g daemon on;$"), 1.0),
        (pattern(".*"), 4.0),
        (pattern("(?i)NGINX: MASTER"), 1.0),
        (pid_file("/run/nginx.pid"), 1.0),
        (pid_file("/run/gone.pid"), 0.0),
        (pid_file("/run/broken.pid"), 0.0),
        (pid_file("/run/none.pid"), 0.0),
    ];
    for (plugin, expected) in found {
        let readings = machine.collector(plugin.clone()).collect(Monotonic(2_000));
        assert_eq!(count(&readings), expected, "{plugin:?}");
    }
}

#[test]
fn a_machine_whose_processes_are_hidden_gives_no_figure_rather_than_zero() {
    let empty = TempDir::new().unwrap();
    assert_eq!(Collector::new(empty.path(), exe("nginx"), Monotonic(0)).collect(Monotonic(1_000)), []);
}

#[test]
fn one_look_serves_all_entries_of_a_moment() {
    let machine = Machine::of("procstat");
    let (mut one, mut other) = (machine.collector(exe("nginx")), machine.collector(pattern("worker")));
    let mut scan = Scan::new(machine.root.path());
    assert_eq!(count(&one.collect_with(Monotonic(2_000), &mut scan)), 3.0);
    // What begins after the look is not of this moment.
    copy_tree(&machine.root.path().join("proc/200"), &machine.root.path().join("proc/201"));
    assert_eq!(count(&other.collect_with(Monotonic(2_000), &mut scan)), 2.0);
}

#[test]
fn what_sysinfo_tells_gives_the_figures_of_macos() {
    let mut child = Command::new("sleep").arg("271.8281").spawn().unwrap();
    let mut collector = Collector::new(Path::new("/"), pattern("sleep 271\\.8281"), Monotonic(1_000));
    let readings = collector.collect_with(Monotonic(61_000), &mut Scan::of_system());
    let later = collector.collect_with(Monotonic(121_000), &mut Scan::of_system());
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count(&readings), 1.0);
    let figures = of_pid(&readings, f64::from(child.id()));
    assert_eq!(figures.keys().copied().collect::<Vec<_>>(), ["memory_rss", "memory_vms", "pid"]);
    assert!(figures["memory_rss"] > 100_000.0 && figures["memory_vms"] >= figures["memory_rss"]);
    assert!(of_pid(&later, f64::from(child.id())).contains_key("cpu_usage"));
}

fn temperature(sensors: &[&str]) -> PluginConfig {
    let names: Vec<String> = sensors.iter().map(|name| (*name).to_owned()).collect();
    PluginConfig::Temperature { sensors: if names.is_empty() { Resources::Unset } else { Resources::Named(names) } }
}

#[test]
fn a_raspberry_pi_4_tells_of_its_temperature_and_its_power() {
    let machine = Machine::of("host/raspberry-pi-4");
    assert_eq!(machine.figures(temperature(&[])), map(&[("celsius cpu_thermal", 48.199)]));
    let mut throttled = machine.collector(PluginConfig::Throttled);
    let quiet =
        [("frequency_capped", 0.0), ("soft_temperature_limit", 0.0), ("throttled", 0.0), ("under_voltage", 0.0)];
    assert_eq!(named(&throttled.collect(Monotonic(61_000))), map(&quiet));
    machine.overlay("second");
    let low = [("frequency_capped", 0.0), ("soft_temperature_limit", 0.0), ("throttled", 1.0), ("under_voltage", 1.0)];
    assert_eq!(named(&throttled.collect(Monotonic(121_000))), map(&low));
    assert_eq!(named(&throttled.collect(Monotonic(181_000))), map(&quiet), "it was before the last look");
    assert_eq!(machine.figures(PluginConfig::Load), map(&[("1", 0.52), ("5", 0.24), ("15", 0.12)]));
    assert_eq!(machine.figures(PluginConfig::Uptime), map(&[("seconds", 1_102.17)]));
}

#[test]
fn a_raspberry_pi_5_tells_of_them_where_it_has_them() {
    let machine = Machine::of("host/raspberry-pi-5");
    let sensors = [
        ("celsius cpu_thermal", 55.1),
        ("celsius nvme_composite", 38.85),
        ("celsius nvme_sensor_1", 61.85),
        ("celsius rp1_adc", 47.213),
    ];
    assert_eq!(machine.figures(temperature(&[])), map(&sensors));
    let mut throttled = machine.collector(PluginConfig::Throttled);
    machine.overlay("second");
    let low = [("frequency_capped", 1.0), ("soft_temperature_limit", 0.0), ("throttled", 0.0), ("under_voltage", 1.0)];
    assert_eq!(named(&throttled.collect(Monotonic(61_000))), map(&low));
    fs::remove_dir_all(machine.root.path().join("sys/bus")).unwrap();
    assert_eq!(machine.figures(PluginConfig::Throttled), map(&[("under_voltage", 1.0)]), "its alarm is still there");
}

#[test]
fn a_server_tells_each_sensor_once_under_a_name_that_stays_and_leaves_out_the_broken_ones() {
    let machine = Machine::of("host/many-disk-server");
    let sensors = [
        ("celsius acpitz_0", 27.8),
        ("celsius acpitz_1", 29.8),
        ("celsius coretemp_coretemp.0_core_0", 53.0),
        ("celsius coretemp_coretemp.0_package_id_0", 55.0),
        ("celsius coretemp_coretemp.1_core_0", 56.0),
        ("celsius coretemp_coretemp.1_package_id_1", 57.0),
        ("celsius drivetemp_0:0:0:0", 34.0),
        ("celsius drivetemp_1:0:0:0", 36.0),
        ("celsius nct6775_cputin", 41.5),
        ("celsius nvme_composite", 41.85),
    ];
    assert_eq!(machine.figures(temperature(&[])), map(&sensors));
    let chosen = [("celsius acpitz_0", 27.8), ("celsius drivetemp_0:0:0:0", 34.0), ("celsius drivetemp_1:0:0:0", 36.0)];
    assert_eq!(machine.figures(temperature(&["acpitz_0", "drivetemp_*"])), map(&chosen));
    assert_eq!(machine.figures(temperature(&["none_of_them"])), map(&[]));
    assert_eq!(machine.figures(PluginConfig::Throttled), map(&[]));
    assert_eq!(machine.figures(PluginConfig::Load), map(&[("1", 4.0), ("5", 3.8), ("15", 3.4)]));
}

#[test]
fn a_container_has_no_sensors_and_no_firmware_and_tells_the_rest() {
    let machine = Machine::of("host/container");
    assert_eq!(machine.figures(temperature(&[])), map(&[]));
    assert_eq!(machine.figures(PluginConfig::Throttled), map(&[]));
    assert_eq!(machine.figures(PluginConfig::Uptime), map(&[("seconds", 3_000.0)]));
    assert_eq!(machine.figures(PluginConfig::Heartbeat), map(&[("", 1.0)]));
}

#[test]
fn the_time_since_the_start_is_the_kernels() {
    let told = || {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        text.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    let before = told();
    let ours = Collector::new(Path::new("/"), PluginConfig::Uptime, Monotonic(0)).collect(Monotonic(1))[0].value;
    assert!((before..=told()).contains(&ours), "{ours}");
}

/// A program that works, and what psutil makes of it.
struct Burning {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Burning {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    fn ask(&mut self) -> String {
        writeln!(self.input).unwrap();
        self.line()
    }
}

impl Drop for Burning {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_process_at_work_is_told_as_psutil_tells_it() {
    let Some(python) = python::python("procstat", "psutil") else { return };
    // Beside the target, as a temporary folder may lie in memory and what is written to it go to no disk.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(python);
    command.arg(python::script("procstat", "burn.py")).arg("1.5").arg(folder.path().join("written"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let mut burning = Burning { child, input, output };
    assert_eq!(burning.line(), "ready\n");

    let mark = folder.path().join("written").display().to_string();
    let began = Instant::now();
    let now = |began: Instant| Monotonic(u64::try_from(began.elapsed().as_millis()).unwrap());
    let mut collector = Collector::new(Path::new("/"), pattern(&mark), now(began));
    assert_eq!(burning.ask(), "burnt\n");
    let ours = collector.collect(now(began));
    let passed = began.elapsed();
    let told: serde_json::Value = serde_json::from_str(&burning.ask()).unwrap();
    assert!(began.elapsed() < Duration::from_secs(120), "it is no longer the same moment");

    assert_eq!(count(&ours), 1.0);
    let ours = of_pid(&ours, f64::from(burning.child.id()));
    let theirs = told.as_object().unwrap();
    let mut compared = 0;
    for (field, value) in theirs.iter().filter(|(field, _)| *field != "load") {
        let (value, own) = (value.as_f64().unwrap(), ours[field.as_str()]);
        // psutil itself has read, waited and grown a little since.
        let apart = match field.as_str() {
            "cpu_time_user" | "cpu_time_system" | "cpu_time_iowait" => 0.3,
            field if field.ends_with("context_switches") => 100.0,
            "read_count" => 200.0,
            "write_count" => 5.0,
            "num_fds" => 3.0,
            "memory_rss" | "memory_vms" | "memory_data" => 8e6,
            "read_bytes" => 8e6,
            _ => 0.0,
        };
        assert!((value - own).abs() <= apart, "{field}: {own}, and psutil says {value}");
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
    assert_eq!(ours["signals_pending"], 1.0);
    assert!(ours["memory_rss"] >= 32.0 * 1024.0 * 1024.0, "it holds 32 MiB");
    assert!(ours["num_fds"] >= 23.0);
    // 1.5 s of one processor in the time that passed.
    let expected = 150.0 / passed.as_secs_f64();
    assert!((ours["cpu_usage"] - expected).abs() <= 0.25 * expected, "{} instead of {expected}", ours["cpu_usage"]);

    let load = named(&Collector::new(Path::new("/"), PluginConfig::Load, Monotonic(0)).collect(Monotonic(1)));
    for (field, theirs) in ["1", "5", "15"].into_iter().zip(told["load"].as_array().unwrap()) {
        // The kernel works it out anew every 5 s.
        assert!((load[field] - theirs.as_f64().unwrap()).abs() <= 1.0, "{field}: {load:?} and {theirs}");
    }
}

#[test]
fn a_pid_file_that_cannot_be_read_says_nothing_and_one_that_is_missing_or_stale_says_0() {
    let machine = Machine::of("procstat");
    let root = machine.root.path();
    let place = |name: &str| root.join("run").join(name);
    fs::create_dir_all(place("folder.pid")).unwrap();
    fs::write(place("stale.pid"), "999999\n").unwrap();
    fs::write(place("empty.pid"), "").unwrap();
    fs::write(place("long.pid"), format!("100\n{}", "x".repeat(1 << 20))).unwrap();
    // Whoever opens it to read waits until somebody writes.
    let made = Command::new("mkfifo").arg(place("fifo.pid")).status().unwrap();
    assert!(made.success());
    std::os::unix::fs::symlink("loop.pid", place("loop.pid")).unwrap();
    let told = |name: &str| {
        let readings = machine.collector(pid_file(&format!("/run/{name}"))).collect(Monotonic(61_000));
        readings.iter().find(|reading| reading.field == "pid_count").map(|reading| reading.value)
    };
    let unreadable = ["folder.pid", "fifo.pid", "loop.pid"].map(told);
    assert_eq!(unreadable, [None; 3]);
    assert_eq!(
        ["missing.pid", "stale.pid", "empty.pid", "long.pid"].map(told),
        [Some(0.0), Some(0.0), Some(0.0), Some(1.0)]
    );
    fs::remove_dir_all(root.join("proc")).unwrap();
    assert_eq!(told("long.pid"), None, "nothing is to be seen of any process");
}

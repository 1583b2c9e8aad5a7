//! The machine that runs this, as `free`, `df`, `iostat`, `ps`, psutil and the kernel say it in the same moment.
//!
//! What only grows is looked at between two looks of the other: ours must lie between theirs. So must what goes up and down, but
//! that may have gone somewhere and back in between: then another moment counts, and the first of [`TRIES`] in which all figures
//! lie there is enough, since what is wrong lies there in none.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cloudwatch_publisher::config::{PluginConfig, Resources};
use cloudwatch_publisher::record::Monotonic;
use cloudwatch_publisher::sources::host::collector::Collector;
use cloudwatch_publisher::sources::host::reading::Reading;
use serde_json::Value;

use crate::python;

const TRIES: usize = 100;

fn collector(plugin: PluginConfig) -> Collector {
    Collector::new(Path::new("/"), plugin, Monotonic(0))
}

fn look(collector: &mut Collector) -> Vec<Reading> {
    collector.collect(Monotonic(60_000))
}

/// The figures of what has this dimension; of all where it has none.
fn of<'a>(readings: &'a [Reading], dimension: &str) -> BTreeMap<&'static str, f64> {
    let is_it = |it: &&'a Reading| it.dimensions.first().is_none_or(|(_, value)| value == dimension);
    readings.iter().filter(is_it).map(|it| (it.field, it.value)).collect()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether `program` is there; without it the test is skipped, but never where `CI` is set.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-V").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is not there, and CI does without no test");
    if !found {
        let _ = std::io::stderr().write_all(format!("skipped: {program} is not there\n").as_bytes());
    }
    found
}

/// Takes ours between two looks of the other until every figure lies between theirs. A figure may be missing, with both.
#[track_caller]
fn assert_between<const N: usize>(
    fields: [&str; N],
    mut theirs: impl FnMut() -> [Option<f64>; N],
    mut ours: impl FnMut() -> [Option<f64>; N],
) {
    let mut before = theirs();
    let mut wrong = String::new();
    for _ in 0..TRIES {
        let (our, after) = (ours(), theirs());
        let is_between = |place: usize| match (before[place], our[place], after[place]) {
            (Some(before), Some(our), Some(after)) => (before.min(after)..=before.max(after)).contains(&our),
            figures => figures == (None, None, None),
        };
        let Some(place) = (0..N).find(|place| !is_between(*place)) else { return };
        wrong =
            format!("{}: {:?} is not between {:?} and {:?}", fields[place], our[place], before[place], after[place]);
        before = after;
    }
    panic!("in none of {TRIES} moments: {wrong}");
}

#[track_caller]
fn assert_within(what: &str, ours: f64, one: f64, other: f64, tolerance: f64) {
    let (low, high) = (one.min(other) - tolerance, one.max(other) + tolerance);
    assert!((low..=high).contains(&ours), "{what}: {ours} is not between {low} and {high}");
}

/// psutil, asked as often as wanted.
struct Psutil {
    child: Child,
    question: ChildStdin,
    answer: BufReader<ChildStdout>,
}

impl Psutil {
    fn start() -> Option<Self> {
        let python = python::python("collectors", "psutil")?;
        let mut command = Command::new(python);
        command.arg(python::script("collectors", "ask.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (question, answer) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Some(Self { child, question, answer: BufReader::new(answer) })
    }

    fn ask(&mut self) -> Value {
        self.question.write_all(b"?\n").unwrap();
        let mut line = String::new();
        self.answer.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Psutil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn memory_and_swap_are_what_free_says() {
    if !has("free") {
        return;
    }
    let (mut mem, mut swap) = (collector(PluginConfig::Mem), collector(PluginConfig::Swap));
    // total used free shared buffers cache available
    let free = || {
        let text = run("free", &["-b", "-w"]);
        let row = |line: &str| line.split_whitespace().skip(1).map(|it| it.parse().unwrap()).collect::<Vec<f64>>();
        let rows: Vec<_> = text.lines().skip(1).map(row).collect();
        let (mem, swap) = (&rows[0], &rows[1]);
        let used = mem[0] - mem[2] - mem[4] - mem[5];
        [mem[0], used, mem[2], mem[3], mem[4], mem[5], mem[6], swap[1], swap[2]].map(Some)
    };
    let fields = ["total", "used", "free", "shared", "buffered", "cached", "available", "swap used", "swap free"];
    assert_between(fields, free, || {
        let (mem, swap) = (of(&look(&mut mem), ""), of(&look(&mut swap), ""));
        fields.map(|field| match field.strip_prefix("swap ") {
            Some(field) => swap.get(field).copied(),
            None => mem.get(field).copied(),
        })
    });
}

#[test]
fn file_systems_are_as_full_as_df_says() {
    let unset = PluginConfig::Disk { mounts: Resources::Unset, ignored_types: Vec::new(), drops_device: false };
    let mut disk = collector(unset);
    let points: Vec<String> = {
        let mut points: Vec<_> = look(&mut disk).iter().map(|it| it.dimensions[0].1.clone()).collect();
        points.dedup();
        points
    };
    assert!(!points.is_empty(), "no file system at all");
    for point in points {
        let kind = look(&mut disk).iter().find(|it| it.dimensions[0].1 == point).unwrap().dimensions[2].clone();
        // Never across a name that was made safe: df would not know it.
        let df = |columns: &str| {
            let text = run("df", &["-B1", &format!("--output={columns}"), &point]);
            text.lines().nth(1).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(kind, ("fstype", df("fstype").remove(0)));
        let fields = ["total", "used", "free", "inodes_total", "inodes_used", "inodes_free", "used_percent"];
        let theirs = || {
            let row = df("size,used,avail,itotal,iused,iavail,pcent");
            // Without inodes to count there is `0` or `-`, and we have no figure.
            let has_inodes = row[3] != "0";
            std::array::from_fn(|place| {
                let is_inodes = (3..6).contains(&place);
                row[place].trim_end_matches('%').parse().ok().filter(|_| has_inodes || !is_inodes)
            })
        };
        assert_between(fields, theirs, || {
            let ours = of(&look(&mut disk), &point);
            // df rounds up to whole percents.
            fields.map(|field| ours.get(field).map(|it| if field == "used_percent" { it.ceil() } else { *it }))
        });
    }
}

#[test]
fn processor_times_lie_between_two_looks_of_psutil_and_shares_add_up() {
    let Some(mut psutil) = Psutil::start() else { return };
    let mut cpu = collector(PluginConfig::Cpu { each: Resources::All, has_total: true });
    let before = psutil.ask();
    let readings = look(&mut cpu);
    let after = psutil.ask();
    let cpus = before["cpu"].as_object().unwrap();
    assert!(cpus.len() > 1);
    for name in cpus.keys() {
        let ours = of(&readings, name);
        for part in ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"] {
            let [one, other] = [&before, &after].map(|look| number(&look["cpu"][name][part]));
            // The kernel takes ticks of idle and iowait back in hindsight.
            let tolerance = if part == "idle" || part == "iowait" { 0.05 } else { 1e-9 };
            assert_within(&format!("{name} time_{part}"), ours[format!("time_{part}").as_str()], one, other, tolerance);
        }
    }
    // Some time has to pass: a tick is 10 ms, and psutil takes a while to answer.
    let shares = (0..TRIES).find_map(|_| {
        psutil.ask();
        Some(of(&look(&mut cpu), "cpu-total")).filter(|ours| ours.contains_key("usage_active"))
    });
    let shares = shares.expect("time passes");
    let parts = shares.iter().filter(|(field, _)| field.starts_with("usage_") && **field != "usage_active");
    let sum: f64 = parts.map(|(_, share)| share).sum();
    assert!((sum - 100.0).abs() < 1e-9, "{sum}: {shares:?}");
    assert!((shares["usage_active"] + shares["usage_idle"] - 100.0).abs() < 1e-9, "{shares:?}");
}

/// What each device counted in between, by ours, by what psutil said closest around ours and by what it said farthest.
fn assert_growth(what: &str, plugin: PluginConfig, fields: &[(&str, &str)], work: impl FnOnce()) {
    let Some(mut psutil) = Psutil::start() else { return };
    let outer = psutil.ask();
    let mut ours = collector(plugin);
    let inner = psutil.ask();
    work();
    let inner_end = psutil.ask();
    let readings = look(&mut ours);
    let outer_end = psutil.ask();
    let mut names: Vec<_> = readings.iter().map(|it| it.dimensions[0].1.clone()).collect();
    names.dedup();
    let mut compared = 0;
    for name in &names {
        let figures = of(&readings, name);
        for (field, theirs) in fields {
            let grown = |from: &Value, to: &Value| number(&to[what][name][theirs]) - number(&from[what][name][theirs]);
            let (least, most) = (grown(&inner, &inner_end), grown(&outer, &outer_end));
            assert_within(&format!("{name} {field}"), figures[field], least, most, 0.0);
            compared += 1;
        }
    }
    assert!(compared > 0, "{what}: nothing to compare: {readings:?}");
}

#[test]
fn disks_did_what_psutil_says() {
    let fields = [
        ("reads", "read_count"),
        ("writes", "write_count"),
        ("read_bytes", "read_bytes"),
        ("write_bytes", "write_bytes"),
        ("read_time", "read_time"),
        ("write_time", "write_time"),
        ("io_time", "busy_time"),
    ];
    assert_growth("disk", PluginConfig::Diskio { devices: Resources::Unset }, &fields, || {
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&vec![7; 4 << 20]).unwrap();
        file.sync_all().unwrap();
    });
}

#[test]
fn interfaces_passed_on_what_psutil_says() {
    let fields = [
        ("bytes_sent", "bytes_sent"),
        ("bytes_recv", "bytes_recv"),
        ("packets_sent", "packets_sent"),
        ("packets_recv", "packets_recv"),
        ("err_in", "errin"),
        ("err_out", "errout"),
        ("drop_in", "dropin"),
        ("drop_out", "dropout"),
    ];
    let interfaces = Resources::Named(vec!["*".to_owned()]);
    assert_growth("net", PluginConfig::Net { interfaces }, &fields, || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[1; 20_000], socket.local_addr().unwrap()).unwrap();
    });
}

#[test]
fn disks_did_what_iostat_says() {
    if !has("iostat") {
        return;
    }
    let kilobytes = || {
        let answer: Value = serde_json::from_str(&run("iostat", &["-d", "-k", "-o", "JSON"])).unwrap();
        let disks = answer["sysstat"]["hosts"][0]["statistics"][0]["disk"].as_array().unwrap().clone();
        let name = |disk: &Value| disk["disk_device"].as_str().unwrap().to_owned();
        disks
            .iter()
            .map(|disk| (name(disk), [number(&disk["kB_read"]), number(&disk["kB_wrtn"])]))
            .collect::<BTreeMap<_, _>>()
    };
    let outer = kilobytes();
    let mut diskio = collector(PluginConfig::Diskio { devices: Resources::Unset });
    let inner = kilobytes();
    let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    file.write_all(&vec![9; 4 << 20]).unwrap();
    file.sync_all().unwrap();
    let inner_end = kilobytes();
    let readings = look(&mut diskio);
    let outer_end = kilobytes();
    let mut compared = 0;
    for (name, outer_end) in outer_end {
        let ours = of(&readings, &name);
        for (place, field) in ["read_bytes", "write_bytes"].into_iter().enumerate() {
            let Some(bytes) = ours.get(field) else { continue };
            let least = inner_end[&name][place] - inner[&name][place];
            let most = outer_end[place] - outer[&name][place];
            // Each of its two looks is rounded to whole kilobytes.
            assert_within(&format!("{name} {field}"), bytes / 1_024.0, least, most, 1.0);
            compared += 1;
        }
    }
    assert!(compared > 0, "no disk to compare: {readings:?}");
}

#[test]
fn sockets_are_those_that_psutil_counts() {
    let Some(mut psutil) = Psutil::start() else { return };
    let mut netstat = collector(PluginConfig::Netstat);
    let before = of(&look(&mut netstat), "");
    let kept: Vec<_> = (0..5).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let udp: Vec<_> = (0..3).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let counts = || {
        let answer = psutil.ask();
        let tcp = |state: &str| answer["tcp"][state].as_f64().unwrap_or(0.0);
        [tcp("LISTEN"), tcp("ESTABLISHED"), tcp("TIME_WAIT"), tcp("CLOSE_WAIT"), number(&answer["udp"])].map(Some)
    };
    let fields = ["tcp_listen", "tcp_established", "tcp_time_wait", "tcp_close_wait", "udp_socket"];
    assert_between(fields, counts, || {
        let ours = of(&look(&mut netstat), "");
        assert!(ours["tcp_listen"] > 0.0 && before.len() == ours.len());
        fields.map(|field| ours.get(field).copied())
    });
    drop((kept, udp));
}

#[test]
fn processes_are_those_that_ps_shows() {
    if !has("ps") {
        return;
    }
    let mut processes = collector(PluginConfig::Processes);
    // Each row of ps but that of ps itself, which is not there when ours looks.
    let counts = || {
        let text = run("ps", &["-e", "-o", "state=,nlwp=,comm="]);
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows: Vec<_> = rows.filter(|row| row.get(2) != Some(&"ps")).collect();
        let threads: f64 = rows.iter().map(|row| row[1].parse::<f64>().unwrap()).sum();
        let states = |letters: &str| rows.iter().filter(|row| letters.contains(row[0])).count() as f64;
        [rows.len() as f64, threads, states("Z"), states("I"), states("Tt"), states("RSD")].map(Some)
    };
    let fields = ["total", "threads", "zombies", "idle", "stopped", "running or waiting"];
    assert_between(fields, counts, || {
        let ours = of(&look(&mut processes), "");
        let states = ["blocked", "dead", "idle", "paging", "running", "sleeping", "stopped", "wait", "zombies"];
        let sum: f64 = states.iter().map(|state| ours[state]).sum();
        assert!(sum <= ours["total"] && ours["total_threads"] >= ours["total"], "{ours:?}");
        let waiting = ours["running"] + ours["sleeping"] + ours["blocked"];
        let [total, threads] = [ours["total"], ours["total_threads"]];
        [total, threads, ours["zombies"], ours["idle"], ours["stopped"], waiting].map(Some)
    });
}

/// Without `processes`, which reads a file of each process, and `netstat`: for `/proc/net/tcp` and again for `tcp6` the kernel
/// goes through all of its table of connections, which is as large as the machine's memory lets it be, however empty.
#[test]
fn a_look_at_six_sections_costs_less_than_two_milliseconds_of_processor_time() {
    let unset = || Resources::Unset;
    let mut collectors = [
        collector(PluginConfig::Cpu { each: Resources::All, has_total: true }),
        collector(PluginConfig::Disk { mounts: unset(), ignored_types: Vec::new(), drops_device: false }),
        collector(PluginConfig::Diskio { devices: unset() }),
        collector(PluginConfig::Mem),
        collector(PluginConfig::Net { interfaces: unset() }),
        collector(PluginConfig::Swap),
    ];
    let spent = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1_000.0 + time.tv_nsec as f64 / 1_000_000.0
    };
    let began = spent();
    let looks = 100;
    for _ in 0..looks {
        assert!(collectors.iter_mut().map(|it| look(it).len()).sum::<usize>() > 0);
    }
    let milliseconds = (spent() - began) / f64::from(looks);
    println!("a look at six sections: {milliseconds:.3} ms of processor time");
    assert!(milliseconds < 2.0, "{milliseconds} ms");
}

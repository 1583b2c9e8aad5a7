//! Promises of the host metrics: on fixture machines to the last digit, and on the machine that runs this.
//!
//! A fixture is a folder with what stays (`always`) and two moments (`first`, `second`); the figures expected are worked
//! out by hand beside each.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests state what must be")]

#[path = "support/machine.rs"]
mod machine;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cloudwatch_publisher::record::{Dimensions, Monotonic, Unit};
use cloudwatch_publisher::sources::host::Host;
use machine::Machine;
use proptest::prelude::*;

const RATES: [&str; 8] = [
    "DiskReadBytes",
    "DiskWriteBytes",
    "DiskReadOps",
    "DiskWriteOps",
    "NetworkIn",
    "NetworkOut",
    "NetworkPacketsIn",
    "NetworkPacketsOut",
];

fn dimensions() -> Dimensions {
    Arc::new([("InstanceId".to_owned(), "sys-1".to_owned()), ("Hostname".to_owned(), "here".to_owned())])
}

impl Machine {
    fn at_first(fixture: &str) -> Self {
        Self::of(&format!("host/{fixture}"))
    }

    fn host(&self, now: u64) -> Host {
        Host::new(self.root.path(), dimensions(), Monotonic(now))
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} does not hold {from:?}");
        fs::write(self.path(name), text.replace(from, to)).unwrap();
    }
}

fn sample(host: &mut Host, now: u64) -> BTreeMap<String, f64> {
    host.sample(Monotonic(now)).into_iter().map(|sample| (sample.name, sample.value.sum())).collect()
}

fn assert_figures(got: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    let expected: BTreeMap<String, f64> = expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, value) in &expected {
        assert!((got[name] - value).abs() <= value * 1e-12, "{name}: {} instead of {value}", got[name]);
    }
}

fn without<'a>(expected: &[(&'a str, f64)], missing: &[&str]) -> Vec<(&'a str, f64)> {
    expected.iter().filter(|(name, _)| !missing.contains(name)).copied().collect()
}

/// 60 s lie between the moments. CPU: user 1,200 + system 500 + softirq 100 of 24,000 ticks. Card: 3,840 and 9,600
/// sectors of 512 bytes, 120 and 300 operations; its partitions and the zram do not count. Network: eth0 600,000 and
/// wlan0 120,000 bytes in, 240,000 + 60,000 out, 900 + 300 packets in, 600 + 180 out; no docker0, veth, lo.
const PI: [(&str, f64); 13] = [
    ("CPUUtilization", 7.5),
    ("CPUCount", 4.0),
    ("MemoryUtilization", 50.0),
    ("MemoryUsed", 1_942_698.0 * 1_024.0),
    ("MemoryAvailable", 1_942_698.0 * 1_024.0),
    ("DiskReadBytes", 32_768.0),
    ("DiskWriteBytes", 81_920.0),
    ("DiskReadOps", 2.0),
    ("DiskWriteOps", 5.0),
    ("NetworkIn", 12_000.0),
    ("NetworkOut", 5_000.0),
    ("NetworkPacketsIn", 20.0),
    ("NetworkPacketsOut", 13.0),
];

#[test]
fn a_raspberry_pi_gives_the_figures_worked_out_by_hand() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(7_000);
    machine.overlay("second");
    assert_figures(&sample(&mut host, 67_000), &PI);
}

/// 320 s. CPU: user 90,000 (50,000 of them guests') + nice 2,000 + system 30,000 + softirq 4,000 + steal 2,000 of 256,000
/// ticks. Disks: eight sd with 640,000 and 320,000 sectors, 3,200 and 1,600 operations each, and the one path of an NVMe
/// disk with 1,280,000 and 960,000, 6,400 and 9,600; RAID, LVM and partitions on top do not count. Network: eno1 and
/// eno2, 3,840 and 1,920 MB, 3,840,000 and 1,920,000 packets; bond and bridge on top do not count.
#[test]
fn a_server_counts_each_disk_and_each_interface_once() {
    let machine = Machine::at_first("many-disk-server");
    let mut host = machine.host(1_000);
    machine.overlay("second");
    let expected = [
        ("CPUUtilization", 50.0),
        ("CPUCount", 8.0),
        ("MemoryUtilization", 75.0),
        ("MemoryUsed", 98_304_000.0 * 1_024.0),
        ("MemoryAvailable", 32_768_000.0 * 1_024.0),
        ("DiskReadBytes", 6_400_000.0 * 512.0 / 320.0),
        ("DiskWriteBytes", 3_520_000.0 * 512.0 / 320.0),
        ("DiskReadOps", 100.0),
        ("DiskWriteOps", 70.0),
        ("NetworkIn", 12_000_000.0),
        ("NetworkOut", 6_000_000.0),
        ("NetworkPacketsIn", 12_000.0),
        ("NetworkPacketsOut", 6_000.0),
    ];
    assert_figures(&sample(&mut host, 321_000), &expected);
}

/// 10 s, and no `/sys` at all. CPU: user 300 + system 150 + steal 50 of 2,000 ticks (idle 1,400, iowait 100). Disk: vda, 80 and
/// 160 sectors, 10 and 20 operations. Network: eth0, 50,000 and 20,000 bytes, 100 and 50 packets.
#[test]
fn a_container_without_sys_is_measured_by_names() {
    let machine = Machine::at_first("container");
    let mut host = machine.host(0);
    machine.overlay("second");
    let expected = [
        ("CPUUtilization", 25.0),
        ("CPUCount", 2.0),
        ("MemoryUtilization", 75.0),
        ("MemoryUsed", 1_536_000.0 * 1_024.0),
        ("MemoryAvailable", 512_000.0 * 1_024.0),
        ("DiskReadBytes", 4_096.0),
        ("DiskWriteBytes", 8_192.0),
        ("DiskReadOps", 1.0),
        ("DiskWriteOps", 2.0),
        ("NetworkIn", 5_000.0),
        ("NetworkOut", 2_000.0),
        ("NetworkPacketsIn", 10.0),
        ("NetworkPacketsOut", 5.0),
    ];
    assert_figures(&sample(&mut host, 10_000), &expected);
}

#[test]
fn samples_come_in_the_documented_order_with_units_and_dimensions() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(0);
    machine.overlay("second");
    let samples = host.sample(Monotonic(60_000));
    let units: Vec<_> = samples.iter().map(|sample| (sample.name.as_str(), sample.unit)).collect();
    let unit = |name: &str| match name {
        "CPUUtilization" | "MemoryUtilization" => Unit::Percent,
        "MemoryUsed" | "MemoryAvailable" | "DiskReadBytes" | "DiskWriteBytes" | "NetworkIn" | "NetworkOut" => {
            Unit::Bytes
        }
        _ => Unit::Count,
    };
    assert_eq!(units, PI.map(|(name, _)| (name, unit(name))));
    assert!(samples.iter().all(|sample| sample.dimensions == dimensions()));
}

#[test]
fn the_first_sample_has_no_rate_and_no_share_where_it_follows_at_once() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(0);
    machine.overlay("second");
    let got = sample(&mut host, 99);
    assert_figures(&got, &without(&PI, &[&RATES[..], &["CPUUtilization"]].concat()));
    assert_figures(&sample(&mut host, 60_000), &PI);
}

#[test]
fn rates_are_divided_by_the_time_that_passed_not_by_an_interval() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(0);
    machine.overlay("second");
    // The machine slept for most of an hour in between: the bytes are spread over it, the share is not touched.
    let got = sample(&mut host, 3_600_000);
    assert_eq!((got["DiskReadBytes"], got["NetworkIn"]), (32_768.0 / 60.0, 200.0));
    assert_eq!(got["CPUUtilization"], 7.5);
}

#[test]
fn an_unreadable_part_costs_only_its_own_figures() {
    let parts = [
        ("proc/stat", &["CPUUtilization", "CPUCount"][..]),
        ("proc/meminfo", &["MemoryUtilization", "MemoryUsed", "MemoryAvailable"]),
        ("proc/diskstats", &RATES[..4]),
        ("proc/net/dev", &RATES[4..]),
    ];
    for (part, missing) in parts {
        let machine = Machine::at_first("raspberry-pi-4");
        let mut host = machine.host(0);
        machine.overlay("second");
        fs::remove_file(machine.path(part)).unwrap();
        assert_figures(&sample(&mut host, 60_000), &without(&PI, missing));
    }
}

#[test]
fn a_part_that_was_unreadable_goes_on_from_its_last_good_reading() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(0);
    machine.overlay("second");
    fs::remove_file(machine.path("proc/diskstats")).unwrap();
    sample(&mut host, 30_000);
    machine.overlay("second");
    let got = sample(&mut host, 60_000);
    assert_eq!(got["DiskReadBytes"], 32_768.0);
    assert_eq!(got["NetworkIn"], 0.0);
}

#[test]
fn a_part_that_cannot_be_read_at_the_start_begins_when_it_can() {
    let machine = Machine::at_first("raspberry-pi-4");
    fs::remove_file(machine.path("proc/stat")).unwrap();
    let mut host = machine.host(0);
    machine.overlay("first");
    let got = sample(&mut host, 10_000);
    assert!(!got.contains_key("CPUUtilization") && got["CPUCount"] == 4.0);
    machine.overlay("second");
    assert_eq!(sample(&mut host, 70_000)["CPUUtilization"], 7.5);
}

#[test]
fn a_counter_that_restarted_gives_no_figure_until_the_next_sample() {
    let machine = Machine::at_first("raspberry-pi-4");
    machine.overlay("second");
    let mut host = machine.host(0);
    machine.overlay("first");
    let got = sample(&mut host, 60_000);
    assert!(!RATES.iter().any(|rate| got.contains_key(*rate)) && !got.contains_key("CPUUtilization"), "{got:?}");
    machine.overlay("second");
    assert_figures(&sample(&mut host, 120_000), &PI);
}

#[test]
fn a_disk_or_interface_that_comes_or_goes_makes_no_spike() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut host = machine.host(0);
    machine.overlay("second");
    machine.replace("proc/net/dev", " wlan0:", " wlan1:");
    fs::create_dir_all(machine.path("sys/class/net/wlan1/device")).unwrap();
    fs::create_dir_all(machine.path("sys/block/sda/device")).unwrap();
    let mut disks = fs::read_to_string(machine.path("proc/diskstats")).unwrap();
    disks.push_str("   8       0 sda 999999 0 999999999 0 999999 0 999999999 0 0 0 0\n");
    fs::write(machine.path("proc/diskstats"), disks).unwrap();
    let got = sample(&mut host, 60_000);
    assert_eq!((got["NetworkIn"], got["NetworkPacketsOut"]), (10_000.0, 10.0));
    assert_eq!((got["DiskReadBytes"], got["DiskWriteOps"]), (32_768.0, 5.0));
}

#[test]
fn a_machine_without_disks_and_interfaces_has_no_such_figures() {
    let machine = Machine::at_first("container");
    fs::write(machine.path("proc/diskstats"), "").unwrap();
    fs::write(machine.path("proc/net/dev"), "    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n").unwrap();
    let mut host = machine.host(0);
    let got = sample(&mut host, 10_000);
    assert!(!RATES.iter().any(|rate| got.contains_key(*rate)), "{got:?}");
}

#[test]
fn a_disk_whose_name_has_a_slash_is_found() {
    let machine = Machine::at_first("raspberry-pi-4");
    machine.replace("proc/diskstats", "mmcblk0 ", "cciss/c0d0 ");
    fs::rename(machine.path("sys/block/mmcblk0"), machine.path("sys/block/cciss!c0d0")).unwrap();
    let mut host = machine.host(0);
    assert_eq!(sample(&mut host, 1_000)["DiskReadOps"], 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_counters_do_figures_are_finite_and_in_range(
        looks in proptest::collection::vec((0..2_000u64, any::<[u64; 8]>(), 0..u64::from(u32::MAX), any::<bool>()), 1..6),
    ) {
        let machine = Machine::at_first("container");
        let mut host = machine.host(0);
        let mut now = 0;
        for (pause, numbers, small, is_small) in looks {
            now += pause;
            let n = numbers.map(|number| if is_small { number % (small + 1) } else { number });
            let stat: String = n.iter().map(|number| format!(" {number}")).collect();
            fs::write(machine.path("proc/stat"), format!("cpu {stat}\ncpu0{stat}\n")).unwrap();
            fs::write(machine.path("proc/meminfo"), format!("MemTotal: {} kB\nMemAvailable: {} kB\n", n[0], n[1])).unwrap();
            fs::write(machine.path("proc/diskstats"), format!("8 0 sda{stat}\n")).unwrap();
            fs::write(machine.path("proc/net/dev"), format!("eth0:{stat}{stat}\n")).unwrap();
            for sample in host.sample(Monotonic(now)) {
                let limit = if sample.unit == Unit::Percent { 100.0 } else { 2f64.powi(360) };
                prop_assert!(sample.value.sum().is_finite() && (0.0..=limit).contains(&sample.value.sum()), "{sample:?}");
            }
        }
    }
}

/// This very machine. What it does meanwhile is its own affair, so only bounds are stated.
#[cfg(target_os = "linux")]
mod this_machine {
    use super::*;
    use std::io::{Read, Write};
    use std::process::Command;

    fn now() -> u64 {
        let uptime = fs::read_to_string("/proc/uptime").unwrap();
        let (seconds, hundredths) = uptime.split_whitespace().next().unwrap().split_once('.').unwrap();
        seconds.parse::<u64>().unwrap() * 1_000 + hundredths.parse::<u64>().unwrap() * 10
    }

    fn run(program: &str, argument: &str) -> f64 {
        let mut command = Command::new(program);
        command.env_remove("OMP_NUM_THREADS").env_remove("OMP_THREAD_LIMIT").arg(argument);
        String::from_utf8(command.output().unwrap().stdout).unwrap().trim().parse().unwrap()
    }

    #[test]
    fn it_has_the_processors_that_the_system_counts() {
        let got = sample(&mut Host::new(Path::new("/"), dimensions(), Monotonic(now())), now());
        assert_eq!(got["CPUCount"], run("getconf", "_NPROCESSORS_ONLN"));
        // nproc leaves out those that this process may not use.
        assert!(got["CPUCount"] >= run("nproc", "--ignore=0"));
    }

    #[test]
    fn its_memory_is_what_meminfo_says() {
        let got = sample(&mut Host::new(Path::new("/"), dimensions(), Monotonic(now())), now());
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
        let bytes = |key: &str| {
            let line = meminfo.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0
        };
        let (total, available) = (bytes("MemTotal:"), bytes("MemAvailable:"));
        assert_eq!(got["MemoryUsed"] + got["MemoryAvailable"], total);
        assert!((got["MemoryAvailable"] - available).abs() < total * 0.1, "{got:?}");
    }

    /// Sectors and operations written to all physical disks, from another place than where the agent reads.
    fn written() -> [f64; 2] {
        let disks = fs::read_dir("/sys/block").into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut sum = [0.0; 2];
        // Paths of an NVMe disk on several controllers are hidden and counted in its stead; no such machine runs tests.
        for disk in disks.filter(|disk| disk.join("device").exists()) {
            let stat = fs::read_to_string(disk.join("stat")).unwrap();
            let fields: Vec<f64> = stat.split_whitespace().map(|field| field.parse().unwrap()).collect();
            sum = [sum[0] + fields[6], sum[1] + fields[4]];
        }
        sum
    }

    #[test]
    fn what_is_written_to_its_disks_is_what_the_disks_say_themselves() {
        let outer = written();
        let mut host = Host::new(Path::new("/"), dimensions(), Monotonic(0));
        let inner = written();
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        file.write_all(&vec![7; 16 << 20]).unwrap();
        file.sync_all().unwrap();
        let inner_end = written();
        // The time is handed in, so nothing has to wait.
        let got = sample(&mut host, 1_000);
        let outer_end = written();
        let (Some(bytes), Some(operations)) = (got.get("DiskWriteBytes"), got.get("DiskWriteOps")) else {
            assert_eq!(outer_end, [0.0; 2], "disks are there and not measured");
            return;
        };
        for (i, figure) in [bytes / 512.0, *operations].into_iter().enumerate() {
            assert!(figure >= inner_end[i] - inner[i] && figure <= outer_end[i] - outer[i], "{got:?}");
        }
    }

    #[test]
    fn what_stays_on_the_loopback_is_not_network_traffic() {
        let mut host = Host::new(Path::new("/"), dimensions(), Monotonic(0));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sent: usize = 256 << 20;
        let sender = std::thread::spawn(move || {
            let mut to = std::net::TcpStream::connect(address).unwrap();
            let chunk = vec![1; 1 << 20];
            (0..sent >> 20).for_each(|_| to.write_all(&chunk).unwrap());
        });
        let (mut from, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 1 << 20];
        let mut received = 0;
        while received < sent {
            received += from.read(&mut buffer).unwrap();
        }
        sender.join().unwrap();
        let got = sample(&mut host, 1_000);
        for name in ["NetworkIn", "NetworkOut"] {
            assert!(got.get(name).is_none_or(|bytes| *bytes < sent as f64), "{got:?}");
        }
        assert!((0.0..=100.0).contains(&got["CPUUtilization"]), "{got:?}");
    }
}

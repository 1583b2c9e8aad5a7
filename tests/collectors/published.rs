//! From what a configuration says to what is published: which devices, under which names, with which dimensions.

use std::path::Path;

use cloudwatch_publisher::agent::metrics_preview;
use cloudwatch_publisher::config::{Facts, parse};

use super::machine::Machine;

/// What is published of a fixture machine under these sections, a metric a line: name, unit, dimensions but for the machine's own.
fn published(machine: &str, collected: &str) -> Vec<String> {
    let text = format!(
        r#"{{"metrics": {{"append_dimensions": {{"Id": "{{instance_id}}"}}, "metrics_collected": {collected}}}}}"#
    );
    let config = parse(&text, Path::new("/x.json"), &|_| None).unwrap_or_else(|failure| panic!("{failure}")).config;
    let machine = Machine::at_first(machine);
    // How full each is, is asked of the folders that stand for the mount points.
    for mount in ["boot/firmware", "dev/shm", "media/pi/USB Stick"] {
        std::fs::create_dir_all(machine.path(mount)).unwrap();
    }
    let facts = Facts { instance_id: "x-1".to_owned(), ..Facts::default() };
    let sections = metrics_preview(&config, &facts, &machine.path(""));
    let mut lines: Vec<String> = sections
        .iter()
        .flat_map(|section| &section.samples)
        .map(|sample| {
            let pairs: Vec<String> = sample.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let own = pairs.join(",").strip_suffix("Id=x-1").expect("the machine's own come last").to_owned();
            format!("{} {} {}", sample.name, sample.unit.name(), own.trim_end_matches(','))
        })
        .collect();
    lines.sort();
    lines
}

const PI: &str = "raspberry-pi-4";
/// A machine, sections, and what is published.
const TABLE: [(&str, &str, &[&str]); 9] = [
    (
        PI,
        r#"{"disk": {"measurement": ["used_percent"]}}"#,
        &[
            "disk_used_percent Percent path=/,device=mmcblk0p2,fstype=ext4",
            "disk_used_percent Percent path=/boot/firmware,device=mmcblk0p1,fstype=vfat",
            "disk_used_percent Percent path=/media/pi/USB Stick,device=sda1,fstype=exfat",
        ],
    ),
    (
        PI,
        r#"{"disk": {"measurement": ["used_percent"], "ignore_file_system_types": ["vfat", "exfat"], "drop_device": true}}"#,
        &["disk_used_percent Percent path=/,fstype=ext4"],
    ),
    (
        PI,
        r#"{"disk": {"measurement": ["total"], "resources": ["/boot/firmware", "/dev/shm", "/nowhere"],
                "ignore_file_system_types": ["tmpfs"]}}"#,
        &["disk_total Bytes path=/boot/firmware,device=mmcblk0p1,fstype=vfat"],
    ),
    (
        PI,
        r#"{"diskio": {"measurement": ["reads"]}}"#,
        &["diskio_reads Count name=mmcblk0", "diskio_reads Count name=mmcblk0p1", "diskio_reads Count name=mmcblk0p2"],
    ),
    (
        PI,
        r#"{"diskio": {"measurement": ["read_bytes"], "resources": ["mmcblk?", "loop0"]}}"#,
        &["diskio_read_bytes Bytes name=loop0", "diskio_read_bytes Bytes name=mmcblk0"],
    ),
    (
        PI,
        r#"{"net": {"measurement": ["bytes_sent"], "resources": ["*"]}}"#,
        &[
            "net_bytes_sent Bytes interface=docker0",
            "net_bytes_sent Bytes interface=eth0",
            "net_bytes_sent Bytes interface=veth3f1c",
            "net_bytes_sent Bytes interface=wlan0",
        ],
    ),
    (
        PI,
        r#"{"net": {"measurement": ["bytes_sent"], "resources": ["eth*", "en*", "wl*", "ww*"]}}"#,
        &["net_bytes_sent Bytes interface=eth0", "net_bytes_sent Bytes interface=wlan0"],
    ),
    (
        "many-disk-server",
        r#"{"net": {"measurement": [{"name": "net_bytes_recv", "rename": "IN", "unit": "Kilobytes"}],
                "resources": ["eth*", "en*", "wl*", "ww*"]}}"#,
        &["IN Kilobytes interface=eno1", "IN Kilobytes interface=eno2"],
    ),
    ("container", r#"{"net": {"measurement": ["bytes_sent"], "resources": ["wlan*"]}}"#, &[]),
];

#[test]
fn what_a_section_names_is_published_and_no_other_device() {
    for (machine, collected, expected) in TABLE {
        assert_eq!(published(machine, collected), expected, "{machine} {collected}");
    }
}

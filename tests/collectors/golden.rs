//! Fixture machines, to the last digit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::process::Command;

use cloudwatch_publisher::config::catalogue::metrics_of;
use cloudwatch_publisher::config::{PluginConfig, Resources};
use cloudwatch_publisher::record::Monotonic;
use cloudwatch_publisher::sources::host::reading::Reading;

use super::machine::{MACHINES, Machine, folder};

/// The sections, and what of each is asked for.
fn sections() -> Vec<(&'static str, PluginConfig)> {
    let disk =
        |mounts, drops_device| PluginConfig::Disk { mounts, ignored_types: vec!["vfat".to_owned()], drops_device };
    vec![
        ("cpu", PluginConfig::Cpu { each: Resources::All, has_total: true }),
        ("disk", PluginConfig::Disk { mounts: Resources::Unset, ignored_types: Vec::new(), drops_device: false }),
        ("disk/", disk(named(&["/", "/dev/shm", "/boot/firmware"]), true)),
        ("diskio", PluginConfig::Diskio { devices: Resources::All }),
        ("diskio/", PluginConfig::Diskio { devices: named(&["mmcblk?", "/dev/mapper/vg-root", "loop0"]) }),
        ("mem", PluginConfig::Mem),
        ("net", PluginConfig::Net { interfaces: Resources::Unset }),
        ("net/", PluginConfig::Net { interfaces: named(&["lo", "wlan*"]) }),
        ("netstat", PluginConfig::Netstat),
        ("swap", PluginConfig::Swap),
        ("processes", PluginConfig::Processes),
    ]
}

fn named(names: &[&str]) -> Resources {
    Resources::Named(names.iter().map(|name| (*name).to_owned()).collect())
}

/// What every section gives at the second moment.
fn figures(machine: &str) -> String {
    let mut figures = String::new();
    for (section, plugin) in sections() {
        for Reading { field, dimensions, value } in Machine::second(machine, plugin) {
            let dimensions: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            writeln!(figures, "{section}\t{field}\t{}\t{value}", dimensions.join(",")).unwrap();
        }
    }
    figures
}

#[test]
fn each_fixture_machine_gives_the_figures_expected_of_it() {
    let mut wrong = Vec::new();
    for machine in MACHINES {
        let (got, place) = (figures(machine), folder(machine).join("expected"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(&place, &got).unwrap();
        }
        let expected = fs::read_to_string(&place).unwrap_or_default();
        let lines = |text: &str, other: &str, mark| {
            let has_not = |line: &&str| !other.lines().any(|it| it == *line);
            text.lines().filter(has_not).map(|line| format!("{machine}: {mark} {line}")).collect::<Vec<_>>()
        };
        wrong.extend(lines(&expected, &got, '-'));
        wrong.extend(lines(&got, &expected, '+'));
        if wrong.is_empty() && got != expected {
            wrong.push(format!("{machine}: another order"));
        }
    }
    assert!(wrong.is_empty(), "{}\n(`BLESS=1` takes them over)", wrong.join("\n"));
}

/// The figures of the second opinion and of the file, by everything that stands before the value.
fn values(figures: &str) -> BTreeMap<&str, f64> {
    figures.lines().map(|line| line.rsplit_once('\t').unwrap()).map(|(name, it)| (name, it.parse().unwrap())).collect()
}

#[test]
fn the_expected_figures_are_those_that_a_second_program_works_out() {
    for machine in MACHINES {
        let script = folder("../../collectors/figures.py");
        let output = Command::new("python3").arg(script).arg(folder(machine)).output().expect("python3 runs");
        assert!(output.status.success(), "{machine}: {}", String::from_utf8_lossy(&output.stderr));
        let theirs = String::from_utf8(output.stdout).unwrap();
        let theirs = values(&theirs);
        let expected = fs::read_to_string(folder(machine).join("expected")).unwrap();
        let sections: BTreeSet<&str> = theirs.keys().filter_map(|name| name.split('\t').next()).collect();
        assert!(sections.len() > 8, "{machine}: {sections:?}");
        let ours = values(&expected);
        let ours = ours.into_iter().filter(|(name, _)| sections.contains(name.split('\t').next().unwrap()));
        let ours: BTreeMap<&str, f64> = ours.collect();
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{machine}");
        for (name, value) in ours {
            assert!(
                (value - theirs[name]).abs() <= theirs[name].abs() * 1e-12,
                "{machine}: {name}: {value} {theirs:?}"
            );
        }
    }
}

/// Each line of each file in turn is broken: what is lost has the dimensions of one device, and nothing else changes.
#[test]
fn a_broken_line_costs_one_device_and_no_other() {
    let files = [
        ("proc/stat", PluginConfig::Cpu { each: Resources::All, has_total: true }),
        ("proc/diskstats", PluginConfig::Diskio { devices: Resources::Unset }),
        ("proc/net/dev", PluginConfig::Net { interfaces: Resources::Unset }),
    ];
    for machine in MACHINES {
        for (file, plugin) in &files {
            let whole = Machine::second(machine, plugin.clone());
            let at = |moment: &str| fs::read_to_string(folder(machine).join(moment).join(file)).unwrap();
            let (first, text, scene) = (at("first"), at("second"), Machine::at_first(machine));
            for broken in 0..text.lines().count() {
                let line = |(number, line): (usize, &str)| match number == broken {
                    true => format!("{}\n", line.replace(|letter: char| letter.is_ascii_digit(), "x")),
                    false => format!("{line}\n"),
                };
                fs::write(scene.path(file), &first).unwrap();
                let mut collector = scene.collector(plugin.clone());
                fs::write(scene.path(file), text.lines().enumerate().map(line).collect::<String>()).unwrap();
                let left = collector.collect(Monotonic(60_000));
                let lost: Vec<_> = whole.iter().filter(|reading| !left.contains(reading)).collect();
                assert!(lost.windows(2).all(|two| two[0].dimensions == two[1].dimensions), "{machine} {file} {broken}");
                assert_eq!(left.len() + lost.len(), whole.len(), "{machine} {file} {broken}: {left:?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_not_there_costs_only_what_is_read_from_it_and_growth_goes_on_from_the_last_look() {
    let machine = Machine::at_first("raspberry-pi-4");
    let mut netstat = machine.collector(PluginConfig::Netstat);
    let mut net = machine.collector(PluginConfig::Net { interfaces: Resources::Unset });
    machine.overlay("second");
    for file in ["proc/net/udp", "proc/net/dev"] {
        fs::remove_file(machine.path(file)).unwrap();
    }
    let fields: Vec<_> = netstat.collect(Monotonic(30_000)).iter().map(|reading| reading.field).collect();
    assert!(fields.contains(&"tcp_none") && !fields.contains(&"udp_socket"), "{fields:?}");
    assert_eq!(net.collect(Monotonic(30_000)), []);
    machine.overlay("second");
    let expected = Machine::second("raspberry-pi-4", PluginConfig::Net { interfaces: Resources::Unset });
    assert_eq!(net.collect(Monotonic(60_000)), expected);
}

#[test]
fn what_grows_is_left_out_at_the_first_look() {
    let machine = Machine::at_first("raspberry-pi-5");
    let hidden = ["proc/diskstats", "proc/net/dev", "proc/stat"].map(|file| machine.path(file));
    hidden.iter().for_each(|file| fs::remove_file(file).unwrap());
    let mut collectors = [
        machine.collector(PluginConfig::Diskio { devices: Resources::Unset }),
        machine.collector(PluginConfig::Net { interfaces: Resources::Unset }),
        machine.collector(PluginConfig::Cpu { each: Resources::All, has_total: true }),
    ];
    machine.overlay("first");
    for collector in &mut collectors {
        let grown = collector.collect(Monotonic(1_000));
        let is_of_one_look =
            |reading: &Reading| reading.field == "iops_in_progress" || reading.field.starts_with("time_");
        assert!(grown.iter().all(is_of_one_look), "{grown:?}");
    }
}

#[test]
fn every_metric_of_these_sections_is_given() {
    let server = Machine::at_first("many-disk-server");
    for (section, plugin) in sections().into_iter().filter(|(section, _)| !section.ends_with('/')) {
        let mut collector = server.collector(plugin.clone());
        let fields: BTreeSet<_> = collector.collect(Monotonic(0)).iter().map(|reading| reading.field).collect();
        // Time stands still in the fixture, so nothing is known of shares of it.
        let catalogue = metrics_of(plugin.plugin()).map(|metric| metric.field);
        let missing: Vec<_> =
            catalogue.filter(|field| !fields.contains(field) && !field.starts_with("usage_")).collect();
        assert_eq!(missing, [""; 0], "{section}");
    }
}

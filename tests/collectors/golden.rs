//! Fixture machines, to the last digit.

use std::fmt::Write;
use std::fs;

use cloudwatch_publisher::config::{PluginConfig, Resources};
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

//! The sections of `metrics_collected` on macOS, as far as `sysinfo` and the system's own calls answer them.
//!
//! Fields, dimensions and meaning are those of the Linux sections; what cannot be had is left out (docs/metrics.md has the table).
//! Nothing here is macOS's alone: it compiles and is tested wherever `sysinfo` answers.
//!
//! `sysinfo` answers a failed question with zero: so a zero that cannot be is trouble.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use sysinfo::{
    Components, DiskRefreshKind, Disks, MemoryRefreshKind, Networks, ProcessRefreshKind, ProcessStatus,
    ProcessesToUpdate, System, UpdateKind,
};

use super::reading::Reading;
use super::scan::{Process, Told};
use super::sections::growth::Before;
use super::sections::mounts::{self, Mount};
use super::sections::space::Space;
use super::sections::temperature::{Sensor, Trust, word};
use super::sections::wanted::Wanted;
use super::sections::{disk, load};
use super::sensors;
use super::trouble::Trouble;
use crate::config::{PluginConfig, Resources};
use crate::delivery::dimension::value_of;
use crate::record::Monotonic;

/// Questions after the processors that follow sooner get no answer (`sysinfo::MINIMUM_CPU_UPDATE_INTERVAL`, 200 ms, and some more).
const MIN_CPU_INTERVAL: Duration = Duration::from_millis(250);

/// Whether a section is one of these: the agent tells of itself, and `procstat` looks for processes, in the same way everywhere.
pub fn has(plugin: &PluginConfig) -> bool {
    !matches!(plugin, PluginConfig::Procstat(_) | PluginConfig::Itself | PluginConfig::Heartbeat)
}

/// One section at work.
pub struct Section {
    plugin: PluginConfig,
    space: Space,
    cpu: Option<(System, Monotonic)>,
    diskio: Before<2>,
    net: Before<6>,
    trust: Trust,
}

impl Section {
    /// A section of this machine, of which `space` asks the file systems.
    pub fn new(plugin: PluginConfig, space: Space) -> Self {
        let trust = match &plugin {
            PluginConfig::Temperature { sensors } => Trust::new(sensors),
            _ => Trust::default(),
        };
        Self { plugin, space, cpu: None, diskio: Before::default(), net: Before::default(), trust }
    }

    /// The figures of this moment. Those that need two looks come with the second.
    pub fn collect(&mut self, now: Monotonic) -> Result<Vec<Reading>, Trouble> {
        match &self.plugin {
            PluginConfig::Cpu { each, has_total } => cpu(&mut self.cpu, now, *each == Resources::All, *has_total),
            PluginConfig::Disk { mounts, ignored_types, drops_device } => {
                disk(mounts, ignored_types, *drops_device, &mut self.space)
            }
            PluginConfig::Diskio { devices } => diskio(&mut self.diskio, &Wanted::new(devices)),
            PluginConfig::Mem => mem(),
            PluginConfig::Net { interfaces } => net(&mut self.net, &Wanted::new(interfaces)),
            PluginConfig::Swap => swap(),
            PluginConfig::Processes => count_processes(),
            PluginConfig::Load => load(),
            PluginConfig::Uptime => uptime(),
            PluginConfig::Temperature { .. } => temperature(&mut self.trust),
            _ => Err(Trouble::unanswered(self.plugin.plugin().name(), "macOS does not tell")),
        }
    }
}

/// Shares come from `sysinfo`, which gives them since it was last asked: so the same value is asked each time.
fn cpu(
    kept: &mut Option<(System, Monotonic)>,
    now: Monotonic,
    has_each: bool,
    has_total: bool,
) -> Result<Vec<Reading>, Trouble> {
    let Some((system, asked)) = kept else {
        let mut system = new_system()?;
        system.refresh_cpu_usage();
        *kept = Some((system, now));
        return Ok(Vec::new());
    };
    if now.since(*asked) < MIN_CPU_INTERVAL {
        return Ok(Vec::new());
    }
    system.refresh_cpu_usage();
    *asked = now;
    if system.cpus().is_empty() {
        return Err(Trouble::unanswered("the processors", "the system names none"));
    }
    let total = has_total.then(|| ("cpu-total".to_owned(), system.global_cpu_usage()));
    let each = system.cpus().iter().enumerate().filter(|_| has_each);
    let each = each.map(|(number, cpu)| (format!("cpu{number}"), cpu.usage()));
    let readings = total.into_iter().chain(each).filter(|(_, active)| active.is_finite()).flat_map(|(cpu, active)| {
        let active = f64::from(active).clamp(0.0, 100.0);
        let reading = |field, value| Reading { field, dimensions: vec![("cpu", cpu.clone())], value };
        [reading("usage_active", active), reading("usage_idle", 100.0 - active)]
    });
    Ok(readings.collect())
}

fn mem() -> Result<Vec<Reading>, Trouble> {
    let mut system = new_system()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let total = system.total_memory();
    if total == 0 {
        return Err(Trouble::unanswered("the memory", "the system names no size"));
    }
    let (available, free) = (system.available_memory().min(total), system.free_memory().min(total));
    let used = total - available;
    let percent = |part: u64| part as f64 / total as f64 * 100.0;
    Ok(plain([
        ("available", available as f64),
        ("available_percent", percent(available)),
        ("free", free as f64),
        ("total", total as f64),
        ("used", used as f64),
        ("used_percent", percent(used)),
    ]))
}

fn swap() -> Result<Vec<Reading>, Trouble> {
    let mut system = new_system()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_swap());
    let (total, free) = (system.total_swap(), system.free_swap());
    let used = system.used_swap();
    let percent = if total == 0 { 0.0 } else { (used as f64 / total as f64 * 100.0).min(100.0) };
    Ok(plain([("free", free as f64), ("used", used as f64), ("used_percent", percent)]))
}

/// The bytes of the drive that holds `/`: of a drive `sysinfo` tells no more, nor its name.
fn diskio(before: &mut Before<2>, wanted: &Wanted) -> Result<Vec<Reading>, Trouble> {
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_io_usage())
        .map_err(|error| Trouble::unanswered("the disks", error))?;
    let boot = disks.iter().find(|disk| wanted.takes("/") && disk.mount_point() == Path::new("/"));
    let counters = boot.map(|disk| disk.usage()).map(|usage| [usage.total_read_bytes, usage.total_written_bytes]);
    let grown = before.step(counters.map(|counters| ("/".to_owned(), counters)).into_iter().collect());
    let readings = grown.into_iter().flat_map(|(name, grown)| {
        ["read_bytes", "write_bytes"].into_iter().zip(grown).map(move |(field, grown)| Reading {
            field,
            dimensions: vec![("name", name.clone())],
            value: grown as f64,
        })
    });
    Ok(readings.collect())
}

fn count_processes() -> Result<Vec<Reading>, Trouble> {
    let mut system = new_system()?;
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, ProcessRefreshKind::nothing().with_cpu());
    let count = |is: fn(ProcessStatus) -> bool| {
        system.processes().values().filter(|process| is(process.status())).count() as f64
    };
    if system.processes().is_empty() {
        return Err(Trouble::unanswered("the processes", "the system names none"));
    }
    Ok(plain([
        // What `sysinfo` calls dead on macOS is a wait that nothing interrupts.
        ("blocked", count(|it| matches!(it, ProcessStatus::Dead | ProcessStatus::UninterruptibleDiskSleep))),
        ("idle", count(|it| it == ProcessStatus::Idle)),
        ("running", count(|it| it == ProcessStatus::Run)),
        ("sleeping", count(|it| it == ProcessStatus::Sleep)),
        ("stopped", count(|it| matches!(it, ProcessStatus::Stop | ProcessStatus::Tracing))),
        ("total", system.processes().len() as f64),
        ("zombies", count(|it| it == ProcessStatus::Zombie)),
    ]))
}

fn temperature(trust: &mut Trust) -> Result<Vec<Reading>, Trouble> {
    let components =
        Components::new_with_refreshed_list().map_err(|error| Trouble::unanswered("the sensors", error))?;
    let found = components.iter().map(|component| Sensor {
        name: word(component.label()),
        read: component.temperature().filter(|it| it.is_finite()).map(thousandths).ok_or("no figure".to_owned()),
    });
    let (readings, doubts) = trust.judge(found.collect());
    doubts.into_iter().for_each(sensors::tell);
    Ok(readings)
}

/// The programs at work, with all that is told of them.
pub fn processes() -> Result<Vec<Process>, Trouble> {
    let mut system = new_system()?;
    let (once, kind) = (UpdateKind::Always, ProcessRefreshKind::nothing().with_cpu().with_memory());
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind.with_cmd(once).with_exe(once));
    let programs = system.processes().values().filter(|process| process.status() != ProcessStatus::Zombie);
    Ok(programs.map(program).collect())
}

fn program(process: &sysinfo::Process) -> Process {
    let figures = vec![("memory_rss", process.memory() as f64), ("memory_vms", process.virtual_memory() as f64)];
    let told = Told { used_ms: process.accumulated_cpu_time(), figures, is_forbidden: false };
    let name = process.name().to_string_lossy().into_owned();
    let path = process.exe().map(|path| path.to_string_lossy().into_owned());
    let command = process.cmd().join(OsStr::new("\0")).into_encoded_bytes();
    Process::known(process.pid().as_u32(), process.start_time(), name, path, command, told)
}

/// Resident memory of this process in bytes.
pub fn own_resident_bytes() -> Option<u64> {
    let (mut system, own) = (System::new().ok()?, sysinfo::get_current_pid().ok()?);
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[own]),
        true,
        ProcessRefreshKind::nothing().with_memory(),
    );
    Some(system.process(own)?.memory())
}

/// A volume is told by its name: of its device `sysinfo` says nothing.
fn disk(
    mounts: &Resources,
    ignored_types: &[String],
    drops_device: bool,
    space: &mut Space,
) -> Result<Vec<Reading>, Trouble> {
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage())
        .map_err(|error| Trouble::unanswered("the file systems", error))?;
    let all = disks.iter().map(|disk| Mount {
        point: disk.mount_point().to_owned(),
        kind: disk.file_system().to_string_lossy().into_owned(),
        source: disk.name().as_encoded_bytes().to_owned(),
        number: disk.mount_point().to_string_lossy().into_owned(),
    });
    let mounts = mounts::select(all.collect(), mounts, ignored_types);
    let usages = space.of(&mounts);
    let answered = mounts.iter().filter_map(|mount| Some((mount, usages.get(&mount.point)?)));
    let readings = answered.flat_map(|(mount, usage)| {
        let device = (!drops_device).then_some(&mount.source[..]);
        disk::readings(mount, device, usage)
    });
    Ok(readings.collect())
}

/// Without names: every interface but the loopback that ever passed on anything. macOS keeps some dozen that never do.
fn net(before: &mut Before<6>, wanted: &Wanted) -> Result<Vec<Reading>, Trouble> {
    let networks =
        Networks::new_with_refreshed_list().map_err(|error| Trouble::unanswered("the network interfaces", error))?;
    let counted = networks.iter().filter_map(|(name, network)| {
        let name = name.to_string_lossy().into_owned();
        let counters = [
            network.total_transmitted(),
            network.total_received(),
            network.total_errors_on_received(),
            network.total_errors_on_transmitted(),
            network.total_packets_transmitted(),
            network.total_packets_received(),
        ];
        let is_asked = match wanted {
            Wanted::Named(names) => names.hold(&name, |_| None),
            Wanted::Unasked => !name.starts_with("lo") && counters.iter().any(|count| *count > 0),
        };
        is_asked.then_some((name, counters))
    });
    let grown = before.step(counted.collect());
    let fields = ["bytes_sent", "bytes_recv", "err_in", "err_out", "packets_sent", "packets_recv"];
    let readings = grown.into_iter().flat_map(|(name, grown)| {
        let interface = value_of(name.as_bytes());
        fields.into_iter().zip(grown).map(move |(field, grown)| Reading {
            field,
            dimensions: vec![("interface", interface.clone())],
            value: grown as f64,
        })
    });
    Ok(readings.collect())
}

fn load() -> Result<Vec<Reading>, Trouble> {
    let load = System::load_average().map_err(|error| Trouble::unanswered("the load", error))?;
    Ok(load::readings([load.one, load.five, load.fifteen]))
}

fn uptime() -> Result<Vec<Reading>, Trouble> {
    let seconds = System::uptime().map_err(|error| Trouble::unanswered("the time since the start", error))?;
    Ok(plain([("seconds", seconds as f64)]))
}

fn new_system() -> Result<System, Trouble> {
    System::new().map_err(|error| Trouble::unanswered("the system", error))
}

fn plain<const N: usize>(figures: [(&'static str, f64); N]) -> Vec<Reading> {
    figures.into_iter().map(|(field, value)| Reading { field, dimensions: Vec::new(), value }).collect()
}

/// A temperature, in thousandths of a degree.
fn thousandths(celsius: f32) -> i64 {
    // Between −1,000,000 and 1,000,000.
    #[expect(clippy::cast_possible_truncation)]
    let thousandths = (f64::from(celsius).clamp(-1_000.0, 1_000.0) * 1_000.0).round() as i64;
    thousandths
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::catalogue::metrics_of;

    fn section(plugin: PluginConfig) -> Section {
        Section::new(plugin, Space::new(Path::new("/")))
    }

    fn figures(plugin: PluginConfig, looks: u64) -> Vec<Reading> {
        let mut section = section(plugin);
        (1..looks).for_each(|look| drop(section.collect(Monotonic(look * 1_000)).unwrap()));
        section.collect(Monotonic(looks * 1_000)).unwrap()
    }

    fn fields(readings: &[Reading]) -> Vec<&'static str> {
        let mut fields: Vec<_> = readings.iter().map(|reading| reading.field).collect();
        fields.dedup();
        fields
    }

    fn find(readings: &[Reading], field: &str) -> f64 {
        readings.iter().find(|reading| reading.field == field).unwrap().value
    }

    /// The fields that a section gives at its third look, and those that the catalogue promises of it.
    fn given_and_promised(plugin: PluginConfig) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
        let promised = metrics_of(plugin.plugin()).filter(|metric| metric.is_on_macos).map(|metric| metric.field);
        (figures(plugin, 3).iter().map(|reading| reading.field).collect(), promised.collect())
    }

    #[test]
    fn the_catalogue_promises_what_is_given() {
        let any = || Resources::Named(vec!["*".to_owned()]);
        let always = [
            PluginConfig::Mem,
            PluginConfig::Swap,
            PluginConfig::Net { interfaces: any() },
            PluginConfig::Processes,
            PluginConfig::Load,
            PluginConfig::Uptime,
        ];
        for plugin in always {
            let (given, promised) = given_and_promised(plugin.clone());
            assert_eq!(given, promised, "{plugin:?}");
        }
        // A container may have neither a drive nor a file system, nor a processor that passed enough time.
        let disk = PluginConfig::Disk { mounts: Resources::All, ignored_types: Vec::new(), drops_device: false };
        let cpu = PluginConfig::Cpu { each: Resources::All, has_total: true };
        let temperature = PluginConfig::Temperature { sensors: Resources::Unset };
        for plugin in [cpu, disk, PluginConfig::Diskio { devices: Resources::All }, temperature] {
            let (given, promised) = given_and_promised(plugin.clone());
            assert!(given.is_subset(&promised), "{plugin:?}: {given:?}");
        }
    }

    #[test]
    fn memory_is_what_this_machine_has() {
        let readings = figures(PluginConfig::Mem, 1);
        assert_eq!(fields(&readings), ["available", "available_percent", "free", "total", "used", "used_percent"]);
        assert_eq!(find(&readings, "used") + find(&readings, "available"), find(&readings, "total"));
        assert!((find(&readings, "used_percent") + find(&readings, "available_percent") - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_machine_without_swap_uses_none_of_it() {
        let readings = figures(PluginConfig::Swap, 1);
        assert!((0.0..=100.0).contains(&find(&readings, "used_percent")));
    }

    #[test]
    fn processors_need_two_looks_and_are_told_apart_where_that_is_asked() {
        let plugin = PluginConfig::Cpu { each: Resources::All, has_total: true };
        assert!(figures(plugin.clone(), 1).is_empty());
        let mut section = section(plugin);
        section.collect(Monotonic(1_000)).unwrap();
        assert!(section.collect(Monotonic(1_100)).unwrap().is_empty(), "too soon for an answer");
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let readings = section.collect(Monotonic(2_000)).unwrap();
        let processors = System::new_all().unwrap().cpus().len();
        assert_eq!(readings.len(), 2 * (1 + processors));
        for pair in readings.chunks(2) {
            assert_eq!(pair[0].dimensions, pair[1].dimensions);
            assert!((pair[0].value + pair[1].value - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn file_systems_are_those_that_are_asked_for() {
        let mut space = Space::new(Path::new("/"));
        let mut disk = |mounts, ignored: &[String], drops| disk(&mounts, ignored, drops, &mut space).unwrap();
        let all = disk(Resources::All, &[], false);
        for reading in &all {
            let names: Vec<_> = reading.dimensions.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, ["path", "device", "fstype"]);
            assert!(reading.field != "used_percent" || (0.0..=100.0).contains(&reading.value));
        }
        assert!(disk(Resources::Named(vec!["/no/such/mount".to_owned()]), &[], false).is_empty());
        let kinds: Vec<_> = all.iter().map(|reading| reading.dimensions[2].1.clone()).collect();
        assert!(disk(Resources::All, &kinds, false).is_empty());
        assert!(disk(Resources::All, &[], true).iter().all(|reading| reading.dimensions.len() == 2));
    }

    #[test]
    fn what_interfaces_and_drives_passed_on_needs_two_looks() {
        let net = || PluginConfig::Net { interfaces: Resources::Named(vec!["lo".to_owned(), "lo0".to_owned()]) };
        assert!(figures(net(), 1).is_empty());
        let expected = ["bytes_sent", "bytes_recv", "err_in", "err_out", "packets_sent", "packets_recv"];
        assert_eq!(fields(&figures(net(), 2)), expected);
        assert!(figures(PluginConfig::Diskio { devices: Resources::Unset }, 1).is_empty());
        assert!(figures(PluginConfig::Diskio { devices: Resources::Named(vec!["sda".to_owned()]) }, 2).is_empty());
    }

    #[test]
    fn every_process_is_counted_and_this_one_works() {
        let readings = figures(PluginConfig::Processes, 1);
        assert!(find(&readings, "total") >= 1.0 && find(&readings, "running") >= 1.0);
        let sum: f64 = readings.iter().filter(|reading| reading.field != "total").map(|reading| reading.value).sum();
        assert!(sum <= find(&readings, "total"));
    }

    #[test]
    fn load_and_uptime_and_temperatures_are_asked_for() {
        assert_eq!(fields(&figures(PluginConfig::Load, 1)), ["1", "5", "15"]);
        assert!(find(&figures(PluginConfig::Uptime, 1), "seconds") > 0.0);
        let temperature = PluginConfig::Temperature { sensors: Resources::Unset };
        assert!(figures(temperature, 1).iter().all(|reading| reading.field == "celsius"));
    }

    #[test]
    fn what_macos_does_not_tell_is_trouble_and_no_figure() {
        assert!(section(PluginConfig::Netstat).collect(Monotonic(1)).is_err());
        assert!(section(PluginConfig::Throttled).collect(Monotonic(1)).is_err());
    }

    #[test]
    fn the_agent_weighs_something() {
        assert!(own_resident_bytes().unwrap() > 100_000);
    }

    #[test]
    fn a_temperature_out_of_range_does_no_harm() {
        for (given, kept) in [(45.25, 45_250), (-40.0, -40_000), (f32::MAX, 1_000_000), (f32::MIN, -1_000_000)] {
            assert_eq!(thousandths(given), kept);
        }
    }
}

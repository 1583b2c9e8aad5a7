//! Reads what each section is made of, under a root.
//!
//! Decides nothing: what the texts mean is the subjects' affair.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::super::reading::Reading;
use super::super::tree::Tree;
use super::super::trouble::{Told, Trouble};
use super::cpu::Cpu;
use super::diskio::{self, Diskio};
use super::mounts::{self, Mount};
use super::net::{self, Net};
use super::netstat::{Tcp, Udp};
use super::processes::Processes;
use super::space::Space;
use super::wanted::Wanted;
use super::{disk, load, mem, swap};
use crate::config::Resources;

/// From `proc/stat`.
pub fn at_cpu(tree: &Tree, cpu: &mut Cpu) -> Result<Vec<Reading>, Trouble> {
    let text = tree.text("proc/stat")?;
    cpu.readings(&text).ok_or_else(|| tree.not_understood("proc/stat", "no line tells the processors' times"))
}

/// From `proc/meminfo`.
pub fn at_mem(tree: &Tree) -> Result<Vec<Reading>, Trouble> {
    let text = tree.text("proc/meminfo")?;
    mem::readings(&text).ok_or_else(|| tree.not_understood("proc/meminfo", "no line tells the memory's size"))
}

/// From `proc/meminfo`.
pub fn at_swap(tree: &Tree) -> Result<Vec<Reading>, Trouble> {
    let text = tree.text("proc/meminfo")?;
    swap::readings(&text).ok_or_else(|| tree.not_understood("proc/meminfo", "no line tells the size of the swap space"))
}

/// From `proc/loadavg`.
pub fn at_load(tree: &Tree) -> Result<Vec<Reading>, Trouble> {
    let load = load::parse(&tree.text("proc/loadavg")?);
    load.map(load::readings).ok_or_else(|| tree.not_understood("proc/loadavg", "it holds no three figures"))
}

/// From `proc/uptime`.
pub fn at_uptime(tree: &Tree) -> Result<Vec<Reading>, Trouble> {
    let uptime = load::parse_uptime(&tree.text("proc/uptime")?);
    let seconds = uptime.ok_or_else(|| tree.not_understood("proc/uptime", "it holds no figure"))?;
    Ok(vec![Reading { field: "seconds", dimensions: Vec::new(), value: seconds }])
}

/// From `proc/diskstats`.
pub fn at_diskio(tree: &Tree, diskio: &mut Diskio, wanted: &Wanted) -> Result<Vec<Reading>, Trouble> {
    let text = tree.text("proc/diskstats")?;
    Ok(diskio.readings(&text, |name| match wanted {
        Wanted::Unasked => !diskio::is_unasked(name),
        Wanted::Named(names) => names.hold(name, |name| end_of_link(&tree.path("dev").join(name))),
    }))
}

/// From `proc/net/dev`.
pub fn at_net(tree: &Tree, net: &mut Net, wanted: &Wanted) -> Result<Vec<Reading>, Trouble> {
    let text = tree.text("proc/net/dev")?;
    Ok(net.readings(&text, |name| match wanted {
        Wanted::Unasked => {
            let flags = fs::read_to_string(tree.path("sys/class/net").join(name).join("flags")).ok();
            net::is_asked(name, flags.as_deref())
        }
        Wanted::Named(names) => names.hold(name, |_| None),
    }))
}

/// From `proc/net/tcp`, `tcp6`, `udp` and `udp6`: one of the two kinds that cannot be read costs the other nothing.
pub fn at_netstat(tree: &Tree, told: &mut Told) -> Vec<Reading> {
    let (mut tcp, mut udp) = (Tcp::default(), Udp::default());
    let counted_tcp = each_socket(tree, ["proc/net/tcp", "proc/net/tcp6"], |line| tcp.add(line));
    let counted_udp = each_socket(tree, ["proc/net/udp", "proc/net/udp6"], |line| udp.add(line));
    let mut readings = told.settle("netstat (TCP)", counted_tcp).map(|()| tcp.readings()).unwrap_or_default();
    readings.extend(told.settle("netstat (UDP)", counted_udp).map(|()| udp.reading()));
    readings
}

/// The second file is missing where the machine has no IPv6. Line by line: a busy server has many.
fn each_socket(tree: &Tree, [v4, v6]: [&str; 2], mut each: impl FnMut(&str)) -> Result<(), Trouble> {
    for (name, may_be_missing) in [(v4, false), (v6, true)] {
        let path = tree.path(name);
        match each_line(&path, &mut each) {
            Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => {}
            counted => counted.map_err(|error| Trouble::unreadable(&path, &error))?,
        }
    }
    Ok(())
}

fn each_line(path: &Path, each: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(64 * 1_024, File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}

/// From `proc/<pid>/stat` of every process. One that ends meanwhile is none.
pub fn at_processes(tree: &Tree) -> Result<Vec<Reading>, Trouble> {
    let proc = tree.path("proc");
    let entries = fs::read_dir(&proc).map_err(|error| Trouble::unreadable(&proc, &error))?;
    let mut processes = Processes::default();
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit)
            && let Ok(stat) = fs::read(entry.path().join("stat"))
        {
            processes.add(&stat);
        }
    }
    processes.readings().ok_or_else(|| tree.not_understood("proc", "it shows no process"))
}

/// What is asked for of the section `disk`.
pub struct Disk {
    /// Which mount points.
    pub mounts: Resources,
    /// Types of file systems that are left out.
    pub ignored_types: Vec<String>,
    /// The device is no dimension.
    pub drops_device: bool,
    /// Whom to ask.
    pub space: Space,
}

/// From `proc/self/mountinfo`, and the file systems themselves.
pub fn at_disk(tree: &Tree, disk: &mut Disk) -> Result<Vec<Reading>, Trouble> {
    let mounts = mounts::parse(&tree.bytes("proc/self/mountinfo")?);
    if mounts.is_empty() {
        return Err(tree.not_understood("proc/self/mountinfo", "no line tells of a file system"));
    }
    let mounts = mounts::select(mounts, &disk.mounts, &disk.ignored_types);
    let usages = disk.space.of(&mounts);
    let answered = mounts.iter().filter_map(|mount| Some((mount, usages.get(&mount.point)?)));
    let readings = answered.flat_map(|(mount, usage)| {
        let device = (!disk.drops_device).then(|| device_of(tree, mount));
        disk::readings(mount, device.as_deref(), usage)
    });
    Ok(readings.collect())
}

/// `/dev/root` and `/dev/mapper/…` are other names of a device: it is told by the one that it has in `diskio`, too.
fn device_of(tree: &Tree, mount: &Mount) -> Vec<u8> {
    let link = if mount.source == b"/dev/root" {
        tree.path("sys/dev/block").join(&mount.number)
    } else if let Some(name) = mount.source.strip_prefix(b"/dev/mapper/") {
        tree.path("dev/mapper").join(&*String::from_utf8_lossy(name))
    } else {
        return mount.source.clone();
    };
    end_of_link(&link).map_or_else(|| mount.source.clone(), String::into_bytes)
}

/// The name of what a symbolic link leads to.
fn end_of_link(link: &Path) -> Option<String> {
    Some(fs::read_link(link).ok()?.file_name()?.to_string_lossy().into_owned())
}

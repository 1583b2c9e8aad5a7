//! Reads the figures of a Linux machine from `proc` and `sys` under a root.
//!
//! Only memory goes through `sysinfo`, and only where the root is `/`, as that is the one place it can read.
//!
//! Decides nothing: what the texts mean is the subjects' affair.

use std::fs;
use std::path::{Path, PathBuf};

use super::cpu::{self, Cpu};
use super::memory::{self, Memory};
use super::rate::Devices;
use super::trouble::Trouble;
use super::{disk_io, network, system};

/// A folder that holds `proc` and `sys`.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Of the machine whose `proc` and `sys` are under `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where `name` is to be found.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What the file `name` holds; what is no UTF-8 in it is bent.
    pub fn text(&self, name: &str) -> Result<String, Trouble> {
        read(&self.path(name))
    }

    /// What the file `name` holds.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, Trouble> {
        let path = self.path(name);
        fs::read(&path).map_err(|error| Trouble::unreadable(&path, &error))
    }

    /// The file `name` does not say what it should; `missing` is what.
    pub fn not_understood(&self, name: &str, missing: &str) -> Trouble {
        Trouble::not_understood(&self.path(name), missing)
    }

    /// From `proc/stat`.
    pub fn cpu(&self) -> Result<Cpu, Trouble> {
        let path = self.root.join("proc/stat");
        cpu::parse(&read(&path)?).ok_or_else(|| Trouble::not_understood(&path, "no line tells the processors' times"))
    }

    /// From `sysinfo`, or under another root than `/` from `proc/meminfo`.
    pub fn memory(&self) -> Result<Memory, Trouble> {
        if self.root == Path::new("/") {
            return system::memory();
        }
        let path = self.root.join("proc/meminfo");
        memory::parse(&read(&path)?).ok_or_else(|| Trouble::not_understood(&path, "no line tells the memory's size"))
    }

    /// The counters of the physical disks, from `proc/diskstats`.
    pub fn disks(&self) -> Result<Devices, Trouble> {
        let all = disk_io::parse(&read(&self.root.join("proc/diskstats"))?);
        let block = self.root.join("sys/block");
        let is_listed = fs::read_dir(&block).is_ok_and(|mut entries| entries.next().is_some());
        Ok(disk_io::select(all, |name| {
            if is_listed {
                // A name with a slash (`cciss/c0d0`) has an exclamation mark there.
                block.join(name.replace('/', "!")).join("device").exists()
            } else {
                disk_io::is_whole_disk_name(name)
            }
        }))
    }

    /// The counters of the interfaces that count, from `proc/net/dev`.
    pub fn interfaces(&self) -> Result<Devices, Trouble> {
        let all = network::parse(&read(&self.root.join("proc/net/dev"))?);
        let class = self.root.join("sys/class/net");
        let is_physical = |name: &str| class.join(name).join("device").exists();
        let master_of = |name: &str| {
            let master = fs::read_link(class.join(name).join("master")).ok()?;
            Some(master.file_name()?.to_string_lossy().into_owned())
        };
        Ok(network::select(all, is_physical, master_of))
    }
}

/// A name that is no UTF-8 is bent rather than let spoil its neighbours.
fn read(path: &Path) -> Result<String, Trouble> {
    let bytes = fs::read(path).map_err(|error| Trouble::unreadable(path, &error))?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

//! Sections at work on a machine made of files.

#[path = "../support/machine.rs"]
mod files;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use cloudwatch_publisher::config::PluginConfig;
use cloudwatch_publisher::record::Monotonic;
use cloudwatch_publisher::sources::host::collector::Collector;
use cloudwatch_publisher::sources::host::reading::Reading;
use cloudwatch_publisher::sources::host::sections::disk::Usage;
use cloudwatch_publisher::sources::host::sections::space::Space;
pub use files::Machine;

/// The fixtures.
pub const MACHINES: [&str; 4] = ["raspberry-pi-4", "raspberry-pi-5", "many-disk-server", "container"];

impl Machine {
    /// A fixture as it is at the first moment.
    pub fn at_first(fixture: &str) -> Self {
        Self::of(&format!("host/{fixture}"))
    }

    /// A section at work, its file systems as full as `statvfs` of the fixture says.
    pub fn collector(&self, plugin: PluginConfig) -> Collector {
        let space = Space::Told(read_usages(&self.path("statvfs")));
        Collector::with_space(self.root.path(), plugin, Monotonic(0), space)
    }

    /// What a section gives at the second moment.
    pub fn second(fixture: &str, plugin: PluginConfig) -> Vec<Reading> {
        let machine = Self::at_first(fixture);
        let mut collector = machine.collector(plugin);
        machine.overlay("second");
        collector.collect(Monotonic(60_000))
    }
}

/// Where a fixture lies.
pub fn folder(fixture: &str) -> PathBuf {
    files::folder("host").join(fixture)
}

/// Lines of: block size, blocks, free, available, inodes, free, mount point.
fn read_usages(path: &Path) -> BTreeMap<PathBuf, Usage> {
    let text = fs::read(path).unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let usages = lines.map(|line| {
        let mut fields = line.splitn(7, |byte| *byte == b' ');
        let mut number = || str::from_utf8(fields.next().unwrap()).unwrap().parse::<u64>().unwrap();
        let usage = Usage {
            block_bytes: number(),
            blocks: number(),
            blocks_free: number(),
            blocks_available: number(),
            inodes: number(),
            inodes_free: number(),
        };
        (PathBuf::from(OsStr::from_bytes(fields.next().unwrap())), usage)
    });
    usages.collect()
}

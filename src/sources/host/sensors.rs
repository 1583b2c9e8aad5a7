//! Reads the sensors of a Linux machine from `sys` under a root: thermal zones, and the chips of hwmon.
//!
//! Decides nothing: what they are called and which to believe is `temperature`'s affair, what a Raspberry Pi says `throttled`'s.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::reading::Reading;
use super::sections::temperature::{self, Chip, Doubt, Input, Read, Trust, Zone};

/// Devices of devices that are followed to where a chip sits.
const MAX_STEPS: usize = 4;

/// What all sensors measure, but for those that are not to be trusted, which is told once.
pub fn temperatures(root: &Path, trust: &mut Trust) -> Vec<Reading> {
    let (readings, doubts) = trust.judge(temperature::sensors(zones(root), chips(root)));
    doubts.into_iter().for_each(tell);
    readings
}

/// Tells of a sensor that gives no figure.
pub fn tell(Doubt { sensor, cause }: Doubt) {
    log::info!(sensor, cause; "a temperature sensor gives no figure");
}

/// All thermal zones.
fn zones(root: &Path) -> Vec<Zone> {
    let zone = |folder: PathBuf| {
        let number = folder.file_name()?.to_str()?.strip_prefix("thermal_zone")?.parse().ok()?;
        Some(Zone { number, kind: line(&folder.join("type")).ok()?, read: figure(&folder.join("temp")) })
    };
    folders(&root.join("sys/class/thermal")).into_iter().filter_map(zone).collect()
}

/// All chips that measure temperature.
fn chips(root: &Path) -> Vec<Chip> {
    let chip = |folder: PathBuf| {
        let name = line(&folder.join("name")).ok()?;
        let inputs = inputs(&folder);
        let (place, is_zone) = place(&folder);
        (!inputs.is_empty()).then_some(Chip { name, place, is_zone, inputs })
    };
    folders(&root.join("sys/class/hwmon")).into_iter().filter_map(chip).collect()
}

/// The folder of the first chip of hwmon of that name.
pub fn chip_named(root: &Path, name: &str) -> Option<PathBuf> {
    let mut chips = folders(&root.join("sys/class/hwmon")).into_iter();
    chips.find(|folder| line(&folder.join("name")).is_ok_and(|found| found == name))
}

fn inputs(folder: &Path) -> Vec<Input> {
    let number =
        |path: PathBuf| path.file_name()?.to_str()?.strip_prefix("temp")?.strip_suffix("_input")?.parse::<u32>().ok();
    let mut numbers: Vec<_> = folders(folder).into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    let input = |number| Input {
        number,
        label: line(&folder.join(format!("temp{number}_label"))).unwrap_or_default(),
        read: figure(&folder.join(format!("temp{number}_input"))),
    };
    numbers.into_iter().map(input).collect()
}

/// The name of what the chip is part of, and whether that is a thermal zone. An NVMe disk's is the number of its controller, and what
/// that is part of has the address.
fn place(folder: &Path) -> (String, bool) {
    let mut at = folder.to_owned();
    let mut place = String::new();
    for _ in 0..MAX_STEPS {
        let Ok(link) = fs::read_link(at.join("device")) else { break };
        let Some(name) = link.file_name().map(|name| name.to_string_lossy().into_owned()) else { break };
        at.push("device");
        if name.starts_with("thermal_zone") {
            return (String::new(), true);
        }
        place = name;
    }
    (place, false)
}

/// What is in a folder; nothing where it cannot be read: not every machine has one.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

/// The text of a file, without what surrounds it.
pub fn line(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    Ok(String::from_utf8_lossy(&bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned())
}

fn figure(path: &Path) -> Read {
    let text = line(path).map_err(|error| error.to_string())?;
    text.parse().map_err(|_| format!("`{text}` is no figure"))
}

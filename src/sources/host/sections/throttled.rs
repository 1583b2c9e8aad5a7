//! Says whether a Raspberry Pi was short of voltage or had to slow down.
//!
//! The firmware tells in bits what is so now (0 to 3) and what was so since the start (16 to 19, the same four; documentation of
//! `vcgencmd get_throttled`, read 2026-11-21). A 1 means: now, or since the last look. So a bit of the second kind counts only when it
//! came up in between: while it stays up, what happens again cannot be told from it. Kernels whose driver hides the word tell
//! under-voltage alone, through hwmon (`rpi_volt`).
//!
//! `vcgencmd` is not run: it needs the device of the video core, and a program for each sampling.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::reading::Reading;
use super::super::sensors;

/// The four, by their bit.
const FIELDS: [&str; 4] = ["under_voltage", "frequency_capped", "throttled", "soft_temperature_limit"];
/// From a bit of now to that of since the start.
const SINCE_START: u32 = 16;

/// What was seen at the last look.
pub struct Throttled {
    root: PathBuf,
    before: Option<u32>,
    has_told: bool,
}

impl Throttled {
    /// Of the machine whose `sys` is under `root`.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), before: None, has_told: false }
    }

    /// The flags; nothing on what is no Raspberry Pi.
    pub fn collect(&mut self) -> Vec<Reading> {
        let word = word_paths(&self.root).iter().find_map(|path| parse(&sensors::line(path).ok()?));
        let alarm = sensors::chip_named(&self.root, "rpi_volt")
            .and_then(|chip| parse(&sensors::line(&chip.join("in0_lcrit_alarm")).ok()?));
        if word.is_none() && alarm.is_none() && !self.has_told {
            self.has_told = true;
            log::info!(
                "nothing tells of under-voltage or throttling: no Raspberry Pi, or a kernel without its firmware's driver"
            );
        }
        let readings = flags(word, self.before, alarm);
        self.before = word.or(self.before);
        let figure = |(field, is)| Reading { field, dimensions: Vec::new(), value: f64::from(u8::from(is)) };
        readings.into_iter().map(figure).collect()
    }
}

/// Where the word may be read: by its driver on every model, and where it lies on those before the Pi 5.
fn word_paths(root: &Path) -> Vec<PathBuf> {
    let driver = root.join("sys/bus/platform/drivers/raspberrypi-firmware");
    let devices = fs::read_dir(driver).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let known = root.join("sys/devices/platform/soc/soc:firmware");
    devices.chain([known]).map(|device| device.join("get_throttled")).collect()
}

/// Hexadecimal digits, with or without `0x` before them.
fn parse(text: &str) -> Option<u32> {
    let text = text.trim();
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// What is so now or was since the last look. Before there was one, only what is so now.
fn flags(word: Option<u32>, before: Option<u32>, alarm: Option<u32>) -> Vec<(&'static str, bool)> {
    let Some(word) = word else {
        return alarm.map(|alarm| (FIELDS[0], alarm != 0)).into_iter().collect();
    };
    let is = |bit: u32| {
        let (now, ever) = (word & (1 << bit) != 0, word & (1 << (bit + SINCE_START)) != 0);
        let was_ever = before.is_none_or(|before| before & (1 << (bit + SINCE_START)) != 0);
        now || (ever && !was_ever) || (bit == 0 && alarm.is_some_and(|alarm| alarm != 0))
    };
    (0..).zip(FIELDS).map(|(bit, field)| (field, is(bit))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn up(word: u32, before: Option<u32>) -> Vec<&'static str> {
        flags(Some(word), before, None).into_iter().filter(|(_, is)| *is).map(|(field, _)| field).collect()
    }

    #[test]
    fn what_is_so_now_is_told() {
        assert_eq!(up(0x5, None), ["under_voltage", "throttled"]);
        assert_eq!(up(0xA, Some(0)), ["frequency_capped", "soft_temperature_limit"]);
    }

    #[test]
    fn what_was_so_in_between_is_told_once() {
        assert_eq!(up(0x5_0000, Some(0)), ["under_voltage", "throttled"]);
        assert!(up(0x5_0000, Some(0x5_0000)).is_empty());
        assert!(up(0x5_0000, None).is_empty(), "it may have been long before the agent began");
        assert_eq!(up(0x1_0000, Some(0x4_0000)), ["under_voltage"], "what was taken back may come again");
    }

    #[test]
    fn a_kernel_that_tells_only_of_voltage_gives_only_that() {
        assert_eq!(flags(None, None, Some(1)), [("under_voltage", true)]);
        assert_eq!(flags(None, None, Some(0)), [("under_voltage", false)]);
        assert_eq!(flags(None, None, None), []);
        assert_eq!(flags(Some(0), Some(0), Some(1))[0], ("under_voltage", true));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(0x)?[0-9a-fx]{0,10}|\\PC*", before in any::<Option<u32>>()) {
            flags(parse(&text), before, None);
        }
    }
}

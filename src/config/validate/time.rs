//! Judges how the times of an entry's records are read.

use super::Judge;
use crate::config::file;
use crate::config::settings::{TimeConfig, ZoneConfig};
use crate::config::zones;
use crate::delivery::timestamp::TimeFormat;

impl Judge<'_> {
    /// How the times of the entry's records are read; none where they carry the time of reading.
    pub(super) fn time(&mut self, shape: &file::FileEntry) -> Option<TimeConfig> {
        let zone = self.zone(shape);
        let is_trimmed = shape.trim_timestamp.get() == Some(&true);
        let Some((id, format)) = shape.timestamp_format.placed() else {
            if let Some((id, true)) = shape.trim_timestamp.placed().filter(|_| !shape.timestamp_format.is_wrong()) {
                self.remark(id, " has no effect without `timestamp_format`");
            }
            return None;
        };
        // What a format finds does not depend on the zone.
        match TimeFormat::new(format, jiff::tz::TimeZone::UTC) {
            Ok(found) => {
                if let Some(lack) = found.lacks() {
                    self.remark(id, &format!(" is `{format}`, which {lack}"));
                }
            }
            Err(error) => {
                let (wrong, right) = error.split_once('\n').unwrap_or((&error, ""));
                self.wrong(id, &format!(" is `{format}`, which {wrong}"), right);
            }
        }
        Some(TimeConfig { format: format.clone(), zone, is_trimmed })
    }

    fn zone(&mut self, shape: &file::FileEntry) -> ZoneConfig {
        let Some((id, name)) = shape.timezone.placed() else { return ZoneConfig::Local };
        // The CloudWatch Agent writes `Local` and `LOCAL`.
        if name.eq_ignore_ascii_case("local") {
            return ZoneConfig::Local;
        }
        if name.eq_ignore_ascii_case("utc") {
            return ZoneConfig::Utc;
        }
        match zones::find(name) {
            Ok(name) => ZoneConfig::Named(name),
            Err(right) => {
                self.wrong(id, &format!(" is `{name}`, which is no time zone of this system"), &right);
                ZoneConfig::Local
            }
        }
    }
}

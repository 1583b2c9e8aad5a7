//! Names of metrics that the dashboard and the alarms look for beyond those of the host: what the agent says of itself.
//!
//! Pure: no I/O, no clock, no tasks.

/// One each interval, while the agent runs.
pub const HEARTBEAT: &str = "heartbeat";
/// Records that CloudWatch took.
pub const SELF_RECORDS_SENT: &str = "self_records_sent";
/// Records that CloudWatch refused for ever.
pub const SELF_RECORDS_REFUSED: &str = "self_records_refused";
/// How far the logs are behind.
pub const SELF_LAG_SECONDS: &str = "self_lag_seconds";
/// Samples that wait on disk.
pub const SELF_SAMPLES_WAITING: &str = "self_samples_waiting";
/// What the agent weighs.
pub const SELF_RESIDENT_BYTES: &str = "self_resident_bytes";
/// The hottest sensor.
pub const TEMPERATURE_CELSIUS: &str = "temperature_celsius";
/// How full a file system is.
pub const DISK_USED_PERCENT: &str = "disk_used_percent";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::catalogue::METRICS;

    #[test]
    fn what_the_dashboard_and_the_alarms_look_for_is_published() {
        for name in [
            HEARTBEAT,
            SELF_RECORDS_SENT,
            SELF_RECORDS_REFUSED,
            SELF_LAG_SECONDS,
            SELF_SAMPLES_WAITING,
            SELF_RESIDENT_BYTES,
            TEMPERATURE_CELSIUS,
            DISK_USED_PERCENT,
        ] {
            assert!(METRICS.iter().any(|metric| metric.name() == name), "{name}");
        }
    }
}

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

/// Those that the agents of this version do not publish yet. What is built leaves this list in the same commit.
pub const NOT_YET: &[&str] = &[
    HEARTBEAT,
    SELF_RECORDS_SENT,
    SELF_RECORDS_REFUSED,
    SELF_LAG_SECONDS,
    SELF_SAMPLES_WAITING,
    SELF_RESIDENT_BYTES,
    TEMPERATURE_CELSIUS,
    DISK_USED_PERCENT,
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn what_is_not_published_is_what_the_config_calls_not_built() {
        let text =
            r#"{"metrics": {"metrics_collected": {"heartbeat": {}, "disk": {}, "self": {}, "temperature": {}}}}"#;
        let warnings = config::parse(text, Path::new("/x.json"), &|_| None).unwrap().warnings;
        let is_unbuilt = warnings.iter().any(|warning| {
            warning.message.contains("metrics.metrics_collected") && warning.message.contains("not built yet")
        });
        assert_eq!(!NOT_YET.is_empty(), is_unbuilt, "{warnings:?}");
    }
}

//! What the agent measures of itself: the section `self`.
//!
//! Made of the status that it tells anyway, so that an alarm sees what `status` shows. Records are counted since the last sampling:
//! their sum over any time is what happened in it, over reloads too.

use tokio::sync::watch;

use crate::record::Status;
use crate::sources::host::reading::Reading;

/// Looks at how the agent fares.
pub struct Own {
    status: watch::Receiver<Status>,
    before: Status,
}

impl Own {
    /// What is told from now on counts.
    pub fn new(status: watch::Receiver<Status>) -> Self {
        let before = status.borrow().clone();
        Self { status, before }
    }

    /// The figures of this moment.
    pub fn readings(&mut self) -> Vec<Reading> {
        let now = self.status.borrow().clone();
        readings(&now, &std::mem::replace(&mut self.before, now.clone()))
    }
}

/// The figures of `status`, `before` being the one of the sampling before.
fn readings(status: &Status, before: &Status) -> Vec<Reading> {
    let grown = |count: fn(&Status) -> u64| count(status).saturating_sub(count(before)) as f64;
    let lag_ms = status.lag_ms.max(status.journal_lag_ms);
    let resident = (status.resident_bytes > 0).then_some(("resident_bytes", status.resident_bytes as f64));
    let figures = [
        ("records_sent", grown(|status| status.records_sent)),
        ("records_refused", grown(|status| status.records_refused)),
        ("lag_seconds", lag_ms as f64 / 1_000.0),
        ("samples_waiting", status.samples_waiting as f64),
    ];
    let figures = figures.into_iter().chain(resident);
    figures.map(|(field, value)| Reading { field, dimensions: Vec::new(), value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::catalogue::{Plugin, metrics_of};

    fn status() -> Status {
        Status {
            records_sent: 1_000,
            records_refused: 3,
            lag_ms: 1_500,
            journal_lag_ms: 90_000,
            samples_waiting: 26,
            resident_bytes: 9_000_000,
            ..Status::default()
        }
    }

    #[test]
    fn records_are_counted_since_the_sampling_before_and_the_greater_lag_counts() {
        let before = Status { records_sent: 400, records_refused: 3, ..Status::default() };
        let figures: Vec<_> =
            readings(&status(), &before).into_iter().map(|reading| (reading.field, reading.value)).collect();
        let expected = [
            ("records_sent", 600.0),
            ("records_refused", 0.0),
            ("lag_seconds", 90.0),
            ("samples_waiting", 26.0),
            ("resident_bytes", 9_000_000.0),
        ];
        assert_eq!(figures, expected);
    }

    #[test]
    fn a_sampling_counts_from_the_one_before() {
        let (told, status) = watch::channel(status());
        let mut own = Own::new(status);
        let mut sent = || own.readings()[0].value;
        assert_eq!(sent(), 0.0, "what was sent before is not of this interval");
        told.send_modify(|status| status.records_sent += 7);
        assert_eq!((sent(), sent()), (7.0, 0.0));
    }

    #[test]
    fn every_metric_of_the_section_is_measured() {
        let measured: Vec<_> = readings(&status(), &Status::default()).iter().map(|reading| reading.field).collect();
        assert_eq!(metrics_of(Plugin::Itself).map(|metric| metric.field).collect::<Vec<_>>(), measured);
    }

    #[test]
    fn memory_that_the_system_does_not_tell_is_no_figure() {
        let status = Status { resident_bytes: 0, ..status() };
        assert!(readings(&status, &Status::default()).iter().all(|reading| reading.field != "resident_bytes"));
    }
}

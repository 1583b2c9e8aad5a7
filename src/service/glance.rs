//! Says in a line whether the agent delivers, and if not, why and since when: `STATUS=` of systemd, and the head of `status`.
//!
//! Pure.

use crate::record::{Phase, Status};

/// Whether AWS takes what there is: something was taken, and nothing is stuck.
pub fn is_delivering(status: &Status) -> bool {
    let is_at_work = matches!(status.phase, Phase::Running | Phase::Starting);
    is_at_work && status.requests_ok > 0 && status.records_stuck_ms.is_none() && status.samples_stuck_ms.is_none()
}

/// How it stands, in one line.
pub fn line(status: &Status) -> String {
    let mut line = match status.phase {
        Phase::Stopping => "stopping: what is open is sent".to_owned(),
        Phase::WaitingForId => {
            format!("waiting for the instance id: {}", status.trouble.as_deref().unwrap_or_default())
        }
        Phase::Starting | Phase::Running => at_work(status),
    };
    if status.phase == Phase::Running {
        line.push_str(&streams_refused(status));
    }
    if let Some(trouble) = status.source_trouble.as_ref().filter(|_| status.phase == Phase::Running) {
        line.push_str(&format!("; {trouble}"));
    }
    if let Some(trouble) = &status.reload_trouble {
        line.push_str(&format!("; the last reload was refused: {trouble}"));
    }
    line
}

fn at_work(status: &Status) -> String {
    let trouble = status.trouble.as_deref().unwrap_or("the last request failed");
    let sent = format!("{} and {} sent", count(status.records_sent, "record"), count(status.samples_sent, "sample"));
    match (status.records_stuck_ms, status.samples_stuck_ms) {
        (None, None) if status.requests_ok == 0 => match &status.trouble {
            Some(trouble) => format!("not delivering: {trouble}"),
            None => "starting: nothing was sent yet".to_owned(),
        },
        (None, None) => match &status.trouble {
            Some(trouble) => format!("delivering: {sent}; {trouble}"),
            None => format!("delivering: {sent}{}", behind(status)),
        },
        (Some(stuck), None) if status.samples_sent > 0 => {
            format!("not delivering records for {}: {trouble}{}", span(stuck), behind(status))
        }
        (None, Some(stuck)) if status.records_sent > 0 => {
            format!("not delivering samples for {}: {trouble}{}", span(stuck), behind(status))
        }
        (records, samples) => {
            format!("not delivering for {}: {trouble}{}", span(records.max(samples).unwrap_or(0)), behind(status))
        }
    }
}

/// What waits, where anything worth a word does.
fn behind(status: &Status) -> String {
    let is_stuck = status.records_stuck_ms.or(status.samples_stuck_ms).is_some();
    // Each with whether it is a single thing.
    let mut waits: Vec<(String, bool)> = Vec::new();
    if status.lag_bytes >= MUCH_BYTES || is_stuck && status.lag_bytes > 0 {
        waits.push((format!("{} of logs", bytes(status.lag_bytes)), false));
    }
    // What a journal holds is not known as bytes are.
    if is_stuck && status.lag_bytes == 0 && status.records_waiting > 0 {
        waits.push((count(status.records_waiting, "record"), status.records_waiting == 1));
    }
    if is_stuck && status.samples_waiting > 0 {
        waits.push((count(status.samples_waiting, "sample"), status.samples_waiting == 1));
    }
    let waiting = match waits.as_slice() {
        [] => String::new(),
        [(one, true)] => format!("; {one} waits"),
        all => format!("; {} wait", all.iter().map(|(what, _)| what.as_str()).collect::<Vec<_>>().join(" and ")),
    };
    waiting + &journals_behind(status)
}

/// Streams that are refused while others go on. Where nothing goes on the reason has been said.
fn streams_refused(status: &Status) -> String {
    let are = if status.streams_refused == 1 { "is" } else { "are" };
    match &status.stream_trouble {
        Some(trouble) if status.records_stuck_ms.is_none() => {
            format!("; {} {are} refused: {trouble}", count(status.streams_refused, "stream"))
        }
        _ => String::new(),
    }
}

/// How far a journal is behind, where that is worth a word.
pub fn journals_behind(status: &Status) -> String {
    match (status.journals, span(status.journal_lag_ms)) {
        _ if status.journal_lag_ms < MUCH_MS => String::new(),
        (0 | 1, lag) => format!("; the journal is {lag} behind"),
        (_, lag) => format!("; a journal is {lag} behind"),
    }
}

/// Less that waits is the everyday.
const MUCH_BYTES: u64 = 1 << 20;
/// Entries of a journal that are younger wait for their batch.
const MUCH_MS: u64 = 5 * 60 * 1000;

/// `12,345 records`.
pub fn count(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// The digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A span of milliseconds in the two largest units.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {part}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        // After the first minutes nobody counts the seconds.
        60..3600 => format!("{minutes} min"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// Bytes in the unit that leaves up to four digits.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{} B", grouped(bytes)),
        10_240..10_485_760 => format!("{} KiB", grouped(bytes >> 10)),
        10_485_760..10_737_418_240 => format!("{} MiB", grouped(bytes >> 20)),
        _ => format!("{} GiB", grouped(bytes >> 30)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Status {
        Status {
            phase: Phase::Running,
            records_sent: 12_345,
            samples_sent: 780,
            samples_waiting: 13,
            requests_ok: 50,
            ..Status::default()
        }
    }

    fn stuck(status: Status) -> Status {
        Status {
            records_stuck_ms: Some(300_000),
            samples_stuck_ms: Some(250_000),
            trouble: Some("the endpoint cannot be reached".into()),
            ..status
        }
    }

    fn assert_lines(cases: impl IntoIterator<Item = (Status, bool, &'static str)>) {
        for (status, delivers, expected) in cases {
            assert_eq!((line(&status).as_str(), is_delivering(&status)), (expected, delivers));
        }
    }

    #[test]
    fn the_line_says_whether_it_delivers_and_if_not_why() {
        assert_lines([
            (running(), true, "delivering: 12,345 records and 780 samples sent"),
            (Status { requests_ok: 0, ..running() }, false, "starting: nothing was sent yet"),
            (
                Status { trouble: Some("cannot renew".into()), ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; cannot renew",
            ),
            (
                Status { phase: Phase::WaitingForId, trouble: Some("`x` failed".into()), ..Status::default() },
                false,
                "waiting for the instance id: `x` failed",
            ),
            (Status { phase: Phase::Stopping, ..running() }, false, "stopping: what is open is sent"),
            (
                Status { source_trouble: Some("the journal is not read: no journalctl".into()), ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; the journal is not read: no journalctl",
            ),
            (
                Status { streams_refused: 1, stream_trouble: Some("g/s: not allowed".into()), ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; 1 stream is refused: g/s: not allowed",
            ),
            (
                Status { streams_refused: 2, stream_trouble: Some("g/s: not allowed".into()), ..stuck(running()) },
                false,
                "not delivering for 5 min: the endpoint cannot be reached; 13 samples wait",
            ),
            (
                Status { reload_trouble: Some("1 problem".into()), ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; the last reload was refused: 1 problem",
            ),
        ]);
    }

    #[test]
    fn the_line_says_since_when_nothing_is_delivered_and_what_waits() {
        assert_lines([
            (
                Status { lag_bytes: 200 << 20, ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; 200 MiB of logs wait",
            ),
            (
                Status { lag_bytes: 3_000, ..stuck(running()) },
                false,
                "not delivering for 5 min: the endpoint cannot be reached; 3,000 B of logs and 13 samples wait",
            ),
            (
                Status { journals: 1, journal_lag_ms: 172_800_000, records_waiting: 9_000, ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent; the journal is 2 d behind",
            ),
            (
                Status { journals: 1, journal_lag_ms: 8_000, ..running() },
                true,
                "delivering: 12,345 records and 780 samples sent",
            ),
            (
                Status { journals: 2, journal_lag_ms: 300_000, records_waiting: 16, ..stuck(running()) },
                false,
                "not delivering for 5 min: the endpoint cannot be reached; 16 records and 13 samples wait; \
                 a journal is 5 min behind",
            ),
            (
                Status { samples_waiting: 0, records_waiting: 1, ..stuck(running()) },
                false,
                "not delivering for 5 min: the endpoint cannot be reached; 1 record waits",
            ),
            (
                Status { samples_stuck_ms: None, ..stuck(running()) },
                false,
                "not delivering records for 5 min: the endpoint cannot be reached; 13 samples wait",
            ),
            (
                Status { records_stuck_ms: None, samples_waiting: 1, ..stuck(running()) },
                false,
                "not delivering samples for 4 min: the endpoint cannot be reached; 1 sample waits",
            ),
        ]);
    }

    #[test]
    fn figures_are_for_people() {
        let spans = [0, 59_999, 60_000, 3_599_000, 3_600_000, 5_400_000, 90_000_000].map(span);
        assert_eq!(spans, ["0 s", "59 s", "1 min", "59 min", "1 h", "1 h 30 min", "1 d 1 h"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([5_000, 20_480, 11 << 20, 20 << 30].map(bytes), ["5,000 B", "20 KiB", "11 MiB", "20 GiB"]);
    }
}

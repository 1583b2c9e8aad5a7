//! Measures how much a reading of the journal would have sent in the last hour.
//!
//! At the most [`MAX_BYTES`] are read and [`LIMIT`] is waited for. Where the hour is cut by that, what came stands for the time between its first entry and
//! its last.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::cost::BYTES_AN_EVENT;
use crate::config::{JournalConfig, JournalFormat};
use crate::sources::journal::arguments;

const HOUR: f64 = 3_600.0;
/// A device that writes more than this in an hour has other troubles than an estimate.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
const LIMIT: Duration = Duration::from_secs(5);
/// So long what journalctl wrote before it was ended is waited for.
const REST_LIMIT: Duration = Duration::from_secs(1);
/// `1763719200.123456 ` stands before each entry of a text, and is not sent.
const TIME_BYTES: u64 = 18;
/// As an entry's time is written in an object, in microseconds.
const TIME_KEY: &str = "\"__REALTIME_TIMESTAMP\"";

/// Bytes a second, events' own bytes included; none where the journal cannot be read here.
pub fn last_hour(config: &JournalConfig) -> Option<f64> {
    if cfg!(target_os = "macos") {
        return None;
    }
    let mut child = Command::new("journalctl")
        .args(arguments::to_measure(config))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut out = child.stdout.take()?;
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = out.by_ref().take(MAX_BYTES).read_to_end(&mut text);
        // Whoever asked may have stopped waiting.
        let _ = tell.send(read.map(|_| text));
    });
    let in_time = told.recv_timeout(LIMIT);
    let is_late = in_time.is_err();
    // It has ended, has more than is read, or is not waited for any longer.
    let _ = child.kill();
    let status = child.wait().ok()?;
    let text = in_time.or_else(|_| told.recv_timeout(REST_LIMIT)).ok()?.ok()?;
    let is_cut = is_late || u64::try_from(text.len()).is_ok_and(|length| length >= MAX_BYTES);
    (status.success() || !text.is_empty()).then(|| rate(&text, config.format == JournalFormat::Json, is_cut))
}

/// Each line is an entry.
fn rate(text: &[u8], is_json: bool, is_cut: bool) -> f64 {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let text = text.get(..whole).unwrap_or_default();
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let entries = u64::try_from(lines).unwrap_or(u64::MAX);
    let not_sent = entries.saturating_mul(if is_json { 1 } else { TIME_BYTES + 1 });
    let sent = u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_sub(not_sent);
    let counted = sent.saturating_add(entries.saturating_mul(BYTES_AN_EVENT));
    let time = |line: Option<&[u8]>| time_of(&String::from_utf8_lossy(line?), is_json);
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let span = match (is_cut, time(lines.next()), time(lines.next_back())) {
        (true, Some(first), Some(last)) => (last - first).clamp(1.0, HOUR),
        _ => HOUR,
    };
    // Exact up to 2^53, far above what was read.
    counted as f64 / span
}

/// When an entry was made, in seconds since 1970.
fn time_of(line: &str, is_json: bool) -> Option<f64> {
    if !is_json {
        return line.split(' ').next()?.parse().ok();
    }
    let behind = line.split_once(TIME_KEY)?.1;
    let digits = behind.trim_start_matches([' ', ':', '"']).split('"').next()?;
    Some(digits.parse::<f64>().ok()? / 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_without_its_time_and_with_26_bytes_more() {
        let line = "1763719200.123456 host program[1]: hello\n";
        let text = line.repeat(3_600);
        assert!((rate(text.as_bytes(), false, false) - (line.len() - 19 + 26) as f64).abs() < 1e-9);
        assert!(rate(b"", false, true).abs() < 1e-9);
    }

    #[test]
    fn an_hour_that_is_cut_counts_by_the_time_that_was_read() {
        let texts = (0..=10).map(|second| format!("176371920{second}.000000 host program[1]: hello\n"));
        let text = texts.collect::<String>().replace("17637192010.", "1763719210.") + "1763719211.0000";
        let counted = 11.0 * ("host program[1]: hello".len() + 26) as f64;
        assert!((rate(text.as_bytes(), false, true) - counted / 10.0).abs() < 1e-9);
        let objects = [0, 20]
            .map(|second| format!("{{\"__CURSOR\":\"s\",\"__REALTIME_TIMESTAMP\":\"17637192{second:02}000000\"}}\n"));
        let counted = (objects.concat().len() - 2 + 2 * 26) as f64;
        assert!((rate(objects.concat().as_bytes(), true, true) - counted / 20.0).abs() < 1e-9);
        assert!((rate(objects.concat().as_bytes(), true, false) - counted / 3_600.0).abs() < 1e-9);
    }
}

//! Measures how much a reading of the journal would have sent in the last hour.
//!
//! At the most [`MAX_BYTES`] are read and [`LIMIT`] is waited for: what came until then stands for the part of the hour in which it was written.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::cost::BYTES_AN_EVENT;
use crate::config::JournalConfig;
use crate::sources::journal::arguments;

const HOUR: f64 = 3_600.0;
/// A device that writes more than this in an hour has other troubles than an estimate.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
const LIMIT: Duration = Duration::from_secs(5);

/// Bytes a second, events' own bytes included; none where the journal cannot be read here, or not in time.
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
    let text = told.recv_timeout(LIMIT);
    // It has ended, or is not waited for any longer.
    let _ = child.kill();
    let status = child.wait().ok()?;
    let text = text.ok()?.ok()?;
    let is_whole = status.success();
    (is_whole || !text.is_empty()).then(|| rate(&text))
}

/// A line of the short form is an entry, with a time of 16 bytes in front that is not sent.
fn rate(text: &[u8]) -> f64 {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    let entries = u64::try_from(lines).unwrap_or(u64::MAX);
    let sent = u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_sub(entries.saturating_mul(17));
    let counted = sent.saturating_add(entries.saturating_mul(BYTES_AN_EVENT));
    // Exact up to 2^53, far above what was read.
    counted as f64 / HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_without_its_time_and_with_26_bytes_more() {
        let line = "Nov 21 10:00:00 host program[1]: hello\n";
        let text = line.repeat(3_600);
        assert!((rate(text.as_bytes()) - (line.len() - 17 + 26) as f64).abs() < 1e-9);
        assert!(rate(b"").abs() < 1e-9);
    }
}

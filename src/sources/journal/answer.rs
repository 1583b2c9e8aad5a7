//! What journalctl's words and its end mean. It runs with `LC_ALL=C`, so they are known (systemd 252).
//!
//! Pure: no I/O, no clock, no tasks.

use super::export::Entry;
use super::resume::{Answer, Seen};
use crate::record::Wall;
use crate::sources::child::Ending;

/// What an ending without an entry says; none where something is wrong.
pub fn answer_of(ending: Ending, complaint: &str) -> Option<Answer> {
    if complaint.contains("specified boot") || complaint.contains("No such boot") {
        Some(Answer::Nothing)
    } else if complaint.contains("seek to cursor") {
        Some(Answer::BadCursor)
    } else {
        ending.is_good().then_some(Answer::Nothing)
    }
}

/// What is wrong where it ended and should not have.
pub fn trouble(ending: Ending, complaint: Option<String>) -> String {
    let said = complaint.map(|said| format!(": {said}")).unwrap_or_default();
    format!("journalctl ended with {ending}{said}")
}

/// When an entry was written, by the clock of then: microseconds since 1970 are told.
pub fn time_of(entry: &Entry) -> Option<Wall> {
    let microseconds: i64 = entry.text("__REALTIME_TIMESTAMP")?.parse().ok()?;
    Some(Wall(microseconds / 1_000))
}

/// Where an entry stands.
pub fn entry_seen(entry: &Entry) -> Option<Seen> {
    Some(Seen {
        cursor: entry.text("__CURSOR")?.to_owned(),
        time: time_of(entry)?,
        boot: entry.text("_BOOT_ID")?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_journalctl_says_at_its_end_is_understood() {
        let cases = [
            (0, "", Some(Answer::Nothing)),
            (1, "Failed to seek to cursor: Invalid argument", Some(Answer::BadCursor)),
            (
                1,
                "Data from the specified boot (+0) is not available: No such boot ID in journal",
                Some(Answer::Nothing),
            ),
            (1, "No journal files were opened due to insufficient permissions.", None),
            (1, "", None),
        ];
        for (code, said, answer) in cases {
            assert_eq!(answer_of(Ending::Code(code), said), answer, "{said}");
        }
    }
}

//! What zones are called in logs, where a name means one thing to nearly everybody.
//!
//! The names are those of RFC 5322, section 4.3 (North America, UT, GMT), and of the rules of the IANA time zone database for
//! Europe, Japan, Korea, Australia, New Zealand, South Africa and Russia, read 2026-11-21. Left out is what stands for several offsets (`IST`:
//! India, Ireland, Israel; `BST`: Britain, Bangladesh; `CST` stays North America's by the RFC): a name that the configured
//! zone itself goes by is asked for there first.
//!
//! Pure: no I/O, no clock, no tasks.

/// Names and hours east of Greenwich, in quarters.
const NAMES: &[(&str, i64)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("UCT", 0),
    ("EST", -20),
    ("EDT", -16),
    ("CST", -24),
    ("CDT", -20),
    ("MST", -28),
    ("MDT", -24),
    ("PST", -32),
    ("PDT", -28),
    ("AKST", -36),
    ("AKDT", -32),
    ("HST", -40),
    ("NST", -14),
    ("NDT", -10),
    ("WET", 0),
    ("WEST", 4),
    ("CET", 4),
    ("CEST", 8),
    ("MET", 4),
    ("MEST", 8),
    ("MEZ", 4),
    ("MESZ", 8),
    ("EET", 8),
    ("EEST", 12),
    ("MSK", 12),
    ("SAST", 8),
    ("JST", 36),
    ("KST", 36),
    ("AWST", 32),
    ("ACST", 38),
    ("ACDT", 42),
    ("AEST", 40),
    ("AEDT", 44),
    ("NZST", 48),
    ("NZDT", 52),
];

/// Seconds east of Greenwich of the zone that is called so; upper case only, as clocks print it.
pub(super) fn offset(name: &str) -> Option<i64> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, quarters)| quarters * 900)
}

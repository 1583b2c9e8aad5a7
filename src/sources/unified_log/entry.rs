//! Reads a line that `/usr/bin/log` prints with `--style ndjson`.
//!
//! Not every line is an entry: a banner comes first, a count last, and a notice where the stream could not keep up. Fields come
//! and go with the version of macOS and the kind of entry, so only the time must be there. Easy to break: what tells an entry
//! from others must be equal in `log show` and `log stream`. Their `timestamp` of one entry differs by some milliseconds, and
//! `bootUUID` is empty in the stream; the processor's own ticks, thread, process and text are the same.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Visitor};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What a line is.
#[derive(Debug)]
pub enum Line<'a> {
    /// An entry of the log.
    Entry(Entry<'a>),
    /// Something told to people: the banner, an empty line.
    Notice,
    /// The stream could not keep up: what it left out is in the store, for `log show`.
    Dropped,
    /// `log show` has told everything.
    Finished,
    /// Not to be read.
    Bad,
}

/// An entry, as far as we need it.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub time_us: i64,
    /// Tells it from all others.
    pub identity: u64,
    /// The number of the process that wrote it; 0 is the kernel.
    pub process_id: i64,
    /// The program of that process.
    pub process_path: Cow<'a, str>,
    /// What it says; may have several lines, or be empty.
    pub message: Cow<'a, str>,
}

/// What the stream prints where it was not read fast enough (seen on macOS 12 to 15).
const DROPPED: &str = "=== Messages dropped during live streaming";

/// What `line` is, without its end.
pub fn parse(line: &str) -> Line<'_> {
    let line = line.trim();
    if !line.starts_with('{') {
        return match line {
            _ if line.starts_with(DROPPED) => Line::Dropped,
            _ if is_banner(line) => Line::Notice,
            _ => Line::Bad,
        };
    }
    let Ok(shape) = serde_json::from_str::<Shape>(line) else {
        return Line::Bad;
    };
    if shape.finished.is_some() {
        return Line::Finished;
    }
    shape.entry().map_or(Line::Bad, Line::Entry)
}

/// What `log` says before the entries: which predicate it takes, which levels it leaves out.
fn is_banner(line: &str) -> bool {
    line.is_empty()
        || ["Filtering the log data using", "Skipping ", "Timestamp "].iter().any(|start| line.starts_with(start))
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Shape<'a> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    mach_timestamp: u64,
    #[serde(rename = "threadID")]
    thread_id: u64,
    #[serde(rename = "processID")]
    process_id: i64,
    #[serde(borrow)]
    process_image_path: Text<'a>,
    #[serde(borrow)]
    event_message: Text<'a>,
    finished: Option<IgnoredAny>,
}

impl<'a> Shape<'a> {
    fn entry(self) -> Option<Entry<'a>> {
        let time_us = self.timestamp.0.parse::<Timestamp>().ok()?.as_microsecond();
        Some(Entry {
            time_us,
            identity: self.identity(time_us),
            process_id: self.process_id,
            process_path: self.process_image_path.0,
            message: self.event_message.0,
        })
    }

    fn identity(&self, time_us: i64) -> u64 {
        // Without ticks two entries of one text would be one: better the time, which may make one entry two.
        let instant = if self.mach_timestamp == 0 { time_us.cast_unsigned() } else { self.mach_timestamp };
        let mut place = [0; 24];
        let numbers = [instant, self.thread_id, self.process_id.cast_unsigned()];
        place.chunks_exact_mut(8).zip(numbers).for_each(|(bytes, number)| bytes.copy_from_slice(&number.to_le_bytes()));
        xxh3_64_with_seed(self.event_message.0.as_bytes(), xxh3_64(&place))
    }
}

/// A text, or `null` for an empty one; borrowed wherever nothing in it is escaped.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or null")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(changes: &[(&str, serde_json::Value)]) -> String {
        let mut fields = serde_json::json!({
            "traceID": 604_357_733_253_124_u64, "eventMessage": "disk failed", "eventType": "logEvent", "source": null,
            "formatString": "%{public}s", "activityIdentifier": 0, "subsystem": "com.example.storage", "category": "io",
            "threadID": 608_951, "senderImageUUID": "4C078188-0FEC-3D40-879C-662E369AE81A",
            "backtrace": {"frames": [{"imageOffset": 51920, "imageUUID": "4C078188-0FEC-3D40-879C-662E369AE81A"}]},
            "bootUUID": "", "processImagePath": "/usr/libexec/diskarbitrationd", "senderImagePath": "/usr/lib/libx.dylib",
            "timestamp": "2026-11-21 10:00:00.123456+0100", "machTimestamp": 2_022_667_660_237_u64,
            "messageType": "Error", "processImageUUID": "4C078188-0FEC-3D40-879C-662E369AE81A", "processID": 97,
            "senderProgramCounter": 51920, "parentActivityIdentifier": 0, "timezoneName": ""
        });
        for (name, value) in changes {
            fields[*name] = value.clone();
        }
        fields.to_string()
    }

    fn entry(line: &str) -> Entry<'_> {
        match parse(line) {
            Line::Entry(entry) => entry,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_entry_is_read_with_its_own_time_whatever_the_zone() {
        let text = line(&[]);
        let found = entry(&text);
        assert_eq!(found.time_us, 1_795_251_600_123_456);
        assert_eq!((found.process_id, &*found.process_path), (97, "/usr/libexec/diskarbitrationd"));
        assert_eq!(found.message, "disk failed");
        for same in ["2026-11-21 09:00:00.123456+0000", "2026-11-21 03:30:00.123456-0530"] {
            assert_eq!(entry(&line(&[("timestamp", same.into())])).time_us, found.time_us, "{same}");
        }
    }

    #[test]
    fn show_and_stream_name_one_entry_alike() {
        let stream = line(&[]);
        let show = line(&[
            ("timestamp", "2026-11-21 10:00:00.139999+0100".into()),
            ("bootUUID", "E312ED28-914E-4C3C-9B9E-4926AFCCD890".into()),
            ("traceID", 0.into()),
        ]);
        assert_eq!(entry(&stream).identity, entry(&show).identity);
    }

    #[test]
    fn entries_differ_by_tick_thread_process_and_text() {
        let one = line(&[]);
        let changes = [
            ("machTimestamp", 1.into()),
            ("threadID", 1.into()),
            ("processID", 1.into()),
            ("eventMessage", "x".into()),
        ];
        for change in changes {
            let other = line(std::slice::from_ref(&change));
            assert_ne!(entry(&one).identity, entry(&other).identity, "{}", change.0);
        }
    }

    #[test]
    fn without_ticks_the_time_tells_entries_of_one_text_apart() {
        let at = |time: &str| line(&[("machTimestamp", 0.into()), ("timestamp", time.into())]);
        let (one, other) = (at("2026-11-21 10:00:00.000001+0100"), at("2026-11-21 10:00:00.000002+0100"));
        assert_ne!(entry(&one).identity, entry(&other).identity);
    }

    #[test]
    fn fields_that_are_missing_or_null_cost_nothing_but_themselves() {
        let bare = r#"{"timestamp":"2026-11-21 10:00:00.123456+0100"}"#;
        assert_eq!(entry(bare).message, "");
        let null = line(&[("eventMessage", serde_json::Value::Null), ("processImagePath", serde_json::Value::Null)]);
        assert_eq!((&*entry(&null).message, &*entry(&null).process_path), ("", ""));
    }

    #[test]
    fn what_is_escaped_is_read_as_it_was_written() {
        let escaped = r#"{"timestamp":"2026-11-21 10:00:00.1+0100","processImagePath":"\/usr\/sbin\/wifid","eventMessage":"a \"b\"\n\tc é"}"#;
        let found = entry(escaped);
        assert_eq!((&*found.process_path, &*found.message), ("/usr/sbin/wifid", "a \"b\"\n\tc é"));
    }

    #[test]
    fn what_is_not_an_entry_is_known_for_what_it_is() {
        let notices = [
            "",
            "  ",
            "Filtering the log data using \"subsystem == \"com.example\"\"",
            "Skipping info and debug messages, pass --info and/or --debug to include.",
        ];
        for notice in notices {
            assert!(matches!(parse(notice), Line::Notice), "{notice}");
        }
        let dropped = "=== Messages dropped during live streaming (use `log show` to see what they were)";
        assert!(matches!(parse(dropped), Line::Dropped));
        assert!(matches!(parse(r#"{"count":5467,"finished":1}"#), Line::Finished));
    }

    #[test]
    fn a_line_that_was_cut_anywhere_is_bad_and_no_more() {
        let whole = line(&[("eventMessage", "größer".into())]);
        for end in (1..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            assert!(matches!(parse(&whole[..end]), Line::Bad), "cut at {end}");
        }
        for bad in
            ["{}", "garbage", "\u{fffd}\u{0}", r#"{"timestamp":"yesterday"}"#, r#"{"timestamp":7}"#, "[1]", "{{{{"]
        {
            assert!(matches!(parse(bad), Line::Bad), "{bad}");
        }
    }
}

//! What of an entry is sent: a line as `journalctl --output=short` has it, an object of its fields, or its message.
//!
//! Bytes that are not UTF-8 become U+FFFD. Of an entry without a message only the object is sent.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::export::Entry;
use crate::config::JournalFormat;

/// Fields that `text` needs.
pub const FIELDS_OF_TEXT: [&str; 6] = ["MESSAGE", "_HOSTNAME", "SYSLOG_IDENTIFIER", "_COMM", "_PID", "SYSLOG_PID"];

/// Writes the record that `entry` becomes; nothing where it is not sent.
pub fn write(entry: &Entry, format: JournalFormat, record: &mut String) {
    record.clear();
    match format {
        JournalFormat::Json => write_json(entry, record),
        JournalFormat::Text => {
            if let Some(message) = message(entry) {
                write_head(entry, record);
                write_message(entry, &message, record);
            }
        }
        JournalFormat::Message => {
            if let Some(message) = message(entry) {
                write_message(entry, &message, record);
            }
        }
    }
}

/// The message without line ends behind it; none where nothing is left.
fn message(entry: &Entry) -> Option<Cow<'_, str>> {
    let message = entry.get("MESSAGE")?;
    let end = message.iter().rposition(|byte| !byte.is_ascii_whitespace())? + 1;
    Some(String::from_utf8_lossy(&message[..end]))
}

fn write_message(entry: &Entry, message: &str, record: &mut String) {
    record.push_str(message);
    if entry.cut() > 0 {
        // Writing to a String cannot fail.
        let _ = write!(record, " [cut: {} more bytes are in the journal]", entry.cut());
    }
}

/// `host identifier[pid]: `
fn write_head(entry: &Entry, record: &mut String) {
    if let Some(host) = entry.get("_HOSTNAME") {
        record.push_str(&String::from_utf8_lossy(host));
        record.push(' ');
    }
    let name = entry.get("SYSLOG_IDENTIFIER").or_else(|| entry.get("_COMM")).unwrap_or(b"unknown");
    record.push_str(&String::from_utf8_lossy(name));
    if let Some(pid) = entry.get("_PID").or_else(|| entry.get("SYSLOG_PID")) {
        let _ = write!(record, "[{}]", String::from_utf8_lossy(pid));
    }
    record.push_str(": ");
}

/// All fields but the journal's addresses; a repeated one is a list.
fn write_json(entry: &Entry, record: &mut String) {
    const ADDRESSES: [&[u8]; 3] = [b"__CURSOR", b"__SEQNUM", b"__SEQNUM_ID"];
    let mut object = serde_json::Map::new();
    for (name, value) in entry.fields().filter(|(name, _)| !ADDRESSES.contains(name)) {
        let value = serde_json::Value::from(String::from_utf8_lossy(value));
        match object.entry(String::from_utf8_lossy(name)) {
            serde_json::map::Entry::Vacant(vacant) => drop(vacant.insert(value)),
            serde_json::map::Entry::Occupied(mut taken) => match taken.get_mut() {
                serde_json::Value::Array(values) => values.push(value),
                first => *first = vec![first.take(), value].into(),
            },
        }
    }
    record.push_str(&serde_json::Value::Object(object).to_string());
}

#[cfg(test)]
mod tests {
    use super::super::export::Parser;
    use super::*;

    fn written(fields: &str, format: JournalFormat) -> String {
        let mut record = String::new();
        Parser::default().push(format!("{fields}\n").as_bytes(), |entry| write(entry, format, &mut record));
        record
    }

    #[test]
    fn text_is_as_journalctl_has_it_without_its_time() {
        let cases = [
            ("MESSAGE=hi\n_HOSTNAME=pi\nSYSLOG_IDENTIFIER=cron\n_COMM=x\n_PID=7\nSYSLOG_PID=8\n", "pi cron[7]: hi"),
            ("MESSAGE=hi\n_HOSTNAME=pi\n_COMM=x\nSYSLOG_PID=8\n", "pi x[8]: hi"),
            ("MESSAGE=hi\n_HOSTNAME=pi\nSYSLOG_IDENTIFIER=kernel\n", "pi kernel: hi"),
            ("MESSAGE=  hi \n", "unknown:   hi"),
            ("MESSAGE=\n_PID=1\n", ""),
            ("_PID=1\n", ""),
        ];
        for (fields, text) in cases {
            assert_eq!(written(fields, JournalFormat::Text), text, "{fields:?}");
        }
    }

    #[test]
    fn a_message_of_many_lines_stays_one_record() {
        let length = char::from(7);
        let fields = format!("_PID=1\nMESSAGE\n{length}\0\0\0\0\0\0\0a\n b\nc\n\n");
        assert_eq!(written(&fields, JournalFormat::Text), "unknown[1]: a\n b\nc");
        assert_eq!(written(&fields, JournalFormat::Message), "a\n b\nc");
    }

    #[test]
    fn json_has_every_field_and_lists_the_repeated() {
        let fields = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=5\nMESSAGE=a \"b\"\nX=1\nX=2\nX=3\n";
        let object: serde_json::Value = serde_json::from_str(&written(fields, JournalFormat::Json)).unwrap();
        let expected = serde_json::json!({"__REALTIME_TIMESTAMP": "5", "MESSAGE": "a \"b\"", "X": ["1", "2", "3"]});
        assert_eq!(object, expected);
    }
}

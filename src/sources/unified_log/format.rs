//! What an entry of the unified log looks like as a record.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use super::entry::Entry;

/// How entries are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `host process[number]: message`: as the journal's, without its time.
    #[default]
    Text,
    /// The line as `log` printed it.
    Json,
    /// The message alone.
    Message,
}

/// The record of `entry`, which stood in `line`. Empty where it says nothing.
pub fn format<'a>(format: Format, host: &str, line: &'a str, entry: &'a Entry<'_>) -> Cow<'a, str> {
    match format {
        Format::Json => Cow::Borrowed(line.trim()),
        Format::Message => Cow::Borrowed(&entry.message),
        Format::Text if entry.message.trim().is_empty() => Cow::Borrowed(""),
        Format::Text => {
            let program = entry.process_path.rsplit('/').next().unwrap_or_default();
            Cow::Owned(format!("{host} {program}[{}]: {}", entry.process_id, entry.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &'static str) -> Entry<'static> {
        Entry {
            time_us: 0,
            identity: 0,
            process_id: 97,
            process_path: "/usr/libexec/diskarbitrationd".into(),
            message: message.into(),
        }
    }

    #[test]
    fn text_is_written_in_the_manner_of_the_journal() {
        let disk = entry("disk failed\nin two lines");
        assert_eq!(format(Format::Text, "mac", "", &disk), "mac diskarbitrationd[97]: disk failed\nin two lines");
    }

    #[test]
    fn an_entry_that_says_nothing_is_no_record() {
        assert_eq!(format(Format::Text, "mac", "", &entry(" ")), "");
        assert_eq!(format(Format::Message, "mac", "", &entry("")), "");
    }

    #[test]
    fn json_is_what_log_printed() {
        assert_eq!(format(Format::Json, "mac", " {\"a\":1}\r", &entry("x")), "{\"a\":1}");
    }
}

//! Follows and searches the kept lines.
//!
//! Both answer with the newest lines only, up to a limit, and go by serial numbers: a second call with the first one's
//! cursor looks at what came since and nothing else.
//!
//! Pure: no I/O, no clock, no tasks.

use super::logs::{Line, Logs};
use crate::record::StreamName;

/// A line and where it stands.
pub struct Found<'a> {
    /// Its stream.
    pub stream: StreamName,
    /// The line.
    pub line: &'a Line,
}

/// Which streams are looked at: all, or those of a group, or one.
#[derive(Clone, Copy, Default)]
pub struct Scope<'a> {
    /// The group; none: every one.
    pub group: Option<&'a str>,
    /// The stream; none: every one.
    pub stream: Option<&'a str>,
}

/// The newest lines after `since`, oldest first, and how many more there were.
pub fn follow<'a>(logs: &'a Logs, scope: Scope<'_>, since: u64, limit: usize) -> (Vec<Found<'a>>, usize) {
    collect(logs, scope, since, limit, |_| true)
}

/// The newest lines after `since` that hold `text` in whatever case, oldest first, and how many more there were.
pub fn search<'a>(logs: &'a Logs, scope: Scope<'_>, text: &str, since: u64, limit: usize) -> (Vec<Found<'a>>, usize) {
    let needle = text.to_lowercase();
    collect(logs, scope, since, limit, |message| holds(message, &needle))
}

fn collect<'a>(
    logs: &'a Logs,
    scope: Scope<'_>,
    since: u64,
    limit: usize,
    fits: impl Fn(&str) -> bool,
) -> (Vec<Found<'a>>, usize) {
    let mut found = Vec::new();
    let mut total = 0;
    for (name, stream) in logs.streams() {
        let in_scope = scope.group.is_none_or(|group| *group == *name.group)
            && scope.stream.is_none_or(|stream| *stream == *name.stream);
        if !in_scope {
            continue;
        }
        let newer = stream.lines.iter().rev().take_while(|line| line.serial > since);
        for (nth, line) in newer.filter(|line| fits(&line.message)).enumerate() {
            total += 1;
            // No stream can have more than `limit` lines among the newest `limit` of all.
            if nth < limit {
                found.push(Found { stream: name.clone(), line });
            }
        }
    }
    found.sort_unstable_by_key(|found| found.line.serial);
    let first = found.len().saturating_sub(limit);
    found.drain(..first);
    let more = total - found.len();
    (found, more)
}

/// Whether `text` holds `needle`, which is in lower case already, in whatever case.
fn holds(text: &str, needle: &str) -> bool {
    if !needle.is_ascii() || !text.is_ascii() {
        return text.to_lowercase().contains(needle);
    }
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let Some(first) = needle.first() else { return true };
    let upper = first.to_ascii_uppercase();
    text.windows(needle.len())
        .any(|window| (window[0] == *first || window[0] == upper) && window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::log_rules::Event;
    use crate::record::Wall;

    fn logs() -> Logs {
        let mut logs = Logs::new(1 << 20);
        logs.create_group("g", "STANDARD", Wall(1000)).unwrap();
        for (stream, messages) in [("a", ["Error one", "fine"]), ("b", ["größe ERROR", "error two"])] {
            logs.create_stream("g", stream, Wall(1000)).unwrap();
            let events: Vec<_> =
                messages.iter().map(|m| Event { timestamp: Some(1000), message: (*m).into() }).collect();
            logs.put_events("g", stream, Some(&events), Wall(1000)).unwrap();
        }
        logs
    }

    fn texts<'a>(found: &'a (Vec<Found<'_>>, usize)) -> Vec<&'a str> {
        found.0.iter().map(|found| &*found.line.message).collect()
    }

    #[test]
    fn a_search_goes_over_every_stream_and_ignores_case() {
        let logs = logs();
        assert_eq!(texts(&search(&logs, Scope::default(), "eRRor", 0, 10)), ["Error one", "größe ERROR", "error two"]);
        assert_eq!(texts(&search(&logs, Scope::default(), "GRÖSSE", 0, 10)), [""; 0]);
        assert_eq!(texts(&search(&logs, Scope::default(), "GRÖßE", 0, 10)), ["größe ERROR"]);
        assert_eq!(
            texts(&search(&logs, Scope { stream: Some("a"), ..Scope::default() }, "error", 0, 10)),
            ["Error one"]
        );
    }

    #[test]
    fn only_the_newest_lines_are_handed_out_and_the_rest_is_counted() {
        let logs = logs();
        let found = search(&logs, Scope::default(), "error", 0, 2);
        assert_eq!((texts(&found), found.1), (vec!["größe ERROR", "error two"], 1));
        assert_eq!(texts(&follow(&logs, Scope::default(), 3, 10)), ["error two"]);
        assert_eq!(texts(&follow(&logs, Scope::default(), 4, 10)), [""; 0]);
    }
}

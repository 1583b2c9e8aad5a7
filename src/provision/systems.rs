//! Reads the list of systems: an instance id a line.
//!
//! Everything wrong with a list is told at once, before anything is touched in AWS. The rule that is easy to break: an id that
//! this takes must be one that a device can have (`{prefix}-{serial}`), that Cognito takes as a user name, that can stand in a
//! log group and in the name of a file. So the letters are few, and there is a dash with something on both sides.
//!
//! Pure: no I/O, no clock.

use std::collections::HashMap;

use crate::config::{Place, Problem};

/// The longest name of a Cognito user (model of cognito-idp in botocore 1.43.11, read 2026-11-21).
const MAX_CHARS: usize = 128;

const RULE: &str = "1 to 128 of letters, digits and `._-`, with a dash between two parts: `rpi-00000000abcdef12`";

/// A list that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Systems {
    /// The ids in the order of the list, each once, none wrong.
    pub ids: Vec<String>,
    /// What is harmless and perhaps not meant.
    pub warnings: Vec<Problem>,
}

/// Reads a list: an id a line; blank lines, `#` comments, Windows line ends and a byte order mark are fine.
///
/// # Errors
/// Every line that is wrong, or that there is none that names a system.
pub fn parse(bytes: &[u8]) -> Result<Systems, Vec<Problem>> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(vec![Problem::general("the list is UTF-16").hint("save it as UTF-8")]);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader::default();
    for (line, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        match std::str::from_utf8(bytes) {
            Ok(text) => reader.line(line, text),
            Err(_) => reader.wrong(line, 1, "is not UTF-8", RULE),
        }
    }
    if reader.ids.is_empty() && reader.problems.is_empty() {
        reader.problems.push(Problem::general("the list names no system").hint("an instance id a line"));
    }
    match reader.problems.is_empty() {
        true => Ok(Systems { ids: reader.ids, warnings: reader.warnings }),
        false => Err(reader.problems),
    }
}

/// What is wrong with an id, and what would be right; none where nothing is.
pub fn refusal(id: &str) -> Option<(String, &'static str)> {
    if let Some(strange) = id.chars().find(|c| !is_allowed(*c)) {
        return Some((format!("`{}` holds `{}`", id.escape_debug(), strange.escape_debug()), RULE));
    }
    match id.len() {
        0 => return Some(("an id is empty".to_string(), RULE)),
        chars if chars > MAX_CHARS => return Some((format!("`{id}` has {chars} characters"), RULE)),
        _ => {}
    }
    split(id).is_none().then(|| {
        let what = format!("no device can be `{id}`: an instance id is `{{prefix}}-{{serial}}`");
        (what, "a dash between two parts, as `agent.instance.prefix` and `agent.instance.serial` make it")
    })
}

/// The prefix and the serial of which `{prefix}-{serial}` is the id: at the first dash with something on both sides.
pub fn split(id: &str) -> Option<(&str, &str)> {
    let mut dashes = id.match_indices('-').map(|(at, _)| at);
    let at = dashes.find(|at| *at > 0 && at + 1 < id.len())?;
    Some((&id[..at], &id[at + 1..]))
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

#[derive(Default)]
struct Reader {
    ids: Vec<String>,
    /// The line on which an id stood first.
    lines: HashMap<String, usize>,
    /// The first spelling of an id, by its form in lower case.
    spellings: HashMap<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader {
    fn line(&mut self, line: usize, text: &str) {
        let text = text.split('#').next().unwrap_or_default();
        let id = text.trim();
        if id.is_empty() {
            return;
        }
        let column = text.chars().take_while(|c| c.is_whitespace()).count() + 1;
        if id.contains(char::is_whitespace) {
            self.wrong(line, column, &format!("`{}` is more than one id", id.escape_debug()), "an id a line");
        } else if let Some((what, right)) = refusal(id) {
            self.wrong(line, column, &what, right);
        } else {
            self.take(line, column, id);
        }
    }

    fn take(&mut self, line: usize, column: usize, id: &str) {
        let mut warn = |message: String, hint: &str| {
            self.warnings.push(Problem::at(Place::new(line, column), message).hint(hint));
        };
        if let Some(first) = self.lines.get(id) {
            return warn(format!("`{id}` stands on line {first} already"), "");
        }
        let lower = id.to_ascii_lowercase();
        match self.spellings.get(&lower).and_then(|other| Some((other, self.lines.get(other)?))) {
            Some((other, first)) => warn(
                format!("`{id}` differs from `{other}` on line {first} in capitals only"),
                "each becomes a user of its own: keep both only if these are two devices",
            ),
            None => {
                self.spellings.insert(lower, id.to_string());
            }
        }
        self.lines.insert(id.to_string(), line);
        self.ids.push(id.to_string());
    }

    fn wrong(&mut self, line: usize, column: usize, what: &str, right: &str) {
        self.problems.push(Problem::at(Place::new(line, column), what).hint(right));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(text: &str) -> Vec<String> {
        parse(text.as_bytes()).unwrap().ids
    }

    fn problems(bytes: &[u8]) -> Vec<String> {
        parse(bytes).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn comments_blank_lines_windows_line_ends_and_a_byte_order_mark_are_no_ids() {
        let text =
            "\u{feff}# the fleet\r\n\r\nrpi-1\r\n  osx-c02v41p2hv2f\t# the desk\r\n   \nsrv-a-b#no space\n#rpi-9";
        assert_eq!(ids(text), ["rpi-1", "osx-c02v41p2hv2f", "srv-a-b"]);
    }

    #[test]
    fn every_wrong_line_is_told_at_once_with_its_place_and_what_is_right() {
        let text = format!("rpi-1\nrpi 2\n rpi/3\ngateway\n-x\nx-\nrpi-{}\nrpi-\u{200b}4\n", "x".repeat(125));
        let told = problems(text.as_bytes()).join("\n");
        for part in [
            "line 2, column 1: `rpi 2` is more than one id",
            "line 3, column 2: `rpi/3` holds `/`",
            "line 4, column 1: no device can be `gateway`",
            "line 5, column 1: no device can be `-x`",
            "line 6, column 1: no device can be `x-`",
            "has 129 characters",
            "line 8, column 1: `rpi-\\u{200b}4` holds `\\u{200b}`",
        ] {
            assert!(told.contains(part), "{part} is not in\n{told}");
        }
        assert!(!told.contains("line 1,"), "{told}");
    }

    #[test]
    fn what_is_no_text_is_told_and_not_guessed() {
        assert!(problems(b"rpi-1\nrpi-\xff\n")[0].contains("line 2, column 1: is not UTF-8"));
        assert!(problems(b"\xff\xfer\0p\0")[0].contains("UTF-16"));
    }

    #[test]
    fn a_list_without_a_system_is_an_error() {
        assert!(problems(b"# nobody\n\n")[0].contains("names no system"));
        assert!(problems(b"")[0].contains("names no system"));
    }

    #[test]
    fn a_repetition_counts_once_and_another_spelling_is_a_warning() {
        let systems = parse(b"rpi-a\nrpi-A\nrpi-a\nrpi-A\n").unwrap();
        assert_eq!(systems.ids, ["rpi-a", "rpi-A"]);
        let warnings: Vec<_> = systems.warnings.iter().map(|warning| warning.message.clone()).collect();
        assert_eq!(
            warnings,
            [
                "`rpi-A` differs from `rpi-a` on line 1 in capitals only",
                "`rpi-a` stands on line 1 already",
                "`rpi-A` stands on line 2 already"
            ]
        );
    }

    #[test]
    fn the_example_is_a_list_that_works() {
        assert!(!parse(include_bytes!("../../systems.txt")).unwrap().ids.is_empty());
    }

    proptest! {
        #[test]
        fn an_id_that_is_taken_is_made_of_its_prefix_and_serial(id in "[-A-Za-z0-9._]{1,12}") {
            match refusal(&id) {
                None => {
                    let (prefix, serial) = split(&id).unwrap();
                    prop_assert!(!prefix.is_empty() && !serial.is_empty());
                    prop_assert_eq!(format!("{prefix}-{serial}"), id);
                }
                Some(_) => prop_assert!(split(&id).is_none()),
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_take_a_wrong_id(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(systems) = parse(&bytes) {
                for id in systems.ids {
                    prop_assert_eq!(refusal(&id), None);
                }
            }
        }
    }
}

//! Changes single values of a configuration's text, and leaves every other byte as it is.
//!
//! People keep these files: their order, their blank lines, keys that only another program knows. So nothing is read and written
//! anew; the place of one value is found in the text, and only that is replaced. The rule that is easy to break: what is
//! scanned here must be known to be JSON, so [`Edit::new`] asks `tree` first.
//!
//! Pure.

mod scan;

use std::ops::Range;

use thiserror::Error;
use zeroize::Zeroizing;

use super::problem::Problem;
use super::tree;
use scan::{end_of_value, line_indent, members, skip_space};

/// One level of indentation where the text does not show its own.
const INDENT: &str = "  ";

/// Why a value cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EditError {
    /// The path is none.
    #[error(
        "`{path}` is no path: keys with dots between them are right, `[0]` for an entry of a list, `[+]` for a new one"
    )]
    NoPath {
        /// What was given.
        path: String,
    },
    /// What is on the way is something else.
    #[error("{path} is {what} and not {wanted}")]
    NotThat {
        /// The path of what is there.
        path: String,
        /// What it is.
        what: &'static str,
        /// What the path takes it for.
        wanted: &'static str,
    },
    /// The list is shorter.
    #[error("{path} has no entry `[{index}]`: it has {count}; `[+]` adds one")]
    NoEntry {
        /// The path of the list.
        path: String,
        /// What was asked for.
        index: usize,
        /// How many entries there are.
        count: usize,
    },
    /// The new value is no JSON.
    #[error("the value of {path} is no JSON: {reason}")]
    NoJson {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A text under change. It may hold a password: each version of it is wiped when the next takes its place.
pub struct Edit {
    text: Zeroizing<String>,
}

/// What leads from one value to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
    Append,
}

/// How far a path leads in a text.
enum Reached {
    /// To a value, the member `place` of `siblings`; the whole has none.
    Value { at: usize, container: Option<usize>, place: usize },
    /// To a container that lacks the rest of the path.
    Missing { container: usize, rest: usize },
    /// To a `null` that stands for what is missing.
    Null { at: usize, rest: usize },
}

impl Edit {
    /// Takes a text.
    ///
    /// # Errors
    /// Where it is no JSON object, or a key stands twice in one object.
    pub fn new(text: Zeroizing<String>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        match tree::parse(&text, &mut problems) {
            Some(_) if problems.is_empty() => Ok(Self { text }),
            _ => Err(problems),
        }
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Sets a value to a text.
    ///
    /// # Errors
    /// Where the path leads nowhere.
    pub fn set_text(&mut self, path: &str, text: &str) -> Result<(), EditError> {
        self.put(path, &serde_json::Value::from(text).to_string())
    }

    /// Sets a value to a piece of JSON, which is taken as it is written.
    ///
    /// # Errors
    /// Where the path leads nowhere, or the value is no JSON.
    pub fn set_json(&mut self, path: &str, json: &str) -> Result<(), EditError> {
        let no_json = |reason| EditError::NoJson { path: path.to_string(), reason };
        serde_json::from_str::<serde_json::Value>(json).map_err(|error| no_json(error.to_string()))?;
        self.put(path, json.trim())
    }

    /// Takes a value out. One that is not there is out already.
    ///
    /// # Errors
    /// Where the path is none, or takes something for what it is not.
    pub fn unset(&mut self, path: &str) -> Result<(), EditError> {
        let steps = steps(path)?;
        match self.reach(&steps) {
            Ok(Reached::Value { container: Some(container), place, .. }) => {
                let gone = removal(&self.text, container, place);
                self.replace(gone, "");
                Ok(())
            }
            Ok(_) | Err(EditError::NoEntry { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn put(&mut self, path: &str, json: &str) -> Result<(), EditError> {
        let steps = steps(path)?;
        match self.reach(&steps)? {
            Reached::Value { at, .. } => {
                let end = end_of_value(&self.text, at);
                self.replace(at..end, json);
            }
            Reached::Null { at, rest } => {
                has_no_index(&steps, rest)?;
                let new = built(&steps[rest..], json, Some(&line_indent(&self.text, at)));
                self.replace(at..end_of_value(&self.text, at), &self.with_its_line_ends(new));
            }
            Reached::Missing { container, rest } => {
                has_no_index(&steps, rest)?;
                let (place, new) = addition(&self.text, container, &steps[rest..], json);
                self.replace(place, &self.with_its_line_ends(new));
            }
        }
        Ok(())
    }

    /// Follows a path as far as it leads. An index behind the end of a list, or a list taken for an object, is an error.
    fn reach(&self, steps: &[Step]) -> Result<Reached, EditError> {
        let text = self.text.as_str();
        let mut at = skip_space(text, text.len() - text.trim_start_matches('\u{feff}').len());
        let (mut container, mut place) = (None, 0);
        for (done, step) in steps.iter().enumerate() {
            let path = || written(&steps[..done]);
            let first = text.as_bytes().get(at).copied().unwrap_or_default();
            let found = match (first, step) {
                (b'n', _) => return Ok(Reached::Null { at, rest: done }),
                (b'{', Step::Key(key)) => {
                    members(text, at).into_iter().enumerate().find(|(_, member)| member.key.as_ref() == Some(key))
                }
                (b'[', Step::Append) => None,
                (b'[', Step::Index(index)) => {
                    let members = members(text, at);
                    let none = EditError::NoEntry { path: path(), index: *index, count: members.len() };
                    Some(members.into_iter().enumerate().nth(*index).ok_or(none)?)
                }
                (_, step) => {
                    let wanted = if matches!(step, Step::Key(_)) { "an object" } else { "a list" };
                    return Err(EditError::NotThat { path: path(), what: kind(first), wanted });
                }
            };
            let Some((index, member)) = found else { return Ok(Reached::Missing { container: at, rest: done }) };
            (container, place, at) = (Some(at), index, member.value.start);
        }
        Ok(Reached::Value { at, container, place })
    }

    /// A file of Windows's stays one.
    fn with_its_line_ends(&self, new: String) -> String {
        if self.text.contains("\r\n") { new.replace("\r\n", "\n").replace('\n', "\r\n") } else { new }
    }

    /// In one piece: text that grows leaves copies behind that nobody wipes.
    fn replace(&mut self, gone: Range<usize>, new: &str) {
        let parts = [&self.text[..gone.start], new, &self.text[gone.end..]];
        let mut text = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
        parts.into_iter().for_each(|part| text.push_str(part));
        self.text = text;
    }
}

/// `logs.logs_collected.files.collect_list[0].file_path` as steps.
fn steps(path: &str) -> Result<Vec<Step>, EditError> {
    let no_path = || EditError::NoPath { path: path.to_string() };
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.is_empty() || key.contains(']') {
            return Err(no_path());
        }
        steps.push(Step::Key(key.to_string()));
        if indices.is_empty() {
            continue;
        }
        let inner = indices.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(no_path)?;
        for index in inner.split("][") {
            steps.push(match index {
                "+" => Step::Append,
                _ => Step::Index(index.parse().map_err(|_| no_path())?),
            });
        }
    }
    Ok(steps)
}

/// What is missing can be made, but for an entry that the path counts: a list that is made anew has none.
fn has_no_index(steps: &[Step], rest: usize) -> Result<(), EditError> {
    let counted = steps.iter().enumerate().skip(rest).find_map(|(place, step)| match step {
        Step::Index(index) => Some((place, *index)),
        Step::Key(_) | Step::Append => None,
    });
    counted.map_or(Ok(()), |(place, index)| Err(EditError::NoEntry { path: written(&steps[..place]), index, count: 0 }))
}

/// Steps as a person writes them.
fn written(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) if path.is_empty() => key.clone(),
        Step::Key(key) => format!("{path}.{key}"),
        Step::Index(index) => format!("{path}[{index}]"),
        Step::Append => format!("{path}[+]"),
    })
}

fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "a list",
        b'"' => "a text",
        b't' | b'f' => "true or false",
        _ => "a number",
    }
}

/// What is put into a container, and in place of which bytes.
fn addition(text: &str, container: usize, steps: &[Step], json: &str) -> (Range<usize>, String) {
    let members = members(text, container);
    let member = |indent: Option<&str>| match steps {
        [Step::Key(key), rest @ ..] => format!("{}: {}", quoted(key), built(rest, json, indent)),
        [_, rest @ ..] => built(rest, json, indent),
        [] => json.to_string(),
    };
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        let whole = container..end_of_value(text, container);
        return (whole, built(steps, json, Some(&line_indent(text, container))));
    };
    let lead = &text[container + 1..first.start];
    let indent = lead.rsplit_once('\n').map(|(_, indent)| indent);
    let between = if indent.is_some() { lead } else { " " };
    (last.value.end..last.value.end, format!(",{between}{}", member(indent)))
}

/// What a member and its comma take up.
fn removal(text: &str, container: usize, place: usize) -> Range<usize> {
    let members = members(text, container);
    let before = place.checked_sub(1).and_then(|before| members.get(before));
    match (before, members.get(place), members.get(place + 1)) {
        (Some(before), Some(member), _) => before.value.end..member.value.end,
        (None, Some(member), Some(next)) => member.start..next.start,
        _ => container + 1..end_of_value(text, container) - 1,
    }
}

/// A value with everything around it that the steps name: each on a line of its own where there is an indentation.
fn built(steps: &[Step], json: &str, indent: Option<&str>) -> String {
    let Some((step, rest)) = steps.split_first() else { return json.to_string() };
    let deeper = indent.map(|indent| format!("{indent}{INDENT}"));
    let below = built(rest, json, deeper.as_deref());
    let (open, below, close) = match step {
        Step::Key(key) => ('{', format!("{}: {below}", quoted(key)), '}'),
        Step::Index(_) | Step::Append => ('[', below, ']'),
    };
    match indent {
        Some(indent) => format!("{open}\n{indent}{INDENT}{below}\n{indent}{close}"),
        None => format!("{open} {below} {close}"),
    }
}

fn quoted(key: &str) -> String {
    serde_json::Value::from(key).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn edit(text: &str) -> Edit {
        Edit::new(text.to_string().into()).map_err(|problems| format!("{problems:?}")).unwrap()
    }

    fn set(text: &str, path: &str, value: &str) -> String {
        let mut edit = edit(text);
        edit.set_text(path, value).unwrap();
        edit.text().to_string()
    }

    fn unset(text: &str, path: &str) -> String {
        let mut edit = edit(text);
        edit.unset(path).unwrap();
        edit.text().to_string()
    }

    #[test]
    fn what_is_there_is_replaced_and_not_a_byte_around_it() {
        let text = "\u{feff}{\r\n\t\"b\" : 1e3 ,\"a\":{ \"x\":\"old \\\" }\" ,\n\n\"y\":[ ]} }\r\n";
        assert_eq!(set(text, "a.x", "new"), text.replace("\"old \\\" }\"", "\"new\""));
        assert_eq!(set(text, "b", "new"), text.replace("1e3", "\"new\""));
    }

    #[test]
    fn what_is_missing_is_added_behind_the_last_one_in_the_style_of_its_neighbours() {
        assert_eq!(set("{\n    \"a\": 1\n}\n", "b", "x"), "{\n    \"a\": 1,\n    \"b\": \"x\"\n}\n");
        assert_eq!(set("{ \"a\": 1 }", "b", "x"), "{ \"a\": 1, \"b\": \"x\" }");
        assert_eq!(
            set("{\n  \"a\": {}\n}", "a.b.c", "x"),
            "{\n  \"a\": {\n    \"b\": {\n      \"c\": \"x\"\n    }\n  }\n}"
        );
        assert_eq!(set("{}", "a[+].b", "x"), "{\n  \"a\": [\n    {\n      \"b\": \"x\"\n    }\n  ]\n}");
        assert_eq!(set("{ \"a\": null }", "a.b", "x"), "{ \"a\": {\n  \"b\": \"x\"\n} }");
    }

    #[test]
    fn an_entry_of_a_list_is_found_by_its_number_and_a_new_one_goes_to_the_end() {
        let text = r#"{ "l": [{ "f": "a" }, { "f": "b" }] }"#;
        assert_eq!(set(text, "l[1].f", "x"), r#"{ "l": [{ "f": "a" }, { "f": "x" }] }"#);
        assert_eq!(set(text, "l[+].f", "c"), r#"{ "l": [{ "f": "a" }, { "f": "b" }, { "f": "c" }] }"#);
    }

    #[test]
    fn what_is_taken_out_takes_its_comma_along() {
        let text = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}";
        assert_eq!(unset(text, "a"), "{\n  \"b\": 2,\n  \"c\": 3\n}");
        assert_eq!(unset(text, "b"), "{\n  \"a\": 1,\n  \"c\": 3\n}");
        assert_eq!(unset(text, "c"), "{\n  \"a\": 1,\n  \"b\": 2\n}");
        assert_eq!(unset("{ \"a\": 1 }", "a"), "{}");
        assert_eq!(unset(text, "d.e[3].f"), text);
        assert_eq!(unset(r#"{"l": [1, 2]}"#, "l[7]"), r#"{"l": [1, 2]}"#);
    }

    #[test]
    fn every_character_of_a_text_arrives() {
        let strange = "&\\/\"'$`%! \t\u{1}\u{2028}ü😀 {}[]:,";
        let text = set("{}", "agent.x", strange);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!({"agent": {"x": strange}}));
    }

    #[test]
    fn what_is_no_json_is_not_touched() {
        for text in
            ["", "[]", "{ // comment\n}", "{ /* comment */ }", "{'a': 1}", r#"{"a": 1,}"#, r#"{"a": 1, "a": 2}"#]
        {
            assert!(Edit::new(text.to_string().into()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_ends() {
        let cases = [
            ("", "`` is no path"),
            ("a..b", "`a..b` is no path"),
            ("a[x]", "`a[x]` is no path"),
            ("a[0", "`a[0` is no path"),
            ("[0]", "`[0]` is no path"),
            ("t.x", "t is a text and not an object"),
            ("l.x", "l is a list and not an object"),
            ("o[0]", "o is an object and not a list"),
            ("n.x", "n is a number and not an object"),
            ("l[2]", "l has no entry `[2]`: it has 2; `[+]` adds one"),
            ("m[7].x", "m has no entry `[7]`: it has 0; `[+]` adds one"),
            ("z[0].x", "z has no entry `[0]`: it has 0; `[+]` adds one"),
        ];
        for (path, message) in cases {
            let mut edit = edit(r#"{"t": "x", "l": [1, 2], "o": {}, "n": -1, "z": null}"#);
            let error = edit.set_text(path, "x").unwrap_err().to_string();
            assert!(error.starts_with(message), "{path}: {error}");
        }
        assert!(edit("{}").set_json("a", "{]").unwrap_err().to_string().starts_with("the value of a is no JSON: "));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é\"\\\\{}\\[\\],:]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    fn any_object() -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[a-c]{1,2}", any_json(), 0..5)
            .prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
    }

    /// The same change made by serde_json; none where the path leads into something else.
    fn model(value: &Value, keys: &[String], new: &str) -> Option<Value> {
        let Some((key, rest)) = keys.split_first() else { return Some(new.into()) };
        let mut object = match value {
            Value::Object(object) => object.clone(),
            Value::Null => serde_json::Map::new(),
            _ => return None,
        };
        let below = model(object.get(key).unwrap_or(&Value::Null), rest, new)?;
        object.insert(key.clone(), below);
        Some(Value::Object(object))
    }

    proptest! {
        #[test]
        fn whatever_was_not_set_is_as_it_was(
            value in any_object(),
            keys in proptest::collection::vec("[a-c]{1,2}", 1..4),
            new in "[ -~é]{0,8}",
            is_pretty: bool,
        ) {
            let written = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = written.unwrap();
            let mut edit = edit(&text);
            let path = keys.join(".");
            match model(&value, &keys, &new) {
                None => prop_assert!(edit.set_text(&path, &new).is_err() && edit.text() == text),
                Some(wanted) => {
                    edit.set_text(&path, &new).unwrap();
                    prop_assert_eq!(serde_json::from_str::<Value>(edit.text()).unwrap(), wanted);
                    // What is new stands in one place: before and behind it the text is the old one's.
                    let same = |pairs: &mut dyn Iterator<Item = (u8, u8)>| pairs.take_while(|(a, b)| a == b).count();
                    let (old, new) = (text.as_bytes(), edit.text().as_bytes());
                    let head = same(&mut old.iter().copied().zip(new.iter().copied()));
                    let tail = same(&mut old.iter().rev().copied().zip(new.iter().rev().copied()));
                    // Nothing, an empty object, or a `null` that stood for what is missing.
                    let place = old.len().saturating_sub(head + tail);
                    let replaced = pointer(&value, &keys).map_or(4, |old| serde_json::to_string(old).unwrap().len());
                    let replaced = if is_pretty { usize::MAX } else { replaced };
                    prop_assert!(place <= replaced, "{place} bytes of {text} are gone in {}", edit.text());
                }
            }
        }

        #[test]
        fn what_was_added_and_taken_out_again_was_never_there(
            value in any_object().prop_filter("there is a key", |value| value.as_object().is_some_and(|it| !it.is_empty())),
            is_pretty: bool,
        ) {
            let written = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = written.unwrap();
            let mut edit = edit(&text);
            edit.set_text("new.one", "x").unwrap();
            edit.unset("new").unwrap();
            prop_assert_eq!(edit.text(), text);
        }
    }

    fn pointer<'a>(value: &'a Value, keys: &[String]) -> Option<&'a Value> {
        keys.iter().try_fold(value, |value, key| value.get(key))
    }
}

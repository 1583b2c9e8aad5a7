//! Reads JSON into a tree in which every value and every key knows its place in the text.
//!
//! serde_json judges the syntax first, so what is scanned here is known to be JSON: the scanner only has to find where each
//! value begins. A key that stands twice in an object is a problem; the last one is kept.
//!
//! Pure.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::problem::{Place, Problem};

/// A value, where it stands, and what leads to it.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// Its number: the index of its place in [`Places`].
    pub id: usize,
    /// Where its key stands, or itself where it has none.
    pub place: Place,
    /// `logs.logs_collected.files.collect_list[2].file_path`; empty for the whole.
    pub path: String,
    /// What it is.
    pub value: Value,
}

/// A JSON value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// What cannot be known: it has been noted, and is not judged any further.
    Unknown,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, its escapes resolved. Wiped afterwards: it may be a password.
    Text(Zeroizing<String>),
    /// `[…]`
    List(Vec<Node>),
    /// `{…}`, in the order of the file, each key once.
    Object(Vec<(String, Node)>),
}

/// Path and place of every value, by the value's number.
pub struct Places {
    by_id: Vec<(String, Place)>,
    names: Vec<PathBuf>,
}

impl Places {
    /// The path of a value and where it stands.
    pub fn of(&self, id: usize) -> (&str, Place) {
        self.by_id.get(id).map_or(("", Place::default()), |(path, place)| (path.as_str(), *place))
    }

    /// The names of the files that were merged over the main one.
    pub fn names(&self) -> &[PathBuf] {
        &self.names
    }

    /// The name of the file in which a value stands; none where it is the main one.
    pub fn file(&self, id: usize) -> Option<&Path> {
        name_of(&self.names, self.of(id).1)
    }

    /// The path of a value as it is named in a message about another one: with its file where that is another.
    pub fn seen_from(&self, other: usize, id: usize) -> String {
        let (path, place) = self.of(id);
        if place.file == self.of(other).1.file { path.to_string() } else { format!("{path} in {}", self.file_name(id)) }
    }

    /// `line 3`, with its file where it is not that of another value.
    pub fn line_seen_from(&self, other: usize, id: usize) -> String {
        let place = self.of(id).1;
        let line = format!("line {}", place.line);
        if place.file == self.of(other).1.file { line } else { format!("{line} of {}", self.file_name(id)) }
    }

    fn file_name(&self, id: usize) -> String {
        self.file(id).map_or_else(|| "the main file".to_string(), |file| file.display().to_string())
    }

    /// Whether anything stands below a path.
    pub fn has_below(&self, path: &str) -> bool {
        self.by_id.iter().any(|(other, _)| other.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '['])))
    }
}

/// The name of the file in which a place is; none where it is the main one. `names` are those of the others.
pub fn name_of(names: &[PathBuf], place: Place) -> Option<&Path> {
    names.get(place.file.checked_sub(1)?).map(PathBuf::as_path)
}

impl Node {
    /// Path and place of every value below. `names` are those of the files that were merged over the main one.
    pub fn places(&self, names: &[PathBuf]) -> Places {
        let mut by_id = HashMap::new();
        let mut last = 0;
        self.walk(&mut |node| {
            last = last.max(node.id);
            by_id.insert(node.id, (node.path.clone(), node.place));
            true
        });
        let by_id = (0..=last).map(|id| by_id.remove(&id).unwrap_or_default()).collect();
        Places { by_id, names: names.to_vec() }
    }

    /// Shows this value and everything below it to `visit`; what is below is left out where it answers false.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self) -> bool) {
        if !visit(self) {
            return;
        }
        match &self.value {
            Value::List(items) => items.iter().for_each(|item| item.walk(visit)),
            Value::Object(pairs) => pairs.iter().for_each(|(_, node)| node.walk(visit)),
            _ => {}
        }
    }

    /// The value below that is reached by these keys.
    pub fn get(&self, keys: &[&str]) -> Option<&Self> {
        let Some((first, rest)) = keys.split_first() else { return Some(self) };
        match &self.value {
            Value::Object(pairs) => pairs.iter().find(|(key, _)| key == first)?.1.get(rest),
            _ => None,
        }
    }

    /// The path with `[]` for every index: what keys are listed by.
    pub fn general_path(&self) -> String {
        let mut general = String::with_capacity(self.path.len());
        let mut inside = false;
        for c in self.path.chars() {
            inside = inside && c != ']';
            if !inside {
                general.push(c);
            }
            inside = inside || c == '[';
        }
        general
    }
}

/// The problem of a file that is not UTF-8.
pub fn not_utf8(error: &std::string::FromUtf8Error) -> Problem {
    let good = error.utf8_error().valid_up_to();
    let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default());
    let line = before.matches('\n').count() + 1;
    let place = Place::new(line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    let byte = error.as_bytes().get(good).copied().unwrap_or_default();
    Problem::at(place, format!("the file is not UTF-8: the byte `0x{byte:02x}` cannot stand here"))
        .hint("save it as UTF-8; `iconv -f latin1 -t utf-8` converts an older file")
}

/// Reads a text. None, with a problem, where it is not JSON or not an object.
pub fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    parse_file(text, 0, &mut 0, problems)
}

/// Reads the text of one file of several. `ids` is the number of the next value.
pub fn parse_file(text: &str, file: usize, ids: &mut usize, problems: &mut Vec<Problem>) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = Place { file, ..Place::new(1, 1) };
    if let Err(error) = serde_json::from_str::<Judged>(text) {
        problems.push(not_json(text, start, &error));
        return None;
    }
    let mut scanner = Scanner { text, at: 0, place: start, ids: *ids, problems };
    let tree = scanner.value(String::new(), None)?;
    *ids = scanner.ids;
    if !matches!(tree.value, Value::Object(_)) {
        problems.push(Problem::at(tree.place, "the file holds no JSON object").hint("it begins with `{`"));
        return None;
    }
    Some(tree)
}

/// JSON that was looked at whole, numbers and nesting included, without a copy of any text in it.
struct Judged;

impl<'de> Deserialize<'de> for Judged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Judged {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Self, A::Error> {
        while pairs.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}

fn not_json(text: &str, start: Place, error: &serde_json::Error) -> Problem {
    if text.trim().is_empty() {
        return Problem::at(start, "the file is empty").hint("`{}` is the smallest configuration");
    }
    let place = Place { line: error.line().max(1), column: error.column().max(1), ..start };
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or(&full);
    let problem = Problem::at(place, format!("the file is not JSON: {what}"));
    match what {
        "trailing comma" => problem.hint("the last element of a list or an object has no comma behind it"),
        "EOF while parsing an object" | "EOF while parsing a list" => problem.hint("a closing bracket is missing"),
        _ => problem,
    }
}

/// Walks over a text that is known to be JSON. `None` from any of its functions means that it is not, which cannot be.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    place: Place,
    ids: usize,
    problems: &'a mut Vec<Problem>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Moves on by `length` bytes, which end on a character's border.
    fn advance(&mut self, length: usize) -> Option<()> {
        for c in self.text.get(self.at..self.at + length)?.chars() {
            self.place = match c {
                '\n' => Place { line: self.place.line + 1, column: 1, ..self.place },
                _ => Place { column: self.place.column + 1, ..self.place },
            };
        }
        self.at += length;
        Some(())
    }

    /// Skips white space and what stands between values, and says what comes next.
    fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n' | b',' | b':') = self.peek() {
            self.advance(1)?;
        }
        self.peek()
    }

    fn value(&mut self, path: String, key_place: Option<Place>) -> Option<Node> {
        let first = self.next()?;
        let id = self.ids;
        self.ids += 1;
        let place = key_place.unwrap_or(self.place);
        let value = match first {
            b'{' => self.object(&path)?,
            b'[' => self.list(&path)?,
            b'"' => Value::Text(self.text()?.into()),
            _ => self.word()?,
        };
        Some(Node { id, place, path, value })
    }

    fn object(&mut self, path: &str) -> Option<Value> {
        self.advance(1)?;
        let mut pairs: Vec<(String, Node)> = Vec::new();
        while self.next()? != b'}' {
            let place = self.place;
            let key = self.text()?;
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let node = self.value(below, Some(place))?;
            match pairs.iter_mut().find(|(known, _)| *known == key) {
                Some((_, earlier)) => {
                    self.problems.push(
                        Problem::at(place, format!("{} stands twice in one object", node.path))
                            .hint(format!("it stands on line {} too: keep one of them", earlier.place.line)),
                    );
                    *earlier = node;
                }
                None => pairs.push((key, node)),
            }
        }
        self.advance(1)?;
        Some(Value::Object(pairs))
    }

    fn list(&mut self, path: &str) -> Option<Value> {
        self.advance(1)?;
        let mut items = Vec::new();
        while self.next()? != b']' {
            items.push(self.value(format!("{path}[{}]", items.len()), None)?);
        }
        self.advance(1)?;
        Some(Value::List(items))
    }

    fn text(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        while *bytes.get(end)? != b'"' {
            end += if *bytes.get(end)? == b'\\' { 2 } else { 1 };
        }
        let text = serde_json::from_str(self.text.get(self.at..=end)?).ok()?;
        self.advance(end + 1 - self.at)?;
        Some(text)
    }

    /// `null`, `true`, `false` or a number.
    fn word(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..)?;
        let length = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
        let value = match serde_json::from_str(rest.get(..length)?).ok()? {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(it) => Value::Bool(it),
            serde_json::Value::Number(it) => Value::Number(it),
            _ => return None,
        };
        self.advance(length)?;
        Some(value)
    }
}

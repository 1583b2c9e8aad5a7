//! Lets serde read a [`Node`] tree, going on after a wrong value: every problem is noted where it is met.
//!
//! A field of the shape is a `Key`: one that is wrong is noted and so marked, so that the rest is still judged. An unknown
//! key is noted by whoever reads its object, who knows the shape's own names. A problem quotes a short value, never that of a
//! secret.
//!
//! Pure.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor, value::U64Deserializer};

use super::foreign;
use super::key::PLACED;
use super::problem::{Problem, nearest};
use super::tree::{Node, Value};

/// Where an object may be written as a plain value: the shape's name and the key that the plain value stands for.
pub(super) const SHORT_FORMS: [(&str, &str); 5] = [
    ("Journal", "collect"),
    ("Collector", "collect"),
    ("Statsd", "collect"),
    ("Measurement", "name"),
    ("MaskRule", "name"),
];

/// Reads a tree into its shape. An unknown section at the top is a warning, everything else that is wrong a problem.
pub fn read<T: for<'de> Deserialize<'de> + Default>(
    tree: &Node,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> T {
    let notes = RefCell::new(Notes::default());
    let shape = T::deserialize(Reader { node: tree, notes: &notes }).unwrap_or_default();
    let notes = notes.into_inner();
    problems.extend(notes.problems);
    warnings.extend(notes.warnings);
    shape
}

#[derive(Default)]
struct Notes {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

/// Something is wrong and, where no message is left, noted.
#[derive(Debug)]
struct Wrong(Option<String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("noted"))
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Some(message.to_string()))
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    notes: &'a RefCell<Notes>,
}

impl<'a> Reader<'a> {
    fn below(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn note(self, problem: Problem) -> Wrong {
        self.notes.borrow_mut().problems.push(problem);
        Wrong(None)
    }

    /// Notes what a visitor found wrong, unless it is noted.
    fn noted<T>(self, result: Result<T, Wrong>) -> Result<T, Wrong> {
        result.map_err(|wrong| match wrong.0 {
            Some(message) => self.note(Problem::at(self.node.place, format!("{}: {message}", self.node.path))),
            None => wrong,
        })
    }

    fn wrong_type<T>(self, right: &str) -> Result<T, Wrong> {
        let Node { place, path, value, .. } = self.node;
        if *value == Value::Unknown {
            return Err(Wrong(None));
        }
        let is = if path.starts_with("agent.authentication") { kind(value).to_string() } else { shown(value) };
        let path = if path.is_empty() { "the file" } else { path };
        Err(self.note(Problem::at(*place, format!("{path} is {is}; {right} is expected"))))
    }

    fn unknown_key(self, key: &str, node: &Node, fields: &[&'static str]) {
        let general = node.general_path();
        // What an editor looks the schema up by.
        if foreign::is_foreign(&general) || general == "$schema" {
            return;
        }
        let parent = &self.node.general_path();
        let listed = foreign::keys_below(parent);
        let hint = match nearest(key, fields.iter().copied().chain(listed)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are: {}", fields.join(", ")),
        };
        let mut notes = self.notes.borrow_mut();
        if self.node.path.is_empty() {
            let message = format!("{key} is not a known section: nothing in it is used");
            notes.warnings.push(Problem::at(node.place, message).hint(hint));
        } else {
            notes.problems.push(Problem::at(node.place, format!("{} is not a key", node.path)).hint(hint));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null | Value::Unknown => "`null`",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A short value as it was written, a long one by its kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(it) => format!("`{it}`"),
        Value::Number(it) => format!("`{it}`"),
        Value::Text(it) if it.chars().count() <= 40 => format!("the text `{}`", it.escape_debug()),
        other => kind(other).to_string(),
    }
}

macro_rules! whole_numbers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match &self.node.value {
                Value::Number(number) => match number.as_i64() {
                    Some(number) => self.noted(visitor.visit_i64(number)),
                    None => self.wrong_type("a whole number"),
                },
                _ => self.wrong_type("a whole number"),
            }
        }
    )* };
}

macro_rules! texts {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            match &self.node.value {
                Value::Text(text) => self.noted(visitor.visit_str(text)),
                _ => self.wrong_type("a text"),
            }
        }
    )* };
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Wrong;

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Null => self.noted(visitor.visit_unit()),
            Value::Unknown => Err(Wrong(None)),
            Value::Bool(it) => self.noted(visitor.visit_bool(*it)),
            Value::Text(it) => self.noted(visitor.visit_str(it)),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
            Value::Number(it) => match it.as_i64() {
                Some(whole) => self.noted(visitor.visit_i64(whole)),
                None => self.noted(visitor.visit_f64(it.as_f64().unwrap_or_default())),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Bool(it) => self.noted(visitor.visit_bool(*it)),
            _ => self.wrong_type("`true` or `false`"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Wrong> {
        if name == PLACED {
            visitor.visit_seq(Pair { reader: self, step: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::List(items) => self.noted(visitor.visit_seq(Items { reader: self, rest: items.iter() })),
            _ => self.wrong_type("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match &self.node.value {
            Value::Object(pairs) => {
                let pairs = pairs.iter().map(|(key, node)| (key.as_str(), node)).collect();
                self.noted(visitor.visit_map(Pairs { reader: self, rest: pairs, value: None }))
            }
            _ => self.wrong_type("an object"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let short = SHORT_FORMS.iter().find(|(shape, _)| *shape == name);
        let pairs = match (&self.node.value, short) {
            (Value::Object(pairs), _) => {
                let (known, unknown): (Vec<_>, Vec<_>) =
                    pairs.iter().map(|(key, node)| (key.as_str(), node)).partition(|(key, _)| fields.contains(key));
                unknown.into_iter().for_each(|(key, node)| self.unknown_key(key, node, fields));
                known
            }
            (Value::Bool(_) | Value::Text(_), Some((_, key))) => vec![(*key, self.node)],
            _ => return self.wrong_type("an object"),
        };
        // `visit_map` takes the last first.
        let rest = pairs.into_iter().rev().collect();
        self.noted(visitor.visit_map(Pairs { reader: self, rest, value: None }))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let all = variants.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        match &self.node.value {
            Value::Text(text) if variants.contains(&text.as_str()) => {
                self.noted(visitor.visit_enum(text.as_str().into_deserializer()))
            }
            _ => self.wrong_type(&all),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct }
}

/// A value's number, then the value.
struct Pair<'a> {
    reader: Reader<'a>,
    step: u8,
}

impl<'de> SeqAccess<'de> for Pair<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.step += 1;
        match self.step {
            1 => {
                let id: U64Deserializer<Wrong> =
                    u64::try_from(self.reader.node.id).unwrap_or_default().into_deserializer();
                seed.deserialize(id).map(Some)
            }
            2 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

struct Items<'a> {
    reader: Reader<'a>,
    rest: std::slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        self.rest.next().map(|node| seed.deserialize(self.reader.below(node))).transpose()
    }
}

struct Pairs<'a> {
    reader: Reader<'a>,
    rest: Vec<(&'a str, &'a Node)>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let Some((key, node)) = self.rest.pop() else {
            return Ok(None);
        };
        self.value = Some(node);
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.value.take() {
            Some(node) => seed.deserialize(self.reader.below(node)),
            None => Err(de::Error::custom("a key without its value")),
        }
    }
}

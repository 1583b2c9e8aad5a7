//! Asks the shape for every key that it knows, and compares them with `docs/configuration.md`.
//!
//! The shape is read from an imaginary file that has every key once; what serde asks for on the way are the keys.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer, U64Deserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::super::{file, foreign, key::PLACED};

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");
const SHAPE: &str =
    concat!(include_str!("../file.rs"), include_str!("../file/logs.rs"), include_str!("../file/metrics.rs"));

/// A value at a path of the imaginary file.
#[derive(Clone)]
struct Any<'a> {
    path: String,
    keys: &'a RefCell<Vec<String>>,
}

macro_rules! plain {
    ($($method:ident $visit:ident $value:expr;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit($value)
        }
    )* };
}

impl<'de> de::Deserializer<'de> for Any<'_> {
    type Error = Error;

    plain! {
        deserialize_any visit_str "x";
        deserialize_bool visit_bool true;
        deserialize_i64 visit_i64 1;
        deserialize_string visit_str "x";
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        assert_eq!(name, PLACED);
        visitor.visit_seq(Elements { any: self, is_pair: true, given: 0 })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.path.push_str("[]");
        visitor.visit_seq(Elements { any: self, is_pair: false, given: 0 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { any: self, fields: fields.iter(), field: "" })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { any: self, fields: [].iter(), field: "" })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(IntoDeserializer::<Error>::into_deserializer(variants[0]))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

struct Elements<'a> {
    any: Any<'a>,
    is_pair: bool,
    given: u8,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.given += 1;
        match (self.is_pair, self.given) {
            (true, 1) => seed.deserialize(U64Deserializer::new(0)).map(Some),
            (true, 2) | (false, 1) => seed.deserialize(self.any.clone()).map(Some),
            _ => Ok(None),
        }
    }
}

struct Fields<'a> {
    any: Any<'a>,
    fields: std::slice::Iter<'static, &'static str>,
    field: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.fields.next() else {
            return Ok(None);
        };
        self.field = field;
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let start = if self.any.path.is_empty() { String::new() } else { format!("{}.", self.any.path) };
        let path = format!("{start}{}", self.field);
        self.any.keys.borrow_mut().push(path.clone());
        seed.deserialize(Any { path, keys: self.any.keys })
    }
}

/// Every key of the shape.
pub fn known_keys() -> BTreeSet<String> {
    let keys = RefCell::new(Vec::new());
    file::File::deserialize(Any { path: String::new(), keys: &keys }).unwrap();
    keys.into_inner().into_iter().collect()
}

/// The cells of the rows about keys: key, type, default, and what it means.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split(" | ").collect::<Vec<_>>()).filter(|cells| cells.len() == 4)
}

/// The rows of the document's tables: keys, with braces expanded, and their sentence.
fn documented() -> Vec<(String, String)> {
    rows()
        .flat_map(|cells| {
            let key = cells[0].trim_end_matches('`');
            let sentence = cells[3].trim_end_matches(" |").to_string();
            expanded(key).into_iter().map(move |key| (key, sentence.clone()))
        })
        .collect()
}

/// `a.{b,c}.d` is `a.b.d` and `a.c.d`.
fn expanded(key: &str) -> Vec<String> {
    let Some((before, rest)) = key.split_once('{') else {
        return vec![key.to_string()];
    };
    let (choices, after) = rest.split_once('}').unwrap();
    choices.split(',').flat_map(|choice| expanded(&format!("{before}{choice}{after}"))).collect()
}

/// What the document has in its list of examples, braces expanded.
pub fn examples() -> Vec<(String, serde_json::Value)> {
    let section = DOCUMENT.split("\n## Examples, key by key\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("- `")?.split_once("`: `"));
    rows.flat_map(|(key, example)| {
        let example = example.trim_end_matches('`');
        let value: serde_json::Value =
            serde_json::from_str(example).unwrap_or_else(|error| panic!("the example of {key}, {example}: {error}"));
        expanded(key).into_iter().map(move |key| (key, value.clone()))
    })
    .collect()
}

/// The keys that the document calls required.
pub fn required() -> Vec<String> {
    let rows = rows().filter(|cells| cells[2] == "required");
    rows.flat_map(|cells| expanded(cells[0].trim_end_matches('`'))).collect()
}

/// The defaults of the document that are values, not words: the key, the value, and the cell.
pub fn defaults() -> Vec<(String, serde_json::Value, String)> {
    rows()
        .flat_map(|cells| {
            let (key, cell) = (cells[0].trim_end_matches('`'), cells[2].to_string());
            let text =
                cell.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).filter(|text| !text.contains('`'));
            // `$HTTP_PROXY` and `logs.mask` say where the default comes from.
            let is_value =
                |text: &&str| !text.starts_with('$') && !text.starts_with("logs.") && !text.starts_with("agent.");
            let value = serde_json::from_str(&cell).ok();
            let value = value.or_else(|| text.filter(is_value).map(|text| serde_json::json!(text)));
            expanded(key).into_iter().filter_map(move |key| Some((key, value.clone()?, cell.clone())))
        })
        .collect()
}

#[test]
fn every_key_has_an_example_and_it_is_read_without_a_problem() {
    let examples: BTreeMap<String, serde_json::Value> = examples().into_iter().collect();
    let mut wrong = Vec::new();
    for path in known_keys() {
        let Some(example) = examples.get(&path) else {
            // The examples of what an object holds are its own.
            let is_object = known_keys()
                .iter()
                .any(|key| key.starts_with(&format!("{path}.")) || key.starts_with(&format!("{path}[].")));
            if !is_object {
                wrong.push(format!("{path} has no example"));
            }
            continue;
        };
        let config = around(&path, example.clone());
        let mut problems = Vec::new();
        let tree = super::super::tree::parse(&config.to_string(), &mut problems).unwrap();
        let _: file::File = super::super::read::read(&tree, &mut problems, &mut Vec::new());
        wrong.extend(problems.iter().map(|problem| format!("{path}: {}", problem.message)));
    }
    let known = known_keys();
    wrong.extend(examples.keys().filter(|path| !known.contains(*path)).map(|path| format!("{path} is no key")));
    assert_eq!(wrong, [] as [&str; 0]);
}

/// A configuration with one value in it.
fn around(path: &str, value: serde_json::Value) -> serde_json::Value {
    let Some((parent, key)) = path.rsplit_once('.') else {
        return serde_json::json!({ path: value });
    };
    let object = serde_json::json!({ key: value });
    match parent.strip_suffix("[]") {
        Some(list) => around(list, serde_json::json!([object])),
        None => around(parent, object),
    }
}

#[test]
fn every_key_has_a_default() {
    let empty: Vec<&str> = rows().filter(|cells| matches!(cells[2].trim(), "" | "–")).map(|cells| cells[0]).collect();
    assert_eq!(empty, [] as [&str; 0]);
}

#[test]
fn the_document_has_every_key() {
    let sections = ["agent", "logs", "metrics"].map(str::to_string);
    let mut known = known_keys();
    known.retain(|path| !sections.contains(path));
    let written: BTreeSet<String> = documented().into_iter().map(|(key, _)| key).collect();
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!(only(&known, &written), [] as [&str; 0], "known, and not in the document");
    assert_eq!(only(&written, &known), [] as [&str; 0], "in the document, and not known");
}

#[test]
fn the_documents_sentence_is_the_shapes() {
    for (key, sentence) in documented() {
        let plain = sentence.replace("\\|", "|");
        assert!(SHAPE.contains(&format!("/// {plain}\n")), "{key}: `{plain}` is not in the shape");
    }
}

#[test]
fn the_document_names_every_key_that_is_not_supported() {
    for path in foreign::all() {
        assert!(DOCUMENT.contains(&format!("`{path}`")), "{path} is not in the document");
    }
}

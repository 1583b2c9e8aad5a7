//! What the fields of the shape are made of: a value that knows where it stands, or knows that it is absent or wrong.
//!
//! A wrong value never fails the object it stands in: it is noted by the reader and marked here, so that the rest is judged.
//!
//! Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Visitor};

/// A value of the file that knows where it stands.
#[derive(Clone, Debug, Default)]
pub enum Key<T> {
    /// There is none, or it is `null`.
    #[default]
    Absent,
    /// It is not what it should be: that is noted.
    Wrong,
    /// Its number in the tree, and the value.
    Given(usize, T),
}

impl<T> Key<T> {
    /// The value.
    pub fn get(&self) -> Option<&T> {
        self.placed().map(|(_, value)| value)
    }

    /// The value's number in the tree and the value.
    pub fn placed(&self) -> Option<(usize, &T)> {
        match self {
            Self::Given(id, value) => Some((*id, value)),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Whether the file does not have it.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the file has it, and wrong.
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong)
    }
}

/// A list of which every element knows where it stands.
pub type List<T> = Key<Vec<Key<T>>>;
/// Names and texts of one's own choice.
pub type Texts = Key<BTreeMap<String, Key<String>>>;

/// The name by which [`Key`] asks for a value and its place.
pub(super) const PLACED: &str = "a value and its place";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Key<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(PLACED, PlacedVisitor(PhantomData))
    }
}

struct PlacedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PlacedVisitor<T> {
    type Value = Key<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PLACED)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Key<T>, A::Error> {
        let id = usize::try_from(pair.next_element::<u64>()?.unwrap_or_default()).unwrap_or_default();
        Ok(match pair.next_element::<Option<T>>() {
            Ok(Some(Some(value))) => Key::Given(id, value),
            Ok(Some(None) | None) => Key::Absent,
            // What is wrong with it has been noted.
            Err(_) => Key::Wrong,
        })
    }
}

/// One text or a list of them.
#[derive(Clone, Debug, Default)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany(vec![text.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            texts.push(text);
        }
        Ok(OneOrMany(texts))
    }
}

/// A text, or a whole number that stands for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextOrNumber(pub String);

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumberVisitor)
    }
}

struct TextOrNumberVisitor;

impl Visitor<'_> for TextOrNumberVisitor {
    type Value = TextOrNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(text.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber(number.to_string()))
    }
}

/// `FIELD=value`, or an object of fields and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// One field.
    Text(String),
    /// Several, all of which must hold.
    Pairs(Vec<(String, String)>),
}

impl<'de> Deserialize<'de> for Match {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MatchVisitor)
    }
}

struct MatchVisitor;

impl<'de> Visitor<'de> for MatchVisitor {
    type Value = Match;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`FIELD=value` or an object of fields and values")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Match, E> {
        Ok(Match::Text(text.to_string()))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Match, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry::<String, String>()? {
            pairs.push(pair);
        }
        // The reader of trees gives the last first.
        pairs.sort();
        Ok(Match::Pairs(pairs))
    }
}

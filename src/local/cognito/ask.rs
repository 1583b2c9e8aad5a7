//! Reads the members of a request, and says in AWS's words which of them is missing or wrong.
//!
//! Pure: no I/O, no clock, no tasks.

use serde_json::{Map, Value};

use crate::local::refusal::Refusal;

/// The members of a request, or of a structure in it.
#[derive(Clone, Copy)]
pub struct Ask<'a>(Option<&'a Map<String, Value>>);

impl<'a> Ask<'a> {
    /// Of a request's body.
    pub fn of(body: &'a Value) -> Self {
        Self(body.as_object())
    }

    fn member(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    /// A text that has to be there.
    pub fn text(self, name: &str) -> Result<&'a str, Refusal> {
        let text = self.given(name).ok_or_else(|| broken(name, "not be null"))?;
        if text.is_empty() { Err(broken(name, "have length greater than or equal to 1")) } else { Ok(text) }
    }

    /// A text that may be left out.
    pub fn given(self, name: &str) -> Option<&'a str> {
        self.member(name)?.as_str()
    }

    /// A whole number that may be left out.
    pub fn number(self, name: &str) -> Option<i64> {
        self.member(name)?.as_i64()
    }

    /// A switch that may be left out.
    pub fn flag(self, name: &str) -> Option<bool> {
        self.member(name)?.as_bool()
    }

    /// A structure or map; empty where it is left out.
    pub fn inner(self, name: &str) -> Self {
        Self(self.member(name).and_then(Value::as_object))
    }

    /// The elements of a list; none where it is left out.
    pub fn list(self, name: &str) -> impl Iterator<Item = &'a Value> {
        self.member(name).and_then(Value::as_array).into_iter().flatten()
    }

    /// The texts of a map.
    pub fn texts(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// All of it, to be answered as it was asked.
    pub fn all(self) -> Map<String, Value> {
        self.0.cloned().unwrap_or_default()
    }
}

/// A member that breaks a constraint of the model. Without its value, which may be a secret.
pub fn broken(name: &str, constraint: &str) -> Refusal {
    let (first, rest) = name.split_at(usize::from(!name.is_empty()));
    let name = first.to_lowercase() + rest;
    Refusal::parameter(format!(
        "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must {constraint}"
    ))
}

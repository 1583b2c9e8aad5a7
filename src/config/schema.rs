//! The JSON schema of the configuration, `configs/schema.json`, made of the shape: for editors, which complete and check by it.
//!
//! It says of every key what type it has, what it means, which values there are, and the default and an example as `docs/configuration.md` has them. What
//! depends on several values at once is `check`'s business alone. The rule that is easy to break: what the program accepts, the schema accepts.
//! The one exception is `null`, which counts as absent: an editor may say that it is of no use.
//!
//! Only tests know this file: `UPDATE_EXPECTED=1 cargo test --lib config::schema` writes the schema anew.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::catalogue::{METRICS, Metric};
use super::file;
use super::foreign;
use super::key::{Key, Match, OneOrMany, TextOrNumber};
use super::read::SHORT_FORMS;
use super::settings::Secret;
use super::tests::known_keys;
use super::validate::RETENTIONS;
use crate::delivery::mask::BuiltIn;

impl<T: JsonSchema> JsonSchema for Key<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

macro_rules! plain_schema {
    ($($name:ident $schema:tt)*) => { $(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

plain_schema! {
    Secret { "type": "string" }
    OneOrMany { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] }
    TextOrNumber { "type": ["string", "integer"] }
    Match { "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": { "type": "string" } }] }
}

/// The schema as it stands in the file.
fn generated() -> String {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<file::File>().to_value();
    let definitions = schema["definitions"].as_object_mut().unwrap();
    definitions.values_mut().for_each(without_formats);
    definitions.values_mut().for_each(with_retentions);
    for (shape, names) in [("MaskRule", mask_names()), ("Measurement", measurements())] {
        definitions[shape]["properties"]["name"]["anyOf"] = names;
    }
    for (shape, key) in SHORT_FORMS {
        let long = definitions[shape].take();
        definitions[shape] = with_short_form(long, key);
    }
    for (path, default, _) in known_keys::defaults() {
        fill_in(&mut schema, &path, "default", default);
    }
    for path in known_keys::required() {
        require(&mut schema, &path);
    }
    for (path, example) in known_keys::examples() {
        fill_in(&mut schema, &path, "examples", json!([example]));
    }
    for path in foreign::all() {
        let description = "Of the CloudWatch Agent, and not supported here: it has no effect.";
        add(&mut schema, path, json!({ "description": description }));
    }
    schema["title"] = json!("Configuration of cloudwatch-publisher");
    schema["properties"]["$schema"] =
        json!({ "type": "string", "description": "What an editor finds this schema by." });
    // A section that nobody knows is a warning.
    schema["additionalProperties"] = json!(true);
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

/// A text in which a variable of the environment is filled in may become any.
fn of_the_environment() -> Value {
    json!({ "pattern": r"\$\{" })
}

fn mask_names() -> Value {
    let mut names = BuiltIn::ALL.map(|(name, _)| name);
    names.sort_unstable();
    json!([{ "enum": names }, of_the_environment()])
}

/// The metrics of all sections, with and without their section before them: the sections share a shape. Of the metrics of the CloudWatch Agent that are not
/// supported is warned.
fn measurements() -> Value {
    let with_section = |metric: &Metric| format!("{}_{}", metric.plugin.name(), metric.field);
    let names = METRICS.iter().flat_map(|metric| [metric.field.to_owned(), with_section(metric), metric.name()]);
    let names: BTreeSet<String> = names.filter(|name| !name.is_empty() && !name.ends_with('_')).collect();
    json!([{ "enum": names }, { "pattern": "^(diskio_)?(ebs_|instance_store_)" }, of_the_environment()])
}

fn with_retentions(schema: &mut Value) {
    if let Some(days) = schema.pointer_mut("/properties/retention_in_days") {
        // -1 is the CloudWatch Agent's word for "leave it".
        let all: Vec<i32> = [-1].into_iter().chain(RETENTIONS.map(i32::from)).collect();
        days["enum"] = json!(all);
    }
}

/// Says that the object has to have the key at a path.
fn require(schema: &mut Value, path: &str) {
    let (object, key) = path.rsplit_once('.').unwrap();
    let (parent, name) = parent_of(schema, object).unwrap_or_else(|| panic!("{path} is not in the schema"));
    let shape = parent[name.trim_end_matches("[]")].clone();
    let at = shape.pointer("/items/$ref").or_else(|| shape.pointer("/items/allOf/0/$ref")).and_then(Value::as_str);
    let at = object_at(schema, at.unwrap_or_else(|| panic!("{path}: {shape}")).trim_start_matches('#'));
    let required = &mut schema.pointer_mut(&at).unwrap()["required"];
    if required.is_null() {
        *required = json!([]);
    }
    let required = required.as_array_mut().unwrap();
    if !required.contains(&json!(key)) {
        required.push(json!(key));
    }
}

/// An object, or the plain value that stands for one of its keys.
fn with_short_form(mut long: Value, key: &str) -> Value {
    let description = long.as_object_mut().unwrap().remove("description");
    let mut short = long["properties"][key].clone();
    short.as_object_mut().unwrap().remove("description");
    json!({ "description": description, "anyOf": [short, long] })
}

/// `int64` tells a person nothing.
fn without_formats(schema: &mut Value) {
    match schema {
        Value::Object(pairs) => {
            if pairs.get("format").is_some_and(Value::is_string) {
                pairs.remove("format");
            }
            pairs.values_mut().for_each(without_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(without_formats),
        _ => {}
    }
}

/// Says more of the key at a path; what is said first stays: several sections may share a shape.
fn fill_in(schema: &mut Value, path: &str, what: &str, value: Value) {
    let Some((parent, key)) = parent_of(schema, path) else { panic!("{path} is not in the schema") };
    if let Some(property) = parent.get_mut(&key).and_then(Value::as_object_mut)
        && is_of_type(property, &value, what)
    {
        property.entry(what).or_insert(value);
    }
}

/// Whether a default is one that an editor can offer: `the system's` is for people.
fn is_of_type(property: &Map<String, Value>, value: &Value, what: &str) -> bool {
    let is = |kind: &str| property.get("type").is_some_and(|given| given == kind);
    match value {
        Value::Number(_) => is("integer"),
        Value::Bool(_) => is("boolean"),
        Value::String(_) => is("string") || property.contains_key("allOf") || property.contains_key("anyOf"),
        _ => true,
    }
    .then_some(())
    .is_some()
        || what == "examples"
}

/// Enters a key that the shape does not have, unless what it stands in is not described any further.
fn add(schema: &mut Value, path: &str, value: Value) {
    if let Some((parent, key)) = parent_of(schema, path) {
        parent.insert(key, value);
    }
}

/// The properties among which the key at a path stands, and the key: what remains of the path where no key leads further.
fn parent_of<'a>(schema: &'a mut Value, path: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let mut at = String::new();
    let mut rest = path;
    while let Some((step, after)) = rest.split_once('.') {
        let (key, is_list) = step.strip_suffix("[]").map_or((step, false), |key| (key, true));
        let mut next = format!("{}/properties/{key}", object_at(schema, &at));
        if schema.pointer(&next).is_none() {
            // Some keys of the CloudWatch Agent have a dot in them.
            break;
        }
        if is_list {
            next = format!("{}/items", resolved(schema, &next));
        }
        (at, rest) = (next, after);
    }
    let pointer = format!("{}/properties", object_at(schema, &at));
    Some((schema.pointer_mut(&pointer)?.as_object_mut()?, rest.trim_end_matches("[]").to_string()))
}

/// Where the object is described to which a description leads.
fn object_at(schema: &Value, at: &str) -> String {
    let at = resolved(schema, at);
    if schema.pointer(&format!("{at}/anyOf")).is_some() { format!("{at}/anyOf/1") } else { at }
}

/// Follows references.
fn resolved(schema: &Value, at: &str) -> String {
    let here = schema.pointer(at);
    let reference = here.and_then(|here| here.get("$ref").or_else(|| here.pointer("/allOf/0/$ref")));
    match reference.and_then(Value::as_str) {
        Some(reference) => resolved(schema, reference.trim_start_matches('#')),
        None => at.to_string(),
    }
}

#[test]
fn the_schema_beside_the_examples_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/schema.json");
    let schema = generated();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(present == schema, "`UPDATE_EXPECTED=1 cargo test --lib config::schema` writes configs/schema.json anew");
}

#[test]
fn every_key_of_the_shape_and_of_the_agent_is_described() {
    let mut schema: Value = serde_json::from_str(&generated()).unwrap();
    let all = known_keys::known_keys().into_iter().chain(foreign::all().iter().map(|path| (*path).to_string()));
    for path in all {
        let (parent, key) = parent_of(&mut schema, &path).unwrap_or_else(|| panic!("{path} is nowhere"));
        assert!(parent.get(&key).is_some_and(|found| found.get("description").is_some()), "{path} is not described");
    }
}

#[test]
fn the_closed_lists_are_in_the_schema() {
    let schema: Value = serde_json::from_str(&generated()).unwrap();
    let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).clone();
    for shape in ["Logs", "FileEntry", "Journal"] {
        assert_eq!(
            at(&format!(
                "{}/properties/retention_in_days/enum/4",
                object_at(&schema, &format!("/definitions/{shape}"))
            )),
            7
        );
    }
    assert_eq!(at("/definitions/FileEntry/required"), json!(["file_path"]));
    for (shape, name) in [("MaskRule", "email"), ("Measurement", "usage_idle"), ("Measurement", "cpu_usage_idle")] {
        for form in ["anyOf/0", "anyOf/1/properties/name"] {
            let names = at(&format!("/definitions/{shape}/{form}/anyOf/0/enum"));
            assert!(names.as_array().unwrap().contains(&json!(name)), "{shape} {form}: {names}");
        }
    }
}

//! The limits of PutMetricData. One datum that breaks one refuses the whole request.
//!
//! Numbers from botocore's model of the service and the page of PutMetricData, read 2026-11-21.
//!
//! Pure: no I/O, no clock, no tasks.

use super::refusal::Refusal;
use crate::record::Wall;

/// The most bytes of a request's body, inflated.
pub const MAX_BODY_BYTES: usize = 1_048_576;
const MAX_DATUMS: usize = 1000;
const MAX_VALUES: usize = 150;
const MAX_DIMENSIONS: usize = 30;
const HOUR_MS: i64 = 3_600_000;
const MAX_AGE_MS: i64 = 14 * 24 * HOUR_MS;
const MAX_AHEAD_MS: i64 = 2 * HOUR_MS;
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// PutMetricData as it arrives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Where the metrics belong.
    pub namespace: Option<String>,
    /// The figures.
    pub data: Vec<Datum>,
    /// Whether it carries `EntityMetricData`, which this endpoint does not take.
    pub has_entities: bool,
}

/// One figure as it arrives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Datum {
    /// The metric's name.
    pub name: Option<String>,
    /// Name and value pairs.
    pub dimensions: Vec<(String, String)>,
    /// Seconds since 1970; none: now.
    pub timestamp_seconds: Option<f64>,
    /// A single value.
    pub value: Option<f64>,
    /// Or a set of statistics.
    pub statistics: Option<Statistics>,
    /// Or several values.
    pub values: Option<Vec<f64>>,
    /// How often each of those occurred; none: once.
    pub counts: Option<Vec<f64>>,
    /// The unit; none: `None`.
    pub unit: Option<String>,
    /// 1 or 60 seconds.
    pub resolution: Option<i64>,
}

/// A set of statistics as it arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// `SampleCount`.
    pub count: Option<f64>,
    /// `Sum`.
    pub sum: Option<f64>,
    /// `Minimum`.
    pub minimum: Option<f64>,
    /// `Maximum`.
    pub maximum: Option<f64>,
}

/// Checks a whole request at the endpoint's time `now`.
pub fn check(request: &Request, now: Wall) -> Result<(), Refusal> {
    let Some(namespace) = &request.namespace else {
        return Err(missing("Namespace"));
    };
    check_namespace(namespace)?;
    if request.has_entities {
        return Err(Refusal::metric("The parameter EntityMetricData is not supported by this endpoint."));
    }
    if request.data.is_empty() {
        return Err(missing("MetricData"));
    }
    if request.data.len() > MAX_DATUMS {
        return Err(Refusal::metric(format!(
            "The collection MetricData must not have a size greater than {MAX_DATUMS}."
        )));
    }
    for (index, datum) in request.data.iter().enumerate() {
        check_datum(datum, &format!("MetricData.member.{}", index + 1), now)?;
    }
    Ok(())
}

fn check_namespace(namespace: &str) -> Result<(), Refusal> {
    if namespace.starts_with("AWS/") {
        return Err(Refusal::metric("The value AWS/ for parameter Namespace is invalid."));
    }
    if namespace.starts_with(':') {
        return Err(Refusal::metric("The parameter Namespace must not start with a colon."));
    }
    check_text(namespace, "Namespace", 255)
}

fn check_datum(datum: &Datum, at: &str, now: Wall) -> Result<(), Refusal> {
    let Some(name) = &datum.name else {
        return Err(missing(&format!("{at}.MetricName")));
    };
    check_text(name, &format!("{at}.MetricName"), 255)?;
    check_dimensions(&datum.dimensions, at)?;
    check_values(datum, at)?;
    if let Some(unit) = &datum.unit
        && !UNITS.contains(&&**unit)
    {
        return Err(Refusal::metric(format!("The parameter {at}.Unit must be a value in the set {UNITS:?}.")));
    }
    if let Some(seconds) = datum.resolution
        && seconds != 1
        && seconds != 60
    {
        let message = format!("The parameter {at}.StorageResolution must be 1 or 60, and is {seconds}.");
        return Err(Refusal::metric(message));
    }
    check_time(datum, at, now)
}

fn check_time(datum: &Datum, at: &str, now: Wall) -> Result<(), Refusal> {
    let Some(seconds) = datum.timestamp_seconds else {
        return Ok(());
    };
    let Some(time) = millis(seconds) else {
        return Err(Refusal::metric(format!("The parameter {at}.Timestamp is not a time.")));
    };
    if time < now.0 - MAX_AGE_MS {
        let message = format!("The parameter {at}.Timestamp must specify a time within the past two weeks.");
        return Err(Refusal::metric(message));
    }
    if time > now.0 + MAX_AHEAD_MS {
        let message = format!("The parameter {at}.Timestamp must specify a time no more than two hours in the future.");
        return Err(Refusal::metric(message));
    }
    Ok(())
}

/// Milliseconds of a time in seconds; none where it is not a time within a million years.
pub fn millis(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1000.0).round();
    // Finite and far inside of what an i64 holds, so the cast cannot truncate.
    #[allow(clippy::cast_possible_truncation)]
    (millis.abs() < 3e16).then_some(millis as i64)
}

fn check_dimensions(dimensions: &[(String, String)], at: &str) -> Result<(), Refusal> {
    if dimensions.len() > MAX_DIMENSIONS {
        let message = format!("The collection {at}.Dimensions must not have a size greater than {MAX_DIMENSIONS}.");
        return Err(Refusal::metric(message));
    }
    for (index, (name, value)) in dimensions.iter().enumerate() {
        let at = format!("{at}.Dimensions.member.{}", index + 1);
        check_text(name, &format!("{at}.Name"), 255)?;
        check_text(value, &format!("{at}.Value"), 1024)?;
        if name.starts_with(':') {
            return Err(Refusal::metric(format!("The parameter {at}.Name must not start with a colon.")));
        }
    }
    Ok(())
}

/// A single value; or a set of statistics, values with counts, or both of them, as the CloudWatch Agent sends them. Within bounds.
fn check_values(datum: &Datum, at: &str) -> Result<(), Refusal> {
    let are_many = datum.statistics.is_some() || datum.values.is_some();
    if datum.value.is_none() && !are_many {
        return Err(missing(&format!("{at}.Value")));
    }
    if datum.value.is_some() && are_many {
        let message = format!("The parameter {at}.Value excludes {at}.StatisticValues and {at}.Values.");
        return Err(Refusal::new("InvalidParameterCombinationException", message));
    }
    if let Some(value) = datum.value {
        check_number(value, &format!("{at}.Value"))?;
    }
    if let Some(set) = datum.statistics {
        check_statistics(&set, &format!("{at}.StatisticValues"))?;
    }
    let (values, counts) = (datum.values.as_deref(), datum.counts.as_deref());
    if values.is_some_and(<[f64]>::is_empty) {
        return Err(missing(&format!("{at}.Values")));
    }
    if values.is_some_and(|values| values.len() > MAX_VALUES) {
        let message = format!("The collection {at}.Values must not have a size greater than {MAX_VALUES}.");
        return Err(Refusal::metric(message));
    }
    if counts.is_some_and(|counts| counts.len() != values.map_or(0, <[f64]>::len)) {
        let message = format!("The parameters {at}.Values and {at}.Counts must be of the same size.");
        return Err(Refusal::metric(message));
    }
    values.into_iter().flatten().try_for_each(|value| check_number(*value, &format!("{at}.Values")))?;
    counts.into_iter().flatten().try_for_each(|count| check_count(*count, &format!("{at}.Counts")))
}

fn check_statistics(set: &Statistics, at: &str) -> Result<(), Refusal> {
    let members = [("SampleCount", set.count), ("Sum", set.sum), ("Minimum", set.minimum), ("Maximum", set.maximum)];
    for (name, value) in members {
        let member = format!("{at}.{name}");
        let value = value.ok_or_else(|| missing(&member))?;
        check_number(value, &member)?;
    }
    if set.minimum > set.maximum {
        return Err(Refusal::metric(format!("The parameter {at}.Maximum must be at least {at}.Minimum.")));
    }
    check_count(set.count.unwrap_or_default(), &format!("{at}.SampleCount"))
}

fn check_count(count: f64, at: &str) -> Result<(), Refusal> {
    check_number(count, at)?;
    if count > 0.0 {
        return Ok(());
    }
    Err(Refusal::metric(format!("The parameter {at} must be greater than 0, and is {count}.")))
}

/// Within ±2^360, and a number.
fn check_number(value: f64, at: &str) -> Result<(), Refusal> {
    if value.abs() <= 360f64.exp2() {
        return Ok(());
    }
    Err(Refusal::metric(format!(
        "The value {value} for parameter {at} is invalid: it must lie between -2^360 and 2^360."
    )))
}

/// 1 to `longest` characters of ASCII, none of them a control character, not all of them blank.
fn check_text(text: &str, at: &str, longest: usize) -> Result<(), Refusal> {
    let wrong = if text.trim().is_empty() {
        "must not be empty or blank".to_owned()
    } else if !text.is_ascii() || text.bytes().any(|b| b.is_ascii_control()) {
        "must contain only ASCII characters, and no control characters".to_owned()
    } else if text.len() > longest {
        format!("must be shorter than {} characters", longest + 1)
    } else {
        return Ok(());
    };
    Err(Refusal::metric(format!("The parameter {at} {wrong}.")))
}

fn missing(member: &str) -> Refusal {
    Refusal::new("MissingRequiredParameterException", format!("The parameter {member} is required."))
}

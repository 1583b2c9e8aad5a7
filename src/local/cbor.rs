//! Reads PutMetricData as Smithy's RPC v2 CBOR carries it, and writes that protocol's errors.
//!
//! Members that are not known are skipped, as the protocol demands. Nesting is bounded by the shape itself.
//!
//! Pure: no I/O, no clock, no tasks.

use minicbor::data::Type;
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};

use super::metric_rules::{Datum, Request, Statistics};
use super::refusal::Refusal;

/// Lists are not allocated beyond this many items at once, whatever length they claim.
const MAX_RESERVED: u64 = 1024;

/// Reads the body of PutMetricData.
pub fn put_metric_data(body: &[u8]) -> Result<Request, Refusal> {
    let mut request = Request::default();
    let read = members(&mut Decoder::new(body), |name, d| {
        match name {
            "Namespace" => request.namespace = Some(d.str()?.to_owned()),
            "MetricData" => request.data = list(d, datum)?,
            "EntityMetricData" => request.has_entities = !list(d, Decoder::skip)?.is_empty(),
            _ => d.skip()?,
        }
        Ok(())
    });
    read.map_err(|error| Refusal::new("SerializationException", format!("not PutMetricData in CBOR: {error}")))?;
    Ok(request)
}

/// The body of an error.
pub fn error(refusal: &Refusal) -> Vec<u8> {
    let kind = format!("com.amazonaws.cloudwatch#{}", refusal.code);
    let mut encoder = Encoder::new(Vec::new());
    let written = encoder.map(2).and_then(|e| e.str("__type")?.str(&kind)?.str("message")?.str(&refusal.message));
    // Writing into a vector cannot fail; an empty body would only lose the sentence.
    written.map(|_| ()).map_or_else(|_| Vec::new(), |()| encoder.into_writer())
}

fn datum(d: &mut Decoder<'_>) -> Result<Datum, Error> {
    let mut datum = Datum::default();
    members(d, |name, d| {
        match name {
            "MetricName" => datum.name = Some(d.str()?.to_owned()),
            "Dimensions" => datum.dimensions = list(d, dimension)?,
            "Timestamp" => datum.timestamp_seconds = Some(timestamp(d)?),
            "Value" => datum.value = Some(number(d)?),
            "StatisticValues" => datum.statistics = Some(statistics(d)?),
            "Values" => datum.values = Some(list(d, number)?),
            "Counts" => datum.counts = Some(list(d, number)?),
            "Unit" => datum.unit = Some(d.str()?.to_owned()),
            "StorageResolution" => datum.resolution = Some(d.i64()?),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(datum)
}

fn dimension(d: &mut Decoder<'_>) -> Result<(String, String), Error> {
    let mut pair = (String::new(), String::new());
    members(d, |name, d| {
        match name {
            "Name" => pair.0 = d.str()?.to_owned(),
            "Value" => pair.1 = d.str()?.to_owned(),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(pair)
}

fn statistics(d: &mut Decoder<'_>) -> Result<Statistics, Error> {
    let mut set = Statistics::default();
    members(d, |name, d| {
        match name {
            "SampleCount" => set.count = Some(number(d)?),
            "Sum" => set.sum = Some(number(d)?),
            "Minimum" => set.minimum = Some(number(d)?),
            "Maximum" => set.maximum = Some(number(d)?),
            _ => d.skip()?,
        }
        Ok(())
    })?;
    Ok(set)
}

/// Seconds since 1970, under tag 1.
fn timestamp(d: &mut Decoder<'_>) -> Result<f64, Error> {
    if d.datatype()? == Type::Tag {
        d.tag()?;
    }
    number(d)
}

fn number(d: &mut Decoder<'_>) -> Result<f64, Error> {
    match d.datatype()? {
        Type::F16 | Type::F32 | Type::F64 => d.f64(),
        // Whole numbers beyond 2^53 lose digits here, as they would in the service's own doubles.
        #[allow(clippy::cast_precision_loss)]
        _ => d.i64().map(|whole| whole as f64),
    }
}

fn members<'b>(
    d: &mut Decoder<'b>,
    mut each: impl FnMut(&str, &mut Decoder<'b>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut left = d.map()?;
    while more(d, &mut left)? {
        let name = d.str()?;
        if d.datatype()? == Type::Null {
            d.skip()?;
        } else {
            each(name, d)?;
        }
    }
    Ok(())
}

fn list<'b, T>(
    d: &mut Decoder<'b>,
    mut each: impl FnMut(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut left = d.array()?;
    let reserved = usize::try_from(left.unwrap_or(0).min(MAX_RESERVED)).unwrap_or(0);
    let mut items = Vec::with_capacity(reserved);
    while more(d, &mut left)? {
        items.push(each(d)?);
    }
    Ok(items)
}

/// Whether a map or a list goes on: by its length, or up to the break that ends one of unknown length.
fn more(d: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(count) => {
            *count -= 1;
            Ok(true)
        }
        None if d.datatype()? == Type::Break => {
            d.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

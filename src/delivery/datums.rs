//! Cuts rounds of samples into requests that satisfy every limit of PutMetricData by construction.
//!
//! Limits: service model of CloudWatch in botocore 1.43.11, read 2026-11-21. Easy to break: one bad datum fails the whole
//! call, so what CloudWatch would refuse is left out and counted before anything is sent.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, VecDeque};

use crate::record::{Distribution, Sample, Value, Wall};

/// The most datums in a request.
pub const MAX_DATUMS: usize = 1_000;
/// The most bytes in a request, before compression; a tenth of the real limit of 1 MB is left for its frame.
pub const MAX_REQUEST_BYTES: usize = 900_000;
/// The most dimensions of a datum.
pub const MAX_DIMENSIONS: usize = 30;
/// The most distinct values of a datum.
pub const MAX_VALUES: usize = 150;
/// The longest name of a metric or dimension.
pub const MAX_NAME_BYTES: usize = 255;
/// The longest value of a dimension.
pub const MAX_DIMENSION_VALUE_BYTES: usize = 1_024;
/// Values lie within plus and minus this: 2^360.
pub const MAX_VALUE: f64 = 2.348_542_582_773_833_2e108;
/// Older samples are refused: 14 days.
pub const MAX_AGE_MS: i64 = 14 * 24 * 60 * 60 * 1000;
/// Samples further ahead are refused: 2 hours.
pub const MAX_AHEAD_MS: i64 = 2 * 60 * 60 * 1000;

/// A sample with its wall time.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// What was measured.
    pub sample: Sample,
    /// When.
    pub at: Wall,
}

/// Why CloudWatch would refuse `datum` at the time `now`; none where it would take it. Without a `now` that can be trusted
/// its time is not judged.
pub fn problem(datum: &Datum, now: Option<Wall>) -> Option<&'static str> {
    let sample = &datum.sample;
    let is_name = |name: &str| (1..=MAX_NAME_BYTES).contains(&name.len()) && is_ascii_text(name);
    let is_value = |value: &str| {
        (1..=MAX_DIMENSION_VALUE_BYTES).contains(&value.len()) && is_ascii_text(value) && !value.trim().is_empty()
    };
    let age = now.map_or(0, |now| now.0 - datum.at.0);
    if !is_taken(&sample.value) {
        Some("its value is not a number that CloudWatch takes")
    } else if !is_name(&sample.name) {
        Some("its name is not 1 to 255 ASCII characters")
    } else if sample.dimensions.len() > MAX_DIMENSIONS {
        Some("it has more than 30 dimensions")
    } else if !sample.dimensions.iter().all(|(name, value)| is_name(name) && !name.starts_with(':') && is_value(value))
    {
        Some("a dimension's name or value is not what CloudWatch takes")
    } else if age > MAX_AGE_MS {
        Some("it is older than 14 days")
    } else if age < -MAX_AHEAD_MS {
        Some("its time is more than two hours ahead")
    } else {
        None
    }
}

fn is_taken(value: &Value) -> bool {
    let is_figure = |value: f64| value.is_finite() && value.abs() <= MAX_VALUE;
    match value {
        Value::One(value) => is_figure(*value),
        Value::Distribution(many) => {
            let all = many.counted.iter().flat_map(|(value, count)| [*value, *count]);
            many.counted.len() <= MAX_VALUES
                && many.counted.iter().all(|(_, count)| *count > 0.0)
                && many.count > 0.0
                && many.minimum <= many.maximum
                && all.chain([many.minimum, many.maximum, many.sum, many.count]).all(is_figure)
        }
    }
}

fn is_ascii_text(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// What a datum weighs in a request, rounded up: its texts, and the frame around each of them.
fn weight(datum: &Datum) -> usize {
    let dimensions = datum.sample.dimensions.iter();
    let values = match &datum.sample.value {
        Value::One(_) => 0,
        Value::Distribution(many) => 100 + many.counted.len() * 20,
    };
    150 + values
        + datum.sample.name.len()
        + dimensions.map(|(name, value)| name.len() + value.len() + 24).sum::<usize>()
}

/// How many of the first datums make one request.
fn first_request(datums: &[Datum]) -> usize {
    let mut bytes = 0;
    let fitting = datums.iter().take(MAX_DATUMS).take_while(|datum| {
        bytes += weight(datum);
        bytes <= MAX_REQUEST_BYTES
    });
    fitting.count().max(1).min(datums.len())
}

/// Datums in requests, and what was left out of them.
#[derive(Debug, Default)]
pub struct Requests {
    /// Each within the limits of one call, in order.
    pub requests: VecDeque<Vec<Datum>>,
    /// How many datums CloudWatch would refuse, by cause.
    pub given_up: BTreeMap<&'static str, usize>,
}

/// Cuts a distribution with more values than a datum holds into several. The statistics of each part are its own, so that nothing
/// counts twice; what the values tell less exactly than the statistics of the whole is made up for in the last part.
fn in_parts(sample: Sample) -> Vec<Sample> {
    let Value::Distribution(many) = &sample.value else { return vec![sample] };
    if many.counted.len() <= MAX_VALUES {
        return vec![sample];
    }
    let mut counted = many.counted.clone();
    counted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut parts: Vec<Distribution> = counted.chunks(MAX_VALUES).map(distribution).collect();
    let sum_of = |parts: &[Distribution]| parts.iter().map(|part| part.sum).sum::<f64>();
    let (sum, last_minimum) = (sum_of(&parts), parts.last().map_or(0.0, |part| part.minimum));
    if let Some(first) = parts.first_mut() {
        first.minimum = first.minimum.min(many.minimum);
    }
    if let Some(last) = parts.last_mut() {
        last.sum += many.sum - sum;
        last.maximum = many.maximum.max(last_minimum);
    }
    parts.into_iter().map(|part| Sample { value: Value::Distribution(part), ..sample.clone() }).collect()
}

/// The statistics of counted values, of which there is at least one, in their order.
fn distribution(counted: &[(f64, f64)]) -> Distribution {
    Distribution {
        counted: counted.to_vec(),
        minimum: counted.first().map_or(0.0, |(value, _)| *value),
        maximum: counted.last().map_or(0.0, |(value, _)| *value),
        sum: counted.iter().map(|(value, count)| value * count).sum(),
        count: counted.iter().map(|(_, count)| count).sum(),
    }
}

/// Makes requests of the samples of rounds, each taken at one time, as CloudWatch would take them at the time `now`. What is left out of the
/// requests is taken out of the rounds, too, and what is cut is cut there: what is in both stands there in the same order.
pub fn requests<'a>(rounds: impl Iterator<Item = (&'a mut Vec<Sample>, Wall)>, now: Option<Wall>) -> Requests {
    let mut made = Requests::default();
    let mut good = Vec::new();
    for (samples, at) in rounds {
        *samples = std::mem::take(samples).into_iter().flat_map(in_parts).collect();
        samples.retain(|sample| {
            let datum = Datum { sample: sample.clone(), at };
            let problem = problem(&datum, now);
            match problem {
                None => good.push(datum),
                Some(cause) => *made.given_up.entry(cause).or_default() += 1,
            }
            problem.is_none()
        });
    }
    while !good.is_empty() {
        let rest = good.split_off(first_request(&good));
        made.requests.push_back(good);
        good = rest;
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Unit;

    const NOW: Wall = Wall(1_800_000_000_000);

    fn datum(name: &str, value: f64, dimensions: &[(&str, &str)], at: Wall) -> Datum {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Datum {
            sample: Sample {
                name: name.to_owned(),
                unit: Unit::Count,
                value: Value::One(value),
                dimensions,
                is_high_resolution: false,
            },
            at,
        }
    }

    #[test]
    fn what_cloudwatch_would_refuse_is_known_beforehand() {
        let long = "x".repeat(256);
        let many: Vec<_> = (0..31).map(|_| ("name", "value")).collect();
        let good = [
            datum("CPU", 2f64.powi(360), &[("InstanceId", "rpi-1")], NOW),
            datum("CPU", -0.0, &[], Wall(NOW.0 - MAX_AGE_MS)),
            datum("CPU", 1.0, &[], Wall(NOW.0 + MAX_AHEAD_MS)),
        ];
        for datum in good {
            assert_eq!(problem(&datum, Some(NOW)), None, "{datum:?}");
        }
        let bad = [
            datum("CPU", f64::NAN, &[], NOW),
            datum("CPU", f64::INFINITY, &[], NOW),
            datum("CPU", 2f64.powi(361), &[], NOW),
            datum("", 1.0, &[], NOW),
            datum(&long, 1.0, &[], NOW),
            datum("Größe", 1.0, &[], NOW),
            datum("CPU", 1.0, &many, NOW),
            datum("CPU", 1.0, &[(":x", "y")], NOW),
            datum("CPU", 1.0, &[("x", " ")], NOW),
            datum("CPU", 1.0, &[], Wall(NOW.0 - MAX_AGE_MS - 1)),
            datum("CPU", 1.0, &[], Wall(NOW.0 + MAX_AHEAD_MS + 1)),
        ];
        for datum in bad {
            assert!(problem(&datum, Some(NOW)).is_some(), "{datum:?}");
        }
    }

    #[test]
    fn a_clock_that_cannot_be_trusted_judges_no_time() {
        assert_eq!(problem(&datum("CPU", 1.0, &[], Wall(0)), None), None);
    }

    #[test]
    fn a_request_holds_a_thousand_small_datums_and_fewer_large_ones() {
        let small: Vec<_> = (0..1_500).map(|_| datum("CPU", 1.0, &[("InstanceId", "rpi-1")], NOW)).collect();
        assert_eq!(first_request(&small), MAX_DATUMS);
        let value = "v".repeat(1_000);
        let large: Vec<_> = (0..900).map(|_| datum("CPU", 1.0, &[("a", &value), ("b", &value)], NOW)).collect();
        let count = first_request(&large);
        assert!(count < 500 && count * 2_000 <= MAX_REQUEST_BYTES, "{count}");
        assert_eq!(first_request(&[]), 0);
    }

    fn many(counted: Vec<(f64, f64)>) -> Sample {
        Sample { value: Value::Distribution(distribution(&counted)), ..datum("D", 0.0, &[], NOW).sample }
    }

    #[test]
    fn a_distribution_of_too_many_values_becomes_several_that_count_nothing_twice() {
        let counted: Vec<(f64, f64)> = (0..400).map(|value| (f64::from(value), f64::from(value % 3 + 1))).collect();
        let mut samples = vec![many(counted.clone())];
        let Value::Distribution(whole) = samples[0].value.clone() else { panic!("a distribution") };
        let made = requests([(&mut samples, NOW)].into_iter(), Some(NOW));
        assert!(made.given_up.is_empty(), "{:?}", made.given_up);
        let parts: Vec<Distribution> = made
            .requests
            .iter()
            .flatten()
            .map(|datum| match &datum.sample.value {
                Value::Distribution(part) => part.clone(),
                Value::One(_) => panic!("a distribution"),
            })
            .collect();
        assert_eq!(parts.iter().map(|part| part.counted.len()).collect::<Vec<_>>(), [150, 150, 100]);
        assert_eq!(parts.iter().flat_map(|part| part.counted.clone()).collect::<Vec<_>>(), counted);
        assert_eq!(parts.iter().map(|part| part.count).sum::<f64>(), whole.count);
        assert_eq!(parts.iter().map(|part| part.sum).sum::<f64>(), whole.sum);
        assert_eq!((parts[0].minimum, parts[2].maximum), (0.0, 399.0));
        assert_eq!(samples.len(), 3, "the round has what the requests have");
    }

    #[test]
    fn a_distribution_that_counts_nothing_is_left_out() {
        let mut none = many(vec![(1.0, 1.0)]);
        if let Value::Distribution(it) = &mut none.value {
            it.counted[0].1 = 0.0;
        }
        for bad in [none, many(Vec::new()), many(vec![(f64::NAN, 1.0)])] {
            assert!(problem(&Datum { sample: bad.clone(), at: NOW }, Some(NOW)).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn one_bad_sample_never_loses_its_neighbours() {
        let sample = |name, value| datum(name, value, &[], NOW).sample;
        let mut samples = vec![sample("A", 1.0), sample("B", f64::NAN), sample("C", 1.0)];
        let made = requests([(&mut samples, NOW)].into_iter(), Some(NOW));
        let names: Vec<_> = made.requests.iter().flatten().map(|datum| datum.sample.name.as_str()).collect();
        assert_eq!(names, ["A", "C"]);
        assert_eq!(samples.iter().map(|sample| sample.name.as_str()).collect::<Vec<_>>(), names);
        assert_eq!(made.given_up.values().sum::<usize>(), 1);
    }
}

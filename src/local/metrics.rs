//! Keeps the newest points of every metric.
//!
//! A metric is its namespace, name, unit and dimensions, the latter in any order. Points lie in the order of their own times, which
//! after an outage is not the order in which they came; a point's serial number is the cursor of whoever follows.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::{BTreeMap, VecDeque};

use super::metric_rules::{Datum, Request, check, millis};
use super::refusal::Refusal;
use crate::record::Wall;

/// No more metrics than this are kept; more are counted only. A bound for memory, far beyond what one host has.
const MAX_SERIES: usize = 4096;

/// What arrived for a metric at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// Above that of every point taken before.
    pub serial: u64,
    /// The value; where several came, their mean.
    pub value: f64,
    /// How many samples it stands for.
    pub count: f64,
    /// The smallest of them.
    pub minimum: f64,
    /// The largest of them.
    pub maximum: f64,
}

/// A metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Unit in CloudWatch's spelling.
    pub unit: String,
    /// Name and value pairs in the order in which they first came.
    pub dimensions: Vec<(String, String)>,
    /// The newest points by time.
    pub points: VecDeque<Point>,
    /// The serial number of the point that came last.
    pub last_serial: u64,
}

impl Series {
    /// The value of a dimension.
    pub fn dimension(&self, name: &str) -> Option<&str> {
        self.dimensions.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }
}

type Key = (String, String, String, Vec<(String, String)>);

/// Every metric.
#[derive(Debug, Default)]
pub struct Metrics {
    series: Vec<Series>,
    by_key: BTreeMap<Key, usize>,
    keep_points: usize,
    serial: u64,
}

impl Metrics {
    /// An empty store that keeps up to `keep_points` points of each metric; with 0 it only counts.
    pub fn new(keep_points: usize) -> Self {
        Self { keep_points, ..Self::default() }
    }

    /// Every metric, in the order in which they first came.
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The serial number of the newest point.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// Takes a request, or refuses it whole. How many datums were taken.
    pub fn put(&mut self, request: &Request, now: Wall) -> Result<usize, Refusal> {
        check(request, now)?;
        let namespace = request.namespace.as_deref().unwrap_or_default();
        for datum in &request.data {
            self.serial += 1;
            if self.keep_points > 0 {
                self.keep(namespace, datum, now);
            }
        }
        Ok(request.data.len())
    }

    fn keep(&mut self, namespace: &str, datum: &Datum, now: Wall) {
        let (serial, keep_points) = (self.serial, self.keep_points);
        let Some(series) = self.series_of(namespace, datum) else {
            return;
        };
        let at = datum.timestamp_seconds.and_then(millis).unwrap_or(now.0);
        let place = series.points.partition_point(|point| point.timestamp <= at);
        series.points.insert(place, point(datum, at, serial));
        series.last_serial = serial;
        if series.points.len() > keep_points {
            series.points.pop_front();
        }
    }

    fn series_of(&mut self, namespace: &str, datum: &Datum) -> Option<&mut Series> {
        let name = datum.name.clone().unwrap_or_default();
        let unit = datum.unit.clone().unwrap_or_else(|| "None".into());
        let mut sorted = datum.dimensions.clone();
        sorted.sort();
        let key = (namespace.to_owned(), name.clone(), unit.clone(), sorted);
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None if self.series.len() >= MAX_SERIES => return None,
            None => {
                self.series.push(Series {
                    namespace: namespace.to_owned(),
                    name,
                    unit,
                    dimensions: datum.dimensions.clone(),
                    points: VecDeque::new(),
                    last_serial: 0,
                });
                self.by_key.insert(key, self.series.len() - 1);
                self.series.len() - 1
            }
        };
        self.series.get_mut(index)
    }
}

fn point(datum: &Datum, timestamp: i64, serial: u64) -> Point {
    if let Some(set) = datum.statistics {
        let (count, sum) = (set.count.unwrap_or(1.0), set.sum.unwrap_or_default());
        let (minimum, maximum) = (set.minimum.unwrap_or_default(), set.maximum.unwrap_or_default());
        return Point { timestamp, serial, value: sum / count, count, minimum, maximum };
    }
    let Some(values) = &datum.values else {
        let value = datum.value.unwrap_or_default();
        return Point { timestamp, serial, value, count: 1.0, minimum: value, maximum: value };
    };
    let count_of = |index: usize| datum.counts.as_ref().and_then(|counts| counts.get(index)).copied().unwrap_or(1.0);
    let count: f64 = (0..values.len()).map(count_of).sum();
    let sum: f64 = values.iter().enumerate().map(|(index, value)| value * count_of(index)).sum();
    let minimum = values.iter().copied().fold(f64::INFINITY, f64::min);
    let maximum = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Point { timestamp, serial, value: sum / count, count, minimum, maximum }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_795_233_628_000);

    fn put(metrics: &mut Metrics, datum: Datum) {
        let request = Request { namespace: Some("System/Test".into()), data: vec![datum], has_entities: false };
        metrics.put(&request, NOW).unwrap();
    }

    fn datum(seconds_ago: f64, value: f64, dimensions: &[(&str, &str)]) -> Datum {
        #[allow(clippy::cast_precision_loss)]
        let now = NOW.0 as f64 / 1000.0;
        Datum {
            name: Some("M".into()),
            dimensions: dimensions.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            timestamp_seconds: Some(now - seconds_ago),
            value: Some(value),
            ..Datum::default()
        }
    }

    #[test]
    fn points_that_come_late_lie_at_their_own_time() {
        let mut metrics = Metrics::new(3);
        for (ago, value) in [(10.0, 1.0), (0.0, 3.0), (5.0, 2.0), (20.0, 0.0)] {
            put(&mut metrics, datum(ago, value, &[]));
        }
        let values: Vec<f64> = metrics.series()[0].points.iter().map(|point| point.value).collect();
        assert_eq!(values, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn the_order_of_dimensions_does_not_make_another_metric() {
        let mut metrics = Metrics::new(3);
        put(&mut metrics, datum(0.0, 1.0, &[("A", "1"), ("B", "2")]));
        put(&mut metrics, datum(0.0, 1.0, &[("B", "2"), ("A", "1")]));
        put(&mut metrics, datum(0.0, 1.0, &[("B", "2"), ("A", "2")]));
        assert_eq!(metrics.series().len(), 2);
        assert_eq!(metrics.series()[1].dimension("A"), Some("2"));
    }

    #[test]
    fn several_values_become_their_mean_with_its_bounds() {
        let mut metrics = Metrics::new(3);
        let mut several = datum(0.0, 0.0, &[]);
        (several.value, several.values, several.counts) = (None, Some(vec![1.0, 4.0]), Some(vec![2.0, 1.0]));
        put(&mut metrics, several);
        let point = metrics.series()[0].points[0];
        assert_eq!((point.value, point.count, point.minimum, point.maximum), (2.0, 3.0, 1.0, 4.0));
    }
}

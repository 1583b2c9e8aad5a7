//! Golden tables: a configuration and figures on the left, what is sent on the right.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{self, Collected};

fn facts() -> Facts {
    Facts { instance_id: "rpi-1".to_owned(), hostname: "pi".to_owned(), ..Facts::default() }
}

fn config(metrics: &str) -> Config {
    let text = format!(r#"{{"metrics": {metrics}}}"#);
    config::parse(&text, Path::new("/x.json"), &|_| None).unwrap_or_else(|failure| panic!("{failure}")).config
}

fn reading(field: &'static str, dimensions: &[(&'static str, &str)], value: f64) -> Reading {
    let dimensions = dimensions.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Reading { field, dimensions, value }
}

/// What the first section makes of the figures, a line each.
fn planned(metrics: &str, readings: Vec<Reading>) -> Vec<String> {
    let config = config(metrics);
    let Collected::Chosen { collectors, .. } = &config.metrics.collected else { panic!("sections") };
    let plan = Plan::of(&collectors[0], &facts());
    shown(&plan.samples(&Common::of(&config, &facts()), readings).samples)
}

fn shown(samples: &[Sample]) -> Vec<String> {
    let line = |sample: &Sample| {
        let value = match &sample.value {
            Value::One(value) => format!("{value}"),
            Value::Distribution(many) => {
                let counted: Vec<String> =
                    many.counted.iter().map(|(value, count)| format!("{value}x{count}")).collect();
                format!("[{}] {}..{} sum {} of {}", counted.join(" "), many.minimum, many.maximum, many.sum, many.count)
            }
        };
        let pairs: Vec<String> = sample.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let fast = if sample.is_high_resolution { " fast" } else { "" };
        format!("{} {value} {}{fast} {{{}}}", sample.name, sample.unit.name(), pairs.join(","))
    };
    samples.iter().map(line).collect()
}

fn disks() -> Vec<Reading> {
    let disk = |path: &str, percent: f64| {
        [reading("used_percent", &[("path", path)], percent), reading("used", &[("path", path)], percent * 10.0)]
    };
    [disk("/", 50.0), disk("/boot", 50.0), disk("/data", 80.0)].concat()
}

#[test]
fn only_what_is_named_is_sent_under_its_new_name_and_unit() {
    let metrics = r#"{"metrics_collected": {"disk": {"metrics_collection_interval": 10, "measurement":
        ["disk_used_percent", {"name": "used", "rename": "DISK_USED", "unit": "kilobytes"}]}}}"#;
    let readings = vec![disks()[0].clone(), disks()[1].clone(), reading("free", &[("path", "/")], 1.0)];
    assert_eq!(
        planned(metrics, readings),
        [
            "disk_used_percent 50 Percent fast {path=/,InstanceId=rpi-1,host=pi}",
            "DISK_USED 500 Kilobytes fast {path=/,InstanceId=rpi-1,host=pi}",
        ]
    );
}

#[test]
fn of_two_dimensions_with_one_name_the_nearer_counts() {
    let metrics = r#"{"append_dimensions": {"path": "far", "site": "{instance_id} of {hostname}", "d": "common"},
        "metrics_collected": {"disk": {"measurement": ["used"], "append_dimensions": {"d": "own", "path": "middle"}}}}"#;
    assert_eq!(
        planned(metrics, vec![reading("used", &[("path", "/")], 1.0)]),
        ["disk_used 1 Bytes {path=/,d=own,site=rpi-1 of pi}"]
    );
}

#[test]
fn each_set_of_dimensions_is_summed_up_over_all_others() {
    let metrics = r#"{"aggregation_dimensions": [["InstanceId"], [], ["path", "InstanceId", "host"], ["ImageId"]],
        "metrics_collected": {"disk": {"measurement": ["used_percent"]}}}"#;
    assert_eq!(
        planned(metrics, disks()),
        [
            "disk_used_percent 50 Percent {path=/,InstanceId=rpi-1,host=pi}",
            "disk_used_percent 50 Percent {path=/boot,InstanceId=rpi-1,host=pi}",
            "disk_used_percent 80 Percent {path=/data,InstanceId=rpi-1,host=pi}",
            "disk_used_percent [50x2 80x1] 50..80 sum 180 of 3 Percent {InstanceId=rpi-1}",
            "disk_used_percent [50x2 80x1] 50..80 sum 180 of 3 Percent {}",
        ]
    );
}

#[test]
fn what_is_dropped_is_sent_as_sums_alone() {
    let metrics = r#"{"aggregation_dimensions": [["InstanceId"]], "metrics_collected":
        {"disk": {"measurement": [{"name": "used_percent", "rename": "FULL"}, "used"], "drop_original_metrics": ["FULL"]}}}"#;
    let readings = disks()[..2].to_vec();
    assert_eq!(
        planned(metrics, readings),
        [
            "disk_used 500 Bytes {path=/,InstanceId=rpi-1,host=pi}",
            "FULL 50 Percent {InstanceId=rpi-1}",
            "disk_used 500 Bytes {InstanceId=rpi-1}",
        ]
    );
}

#[test]
fn a_figure_that_is_no_number_costs_neither_its_neighbours_nor_their_sum() {
    let config =
        config(r#"{"aggregation_dimensions": [[]], "metrics_collected": {"cpu": {"measurement": ["usage_idle"]}}}"#);
    let Collected::Chosen { collectors, .. } = &config.metrics.collected else { panic!("sections") };
    let cpu = |name, value| reading("usage_idle", &[("cpu", name)], value);
    let readings = vec![cpu("cpu0", 1.0), cpu("cpu1", f64::NAN), cpu("cpu2", f64::INFINITY), cpu("cpu3", 3.0)];
    let made = Plan::of(&collectors[0], &facts()).samples(&Common::of(&config, &facts()), readings);
    assert_eq!(made.left_out, 2);
    assert_eq!(
        shown(&made.samples),
        [
            "cpu_usage_idle 1 Percent {cpu=cpu0,InstanceId=rpi-1,host=pi}",
            "cpu_usage_idle 3 Percent {cpu=cpu3,InstanceId=rpi-1,host=pi}",
            "cpu_usage_idle [1x1 3x1] 1..3 sum 4 of 2 Percent {}",
        ]
    );
}

#[test]
fn a_value_that_cloudwatch_would_refuse_is_spelt_out_and_an_empty_one_left_out() {
    let metrics = r#"{"metrics_collected": {"disk": {"measurement": ["used"]}}}"#;
    let at = |path| reading("used", &[("path", path), ("device", ""), ("fstype", " ")], 1.0);
    let lines = planned(metrics, vec![at("/media/Größe"), at("/media/Große\n")]);
    assert_eq!(
        lines,
        [
            "disk_used 1 Bytes {path=/media/Gr%C3%B6%C3%9Fe,InstanceId=rpi-1,host=pi}",
            "disk_used 1 Bytes {path=/media/Gro%C3%9Fe%0A,InstanceId=rpi-1,host=pi}",
        ]
    );
}

#[test]
fn the_dimensions_of_every_metric_are_those_that_are_known_here_or_the_default_ones() {
    let of = |text: &str| {
        let text = format!("{{{text}}}");
        let config = config::parse(&text, Path::new("/x.json"), &|_| None).unwrap().config;
        let pairs = Common::of(&config, &facts()).dimensions;
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
    };
    let table = [
        (r#""agent": {}"#, "InstanceId=rpi-1,Hostname=pi"),
        (r#""agent": {"omit_hostname": true}"#, "InstanceId=rpi-1"),
        (r#""metrics": {"metrics_collected": {"mem": true}}"#, "InstanceId=rpi-1,host=pi"),
        (r#""metrics": {"append_dimensions": {"Site": "{hostname}"}}"#, "Site=pi"),
        (r#""metrics": {"append_dimensions": {}}"#, "InstanceId=rpi-1,Hostname=pi"),
        (r#""metrics": {"append_dimensions": {"InstanceId": "${aws:InstanceId}"}}"#, "InstanceId=rpi-1,Hostname=pi"),
        (r#""metrics": {"append_dimensions": {"ImageId": "${aws:ImageId}", "Site": "a"}}"#, "Site=a"),
    ];
    for (text, expected) in table {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn what_programs_sent_gets_the_dimensions_of_every_metric_and_sums_too() {
    let metrics = r#"{"aggregation_dimensions": [["InstanceId"]], "metrics_collected": {"statsd": true}}"#;
    let many = |values: &[f64]| {
        together(&values.iter().map(|value| Value::One(*value)).collect::<Vec<_>>().iter().collect::<Vec<_>>())
    };
    let sample = |tag: &str, values: &[f64]| Sample {
        name: "latency".to_owned(),
        unit: Unit::None,
        value: many(values),
        dimensions: [("tag".to_owned(), tag.to_owned())].into(),
        is_high_resolution: false,
    };
    let found = vec![sample("a", &[1.0, 2.0, 2.0]), sample("b", &[2.0, 5.0])];
    let made = Common::of(&config(metrics), &facts()).samples(found, |name| name == "latency");
    assert_eq!(shown(&made.samples), ["latency [1x1 2x3 5x1] 1..5 sum 12 of 5 None {InstanceId=rpi-1}"]);
}

proptest! {
    /// Whatever is summed up, nothing is counted twice and nothing is lost.
    #[test]
    fn a_sum_has_as_many_figures_as_went_into_it(values in prop::collection::vec(-1e6..1e6f64, 1..60)) {
        let all: Vec<Value> = values.iter().map(|value| Value::One(*value)).collect();
        match together(&all.iter().collect::<Vec<_>>()) {
            Value::One(value) => prop_assert_eq!(vec![value], values),
            Value::Distribution(many) => {
                prop_assert_eq!(many.count, values.len() as f64);
                prop_assert_eq!(many.counted.iter().map(|(_, count)| count).sum::<f64>(), many.count);
                prop_assert_eq!(many.sum, values.iter().sum::<f64>());
                prop_assert!(values.iter().all(|value| (many.minimum..=many.maximum).contains(value)));
            }
        }
    }
}

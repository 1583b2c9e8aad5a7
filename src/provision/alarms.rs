//! The alarms of a system: its heartbeat is missing, its disk is full, its agent refuses records.
//!
//! Each is a query of Metrics Insights: an alarm on a metric needs its exact dimensions, and neither the host name nor the file
//! system's device and type are known here. The rule that is easy to break: the name of an alarm is how it is found again, so
//! that a second run changes it and `remove` deletes it.

use std::collections::HashSet;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::Builder;
use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricDataQuery};

use super::call::CallError;
use super::metric_names::{DISK_USED_PERCENT, HEARTBEAT, SELF_RECORDS_REFUSED};
use super::pace::Category;
use super::road::Road;

/// Dollars a month for each metric that an alarm's query reads: one, in each of ours (CloudWatch's price list for us-east-1,
/// read 2026-11-21).
pub const DOLLARS_A_MONTH: f64 = 0.10;

/// Alarms on queries that an account has in a region (`alarm-limits` of CloudWatch's user guide, read 2026-11-21).
pub const QUOTA: usize = 200;

/// How many alarms a system has.
pub const A_SYSTEM: usize = 3;

/// Nine tenths of CloudWatch's 3 a second, as `pace` has it.
const ALARMS_IN_TEN_SECONDS: usize = 27;

/// How every alarm of ours is called first.
const NAME: &str = "cloudwatch-publisher ";

/// What the alarms look at, beside the system's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Where its metrics are.
    pub namespace: String,
    /// How far apart heartbeats come, in whole minutes.
    pub heartbeat_seconds: i32,
    /// How far apart figures of disks come.
    pub disk_seconds: i32,
    /// How far apart figures of the agent come.
    pub refusing_seconds: i32,
}

/// The most names that `DescribeAlarms` and `DeleteAlarms` take.
const NAMES: usize = 100;

/// One alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// `cloudwatch-publisher SYSTEM heartbeat`.
    pub name: String,
    /// What is wrong when it rings, and what to look at.
    pub description: String,
    /// What is looked at.
    pub query: String,
    comparison: ComparisonOperator,
    threshold: f64,
    period_seconds: i32,
    /// In so many periods on end.
    periods: i32,
    /// Whether nothing to look at is as bad.
    missing: &'static str,
}

const REFUSING: &str = "CloudWatch refuses records: see the agent's own log";

/// The alarms of a system.
pub fn of_system(id: &str, watched: &Watched) -> [Alarm; A_SYSTEM] {
    let namespace = &watched.namespace;
    let silence = format!("no sign of life for {} minutes", 3 * watched.heartbeat_seconds / 60);
    let alarm = |kind, what: &str, metric: &str, period_seconds| Alarm {
        name: name(id, kind),
        description: format!("{id}: {what}"),
        // Neither can hold a quote: `systems` and the rules for namespaces see to that.
        query: format!("SELECT MAX({metric}) FROM \"{namespace}\" WHERE InstanceId = '{id}'"),
        comparison: ComparisonOperator::GreaterThanThreshold,
        threshold: 0.0,
        periods: 3,
        period_seconds,
        missing: "missing",
    };
    [
        Alarm {
            comparison: ComparisonOperator::LessThanThreshold,
            threshold: 1.0,
            missing: "breaching",
            ..alarm("heartbeat", &silence, HEARTBEAT, watched.heartbeat_seconds)
        },
        Alarm {
            threshold: 90.0,
            ..alarm("disk", "a file system is over 90 % full", DISK_USED_PERCENT, watched.disk_seconds)
        },
        Alarm {
            periods: 1,
            missing: "notBreaching",
            ..alarm("refusing", REFUSING, SELF_RECORDS_REFUSED, watched.refusing_seconds)
        },
    ]
}

/// The names of a system's alarms.
pub fn names(id: &str) -> [String; A_SYSTEM] {
    ["heartbeat", "disk", "refusing"].map(|kind| name(id, kind))
}

fn name(id: &str, kind: &str) -> String {
    format!("{NAME}{id} {kind}")
}

/// Whose alarm is called so; none where it is not one of ours.
fn system_of(name: &str) -> Option<&str> {
    let (id, _) = name.strip_prefix(NAME)?.rsplit_once(' ')?;
    names(id).iter().any(|each| each == name).then_some(id)
}

/// What alarms for so many systems cost and take, in words.
pub fn price(systems: usize) -> String {
    let alarms = systems * A_SYSTEM;
    #[allow(clippy::cast_precision_loss, reason = "no fleet has 2^52 alarms")]
    let dollars = alarms as f64 * DOLLARS_A_MONTH;
    let seconds = alarms * 10 / ALARMS_IN_TEN_SECONDS;
    let mut text = format!(
        "{A_SYSTEM} alarms for each of {systems} systems: {alarms} alarms, at least ${dollars:.2} a month \
         (${DOLLARS_A_MONTH:.2} each, us-east-1, early 2026), made in about {seconds} s\na heartbeat alarm rings until its \
         device has reported"
    );
    if alarms > QUOTA {
        text.push_str(&format!(
            "\nan account has {QUOTA} such alarms in a region unless AWS raised it (Service Quotas, CloudWatch, \
             alarms on Metrics Insights queries)"
        ));
    }
    text
}

/// CloudWatch's alarms.
#[derive(Clone, Debug)]
pub struct Alarms {
    client: Client,
    /// Whom an alarm tells; none where people look at the console.
    pub topic: Option<String>,
}

impl Alarms {
    /// Those of the account and region of `sdk`.
    pub fn new(sdk: &SdkConfig, topic: Option<String>) -> Self {
        let settings = Builder::from(sdk).retry_config(RetryConfig::disabled());
        Self { client: Client::from_conf(settings.build()), topic }
    }

    /// Makes the alarms of a system, or makes them anew.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn put(&self, road: &Road, id: &str, watched: &Watched) -> Result<(), CallError> {
        for alarm in of_system(id, watched) {
            road.send("PutMetricAlarm", Category::Alarms, || self.put_one(&alarm)).await?;
        }
        Ok(())
    }

    async fn put_one(&self, alarm: &Alarm) -> Result<(), CallError> {
        let query = MetricDataQuery::builder().id("q1").expression(&alarm.query).return_data(true);
        let query = query.period(alarm.period_seconds).build();
        let topic: Option<Vec<String>> = self.topic.clone().map(|topic| vec![topic]);
        let asked = self.client.put_metric_alarm().alarm_name(&alarm.name).alarm_description(&alarm.description);
        let asked = asked.metrics(query).comparison_operator(alarm.comparison.clone()).threshold(alarm.threshold);
        let asked = asked.evaluation_periods(alarm.periods).treat_missing_data(alarm.missing);
        let answer = asked.set_alarm_actions(topic.clone()).set_ok_actions(topic).send().await;
        answer.map(drop).map_err(|error| CallError::new(format!("making the alarm `{}`", alarm.name), error))
    }

    /// Deletes the alarms of systems; how many there were.
    ///
    /// # Errors
    /// What CloudWatch says.
    pub async fn delete(&self, road: &Road, ids: &[String]) -> Result<usize, CallError> {
        let names: Vec<String> = ids.iter().flat_map(|id| names(id)).collect();
        let mut deleted = 0;
        for names in names.chunks(NAMES) {
            // One name that is not there would keep all the others.
            let there = road.send("DescribeAlarms", Category::Alarms, || self.there(names)).await?;
            if !there.is_empty() {
                road.send("DeleteAlarms", Category::Alarms, || self.delete_named(&there)).await?;
                deleted += there.len();
            }
        }
        Ok(deleted)
    }

    /// Deletes every alarm of ours whose system is one of these, in a pool that may have many systems and few alarms; how many
    /// there were. `systems` is asked for once there is an alarm.
    ///
    /// # Errors
    /// What CloudWatch says, or whoever knows the systems.
    pub async fn delete_all<F>(&self, road: &Road, systems: F) -> Result<usize, CallError>
    where
        F: Future<Output = Result<HashSet<String>, CallError>>,
    {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = road.send("DescribeAlarms", Category::Alarms, || self.page(token.clone())).await;
            let (page, next) = page?;
            names.extend(page);
            token = next;
            if token.is_none() {
                break;
            }
        }
        if names.is_empty() {
            return Ok(0);
        }
        let systems = systems.await?;
        names.retain(|name| system_of(name).is_some_and(|id| systems.contains(id)));
        for names in names.chunks(NAMES) {
            road.send("DeleteAlarms", Category::Alarms, || self.delete_named(names)).await?;
        }
        Ok(names.len())
    }

    async fn page(&self, token: Option<String>) -> Result<(Vec<String>, Option<String>), CallError> {
        let asked = self.client.describe_alarms().alarm_name_prefix(NAME).max_records(100).set_next_token(token);
        let answer = asked.send().await.map_err(|error| CallError::new("looking for alarms", error))?;
        let alarms = answer.metric_alarms.unwrap_or_default();
        Ok((alarms.into_iter().filter_map(|alarm| alarm.alarm_name).collect(), answer.next_token))
    }

    async fn there(&self, names: &[String]) -> Result<Vec<String>, CallError> {
        let asked = self.client.describe_alarms().set_alarm_names(Some(names.to_vec())).max_records(100);
        let answer = asked.send().await.map_err(|error| CallError::new("looking for alarms", error))?;
        let alarms = answer.metric_alarms.unwrap_or_default();
        Ok(alarms.into_iter().filter_map(|alarm| alarm.alarm_name).collect())
    }

    async fn delete_named(&self, names: &[String]) -> Result<(), CallError> {
        let answer = self.client.delete_alarms().set_alarm_names(Some(names.to_vec())).send().await;
        answer.map(drop).map_err(|error| CallError::new("deleting alarms", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> Watched {
        let namespace = "System/RaspberryPi".to_string();
        Watched { namespace, heartbeat_seconds: 300, disk_seconds: 600, refusing_seconds: 900 }
    }

    #[test]
    fn a_system_has_three_alarms_that_are_found_again_by_name() {
        let alarms = of_system("rpi-1", &watched());
        assert_eq!(alarms.clone().map(|alarm| alarm.name), names("rpi-1"));
        assert_eq!(alarms[0].name, "cloudwatch-publisher rpi-1 heartbeat");
        assert_eq!(alarms[0].description, "rpi-1: no sign of life for 15 minutes");
        assert_eq!(
            alarms[1].query,
            "SELECT MAX(disk_used_percent) FROM \"System/RaspberryPi\" WHERE InstanceId = 'rpi-1'"
        );
    }

    #[test]
    fn a_system_that_is_silent_rings_and_one_without_refused_records_does_not() {
        let [heartbeat, disk, refusing] = of_system("rpi-1", &watched()).map(|alarm| alarm.missing);
        assert_eq!([heartbeat, disk, refusing], ["breaching", "missing", "notBreaching"]);
    }

    #[test]
    fn each_alarm_looks_as_often_as_its_own_metric_comes() {
        assert_eq!(of_system("rpi-1", &watched()).map(|alarm| alarm.period_seconds), [300, 600, 900]);
    }

    #[test]
    fn an_alarm_is_known_by_its_name_and_what_another_made_is_not_ours() {
        for id in ["rpi-1", "a-b.c_d"] {
            for name in names(id) {
                assert_eq!(system_of(&name), Some(id), "{name}");
            }
        }
        for name in ["cloudwatch-publisher rpi-1 cpu", "cloudwatch-publisher disk", "rpi-1 disk", "x rpi-1 disk"] {
            assert_eq!(system_of(name), None, "{name}");
        }
    }

    #[test]
    fn each_alarm_looks_at_its_metric() {
        for (alarm, name) in
            of_system("rpi-1", &watched()).iter().zip([HEARTBEAT, DISK_USED_PERCENT, SELF_RECORDS_REFUSED])
        {
            assert!(alarm.query.contains(&format!("MAX({name})")), "{}", alarm.query);
        }
    }

    #[test]
    fn the_price_is_said_and_so_is_a_quota_that_it_passes() {
        assert_eq!(
            price(12),
            "3 alarms for each of 12 systems: 36 alarms, at least $3.60 a month ($0.10 each, us-east-1, early 2026), made in \
             about 13 s\na heartbeat alarm rings until its device has reported"
        );
        assert!(price(67).contains("an account has 200 such alarms"));
        assert!(!price(66).contains("an account has"));
    }
}

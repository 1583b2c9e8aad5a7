//! The operations of CloudWatch Logs: JSON in, JSON out (AWS JSON 1.1).
//!
//! Checks stand in the order of AWS: what the model says of each member, then what exists, then times.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::faults::Faults;
use super::log_rules::{Event, check_batch, check_group_name, check_retention, check_stream_name};
use super::logs::Logs;
use super::operation::Operation;
use super::refusal::Refusal;
use crate::record::Wall;

/// The region in made-up resource names.
const ARN: &str = "arn:aws:logs:local:000000000000:log-group:";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutLogEvents<'a> {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    #[serde(borrow)]
    log_events: Option<Vec<Event<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_group_class: Option<String>,
    kms_key_id: Option<String>,
    retention_in_days: Option<i64>,
    log_group_name_prefix: Option<String>,
    log_stream_name_prefix: Option<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// Does one operation. The answer's body; none where AWS answers with an empty one.
pub fn call(
    logs: &mut Logs,
    counts: &mut Counts,
    faults: &mut Faults,
    operation: Operation,
    body: &[u8],
    now: Wall,
) -> Result<Option<Value>, Refusal> {
    if operation == Operation::PutLogEvents {
        return put_log_events(logs, counts, faults, &parse(body)?, now).map(Some);
    }
    let asked: Named = parse(body)?;
    let group = asked.log_group_name.as_deref();
    match operation {
        Operation::CreateLogGroup => {
            let name = check_group_name(group, true)?;
            let class = asked.log_group_class.as_deref().unwrap_or("STANDARD");
            if !["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"].contains(&class) {
                let offered = "satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]";
                return Err(Refusal::constraint(class, "logGroupClass", offered));
            }
            if let Some(key) = asked.kms_key_id.as_deref() {
                // Nobody has keys here.
                return Err(Refusal::parameter(format!("The specified KMS Key Id could not be found: {key}")));
            }
            logs.create_group(name, class, now).map(|()| None)
        }
        Operation::CreateLogStream => {
            let stream = check_stream_name(asked.log_stream_name.as_deref())?;
            logs.create_stream(check_group_name(group, false)?, stream, now).map(|()| None)
        }
        Operation::PutRetentionPolicy => {
            let days = check_retention(asked.retention_in_days)?;
            logs.put_retention(check_group_name(group, false)?, days).map(|()| None)
        }
        Operation::DescribeLogGroups => describe_groups(logs, &asked).map(Some),
        Operation::DescribeLogStreams => describe_streams(logs, &asked).map(Some),
        _ => Err(unknown()),
    }
}

/// The group that a request is about.
pub fn group(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct About {
        log_group_name: Option<String>,
    }
    parse::<About>(body).ok()?.log_group_name
}

/// An operation that this endpoint does not have.
pub fn unknown() -> Refusal {
    Refusal::new("UnknownOperationException", "The operation is not known to this endpoint.")
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

fn put_log_events(
    logs: &mut Logs,
    counts: &mut Counts,
    faults: &mut Faults,
    asked: &PutLogEvents<'_>,
    now: Wall,
) -> Result<Value, Refusal> {
    let group = check_group_name(asked.log_group_name.as_deref(), false)?;
    let stream = check_stream_name(asked.log_stream_name.as_deref())?;
    let events = asked.log_events.as_deref();
    if faults.poisons(events.unwrap_or_default().iter().map(|event| &*event.message)) {
        check_batch(events)?;
        return Err(Refusal::parameter("The batch holds an event that is not valid."));
    }
    let taken = logs.put_events(group, stream, events, now)?;
    counts.took_batch(&taken, events.map_or(0, <[_]>::len));
    Ok(taken.rejected.info().map_or_else(|| json!({}), |info| json!({ "rejectedLogEventsInfo": info })))
}

fn describe_groups(logs: &Logs, asked: &Named) -> Result<Value, Refusal> {
    let prefix = asked.log_group_name_prefix.as_deref().unwrap_or_default();
    let matching = logs.groups.iter().filter(|(name, _)| name.starts_with(prefix));
    let described = matching.map(|(name, group)| {
        let mut entry = json!({
            "logGroupName": name, "creationTime": group.created, "metricFilterCount": 0, "storedBytes": 0,
            "arn": format!("{ARN}{name}:*"), "logGroupArn": format!("{ARN}{name}"), "logGroupClass": group.class,
        });
        if let Some(days) = group.retention_days {
            entry["retentionInDays"] = json!(days);
        }
        (Cow::Borrowed(&**name), entry)
    });
    page_of(described, "logGroups", asked)
}

fn describe_streams(logs: &Logs, asked: &Named) -> Result<Value, Refusal> {
    let name = check_group_name(asked.log_group_name.as_deref(), false)?;
    let missing = || Refusal::new("ResourceNotFoundException", "The specified log group does not exist.");
    let group = logs.groups.get(name).ok_or_else(missing)?;
    let prefix = asked.log_stream_name_prefix.as_deref().unwrap_or_default();
    let matching = group.streams.iter().filter(|(name, _)| name.starts_with(prefix));
    let described = matching.map(|(stream, held)| {
        let mut entry = json!({
            "logStreamName": stream, "creationTime": held.created, "storedBytes": 0,
            "arn": format!("{ARN}{name}:log-stream:{stream}"), "uploadSequenceToken": "0",
        });
        if let Some(at) = held.last_ingestion {
            entry["lastIngestionTime"] = json!(at);
        }
        (Cow::Borrowed(&**stream), entry)
    });
    page_of(described, "logStreams", asked)
}

/// Up to `limit` (1–50) entries after the one that `nextToken` names.
fn page_of<'a>(
    entries: impl Iterator<Item = (Cow<'a, str>, Value)>,
    member: &str,
    asked: &Named,
) -> Result<Value, Refusal> {
    let limit = asked.limit.unwrap_or(50);
    let count = usize::try_from(limit)
        .ok()
        .filter(|count| (1..=50).contains(count))
        .ok_or_else(|| Refusal::constraint(&limit.to_string(), "limit", "have value between 1 and 50"))?;
    let mut rest = entries.skip_while(|(name, _)| asked.next_token.as_deref().is_some_and(|last| &**name <= last));
    let mut last = None;
    let mut page = Vec::new();
    for (name, entry) in rest.by_ref().take(count) {
        page.push(entry);
        last = Some(name);
    }
    let mut answer = json!({ member: page });
    if let (Some(last), Some(_)) = (last, rest.next()) {
        answer["nextToken"] = json!(last);
    }
    Ok(answer)
}

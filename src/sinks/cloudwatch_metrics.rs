//! CloudWatch metrics: puts datums into a namespace.

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum, StandardUnit, StatisticSet};

use super::Sink;
use crate::aws::{LearnTime, SameTime, reaction, time_limit, within};
use crate::clock::Clock;
use crate::delivery::datums::Datum;
use crate::delivery::outcome::{Receipt, SendError};
use crate::record::{Offset, Value};

/// A client of CloudWatch.
#[derive(Clone, Debug)]
pub struct CloudWatchMetrics {
    clock: Clock,
    client: Client,
    namespace: String,
}

/// One PutMetricData.
#[derive(Clone, Debug)]
pub struct MetricsRequest {
    /// Fit the limits of one call.
    pub datums: Vec<Datum>,
    /// What their times were made with.
    pub offset: Offset,
}

impl CloudWatchMetrics {
    /// A client that signs as `config` says and writes into `namespace`; `endpoint` in place of AWS's own.
    pub fn new(config: &SdkConfig, endpoint: Option<&str>, clock: &Clock, namespace: String) -> Self {
        let client = client(config, endpoint, clock);
        Self { clock: clock.clone(), client, namespace }
    }
}

impl Sink for CloudWatchMetrics {
    type Request = MetricsRequest;

    async fn send(&self, request: MetricsRequest) -> Result<Receipt, SendError> {
        let limit = time_limit(request.datums.len() * 100);
        let data = request.datums.into_iter().map(metric_datum).collect();
        let operation = self.client.put_metric_data().namespace(&self.namespace).set_metric_data(Some(data));
        let time = SameTime { clock: self.clock.clone(), offset: request.offset };
        let signed_by = aws_sdk_cloudwatch::config::Builder::new().time_source(time);
        match within(limit, operation.customize().config_override(signed_by).send()).await? {
            Ok(_) => Ok(Receipt::default()),
            Err(error) => Err(reaction(error)),
        }
    }
}

fn client(config: &SdkConfig, endpoint: Option<&str>, clock: &Clock) -> Client {
    let builder = aws_sdk_cloudwatch::config::Builder::from(config).interceptor(LearnTime(clock.clone()));
    let builder = match endpoint {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    };
    Client::from_conf(builder.build())
}

fn metric_datum(datum: Datum) -> MetricDatum {
    let sample = datum.sample;
    let dimensions = sample.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let builder = MetricDatum::builder()
        .metric_name(sample.name)
        .unit(StandardUnit::from(sample.unit.name()))
        .timestamp(DateTime::from_millis(datum.at.0))
        .set_dimensions(Some(dimensions.collect()))
        .set_storage_resolution(sample.is_high_resolution.then_some(1));
    match sample.value {
        Value::One(value) => builder.value(value).build(),
        Value::Distribution(many) => {
            let statistics = StatisticSet::builder()
                .minimum(many.minimum)
                .maximum(many.maximum)
                .sum(many.sum)
                .sample_count(many.count)
                .build();
            // As the CloudWatch Agent sends them: the statistics are exact, the values give percentiles.
            let builder = builder.statistic_values(statistics);
            match many.counted.is_empty() {
                true => builder.build(),
                false => {
                    let (values, counts) = many.counted.into_iter().unzip();
                    builder.set_values(Some(values)).set_counts(Some(counts)).build()
                }
            }
        }
    }
}

//! Estimates what CloudWatch asks for a month of what a configuration sends.
//!
//! An estimate from above for its region: what patterns leave out, and what AWS stores compressed, is not taken off. Alarms, dashboards, queries and the traffic are not in
//! it. The free tier is named and not taken off: it belongs to the whole account, once.
//!
//! Pure: figures in, figures out.

use serde::Serialize;

use crate::agent::{FULL_SAMPLES, MAX_SAMPLINGS};

/// What AWS asks, in US dollars. The one place where prices stand.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prices {
    /// For which region.
    pub region: &'static str,
    /// When they were read, and where.
    pub read: &'static str,
    /// A custom metric for a month; prorated by the hours in which it is sent.
    pub metric: f64,
    /// 1,000 PutMetricData.
    pub thousand_requests: f64,
    /// A GB of logs into a group of the class STANDARD.
    pub ingested_gb: f64,
    /// A GB of logs into a group of the class INFREQUENT_ACCESS.
    pub ingested_infrequent_gb: f64,
    /// A GB of logs kept for a month.
    pub stored_gb: f64,
    /// Metrics that are free each month, for the whole account.
    pub free_metrics: u64,
    /// Requests that are free each month, for the whole account.
    pub free_requests: u64,
    /// GB of logs, ingested and stored, that are free each month, for the whole account.
    pub free_gb: u64,
}

/// The prices that the estimate is made with.
pub const PRICES: Prices = Prices {
    region: "us-east-1",
    read: "early 2026, aws.amazon.com/cloudwatch/pricing",
    metric: 0.30,
    thousand_requests: 0.01,
    ingested_gb: 0.50,
    ingested_infrequent_gb: 0.25,
    stored_gb: 0.03,
    free_metrics: 10,
    free_requests: 1_000_000,
    free_gb: 5,
};

/// Seconds of a month: 365.25 days in twelve parts.
const MONTH: f64 = 365.25 / 12.0 * 86_400.0;
/// AWS's GB, by which it bills: 2^30 bytes.
const GB: f64 = 1_073_741_824.0;
/// What PutMetricData takes at the most. Source: its quotas, read 2026-11-21.
const DATUMS_A_REQUEST: f64 = 1_000.0;
/// What CloudWatch Logs counts for each event besides its text. Source: PutLogEvents, read 2026-11-21.
pub const BYTES_AN_EVENT: u64 = 26;

/// Metrics that are sampled at one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// How many.
    pub metrics: u64,
    /// Seconds between two samplings.
    pub every: u64,
}

/// Logs that go where one class and one retention hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// Bytes a second, with what each event counts besides.
    pub rate: f64,
    /// Whether the class of the group is INFREQUENT_ACCESS.
    pub is_infrequent: bool,
    /// Days that are kept; none = for ever.
    pub retention_days: Option<u16>,
}

/// The estimate. Dollars a month, but for the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Custom metrics.
    pub metrics: u64,
    /// What they cost.
    pub metrics_usd: f64,
    /// PutMetricData a month.
    pub requests: f64,
    /// What they cost.
    pub requests_usd: f64,
    /// GB of logs a month.
    pub ingested_gb: f64,
    /// What they cost.
    pub ingested_usd: f64,
    /// Those of them that go into groups of the class INFREQUENT_ACCESS.
    pub infrequent_gb: f64,
    /// What these cost.
    pub infrequent_usd: f64,
    /// GB kept once the retention is full; of what is kept for ever, those of a year.
    pub stored_gb: f64,
    /// What they cost.
    pub stored_usd: f64,
    /// Whether something is kept for ever: then storage grows on.
    pub grows_for_ever: bool,
    /// All of it.
    pub total_usd: f64,
}

/// The estimate for what is sampled, sent within `flush` seconds, and logged.
pub fn estimate(prices: &Prices, sampled: &[Sampled], flush: u64, logged: &[Logged]) -> Estimate {
    let metrics: u64 = sampled.iter().map(|group| group.metrics).sum();
    let requests = requests(sampled, flush);
    let mut estimate = Estimate {
        metrics,
        metrics_usd: number(metrics) * prices.metric,
        requests,
        requests_usd: requests / 1_000.0 * prices.thousand_requests,
        ..Estimate::default()
    };
    for group in logged {
        let gb = group.rate * MONTH / GB;
        let price = if group.is_infrequent { prices.ingested_infrequent_gb } else { prices.ingested_gb };
        let kept_days = group.retention_days.map_or(365.0, f64::from);
        let kept = group.rate * kept_days * 86_400.0 / GB;
        estimate.ingested_gb += gb;
        estimate.ingested_usd += gb * price;
        if group.is_infrequent {
            estimate.infrequent_gb += gb;
            estimate.infrequent_usd += gb * price;
        }
        estimate.stored_gb += kept;
        estimate.stored_usd += kept * prices.stored_gb;
        estimate.grows_for_ever |= group.retention_days.is_none();
    }
    estimate.total_usd = estimate.metrics_usd + estimate.requests_usd + estimate.ingested_usd + estimate.stored_usd;
    estimate
}

/// PutMetricData a month: what was sampled goes each `flush` seconds, with the next sampling where that comes later, and before where
/// it is much.
fn requests(sampled: &[Sampled], flush: u64) -> f64 {
    let sampled: Vec<&Sampled> = sampled.iter().filter(|group| group.metrics > 0 && group.every > 0).collect();
    let Some(shortest) = sampled.iter().map(|group| group.every).min() else { return 0.0 };
    let a_second =
        |of: fn(&Sampled) -> u64| sampled.iter().map(|group| number(of(group)) / number(group.every)).sum::<f64>();
    let (samples, samplings) = (a_second(|group| group.metrics), a_second(|_| 1));
    let is_much = (FULL_SAMPLES as f64 / samples).min(MAX_SAMPLINGS as f64 / samplings);
    let between = number(flush).min(is_much).max(number(shortest));
    MONTH / between * (samples * between / DATUMS_A_REQUEST).ceil().max(1.0)
}

/// Exact up to 2^53, which no count here comes near.
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(given: f64, expected: f64) {
        assert!((given - expected).abs() < 0.005 * expected.abs().max(0.01), "{given} is not {expected}");
    }

    #[test]
    fn the_thirteen_metrics_of_the_predecessor_cost_four_dollars() {
        let estimate = estimate(&PRICES, &[Sampled { metrics: 13, every: 300 }], 60, &[]);
        assert_eq!(estimate.metrics, 13);
        near(estimate.metrics_usd, 3.90);
        // A month has 2,629,800 s: every 300 s a request.
        near(estimate.requests, 8_766.0);
        near(estimate.requests_usd, 0.088);
        near(estimate.total_usd, 3.988);
        assert!(!estimate.grows_for_ever);
    }

    #[test]
    fn samples_taken_more_often_than_they_are_sent_share_requests_and_high_resolution_costs_no_metric_more() {
        for (every, flush, metrics, expected) in [
            (1, 60, 13, 43_830.0),
            (10, 60, 13, 43_830.0),
            (60, 60, 13, 43_830.0),
            (300, 60, 13, 8_766.0),
            (60, 3_600, 13, 730.5),
            (10, 3_600, 2, 2_629.8),
            // 5,000 samples come in 9.98 s, and are 5 requests.
            (1, 60, 501, 1_317_530.0),
            // 100 metrics each second, 6,000 a minute: 6 requests of 1,000.
            (1, 60, 100, 262_980.0),
            (60, 60, 1_001, 87_660.0),
        ] {
            let estimate = estimate(&PRICES, &[Sampled { metrics, every }], flush, &[]);
            near(estimate.requests, expected);
            near(estimate.metrics_usd, number(metrics) * 0.3);
        }
        let of_two = [Sampled { metrics: 10, every: 60 }, Sampled { metrics: 5, every: 300 }];
        near(estimate(&PRICES, &of_two, 60, &[]).requests, 43_830.0);
    }

    #[test]
    fn logs_cost_by_their_class_and_by_how_long_they_are_kept() {
        // A GB a month.
        let rate = GB / MONTH;
        let logged = |is_infrequent, retention_days| Logged { rate, is_infrequent, retention_days };
        let of = |logged: Logged| estimate(&PRICES, &[], 60, &[logged]);
        near(of(logged(false, Some(30))).ingested_usd, 0.50);
        near(of(logged(true, Some(30))).ingested_usd, 0.25);
        near(of(logged(false, Some(30))).stored_gb, 30.0 / 30.4375);
        near(of(logged(false, Some(365))).stored_usd, 0.36);
        let kept = of(logged(false, None));
        assert!(kept.grows_for_ever);
        near(kept.stored_usd, 0.36);
        let both = estimate(&PRICES, &[], 60, &[logged(false, Some(30)), logged(true, Some(30))]);
        near(both.ingested_gb, 2.0);
        near(both.ingested_usd, 0.75);
        near(both.infrequent_gb, 1.0);
        near(both.infrequent_usd, 0.25);
    }

    #[test]
    fn nothing_costs_nothing() {
        assert_eq!(estimate(&PRICES, &[], 60, &[]), Estimate::default());
        assert_eq!(estimate(&PRICES, &[Sampled { metrics: 0, every: 60 }], 60, &[]).total_usd, 0.0);
    }
}

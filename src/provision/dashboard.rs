//! The fleet's dashboard outside of a stack: the text of the template, with what CloudFormation would put in.
//!
//! Pure: no I/O, no clock, no tasks.

use serde_json::Value;

use super::template::{BadTemplate, Template};

/// The dashboard for a region, these namespaces, and log groups that begin so.
///
/// # Errors
/// When the template does not hold what it should.
pub fn resolved(
    template: &Template,
    region: &str,
    namespaces: &[String],
    error_search: &[String],
) -> Result<Value, BadTemplate> {
    let (text, names) = template.dashboard()?;
    let mut text = text.replace("${AWS::Region}", region);
    for (name, function) in names.as_object().into_iter().flatten() {
        let list = match function.pointer("/Fn::Join/1/Ref").and_then(Value::as_str) {
            Some("MetricNamespaces") => namespaces,
            Some("ErrorSearchPrefixes") => error_search,
            _ => return Err(BadTemplate::new(format!("{name} of the dashboard is none of the lists"))),
        };
        let between = function.pointer("/Fn::Join/0").and_then(Value::as_str).unwrap_or_default();
        text = text.replace(&format!("${{{name}}}"), &list.join(between));
    }
    serde_json::from_str(&text).map_err(|error| BadTemplate::new(format!("the dashboard: {error}")))
}

#[cfg(test)]
mod tests {
    use super::super::metric_names::{
        DISK_USED_PERCENT, HEARTBEAT, SELF_LAG_SECONDS, SELF_RECORDS_REFUSED, SELF_RECORDS_SENT, SELF_RESIDENT_BYTES,
        SELF_SAMPLES_WAITING, TEMPERATURE_CELSIUS,
    };
    use super::*;
    use crate::config::catalogue::METRICS;

    fn dashboard() -> Value {
        let template = Template::read().unwrap();
        let namespaces = template.default_list("MetricNamespaces");
        resolved(&template, "eu-west-1", &namespaces, &["/a/".to_owned(), "/b/".to_owned()]).unwrap()
    }

    #[test]
    fn nothing_is_left_to_put_in() {
        let text = dashboard().to_string();
        assert!(!text.contains("${"), "{text}");
        assert!(text.contains(r#"(Namespace=\"System/Default\" OR Namespace=\"System/RaspberryPi\""#));
        assert!(text.contains("namePrefix: ['/a/', '/b/']"));
    }

    #[test]
    fn it_shows_the_metrics_of_both_kinds_of_names() {
        let text = dashboard().to_string();
        let mut names = vec![
            "CPUUtilization",
            "CPUCount",
            "MemoryUtilization",
            "MemoryUsed",
            "MemoryAvailable",
            "DiskReadBytes",
            "DiskWriteBytes",
            "DiskReadOps",
            "DiskWriteOps",
            "NetworkIn",
            "NetworkOut",
            "NetworkPacketsIn",
            "NetworkPacketsOut",
            "cpu_usage_active",
            "mem_used_percent",
            "net_bytes_recv",
            "diskio_read_bytes",
        ];
        names.extend([HEARTBEAT, SELF_RECORDS_SENT, SELF_RECORDS_REFUSED, SELF_LAG_SECONDS, SELF_SAMPLES_WAITING]);
        names.extend([SELF_RESIDENT_BYTES, TEMPERATURE_CELSIUS, DISK_USED_PERCENT]);
        for name in &names {
            assert!(text.contains(&format!(r#"MetricName=\"{name}\""#)), "{name}");
        }
        let looked_for = text.split(r#"MetricName=\""#).skip(1).map(|rest| rest.split('\\').next().unwrap());
        for name in looked_for {
            assert!(
                names.contains(&name) || METRICS.iter().any(|metric| metric.name() == name),
                "{name} is published by nobody"
            );
        }
    }

    #[test]
    fn a_host_that_fell_silent_is_counted_no_more() {
        let dashboard = dashboard();
        let widgets = dashboard["widgets"].as_array().unwrap();
        let counted = widgets.iter().find(|widget| widget["properties"]["title"] == "Hosts that report").unwrap();
        // METRIC_COUNT would count each that a search finds: all that reported within two weeks.
        let expression = counted["properties"]["metrics"][0][0]["expression"].as_str().unwrap();
        assert!(expression.starts_with("SUM(SEARCH(") && expression.contains("'Maximum', 300))"), "{expression}");
    }

    #[test]
    fn no_widget_lies_on_another_and_no_search_is_too_long() {
        let dashboard = dashboard();
        let mut taken = std::collections::BTreeSet::new();
        for widget in dashboard["widgets"].as_array().unwrap() {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| widget[name].as_u64().unwrap());
            assert!(x + width <= 24, "{widget}");
            for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                assert!(taken.insert(place), "{place:?} twice: {widget}");
            }
            for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
                assert!(metric[0]["expression"].as_str().unwrap().len() <= 1024);
            }
        }
    }
}

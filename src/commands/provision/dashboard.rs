//! `provision dashboard`: the fleet's dashboard as JSON, as the stack has it.

use aws_sdk_cloudformation::Client;

use super::print_json;
use crate::cli::provision::Dashboard;
use crate::commands::Failure;
use crate::provision::template::Template;
use crate::provision::{dashboard, outputs, wish};

/// Performs the command. What the options say is not asked of the stack; where they say all, AWS is not asked at all.
pub async fn perform(options: &Dashboard) -> Result<(), Failure> {
    let template = Template::read().map_err(anyhow::Error::from)?;
    let (region, namespaces, prefixes) = match (&options.target.region, &options.namespace) {
        (Some(region), Some(namespaces)) => {
            let prefixes = options.log_group_prefix.clone();
            let prefixes = prefixes.unwrap_or_else(|| template.default_list("LogGroupPrefixes"));
            (region.clone(), namespaces.clone(), prefixes)
        }
        _ => {
            let sdk = super::connect(&options.target).await?;
            let outputs = outputs::outputs(&Client::new(&sdk), &options.target.stack).await?;
            // A stack of the old tool does not say.
            let list = |given: &Option<Vec<String>>, said: Vec<String>, name| match given {
                Some(given) => given.clone(),
                None if said.is_empty() => template.default_list(name),
                None => said,
            };
            let namespaces = list(&options.namespace, outputs.metric_namespaces, "MetricNamespaces");
            let prefixes = list(&options.log_group_prefix, outputs.log_group_prefixes, "LogGroupPrefixes");
            (outputs.region, namespaces, prefixes)
        }
    };
    let wish = wish::Wish { namespaces: Some(namespaces), prefixes: Some(prefixes), ..wish::Wish::default() };
    super::deploy::refuse(&wish.problems(&template))?;
    let (namespaces, prefixes) = (wish.namespaces.unwrap_or_default(), wish.prefixes.unwrap_or_default());
    let resolved = dashboard::resolved(&template, &region, &namespaces, &wish::search_prefixes(&prefixes));
    print_json(&resolved.map_err(anyhow::Error::from)?)
}

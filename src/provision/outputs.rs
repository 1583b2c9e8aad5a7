//! What a stack says of itself: the ids that a device's config and the administrator's commands need.
//!
//! A stack of the old tool has the first five outputs only, and serves for users all the same.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::Stack;
use serde::Serialize;

use super::call::CallError;

/// What the template calls itself in its metadata and its outputs; another template's stack is never updated.
pub const TEMPLATE: &str = "cloudwatch-publisher/2";

/// The outputs of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outputs {
    /// Where the stack is.
    pub region: String,
    /// Whose it is.
    pub account_id: String,
    /// Where the users are.
    pub user_pool_id: String,
    /// Where tokens become credentials.
    pub identity_pool_id: String,
    /// What devices sign in with.
    pub app_client_id: String,
    /// What the names of log groups begin with, each without a slash at its end; empty where the stack does not say.
    pub log_group_prefixes: Vec<String>,
    /// The namespaces that devices may write to; empty where the stack does not say.
    pub metric_namespaces: Vec<String>,
    /// How long logs are kept, in days.
    pub retention_in_days: Option<u32>,
    /// Which template the stack was made from, where it says so.
    pub template: Option<String>,
}

impl Outputs {
    fn new(mut named: BTreeMap<String, String>) -> Result<Self, Vec<&'static str>> {
        let mut missing = Vec::new();
        let mut take = |name: &'static str| {
            named.remove(name).unwrap_or_else(|| {
                missing.push(name);
                String::new()
            })
        };
        let [region, account_id, user_pool_id, identity_pool_id, app_client_id] =
            ["Region", "AccountId", "UserPoolId", "IdentityPoolId", "AppClientId"].map(&mut take);
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut list = |name| named.remove(name).map(|text| split(&text)).unwrap_or_default();
        Ok(Self {
            region,
            account_id,
            user_pool_id,
            identity_pool_id,
            app_client_id,
            log_group_prefixes: list("LogGroupPrefixes"),
            metric_namespaces: list("MetricNamespaces"),
            retention_in_days: named.remove("RetentionInDays").and_then(|days| days.parse().ok()),
            template: named.remove("Template"),
        })
    }
}

/// Why the outputs of a stack cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputsError {
    /// There is no such stack.
    #[error("there is no stack `{stack}` in {region}\n  `cloudwatch-publisher provision deploy` makes it")]
    NoStack {
        /// Its name.
        stack: String,
        /// Where it was looked for.
        region: String,
    },
    /// The stack is another one, or is not finished.
    #[error(
        "stack `{stack}` is {status} and has no output {}\n  a stack of `provision deploy` has them once it is complete",
        missing.join(", ")
    )]
    Incomplete {
        /// Its name.
        stack: String,
        /// CloudFormation's word for its state.
        status: String,
        /// The outputs that are not there.
        missing: Vec<&'static str>,
    },
    /// CloudFormation did not answer, or refused.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Reads the outputs of the stack named `stack`.
///
/// # Errors
/// When there is no such stack, when it has not the outputs that a device needs, or when CloudFormation does not answer.
pub async fn outputs(client: &Client, stack: &str) -> Result<Outputs, OutputsError> {
    let described = describe(client, stack).await?.ok_or_else(|| {
        let region = client.config().region().map(ToString::to_string).unwrap_or_default();
        OutputsError::NoStack { stack: stack.to_owned(), region }
    })?;
    of(&described)
}

/// The stack named `name`, or with that id, as CloudFormation describes it; none where there is none.
///
/// # Errors
/// When CloudFormation does not answer, or refuses.
pub(super) async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, CallError> {
    let answer = client.describe_stacks().stack_name(name).send().await;
    match answer.map_err(|error| CallError::new(format!("reading stack `{name}`"), error)) {
        Err(error) if error.is_no_such_stack() => Ok(None),
        answer => Ok(answer?.stacks.unwrap_or_default().into_iter().next()),
    }
}

/// The outputs of a stack that was described.
///
/// # Errors
/// When it has not the outputs that a device needs.
pub fn of(described: &Stack) -> Result<Outputs, OutputsError> {
    let pairs = described.outputs().iter().filter_map(|each| Some((each.output_key()?, each.output_value()?)));
    let named = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Outputs::new(named).map_err(|missing| OutputsError::Incomplete {
        stack: described.stack_name().unwrap_or_default().to_owned(),
        status: described.stack_status().map(ToString::to_string).unwrap_or_default(),
        missing,
    })
}

/// The items of a list as CloudFormation writes it.
pub fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const OLD: [(&str, &str); 5] = [
        ("Region", "eu-central-1"),
        ("AccountId", "123456789012"),
        ("UserPoolId", "eu-central-1_abc"),
        ("IdentityPoolId", "eu-central-1:1"),
        ("AppClientId", "client"),
    ];

    #[test]
    fn a_stack_of_the_old_tool_serves_for_users_and_is_not_ours() {
        let outputs = Outputs::new(named(&OLD)).unwrap();
        assert_eq!(outputs.user_pool_id, "eu-central-1_abc");
        assert!(outputs.log_group_prefixes.is_empty() && outputs.template.as_deref() != Some(TEMPLATE));
    }

    #[test]
    fn lists_and_numbers_come_out_of_their_text() {
        let ours = [
            ("LogGroupPrefixes", "/system/rpi,/system/macos"),
            ("MetricNamespaces", "System/RaspberryPi"),
            ("RetentionInDays", "30"),
            ("Template", TEMPLATE),
        ];
        let outputs = Outputs::new(named(&[&OLD[..], &ours].concat())).unwrap();
        assert_eq!(outputs.log_group_prefixes, ["/system/rpi", "/system/macos"]);
        assert_eq!(outputs.retention_in_days, Some(30));
        assert_eq!(outputs.template.as_deref(), Some(TEMPLATE));
    }

    #[test]
    fn what_is_missing_is_named_all_at_once() {
        assert_eq!(Outputs::new(named(&OLD[..3])), Err(vec!["IdentityPoolId", "AppClientId"]));
    }
}

//! Finds out what a configuration has in its names and nobody knows without asking: the account, the region, and what EC2 says.
//!
//! Only what is used is asked for. What is not answered stays unknown: whoever needs it says so, and no name is ever made up.

use std::time::Duration;

use aws_config::imds;
use aws_sdk_sts as sts;

use crate::agent::Access;
use crate::aws::settings_of;
use crate::config::{self, Config, Ec2, Facts, Placeholder, SignIn};

/// How long EC2's metadata may take, all in all: elsewhere nobody answers at its address.
const EC2_LIMIT: Duration = Duration::from_secs(2);
/// How long AWS may take to tell the account, once somebody has signed in.
const ACCOUNT_LIMIT: Duration = Duration::from_secs(20);

/// Adds to `facts` what `config` uses and AWS or EC2 tells.
pub async fn complete(config: &Config, facts: &mut Facts, access: &Access) {
    if facts.region.is_none() {
        facts.region = access.sdk.region().map(ToString::to_string);
    }
    if config::asks_ec2(config) {
        facts.ec2 = ec2(access).await;
    }
    if facts.account_id.is_none() && config::uses(config, Placeholder::AccountId) {
        facts.account_id = account(access).await;
    }
}

/// The account that the configuration names: that of the sign-in, else that of a role.
pub fn account_in(config: &Config) -> Option<String> {
    if let Some(SignIn::Cognito(user)) = &config.agent.sign_in {
        return Some(user.account_id.clone());
    }
    let roles = [&config.agent.role, &config.logs.role, &config.metrics.role];
    let role = roles.into_iter().flatten().next()?;
    // `arn:aws:iam::123456789012:role/name`: checked where it was read.
    role.split(':').nth(4).map(ToOwned::to_owned)
}

/// The account, as AWS tells it to who signs in.
async fn account(access: &Access) -> Option<String> {
    access.session.answered().await;
    let asked = sts::Client::new(&access.sdk).get_caller_identity().send();
    match tokio::time::timeout(ACCOUNT_LIMIT, asked).await {
        Ok(Ok(answer)) => answer.account,
        Ok(Err(error)) => {
            log::debug!(error:% = crate::aws::words(&error); "AWS does not tell the account");
            None
        }
        Err(_) => None,
    }
}

/// What EC2 says of this machine, by its metadata service in version 2; nothing anywhere else.
async fn ec2(access: &Access) -> Ec2 {
    let client = imds::Client::builder()
        .configure(&settings_of(&access.sdk))
        .max_attempts(1)
        .connect_timeout(EC2_LIMIT / 2)
        .read_timeout(EC2_LIMIT / 2)
        .build();
    let ask = async |path: &str| client.get(format!("/latest/meta-data/{path}")).await.ok().map(String::from);
    let all = async {
        // Where nobody tells the id, there is no EC2.
        let Some(instance_id) = ask("instance-id").await else { return Ec2::default() };
        Ec2 {
            instance_id: Some(instance_id),
            image_id: ask("ami-id").await,
            instance_type: ask("instance-type").await,
            auto_scaling_group: ask("tags/instance/aws:autoscaling:groupName").await,
        }
    };
    tokio::time::timeout(EC2_LIMIT, all).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_that_of_the_sign_in_or_of_a_role() {
        let mut config = Config::built_in();
        assert_eq!(account_in(&config), None);
        config.metrics.role = Some("arn:aws:iam::333333333333:role/m".to_owned());
        assert_eq!(account_in(&config).as_deref(), Some("333333333333"));
        config.agent.role = Some("arn:aws-cn:iam::111111111111:role/path/a".to_owned());
        assert_eq!(account_in(&config).as_deref(), Some("111111111111"));
    }
}

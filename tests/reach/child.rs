//! A part of a test that runs in a process of its own, under an environment that the test sets as a whole.

use std::env;
use std::path::Path;
use std::process::{Command, Output};

use aws_credential_types::provider::ProvideCredentials;
use cloudwatch_publisher::auth::chain::Chain;
use cloudwatch_publisher::aws::{self, Reach};
use cloudwatch_publisher::clock::Clock;
use cloudwatch_publisher::config::Network;

/// What stands before a line that the test reads.
const MARK: &str = "=> ";

/// Runs [`in_a_process_of_its_own`] to do `what`, with these variables and no others, in `home`; what it answered.
pub fn child(what: &str, home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child::in_a_process_of_its_own", "--ignored", "--nocapture"]);
    command.env_clear().env("REACH_DO", what).env("HOME", home).env("PATH", env::var_os("PATH").unwrap());
    let output: Output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.split_once(MARK)).map(|(_, said)| said.to_owned());
    said.unwrap_or_else(|| panic!("no answer: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
#[ignore = "a part of other tests, which run it in a process of its own"]
#[allow(clippy::print_stdout, reason = "it answers on stdout")]
async fn in_a_process_of_its_own() {
    let text = |name: &str| env::var(name).ok();
    let (region, profile) = (text("REACH_REGION"), text("REACH_PROFILE"));
    let network = Network {
        https_proxy: text("REACH_HTTPS_PROXY"),
        is_dual_stack: text("REACH_DUAL_STACK").is_some(),
        ..Network::default()
    };
    let reach = Reach { region: region.as_deref(), profile: profile.as_deref(), network: &network };
    let sdk = match aws::load(&reach, &Clock::default()).await {
        Ok(sdk) => sdk,
        Err(error) => return println!("{MARK}{error}"),
    };
    let said = match env::var("REACH_DO").unwrap().as_str() {
        "credentials" => match sdk.credentials_provider().unwrap().provide_credentials().await {
            Ok(found) => format!("{} {}", found.access_key_id(), found.session_token().unwrap_or("no token")),
            Err(error) => aws::words(&error),
        },
        "credentials again" => {
            let chain = Chain::new(&sdk);
            // The first one is the SDK's own, the second ours.
            let _ = chain.provide_credentials().await;
            chain.provide_credentials().await.map_or_else(|error| aws::words(&error), |_| "found".to_owned())
        }
        "region" => sdk.region().unwrap().to_string(),
        "logs" => {
            let client = aws_sdk_cloudwatchlogs::Client::new(&sdk);
            match client.create_log_group().log_group_name("g").send().await.map_err(aws::reaction) {
                Ok(_) => "done".to_owned(),
                Err(error) => error.to_string(),
            }
        }
        other => panic!("{other} is unknown"),
    };
    println!("{MARK}{said}");
}

//! Joins settings and sign-in: how CloudWatch Logs and CloudWatch's metrics are reached, and who signs.

use aws_config::SdkConfig;
use tokio::sync::mpsc;

use super::{CONFIG, Failure};
use crate::agent::Access;
use crate::auth::{Session, Source, Start, renewal};
use crate::aws::{self, Reach};
use crate::clock::Clock;
use crate::config::{Config, Facts};
use crate::delivery::retry::Chance;
use crate::record::Identity;

/// What the agent signs in with.
pub struct SignedIn {
    /// For CloudWatch Logs.
    pub logs: Access,
    /// For CloudWatch's metrics.
    pub metrics: Access,
    /// Tells an identity that is worth keeping.
    pub identities: mpsc::UnboundedReceiver<Identity>,
}

/// Starts to sign in as `config` says; `known` are the identities of earlier runs.
pub async fn sign_in(config: &Config, facts: &Facts, clock: &Clock, known: &[Identity]) -> Result<SignedIn, Failure> {
    let agent = &config.agent;
    let reach = Reach { region: agent.region.as_deref(), profile: None, network: &agent.network };
    let sdk = aws::load(&reach, clock).await.map_err(|error| Failure::new(CONFIG, format!("error: {error}")))?;
    let (tell, identities) = mpsc::unbounded_channel();
    let first_after = match &agent.sign_in {
        Some(_) => renewal::first_after(uptime(clock), agent.startup_spread, Chance(fastrand::f64())),
        None => std::time::Duration::ZERO,
    };
    let start = Start { clock: clock.clone(), first_after };
    let device = Session::start(source(config, facts, &sdk, known, tell)?, start.clone());
    let section = |own: &Option<String>| match own.as_ref().or(agent.role.as_ref()) {
        Some(role) => Session::start(Source::role(role, &facts.instance_id, &device, &sdk), start.clone()),
        None => device.clone(),
    };
    let logs = section(&config.logs.role);
    let metrics = if config.metrics.role == config.logs.role { logs.clone() } else { section(&config.metrics.role) };
    Ok(SignedIn { logs: access(&sdk, logs), metrics: access(&sdk, metrics), identities })
}

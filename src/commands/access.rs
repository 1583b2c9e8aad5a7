//! Joins settings and sign-in: how CloudWatch Logs and CloudWatch's metrics are reached, and who signs.

use tokio::sync::mpsc;

use super::{CONFIG, Failure, SOFTWARE};
use crate::agent::Access;
use crate::auth::{Session, Source, Start};
use crate::aws::{self, Reach};
use crate::clock::Clock;
use crate::config::Config;
use crate::record::Identity;

/// What the agent signs in with.
pub struct SignedIn {
    /// For CloudWatch Logs.
    pub logs: Access,
    /// For CloudWatch's metrics.
    pub metrics: Access,
    /// Tells an identity that is worth keeping.
    pub identities: mpsc::Receiver<Identity>,
}

/// Starts to sign in as `config` says.
pub async fn sign_in(config: &Config, clock: &Clock) -> Result<SignedIn, Failure> {
    let agent = &config.agent;
    let reach = Reach { region: agent.region.as_deref(), profile: None, network: &agent.network };
    aws::warn_of_another_region(&reach).await;
    let sdk = aws::load(&reach, clock).await.map_err(|error| Failure::new(CONFIG, format!("error: {error}")))?;
    let (_tell, identities) = mpsc::channel(1);
    let chain =
        sdk.credentials_provider().ok_or_else(|| Failure::new(SOFTWARE, "error: the SDK has no credential chain"))?;
    let start = Start { clock: clock.clone(), first_after: std::time::Duration::ZERO };
    let session = Session::start(Source::Chain(chain), start);
    let access = Access { sdk: aws::with_credentials(&sdk, session.provider()), session };
    Ok(SignedIn { logs: access.clone(), metrics: access, identities })
}

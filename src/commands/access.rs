//! Joins settings and sign-in: how CloudWatch Logs and CloudWatch's metrics are reached, and who signs.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::mpsc;

use super::{CONFIG, Failure, start};
use crate::agent::Access;
use crate::auth::chain::Chain;
use crate::auth::cognito::User;
use crate::auth::iot::Thing;
use crate::auth::role::Role;
use crate::auth::{Session, Source, Start, renewal};
use crate::aws::{self, LoadError, Reach};
use crate::clock::Clock;
use crate::config::{Config, Facts, Iot, Network, SignIn};
use crate::delivery::retry::Chance;
use crate::record::Identity;

/// What the agent signs in with.
#[derive(Clone)]
pub struct SignedIn {
    /// For CloudWatch Logs.
    pub logs: Access,
    /// For CloudWatch's metrics.
    pub metrics: Access,
}

/// The identities that Cognito gave: so that each is asked for once.
#[derive(Clone)]
pub struct Identities {
    /// Those of earlier runs.
    pub known: Vec<Identity>,
    /// Where one is told that is worth keeping.
    pub tell: mpsc::Sender<Identity>,
}

/// Starts to sign in as `config` says.
pub async fn sign_in(
    config: &Config,
    facts: &Facts,
    clock: &Clock,
    identities: &Identities,
) -> Result<SignedIn, Failure> {
    let agent = &config.agent;
    let reach = Reach { region: agent.region.as_deref(), profile: None, network: &agent.network };
    aws::warn_of_another_region(&reach).await;
    let sdk = aws::load(&reach, clock).await.map_err(no_way)?;
    let wiring = Wiring { config, facts, clock, sdk };
    let source = wiring.source(identities)?;
    let device = Session::start(source, Start { first_after: wiring.first_after(), ..Start::at_once(clock) });
    let logs = wiring.session(config.logs.role.as_deref(), &device);
    let is_shared = config.metrics.role == config.logs.role;
    let metrics = if is_shared { logs.clone() } else { wiring.session(config.metrics.role.as_deref(), &device) };
    Ok(SignedIn { logs: wiring.access(logs), metrics: wiring.access(metrics) })
}

/// What is found before anything is asked of AWS.
pub struct Found {
    /// The region, of the configuration or the chain.
    pub region: Option<String>,
    /// Why `run` would start and not sign in.
    pub trouble: Option<String>,
}

/// Says what is wrong already before anything is asked of AWS. What would end `run` is an error.
pub fn check(config: &Config) -> Result<Found, Failure> {
    let agent = &config.agent;
    let clock = Clock::default();
    let reach = Reach { region: agent.region.as_deref(), profile: None, network: &agent.network };
    let sdk = start::block_on(async { aws::load(&reach, &clock).await.map_err(no_way) })?;
    let signs_in = match &agent.sign_in {
        Some(SignIn::Iot(iot)) => thing(iot, &agent.network, &clock)?.check(),
        Some(SignIn::Cognito(user)) => User::check(user),
        None => Ok(()),
    };
    Ok(Found { region: sdk.region().map(ToString::to_string), trouble: signs_in.err() })
}

fn no_way(error: LoadError) -> Failure {
    Failure::new(CONFIG, format!("error: {error}"))
}

fn thing(iot: &Iot, network: &Network, clock: &Clock) -> Result<Thing, Failure> {
    let wrong = |reason| Failure::new(CONFIG, format!("error: agent.authentication.{reason}"));
    Thing::new(iot, network, clock).map_err(wrong)
}

struct Wiring<'a> {
    config: &'a Config,
    facts: &'a Facts,
    clock: &'a Clock,
    sdk: SdkConfig,
}

impl Wiring<'_> {
    fn source(&self, identities: &Identities) -> Result<Source, Failure> {
        let agent = &self.config.agent;
        Ok(match &agent.sign_in {
            None => Source::Chain(SharedCredentialsProvider::new(Chain::new(&self.sdk))),
            Some(SignIn::Cognito(user)) => {
                let (name, key) = (&self.facts.instance_id, User::key(user, &self.facts.instance_id));
                let saved = identities.known.iter().find(|identity| identity.key == key);
                let (saved, tell) = (saved.map(|identity| identity.id.clone()), identities.tell.clone());
                let tell = Box::new(move |identity| drop(tell.try_send(identity)));
                Source::Cognito(Box::new(User::new(user, name, &self.sdk, self.clock, saved, tell)))
            }
            Some(SignIn::Iot(iot)) => Source::Iot(Box::new(thing(iot, &agent.network, self.clock)?)),
        })
    }

    /// The session of a section: the device's own, or that of the role which the section or the agent names.
    fn session(&self, role: Option<&str>, device: &Session) -> Session {
        let Some(arn) = role.or(self.config.agent.role.as_deref()) else { return device.clone() };
        let role = Role::new(arn, &self.facts.instance_id, &self.sdk, self.clock, device.clone());
        Session::start(Source::Role(Box::new(role)), Start::at_once(self.clock))
    }

    fn access(&self, session: Session) -> Access {
        Access { sdk: aws::with_credentials(&self.sdk, session.provider()), session }
    }

    /// Only what is shared by a fleet is spread: the chain's sources are each machine's own.
    fn first_after(&self) -> Duration {
        let agent = &self.config.agent;
        if agent.sign_in.is_none() {
            return Duration::ZERO;
        }
        let uptime = Duration::from_millis(self.clock.now().0);
        let wait = renewal::first_after(uptime, agent.startup_spread, Chance(fastrand::f64()));
        if !wait.is_zero() {
            log::info!(seconds = wait.as_secs(); "the machine just started: the first sign-in waits (agent.startup_spread), so that a fleet does not come back as one");
        }
        wait
    }
}

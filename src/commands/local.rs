//! `local`: the agent and a CloudWatch endpoint in one process, with a page that shows what arrives.
//!
//! A way to see the agent at work, and to try a configuration before it costs money. Easy to break: nothing here may reach
//! AWS, the config's state, its own log, or the files themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use tokio::sync::watch;

use super::{Failure, start};
use crate::agent::{Access, Agent, Setup};
use crate::auth::Session;
use crate::aws::{self, Reach};
use crate::clock::Clock;
use crate::config::{Config, Network};
use crate::identity;
use crate::local::{Endpoint, Options};
use crate::record::Status;
use crate::service::log::Destination;
use crate::sources::file::StartAt;
use crate::state::{Opened, Store};

/// What a quiet file shows at once.
const LINES_BEFORE_END: u32 = 200;
/// Log text kept for the page.
const MEMORY_BYTES: usize = 32 * 1024 * 1024;
/// Points kept of each metric: two hours, one every five seconds.
const METRIC_POINTS: usize = 1_440;
/// Here nobody waits minutes for a figure, and nothing costs money.
const LONGEST_METRICS_INTERVAL: Duration = Duration::from_secs(5);
const LONGEST_LOGS_INTERVAL: Duration = Duration::from_secs(1);

/// Runs until a signal ends it.
#[allow(clippy::print_stdout, reason = "what the command is for")]
pub fn perform(path: Option<&Path>, port: u16) -> Result<(), Failure> {
    let loaded = path.map(start::load).transpose()?;
    crate::service::log::start(&Destination::Stderr, loaded.as_ref().map(|loaded| &loaded.config.agent));
    if let Some((loaded, path)) = loaded.as_ref().zip(path) {
        start::log_warnings(loaded, path);
    }
    let mut config = loaded.map_or_else(Config::built_in, |loaded| loaded.config);
    let mut facts = start::facts(&config)?;
    // Nobody is asked who we are: this is a CloudWatch of our own.
    facts.account_id.get_or_insert_with(|| "000000000000".to_owned());
    facts.region.get_or_insert_with(|| "local".to_owned());
    let state = tempfile::tempdir().map_err(|error| anyhow::Error::from(error).context("making a temporary state"))?;
    let (store, _) = Store::open(state.path()).map_err(anyhow::Error::from)?;
    start::block_on(async {
        let stop = start::signals()?;
        let endpoint = serve(port).await.map_err(|error| anyhow::Error::from(error).context("opening the page"))?;
        point_at(&mut config, &endpoint.url());
        println!("the page is at {}  (Ctrl-C ends it)", endpoint.url());
        let clock = Clock::default();
        // Nothing leaves this machine, so the proxy of the environment is none of ours, not even a wrong one.
        let network = Network { no_proxy: Some("*".to_owned()), ..Network::default() };
        let reach = Reach { region: Some("local"), profile: None, network: &network };
        let sdk = aws::load(&reach, &clock).await.map_err(anyhow::Error::from)?;
        let made_up = Credentials::new("made-up", "made-up", None, None, "made up");
        let session = Session::fixed(made_up, clock.clone());
        let access = Access { sdk: aws::with_credentials(&sdk, session.provider()), session };
        let (status, mut told) = watch::channel(Status::default());
        let mut agent = Agent::new((store, Opened::First), &clock, identity::boot_id(), status)?;
        let start_at = Some(StartAt::LinesBeforeEnd(LINES_BEFORE_END));
        let setup = Setup { config, facts, logs: access.clone(), metrics: access, never: Vec::new(), start_at };
        let page = endpoint.clone();
        tokio::spawn(async move {
            while told.changed().await.is_ok() {
                page.show_status(&told.borrow_and_update());
            }
        });
        agent.run(setup, stop.subscribe()).await?;
        agent.close().await;
        Ok(())
    })
}

/// The endpoint on `port`, or on any other where that is taken.
async fn serve(port: u16) -> std::io::Result<Endpoint> {
    let on = |port| Options {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        memory_bytes: MEMORY_BYTES,
        keep_metrics_points: METRIC_POINTS,
    };
    match Endpoint::start(on(port)).await {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Endpoint::start(on(0)).await,
        result => result,
    }
}

/// Has everything go to the endpoint here, soon.
fn point_at(config: &mut Config, url: &str) {
    config.logs.endpoint = Some(url.to_owned());
    config.metrics.endpoint = Some(url.to_owned());
    config.agent.metrics_interval = config.agent.metrics_interval.min(LONGEST_METRICS_INTERVAL);
    config.agent.logs_interval = config.agent.logs_interval.min(LONGEST_LOGS_INTERVAL);
    config.metrics.flush_interval = config.agent.metrics_interval;
}

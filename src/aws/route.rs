//! The way to AWS: through which proxy, trusting whom.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ConfigBuilder};
use rustls_pki_types::UnixTime;

use super::LoadError;
use super::proxy::Proxies;
use super::trust::Trust;
use crate::clock::Clock;
use crate::config::Network;

/// The way to AWS.
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) proxies: Proxies,
    pub(super) trust: Trust,
}

impl Route {
    /// The way that the configuration says, else the environment.
    ///
    /// # Errors
    /// When a proxy's URL is wrong, or the certificates to trust cannot be read.
    pub fn of(network: &Network) -> Result<Self, LoadError> {
        Ok(Self { proxies: Proxies::of(network, |name| env::var(name).ok())?, trust: Trust::of(network)? })
    }

    /// TLS for a connection of our own: trusts whom the SDK's trusts, and judges certificates by our clock, since the
    /// system's may stand in 1970.
    ///
    /// # Errors
    /// None that is known.
    pub fn tls(&self, clock: &Clock) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(OurTime(clock.clone())));
        Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(self.trust.roots()))
    }
}

#[derive(Debug)]
struct OurTime(Clock);

impl TimeProvider for OurTime {
    fn current_time(&self) -> Option<UnixTime> {
        let milliseconds = u64::try_from(self.0.wall().0).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(milliseconds)))
    }
}

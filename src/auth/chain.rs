//! The standard chain, for a program that outlives the keys in a profile.
//!
//! The SDK reads profile files once. Where the chain gave keys without an end, or none, it is made anew for the next question, so
//! that keys which were changed in a file serve without a restart. Sources whose credentials end are kept: they ask anew by
//! themselves, and some keep a connection or a token.

use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use crate::aws::settings_of;

/// The standard chain: environment, profiles, SSO, web identity, ECS, IMDS, `credential_process`.
#[derive(Debug)]
pub struct Chain {
    sdk: SdkConfig,
    /// The SDK's trait hands out shared references; the session asks one at a time.
    made: Mutex<Option<SharedCredentialsProvider>>,
}

impl Chain {
    /// The chain of the settings.
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { sdk: sdk.clone(), made: Mutex::new(sdk.credentials_provider()) }
    }

    async fn ask(&self) -> Result {
        let mut made = self.made.lock().await;
        let chain = match made.take() {
            Some(chain) => chain,
            None => self.make().await,
        };
        let given = chain.provide_credentials().await;
        if given.as_ref().is_ok_and(|credentials| credentials.expiry().is_some()) {
            *made = Some(chain);
        }
        given
    }

    /// As the SDK makes it, with our way to AWS and our clock.
    async fn make(&self) -> SharedCredentialsProvider {
        let mut builder = DefaultCredentialsChain::builder().configure(settings_of(&self.sdk));
        builder.set_region(self.sdk.region().cloned());
        SharedCredentialsProvider::new(builder.build().await)
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.ask())
    }
}

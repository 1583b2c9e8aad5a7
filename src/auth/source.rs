//! Where credentials come from: one arm each.

use std::error::Error;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::cognito::User;
use super::error::SignInError;

/// Where credentials come from.
#[derive(Debug)]
pub enum Source {
    /// The standard chain: environment, profiles, SSO, web identity, ECS, IMDS, `credential_process`.
    Chain(SharedCredentialsProvider),
    /// A user of a Cognito user pool.
    Cognito(Box<User>),
}

impl Source {
    /// Its name in the own log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Chain(_) => "the standard AWS credential chain".to_owned(),
            Self::Cognito(user) => user.name(),
        }
    }

    /// Asks for credentials once.
    pub(super) async fn fetch(&mut self) -> Result<Credentials, SignInError> {
        match self {
            Self::Chain(chain) => chain.provide_credentials().await.map_err(|error| of_chain(&error)),
            Self::Cognito(user) => user.fetch().await,
        }
    }

    /// Comes back when what was wrong at the last attempt may have been mended; never where nobody can know.
    pub(super) async fn mended(&mut self) {
        match self {
            Self::Chain(_) => std::future::pending().await,
            Self::Cognito(user) => user.mended().await,
        }
    }
}

/// The chain's parts come up with the network, be it IMDS at boot: nothing it says is for good.
fn of_chain(error: &CredentialsError) -> SignInError {
    if let CredentialsError::CredentialsNotLoaded(_) = error {
        return SignInError::Unreachable(
            "looking for AWS credentials: none were found; set `agent.authentication` in the configuration, the variables \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, an AWS profile, or a role of this machine"
                .to_owned(),
        );
    }
    let mut words: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.iter().any(|word| word.contains(&text)) {
            words.push(text);
        }
        cause = error.source();
    }
    SignInError::Unreachable(format!("asking the standard AWS credential chain: {}", words.join(": ")))
}

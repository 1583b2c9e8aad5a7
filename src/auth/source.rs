//! Where credentials come from: one arm each.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use super::cognito::User;
use super::error::{SignInError, beginning};
use super::iot::Thing;
use super::role::Role;
use crate::aws::words;

/// Where credentials come from.
#[derive(Debug)]
pub enum Source {
    /// The standard chain (see [`super::chain::Chain`]).
    Chain(SharedCredentialsProvider),
    /// A user of a Cognito user pool.
    Cognito(Box<User>),
    /// A device of AWS IoT.
    Iot(Box<Thing>),
    /// A role, assumed on top of another session.
    Role(Box<Role>),
}

impl Source {
    /// Its name in the own log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Chain(_) => "the standard AWS credential chain".to_owned(),
            Self::Cognito(user) => user.name(),
            Self::Iot(_) => "AWS IoT".to_owned(),
            Self::Role(role) => role.name(),
        }
    }

    /// Comes back when it makes sense to ask: what comes before may take any time.
    pub(super) async fn ready(&self) {
        if let Self::Role(role) = self {
            role.ready().await;
        }
    }

    /// Whether what is wrong is another session's, which says it itself.
    pub(super) fn is_told_elsewhere(&self) -> bool {
        matches!(self, Self::Role(role) if role.is_base_at_fault())
    }

    /// Asks for credentials once.
    pub(super) async fn fetch(&mut self) -> Result<Credentials, SignInError> {
        match self {
            Self::Chain(chain) => chain.provide_credentials().await.map_err(|error| of_chain(&error)),
            Self::Cognito(user) => user.fetch().await,
            Self::Iot(thing) => thing.fetch().await,
            Self::Role(role) => role.fetch().await,
        }
    }

    /// Comes back when what was in the way may have been mended; never where nothing was, or nobody can know.
    pub(super) async fn mended(&mut self, trouble: Option<&SignInError>) {
        match (self, trouble) {
            (Self::Cognito(user), Some(SignInError::Rejected(_))) => user.mended().await,
            (Self::Iot(thing), Some(SignInError::Rejected(_))) => thing.mended().await,
            (Self::Role(role), Some(_)) => role.mended().await,
            _ => std::future::pending().await,
        }
    }
}

/// The chain's parts come up with the network, be it IMDS at boot: nothing it says is for good.
fn of_chain(error: &CredentialsError) -> SignInError {
    SignInError::Unreachable(match error {
        CredentialsError::CredentialsNotLoaded(_) => {
            "looking for AWS credentials: none were found; set `agent.authentication` in the configuration, the variables \
             AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, an AWS profile, or a role of this machine"
                .to_owned()
        }
        // A process that is asked for credentials may say anything, at any length.
        _ => format!("asking the standard AWS credential chain: {}", beginning(&words(error))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_chain_says_is_cut_and_stays_on_one_line() {
        let said = CredentialsError::provider_error("a\nb".repeat(1000));
        let text = of_chain(&said).to_string();
        assert!(text.contains("a b") && text.len() < 400 && !text.contains('\n'), "{text}");
    }
}

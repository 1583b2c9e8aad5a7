//! A role, assumed with the credentials of another session.
//!
//! Nothing is asked while that one has none: its sentence is the reason here too, and its sign-in ends the wait.

use std::fmt;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts as sts;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::REQUEST_LIMIT;
use super::error::{SignInError, beginning};
use super::session::Session;
use crate::aws::{LearnTime, reaction, with_credentials, within, words};
use crate::clock::Clock;
use crate::delivery::outcome::SendError;

/// A session's name: `[\w+=,.@-]{2,64}` (STS, AssumeRole).
const LONGEST_NAME: usize = 64;

/// A role to assume.
pub struct Role {
    arn: String,
    name: String,
    client: sts::Client,
    base: Session,
    is_base_at_fault: bool,
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").field("arn", &self.arn).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Role {
    /// The role `arn`, assumed by `instance_id` with the credentials of `base`.
    pub fn new(arn: &str, instance_id: &str, sdk: &SdkConfig, clock: &Clock, base: Session) -> Self {
        let sdk = with_credentials(sdk, base.provider());
        let config = sts::config::Builder::from(&sdk).interceptor(LearnTime(clock.clone())).build();
        Self {
            arn: arn.to_owned(),
            name: session_name(instance_id),
            client: sts::Client::from_conf(config),
            base,
            is_base_at_fault: false,
        }
    }

    /// Its name in the own log.
    pub(super) fn name(&self) -> String {
        format!("role {}", self.arn)
    }

    /// Comes back when the other session has credentials, where it had none at the last attempt.
    pub(super) async fn mended(&mut self) {
        if !self.is_base_at_fault {
            return std::future::pending().await;
        }
        while !self.base.told().is_signed_in {
            self.base.changed().await;
        }
    }

    /// Comes back when the other session has made its first attempt.
    pub(super) async fn ready(&self) {
        self.base.answered().await;
    }

    /// Whether the last attempt failed for want of the other session's credentials.
    pub(super) fn is_base_at_fault(&self) -> bool {
        self.is_base_at_fault
    }

    pub(super) async fn fetch(&mut self) -> Result<Credentials, SignInError> {
        let base = self.base.credentials().await;
        self.is_base_at_fault = base.is_err();
        base?;
        let number = self.base.number();
        let request = self.client.assume_role().role_arn(&self.arn).role_session_name(&self.name);
        let error = match within(REQUEST_LIMIT, request.send()).await {
            Ok(Ok(answer)) => return self.credentials(answer.credentials),
            Ok(Err(error)) => error,
            Err(late) => return Err(self.explain(&late, &late.to_string())),
        };
        let said = error.message().map_or_else(|| words(&error), ToOwned::to_owned);
        let reaction = reaction(error);
        if reaction.is_unauthorised() {
            self.base.refused(number);
            self.is_base_at_fault = !self.base.told().is_signed_in;
        }
        Err(self.explain(&reaction, &said))
    }

    fn credentials(&self, given: Option<sts::types::Credentials>) -> Result<Credentials, SignInError> {
        let Some(given) = given else {
            return Err(SignInError::Busy(format!(
                "assuming the role `{}`: the answer holds no credentials",
                self.arn
            )));
        };
        let end = given.expiration.try_into().ok();
        Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), end, "role"))
    }

    fn explain(&self, reaction: &SendError, said: &str) -> SignInError {
        let arn = &self.arn;
        match reaction {
            SendError::Busy { .. } => {
                SignInError::Busy(format!("assuming the role `{arn}`: AWS asks for patience: {said}"))
            }
            // They ended, or the clock was off and has learned from this very answer: both pass.
            SendError::Unauthorised { .. } => SignInError::Busy(format!(
                "assuming the role `{arn}`: AWS does not take the credentials of who signs in: {}; they are fetched anew",
                beginning(said)
            )),
            SendError::Unreachable { .. } => {
                SignInError::Unreachable(format!("assuming the role `{arn}`: no answer from AWS: {said}"))
            }
            _ => SignInError::Rejected(format!(
                "assuming the role `{arn}`: AWS says `{said}`: the role's trust policy and the policy of who signs in both \
                 have to allow sts:AssumeRole"
            )),
        }
    }
}

/// The instance id as a session's name: what STS does not take becomes a dash.
fn session_name(instance_id: &str) -> String {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name = instance_id.chars().map(|c| if is_taken(c) { c } else { '-' });
    let name: String = name.take(LONGEST_NAME).collect();
    format!("{name:-<2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_after_the_instance_as_far_as_sts_takes_it() {
        assert_eq!(session_name("rpi-000000001"), "rpi-000000001");
        assert_eq!(session_name("büro/3 x"), "b-ro-3-x");
        assert_eq!(session_name("x"), "x-");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }
}

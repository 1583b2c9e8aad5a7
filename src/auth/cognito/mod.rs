//! A user of a Cognito user pool becomes AWS credentials: asks what `flow` decides, keeps what was answered.
//!
//! The password is read for a sign-in and wiped after it; tokens are wiped when others take their place. Both pools are asked
//! without a signature: no credentials are needed to get some. The rule that is easy to break: the proof is dated by
//! Cognito's clock, so its time is taken after the first answer has taught it.

pub mod flow;
pub mod refusal;
mod requests;

use std::fmt;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use zeroize::Zeroizing;

use self::flow::{AtHand, Flow, Step, Turn};
use self::refusal::{Refusal, Who};
use self::requests::Pools;
use super::error::SignInError;
use super::password::{self, Password};
use crate::clock::Clock;
use crate::config;
use crate::record::{Identity, Monotonic};

/// An id token serves as long as this is left of its life.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);

/// What is told of an identity id that is new.
pub type Tell = Box<dyn Fn(Identity) + Send + Sync>;

/// A user that signs in.
pub struct User {
    who: Who,
    password: Password,
    pools: Pools,
    clock: Clock,
    flow: Flow,
    refresh_token: Option<Zeroizing<String>>,
    id_token: Option<IdToken>,
    identity: Option<String>,
    key: String,
    tell: Tell,
    is_password_announced: bool,
}

struct IdToken {
    text: Zeroizing<String>,
    until: Monotonic,
}

/// Tokens as they are answered.
struct Tokens {
    id: Zeroizing<String>,
    /// A new one; none where the old one goes on serving.
    refresh: Option<Zeroizing<String>>,
    life: Duration,
}

/// Why a step brought nothing.
enum Failure {
    /// Cognito or the network said so.
    Refused(Box<Refusal>),
    /// Cognito asks for more than a password.
    Challenged(String),
    /// It never came to a request, or the answer made no sense.
    Own(SignInError),
}

impl fmt::Debug for User {
    /// Who it is, and no token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.who.fmt(f)
    }
}

impl User {
    /// The user `name`, reached as `sdk` says. `saved` is the identity id that was told under [`User::key`] before; a new one is
    /// told to `tell`.
    pub fn new(
        settings: &config::Cognito,
        name: &str,
        sdk: &SdkConfig,
        clock: &Clock,
        saved: Option<String>,
        tell: Tell,
    ) -> Self {
        let password = Password::new(&settings.password);
        let who = Who {
            user: name.to_owned(),
            user_pool: settings.user_pool_id.clone(),
            identity_pool: settings.identity_pool_id.clone(),
            client: settings.app_client_id.clone(),
            password: password.place(),
            needs_restart: password.needs_restart(),
        };
        Self {
            pools: Pools::new(settings, sdk, clock),
            who,
            password,
            clock: clock.clone(),
            flow: Flow::new(settings.sends_password),
            refresh_token: None,
            id_token: None,
            identity: saved,
            key: Self::key(settings, name),
            tell,
            is_password_announced: false,
        }
    }

    /// Under what the identity id of the user `name` is kept.
    pub fn key(settings: &config::Cognito, name: &str) -> String {
        format!("{} {} {name}", settings.identity_pool_id, settings.user_pool_id)
    }

    /// Looks at the file with the password, where the settings name one.
    ///
    /// # Errors
    /// What a sign-in would stumble over.
    pub fn check(settings: &config::Cognito) -> Result<(), String> {
        password::check(&settings.password)
    }

    /// Its name in the own log.
    pub(super) fn name(&self) -> String {
        format!("Cognito, user {} of {}", self.who.user, self.who.user_pool)
    }

    /// Comes back when the password is another than at the last attempt; never where that cannot be seen.
    pub(super) async fn mended(&mut self) {
        self.password.changed().await;
    }

    /// Signs in, with the refresh token where one is held.
    pub(super) async fn fetch(&mut self) -> Result<Credentials, SignInError> {
        self.flow.begin();
        loop {
            let at_hand = self.at_hand();
            let step = self.flow.next(at_hand);
            let failure = match self.take(step).await {
                Ok(Some(credentials)) => return Ok(credentials),
                Ok(None) => continue,
                Err(failure) => failure,
            };
            match failure {
                Failure::Refused(refusal) => self.refused(step, &refusal)?,
                Failure::Challenged(challenge) => return Err(self.who.challenged(step, &challenge)),
                Failure::Own(error) => return Err(error),
            }
        }
    }

    fn at_hand(&mut self) -> AtHand {
        let now = self.clock.now();
        self.id_token.take_if(|token| now >= token.until);
        AtHand {
            refresh_token: self.refresh_token.is_some(),
            id_token: self.id_token.is_some(),
            identity: self.identity.is_some(),
        }
    }

    /// Takes a step: credentials, or something to go on with.
    async fn take(&mut self, step: Step) -> Result<Option<Credentials>, Failure> {
        match step {
            Step::Refresh | Step::RefreshWithoutRotation => {
                let token = self.refresh_token.as_ref().map(|token| token.as_str()).unwrap_or_default();
                let tokens = match step {
                    Step::Refresh => self.pools.refresh(token).await?,
                    _ => self.pools.refresh_without_rotation(token).await?,
                };
                self.keep(tokens);
            }
            Step::Prove => {
                let password = self.password.read().await.map_err(Failure::own)?;
                let tokens = self.pools.prove(&self.who, password, &self.clock).await?;
                self.keep(tokens);
            }
            Step::SendPassword => {
                let password = self.password.read().await.map_err(Failure::own)?;
                let tokens = self.pools.send_password(&self.who.user, &password).await?;
                self.keep(tokens);
            }
            Step::Identify => {
                let id = self.pools.identify(self.token()).await?;
                (self.tell)(Identity { key: self.key.clone(), id: id.clone() });
                self.identity = Some(id);
            }
            Step::Exchange => {
                let id = self.identity.clone().unwrap_or_default();
                let credentials = self.pools.exchange(&id, self.token()).await?;
                self.id_token = None;
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }

    fn token(&self) -> &str {
        self.id_token.as_ref().map(|token| token.text.as_str()).unwrap_or_default()
    }

    fn keep(&mut self, tokens: Tokens) {
        let until = self.clock.now().after(tokens.life.saturating_sub(TOKEN_MARGIN));
        self.id_token = Some(IdToken { text: tokens.id, until });
        if let Some(refresh) = tokens.refresh {
            self.refresh_token = Some(refresh);
        }
    }

    /// What follows from a refusal: an error where the attempt ends with it.
    fn refused(&mut self, step: Step, refusal: &Refusal) -> Result<(), SignInError> {
        match self.flow.refused(step, refusal) {
            Turn::Again => {}
            Turn::AnnouncePassword => self.announce_password(),
            Turn::ForgetRefreshToken => self.refresh_token = None,
            Turn::ForgetIdentity => self.identity = None,
            Turn::ForgetTokens => (self.id_token, self.refresh_token) = (None, None),
            Turn::End => {
                // A token that the identity pool does not take is not offered to it again.
                if refusal.is_no() {
                    self.id_token = None;
                }
                return Err(refusal.explain(step, &self.who));
            }
        }
        Ok(())
    }

    fn announce_password(&mut self) {
        if !std::mem::replace(&mut self.is_password_announced, true) {
            let client = self.who.client.as_str();
            log::warn!(
                client;
                "the app client offers no USER_SRP_AUTH: the password itself is sent; turn on ALLOW_USER_SRP_AUTH for it"
            );
        }
    }
}

impl Failure {
    fn own(reason: String) -> Self {
        Self::Own(SignInError::Rejected(reason))
    }
}

//! The requests of both Cognito services, one function each.

use std::sync::Once;
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_cognitoidentity as identity;
use aws_sdk_cognitoidentityprovider as provider;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use provider::types::{AuthFlowType, AuthenticationResultType, ChallengeNameType};
use zeroize::Zeroizing;

use super::refusal::{Refusal, Who};
use super::{Failure, Tokens};
use crate::auth::REQUEST_LIMIT;
use crate::auth::error::SignInError;
use crate::aws::{LearnTime, reaction, within};
use crate::clock::Clock;
use crate::config::{self, Secret};
use crate::delivery::outcome::SendError;
use crate::srp::{self, Challenge, RANDOM_BYTES};

/// A user pool and an identity pool.
pub(super) struct Pools {
    users: provider::Client,
    identities: identity::Client,
    user_pool: String,
    identity_pool: String,
    client: String,
    account: String,
    /// Under what name the identity pool knows the user pool.
    login: String,
    /// That the user has another name there is said once.
    other_name: Once,
}

impl Pools {
    pub(super) fn new(settings: &config::Cognito, sdk: &SdkConfig, clock: &Clock) -> Self {
        let (user_pool, identity_pool) = (&settings.user_pool_id, &settings.identity_pool_id);
        let users = in_region(sdk, user_pool, '_');
        let identities = in_region(sdk, identity_pool, ':');
        let region = users.region().map_or("", |region| region.as_ref());
        let login = login(region, user_pool);
        let users = provider::config::Builder::from(&users).interceptor(LearnTime(clock.clone())).build();
        let identities = identity::config::Builder::from(&identities).interceptor(LearnTime(clock.clone())).build();
        Self {
            users: provider::Client::from_conf(users),
            identities: identity::Client::from_conf(identities),
            user_pool: user_pool.clone(),
            identity_pool: identity_pool.clone(),
            client: settings.app_client_id.clone(),
            account: settings.account_id.clone(),
            login,
            other_name: Once::new(),
        }
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<Tokens, Failure> {
        let request = self.users.get_tokens_from_refresh_token().client_id(&self.client).refresh_token(token);
        let answer = asked(request.send()).await?;
        tokens(answer.authentication_result)
    }

    pub(super) async fn refresh_without_rotation(&self, token: &str) -> Result<Tokens, Failure> {
        let request = self.users.initiate_auth().client_id(&self.client).auth_flow(AuthFlowType::RefreshTokenAuth);
        let answer = asked(request.auth_parameters("REFRESH_TOKEN", token).send()).await?;
        tokens_or(answer.challenge_name, answer.authentication_result)
    }

    pub(super) async fn send_password(&self, user: &str, password: &Secret) -> Result<Tokens, Failure> {
        let request = self.users.initiate_auth().client_id(&self.client).auth_flow(AuthFlowType::UserPasswordAuth);
        let request = request.auth_parameters("USERNAME", user).auth_parameters("PASSWORD", password.reveal());
        let answer = asked(request.send()).await?;
        tokens_or(answer.challenge_name, answer.authentication_result)
    }

    /// Both requests of SRP: the challenge, and the proof that answers it.
    pub(super) async fn prove(&self, who: &Who, password: Secret, clock: &Clock) -> Result<Tokens, Failure> {
        let mut random = Zeroizing::new([0; RANDOM_BYTES]);
        getrandom::fill(random.as_mut_slice()).map_err(|error| strange(who, &error.to_string()))?;
        let pool = srp::pool_name(&self.user_pool).to_owned();
        let begun = tokio::task::spawn_blocking(move || srp::Client::new(&pool, &random)).await;
        let (client, srp_a) = begun.map_err(|error| strange(who, &error.to_string()))?;
        let request = self.users.initiate_auth().client_id(&self.client).auth_flow(AuthFlowType::UserSrpAuth);
        let request = request.auth_parameters("USERNAME", &who.user).auth_parameters("SRP_A", srp_a);
        let challenge = asked(request.send()).await?;
        if challenge.challenge_name != Some(ChallengeNameType::PasswordVerifier) {
            return tokens_or(challenge.challenge_name, challenge.authentication_result);
        }
        let mut parameters = challenge.challenge_parameters.unwrap_or_default();
        let mut parameter = |name: &str| parameters.remove(name).unwrap_or_default();
        let (user_id, salt) = (parameter("USER_ID_FOR_SRP"), parameter("SALT"));
        if !user_id.is_empty() && user_id != who.user {
            self.other_name.call_once(|| {
                let (user, known_as) = (who.user.as_str(), user_id.as_str());
                log::warn!(user, known_as; "the user pool knows the user under another name, and the role's policy goes by that one");
            });
        }
        let (srp_b, secret_block) = (parameter("SRP_B"), parameter("SECRET_BLOCK"));
        let timestamp = srp::timestamp(clock.wall().0.div_euclid(1000));
        let answers = self.users.respond_to_auth_challenge().client_id(&self.client);
        let answers = answers
            .challenge_name(ChallengeNameType::PasswordVerifier)
            .set_session(challenge.session)
            .challenge_responses("USERNAME", &user_id)
            .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", &secret_block)
            .challenge_responses("TIMESTAMP", &timestamp);
        // Some multiplications of large numbers: too long for the runtime's one thread on a small device.
        let proof = tokio::task::spawn_blocking(move || {
            let challenge = Challenge { user_id: &user_id, salt: &salt, srp_b: &srp_b, secret_block: &secret_block };
            client.proof(password.reveal(), &challenge, &timestamp)
        });
        let proof = proof.await.map_err(|error| strange(who, &error.to_string()))?;
        let proof = proof.map_err(|error| strange(who, &error.to_string()))?;
        let answer = asked(answers.challenge_responses("PASSWORD_CLAIM_SIGNATURE", proof).send()).await?;
        tokens_or(answer.challenge_name, answer.authentication_result)
    }

    pub(super) async fn identify(&self, id_token: &str) -> Result<String, Failure> {
        let request = self.identities.get_id().identity_pool_id(&self.identity_pool).account_id(&self.account);
        let answer = asked(request.logins(&self.login, id_token).send()).await?;
        answer.identity_id.ok_or_else(empty)
    }

    pub(super) async fn exchange(&self, identity: &str, id_token: &str) -> Result<Credentials, Failure> {
        let request = self.identities.get_credentials_for_identity().identity_id(identity);
        let answer = asked(request.logins(&self.login, id_token).send()).await?;
        let given = answer.credentials.ok_or_else(empty)?;
        let (Some(key), Some(secret)) = (given.access_key_id, given.secret_key) else {
            return Err(empty());
        };
        let end = given.expiration.and_then(|end| end.try_into().ok());
        Ok(Credentials::new(key, secret, given.session_token, end, "Cognito"))
    }
}

/// The SDK's settings for the region that a pool's id names. Nothing is signed, so no credentials are looked for.
fn in_region(sdk: &SdkConfig, pool: &str, separator: char) -> SdkConfig {
    // What stands before the separator is the region.
    let Some((region, _)) = pool.split_once(separator) else {
        return sdk.clone();
    };
    let region = Region::new(region.to_owned());
    if let Some(agents) = sdk.region().filter(|agents| **agents != region) {
        log::info!(pool, region:% = region, agents:% = agents; "the pool is in another region than the agent");
    }
    sdk.to_builder().region(region).build()
}

fn login(region: &str, user_pool: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("cognito-idp.{region}.{domain}/{user_pool}")
}

/// An answer within the time limit.
async fn asked<T, E>(send: impl Future<Output = Result<T, SdkError<E, Response>>>) -> Result<T, Failure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let error = match within(REQUEST_LIMIT, send).await {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => error,
        Err(late) => return Err(Failure::refused(String::new(), String::new(), None, late)),
    };
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, message) = match error.as_service_error() {
        Some(service) => (service.code().unwrap_or_default(), service.message().unwrap_or_default()),
        None => ("", ""),
    };
    Err(Failure::refused(code.to_owned(), message.to_owned(), status, reaction(error)))
}

impl Failure {
    fn refused(code: String, message: String, status: Option<u16>, reaction: SendError) -> Self {
        Self::Refused(Box::new(Refusal { code, message, status, reaction }))
    }
}

fn tokens_or(
    challenge: Option<ChallengeNameType>,
    result: Option<AuthenticationResultType>,
) -> Result<Tokens, Failure> {
    match challenge {
        Some(challenge) => Err(Failure::Challenged(challenge.as_str().to_owned())),
        None => tokens(result),
    }
}

fn tokens(result: Option<AuthenticationResultType>) -> Result<Tokens, Failure> {
    let result = result.ok_or_else(empty)?;
    let life = Duration::from_secs(u64::try_from(result.expires_in).unwrap_or_default());
    let id = result.id_token.map(Zeroizing::new).ok_or_else(empty)?;
    // Of no use here: wiped at once.
    drop(result.access_token.map(Zeroizing::new));
    Ok(Tokens { id, refresh: result.refresh_token.map(Zeroizing::new), life })
}

/// An answer without what it is for.
fn empty() -> Failure {
    Failure::Own(SignInError::Busy("signing in: Cognito's answer lacks what was asked for".to_owned()))
}

/// A handshake that cannot go on.
fn strange(who: &Who, reason: &str) -> Failure {
    let doing = who.doing(super::Step::Prove);
    Failure::Own(SignInError::Busy(format!("{doing}: Cognito's challenge cannot be answered: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_is_named_as_the_identity_pool_knows_it() {
        assert_eq!(login("eu-west-1", "eu-west-1_A"), "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A");
        assert_eq!(login("cn-north-1", "cn-north-1_A"), "cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A");
    }
}

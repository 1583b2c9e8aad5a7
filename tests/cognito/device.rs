//! A device that signs in with this program's own SRP and the SDK's clients, step by step.

use aws_credential_types::Credentials;
use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_cognitoidentity as identity;
use aws_sdk_cognitoidentityprovider as idp;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use cloudwatch_publisher::local::{Endpoint, PoolIds};
use cloudwatch_publisher::srp::{self, Challenge, Client, RANDOM_BYTES};
use idp::types::{AuthFlowType, AuthenticationResultType, ChallengeNameType};

/// Code and message of a refusal.
pub type Refused = (String, String);

/// What went wrong, as AWS calls it.
pub fn refused<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> Result<T, Refused> {
    result
        .map_err(|error| (error.code().unwrap_or("no code").to_owned(), error.message().unwrap_or_default().to_owned()))
}

/// Clients for an endpoint and a pool in it.
pub struct Device {
    pub idp: idp::Client,
    pub identity: identity::Client,
    pub pool: PoolIds,
    url: String,
}

/// What InitiateAuth answered to SRP_A.
pub struct Challenged {
    client: Client,
    pub parameters: std::collections::HashMap<String, String>,
}

/// What an answer to a challenge consists of.
pub struct Answer {
    pub user: String,
    pub signature: String,
    pub secret_block: String,
    pub timestamp: String,
}

fn made_up() -> Credentials {
    Credentials::new("made-up", "made-up", None, None, "test")
}

fn seconds() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

impl Device {
    /// For a pool of an endpoint. The SDK's own retries are off: a refusal is what is looked at.
    pub fn new(endpoint: &Endpoint, pool: &PoolIds) -> Self {
        let config = idp::Config::builder()
            .behavior_version_latest()
            .endpoint_url(endpoint.url())
            .region(idp::config::Region::new(pool.region.clone()))
            .retry_config(idp::config::retry::RetryConfig::disabled())
            .credentials_provider(made_up());
        let for_identity = identity::Config::builder()
            .behavior_version_latest()
            .endpoint_url(endpoint.url())
            .region(identity::config::Region::new(pool.region.clone()))
            .retry_config(identity::config::retry::RetryConfig::disabled())
            .credentials_provider(made_up());
        Self {
            idp: idp::Client::from_conf(config.build()),
            identity: identity::Client::from_conf(for_identity.build()),
            pool: pool.clone(),
            url: endpoint.url(),
        }
    }

    /// A client of CloudWatch Logs that signs with these keys.
    pub fn logs(&self, credentials: Credentials) -> logs::Client {
        let config = logs::Config::builder()
            .behavior_version_latest()
            .endpoint_url(&self.url)
            .region(logs::config::Region::new(self.pool.region.clone()))
            .retry_config(logs::config::retry::RetryConfig::disabled())
            .credentials_provider(credentials);
        logs::Client::from_conf(config.build())
    }

    /// The first step of SRP.
    pub async fn challenge(&self, user: &str) -> Result<Challenged, Refused> {
        let mut random = [0; RANDOM_BYTES];
        fastrand::fill(&mut random);
        let (client, srp_a) = Client::new(srp::pool_name(&self.pool.user_pool), &random);
        let asked = self.idp.initiate_auth().client_id(&self.pool.client).auth_flow(AuthFlowType::UserSrpAuth);
        let asked = asked.auth_parameters("USERNAME", user).auth_parameters("SRP_A", srp_a);
        let answer = refused(asked.send().await.map_err(idp::Error::from))?;
        assert_eq!(answer.challenge_name, Some(ChallengeNameType::PasswordVerifier));
        Ok(Challenged { client, parameters: answer.challenge_parameters.unwrap() })
    }

    /// The second step, with an answer that may have been tampered with.
    pub async fn answer(
        &self,
        answer: &Answer,
    ) -> Result<idp::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput, Refused> {
        let asked = self.idp.respond_to_auth_challenge().client_id(&self.pool.client);
        let asked = asked
            .challenge_name(ChallengeNameType::PasswordVerifier)
            .challenge_responses("USERNAME", &answer.user)
            .challenge_responses("TIMESTAMP", &answer.timestamp)
            .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", &answer.secret_block)
            .challenge_responses("PASSWORD_CLAIM_SIGNATURE", &answer.signature);
        refused(asked.send().await.map_err(idp::Error::from))
    }

    /// Both steps.
    pub async fn sign_in(&self, user: &str, password: &str) -> Result<AuthenticationResultType, Refused> {
        let answer = self.challenge(user).await?.answer(password);
        Ok(self.answer(&answer).await?.authentication_result.expect("tokens"))
    }

    /// Signing in by password.
    pub async fn sign_in_by_password(&self, user: &str, password: &str) -> Result<AuthenticationResultType, Refused> {
        let asked = self.idp.initiate_auth().client_id(&self.pool.client).auth_flow(AuthFlowType::UserPasswordAuth);
        let asked = asked.auth_parameters("USERNAME", user).auth_parameters("PASSWORD", password);
        Ok(refused(asked.send().await.map_err(idp::Error::from))?.authentication_result.expect("tokens"))
    }

    /// New tokens by InitiateAuth.
    pub async fn refresh(&self, token: &str) -> Result<AuthenticationResultType, Refused> {
        let asked = self.idp.initiate_auth().client_id(&self.pool.client).auth_flow(AuthFlowType::RefreshTokenAuth);
        let asked = asked.auth_parameters("REFRESH_TOKEN", token);
        Ok(refused(asked.send().await.map_err(idp::Error::from))?.authentication_result.expect("tokens"))
    }

    /// New tokens by GetTokensFromRefreshToken.
    pub async fn rotate(&self, token: &str) -> Result<AuthenticationResultType, Refused> {
        let asked = self.idp.get_tokens_from_refresh_token().client_id(&self.pool.client).refresh_token(token);
        Ok(refused(asked.send().await.map_err(idp::Error::from))?.authentication_result.expect("tokens"))
    }

    /// How the identity pool names the user pool.
    pub fn provider(&self) -> String {
        format!("cognito-idp.{}.amazonaws.com/{}", self.pool.region, self.pool.user_pool)
    }

    /// GetId.
    pub async fn identity(&self, id_token: &str) -> Result<String, Refused> {
        let asked = self.identity.get_id().identity_pool_id(&self.pool.identity_pool).logins(self.provider(), id_token);
        Ok(refused(asked.send().await.map_err(identity::Error::from))?.identity_id.unwrap())
    }

    /// GetCredentialsForIdentity.
    pub async fn credentials(&self, identity: &str, id_token: &str) -> Result<Credentials, Refused> {
        let asked = self.identity.get_credentials_for_identity().identity_id(identity);
        let asked = asked.logins(self.provider(), id_token);
        let answer = refused(asked.send().await.map_err(identity::Error::from))?;
        assert_eq!(answer.identity_id.as_deref(), Some(identity));
        let lent = answer.credentials.unwrap();
        Ok(Credentials::new(
            lent.access_key_id.unwrap(),
            lent.secret_key.unwrap(),
            lent.session_token,
            lent.expiration.map(|at| at.try_into().unwrap()),
            "test",
        ))
    }

    /// The whole road: keys for a user.
    pub async fn keys(&self, user: &str, password: &str) -> Credentials {
        let tokens = self.sign_in(user, password).await.unwrap();
        let identity = self.identity(tokens.id_token().unwrap()).await.unwrap();
        self.credentials(&identity, tokens.id_token().unwrap()).await.unwrap()
    }
}

impl Challenged {
    /// What proves the password now.
    pub fn answer(&self, password: &str) -> Answer {
        self.answer_at(password, seconds())
    }

    /// The same at another time.
    pub fn answer_at(&self, password: &str, seconds: i64) -> Answer {
        let challenge = Challenge {
            user_id: &self.parameters["USER_ID_FOR_SRP"],
            salt: &self.parameters["SALT"],
            srp_b: &self.parameters["SRP_B"],
            secret_block: &self.parameters["SECRET_BLOCK"],
        };
        let timestamp = srp::timestamp(seconds);
        let signature = self.client.proof(password, &challenge, &timestamp).unwrap();
        let secret_block = challenge.secret_block.to_owned();
        Answer { user: self.parameters["USERNAME"].clone(), signature, secret_block, timestamp }
    }

    /// What proves it a day late.
    pub fn answer_with_a_clock_off_by_a_day(&self, password: &str) -> Answer {
        self.answer_at(password, seconds() - 86_400)
    }
}

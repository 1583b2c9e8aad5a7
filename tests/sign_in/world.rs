//! A user pool at the embedded endpoint, a device with a password file, and what tests ask about both.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cloudwatch_publisher::auth::cognito::User;
use cloudwatch_publisher::auth::role::Role;
use cloudwatch_publisher::auth::{Session, Source, Start, Told};
use cloudwatch_publisher::aws::{self, LearnTime, Reach, with_credentials};
use cloudwatch_publisher::clock::Clock;
use cloudwatch_publisher::config::{Cognito, Network, PasswordSource};
use cloudwatch_publisher::delivery::retry::Chance;
use cloudwatch_publisher::local::{Endpoint, Operation, Options, PoolIds, PoolSetup};
use cloudwatch_publisher::record::Identity;

pub const USER: &str = "rpi-1";
pub const PASSWORD: &str = "C0rrect-Horse-Battery";
/// Longer than any wait of these tests.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub endpoint: Endpoint,
    pub pool: PoolIds,
    pub clock: Clock,
    /// The identity id that is saved.
    pub identity: Option<String>,
    pub sends_password: bool,
    pub first_after: Duration,
    folder: tempfile::TempDir,
    told: Arc<Mutex<Vec<Identity>>>,
}

impl World {
    /// A pool with one user, whose password is in the file.
    pub fn new(setup: &PoolSetup) -> Self {
        let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
        let pool = endpoint.add_user_pool(setup);
        endpoint.add_user(&pool, USER, PASSWORD);
        let world = Self {
            endpoint,
            pool,
            clock: Clock::default(),
            identity: None,
            sends_password: false,
            first_after: Duration::ZERO,
            folder: tempfile::tempdir().unwrap(),
            told: Arc::default(),
        };
        world.write_password(PASSWORD);
        world
    }

    /// The device starts.
    pub async fn start(&self) -> Session {
        let settings = Cognito {
            account_id: "000000000000".to_owned(),
            user_pool_id: self.pool.user_pool.clone(),
            identity_pool_id: self.pool.identity_pool.clone(),
            app_client_id: self.pool.client.clone(),
            password: PasswordSource::File(self.password_file()),
            sends_password: self.sends_password,
        };
        let told = Arc::clone(&self.told);
        let tell = Box::new(move |identity| told.lock().unwrap().push(identity));
        let user =
            User::new(&settings, USER, &self.sdk(&self.endpoint.url()).await, &self.clock, self.identity.clone(), tell);
        let start = Start { first_after: self.first_after, ..self.early() };
        Session::start(Source::Cognito(Box::new(user)), start)
    }

    /// A role on top of what the device signed in with.
    pub async fn assume(&self, device: &Session, sts: &str) -> Session {
        let role =
            Role::new("arn:aws:iam::000000000000:role/x", USER, &self.sdk(sts).await, &self.clock, device.clone());
        Session::start(Source::Role(Box::new(role)), self.early())
    }

    /// Early moments: what has to come before an end comes long before it, also on a machine that is busy.
    fn early(&self) -> Start {
        Start { chance: || Chance(0.1), ..Start::at_once(&self.clock) }
    }

    pub fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    pub fn write_password(&self, password: &str) {
        fs::write(self.password_file(), format!("{password}\n")).unwrap();
    }

    pub fn let_credentials_live(&self, life: Duration) {
        self.endpoint.set_up_cognito(|settings| settings.credential_lifetime = life);
    }

    pub fn requests_to(&self, operation: Operation) -> u64 {
        self.endpoint.counts().requests_to(operation)
    }

    pub fn told_identities(&self) -> Vec<Identity> {
        self.told.lock().unwrap().clone()
    }

    /// A request that is signed with what the session gives.
    pub async fn create_log_group(&self, session: &Session) -> Result<(), String> {
        let sdk = with_credentials(&self.sdk(&self.endpoint.url()).await, session.provider());
        let config = aws_sdk_cloudwatchlogs::config::Builder::from(&sdk).interceptor(LearnTime(self.clock.clone()));
        let client = aws_sdk_cloudwatchlogs::Client::from_conf(config.build());
        let answer = client.create_log_group().log_group_name("/test").send().await;
        answer.map(drop).map_err(|error| aws::words(&error))
    }

    pub async fn sign_out_everywhere(&self) {
        let request = self.admin().await.admin_user_global_sign_out();
        request.user_pool_id(&self.pool.user_pool).username(USER).send().await.unwrap();
    }

    pub async fn delete_user(&self) {
        let request = self.admin().await.admin_delete_user();
        request.user_pool_id(&self.pool.user_pool).username(USER).send().await.unwrap();
    }

    pub async fn create_user_with_temporary_password(&self) {
        let request = self.admin().await.admin_create_user().user_pool_id(&self.pool.user_pool).username(USER);
        request.temporary_password(PASSWORD).send().await.unwrap();
    }

    /// An administrator, by keys that the endpoint takes from anybody.
    async fn admin(&self) -> aws_sdk_cognitoidentityprovider::Client {
        let made_up = Credentials::new("made-up", "made-up", None, None, "made up");
        let sdk = with_credentials(&self.sdk(&self.endpoint.url()).await, SharedCredentialsProvider::new(made_up));
        aws_sdk_cognitoidentityprovider::Client::new(&sdk)
    }

    async fn sdk(&self, endpoint: &str) -> SdkConfig {
        let network = Network { endpoint: Some(endpoint.to_owned()), ..Network::default() };
        let reach = Reach { region: Some("eu-west-1"), profile: None, network: &network };
        aws::load(&reach, &self.clock).await.unwrap()
    }
}

/// How a session stands once that is so.
pub async fn until(session: &mut Session, is_so: impl Fn(&Told) -> bool) -> Told {
    let waiting = async {
        loop {
            let told = session.told();
            if is_so(&told) {
                return told;
            }
            session.changed().await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, waiting).await;
    answer.unwrap_or_else(|_| panic!("it never became so: {:?}", session.told()))
}

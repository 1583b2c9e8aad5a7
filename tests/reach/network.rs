//! A CA bundle, proxies with their exceptions, and the host names of AWS, through the clients of the SDK.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use cloudwatch_publisher::aws::{self, LoadError, Reach};
use cloudwatch_publisher::clock::Clock;
use cloudwatch_publisher::config::Network;
use tempfile::TempDir;

use super::authority::{Authority, NOW};
use super::child::child;
use super::proxy::Proxy;
use super::server::{Answer, Asked, Server};

const NAMES: [&str; 2] = ["*.eu-west-1.amazonaws.com", "localhost"];
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKI"), ("AWS_SECRET_ACCESS_KEY", "SEC")];
const STS: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
    <Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>
    <Expiration>2060-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"#;

/// AWS, as far as these tests ask it, in TLS; its authority; a file with that authority's certificate.
struct Scene {
    server: Server,
    folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("test authority");
        let server = Server::tls(&authority.server(&NAMES, NOW), None, answer);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem).unwrap();
        Self { server, folder }
    }

    fn network(&self) -> Network {
        // The environment of this machine decides nothing.
        Network {
            ca_bundle: Some(self.folder.path().join("ca.pem")),
            http_proxy: Some(String::new()),
            https_proxy: Some(String::new()),
            no_proxy: Some(String::new()),
            ..Network::default()
        }
    }

    fn localhost(&self) -> String {
        format!("https://localhost:{}", self.server.address.port())
    }
}

fn answer(asked: &Asked) -> Answer {
    let target = asked.headers.get("x-amz-target").map_or("", String::as_str);
    match (asked.headers["host"].split('.').next().unwrap(), target) {
        ("monitoring", _) => Answer::new(200, [0xbf, 0xff]).with("smithy-protocol", "rpc-v2-cbor"),
        ("sts", _) => Answer::new(200, STS),
        _ => Answer::new(200, "{}").with("content-type", "application/x-amz-json-1.1"),
    }
}

async fn sdk(network: &Network) -> Result<SdkConfig, LoadError> {
    let reach = Reach { region: Some("eu-west-1"), profile: None, network };
    let sdk = aws::load(&reach, &Clock::default()).await?;
    let keys = Credentials::new("AKI", "SEC", None, None, "test");
    Ok(aws::with_credentials(&sdk, SharedCredentialsProvider::new(keys)))
}

async fn put_logs(sdk: &SdkConfig) -> Result<(), String> {
    let client = aws_sdk_cloudwatchlogs::Client::new(sdk);
    let sent = client.create_log_group().log_group_name("g").send().await;
    sent.map(drop).map_err(|error| aws::reaction(error).to_string())
}

/// Asks every service that the program knows.
async fn ask_all(sdk: &SdkConfig) {
    put_logs(sdk).await.unwrap();
    let metrics = aws_sdk_cloudwatch::Client::new(sdk);
    metrics.put_metric_data().namespace("n").send().await.unwrap();
    let users = aws_sdk_cognitoidentityprovider::Client::new(sdk);
    users.initiate_auth().client_id("c").auth_flow("USER_SRP_AUTH".into()).send().await.unwrap();
    let identities = aws_sdk_cognitoidentity::Client::new(sdk);
    identities.get_id().identity_pool_id("p").send().await.unwrap();
    let role = aws_config::sts::AssumeRoleProvider::builder("arn:aws:iam::123456789012:role/r").session_name("s");
    let role = role.configure(sdk).build_from_provider(sdk.credentials_provider().unwrap()).await;
    assert_eq!(role.provide_credentials().await.unwrap().access_key_id(), "ASSUMED");
}

const EVERY_HOST: [&str; 5] = [
    "CONNECT logs.eu-west-1.amazonaws.com:443",
    "CONNECT monitoring.eu-west-1.amazonaws.com:443",
    "CONNECT cognito-idp.eu-west-1.amazonaws.com:443",
    "CONNECT cognito-identity.eu-west-1.amazonaws.com:443",
    "CONNECT sts.eu-west-1.amazonaws.com:443",
];

#[tokio::test]
async fn a_ca_bundle_is_trusted_beside_the_systems_authorities() {
    let scene = Scene::new();
    let network = Network { endpoint: Some(scene.localhost()), ..scene.network() };
    put_logs(&sdk(&network).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused_with_what_to_do() {
    let scene = Scene::new();
    let network = Network { endpoint: Some(scene.localhost()), ca_bundle: None, ..scene.network() };
    let told = put_logs(&sdk(&network).await.unwrap()).await.unwrap_err();
    assert!(told.contains("signed by nobody that is trusted here") && told.contains("`agent.ca_bundle`"), "{told}");
    assert!(scene.server.asked().is_empty());
}

#[tokio::test]
async fn a_wrong_ca_bundle_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases = [
        (None, "No such file"),
        (Some(""), "holds no certificate in PEM"),
        (Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "holds no certificate in PEM"),
        (Some(damaged), "its certificate number 1 is damaged"),
        (Some("-----BEGIN CERTIFICATE-----\nAAAA\n"), "its certificate number 1 is damaged"),
    ];
    for (text, expected) in cases {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let network = Network { ca_bundle: Some(path.clone()), ..Network::default() };
        let told = sdk(&network).await.unwrap_err().to_string();
        let all = ["`agent.ca_bundle`", path.to_str().unwrap(), expected];
        assert!(all.iter().all(|part| told.contains(part)), "{told}");
    }
}

#[tokio::test]
async fn every_client_goes_through_the_proxy_with_its_password() {
    let scene = Scene::new();
    // `me:p@ss/word`, as it must be written in a URL.
    let proxy = Proxy::to(scene.server.address, Some("bWU6cEBzcy93b3Jk"));
    let network =
        Network { https_proxy: Some(format!("http://me:p%40ss%2Fword@{}", proxy.address)), ..scene.network() };
    ask_all(&sdk(&network).await.unwrap()).await;
    assert_eq!(proxy.asked(), EVERY_HOST);
    assert_eq!(scene.server.asked().len(), EVERY_HOST.len());
}

#[tokio::test]
async fn clients_share_connections_and_ask_for_credentials_at_each_request() {
    let scene = Scene::new();
    let proxy = Proxy::to(scene.server.address, None);
    let network = Network { https_proxy: Some(proxy.url()), ..scene.network() };
    let counted = Counted::default();
    let sdk = aws::with_credentials(&sdk(&network).await.unwrap(), SharedCredentialsProvider::new(counted.clone()));
    for _ in 0..3 {
        put_logs(&sdk).await.unwrap();
    }
    assert_eq!((proxy.asked().len(), scene.server.asked().len()), (1, 3));
    assert_eq!(counted.0.load(Ordering::Relaxed), 3);
}

/// Credentials, and how often they were asked for.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<AtomicUsize>);

impl ProvideCredentials for Counted {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.fetch_add(1, Ordering::Relaxed);
        let end = SystemTime::now() + Duration::from_secs(3600);
        future::ProvideCredentials::ready(Ok(Credentials::new("AKI", "SEC", None, Some(end), "test")))
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_told_as_such() {
    let scene = Scene::new();
    let proxy = Proxy::to(scene.server.address, Some("bWU6cEBzcy93b3Jk"));
    let network = Network { https_proxy: Some(format!("http://me:wrong@{}", proxy.address)), ..scene.network() };
    let told = put_logs(&sdk(&network).await.unwrap()).await.unwrap_err();
    assert!(told.contains("proxy authorization required") && !told.contains("wrong"), "{told}");
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_is_reached_by_tls() {
    let scene = Scene::new();
    let authority = Authority::new("proxy's authority");
    let refusing = Server::tls(&authority.server(&["localhost"], NOW), None, |_| Answer::new(403, "no"));
    std::fs::write(scene.folder.path().join("ca.pem"), &authority.pem).unwrap();
    let url = format!("https://localhost:{}", refusing.address.port());
    let network = Network { https_proxy: Some(url), ..scene.network() };
    put_logs(&sdk(&network).await.unwrap()).await.unwrap_err();
    assert_eq!(refusing.asked()[0].line, "CONNECT logs.eu-west-1.amazonaws.com:443");
}

#[tokio::test]
async fn each_scheme_has_its_own_proxy() {
    let (scene, plain) = (Scene::new(), Server::plain(answer));
    let (secure, open) = (Proxy::to(scene.server.address, None), Proxy::to(plain.address, Some("bWU6c2VjcmV0")));
    let mut network = Network {
        https_proxy: Some(secure.url()),
        http_proxy: Some(format!("http://me:secret@{}", open.address)),
        ..scene.network()
    };
    put_logs(&sdk(&network).await.unwrap()).await.unwrap();
    network.endpoint = Some("http://logs.example".to_owned());
    put_logs(&sdk(&network).await.unwrap()).await.unwrap();
    assert_eq!(secure.asked(), EVERY_HOST[..1]);
    assert_eq!(open.asked(), ["POST http://logs.example/"]);
}

#[tokio::test]
async fn what_needs_no_proxy_is_reached_without_one() {
    let scene = Scene::new();
    let proxy = Proxy::to(scene.server.address, None);
    // Names of this machine go without a proxy whatever the exceptions say.
    let network = Network { https_proxy: Some(proxy.url()), endpoint: Some(scene.localhost()), ..scene.network() };
    put_logs(&sdk(&network).await.unwrap()).await.unwrap();
    assert_eq!((proxy.asked().len(), scene.server.asked().len()), (0, 1));
    // An exception of our own: nothing reaches AWS from here, so that it was not the proxy's is all there is to see.
    let network = Network {
        https_proxy: Some(proxy.url()),
        no_proxy: Some("*.invalid".into()),
        endpoint: Some("https://logs.invalid".into()),
        ..scene.network()
    };
    put_logs(&sdk(&network).await.unwrap()).await.unwrap_err();
    assert!(proxy.asked().is_empty());
}

#[tokio::test]
async fn dual_stack_uses_the_hosts_that_speak_ipv6_too() {
    let (scene, nobody) = (Scene::new(), Server::plain(|_| Answer::new(502, "")));
    let network = Network { https_proxy: Some(nobody.url()), is_dual_stack: true, ..scene.network() };
    let sdk = sdk(&network).await.unwrap();
    put_logs(&sdk).await.unwrap_err();
    let _ = aws_sdk_cloudwatch::Client::new(&sdk).put_metric_data().namespace("n").send().await.unwrap_err();
    let users = aws_sdk_cognitoidentityprovider::Client::new(&sdk);
    users.initiate_auth().client_id("c").auth_flow("USER_SRP_AUTH".into()).send().await.unwrap_err();
    let identities = aws_sdk_cognitoidentity::Client::new(&sdk);
    identities.get_id().identity_pool_id("p").send().await.unwrap_err();
    let hosts: Vec<String> = nobody.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(
        hosts,
        [
            "CONNECT logs.eu-west-1.api.aws:443",
            "CONNECT monitoring.eu-west-1.api.aws:443",
            // By Cognito's own rules these are the hosts that speak both (the SDK's endpoint rules, read 2026-11-21).
            "CONNECT cognito-idp.eu-west-1.amazonaws.com:443",
            "CONNECT cognito-identity.eu-west-1.amazonaws.com:443",
        ]
    );
}

#[test]
fn proxies_and_the_ca_bundle_come_from_the_environment_too() {
    let scene = Scene::new();
    let proxy = Proxy::to(scene.server.address, None);
    let (url, home) = (proxy.url(), scene.folder.path());
    let bundle = home.join("ca.pem");
    let common = [KEYS[0], KEYS[1], ("AWS_REGION", "eu-west-1"), ("AWS_CA_BUNDLE", bundle.to_str().unwrap())];
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let before = proxy.asked().len();
        assert_eq!(child("logs", home, &[common.as_slice(), &[(name, &url)]].concat()), "done", "{name}");
        assert_eq!(proxy.asked().len(), before + 1, "{name}");
    }
    let dead = Proxy::dead();
    let wins = [common.as_slice(), &[("HTTPS_PROXY", &dead), ("REACH_HTTPS_PROXY", &url)]].concat();
    assert_eq!(child("logs", home, &wins), "done");
    let before = proxy.asked().len();
    let invalid = [common.as_slice(), &[("HTTPS_PROXY", &url), ("no_proxy", "invalid")]].concat();
    let invalid = [invalid.as_slice(), &[("AWS_ENDPOINT_URL", "https://logs.invalid")]].concat();
    assert_ne!(child("logs", home, &invalid), "done");
    assert_eq!(proxy.asked().len(), before);
}

#[test]
fn a_wrong_proxy_of_the_environment_is_told_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    let variables = [("HTTPS_PROXY", "socks5://me:secret@host:1"), ("AWS_REGION", "eu-west-1")];
    let told = child("logs", home.path(), &variables);
    assert!(told.contains("the variable HTTPS_PROXY") && told.contains("speaks HTTP"), "{told}");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn a_region_comes_from_the_configuration_the_environment_or_the_profile_in_this_order() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("config");
    std::fs::write(&file, "[default]\nregion = eu-north-1\n[profile other]\nregion = eu-south-1\n").unwrap();
    let file = ("AWS_CONFIG_FILE", file.to_str().unwrap());
    let region = |variables: &[(&str, &str)]| child("region", home.path(), &[&[file], variables].concat());
    assert_eq!(region(&[("AWS_REGION", "eu-west-3"), ("REACH_REGION", "eu-west-1")]), "eu-west-1");
    assert_eq!(region(&[("AWS_REGION", "eu-west-3")]), "eu-west-3");
    assert_eq!(region(&[]), "eu-north-1");
    assert_eq!(region(&[("REACH_PROFILE", "other")]), "eu-south-1");
    assert_eq!(region(&[("AWS_PROFILE", "other")]), "eu-south-1");
    let none = child("region", home.path(), &[("AWS_EC2_METADATA_DISABLED", "true")]);
    for way in ["`agent.region`", "AWS_REGION", "`region` in the AWS profile"] {
        assert!(none.contains(way), "{none}");
    }
}

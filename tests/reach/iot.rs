//! AWS IoT: a device signs in with its certificate, at a server that asks for one and checks it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use cloudwatch_publisher::auth::iot::Thing;
use cloudwatch_publisher::auth::{Session, SignInError, Source, Start};
use cloudwatch_publisher::clock::Clock;
use cloudwatch_publisher::config::{Iot, Network};
use cloudwatch_publisher::record::Wall;
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

use super::authority::{Authority, Identity, NOW};
use super::proxy::Proxy;
use super::server::{Answer, Asked, Server, listen};

const HOST: &str = "c1example.credentials.iot.eu-west-1.amazonaws.com";
const GIVEN: &str = r#"{"credentials":{"accessKeyId":"THING","secretAccessKey":"S","sessionToken":"T",
    "expiration":"2060-01-01T00:00:00Z"}}"#;
const A_DAY_MS: i64 = 86_400_000;

/// A device and its files, and AWS IoT.
struct Scene {
    servers: Authority,
    devices: Authority,
    folder: TempDir,
    clock: Clock,
    iot: Iot,
    network: Network,
}

impl Scene {
    fn new() -> Self {
        let (servers, devices) = (Authority::new("servers"), Authority::new("devices"));
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("ca.pem");
        fs::write(&bundle, &servers.pem).unwrap();
        let device = devices.device(NOW);
        let iot = Iot {
            url: String::new(),
            role_alias: "fleet".into(),
            thing_name: "thing-1".into(),
            certificate: folder.path().join("device.pem"),
            key: Some(folder.path().join("device.key")),
        };
        let none = Some(String::new());
        let network =
            Network { ca_bundle: Some(bundle), https_proxy: none.clone(), no_proxy: none, ..Network::default() };
        let scene = Self { servers, devices, folder, clock: Clock::default(), iot, network };
        scene.hold(&device);
        scene
    }

    /// Writes the device's certificate and key.
    fn hold(&self, device: &Identity) {
        fs::write(&self.iot.certificate, &device.pem).unwrap();
        let key = self.iot.key.as_ref().unwrap();
        fs::write(key, device.key.serialize_pem()).unwrap();
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// AWS IoT, which lets the devices of this scene in.
    fn server(&mut self, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let identity = self.servers.server(&["localhost", HOST], NOW);
        self.server_as(&identity, answer)
    }

    fn server_as(&mut self, identity: &Identity, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let server = Server::tls(identity, Some(&self.devices.pem), answer);
        self.iot.url = format!("localhost:{}", server.address.port());
        server
    }

    fn thing(&self) -> Thing {
        Thing::new(&self.iot, &self.network, &self.clock).unwrap()
    }

    async fn refusal(&self) -> SignInError {
        self.thing().fetch().await.unwrap_err()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn rejected(error: &SignInError, parts: &[&str]) {
    let SignInError::Rejected(text) = error else { panic!("{error:?} is not for a person to mend") };
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

fn unreachable(error: &SignInError, parts: &[&str]) {
    let SignInError::Unreachable(text) = error else { panic!("{error:?} may pass by itself") };
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[tokio::test]
async fn a_device_with_its_certificate_is_given_credentials() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    let found = scene.thing().fetch().await.unwrap();
    assert_eq!((found.access_key_id(), found.session_token()), ("THING", Some("T")));
    assert_eq!(found.expiry(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_840_140_800)));
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "GET /role-aliases/fleet/credentials");
    assert_eq!(asked.headers["x-amzn-iot-thingname"], "thing-1");
    assert_eq!(asked.headers["host"], scene.iot.url);
}

#[tokio::test]
async fn every_form_of_a_key_is_read_from_one_file_or_two() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    let (ec, rsa) = (scene.devices.device(NOW), scene.devices.device_with_rsa());
    let keys = [
        (&ec, ec.key.serialize_pem()),
        (&rsa, rsa.key.serialize_pem()),
        (&ec, ec.traditional_key("EC PRIVATE KEY")),
        (&rsa, rsa.traditional_key("RSA PRIVATE KEY")),
    ];
    for (device, key) in &keys {
        scene.iot.key = Some(scene.path("device.key"));
        scene.hold(device);
        fs::write(scene.path("device.key"), key).unwrap();
        scene.thing().fetch().await.unwrap();
        scene.iot.key = None;
        fs::write(&scene.iot.certificate, device.pem.clone() + key).unwrap();
        scene.thing().fetch().await.unwrap();
    }
    assert_eq!(server.asked().len(), keys.len() * 2);
}

#[tokio::test]
async fn a_new_certificate_needs_no_restart() {
    let mut scene = Scene::new();
    let _server = scene.server(|_| Answer::new(200, GIVEN));
    scene.hold(&Authority::new("stranger").device(NOW));
    let mut session = Session::start(Source::Iot(Box::new(scene.thing())), Start::at_once(&scene.clock));
    rejected(&session.credentials().await.unwrap_err(), &["issuer is not known"]);
    scene.hold(&scene.devices.device(NOW));
    // The next attempt of itself would be minutes away.
    let noticed = async {
        while !session.told().is_signed_in {
            session.changed().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), noticed).await.expect("the new certificate was noticed");
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_for_a_person_to_mend() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    scene.hold(&Authority::new("stranger").device(NOW));
    rejected(&scene.refusal().await, &["thing `thing-1`", "localhost refuses the certificate", "issuer is not known"]);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn an_expired_certificate_is_for_a_person_to_mend() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    scene.hold(&scene.devices.device((2019, 2020)));
    rejected(&scene.refusal().await, &["localhost refuses the certificate", "it has expired"]);
    assert!(server.asked().is_empty());
}

/// Proves the server of these tests: without a certificate nobody gets in.
#[test]
fn nobody_is_let_in_without_a_certificate() {
    use std::io::{Read, Write};
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject;
    roots.add(CertificateDer::from_pem_slice(scene.servers.pem.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let connection = rustls::ClientConnection::new(config.into(), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, std::net::TcpStream::connect(server.address).unwrap());
    let sent = stream.write_all(b"GET /role-aliases/fleet/credentials HTTP/1.1\r\nhost: x\r\n\r\n");
    let error = sent.and_then(|()| stream.read_exact(&mut [0])).unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_may_be_a_portal() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    scene.network.ca_bundle = None;
    unreachable(&scene.refusal().await, &["certificate of localhost", "nobody that is trusted", "`agent.ca_bundle`"]);
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_server_with_another_hosts_certificate_may_be_a_portal() {
    let mut scene = Scene::new();
    let identity = scene.servers.server(&["portal.example"], NOW);
    let _server = scene.server_as(&identity, |_| Answer::new(200, GIVEN));
    unreachable(&scene.refusal().await, &["certificate of localhost", "another host's"]);
}

#[tokio::test]
async fn certificates_are_judged_by_our_clock_not_by_the_systems() {
    let mut scene = Scene::new();
    let identity = scene.servers.server(&["localhost"], (2070, 2080));
    let _server = scene.server_as(&identity, |_| Answer::new(200, GIVEN));
    unreachable(&scene.refusal().await, &["is not valid yet", "clock is behind", "(it is 20"]);
    scene.clock.learn(at("2075-01-01T00:00:00Z"));
    // The server's own clock is the system's, so the device's certificate is of today.
    scene.thing().fetch().await.unwrap();
    scene.clock.learn(at("2085-01-01T00:00:00Z"));
    unreachable(&scene.refusal().await, &["has expired", "clock is ahead", "(it is 2085-01-01"]);
}

#[tokio::test]
async fn the_date_of_an_answer_teaches_our_clock() {
    for (status, body) in [(200, GIVEN), (403, r#"{"message":"Access Denied"}"#)] {
        let mut scene = Scene::new();
        let _server = scene.server(move |_| Answer::new(status, body).with("date", "Tue, 01 Jan 2030 00:00:00 GMT"));
        let _ = scene.thing().fetch().await;
        let off = scene.clock.wall().0 - at("2030-01-01T00:00:00Z").0;
        assert!((0..A_DAY_MS).contains(&off), "{status}: {off}");
    }
    let mut scene = Scene::new();
    let _server = scene.server(|_| Answer::new(403, "<html>").with("date", "Tue, 01 Jan 2030 00:00:00 GMT"));
    unreachable(&scene.refusal().await, &["portal or proxy"]);
    assert_eq!(scene.clock.measured(), None);
}

#[tokio::test]
async fn a_refusal_of_aws_says_what_to_look_at() {
    let mut scene = Scene::new();
    let _server = scene.server(|_| Answer::new(403, r#"{"message":"Access Denied"}"#));
    rejected(&scene.refusal().await, &["`Access Denied`", "iot:AssumeRoleWithCertificate", "alias `fleet`"]);
    let _server = scene.server(|_| Answer::new(404, r#"{"message":"Role alias not found"}"#));
    rejected(&scene.refusal().await, &["Role alias not found", "is there a role alias `fleet`"]);
    let _server = scene.server(|_| Answer::new(429, r#"{"message":"Slow down"}"#));
    assert!(matches!(scene.refusal().await, SignInError::Busy(text) if text.contains("Slow down")));
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let mut scene = Scene::new();
    let _server = scene.server(|_| Answer::new(200, vec![b'x'; 1024 * 1024]));
    unreachable(&scene.refusal().await, &["reading the answer", "length limit exceeded"]);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let mut scene = Scene::new();
    let address = listen(|mut stream| drop(std::io::copy(&mut stream, &mut std::io::sink())));
    scene.iot.url = format!("localhost:{}", address.port());
    let before = scene.clock.now();
    unreachable(&scene.refusal().await, &["localhost does not answer in time"]);
    let took = scene.clock.now().0 - before.0;
    assert!((9_000..20_000).contains(&took), "{took} ms");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let mut scene = Scene::new();
    scene.iot.url = Proxy::dead().replace("http://127.0.0.1", "localhost");
    unreachable(&scene.refusal().await, &["reaching localhost", "refused"]);
    scene.iot.url = "nobody.invalid".to_owned();
    unreachable(&scene.refusal().await, &["reaching nobody.invalid"]);
}

#[tokio::test]
async fn the_way_may_lead_through_a_proxy() {
    let mut scene = Scene::new();
    let server = scene.server(|_| Answer::new(200, GIVEN));
    let proxy = Proxy::to(server.address, Some("bWU6c2VjcmV0"));
    scene.iot.url = HOST.to_owned();
    scene.network.https_proxy = Some(format!("http://me:secret@{}", proxy.address));
    scene.thing().fetch().await.unwrap();
    assert_eq!(proxy.asked(), [format!("CONNECT {HOST}:443")]);
    assert_eq!(server.asked()[0].headers["host"], HOST);
    scene.network.https_proxy = Some(format!("http://me:wrong@{}", proxy.address));
    unreachable(&scene.refusal().await, &[&format!("the proxy {}", proxy.address), "a user and a password"]);
    scene.network.https_proxy = Some(Proxy::dead());
    unreachable(&scene.refusal().await, &["the proxy 127.0.0.1", "refused"]);
}

#[tokio::test]
async fn the_proxy_itself_may_speak_tls() {
    let mut scene = Scene::new();
    let refusing = Server::tls(&scene.servers.server(&["localhost"], NOW), None, |_| Answer::new(403, "no"));
    scene.iot.url = HOST.to_owned();
    scene.network.https_proxy = Some(format!("https://localhost:{}", refusing.address.port()));
    unreachable(&scene.refusal().await, &["the proxy localhost", "it answers 403"]);
    assert_eq!(refusing.asked()[0].line, format!("CONNECT {HOST}:443"));
}

#[tokio::test]
async fn wrong_files_are_told_with_their_names() {
    let mut scene = Scene::new();
    scene.iot.url = "localhost:1".to_owned();
    let device = scene.devices.device(NOW);
    let (certificate, key) = (device.pem.as_str(), device.key.serialize_pem());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let other = scene.devices.device(NOW).key.serialize_pem();
    let cases = [
        ("", key.as_str(), "device.pem: it holds no certificate in PEM"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", &key, "device.pem: its certificate is damaged"),
        (certificate, "", "device.key: it holds no private key in PEM"),
        (certificate, certificate, "device.key: it holds no private key in PEM"),
        (certificate, encrypted, "device.key: its private key is encrypted"),
        (
            certificate,
            "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n",
            "device.key: its private key is damaged",
        ),
        (certificate, &other, "device.key does not serve for the certificate"),
    ];
    for (certificate, key, expected) in cases {
        fs::write(&scene.iot.certificate, certificate).unwrap();
        fs::write(scene.path("device.key"), key).unwrap();
        rejected(&scene.refusal().await, &[expected]);
    }
    scene.iot.key = Some(scene.path("absent.key"));
    fs::write(&scene.iot.certificate, certificate).unwrap();
    rejected(&scene.refusal().await, &["reading the device's key", "absent.key", "No such file"]);
    scene.iot.key = None;
    rejected(&scene.refusal().await, &["it holds no private key; where", "a list of both paths"]);
}

#[tokio::test]
async fn wrong_settings_are_told_before_anything_is_tried() {
    let mut scene = Scene::new();
    let mut told = |change: &dyn Fn(&mut Iot)| {
        change(&mut scene.iot);
        Thing::new(&scene.iot, &scene.network, &scene.clock).map(drop).unwrap_err()
    };
    assert!(told(&|iot| iot.url = "http://x".into()).contains("iotUrl is `http://x`"));
    assert!(told(&|iot| (iot.url, iot.role_alias) = ("x".into(), "a/b".into())).contains("roleAlias is `a/b`"));
    assert!(told(&|iot| (iot.role_alias, iot.thing_name) = ("a".into(), "ö".into())).contains("thingName is `ö`"));
}

#[tokio::test]
async fn a_key_that_everybody_can_read_is_worth_a_warning() {
    let mut scene = Scene::new();
    let _server = scene.server(|_| Answer::new(200, GIVEN));
    let path = scene.path("device.key");
    let warnings = || lines().lock().unwrap().iter().filter(|line| line.contains(path.to_str().unwrap())).count();
    lines();
    let mut thing = scene.thing();
    thing.fetch().await.unwrap();
    assert_eq!(warnings(), 0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    thing.fetch().await.unwrap();
    thing.fetch().await.unwrap();
    assert_eq!(warnings(), 1, "once, not at each renewal");
}

fn at(time: &str) -> Wall {
    Wall(time.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The own log of this process, from the first call on.
fn lines() -> &'static Mutex<Vec<String>> {
    struct Kept;
    static LINES: OnceLock<Mutex<Vec<String>>> = OnceLock::new();
    impl log::Log for Kept {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &log::Record<'_>) {
            let path = record.key_values().get("path".into()).map(|path| path.to_string()).unwrap_or_default();
            lines().lock().unwrap().push(format!("{} {path}", record.args()));
        }
        fn flush(&self) {}
    }
    LINES.get_or_init(|| {
        log::set_logger(&Kept).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        Mutex::default()
    })
}

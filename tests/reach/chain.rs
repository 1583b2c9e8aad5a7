//! Each link of the standard chain, proved by the real thing or by a double that speaks its protocol. Wherever the link is a
//! server on this machine, a proxy that is dead stands in the environment: it must not be asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::child::child;
use super::proxy::Proxy;
use super::server::{Answer, Server};

const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");
const END: &str = "2060-01-01T00:00:00Z";

/// What the chain finds, in this folder, with these variables.
fn found(home: &Path, variables: &[(&str, &str)]) -> String {
    child("credentials", home, &[&[REGION], variables].concat())
}

fn home() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes a file and answers its path.
fn file(home: &TempDir, name: &str, text: &str) -> String {
    let path = home.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_environment_comes_first() {
    let home = home();
    let keys = file(&home, "credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = S\n");
    let variables = [("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "S"), ("AWS_SESSION_TOKEN", "T")];
    let variables = [variables.as_slice(), &[("AWS_SHARED_CREDENTIALS_FILE", &keys)]].concat();
    assert_eq!(found(home.path(), &variables), "ENV T");
}

#[test]
fn a_profile_is_read_and_another_one_on_demand() {
    let home = home();
    let keys = |name: &str, id: &str| format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = S\n");
    let path = file(&home, "credentials", &(keys("default", "FIRST") + &keys("fleet", "FLEET")));
    let variables = [("AWS_SHARED_CREDENTIALS_FILE", path.as_str())];
    assert_eq!(found(home.path(), &variables), "FIRST no token");
    assert_eq!(found(home.path(), &[variables[0], ("REACH_PROFILE", "fleet")]), "FLEET no token");
}

#[test]
fn a_profile_that_is_named_wins_over_the_environment() {
    let home = home();
    let path = file(&home, "credentials", "[fleet]\naws_access_key_id = FLEET\naws_secret_access_key = S\n");
    let keys = [("AWS_SHARED_CREDENTIALS_FILE", path.as_str())];
    let keys = [keys[0], ("AWS_ACCESS_KEY_ID", "ENV"), ("AWS_SECRET_ACCESS_KEY", "S")];
    let named = |name| found(home.path(), &[keys.as_slice(), &[("REACH_PROFILE", name)]].concat());
    assert_eq!(named("fleet"), "FLEET no token");
    let absent = named("flete");
    assert!(absent.contains("`flete`") && !absent.contains("ENV"), "{absent}");
}

/// The way of IAM Roles Anywhere too, whose `aws_signing_helper` is such a process.
#[test]
fn a_credential_process_is_asked() {
    let home = home();
    let answer = format!(
        r#"{{"Version":1,"AccessKeyId":"PROCESS","SecretAccessKey":"S","SessionToken":"T","Expiration":"{END}"}}"#
    );
    let script = file(&home, "helper.sh", &format!("#!/bin/sh\necho '{answer}'\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let config = file(&home, "config", &format!("[default]\ncredential_process = {script}\n"));
    assert_eq!(found(home.path(), &[("AWS_CONFIG_FILE", &config)]), "PROCESS T");
}

#[test]
fn a_web_identity_is_exchanged_with_sts() {
    let sts = Server::plain(|_| {
        Answer::new(
            200,
            format!(
                r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
                <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId>
                <SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken><Expiration>{END}</Expiration>
                </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#
            ),
        )
    });
    let home = home();
    let token = file(&home, "token", "a.web.token");
    let (url, dead) = (sts.url(), Proxy::dead());
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("AWS_ENDPOINT_URL_STS", &url),
        ("HTTP_PROXY", &dead),
    ];
    assert_eq!(found(home.path(), &variables), "WEB T");
    let body = String::from_utf8(sts.asked()[0].body.clone()).unwrap();
    assert!(body.contains("WebIdentityToken=a.web.token"), "{body}");
}

#[test]
fn a_chain_that_is_made_anew_goes_the_same_way_as_the_first() {
    let nobody = Server::plain(|_| Answer::new(404, ""));
    let proxy = Proxy::to(nobody.address, None);
    let home = home();
    let token = file(&home, "token", "a.web.token");
    let url = proxy.url();
    let variables = [
        REGION,
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("REACH_HTTPS_PROXY", &url),
        ("REACH_DUAL_STACK", "yes"),
    ];
    let said = child("credentials again", home.path(), &variables);
    let asked = proxy.asked();
    assert_eq!(asked, ["CONNECT sts.eu-west-1.api.aws:443"; 2], "{said}");
}

#[test]
fn a_container_is_given_credentials_without_a_proxy() {
    let ecs = Server::plain(|_| {
        Answer::new(200, format!(r#"{{"AccessKeyId":"ECS","SecretAccessKey":"S","Token":"T","Expiration":"{END}"}}"#))
    });
    let (url, dead) = (format!("{}/role", ecs.url()), Proxy::dead());
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let me in"),
        ("HTTP_PROXY", &dead),
        ("HTTPS_PROXY", &dead),
    ];
    assert_eq!(found(home().path(), &variables), "ECS T");
    assert_eq!(ecs.asked()[0].headers["authorization"], "let me in");
}

#[test]
fn instance_metadata_is_asked_with_a_token_and_without_a_proxy() {
    let imds = Server::plain(|asked| {
        let has_token = asked.headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token == "token");
        match asked.line.as_str() {
            "PUT /latest/api/token" => Answer::new(200, "token").with("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
            _ if !has_token => Answer::new(401, ""),
            "GET /latest/meta-data/iam/security-credentials/" => Answer::new(200, "role"),
            "GET /latest/meta-data/iam/security-credentials/role" => Answer::new(
                200,
                format!(
                    r#"{{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"2020-01-01T00:00:00Z","AccessKeyId":"IMDS",
                    "SecretAccessKey":"S","Token":"T","Expiration":"{END}"}}"#
                ),
            ),
            _ => Answer::new(404, ""),
        }
    });
    let (url, dead) = (imds.url(), Proxy::dead());
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()), ("HTTP_PROXY", &dead)];
    assert_eq!(found(home().path(), &variables), "IMDS T");
}

#[test]
fn a_token_of_sso_is_exchanged() {
    let portal = Server::plain(|asked| {
        let is_right = asked.headers.get("x-amz-sso_bearer_token").is_some_and(|token| token == "bearer");
        let keys = r#"{"roleCredentials":{"accessKeyId":"SSO","secretAccessKey":"S","sessionToken":"T","expiration":2840140800000}}"#;
        if is_right { Answer::new(200, keys) } else { Answer::new(401, "{}") }
    });
    let home = home();
    let config = "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
                  [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://start.example\n";
    let config = file(&home, "config", config);
    // Named by the SHA-1 of the session's name.
    let cache = ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json";
    file(&home, cache, &format!(r#"{{"accessToken":"bearer","expiresAt":"{END}","region":"eu-west-1"}}"#));
    let url = portal.url();
    assert_eq!(found(home.path(), &[("AWS_CONFIG_FILE", &config), ("AWS_ENDPOINT_URL_SSO", &url)]), "SSO T");
}

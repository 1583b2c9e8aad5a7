//! A device signs in to Cognito through everything that may be in the way: the session against the embedded endpoint, which
//! checks proofs, tokens, identities and lifetimes for real.
//!
//! No test waits for an hour: credentials live for seconds where their end matters. What is counted are requests, so that
//! "few attempts" and "without the password" mean something.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests state what must be")]

#[path = "sign_in/sts.rs"]
mod sts;
#[path = "sign_in/world.rs"]
mod world;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use cloudwatch_publisher::auth::chain::Chain;
use cloudwatch_publisher::auth::{Session, SignInError, Source, Start};
use cloudwatch_publisher::aws::{self, Reach};
use cloudwatch_publisher::clock::Clock;
use cloudwatch_publisher::config::Network;
use cloudwatch_publisher::local::{Fault, Operation, PoolSetup};

use sts::{Answer, Sts};
use world::{PASSWORD, USER, World, until};

const DAY_MS: i64 = 86_400_000;
const THROTTLED: Fault = Fault::Code { code: "TooManyRequestsException", status: 400 };

#[tokio::test]
async fn the_password_never_leaves_the_device_and_the_credentials_are_taken() {
    let world = World::new(&PoolSetup::default());
    let session = world.start().await;
    world.create_log_group(&session).await.expect("the endpoint takes the credentials");
    let asked = |operation| world.requests_to(operation);
    assert_eq!(asked(Operation::InitiateAuth), 1);
    assert_eq!(asked(Operation::RespondToAuthChallenge), 1, "the proof");
    assert_eq!(asked(Operation::GetId), 1);
    assert_eq!(asked(Operation::GetCredentialsForIdentity), 1);
    let told = session.told();
    assert!(told.is_signed_in && told.trouble.is_none());
    let life = told.until.unwrap().since(world.clock.now());
    assert!(life > Duration::from_secs(3500) && life <= Duration::from_secs(3605), "{life:?}");
}

#[tokio::test]
async fn an_identity_id_is_told_once_and_kept() {
    let mut world = World::new(&PoolSetup::default());
    world.start().await.credentials().await.unwrap();
    let told = world.told_identities();
    assert_eq!(told.len(), 1);
    world.identity = Some(told[0].id.clone());
    world.start().await.credentials().await.unwrap();
    assert_eq!(world.requests_to(Operation::GetId), 1);
    assert_eq!(world.told_identities().len(), 1);
}

#[tokio::test]
async fn renewals_come_ahead_of_the_end_and_without_the_password() {
    renews(None).await;
}

#[tokio::test]
async fn renewals_go_on_where_each_refresh_token_serves_once() {
    renews(Some(Duration::ZERO)).await;
}

#[tokio::test]
async fn renewals_go_on_where_a_spent_refresh_token_serves_for_a_while() {
    renews(Some(Duration::from_secs(10))).await;
}

async fn renews(rotation: Option<Duration>) {
    let world = World::new(&PoolSetup { rotation, ..PoolSetup::default() });
    world.let_credentials_live(Duration::from_secs(6));
    let mut session = world.start().await;
    session.credentials().await.unwrap();
    fs::remove_file(world.password_file()).unwrap();
    for renewal in 1..=2 {
        let before = session.told().until.unwrap();
        let told = until(&mut session, |told| told.until != Some(before)).await;
        assert!(told.is_signed_in && told.trouble.is_none(), "renewal {renewal}: {told:?}");
        assert!(world.clock.now() < before, "renewal {renewal} came after the end");
    }
    assert_eq!(world.requests_to(Operation::InitiateAuth), 1);
    assert_eq!(world.requests_to(Operation::GetTokensFromRefreshToken), 2);
    assert_eq!(world.requests_to(Operation::GetId), 1);
}

#[tokio::test]
async fn an_endpoint_that_does_not_know_rotation_is_asked_the_old_way() {
    let world = World::new(&PoolSetup::default());
    let unknown = Fault::Code { code: "UnknownOperationException", status: 400 };
    world.endpoint.misbehave_on(Operation::GetTokensFromRefreshToken, unknown, None);
    world.let_credentials_live(Duration::from_secs(2));
    let mut session = world.start().await;
    session.credentials().await.unwrap();
    for _ in 0..2 {
        let before = session.told().until;
        until(&mut session, |told| told.until != before).await;
    }
    assert_eq!(world.requests_to(Operation::GetTokensFromRefreshToken), 1, "that is remembered");
    assert_eq!(world.requests_to(Operation::InitiateAuth), 3);
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 1, "no password for a renewal");
}

#[tokio::test]
async fn a_client_that_offers_the_password_flow_only_gets_the_password() {
    let flows = vec!["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let world = World::new(&PoolSetup { flows, ..PoolSetup::default() });
    world.start().await.credentials().await.unwrap();
    assert_eq!(world.requests_to(Operation::InitiateAuth), 2, "SRP first");
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 0);
}

#[tokio::test]
async fn the_password_flow_is_used_where_it_is_asked_for() {
    let flows = vec!["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
    let mut world = World::new(&PoolSetup { flows, ..PoolSetup::default() });
    world.sends_password = true;
    world.start().await.credentials().await.unwrap();
    assert_eq!(world.requests_to(Operation::InitiateAuth), 1);
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 0);
}

#[tokio::test]
async fn a_refusal_renews_at_once_and_the_next_one_slowly() {
    let world = World::new(&PoolSetup::default());
    let mut session = world.start().await;
    let first = session.credentials().await.unwrap();
    session.refused(session.number());
    until(&mut session, |_| world.requests_to(Operation::GetCredentialsForIdentity) == 2).await;
    let second = session.credentials().await.unwrap();
    assert_ne!(first.access_key_id(), second.access_key_id());
    let before = session.told().next;
    session.refused(session.number());
    let told = until(&mut session, |told| told.next != before).await;
    assert!(told.next.unwrap().since(world.clock.now()) > Duration::from_secs(200));
    assert!(told.is_signed_in, "another service may still take them");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_says_so_and_is_mended_without_a_restart() {
    let world = World::new(&PoolSetup::default());
    world.write_password("Not-The-Right-0ne");
    let mut session = world.start().await;
    let error = session.credentials().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SignInError::Rejected(_)), "{text}");
    assert!(text.contains(USER) && text.contains(&world.pool.user_pool), "{text}");
    assert!(text.contains("provision rotate") && text.contains("Incorrect username or password"), "{text}");
    assert!(!text.contains("Not-The-Right-0ne") && !format!("{session:?}").contains("Not-The-Right"), "{text}");
    let next = session.told().next.unwrap().since(world.clock.now());
    assert!(next > Duration::from_secs(230), "five wrong ones lock the user: next in {next:?}");
    // Requests that come meanwhile are told at once and ask nobody.
    for _ in 0..10 {
        session.credentials().await.unwrap_err();
        session.refused(session.number());
    }
    assert_eq!(world.requests_to(Operation::InitiateAuth), 1);
    world.write_password(PASSWORD);
    until(&mut session, |told| told.is_signed_in).await;
    assert_eq!(world.requests_to(Operation::InitiateAuth), 2);
}

#[tokio::test]
async fn a_file_that_was_touched_costs_one_attempt_where_the_password_is_not_at_fault() {
    let world = World::new(&PoolSetup::default());
    let mut session = world.start().await;
    session.credentials().await.unwrap();
    world.write_password(PASSWORD);
    let refuses = Fault::Code { code: "InvalidIdentityPoolConfigurationException", status: 400 };
    world.endpoint.misbehave_on(Operation::GetCredentialsForIdentity, refuses, None);
    session.refused(session.number());
    until(&mut session, |told| matches!(told.trouble, Some(SignInError::Rejected(_)))).await;
    // Long enough for an agent that takes the file for new at each look.
    tokio::time::sleep(Duration::from_secs(9)).await;
    let attempts = world.requests_to(Operation::GetCredentialsForIdentity) - 1;
    assert!(attempts <= 2, "{attempts} attempts in 9 s");
}

#[tokio::test]
async fn a_password_file_that_is_missing_costs_no_request_and_is_noticed_when_it_comes() {
    let world = World::new(&PoolSetup::default());
    fs::remove_file(world.password_file()).unwrap();
    let mut session = world.start().await;
    let text = session.credentials().await.unwrap_err().to_string();
    assert!(text.contains("there is no such file") && text.contains("password"), "{text}");
    assert_eq!(world.requests_to(Operation::InitiateAuth), 0);
    world.write_password(PASSWORD);
    until(&mut session, |told| told.is_signed_in).await;
}

#[tokio::test]
async fn cognito_that_is_down_at_the_start_is_waited_for() {
    let world = World::new(&PoolSetup::default());
    world.endpoint.go_offline();
    let mut session = world.start().await;
    let error = session.credentials().await.unwrap_err();
    assert!(matches!(&error, SignInError::Unreachable(text) if text.contains(USER)), "{error}");
    world.endpoint.go_online();
    until(&mut session, |told| told.is_signed_in).await;
}

#[tokio::test]
async fn what_a_throttled_attempt_has_reached_is_kept_for_the_next() {
    let world = World::new(&PoolSetup::default());
    world.endpoint.misbehave_on(Operation::GetCredentialsForIdentity, THROTTLED, Some(3));
    let mut session = world.start().await;
    let error = session.credentials().await.unwrap_err();
    assert!(matches!(&error, SignInError::Busy(_)), "{error}");
    until(&mut session, |told| told.is_signed_in).await;
    assert_eq!(world.requests_to(Operation::GetCredentialsForIdentity), 4);
    assert_eq!(world.requests_to(Operation::InitiateAuth), 1, "the tokens were at hand");
    assert_eq!(world.requests_to(Operation::GetId), 1);
}

#[tokio::test]
async fn a_throttled_sign_in_is_tried_again_soon() {
    let world = World::new(&PoolSetup::default());
    world.endpoint.misbehave_on(Operation::InitiateAuth, THROTTLED, Some(2));
    let mut session = world.start().await;
    until(&mut session, |told| told.is_signed_in).await;
    assert_eq!(world.requests_to(Operation::InitiateAuth), 3);
}

#[tokio::test]
async fn a_password_changed_under_way_keeps_what_serves_and_is_mended_in_the_file() {
    let world = World::new(&PoolSetup::default());
    let mut session = world.start().await;
    session.credentials().await.unwrap();
    assert!(world.endpoint.set_user_password(&world.pool, USER, "An0ther-Password!"));
    world.sign_out_everywhere().await;
    session.refused(session.number());
    let told = until(&mut session, |told| told.trouble.is_some()).await;
    assert!(matches!(told.trouble, Some(SignInError::Rejected(_))), "{told:?}");
    assert!(told.is_signed_in, "what was given goes on until its end");
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 2, "one wrong password");
    world.write_password("An0ther-Password!");
    let told = until(&mut session, |told| told.trouble.is_none()).await;
    assert!(told.is_signed_in);
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 3);
}

#[tokio::test]
async fn credentials_that_ended_while_offline_are_not_handed_out_and_come_back_with_the_network() {
    let world = World::new(&PoolSetup::default());
    world.let_credentials_live(Duration::from_secs(4));
    let mut session = world.start().await;
    session.credentials().await.unwrap();
    let end = session.told().until.unwrap();
    world.endpoint.go_offline();
    until(&mut session, |told| told.trouble.is_some()).await;
    tokio::time::sleep(end.since(world.clock.now()) + Duration::from_millis(2)).await;
    assert!(matches!(session.credentials().await, Err(SignInError::Unreachable(_))));
    world.let_credentials_live(Duration::from_secs(3600));
    world.endpoint.go_online();
    until(&mut session, |told| told.is_signed_in).await;
    world.create_log_group(&session).await.expect("they are taken");
    assert_eq!(world.requests_to(Operation::RespondToAuthChallenge), 1, "the refresh token serves");
}

#[tokio::test]
async fn a_clock_that_is_a_day_off_neither_spoils_the_proof_nor_the_end() {
    for ahead in [DAY_MS, -DAY_MS] {
        let world = World::new(&PoolSetup::default());
        world.endpoint.misbehave(Fault::ClockAhead(ahead), None);
        let session = world.start().await;
        session.credentials().await.unwrap();
        let life = session.told().until.unwrap().since(world.clock.now());
        assert!(life > Duration::from_secs(3500) && life <= Duration::from_secs(3605), "{life:?} with {ahead} ms");
        assert!((world.clock.skew_ms().unwrap() + ahead).abs() < 5_000, "the skew is known");
        world.create_log_group(&session).await.expect("signed by the right time");
    }
}

#[tokio::test]
async fn a_user_who_was_deleted_and_made_again_gets_a_new_identity() {
    let mut world = World::new(&PoolSetup::default());
    world.start().await.credentials().await.unwrap();
    let old = world.told_identities()[0].clone();
    world.delete_user().await;
    world.endpoint.add_user(&world.pool, USER, PASSWORD);
    world.identity = Some(old.id.clone());
    let session = world.start().await;
    session.credentials().await.unwrap();
    let told = world.told_identities();
    assert_eq!(told.len(), 2);
    assert!(told[1].key == old.key && told[1].id != old.id, "{told:?}");
    world.create_log_group(&session).await.expect("they are taken");
}

#[tokio::test]
async fn a_temporary_password_is_answered_with_what_to_do() {
    let world = World::new(&PoolSetup::default());
    world.delete_user().await;
    world.create_user_with_temporary_password().await;
    let error = world.start().await.credentials().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SignInError::Rejected(_)), "{text}");
    assert!(text.contains("NEW_PASSWORD_REQUIRED") && text.contains("provision rotate"), "{text}");
}

#[tokio::test]
async fn the_first_sign_in_waits_for_its_moment_and_requests_wait_with_it() {
    let mut world = World::new(&PoolSetup::default());
    world.first_after = Duration::from_secs(1);
    let begun = world.clock.now();
    let session = world.start().await;
    assert!(session.told().next.is_some() && session.told().trouble.is_none());
    session.credentials().await.unwrap();
    assert!(world.clock.now().since(begun) >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_role_is_assumed_with_what_the_device_signed_in_with() {
    let (world, sts) = (World::new(&PoolSetup::default()), Sts::start(Answer::Lends));
    let device = world.start().await;
    let role = world.assume(&device, &sts.url).await;
    assert_eq!(role.credentials().await.unwrap().access_key_id(), "ASIAROLE");
    let (requests, key) = (sts.requests(), device.credentials().await.unwrap().access_key_id().to_owned());
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("RoleSessionName=rpi-1") && requests[0].contains(&key), "{}", requests[0]);
}

#[tokio::test]
async fn a_role_waits_for_the_sign_in_below_it_and_says_what_is_wrong_there() {
    let (world, sts) = (World::new(&PoolSetup::default()), Sts::start(Answer::Lends));
    world.write_password("Not-The-Right-0ne");
    let device = world.start().await;
    let mut role = world.assume(&device, &sts.url).await;
    let error = role.credentials().await.unwrap_err();
    assert_eq!(error, device.credentials().await.unwrap_err());
    assert!(sts.requests().is_empty());
    world.write_password(PASSWORD);
    until(&mut role, |told| told.is_signed_in).await;
}

#[tokio::test]
async fn a_role_whose_base_has_ended_credentials_is_assumed_with_fresh_ones() {
    let refuses = Answer::RefusesOnce { code: "ExpiredToken", ahead: Duration::ZERO };
    let (world, sts) = (World::new(&PoolSetup::default()), Sts::start(refuses));
    let device = world.start().await;
    let mut role = world.assume(&device, &sts.url).await;
    let error = role.credentials().await.unwrap_err();
    assert!(matches!(&error, SignInError::Busy(text) if text.contains("ExpiredToken")), "{error}");
    until(&mut role, |told| told.is_signed_in).await;
    let requests = sts.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(world.requests_to(Operation::GetCredentialsForIdentity), 2, "the base was renewed");
    let fresh = device.credentials().await.unwrap().access_key_id().to_owned();
    assert!(requests[1].contains(&fresh) && !requests[0].contains(&fresh), "{requests:?}");
}

#[tokio::test]
async fn a_role_is_assumed_soon_where_its_first_request_teaches_the_time() {
    let day = Duration::from_secs(86_400);
    let refuses = Answer::RefusesOnce { code: "SignatureDoesNotMatch", ahead: day };
    let (world, sts) = (World::new(&PoolSetup::default()), Sts::start(refuses));
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "made up");
    let mut role = world.assume(&Session::fixed(keys, world.clock.clone()), &sts.url).await;
    let told = until(&mut role, |told| told.is_signed_in).await;
    let life = told.until.unwrap().since(world.clock.now());
    assert!(life > Duration::from_secs(3500) && life <= Duration::from_secs(3605), "{life:?}");
    assert!((world.clock.skew_ms().unwrap() + DAY_MS).abs() < 5_000);
    assert_eq!(sts.requests().len(), 2);
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_for_a_person_to_mend() {
    let (world, sts) = (World::new(&PoolSetup::default()), Sts::start(Answer::Denies));
    let device = world.start().await;
    let error = world.assume(&device, &sts.url).await.credentials().await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SignInError::Rejected(_)), "{text}");
    assert!(text.contains("is not authorized") && text.contains("trust policy"), "{text}");
    assert!(device.credentials().await.is_ok());
}

#[test]
fn keys_that_were_changed_in_a_profile_serve_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials");
    write_keys(&path, "FIRST");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "in_a_process_of_its_own_the_chain_finds_changed_keys", "--nocapture"]);
    child.env_clear().env("HOME", folder.path()).env("AWS_REGION", "eu-west-1");
    let output = child.env("AWS_SHARED_CREDENTIALS_FILE", &path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// The environment is a process's own: this one is started by the test above.
#[tokio::test]
#[ignore = "started by the test above, with its environment"]
async fn in_a_process_of_its_own_the_chain_finds_changed_keys() {
    let path = PathBuf::from(env::var_os("AWS_SHARED_CREDENTIALS_FILE").expect("the test above sets it"));
    let clock = Clock::default();
    let reach = Reach { region: None, profile: None, network: &Network::default() };
    let chain = Chain::new(&aws::load(&reach, &clock).await.unwrap());
    let start = Start::at_once(&clock);
    let mut session = Session::start(Source::Chain(SharedCredentialsProvider::new(chain)), start);
    assert_eq!(session.credentials().await.unwrap().access_key_id(), "FIRST");
    write_keys(&path, "SECOND");
    session.refused(session.number());
    while session.credentials().await.unwrap().access_key_id() == "FIRST" {
        session.changed().await;
    }
    assert_eq!(session.credentials().await.unwrap().access_key_id(), "SECOND");
}

fn write_keys(path: &Path, id: &str) {
    fs::write(path, format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = S\n")).unwrap();
}

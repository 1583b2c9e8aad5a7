//! The endpoint's Cognito is a judge that can be trusted: an independent client (pycognito) signs in to it and is refused by
//! it, and so is this program's own SRP through the SDK; lockouts, rotation, identities, lent keys and quotas are as AWS
//! documents them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests state what must be"
)]

#[path = "cognito/device.rs"]
mod device;
#[path = "support/python.rs"]
mod environment;
#[path = "cognito/python.rs"]
mod python;
mod wire;

use std::time::Duration;

use aws_sdk_cognitoidentityprovider as idp;
use cloudwatch_publisher::local::{Category, Endpoint, Fault, Operation, Options, PoolIds, PoolSetup};
use device::{Answer, Device, Refused, refused};
use idp::types::{AttributeType, ChallengeNameType, DeletionProtectionType, MessageActionType};
use serde_json::{Value, json};

const WRONG: &str = "Incorrect username or password.";
const DAY_MS: i64 = 86_400_000;

fn with_pool(setup: &PoolSetup) -> (Endpoint, Device) {
    let endpoint = Endpoint::start_on_own_thread(Options::default()).unwrap();
    let pool = endpoint.add_user_pool(setup);
    let device = Device::new(&endpoint, &pool);
    (endpoint, device)
}

/// A pool with user `rpi-1` and password `right`.
fn with_user(setup: &PoolSetup) -> (Endpoint, Device) {
    let (endpoint, device) = with_pool(setup);
    endpoint.add_user(&device.pool, "rpi-1", "right");
    (endpoint, device)
}

fn code<T>(result: Result<T, Refused>) -> String {
    result.err().map_or_else(|| "granted".into(), |(code, _)| code)
}

fn not_authorized(message: &str) -> Refused {
    ("NotAuthorizedException".into(), message.into())
}

fn random_password() -> String {
    let letters = "abcXYZ0189-_.!:\"'\\ äß東🦀";
    let letters: Vec<char> = letters.chars().collect();
    (0..fastrand::usize(1..40)).map(|_| letters[fastrand::usize(..letters.len())]).collect()
}

#[test]
fn an_independent_client_signs_in_with_the_right_password_and_with_no_other() {
    let (endpoint, device) = with_pool(&PoolSetup::default());
    let PoolIds { user_pool, client, region, .. } = &device.pool;
    let mut steps = Vec::new();
    for number in 0..60 {
        let (user, password) = (format!("sys-{number}"), random_password());
        endpoint.add_user(&device.pool, &user, &password);
        let step = json!({ "do": "srp", "pool": user_pool, "client": client, "user": user, "password": password });
        let mut wrong = step.clone();
        wrong["password"] = json!(format!("{password}x"));
        steps.extend([wrong, step]);
    }
    let asked = json!({ "url": endpoint.url(), "region": region, "steps": steps });
    let Some(answers) = python::sign_in(&asked) else { return };
    for (step, answer) in steps.iter().zip(answers.as_array().unwrap()).step_by(2) {
        assert_eq!(answer, &json!({ "code": "NotAuthorizedException", "message": WRONG }), "{step}");
    }
    for (step, answer) in steps.iter().zip(answers.as_array().unwrap()).skip(1).step_by(2) {
        assert!(answer["IdToken"].is_string() && answer["RefreshToken"].is_string(), "{step}: {answer}");
    }
}

#[test]
fn an_independent_client_refreshes_with_and_without_rotation() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    let rotating = endpoint.add_user_pool(&PoolSetup { rotation: Some(Duration::ZERO), ..PoolSetup::default() });
    endpoint.add_user(&rotating, "rpi-1", "right");
    let pool = &device.pool;
    let srp = |pool: &PoolIds| json!({ "do": "srp", "pool": pool.user_pool, "client": pool.client, "user": "rpi-1", "password": "right" });
    let use_token =
        |how: &str, pool: &PoolIds, of: usize| json!({ "do": how, "client": pool.client, "token": { "of": of } });
    let steps = json!([
        srp(pool),
        use_token("refresh", pool, 0),
        use_token("refresh", pool, 0),
        use_token("rotate", pool, 0),
        srp(&rotating),
        use_token("refresh", &rotating, 4),
        use_token("rotate", &rotating, 4),
        use_token("rotate", &rotating, 6),
        use_token("rotate", &rotating, 4),
    ]);
    let Some(answers) = python::sign_in(&json!({ "url": endpoint.url(), "region": "eu-west-1", "steps": steps }))
    else {
        return;
    };
    let brought = |of: usize| (answers[of]["IdToken"].is_string(), answers[of]["RefreshToken"].is_string());
    assert_eq!(brought(0), (true, true));
    for again in [1, 2, 3] {
        assert_eq!(brought(again), (true, false), "without rotation the refresh token stays: {}", answers[again]);
    }
    assert_eq!(answers[5]["code"], "InvalidParameterException", "{}", answers[5]);
    assert_eq!((brought(6), brought(7)), ((true, true), (true, true)));
    assert_eq!(answers[8]["code"], "RefreshTokenReuseException");
}

#[test]
fn an_independent_client_with_a_temporary_password_has_to_set_another() {
    let (endpoint, device) = with_pool(&PoolSetup::default());
    let PoolIds { user_pool, client, region, .. } = &device.pool;
    block_on(async {
        let made = device.idp.admin_create_user().user_pool_id(user_pool).username("rpi-1");
        made.temporary_password("Temporary-1").send().await.unwrap();
    });
    let step = |how: &str, password: &str, new: &str| json!({ "do": how, "pool": user_pool, "client": client, "user": "rpi-1", "password": password, "new": new });
    let steps = [
        step("srp", "Temporary-1", ""),
        step("new password", "Temporary-1", "weak"),
        step("new password", "Temporary-1", "Lasting-123"),
        step("srp", "Lasting-123", ""),
        step("srp", "Temporary-1", ""),
    ];
    let Some(answers) = python::sign_in(&json!({ "url": endpoint.url(), "region": region, "steps": steps })) else {
        return;
    };
    let told: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer["code"]).collect();
    let none = Value::Null;
    let (required, weak, wrong) =
        (json!("NEW_PASSWORD_REQUIRED"), json!("InvalidPasswordException"), json!("NotAuthorizedException"));
    assert_eq!(told, [&required, &weak, &none, &none, &wrong]);
}

#[test]
fn our_own_client_signs_in_many_times_and_a_wrong_password_never_does() {
    let (endpoint, device) = with_pool(&PoolSetup::default());
    block_on(async {
        for number in 0..40 {
            let (user, password) = (format!("sys-{number}"), random_password());
            endpoint.add_user(&device.pool, &user, &password);
            assert_eq!(device.sign_in(&user, &format!(" {password}")).await.unwrap_err(), not_authorized(WRONG));
            let tokens = device.sign_in(&user, &password).await.unwrap();
            assert_eq!((tokens.expires_in, tokens.token_type()), (3600, Some("Bearer")));
        }
    });
    assert_eq!(endpoint.counts().requests_to(Operation::RespondToAuthChallenge), 80);
    assert_eq!(endpoint.counts().refused["NotAuthorizedException"], 40);
}

#[test]
fn a_proof_is_good_once_for_its_own_challenge_and_time() {
    let (_endpoint, device) = with_user(&PoolSetup::default());
    block_on(async {
        let challenged = device.challenge("rpi-1").await.unwrap();
        let other = device.challenge("rpi-1").await.unwrap();
        let made_up = Answer { signature: "A".repeat(43) + "=", ..other.answer("right") };
        assert_eq!(device.answer(&made_up).await.unwrap_err(), not_authorized(WRONG));
        let crossed = Answer { secret_block: "AAAA".into(), ..challenged.answer("right") };
        assert_eq!(device.answer(&crossed).await.unwrap_err(), not_authorized(WRONG));
        let good = challenged.answer("right");
        assert!(device.answer(&good).await.is_ok());
        assert_eq!(device.answer(&good).await.unwrap_err(), not_authorized(WRONG), "a second time");
        let late = device.challenge("rpi-1").await.unwrap().answer_with_a_clock_off_by_a_day("right");
        assert_eq!(device.answer(&late).await.unwrap_err(), not_authorized(WRONG));
        let spelled = Answer { timestamp: "Sat Sep 05 10:00:00 UTC 2026".into(), ..late };
        let message = device.answer(&spelled).await.unwrap_err().1;
        assert_eq!(message, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.");
        let zero = device.idp.initiate_auth().client_id(&device.pool.client);
        let zero =
            zero.auth_flow("USER_SRP_AUTH".into()).auth_parameters("USERNAME", "rpi-1").auth_parameters("SRP_A", "0");
        assert_eq!(code(refused(zero.send().await.map_err(idp::Error::from))), "InvalidParameterException");
    });
}

#[test]
fn five_wrong_passwords_lock_the_right_one_out() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    endpoint.add_user(&device.pool, "rpi-2", "right");
    block_on(async {
        for _ in 0..5 {
            assert_eq!(device.sign_in("rpi-1", "wrong").await.unwrap_err(), not_authorized(WRONG));
        }
        // The fifth costs a second, which a busy machine may miss; five more make it half a minute.
        for lock_ms in [1000, 2000, 4000, 8000, 16_000] {
            endpoint.misbehave(Fault::ClockAhead(lock_ms), None);
            assert_eq!(device.sign_in("rpi-1", "wrong").await.unwrap_err(), not_authorized(WRONG));
        }
        let locked = device.sign_in("rpi-1", "right").await.unwrap_err();
        assert_eq!(locked, not_authorized("Password attempts exceeded"));
        assert!(device.sign_in("rpi-2", "right").await.is_ok(), "nobody else is locked out");
        endpoint.misbehave(Fault::ClockAhead(16 * 60_000), None);
        let rested = device.challenge("rpi-1").await.unwrap();
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        assert!(device.answer(&rested.answer_at("right", now + 16 * 60)).await.is_ok(), "a rest of 15 minutes forgets");
    });
}

#[test]
fn a_client_without_the_flow_is_told_so_in_awss_words() {
    let (endpoint, by_password) =
        with_user(&PoolSetup { flows: vec!["ALLOW_USER_PASSWORD_AUTH"], ..PoolSetup::default() });
    let by_srp = Device::new(&endpoint, &endpoint.add_user_pool(&PoolSetup::default()));
    block_on(async {
        let told = by_password.challenge("rpi-1").await.err().unwrap();
        assert_eq!(told, ("InvalidParameterException".into(), "USER_SRP_AUTH is not enabled for the client.".into()));
        assert!(by_password.sign_in_by_password("rpi-1", "right").await.is_ok());
        assert_eq!(by_password.sign_in_by_password("rpi-1", "wrong").await.unwrap_err(), not_authorized(WRONG));
        assert_eq!(code(by_password.sign_in_by_password("rpi-9", "right").await), "UserNotFoundException");
        let told = by_srp.sign_in_by_password("rpi-1", "right").await.unwrap_err();
        assert_eq!(told.1, "USER_PASSWORD_AUTH flow not enabled for this client");
    });
}

#[test]
fn a_refresh_token_lasts_until_it_is_rotated_revoked_or_old() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    let grace = Some(Duration::from_secs(60));
    let rotating = endpoint.add_user_pool(&PoolSetup { rotation: grace, ..PoolSetup::default() });
    endpoint.add_user(&rotating, "rpi-1", "right");
    let rotating = Device::new(&endpoint, &rotating);
    block_on(async {
        let first = device.sign_in("rpi-1", "right").await.unwrap().refresh_token.unwrap();
        assert_eq!(device.refresh(&first).await.unwrap().refresh_token, None);
        assert_eq!(device.refresh("made-up").await.unwrap_err(), not_authorized("Invalid Refresh Token"));
        let revoke = device.idp.revoke_token().client_id(&device.pool.client).token(&first);
        revoke.send().await.unwrap();
        assert_eq!(device.refresh(&first).await.unwrap_err(), not_authorized("Refresh Token has been revoked"));

        let spent = rotating.sign_in("rpi-1", "right").await.unwrap().refresh_token.unwrap();
        assert_eq!(code(rotating.refresh(&spent).await), "InvalidParameterException", "rotation knows one way only");
        let next = rotating.rotate(&spent).await.unwrap().refresh_token.unwrap();
        assert!(rotating.rotate(&spent).await.is_ok(), "once more within its grace");
        endpoint.misbehave(Fault::ClockAhead(61_000), None);
        assert_eq!(code(rotating.rotate(&spent).await), "RefreshTokenReuseException");
        assert_eq!(code(rotating.rotate(&next).await), "RefreshTokenReuseException", "the repeat got another");
        let last = rotating.sign_in("rpi-1", "right").await.unwrap().refresh_token.unwrap();
        endpoint.misbehave(Fault::ClockAhead(31 * DAY_MS), None);
        assert_eq!(rotating.rotate(&last).await.unwrap_err(), not_authorized("Refresh Token has expired"));
    });
}

#[test]
fn whoever_is_signed_out_disabled_or_deleted_refreshes_no_more() {
    let (endpoint, device) = with_pool(&PoolSetup { server_side_check: true, ..PoolSetup::default() });
    let pool = &device.pool.user_pool;
    block_on(async {
        for user in ["out", "off", "gone"] {
            endpoint.add_user(&device.pool, user, "right");
            let tokens = device.sign_in(user, "right").await.unwrap();
            let (refresh, id) = (tokens.refresh_token().unwrap(), tokens.id_token().unwrap());
            let identity = device.identity(id).await.unwrap();
            assert!(device.refresh(refresh).await.is_ok());
            match user {
                "out" => drop(
                    device.idp.admin_user_global_sign_out().user_pool_id(pool).username(user).send().await.unwrap(),
                ),
                "off" => drop(device.idp.admin_disable_user().user_pool_id(pool).username(user).send().await.unwrap()),
                _ => drop(device.idp.admin_delete_user().user_pool_id(pool).username(user).send().await.unwrap()),
            }
            assert_eq!(
                device.refresh(refresh).await.unwrap_err(),
                not_authorized("Refresh Token has been revoked"),
                "{user}"
            );
            let told = device.credentials(&identity, id).await.unwrap_err();
            assert!(told.1.starts_with("Invalid login token."), "{user}: {told:?}");
        }
        assert_eq!(device.sign_in("off", "right").await.unwrap_err(), not_authorized("User is disabled."));
        device.idp.admin_enable_user().user_pool_id(pool).username("off").send().await.unwrap();
        assert!(device.sign_in("off", "right").await.is_ok());
        assert_eq!(code(device.sign_in("gone", "right").await), "UserNotFoundException");
    });
}

#[test]
fn an_identity_is_the_same_for_ever_and_nobody_elses() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    endpoint.add_user(&device.pool, "rpi-2", "right");
    block_on(async {
        let one = device.sign_in("rpi-1", "right").await.unwrap();
        let two = device.sign_in("rpi-2", "right").await.unwrap();
        let (first, second) = (one.id_token().unwrap(), two.id_token().unwrap());
        let identity = device.identity(first).await.unwrap();
        assert!(identity.starts_with("eu-west-1:"), "{identity}");
        assert_ne!(device.identity(second).await.unwrap(), identity);
        let again = device.sign_in("rpi-1", "right").await.unwrap();
        assert_eq!(device.identity(again.id_token().unwrap()).await.unwrap(), identity);
        let told = device.credentials(&identity, second).await.unwrap_err();
        assert!(told.1.starts_with("Logins don't match."), "{told:?}");
        let unknown = device.credentials("eu-west-1:00000000-0000-4000-8000-000000000000", first).await;
        assert_eq!(code(unknown), "ResourceNotFoundException");
        let keys = device.credentials(&identity, first).await.unwrap();
        assert!(keys.access_key_id().starts_with("ASIA"));
        let left = keys.expiry().unwrap().duration_since(std::time::SystemTime::now()).unwrap();
        assert!((3500..=3600).contains(&left.as_secs()), "{left:?}");

        device.idp.admin_delete_user().user_pool_id(&device.pool.user_pool).username("rpi-1").send().await.unwrap();
        endpoint.add_user(&device.pool, "rpi-1", "right");
        let anew = device.sign_in("rpi-1", "right").await.unwrap();
        let told = device.credentials(&identity, anew.id_token().unwrap()).await.unwrap_err();
        assert!(told.1.starts_with("Logins don't match."), "another user of the same name: {told:?}");
    });
}

#[test]
fn only_a_good_token_of_the_pool_is_a_login() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    let other = endpoint.add_user_pool(&PoolSetup::default());
    endpoint.add_user(&other, "rpi-1", "right");
    let other = Device::new(&endpoint, &other);
    block_on(async {
        let tokens = device.sign_in("rpi-1", "right").await.unwrap();
        let id = tokens.id_token().unwrap();
        let foreign = other.sign_in("rpi-1", "right").await.unwrap().id_token.unwrap();
        let (head, signature) = id.rsplit_once('.').unwrap();
        let tampered = format!("{head}.{}", signature.chars().rev().collect::<String>());
        let cases = [
            ("no token", "not a token", "Not a valid OpenId Connect identity token."),
            ("an access token", tokens.access_token().unwrap(), "Not a valid OpenId Connect identity token."),
            ("of another pool", &foreign, "Issuer doesn't match providerName"),
            ("tampered with", &tampered, "Couldn't verify signed token."),
        ];
        for (name, token, why) in cases {
            let told = device.identity(token).await.unwrap_err();
            assert_eq!(told, not_authorized(&format!("Invalid login token. {why}")), "{name}");
        }
        let elsewhere = device.identity.get_id().identity_pool_id(&device.pool.identity_pool).logins("example.com", id);
        let told = refused(elsewhere.send().await.map_err(aws_sdk_cognitoidentity::Error::from)).err().unwrap();
        assert_eq!(told, not_authorized("Token is not from a supported provider of this identity pool."));
        endpoint.misbehave(Fault::ClockAhead(3_601_000), None);
        let told = device.identity(id).await.unwrap_err();
        assert!(told.1.starts_with("Invalid login token. Token expired: "), "{told:?}");
    });
}

#[test]
fn lent_keys_end_and_made_up_ones_do_not() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    block_on(async {
        let group = |keys, name: &str| device.logs(keys).create_log_group().log_group_name(name).send();
        let lent = device.keys("rpi-1", "right").await;
        group(lent.clone(), "/system/rpi-1").await.unwrap();
        endpoint.set_up_cognito(|settings| settings.credential_lifetime = Duration::ZERO);
        let ended = device.keys("rpi-1", "right").await;
        let value = aws_sdk_cloudwatch::types::MetricDatum::builder().metric_name("m").value(1.0).build();
        let put = |keys| device.metrics(keys).put_metric_data().namespace("n").metric_data(value.clone()).send();
        put(lent.clone()).await.unwrap();
        let told = refused(put(ended.clone()).await.map_err(aws_sdk_cloudwatch::Error::from));
        assert_eq!(code(told), "ExpiredTokenException");
        let told = refused(group(ended, "/system/late").await.map_err(aws_sdk_cloudwatchlogs::Error::from));
        assert_eq!(code(told), "ExpiredTokenException");
        let token = Some("someone else's".to_owned());
        group(aws_credential_types::Credentials::new("made-up", "x", token, None, "test"), "/any").await.unwrap();
        let mixed = lent.session_token().map(str::to_owned);
        let mixed = aws_credential_types::Credentials::new("ASIAOTHER", "x", mixed, None, "test");
        let told = refused(group(mixed, "/system/mixed").await.map_err(aws_sdk_cloudwatchlogs::Error::from));
        assert_eq!(code(told), "UnrecognizedClientException");
    });
    assert_eq!(endpoint.groups(), ["/any", "/system/rpi-1"]);
}

#[test]
fn a_device_reaches_its_own_groups_where_that_is_asked_for() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    endpoint.set_up_cognito(|settings| settings.isolation = vec!["/system/rpi".into(), "/app".into()]);
    block_on(async {
        let keys = device.keys("rpi-1", "right").await;
        let cases = [
            ("/system/rpi/rpi-1", "granted"),
            ("/system/rpi/rpi-1/kernel", "granted"),
            ("/app/rpi-1", "granted"),
            ("/system/rpi/rpi-10", "AccessDeniedException"),
            ("/system/rpi/rpi-2", "AccessDeniedException"),
            ("/system/rpi", "AccessDeniedException"),
            ("/other/rpi-1", "AccessDeniedException"),
        ];
        for (name, expected) in cases {
            let asked = device.logs(keys.clone()).create_log_group().log_group_name(name).send().await;
            assert_eq!(code(refused(asked.map_err(aws_sdk_cloudwatchlogs::Error::from))), expected, "{name}");
        }
    });
}

#[test]
fn what_is_over_a_quota_is_refused_and_the_peak_is_known() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    block_on(async {
        assert!(device.sign_in("rpi-1", "right").await.is_ok(), "without a quota");
        endpoint.set_up_cognito(|settings| settings.quotas = Category::OF_AWS.into());
        assert!(device.sign_in("rpi-1", "right").await.is_ok(), "within AWS's quotas");
        endpoint.set_up_cognito(|settings| settings.quotas = [(Category::UserAuthentication, 0)].into());
        let told = device.sign_in("rpi-1", "right").await.unwrap_err();
        assert_eq!(told, ("TooManyRequestsException".into(), "Rate exceeded".into()));
        let list = device.idp.list_users().user_pool_id(&device.pool.user_pool).send().await;
        assert_eq!(list.unwrap().users().len(), 1, "another category");
    });
    assert_eq!(endpoint.counts().refused["TooManyRequestsException"], 1);
    let peaks = endpoint.peaks();
    assert!((1..=5).contains(&peaks[&Category::UserAuthentication]), "{peaks:?}");
    assert_eq!(peaks[&Category::UserList], 1);
    assert!(!peaks.contains_key(&Category::UserCreation), "what a test sets up is not counted: {peaks:?}");
}

#[test]
fn faults_meet_the_requests_to_cognito_too() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    endpoint.misbehave_on(Operation::InitiateAuth, Fault::Throttle, Some(1));
    let busy = Fault::Code { code: "TooManyRequestsException", status: 400 };
    endpoint.misbehave_on(Operation::RespondToAuthChallenge, busy, Some(1));
    block_on(async {
        assert_eq!(code(device.sign_in("rpi-1", "right").await), "ThrottlingException");
        assert_eq!(code(device.sign_in("rpi-1", "right").await), "TooManyRequestsException");
        assert!(device.sign_in("rpi-1", "right").await.is_ok());
    });
    assert_eq!(endpoint.counts().requests_to(Operation::InitiateAuth), 3);
}

#[test]
fn an_administrator_makes_finds_and_removes_users() {
    let (endpoint, device) = with_pool(&PoolSetup::default());
    let (idp, pool) = (&device.idp, &device.pool.user_pool);
    block_on(async {
        let create = |name: &str| {
            let made = idp.admin_create_user().user_pool_id(pool).username(name);
            made.message_action(MessageActionType::Suppress).send()
        };
        for number in 0..70 {
            create(&format!("rpi-{number:02}")).await.unwrap();
        }
        assert_eq!(code(refused(create("rpi-00").await.map_err(idp::Error::from))), "UsernameExistsException");
        assert_eq!(code(refused(create("a b").await.map_err(idp::Error::from))), "InvalidParameterException");
        let user = idp.admin_get_user().user_pool_id(pool).username("rpi-00").send().await.unwrap();
        assert_eq!(user.user_status.unwrap().as_str(), "FORCE_CHANGE_PASSWORD");
        let set = |name: &str, password: &str| {
            let set = idp.admin_set_user_password().user_pool_id(pool).username(name);
            set.password(password).permanent(true).send()
        };
        assert_eq!(code(refused(set("rpi-00", "weak").await.map_err(idp::Error::from))), "InvalidPasswordException");
        assert_eq!(code(refused(set("rpi-99", "Strong-1").await.map_err(idp::Error::from))), "UserNotFoundException");
        set("rpi-00", "Strong-123").await.unwrap();
        assert!(device.sign_in("rpi-00", "Strong-123").await.is_ok());
        let user = idp.admin_get_user().user_pool_id(pool).username("rpi-00").send().await.unwrap();
        assert_eq!((user.user_status.unwrap().as_str(), user.enabled), ("CONFIRMED", true));

        let mut names = Vec::new();
        let mut pages = idp.list_users().user_pool_id(pool).filter("username ^= \"\"").into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert!(page.users().len() <= 60);
            names.extend(page.users().iter().map(|user| user.username().unwrap().to_owned()));
        }
        assert_eq!(names, (0..70).map(|number| format!("rpi-{number:02}")).collect::<Vec<_>>());
        let some = idp.list_users().user_pool_id(pool).filter("username ^= \"rpi-6\"").send().await.unwrap();
        assert_eq!(some.users().len(), 10);
        let sub = |user: &idp::types::UserType| {
            let is_sub = |attribute: &&AttributeType| attribute.name() == "sub";
            user.attributes().iter().find(is_sub).unwrap().value().unwrap().to_owned()
        };
        let by_sub = format!("sub = \"{}\"", sub(&some.users()[0]));
        assert_eq!(idp.list_users().user_pool_id(pool).filter(by_sub).send().await.unwrap().users().len(), 1);
    });
    assert_eq!(endpoint.users(pool), 70);
}

#[test]
fn a_temporary_password_is_made_anew_on_request() {
    let (_endpoint, device) = with_pool(&PoolSetup::default());
    block_on(async {
        let create = |action: Option<MessageActionType>, password: &str| {
            let made = device.idp.admin_create_user().user_pool_id(&device.pool.user_pool).username("rpi-1");
            made.set_message_action(action).temporary_password(password).send()
        };
        let again = || Some(MessageActionType::Resend);
        assert_eq!(
            code(refused(create(again(), "First-123").await.map_err(idp::Error::from))),
            "UserNotFoundException"
        );
        create(None, "First-123").await.unwrap();
        create(again(), "Second-123").await.unwrap();
        let challenged = device.challenge("rpi-1").await.unwrap();
        assert_eq!(device.answer(&challenged.answer("First-123")).await.err().unwrap(), not_authorized(WRONG));
        let challenged = device.challenge("rpi-1").await.unwrap();
        assert!(device.answer(&challenged.answer("Second-123")).await.is_ok());
    });
}

#[test]
fn a_client_that_hides_missing_users_tells_them_from_nobody() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    block_on(async {
        let made = device.idp.create_user_pool_client().user_pool_id(&device.pool.user_pool).client_name("hides");
        let made = made.prevent_user_existence_errors("ENABLED".into()).send().await.unwrap();
        let client = made.user_pool_client.unwrap().client_id.unwrap();
        let hiding = Device::new(&endpoint, &PoolIds { client, ..device.pool.clone() });
        assert_eq!(hiding.sign_in("rpi-9", "right").await.unwrap_err(), not_authorized(WRONG));
        assert_eq!(hiding.sign_in("rpi-1", "wrong").await.unwrap_err(), not_authorized(WRONG));
        assert!(hiding.sign_in("rpi-1", "right").await.is_ok());
    });
}

#[test]
fn administrators_sign_their_requests_and_devices_need_not() {
    let (endpoint, device) = with_user(&PoolSetup::default());
    let date = wire::amz_date(0);
    let ask = |operation: &str, service: Option<&str>| {
        let (target, authorization) =
            (format!("AWSCognitoIdentityProviderService.{operation}"), service.map(wire::authorization));
        let mut headers = vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        headers.extend(authorization.as_deref().map(|text| ("authorization", text)));
        headers.push(("x-amz-date", &date));
        let body = json!({
            "UserPoolId": device.pool.user_pool, "Username": "rpi-1", "ClientId": device.pool.client, "Token": "x.y",
        });
        wire::send(endpoint.address(), "POST", "/", &headers, body.to_string().as_bytes()).unwrap().code()
    };
    assert_eq!(ask("AdminGetUser", None), "MissingAuthenticationTokenException");
    assert_eq!(ask("AdminGetUser", Some("logs")), "InvalidSignatureException");
    assert_eq!(ask("AdminGetUser", Some("cognito-idp")), "");
    assert_eq!(ask("RevokeToken", None), "");
    assert_eq!(ask("AdminGetDevice", Some("cognito-idp")), "UnknownOperationException");
}

#[test]
fn pools_are_described_as_they_were_asked_for_and_protected() {
    let (_endpoint, device) = with_pool(&PoolSetup::default());
    block_on(async {
        let made = device.idp.create_user_pool().pool_name("fleet").deletion_protection(DeletionProtectionType::Active);
        let made = made.username_configuration(
            idp::types::UsernameConfigurationType::builder().case_sensitive(false).build().unwrap(),
        );
        let id = made.send().await.unwrap().user_pool.unwrap().id.unwrap();
        assert!(id.starts_with("eu-west-1_"), "the region is that of the request: {id}");
        let delete = || device.idp.delete_user_pool().user_pool_id(&id).send();
        assert_eq!(code(refused(delete().await.map_err(idp::Error::from))), "InvalidParameterException");
        let create = |name: &str| device.idp.admin_create_user().user_pool_id(&id).username(name).send();
        create("RPI-1").await.unwrap();
        assert_eq!(code(refused(create("rpi-1").await.map_err(idp::Error::from))), "UsernameExistsException");
        device.idp.update_user_pool().user_pool_id(&id).send().await.unwrap();
        let told = device.idp.describe_user_pool().user_pool_id(&id).send().await.unwrap().user_pool.unwrap();
        assert_eq!((told.name(), told.estimated_number_of_users), (Some("fleet"), 1));
        assert_eq!(
            told.deletion_protection,
            Some(DeletionProtectionType::Inactive),
            "an update resets what it leaves out"
        );
        assert!(!told.username_configuration.unwrap().case_sensitive, "but not what is fixed at creation");
        delete().await.unwrap();
        assert_eq!(code(refused(delete().await.map_err(idp::Error::from))), "ResourceNotFoundException");

        let client = device.idp.describe_user_pool_client().user_pool_id(&device.pool.user_pool);
        let client = client.client_id(&device.pool.client).send().await.unwrap().user_pool_client.unwrap();
        assert_eq!(client.explicit_auth_flows().len(), 2);
        let pool = device.identity.describe_identity_pool().identity_pool_id(&device.pool.identity_pool).send().await;
        assert_eq!(pool.unwrap().cognito_identity_providers()[0].provider_name(), Some(device.provider().as_str()));
        let roles = device.identity.get_identity_pool_roles().identity_pool_id(&device.pool.identity_pool).send().await;
        assert!(roles.unwrap().roles().unwrap().contains_key("authenticated"));
        let tags = device.identity.get_principal_tag_attribute_map().identity_pool_id(&device.pool.identity_pool);
        let tags = tags.identity_provider_name(device.provider()).send().await.unwrap();
        assert_eq!(tags.principal_tags().unwrap()["username"], "cognito:username");
    });
}

#[test]
fn a_temporary_password_signs_in_to_nothing_but_its_change() {
    let (_endpoint, device) = with_pool(&PoolSetup::default());
    block_on(async {
        let made = device.idp.admin_create_user().user_pool_id(&device.pool.user_pool).username("rpi-1");
        made.temporary_password("Temporary-1").send().await.unwrap();
        let challenged = device.challenge("rpi-1").await.unwrap();
        let answer = device.answer(&challenged.answer("Temporary-1")).await.unwrap();
        assert_eq!(answer.challenge_name, Some(ChallengeNameType::NewPasswordRequired));
        assert!(answer.authentication_result.is_none());
        let renewed = device.idp.respond_to_auth_challenge().client_id(&device.pool.client).session("x".repeat(20));
        let renewed = renewed.challenge_name(ChallengeNameType::NewPasswordRequired);
        let renewed =
            renewed.challenge_responses("USERNAME", "rpi-1").challenge_responses("NEW_PASSWORD", "Lasting-123");
        assert_eq!(code(refused(renewed.send().await.map_err(idp::Error::from))), "NotAuthorizedException");
    });
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

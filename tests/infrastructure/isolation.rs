//! What a stolen device can do: the role's policies as the stack has them, judged by an evaluator that was written from IAM's
//! reference and knows nothing of the program.

use serde_json::{Value, json};

use super::double::{Double, REGION};
use super::{STACK, run, scene};

const PREFIXES: [&str; 6] =
    ["/system/default", "/system/raspberry-pi", "/system/rpi", "/system/macos", "/system/osx", "/system/linux"];
/// What the agent calls.
const ALLOWED: [&str; 4] =
    ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:PutRetentionPolicy"];

fn deployed() -> Option<Double> {
    let double = scene()?;
    run(double.provision(&["deploy"])).with(0);
    Some(double)
}

/// A request of the device `id`; without one, of a session that carries no name.
fn request(id: Option<&str>, action: &str, resource: &str) -> Value {
    let context = id.map_or(json!({}), |id| json!({ "aws:PrincipalTag/username": id }));
    json!({ "action": action, "resource": resource, "context": context })
}

/// How AWS names a group's parts in an authorization: the group, the group with a colon, a stream in it.
fn arns(group: &str) -> [String; 3] {
    let arn = format!("arn:aws:logs:{REGION}:123456789012:log-group:{group}");
    [arn.clone(), format!("{arn}:log-stream:"), format!("{arn}:log-stream:app.log")]
}

fn logs(id: Option<&str>, group: &str) -> Vec<Value> {
    let arns = arns(group);
    ALLOWED.iter().flat_map(|action| arns.iter().map(|arn| request(id, action, arn)).collect::<Vec<_>>()).collect()
}

fn assert_all(double: &Double, expected: &str, requests: &[Value]) {
    let answers = double.python.decide(&double.policies(STACK), requests);
    assert_eq!(answers.len(), requests.len());
    assert!(!requests.is_empty());
    for (answer, request) in answers.iter().zip(requests) {
        assert_eq!(answer, expected, "{request}");
    }
}

#[test]
fn a_device_writes_to_its_own_groups_under_every_prefix() {
    let Some(double) = deployed() else { return };
    let longest = "x".repeat(128);
    let ids = ["rpi-1", "a", "A.b_c-9", "...", "---", "0", longest.as_str()];
    let mut requests = Vec::new();
    for id in ids {
        for prefix in PREFIXES {
            for below in ["", "/app", "/app/deep"] {
                requests.extend(logs(Some(id), &format!("{prefix}/{id}{below}")));
            }
        }
    }
    assert_all(&double, "allowed", &requests);
}

#[test]
fn a_device_reaches_no_other_and_no_foreign_group() {
    let Some(double) = deployed() else { return };
    let foreign = [
        "/system/rpi/rpi-2",
        "/system/rpi/rpi-10",
        "/system/rpi/rpi-1x",
        "/system/rpi/rpi-1-",
        "/system/rpi/rpi-1.",
        "/system/rpi/rpi-",
        "/system/rpi",
        "/system/rpi/",
        "/system/rpi/x/rpi-1",
        "/system/rpi/RPI-1",
        "/system/rpi-1",
        "/system/rpis/rpi-1",
        "/system/other/rpi-1",
        "system/rpi/rpi-1",
        "/x/system/rpi/rpi-1",
        "/aws/lambda/x",
        "rpi-1",
        "/system/rpi/rpi-2/rpi-1",
        "/system/rpi/rpi-10:rpi-1",
    ];
    let requests: Vec<Value> = foreign.iter().flat_map(|group| logs(Some("rpi-1"), group)).collect();
    assert_all(&double, "refused", &requests);
    let elsewhere = [
        "arn:aws:logs:us-east-1:123456789012:log-group:/system/rpi/rpi-1:log-stream:x".to_owned(),
        format!("arn:aws:logs:{REGION}:999999999999:log-group:/system/rpi/rpi-1:log-stream:x"),
        "*".to_owned(),
    ];
    let requests: Vec<Value> = elsewhere.iter().map(|arn| request(Some("rpi-1"), "logs:PutLogEvents", arn)).collect();
    assert_all(&double, "refused", &requests);
}

#[test]
fn no_other_action_of_either_service_is_allowed() {
    let Some(double) = deployed() else { return };
    let mut requests = Vec::new();
    for action in [double.python.actions("logs"), double.python.actions("cloudwatch")].concat() {
        if ALLOWED.contains(&action.as_str()) || action == "cloudwatch:PutMetricData" {
            continue;
        }
        for resource in arns("/system/rpi/rpi-1").iter().map(String::as_str).chain(["*"]) {
            let mut asked = request(Some("rpi-1"), &action, resource);
            asked["context"]["cloudwatch:namespace"] = "System/RaspberryPi".into();
            requests.push(asked);
        }
    }
    assert!(requests.len() > 400, "{} requests: the list of actions is short", requests.len());
    for action in ["sts:AssumeRole", "iam:PassRole", "s3:GetObject", "cognito-identity:GetId", "ssm:GetParameter"] {
        requests.push(request(Some("rpi-1"), action, "*"));
    }
    assert_all(&double, "refused", &requests);
}

#[test]
fn metrics_go_to_the_namespaces_of_the_list_alone() {
    let Some(double) = deployed() else { return };
    let put = |id: Option<&str>, namespace: Option<&str>| {
        let mut asked = request(id, "cloudwatch:PutMetricData", "*");
        if let Some(namespace) = namespace {
            asked["context"]["cloudwatch:namespace"] = namespace.into();
        }
        asked
    };
    let allowed = ["System/Default", "System/RaspberryPi", "System/MacOS", "System/Linux"];
    let requests: Vec<Value> = allowed.iter().map(|namespace| put(Some("rpi-1"), Some(namespace))).collect();
    assert_all(&double, "allowed", &requests);
    let refused = ["System", "System/Linux2", "system/linux", "System/*", "AWS/EC2", "", "Custom"];
    let mut requests: Vec<Value> = refused.iter().map(|namespace| put(Some("rpi-1"), Some(namespace))).collect();
    requests.extend([put(Some("rpi-1"), None), put(None, Some("System/Linux"))]);
    assert_all(&double, "refused", &requests);
}

#[test]
fn a_session_without_a_name_reaches_nothing() {
    let Some(double) = deployed() else { return };
    let groups = [
        "/system/rpi/rpi-1",
        "/system/rpi/",
        "/system/rpi//",
        "/system/rpi/${aws:PrincipalTag/username}",
        "/system/rpi//app",
        "/system/rpi/*",
    ];
    let requests: Vec<Value> = groups.iter().flat_map(|group| logs(None, group)).collect();
    assert_all(&double, "refused", &requests);
}

#[test]
fn the_role_trusts_signed_in_devices_of_this_pool_alone() {
    let Some(double) = deployed() else { return };
    let stack = double.stack(STACK);
    let resources = &stack["resources"];
    let trust = &resources["DeviceRole"]["properties"]["AssumeRolePolicyDocument"]["Statement"];
    let expected = json!([{
        "Effect": "Allow",
        "Principal": { "Federated": "cognito-identity.amazonaws.com" },
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": {
            "StringEquals": { "cognito-identity.amazonaws.com:aud": resources["IdentityPool"]["physical"] },
            "ForAnyValue:StringEquals": { "cognito-identity.amazonaws.com:amr": "authenticated" },
        },
    }]);
    assert_eq!(trust, &expected);
    assert_eq!(resources["PrincipalTag"]["properties"]["PrincipalTags"], json!({ "username": "cognito:username" }));
    assert_eq!(resources["IdentityPool"]["properties"]["AllowUnauthenticatedIdentities"], false);
    let roles = resources["RoleAttachment"]["properties"]["Roles"].as_object().unwrap();
    assert_eq!(roles.keys().collect::<Vec<_>>(), ["authenticated"]);
}

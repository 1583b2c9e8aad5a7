//! Promises of `${NAME}`.

use super::super::*;

/// The group of a configuration whose group is `text`, where `SET` is `value`; else the problem.
fn group(text: &str) -> Result<String, String> {
    let environment = |name: &str| match name {
        "SET" | "_SET" | "SET2" | "set" => Some("value".to_string()),
        "EMPTY" => Some(String::new()),
        "NESTED" => Some("${SET}".to_string()),
        _ => None,
    };
    let config = format!(r#"{{"logs": {{"log_stream_name": {}}}}}"#, serde_json::json!(text));
    let read = tree_text(&config, &environment);
    read.map_err(|problems| problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; "))
}

fn tree_text(config: &str, environment: Environment<'_>) -> Result<String, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut tree = tree::parse(config, &mut problems).unwrap();
    environment::expand(&mut tree, environment, &mut problems);
    match tree.get(&["logs", "log_stream_name"]).map(|node| &node.value) {
        Some(tree::Value::Text(text)) if problems.is_empty() => Ok(text.to_string()),
        _ => Err(problems),
    }
}

#[test]
fn a_variable_in_a_text_becomes_its_value_and_nothing_else_does() {
    for (text, expected) in [
        ("${SET}", "value"),
        ("a-${SET}-b${SET2}", "a-value-bvalue"),
        ("${_SET}", "value"),
        ("${set}", "value"),
        ("x${EMPTY}y", "xy"),
        // What comes from the environment is not looked at again.
        ("${NESTED}", "${SET}"),
        ("$SET", "$SET"),
        ("${}", "${}"),
        ("${2SET}", "${2SET}"),
        ("${SE-T}", "${SE-T}"),
        ("${ SET }", "${ SET }"),
        ("${SET", "${SET"),
        ("$${SET}", "$value"),
        ("${aws:InstanceId}", "${aws:InstanceId}"),
        ("${ÄRGER}", "${ÄRGER}"),
        ("{instance_id}", "{instance_id}"),
        ("${a${SET}", "${avalue"),
    ] {
        assert_eq!(group(text).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(group("${SET}${UNSET}").unwrap_err(), "logs.log_stream_name: the environment has no `UNSET`");
}

#[test]
fn keys_commands_passwords_and_patterns_are_taken_as_they_stand() {
    let text = r#"{"${A}": 1, "command": "${A}", "password": "${A}", "include_patterns": ["${A}"], "exclude_patterns": ["${A}"],
        "expression": "${A}", "pattern": "${A}", "blacklist": "${A}", "multi_line_start_pattern": "${A}", "replace": "${A}",
        "exe": "${A}", "predicate": "${A}"}"#;
    let mut problems = Vec::new();
    let mut tree = tree::parse(text, &mut problems).unwrap();
    let before = tree.clone();
    environment::expand(&mut tree, &|_| panic!("the environment was asked"), &mut problems);
    assert!(tree == before && problems.is_empty());
}

#[test]
fn what_the_environment_has_not_is_one_problem_and_not_absent_as_well() {
    let text = r#"{
        "agent": {"region": "${UNSET}", "authentication": {"accountId": "${UNSET}", "userPoolId": "eu-west-1_abcdefghi",
            "identityPoolId": "eu-west-1:00000000-0000-4000-8000-000000000000", "appClientId": "a", "password": "p"}},
        "logs": {"mask": ["${UNSET}", {"name": "${UNSET}"}], "log_group_class": "${UNSET}",
            "logs_collected": {"files": {"collect_list": [{"file_path": "${UNSET}"}]}}},
        "metrics": {"metrics_collected": {"cpu": {"measurement": ["${UNSET}"], "metrics_collection_interval": "${UNSET}"}}}
    }"#;
    let Err(Failure::Wrong(_, problems)) = parse(text, Path::new("/x.json"), &|_| None) else { panic!("accepted") };
    let others: Vec<_> = problems
        .iter()
        .map(|problem| &problem.message)
        .filter(|said| !said.contains("the environment has no"))
        .collect();
    assert_eq!((problems.len(), others), (8, Vec::<&String>::new()));
}

//! Makes a device's configuration from a template: any configuration of ours, or the built-in one.
//!
//! What the stack knows is filled in: region, sign-in, and where the template is silent a log group under an allowed prefix, an
//! allowed namespace and the retention. What a template says is kept, and refused where the stack's role would refuse it: a
//! device that can write nothing is found here and not in the field. The rule that is easy to break: what the finished text
//! means is asked of `config`, never guessed from the template.
//!
//! The password is put into the finished text, so that no JSON value that is not wiped ever holds it.
//!
//! Pure: no I/O, no clock.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::alarms::Watched;
use super::metric_names::{DISK_USED_PERCENT, HEARTBEAT, SELF_RECORDS_REFUSED};
use super::outputs::Outputs;
use super::systems;
use crate::config::{self, Collected, CollectorConfig, Config, Facts, Loaded, Secret};

/// The template of who names none.
const BUILT_IN: &str = include_str!("device.json");

/// Stands in the text until the password takes its place: no configuration holds a NUL.
const NO_PASSWORD: &str = "\u{0}";
const NO_PASSWORD_AS_JSON: &str = "\"\\u0000\"";

/// Alarms look no closer than this: a sample that is late rings nothing.
const SHORTEST_MINUTES: u64 = 5;

/// Three periods have to lie within the three hours that a query of Metrics Insights sees (CloudWatch's user guide, read
/// 2026-11-21).
const LONGEST_MINUTES: u64 = 60;

/// What an administrator wants to see of every device.
const TURNED_ON: [&str; 4] = ["heartbeat", "self", "disk", "temperature"];

/// A template that is a configuration by itself.
#[derive(Clone, Debug)]
pub struct Template {
    json: Map<String, Value>,
    origin: PathBuf,
}

impl Template {
    /// The built-in one.
    pub fn built_in() -> Self {
        Self { json: built_in(), origin: PathBuf::from("the built-in template") }
    }

    /// Reads one, with remarks on it. `origin` is the absolute path of its file.
    ///
    /// # Errors
    /// Everything that is wrong with it as a configuration.
    pub fn parse(text: &str, origin: &Path) -> Result<(Self, Vec<config::Problem>), config::Failure> {
        let warnings = understood(text, origin)?.warnings;
        let json = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            config::Failure::Wrong(origin.to_path_buf(), vec![config::Problem::general(error.to_string())])
        })?;
        Ok((Self { json, origin: origin.to_path_buf() }, warnings))
    }

    /// With everything filled in that the stack knows.
    ///
    /// # Errors
    /// Where the template wants to sign in some other way.
    pub fn for_stack(mut self, stack: Outputs) -> Result<Blank, String> {
        let agent = object(&mut self.json, "agent");
        agent.insert("region".to_string(), json!(stack.region));
        let authentication = object(agent, "authentication");
        for other in ["password_file", "iotUrl", "roleAlias", "thingName", "certificate"] {
            if authentication.contains_key(other) {
                return Err(format!(
                    "agent.authentication.{other} is in the template, and its devices sign in with a password of their own\n  \
                     leave `authentication` out of the template: it is filled in"
                ));
            }
        }
        for (key, value) in [
            ("accountId", stack.account_id.as_str()),
            ("userPoolId", &stack.user_pool_id),
            ("identityPoolId", &stack.identity_pool_id),
            ("appClientId", &stack.app_client_id),
            ("password", NO_PASSWORD),
        ] {
            authentication.insert(key.to_string(), json!(value));
        }
        fill_names(&mut self.json, &stack);
        turn_on(&mut self.json);
        Ok(Blank { json: self.json, origin: self.origin, stack })
    }
}

/// Where the template is silent: a log group, a namespace and a retention that the stack allows.
fn fill_names(json: &mut Map<String, Value>, stack: &Outputs) {
    let logs = object(json, "logs");
    if let Some(prefix) = stack.log_group_prefixes.first() {
        set_where_absent(logs, "log_group_name", || json!(format!("{prefix}/{{instance_id}}")));
    }
    if let Some(days) = stack.retention_in_days {
        set_where_absent(logs, "retention_in_days", || json!(days));
    }
    if let Some(namespace) = stack.metric_namespaces.first() {
        set_where_absent(object(json, "metrics"), "namespace", || json!(namespace));
    }
}

fn turn_on(json: &mut Map<String, Value>) {
    let mut ours = built_in();
    let ours = object(object(&mut ours, "metrics"), "metrics_collected");
    let metrics = object(json, "metrics");
    if metrics.get("metrics_collected").is_none_or(Value::is_null) {
        metrics.insert("metrics_collected".to_string(), Value::Object(ours.clone()));
    } else {
        let collected = object(metrics, "metrics_collected");
        for name in TURNED_ON {
            set_where_absent(collected, name, || ours.get(name).cloned().unwrap_or_else(|| json!({})));
        }
    }
}

fn built_in() -> Map<String, Value> {
    // A test parses it; were it broken, devices would still get everything that the stack fills in.
    serde_json::from_str(BUILT_IN).unwrap_or_default()
}

fn set_where_absent(object: &mut Map<String, Value>, key: &str, value: impl FnOnce() -> Value) {
    if object.get(key).is_none_or(Value::is_null) {
        object.insert(key.to_string(), value());
    }
}

/// The object under a key, made where there is none.
fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = parent.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object just now"),
    }
}

/// A configuration that lacks the device's id and password only.
#[derive(Clone, Debug)]
pub struct Blank {
    json: Map<String, Value>,
    origin: PathBuf,
    stack: Outputs,
}

impl Blank {
    /// The configuration of a device. Its password stands in what is wiped.
    ///
    /// # Errors
    /// Where no configuration can give this id.
    pub fn fill(&self, id: &str, password: &Secret) -> Result<Zeroizing<String>, String> {
        let (prefix, serial) = systems::split(id).ok_or_else(|| format!("`{id}` has no prefix and serial"))?;
        let mut json = self.json.clone();
        object(&mut json, "agent").insert("instance".to_string(), json!({ "prefix": prefix, "serial": serial }));
        let text = serde_json::to_string_pretty(&json).map_err(|error| error.to_string())?;
        let mut parts = text.split(NO_PASSWORD_AS_JSON);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(before), Some(behind), None) => {
                let quoted = serde_json::to_string(password.reveal()).map(Zeroizing::new);
                let quoted = quoted.map_err(|error| error.to_string())?;
                // In one piece: text that grows leaves copies behind that nobody wipes.
                let mut filled = Zeroizing::new(String::with_capacity(text.len() + quoted.len() + 1));
                [before, quoted.as_str(), behind, "\n"].into_iter().for_each(|part| filled.push_str(part));
                Ok(filled)
            }
            _ => Err("the template holds a NUL character".to_string()),
        }
    }

    /// Everything that a device of this id could not do with its configuration.
    pub fn problems(&self, id: &str) -> Vec<String> {
        let text = match self.fill(id, &Secret::new("x".to_string())) {
            Ok(text) => text,
            Err(problem) => return vec![problem],
        };
        let config = match understood(&text, &self.origin) {
            Ok(loaded) => loaded.config,
            Err(failure) => return vec![failure.to_string()],
        };
        let facts = Facts { instance_id: id.to_string(), hostname: "x".to_string(), ..Facts::default() };
        if let Err(failure) = config::check_for(&config, &facts) {
            return vec![failure.to_string()];
        }
        let mut problems = Vec::new();
        for entry in &config.logs.entries {
            let group = entry.group.resolve(&facts);
            if !self.allows_group(&group, id) {
                let right = self.stack.log_group_prefixes.iter().map(|prefix| format!("`{prefix}/{{instance_id}}`"));
                problems.push(format!(
                    "the log group `{group}` of `{}` is not one that the stack allows {id}\n  allowed: {}, and what lies \
                     below",
                    entry.pattern,
                    right.collect::<Vec<_>>().join(", ")
                ));
            }
        }
        let namespace = config.metrics.namespace.resolve(&facts);
        let allowed = &self.stack.metric_namespaces;
        if !allowed.is_empty() && !allowed.contains(&namespace) {
            let right = allowed.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            problems.push(format!("the namespace `{namespace}` is not one that the stack allows\n  allowed: {right}"));
        }
        problems.dedup();
        problems
    }

    /// What the alarms of a device of this id look at.
    ///
    /// # Errors
    /// As [`Blank::problems`].
    pub fn watched(&self, id: &str) -> Result<Watched, String> {
        let text = self.fill(id, &Secret::new("x".to_string()))?;
        let config = understood(&text, &self.origin).map_err(|failure| failure.to_string())?.config;
        let facts = Facts { instance_id: id.to_string(), hostname: "x".to_string(), ..Facts::default() };
        Ok(Watched {
            namespace: config.metrics.namespace.resolve(&facts),
            heartbeat_seconds: period(&config, HEARTBEAT)?,
            disk_seconds: period(&config, DISK_USED_PERCENT)?,
            refusing_seconds: period(&config, SELF_RECORDS_REFUSED)?,
        })
    }

    /// The user pool whose users the configurations sign in as.
    pub fn user_pool(&self) -> &str {
        &self.stack.user_pool_id
    }

    /// As the policy of the stack's role says it; a stack that does not say allows all.
    fn allows_group(&self, group: &str, id: &str) -> bool {
        let prefixes = &self.stack.log_group_prefixes;
        let allows = |prefix: &String| {
            let own = group.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('/'));
            own.and_then(|rest| rest.strip_prefix(id)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        prefixes.is_empty() || prefixes.iter().any(allows)
    }
}

/// The period of an alarm on `metric`: as long as a device takes to publish it, and in what alarms can see.
fn period(config: &Config, metric: &str) -> Result<i32, String> {
    let collectors = match &config.metrics.collected {
        Collected::Standard => [].as_slice(),
        Collected::Chosen { collectors, .. } => collectors,
    };
    let publishes = |collector: &&CollectorConfig| {
        let is_sent = |field| !collector.drop_original.contains(&field);
        collector.measurements.iter().any(|it| it.sent_as() == metric && is_sent(it.metric.field))
    };
    let Some(section) = collectors.iter().find(publishes) else {
        return Err(format!(
            "the devices publish no `{metric}`: an alarm on it costs and sees nothing, or rings for ever\n  have \
             metrics.metrics_collected of the template publish it under this name, or leave --alarms out"
        ));
    };
    let minutes = section.interval.as_secs().div_ceil(60).max(SHORTEST_MINUTES);
    if minutes > LONGEST_MINUTES {
        return Err(format!(
            "`{metric}` is published every {minutes} minutes, and alarms see the last three hours only\n  at most \
             {LONGEST_MINUTES} minutes go with --alarms"
        ));
    }
    i32::try_from(minutes * 60).map_err(|error| error.to_string())
}

/// A configuration as the agent understands it. Variables are those of the device and not known here: what stands in for them
/// serves as a region and in every name.
fn understood(text: &str, origin: &Path) -> Result<Loaded, config::Failure> {
    config::parse(text, origin, &|_| Some("eu-central-1".to_string()))
}

/// The password in a configuration that an earlier run wrote for `id` and `user_pool`.
///
/// # Errors
/// Where it is another's, or none.
pub fn password_of(text: &str, id: &str, user_pool: &str) -> Result<Secret, String> {
    let found: Found = serde_json::from_str(text).map_err(|_| "is no configuration of ours".to_string())?;
    let password = Secret::new(found.agent.authentication.password);
    let instance = found.agent.instance;
    let its_id = format!("{}-{}", instance.prefix, instance.serial);
    let its_pool = found.agent.authentication.user_pool_id;
    if its_id != id {
        return Err(format!("is the configuration of `{its_id}`"));
    }
    if its_pool != user_pool {
        return Err(format!("is for the user pool `{its_pool}`, and the stack has `{user_pool}`"));
    }
    Ok(password)
}

#[derive(Deserialize)]
struct Found {
    agent: FoundAgent,
}

#[derive(Deserialize)]
struct FoundAgent {
    instance: FoundInstance,
    authentication: FoundSignIn,
}

#[derive(Deserialize)]
struct FoundInstance {
    prefix: String,
    serial: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundSignIn {
    user_pool_id: String,
    password: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "eu-central-1_abc";

    fn stack() -> Outputs {
        Outputs {
            region: "eu-central-1".to_string(),
            account_id: "123456789012".to_string(),
            user_pool_id: POOL.to_string(),
            identity_pool_id: "eu-central-1:00000000-0000-0000-0000-000000000000".to_string(),
            app_client_id: "client".to_string(),
            log_group_prefixes: vec!["/system/rpi".to_string(), "/system/linux".to_string()],
            metric_namespaces: vec!["System/RaspberryPi".to_string(), "System/Linux".to_string()],
            retention_in_days: Some(30),
            template: Some("cloudwatch-publisher/2".to_string()),
        }
    }

    fn old_stack() -> Outputs {
        let none = Vec::new();
        Outputs {
            log_group_prefixes: none.clone(),
            metric_namespaces: none,
            retention_in_days: None,
            template: None,
            ..stack()
        }
    }

    fn blank(template: &str, stack: Outputs) -> Blank {
        Template::parse(template, Path::new("/t.json")).unwrap().0.for_stack(stack).unwrap()
    }

    fn secret() -> Secret {
        Secret::new("aB1!@#$%^&*()".to_string())
    }

    fn read(text: &str) -> config::Config {
        config::parse(text, Path::new("/d.json"), &|_| None).unwrap().config
    }

    #[test]
    fn the_built_in_template_gives_a_config_that_signs_in_as_exactly_this_system() {
        let blank = Template::built_in().for_stack(stack()).unwrap();
        for id in ["rpi-00000000abcdef12", "a-b-c", "--x", "osx.1-_-"] {
            assert_eq!(blank.problems(id), Vec::<String>::new());
            let text = blank.fill(id, &secret()).unwrap();
            let config = read(&text);
            assert_eq!(id_of(&config), id);
            assert_eq!(config.agent.region.as_deref(), Some("eu-central-1"));
            assert_eq!(password_of(&text, id, POOL).unwrap(), secret());
            let facts = Facts { instance_id: id.to_string(), hostname: "h".to_string(), ..Facts::default() };
            for entry in &config.logs.entries {
                assert_eq!(entry.group.resolve(&facts), format!("/system/rpi/{id}"));
                assert_eq!(entry.retention_days, Some(30));
            }
            assert_eq!(config.metrics.namespace.text(), "System/RaspberryPi");
        }
    }

    fn id_of(config: &config::Config) -> String {
        let instance = &config.agent.instance;
        format!("{}-{}", instance.prefix, instance.serial.as_deref().unwrap())
    }

    #[test]
    fn what_a_template_says_is_kept() {
        let template = r#"{
          "agent": {"instance": {"prefix": "srv", "command": "hostname"}, "metrics_collection_interval": 60},
          "logs": {"retention_in_days": 7, "logs_collected": {"files": {"collect_list": [
            {"file_path": "${LOGS}/a.log", "log_group_name": "/system/linux/{instance_id}/a"}]}}},
          "metrics": {"namespace": "System/Linux", "metrics_collected": {"cpu": {"measurement": ["usage_idle"]},
            "temperature": {"metrics_collection_interval": 30}}}}"#;
        let blank = blank(template, stack());
        assert_eq!(blank.problems("srv-1"), Vec::<String>::new());
        let watched = Watched {
            namespace: "System/Linux".to_string(),
            heartbeat_seconds: 300,
            disk_seconds: 300,
            refusing_seconds: 300,
        };
        assert_eq!(blank.watched("srv-1"), Ok(watched));
        let json: Value = serde_json::from_str(&blank.fill("srv-1", &secret()).unwrap()).unwrap();
        assert_eq!(json["agent"]["instance"], json!({"prefix": "srv", "serial": "1"}));
        assert_eq!(json["agent"]["metrics_collection_interval"], 60);
        assert_eq!(json["logs"]["retention_in_days"], 7);
        assert_eq!(json["metrics"]["namespace"], "System/Linux");
        let collected = json["metrics"]["metrics_collected"].as_object().unwrap();
        assert_eq!(collected.keys().collect::<Vec<_>>(), ["cpu", "disk", "heartbeat", "self", "temperature"]);
        assert_eq!(collected["temperature"], json!({"metrics_collection_interval": 30}));
    }

    fn watched(collected: &str) -> Result<[i32; 3], String> {
        let template = format!(
            r#"{{"agent": {{"metrics_collection_interval": 600}}, "metrics": {{"metrics_collected": {collected}}}}}"#
        );
        let watched = blank(&template, stack()).watched("srv-1")?;
        Ok([watched.heartbeat_seconds, watched.disk_seconds, watched.refusing_seconds])
    }

    #[test]
    fn an_alarm_looks_as_often_as_its_own_metric_is_published() {
        assert_eq!(watched(r#"{"uptime": true}"#), Ok([600; 3]));
        assert_eq!(
            watched(
                r#"{"heartbeat": {"metrics_collection_interval": 3600}, "disk": {"metrics_collection_interval": 1200}}"#
            ),
            Ok([3600, 1200, 600])
        );
        assert_eq!(watched(r#"{"heartbeat": {"metrics_collection_interval": 10}}"#), Ok([300, 600, 600]));
        let told = watched(r#"{"self": {"metrics_collection_interval": 7200}}"#).unwrap_err();
        assert!(told.contains("`self_records_refused` is published every 120 minutes"), "{told}");
    }

    #[test]
    fn an_alarm_on_what_no_device_publishes_is_refused() {
        for (collected, metric) in [
            (r#"{"heartbeat": false}"#, "heartbeat"),
            (r#"{"heartbeat": {"collect": false}}"#, "heartbeat"),
            (r#"{"heartbeat": {"measurement": [{"name": "heartbeat", "rename": "alive"}]}}"#, "heartbeat"),
            (r#"{"disk": {"measurement": ["free"]}}"#, "disk_used_percent"),
            (r#"{"disk": {"drop_original_metrics": ["used_percent"]}}"#, "disk_used_percent"),
            (r#"{"self": {"measurement": ["lag_seconds"]}}"#, "self_records_refused"),
        ] {
            let told = watched(collected).unwrap_err();
            assert!(told.contains(&format!("publish no `{metric}`")), "{collected}: {told}");
        }
    }

    #[test]
    fn what_the_stack_would_refuse_a_device_is_told_with_what_it_allows() {
        let template = r#"{"metrics": {"namespace": "Other"}, "logs": {"logs_collected": {"files": {"collect_list": [
            {"file_path": "/a", "log_group_name": "/system/rpi/{instance_id}x"},
            {"file_path": "/b", "log_group_name": "/system/rpi/{instance_id}/b"},
            {"file_path": "/c", "log_group_name": "/elsewhere/{instance_id}"}]}}}}"#;
        let told = blank(template, stack()).problems("rpi-1");
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[0].contains("`/system/rpi/rpi-1x` of `/a`") && told[0].contains("`/system/linux/{instance_id}`"));
        assert!(told[1].contains("`/elsewhere/rpi-1`"));
        assert!(told[2].contains("`Other`") && told[2].contains("`System/Linux`"));
    }

    #[test]
    fn an_old_stack_allows_all_and_changes_no_names() {
        let blank = Template::built_in().for_stack(old_stack()).unwrap();
        assert_eq!(blank.problems("rpi-1"), Vec::<String>::new());
        let config = read(&blank.fill("rpi-1", &secret()).unwrap());
        assert_eq!(config.logs.entries[0].group.text(), "/system/default/{instance_id}");
        assert_eq!(config.logs.entries[0].retention_days, None);
        // Its client offers the password flow alone: the agent falls back to it by itself, and no longer than it must.
        assert!(matches!(&config.agent.sign_in, Some(config::SignIn::Cognito(user)) if !user.sends_password));
    }

    #[test]
    fn a_template_that_signs_in_some_other_way_is_refused() {
        let cognito = r#"{"agent": {"region": "${REGION}", "authentication": {"accountId": "123456789012", "userPoolId": "eu-west-1_x",
            "identityPoolId": "eu-west-1:x", "appClientId": "x", "password_file": "p"}}}"#;
        let (template, _) = Template::parse(cognito, Path::new("/t.json")).unwrap();
        assert!(template.for_stack(stack()).unwrap_err().contains("agent.authentication.password_file"));
        assert!(Template::parse(r#"{"agent": {"debugg": true}}"#, Path::new("/t.json")).is_err());
    }

    #[test]
    fn a_config_of_another_system_or_pool_is_not_ours() {
        let text = Template::built_in().for_stack(stack()).unwrap().fill("rpi-1", &secret()).unwrap();
        let told = |id, pool| password_of(&text, id, pool).unwrap_err();
        assert_eq!(told("rpi-2", POOL), "is the configuration of `rpi-1`");
        assert_eq!(
            told("rpi-1", "eu-central-1_xyz"),
            "is for the user pool `eu-central-1_abc`, and the stack has `eu-central-1_xyz`"
        );
        assert_eq!(password_of("{}", "rpi-1", POOL).unwrap_err(), "is no configuration of ours");
    }
}

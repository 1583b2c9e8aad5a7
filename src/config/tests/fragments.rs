//! Promises of `<name>.d/`, the files that are merged over a configuration.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::super::*;

/// A configuration with files beside it.
struct Beside(TempDir);

impl Beside {
    fn new(main: &str, others: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.json"), main).unwrap();
        for (name, text) in others {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn main(&self) -> PathBuf {
        self.0.path().join("x.json")
    }

    fn loaded(&self) -> Loaded {
        load(&self.main()).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// The failure, with paths from the folder on.
    fn refused(&self) -> String {
        self.shortened(&load(&self.main()).unwrap_err().to_string())
    }

    fn warnings(&self) -> Vec<String> {
        let text = |warning: &Problem| self.shortened(warning.to_string().trim());
        self.loaded().warnings.iter().map(text).collect()
    }

    fn shortened(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn following(path: &str) -> String {
    format!(r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [{{"file_path": "{path}"}}]}}}}}}}}"#)
}

#[test]
fn objects_are_united_and_lists_appended_in_the_order_of_names() {
    let beside = Beside::new(
        &following("/a"),
        &[
            ("x.d/20.json", &following("/c")),
            ("x.d/10.json", &following("b")),
            ("x.d/30.json", "\u{feff}{\"agent\": {\"debug\": true, \"region\": null}}"),
            ("x.d/40.json", r#"{"agent": {"region": "eu-west-1"}}"#),
        ],
    );
    let Loaded { config, warnings } = beside.loaded();
    assert_eq!(warnings, []);
    let patterns: Vec<&str> = config.logs.entries.iter().map(|entry| entry.pattern.as_str()).collect();
    // A relative path is relative to the main file, wherever it stands.
    let relative = beside.0.path().join("b").display().to_string();
    assert_eq!(patterns, ["/a", relative.as_str(), "/c"]);
    assert!(config.agent.debug);
    assert_eq!(config.agent.region.as_deref(), Some("eu-west-1"));
    assert_eq!(config.fragments, ["10", "20", "30", "40"].map(|name| PathBuf::from(format!("x.d/{name}.json"))));
}

#[test]
fn a_value_that_two_files_set_differently_is_told_with_both_places_and_the_same_one_is_fine() {
    let beside = Beside::new(
        "{\"agent\": {\"debug\": true,\n\"region\": \"eu-west-1\"}}",
        &[
            ("x.d/a.json", r#"{"agent": {"debug": true, "region": "eu-west-1"}}"#),
            ("x.d/b.json", "{\"agent\": {\n \"debug\": false, \"region\": {}}}"),
            ("x.d/c.json", r#"{"agent": {"logfile": "/l"}}"#),
            ("x.d/d.json", r#"{"agent": {"logfile": "/m"}}"#),
        ],
    );
    assert_eq!(
        beside.refused(),
        "error: 3 problems in x.json\n\
         \n  x.d/b.json, line 2, column 2: agent.debug is set differently in x.json, line 1\n\
         \x20                               keep one of them: files are united, none wins\n  \
         x.d/b.json, line 2, column 18: agent.region is set differently in x.json, line 2\n\
         \x20                                keep one of them: files are united, none wins\n  \
         x.d/d.json, line 1, column 12: agent.logfile is set differently in x.d/c.json, line 1\n\
         \x20                                keep one of them: files are united, none wins"
    );
}

#[test]
fn problems_and_warnings_name_the_file_that_they_are_in() {
    let beside = Beside::new(
        "{\"agent\": {\"regoin\": \"x\"}}",
        &[("x.d/a.json", "{\n\"logs\": {\"retention_in_days\": 10}}"), ("x.d/b.json", "{,}")],
    );
    let said = beside.refused();
    for expected in [
        "  line 1, column 12: agent.regoin is not a key",
        "  x.d/a.json, line 2, column 10: logs.retention_in_days is `10`",
        "  x.d/b.json, line 1, column 2: the file is not JSON",
    ] {
        assert!(said.contains(expected), "`{expected}` is not in\n{said}");
    }
    let warned = Beside::new("{}", &[("x.d/a.json", "{\"agent\": {\"user_agent\": \"me\"}}")]).warnings();
    assert!(warned[0].starts_with("x.d/a.json, line 1, column 12: agent.user_agent"), "{warned:?}");
}

#[test]
fn a_problem_between_two_files_names_the_other_one() {
    let beside = Beside::new(&following("/a"), &[("x.d/a.json", &following("/a"))]);
    let said = beside.refused();
    assert!(said.contains("as logs.logs_collected.files.collect_list[0] in the main file"), "{said}");
    let kept = |days: u16| {
        format!(
            r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [
        {{"file_path": "/{days}", "log_group_name": "g", "retention_in_days": {days}}}]}}}}}}}}"#
        )
    };
    let said = Beside::new(&kept(7), &[("x.d/a.json", &kept(14))]).refused();
    assert!(said.contains("line 2 of the main file says `7`"), "{said}");
}

#[test]
fn what_is_not_read_is_told() {
    let others = ["x.d/a.bak", "x.d/a.json~", "x.d/.a.json", "x.d/sub/a.json", "x.d/..data/a.json", "x.json.d/a.json"];
    let beside = Beside::new("{}", &others.map(|name| (name, "{")));
    assert_eq!(
        beside.warnings(),
        [
            "nothing in the folder `x.json.d` is read\n  the folder that is read is `x.d`",
            "in the folder `x.d` is not read: `.a.json`, `a.bak`, `a.json~`, `sub`\n  only files whose names end in \
             `.json` and begin without a dot are",
        ]
    );
}

#[test]
fn a_fragment_that_cannot_be_read_is_an_error_and_so_are_too_many_bytes() {
    let beside = Beside::new("{}", &[("x.d/a.json", "{}")]);
    std::os::unix::fs::symlink("nowhere", beside.0.path().join("x.d/b.json")).unwrap();
    assert!(beside.refused().contains("`x.d/b.json` cannot be read: it is a link that leads nowhere"));
    let half = format!("{{}}{}", " ".repeat(9 * 1024 * 1024));
    let said = Beside::new(&half, &[("x.d/a.json", &half)]).refused();
    assert!(said.contains("  x.d/a.json: with it the configuration has `18874372` bytes"), "{said}");
    let latin1 = Beside::new("{}", &[("x.d/a.json", "")]);
    fs::write(latin1.0.path().join("x.d/a.json"), b"{\"\xe4\": 1}").unwrap();
    assert!(latin1.refused().contains("x.d/a.json, line 1, column 3: the file is not UTF-8"), "{}", latin1.refused());
}

#[test]
fn a_password_may_stand_in_a_fragment_and_is_read_from_there() {
    let main = r#"{"agent": {"region": "eu-west-1", "authentication": {"accountId": "123456789012",
        "userPoolId": "eu-west-1_u", "identityPoolId": "eu-west-1:i", "appClientId": "c"}}}"#;
    let secret = r#"{"agent": {"authentication": {"password": "of the fragment"}}}"#;
    let beside = Beside::new(main, &[("x.d/secret.json", secret)]);
    let path = beside.0.path().join("x.d/secret.json");
    let Some(SignIn::Cognito(user)) = beside.loaded().config.agent.sign_in else { panic!("no Cognito sign-in") };
    assert_eq!(user.password, PasswordSource::Config(path.clone()));
    assert_eq!(password(&path).unwrap().reveal(), "of the fragment");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warned = beside.warnings();
    assert!(warned[0].contains("everybody on this machine can read it") && warned[0].contains("x.d/secret.json"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(beside.warnings(), [""; 0]);
}

#[test]
fn variables_are_filled_in_in_fragments_and_the_schema_of_each_may_be_named() {
    let fragments = Fragments {
        names: vec!["x.d/a.json".into()],
        texts: vec![r#"{"$schema": "b", "agent": {"region": "${R}", "logfile": "${MISSING}"}}"#.to_string().into()],
        remarks: Vec::new(),
    };
    let environment = |name: &str| (name == "R").then(|| "eu-west-1".to_string());
    let failure = parse_all(r#"{"$schema": "a"}"#, &fragments, Path::new("/x.json"), &environment).unwrap_err();
    let said = failure.to_string();
    assert!(said.contains("1 problem") && said.contains("x.d/a.json, line 1, column 46: agent.logfile"), "{said}");
}

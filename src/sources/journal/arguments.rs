//! The command line of journalctl.
//!
//! Easy to break: without `--all` long fields are left out, without `--no-tail` following begins ten entries before the end, and
//! an option that an older journalctl does not know stops everything: only those of systemd 239 are used.
//!
//! Pure: no I/O, no clock, no tasks.

use super::resume::{From, Leg, Question};
use super::rules::{Rules, needs_units};
use super::text::FIELDS_OF_TEXT;
use crate::config::{JournalConfig, JournalFormat};

/// To read `leg`.
pub fn to_read(config: &JournalConfig, rules: &Rules, leg: &Leg) -> Vec<String> {
    let mut arguments = common(config);
    arguments.push("--quiet".to_owned());
    arguments.push("--no-tail".to_owned());
    let from = match leg {
        Leg::Catch { from, only } => {
            arguments.extend(only.iter().map(|boot| format!("--boot={boot}")));
            from
        }
        Leg::Follow { from, boot } => {
            arguments.push("--follow".to_owned());
            // Following means one boot from systemd 250 on, and that of `/proc` unless one is named. It is named last: in 250 what
            // came later won. `--merge` means all of them (in 251 to 253 without Debian's mends it is refused beside `--follow`).
            arguments.push(boot.as_ref().map_or_else(|| "--merge".to_owned(), |boot| format!("--boot={boot}")));
            from
        }
    };
    match from {
        From::Cursor { cursor, .. } => arguments.push(format!("--cursor={cursor}")),
        From::Since(time) => arguments.push(since(time.0)),
        From::Head => {}
    }
    if config.format != JournalFormat::Json {
        let mut fields: Vec<String> = FIELDS_OF_TEXT.iter().map(|field| (*field).to_owned()).collect();
        fields.extend(rules.fields());
        fields.sort_unstable();
        fields.dedup();
        arguments.push(format!("--output-fields={}", fields.join(",")));
    }
    arguments.extend(filters(config));
    arguments
}

/// To ask `question`. Without `--quiet`: what is said about missing rights is wanted.
pub fn to_ask(config: &JournalConfig, boot: &str, question: &Question) -> Vec<String> {
    let mut arguments = common(config);
    arguments.push("--output-fields=_BOOT_ID".to_owned());
    match question {
        Question::Newest => arguments.push("--lines=1".to_owned()),
        Question::FirstOfBoot => arguments.push(format!("--boot={boot}")),
        Question::BootAfter(boot) => arguments.push(format!("--boot={boot}+1")),
        Question::LastOf(boot) => arguments.extend([format!("--boot={boot}"), "--lines=1".to_owned()]),
        Question::FirstSince(time) => arguments.push(since(time.0)),
        Question::At(cursor) => arguments.extend([format!("--cursor={cursor}"), "--lines=1".to_owned()]),
        Question::Recent(count) => {
            arguments.push(format!("--lines={count}"));
            arguments.extend(filters(config));
        }
    }
    arguments
}

fn common(config: &JournalConfig) -> Vec<String> {
    let mut arguments: Vec<String> = ["--all", "--no-pager", "--output=export"].map(str::to_owned).into();
    arguments.extend(config.namespace.iter().map(|name| format!("--namespace={name}")));
    arguments.extend(config.directory.iter().map(|path| format!("--directory={}", path.display())));
    arguments
}

/// A time in milliseconds since 1970, as journalctl reads one.
fn since(time: i64) -> String {
    let time = time.max(0);
    format!("--since=@{}.{:03}", time / 1_000, time % 1_000)
}

/// To measure how much there was in the last hour, a line an entry, with its time.
pub fn to_measure(config: &JournalConfig) -> Vec<String> {
    let mut arguments = common(config);
    arguments.retain(|argument| argument != "--output=export");
    let output = if config.format == JournalFormat::Json { "--output=json" } else { "--output=short-unix" };
    arguments.extend(["--quiet", output, "--since=-1h"].map(str::to_owned));
    arguments.extend(filters(config));
    arguments
}

/// What journalctl chooses by.
pub fn filters(config: &JournalConfig) -> Vec<String> {
    let mut arguments = Vec::new();
    if !needs_units(config) {
        arguments.extend(config.units.iter().map(|unit| format!("--unit={unit}")));
    }
    arguments.extend(config.identifiers.iter().map(|name| format!("--identifier={name}")));
    arguments.extend(config.priority.iter().map(|priority| format!("--priority={priority}")));
    for (index, pairs) in config.matches.iter().enumerate() {
        if index > 0 {
            arguments.push("+".to_owned());
        }
        arguments.extend(pairs.iter().map(|(field, value)| format!("{field}={value}")));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::super::rules::Own;
    use super::*;
    use crate::record::Wall;

    fn told(config: &JournalConfig, leg: &Leg) -> String {
        to_read(config, &Rules::new(config, Own::default()), leg).join(" ")
    }

    #[test]
    fn filters_that_journalctl_knows_are_left_to_it() {
        let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
        let config = JournalConfig {
            units: vec!["ssh".to_owned()],
            identifiers: vec!["cron".to_owned()],
            priority: Some("warning".to_owned()),
            matches: vec![vec![pair("_UID", "0"), pair("A", "b")], vec![pair("_TRANSPORT", "kernel")]],
            namespace: Some("shop".to_owned()),
            ..JournalConfig::new("journal")
        };
        let leg = Leg::Follow {
            from: From::Cursor { cursor: "s=1".to_owned(), is_past: true },
            boot: Some("b00t".to_owned()),
        };
        assert_eq!(
            told(&config, &leg),
            "--all --no-pager --output=export --namespace=shop --quiet --no-tail --follow --boot=b00t --cursor=s=1 \
             --output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_COMM,_HOSTNAME,_PID \
             --unit=ssh --identifier=cron --priority=warning _UID=0 A=b + _TRANSPORT=kernel"
        );
    }

    #[test]
    fn patterns_of_units_are_not_left_to_it_and_need_their_fields() {
        let config = JournalConfig { units: vec!["ssh*".to_owned()], ..JournalConfig::new("journal") };
        let told = told(&config, &Leg::Follow { from: From::Head, boot: None });
        assert!(!told.contains("--unit") && told.contains("_SYSTEMD_UNIT,_UID"), "{told}");
    }

    #[test]
    fn json_needs_every_field_and_a_folder_is_read_whole() {
        let config = JournalConfig {
            format: JournalFormat::Json,
            directory: Some("/j".into()),
            ..JournalConfig::new("journal")
        };
        let told = told(&config, &Leg::Follow { from: From::Since(Wall(1_234_567)), boot: None });
        assert_eq!(
            told,
            "--all --no-pager --output=export --directory=/j --quiet --no-tail --follow --merge --since=@1234.567"
        );
    }

    #[test]
    fn a_question_is_about_all_entries_but_for_the_recent_ones() {
        let config = JournalConfig { units: vec!["ssh".to_owned()], ..JournalConfig::new("journal") };
        let asked = |question: Question| to_ask(&config, "b00t", &question).join(" ");
        assert!(asked(Question::FirstOfBoot).ends_with("--output-fields=_BOOT_ID --boot=b00t"));
        assert!(asked(Question::At("c".to_owned())).ends_with("--cursor=c --lines=1"));
        assert!(asked(Question::BootAfter("0ld".to_owned())).ends_with("--output-fields=_BOOT_ID --boot=0ld+1"));
        assert!(asked(Question::Recent(5)).ends_with("--lines=5 --unit=ssh"));
        assert!(!asked(Question::Newest).contains("--quiet"));
    }
}

//! Decides which entries are sent, as far as journalctl is not told to decide it: the own unit, units by pattern, exclusions.
//!
//! An entry belongs to a unit as `journalctl --unit` has it: written by the unit, or by systemd about it, or a core dump of it.
//! journalctl expands patterns of units once, when it starts: a unit that appears later would be missed, so patterns are
//! matched here. Easy to break: what the program writes itself must never be sent, whatever the filters say.
//!
//! Pure: no I/O, no clock, no tasks.

use globset::{GlobBuilder, GlobMatcher};

use super::export::Entry;
use crate::config::JournalConfig;
use crate::record::BootId;

/// The message id of a core dump (sd-messages.h, systemd 252).
const COREDUMP: &[u8] = b"fc2e22bc6ee647b6b90729ab34a250b1";

/// Fields that tell whom an entry belongs to.
pub const FIELDS_OF_UNITS: [&str; 8] =
    ["_SYSTEMD_UNIT", "_SYSTEMD_SLICE", "_PID", "_UID", "UNIT", "OBJECT_SYSTEMD_UNIT", "MESSAGE_ID", "COREDUMP_UNIT"];

/// Who this program is to the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The field that names its unit, and the unit.
    unit: Option<(&'static str, String)>,
    /// Its process, where no unit is known: others have had its number, in earlier boots and in other machines.
    process: Option<Process>,
    /// This machine, where entries of others may be read: a unit of theirs has the same name.
    machine: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Process {
    pid: String,
    boot: String,
    /// When it began, in microseconds on the clock that entries have as `__MONOTONIC_TIMESTAMP`: it never steps.
    began_us: u64,
}

impl Process {
    fn wrote(&self, entry: &Entry) -> bool {
        let at: Option<u64> = entry.text("__MONOTONIC_TIMESTAMP").and_then(|time| time.parse().ok());
        entry.get("_PID") == Some(self.pid.as_bytes())
            && entry.get("_BOOT_ID") == Some(self.boot.as_bytes())
            && at.is_none_or(|at| at >= self.began_us)
    }
}

impl Own {
    /// The program with this process id, which began in this boot at `began_us` on the kernel's monotonic clock, given what
    /// `/proc/self/cgroup` says, on the machine that `/etc/machine-id` names.
    pub fn new(pid: u32, boot: &BootId, began_us: u64, cgroups: &str, machine: &str) -> Self {
        let paths = cgroups.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            (controllers.is_empty() || controllers == "name=systemd").then_some(path)
        });
        let unit = paths.filter_map(unit_of_path).next();
        let process = || Process { pid: pid.to_string(), boot: boot.0.replace('-', ""), began_us };
        // The first process of a container is systemd to the host, whose journal it may read; where it is systemd itself it is not us.
        let is_told_apart = unit.is_none() && pid != 1;
        let machine = Some(machine.trim().replace('-', "")).filter(|machine| !machine.is_empty());
        Self { process: is_told_apart.then(process), unit, machine }
    }

    /// The fields that its entries are told by.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        let of_process = self.process.as_ref().map(|_| "_PID");
        let of_machine = self.machine.as_ref().map(|_| "_MACHINE_ID");
        of_process.into_iter().chain(self.unit.as_ref().map(|(field, _)| *field)).chain(of_machine)
    }

    fn wrote(&self, entry: &Entry) -> bool {
        let is_of_unit = |(field, unit): &(&str, String)| entry.get(field) == Some(unit.as_bytes());
        let is_ours = |machine: &String| entry.get("_MACHINE_ID").is_none_or(|other| other == machine.as_bytes());
        let is_of_unit = self.unit.as_ref().is_some_and(is_of_unit) && self.machine.as_ref().is_none_or(is_ours);
        is_of_unit || self.process.as_ref().is_some_and(|own| own.wrote(entry))
    }
}

/// The service that a cgroup belongs to. A session's scope is no unit of ours: others write in it too.
fn unit_of_path(path: &str) -> Option<(&'static str, String)> {
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let at = names.iter().rposition(|name| name.ends_with(".service") || name.ends_with(".scope"))?;
    let is_of_user = names[..at].iter().any(|name| name.starts_with("user@"));
    let is_service = names[at].ends_with(".service") && !names[at].starts_with("user@");
    let field = if is_of_user { "_SYSTEMD_USER_UNIT" } else { "_SYSTEMD_UNIT" };
    is_service.then(|| (field, names[at].to_owned()))
}

/// A unit's name or pattern.
#[derive(Clone, Debug)]
enum Unit {
    Name(String),
    Pattern(GlobMatcher),
}

impl Unit {
    fn new(text: &str) -> Self {
        let pattern = GlobBuilder::new(text).backslash_escape(false).build();
        match pattern {
            Ok(pattern) if is_pattern(text) => Self::Pattern(pattern.compile_matcher()),
            _ => Self::Name(with_type(text)),
        }
    }

    fn is(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(unit) => unit.as_bytes() == name,
            Self::Pattern(pattern) => std::str::from_utf8(name).is_ok_and(|name| pattern.is_match(name)),
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        let names = |field: &str| entry.get(field).is_some_and(|name| self.is(name));
        let is = |field: &str, value: &[u8]| entry.get(field) == Some(value);
        names("_SYSTEMD_UNIT")
            || names("_SYSTEMD_SLICE")
            || (is("_PID", b"1") && names("UNIT"))
            || (is("_UID", b"0")
                && (names("OBJECT_SYSTEMD_UNIT") || (is("MESSAGE_ID", COREDUMP) && names("COREDUMP_UNIT"))))
    }
}

/// Whether it is a pattern of units and not the name of one.
pub fn is_pattern(unit: &str) -> bool {
    unit.contains(['*', '?', '['])
}

/// As systemd reads it: what names no type is a service.
fn with_type(unit: &str) -> String {
    const TYPES: [&str; 11] =
        ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
    let is_typed = unit.rsplit_once('.').is_some_and(|(_, end)| TYPES.contains(&end));
    if is_typed { unit.to_owned() } else { format!("{unit}.service") }
}

/// The rules of one reading.
#[derive(Clone, Debug)]
pub struct Rules {
    own: Own,
    units: Vec<Unit>,
    not_units: Vec<Unit>,
    /// An entry is left out where all pairs of one of these hold.
    not_matches: Vec<Vec<(String, String)>>,
}

impl Rules {
    /// The rules that `config` asks for.
    pub fn new(config: &JournalConfig, own: Own) -> Self {
        // A folder may be of another machine, in which our number is another's.
        let own = match config.directory {
            Some(_) => Own { process: None, ..own },
            None => Own { machine: None, ..own },
        };
        let units = |names: &[String]| names.iter().map(|name| Unit::new(name)).collect();
        Self {
            own,
            // Names alone are journalctl's business.
            units: if needs_units(config) { units(&config.units) } else { Vec::new() },
            not_units: units(&config.exclude_units),
            not_matches: config.exclude_matches.clone(),
        }
    }

    /// Whether `entry` is sent.
    pub fn keeps(&self, entry: &Entry) -> bool {
        let holds = |(field, value): &(String, String)| entry.all(field).any(|known| known == value.as_bytes());
        !self.own.wrote(entry)
            && (self.units.is_empty() || self.units.iter().any(|unit| unit.has(entry)))
            && !self.not_units.iter().any(|unit| unit.has(entry))
            && !self.not_matches.iter().any(|pairs| pairs.iter().all(holds))
    }

    /// The fields that the rules look at.
    pub fn fields(&self) -> Vec<String> {
        let of_units: &[&str] = if self.units.is_empty() && self.not_units.is_empty() { &[] } else { &FIELDS_OF_UNITS };
        let of_matches = self.not_matches.iter().flatten().map(|(field, _)| field.clone());
        self.own.fields().chain(of_units.iter().copied()).map(str::to_owned).chain(of_matches).collect()
    }
}

/// Whether units are chosen here and not by journalctl.
pub fn needs_units(config: &JournalConfig) -> bool {
    config.units.iter().any(|unit| is_pattern(unit))
}

#[cfg(test)]
mod tests {
    use super::super::export::Parser;
    use super::*;

    fn config(units: &[&str], not_units: &[&str]) -> JournalConfig {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        JournalConfig { units: texts(units), exclude_units: texts(not_units), ..JournalConfig::new("journal") }
    }

    fn keeps(rules: &Rules, fields: &str) -> bool {
        let mut kept = None;
        Parser::default().push(format!("{fields}\n\n").as_bytes(), |entry| kept = Some(rules.keeps(entry)));
        kept.unwrap()
    }

    #[test]
    fn what_the_program_writes_is_never_sent_and_what_is_said_about_it_is() {
        let own = Own::new(77, &boot(), 5_000, "12:cpu:/x\n0::/system.slice/publisher.service\n", MACHINE);
        let rules = Rules::new(&config(&["*"], &[]), own);
        assert!(!keeps(&rules, "_SYSTEMD_UNIT=publisher.service\n_PID=99"), "an earlier run's");
        assert!(keeps(&rules, "_SYSTEMD_UNIT=session-1.scope\n_PID=77\n_BOOT_ID=b00t"), "another's, of before");
        assert!(keeps(&rules, "_SYSTEMD_UNIT=init.scope\n_PID=1\nUNIT=publisher.service"));
        assert!(keeps(&rules, "_SYSTEMD_UNIT=other.service\n_PID=78"));
    }

    #[test]
    fn a_folder_may_hold_what_another_machines_agent_wrote() {
        let own = Own::new(77, &boot(), 5_000, "0::/system.slice/publisher.service", MACHINE);
        let of_folder = JournalConfig { directory: Some("/j".into()), ..config(&[], &[]) };
        let rules = Rules::new(&of_folder, own.clone());
        let unit = "_SYSTEMD_UNIT=publisher.service";
        assert!(!keeps(&rules, &format!("{unit}\n_MACHINE_ID=abc")) && !keeps(&rules, unit));
        assert!(keeps(&rules, &format!("{unit}\n_MACHINE_ID=def")));
        assert!(rules.fields().contains(&"_MACHINE_ID".to_owned()));
        assert!(!Rules::new(&config(&[], &[]), own).fields().contains(&"_MACHINE_ID".to_owned()));
    }

    #[test]
    fn what_systemd_writes_is_sent_from_a_container_too_whose_first_process_this_is() {
        let rules = Rules::new(&config(&[], &[]), Own::new(1, &boot(), 0, "0::/", MACHINE));
        assert!(keeps(&rules, "__MONOTONIC_TIMESTAMP=9\n_BOOT_ID=b00t\n_PID=1\nUNIT=other.service"));
    }

    #[test]
    fn the_own_unit_is_read_from_any_kind_of_cgroup() {
        let system = |unit: &str| Some(("_SYSTEMD_UNIT", unit.to_owned()));
        let cases = [
            ("0::/system.slice/a.service", system("a.service")),
            ("9:name=systemd:/system.slice/a.service\n8:cpu:/system.slice/b.service", system("a.service")),
            ("0::/machine.slice/m.scope/payload/system.slice/a.service", system("a.service")),
            ("0::/system.slice/a.service/worker", system("a.service")),
            ("0::/system.slice/system-a.slice/a@1.service", system("a@1.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
                Some(("_SYSTEMD_USER_UNIT", "a.service".to_owned())),
            ),
            ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", None),
            ("0::/user.slice/user-1000.slice/session-3.scope", None),
            ("0::/", None),
            ("", None),
            ("garbage", None),
        ];
        for (text, unit) in cases {
            assert_eq!(Own::new(1, &boot(), 0, text, "").unit, unit, "{text}");
        }
    }

    const MACHINE: &str = "abc\n";

    fn boot() -> BootId {
        BootId("b0-0t".to_owned())
    }

    #[test]
    fn where_no_unit_is_known_its_process_tells_and_nobody_who_had_that_number_before() {
        let own = Own::new(77, &boot(), 5_000, "0::/", MACHINE);
        let entry = |pid: u32, boot: &str, at: u32| format!("__MONOTONIC_TIMESTAMP={at}\n_BOOT_ID={boot}\n_PID={pid}");
        let rules = Rules::new(&config(&[], &[]), own.clone());
        for (fields, kept) in [
            (entry(77, "b00t", 5_000), false),
            (entry(77, "b00t", 4_999), true),
            (entry(77, "earlier", 9_000), true),
            (entry(78, "b00t", 9_000), true),
        ] {
            assert_eq!(keeps(&rules, &fields), kept, "{fields}");
        }
        assert!(rules.fields().contains(&"_PID".to_owned()));
        let of_folder = JournalConfig { directory: Some("/j".into()), ..config(&[], &[]) };
        assert!(keeps(&Rules::new(&of_folder, own), &entry(77, "b00t", 9_000)), "it may be of another machine");
    }

    #[test]
    fn an_entry_belongs_to_a_unit_as_journalctl_has_it() {
        let rules = Rules::new(&config(&["ssh*", "web"], &["sshd-noise"]), Own::default());
        let cases = [
            ("_SYSTEMD_UNIT=sshd.service", true),
            ("_SYSTEMD_UNIT=ssh.socket", true),
            ("_SYSTEMD_UNIT=web.service", true),
            ("_SYSTEMD_UNIT=web2.service", false),
            ("_PID=1\nUNIT=ssh.service", true),
            ("_PID=2\nUNIT=ssh.service", false),
            ("_UID=0\nOBJECT_SYSTEMD_UNIT=ssh.service", true),
            ("_UID=1\nOBJECT_SYSTEMD_UNIT=ssh.service", false),
            ("_UID=0\nMESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1\nCOREDUMP_UNIT=ssh.service", true),
            ("_UID=0\nCOREDUMP_UNIT=ssh.service", false),
            ("_SYSTEMD_UNIT=sshd-noise.service", false),
            ("MESSAGE=ssh", false),
        ];
        for (fields, kept) in cases {
            assert_eq!(keeps(&rules, fields), kept, "{fields}");
        }
        let all_but = Rules::new(&config(&[], &["*.scope"]), Own::default());
        assert!(keeps(&all_but, "MESSAGE=x") && !keeps(&all_but, "_SYSTEMD_UNIT=session-1.scope"));
    }

    #[test]
    fn an_entry_is_left_out_where_every_pair_of_an_exclusion_holds() {
        let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
        let mut config = config(&[], &[]);
        config.exclude_matches = vec![vec![pair("A", "1"), pair("B", "2")], vec![pair("C", "3")]];
        let rules = Rules::new(&config, Own::default());
        for (fields, kept) in
            [("A=1", true), ("A=1\nB=2", false), ("A=0\nA=1\nB=2", false), ("C=3", false), ("C=4", true)]
        {
            assert_eq!(keeps(&rules, fields), kept, "{fields}");
        }
        assert!(["A", "B", "C"].iter().all(|field| rules.fields().contains(&(*field).to_owned())));
    }
}

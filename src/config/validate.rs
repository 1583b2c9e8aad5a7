//! Judges the shape and makes the settings of it: every problem at once, defaults filled in.
//!
//! Goes on after a problem with some value, so that the rest is judged too: what comes out is used only where there were none.
//!
//! Pure, but that names of time zones are looked up (`config/zones.rs`).

mod journal;
mod logs;
mod mask;
mod measurement;
mod metrics;
mod overlap;
mod senders;
mod sign_in;
mod time;

#[cfg(test)]
pub(super) use logs::RETENTIONS;

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::file;
use super::key::Key;
use super::problem::{Place, Problem, nearest};
use super::settings::{Agent, Config, Instance, Network, defaults};
use super::template::{Purpose, Template};
use super::tree::Places;

/// The CloudWatch Agent's longest interval: two days.
const MAX_INTERVAL_SECONDS: i64 = 172_800;

/// The CloudWatch Agent's levels of the AWS SDK's log (its documentation of the section `agent`, read 2026-11-21).
const SDK_LOG_LEVELS: [&str; 6] = [
    "LogOff",
    "LogDebug",
    "LogDebugWithSigning",
    "LogDebugWithHTTPBody",
    "LogDebugWithRequestRetries",
    "LogDebugWithEventStreamBody",
];
/// Those that would show what no log may have.
const SECRET_LOG_LEVELS: [&str; 3] = ["LogDebugWithSigning", "LogDebugWithHTTPBody", "LogDebugWithEventStreamBody"];

/// What judging needs: where values stand, what paths are relative to, and where to tell.
struct Judge<'a> {
    places: &'a Places,
    origin: &'a Path,
    folder: &'a Path,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Problem>,
}

/// Makes the settings of the shape. They are of use where no problem was added.
pub fn validate(
    shape: &file::File,
    places: &Places,
    origin: &Path,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) -> Config {
    let folder = origin.parent().unwrap_or(Path::new("/"));
    let mut judge = Judge { places, origin, folder, problems, warnings };
    let no_agent = file::Agent::default();
    let no_logs = file::Logs::default();
    let no_metrics = file::Metrics::default();
    let agent_shape = shape.agent.get().unwrap_or(&no_agent);
    let mut agent = judge.agent(agent_shape);
    let endpoint = agent.network.endpoint.clone();
    if let Some(interval) = judge.logs_interval(agent_shape, shape.logs.get()) {
        agent.logs_interval = interval;
    }
    let logs = judge.logs(shape.logs.get().unwrap_or(&no_logs), &agent, endpoint.as_ref());
    let metrics_shape = shape.metrics.get().unwrap_or(&no_metrics);
    if metrics_shape.metrics_collected.get().is_some() && agent_shape.metrics_collection_interval.is_absent() {
        agent.metrics_interval = defaults::SECTIONS_INTERVAL;
    }
    let metrics = judge.metrics(metrics_shape, endpoint, agent.metrics_interval);
    Config { origin: Some(origin.to_path_buf()), fragments: places.names().to_vec(), agent, logs, metrics }
}

impl Judge<'_> {
    fn place(&self, id: usize) -> Place {
        self.places.of(id).1
    }

    fn path(&self, id: usize) -> String {
        self.places.of(id).0.to_string()
    }

    /// The path of a value as it is named in a message about `other`.
    fn seen_from(&self, other: usize, id: usize) -> String {
        self.places.seen_from(other, id)
    }

    /// The file in which a value stands.
    fn file<T>(&self, key: &Key<T>) -> PathBuf {
        match key.placed().and_then(|(id, _)| self.places.file(id)) {
            Some(name) => self.folder.join(name),
            None => self.origin.to_path_buf(),
        }
    }

    /// Notes that the value is wrong: `path` and what follows it.
    fn wrong(&mut self, id: usize, says: &str, hint: &str) {
        let message = format!("{}{says}", self.path(id));
        self.problems.push(Problem::at(self.place(id), message).hint(hint));
    }

    fn remark(&mut self, id: usize, says: &str) {
        self.remark_with(id, says, "");
    }

    fn remark_with(&mut self, id: usize, says: &str, hint: &str) {
        let message = format!("{}{says}", self.path(id));
        self.warnings.push(Problem::at(self.place(id), message).hint(hint));
    }

    fn agent(&mut self, shape: &file::Agent) -> Agent {
        let nothing = file::Instance::default();
        let instance = shape.instance.get().unwrap_or(&nothing);
        let region = self.region(&shape.region);
        let sign_in = sign_in::sign_in(self, &shape.authentication);
        if let Some((id, _)) = shape.authentication.placed()
            && shape.region.is_absent()
        {
            self.wrong(id, " needs agent.region", "for example `\"region\": \"eu-central-1\"` beside it");
        }
        Agent {
            instance: self.instance(instance),
            sign_in,
            region,
            role: self.role(&shape.credentials),
            network: self.network(shape),
            startup_spread: self
                .whole(&shape.startup_spread, 0, 3_600, "it is a number of seconds")
                .map_or(defaults::STARTUP_SPREAD, Duration::from_secs),
            metrics_interval: self
                .seconds(&shape.metrics_collection_interval, MAX_INTERVAL_SECONDS)
                .unwrap_or(defaults::METRICS_INTERVAL),
            logs_interval: defaults::LOGS_INTERVAL,
            log_file: self.log_file(&shape.logfile),
            debug: shape.debug.get().copied().unwrap_or(false),
            is_quiet: shape.quiet.get().copied().unwrap_or(false),
            is_sdk_logged: self.is_sdk_logged(&shape.aws_sdk_log_level),
            run_as_user: self.text(&shape.run_as_user),
            omits_hostname: shape.omit_hostname.get().copied().unwrap_or(false),
            state_directory: self.text(&shape.state_directory).map(|text| self.absolute(&text)),
            metrics_buffer_age: self
                .whole(&shape.metrics_buffer_days, 1, 14, "CloudWatch takes metrics of up to 14 days ago")
                .map_or(Duration::from_secs(defaults::METRICS_BUFFER_DAYS * 86_400), |days| {
                    Duration::from_secs(days * 86_400)
                }),
            metrics_buffer_bytes: 1_048_576
                * self
                    .whole(&shape.metrics_buffer_mb, 1, 1_048_576, "it is a number of MiB")
                    .unwrap_or(defaults::METRICS_BUFFER_MB),
        }
    }

    /// The CloudWatch Agent's `aws_sdk_log_level`: words with `|` between them. Every one of them but `LogOff` lets the SDK talk.
    fn is_sdk_logged(&mut self, key: &Key<String>) -> bool {
        let Some((id, text)) = key.placed() else { return false };
        let words: Vec<&str> = text.split('|').map(str::trim).collect();
        if let Some(strange) = words.iter().find(|word| !SDK_LOG_LEVELS.contains(word)) {
            let hint = match nearest(strange, SDK_LOG_LEVELS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("there are {}", SDK_LOG_LEVELS.map(|level| format!("`{level}`")).join(", ")),
            };
            self.wrong(id, &format!(" is `{text}`; `{strange}` is no level"), &hint);
        }
        if words.iter().any(|word| SECRET_LOG_LEVELS.contains(word)) {
            self.remark(id, &format!(" is `{text}`: signatures and bodies are left out of the own log all the same"));
        }
        words.iter().any(|word| *word != "LogOff")
    }

    fn instance(&mut self, shape: &file::Instance) -> Instance {
        let prefix = self.text(&shape.prefix).unwrap_or_else(|| defaults::PREFIX.to_string());
        let given = |key: &Key<String>| key.get().filter(|text| !text.trim().is_empty()).cloned();
        for key in [&shape.serial, &shape.command] {
            if let Some((id, text)) = key.placed()
                && text.trim().is_empty()
            {
                self.remark(id, " is empty: it counts as absent");
            }
        }
        Instance { prefix, serial: given(&shape.serial), command: given(&shape.command) }
    }

    /// Text that must not be empty where it is given.
    fn text(&mut self, key: &Key<String>) -> Option<String> {
        let (id, text) = key.placed()?;
        if text.trim().is_empty() {
            self.wrong(id, " is empty", "leave the key out for its default");
            return None;
        }
        Some(text.clone())
    }

    /// A path against the folder of the configuration, `.` and `x/..` taken out.
    fn absolute(&self, path: &str) -> PathBuf {
        let mut clean = PathBuf::new();
        for part in self.folder.join(path).components() {
            match part {
                Component::ParentDir => {
                    clean.pop();
                }
                Component::CurDir => {}
                other => clean.push(other),
            }
        }
        clean
    }

    /// An own log's file. The CloudWatch Agent's empty `logfile` means standard output: here, no file is named.
    fn log_file(&mut self, key: &Key<String>) -> Option<PathBuf> {
        let (id, text) = key.placed()?;
        if text.is_empty() {
            self.remark(id, " is empty: the own log goes where it goes without the key");
            return None;
        }
        let path = self.absolute(text);
        if text.ends_with('/') || path.file_name().is_none() {
            self.wrong(id, &format!(" is `{text}`, which names a folder"), "name the file");
        }
        Some(path)
    }

    fn region(&mut self, key: &Key<String>) -> Option<String> {
        let (id, _) = key.placed()?;
        let text = self.text(key)?;
        let is_like_one = text.len() <= 64
            && text.contains('-')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !is_like_one {
            self.wrong(id, &format!(" is `{text}`, which is no AWS region"), "one looks like `eu-central-1`");
        }
        Some(text)
    }

    fn whole(&mut self, key: &Key<i64>, least: i64, most: i64, reason: &str) -> Option<u64> {
        let (id, number) = key.placed()?;
        if !(least..=most).contains(number) {
            self.wrong(id, &format!(" is `{number}`; {least} to {most} is possible"), reason);
        }
        u64::try_from(*number).ok()
    }

    fn seconds(&mut self, key: &Key<i64>, most: i64) -> Option<Duration> {
        self.whole(key, 1, most, "it is a number of seconds").map(Duration::from_secs)
    }

    /// `logs.force_flush_interval` and `agent.logs_collection_interval` are one setting with two names.
    fn logs_interval(&mut self, agent: &file::Agent, logs: Option<&file::Logs>) -> Option<Duration> {
        let ours = self.seconds(&agent.logs_collection_interval, MAX_INTERVAL_SECONDS);
        let theirs = logs.and_then(|logs| self.seconds(&logs.force_flush_interval, MAX_INTERVAL_SECONDS));
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && ours != theirs
            && let Some((id, _)) = logs.and_then(|logs| logs.force_flush_interval.placed())
        {
            let says =
                format!(" is `{}` and wins over agent.logs_collection_interval `{}`", theirs.as_secs(), ours.as_secs());
            self.remark(id, &says);
        }
        theirs.or(ours)
    }

    /// An endpoint with its scheme; `https` where none is given, as with the CloudWatch Agent.
    fn endpoint(&mut self, key: &Key<String>) -> Option<String> {
        let (id, _) = key.placed()?;
        let text = self.text(key)?;
        let url = if text.contains("://") { text.clone() } else { format!("https://{text}") };
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_good = host.is_some_and(|host| {
            !host.is_empty()
                && !host.starts_with(['/', ':', '?', '#'])
                && !host.contains(|c: char| c.is_whitespace() || c.is_control())
        });
        if !is_good {
            self.wrong(id, &format!(" is `{text}`, which is no address"), "it is `https://` or `http://` and a host");
        }
        Some(url.trim_end_matches('/').to_string())
    }

    fn template(&mut self, key: &Key<String>, purpose: Purpose) -> Option<Template> {
        let (id, text) = key.placed()?;
        let (path, place) = (self.path(id), self.place(id));
        Some(Template::read(text, purpose, &path, place, self.problems))
    }

    fn network(&mut self, shape: &file::Agent) -> Network {
        Network {
            endpoint: self.endpoint(&shape.endpoint_override),
            is_dual_stack: shape.use_dualstack_endpoint.get().copied().unwrap_or(false),
            ca_bundle: self.text(&shape.ca_bundle).map(|path| self.absolute(&path)),
            http_proxy: self.proxy(&shape.http_proxy),
            https_proxy: self.proxy(&shape.https_proxy),
            no_proxy: shape.no_proxy.get().cloned(),
        }
    }

    /// A proxy with its scheme, `http` where none is given, as curl takes it; empty for none. Never quoted: it may hold a
    /// password.
    fn proxy(&mut self, key: &Key<String>) -> Option<String> {
        let (id, text) = key.placed()?;
        if text.is_empty() {
            return Some(String::new());
        }
        let text = text.clone();
        let url = if text.contains("://") { text } else { format!("http://{text}") };
        let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let host = authority.and_then(|rest| rest.rsplit('@').next());
        if !host.is_some_and(|host| {
            !host.is_empty() && !host.starts_with([':', '/']) && !host.contains(char::is_whitespace)
        }) {
            self.wrong(id, " is no address of a proxy", "it looks like `http://proxy.example:3128`");
        }
        Some(url)
    }

    /// `arn:aws:iam::123456789012:role/name`
    fn role(&mut self, key: &Key<file::Credentials>) -> Option<String> {
        let (id, text) = key.get()?.role_arn.placed()?;
        let parts: Vec<&str> = text.split(':').collect();
        let is_role = matches!(parts[..], ["arn", _, "iam", "", account, role]
            if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && role.len() > 5 && role.starts_with("role/"));
        if !is_role {
            // The CloudWatch Agent takes any text: AWS refuses it when it is used.
            let hint = "one looks like `arn:aws:iam::123456789012:role/name`";
            self.remark_with(id, &format!(" is `{text}`, which is no ARN of a role: AWS will refuse it"), hint);
        }
        Some(text.clone())
    }
}

//! What an administrator wants of the stack, judged before anything is touched, and as CloudFormation takes it.
//!
//! Easy to break: a prefix may not lie below another one. With `/system` and `/system/rpi`, a device named `rpi` would own
//! every group of the others.
//!
//! Pure: no I/O, no clock, no tasks.

use std::collections::BTreeMap;

use fancy_regex::Regex;

use super::template::Template;

/// What is wanted; what is not said stays as it is in a stack that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Where devices may write logs.
    pub prefixes: Option<Vec<String>>,
    /// Where devices may write metrics.
    pub namespaces: Option<Vec<String>>,
    /// How long devices keep their logs, in days.
    pub retention_in_days: Option<u32>,
    /// Whether there is a dashboard.
    pub has_dashboard: Option<bool>,
}

/// Whether the user pool can be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// It cannot.
    Active,
    /// It can.
    Inactive,
}

/// A parameter for CloudFormation; without a value, that of the stack stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in the template.
    pub name: String,
    /// Its value.
    pub value: Option<String>,
}

/// The policy of a prefix is named `logs` and the prefix, and IAM takes names of 128 characters (model of iam in botocore
/// 1.43.11, read 2026-11-21). CloudWatch Logs would take more: 512 with the slash and an id of 128.
const MAX_PREFIX: usize = 128 - "logs".len();
const MAX_NAMESPACE: usize = 255;
/// What all policies of a role may hold together, without white space (IAM, inline policies of a role).
const MAX_POLICIES: usize = 10_240;
/// What the policy of one prefix holds beyond three times the prefix, in the partition and region with the longest names.
const POLICY_BEYOND_PREFIX: usize = 510;
/// The policy for metrics beyond its namespaces.
const METRICS_POLICY: usize = 230;
/// A search of CloudWatch holds 1,024 characters; the longest of the dashboard, without the namespaces.
const MAX_SEARCH_NAMESPACES: usize = 1_024 - 260;
/// Logs Insights takes so many prefixes.
const MAX_SEARCH_PREFIXES: usize = 5;

impl Wish {
    /// Everything that is wrong with it; empty where nothing is.
    pub fn problems(&self, template: &Template) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(prefixes) = &self.prefixes {
            problems.extend(prefixes.iter().filter_map(|prefix| bad_prefix(prefix, template)));
            problems.extend(collisions(prefixes));
        }
        if let Some(namespaces) = &self.namespaces {
            problems.extend(namespaces.iter().filter_map(|namespace| bad_namespace(namespace, template)));
            problems.extend(twice(namespaces, "namespace"));
            problems.extend(too_many_namespaces(namespaces));
        }
        if let Some(days) = self.retention_in_days {
            problems.extend(bad_retention(days, template));
        }
        problems.extend(self.too_large(template));
        problems
    }

    /// The parameters for a stack that has the parameters `known`; none where there is no stack yet.
    pub fn parameters(&self, template: &Template, protection: Protection, known: &[String]) -> Vec<Parameter> {
        let mut said: BTreeMap<&str, String> = BTreeMap::new();
        said.insert("DeletionProtection", protection.text().to_owned());
        if let Some(prefixes) = &self.prefixes {
            said.insert("LogGroupPrefixes", prefixes.join(","));
            said.insert("ErrorSearchPrefixes", search_prefixes(prefixes).join(","));
        }
        if let Some(namespaces) = &self.namespaces {
            said.insert("MetricNamespaces", namespaces.join(","));
        }
        if let Some(days) = self.retention_in_days {
            said.insert("RetentionInDays", days.to_string());
        }
        if let Some(has_dashboard) = self.has_dashboard {
            said.insert("Dashboard", has_dashboard.to_string());
        }
        let parameter = |name: &str| match said.remove(name) {
            Some(value) => Some(Parameter { name: name.to_owned(), value: Some(value) }),
            None => known.iter().any(|each| each == name).then(|| Parameter { name: name.to_owned(), value: None }),
        };
        template.parameters().into_iter().filter_map(parameter).collect()
    }

    fn too_large(&self, template: &Template) -> Option<String> {
        let prefixes = self.prefixes.clone().unwrap_or_else(|| template.default_list("LogGroupPrefixes"));
        let namespaces = self.namespaces.clone().unwrap_or_else(|| template.default_list("MetricNamespaces"));
        let logs: usize = prefixes.iter().map(|prefix| POLICY_BEYOND_PREFIX + 3 * prefix.len()).sum();
        let metrics: usize = namespaces.iter().map(|namespace| namespace.len() + 3).sum();
        let size = logs + METRICS_POLICY + metrics;
        (size > MAX_POLICIES).then(|| {
            format!("the role's policies would hold {size} characters, IAM takes {MAX_POLICIES}\nfewer or shorter prefixes are needed")
        })
    }
}

/// Why no stack can be in a region. Source: the resource types by region in cfn-lint 1.58.0, read 2026-11-21.
pub fn bad_region(region: &str) -> Option<String> {
    region.starts_with("cn-").then(|| {
        format!(
            "Cognito has no user pools in {region}, so devices there cannot sign in with passwords\n  they can with AWS IoT \
             certificates, or with IAM Roles Anywhere through `credential_process`"
        )
    })
}

impl Protection {
    /// CloudFormation's word for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
        }
    }
}

/// The beginnings under which the dashboard looks for errors: each prefix, or what all have in common where they are too
/// many for one search. Where they have nothing in common, the first ones: below `/` lie everybody's groups, and a search
/// costs by what it reads.
pub fn search_prefixes(prefixes: &[String]) -> Vec<String> {
    if prefixes.len() <= MAX_SEARCH_PREFIXES {
        return prefixes.iter().map(|prefix| format!("{prefix}/")).collect();
    }
    let mut common = prefixes.first().map(String::as_str).unwrap_or_default();
    for prefix in prefixes {
        while !prefix.starts_with(common) {
            common = &common[..common.len() - 1];
        }
    }
    let end = common.rfind('/').map_or(0, |slash| slash + 1);
    match &common[..end] {
        "" | "/" => search_prefixes(&prefixes[..MAX_SEARCH_PREFIXES]),
        common => vec![common.to_owned()],
    }
}

fn bad_prefix(prefix: &str, template: &Template) -> Option<String> {
    let why = if !prefix.starts_with('/') {
        "does not begin with a slash"
    } else if prefix.ends_with('/') {
        "ends with a slash"
    } else if prefix.contains("//") {
        "has two slashes in a row"
    } else if prefix.len() > MAX_PREFIX {
        return Some(format!("log group prefix `{prefix}` has {} characters, at most {MAX_PREFIX}", prefix.len()));
    } else if !matches(template, "LogGroupPrefixes", prefix) {
        "holds more than letters, digits and . _ - /"
    } else {
        return None;
    };
    Some(format!("log group prefix `{prefix}` {why}\nright would be `/system/rpi`"))
}

/// Pairs that would be one resource, or of which one lies below the other.
fn collisions(prefixes: &[String]) -> Vec<String> {
    let letters = |prefix: &str| prefix.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    let mut problems = twice(prefixes, "log group prefix");
    for (index, one) in prefixes.iter().enumerate() {
        for other in &prefixes[index + 1..] {
            let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
            if long.starts_with(&format!("{short}/")) {
                problems.push(format!(
                    "log group prefix `{long}` lies below `{short}`\na device whose id is the next part of it would reach \
                     the groups of all others there"
                ));
            } else if one != other && letters(one) == letters(other) {
                problems.push(format!(
                    "log group prefixes `{one}` and `{other}` differ in signs only\nCloudFormation would take them for one"
                ));
            }
        }
    }
    problems
}

fn bad_namespace(namespace: &str, template: &Template) -> Option<String> {
    let why = if namespace.starts_with("AWS/") {
        "begins with `AWS/`, which is AWS's own"
    } else if namespace.len() > MAX_NAMESPACE {
        return Some(format!("namespace `{namespace}` has {} characters, at most {MAX_NAMESPACE}", namespace.len()));
    } else if namespace.trim() != namespace || !matches(template, "MetricNamespaces", namespace) {
        "is none: letters, digits, blanks and . _ - / # : make one, a colon or a blank not at its beginning"
    } else {
        return None;
    };
    Some(format!("namespace `{namespace}` {why}\nright would be `System/RaspberryPi`"))
}

fn too_many_namespaces(namespaces: &[String]) -> Option<String> {
    let size: usize = namespaces.iter().map(|namespace| namespace.len() + r#"Namespace="" OR "#.len()).sum();
    (size > MAX_SEARCH_NAMESPACES)
        .then(|| "the namespaces are too many or too long for one search of CloudWatch".to_owned())
}

fn bad_retention(days: u32, template: &Template) -> Option<String> {
    let offered = template.allowed("RetentionInDays");
    let all = offered.join(", ");
    (!offered.contains(&days.to_string()))
        .then(|| format!("a retention of {days} days is not one that CloudWatch offers\nall: {all}"))
}

fn twice(items: &[String], what: &str) -> Vec<String> {
    let repeated = items.iter().enumerate().filter(|(index, item)| items[..*index].contains(item));
    repeated.map(|(_, item)| format!("{what} `{item}` is given twice")).collect()
}

/// Whether the whole of `value` is what the template allows.
fn matches(template: &Template, parameter: &str, value: &str) -> bool {
    let pattern = template.pattern(parameter).and_then(|pattern| Regex::new(&format!("^(?:{pattern})$")).ok());
    pattern.is_some_and(|pattern| pattern.is_match(value).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::read().unwrap()
    }

    fn list(items: &[&str]) -> Option<Vec<String>> {
        Some(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn what_the_template_has_by_default_is_right() {
        let template = template();
        let wish = Wish {
            prefixes: Some(template.default_list("LogGroupPrefixes")),
            namespaces: Some(template.default_list("MetricNamespaces")),
            retention_in_days: Some(30),
            has_dashboard: Some(true),
        };
        assert_eq!(wish.problems(&template), Vec::<String>::new());
        let parameters = wish.parameters(&template, Protection::Active, &[]);
        for parameter in parameters {
            let default = template.default(&parameter.name);
            assert_eq!(parameter.value, default, "{}", parameter.name);
        }
    }

    #[test]
    fn every_wrong_parameter_is_told_at_once() {
        let long = format!("/{}", "x".repeat(124));
        let wish = Wish {
            prefixes: list(&[&long, "system", "/system/", "/sys*tem", "/a//b", "/ok", "/ok/below", "/o-k", "/ok", ""]),
            namespaces: list(&["AWS/EC2", ":x", "a\"b", "", " x", "Good One", "Good One"]),
            retention_in_days: Some(10),
            has_dashboard: None,
        };
        let problems = wish.problems(&template()).join("\n");
        let expected = [
            "has 125 characters, at most 124",
            "`system` does not begin with a slash",
            "`/system/` ends with a slash",
            "`/sys*tem` holds more than",
            "`/a//b` has two slashes",
            "`` does not begin",
            "prefix `/ok` is given twice",
            "`/ok/below` lies below `/ok`",
            "`/ok` and `/o-k` differ in signs only",
            "`AWS/EC2` begins with `AWS/`",
            "namespace `:x` is none",
            "namespace `a\"b` is none",
            "namespace `` is none",
            "namespace ` x` is none",
            "`Good One` is given twice",
            "retention of 10 days",
        ];
        for each in expected {
            assert!(problems.contains(each), "{each} is missing in\n{problems}");
        }
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let known = ["DeletionProtection", "LogGroupPrefixes", "Dashboard"].map(ToOwned::to_owned);
        let wish = Wish { has_dashboard: Some(false), ..Wish::default() };
        let parameters = wish.parameters(&template(), Protection::Active, &known);
        let pairs: Vec<_> = parameters.iter().map(|each| (each.name.as_str(), each.value.as_deref())).collect();
        let expected =
            [("Dashboard", Some("false")), ("DeletionProtection", Some("ACTIVE")), ("LogGroupPrefixes", None)];
        let mut pairs = pairs;
        pairs.sort_unstable();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn errors_are_looked_for_where_the_devices_write() {
        assert_eq!(search_prefixes(&list(&["/a", "/b/c"]).unwrap()), ["/a/", "/b/c/"]);
        let many = list(&["/sys/a", "/sys/ab", "/sys/c", "/sys/d", "/sys/e", "/sys/f"]).unwrap();
        assert_eq!(search_prefixes(&many), ["/sys/"]);
        let apart = list(&["/a", "/b", "/c", "/d", "/e", "/f"]).unwrap();
        assert_eq!(search_prefixes(&apart), ["/a/", "/b/", "/c/", "/d/", "/e/"]);
    }
}

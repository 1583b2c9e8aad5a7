//! Which proxy a connection goes through: the configuration's, else the environment's, key by key.
//!
//! Two rules are easy to break. A proxy's user and password are shown nowhere, neither in an error nor by `Debug`. And what
//! answers on this machine or its link only (instance metadata, container credentials) is never asked through a proxy:
//! another machine's metadata would answer, or nobody.

use std::fmt;

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::LoadError;
use crate::config::Network;

/// This machine; instance metadata; the credentials of ECS and of EKS, each in IPv4 and IPv6 (guides of the AWS SDKs,
/// "IMDS credential provider" and "Container credential provider", read 2026-11-21).
const NEVER: &str = "localhost,127.0.0.0/8,::1,169.254.169.254,fd00:ec2::254,169.254.170.2,169.254.170.23,fd00:ec2::23";

/// A proxy's URL, checked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy(String);

/// The proxies, and what is reached without one.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    /// For `http://`.
    pub(super) http: Option<Proxy>,
    /// For `https://`.
    pub(super) https: Option<Proxy>,
    /// As in `NO_PROXY`.
    pub(super) no: String,
}

impl Proxies {
    /// What the configuration says, else what `variable` answers to a name. A text that is empty in the configuration means
    /// no proxy, whatever the environment says.
    pub(super) fn of(network: &Network, variable: impl Fn(&str) -> Option<String>) -> Result<Self, LoadError> {
        let first = |names: [(&'static str, &str); 4]| {
            names.into_iter().find_map(|(origin, name)| Some((origin, variable(name).filter(|text| !text.is_empty())?)))
        };
        let all = [("the variable ALL_PROXY", "ALL_PROXY"), ("the variable all_proxy", "all_proxy")];
        let chosen = |key, text: &Option<String>, own: [(&'static str, &str); 2]| match text {
            Some(text) => Some((key, text.clone())),
            None => first([own[0], own[1], all[0], all[1]]),
        };
        // A name in lower case is as common as one in upper case; curl knows only `http_proxy`, and we both.
        let http = [("the variable HTTP_PROXY", "HTTP_PROXY"), ("the variable http_proxy", "http_proxy")];
        let https = [("the variable HTTPS_PROXY", "HTTPS_PROXY"), ("the variable https_proxy", "https_proxy")];
        let no = network.no_proxy.clone().or_else(|| variable("NO_PROXY")).or_else(|| variable("no_proxy"));
        let Some(no) = rules(&no.unwrap_or_default()) else { return Ok(Self::default()) };
        let http = chosen("`agent.http_proxy`", &network.http_proxy, http);
        let https = chosen("`agent.https_proxy`", &network.https_proxy, https);
        Ok(Self { http: checked(http)?, https: checked(https)?, no })
    }

    /// The proxy through which `host` is reached by TLS, with what it wants to know of us.
    pub(super) fn on_the_way_to(&self, host: &Uri) -> Option<Intercept> {
        let proxy = self.https.as_ref()?;
        Matcher::builder().https(&proxy.0).no(&self.no).build().intercept(host)
    }
}

impl Proxy {
    /// The URL, user and password included.
    pub(super) fn url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

/// The exceptions in the only form that the client knows: names that include what lies below them, addresses, networks.
/// None where everything is an exception.
fn rules(no_proxy: &str) -> Option<String> {
    let mut rules = NEVER.to_owned();
    for entry in no_proxy.split([',', ' ']).filter(|entry| !entry.is_empty()) {
        if entry == "*" {
            return None;
        }
        let name = entry.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(entry);
        let name = match name.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')) => host,
            _ => name,
        };
        rules.push(',');
        rules.push_str(name.trim_matches(['[', ']']));
    }
    Some(rules)
}

fn checked(chosen: Option<(&'static str, String)>) -> Result<Option<Proxy>, LoadError> {
    let Some((origin, text)) = chosen else { return Ok(None) };
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    match fault(&url) {
        None => Ok(Some(Proxy(url))),
        Some(reason) => {
            let shown = without_password(text);
            Err(LoadError::Proxy { origin, shown, reason: reason.to_owned() })
        }
    }
}

/// What is wrong with a proxy's URL. Quotes nothing of it.
fn fault(url: &str) -> Option<&'static str> {
    let Ok(uri) = url.parse::<Uri>() else {
        return Some(
            "is no URL (in a user or password, write `/`, `@`, `:`, `#` and `%` as %2F, %40, %3A, %23 and %25)",
        );
    };
    let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Some("is no proxy that speaks HTTP");
    }
    if uri.host().is_none_or(str::is_empty) {
        return Some("names no host");
    }
    // A password with a `/` or `@` that is not encoded would be taken for the host.
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.matches('@').count() > 1 {
        return Some("has more than a host and a port (in a password, write `/`, `?` and `@` as %2F, %3F and %40)");
    }
    None
}

/// A URL, right or wrong, from the last `@` on: what stands before it may be a password.
fn without_password(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, host)| format!("…@{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(network: &Network, variables: &[(&str, &str)]) -> Result<Proxies, LoadError> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Proxies::of(network, find)
    }

    fn url(proxy: Option<Proxy>) -> String {
        proxy.map(|proxy| proxy.0).unwrap_or_default()
    }

    #[test]
    fn the_configuration_wins_over_the_environment_key_by_key() {
        let network = Network { https_proxy: Some("http://mine:1".into()), ..Network::default() };
        let variables = [("HTTPS_PROXY", "http://theirs:2"), ("http_proxy", "theirs:3"), ("ALL_PROXY", "http://all:4")];
        let found = proxies(&network, &variables).unwrap();
        assert_eq!((url(found.https), url(found.http)), ("http://mine:1".to_owned(), "http://theirs:3".to_owned()));
        let found = proxies(&Network::default(), &variables[2..]).unwrap();
        assert_eq!((url(found.https), url(found.http)), ("http://all:4".to_owned(), "http://all:4".to_owned()));
        let none = Network { https_proxy: Some(String::new()), ..Network::default() };
        assert_eq!(url(proxies(&none, &variables).unwrap().https), "");
    }

    #[test]
    fn a_proxy_is_asked_for_all_but_its_exceptions_and_this_machine() {
        let network = Network {
            https_proxy: Some("http://p:1".into()),
            no_proxy: Some("*.corp.example, host.example:443 10.0.0.0/8".into()),
            ..Network::default()
        };
        let proxies = proxies(&network, &[("NO_PROXY", "amazonaws.com")]).unwrap();
        let goes = |host: &str| proxies.on_the_way_to(&format!("https://{host}/").parse().unwrap()).is_some();
        for host in ["logs.eu-west-1.amazonaws.com", "other.example", "nothost.example", "11.0.0.1"] {
            assert!(goes(host), "{host}");
        }
        for host in ["a.corp.example", "host.example", "10.1.2.3", "localhost", "127.0.0.1", "169.254.169.254"] {
            assert!(!goes(host), "{host}");
        }
        for host in ["169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "[fd00:ec2::23]", "[::1]"] {
            assert!(!goes(host), "{host}");
        }
    }

    #[test]
    fn an_asterisk_takes_the_proxy_away() {
        let network = Network { no_proxy: Some("*".into()), ..Network::default() };
        assert!(proxies(&network, &[("HTTPS_PROXY", "http://p:1")]).unwrap().https.is_none());
    }

    #[test]
    fn a_wrong_proxy_is_told_without_its_password() {
        let cases = [
            ("socks5://u:secret@host:1", "is no proxy that speaks HTTP"),
            ("http://u:secret@", "`…@` is no URL"),
            ("http://u:sec ret@host:1", "is no URL"),
            ("http://u:1/secret@host:1", "has more than a host"),
            ("http://u:secret/x@host:1", ""),
            ("http://u:1?secret@host:1", "has more than a host"),
            ("http://u:a@secret@host:1", ""),
        ];
        for (text, expected) in cases {
            let network = Network { https_proxy: Some(text.into()), ..Network::default() };
            let told = proxies(&network, &[]).map(|_| ()).unwrap_err().to_string();
            assert!(told.contains(expected) && told.contains("`agent.https_proxy`"), "{text}: {told}");
            assert!(!told.contains("secret") && !told.contains("ret@"), "{text}: {told}");
        }
    }

    #[test]
    fn a_proxy_is_shown_without_its_password() {
        let network = Network { https_proxy: Some("http://u:secret@host:1".into()), ..Network::default() };
        let shown = format!("{:?}", proxies(&network, &[]).unwrap());
        assert!(shown.contains("host:1") && !shown.contains("secret"), "{shown}");
    }
}

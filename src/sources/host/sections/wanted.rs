//! Which devices, interfaces or sensors a section is asked for: by name, or by a name with `*`, `?` and `[…]` in it.
//!
//! Pure: no I/O, no clock, no tasks.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::config::Resources;

/// What `resources` asks for.
#[derive(Debug, Default)]
pub enum Wanted {
    /// What the section tells of without being asked.
    #[default]
    Unasked,
    /// Those named.
    Named(Names),
}

/// Names, and patterns of names.
#[derive(Debug)]
pub struct Names {
    plain: Vec<String>,
    patterns: GlobSet,
}

impl Wanted {
    /// Of the configuration. `/dev/` before a name is left away.
    pub fn new(resources: &Resources) -> Self {
        let Resources::Named(names) = resources else {
            return Self::Unasked;
        };
        let plain = names.iter().map(|name| name.strip_prefix("/dev/").unwrap_or(name).to_owned()).collect();
        Self::Named(Names { patterns: patterns(&plain), plain })
    }

    /// Whether it asks for `name`, where all are told of unasked.
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::Unasked => true,
            Self::Named(names) => names.hold(name, |_| None),
        }
    }
}

impl Names {
    /// Whether a name is one of these. `resolve` says which device a name with a slash in it (`mapper/root`) leads to.
    pub fn hold(&self, name: &str, resolve: impl Fn(&str) -> Option<String>) -> bool {
        let leads_there = |plain: &String| plain.contains('/') && resolve(plain).as_deref() == Some(name);
        self.plain.iter().any(|plain| plain == name || leads_there(plain)) || self.patterns.is_match(name)
    }
}

/// A pattern that is none is the plain name that it looks like.
fn patterns(names: &Vec<String>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for name in names {
        if let Ok(pattern) = GlobBuilder::new(name).literal_separator(false).build() {
            set.add(pattern);
        }
    }
    set.build().unwrap_or_else(|_| GlobSet::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(names: &[&str], name: &str) -> bool {
        let resources = Resources::Named(names.iter().map(|name| (*name).to_owned()).collect());
        let Wanted::Named(names) = Wanted::new(&resources) else { return false };
        names.hold(name, |name| (name == "mapper/vg-root").then(|| "dm-0".to_owned()))
    }

    #[test]
    fn names_are_plain_or_patterns_or_lead_to_a_device() {
        assert!(holds(&["eth0"], "eth0") && !holds(&["eth0"], "eth01"));
        assert!(holds(&["eth*", "wlan?"], "eth12") && holds(&["eth*", "wlan?"], "wlan0"));
        assert!(holds(&["/dev/sda1"], "sda1") && holds(&["cciss/c0d0"], "cciss/c0d0"));
        assert!(holds(&["/dev/mapper/vg-root"], "dm-0") && !holds(&["/dev/mapper/vg-root"], "dm-1"));
        assert!(holds(&["[odd"], "[odd"));
    }

    #[test]
    fn an_asterisk_alone_is_as_if_nothing_were_said() {
        assert!(matches!(Wanted::new(&Resources::All), Wanted::Unasked));
        assert!(matches!(Wanted::new(&Resources::Unset), Wanted::Unasked));
    }
}

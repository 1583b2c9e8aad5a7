//! Judges `mask`: what must not leave the device.
//!
//! Pure.

use super::Judge;
use crate::config::file;
use crate::config::key::{Key, List};
use crate::config::problem::nearest;
use crate::config::settings::MaskConfig;
use crate::delivery::mask::{BuiltIn, MASKED, Pattern};

impl Judge<'_> {
    /// The rules of a list; none where there is no list.
    pub(super) fn mask(&mut self, list: &List<file::MaskRule>) -> Option<Vec<MaskConfig>> {
        let list = list.get()?;
        Some(list.iter().filter_map(Key::placed).filter_map(|(id, rule)| self.mask_rule(id, rule)).collect())
    }

    fn mask_rule(&mut self, id: usize, rule: &file::MaskRule) -> Option<MaskConfig> {
        match (rule.name.placed(), rule.pattern.placed()) {
            (Some((_, name)), None) => {
                if let Some((id, _)) = rule.replace.placed() {
                    self.wrong(id, " stands beside `name`", "what stands in place of a built-in rule's is fixed");
                }
                self.built_in_rule(id, name)
            }
            (None, Some((id, pattern))) => {
                let replace = rule.replace.get().map_or(MASKED, String::as_str);
                self.pattern_rule(id, pattern, replace)
            }
            (Some(_), Some((id, _))) => {
                self.wrong(id, " stands beside `name`", "make two rules of it");
                None
            }
            (None, None) => {
                if !rule.name.is_wrong() && !rule.pattern.is_wrong() {
                    self.wrong(id, " says nothing", &format!("it is a name, or has a `pattern`; {}", all_names()));
                }
                None
            }
        }
    }

    fn built_in_rule(&mut self, id: usize, name: &str) -> Option<MaskConfig> {
        if BuiltIn::named(name).is_some() {
            return Some(MaskConfig::BuiltIn(name.to_string()));
        }
        let hint = match nearest(name, BuiltIn::ALL.map(|(name, _)| name)) {
            Some(meant) => format!("did you mean `{meant}`? ({})", all_names()),
            None => format!("{}; a pattern of one's own is `{{\"pattern\": …}}`", all_names()),
        };
        self.wrong(id, &format!(" is `{name}`, which is no built-in rule"), &hint);
        None
    }

    fn pattern_rule(&mut self, id: usize, pattern: &str, replace: &str) -> Option<MaskConfig> {
        match Pattern::new(pattern, replace) {
            Ok(_) if pattern.is_empty() => self.wrong(id, " is empty", "it is a regular expression"),
            Ok(compiled) if compiled.finds_nothing() => self.wrong(
                id,
                &format!(" is `{pattern}`, which is found everywhere, where there is nothing too"),
                "let it ask for one character at least: `+` in place of `*`",
            ),
            Ok(_) => return Some(MaskConfig::Pattern { pattern: pattern.to_string(), replace: replace.to_string() }),
            Err(error) => self.wrong(id, &format!(" is `{pattern}`, which is no regular expression"), &error),
        }
        None
    }
}

fn all_names() -> String {
    let mut names = BuiltIn::ALL.map(|(name, _)| name);
    names.sort_unstable();
    format!("there are: {}", names.join(", "))
}

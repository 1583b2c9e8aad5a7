//! Decides which lines are sent: the include and exclude patterns of a config entry.
//!
//! Patterns are searched anywhere in the line and exclude wins, as in the Python publisher. What the fast engine refuses
//! (look-around, back-references: Python has them) goes to one that backtracks, with a step limit; a line on which the
//! limit is reached counts as not matched.
//!
//! Pure: no I/O, no clock, no tasks.

use std::borrow::Cow;

/// One regular expression of the config.
#[derive(Clone, Debug)]
pub struct Pattern(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// How many steps a backtracking pattern may take on one line.
const STEP_LIMIT: usize = 100_000;

impl Pattern {
    /// Compiles `pattern`; the error says what is wrong with it, in the engine's words.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let refused = match regex::Regex::new(pattern) {
            Ok(regex) => return Ok(Self(Engine::Linear(regex))),
            Err(error) => error,
        };
        match fancy_regex::RegexBuilder::new(pattern).backtrack_limit(STEP_LIMIT).build() {
            Ok(regex) => Ok(Self(Engine::Backtracking(Box::new(regex)))),
            Err(_) => Err(refused.to_string()),
        }
    }

    /// The text with `replace` for every match, in which groups may be named; none where the limit of steps was reached.
    pub fn replace_all<'a>(&self, text: &'a str, replace: &str) -> Option<Cow<'a, str>> {
        match &self.0 {
            Engine::Linear(regex) => Some(regex.replace_all(text, replace)),
            Engine::Backtracking(regex) => regex.try_replacen(text, 0, replace).ok(),
        }
    }

    /// Whether `text` holds a match anywhere.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Engine::Linear(regex) => regex.is_match(text),
            Engine::Backtracking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// The patterns of one entry.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Where there are any, a line must match one of them.
    pub include: Vec<Pattern>,
    /// A line that matches one of them is left out, whatever `include` says.
    pub exclude: Vec<Pattern>,
    /// The CloudWatch Agent's: all must agree. Whether what one finds is kept, and what it finds.
    pub agreeing: Vec<(bool, Pattern)>,
}

impl Filter {
    /// Whether `text` is to be sent.
    pub fn keeps(&self, text: &str) -> bool {
        let is_included = self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(text));
        is_included
            && !self.exclude.iter().any(|pattern| pattern.matches(text))
            && self.agreeing.iter().all(|(is_kept, pattern)| pattern.matches(text) == *is_kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let compile = |patterns: &[&str]| patterns.iter().map(|pattern| Pattern::new(pattern).unwrap()).collect();
        Filter { include: compile(include), exclude: compile(exclude), agreeing: Vec::new() }
    }

    #[test]
    fn every_filter_of_the_agent_must_agree() {
        let agreeing = [(true, "user"), (true, "log"), (false, "failed")]
            .map(|(is_kept, text)| (is_kept, Pattern::new(text).unwrap()));
        let filter = Filter { agreeing: agreeing.into(), ..Filter::default() };
        for (text, kept) in [("user login", true), ("user", false), ("user login failed", false), ("log", false)] {
            assert_eq!(filter.keeps(text), kept, "{text}");
        }
    }

    #[test]
    fn patterns_are_searched_anywhere_and_exclude_wins() {
        let cases: [(&[&str], &[&str], &str, bool); 6] = [
            (&[], &[], "anything", true),
            (&["err", "warn"], &[], "a warning", true),
            (&["err"], &[], "fine", false),
            (&["err"], &["^debug"], "debug err", false),
            (&[], &["^debug"], "a debug", true),
            (&["(?i)ERR"], &[], "Err", true),
        ];
        for (include, exclude, text, kept) in cases {
            assert_eq!(filter(include, exclude).keeps(text), kept, "{include:?} {exclude:?} {text}");
        }
    }

    #[test]
    fn what_python_knows_and_the_fast_engine_does_not_still_works() {
        let filter = filter(&["error(?! ignored)"], &[r"(\w)\1\1"]);
        assert!(filter.keeps("error here"));
        assert!(!filter.keeps("error ignored"));
        assert!(!filter.keeps("error xxx"));
    }

    #[test]
    fn a_pattern_that_explodes_counts_as_not_matched() {
        let pattern = Pattern::new(r"^(?=(a+)+$)(\w)\2*b").unwrap();
        assert!(!pattern.matches(&format!("{}!", "a".repeat(60))));
    }

    #[test]
    fn a_bad_pattern_says_what_is_wrong() {
        assert!(Pattern::new("(unclosed").unwrap_err().contains("unclosed group"));
    }
}

//! Reads Rust source just well enough to say which paths, macros and words stand in it outside of comments, texts and tests.
//!
//! Not a parser: it knows tokens and nested `use` trees. The rule that is easy to break: what it does not understand must end
//! up in the answer, never be left out of it, or a forbidden path would hide behind a rare spelling.
//!
//! Pure: no I/O, no clock, no tasks.

/// A piece of code: a name, or one character of punctuation (`::` is one piece).
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// What stands there.
    pub text: String,
    /// Where, counted from 1.
    pub line: usize,
}

/// A path as it is written, with the group of a `use` multiplied out: `use a::{b, c::d}` is `a::b` and `a::c::d`.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Its names, in order.
    pub names: Vec<String>,
    /// Where it ends, counted from 1.
    pub line: usize,
}

/// The code of `text`: its tokens without comments, texts, character literals, and whatever `#[cfg(test)]` stands before.
pub fn code(text: &str) -> Vec<Token> {
    without_tests(tokens(text))
}

/// How many lines stand before the tests module.
pub fn lines_before_tests(text: &str) -> usize {
    text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count()
}

/// Every path in `code`, a lone name included.
pub fn paths(code: &[Token]) -> Vec<Written> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if is_name(&code[at]) {
            at = path(code, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Every macro that `code` calls, by the last name of its path.
pub fn macros(code: &[Token]) -> Vec<Token> {
    let calls = code.windows(3).filter(|three| is_name(&three[0]) && three[1].text == "!" && three[2].text != "=");
    calls.map(|three| three[0].clone()).collect()
}

/// Reads the path that begins at `at` (a name or a group) onto `found`, each with `before` in front; answers where it ends.
fn path(code: &[Token], mut at: usize, before: &[String], found: &mut Vec<Written>) -> usize {
    let mut names = before.to_vec();
    while let Some(token) = code.get(at) {
        if token.text == "{" {
            return group(code, at + 1, &names, found);
        }
        if !is_name(token) && token.text != "*" {
            break;
        }
        names.push(token.text.clone());
        at += 1;
        let goes_on = code.get(at).is_some_and(|next| next.text == "::")
            && code.get(at + 1).is_some_and(|next| is_name(next) || next.text == "{" || next.text == "*");
        if !goes_on {
            break;
        }
        at += 1;
    }
    let line = at.checked_sub(1).and_then(|last| code.get(last)).map_or(0, |token| token.line);
    found.push(Written { names, line });
    at
}

/// Reads the inside of a `{…}` of a `use` tree; answers where what follows it begins.
fn group(code: &[Token], mut at: usize, before: &[String], found: &mut Vec<Written>) -> usize {
    while let Some(token) = code.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            _ if is_name(token) || token.text == "*" || token.text == "{" => at = path(code, at, before, found),
            _ => at += 1,
        }
    }
    at
}

fn is_name(token: &Token) -> bool {
    token.text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Cuts `#[cfg(test)]` and `#[cfg(all(test, …))]` together with the item that follows.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let begins = |words: &[&str]| {
            tokens.len() >= at + words.len() && words.iter().zip(&tokens[at..]).all(|(word, token)| *word == token.text)
        };
        if begins(&["#", "[", "cfg", "(", "test", ")"]) || begins(&["#", "[", "cfg", "(", "all", "(", "test"]) {
            at = end_of_item(&tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where the item ends whose first attribute begins at `at`: behind its `;`, or behind its outermost `{…}`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at = behind_brackets(tokens, at + 1);
    }
    let is_use = tokens.iter().skip(at).take(5).any(|token| token.text == "use");
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "{" if !is_use => return behind_brackets(tokens, at),
            "{" | "(" | "[" => at = behind_brackets(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Where the bracket that opens at `at` is closed, and one further.
fn behind_brackets(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = end_of_piece(&chars, at);
        let piece: String = chars[at..end].iter().collect();
        if is_code(&piece) {
            found.push(Token { text: piece.trim_start_matches("r#").to_owned(), line });
        }
        line += chars[at..end].iter().filter(|each| **each == '\n').count();
        at = end;
    }
    found
}

/// Whether a piece is code rather than white space, a comment, a number, or a text.
fn is_code(piece: &str) -> bool {
    let is_comment = piece.starts_with("//") || piece.starts_with("/*");
    let is_text = piece.ends_with(['"', '#']) && piece.len() > 1 || piece.starts_with('\'') || piece.starts_with("b'");
    !is_comment && !is_text && !piece.starts_with(|first: char| first.is_whitespace() || first.is_ascii_digit())
}

/// Where the piece that begins at `at` ends: a comment, a text, a word, white space, or one character.
fn end_of_piece(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let begins = |with: &str| with.chars().count() <= rest.len() && with.chars().zip(rest).all(|(a, b)| a == *b);
    if begins("//") {
        return at + rest.iter().position(|each| *each == '\n').unwrap_or(rest.len());
    }
    if begins("/*") {
        return at + length_of_block_comment(rest);
    }
    if begins("::") {
        return at + 2;
    }
    if let Some(length) = length_of_text(rest) {
        return at + length;
    }
    let is_word = |each: &char| each.is_alphanumeric() || *each == '_';
    let run = if begins("r#") {
        2 + rest.iter().skip(2).take_while(|each| is_word(each)).count()
    } else if is_word(&rest[0]) {
        rest.iter().take_while(|each| is_word(each)).count()
    } else {
        rest.iter().take_while(|each| each.is_whitespace()).count()
    };
    at + run.max(1)
}

fn length_of_block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the text or character literal that `rest` begins with, where it begins with one. `'a` without a closing
/// quote is a lifetime and none.
fn length_of_text(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|each| matches!(each, 'r' | 'b' | 'c')).count();
    let is_raw = rest[..prefix].contains(&'r');
    let hashes = if is_raw { rest[prefix..].iter().take_while(|each| **each == '#').count() } else { 0 };
    let opens = prefix + hashes;
    match rest.get(opens) {
        Some('"') if prefix <= 2 && is_raw => {
            let closing = |at: &usize| {
                rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|each| **each == '#').count() == hashes
            };
            Some((opens + 1..rest.len()).find(closing).map_or(rest.len(), |at| at + 1 + hashes))
        }
        Some('"') if prefix <= 1 => Some(length_to_quote(rest, opens + 1, '"')),
        Some('\'') if prefix == 0 || rest[..prefix] == ['b'] => {
            let is_character = rest.get(opens + 1) == Some(&'\\') || rest.get(opens + 2) == Some(&'\'');
            is_character.then(|| length_to_quote(rest, opens + 1, '\''))
        }
        _ => None,
    }
}

/// How far it is to behind the next `quote` that no `\` stands before.
fn length_to_quote(rest: &[char], from: usize, quote: char) -> usize {
    let mut at = from;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            each if each == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

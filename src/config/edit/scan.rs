//! Finds places in a text that is known to be JSON: where a value ends, and what an object or a list holds.
//!
//! Pure.

use std::ops::Range;

/// An entry of an object or a list: where it begins (with its key), and its value.
pub struct Member {
    /// Its key; a list has none.
    pub key: Option<String>,
    /// Where it begins, with its key.
    pub start: usize,
    /// Where its value stands.
    pub value: Range<usize>,
}

/// The white space that the line of a place begins with.
pub fn line_indent(text: &str, at: usize) -> String {
    let line = text[..at].rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}');
    line[..line.len() - line.trim_start().len()].to_string()
}

/// What is in the object or list that begins there.
pub fn members(text: &str, container: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = skip_space(text, container + 1);
    while !matches!(text.as_bytes().get(at), None | Some(b'}' | b']')) {
        let start = at;
        let mut key = None;
        if text.as_bytes()[container] == b'{' {
            let end = end_of_value(text, at);
            key = serde_json::from_str(&text[at..end]).ok();
            at = skip_space(text, end);
        }
        let value = at..end_of_value(text, at);
        at = skip_space(text, value.end);
        members.push(Member { key, start, value });
    }
    members
}

/// Skips white space and what stands between values.
pub fn skip_space(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')).count()
}

/// Where the value that begins there ends.
pub fn end_of_value(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut end, mut depth) = (at, 0_usize);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => end = end_of_text(bytes, end),
            b'{' | b'[' => (end, depth) = (end + 1, depth + 1),
            b'}' | b']' => (end, depth) = (end + 1, depth.saturating_sub(1)),
            _ if depth > 0 => end += 1,
            _ => return end + bytes[end..].iter().take_while(|byte| is_of_word(**byte)).count(),
        }
        if depth == 0 {
            break;
        }
    }
    end
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Behind the closing quote of the text that begins there.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end).filter(|byte| **byte != b'"') {
        end += if *byte == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

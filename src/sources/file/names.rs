//! What a file's name tells: that it is compressed, or that rotation made it out of another name.
//!
//! A name only ever suggests; what is decided on it is proved by the file's bytes or its inode. The list of what rotation
//! appends is narrow on purpose: `syslog-ng.log` is not a rotated `syslog`.
//!
//! Pure: no I/O, no clock, no tasks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::delivery::filter::Pattern;

/// Endings of files that are no text, whatever a glob says: archives and compressed files.
const COMPRESSED: [&str; 21] = [
    "gz", "bz2", "xz", "zst", "zstd", "lz4", "lz", "lzo", "lzma", "zip", "z", "7z", "br", "sz", "rar", "tgz", "tbz",
    "tbz2", "txz", "tzst", "tar",
];

/// Words that people and programs append to a log that they put aside.
const PUT_ASIDE: [&[u8]; 5] = [b"old", b"bak", b"prev", b"save", b"orig"];

/// Whether the name says that the file is compressed.
pub fn is_compressed(path: &Path) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    COMPRESSED.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// Whether what was found at `path` is followed: it is not compressed, `blacklist` does not find its base name, and it is none of
/// `exempt` nor a rotated one of them.
pub fn is_meant(path: &Path, blacklist: Option<&Pattern>, exempt: &[PathBuf]) -> bool {
    let is_listed = |list: &Pattern| list.matches(&path.file_name().unwrap_or_default().to_string_lossy());
    let is_exempt = |own: &PathBuf| own.parent() == path.parent() && (own == path || is_rotated_from(path, own));
    !is_compressed(path) && !blacklist.is_some_and(is_listed) && !exempt.iter().any(is_exempt)
}

/// The name that `rotated` may have had before rotation: `app.log` for `app.log.1`, `app.log-20260101`, `app-20260101.log`,
/// `app.log.old`. None where it does not look rotated.
pub fn original(rotated: &OsStr) -> Option<Vec<u8>> {
    let name = rotated.as_bytes();
    appended(name).or_else(|| inserted(name))
}

/// Whether `rotated` looks like `name` after rotation. Folders are not compared: rotation may move a file to another one.
pub fn is_rotated_from(rotated: &Path, name: &Path) -> bool {
    match (rotated.file_name(), name.file_name()) {
        // Rotation appends: a cheap test, as this is asked of every file.
        (Some(rotated), Some(name)) if rotated.len() > name.len() => {
            original(rotated).is_some_and(|original| original == name.as_bytes())
        }
        _ => false,
    }
}

/// Whether the two paths are the same but for numbers: `app-20261120.log` and `app-20261121.log`.
pub fn is_numbered_like(one: &Path, other: &Path) -> bool {
    let numberless = |path: &Path| {
        let mut bytes: Vec<u8> = path.as_os_str().as_bytes().to_vec();
        bytes.iter_mut().filter(|byte| byte.is_ascii_digit()).for_each(|byte| *byte = b'0');
        bytes.dedup_by(|byte, before| *byte == b'0' && *before == b'0');
        bytes
    };
    numberless(one) == numberless(other)
}

/// `app.log` of `app.log.1`, `app.log.2026-01-01`, `app.log-20260101-1767225600`, `app.log.old`.
fn appended(name: &[u8]) -> Option<Vec<u8>> {
    if let Some(at) = name.iter().rposition(|&byte| byte == b'.')
        && PUT_ASIDE.contains(&name.get(at + 1..)?)
    {
        return Some(name[..at].to_vec());
    }
    let from = name.iter().rposition(|byte| !is_of_a_date(*byte))? + 1;
    let suffix = name.get(from..)?;
    let is_suffix = matches!(suffix.first(), Some(b'.' | b'-' | b'_')) && suffix.iter().any(u8::is_ascii_digit);
    is_suffix.then(|| name[..from].to_vec())
}

/// `app.log` of `app-20260101.log` and `app.1.log`.
fn inserted(name: &[u8]) -> Option<Vec<u8>> {
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    let mut stem = appended(&name[..dot])?;
    stem.extend_from_slice(&name[dot..]);
    Some(stem)
}

fn is_of_a_date(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'T')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_lead_back_to_the_original() {
        for (rotated, wanted) in [
            ("app.log.1", Some("app.log")),
            ("app.log.12", Some("app.log")),
            ("app.log-20260101", Some("app.log")),
            ("app.log.2026-01-01", Some("app.log")),
            ("app.log-2026-01-01T10:00:00", Some("app.log")),
            ("app.log.old", Some("app.log")),
            ("app-20260101.log", Some("app.log")),
            ("app.1.log", Some("app.log")),
            ("syslog.1", Some("syslog")),
            ("app.log", None),
            ("syslog-ng.log", None),
            ("syslog", None),
            ("20260101", None),
            ("app2.log", None),
            ("", None),
        ] {
            let found = original(OsStr::new(rotated)).map(|name| String::from_utf8(name).unwrap());
            assert_eq!(found.as_deref(), wanted, "{rotated}");
        }
    }

    #[test]
    fn compressed_files_are_known_by_their_ending() {
        for name in ["a.gz", "a.log.1.GZ", "a.xz", "a.Z", "a.zip", "a.tar"] {
            assert!(is_compressed(Path::new(name)), "{name}");
        }
        for name in ["a.log", "gz", "a.log.1", "zip"] {
            assert!(!is_compressed(Path::new(name)), "{name}");
        }
    }
}

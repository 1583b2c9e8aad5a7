//! `configure`: sets values of a configuration and keeps all the rest of it.
//!
//! What comes out is judged before anything is written, so a file that could be used can still be used. What depends on the
//! machine (its instance command, files that are named) is `check`'s business: a configuration may be made for another one.
//! The rule that is easy to break: a password never comes by the command line, where everybody on the machine can read it.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::print::print;
use super::{CONFIG, Failure, NOT_PERMITTED, USAGE};
use crate::cli::Configure;
use crate::config;
use crate::config::edit::{Edit, EditError};

/// The ready files of `configs/`.
const TEMPLATES: [(&str, &str); 5] = [
    ("iot-device", include_str!("../../configs/iot-device.json")),
    ("linux-server", include_str!("../../configs/linux-server.json")),
    ("macos", include_str!("../../configs/macos.json")),
    ("minimal", include_str!("../../configs/minimal.json")),
    ("raspberry-pi", include_str!("../../configs/raspberry-pi.json")),
];

const UNTOUCHED: &str = "nothing was written";

/// Sets what the command line names.
pub fn perform(wish: &Configure) -> Result<(), Failure> {
    refuse_passwords(wish)?;
    // A link stays a link: what it leads to is changed.
    let file = fs::canonicalize(&wish.file).unwrap_or_else(|_| wish.file.clone());
    let origin = std::path::absolute(&file).map_err(|error| unwritten(&file, &error))?;
    let present = present(&file)?;
    let text = start_from(wish, present.as_ref())?;
    let mut edit = Edit::new(text).map_err(|problems| refused(&config::Failure::Wrong(origin.clone(), problems)))?;
    apply(&mut edit, wish)?;
    // With what lies over it: that is what has to be right. Only this file is written.
    let parsed = config::load_text(edit.text(), &origin);
    let remarks = config::warnings_text(&origin, &parsed.map_err(|failure| refused(&failure))?.warnings);
    if wish.print {
        return print(edit.text());
    }
    if present.is_some_and(|text| text.as_str() == edit.text()) {
        return print(format!("`{}` is as wanted already\n{remarks}", wish.file.display()).trim_end());
    }
    write(&file, edit.text()).map_err(|error| unwritten(&file, &error))?;
    print(format!("wrote `{}`\n{remarks}", wish.file.display()).trim_end())
}

/// The file's text; none where there is no file.
fn present(file: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    match config::read_text(file) {
        Ok(text) => Ok(Some(text)),
        Err(config::Failure::Missing(_)) => Ok(None),
        Err(failure) => Err(refused(&failure)),
    }
}

fn start_from(wish: &Configure, present: Option<&Zeroizing<String>>) -> Result<Zeroizing<String>, Failure> {
    let usage = |text: String| Failure::new(USAGE, format!("error: {text}\n\n{UNTOUCHED}"));
    let file = wish.file.display();
    match (present, &wish.template) {
        (Some(text), None) => Ok(text.clone()),
        (Some(_), Some(_)) => Err(usage(format!("`{file}` is there already; without --template it is changed"))),
        (None, None) => Err(usage(format!("`{file}` does not exist; --template makes it: {}", template_names()))),
        (None, Some(name)) => {
            let found = TEMPLATES.iter().find(|(known, _)| known == name);
            let (_, text) = found.ok_or_else(|| usage(format!("`{name}` is no template; {}", template_names())))?;
            Ok(Zeroizing::new((*text).to_string()))
        }
    }
}

fn template_names() -> String {
    TEMPLATES.map(|(name, _)| format!("`{name}`")).join(", ")
}

/// First what goes, then texts, then JSON; each in the order of the command line.
fn apply(edit: &mut Edit, wish: &Configure) -> Result<(), Failure> {
    let wrong = |error: EditError| Failure::new(USAGE, format!("error: {error}\n\n{UNTOUCHED}"));
    wish.unset.iter().try_for_each(|path| edit.unset(path)).map_err(wrong)?;
    for text in &wish.set {
        let (path, value) = pair(text)?;
        edit.set_text(path, value).map_err(wrong)?;
    }
    for text in &wish.set_json {
        let (path, value) = pair(text)?;
        edit.set_json(path, value).map_err(wrong)?;
    }
    Ok(())
}

fn pair(text: &str) -> Result<(&str, &str), Failure> {
    // Not quoted whole: what has no `=` may be anything.
    text.split_once('=')
        .ok_or_else(|| Failure::new(USAGE, format!("error: a value without `=`: PATH=VALUE is right\n\n{UNTOUCHED}")))
}

fn refuse_passwords(wish: &Configure) -> Result<(), Failure> {
    let refused = Failure::new(
        USAGE,
        format!(
            "error: a password is not taken from the command line, where everybody on this machine can read it\n       put it into a \
             file (0600) and set agent.authentication.password_file, or hand it over as the systemd credential \
             `cognito-password`\n\n{UNTOUCHED}"
        ),
    );
    let is_password = |path: &str| path.trim_end().ends_with("password");
    let texts = wish.set.iter().filter_map(|text| text.split_once('=')).any(|(path, _)| is_password(path));
    let json = wish.set_json.iter().filter_map(|text| text.split_once('='));
    let is_in = |json: &str| serde_json::from_str(json).is_ok_and(|value| holds_password(&value));
    if texts || json.into_iter().any(|(path, json)| is_password(path) || is_in(json)) { Err(refused) } else { Ok(()) }
}

fn holds_password(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(pairs) => pairs.iter().any(|(key, value)| key == "password" || holds_password(value)),
        serde_json::Value::Array(items) => items.iter().any(holds_password),
        _ => false,
    }
}

fn refused(failure: &config::Failure) -> Failure {
    Failure::new(CONFIG, format!("{}\n\n{UNTOUCHED}", failure.to_string().trim_end()))
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::new(NOT_PERMITTED, format!("error: writing `{}`: {error}\n\n{UNTOUCHED}", file.display()))
}

/// Writes the whole text aside and puts it in the file's place, durably, with the rights and the owner that are there.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder: PathBuf = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    // 0600 from its first byte on.
    let mut aside = NamedTempFile::with_prefix_in(".configure-", &folder)?;
    aside.write_all(text.as_bytes())?;
    match fs::metadata(file) {
        Ok(old) => {
            let own = aside.as_file().metadata()?;
            if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                fchown(aside.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            aside.as_file().set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    aside.as_file().sync_all()?;
    aside.persist(file).map_err(|error| error.error)?;
    File::open(&folder)?.sync_all()
}

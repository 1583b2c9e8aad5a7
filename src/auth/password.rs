//! Reads a password where it lies, anew at each attempt, and notices when it changed there.
//!
//! What was read is wiped once the sign-in is over.

use std::path::{Path, PathBuf};

use super::files::{self, Files};
use crate::config::{self, PasswordSource, Secret};

/// The systemd credential.
const CREDENTIAL: &str = "cognito-password";
/// The variable where there is no such credential.
const VARIABLE: &str = "CLOUDWATCH_PUBLISHER_PASSWORD";
/// A password has 256 characters at the most (Cognito's own limit): what is larger is another file.
const MAX_BYTES: u64 = 64 * 1024;

/// A password that lies somewhere.
#[derive(Debug)]
pub struct Password {
    place: Place,
    files: Files,
    is_warned: bool,
}

/// Where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Config(PathBuf),
    File(PathBuf),
    /// Below `$CREDENTIALS_DIRECTORY`.
    Credential(PathBuf),
    Variable,
}

impl Password {
    /// Where the settings say, with what systemd says.
    pub fn new(source: &PasswordSource) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::at(place(source, credentials.as_deref()))
    }

    fn at(place: Place) -> Self {
        let files = Files::new(place.path().map(Path::to_path_buf));
        Self { place, files, is_warned: false }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When it is not there, in words that say where it was looked for.
    pub async fn read(&mut self) -> Result<Secret, String> {
        let place = self.place.clone();
        let (read, others_read) = self
            .files
            .read(move || (read(&place), is_readable_by_others(&place)))
            .await
            .unwrap_or_else(|| (Err("reading the password: the program is ending".to_owned()), false));
        if let (Some(path), true, false) = (self.place.path(), others_read, self.is_warned) {
            self.is_warned = true;
            log::warn!(path:% = path.display(); "everybody on this machine can read the password: `chmod o-rwx` the file");
        }
        read
    }

    /// Comes back when the file is another than at the last attempt; never where it is no file.
    pub async fn changed(&mut self) {
        self.files.changed().await;
    }

    /// Where it lies, in words.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Config(path) => format!("agent.authentication.password of `{}`", path.display()),
            Place::File(path) => format!("`{}`", path.display()),
            Place::Credential(_) => format!("the systemd credential `{CREDENTIAL}`"),
            Place::Variable => format!("the variable {VARIABLE}"),
        }
    }

    /// Whether another password there is seen only by a new process.
    pub fn needs_restart(&self) -> bool {
        matches!(self.place, Place::Credential(_) | Place::Variable)
    }
}

impl Place {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Config(path) | Self::File(path) | Self::Credential(path) => Some(path),
            Self::Variable => None,
        }
    }
}

/// Looks at the file that the settings name, where they name one.
///
/// # Errors
/// What a sign-in would stumble over.
pub fn check(source: &PasswordSource) -> Result<(), String> {
    match source {
        PasswordSource::File(path) => read(&Place::File(path.clone())).map(drop),
        PasswordSource::Config(_) | PasswordSource::Outside => Ok(()),
    }
}

fn place(source: &PasswordSource, credentials: Option<&Path>) -> Place {
    match source {
        PasswordSource::Config(path) => Place::Config(path.clone()),
        PasswordSource::File(path) => Place::File(path.clone()),
        PasswordSource::Outside => match credentials.map(|folder| folder.join(CREDENTIAL)) {
            Some(path) if path.exists() => Place::Credential(path),
            _ => Place::Variable,
        },
    }
}

fn read(place: &Place) -> Result<Secret, String> {
    match place {
        Place::Config(path) => config::password(path).map_err(|error| format!("reading the password: {error}")),
        Place::File(path) | Place::Credential(path) => first_line(path).map_err(|reason| {
            format!(
                "reading the password from `{}`: {reason}; its first line has to be the password, and `{}` readable for this \
                 program",
                path.display(),
                path.display()
            )
        }),
        Place::Variable => match std::env::var(VARIABLE) {
            Ok(password) if !password.is_empty() => Ok(Secret::new(password)),
            _ => Err(format!(
                "looking for the password: none is set; set `password_file` in agent.authentication, the systemd credential \
                 `{CREDENTIAL}`, or the variable {VARIABLE}, and restart the service"
            )),
        },
    }
}

/// The first line of a file. What is read stays in one buffer, which is wiped.
fn first_line(path: &Path) -> Result<Secret, String> {
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this program may not read it".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    let bytes = files::content(path, MAX_BYTES).map_err(unreadable)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match str::from_utf8(line) {
        Ok("") => Err("its first line is empty".to_owned()),
        Ok(password) => Ok(Secret::new(password.to_owned())),
        Err(_) => Err("it is not UTF-8".to_owned()),
    }
}

/// Whether everybody can read it. Of the configuration the one who loads it warns; systemd's own are closed.
fn is_readable_by_others(place: &Place) -> bool {
    match place {
        Place::File(path) => files::is_readable_by_all(path),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn the_password_is_the_first_line() {
        for (content, expected) in [
            (&b"secret"[..], "secret"),
            (b"secret\n", "secret"),
            (b"secret\r\n", "secret"),
            (b" se cret \nnot this", " se cret "),
            ("pässwörd\n".as_bytes(), "pässwörd"),
        ] {
            let (_folder, path) = file(content);
            assert_eq!(first_line(&path).unwrap().reveal(), expected);
        }
    }

    #[test]
    fn a_file_without_a_password_says_what_is_wrong_and_nothing_of_its_content() {
        let huge = vec![b'x'; 70_000];
        for (content, reason) in
            [(&b""[..], "empty"), (b"\nsecret", "empty"), (b"secret\xff", "not UTF-8"), (&huge, "70000 bytes")]
        {
            let (_folder, path) = file(content);
            let error = read(&Place::File(path)).unwrap_err();
            assert!(error.contains(reason) && !error.contains("secret"), "{error}");
        }
        let (folder, _) = file(b"");
        let error = read(&Place::File(folder.path().join("absent"))).unwrap_err();
        assert!(error.contains("there is no such file"), "{error}");
        let error = read(&Place::File(folder.path().to_path_buf())).unwrap_err();
        assert!(error.contains("it is a folder"), "{error}");
    }

    #[test]
    fn a_systemd_credential_wins_over_the_variable_and_needs_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(place(&PasswordSource::Outside, Some(folder.path())), Place::Variable);
        fs::write(folder.path().join(CREDENTIAL), "secret").unwrap();
        let place = place(&PasswordSource::Outside, Some(folder.path()));
        assert_eq!(read(&place).unwrap().reveal(), "secret");
        assert!(matches!(place, Place::Credential(_)) && Password::at(place).needs_restart());
        assert!(!Password::at(Place::File(PathBuf::new())).needs_restart());
    }

    #[tokio::test]
    async fn a_file_that_changed_is_noticed() {
        let (_folder, path) = file(b"wrong");
        let mut password = Password::new(&PasswordSource::File(path.clone()));
        assert_eq!(password.read().await.unwrap().reveal(), "wrong");
        fs::write(&path, "right one").unwrap();
        timeout(Duration::from_secs(10), password.changed()).await.expect("it was noticed");
        assert_eq!(password.read().await.unwrap().reveal(), "right one");
    }

    #[tokio::test]
    async fn a_file_that_comes_later_is_noticed() {
        let (folder, _) = file(b"");
        let path = folder.path().join("later");
        let mut password = Password::new(&PasswordSource::File(path.clone()));
        assert!(password.read().await.is_err());
        fs::write(&path, "here").unwrap();
        timeout(Duration::from_secs(10), password.changed()).await.expect("it was noticed");
    }

    #[tokio::test]
    async fn a_file_that_everybody_can_read_is_warned_of_once() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = file(b"secret");
        let mut password = Password::new(&PasswordSource::File(path.clone()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        password.read().await.unwrap();
        assert!(!password.is_warned);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        password.read().await.unwrap();
        assert!(password.is_warned);
    }
}

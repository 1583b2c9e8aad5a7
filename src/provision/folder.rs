//! The folder of configs: `NAME.json` for each system, readable for its owner alone.
//!
//! A config is whole and synced under a name of its own before it takes its place, and its place is synced too: when
//! [`Folder::write`] has answered, no cut of the power loses the password in it. `NAME.json.first` is the config of a system
//! that is being set up, `NAME.json.new` that of a rotation that is under way.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::device;
use super::enrolment::Written;
use crate::config::Secret;

/// A folder that is there.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    user_pool: String,
}

/// Which of a system's configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `NAME.json`.
    InUse,
    /// `NAME.json.first`.
    First,
    /// `NAME.json.new`.
    Aside,
}

impl Folder {
    /// Makes the folder where it is missing; only its owner may look into it then.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, user_pool: &str) -> io::Result<Self> {
        let missing: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        // A folder is as durable as its entry in the folder above.
        for above in missing.iter().filter_map(|part| part.parent()) {
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            File::open(above)?.sync_all()?;
        }
        Ok(Self { path: path.to_path_buf(), user_pool: user_pool.to_string() })
    }

    /// Where a system's config lies.
    pub fn path_of(&self, id: &str, place: Place) -> PathBuf {
        self.path.join(match place {
            Place::InUse => format!("{id}.json"),
            Place::First => format!("{id}.json.first"),
            Place::Aside => format!("{id}.json.new"),
        })
    }

    /// What lies there for a system.
    pub fn written(&self, id: &str) -> Written {
        let foreign = |place, what: String| Written::Foreign(format!("`{}` {what}", self.path_of(id, place).display()));
        let mut found = Written::Nothing;
        let places =
            [(Place::InUse, Written::Config), (Place::First, Written::Beginning), (Place::Aside, Written::Rotating)];
        for (place, meaning) in places {
            match self.password(id, place) {
                Err(what) => return foreign(place, what),
                Ok(Some(_)) => found = meaning,
                Ok(None) => {}
            }
        }
        found
    }

    /// The password in a system's config; none where there is no such file.
    ///
    /// # Errors
    /// Where what lies there is not this system's config, or cannot be read.
    pub fn password(&self, id: &str, place: Place) -> Result<Option<Secret>, String> {
        let path = self.path_of(id, place);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot be read: {error}")),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| "is no configuration of ours".to_string())?;
        let password = device::password_of(text, id, &self.user_pool)?;
        // One that was copied or restored may have come with the rights of any other file.
        let mode = fs::metadata(&path).map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            fs::set_permissions(&path, Permissions::from_mode(0o600))
                .map_err(|error| format!("is open to others: {error}"))?;
        }
        Ok(Some(password))
    }

    /// Writes a system's config, durably.
    ///
    /// # Errors
    /// What the system says; what was there before is there still.
    pub fn write(&self, id: &str, place: Place, text: &str) -> io::Result<()> {
        let unfinished = self.path.join(format!(".{id}.json.part"));
        // Made anew, so that nothing of an older one, nor its permissions, remains.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, self.path_of(id, place))?;
        self.sync()
    }

    /// Puts a config that waited in the place of the one in use, durably.
    ///
    /// # Errors
    /// What the system says.
    pub fn settle(&self, id: &str, waited: Place) -> io::Result<()> {
        fs::rename(self.path_of(id, waited), self.path_of(id, Place::InUse))?;
        self.sync()
    }

    /// Removes a system's config where it is there, durably.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, id: &str, place: Place) -> io::Result<()> {
        match fs::remove_file(self.path_of(id, place)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| self.sync()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "eu-central-1_abc";

    fn config(id: &str, password: &str) -> String {
        let (prefix, serial) = id.split_once('-').unwrap();
        serde_json::json!({"agent": {
            "instance": {"prefix": prefix, "serial": serial},
            "authentication": {"userPoolId": POOL, "password": password},
        }})
        .to_string()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_config_is_its_owners_alone_and_is_found_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(&home.path().join("a/devices"), POOL).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Nothing);
        folder.write("rpi-1", Place::InUse, &config("rpi-1", "secret")).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Config);
        assert_eq!(folder.password("rpi-1", Place::InUse).unwrap().unwrap().reveal(), "secret");
        assert_eq!(mode(&folder.path_of("rpi-1", Place::InUse)), 0o600);
        assert_eq!(mode(&home.path().join("a/devices")), 0o700);
        // Restored from a backup, say.
        fs::set_permissions(folder.path_of("rpi-1", Place::InUse), Permissions::from_mode(0o644)).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Config);
        assert_eq!(mode(&folder.path_of("rpi-1", Place::InUse)), 0o600);
    }

    #[test]
    fn what_a_crash_left_half_written_is_no_config_and_in_nobodys_way() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path(), POOL).unwrap();
        fs::write(home.path().join(".rpi-1.json.part"), "{").unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Nothing);
        folder.write("rpi-1", Place::InUse, &config("rpi-1", "secret")).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Config);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_rotation_is_seen_until_its_config_took_its_place() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path(), POOL).unwrap();
        folder.write("rpi-1", Place::InUse, &config("rpi-1", "old")).unwrap();
        folder.write("rpi-1", Place::Aside, &config("rpi-1", "new")).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Rotating);
        folder.settle("rpi-1", Place::Aside).unwrap();
        assert_eq!(folder.written("rpi-1"), Written::Config);
        assert_eq!(folder.password("rpi-1", Place::InUse).unwrap().unwrap().reveal(), "new");
    }

    #[test]
    fn another_systems_config_is_told_by_its_path() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path(), POOL).unwrap();
        folder.write("rpi-1", Place::InUse, &config("rpi-2", "x")).unwrap();
        let Written::Foreign(what) = folder.written("rpi-1") else { panic!("taken for its own") };
        assert!(what.contains("rpi-1.json` is the configuration of `rpi-2`"), "{what}");
        fs::write(folder.path_of("rpi-3", Place::InUse), b"\xff").unwrap();
        assert!(matches!(folder.written("rpi-3"), Written::Foreign(_)));
    }
}

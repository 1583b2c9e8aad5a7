//! Tells which files an entry means that this process may not read, before it is the service that says so.
//!
//! It looks where the source looks and tries what the source does: whoever asks has to be the user of the service.

use std::io;
use std::path::{Path, PathBuf};

use super::find::Pattern;
use super::{names, read};
use crate::delivery::filter;

/// A file that cannot be opened, or a folder that cannot be looked into.
#[derive(Debug)]
pub struct Barred {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// What is there, is meant by `pattern` and cannot be read. `blacklist` and `exempt` as the source has them.
///
/// # Errors
/// Where the glob cannot be read.
pub fn barred(
    pattern: &str,
    blacklist: Option<&filter::Pattern>,
    exempt: &[PathBuf],
) -> Result<Vec<Barred>, globset::Error> {
    let pattern = Pattern::new(pattern)?;
    let (mut barred, mut refused) = (Vec::new(), Vec::new());
    let is_meant = |path: &Path| names::is_meant(path, blacklist, exempt);
    pattern.walk(
        &mut |found| match read::open(&found.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound && is_meant(&found.path) => {
                barred.push(Barred { path: found.path, error });
            }
            _ => {}
        },
        &mut |path, error| refused.push(Barred { path: path.to_owned(), error: io::Error::from(error.kind()) }),
    );
    barred.extend(refused);
    Ok(barred)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_nobody_can_open_is_named_and_x_read_is_not() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::write(at("a.log"), "x\n").unwrap();
        symlink(at("loop.log"), at("loop.log")).unwrap();
        symlink(at("gone.log"), at("nowhere")).unwrap();
        for pattern in ["*.log", "loop.log"] {
            let found = barred(&format!("{}/{pattern}", root.path().display()), None, &[]).unwrap();
            assert_eq!(found.into_iter().map(|barred| barred.path).collect::<Vec<_>>(), [at("loop.log")]);
        }
        assert!(barred("/a[", None, &[]).is_err());
    }

    #[test]
    fn a_file_and_a_folder_that_are_not_ours_to_read_are_named() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("closed")).unwrap();
        for name in ["a.log", "left-out.log", "own.log", "own.log.1", "b.log.gz", "closed/b.log"] {
            fs::write(at(name), "x\n").unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o000)).unwrap();
        }
        let left_out = filter::Pattern::new("^left(?=-out)").unwrap();
        fs::set_permissions(at("closed"), Permissions::from_mode(0o000)).unwrap();
        let named = |pattern: &str| {
            let found =
                barred(&format!("{}/{pattern}", root.path().display()), Some(&left_out), &[at("own.log")]).unwrap();
            found.into_iter().map(|barred| barred.path).collect::<Vec<_>>()
        };
        // Root reads everything: then there is nothing to name, which tests/configure.rs looks at as another user.
        let is_root = fs::File::open(at("a.log")).is_ok();
        let told = |path: &str| if is_root { Vec::new() } else { vec![at(path)] };
        assert_eq!(named("*.log*"), told("a.log"));
        assert_eq!(named("*/*.log"), told("closed"));
        assert_eq!(named("closed/b.log"), told("closed/b.log"));
        fs::set_permissions(at("closed"), Permissions::from_mode(0o700)).unwrap();
    }
}
